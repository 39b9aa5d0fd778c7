"""For each predictor of a vertebra the reading that serves, or why none does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.fhir.films import (
    ROLES,
    ROLES_OF,
    Candidate,
    Role,
    Situation,
    Verdict,
    is_of_other_side,
)
from service.fhir.findings import Measurement, Missing, Reason, quoted
from service.fhir.places import describe, level_of
from service.fhir.quantities import Fault, value_of
from service.fhir.readings import FINAL, Reading
from service.fhir.resources import Intake
from service.fhir.terminology import Terminology
from service.fhir.times import When

__all__ = ["Chosen", "choose_readings"]

#: So many candidates are named at most.
_NAMED: Final = 20
#: After so many rounds of invalid records the rest is checked as a whole.
_ROUNDS: Final = 3
#: Values that differ by less come from the conversion of units.
_SAME: Final = 1e-6
#: A value that was taken, but cannot be read.
_ILLEGIBLE: Final = frozenset(
    {
        Reason.UNIT_NOT_STATED,
        Reason.UNIT_UNKNOWN,
        Reason.COMPARATOR,
        Reason.NOT_A_QUANTITY,
        Reason.OUT_OF_PHYSICAL_RANGE,
    }
)
#: The same, or one that is said not to be there.
_NO_VALUE: Final = _ILLEGIBLE | {Reason.DATA_ABSENT}
_NOT_RECORDED: Final = Missing(Reason.NOT_RECORDED)


@dataclass(slots=True)
class Chosen:
    """
    The outcome for one predictor.

    Attributes
    ----------
    result : Measurement or Missing
        The value or the reason.
    is_signed : bool
        Whether the site has declared the sign of its angles.
    is_outranked : bool
        Whether there is a value, but a record that cannot be read goes before it.
    """

    result: Measurement | Missing
    is_signed: bool = False
    is_outranked: bool = False


_NOTHING: Final = Chosen(_NOT_RECORDED)


@dataclass(slots=True)
class _Refusal:
    """A reading that did not; the further it got, the more it tells."""

    gate: int
    reason: Reason
    detail: str
    source: str
    when: When | None = None


_LEVEL_GATE, _TIME_GATE, _STATUS_GATE, _VALUE_GATE, _MEANING_GATE = range(5)


def choose_readings(
    readings: Iterable[Reading],
    situation: Situation,
    terminology: Terminology,
    intake: Intake,
) -> dict[str, Chosen]:
    """
    Choose the value of each predictor.

    Parameters
    ----------
    readings : iterable of Reading
        All readings of the patient.
    situation : Situation
        The vertebra and its operation.
    terminology : Terminology
        Knows the units.
    intake : Intake
        Checks the resources whose values decide.

    Returns
    -------
    dict of str to Chosen
        One for each of `ROLES`.
    """
    passed: dict[str, list[Candidate]] = {}
    refused: dict[str, list[_Refusal]] = {}
    for reading in readings:
        roles = ROLES_OF.get(reading.mapped.target, ())
        for name, role in roles:
            if len(roles) > 1 and is_of_other_side(reading, role, situation):
                continue
            judged = _judge(reading, role, situation, terminology)
            if isinstance(judged, Candidate):
                passed.setdefault(name, []).append(judged)
            else:
                refused.setdefault(name, []).append(judged)
                if judged.gate == _MEANING_GATE:
                    intake.accepts(reading.resource)  # so that its fault is named
    if situation.is_alone and _is_of_several_levels(passed):
        _drop_levels(passed, refused)
    chosen = dict.fromkeys(ROLES, _NOTHING)
    for name in passed.keys() | refused.keys():
        had, lost = passed.get(name, []), refused.get(name, [])
        chosen[name] = _decide(ROLES[name], had, lost, situation, intake)
    return chosen


def _judge(
    reading: Reading, role: Role, situation: Situation, terminology: Terminology
) -> Candidate | _Refusal:
    gate, verdict = _LEVEL_GATE, _check_level(reading, situation)
    when, operated = reading.when, situation.operated
    if verdict is None:
        gate = _TIME_GATE
        if when is None or operated is None:
            lacking = "the operation" if when else "the value"
            verdict = Reason.TIME_UNCLEAR, f"{lacking} has no time"
        elif situation.now.is_before(when):
            verdict = Reason.TIME_UNCLEAR, "dated after the call"
        else:
            verdict = role.check(reading, when, operated, situation)
    if verdict is None and reading.status not in FINAL:
        gate, verdict = _STATUS_GATE, (Reason.STATUS_NOT_FINAL, reading.status)
    if verdict is None and reading.contradiction:
        said = quoted(reading.contradiction, reading.source)
        gate, verdict = _MEANING_GATE, (Reason.CONFLICT, said)
    if verdict is None and when is not None:
        value = value_of(reading.element, reading.mapped, terminology)
        if not isinstance(value, Fault):
            return Candidate(reading, when, value)
        gate, verdict = _VALUE_GATE, (value.reason, value.detail)
    reason, detail = verdict or (Reason.TIME_UNCLEAR, "")
    return _Refusal(gate, reason, detail, reading.source, when)


def _check_level(reading: Reading, situation: Situation) -> Verdict:
    place = reading.place
    if place is None:
        if situation.is_alone:
            return None
        return Reason.REGION_NOT_LEVEL, "no level, several vertebrae operated on"
    if not place:
        return Reason.OTHER_LEVEL, "the place is not known here"
    if not place & situation.place:
        return Reason.OTHER_LEVEL, describe(place)
    if not situation.is_alone and place != situation.place:
        return Reason.REGION_NOT_LEVEL, describe(place)
    if not situation.is_alone and level_of(place) is None:
        return Reason.REGION_NOT_LEVEL, describe(place)
    return None


def _is_of_several_levels(passed: Mapping[str, Sequence[Candidate]]) -> bool:
    places = {c.reading.place for found in passed.values() for c in found}
    if len(places) < 2:  # noqa: PLR2004 one place is one level at most
        return False
    return len({place for place in places if place and level_of(place)}) > 1


def _drop_levels(
    passed: dict[str, list[Candidate]], refused: dict[str, list[_Refusal]]
) -> None:
    """Films of several vertebrae, and it is not known which one was operated on."""
    for name, candidates in passed.items():
        refused.setdefault(name, []).extend(
            _Refusal(
                _VALUE_GATE,
                Reason.REGION_NOT_LEVEL,
                f"{describe(c.reading.place)}, operated level not known",
                c.reading.source,
            )
            for c in candidates
            if c.reading.place
        )
        passed[name] = [c for c in candidates if not c.reading.place]


def _decide(
    role: Role,
    candidates: list[Candidate],
    refused: list[_Refusal],
    situation: Situation,
    intake: Intake,
) -> Chosen:
    operated, rounds = situation.operated, 0
    if refused and any(refusal.gate == _MEANING_GATE for refusal in refused):
        # What it says is not known: nothing else serves.
        return Chosen(_missing(refused))
    while candidates and operated is not None:
        is_one = len(candidates) == 1
        deciding = candidates if is_one else role.decide(candidates, operated)
        valid = _witnesses(deciding, intake)
        if len(valid) > 1:
            return Chosen(_conflict(valid, deciding))
        if valid:
            when = valid[0].when
            if refused and (before := _illegible_before(when, refused, role, operated)):
                return Chosen(_missing(before), is_outranked=True)
            return _chosen(valid[0], role)
        refused += [_invalid(candidate) for candidate in deciding]
        gone, rounds = {id(candidate) for candidate in deciding}, rounds + 1
        candidates = [c for c in candidates if id(c) not in gone]
        if rounds == _ROUNDS:
            refused += [_invalid(candidate) for candidate in candidates]
            candidates = [c for c in candidates if intake.accepts(c.reading.resource)]
    return Chosen(_missing(refused))


def _illegible_before(
    chosen: When, refused: Sequence[_Refusal], role: Role, operated: When
) -> list[_Refusal]:
    """Find the film that decides rather than the chosen one, but cannot be read."""
    reasons = _ILLEGIBLE if role.is_first else _NO_VALUE
    found = [
        (refusal, refusal.when)
        for refusal in refused
        if refusal.reason in reasons
        and refusal.when
        and role.outranks(refusal.when, chosen, operated)
    ]
    if not found:
        return []
    foremost = chosen
    for _, when in found:
        if role.outranks(when, foremost, operated):
            foremost = when
    return [
        refusal
        for refusal, when in found
        if not role.outranks(foremost, when, operated)
    ]


def _witnesses(deciding: Iterable[Candidate], intake: Intake) -> list[Candidate]:
    """One valid witness of a value is enough, two values are a conflict."""
    valid: list[Candidate] = []
    for candidate in deciding:
        if valid and (len(valid) > 1 or _agree(candidate, valid[0])):
            continue
        if intake.accepts(candidate.reading.resource):
            valid.append(candidate)
    return valid


def _invalid(candidate: Candidate) -> _Refusal:
    detail = "not valid FHIR R4"
    source = candidate.reading.source
    return _Refusal(_VALUE_GATE, Reason.NOT_A_QUANTITY, detail, source)


def _agree(one: Candidate, other: Candidate) -> bool:
    return abs(one.value.number - other.value.number) <= _SAME


def _chosen(candidate: Candidate, role: Role) -> Chosen:
    reading, value = candidate.reading, candidate.value
    result = Measurement(
        value.number,
        role.unit,
        value.as_found,
        reading.mapped.coding,
        reading.source,
        candidate.when.stated,
        reading.status,
    )
    return Chosen(result, reading.mapped.sign_convention is not None)


def _conflict(valid: Sequence[Candidate], deciding: Sequence[Candidate]) -> Missing:
    """Say two values that differ; of the others, how many records there are."""
    said = (quoted(c.value.as_found, c.reading.source) for c in valid)
    sources = dict.fromkeys(c.reading.source for c in (*valid, *deciding))
    others = len(sources) - len({c.reading.source for c in valid})
    more = f", and {others} more" if others else ""
    detail = f"differing values at one time: {' and '.join(said)}{more}"
    return Missing(Reason.CONFLICT, detail, tuple(sources)[:_NAMED])


def _missing(refused: Sequence[_Refusal]) -> Missing:
    if not refused:
        return _NOT_RECORDED
    best = min(refused, key=lambda r: (-r.gate, r.reason, r.source))
    sources = dict.fromkeys(r.source for r in refused if r.reason is best.reason)
    return Missing(best.reason, best.detail, tuple(sources)[:_NAMED])
