"""Calibration against R's rms, its properties, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logit

from service.validation.calibration import (
    calibration_in_the_large,
    calibration_line,
    observed_expected,
)
from service.validation.calibration_curve import calibration_curve, curve_errors
from service.validation.estimates import Estimate, NotEstimableError
from service.validation.goodness_of_fit import hosmer_lemeshow, spiegelhalter
from service.validation.smoothing import (
    MOST_FOR_LOWESS,
    Spline,
    _fit_spline,
    _operator,
    fit_smoother,
)
from tests.statistics.calibration_reference import patients, reference

both = pytest.mark.parametrize("data", ["synthetic", "cancer"])


def limits(estimate: Estimate) -> list[float]:
    return [estimate.low, estimate.high]


@both
def test_intercept_in_the_large_is_that_of_r(data: str) -> None:
    """With its Wald interval, to 1e-7."""
    found = calibration_in_the_large(*patients(data))
    expected = reference()[data]["large"]
    assert found.value == pytest.approx(expected["value"], rel=1e-7)
    assert limits(found) == pytest.approx(np.ravel(expected["interval"]), rel=1e-6)


@both
def test_line_is_that_of_r(data: str) -> None:
    """Intercept and slope of glm with Wald intervals to 1e-6; val.prob to 1e-4."""
    found, expected = calibration_line(*patients(data)), reference()[data]
    values = [found.intercept.value, found.slope.value]
    assert values == pytest.approx(expected["line"]["coefficients"], rel=1e-7)
    assert [limits(found.intercept), limits(found.slope)] == [
        pytest.approx(row, rel=1e-6) for row in expected["line"]["interval"]
    ]
    val_prob = [expected["val_prob"][name] for name in ("Intercept", "Slope")]
    assert values == pytest.approx(val_prob, rel=1e-4)


@both
def test_errors_are_those_of_val_prob(data: str) -> None:
    """Eavg, E90 and Emax of R's val.prob and the median beside them, to 1e-6."""
    found = calibration_curve(*patients(data)).errors
    expected = reference()[data]["val_prob"]
    assert found.ici == pytest.approx(expected["Eavg"], rel=1e-6)
    assert found.e90 == pytest.approx(expected["E90"], rel=1e-6)
    assert found.emax == pytest.approx(expected["Emax"], rel=1e-6)
    assert found.e50 == pytest.approx(reference()[data]["errors"][0], rel=1e-6)


@both
def test_curve_is_lowess_of_r(data: str) -> None:
    """At all 101 points, to 1e-8."""
    found, expected = calibration_curve(*patients(data)), reference()[data]
    np.testing.assert_allclose(found.risk, expected["grid"], rtol=1e-10)
    shares = np.clip(expected["lowess"], 0, 1)
    np.testing.assert_allclose(found.observed, shares, atol=1e-8)


@both
def test_band_rests_on_the_weights_of_loess(data: str) -> None:
    """Weights of the outcomes give R's exact loess of degree 1, and its norm."""
    outcome, risk = patients(data)
    expected = reference()[data]
    weights = _operator(risk, np.array(expected["grid"]))
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(weights @ outcome, expected["loess"], atol=1e-5)
    norm = np.sqrt((weights**2).sum(axis=1))
    np.testing.assert_allclose(norm, expected["loess_norm"], rtol=1e-3)


@both
def test_spline_is_that_of_rms(data: str) -> None:
    """Knots, coefficients, curve and band of lrm(y ~ rcs(lp, 5))."""
    outcome, risk = patients(data)
    found, expected = _fit_spline(outcome, logit(risk), None), reference()[data]
    grid, spline = np.array(expected["grid"]), expected["spline"]
    np.testing.assert_allclose(found.knots, spline["knots"], rtol=1e-10)
    np.testing.assert_allclose(
        found.fit.coefficients, spline["coefficients"], rtol=1e-4
    )
    np.testing.assert_allclose(found.at(grid), spline["curve"], atol=1e-6)
    low, high = found.band(grid)
    np.testing.assert_allclose(low, spline["low"], atol=1e-5)
    np.testing.assert_allclose(high, spline["high"], atol=1e-5)


@both
def test_spiegelhalter_is_that_of_val_prob(data: str) -> None:
    """Statistic and p, to 1e-9."""
    found, expected = spiegelhalter(*patients(data)), reference()[data]["val_prob"]
    assert found.statistic == pytest.approx(expected["S:z"], rel=1e-9)
    assert found.p_value == pytest.approx(expected["S:p"], rel=1e-9)


