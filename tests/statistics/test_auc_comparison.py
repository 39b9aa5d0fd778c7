"""Two curves against R's pROC, and what tells them apart in no way."""

import math

import numpy as np
import pytest

from service.validation.auc_comparison import bootstrap_test, delong_test
from service.validation.draws import Draws
from tests.statistics.discrimination_reference import reference, table

R = reference("discrimination")
COHORT = table("synthetic340")
TUMOURS = table("breast_cancer")
OUTCOME, RISK, CEMENT = (
    COHORT[name].astype(float) for name in ("scnen", "risk", "cement_ratio_percent")
)
MALIGNANT = TUMOURS["malignant"].astype(float)


@pytest.mark.parametrize(
    ("pair", "first", "second"),
    [
        ("texture_smoothness", "mean_texture", "mean_smoothness"),
        ("smoothness_symmetry", "mean_smoothness", "mean_symmetry"),
    ],
)
def test_the_test_of_two_curves_is_that_of_proc(pair, first, second):
    """`roc.test`, paired, method delong, to 10 digits."""
    found = delong_test(MALIGNANT, TUMOURS[first], TUMOURS[second])
    expected = R["tumours"]["tests"][pair]
    got = (
        found.first,
        found.second,
        found.z,
        found.p_value,
        found.difference.low,
        found.difference.high,
    )
    names = ("first", "second", "z", "p", "low", "high")
    assert got == pytest.approx([expected[k] for k in names], rel=1e-10)


def test_bootstrap_test_is_near_that_of_proc():
    """`roc.test`, method bootstrap, 20 000 resamples: z within 4 %."""
    found = bootstrap_test(
        OUTCOME, -CEMENT, RISK, draws=Draws(np.random.default_rng(1), 4000)
    )
    assert found.z == pytest.approx(R["cohort"]["bootstrap_test"], rel=0.04)


def test_the_other_way_round_is_the_same_with_the_other_sign():
    """Second less first."""
    one, other = delong_test(OUTCOME, RISK, CEMENT), delong_test(OUTCOME, CEMENT, RISK)
    assert (one.z, one.p_value) == pytest.approx((-other.z, other.p_value))


def test_scores_that_rank_alike_have_no_p_value():
    """Nothing is divided by zero."""
    found = delong_test(OUTCOME, RISK, np.log(RISK))
    assert found.difference.value == 0
    assert math.isnan(found.p_value)
    assert "rank the patients alike" in found.difference.note


def test_the_worse_argument_is_named():
    """Which of the two scores is wrong."""
    with pytest.raises(ValueError, match="second: all values are equal"):
        delong_test(OUTCOME, RISK, np.ones(340))
