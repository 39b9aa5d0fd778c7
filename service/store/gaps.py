"""Decisions that could not be recorded: counted, and told as soon as one can."""

from datetime import UTC, datetime
from threading import Lock
from typing import Any

from service.store.decisions import new_id

__all__ = ["Missed"]


class Missed:
    """
    How many decisions could not be recorded, since when, and why at last.

    Attributes
    ----------
    total : int
        All since the start of this process.
    count : int
        Those that no gap tells of yet.
    """

    def __init__(self) -> None:
        self.total = 0
        self.count = 0
        self._since: datetime | None = None
        self._cause = ""
        self._lock = Lock()

    def add(self, cause: str) -> int:
        """
        Count one more.

        Parameters
        ----------
        cause : str
            Why: the type of the fault.

        Returns
        -------
        int
            The total.
        """
        with self._lock:
            self.total += 1
            self.count += 1
            self._since = self._since or datetime.now(UTC)
            self._cause = cause
            return self.total

    def take(self) -> dict[str, Any] | None:
        """
        Give the gap as a line of the spool, and begin to count anew.

        Returns
        -------
        dict or None
            The row of the table of gaps; None if nothing is missing.
        """
        with self._lock:
            if not self.count:
                return None
            gap = {
                "id": new_id(),
                "since": self._since,
                "until": datetime.now(UTC),
                "decisions": self.count,
                "cause": self._cause,
            }
            self.count, self._since = 0, None
            return gap

    def put_back(self, gap: dict[str, Any]) -> None:
        """
        Count on: the gap could not be written.

        Parameters
        ----------
        gap : dict
            What `take` gave.
        """
        with self._lock:
            self.count += gap["decisions"]
            self._since = gap["since"]
