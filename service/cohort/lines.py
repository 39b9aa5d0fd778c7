"""A cohort file as lines: marks, header, rows, and what is wrong with the file."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Final, TextIO

from service.cohort.patients import DATES
from service.cohort.rows import LABELS, NUMBERS

__all__ = [
    "COLUMNS",
    "KNOWN",
    "SYNTHETIC_MARK",
    "WARNING_MARK",
    "Lines",
    "TableError",
]

#: The columns of a table, as the template has them.
COLUMNS: Final = (
    "id",
    "segment",
    "method",
    "cement_ratio_percent",
    "cobb_preoperative_deg",
    "cobb_postoperative_deg",
    "scnen",
)
#: Every column that means something; the others are subgroups and candidates.
KNOWN: Final = frozenset(("id", *LABELS, *NUMBERS, "scnen", *DATES))
#: How a first line begins that says that nobody in the table is a patient.
SYNTHETIC_MARK: Final = "# synthetic"
#: How lines above the header begin that say what the rows alone do not tell.
WARNING_MARK: Final = "# warning: "

_RATIO: Final = "cobb_restoration_ratio_percent"
_ANGLES: Final = ("cobb_preoperative_deg", "cobb_postoperative_deg")
_REQUIRED: Final = tuple(name for name in COLUMNS if name not in _ANGLES)
_AT_ONCE: Final = 20_000
_DELIMITERS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_SAVE_AS: Final = "save it as CSV UTF-8 with commas between fields and decimal points"


class TableError(ValueError):
    """
    A file that cannot be read as a cohort at all.

    Parameters
    ----------
    file : str
        Its name.
    line : int
        Line at fault, from 1; 0 for the file as a whole.
    problem : str
        What is wrong, and the remedy.
    """

    def __init__(self, file: str, line: int, problem: str) -> None:
        place = f"{file}, line {line}" if line else file
        super().__init__(f"{place}: {problem}")
        self.file = file
        self.line = line
        self.problem = problem


class Lines:
    """
    A file as a header and blocks of rows.

    Parameters
    ----------
    path : pathlib.Path
        Where it is, to name it and to find a line that is not UTF-8.
    text : text file
        The same, opened as UTF-8 with ``newline=""``, at its beginning.

    Attributes
    ----------
    is_marked : bool
        Whether a line above the header says that the patients were drawn.
    warnings : list of str
        What other such lines say.
    names : list of str
        The columns.

    Raises
    ------
    TableError
        If the file is not UTF-8, or its header is not that of a cohort.
    """

    def __init__(self, path: Path, text: TextIO) -> None:
        self._path = path
        self.is_marked, self._above = False, 0
        self.warnings: list[str] = []
        try:
            first = text.readline()
            while first.lstrip('"').startswith("#"):
                self._take(first.strip('"\r\n,'))
                first = text.readline()
        except UnicodeDecodeError:
            raise self._not_utf8() from None
        head = (first,) if first else ()
        self._rows = csv.reader(chain(head, text), strict=True)
        self.names = next(self._guarded(), [])
        problem = _problem_of_header(self.names)
        if problem:
            line = self._rows.line_num + self._above
            raise TableError(path.name, line, problem)

    def blocks(self) -> Iterator[list[list[str]]]:
        """
        Read on.

        Yields
        ------
        list of list of str
            Rows, as many as are checked at once.

        Raises
        ------
        TableError
            If a line is not UTF-8 or its quotes do not match.
        """
        rows = self._guarded()
        while block := list(islice(rows, _AT_ONCE)):
            yield block

    def _take(self, comment: str) -> None:
        """Take a line above the header; a spreadsheet may have quoted it."""
        self._above += 1
        if comment.startswith(SYNTHETIC_MARK):
            self.is_marked = True
        elif comment.startswith(WARNING_MARK):
            self.warnings.append(comment.removeprefix(WARNING_MARK))
        else:
            problem = (
                f"a comment, and none but {SYNTHETIC_MARK!r} and"
                f" {WARNING_MARK.strip()!r} are known; delete it"
            )
            raise TableError(self._path.name, self._above, problem)

    def _guarded(self) -> Iterator[list[str]]:
        try:
            # An empty line between rows says nothing.
            yield from filter(None, self._rows)
        except UnicodeDecodeError:
            raise self._not_utf8() from None
        except csv.Error as error:
            line = self._rows.line_num + self._above
            problem = f"cannot be taken apart ({error}); check the quotes in it"
            raise TableError(self._path.name, line, problem) from error

    def _not_utf8(self) -> TableError:
        with self._path.open("rb") as file:
            bad = ((n, line) for n, line in enumerate(file, 1) if not _is_utf8(line))
            number, line = next(bad)
        what = "is encoded in UTF-16" if line.startswith(_UTF16) else "is not UTF-8"
        return TableError(self._path.name, number, f"{what}; {_SAVE_AS}")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _problem_of_header(names: Sequence[str]) -> str:
    """Say what is wrong with a header and what to do; nothing if it is right."""
    if not names:
        return "is empty; `scnen-cds cohort template` prints the header"
    if names[0].startswith("sep="):
        return f"delete this line of Excel's, and {_SAVE_AS}"
    for mark, word in _DELIMITERS.items():
        if len(names) == 1 and mark in names[0]:
            return f"the fields are separated by {word}; {_SAVE_AS}"
    for name in names:
        plain = name.strip().lower().replace(" ", "_")
        if name not in KNOWN and plain in KNOWN:
            return f"the column {name!r} must be written {plain}"
    unnamed = [str(place) for place, name in enumerate(names, 1) if not name.strip()]
    if unnamed:
        return f"column {', '.join(unnamed)} has no name; name or delete it"
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"{', '.join(twice)}: stands there twice; rename or delete one of them"
    return _lacking(names)


def _lacking(names: Sequence[str]) -> str:
    lacking = [name for name in _REQUIRED if name not in names]
    if _RATIO not in names and not set(_ANGLES) <= set(names):
        lacking.append(f"{' and '.join(_ANGLES)} (or {_RATIO})")
    if not lacking:
        return ""
    return (
        f"columns are missing: {', '.join(lacking)}; `scnen-cds cohort template`"
        " prints the header"
    )
