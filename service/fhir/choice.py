"""Which operation: that of the encounter, or of the look-back, and what is near."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Final

from service.fhir.acts import PEDICLE_SCREW
from service.fhir.operations import ProcedureFact
from service.fhir.places import span, union
from service.fhir.resources import Intake
from service.fhir.times import When, days, enclosing
from service.policy import Windows

__all__ = ["Choice", "apart", "choose"]

#: So many operations are looked at; before them, as many more if cement was used.
_LOOKED_AT: Final = 10


@dataclass(slots=True)
class Choice:
    """
    What was operated on, and what else may have been.

    Attributes
    ----------
    operations : list of ProcedureFact
        Procedures that count.
    doubtful : list of ProcedureFact
        Those that cannot be used, but may have been performed in the same stay.
    nearby : list of ProcedureFact
        Those of other stays whose films may be taken for films of these.
    """

    operations: list[ProcedureFact]
    doubtful: list[ProcedureFact] = field(default_factory=list)
    nearby: list[ProcedureFact] = field(default_factory=list)


def choose(
    facts: Sequence[ProcedureFact],
    *,
    encounter_id: str | None,
    stay: When | None,
    now: When,
    zone: tzinfo,
    windows: Windows,
    intake: Intake,
    operation: Sequence[ProcedureFact] = (),
) -> Choice:
    """
    Keep the operations of the encounter, else those of the look-back.

    Parameters
    ----------
    facts : sequence of ProcedureFact
        All that speak of a method.
    encounter_id : str or None
        Encounter of the call.
    stay : When or None
        Its period.
    now : When
        Time of the call.
    zone : datetime.tzinfo
        In which a day begins and ends.
    windows : Windows
        How long before the call an operation may lie, and how far from it its films.
    intake : Intake
        Checks what is kept.
    operation : sequence of ProcedureFact, optional
        Those of one operation, where there is no encounter: the look-back's others are
        only near.

    Returns
    -------
    Choice
        Empty without a sound Procedure.
    """
    past = [fact for fact in facts if not (fact.when and now.is_before(fact.when))]
    own = [f for f in past if f.encounter == encounter_id] if encounter_id else []
    sure = [fact for fact in own if not fact.is_open]
    is_known = bool(sure)
    recent: list[ProcedureFact] = []
    if len(own) < len(past) or not is_known:
        lookback = days(windows.lookback_days)
        recent = [f for f in past if f.when and now.start - f.when.end <= lookback]
    pool = _stay_of(own, sure, past, stay, zone) if is_known else recent
    pool = list(operation) or pool
    if len(pool) < len(past):
        pool = pool + [fact for fact in past if _is_adrift(fact)]
    sound = [
        fact
        for fact in pool
        if not fact.is_open
        and not _is_adrift(fact)
        and not (is_known and _is_vague(fact, stay))
        and not _is_partner_of_no_place(fact)
        and intake.accepts(fact.resource)
    ]
    if not sound:
        return Choice([])
    doubtful = _without(pool, sound) if len(sound) < len(pool) else []
    has_others = recent and (is_known or operation)
    others = _without(recent, pool) if has_others else []
    return Choice(
        [_timed(fact, stay) for fact in sound],
        [_timed(fact, stay) for fact in doubtful],
        _near(others, _from_first_to_last(sound), windows) if others else [],
    )


def apart(
    facts: Iterable[ProcedureFact], *, now: When, zone: tzinfo, windows: Windows
) -> Iterator[list[ProcedureFact]]:
    """
    Tell the operations of the look-back apart.

    Parameters
    ----------
    facts : iterable of ProcedureFact
        All that speak of a method.
    now : When
        Time of the call.
    zone : datetime.tzinfo
        In which a day begins and ends.
    windows : Windows
        The look-back, and how late a second record of an operation may be dated.

    Yields
    ------
    list of ProcedureFact
        Those of one operation, the latest first: of one encounter, or of one time, or
        one method and place recorded again some days later. Screws belong to the cement
        that was put between them before: the study knows them together only.
    """
    lookback = days(windows.lookback_days)
    rest = [
        fact
        for fact in facts
        if not fact.when
        or (not now.is_before(fact.when) and now.start - fact.when.end <= lookback)
    ]
    for number in range(2 * _LOOKED_AT):
        if number == _LOOKED_AT:
            rest = [fact for fact in rest if _said(fact) != {PEDICLE_SCREW}]
        seeds = [(f.when.start, f.source, f) for f in rest if f.when and not f.is_open]
        if not seeds:
            return
        *_, latest = max(seeds, key=lambda seed: seed[:2])
        one = [f for f in rest if _is_one(f, latest, zone, windows)]
        rest = _without(rest, one)
        cement = _cement_within(one, rest)
        yield [*one, *cement]
        rest = _without(rest, cement)


def _cement_within(
    operation: Sequence[ProcedureFact], others: Iterable[ProcedureFact]
) -> list[ProcedureFact]:
    """Find the augmentations that screws alone were put around afterwards."""
    if any(_said(fact) != {PEDICLE_SCREW} for fact in operation):
        return []
    sites = [site for fact in operation for site in fact.sites]
    construct = span(sites) if sites else union(map(_place, operation))
    return [
        fact
        for fact in others
        if fact.when and PEDICLE_SCREW not in _said(fact) and _place(fact) & construct
    ]


def _is_one(
    fact: ProcedureFact, latest: ProcedureFact, zone: tzinfo, windows: Windows
) -> bool:
    """Whether both are of one operation; without encounter and time nobody knows."""
    is_of_two = bool(fact.encounter and latest.encounter)
    if is_of_two and fact.encounter == latest.encounter:
        return True
    if fact.when is None:
        return False
    if fact.may_be_one_with(latest, zone):
        return True
    return not is_of_two and _is_copy(fact, latest, windows)


def _is_copy(fact: ProcedureFact, latest: ProcedureFact, windows: Windows) -> bool:
    """Whether the later one says the same again: one method, maybe at one place."""
    if fact.when is None or latest.when is None:
        return False
    late = latest.when.start - fact.when.end > days(windows.postoperative_days)
    return (
        not late
        and _said(fact) == _said(latest)
        and bool(_place(fact) & _place(latest))
    )


def _said(fact: ProcedureFact) -> set[str]:
    return {meaning.target for meaning in fact.meanings}


def _place(fact: ProcedureFact) -> frozenset[str]:
    return union(fact.sites) or union([meaning.place for meaning in fact.meanings])


def _without(
    facts: Iterable[ProcedureFact], others: Iterable[ProcedureFact]
) -> list[ProcedureFact]:
    left_out = {id(fact) for fact in others}
    return [fact for fact in facts if id(fact) not in left_out]


def _stay_of(
    own: list[ProcedureFact],
    sure: Iterable[ProcedureFact],
    past: Sequence[ProcedureFact],
    stay: When | None,
    zone: tzinfo,
) -> list[ProcedureFact]:
    """Add to those of the encounter what names none and is of its time."""
    if len(own) == len(past):
        return own
    operated = _from_first_to_last(sure)
    named = {id(fact) for fact in own}
    return [
        fact
        for fact in past
        if id(fact) in named or _belongs(fact, operated, stay, zone)
    ]


def _from_first_to_last(facts: Iterable[ProcedureFact]) -> When | None:
    times = [time for fact in facts for time in (fact.when, fact.lasted) if time]
    return enclosing(times) if times else None


def _belongs(
    fact: ProcedureFact, operated: When | None, stay: When | None, zone: tzinfo
) -> bool:
    """Whether one that names no encounter is of the stay, by its time."""
    if fact.encounter is not None or fact.when is None:
        return False
    if _is_within(fact.when, stay):
        return True
    return operated is not None and (
        fact.when.shares_day(operated, zone)
        or (fact.lasted or fact.when).overlaps(operated)
    )


def _is_adrift(fact: ProcedureFact) -> bool:
    """Whether neither encounter nor time ties it to any stay, this one or another."""
    return fact.encounter is None and fact.when is None


def _is_within(when: When, stay: When | None) -> bool:
    return (
        stay is not None
        and stay.first_day <= when.first_day
        and when.last_day <= stay.last_day
    )


def _is_vague(fact: ProcedureFact, stay: When | None) -> bool:
    """Whether a month or year is all that speaks for it."""
    when = fact.when
    return (
        fact.encounter is None
        and when is not None
        and when.first_day != when.last_day
        and not _is_within(when, stay)
    )


def _is_partner_of_no_place(fact: ProcedureFact) -> bool:
    """Whether it only completes others, at a site that contradicts itself."""
    return frozenset() in fact.sites and all(code.requires for code in fact.meanings)


def _timed(fact: ProcedureFact, stay: When | None) -> ProcedureFact:
    """Without a time of its own, an operation of the stay lies somewhere within it."""
    if fact.when or stay is None:
        return fact
    return replace(fact, when=stay, is_time_of_stay=True)


def _near(
    facts: Iterable[ProcedureFact], operated: When | None, windows: Windows
) -> list[ProcedureFact]:
    """Those whose films, before or after, may be of the same days."""
    if operated is None:
        return list(facts)
    reach = days(windows.preoperative_max_age_days + windows.postoperative_days)
    return [
        fact
        for fact in facts
        if fact.when
        and fact.when.start - operated.end <= reach
        and operated.start - fact.when.end <= reach
    ]
