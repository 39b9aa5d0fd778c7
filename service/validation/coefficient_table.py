"""The table of a logistic regression: odds ratios, intervals, and what was dropped."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.validation.candidates import Candidates
from service.validation.estimates import Estimate
from service.validation.logistic import LogisticFit
from service.validation.selection import Elimination, profile_interval, wald_p

__all__ = ["Coefficient", "Drop", "coefficient_table", "drops"]

_Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coefficient:
    """
    A row of the table of a logistic regression.

    Attributes
    ----------
    name : str
        Column; with its label for an indicator.
    value, standard_error : float
        Log odds ratio of one unit.
    odds_ratio, low, high : float
        Odds ratio and its 95 % interval by the profile likelihood; NaN where the
        classes are all but separated near an end.
    p : float
        Of Wald's test.
    """

    name: str
    value: float
    standard_error: float
    odds_ratio: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Drop:
    """
    A candidate that backward elimination dropped.

    Attributes
    ----------
    name : str
        Which.
    p : float
        Of Wald's test, all its columns together, before it was dropped.
    aic : float
        Akaike's criterion afterwards.
    """

    name: str
    p: float
    aic: float


def coefficient_table(
    candidates: Candidates,
    patients: NDArray[np.bool_],
    kept: Sequence[int],
    fit: LogisticFit,
) -> tuple[Coefficient, ...]:
    """
    Tabulate a model.

    Parameters
    ----------
    candidates : Candidates
        All patients and columns.
    patients : numpy.ndarray of bool of shape (n_patients,)
        To whom it was fitted.
    kept : sequence of int
        Its terms.
    fit : LogisticFit
        Intercept, then the columns of the terms.

    Returns
    -------
    tuple of Coefficient
        One row for each column; the intercept has none.
    """
    columns = [column for term in kept for column in candidates.terms[term]]
    own = candidates.design[patients][:, columns]
    design = np.column_stack([np.ones(len(own)), own])
    outcome, names = candidates.outcome[patients], candidates.column_names
    rows = []
    for place, column in enumerate(columns, 1):
        found = profile_interval(design, outcome, fit, place)
        rows.append(
            Coefficient(
                names[column],
                found.value,
                float(fit.standard_errors[place]),
                *_ratios(found),
                wald_p(fit, [place]),
            )
        )
    return tuple(rows)


def drops(candidates: Candidates, elimination: Elimination) -> tuple[Drop, ...]:
    """
    Name what was dropped.

    Parameters
    ----------
    candidates : Candidates
        All columns.
    elimination : Elimination
        The steps.

    Returns
    -------
    tuple of Drop
        In order.
    """
    return tuple(
        Drop(candidates.candidates[step.term].name, step.p, step.aic)
        for step in elimination.steps
    )


def _ratios(found: Estimate) -> tuple[float, float, float]:
    return exp(found.value), exp(found.low), exp(found.high)
