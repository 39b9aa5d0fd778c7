"""From the published tables to an intercept and a covariance."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.model.cohort import NODES, Cohort, rebuild
from service.model.published import COEFFICIENTS, INCIDENCES

__all__ = [
    "MODELS",
    "SHRINKAGE",
    "Derivation",
    "Fit",
    "anchor",
    "concordance",
    "covariance",
    "derive",
    "fit",
    "uncentre",
    "weighted_quantiles",
]

_Array: TypeAlias = NDArray[np.float64]

_TABLE_2 = tuple(COEFFICIENTS)

#: The terms of each model. The nomogram leaves out the postoperative angle.
MODELS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"liu-nomogram": _TABLE_2[:4], "liu-table2": _TABLE_2}
)

#: 41 events for 19 candidate predictors: slopes are probably too large.
SHRINKAGE = 0.8

#: Share of the cohort for the percentile: 0, 1, ... 100 %.
_LEVELS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """
    A logistic model on a rebuilt cohort, as if fitted there.

    Attributes
    ----------
    intercept : float
        Log odds of a patient whose predictors are all 0.
    risk : numpy.ndarray of shape (n_nodes,)
        Probability of each patient of the cohort.
    standard_errors : numpy.ndarray of shape (1 + n_predictors,)
        From the Fisher information: intercept, then slopes.
    centred : numpy.ndarray of shape (1 + n_predictors, 1 + n_predictors)
        Inverse Fisher information with predictors centred at the cohort's means.
    concordance : float
        Area under the ROC curve.
    """

    intercept: float
    risk: _Array
    standard_errors: _Array
    centred: _Array
    concordance: float


@dataclass(frozen=True, slots=True, eq=False)
class Derivation:
    """
    All that is derived for one model.

    Attributes
    ----------
    model_id : str
        Which model.
    cohort : Cohort
        The rebuilt derivation cohort.
    coefficients : numpy.ndarray of shape (n_predictors,)
        Slopes of Table 2.
    published_errors : numpy.ndarray of shape (n_predictors,)
        Standard errors behind the intervals of Table 2.
    fit : Fit
        The model on the cohort at the study's incidence.
    intercepts : tuple of float
        Intercept at each incidence of `INCIDENCES`.
    shrunk_intercept : float
        Intercept that anchors slopes times `SHRINKAGE` to the study's incidence.
    covariance : numpy.ndarray of shape (1 + n_predictors, 1 + n_predictors)
        Of the centred intercept and the slopes: D R D.
    quantiles : numpy.ndarray of shape (101,)
        Linear predictor at 0, 1, ... 100 % of the cohort.
    """

    model_id: str
    cohort: Cohort
    coefficients: _Array
    published_errors: _Array
    fit: Fit
    intercepts: tuple[float, ...]
    shrunk_intercept: float
    covariance: _Array
    quantiles: _Array

    def case_share(self, selected: NDArray[np.bool_]) -> float:
        """
        Share of the expected cases that lies among selected patients.

        Parameters
        ----------
        selected : numpy.ndarray of shape (n_nodes,)
            Which patients of the cohort.

        Returns
        -------
        float
            The share, in [0, 1].
        """
        cases = self.cohort.weight * self.fit.risk
        return float(cases[selected].sum() / cases.sum())


@lru_cache(maxsize=2)
def derive(model_id: str) -> Derivation:
    """
    Derive one of the shipped models from the published tables.

    Parameters
    ----------
    model_id : str
        A key of `MODELS`.

    Returns
    -------
    Derivation
        Everything; the same on every machine, as no random number is used.

    Examples
    --------
    >>> round(derive("liu-nomogram").fit.intercept, 3)
    2.048
    """
    names = MODELS[model_id]
    five = len(names) > len(MODELS["liu-nomogram"])
    cohort = rebuild(nodes=NODES[five], postoperative=five)
    slopes = np.array([COEFFICIENTS[name].beta for name in names])
    errors = np.array([COEFFICIENTS[name].standard_error for name in names])
    events, n = INCIDENCES[0]
    fitted = fit(cohort, slopes, events / n, n)
    return Derivation(
        model_id,
        cohort,
        slopes,
        errors,
        fitted,
        tuple(anchor(cohort, slopes, e / m) for e, m in INCIDENCES),
        anchor(cohort, SHRINKAGE * slopes, events / n),
        covariance(fitted.centred, errors),
        weighted_quantiles(
            fitted.intercept + cohort.design @ slopes, cohort.weight, _LEVELS
        ),
    )


def fit(cohort: Cohort, slopes: _Array, incidence: float, n: int) -> Fit:
    """
    Anchor given slopes to an incidence and tell how well n patients would fix them.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    slopes : numpy.ndarray of shape (n_predictors,)
        Log odds ratio per unit of each predictor.
    incidence : float
        Mean risk to reach, in (0, 1).
    n : int
        Patients of the study, for the standard errors.

    Returns
    -------
    Fit
        The model on this cohort.
    """
    intercept = anchor(cohort, slopes, incidence)
    risk = _expit(intercept + cohort.design @ slopes)
    centred = _inverse_information(
        cohort.design - cohort.mean(), cohort.weight, risk, n
    )
    return Fit(
        intercept,
        risk,
        np.sqrt(np.diag(uncentre(centred, cohort.mean()))),
        centred,
        concordance(risk, cohort.weight),
    )


def anchor(cohort: Cohort, slopes: _Array, incidence: float) -> float:
    """
    Find the intercept at which the mean risk over a cohort equals an incidence.

    A maximum-likelihood logistic fit with an intercept has this property, so a
    lost intercept can be found again. Newton's method, steps of at most 1.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    slopes : numpy.ndarray of shape (n_predictors,)
        Log odds ratio per unit of each predictor.
    incidence : float
        Mean risk to reach, in (0, 1).

    Returns
    -------
    float
        The intercept.
    """
    score = cohort.design @ slopes
    intercept = -float(cohort.weight @ score)
    step = 1.0
    while abs(step) > 1e-9:  # noqa: PLR2004 the step after it would be below 1e-16
        risk = _expit(intercept + score)
        slope = cohort.weight @ (risk * (1 - risk))
        step = float(np.clip((incidence - cohort.weight @ risk) / slope, -1, 1))
        intercept += step
    return intercept


def concordance(risk: _Array, weight: _Array) -> float:
    """
    Chance that a case of the cohort has a higher risk than a non-case.

    Parameters
    ----------
    risk : numpy.ndarray of shape (n_nodes,)
        Probability of the event.
    weight : numpy.ndarray of shape (n_nodes,)
        Share of the cohort.

    Returns
    -------
    float
        Area under the ROC curve, ties counted half.
    """
    values, place = np.unique(risk, return_inverse=True)
    cases = np.bincount(place, weight * risk, values.size)
    others = np.bincount(place, weight * (1 - risk), values.size)
    below = np.cumsum(others) - others / 2
    return float(cases @ below / (cases.sum() * others.sum()))


def covariance(centred: _Array, errors: _Array) -> _Array:
    """
    Join rebuilt correlations with published standard errors: D R D.

    Centred at the means the intercept is nearly free of the slopes; uncentred, the
    published slope errors would break the cancellation between the two.

    Parameters
    ----------
    centred : numpy.ndarray of shape (1 + n_predictors, 1 + n_predictors)
        Inverse Fisher information with centred predictors.
    errors : numpy.ndarray of shape (n_predictors,)
        Published standard errors of the slopes.

    Returns
    -------
    numpy.ndarray of shape (1 + n_predictors, 1 + n_predictors)
        Covariance of the centred intercept (rebuilt error) and the slopes.
    """
    rebuilt = np.sqrt(np.diag(centred))
    scale = np.concatenate([rebuilt[:1], errors]) / rebuilt
    joined = centred * np.outer(scale, scale)
    result: _Array = (joined + joined.T) / 2
    return result


def uncentre(centred: _Array, mean: _Array) -> _Array:
    """
    Turn a covariance with centred predictors into the one of the plain intercept.

    Parameters
    ----------
    centred : numpy.ndarray of shape (1 + n_predictors, 1 + n_predictors)
        Covariance of the centred intercept and the slopes.
    mean : numpy.ndarray of shape (n_predictors,)
        Where the predictors were centred.

    Returns
    -------
    numpy.ndarray of shape (1 + n_predictors, 1 + n_predictors)
        Covariance of the intercept at predictors of 0, and the slopes.
    """
    back = np.eye(1 + mean.size)
    back[0, 1:] = -mean
    return back @ centred @ back.T


def weighted_quantiles(values: _Array, weight: _Array, levels: _Array) -> _Array:
    """
    Find quantiles of weighted values, linear between their mid-weights.

    Parameters
    ----------
    values, weight : numpy.ndarray of shape (n,)
        Values and their shares, which sum to 1.
    levels : numpy.ndarray of shape (n_levels,)
        Probabilities in [0, 1].

    Returns
    -------
    numpy.ndarray of shape (n_levels,)
        The quantiles; the extremes at 0 and 1.
    """
    order = np.argsort(values, kind="stable")
    share = weight[order]
    middle = np.cumsum(share) - share / 2
    return np.interp(levels, middle, values[order])


def _inverse_information(
    design: _Array, weight: _Array, risk: _Array, n: int
) -> _Array:
    rows = np.column_stack([np.ones(weight.size), design])
    information = n * (rows.T * (weight * risk * (1 - risk))) @ rows
    inverse: _Array = np.linalg.inv(information).astype(np.float64)
    return inverse


def _expit(value: _Array) -> _Array:
    result: _Array = 1 / (1 + np.exp(-value))
    return result
