"""Which operation: Procedures of the encounter, and the methods they speak of."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final

from service.fhir.conceptmaps import MappedCode
from service.fhir.places import ANYWHERE, level_of, segment_of, union
from service.fhir.references import source_of, target_id
from service.fhir.resources import Intake
from service.fhir.terminology import Terminology
from service.fhir.times import When, enclosing, parse_when

__all__ = [
    "PEDICLE_SCREW",
    "Act",
    "ProcedureFact",
    "acts_of",
    "choose",
    "read_period",
    "read_procedures",
    "read_sites",
]

PEDICLE_SCREW: Final = "pedicle-screw-fixation"

#: Words that tell that an operation was one of the spine.
_SPINE: Final = re.compile(
    r"vertebra|spin(?:e|al)\b|lumbar|thoracic|pedicle|wirbel|椎", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ProcedureFact:
    """
    One performed Procedure whose code speaks of a method.

    Attributes
    ----------
    resource : Mapping
        The Procedure.
    source : str
        Its reference.
    meanings : tuple of MappedCode
        What its codings mean.
    encounter : str or None
        Id of its encounter.
    when : When or None
        When it began.
    sites : tuple of frozenset of str
        Its body sites, those that are known.
    """

    resource: Mapping[str, Any]
    source: str
    meanings: tuple[MappedCode, ...]
    encounter: str | None
    when: When | None
    sites: tuple[frozenset[str], ...]


@dataclass(slots=True)
class Act:
    """
    One method applied to one place: a Procedure, or several that belong together.

    Attributes
    ----------
    methods : set of str
        Methods that its codes speak of, as codes of the project.
    codes : tuple of MappedCode
        The codes that count.
    facts : list of ProcedureFact
        Where it is recorded.
    site : frozenset of str
        Place by body site.
    region : frozenset of str
        Place by code.
    """

    methods: set[str]
    codes: tuple[MappedCode, ...]
    facts: list[ProcedureFact]
    site: frozenset[str] = ANYWHERE
    region: frozenset[str] = ANYWHERE

    @property
    def place(self) -> frozenset[str]:
        """What body site and code leave possible; the site wins a contradiction."""
        return (self.site & self.region) or self.site


def read_procedures(
    resources: Iterable[Mapping[str, Any]],
    terminology: Terminology,
    zone: tzinfo,
    *,
    in_progress_counts: bool,
) -> list[ProcedureFact]:
    """
    Pick the performed Procedures that speak of a method.

    Parameters
    ----------
    resources : iterable of Mapping
        Procedures of the patient.
    terminology : Terminology
        Knows the methods.
    zone : datetime.tzinfo
        Zone of dates without time.
    in_progress_counts : bool
        Whether status ``in-progress`` counts as performed.

    Returns
    -------
    list of ProcedureFact
        In a fixed order, whatever the order of the resources.
    """
    statuses = {"completed", "in-progress"} if in_progress_counts else {"completed"}
    facts = []
    for resource in resources:
        meanings = tuple(terminology.methods.meanings(resource.get("code")))
        if meanings and _is_among(resource.get("status"), statuses):
            facts.append(
                ProcedureFact(
                    resource=resource,
                    source=source_of(resource),
                    meanings=meanings,
                    encounter=target_id(resource.get("encounter"), "Encounter"),
                    when=_performed(resource, zone),
                    sites=read_sites(resource.get("bodySite"), terminology),
                )
            )
    return sorted(facts, key=lambda fact: fact.source)


def _is_among(value: object, allowed: set[str]) -> bool:
    return isinstance(value, str) and value in allowed


def _performed(resource: Mapping[str, Any], zone: tzinfo) -> When | None:
    if "performedPeriod" in resource:
        period = resource["performedPeriod"]
        return parse_when(period.get("start"), zone) if _is_object(period) else None
    return parse_when(resource.get("performedDateTime"), zone)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def read_sites(sites: object, terminology: Terminology) -> tuple[frozenset[str], ...]:
    """
    Read body sites.

    Parameters
    ----------
    sites : object
        JSON value: one CodeableConcept or a list.
    terminology : Terminology
        Knows the places.

    Returns
    -------
    tuple of frozenset of str
        One place for each body site that is known.
    """
    listed = sites if isinstance(sites, list) else [sites]
    found = []
    for site in listed:
        meanings = [m.place for m in terminology.places.meanings(site)]
        if meanings:
            # Codings of one concept are translations: the narrowest holds.
            found.append(ANYWHERE.intersection(*meanings) or union(meanings))
    return tuple(found)


def choose(
    facts: Sequence[ProcedureFact],
    *,
    encounter_id: str | None,
    now: datetime,
    lookback: timedelta,
    intake: Intake,
) -> list[ProcedureFact]:
    """
    Keep the operations of the encounter, else those of the look-back.

    Parameters
    ----------
    facts : sequence of ProcedureFact
        All that speak of a method.
    encounter_id : str or None
        Encounter of the call.
    now : datetime.datetime
        Time of the call.
    lookback : datetime.timedelta
        How long before the call an operation may lie.
    intake : Intake
        Checks what is kept.

    Returns
    -------
    list of ProcedureFact
        Valid ones.
    """
    past = [fact for fact in facts if fact.when is None or fact.when.start <= now]
    chosen = [f for f in past if encounter_id and f.encounter == encounter_id]
    if not chosen:
        chosen = [f for f in past if f.when and now - f.when.end <= lookback]
    return [fact for fact in chosen if intake.accepts(fact.resource)]


def read_period(
    encounter: Mapping[str, Any] | None, now: When, zone: tzinfo
) -> When | None:
    """
    Read the period of an encounter.

    Parameters
    ----------
    encounter : Mapping or None
        The Encounter.
    now : When
        Time of the call: the end of a stay that goes on.
    zone : datetime.tzinfo
        Zone of dates without time.

    Returns
    -------
    When or None
        From its start to its end; None if the start is not known.
    """
    period = encounter.get("period") if encounter else None
    if not isinstance(period, dict):
        return None
    start = parse_when(period.get("start"), zone)
    end = parse_when(period.get("end"), zone) or now
    return enclosing([start, end]) if start and start.start <= end.end else None


def acts_of(
    facts: Sequence[ProcedureFact], zone: tzinfo, *, spine_is_diagnosed: bool
) -> list[Act]:
    """
    Turn Procedures into acts: combinations of codes first, then single codes.

    Parameters
    ----------
    facts : sequence of ProcedureFact
        The chosen Procedures.
    zone : datetime.tzinfo
        In which a day begins and ends.
    spine_is_diagnosed : bool
        Whether a diagnosis tells that the spine was operated on.

    Returns
    -------
    list of Act
        Each vertebra of a cement augmentation apart, the most exact places first.
    """
    acts: list[Act] = []
    waiting: list[tuple[ProcedureFact, MappedCode]] = []
    for fact in facts:
        plain = tuple(
            meaning
            for meaning in fact.meanings
            if not meaning.requires
            and (not meaning.needs_spine or spine_is_diagnosed or _names_spine(fact))
        )
        waiting += [(fact, meaning) for meaning in fact.meanings if meaning.requires]
        acts += _single_acts(fact, plain) if plain else []
    _combine(acts, waiting, zone)
    return acts


def _names_spine(fact: ProcedureFact) -> bool:
    code = fact.resource["code"]
    texts = [code.get("text"), *(c.get("display") for c in code["coding"] if c)]
    return bool(fact.sites) or any(
        isinstance(text, str) and _SPINE.search(text) for text in texts
    )


def _single_acts(fact: ProcedureFact, plain: tuple[MappedCode, ...]) -> list[Act]:
    """One act; a cement augmentation of several vertebrae is one of each."""
    methods = {meaning.target for meaning in plain}
    region = ANYWHERE.intersection(*(meaning.place for meaning in plain))
    region = region or union(meaning.place for meaning in plain)
    site = union(fact.sites) if fact.sites else ANYWHERE
    levels = {place for place in fact.sites if level_of(place)}
    is_several = len(levels) > 1 and PEDICLE_SCREW not in methods
    # Two levels across T12/L1 in one record: which one is meant cannot be told.
    if is_several and segment_of(union(levels)):
        return [Act(set(methods), plain, [fact], level, region) for level in levels]
    return [Act(methods, plain, [fact], site, region)]


def _combine(
    acts: list[Act],
    waiting: Iterable[tuple[ProcedureFact, MappedCode]],
    zone: tzinfo,
) -> None:
    """Give an act the method of a code that completes it, each code and act once."""
    by_code: dict[tuple[str, str], list[Act]] = {}
    for act in acts:
        for meaning in act.codes:
            by_code.setdefault((meaning.system, meaning.code), []).append(act)
    completed: set[int] = set()
    for fact, meaning in waiting:
        found = [
            act
            for code in sorted(meaning.requires)
            for act in by_code.get((meaning.system, code), ())
            if id(act) not in completed and _is_one_operation(fact, act, zone)
        ]
        if found:
            act = min(found, key=lambda act: _distance(fact, act))
            completed.add(id(act))
            _complete(act, fact, meaning)


def _distance(fact: ProcedureFact, act: Act) -> tuple[bool, bool]:
    same_place = bool(fact.sites) and union(fact.sites) == act.site
    return (fact not in act.facts, not same_place)


def _complete(act: Act, fact: ProcedureFact, meaning: MappedCode) -> None:
    kept = tuple(code for code in act.codes if code.code not in meaning.requires)
    act.methods = {code.target for code in kept} | {meaning.target}
    act.codes = (*act.codes, meaning)
    if fact not in act.facts:
        act.facts.append(fact)


def _is_one_operation(fact: ProcedureFact, act: Act, zone: tzinfo) -> bool:
    """Same encounter, same day, and body sites that do not exclude each other."""
    other = act.facts[0]
    if fact.encounter and other.encounter and fact.encounter != other.encounter:
        return False
    if fact.sites and not union(fact.sites) & act.site:
        return False
    if fact.when is None or other.when is None:
        return True  # nothing in the record sets them apart
    first, second = _days(fact.when, zone), _days(other.when, zone)
    return first[0] <= second[1] and second[0] <= first[1]


def _days(when: When, zone: tzinfo) -> tuple[date, date]:
    return when.start.astimezone(zone).date(), when.end.astimezone(zone).date()
