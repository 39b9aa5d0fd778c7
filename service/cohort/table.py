"""The cohort as a CSV file: every row checked, none dropped in silence."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BufferedReader, TextIOWrapper
from itertools import compress
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.cohort.lines import KNOWN, Lines, TableError
from service.cohort.patients import (
    DATES,
    SYNTHETIC_PREFIX,
    PatientCohort,
    Refusal,
    Source,
)
from service.cohort.rows import Block, check_rows
from service.cohort.timing import timing_warnings
from service.cohort.units import unit_warnings
from service.model.predictors import INPUTS

__all__ = ["TableError", "read_cohort"]


def read_cohort(
    path: Path,
    *,
    signed_angles: bool = False,
    progress: Callable[[int], object] | None = None,
) -> PatientCohort:
    """
    Read a cohort.

    Parameters
    ----------
    path : pathlib.Path
        CSV in UTF-8 with the header of `service.cohort.lines.COLUMNS`; the restoration
        ratio may stand in place of the angles.
    signed_angles : bool, optional
        The file records angles with signs; see `service.cohort.rows.check_rows`.
    progress : callable, optional
        Learns of the number of rows newly read.

    Returns
    -------
    PatientCohort
        The rows without fault, each fault of the others, and the warnings that whoever
        wrote the file left in it. An id that stands in
        several rows refuses all of them: which one counts cannot be known.

    Raises
    ------
    TableError
        If the file cannot be read, or its header is not that of a cohort.
    """
    with _opened(path) as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        # The mark of UTF-8 with which Excel begins changes nothing.
        with TextIOWrapper(file, "utf-8-sig", newline="") as text:
            lines = Lines(path, text)
            rows = _Rows(lines.names)
            for block in lines.blocks():
                rows.add(block, signed_angles=signed_angles)
                if progress is not None:
                    progress(len(block))
    if not rows.ids:
        raise TableError(path.name, 0, "holds no rows; give one for each patient")
    is_synthetic = lines.is_marked or _is_drawn(path, rows.ids)
    found = rows.cohort(Source("csv", path.name, checksum, is_synthetic))
    told = dict.fromkeys((*lines.warnings, *found.warnings))
    return replace(found, warnings=tuple(told))


def _opened(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise TableError(path.name, 0, f"cannot be read: {error.strerror}") from error


def _is_drawn(path: Path, ids: Sequence[str]) -> bool:
    """Tell drawn patients by their ids: the first line of a file is easily lost."""
    drawn = sum(name.startswith(SYNTHETIC_PREFIX) for name in ids)
    if 0 < drawn < len(ids):
        problem = (
            f"{drawn} of {len(ids)} ids begin with {SYNTHETIC_PREFIX}, which marks"
            " drawn patients; they are never mixed with real ones: take them out"
        )
        raise TableError(path.name, 0, problem)
    return drawn > 0


class _Rows:
    """What has been read so far."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._id = names.index("id")
        self._others = [name for name in names if name not in KNOWN]
        #: The same words in many rows are kept once.
        self._words: dict[str, str] = {}
        self._texts: dict[str, list[str]] = {name: [] for name in self._others}
        self._blocks: list[Block] = []
        self._taken: list[NDArray[np.int64]] = []
        self._refused: list[Refusal] = []
        #: Of all rows, taken or not.
        self.ids: list[str] = []

    def add(self, rows: list[list[str]], *, signed_angles: bool) -> None:
        """Check rows and keep those without fault."""
        first, width, place = len(self.ids) + 1, len(self._names), self._id
        self.ids += [row[place].strip() if len(row) > place else "" for row in rows]
        numbers: Sequence[int] = range(first, first + len(rows))
        if set(map(len, rows)) != {width}:
            numbers = [n for n in numbers if self._fits(n, rows[n - first])]
            rows = [rows[n - first] for n in numbers]
        fields = zip(*rows, strict=True) if rows else ((),) * width
        texts = {
            name: list(map(str.strip, column))
            for name, column in zip(self._names, fields, strict=True)
        }
        block = check_rows(texts, numbers, signed_angles=signed_angles)
        self._blocks.append(block)
        self._taken.append(np.array(numbers, dtype=np.int64)[block.kept])
        self._refused += block.refusals
        for name in self._others:
            kept = list(compress(texts[name], block.kept.tolist()))
            self._texts[name] += map(self._words.setdefault, kept, kept)

    def _fits(self, number: int, row: Sequence[str]) -> bool:
        width = len(self._names)
        if len(row) == width:
            return True
        reason = (
            f"has {len(row)} fields where the header has {width}; a text with a comma"
            " stands in double quotes"
        )
        self._refused.append(Refusal(number, self.ids[number - 1], "", reason))
        return False

    def cohort(self, source: Source) -> PatientCohort:
        """Put the blocks together, without ids that stand there twice."""
        taken = np.concatenate(self._taken)
        repeated = self._repeated()
        columns: dict[str, NDArray[Any]] = {
            name: np.concatenate([block.columns[name] for block in self._blocks])
            for name in INPUTS
        }
        dates = {
            name: np.concatenate([block.dates[name] for block in self._blocks])
            for name in DATES
            if name in self._names
        }
        scnen = np.concatenate([block.scnen for block in self._blocks])
        found = PatientCohort(
            ids=tuple(self.ids[number - 1] for number in taken.tolist()),
            columns=columns,
            scnen=scnen,
            others={
                name: np.array(texts, dtype=object)
                for name, texts in self._texts.items()
            },
            refused=tuple(sorted(self._refused, key=attrgetter("row"))),
            source=source,
            dates=dates,
            warnings=(*unit_warnings(columns), *_untimely(scnen, dates)),
        )
        return found.subset(~np.isin(taken, repeated)) if repeated else found

    def _repeated(self) -> list[int]:
        """Refuse the rows whose id is not theirs alone."""
        if len(set(self.ids)) == len(self.ids):
            return []
        counts = Counter(filter(None, self.ids))
        rows = [n for n, name in enumerate(self.ids, 1) if counts[name] > 1]
        reason = "stands in several rows, none of which is taken; keep the right one"
        self._refused += [Refusal(n, self.ids[n - 1], "id", reason) for n in rows]
        return rows


def _untimely(
    scnen: NDArray[np.float64], dates: Mapping[str, NDArray[np.datetime64]]
) -> Iterator[str]:
    if {"operation_date", "outcome_date"} <= dates.keys():
        days = dates["operation_date"], dates["outcome_date"]
        yield from timing_warnings(scnen, *days)
