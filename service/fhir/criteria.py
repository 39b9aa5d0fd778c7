"""The study's three diagnostic criteria, from what was recorded after an operation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from service.fhir.course import Block, read_course
from service.fhir.findings import Operation, PatientRecord, Reason, quoted
from service.fhir.quantities import Fault
from service.fhir.references import select
from service.fhir.relief import is_maybe_numbed, judge_relief, numbed
from service.fhir.resources import Intake
from service.fhir.review import PAIN, RELIEF, TENDER, Review, read_review
from service.fhir.signs import Sign, are_apart, newest_of, read_signs
from service.fhir.terminology import Terminology
from service.fhir.verdicts import Criterion, Result, Setting, found, unknown

__all__ = ["Criteria", "judge_criteria"]

_NAMED: Final = 20
_UNAVAILABLE: Final = Criterion(Result.UNKNOWN, reason=Reason.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Criteria:
    """
    What the record says about the study's diagnosis of SCNEN.

    Attributes
    ----------
    persistent_pain : Criterion
        Persistent low back pain or leg symptoms after the operation.
    tender_point : Criterion
        A tender point whose pressure reproduces the patient's pain (Tinel's sign).
    block_relief : Criterion
        Relief of more than 75 % within two hours of a block there.
    review : Review
        What else speaks of examination and block, and what of it counts.
    is_complete : bool
        Whether every Observation and Procedure could be had and read: only then does
        an empty list mean that there is nothing.
    """

    persistent_pain: Criterion
    tender_point: Criterion
    block_relief: Criterion
    review: Review
    is_complete: bool

    @property
    def all(self) -> tuple[Criterion, ...]:  # numpydoc ignore=RT01
        """The three, in the order of the study."""
        return self.persistent_pain, self.tender_point, self.block_relief

    @property
    def are_met(self) -> bool:  # numpydoc ignore=RT01
        """Whether all three are met."""
        return all(criterion.is_met for criterion in self.all)

    @property
    def met_since(self) -> date | None:  # numpydoc ignore=RT01
        """Where they are: the day on which the last of them was first found."""
        days = [criterion.since for criterion in self.all if criterion.since]
        return max(days) if self.are_met else None

    @property
    def tender_since(self) -> date | None:  # numpydoc ignore=RT01
        """Since when a tender point calls for a block; anew once pain came back."""
        pain, tender = self.persistent_pain, self.tender_point
        if tender.since and pain.since and pain.is_back:
            return max(tender.since, pain.since)
        return tender.since


def judge_criteria(
    record: PatientRecord,
    *,
    patient_id: str,
    operation: Operation,
    now: datetime,
    terminology: Terminology,
    findings_from_days: int = 0,
) -> Criteria:
    """
    Judge the three criteria.

    Parameters
    ----------
    record : PatientRecord
        The patient's resources as plain JSON.
    patient_id : str
        The patient; resources of others are dropped.
    operation : Operation
        The operation; what came before it never counts.
    now : datetime.datetime
        Time of the call, in the hospital's zone.
    terminology : Terminology
        Which codes mean what.
    findings_from_days : int
        So many days after the operation findings begin to count: the pain of the first
        days is that of the wound.

    Returns
    -------
    Criteria
        Each met, not met or unknown with the reason.

    Raises
    ------
    ValueError
        If `now` has no zone.
    """
    setting = Setting.of(operation, now, from_days=findings_from_days)
    intake = Intake()
    procedures = select(record.procedures, "Procedure", patient_id)
    observations = select(record.observations or (), "Observation", patient_id)
    course = read_course(procedures.resources, setting, terminology, intake)
    signs = [
        sign
        for sign in read_signs(
            observations.resources, terminology, setting.zone, intake
        )
        if not setting.is_before_operation(sign.when)
    ]
    is_had = record.observations is not None
    is_read = not (procedures.junk + observations.junk + _illegible(record))
    pain, tender, relief = (newest_of(signs, kind) for kind in (PAIN, TENDER, RELIEF))
    return Criteria(
        _judge_presence(pain, course.blocks, setting) if is_had else _UNAVAILABLE,
        _judge_presence(tender, course.blocks, setting) if is_had else _UNAVAILABLE,
        judge_relief(relief, course.blocks, tender, setting)
        if is_had
        else _UNAVAILABLE,
        review=read_review(signs, course, setting),
        is_complete=is_had and is_read,
    )


def _illegible(record: PatientRecord) -> int:
    return sum(record.illegible.get(kind, 0) for kind in ("Procedure", "Observation"))


def _sources(signs: Iterable[Sign]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sign.source for sign in signs))[:_NAMED]


def _judge_presence(
    signs: Iterable[Sign], blocks: Sequence[Block], setting: Setting
) -> Criterion:
    """
    Let the newest sign of each place decide.

    Present at one place is enough, if nothing of the same time contradicts it there.
    """
    refused, counted = [], []
    for sign in signs:
        refusal = setting.check(sign) or numbed(sign, blocks, setting.zone)
        if refusal:
            refused.append(refusal)
        else:
            counted.append(sign)
    newest = _newest(counted, blocks, setting)
    if not newest:
        return unknown(refused)
    present = [sign for sign in newest if sign.answer is True]
    sure = [sign for sign in present if not _contradicting(sign, newest)]
    if sure:
        return _met(sure, counted)
    illegible = [sign for sign in newest if isinstance(sign.answer, Fault)]
    absent = [sign for sign in newest if sign.answer is False]
    if present and absent:
        return _conflict(present[0], absent[0], newest)
    if illegible:
        return _illegible_answer(illegible)
    return Criterion(Result.NOT_MET, found(absent))


def _met(sure: Sequence[Sign], counted: Sequence[Sign]) -> Criterion:
    """Count from the first finding of a place that nothing contradicted since."""
    since, is_back = [], False
    for sign in sure:
        here = [other for other in counted if not are_apart(sign.side, other.side)]
        against = [other for other in here if other.answer is not True]
        lasting = [
            other
            for other in here
            if other.answer is True and all(no.is_before(other) for no in against)
        ]
        days = [each.when.last_day for each in (*lasting, sign) if each.when]
        since.append(min(days))
        is_back |= any(other.answer is False for other in against)
    return Criterion(Result.MET, found(sure), since=max(since), is_back=is_back)


def _newest(
    signs: Sequence[Sign], blocks: Sequence[Block], setting: Setting
) -> list[Sign]:
    """What may be the effect of a block stands beside older signs, not above them."""
    able = [sign for sign in signs if not is_maybe_numbed(sign, blocks, setting.zone)]
    return [
        sign
        for sign in signs
        if not any(_supersedes(other, sign, setting) for other in able)
    ]


def _supersedes(new: Sign, old: Sign, setting: Setting) -> bool:
    """Signs of two codes on one day belong to one examination: none is newer."""
    if old.when is None or new.when is None or not old.when.is_before(new.when):
        return False
    if are_apart(new.side, old.side):
        return False
    is_same_code = new.mapped.target == old.mapped.target
    return is_same_code or not old.when.shares_day(new.when, setting.zone)


def _contradicting(sign: Sign, others: Iterable[Sign]) -> list[Sign]:
    """Absent, or illegible and so maybe absent, at what may be the same place."""
    return [
        other
        for other in others
        if other.answer is not True and not are_apart(sign.side, other.side)
    ]


def _conflict(present: Sign, absent: Sign, signs: Sequence[Sign]) -> Criterion:
    said = (quoted(s.as_found, s.source) for s in (present, absent))
    is_one_time = present.when and absent.when and present.when.overlaps(absent.when)
    when = "at one time" if is_one_time else "whose order does not decide"
    detail = f"differing findings {when}: {' and '.join(said)}"
    return Criterion(
        Result.UNKNOWN,
        reason=Reason.CONFLICT,
        detail=detail,
        candidates=_sources(signs),
    )


def _illegible_answer(signs: Sequence[Sign]) -> Criterion:
    """The newest finding cannot be read: an older one does not stand in for it."""
    fault = next(s.answer for s in signs if isinstance(s.answer, Fault))
    return Criterion(
        Result.UNKNOWN,
        reason=fault.reason,
        detail=fault.detail,
        candidates=_sources(signs),
    )
