"""Met, not met or unknown: what can be said of one diagnostic criterion, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from service.fhir.findings import Coding, Operation, Reason
from service.fhir.quantities import Fault
from service.fhir.readings import FINAL
from service.fhir.signs import Sign
from service.fhir.times import When, at

__all__ = ["Criterion", "Found", "Refusal", "Result", "Setting", "found", "unknown"]

#: So many sources are named at most.
_NAMED: Final = 20
#: Clocks on Earth differ from UTC by at most so much.
_FARTHEST: Final = timedelta(hours=14)


class Result(StrEnum):
    """Whether a criterion is met; what is not known is never "not met"."""

    MET = "met"
    NOT_MET = "not-met"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """
    A finding that decides.

    Attributes
    ----------
    value : bool or float
        Present or absent; for relief the percent.
    as_found : str
        The value as recorded.
    code : Coding
        Under which code it was found.
    source : str
        Reference of the Observation.
    time : datetime.datetime or datetime.date or None
        When it was found, as recorded; None where several times are possible.
    last_day : datetime.date
        Last day on which it can have been.
    status : str
        Status of the Observation.
    site : str
        Body site with its side, as recorded; empty if none is.
    """

    value: bool | float
    as_found: str
    code: Coding
    source: str
    time: datetime | date | None
    last_day: date
    status: str
    site: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """
    One diagnostic criterion, judged.

    Attributes
    ----------
    result : Result
        What can be said.
    findings : tuple of Found
        The findings that decide, the newest first; empty if nothing does.
    reason : Reason or None
        Why it is unknown.
    detail : str
        More of it; codes, units, statuses and values only.
    candidates : tuple of str
        References of what was looked at and does not decide.
    since : datetime.date or None
        Where it is met: the last day on which that can first have been found, at the
        place found last. What is recorded once more does not move it; what was gone
        and came back does.
    is_back : bool
        Whether it is met again, after a finding that it was not.
    """

    result: Result
    findings: tuple[Found, ...] = ()
    reason: Reason | None = None
    detail: str = ""
    candidates: tuple[str, ...] = ()
    since: date | None = None
    is_back: bool = False

    def __post_init__(self) -> None:
        """Refuse a judgement without a source, and doubt without a reason."""
        is_known = self.result is not Result.UNKNOWN
        if is_known != bool(self.findings) or is_known == bool(self.reason):
            raise ValueError(
                "Criterion: met and not met need findings, unknown needs a reason"
            )

    @property
    def is_met(self) -> bool:  # numpydoc ignore=RT01
        """Whether it is met."""
        return self.result is Result.MET

    @property
    def is_not_met(self) -> bool:  # numpydoc ignore=RT01
        """Whether a finding says that it is not met."""
        return self.result is Result.NOT_MET


@dataclass(slots=True)
class Refusal:
    """
    A sign that does not count; the further it got, the more it tells.

    Attributes
    ----------
    gate : int
        How many checks it passed.
    reason : Reason
        Why it does not count.
    detail : str
        More of it.
    source : str
        Reference of the Observation.
    """

    gate: int
    reason: Reason
    detail: str
    source: str


_TIME_GATE, _STATUS_GATE, _VALUE_GATE = range(3)


@dataclass(slots=True)
class Setting:
    """
    Against what the times of signs are held.

    Attributes
    ----------
    operated : When or None
        When the operation began; None if the record does not tell.
    now : When
        Time of the call.
    zone : datetime.tzinfo
        Where days begin and end.
    from_days : int
        So many days after the operation signs begin to count.
    """

    operated: When | None
    now: When
    zone: tzinfo
    from_days: int = 0

    @classmethod
    def of(
        cls, operation: Operation, now: datetime, *, from_days: int = 0
    ) -> "Setting":
        """
        Take the operation's time as exactly as it was kept.

        Parameters
        ----------
        operation : Operation
            The operation.
        now : datetime.datetime
            Time of the call, in the hospital's zone.
        from_days : int
            So many days after the operation signs begin to count.

        Returns
        -------
        Setting
            The setting.

        Raises
        ------
        ValueError
            If `now` has no zone.
        """
        zone = now.tzinfo
        if zone is None:
            raise ValueError("now: must have a time zone")
        start, end, day = operation.start, operation.end, operation.day
        if start is None or end is None:
            return cls(None, at(now), zone, from_days)
        return cls(
            When(
                start.astimezone(UTC),
                end.astimezone(UTC),
                day,
                day or (start - _FARTHEST).date(),
                day or (end + _FARTHEST).date(),
                has_bare_date=start != end,
            ),
            at(now),
            zone,
            from_days,
        )

    def is_before_operation(self, when: When | None) -> bool:
        """
        Tell whether something surely came before the operation.

        Parameters
        ----------
        when : When or None
            Its time.

        Returns
        -------
        bool
            True if so: then it says nothing about what the operation left behind.
        """
        return bool(when and self.operated and when.is_before(self.operated))

    def is_early(self, when: When | None) -> bool:
        """
        Tell whether something is, or may be, of the first days, which do not count.

        Parameters
        ----------
        when : When or None
            Its time, not surely before the operation.

        Returns
        -------
        bool
            False if it, or the operation, has no time, and if all days count.
        """
        if when is None or self.operated is None or not self.from_days:
            return False
        return when.first_day < self.operated.last_day + timedelta(self.from_days)

    def check(self, sign: Sign) -> Refusal | None:
        """
        Tell why a sign does not count, by time, status and missing data.

        Parameters
        ----------
        sign : Sign
            One that is not surely from before the operation.

        Returns
        -------
        Refusal or None
            None if it counts, though its value may still be illegible.
        """
        unclear = self._unclear(sign.when)
        if unclear:
            return Refusal(_TIME_GATE, Reason.TIME_UNCLEAR, unclear, sign.source)
        if self.is_early(sign.when):
            detail = f"before day {self.from_days} after surgery"
            return Refusal(_TIME_GATE, Reason.TOO_EARLY, detail, sign.source)
        if sign.status not in FINAL:
            reason = Reason.STATUS_NOT_FINAL
            return Refusal(_STATUS_GATE, reason, sign.status, sign.source)
        answer = sign.answer
        if isinstance(answer, Fault) and answer.reason is Reason.DATA_ABSENT:
            return Refusal(_VALUE_GATE, answer.reason, answer.detail, sign.source)
        return None

    def _unclear(self, when: When | None) -> str:
        if when is None:
            return "the finding has no time"
        if self.operated is None:
            return "the operation has no time"
        if self.now.is_before(when):
            return "dated after the call"
        if not self.operated.is_before(when):
            return "before or after the operation cannot be told"
        return ""


def unknown(refusals: Iterable[Refusal]) -> Criterion:
    """
    Say why nothing decides.

    Parameters
    ----------
    refusals : iterable of Refusal
        The signs that do not count.

    Returns
    -------
    Criterion
        With the reason of those that got furthest; not recorded if there are none.
    """
    refused = list(refusals)
    if not refused:
        return Criterion(Result.UNKNOWN, reason=Reason.NOT_RECORDED)
    best = min(refused, key=lambda r: (-r.gate, r.reason, r.source))
    sources = dict.fromkeys(r.source for r in refused if r.reason is best.reason)
    return Criterion(
        Result.UNKNOWN,
        reason=best.reason,
        detail=best.detail,
        candidates=tuple(sources)[:_NAMED],
    )


def found(signs: Sequence[Sign]) -> tuple[Found, ...]:
    """
    Keep what decides, with where it comes from.

    Parameters
    ----------
    signs : sequence of Sign
        Signs with a value and a time.

    Returns
    -------
    tuple of Found
        The newest first.
    """
    timed = [(sign, sign.when) for sign in signs if sign.when]
    timed.sort(key=lambda pair: (-pair[1].end.timestamp(), pair[0].source))
    return tuple(
        Found(
            value=sign.answer,
            as_found=sign.as_found,
            code=sign.mapped.coding,
            source=sign.source,
            time=when.stated,
            last_day=when.last_day,
            status=sign.status,
            site=sign.site,
        )
        for sign, when in timed
        if not isinstance(sign.answer, Fault)
    )
