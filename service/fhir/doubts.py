"""Records that cannot be used, or are of another stay: what they leave open."""

from collections.abc import Iterable, Sequence
from datetime import tzinfo

from service.fhir.acts import PEDICLE_SCREW, acts_of
from service.fhir.choice import Choice
from service.fhir.evidence import Evidence
from service.fhir.operations import ProcedureFact
from service.fhir.places import level_of
from service.fhir.vertebrae import Doubt, Draft, cluster

__all__ = ["is_only_one", "weigh"]


def weigh(
    drafts: Sequence[Draft],
    choice: Choice,
    fractures: Sequence[Evidence],
    zone: tzinfo,
) -> None:
    """
    Note on each vertebra what would be otherwise if the doubtful Procedures counted.

    Parameters
    ----------
    drafts : sequence of Draft
        The vertebrae by what counts; doubts and open numbers are noted on them.
    choice : Choice
        The operations, and what cannot be used of the same stay.
    fractures : sequence of Evidence
        Fractures of the stay.
    zone : datetime.tzinfo
        In which a day begins and ends.
    """
    if not choice.doubtful:
        return
    facts = sorted([*choice.operations, *choice.doubtful], key=lambda fact: fact.source)
    acts = acts_of(facts, zone, spine_is_diagnosed=bool(fractures))
    supposed = cluster(acts, fractures)
    is_open = len(supposed) > len(drafts) or any(d.number_unknown for d in supposed)
    for draft in drafts:
        draft.number_unknown |= is_open
        draft.doubt = _doubt(draft, supposed, choice.doubtful)


def _doubt(
    draft: Draft, supposed: Iterable[Draft], doubtful: Iterable[ProcedureFact]
) -> Doubt | None:
    """Name the other method and what speaks for it, if there is one."""
    for other in supposed:
        is_same = other.place & draft.place and other.known.keys() & draft.known.keys()
        if is_same and _deciding(other.methods) != _deciding(draft.methods):
            sources = {f.source for f in doubtful if id(f) in other.known}
            return Doubt(frozenset(other.methods), tuple(sorted(sources)))
    return None


def _deciding(methods: set[str]) -> set[str]:
    """Screws decide, whatever cement is beside them."""
    return {PEDICLE_SCREW} if PEDICLE_SCREW in methods else methods


def is_only_one(
    drafts: Sequence[Draft],
    choice: Choice,
    fractures: Sequence[Evidence],
    zone: tzinfo,
) -> bool:
    """
    Tell whether films without a level can be of one vertebra only.

    Parameters
    ----------
    drafts : sequence of Draft
        The vertebrae, weighed.
    choice : Choice
        The operations, and those of other stays near them.
    fractures : sequence of Evidence
        Fractures of the stay.
    zone : datetime.tzinfo
        In which a day begins and ends.

    Returns
    -------
    bool
        False if a second vertebra was operated on, or may have been, at a time that
        its films share.
    """
    if len(drafts) != 1 or drafts[0].number_unknown:
        return False
    if not choice.nearby:
        return True
    place = drafts[0].place
    others = acts_of(choice.nearby, zone, spine_is_diagnosed=bool(fractures))
    return level_of(place) is not None and all(act.place == place for act in others)
