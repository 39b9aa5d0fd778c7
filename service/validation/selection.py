"""Backward elimination in logistic regression, and profile-likelihood intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2

from service.validation.arrays import check_outcome
from service.validation.designs import check_design
from service.validation.estimates import Estimate, NotEstimableError
from service.validation.logistic import LogisticFit, fit_logistic

__all__ = [
    "Elimination",
    "Rule",
    "Step",
    "eliminate_backward",
    "fit_terms",
    "profile_interval",
    "wald_p",
]

_Array: TypeAlias = NDArray[np.float64]
_Columns: TypeAlias = Sequence[int]

#: How terms are judged: by Wald's test, or by Akaike's criterion.
Rule: TypeAlias = Literal["p", "aic"]

_LEVEL: Final = 0.05
#: Half the fall of the log likelihood at the ends of a 95 % interval.
_FALL: Final = float(chi2.ppf(0.95, 1)) / 2


@dataclass(frozen=True, slots=True)
class Step:
    """
    A term that was dropped.

    Attributes
    ----------
    term : int
        Which one.
    p : float
        Of Wald's test, all columns of the term together, in the model before.
    aic : float
        Akaike's criterion of the model without it.
    """

    term: int
    p: float
    aic: float


@dataclass(frozen=True, slots=True, eq=False)
class Elimination:
    """
    What backward elimination leaves.

    Attributes
    ----------
    full : LogisticFit
        The model with all terms.
    steps : tuple of Step
        What was dropped, in order.
    kept : tuple of int
        Terms that stay, ascending.
    fit : LogisticFit
        Their model: the intercept, then their columns.
    """

    full: LogisticFit
    steps: tuple[Step, ...]
    kept: tuple[int, ...]
    fit: LogisticFit


def eliminate_backward(
    design: _Array,
    outcome: _Array,
    terms: Sequence[_Columns],
    *,
    start: Sequence[int] | None = None,
    rule: Rule = "p",
) -> Elimination:
    """
    Drop terms one by one and fit the rest anew.

    With ``p`` the term with the largest p value goes as long as that is 0.05 or more,
    as the study did; with ``aic`` the term whose absence lowers Akaike's criterion
    most, as R's ``step``.

    Parameters
    ----------
    design : numpy.ndarray of shape (n_patients, n_columns)
        Candidates, without a column for the intercept.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    terms : sequence of sequence of int
        Columns of each term; all of a term's columns stay or go together.
    start : sequence of int, optional
        Terms to begin with; all by default.
    rule : {"p", "aic"}
        How terms are judged.

    Returns
    -------
    Elimination
        Steps and the model that is left: perhaps the intercept alone.

    Raises
    ------
    NotEstimableError
        If a model on the way has no finite estimates: separation, or columns that
        determine each other. The reason is part of the message.
    ValueError
        If an array is malformed.
    """
    outcome = check_outcome(outcome)
    design = check_design(design, outcome.size)
    kept = tuple(range(len(terms)) if start is None else sorted(start))
    full = fit = fit_terms(design, outcome, terms, kept)
    steps: list[Step] = []
    while kept:
        worst, p = _least_significant(fit, terms, kept)
        if rule == "p" and p < _LEVEL:
            break
        rivals = (worst,) if rule == "p" else kept
        fits = {
            term: fit_terms(design, outcome, terms, [k for k in kept if k != term])
            for term in rivals
        }
        gone = min(fits, key=lambda term: _aic(fits[term]))
        if rule == "aic" and _aic(fits[gone]) >= _aic(fit):
            break
        p_gone = _p_of_term(fit, terms, kept, gone)
        steps.append(Step(gone, p_gone, _aic(fits[gone])))
        kept, fit = tuple(k for k in kept if k != gone), fits[gone]
    return Elimination(full, tuple(steps), kept, fit)


def fit_terms(
    design: _Array,
    outcome: _Array,
    terms: Sequence[_Columns],
    kept: Sequence[int],
) -> LogisticFit:
    """
    Fit the intercept and some terms.

    Parameters
    ----------
    design : numpy.ndarray of shape (n_patients, n_columns)
        Candidates.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    terms : sequence of sequence of int
        Columns of each term.
    kept : sequence of int
        The terms.

    Returns
    -------
    LogisticFit
        Intercept first, then the columns of the terms in their order.

    Raises
    ------
    NotEstimableError
        If there are no finite estimates.
    """
    fit = fit_logistic(_with_intercept(design, terms, kept), outcome)
    if not fit.converged:
        raise NotEstimableError(f"candidates: {fit.reason}; leave some of them out")
    return fit


def wald_p(fit: LogisticFit, places: _Columns) -> float:
    """
    Test coefficients together.

    Parameters
    ----------
    fit : LogisticFit
        A model.
    places : sequence of int
        Places of the coefficients.

    Returns
    -------
    float
        P value of Wald's chi-square test that all of them are 0.
    """
    values = fit.coefficients[list(places)]
    covariance = fit.covariance[np.ix_(places, places)]
    statistic = values @ np.linalg.solve(covariance, values)
    return float(chi2.sf(statistic, len(values)))


def profile_interval(
    design: _Array, outcome: _Array, fit: LogisticFit, place: int
) -> Estimate:
    """
    Give a coefficient's 95 % interval by the profile likelihood.

    Its ends are where the likelihood, maximised over the other coefficients, has
    fallen by 1.92: what R's ``confint`` interpolates is solved here.

    Parameters
    ----------
    design : numpy.ndarray of shape (n_patients, n_coefficients)
        Columns of the model, that of the intercept included.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    fit : LogisticFit
        The model.
    place : int
        Which coefficient.

    Returns
    -------
    Estimate
        Log odds ratio and interval. Without one, its note says why: near an end the
        classes may be all but separated.
    """
    others, own = np.delete(design, place, axis=1), design[:, place]
    value, error = fit.coefficients[place], fit.standard_errors[place]

    def excess(at: float) -> float:
        constrained = fit_logistic(others, outcome, offset=own * at)
        if not constrained.converged:
            raise NotEstimableError(f"profile likelihood: {constrained.reason}")
        return fit.log_likelihood - constrained.log_likelihood - _FALL

    def end(direction: int) -> float:
        for steps in count(2):
            far = value + direction * steps * error
            if excess(far) > 0:
                return float(brentq(excess, value, far, xtol=1e-12, rtol=1e-12))
        raise AssertionError  # pragma: no cover - count never ends

    try:
        return Estimate(float(value), end(-1), end(+1))
    except NotEstimableError as error:
        return Estimate(float(value), note=str(error))


def _with_intercept(
    design: _Array, terms: Sequence[_Columns], kept: Sequence[int]
) -> _Array:
    columns = [column for term in kept for column in terms[term]]
    return np.column_stack([np.ones(len(design)), design[:, columns]])


def _least_significant(
    fit: LogisticFit, terms: Sequence[_Columns], kept: Sequence[int]
) -> tuple[int, float]:
    found = {term: _p_of_term(fit, terms, kept, term) for term in kept}
    worst = max(found, key=lambda term: found[term])
    return worst, found[worst]


def _p_of_term(
    fit: LogisticFit, terms: Sequence[_Columns], kept: Sequence[int], term: int
) -> float:
    before = 1 + sum(len(terms[other]) for other in kept if other < term)
    return wald_p(fit, range(before, before + len(terms[term])))


def _aic(fit: LogisticFit) -> float:
    return 2 * fit.coefficients.size - 2 * fit.log_likelihood
