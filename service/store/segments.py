"""Files of the spool as whoever carries them sees them: what waits in each.

The first line says how far the file was carried, and only the carrier changes it. Each
other line is eight hexadecimal digits of CRC-32, a space and one line of JSON. A
process holds a lock on its file as long as it writes to it, so that others can tell
when it has let go. What is read twice is written once: the database knows each one.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

__all__ = [
    "HEADER_BYTES",
    "LINE_BYTES",
    "SUFFIX",
    "Chunk",
    "Segment",
    "carried_bytes",
    "framed",
    "header",
    "spooled_bytes",
    "unframed",
]

SUFFIX: Final = ".spool"
_CHUNK_BYTES: Final = 1 << 20
#: Far more than a decision needs, and less than is read at a time.
LINE_BYTES: Final = _CHUNK_BYTES // 2
_CRC_DIGITS: Final = 8
_MAGIC: Final = b"scnen-spool 1 "


def header(carried: int) -> bytes:
    r"""
    Make the first line of a file, always as long.

    Parameters
    ----------
    carried : int
        How many bytes from the beginning are in the database, the header included.

    Returns
    -------
    bytes
        The line.

    Examples
    --------
    >>> header(27)
    b'scnen-spool 1 000000000027\n'
    """
    return b"%b%012d\n" % (_MAGIC, carried)


HEADER_BYTES: Final = len(header(0))


def carried_bytes(descriptor: int) -> int | None:
    """
    Read how far a file was carried.

    Parameters
    ----------
    descriptor : int
        The file.

    Returns
    -------
    int or None
        Bytes from the beginning; None without a header: nothing was written yet, or an
        earlier version wrote it.
    """
    line = os.pread(descriptor, HEADER_BYTES, 0)
    number = line.removeprefix(_MAGIC).removesuffix(b"\n")
    if not number.isdigit() or line != header(int(number)):
        return None
    return max(int(number), HEADER_BYTES)


def framed(line: bytes) -> bytes:
    """
    Add the check sum and the end.

    Parameters
    ----------
    line : bytes
        JSON without a line break.

    Returns
    -------
    bytes
        The line as it stands in a file.
    """
    return b"%08x %b\n" % (crc32(line), line)


def unframed(line: bytes) -> bytes | None:
    """
    Take off the check sum.

    Parameters
    ----------
    line : bytes
        A line of a file, without its end.

    Returns
    -------
    bytes or None
        The JSON; None if the line is not as it was written.
    """
    text = line[_CRC_DIGITS + 1 :]
    try:
        stated = int(line[:_CRC_DIGITS], 16)
    except ValueError:
        return None
    is_whole = line[_CRC_DIGITS : _CRC_DIGITS + 1] == b" " and stated == crc32(text)
    return text if is_whole else None


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
    One file of a spool, to be carried.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    descriptor : int
        It, opened to be read and written, not to be appended to.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._has_header = False
        self._carried = 0
        self._is_final = False

    @classmethod
    def open(cls, path: Path) -> "Segment | None":
        """
        Open a file of the spool.

        Parameters
        ----------
        path : pathlib.Path
            The file.

        Returns
        -------
        Segment or None
            None if it is gone.
        """
        try:
            return cls(path, os.open(path, os.O_RDWR | os.O_CLOEXEC))
        except FileNotFoundError:
            return None

    def read(self) -> Chunk:
        """
        Read on from where the segment was carried to.

        As long as somebody writes, what is no whole line may become one: it waits.

        Returns
        -------
        Chunk
            About a megabyte of lines; of size 0 if nothing can be carried now.
        """
        if not self._can_be_read():
            return Chunk((), (), 0)
        waiting = os.fstat(self._descriptor).st_size - self._carried
        if waiting <= 0:
            return Chunk((), (), 0)
        data = os.pread(self._descriptor, _CHUNK_BYTES, self._carried)
        end = data.rfind(b"\n") + 1
        if self._is_final and (len(data) >= waiting or not end):
            end = len(data)
        good, bad, size = [], [], 0
        for line in data[:end].split(b"\n"):
            text = unframed(line)
            if text is not None:
                good.append(text)
            elif self._is_final:
                bad.append(line)
            elif line:
                break
            size += len(line) + 1
        # What follows the last end is nothing, or torn.
        return Chunk(tuple(good), tuple(filter(None, bad)), min(size, end))

    def _can_be_read(self) -> bool:
        """Leave a file without header to its process: an earlier version carries it."""
        if not self._has_header:
            carried = carried_bytes(self._descriptor)
            if carried is None:
                return self._is_final
            self._has_header, self._carried = True, carried
        return True

    def advance(self, size: int) -> None:
        """
        Note that a chunk is in the database.

        Parameters
        ----------
        size : int
            Its size in bytes.
        """
        carried = self._carried + size
        if self._has_header:
            os.pwrite(self._descriptor, header(carried), 0)
        self._carried = carried

    def take(self) -> bool:
        """
        Take over the file, if its process has let go of it.

        Returns
        -------
        bool
            Whether nobody writes to it any more.
        """
        if not self._is_final:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._is_final = True
        return True

    def remove(self) -> None:
        """Take the file away: all of it is in the database."""
        self.path.unlink(missing_ok=True)
        self.leave()

    def leave(self) -> None:
        """Let go of the file: another process may carry it on."""
        os.close(self._descriptor)


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
        Bytes that are not in the database yet.
    """
    total = 0
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            carried = carried_bytes(descriptor) or 0
            total += max(0, os.fstat(descriptor).st_size - carried)
        finally:
            os.close(descriptor)
    return total
