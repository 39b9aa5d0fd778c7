"""What monitoring looks at: calls, answers of users, outcomes, and whole discharges."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.cards import TOPICS
from service.fhir.findings import Reason
from service.notice import OFF_TOPIC

__all__ = ["Answer", "Call", "CardRow", "Discharge", "Found", "Observed", "discharges"]

_SERVICE: Final = "scnen-discharge"
#: Cards of a discharge; one says that everything is switched off.
_DISCHARGE_TOPICS: Final = frozenset({*TOPICS, OFF_TOPIC})
#: Why a discharge gets no card; the chart has other words for its silence.
_DISCHARGE_REASONS: Final = frozenset(
    {*map(str, Reason), "below-threshold", "policy-asks-for-no-values"}
)


@dataclass(frozen=True, slots=True)
class CardRow:
    """
    A card of a call.

    Attributes
    ----------
    card : str
        Its uuid.
    topic : str or None
        Code of its topic.
    is_shown : bool
        False if it was composed and withheld.
    orders : Mapping of str to str
        Type of the resource that each suggestion would make, by the suggestion's uuid.
    """

    card: str
    topic: str | None
    is_shown: bool
    orders: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """
    One evaluated call.

    Attributes
    ----------
    id, client, tenant, service : str
        Which decision it is, and who asked what.
    at : datetime.datetime
        When, with its zone.
    visit : str
        Pseudonym of the encounter; without one, of the patient and the day.
    status : int
        Of the answer, as in HTTP.
    reason : str or None
        Why no card was shown, or why it was refused.
    model : str or None
        Digest of the model; None if nobody was assessed.
    risk, percentile : float or None
        Of the vertebra with the highest score: probability in [0, 1]; 0 to 100.
    band : str or None
        Band of the risk.
    vertebrae : sequence of Mapping
        Operated vertebrae, each with what was ``found`` and ``missing``; empty if the
        patient was not eligible.
    latency_ms : float
        Time to the answer, milliseconds.
    cards : sequence of CardRow
        Its cards.
    """

    id: str
    at: datetime
    client: str
    tenant: str
    service: str
    visit: str
    status: int
    reason: str | None
    model: str | None
    risk: float | None
    percentile: float | None
    band: str | None
    vertebrae: Sequence[Mapping[str, Any]]
    latency_ms: float
    cards: Sequence[CardRow] = ()

    @property
    def is_assessed(self) -> bool:  # numpydoc ignore=RT01
        """Whether a patient was assessed: not if refused, nor while switched off."""
        return self.model is not None

    @property
    def shown(self) -> tuple[CardRow, ...]:  # numpydoc ignore=RT01
        """The cards that were shown; that the advice is switched off is no advice."""
        if not self.is_assessed:
            return ()
        return tuple(card for card in self.cards if card.is_shown)

    @property
    def is_discharge(self) -> bool:  # numpydoc ignore=RT01
        """Whether it was one about a discharge; Epic's come as openings of a chart."""
        return (
            self.service == _SERVICE
            or self.reason in _DISCHARGE_REASONS
            or any(card.topic in _DISCHARGE_TOPICS for card in self.cards)
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What a user did with a card.

    Attributes
    ----------
    client, card : str
        Who sent it, about which card.
    outcome : str
        ``accepted`` or ``overridden``.
    at : datetime.datetime
        When the user decided.
    reasons : tuple of str
        Codes of the reasons of an override; a text of the user is a digest.
    accepted : tuple of str
        Suggestions taken.
    """

    client: str
    card: str
    outcome: str
    at: datetime
    reasons: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """
    What the follow-up found.

    Attributes
    ----------
    outcome : str
        ``yes``, ``no`` or ``not-examined``.
    criteria : str or None
        ``study``, ``clinical`` or ``other``.
    """

    outcome: str
    criteria: str | None


@dataclass(frozen=True, slots=True)
class Observed:
    """
    What the store holds of a period.

    Attributes
    ----------
    calls : sequence of Call
        In the order of time.
    answers : sequence of Answer
        Feedback that came from the beginning of the period on.
    outcomes : Mapping of str to Found
        What was recorded last, by id of the decision.
    lost : Mapping of str to int
        Decisions of all clients that could not be recorded, by cause.
    """

    calls: Sequence[Call]
    answers: Sequence[Answer]
    outcomes: Mapping[str, Found]
    lost: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Discharge:
    """
    All calls about one discharge: it may be asked about any number of times.

    Attributes
    ----------
    calls : tuple of Call
        In the order of time.
    """

    calls: tuple[Call, ...]

    @property
    def best(self) -> Call:  # numpydoc ignore=RT01
        """The call that stands for it: the last of those that knew most."""
        return max(self.calls, key=_knowledge)

    @property
    def cards(self) -> dict[str, CardRow]:  # numpydoc ignore=RT01
        """The cards that were shown, each once however often, by uuid."""
        return {card.card: card for call in self.calls for card in call.shown}


def discharges(calls: Iterable[Call]) -> list[Discharge]:
    """
    Put the calls about one discharge together.

    Parameters
    ----------
    calls : iterable of Call
        In the order of time; those about no discharge are left out.

    Returns
    -------
    list of Discharge
        In the order of the first call.
    """
    found: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in calls:
        if call.is_discharge:
            found[call.tenant, call.visit].append(call)
    return [Discharge(tuple(each)) for each in found.values()]


def _knowledge(call: Call) -> tuple[bool, bool, datetime]:
    has_score = call.risk is not None or call.percentile is not None
    return bool(call.vertebrae), has_score, call.at
