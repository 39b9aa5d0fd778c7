"""Smooth curves of a binary outcome over the predicted risk, each with its band."""

from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from statsmodels.nonparametric.smoothers_lowess import lowess

from service.validation.arrays import log_odds
from service.validation.estimates import Z_95, NotEstimableError
from service.validation.logistic import LogisticFit, fit_logistic

__all__ = ["MOST_FOR_LOWESS", "Lowess", "Spline", "fit_smoother", "spline_basis"]

_Array: TypeAlias = NDArray[np.float64]

#: Above so many patients a spline is as flexible, and far faster.
MOST_FOR_LOWESS: Final = 5000
_SPAN: Final = 2 / 3
#: Cleveland's constants: up to where the tricube counts as 1, and from where as 0.
_NEAR: Final = 0.001
_FAR: Final = 0.999
#: Harrell's places of five knots, as quantiles.
_KNOTS: Final = (0.05, 0.275, 0.5, 0.725, 0.95)
_FEWEST_KNOTS: Final = 3
#: With fewer different risks a straight line says all that a curve could.
_FEWEST_TO_BEND: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class Lowess:
    """
    Locally linear regression with tricube weights (Cleveland), span 2/3, no robustness.

    Attributes
    ----------
    risk : numpy.ndarray of shape (n_patients,)
        Predicted probabilities.
    fitted : numpy.ndarray of shape (n_patients,)
        Smoothed outcome of each patient; a straight piece may leave [0, 1] a little.
    """

    name: ClassVar = "lowess"
    risk: _Array
    fitted: _Array

    def at(self, risk: _Array) -> _Array:
        """
        Smoothed outcome, linear between patients.

        Parameters
        ----------
        risk : numpy.ndarray of shape (n_points,)
            Where, as predicted probabilities.

        Returns
        -------
        numpy.ndarray of shape (n_points,)
            Share with the event; NaN outside the risks of the patients.
        """
        there, first = np.unique(self.risk, return_index=True)
        return np.interp(risk, there, self.fitted[first], np.nan, np.nan)

    def band(self, risk: _Array) -> tuple[_Array, _Array]:
        """
        Pointwise 95 % band, from the binomial variance of each outcome.

        NaN at a point amid a gap, where all neighbours are equally far.

        Parameters
        ----------
        risk : numpy.ndarray of shape (n_points,)
            Where, as predicted probabilities.

        Returns
        -------
        low : numpy.ndarray of shape (n_points,)
            Lower limits, in [0, 1].
        high : numpy.ndarray of shape (n_points,)
            Upper limits, in [0, 1].
        """
        share = np.clip(self.fitted, 0, 1)
        variance = share * (1 - share)
        reach = Z_95 * np.sqrt(_operator(self.risk, risk) ** 2 @ variance)
        middle = self.at(risk)
        return np.clip(middle - reach, 0, 1), np.clip(middle + reach, 0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Spline:
    """
    Logistic regression on a restricted cubic spline of the log odds.

    Attributes
    ----------
    knots : numpy.ndarray of shape (n_knots,)
        Log odds; fewer than three make a straight line.
    fit : LogisticFit
        The regression.
    """

    name: ClassVar = "spline"
    knots: _Array
    fit: LogisticFit

    def at(self, risk: _Array) -> _Array:
        """
        Smoothed outcome.

        Parameters
        ----------
        risk : numpy.ndarray of shape (n_points,)
            Where, as predicted probabilities in (0, 1).

        Returns
        -------
        numpy.ndarray of shape (n_points,)
            Share with the event, in (0, 1).
        """
        result: _Array = expit(self._design(risk) @ self.fit.coefficients)
        return result

    def band(self, risk: _Array) -> tuple[_Array, _Array]:
        """
        Pointwise 95 % band, Wald on the log-odds scale.

        Parameters
        ----------
        risk : numpy.ndarray of shape (n_points,)
            Where, as predicted probabilities in (0, 1).

        Returns
        -------
        low : numpy.ndarray of shape (n_points,)
            Lower limits, in (0, 1).
        high : numpy.ndarray of shape (n_points,)
            Upper limits, in (0, 1).
        """
        design = self._design(risk)
        middle = design @ self.fit.coefficients
        variance = np.einsum("ij,jk,ik->i", design, self.fit.covariance, design)
        reach = Z_95 * np.sqrt(variance)
        return expit(middle - reach), expit(middle + reach)

    def _design(self, risk: _Array) -> _Array:
        basis = spline_basis(log_odds(risk), self.knots)
        return np.column_stack([np.ones(risk.size), basis])


def fit_smoother(
    outcome: _Array, risk: _Array, weights: _Array | None = None
) -> Lowess | Spline:
    """
    Fit the smoother that suits the number of patients.

    Parameters
    ----------
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the event, 0 without; checked.
    risk : numpy.ndarray of shape (n_patients,)
        Predicted probabilities; checked.
    weights : numpy.ndarray of shape (n_patients,), optional
        Inverse probability of having been examined; checked.

    Returns
    -------
    Lowess or Spline
        Lowess up to `MOST_FOR_LOWESS` patients without weights, unless most share a
        few risks; else a spline.

    Raises
    ------
    NotEstimableError
        If all risks are equal, or a spline separates the classes.
    """
    if risk.min() == risk.max():
        raise NotEstimableError("risk: all are equal, there is no curve over one risk")
    if weights is None and risk.size <= MOST_FOR_LOWESS and _has_neighbours(risk):
        return _fit_lowess(outcome, risk)
    return _fit_spline(outcome, log_odds(risk), weights)


def spline_basis(values: _Array, knots: _Array) -> _Array:
    """
    Restricted cubic spline: linear outside the outer knots (Stone and Koo).

    Parameters
    ----------
    values : numpy.ndarray of shape (n,)
        Where to evaluate it.
    knots : numpy.ndarray of shape (n_knots,)
        Ascending; fewer than three give the values alone.

    Returns
    -------
    numpy.ndarray of shape (n, max(1, n_knots - 1))
        The values, then the cubic terms divided by the squared distance of the outer
        knots, as `rcs` of R's rms.

    Examples
    --------
    >>> spline_basis(np.array([0.0, 1, 2, 3]), np.array([0.0, 1, 2]))[:, 1]
    array([0.  , 0.25, 1.5 , 3.  ])
    """
    if knots.size < _FEWEST_KNOTS:
        return values[:, None]
    cubes = np.maximum(values[:, None] - knots, 0) ** 3
    last, before = knots[-1], knots[-2]
    inner = knots[:-2]
    terms = (
        cubes[:, :-2]
        - np.outer(cubes[:, -2], (last - inner) / (last - before))
        + np.outer(cubes[:, -1], (before - inner) / (last - before))
    )
    return np.column_stack([values, terms / (last - knots[0]) ** 2])


def _has_neighbours(risk: _Array) -> bool:
    """Tell whether no risk is shared by so many that a neighbourhood is one point."""
    return bool(np.unique(risk, return_counts=True)[1].max() < _nearest(risk.size))


def _nearest(n: int) -> int:
    return max(int(_SPAN * n + 1e-10), 2)


def _fit_lowess(outcome: _Array, risk: _Array) -> Lowess:
    step = 0.01 * np.ptp(risk)
    fitted = lowess(outcome, risk, _SPAN, it=0, delta=step, return_sorted=False)
    return Lowess(risk, fitted)


def _fit_spline(outcome: _Array, score: _Array, weights: _Array | None) -> Spline:
    is_bent = np.unique(score).size >= _FEWEST_TO_BEND
    knots = np.unique(np.quantile(score, _KNOTS)) if is_bent else np.empty(0)
    design = np.column_stack([np.ones(score.size), spline_basis(score, knots)])
    fit = fit_logistic(design, outcome, weights=weights)
    if not fit.converged:
        raise NotEstimableError(f"flexible curve: {fit.reason}")
    return Spline(knots, fit)


def _operator(risk: _Array, points: _Array) -> _Array:
    """What each outcome weighs in the smooth at each point: (n_points, n_patients)."""
    nearest = _nearest(risk.size)
    away = risk - points[:, None]
    distance = np.abs(away)
    reach = np.partition(distance, nearest - 1, axis=1)[:, nearest - 1, None]
    weight = (1 - np.minimum(distance / reach, 1) ** 3) ** 3
    weight[distance >= _FAR * reach] = 0
    weight[distance <= _NEAR * reach] = 1
    total = weight.sum(axis=1, keepdims=True)
    weight /= np.where(total > 0, total, np.nan)
    mean = (weight * away).sum(axis=1, keepdims=True)
    spread = (weight * (away - mean) ** 2).sum(axis=1, keepdims=True)
    is_flat = np.sqrt(spread) <= _NEAR * np.ptp(risk)
    tilt = np.divide(-mean * (away - mean), spread, where=~is_flat, out=0 * away)
    result: _Array = weight * (1 + tilt)
    return result
