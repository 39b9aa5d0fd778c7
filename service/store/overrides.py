"""What a process knows of overridden cards: read again when there is feedback."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from service.store.database import Database

__all__ = ["Overrides"]

#: Encounters end; what was overridden before is not looked at any more.
_DAYS: Final = 60
#: Also without new feedback: a decision can reach the database later than it.
_LOOK_AGAIN: Final = timedelta(minutes=1)


class Overrides:
    """
    Remember what cards said in which encounters, and were overridden for it.

    Parameters
    ----------
    database : callable
        Gives the database.
    comes_back_for : frozenset of str or None
        Reasons for an override that do not keep a card away; None: no card is ever
        kept away, and nothing is read.

    Attributes
    ----------
    showings : frozenset of str
        As of the last look.
    """

    def __init__(
        self, database: Callable[[], "Database"], comes_back_for: frozenset[str] | None
    ) -> None:
        self.showings: frozenset[str] = frozenset()
        self._database = database
        self._comes_back_for = comes_back_for
        self._seen: str | None = None
        self._look_again_at = datetime.min.replace(tzinfo=UTC)

    def expire(self) -> None:
        """Read again at the next occasion: there is feedback."""
        self._seen = ""

    def follow(self, newest: str | None) -> None:
        """
        Look, if there is feedback that was not seen yet, or some time has passed.

        Parameters
        ----------
        newest : str or None
            When feedback was received last; None if there is none, as far as is known.

        Raises
        ------
        StoreError
            If the database does not answer; what was known stays.
        """
        is_due = newest is not None and datetime.now(UTC) >= self._look_again_at
        if newest != self._seen or is_due:
            self.look()
            self._seen = newest

    def look(self) -> None:
        """
        Read which cards were overridden, wherever and by whichever process.

        Raises
        ------
        StoreError
            If the database does not answer; what was known stays.
        """
        if self._comes_back_for is None:
            return
        # Here, not above: a process that gets no feedback needs no SQLAlchemy.
        memory = import_module("service.store.memory")
        now = datetime.now(UTC)
        since = now - timedelta(days=_DAYS)
        self.showings = memory.overridden(self._database(), since, self._comes_back_for)
        self._look_again_at = now + _LOOK_AGAIN