@both
def test_hosmer_lemeshow_is_that_of_r(data: str) -> None:
    """Ten groups and degrees of freedom; two fewer for a model that was made here."""
    expected = reference()[data]["hosmer_lemeshow"]
    elsewhere = hosmer_lemeshow(*patients(data))
    here = hosmer_lemeshow(*patients(data), was_fitted_here=True)
    assert elsewhere.statistic == pytest.approx(expected["statistic"], rel=1e-9)
    assert elsewhere.p_value == pytest.approx(expected["p_external"], rel=1e-8)
    assert here.p_value == pytest.approx(expected["p_internal"], rel=1e-8)
    assert (elsewhere.degrees_of_freedom, here.degrees_of_freedom) == (10, 8)


def test_observed_expected_has_the_interval_that_its_sample_size_aims_at() -> None:
    """7323 patients at 5 % give an interval 0.2 wide (Riley 2021)."""
    found = observed_expected(np.arange(7323) < 366, np.full(7323, 366 / 7323))
    assert found.value == pytest.approx(1)
    assert found.high - found.low == pytest.approx(0.2, abs=0.001)


def draw(seed: int, n: int = 400) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    risk = expit(rng.normal(-1, 1, n))
    return (rng.random(n) < risk).astype(float), risk


@given(st.integers(0, 10_000), st.floats(-2, 2), st.floats(0.3, 3))
def test_recalibrated_risks_have_slope_one(
    seed: int, shift: float, stretch: float
) -> None:
    """Whatever was wrong, after recalibration both intercepts are 0 and the slope 1."""
    outcome, risk = draw(seed)
    wrong = expit(shift + stretch * logit(risk))
    line = calibration_line(outcome, wrong)
    right = expit(line.intercept.value + line.slope.value * logit(wrong))
    again = calibration_line(outcome, right)
    assert again.slope.value == pytest.approx(1, abs=1e-6)
    assert again.intercept.value == pytest.approx(0, abs=1e-6)
    assert calibration_in_the_large(outcome, right).value == pytest.approx(0, abs=1e-6)
    assert observed_expected(outcome, right).value == pytest.approx(1, abs=1e-6)


@given(st.integers(0, 10_000))
def test_order_of_patients_does_not_matter(seed: int) -> None:
    """The curve is of the patients, not of their order."""
    outcome, risk = draw(seed, 120)
    order = np.random.default_rng(seed).permutation(120)
    first, second = (
        calibration_curve(outcome[rows], risk[rows]).observed
        for rows in (np.arange(120), order)
    )
    np.testing.assert_allclose(first, second, atol=1e-12)


def test_equal_weights_change_no_value() -> None:
    """Weights count by their proportions."""
    outcome, risk = draw(1)
    sevens = np.full(risk.size, 7.0)
    for statistic in (calibration_in_the_large, observed_expected):
        assert statistic(outcome, risk, weights=sevens).value == pytest.approx(
            statistic(outcome, risk).value
        )
    assert calibration_line(outcome, risk, weights=sevens).slope.value == pytest.approx(
        calibration_line(outcome, risk).slope.value
    )


def test_weights_make_up_for_outcomes_that_were_not_looked_for() -> None:
    """Half of those without event, weighted by two, give the O:E of all."""
    outcome, risk = draw(2, 4000)
    seen = (outcome == 1) | (np.arange(4000) % 2 == 0)
    weights = np.where(outcome == 1, 1.0, 2.0)[seen]
    all_of_them = observed_expected(outcome, risk)
    naive = observed_expected(outcome[seen], risk[seen])
    weighted = observed_expected(outcome[seen], risk[seen], weights=weights)
    assert abs(naive.value - all_of_them.value) > 0.2
    assert weighted.value == pytest.approx(all_of_them.value, abs=0.05)
    assert weighted.high - weighted.low > all_of_them.high - all_of_them.low


def test_many_patients_and_weights_have_a_spline() -> None:
    """Lowess up to 5000 without weights."""
    outcome, risk = draw(3, MOST_FOR_LOWESS + 1)
    assert calibration_curve(outcome, risk).smoother == "spline"
    assert calibration_curve(outcome[:-1], risk[:-1]).smoother == "lowess"
    few = calibration_curve(outcome[:400], risk[:400], weights=np.ones(400))
    assert few.smoother == "spline"


def test_errors_with_equal_weights_are_nearly_those_without() -> None:
    """Two definitions of a quantile differ by less than a rank."""
    rng = np.random.default_rng(1)
    risk, curve = rng.random(1000), rng.random(1000)
    plain, weighted = (
        curve_errors(risk, curve),
        curve_errors(risk, curve, np.ones(1000)),
    )
    assert weighted.ici == pytest.approx(plain.ici)
    assert weighted.e50 == pytest.approx(plain.e50, abs=0.003)
    assert weighted.e90 == pytest.approx(plain.e90, abs=0.003)


