"""What became of a card: the feedback that a client sends back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cds_hooks.cards import Coding

__all__ = ["Feedback", "ItemError"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """
    What one user did with one card. Cards that were ignored are never reported.

    Attributes
    ----------
    card : str
        The card's uuid as the client sends it; not every client sends a UUID.
    outcome : str
        ``accepted`` or ``overridden``.
    outcome_timestamp : datetime.datetime
        When, in UTC.
    accepted_suggestions : tuple of str
        uuids of the suggestions that were accepted.
    override_reasons : tuple of Coding
        Why the card was rejected; the code may be the client's own.
    user_comment : str or None
        Free text of the user. May hold patient data: ``repr`` leaves it out.
    extension : Mapping
        The client's additions, unchecked; also those beside an override reason.

    Raises
    ------
    ValueError
        If `outcome` is another word, nothing was accepted, or the time is not in UTC.

    Examples
    --------
    >>> from datetime import UTC
    >>> when = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    >>> Feedback("c1", "overridden", when, user_comment="Mr Smith is in pain").outcome
    'overridden'
    """

    card: str
    outcome: str
    outcome_timestamp: datetime
    accepted_suggestions: tuple[str, ...] = ()
    override_reasons: tuple[Coding, ...] = ()
    user_comment: str | None = field(default=None, repr=False)
    extension: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Refuse a wrong value."""
        if self.outcome not in ("accepted", "overridden"):
            raise ValueError("Feedback.outcome: expected accepted or overridden")
        if self.outcome == "accepted" and not self.accepted_suggestions:
            raise ValueError("Feedback.accepted_suggestions: expected at least one")
        if self.outcome_timestamp.utcoffset() != timedelta(0):
            raise ValueError("Feedback.outcome_timestamp: expected a time in UTC")

    @property
    def override_reason(self) -> Coding | None:
        """
        Give the first reason; the specification knows only one.

        Returns
        -------
        Coding or None
            Why the card was rejected, if a reason was chosen.
        """
        return self.override_reasons[0] if self.override_reasons else None


@dataclass(frozen=True, slots=True)
class ItemError:
    """
    An item of a feedback batch that could not be used.

    Attributes
    ----------
    index : int
        Its place in the array, from 0.
    message : str
        The field with its path, what was expected, what to do; never the value.
    """

    index: int
    message: str
