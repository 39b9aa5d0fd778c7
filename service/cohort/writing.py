"""Writing a cohort as CSV, and the rows that were refused."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np
from numpy.typing import NDArray

from service.cohort.lines import COLUMNS, SYNTHETIC_MARK, WARNING_MARK
from service.cohort.patients import PatientCohort, Refusal

__all__ = ["MEANINGS", "refused_ids", "write_cohort", "write_refused"]

_REFUSED: Final = ["row", "id", "field", "reason"]

#: What each column may hold, in words, for whoever fills in the template.
MEANINGS: Final = {
    "id": "a pseudonym, each once; never a name or a hospital number",
    "segment": "of the fractured vertebra: thoracic or lumbar; empty if not known",
    "method": "pedicle_screw, pvp or pkp; empty if not known",
    "cement_ratio_percent": (
        "cement area over vertebral area on the anteroposterior film, per cent: 52,"
        " not 0.52; empty if there is none"
    ),
    "cobb_preoperative_deg": (
        "angle between the endplates of the fractured vertebra before, degrees"
    ),
    "cobb_postoperative_deg": "the same angle after the operation",
    "scnen": "1 found, 0 examined and not found, empty for not examined",
    "cobb_restoration_ratio_percent": (
        "(before - after) / before x 100; in place of the angles or beside them"
    ),
    "operation_date": "YYYY-MM-DD; not after outcome_date",
    "predictors_date": "day of the last of the predictors; not after outcome_date",
    "outcome_date": "day of the examination; empty if scnen is",
}

#: By kind of the source, where synthetic patients come from.
_MADE: Final = {"simulated": "drawn by a computer from published averages"}
_RATIO: Final = "cobb_restoration_ratio_percent"
_AT_ONCE: Final = 20_000
#: How a cell begins that a spreadsheet computes (OWASP, CSV injection).
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_cohort(cohort: PatientCohort, target: TextIO) -> None:
    """
    Write a cohort so that `read_cohort` gives it back.

    Parameters
    ----------
    cohort : PatientCohort
        Whom. Synthetic patients are marked as such in a first line; warnings stand
        above the header, too: what the rows do not tell is not lost with them.
    target : text file
        Where to, opened with ``newline=""``.
    """
    names = [*COLUMNS[:-1], *_ratio_if_needed(cohort), COLUMNS[-1]]
    names += [*cohort.dates, *cohort.others]
    if cohort.source.is_synthetic:
        target.write(
            f"{SYNTHETIC_MARK}: {_MADE.get(cohort.source.kind, 'test data')}; nobody in"
            " this table is a patient\n"
        )
    target.writelines(f"{WARNING_MARK}{text}\n" for text in cohort.warnings)
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(names)
    for start in range(0, len(cohort), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        fields = [_fields(cohort, name, part) for name in names]
        writer.writerows(zip(*fields, strict=True))


def write_refused(refused: Iterable[Refusal], target: TextIO) -> None:
    """
    Write what was refused, and why.

    An id is what the source said, which nobody has checked, and the file is opened in a
    spreadsheet: one that would be a formula there is preceded by an apostrophe.

    Parameters
    ----------
    refused : iterable of Refusal
        One line each: a row with several faults has several.
    target : text file
        Where to, opened with ``newline=""``.
    """
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(_REFUSED)
    writer.writerows(
        (each.row, _no_formula(each.id), each.field, each.reason) for each in refused
    )


def refused_ids(path: Path) -> frozenset[str] | None:
    """
    Read whom a list of refused rows names.

    Parameters
    ----------
    path : pathlib.Path
        From `write_refused`.

    Returns
    -------
    frozenset of str or None
        Ids; None if there is no such list.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if rows.fieldnames != _REFUSED:
                return None
            ids = (row["id"] or "" for row in rows)
            return frozenset(name.removeprefix("'") for name in ids if name)
    except (OSError, UnicodeDecodeError, csv.Error):
        return None


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _ratio_if_needed(cohort: PatientCohort) -> Iterator[str]:
    """Name the ratio where the angles do not say it."""
    before = cohort.columns["cobb_preoperative_deg"]
    after = cohort.columns["cobb_postoperative_deg"]
    is_told = ~np.isnan(before) & ~np.isnan(after) & (before != 0)
    if (~np.isnan(cohort.columns[_RATIO]) & ~is_told).any():
        yield _RATIO


def _fields(cohort: PatientCohort, name: str, part: slice) -> Sequence[str]:
    if name == "id":
        return cohort.ids[part]
    if name == "scnen":
        return ["" if np.isnan(v) else str(int(v)) for v in cohort.scnen[part]]
    if name in cohort.dates:
        return ["" if np.isnat(day) else str(day) for day in cohort.dates[name][part]]
    column = cohort.columns.get(name)
    return _texts((cohort.others[name] if column is None else column)[part])


def _texts(column: NDArray[Any]) -> list[str]:
    if column.dtype.kind != "f":
        return [str(text) for text in column.tolist()]
    return ["" if np.isnan(value) else repr(value) for value in column.tolist()]
