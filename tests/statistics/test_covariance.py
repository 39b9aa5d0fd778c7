"""What is uncertain after an update, against simulated hospitals."""

import numpy as np
import pytest
from scipy.special import expit

from service.validation.covariance import updated_covariance
from service.validation.updating import Level, fit_levels
from tests.statistics.updating_reference import model, own, reference

TRUE = np.array([0.9, -0.6, 0.04])
#: Of the study's slopes. The formula is of first order: four times as much, and it
#: says a fifth too much of the variance.
SPREAD = np.array([[0.008, 0.001, 0.0], [0.001, 0.01, 0.0], [0.0, 0.0, 0.00004]])
#: Patients whose log odds are looked at: average, and two who are not.
PROBES = np.array([[0.5, 0.0, 50.0], [1.0, 1.5, 70.0], [0.0, -2.0, 20.0]])


def hospital(rng, factor):
    """Draw a study with slopes of its own, and patients whose truth the factor is."""
    original = rng.multivariate_normal(TRUE, SPREAD)
    design = np.column_stack(
        [rng.random(600) < 0.5, rng.normal(size=600), rng.normal(50, 15, size=600)]
    ).astype(float)
    lp = factor * (design @ TRUE - 2.5) - 0.7
    return original, design, (rng.random(600) < expit(lp)).astype(float)


@pytest.mark.parametrize(
    ("level", "factor"), [(Level.INTERCEPT, 1), (Level.SLOPE, 0.6)]
)
def test_the_error_of_the_log_odds_is_what_it_says(level, factor):
    """Over 400 studies and hospitals: a variance is known to 7 % (three times: 0.2)."""
    rng = np.random.default_rng(8)
    errors, told = [], []
    for _ in range(400):
        original, design, outcome = hospital(rng, factor)
        update = fit_levels(-3.2, original, design, outcome)[level]
        errors.append(
            update.linear_predictor(PROBES) - (factor * (PROBES @ TRUE - 2.5) - 0.7)
        )
        found = updated_covariance(update, original, SPREAD, design)
        rows = np.column_stack([np.ones(3), PROBES - found.centre])
        told.append(np.einsum("ij,jk,ik->i", rows, found.matrix, rows))
    ratio = np.mean(told, axis=0) / np.mean(np.square(errors), axis=0)
    assert ratio == pytest.approx(np.ones(3), abs=0.2)


def test_a_refit_has_the_covariance_of_glm():
    """Uncentred again, it is R's."""
    design, outcome = own()
    slopes = np.array(model().coefficients)
    update = fit_levels(2.048, slopes, design, outcome)[Level.REFIT]
    found = updated_covariance(update, slopes, np.eye(4), design)
    back = np.eye(5)
    back[0, 1:] = -found.centre
    wanted = reference()["own"]["refit_covariance"]
    assert (back @ found.matrix @ back.T).ravel() == pytest.approx(
        np.ravel(wanted), rel=1e-6, abs=1e-9
    )


@pytest.mark.parametrize("level", [Level.INTERCEPT, Level.SLOPE, Level.REFIT])
def test_it_is_symmetric_and_positive_definite(level):
    """As the reader of an artifact demands."""
    design, outcome = own()
    slopes = np.array(model().coefficients)
    update = fit_levels(2.048, slopes, design, outcome)[level]
    known = model().covariance.matrix[1:, 1:]
    matrix = updated_covariance(update, slopes, known, design).matrix
    assert np.array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix)[0] > 0


def test_the_factor_takes_over_what_was_uncertain_in_the_length_of_the_slopes():
    """With the study's slopes only too long or too short, nothing of that is left."""
    design, outcome = own()
    slopes = np.array(model().coefficients)
    update = fit_levels(2.048, slopes, design, outcome)[Level.SLOPE]
    alike = updated_covariance(update, slopes, np.outer(slopes, slopes), design)
    sure = updated_covariance(update, slopes, np.zeros((4, 4)), design)
    assert alike.matrix == pytest.approx(sure.matrix)
    error = update.estimate.standard_errors[1]
    assert alike.slope_errors == pytest.approx(np.abs(slopes) * error)
