"""Two readers of the same films: how they agree, and what it does to the risk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.cohort.patients import PatientCohort
from service.model.predictors import INPUTS
from service.model.risk_model import RiskModel
from service.validation.agreement import (
    BlandAltman,
    IntraclassCorrelation,
    bland_altman,
    intraclass_correlation,
    within_subject_sd,
)
from service.validation.estimates import Estimate
from service.validation.reading_error import RiskDifferences, risk_differences

__all__ = ["Reading", "TwoReaders", "compare_readers"]

_Columns: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Reading:
    """
    How two readers agree in one quantity.

    Attributes
    ----------
    name, unit : str
        The quantity.
    correlation : IntraclassCorrelation
        Of single readings.
    differences : BlandAltman
        Second less first.
    within_subject_sd : Estimate
        Error of a single reading, in the unit of the quantity.
    """

    name: str
    unit: str
    correlation: IntraclassCorrelation
    differences: BlandAltman
    within_subject_sd: Estimate


@dataclass(frozen=True, slots=True)
class TwoReaders:
    """
    What two readers made of the same patients.

    Attributes
    ----------
    both, first_alone, second_alone : int
        Patients whom both have, and those whom one has.
    readings : tuple of Reading
        Each quantity that both have; of every quantity those patients of whom both
        have it.
    risk : RiskDifferences
        Of those patients of whom both have all predictors.
    """

    both: int
    first_alone: int
    second_alone: int
    readings: tuple[Reading, ...]
    risk: RiskDifferences


def compare_readers(
    model: RiskModel,
    first: PatientCohort,
    second: PatientCohort,
    *,
    cuts: tuple[float, ...],
) -> TwoReaders:
    """
    Compare the measurements of two readers.

    Parameters
    ----------
    model : RiskModel
        Gives the risks.
    first, second : PatientCohort
        The same patients, by id, in any order; outcomes are not looked at.
    cuts : tuple of float
        Where bands of risk end, from the policy: in (0, 1), ascending.

    Returns
    -------
    TwoReaders
        Agreement of each quantity, and the difference of the risks.

    Raises
    ------
    ValueError
        If they have no patient in common, fewer than three pairs of a quantity that
        both have, or no patient with all predictors; if a quantity is the same in all
        films; or if what is not read from films differs.
    """
    places = {name: place for place, name in enumerate(second.ids)}
    of_first = [place for place, name in enumerate(first.ids) if name in places]
    of_second = [places[first.ids[place]] for place in of_first]
    if not of_first:
        raise ValueError(
            "second: has no id of the first; give both readers' tables the same ids"
        )
    there = first.complete(model)[of_first] & second.complete(model)[of_second]
    if not there.any():
        raise ValueError(
            f"second: of nobody do both readers have all predictors of {model.id}"
        )
    one, two = _rows(first, of_first), _rows(second, of_second)
    known = [_known(model, columns, there) for columns in (one, two)]
    return TwoReaders(
        both=len(of_first),
        first_alone=len(first) - len(of_first),
        second_alone=len(second) - len(of_first),
        readings=_readings(one, two),
        risk=risk_differences(model, *known, cuts=cuts),
    )


def _rows(cohort: PatientCohort, places: list[int]) -> _Columns:
    return {name: column[places] for name, column in cohort.columns.items()}


def _known(model: RiskModel, columns: _Columns, there: NDArray[np.bool_]) -> _Columns:
    return {each.name: columns[each.name][there] for each in model.predictors}


def _readings(one: _Columns, two: _Columns) -> tuple[Reading, ...]:
    found = []
    for name, quantity in INPUTS.items():
        if one[name].dtype.kind != "f":
            continue
        pairs = np.column_stack([one[name], two[name]])
        pairs = pairs[~np.isnan(pairs).any(axis=1)]
        if pairs.size:
            found.append(_reading(name, quantity.unit, pairs))
    return tuple(found)


def _reading(name: str, unit: str, pairs: NDArray[np.float64]) -> Reading:
    try:
        return Reading(
            name,
            unit,
            intraclass_correlation(pairs),
            bland_altman(*pairs.T),
            within_subject_sd(pairs),
        )
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
