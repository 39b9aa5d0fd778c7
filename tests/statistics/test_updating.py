"""Levels of an update and the closed test: R, a published example, and properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from service.validation.calibration import calibration_in_the_large, calibration_line
from service.validation.estimates import NotEstimableError
from service.validation.updating import (
    SIGNIFICANCE,
    ClosedTest,
    Level,
    closed_test,
    fit_levels,
)
from tests.statistics.updating_reference import model, own, reference, table

KEYS = {
    Level.AS_IS: "as_is",
    Level.INTERCEPT: "intercept",
    Level.SLOPE: "slope",
    Level.REFIT: "refit",
}


def original(name):
    """Intercept and slopes of the original model of each example."""
    if name == "pima":
        first, *rest = reference()["pima"]["original"]
        return first, np.array(rest)
    return model().intercept.value, np.array(model().coefficients)


def patients(name):
    """Predictors and outcomes of each example."""
    if name == "pima":
        return table("updating_pima.csv")
    design, outcome = own()
    if name == "same_method":
        same = design[:, 1] == 3
        return design[same], outcome[same]
    return design, outcome


@pytest.mark.parametrize("name", ["own", "same_method", "pima"])
class TestAgainstR:
    """glm with offsets, anova with LRT; same_method leaves the constant column out."""

    def test_likelihoods_are_those_of_glm(self, name):
        """All four levels, to ten digits."""
        levels = fit_levels(*original(name), *patients(name))
        wanted = reference()[name]["log_likelihood"]
        for level, key in KEYS.items():
            assert levels[level].log_likelihood == pytest.approx(wanted[key], rel=1e-10)

    def test_statistics_and_p_values_are_those_of_anova(self, name):
        """In the published order."""
        levels = fit_levels(*original(name), *patients(name))
        found = closed_test(levels, can_stay=True).tests
        assert [test.against for test in found] == list(KEYS)[:3]
        for test in found:
            wanted = reference()[name]["tests"][KEYS[test.against]]
            assert test.df == wanted["df"]
            assert test.statistic == pytest.approx(wanted["statistic"], rel=1e-8)
            assert test.p == pytest.approx(wanted["p"], rel=1e-7)

    def test_estimates_and_errors_are_those_of_glm(self, name):
        """Shift, intercept with slope, and all coefficients."""
        levels = fit_levels(*original(name), *patients(name))
        wanted = reference()[name]
        moved, scaled = (levels[level].estimate for level in list(KEYS)[1:3])
        assert moved.coefficients[0] == pytest.approx(wanted["shift"], rel=1e-8)
        assert moved.standard_errors[0] == pytest.approx(
            wanted["shift_error"], rel=1e-7
        )
        assert scaled.coefficients == pytest.approx(wanted["slope"], rel=1e-7)
        assert scaled.covariance.ravel() == pytest.approx(
            np.ravel(wanted["slope_covariance"]), rel=1e-6
        )
        whole = levels[Level.REFIT].estimate
        assert whole.coefficients == pytest.approx(wanted["refit"], rel=1e-7)
        assert whole.covariance.ravel() == pytest.approx(
            np.ravel(wanted["refit_covariance"]), rel=1e-6
        )


def test_an_example_of_other_software_is_given_with_its_printed_digits():
    """
    The introduction of predRupdate prints "recalibration" of its first model.

    Seven digits there; the data are rounded to four decimals here.
    """
    slopes = np.array([0.012, 0.267, 0.751, 0.523, 0.578])
    design, outcome = table("updating_synpm.csv.gz")
    levels = fit_levels(-3.995, slopes, design, outcome)
    slope = levels[Level.SLOPE]
    assert slope.estimate.coefficients == pytest.approx(
        [-0.1579827, 0.6495556], abs=3e-6
    )
    assert slope.estimate.standard_errors == pytest.approx(
        [0.11713282, 0.04629572], abs=1e-6
    )
    assert slope.intercept == pytest.approx(-2.752957, abs=2e-6)
    assert slope.slopes == pytest.approx(
        [0.007794668, 0.1734314, 0.4878163, 0.3397176, 0.3754432], abs=1e-6
    )
    shift = levels[Level.INTERCEPT].estimate.coefficients[0]
    assert shift == pytest.approx(0.7076, abs=5e-5)


@given(st.integers(0, 2**32 - 1), st.floats(-1.5, 1.5), st.floats(0.3, 1.6))
@settings(max_examples=40, deadline=None)
def test_what_was_estimated_is_right_on_the_same_patients(seed, shift, steep):
    """Intercept 0 at each level, slope 1 where it was estimated, to 1e-8."""
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(400, 3))
    slopes = np.array([0.8, -0.5, 0.3])
    risk = expit(shift - 0.5 + steep * design @ slopes)
    outcome = (rng.random(400) < risk).astype(float)
    levels = fit_levels(-0.5, slopes, design, outcome)
    for level in (Level.INTERCEPT, Level.SLOPE, Level.REFIT):
        risk = expit(levels[level].linear_predictor(design))
        assert abs(calibration_in_the_large(outcome, risk).value) < 1e-8
        if level is not Level.INTERCEPT:
            assert abs(calibration_line(outcome, risk).slope.value - 1) < 1e-8
    order = np.argsort(design @ slopes)
    moved = levels[Level.INTERCEPT].linear_predictor(design)
    assert (np.diff(moved[order]) >= 0).all(), "patients keep their order"
    likelihoods = [levels[level].log_likelihood for level in KEYS]
    assert (np.diff(likelihoods) >= -1e-8).all(), "each level contains the one before"


def test_the_same_patients_in_another_order_give_the_same_answer():
    """Who comes first in the file decides nothing."""
    design, outcome = own()
    turned = closed_test(
        fit_levels(*original("own"), design[::-1], outcome[::-1]), can_stay=True
    )
    found = closed_test(fit_levels(*original("own"), design, outcome), can_stay=True)
    assert [t.p for t in turned.tests] == pytest.approx([t.p for t in found.tests])


@pytest.mark.parametrize(
    ("shift", "steep", "turned", "chosen"),
    [
        (0.0, 1.0, 0.0, Level.AS_IS),
        (1.0, 1.0, 0.0, Level.INTERCEPT),
        (0.5, 0.4, 0.0, Level.SLOPE),
        (0.0, 1.0, 1.5, Level.REFIT),
    ],
)
def test_with_many_patients_the_level_that_is_true_is_chosen(
    shift, steep, turned, chosen
):
    """Truth by construction: nothing, mean, spread or one coefficient differs."""
    rng = np.random.default_rng(4)
    design, slopes = rng.normal(size=(5000, 3)), np.array([0.8, -0.5, 0.3])
    lp = shift - 1 + steep * design @ slopes + turned * design[:, 1]
    outcome = (rng.random(5000) < expit(lp)).astype(float)
    levels = fit_levels(-1.0, slopes, design, outcome)
    assert closed_test(levels, can_stay=True).chosen is chosen


def test_an_original_that_is_right_is_left_in_one_of_twenty_samples():
    """The error of the whole procedure is that of one test (500 samples)."""
    rng = np.random.default_rng(5)
    slopes, left = np.array([0.8, -0.5, 0.3]), 0
    for _ in range(500):
        design = rng.normal(size=(300, 3))
        outcome = (rng.random(300) < expit(design @ slopes - 1)).astype(float)
        levels = fit_levels(-1.0, slopes, design, outcome)
        left += closed_test(levels, can_stay=True).chosen is not Level.AS_IS
    # Three standard errors of a share of 0.05 among 500.
    assert 0.02 < left / 500 < 0.08
    assert SIGNIFICANCE == 0.05


def test_an_intercept_that_was_never_estimated_cannot_be_chosen():
    """The test against as is is told, and decides nothing."""
    rng = np.random.default_rng(6)
    design, slopes = rng.normal(size=(500, 3)), np.array([0.8, -0.5, 0.3])
    outcome = (rng.random(500) < expit(design @ slopes - 1)).astype(float)
    levels = fit_levels(-1.0, slopes, design, outcome)
    found = closed_test(levels, can_stay=False)
    assert found.tests[0].against is Level.AS_IS
    assert found.tests[0].p > SIGNIFICANCE
    assert found == ClosedTest(found.tests, Level.INTERCEPT, can_stay=False)


def test_one_predictor_that_varies_makes_refit_and_slope_the_same():
    """No degree of freedom lies between them, and no evidence either."""
    design, outcome = own()
    only = design.copy()
    only[:, [0, 1, 3]] = [1.0, 3.0, 40.0]
    levels = fit_levels(*original("own"), only, outcome)
    last = closed_test(levels, can_stay=True).tests[2]
    assert (last.df, last.p) == (0, 1.0)
    assert levels[Level.REFIT].log_likelihood == pytest.approx(
        levels[Level.SLOPE].log_likelihood
    )


def _bad(place, value):
    design, outcome = (array.copy() for array in own())
    {"design": design, "outcome": outcome}[place][7] = value
    return design, outcome


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (lambda: _bad("design", np.nan), r"design: row 7 .*missing or not finite"),
        (lambda: _bad("outcome", np.nan), "outcome: row 7 .*not examined"),
        (lambda: (own()[0], np.ones(660)), "outcome: all patients are of one class"),
        (lambda: (own()[0][:, :3], own()[1]), "design: must have 660 rows and 4"),
        (lambda: (own()[0][:9], own()[1]), "design: must have 660 rows"),
        (lambda: (own()[0], own()[1][:, None]), "outcome: must be one-dimensional"),
        (
            lambda: (np.ones((660, 4)), own()[1]),
            "design: all patients have the same linear predictor",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(arrays, message):
    """By name, place and remedy."""
    with pytest.raises(ValueError, match=message):
        fit_levels(*original("own"), *arrays())


def test_predictors_that_separate_leave_no_refit_and_no_test():
    """Nothing can be tested against it; simpler levels have their estimates."""
    design = np.random.default_rng(1).normal(size=(60, 2))
    outcome = (design[:, 0] > 0).astype(float)
    levels = fit_levels(-1.0, np.array([0.1, 1.0]), design, outcome)
    assert list(levels) == [Level.AS_IS, Level.INTERCEPT, Level.SLOPE]
    found = closed_test(levels, can_stay=True)
    assert (found.tests, found.chosen) == ((), Level.INTERCEPT)


def test_risks_that_separate_are_refused():
    """There is no slope: the model is perfect, or the outcome among its predictors."""
    design = np.random.default_rng(1).normal(size=(60, 2))
    outcome = (design[:, 1] > 0).astype(float)
    with pytest.raises(NotEstimableError, match=r"the level slope .* separate"):
        fit_levels(-1.0, np.array([0.0, 1.0]), design, outcome)
