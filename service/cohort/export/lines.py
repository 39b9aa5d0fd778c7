"""An export too large for memory: the lines that may matter, sorted by patient."""

import gzip
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import orjson

from service.cohort.export.queries import (
    OPERATED,
    OTHER_VERSIONS,
    SCAN,
    SORTED,
    TABLES,
)
from service.fhir.conceptmaps import Kind
from service.fhir.terminology import Terminology

__all__ = ["ExportError", "Limits", "Line", "Sieve", "export_files"]

#: What may stand at the end of a file's name.
_ENDINGS: Final = (".ndjson", ".ndjson.gz")
#: Characters that DuckDB takes for a pattern in a file's name.
_WILD: Final = re.compile(r"([*?[])")
#: By resource type: of which kinds a code must be. They are the look-ups that the
#: extraction, the exclusions and the criteria of the follow-up make.
_KINDS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "Procedure": (Kind.METHOD, Kind.PROCEDURE),
    "Observation": (Kind.MEASUREMENT, Kind.FINDING),
    "Condition": (Kind.CONDITION, Kind.EXCLUSION, Kind.DIAGNOSIS),
}
#: Weight of a line: nothing of ours, of use beside an operation, an operation.
_NOTHING, _OF_USE, _OPERATION = range(3)
#: So many codes are remembered: few are used in a hospital, and those all the time.
_KEPT: Final = 65_536
_FETCHED: Final = 1_000


class ExportError(ValueError):
    """An export that cannot be read; names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What reading an export may take.

    Attributes
    ----------
    memory_mb : int
        Memory of the sieve; what goes beyond lies in a temporary file. The longest
        lines, the codes seen and what is read of a patient come on top.
    threads : int
        Threads of the sieve.
    longest_line_mb : int
        Longest line that is read.
    """

    memory_mb: int = 1024
    threads: int = 1
    longest_line_mb: int = 16


class Line(NamedTuple):
    """
    A resource as it stands in the export, not yet read.

    Attributes
    ----------
    kind : str
        Its type.
    text : str
        JSON.
    file : int
        Which file.
    number : int
        Which of all lines; `Sieve.place_of` tells where that is.
    """

    kind: str
    text: str
    file: int
    number: int


