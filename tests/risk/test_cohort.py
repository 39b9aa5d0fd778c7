"""The rebuilt derivation cohort against scipy's distributions and Table 1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from service.model.cohort import (
    Dependence,
    gamma_quantile,
    rebuild,
    truncated_normal_quantile,
)

probabilities = st.floats(1e-6, 1 - 1e-6)


@given(p=probabilities, mean=st.floats(0.5, 50), ratio=st.floats(0.2, 2))
def test_gamma_quantile_is_that_of_scipy(p, mean, ratio):
    """The quantile without scipy is the one with it, for any usual shape."""
    sd = mean * ratio
    reference = stats.gamma((mean / sd) ** 2, scale=sd**2 / mean).ppf(p)
    assert gamma_quantile(p, mean, sd) == pytest.approx(reference, rel=1e-7, abs=1e-12)


@given(p=probabilities, mean=st.floats(-20, 120), sd=st.floats(5, 40))
def test_truncated_normal_quantile_is_that_of_scipy(p, mean, sd):
    """The quantile of the cut normal is scipy's, and stays within the cut."""
    low, high = 0.0, 100.0
    reference = stats.truncnorm(
        (low - mean) / sd, (high - mean) / sd, loc=mean, scale=sd
    ).ppf(p)
    found = truncated_normal_quantile(p, mean, sd, low, high)
    assert low <= found <= high
    assert found == pytest.approx(reference, rel=1e-5, abs=1e-5)


def test_segment_and_method_have_the_counts_of_table_1():
    """162 of 237 fractures are lumbar; 17, 37, 182 of 236 operations as counted."""
    cohort = rebuild(nodes=5)
    segment, method = cohort.design[:, 0], cohort.design[:, 1]
    assert cohort.weight.sum() == pytest.approx(1)
    assert cohort.weight[segment == 1].sum() == pytest.approx(162 / 237)
    shares = [cohort.weight[method == code].sum() for code in (1, 2, 3)]
    assert shares == pytest.approx([17 / 236, 37 / 236, 182 / 236])


def test_moments_come_close_to_table_1():
    """Mean and SD of cement, ratio and angle afterwards are those printed."""
    cohort = rebuild(nodes=40, postoperative=True)
    assert cohort.mean()[2:] == pytest.approx([51.79, 43.89, 5.86], abs=0.7)
    assert cohort.sd()[2:] == pytest.approx([13.37, 24.16, 3.94], abs=1.1)


def test_restoration_ratio_is_that_of_the_angles():
    """Every rebuilt patient has an angle before that gives the ratio."""
    cohort = rebuild(nodes=4, postoperative=True)
    before = cohort.design[:, 4] / (1 - cohort.design[:, 3] / 100)
    gamma = stats.gamma((10.21 / 5.77) ** 2, scale=5.77**2 / 10.21)
    expected = gamma.ppf((np.arange(4) + 0.5) / 4)
    assert np.unique(before.round(6)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("link", "first", "second"),
    [
        (Dependence(cement_restoration=0.2), 2, 3),
        (Dependence(lumbar_cement=0.2), 0, 2),
        (Dependence(lumbar_restoration=0.2), 0, 3),
        (Dependence(method_restoration=0.2), 1, 3),
    ],
    ids=lambda value: str(value) if isinstance(value, Dependence) else "",
)
def test_dependence_gives_the_correlation_asked_for(link, first, second):
    """The two predictors correlate by 0.2; the moments stay as they were."""
    cohort, plain = rebuild(nodes=60, dependence=link), rebuild(nodes=60)
    centred = cohort.design - cohort.mean()
    joint = cohort.weight @ (centred[:, first] * centred[:, second])
    spread = cohort.sd()
    assert joint / (spread[first] * spread[second]) == pytest.approx(0.2, abs=0.01)
    assert cohort.mean() == pytest.approx(plain.mean(), rel=0.005)
    assert spread == pytest.approx(plain.sd(), rel=0.01)
