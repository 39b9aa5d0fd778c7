"""A circuit breaker: a server that keeps failing is left alone for a while."""

from collections import deque
from collections.abc import Callable
from enum import Enum
from threading import Lock
from time import monotonic

__all__ = ["Admission", "Breaker"]

_FAILURES = 10
_WINDOW = 15
_REST_S = 10.0


class Admission(Enum):
    """Whether the server may be asked."""

    FREE = "free"
    """It works as far as is known."""
    PROBE = "probe"
    """One query may try whether it works again; its outcome must be told."""
    REFUSED = "refused"
    """It rests, or another query is trying."""


class Breaker:
    """
    Keep account of one server's failures, in one process, for all its threads.

    Closed at first. So many failures among the last queries open it: not in a row,
    since of a server that hangs there may be one part that still answers. After a rest
    one query is admitted: if it succeeds the breaker closes, if it fails the rest
    begins anew.

    Parameters
    ----------
    failures : int, optional
        Failures that open it; the default is two fetches of five queries.
    window : int, optional
        Among how many of the last queries they are counted.
    rest_s : float, optional
        Seconds for which nobody asks.
    clock : callable, optional
        Seconds on a clock that never goes back.

    Examples
    --------
    >>> breaker = Breaker(failures=1, window=1)
    >>> breaker.record(is_working=False)
    >>> breaker.admit()
    <Admission.REFUSED: 'refused'>
    """

    def __init__(
        self,
        failures: int = _FAILURES,
        window: int = _WINDOW,
        rest_s: float = _REST_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._limit = failures
        self._rest_s = rest_s
        self._clock = clock
        self._lock = Lock()
        self._failed: deque[bool] = deque(maxlen=window)
        self._opened: float | None = None
        self._is_probing = False

    def admit(self) -> Admission:
        """
        Ask for leave to ask the server.

        Returns
        -------
        Admission
            After `Admission.PROBE` the outcome must be told to `record_probe`, whatever
            happens: until then nobody else is admitted.
        """
        with self._lock:
            if self._opened is None:
                return Admission.FREE
            if self._is_probing or self._clock() - self._opened < self._rest_s:
                return Admission.REFUSED
            self._is_probing = True
            return Admission.PROBE

    def record(self, *, is_working: bool) -> None:
        """
        Tell how a query ended that was freely admitted.

        Parameters
        ----------
        is_working : bool
            Whether the server answered, be it with a refusal.
        """
        with self._lock:
            if self._opened is not None:
                return  # it began before the breaker opened
            self._failed.append(not is_working)
            if sum(self._failed) >= self._limit:
                self._opened = self._clock()

    def record_probe(self, *, is_working: bool) -> None:
        """
        Tell how the probe ended.

        Parameters
        ----------
        is_working : bool
            Whether the server answered, be it with a refusal.
        """
        with self._lock:
            self._is_probing = False
            self._failed.clear()
            self._opened = None if is_working else self._clock()
