"""Candidates for a model: which columns of a cohort, of which patients, coded how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.cohort.patients import PatientCohort
from service.model.predictors import INPUTS
from service.validation.designs import dependent_column

__all__ = ["Candidate", "Candidates", "choose_candidates"]

_Array: TypeAlias = NDArray[np.float64]
_Column: TypeAlias = NDArray[Any]

#: More labels than this are names or dates, not groups of patients.
_MOST_LABELS: Final = 10
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    One column of the cohort, as models see it.

    Attributes
    ----------
    name : str
        Name of the column.
    codes : Mapping[str, float]
        Number of each label, for an input with a fixed code; empty otherwise.
    labels : tuple of str
        Labels, the reference first, each other one with an indicator column; empty
        for numbers and codes.
    columns : tuple of int
        Where its columns stand in the design.
    missing : int
        Examined patients without a value.
    """

    name: str
    codes: Mapping[str, float]
    labels: tuple[str, ...]
    columns: tuple[int, ...]
    missing: int


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """
    The patients and columns that a model is developed from.

    Attributes
    ----------
    candidates : tuple of Candidate
        What was considered.
    rows : numpy.ndarray of bool of shape (n_in_cohort,)
        Who of the cohort is here.
    design : numpy.ndarray of shape (n_patients, n_columns)
        Coded values.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    columns : Mapping[str, numpy.ndarray of shape (n_patients,)]
        The values as given, for the baseline table.
    in_cohort, not_examined, incomplete : int
        All patients; those without an outcome; and those examined who lack a value,
        and are therefore not here.
    """

    candidates: tuple[Candidate, ...]
    rows: NDArray[np.bool_]
    design: _Array
    outcome: _Array
    columns: Mapping[str, _Column]
    in_cohort: int
    not_examined: int
    incomplete: int

    @property
    def terms(self) -> tuple[tuple[int, ...], ...]:  # numpydoc ignore=RT01
        """The columns of each candidate."""
        return tuple(candidate.columns for candidate in self.candidates)

    @property
    def column_names(self) -> tuple[str, ...]:  # numpydoc ignore=RT01
        """Name of each column; with its label for an indicator."""
        return tuple(
            name
            for candidate in self.candidates
            for name in (
                [f"{candidate.name}: {label}" for label in candidate.labels[1:]]
                or [candidate.name]
            )
        )


def choose_candidates(
    cohort: PatientCohort, names: Sequence[str] | None = None
) -> Candidates:
    """
    Take the candidates of the patients who were examined and lack none of them.

    Inputs of the bundled models keep their codes. A further column is a number if all
    its values are; otherwise its labels are groups: the most frequent one is the
    reference, each other one gets an indicator, and they stay or go together.

    Parameters
    ----------
    cohort : PatientCohort
        The patients.
    names : sequence of str, optional
        Columns; by default all further ones, and all inputs that any patient has.

    Returns
    -------
    Candidates
        Design, outcome and who was left out. Nothing is imputed.

    Raises
    ------
    ValueError
        If a column is unknown, named twice, has more than ten labels, the same value
        for all patients, or follows from the columns before it; or nobody is left.
        The message names the column.
    """
    known = _present(cohort)
    chosen = tuple(names if names is not None else known)
    for name in chosen:
        if name not in known:
            raise ValueError(f"{name}: no such candidate; there are {', '.join(known)}")
    if len(set(chosen)) < len(chosen) or not chosen:
        raise ValueError("candidates: name each column once, and at least one")
    typed = {name: _typed(known[name]) for name in chosen}
    examined = cohort.examined()
    lacking = {name: _is_missing(column) & examined for name, column in typed.items()}
    complete = examined & ~np.any(list(lacking.values()), axis=0)
    if not examined.any():
        raise ValueError(
            "nobody was examined: an empty scnen is not 0; examine patients and record"
            " what was found (scnen-cds outcomes, or the column scnen)"
        )
    if not complete.any():
        raise ValueError("candidates: no patient has them all; name fewer")
    kept = {name: column[complete] for name, column in typed.items()}
    candidates, design = _coded(
        kept, {name: int(rows.sum()) for name, rows in lacking.items()}
    )
    found = Candidates(
        candidates,
        complete,
        design,
        cohort.scnen[complete],
        kept,
        in_cohort=len(cohort),
        not_examined=int((~examined).sum()),
        incomplete=int((examined & ~complete).sum()),
    )
    _check_independent(found)
    return found


def _present(cohort: PatientCohort) -> dict[str, _Column]:
    inputs = {
        name: column
        for name, column in cohort.columns.items()
        if not _is_missing(column).all()
    }
    return inputs | dict(cohort.others)


def _typed(column: _Column) -> _Column:
    """Turn text whose values are all numbers into numbers."""
    if column.dtype.kind not in "UO":
        return column
    text = column.astype(np.str_)
    try:
        numbers = np.array([float(each) if each else np.nan for each in text])
    except ValueError:
        return text
    return text if np.isinf(numbers).any() else numbers


def _is_missing(column: _Column) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = (
        column == "" if column.dtype.kind in "UO" else np.isnan(column)
    )
    return missing


def _coded(
    columns: Mapping[str, _Column], missing: Mapping[str, int]
) -> tuple[tuple[Candidate, ...], _Array]:
    found: list[Candidate] = []
    design: list[_Array] = []
    for name, column in columns.items():
        codes: dict[str, float] = {}
        labels: tuple[str, ...] = ()
        if column.dtype.kind not in "UO":
            parts = [column]
        elif name in INPUTS:
            codes = dict(INPUTS[name].codes)
            parts = [np.array([codes[label] for label in column])]
        else:
            labels = _labels(name, column)
            parts = [(column == label).astype(np.float64) for label in labels[1:]]
        places = tuple(range(len(design), len(design) + len(parts)))
        found.append(Candidate(name, codes, labels, places, missing[name]))
        design += parts
    return tuple(found), np.column_stack(design)


def _labels(name: str, column: _Column) -> tuple[str, ...]:
    labels, counts = np.unique(column, return_counts=True)
    if labels.size > _MOST_LABELS:
        raise ValueError(
            f"{name}: has {labels.size} different labels; merge them to at most"
            f" {_MOST_LABELS}, or leave the column out with --candidates"
        )
    if labels.size < _PAIR:
        raise ValueError(_constant(name))
    reference = int(counts.argmax())
    others = [str(label) for place, label in enumerate(labels) if place != reference]
    return (str(labels[reference]), *others)


def _check_independent(found: Candidates) -> None:
    column = dependent_column(found.design)
    if column is None:
        return
    candidate = next(c for c in found.candidates if column in c.columns)
    if np.ptp(found.design[:, column]) == 0:
        raise ValueError(_constant(candidate.name))
    raise ValueError(
        f"{candidate.name}: follows from the candidates before it; leave one of them"
        " out with --candidates"
    )


def _constant(name: str) -> str:
    return (
        f"{name}: is the same for all patients who have all candidates; leave it out"
        " with --candidates"
    )