def test_band_holds_the_truth() -> None:
    """Of 60 cohorts with right risks about 95 % have the diagonal in their band."""
    hits = 0
    for seed in range(60):
        curve = calibration_curve(*draw(seed, 500))
        middle = np.searchsorted(curve.risk, 0.3)
        hits += curve.low[middle] <= curve.risk[middle] <= curve.high[middle]
    assert 54 <= hits <= 60


def test_few_different_risks_make_a_straight_spline() -> None:
    """With two risks the spline is a line, and passes through both shares."""
    risk = np.repeat([0.2, 0.6], 20)
    outcome = np.r_[np.arange(20) < 5, np.arange(20) < 10].astype(float)
    found = fit_smoother(outcome, risk, np.ones(40))
    assert isinstance(found, Spline)
    np.testing.assert_allclose(found.at(np.array([0.2, 0.6])), [0.25, 0.5], rtol=1e-9)


def test_ties_in_plenty_have_a_spline() -> None:
    """Where two thirds share a risk lowess has no neighbourhood."""
    risk = np.repeat([0.1, 0.2, 0.6], [200, 50, 50])
    outcome = np.concatenate(
        [np.arange(k) < e for k, e in ((200, 20), (50, 10), (50, 30))]
    )
    curve = calibration_curve(outcome, risk)
    assert curve.smoother == "spline"
    at = np.interp([0.1, 0.6], curve.risk, curve.observed)
    np.testing.assert_allclose(at, [0.1, 0.6], atol=0.02)


def test_equal_risks_have_no_slope_and_no_curve() -> None:
    """One risk for all has an intercept only."""
    outcome, risk = [0, 1, 0, 0], [0.3] * 4
    line = calibration_line(outcome, risk)
    assert np.isnan(line.slope.value)
    assert not line.slope.is_known
    assert "constant" in line.slope.note
    assert calibration_in_the_large(outcome, risk).is_known
    with pytest.raises(NotEstimableError, match="no curve over one risk"):
        calibration_curve(outcome, risk)


def test_separated_classes_have_no_slope() -> None:
    """A slope that grows without bound is not reported as a number."""
    line = calibration_line([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.7])
    assert np.isnan(line.slope.value)
    assert "separate" in line.slope.note
    with pytest.raises(NotEstimableError, match="flexible curve: no finite maximum"):
        calibration_curve([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.7], weights=[1] * 4)


@pytest.mark.parametrize(
    "statistic", [calibration_in_the_large, calibration_line, calibration_curve]
)
def test_bad_arrays_are_refused(statistic: Any) -> None:
    """Gaps, other lengths and one class, by all that regress."""
    with pytest.raises(ValueError, match="outcome: row 1"):
        statistic([0, np.nan], [0.1, 0.2])
    with pytest.raises(ValueError, match="risk: has 3 numbers for 2"):
        statistic([0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(NotEstimableError, match="of one class"):
        statistic([0, 0], [0.1, 0.2])
    with pytest.raises(ValueError, match="weights: row 0"):
        statistic([0, 1], [0.1, 0.2], weights=[0, 1])


@pytest.mark.parametrize("statistic", [calibration_in_the_large, calibration_line])
def test_certain_risks_are_refused(statistic: Any) -> None:
    """A risk of 0 or 1 has no log odds, and is not moved a little."""
    with pytest.raises(ValueError, match="exactly 0 or 1"):
        statistic([0, 1], [0.0, 0.5])


def test_no_expected_event_has_no_ratio() -> None:
    """Division by zero is named."""
    found = observed_expected([0, 1], [0.0, 0.0])
    assert np.isnan(found.value)
    assert "expects no event" in found.note


def test_tests_say_why_there_is_no_statistic() -> None:
    """NaN comes with its reason."""
    assert spiegelhalter([0, 1], [0.5, 0.5]).note == "every risk is 0, 0.5 or 1"
    few = hosmer_lemeshow([0, 1, 0], [0.1, 0.1, 0.2])
    assert few.note == "too few different risks for groups"
    risk = np.repeat([0.0, 0.1, 0.2, 0.3], 5)
    sure = hosmer_lemeshow(np.arange(20) % 2, risk, groups=4)
    assert sure.note == "a group expects no event, or only events"


def test_two_groups_are_refused() -> None:
    """They leave no degree of freedom."""
    with pytest.raises(ValueError, match="groups: must be at least 3"):
        hosmer_lemeshow([0, 1], [0.1, 0.2], groups=2)


def test_the_middle_of_a_gap_has_no_band() -> None:
    """Where all patients are equally far away, none of them tells."""
    rng = np.random.default_rng(1)
    risk = np.repeat([0.1, 0.9], 100) + rng.uniform(-1e-6, 1e-6, 200)
    curve = calibration_curve(rng.random(200) < risk, risk)
    assert np.isnan(curve.low[50])
    assert np.isnan(curve.high[50])
    assert not np.isnan(curve.low[0])
