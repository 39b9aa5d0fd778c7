"""Logistic regression by maximum likelihood, that says when there is no maximum."""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from service.validation.arrays import check_finite, check_outcome, check_weights

__all__ = ["LogisticFit", "fit_logistic"]

_Array: TypeAlias = NDArray[np.float64]

_MOST_STEPS: Final = 60
_MOST_HALVINGS: Final = 30
#: No linear predictor moves further in a step: far out the information says little.
_LONGEST: Final = 10.0
#: Largest change of a linear predictor at the last step. With separated classes each
#: step moves some by about 1 for ever, while the likelihood seems to have settled.
_SMALL: Final = 1e-8
#: Largest condition number of the scaled information: beyond, a fit is numerical noise.
_WORST_CONDITION: Final = 1e12

_COLLINEAR: Final = "the predictors are collinear, or one is constant"
_SEPARATED: Final = (
    "no finite maximum of the likelihood: the predictors separate patients with and"
    " without the event, wholly or nearly"
)


@dataclass(frozen=True, slots=True, eq=False)
class LogisticFit:
    """
    A fitted logistic regression, or why there is none.

    Attributes
    ----------
    coefficients : numpy.ndarray of shape (n_columns,)
        Log odds ratio per unit of each column. NaN if not converged.
    covariance : numpy.ndarray of shape (n_columns, n_columns)
        Inverse of the information; with weights the sandwich (HC0), since weighted
        patients are not as many as their weights say. NaN if not converged.
    log_likelihood : float
        At the maximum; with weights a pseudo-likelihood, not for tests of likelihood
        ratios. NaN if not converged.
    n, events : int
        Patients, and those with the event.
    converged : bool
        Whether there is a maximum and it was found.
    reason : str
        Why not; empty if it was.
    """

    coefficients: _Array
    covariance: _Array
    log_likelihood: float
    n: int
    events: int
    converged: bool
    reason: str = ""

    @property
    def standard_errors(self) -> _Array:  # numpydoc ignore=RT01
        """Standard error of each coefficient, shape (n_columns,)."""
        return np.sqrt(np.diag(self.covariance))


def fit_logistic(
    design: ArrayLike,
    outcome: ArrayLike,
    *,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> LogisticFit:
    """
    Fit a logistic regression by Newton's method.

    Parameters
    ----------
    design : array_like of shape (n_patients, n_columns)
        Columns of predictors; for a model with an intercept, column 0 is 1.
    outcome : array_like of shape (n_patients,)
        1 with the event, 0 without.
    offset : array_like of shape (n_patients,), optional
        Part of the linear predictor that is not fitted, log odds.
    weights : array_like of shape (n_patients,), optional
        Inverse probability of having been examined, see `check_weights`.

    Returns
    -------
    LogisticFit
        The fit. Where classes are separated or columns collinear there is none:
        ``converged`` is False, all numbers are NaN and ``reason`` says why.

    Raises
    ------
    ValueError
        If an array is malformed or the outcome has one class only.

    Examples
    --------
    >>> fit = fit_logistic(np.ones((4, 1)), [1, 0, 0, 0])
    >>> fit.coefficients.round(6), fit.covariance.round(6)
    (array([-1.098612]), array([[1.333333]]))
    """
    y = check_outcome(outcome)
    x = _check_design(design, y.size)
    fixed = (
        np.zeros(y.size) if offset is None else check_finite("offset", offset, y.size)
    )
    weight = None if weights is None else check_weights(weights, y.size)
    scale = np.sqrt(np.mean(x * x, axis=0))
    if (scale == 0).any() or _condition(x / scale) > _WORST_CONDITION:
        return _failure(x, y, _COLLINEAR)
    scaled = _Problem(x / scale, y, fixed, weight)
    found = _climb(scaled)
    if found is None:
        return _failure(x, y, _SEPARATED)
    return LogisticFit(
        found.beta / scale,
        found.covariance() / np.outer(scale, scale),
        found.height,
        y.size,
        int(y.sum()),
        converged=True,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """What is to be maximised; columns have a mean square of 1."""

    x: _Array
    y: _Array
    offset: _Array
    weight: _Array | None

    def at(self, beta: _Array) -> "_Point":
        eta = self.x @ beta + self.offset
        terms = self.y * eta - np.logaddexp(0, eta)
        height = terms.sum() if self.weight is None else self.weight @ terms
        return _Point(self, beta, expit(eta), float(height))


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """Where the search is: coefficients, risks and log-likelihood there."""

    of: _Problem
    beta: _Array
    risk: _Array
    height: float

    def residual(self) -> _Array:
        left = self.of.y - self.risk
        return left if self.of.weight is None else left * self.of.weight

    def information(self) -> _Array:
        weight = self.risk * (1 - self.risk)
        if self.of.weight is not None:
            weight *= self.of.weight
        result: _Array = self.of.x.T @ (self.of.x * weight[:, None])
        return result

    def covariance(self) -> _Array:
        bread = np.linalg.inv(self.information())
        if self.of.weight is None:
            result: _Array = (bread + bread.T) / 2
            return result
        filled = (self.of.x * self.residual()[:, None]) @ bread
        sandwich: _Array = filled.T @ filled
        return sandwich


def _climb(problem: _Problem) -> _Point | None:
    """Newton's method, halving steps that go down; None if it does not settle."""
    here = problem.at(np.zeros(problem.x.shape[1]))
    for _ in range(_MOST_STEPS):
        information = here.information()
        if _relative_condition(information) > _WORST_CONDITION:
            return None
        step = np.linalg.solve(information, problem.x.T @ here.residual())
        change = np.abs(problem.x @ step).max()
        if change < _SMALL:
            return problem.at(here.beta + step)
        there = _not_lower(here, step * min(1.0, _LONGEST / change))
        if there is None:
            return None
        here = there
    return None


def _not_lower(here: _Point, step: _Array) -> _Point | None:
    for _ in range(_MOST_HALVINGS):
        there = here.of.at(here.beta + step)
        if there.height >= here.height - _SMALL * abs(here.height):
            return there
        step = step / 2
    return None


def _condition(x: _Array) -> float:
    return _relative_condition(x.T @ x)


def _relative_condition(matrix: _Array) -> float:
    """Condition number of a matrix of sums of squares."""
    values = np.linalg.eigvalsh(matrix)
    return math.inf if values[0] <= 0 else float(values[-1] / values[0])


def _failure(x: _Array, y: _Array, reason: str) -> LogisticFit:
    columns = x.shape[1]
    return LogisticFit(
        np.full(columns, np.nan),
        np.full((columns, columns), np.nan),
        math.nan,
        y.size,
        int(y.sum()),
        converged=False,
        reason=reason,
    )


def _check_design(design: ArrayLike, n: int) -> _Array:
    try:
        x = np.asarray(design, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("design: must hold numbers only") from None
    if x.ndim != 2 or x.shape[0] != n or x.shape[1] == 0:  # noqa: PLR2004 a matrix
        raise ValueError(f"design: must have one row for each of {n} patients")
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise ValueError(
            f"design: row {int(bad.argmax())} ({int(bad.sum())} such rows) is missing"
            " or not finite; leave incomplete patients out"
        )
    return x
