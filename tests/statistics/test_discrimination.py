"""Discrimination against R's pROC and scikit-learn, its properties, its refusals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_curve

from service.validation.discrimination import (
    auc,
    bootstrap_interval,
    delong_interval,
    roc_curve,
)
from service.validation.draws import Draws
from service.validation.estimates import NotEstimableError
from tests.statistics.discrimination_reference import (
    logit_interval,
    reference,
    table,
)

R = reference("discrimination")
COHORT = table("synthetic340")
TUMOURS = table("breast_cancer")
OUTCOME, RISK, CEMENT = (
    COHORT[name].astype(float) for name in ("scnen", "risk", "cement_ratio_percent")
)
MALIGNANT = TUMOURS["malignant"].astype(float)
MEASURES = ("mean_texture", "mean_smoothness", "mean_symmetry")
FEW = slice(100)

#: pROC prints 15 digits.
tight = {"rel": 1e-12, "abs": 1e-13}


def draws(resamples=200, **more):
    return Draws(np.random.default_rng(1), resamples, **more)


def expected_area(name):
    if name == "risk":
        return R["cohort"]["risk"], (OUTCOME, RISK)
    return R["tumours"]["areas"][name], (MALIGNANT, TUMOURS[name])


@pytest.mark.parametrize("name", ["risk", *MEASURES])
def test_interval_is_symmetric_in_log_odds(name):
    """From pROC's area and standard error, by the delta method; to 10 digits."""
    expected, data = expected_area(name)
    found = delong_interval(*data)
    assert found.method == "DeLong, logit"
    assert [found.auc.low, found.auc.high] == pytest.approx(
        logit_interval(expected), rel=1e-10
    )


@pytest.mark.parametrize("name", ["risk", *MEASURES])
def test_area_and_interval_are_those_of_proc(name):
    """`auc`, `ci.auc` and `var` with method delong, to 12 digits; also with ties."""
    expected, data = expected_area(name)
    found = delong_interval(*data, scale="plain")
    got = found.auc.value, found.auc.low, found.auc.high, found.standard_error
    assert got == pytest.approx(
        [expected[k] for k in ("auc", "low", "high", "se")], **tight
    )


@pytest.mark.parametrize("data", ["cohort", "tumours"])
def test_the_curve_is_that_of_proc(data):
    """Sensitivity and specificity at each different score, from nobody to all."""
    if data == "cohort":
        found, expected = roc_curve(OUTCOME, RISK), R["cohort"]["curve"]
    else:
        found = roc_curve(MALIGNANT, TUMOURS["mean_smoothness"])
        expected = R["tumours"]["smoothness"]
    np.testing.assert_allclose(found.sensitivity, expected["sensitivity"], atol=1e-12)
    np.testing.assert_allclose(found.specificity, expected["specificity"], atol=1e-12)


def test_thresholds_and_weights_are_those_of_scikit_learn():
    """A score at the threshold is positive; the first threshold is infinite."""
    weights = np.random.default_rng(3).uniform(0.5, 4, MALIGNANT.size)
    score = TUMOURS["mean_smoothness"]
    found = roc_curve(MALIGNANT, score, weights=weights)
    false_positive, sensitivity, thresholds = sklearn_curve(
        MALIGNANT, score, sample_weight=weights, drop_intermediate=False
    )
    np.testing.assert_array_equal(found.thresholds, thresholds)
    np.testing.assert_allclose(found.sensitivity, sensitivity, atol=1e-12)
    np.testing.assert_allclose(1 - found.specificity, false_positive, atol=1e-12)


def test_weighted_area_is_that_of_scikit_learn():
    """With ties, to 12 digits."""
    weights = np.random.default_rng(3).uniform(0.5, 4, MALIGNANT.size)
    score = TUMOURS["mean_smoothness"]
    expected = roc_auc_score(MALIGNANT, score, sample_weight=weights)
    assert auc(MALIGNANT, score, weights=weights) == pytest.approx(expected, rel=1e-12)


def test_bootstrap_interval_is_near_that_of_proc():
    """`ci.auc`, stratified, 20 000 resamples, fewer than 50 events: within 0.005."""
    found = bootstrap_interval(OUTCOME[FEW], RISK[FEW], draws=draws(4000))
    low, _, high = R["cohort"]["bootstrap"]
    assert (found.auc.low, found.auc.high) == pytest.approx((low, high), abs=5e-3)


def test_bootstrap_interval_of_whole_weights_holds_the_weighted_area():
    """Weights move the area, and the interval with it."""
    weights = np.where((RISK > 0.2) == OUTCOME, 3.0, 1.0)
    found = bootstrap_interval(OUTCOME, RISK, draws=draws(), weights=weights)
    assert found.auc.value > delong_interval(OUTCOME, RISK).auc.high
    assert found.auc.low < found.auc.value < found.auc.high


def test_number_of_processes_changes_no_bit():
    """The same seed gives the same interval."""
    one, two = (
        bootstrap_interval(OUTCOME, RISK, draws=draws(60, jobs=jobs)) for jobs in (1, 2)
    )
    assert one == two


