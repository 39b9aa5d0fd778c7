"""Decisions on their way to the database: a process appends them to a file of its own.

Whoever carries them reads the file meanwhile (`service.store.segments`). The process
lets go of it once all of it was carried, or it has grown, and begins another.
"""

import fcntl
import os
from itertools import count
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import Final

from service.store.carrier_lock import LOCK
from service.store.segments import (
    HEADER_BYTES,
    LINE_BYTES,
    SUFFIX,
    carried_bytes,
    framed,
    header,
    spooled_bytes,
)

__all__ = ["Spool", "SpoolFull", "is_in_use"]

#: Size from which a file is followed by another, so that it can go once it is carried.
_SEGMENT_BYTES: Final = 4 << 20


class SpoolFull(OSError):  # noqa: N818 a state, as FileExistsError is one
    """The spool holds as much as the settings allow."""


class Spool:
    """
    The file of this process.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files are, also those of other processes.
    limit_bytes : int
        Most bytes that may wait in the folder.
    syncs : bool
        Whether each line is on the disk when `append` returns.
    segment_bytes : int
        Size from which `refresh` begins another file, however busy the process is.

    Attributes
    ----------
    limit_bytes : int
        Most bytes that may wait in the folder.
    room_bytes : int
        How many more bytes it takes, as far as this process knows.
    """

    def __init__(
        self,
        folder: Path,
        limit_bytes: int,
        *,
        syncs: bool,
        segment_bytes: int = _SEGMENT_BYTES,
    ) -> None:
        self.limit_bytes = limit_bytes
        self.room_bytes = limit_bytes - spooled_bytes(folder)
        self._folder = folder
        self._syncs = syncs
        self._segment_bytes = segment_bytes
        self._lock = Lock()
        self._current = _create(folder, syncs=syncs)

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
        if len(line) > LINE_BYTES:
            raise OSError("the line is too long")
        with self._lock:
            if len(line) > self.room_bytes:
                raise SpoolFull
            self._current.append(line)
            if self._syncs:
                self._current.sync()
            self.room_bytes -= len(line)

    def refresh(self) -> None:
        """
        Let go of a file that was carried or has grown, and see how much room there is.

        Raises
        ------
        OSError
            If the folder cannot be read, or takes no other file.
        """
        current = self._current
        is_big = current.size > self._segment_bytes
        if is_big or (current.size and current.is_carried()):
            fresh = _create(self._folder, syncs=self._syncs)
            with self._lock:
                self._current = fresh
            current.leave()
        self.room_bytes = self.limit_bytes - spooled_bytes(self._folder)

    def close(self) -> Path:
        """
        Let go of the file; if all of it was carried, it goes.

        Returns
        -------
        pathlib.Path
            The file.
        """
        with self._lock:
            if self._current.is_carried():
                self._current.path.unlink(missing_ok=True)
            self._current.leave()
            return self._current.path


class _Segment:
    """A file that this process writes to, and how much of it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.size = 0
        self._descriptor = descriptor

    def append(self, line: bytes) -> None:
        """Write one line; if it cannot be written whole, nothing of it stays."""
        data = framed(line)
        if not self.size:
            # Not before: a process begins on a full disk, too, and gives its cards.
            data = header(HEADER_BYTES) + data
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

    def is_carried(self) -> bool:
        """Tell whether all of it is in the database."""
        return not self.size or carried_bytes(self._descriptor) == self.size

    def leave(self) -> None:
        """Let go of the file, and with it of our lock."""
        os.close(self._descriptor)


def is_in_use(folder: Path) -> bool:
    """
    Tell whether a process writes to the spool, or carries it.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files are.

    Returns
    -------
    bool
        Whether at least one of them is locked.
    """
    for path in (*folder.glob(f"*{SUFFIX}"), folder / LOCK):
        descriptor = _locked(path, os.O_RDWR)
        if descriptor is not None:
            os.close(descriptor)
        elif path.exists():
            return True
    return False


def _create(folder: Path, *, syncs: bool) -> _Segment:
    for number in count():
        path = folder / f"{os.getpid()}-{token_hex(4)}-{number}{SUFFIX}"
        descriptor = _locked(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        # Between making a file and locking it, another process may have found it.
        if descriptor is not None:
            if syncs:
                _sync_folder(folder)
            return _Segment(path, descriptor)
    raise AssertionError  # pragma: no cover - the count has no end


def _sync_folder(folder: Path) -> None:
    """See to it that a new file is found after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(path: Path, flags: int) -> int | None:
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
    return descriptor
