"""When the advice is to be stopped: rules that are set before anybody sees a card."""

from dataclasses import dataclass

from service.fields import number, texts, whole
from service.policy_fields import PolicyError, section

__all__ = ["Stopping", "read_stopping"]


@dataclass(frozen=True, slots=True)
class Stopping:
    """
    Rules that say when cards do more harm than good.

    They are judged for each client, over the last cards that a user answered. A card
    that nobody answered counts for neither side.

    Attributes
    ----------
    answered_cards : int
        Over how many cards; before there are so many, a rule is not judged.
    overridden_share : float
        More of them overridden than this share meets the rule; in (0, 1).
    not_applicable_share : float
        More of them overridden for one of the reasons below meets the rule; in (0, 1).
    not_applicable_reasons : frozenset of str
        Codes of the reasons that say that a card was for the wrong patient.
    """

    answered_cards: int
    overridden_share: float
    not_applicable_share: float
    not_applicable_reasons: frozenset[str]


def read_stopping(value: object) -> Stopping:
    """
    Take the section ``stopping`` of a policy file.

    Parameters
    ----------
    value : object
        What the file holds.

    Returns
    -------
    Stopping
        The rules.

    Raises
    ------
    FieldError
        If a field is missing, unknown, or of the wrong kind.
    PolicyError
        If a share is none.
    """
    found = section(value, "stopping", Stopping)
    reasons = texts(found["not_applicable_reasons"], "stopping.not_applicable_reasons")
    return Stopping(
        answered_cards=whole(found["answered_cards"], "stopping.answered_cards", 1),
        overridden_share=_share(found["overridden_share"], "overridden_share"),
        not_applicable_share=_share(
            found["not_applicable_share"], "not_applicable_share"
        ),
        not_applicable_reasons=frozenset(reasons),
    )


def _share(value: object, name: str) -> float:
    share = number(value, f"stopping.{name}")
    if not 0 < share < 1:
        raise PolicyError(f"stopping.{name}: must lie between 0 and 1, as in 0.9")
    return share
