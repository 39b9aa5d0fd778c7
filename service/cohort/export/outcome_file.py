"""Outcomes from a file of one's own, checked row by row."""

import csv
import math
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Final

from service.cohort.export.lines import ExportError
from service.cohort.export.outcomes import Basis, Outcome
from service.cohort.patients import Refusal

__all__ = ["read_outcomes"]

_HEADER: Final = ("id", "scnen", "date")
_SCNEN: Final = {"1": 1.0, "0": 0.0, "": math.nan}


def read_outcomes(file: Path) -> tuple[dict[str, Outcome], list[Refusal]]:
    """
    Read a CSV file with the columns ``id``, ``scnen`` and ``date``.

    Parameters
    ----------
    file : pathlib.Path
        UTF-8, with a header. ``id`` is that of the Patient resource, ``scnen`` 1, 0 or
        empty for not examined, ``date`` the day (YYYY-MM-DD) on which it was found.

    Returns
    -------
    outcomes : dict of str to Outcome
        By id of the patient.
    refused : list of Refusal
        Rows that were not taken; they tell no id, and no value. A patient with two rows
        that differ has no outcome.

    Raises
    ------
    ExportError
        If the file cannot be read, or lacks a column.
    """
    found: dict[str, Outcome] = {}
    refused: list[Refusal] = []
    disputed: set[str] = set()
    for number, row in enumerate(_rows(file), start=1):
        outcome = _outcome(row)
        name = (row["id"] or "").strip()
        if isinstance(outcome, Outcome) and not _agree(
            found.setdefault(name, outcome), outcome
        ):
            disputed.add(name)
            outcome = ("id", "stands there twice with differing outcomes; keep one")
        if not isinstance(outcome, Outcome):
            field, reason = outcome
            refused.append(Refusal(number, "", f"outcomes: {field}", reason))
    for name in disputed:
        del found[name]
    return found, refused


def _rows(file: Path) -> Iterator[Mapping[str, str | None]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            lacking = [name for name in _HEADER if name not in (rows.fieldnames or ())]
            if lacking:
                raise ExportError(
                    f"{file.name}: has no column {', '.join(lacking)}; needed are"
                    f" {','.join(_HEADER)}"
                )
            yield from rows
    except OSError as error:
        raise ExportError(f"{file.name}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error):
        raise ExportError(f"{file.name}: is no CSV file in UTF-8") from None


def _outcome(row: Mapping[str, str | None]) -> Outcome | tuple[str, str]:
    """Give the outcome, or the column that is to blame and why."""
    name, said, day = ((row[column] or "").strip() for column in _HEADER)
    if not name:
        return "id", "is empty; give the id of the Patient resource"
    if said not in _SCNEN:
        return "scnen", "must be 1, 0, or empty for not examined"
    if not said:
        return Outcome(math.nan, None, Basis.NOT_EXAMINED)
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return (
            "date",
            "must be YYYY-MM-DD: without it nobody knows that the outcome came after"
            " the predictors",
        )
    return Outcome(_SCNEN[said], found, Basis.GIVEN)


def _agree(one: Outcome, other: Outcome) -> bool:
    return (repr(one.scnen), one.day) == (repr(other.scnen), other.day)