class Sieve:
    """
    Find what may matter in an export, and give it back patient by patient.

    What the terminology knows is kept, by the look-ups that the extraction makes; and
    all other versions of it. The rest is counted.

    Parameters
    ----------
    spill : pathlib.Path
        An empty folder for what does not fit into memory. Patient data lie there: let
        nobody else read it, and delete it afterwards.
    terminology : Terminology
        Which codes and texts mean something.
    limits : Limits
        What it may take.

    Attributes
    ----------
    counts : dict of str to int
        How many resources of each type there were.
    kept : dict of str to int
        How many of them may matter.
    """

    def __init__(self, spill: Path, terminology: Terminology, limits: Limits) -> None:
        self._files: list[Path] = []
        self._starts: list[int] = []
        self._longest = limits.longest_line_mb << 20
        self.counts: dict[str, int] = {}
        self.kept: dict[str, int] = {}
        self._database = duckdb.connect(
            str(spill / "lines.duckdb"),
            config={
                "memory_limit": f"{limits.memory_mb}MB",
                "threads": limits.threads,
                "temp_directory": str(spill / "spilled"),
                "preserve_insertion_order": True,
            },
        )
        self._database.create_function(
            "weigh", _weigher(terminology), ["VARCHAR", "VARCHAR"], "UTINYINT"
        )
        self._database.execute(TABLES)

    def __enter__(self) -> "Sieve":
        """Open nothing more."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the temporary file."""
        self._database.close()

    def read(self, files: Sequence[Path]) -> Iterator[Path]:
        """
        Read the files of an export, once.

        Parameters
        ----------
        files : sequence of pathlib.Path
            NDJSON, compressed by gzip or not.

        Yields
        ------
        pathlib.Path
            Each file that was read.

        Raises
        ------
        ExportError
            If a file cannot be read to its end.
        """
        for file in files:
            self._starts.append(self._number_of_lines())
            self._files.append(file)
            self._scan(len(self._files) - 1, again=False)
            yield file
        self._starts.append(self._number_of_lines())
        self.counts = self._count("kind IS NOT NULL")
        self.kept = self._count("weight > 0")
        self._database.execute(OPERATED)
        self._database.execute(OTHER_VERSIONS)
        again = self._database.execute("SELECT DISTINCT file FROM versions ORDER BY 1")
        for (number,) in again.fetchall():
            self._scan(number, again=True)

    def patients(self) -> Iterator[tuple[str, list[Line]]]:
        """
        Give the patients with an operation, in the order of their ids.

        Yields
        ------
        tuple of str and list of Line
            Id of the patient, and what may matter of the record.
        """
        rows = _rows(self._database.execute(SORTED))
        for patient, group in groupby(rows, key=itemgetter(0)):
            yield patient, [Line(*row[1:]) for row in group]

    def bases(self) -> tuple[str, ...]:
        """
        List the FHIR servers that subjects name.

        Returns
        -------
        tuple of str
            Their addresses, as they are written.
        """
        query = (
            "SELECT DISTINCT base FROM lines SEMI JOIN operated USING (patient)"
            " WHERE base IS NOT NULL ORDER BY 1"
        )
        return tuple(base for (base,) in self._database.execute(query).fetchall())

    def strays(self) -> int:
        """
        Count what may matter and has no patient as its subject.

        Returns
        -------
        int
            How many resources.
        """
        query = "SELECT count(*) FROM lines WHERE weight > 0 AND patient IS NULL"
        return int(self._database.execute(query).fetchall()[0][0])

    def broken(self) -> Iterator[tuple[int, int]]:
        """
        List the lines that are no resource.

        Yields
        ------
        tuple of int
            File and number, as of a `Line`.
        """
        query = "SELECT file, rowid FROM lines WHERE kind IS NULL ORDER BY rowid"
        yield from _rows(self._database.execute(query))

    def places(self, lines: Iterable[tuple[int, int]]) -> Iterator[tuple[Path, int]]:
        """
        Tell where lines stand.

        Parameters
        ----------
        lines : iterable of tuple of int
            File and number of each, as of a `Line`.

        Yields
        ------
        tuple of pathlib.Path and int
            File, and line in it counted from 1, blank ones included; 0 for a line that
            was found as another version of one that matters.
        """
        for file, group in groupby(sorted(set(lines)), key=itemgetter(0)):
            wanted = [number - self._starts[file] for _, number in group]
            found = dict(_numbered(self._files[file], frozenset(wanted)))
            for position in wanted:
                yield self._files[file], found.get(position, 0)

    def _number_of_lines(self) -> int:
        return int(
            self._database.execute("SELECT count(*) FROM lines").fetchall()[0][0]
        )

    def _count(self, which: str) -> dict[str, int]:
        query = f"SELECT kind, count(*) FROM lines WHERE {which} GROUP BY 1 ORDER BY 1"  # noqa: S608 our own words
        return dict(self._database.execute(query).fetchall())

    def _scan(self, number: int, *, again: bool) -> None:
        file = self._files[number]
        values = {
            "path": _WILD.sub(r"[\1]", str(file)),
            "longest": self._longest,
            "file": number,
            "again": again,
        }
        try:
            self._database.execute(SCAN, values)
        except duckdb.Error as error:
            # What DuckDB says may quote the file.
            if "maximum_object_size" in str(error):
                raise ExportError(
                    f"{file.name}: has a line of more than {self._longest >> 20} MB;"
                    " allow longer ones, or take the file out if it holds none of"
                    f" Patient, Encounter, {', '.join(_KINDS)}"
                ) from None
            if isinstance(error, duckdb.OutOfMemoryException):
                raise ExportError(
                    f"{file.name}: does not fit into the memory or disk space that is"
                    " allowed; allow more memory, or give a larger temporary folder"
                ) from None
            raise ExportError(
                f"{file.name}: cannot be read to its end; check that it can be opened"
                " and was copied whole"
            ) from None


def export_files(folder: Path) -> tuple[Path, ...]:
    """
    List the files of an export.

    Parameters
    ----------
    folder : pathlib.Path
        The export, maybe with folders in it.

    Returns
    -------
    tuple of pathlib.Path
        All ``.ndjson`` and ``.ndjson.gz``, in the order of their names.

    Raises
    ------
    ExportError
        If there is none.
    """
    found = [
        path
        for path in folder.rglob("*")
        if path.name.lower().endswith(_ENDINGS) and path.is_file()
    ]
    if not found:
        raise ExportError(
            f"{folder}: holds no file that ends with {' or '.join(_ENDINGS)}"
        )
    return tuple(sorted(found))


def _weigher(terminology: Terminology) -> Callable[[str, str], int]:
    """Ask of each code once what the extraction would ask."""
    lexicons = {
        kind: [terminology.lexicon(each) for each in kinds]
        for kind, kinds in _KINDS.items()
    }

    @lru_cache(maxsize=_KEPT)
    def weigh(kind: str, code: str) -> int:
        try:
            concept = orjson.loads(code) if code else None
        except orjson.JSONDecodeError:
            return _OF_USE  # whoever reads the line says what is wrong with it
        if kind == "Procedure" and terminology.methods.meanings(concept):
            return _OPERATION
        is_known = any(lexicon.meanings(concept) for lexicon in lexicons[kind])
        return _OF_USE if is_known else _NOTHING

    return weigh


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := result.fetchmany(_FETCHED):
        yield from rows


def _numbered(file: Path, wanted: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Count lines as they are counted when they are read: blank ones are not."""
    position = -1
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                position += 1
                if position in wanted:
                    yield position, number
