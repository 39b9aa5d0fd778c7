"""What is uncertain in an updated model: these patients, and the original's slopes."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from service.validation.updating import Level, Update

__all__ = ["UpdatedCovariance", "updated_covariance"]

_Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class UpdatedCovariance:
    """
    Covariance of the centred intercept and the slopes of an updated model.

    Attributes
    ----------
    centre : numpy.ndarray of shape (n_predictors,)
        Mean of each predictor, each patient weighted with risk x (1 - risk). Centred
        there, the intercept is uncorrelated with the slopes.
    matrix : numpy.ndarray of shape (1 + n_predictors, 1 + n_predictors)
        Intercept first; symmetric, positive definite.
    """

    centre: _Array
    matrix: _Array

    @property
    def intercept_error(self) -> float:  # numpydoc ignore=RT01
        """Standard error of the centred intercept, log odds."""
        return float(np.sqrt(self.matrix[0, 0]))

    @property
    def slope_errors(self) -> _Array:  # numpydoc ignore=RT01
        """Standard error of each slope."""
        return np.sqrt(np.diag(self.matrix)[1:])


def updated_covariance(
    update: Update, original: _Array, slopes_covariance: _Array, design: _Array
) -> UpdatedCovariance:
    """
    Propagate what is uncertain in an update.

    With w = risk x (1 - risk) of each patient, c the mean of the predictors weighted
    with w, and S the sum of w (x - c)(x - c)', the variance of the intercept at c is
    1 / sum w, and the slopes have the covariance

    - intercept: V, that of the original's slopes b;
    - slope, with the factor k: bb' / b'Sb + k^2 M V M' with M = I - b(Sb)' / b'Sb;
    - refit: the inverse of S, also for slopes that were shrunk afterwards.

    The first term of the second line is the uncertainty of the factor. M removes from
    the error of b what the factor makes good: its length. The derivation, by the delta
    method, is in decision 46.

    Parameters
    ----------
    update : Update
        The updated model.
    original : numpy.ndarray of shape (n_predictors,)
        The original's slopes.
    slopes_covariance : numpy.ndarray of shape (n_predictors, n_predictors)
        Their covariance.
    design : numpy.ndarray of shape (n_patients, n_predictors)
        Coded values of the patients of the update.

    Returns
    -------
    UpdatedCovariance
        The covariance; the patients of original and update are taken as independent.
    """
    risk = expit(update.linear_predictor(design))
    weight = risk * (1 - risk)
    centre = weight @ design / weight.sum()
    centred = design - centre
    spread = (centred * weight[:, None]).T @ centred
    if update.level is Level.REFIT:
        slopes = np.linalg.inv(spread)
    elif update.level is Level.SLOPE and update.estimate is not None:
        along = spread @ original
        length = original @ along
        factor = update.estimate.coefficients[1]
        turned = np.eye(original.size) - np.outer(original, along) / length
        slopes = (
            np.outer(original, original) / length
            + factor**2 * turned @ slopes_covariance @ turned.T
        )
    else:
        slopes = slopes_covariance
    matrix = np.zeros((1 + original.size, 1 + original.size))
    matrix[0, 0] = 1 / weight.sum()
    matrix[1:, 1:] = (slopes + slopes.T) / 2
    return UpdatedCovariance(centre, matrix)
