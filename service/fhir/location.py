"""Where a vertebra lies: every source must leave something of what the others say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from service.fhir.acts import PEDICLE_SCREW, Act
from service.fhir.evidence import Evidence, current
from service.fhir.findings import Measurement, Missing, Reason, quoted
from service.fhir.operations import ProcedureFact
from service.fhir.places import (
    ANYWHERE,
    OUTSIDE,
    describe,
    level_of,
    narrowest,
    segment_of,
    span,
)
from service.fhir.vertebrae import Draft, construct_sites

__all__ = ["Location", "locate"]

#: So many sources are named at most.
_NAMED = 20


@dataclass(slots=True)
class Location:
    """
    Where a vertebra lies.

    Attributes
    ----------
    place : frozenset of str
        Levels that all sources together leave possible; empty in a conflict.
    segment : Measurement or Missing
        The predictor.
    is_documented : bool
        Whether a fracture is recorded there.
    diagnoses : tuple of str
        References of the Conditions among what records it.
    """

    place: frozenset[str]
    segment: Measurement | Missing
    is_documented: bool
    diagnoses: tuple[str, ...] = ()


def locate(
    draft: Draft,
    fractures: Sequence[Evidence],
    others: frozenset[str],
    *,
    conditions_were_had: bool,
) -> Location:
    """
    Find segment and level, or the reason why they are not known.

    Parameters
    ----------
    draft : Draft
        The vertebra.
    fractures : sequence of Evidence
        Fractures of the stay and those that Procedures give as their reason.
    others : frozenset of str
        Levels of the other operated vertebrae: their fractures are no contradiction.
    conditions_were_had : bool
        Whether the diagnoses could be looked at.

    Returns
    -------
    Location
        Sources are taken in the order of precedence; each must leave something of
        what the others say.
    """
    sources = set(draft.sources)
    concerned = [
        f
        for f in fractures
        if (f.procedure is None or f.procedure in sources)
        and (f.place & draft.place or not f.place & others)
    ]
    observed = [evidence for evidence in concerned if evidence.is_observed]
    # Where the number is not known, a second one may be of another vertebra.
    if len(observed) > 1 and not draft.number_unknown:
        concerned = current(concerned, {fact.encounter for fact in draft.facts})
        observed = [evidence for evidence in concerned if evidence.is_observed]
        clash = _clash(observed)
        if clash:
            return _conflict(clash, observed, concerned)
    deciding, checking = _sources(draft, concerned)
    place = draft.place if _is_sited(draft) else ANYWHERE
    used: list[Evidence] = []
    for group in deciding:
        said = narrowest([evidence.place for evidence in group])
        if not place & said:
            said_by = _dissent(place, used, group, concerned)
            return _conflict(said_by, [*used, *group], concerned)
        used += group
        place &= said
    for group in checking:
        if not place & narrowest([evidence.place for evidence in group]):
            said_by = _dissent(place, used, group, concerned)
            return _conflict(said_by, [*used, *group], concerned)
    recorded = [evidence for evidence in concerned if evidence.place & place]
    told = used or [evidence for group in checking for evidence in group]
    segment = _segment(place, told, conditions_were_had=conditions_were_had)
    return Location(place, segment, bool(recorded), _diagnoses(recorded))


def _is_sited(draft: Draft) -> bool:
    """Whether screws were placed by the fractures that lie inside the construct."""
    return PEDICLE_SCREW not in draft.methods or level_of(draft.place) is not None


def _sources(
    draft: Draft, fractures: Sequence[Evidence]
) -> tuple[list[list[Evidence]], list[list[Evidence]]]:
    """Give the sources that decide, in order of precedence, and those that check."""
    screws = [act for act in draft.acts if PEDICLE_SCREW in act.methods]
    deciding: list[list[Evidence]] = []
    for act in draft.acts:
        if PEDICLE_SCREW not in act.methods:
            deciding += _said_by(act)
    deciding += _by_kind(fractures)
    if not screws:
        return deciding, []
    checking: list[list[Evidence]] = []
    sites = construct_sites(screws)
    fact = screws[0].facts[0]
    if sites:
        said = _evidence(fact, screws[0], span(sites))
        is_level = len(set(sites)) == 1 and len(sites[0]) == 1
        (deciding if is_level else checking).append([said])
    regions = {act.region for act in screws}
    if len(regions) == 1:
        said = _evidence(fact, screws[0], *regions)
        is_known = any(e.place != ANYWHERE for group in deciding for e in group)
        (checking if is_known else deciding).append([said])
    return deciding, checking


def _by_kind(fractures: Iterable[Evidence]) -> list[list[Evidence]]:
    """Observations first, then reasons of the operation, then diagnoses of the stay."""
    groups: list[list[Evidence]] = [[], [], []]
    for evidence in fractures:
        if evidence.is_observed:
            groups[0].append(evidence)
        else:
            groups[2 if evidence.procedure is None else 1].append(evidence)
    return [group for group in groups if group]


def _evidence(fact: ProcedureFact, act: Act, place: frozenset[str]) -> Evidence:
    status = fact.resource["status"]
    return Evidence(fact.source, act.codes[0], place, fact.when, status)


def _said_by(act: Act) -> list[list[Evidence]]:
    fact = act.facts[0]
    said = [[_evidence(fact, act, act.site)]] if fact.sites else []
    if act.region != ANYWHERE:
        said.append([_evidence(fact, act, act.region)])
    return said


def _segment(
    place: frozenset[str], used: Sequence[Evidence], *, conditions_were_had: bool
) -> Measurement | Missing:
    if place <= OUTSIDE:
        return Missing(Reason.OUTSIDE_MODEL, describe(place), _names(used))
    name = segment_of(place)
    if name is None:
        if used:
            return Missing(Reason.REGION_NOT_LEVEL, describe(place), _names(used))
        reason = Reason.NOT_RECORDED if conditions_were_had else Reason.UNAVAILABLE
        return Missing(reason)
    tellers = [e for e in used if segment_of(e.place)]
    teller = tellers[0] if tellers else used[0]
    return Measurement(
        name,
        None,
        describe(teller.place),
        teller.code.coding,
        teller.source,
        teller.when.stated if teller.when else None,
        teller.status,
    )


def _clash(observed: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Find two Observations of different places; neither is newer."""
    said = {evidence.place: evidence for evidence in observed if evidence.place}
    pairs = combinations(said.values(), 2)
    return next((pair for pair in pairs if not pair[0].place & pair[1].place), ())


def _dissent(
    place: frozenset[str],
    used: Sequence[Evidence],
    against: Sequence[Evidence],
    fractures: Sequence[Evidence],
) -> tuple[Evidence, ...]:
    """Find two records that have no level in common, or one without any."""
    one = next(e for e in against if not e.place & place)
    others = (e for e in (*used, *fractures) if e.place and not e.place & one.place)
    other = next(others, None)
    return (other, one) if other else (one,)


def _conflict(
    named: Iterable[Evidence], told: Iterable[Evidence], fractures: Sequence[Evidence]
) -> Location:
    said = " and ".join(
        quoted(describe(e.place) or "codes that contradict each other", e.source)
        for e in named
    )
    detail = f"segment or level: {said}"
    missing = Missing(Reason.CONFLICT, detail, _names(told))
    return Location(frozenset(), missing, bool(fractures))


def _diagnoses(recorded: Iterable[Evidence]) -> tuple[str, ...]:
    named = {e.source for e in recorded if e.source.startswith("Condition/")}
    return tuple(sorted(named))


def _names(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(e.source for e in evidence))[:_NAMED]
