"""Methods that Procedures speak of: combinations of codes first, then single codes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Final

from service.fhir.conceptmaps import MappedCode
from service.fhir.operations import ProcedureFact
from service.fhir.places import ANYWHERE, level_of, segment_of, union
from service.fhir.times import When

__all__ = ["PEDICLE_SCREW", "Act", "acts_of"]

PEDICLE_SCREW: Final = "pedicle-screw-fixation"

#: Words that tell that an operation was one of the spine.
_SPINE: Final = re.compile(
    r"vertebra|spin(?:e|al)\b|lumbar|thoracic|pedicle|wirbel|椎", re.IGNORECASE
)


@dataclass(slots=True, eq=False)
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
        """
        Tell what body site and code leave possible.

        Returns
        -------
        frozenset of str
            Levels; if the two contradict each other, those of the site.
        """
        return (self.site & self.region) or self.site


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
