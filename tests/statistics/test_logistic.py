"""Logistic regression against R's glm, and where there is no maximum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.validation.estimates import NotEstimableError
from service.validation.logistic import fit_logistic
from tests.statistics.calibration_reference import columns, reference

CANCER = columns(
    "breast_cancer.csv",
    "malignant",
    "mean_texture",
    "mean_smoothness",
    "mean_symmetry",
)
DESIGN = np.column_stack([np.ones(len(CANCER)), CANCER[:, 1:]])
OUTCOME = CANCER[:, 0]


def test_fit_is_that_of_r() -> None:
    """Coefficients, covariance and log-likelihood agree with glm to 1e-7."""
    fit, expected = fit_logistic(DESIGN, OUTCOME), reference()["logistic"]
    np.testing.assert_allclose(fit.coefficients, expected["coefficients"], rtol=1e-7)
    np.testing.assert_allclose(fit.covariance, expected["covariance"], rtol=1e-6)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], rel=1e-10)
    assert (fit.n, fit.events, fit.converged, fit.reason) == (569, 212, True, "")


def test_weighted_fit_has_the_sandwich_of_r() -> None:
    """With weights coefficients are glm's and the covariance is that of sandwich."""
    fit = fit_logistic(DESIGN, OUTCOME, weights=reference()["weight"])
    expected = reference()["logistic_weighted"]
    np.testing.assert_allclose(fit.coefficients, expected["coefficients"], rtol=1e-7)
    np.testing.assert_allclose(fit.covariance, expected["sandwich"], rtol=1e-5)


def test_a_known_part_is_not_fitted_again() -> None:
    """With its own linear predictor as offset nothing is left to fit."""
    score = DESIGN @ fit_logistic(DESIGN, OUTCOME).coefficients
    left = fit_logistic(DESIGN, OUTCOME, offset=score)
    np.testing.assert_allclose(left.coefficients, 0, atol=1e-8)


def test_an_offset_far_out_is_climbed_back_from() -> None:
    """Where the likelihood is flat, Newton's steps are kept short."""
    fit = fit_logistic(np.ones((4, 1)), [0, 1, 0, 1], offset=[60.0] * 4)
    assert fit.coefficients[0] == pytest.approx(-60, abs=1e-8)


@given(st.floats(-5, 5), st.sampled_from([1e-6, 1e-2, 1e3, 1e6]))
def test_units_do_not_matter(shift: float, scale: float) -> None:
    """Another unit and origin of a predictor change its slope alone, by the unit."""
    x = DESIGN[:, 1]
    plain = fit_logistic(np.column_stack([np.ones(x.size), x]), OUTCOME)
    moved = np.column_stack([np.ones(x.size), (x + shift) * scale])
    other = fit_logistic(moved, OUTCOME)
    assert other.coefficients[1] * scale == pytest.approx(
        plain.coefficients[1], rel=1e-6
    )


@pytest.mark.parametrize(
    "outcome",
    [
        [0, 0, 0, 1, 1, 1],  # wholly
        [0, 0, 1, 0, 1, 1],  # but for a tie at the border
    ],
)
def test_separated_classes_have_no_fit(outcome: list[int]) -> None:
    """Without a finite maximum there is no number, and a reason."""
    x = [1.0, 2, 3, 3, 4, 5]
    fit = fit_logistic(np.column_stack([np.ones(6), x]), outcome)
    assert not fit.converged
    assert "separate" in fit.reason
    assert np.isnan(fit.coefficients).all()
    assert np.isnan(fit.covariance).all()
    assert np.isnan(fit.log_likelihood)


def test_a_predictor_that_separates_a_few_has_no_fit() -> None:
    """A rare category without any event is found out, though the likelihood settles."""
    rng = np.random.default_rng(1)
    x, rare = rng.normal(size=300), np.arange(300) < 5
    outcome = (rng.random(300) < 0.3) & ~rare
    fit = fit_logistic(np.column_stack([np.ones(300), x, rare]), outcome)
    assert not fit.converged


def test_overlap_of_one_patient_is_still_fitted() -> None:
    """Near separation gives a fit with its large standard error."""
    x = np.arange(20.0)
    outcome = (x > 9) != np.isin(x, [9, 10])
    fit = fit_logistic(np.column_stack([np.ones(20), x]), outcome)
    assert fit.converged
    # R: glm(y ~ x, binomial)
    np.testing.assert_allclose(fit.coefficients, [-12.44603, 1.310109], rtol=1e-6)


@pytest.mark.parametrize("column", [[0.0] * 4, [2.0] * 4])
def test_collinear_columns_have_no_fit(column: list[float]) -> None:
    """A constant beside the intercept is named as the reason."""
    fit = fit_logistic(np.column_stack([np.ones(4), column]), [0, 1, 0, 1])
    assert not fit.converged
    assert "collinear" in fit.reason


@pytest.mark.parametrize(
    ("design", "message"),
    [
        ([1, 1], "design: must have one row for each of 2"),
        ([[1], [1], [1]], "design: must have one row for each of 2"),
        ([[], []], "design: must have one row"),
        ([[1], [np.nan]], r"design: row 1 \(1 such rows\) is missing"),
        ([["a"], ["b"]], "design: must hold numbers"),
    ],
)
def test_malformed_designs_are_refused(design: list[object], message: str) -> None:
    """A gap in a predictor is not filled."""
    with pytest.raises(ValueError, match=message):
        fit_logistic(design, [0, 1])  # type: ignore[arg-type] # that is the point


def test_one_class_is_refused() -> None:
    """There is nothing to fit."""
    with pytest.raises(NotEstimableError, match="of one class"):
        fit_logistic(np.ones((3, 1)), [0, 0, 0])


def test_a_gap_in_the_offset_is_refused() -> None:
    """An unknown score is not 0."""
    with pytest.raises(ValueError, match=r"offset: row 1 .* not finite"):
        fit_logistic(np.ones((2, 1)), [0, 1], offset=[0, np.nan])
