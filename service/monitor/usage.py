"""What was asked, what was shown, and what users did with it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.monitor.calls import Answer, Call, Discharge, Observed

__all__ = [
    "Answers",
    "Usage",
    "answers_to",
    "last_answers",
    "sorted_counts",
    "usage_of",
]

_OK: Final = 200
#: The kill switch: the answer says that nobody was assessed.
_OFF: Final = "switched off"


@dataclass(frozen=True, slots=True)
class Usage:
    """
    What was asked, and what came of it.

    Attributes
    ----------
    calls, chart_calls : int
        All, and those among them that opened a chart.
    discharges : int
        Discharges asked about, each once however often.
    states : dict of str to int
        Discharges ``scored``, ``not scored``, ``not eligible``, ``refused``, and
        ``switched off``: nobody was assessed.
    silence : dict of str to int
        Discharges without a card that was shown, by reason.
    refused : dict of str to int
        Calls that were refused, by status.
    cards : dict of str to int
        Cards shown at discharge by topic, each once for each discharge.
    chart_cards : dict of str to int
        Cards shown in the chart by topic, each once.
    cards_per_100 : float or None
        Cards at discharge for each 100 discharges; None without a discharge.
    """

    calls: int
    chart_calls: int
    discharges: int
    states: dict[str, int]
    silence: dict[str, int]
    refused: dict[str, int]
    cards: dict[str, int]
    chart_cards: dict[str, int]
    cards_per_100: float | None


@dataclass(frozen=True, slots=True)
class Answers:
    """
    What users did with the cards that were shown; silence is no acceptance.

    Attributes
    ----------
    outcomes : dict of str to int
        Cards ``accepted``, ``overridden`` and with ``no answer``.
    reasons : dict of str to int
        Overridden cards by the code of a reason; one card may have several.
    taken : dict of str to int
        Suggestions taken, by type of resource.
    elsewhere : int
        Answers about cards that are not of this period, tenant and client.
    """

    outcomes: dict[str, int]
    reasons: dict[str, int]
    taken: dict[str, int]
    elsewhere: int


def usage_of(calls: Sequence[Call], asked: Sequence[Discharge]) -> Usage:
    """
    Count calls and cards.

    Parameters
    ----------
    calls : sequence of Call
        All calls.
    asked : sequence of Discharge
        The discharges among them.

    Returns
    -------
    Usage
        The counts.
    """
    cards = Counter(
        card.topic or "none" for each in asked for card in each.cards.values()
    )
    chart = [call for call in calls if not call.is_discharge]
    shown = {card.card: card.topic or "none" for call in chart for card in call.shown}
    return Usage(
        calls=len(calls),
        chart_calls=len(chart),
        discharges=len(asked),
        states=sorted_counts(map(_state, asked)),
        silence=sorted_counts(
            each.best.reason or _OFF for each in asked if not each.cards
        ),
        refused=sorted_counts(str(call.status) for call in calls if call.status != _OK),
        cards=sorted_counts(cards.elements()),
        chart_cards=sorted_counts(shown.values()),
        cards_per_100=100 * cards.total() / len(asked) if asked else None,
    )


def _state(discharge: Discharge) -> str:
    best = discharge.best
    if best.status != _OK:
        return "refused"
    if not best.is_assessed:
        return _OFF
    if not best.vertebrae:
        return "not eligible"
    is_scored = best.risk is not None or best.percentile is not None
    return "scored" if is_scored else "not scored"


def sorted_counts(items: Iterable[str]) -> dict[str, int]:
    """
    Count words.

    Parameters
    ----------
    items : iterable of str
        The words.

    Returns
    -------
    dict of str to int
        How often each came, the most frequent first.
    """
    return dict(Counter(sorted(items)).most_common())


def _shown(calls: Iterable[Call]) -> dict[tuple[str, str], Mapping[str, str]]:
    """Give each card that was shown, once, with what its suggestions would make."""
    return {
        (call.client, card.card): card.orders for call in calls for card in call.shown
    }


def last_answers(observed: Observed) -> tuple[dict[tuple[str, str], Answer], int]:
    """
    Give the answer to each card that was shown, the last if there are several.

    Parameters
    ----------
    observed : Observed
        Calls and answers.

    Returns
    -------
    tuple of dict and int
        Answers by client and card; how many are about other cards.
    """
    shown = _shown(observed.calls)
    last, elsewhere = {}, 0
    for answer in sorted(observed.answers, key=lambda each: each.at):
        key = answer.client, answer.card
        if key in shown:
            last[key] = answer
        else:
            elsewhere += 1
    return last, elsewhere


def answers_to(
    calls: Sequence[Call], last: Mapping[tuple[str, str], Answer], elsewhere: int
) -> Answers:
    """
    Count what users did.

    Parameters
    ----------
    calls : sequence of Call
        All calls.
    last : Mapping
        The answer that counts, by client and card.
    elsewhere : int
        Answers about other cards.

    Returns
    -------
    Answers
        The counts.
    """
    shown = _shown(calls)
    counted = Counter(answer.outcome for answer in last.values())
    overridden = [each for each in last.values() if each.outcome == "overridden"]
    return Answers(
        outcomes={
            "accepted": counted["accepted"],
            "overridden": counted["overridden"],
            "no answer": len(shown) - len(last),
        },
        reasons=sorted_counts(
            code for each in overridden for code in set(each.reasons) or {"none given"}
        ),
        taken=sorted_counts(
            shown[key].get(name) or "unknown"
            for key, each in last.items()
            for name in set(each.accepted)
        ),
        elsewhere=elsewhere,
    )
