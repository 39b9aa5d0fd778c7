"""How much of a refitted model is chance: two factors on its slopes."""

from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.validation.draws import Draws
from service.validation.estimates import NotEstimableError
from service.validation.logistic import LogisticFit, fit_logistic
from service.validation.resampling import Rows

__all__ = ["Shrinkage", "estimate_shrinkage"]

_Array: TypeAlias = NDArray[np.float64]

#: Share of the resamples that may be without a fit.
_MOST_FAILED = 0.05


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """
    Factors on the slopes of a refitted model; 1 leaves them.

    Attributes
    ----------
    heuristic : float
        Van Houwelingen's: (chi squared - coefficients) / chi squared.
    bootstrap : float
        Mean slope, among the patients, of models that were fitted to resamples.
    resamples, failed : int
        How many were drawn, and for how many there was no fit.
    """

    heuristic: float
    bootstrap: float
    resamples: int
    failed: int

    @property
    def applied(self) -> float:  # numpydoc ignore=RT01
        """The stronger of the two, never above 1."""
        return min(self.heuristic, self.bootstrap, 1.0)


def estimate_shrinkage(
    design: _Array,
    outcome: _Array,
    *,
    draws: Draws,
) -> Shrinkage:
    """
    Estimate by how much the slopes of a logistic model are too large.

    Parameters
    ----------
    design : numpy.ndarray of shape (n_patients, n_predictors)
        Coded values, complete, without a column for the intercept.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    draws : Draws
        How patients are drawn.

    Returns
    -------
    Shrinkage
        Both factors.

    Raises
    ------
    ValueError
        If the model cannot be fitted, or cannot for more than 5 % of the resamples.

    References
    ----------
    Van Houwelingen JC, Le Cessie S. Predictive value of statistical models. Statistics
    in Medicine 1990; 9: 1303-1325. doi:10.1002/sim.4780091109
    """
    columns = np.column_stack([np.ones(len(outcome)), design])
    fit = _fitted(columns, outcome)
    null = _fitted(columns[:, :1], outcome)
    chi_squared = 2 * (fit.log_likelihood - null.log_likelihood)
    heuristic = 1 - design.shape[1] / chi_squared if chi_squared > 0 else -np.inf
    drawn = draws.run(partial(_slope, columns=columns, outcome=outcome), outcome.size)
    slopes, failed = drawn.values[:, 0], int(drawn.failed[0])
    if failed > _MOST_FAILED * draws.resamples:
        raise NotEstimableError(
            f"outcome: {failed} of {draws.resamples} resamples have no fit; more"
            " patients are needed"
        )
    return Shrinkage(heuristic, float(np.nanmean(slopes)), draws.resamples, failed)


def _slope(rows: Rows, *, columns: _Array, outcome: _Array) -> _Array:
    """Fit to a resample; give the slope of that model among the patients."""
    drawn = outcome[rows]
    if drawn.min() == drawn.max():
        return np.array([np.nan])
    fit = fit_logistic(columns[rows], drawn)
    if not fit.converged:
        return np.array([np.nan])
    predictor = columns @ fit.coefficients
    again = fit_logistic(np.column_stack([columns[:, 0], predictor]), outcome)
    return again.coefficients[1:] if again.converged else np.array([np.nan])


def _fitted(columns: _Array, outcome: _Array) -> LogisticFit:
    fit = fit_logistic(columns, outcome)
    if not fit.converged:
        raise NotEstimableError(f"design: {fit.reason}")
    return fit
