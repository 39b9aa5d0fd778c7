"""Decisions on their way to the database: one file for each process, read to its end.

A line is eight hexadecimal digits of CRC-32, a space and one line of JSON. A process
holds a lock on its files as long as it lives, so that others can tell a dead one's and
carry it on. What is read twice is written once: the database knows each decision.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import Final
from zlib import crc32

__all__ = [
    "Chunk",
    "Segment",
    "Spool",
    "SpoolFull",
    "adopt",
    "is_in_use",
    "spooled_bytes",
]

_SUFFIX: Final = ".spool"
_CHUNK_BYTES: Final = 1 << 20
#: Far more than a decision needs, and less than is read at a time.
_LINE_BYTES: Final = _CHUNK_BYTES // 2
_CRC_DIGITS: Final = 8


class SpoolFull(OSError):  # noqa: N818 a state, as FileExistsError is one
    """The spool holds as much as the settings allow."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    What was read of a segment.

    Attributes
    ----------
    good : tuple of bytes
        Lines of JSON that are as they were written.
    bad : tuple of bytes
        What is no such line: torn by a power cut or a full disk.
    size : int
        Bytes that were read.
    """

    good: tuple[bytes, ...]
    bad: tuple[bytes, ...]
    size: int


class Segment:
    """
    One file of a spool, and how far it was read.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    descriptor : int
        It, opened, with our lock on it.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.size = os.fstat(descriptor).st_size
        self.done = 0
        self._descriptor = descriptor

    def append(self, line: bytes) -> None:
        """
        Write one line.

        Parameters
        ----------
        line : bytes
            JSON without a line break.

        Raises
        ------
        OSError
            If it cannot be written whole; then nothing of it stays.
        """
        data = b"%08x %b\n" % (crc32(line), line)
        try:
            written = os.write(self._descriptor, data)
        except OSError:
            self._undo()
            raise
        if written != len(data):
            self._undo()
            raise OSError("the disk took a part of the line")
        self.size += written

    def _undo(self) -> None:
        os.ftruncate(self._descriptor, self.size)

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        os.fdatasync(self._descriptor)

    def read(self, end: int, *, is_final: bool) -> Chunk:
        """
        Read on from where the segment is done.

        Parameters
        ----------
        end : int
            Where what was written ends.
        is_final : bool
            Whether nobody writes any more: then a line without its end is torn.

        Returns
        -------
        Chunk
            About a megabyte of lines; of size 0 at the end.
        """
        size = min(_CHUNK_BYTES, end - self.done)
        data = os.pread(self._descriptor, size, self.done)
        whole = data[: data.rfind(b"\n") + 1]
        if len(data) == end - self.done and is_final:
            whole = data
        lines = [line for line in whole.split(b"\n") if line]
        good = (line[_CRC_DIGITS + 1 :] for line in lines if _is_whole(line))
        bad = (line for line in lines if not _is_whole(line))
        return Chunk(tuple(good), tuple(bad), len(whole))

    def empty(self) -> None:
        """Begin anew: all of it was read."""
        os.ftruncate(self._descriptor, 0)
        self.size = self.done = 0

    def remove(self) -> None:
        """Take the file away, and with it our lock."""
        self.path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def leave(self) -> None:
        """Let go of the file: another process may carry it on."""
        os.close(self._descriptor)