def test_progress_is_told():
    """All resamples are counted."""
    told = []
    bootstrap_interval(OUTCOME, RISK, draws=draws(60, progress=told.append))
    assert sum(told) == 60


@given(st.data())
def test_area_is_the_share_of_pairs_ranked_rightly(data):
    """Counted pair by pair; a tie is half a pair."""
    n = data.draw(st.integers(2, 30))
    y = np.array(data.draw(st.permutations([1, 0] + [k % 2 for k in range(n - 2)])))
    score = np.array(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)))
    if np.ptp(score) == 0:
        score[0] += 1
    apart = score[y == 1][:, None] - score[y == 0]
    pairs = np.mean((apart > 0) + 0.5 * (apart == 0))
    assert auc(y, score) == pytest.approx(pairs, abs=1e-12)


@given(st.floats(0.1, 5), st.floats(-3, 3))
def test_only_the_order_of_scores_counts(slope, shift):
    """Any rising function of the score has the same area and error."""
    moved = delong_interval(MALIGNANT, np.exp(slope * TUMOURS["mean_symmetry"]) + shift)
    assert moved == delong_interval(MALIGNANT, TUMOURS["mean_symmetry"])


def test_a_score_turned_round_has_the_rest_of_the_area():
    """AUC of -x is 1 less that of x; the error stays."""
    straight, turned = (
        delong_interval(MALIGNANT, k * TUMOURS["mean_smoothness"]) for k in (1, -1)
    )
    assert turned.auc.value == pytest.approx(1 - straight.auc.value, abs=1e-12)
    assert turned.standard_error == pytest.approx(straight.standard_error, rel=1e-12)


def test_area_under_the_drawn_curve_is_the_area():
    """The trapezes of the curve sum up to the AUC."""
    curve = roc_curve(MALIGNANT, TUMOURS["mean_smoothness"])
    area = np.trapezoid(curve.sensitivity, 1 - curve.specificity)
    assert area == pytest.approx(auc(MALIGNANT, TUMOURS["mean_smoothness"]), abs=1e-12)


def test_whole_weights_are_patients_that_occur_more_than_once():
    """A weight of 3 is the same as three such patients."""
    times = np.arange(OUTCOME.size) % 3 + 1
    repeated = auc(np.repeat(OUTCOME, times), np.repeat(RISK, times))
    assert auc(OUTCOME, RISK, weights=times) == pytest.approx(repeated, rel=1e-12)


def test_interval_is_cut_to_what_an_area_can_be():
    """A few events with a high area: pROC also cuts at 1."""
    y = np.repeat([0.0, 1.0], [30, 10])
    score = np.r_[np.arange(30), np.arange(29, 39)]
    assert delong_interval(y, score, scale="plain").auc.high == 1.0
    assert delong_interval(y, score).auc.high < 1


@pytest.mark.parametrize("kind", ["delong", "bootstrap"])
def test_a_score_that_separates_all_has_no_interval(kind):
    """DeLong's variance and the bootstrap's are 0 then, which looks like certainty."""
    y = np.repeat([0.0, 1.0], 12)
    score = np.arange(24.0)
    found = (
        delong_interval(y, score)
        if kind == "delong"
        else bootstrap_interval(y, score, draws=draws(20))
    )
    assert found.auc.value == 1
    assert math.isnan(found.auc.low)
    assert "separates all patients" in found.auc.note


@pytest.mark.parametrize(
    ("outcome", "score", "message"),
    [
        (OUTCOME, np.where(RISK > 0.5, np.nan, RISK), r"score: row \d+ .* not finite"),
        (OUTCOME, RISK[:-1], "score: has 339 numbers for 340 patients"),
        (OUTCOME, RISK[:, None], "score: must be one-dimensional"),
        (np.where(OUTCOME == 1, np.nan, 0), RISK, "outcome: row"),
        (np.zeros(340), RISK, "outcome: all patients are of one class"),
        (OUTCOME, np.ones(340), "score: all values are equal"),
        (np.arange(340) < 3, RISK, "outcome: 3 patients with it; .* 7 more"),
        (np.arange(340) > 3, RISK, "outcome: 4 patients without it; .* 6 more"),
    ],
)
def test_what_determines_no_interval_is_refused(outcome, score, message):
    """Gaps, other lengths, one class, ties only, too few events."""
    with pytest.raises(ValueError, match=message):
        delong_interval(outcome, score)


def test_too_few_events_are_told_from_a_mistake():
    """A caller can tell data that do not suffice from arrays that are wrong."""
    with pytest.raises(NotEstimableError, match="an interval needs 10"):
        bootstrap_interval(np.arange(340) < 3, RISK, draws=draws())


def test_weights_that_are_not_positive_are_refused():
    """A patient without weight would be there in name only."""
    with pytest.raises(ValueError, match="weights: row 0"):
        auc(OUTCOME, RISK, weights=np.zeros(340))
