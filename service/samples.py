"""Samples of a site's resources in files: Bundles, NDJSON, recorded hook requests."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast

import orjson

__all__ = ["Sample", "SampleError"]

_ENDINGS: Final = (".json", ".ndjson", ".jsonl")
#: No resource is longer; what is, is skipped and counted.
_LONGEST_LINE: Final = 16 * 2**20
#: A file that is one JSON document is read as a whole.
_LARGEST_DOCUMENT: Final = 512 * 2**20
_SKIPPED: Final = 2**20


class SampleError(Exception):
    """A sample that cannot be read; names the file and what would do."""


@dataclass(slots=True)
class Sample:
    """
    Resources of files, one after the other; of NDJSON no more than a line is held.

    Attributes
    ----------
    path : pathlib.Path
        A file, or a folder that is searched with its subfolders.
    bytes_read, bytes_total : int
        How far the reading has come; of compressed files the bytes on disk.
    unreadable : int
        Lines and entries that hold no resource.
    skipped : list of str
        Files of a folder that hold no JSON.
    """

    path: Path
    bytes_read: int = 0
    bytes_total: int = 0
    unreadable: int = 0
    skipped: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """
        Tell what is missing.

        Returns
        -------
        list of str
            One line for each file that could not be read.
        """
        return self.skipped

    def resources(self) -> Iterator[Mapping[str, Any]]:
        """
        Read the resources.

        Yields
        ------
        Mapping
            Plain JSON with a resourceType; entries of Bundles, and what a recorded
            hook request has in its prefetch, each by itself.

        Raises
        ------
        SampleError
            If there is no file that could hold any, or the only file holds none.
        """
        files = self._files()
        self.bytes_total = sum(file.stat().st_size for file in files)
        done = 0
        for file in files:
            try:
                yield from self._read(file, done)
            except (SampleError, OSError, EOFError, zlib.error) as error:
                if file == self.path:
                    raise SampleError(f"{file.name}: {_words(error)}") from error
                self.skipped.append(f"{file.name}: {_words(error)}")
            done += file.stat().st_size
            self.bytes_read = done

    def _files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        found = sorted(
            file
            for file in self.path.rglob("*")
            if file.is_file() and file.name.removesuffix(".gz").endswith(_ENDINGS)
        )
        if not found:
            known = ", ".join(f"*{ending}" for ending in _ENDINGS)
            raise SampleError(f"{self.path}: holds no {known} (or the same with .gz)")
        return found

    def _read(self, file: Path, done: int) -> Iterator[Mapping[str, Any]]:
        with file.open("rb") as raw:
            stream = cast(
                "IO[bytes]", gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else raw
            )
            if not _is_by_line(stream):
                yield from self._take(_document(stream))
                return
            for line in _lines(stream):
                self.bytes_read = done + raw.tell()
                if line.strip():
                    yield from self._take(_parse(line))

    def _take(self, document: object) -> Iterator[Mapping[str, Any]]:
        """Find the resources in a document, however it wraps them."""
        if isinstance(document, list):
            for item in document:
                yield from self._take(item)
        elif not isinstance(document, dict):
            self.unreadable += 1
        elif document.get("resourceType") == "Bundle":
            entries = document.get("entry")
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict) and entry.get("resource") is not None:
                    yield from self._take(entry["resource"])
        elif isinstance(document.get("resourceType"), str):
            yield document
        else:
            yield from self._take_prefetch(document.get("prefetch"))

    def _take_prefetch(self, prefetch: object) -> Iterator[Mapping[str, Any]]:
        """Find the resources of a recorded hook request; null means none."""
        if not isinstance(prefetch, dict):
            self.unreadable += 1
            return
        for value in prefetch.values():
            if value is not None:
                yield from self._take(value)


def _is_by_line(stream: IO[bytes]) -> bool:
    """Whether the first line is JSON by itself; the stream is put back."""
    first = next((line for line in _lines(stream) if line.strip()), b"")
    stream.seek(0)
    return isinstance(_parse(first), dict | list)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Read lines; one that is too long comes as what is no JSON."""
    while line := stream.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(_SKIPPED)
            line = b"?"
        yield line


def _document(stream: IO[bytes]) -> object:
    written = stream.read(_LARGEST_DOCUMENT + 1)
    if len(written) > _LARGEST_DOCUMENT:
        megabytes = _LARGEST_DOCUMENT // 2**20
        raise SampleError(
            f"one JSON document of more than {megabytes} MB; give NDJSON, one resource"
            " a line, as a bulk export does"
        )
    document = _parse(written)
    if document is None:
        raise SampleError("neither JSON nor NDJSON, one resource a line")
    return document


def _parse(written: bytes) -> object:
    try:
        return orjson.loads(written.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None


def _words(error: Exception) -> str:
    """Say what is wrong without quoting the content."""
    return str(error) if isinstance(error, SampleError) else type(error).__name__