class Spool:
    """
    The files of this process.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files are, also those of other processes.
    limit_bytes : int
        Most bytes that the files of this process may hold.
    syncs : bool
        Whether each line is on the disk when `append` returns.
    segment_bytes : int
        Size from which a file is followed by another, so that it can go once it is
        read, however busy the process is.
    """

    def __init__(
        self,
        folder: Path,
        limit_bytes: int,
        *,
        syncs: bool,
        segment_bytes: int = 4 << 20,
    ) -> None:
        self.limit_bytes = limit_bytes
        self._folder = folder
        self._syncs = syncs
        self._segment_bytes = segment_bytes
        self._lock = Lock()
        self._older: list[Segment] = []
        self._current = _create(folder, syncs=syncs)

    @property
    def waiting_bytes(self) -> int:  # numpydoc ignore=RT01
        """How many bytes are not in the database yet."""
        return sum(each.size - each.done for each in (*self._older, self._current))

    def append(self, line: bytes) -> None:
        """
        Write one line; it survives this process.

        Parameters
        ----------
        line : bytes
            JSON without a line break.

        Raises
        ------
        SpoolFull
            If the files hold as much as they may.
        OSError
            If the disk does not take it, or the line is too long to be one of ours.
        """
        if len(line) > _LINE_BYTES:
            raise OSError("the line is too long")
        with self._lock:
            held = self._current.size
            if self._older:
                held += sum(each.size for each in self._older)
            if held + len(line) > self.limit_bytes:
                raise SpoolFull
            segment = self._current
            segment.append(line)
            if self._syncs:
                segment.sync()

    @contextmanager
    def next_chunk(self) -> Iterator[Chunk]:
        """
        Give the oldest lines; they are gone when the block ends without a fault.

        Yields
        ------
        Chunk
            The lines; of size 0 if there are none.
        """
        segment = self._older[0] if self._older else self._current
        with self._lock:
            end = segment.size
        chunk = segment.read(end, is_final=bool(self._older))
        yield chunk
        with self._lock:
            segment.done += chunk.size
            if segment.done < segment.size:
                if segment is self._current and segment.size > self._segment_bytes:
                    self._older.append(segment)
                    self._current = _create(self._folder, syncs=self._syncs)
            elif segment is self._current:
                segment.empty()
            else:
                self._older.remove(segment)
                segment.remove()

    def close(self) -> None:
        """Let go of the files; those that are empty go."""
        with self._lock:
            for segment in (*self._older, self._current):
                if segment.done == segment.size:
                    segment.remove()
                else:
                    segment.leave()


def adopt(folder: Path) -> Iterator[Segment]:
    """
    Take the files of processes that are no more.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files are.

    Yields
    ------
    Segment
        One that nobody else carries on. Whoever has read it removes it.
    """
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        segment = _take(path, os.O_RDWR)
        if segment is not None:
            yield segment


def is_in_use(folder: Path) -> bool:
    """
    Tell whether a process writes to the spool.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files are.

    Returns
    -------
    bool
        Whether at least one of them is locked.
    """
    for path in folder.glob(f"*{_SUFFIX}"):
        segment = _take(path, os.O_RDWR)
        if segment is not None:
            segment.leave()
        elif path.exists():
            return True
    return False


def spooled_bytes(folder: Path) -> int:
    """
    Tell how much waits, of all processes.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files are.

    Returns
    -------
    int
        Bytes.
    """
    total = 0
    for path in folder.glob(f"*{_SUFFIX}"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def _create(folder: Path, *, syncs: bool) -> Segment:
    for number in count():
        path = folder / f"{os.getpid()}-{token_hex(4)}-{number}{_SUFFIX}"
        segment = _take(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        # Between making a file and locking it, another process may have found it.
        if segment is not None:
            if syncs:
                _sync_folder(folder)
            return segment
    raise AssertionError  # pragma: no cover - the count has no end


def _sync_folder(folder: Path) -> None:
    """See to it that a new file is found after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _take(path: Path, flags: int) -> Segment | None:
    """Open and lock a file, unless another process has it or it is gone."""
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if not os.fstat(descriptor).st_nlink:
        os.close(descriptor)
        return None
    return Segment(path, descriptor)


def _is_whole(line: bytes) -> bool:
    try:
        stated = int(line[:_CRC_DIGITS], 16)
    except ValueError:
        return False
    text = line[_CRC_DIGITS + 1 :]
    return line[_CRC_DIGITS : _CRC_DIGITS + 1] == b" " and stated == crc32(text)
