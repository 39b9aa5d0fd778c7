"""How much of a refitted model is chance: two factors on its slopes."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from service.validation.estimates import NotEstimableError
from service.validation.logistic import LogisticFit, fit_logistic

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
    rng: np.random.Generator,
    resamples: int = 500,
) -> Shrinkage:
    """
    Estimate by how much the slopes of a logistic model are too large.

    Parameters
    ----------
    design : numpy.ndarray of shape (n_patients, n_predictors)
        Coded values, complete, without a column for the intercept.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    rng : numpy.random.Generator
        Draws the resamples.
    resamples : int, optional
        How many.

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
    with threadpool_limits(1):  # these matrices are small: threads would only wait
        found = [_slope(columns, outcome, rng) for _ in range(resamples)]
    slopes = [slope for slope in found if slope is not None]
    failed = resamples - len(slopes)
    if failed > _MOST_FAILED * resamples:
        raise NotEstimableError(
            f"outcome: {failed} of {resamples} resamples have no fit; more patients are"
            " needed"
        )
    return Shrinkage(heuristic, float(np.mean(slopes)), resamples, failed)


def _slope(columns: _Array, outcome: _Array, rng: np.random.Generator) -> float | None:
    """Fit to a resample; give the slope of that model among the patients."""
    rows = rng.integers(0, outcome.size, outcome.size)
    drawn = outcome[rows]
    if drawn.min() == drawn.max():
        return None
    fit = fit_logistic(columns[rows], drawn)
    if not fit.converged:
        return None
    predictor = columns @ fit.coefficients
    again = fit_logistic(np.column_stack([columns[:, 0], predictor]), outcome)
    return float(again.coefficients[1]) if again.converged else None


def _fitted(columns: _Array, outcome: _Array) -> LogisticFit:
    fit = fit_logistic(columns, outcome)
    if not fit.converged:
        raise NotEstimableError(f"design: {fit.reason}")
    return fit
