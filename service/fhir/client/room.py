"""How many bytes the answers to one call may still have, all of them together."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from service.fhir.client.deadline import Deadline
from service.fhir.client.faults import Fault, FHIRError

__all__ = ["Room"]


class Room:
    """
    Room for answers; threads may share it.

    A limit for each query alone is none for the process: queries run in parallel, and
    JSON takes up to thirty times its length once it is read. What was taken is never
    given back.

    Parameters
    ----------
    size : int
        Most bytes, uncompressed.

    Examples
    --------
    >>> room = Room(10)
    >>> room.take(4)
    >>> room.left
    6
    """

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = Lock()
        self._reading = Lock()

    @property
    def left(self) -> int:
        """
        Tell how much is left at this moment.

        Returns
        -------
        int
            Bytes.
        """
        return self._left

    def take(self, size: int) -> None:
        """
        Take room for a part of an answer.

        Parameters
        ----------
        size : int
            Its bytes.

        Raises
        ------
        FHIRError
            If there is not so much left.
        """
        with self._lock:
            if size > self._left:
                raise FHIRError(Fault.TOO_LARGE)
            self._left -= size

    @contextmanager
    def turn(self, deadline: Deadline) -> Iterator[None]:
        """
        Wait for one's turn to read an answer: one at a time, and none too late.

        Parameters
        ----------
        deadline : Deadline
            When everything ends.

        Yields
        ------
        None
            While nobody else reads.

        Raises
        ------
        FHIRError
            If the time is over before or afterwards.
        """
        try:
            is_mine = self._reading.acquire(timeout=deadline.left_s())
        except TimeoutError:
            is_mine = False
        if not is_mine:
            raise FHIRError(Fault.TIMEOUT)
        try:
            yield
        finally:
            self._reading.release()
        if not deadline.has(0.0):
            raise FHIRError(Fault.TIMEOUT)
