"""Methods that Procedures speak of: combinations of codes first, then single codes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from service.fhir.conceptmaps import MappedCode, common_place
from service.fhir.operations import ProcedureFact
from service.fhir.places import (
    ANYWHERE,
    distinct,
    level_of,
    segment_of,
    union,
)

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
        plain: list[MappedCode] = []
        for meaning in fact.meanings:
            if meaning.requires:
                waiting.append((fact, meaning))
            elif not meaning.needs_spine or spine_is_diagnosed or _names_spine(fact):
                plain.append(meaning)
        if plain:
            acts += _single_acts(fact, tuple(plain))
    if waiting:
        _combine(acts, waiting, zone)
    return acts


def _names_spine(fact: ProcedureFact) -> bool:
    code = fact.resource["code"]
    texts = [code.get("text"), *(c.get("display") for c in code["coding"] if c)]
    return bool(fact.sites) or any(
        isinstance(text, str) and _SPINE.search(text) for text in texts
    )


def _single_acts(fact: ProcedureFact, plain: tuple[MappedCode, ...]) -> list[Act]:
    """One act for each body part; each vertebra of a cement augmentation apart."""
    if PEDICLE_SCREW in [meaning.target for meaning in plain]:
        return [_act(fact, plain, fact.sites)]
    acts: list[Act] = []
    for codes in _by_body_part(plain):
        if len(fact.sites) < 2:  # noqa: PLR2004 nothing to part
            acts.append(_act(fact, codes, fact.sites))
            continue
        region = common_place(codes)
        # A site that no code fits stays with all of them: they contradict it.
        sites = tuple(site for site in fact.sites if site & region) or fact.sites
        levels = [site for site in sites if level_of(site)]
        # Two levels across T12/L1 by one code: which one is meant cannot be told.
        if len(levels) > 1 and segment_of(union(levels)):
            acts += [_act(fact, codes, (level,)) for level in levels]
        else:
            acts.append(_act(fact, codes, sites))
    return acts


def _by_body_part(plain: tuple[MappedCode, ...]) -> list[tuple[MappedCode, ...]]:
    """Group the codes of one Procedure so that each group has a place in common."""
    if common_place(plain):
        return [plain]
    parts = distinct(code.place for code in plain)
    return [tuple(code for code in plain if part <= code.place) for part in parts]


def _act(
    fact: ProcedureFact,
    codes: tuple[MappedCode, ...],
    sites: tuple[frozenset[str], ...],
) -> Act:
    methods = {code.target for code in codes}
    region = common_place(codes) or union([code.place for code in codes])
    return Act(methods, codes, [fact], union(sites) if sites else ANYWHERE, region)


@dataclass(frozen=True, slots=True)
class _Completion:
    """Procedures with one code that completes others, alike in encounter and site."""

    meaning: MappedCode
    facts: list[ProcedureFact]

    @property
    def site(self) -> frozenset[str]:
        return union(self.facts[0].sites)

    @property
    def capacity(self) -> int:
        """How many Procedures they can complete: one each, or one for each level."""
        return len(self.facts) * max(1, len(self.facts[0].sites))


def _combine(
    acts: Sequence[Act],
    waiting: Iterable[tuple[ProcedureFact, MappedCode]],
    zone: tzinfo,
) -> None:
    """Give acts the method of the codes that complete them, each code and act once."""
    settled: set[int] = set()
    for completion in _completions(acts, waiting, settled):
        found = [
            act
            for act in acts
            if id(act) not in settled
            and _lacks(act, completion.meaning)
            and _is_one_operation(completion.facts[0], act, zone)
        ]
        settled |= {id(act) for act in _settle(completion, found)}


def _completions(
    acts: Iterable[Act],
    waiting: Iterable[tuple[ProcedureFact, MappedCode]],
    settled: set[int],
) -> list[_Completion]:
    """Settle codings of one Procedure at once; group the rest, sites first."""
    by_fact: dict[int, list[Act]] = {}
    for act in acts:
        by_fact.setdefault(id(act.facts[0]), []).append(act)
    groups: dict[tuple[object, ...], _Completion] = {}
    for fact, meaning in waiting:
        own = [act for act in by_fact.get(id(fact), ()) if _lacks(act, meaning)]
        for act in own:
            settled.add(id(act))
            _complete(act, fact, meaning)
        if not own:
            when = fact.when, fact.lasted
            key = (meaning.system, meaning.code, fact.encounter, when, fact.sites)
            groups.setdefault(key, _Completion(meaning, [])).facts.append(fact)
    return sorted(groups.values(), key=lambda group: not group.facts[0].sites)


def _lacks(act: Act, meaning: MappedCode) -> bool:
    return any(
        code.code in meaning.requires and code.system == meaning.system
        for code in act.codes
    )


def _settle(completion: _Completion, found: list[Act]) -> list[Act]:
    """Complete acts; where it may as well be another one, both methods stand."""
    exact = [act for act in found if act.site == completion.site]
    if _count(found) > completion.capacity:
        if not exact or _count(exact) > completion.capacity:
            for act in found:
                act.methods.add(completion.meaning.target)
            return found
        found = exact
    for position, act in enumerate(found):
        fact = completion.facts[position % len(completion.facts)]
        _complete(act, fact, completion.meaning)
    return found


def _count(acts: Iterable[Act]) -> int:
    return len({id(act.facts[0]) for act in acts})


def _complete(act: Act, fact: ProcedureFact, meaning: MappedCode) -> None:
    kept = tuple(code for code in act.codes if code.code not in meaning.requires)
    act.methods = {code.target for code in kept} | {meaning.target}
    act.codes = (*act.codes, meaning)
    if fact not in act.facts:
        act.facts.append(fact)


def _is_one_operation(fact: ProcedureFact, act: Act, zone: tzinfo) -> bool:
    """Same encounter, same time, and body sites that do not exclude each other."""
    other = act.facts[0]
    if fact.encounter and other.encounter and fact.encounter != other.encounter:
        return False
    site = union(fact.sites)  # one that contradicts itself excludes nothing
    if site and not site & act.site:
        return False
    return fact.may_be_one_with(other, zone)
