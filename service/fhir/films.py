"""Films and times: when a reading belongs to an operation, and which one decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from service.fhir.findings import Reason
from service.fhir.quantities import Value
from service.fhir.readings import Reading
from service.fhir.times import When, days
from service.policy import Windows

__all__ = [
    "ROLES",
    "ROLES_OF",
    "Candidate",
    "Role",
    "Situation",
    "Verdict",
    "is_of_other_side",
]


@dataclass(slots=True)
class Situation:
    """
    What decides whether a reading belongs to a vertebra and its operation.

    Attributes
    ----------
    place : frozenset of str
        Levels that the vertebra may be.
    is_alone : bool
        Whether it surely is the only one that was operated on.
    operated : When or None
        When the operation began.
    injured : When or None
        When the fracture happened, where recorded.
    now : When
        Time of the call.
    windows : Windows
        How old or late a film may be.
    """

    place: frozenset[str]
    is_alone: bool
    operated: When | None
    injured: When | None
    now: When
    windows: Windows


@dataclass(slots=True)
class Candidate:
    """
    A reading with a settled status, a fitting place and time, and a value.

    Attributes
    ----------
    reading : Reading
        The reading.
    when : When
        Its time.
    value : Value
        Its value.
    """

    reading: Reading
    when: When
    value: Value


#: Why a reading does not fit; None if it does.
Verdict = tuple[Reason, str] | None


def _check_preoperative(
    reading: Reading, when: When, operated: When, situation: Situation
) -> Verdict:
    is_coded = reading.mapped.target == "cobb-preoperative"
    if not is_coded and not when.is_before(operated):
        return Reason.TIME_UNCLEAR, "on the day of the operation"
    if situation.injured and when.is_before(situation.injured):
        return Reason.STALE, "before the injury"
    oldest = days(situation.windows.preoperative_max_age_days)
    if operated.start - when.end > oldest:
        return Reason.STALE, ""
    is_vague = _is_vague(when)
    if is_vague and operated.start - when.start > oldest:
        return Reason.TIME_UNCLEAR, "maybe too old"
    if is_vague and situation.injured and when.start < situation.injured.start:
        return Reason.TIME_UNCLEAR, "maybe before the injury"
    return None


def _check_postoperative(
    reading: Reading, when: When, operated: When, situation: Situation
) -> Verdict:
    if when.is_before(operated):
        return Reason.TIME_UNCLEAR, "dated before the operation"
    is_coded = reading.mapped.target != "cobb-angle"
    if not is_coded and not operated.is_before(when):
        return Reason.TIME_UNCLEAR, "on the day of the operation"
    latest = days(situation.windows.postoperative_days)
    if when.start - operated.end > latest:
        return Reason.OUTSIDE_WINDOW, ""
    if _is_vague(when) and when.end - operated.end > latest:
        return Reason.TIME_UNCLEAR, "maybe too late"
    return None


def _is_vague(when: When) -> bool:
    """More than a day: a month, a year, a long period; one day of 25 hours is one."""
    return when.first_day != when.last_day and when.end - when.start > days(1)


def _last_before(candidates: Sequence[Candidate], operated: When) -> list[Candidate]:
    """A value read only after the operation stands back behind one dated before it."""
    dated_before = [c for c in candidates if not operated.is_before(c.when)]
    return _newest(dated_before, operated) if dated_before else list(candidates)


def _newest(candidates: Sequence[Candidate], _: When) -> list[Candidate]:
    last = max(candidates, key=lambda c: c.when.end).when
    return [c for c in candidates if c.when.overlaps(last)]


def _first(candidates: Sequence[Candidate], _: When) -> list[Candidate]:
    first = min(candidates, key=lambda c: c.when.start).when
    return [c for c in candidates if c.when.overlaps(first)]


def _is_newer(one: When, other: When, _: When) -> bool:
    return other.is_before(one)


def _is_earlier(one: When, other: When, _: When) -> bool:
    return one.is_before(other)


def _is_rather_last(one: When, other: When, operated: When) -> bool:
    """Of two that were read after the operation neither is known to be the last."""
    if operated.is_before(one):
        return operated.is_before(other) and not one.overlaps(other)
    return operated.is_before(other) or other.is_before(one)


@dataclass(frozen=True, slots=True)
class Role:
    """
    How the readings of one predictor are judged.

    Attributes
    ----------
    targets : frozenset of str
        Codes of the project that speak of it.
    unit : str
        Its unit.
    check : callable
        Gives the reason why the time of a reading does not fit, or None.
    decide : callable
        Picks, of the readings that fit, those at the deciding time.
    outranks : callable
        Whether a film of one time decides rather than one of another, so that this
        does not stand in for it; the third time is that of the operation.
    is_first : bool
        Whether the first film counts: one on which nothing was measured is none.
    """

    targets: frozenset[str]
    unit: str
    check: Callable[[Reading, When, When, Situation], Verdict]
    decide: Callable[[Sequence[Candidate], When], list[Candidate]]
    outranks: Callable[[When, When, When], bool]
    is_first: bool = False


#: predictor -> rules
ROLES: Final[Mapping[str, Role]] = MappingProxyType(
    {
        "cement_ratio_percent": Role(
            frozenset({"cement-ratio-ap"}),
            "%",
            _check_postoperative,
            _newest,
            _is_newer,
        ),
        "cobb_preoperative_deg": Role(
            frozenset({"cobb-preoperative", "cobb-angle"}),
            "deg",
            _check_preoperative,
            _last_before,
            _is_rather_last,
        ),
        "cobb_postoperative_deg": Role(
            frozenset({"cobb-postoperative", "cobb-angle"}),
            "deg",
            _check_postoperative,
            _first,
            _is_earlier,
            is_first=True,
        ),
        "cobb_restoration_ratio_percent": Role(
            frozenset({"cobb-restoration-ratio"}),
            "%",
            _check_postoperative,
            _first,
            _is_earlier,
            is_first=True,
        ),
    }
)

#: code of the project -> the predictors it may speak of, with their rules
ROLES_OF: Final[Mapping[str, tuple[tuple[str, Role], ...]]] = MappingProxyType(
    {
        target: tuple(item for item in ROLES.items() if target in item[1].targets)
        for target in frozenset().union(*(role.targets for role in ROLES.values()))
    }
)


def is_of_other_side(reading: Reading, role: Role, situation: Situation) -> bool:
    """
    Tell whether an angle without own code surely is of the other side.

    Parameters
    ----------
    reading : Reading
        The reading.
    role : Role
        Before or after the operation.
    situation : Situation
        The operation.

    Returns
    -------
    bool
        True for a film from after the operation where one from before is looked for,
        and the other way round.
    """
    when, operated = reading.when, situation.operated
    if reading.mapped.target != "cobb-angle" or when is None or operated is None:
        return False
    if role.check is _check_preoperative:
        return operated.is_before(when)
    return when.is_before(operated)
