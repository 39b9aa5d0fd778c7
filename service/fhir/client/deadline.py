"""When waiting ends, for everything that can wait."""

from collections.abc import Callable
from time import monotonic

__all__ = ["Deadline"]


class Deadline:
    """
    The end of the time for something.

    Parameters
    ----------
    seconds : float
        From now on.
    clock : callable, optional
        Seconds on a clock that never goes back.

    Examples
    --------
    >>> Deadline(2.0, clock=lambda: 100.0).within(5.0).left_s()
    2.0
    """

    __slots__ = ("_clock", "_end")

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left_s(self) -> float:
        """
        Tell how much time is left.

        Returns
        -------
        float
            Seconds, more than none.

        Raises
        ------
        TimeoutError
            If it is over.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError
        return left

    def has(self, seconds: float) -> bool:
        """
        Tell whether there is more time left than something takes.

        Parameters
        ----------
        seconds : float
            What it takes.

        Returns
        -------
        bool
            Whether it would be done in time.
        """
        return self._clock() + seconds < self._end

    def within(self, seconds: float) -> "Deadline":
        """
        Set a deadline for a part.

        Parameters
        ----------
        seconds : float
            Most time for the part.

        Returns
        -------
        Deadline
            The earlier of the two.
        """
        part = Deadline(seconds, self._clock)
        part._end = min(part._end, self._end)
        return part
