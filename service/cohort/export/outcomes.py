"""Whether a patient got the neuropathy, from what the follow-up left on record."""

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import partial

from service.fhir.course import Diagnosis, read_diagnosis
from service.fhir.criteria import Criteria, judge_criteria
from service.fhir.findings import Operation, PatientRecord
from service.fhir.references import select
from service.fhir.resources import Intake
from service.fhir.review import RELIEF
from service.fhir.signs import read_signs
from service.fhir.terminology import Terminology
from service.fhir.verdicts import Setting
from service.policy import Policy

__all__ = ["Basis", "Outcome", "recorded_outcome"]


class Basis(StrEnum):
    """What an outcome rests on, or why there is none: a closed list."""

    CRITERIA_MET = "criteria-met"
    NOT_MET = "not-met"
    GIVEN = "given"
    NOT_GIVEN = "not-given"
    NOT_EXAMINED = "not-examined"
    EXAMINED_EARLY = "examined-early"
    NOT_SETTLED = "not-settled"
    DIAGNOSIS_ONLY = "diagnosis-only"
    RECORDS_INCOMPLETE = "records-incomplete"
    OPERATION_DAY_UNKNOWN = "operation-day-unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The outcome of one patient.

    Attributes
    ----------
    scnen : float
        1 with the neuropathy, 0 without, NaN for not known.
    day : datetime.date or None
        When that was found; None if it is not known.
    basis : Basis
        What it rests on.
    """

    scnen: float
    day: date | None
    basis: Basis


def recorded_outcome(
    record: PatientRecord,
    operation: Operation,
    *,
    patient_id: str,
    policy: Policy,
    terminology: Terminology,
    zone: tzinfo,
) -> Outcome:
    """
    Judge the study's criteria by all that was recorded up to the horizon.

    Parameters
    ----------
    record : PatientRecord
        The patient's resources, also those after the discharge.
    operation : Operation
        The operation that is followed up.
    patient_id : str
        The patient.
    policy : Policy
        Its horizon, from when findings count, and when the review takes place.
    terminology : Terminology
        Which codes mean what.
    zone : datetime.tzinfo
        That of the hospital.

    Returns
    -------
    Outcome
        1 if the three criteria were met at any time within the horizon; 0 if they were
        not, and one was looked for from the policy's review on and found not met; NaN
        for everything else. A diagnosis without the criteria is never 0.
    """
    if operation.end is None:
        return _unknown(Basis.OPERATION_DAY_UNKNOWN)
    operated = operation.day or operation.end.astimezone(zone).date()
    horizon = _evening(operated + timedelta(policy.follow_up.horizon_days), zone)
    judge = partial(
        judge_criteria,
        record,
        patient_id=patient_id,
        operation=operation,
        terminology=terminology,
        findings_from_days=policy.chart.findings_from_days,
    )
    for evening in _evenings(record, patient_id, terminology, zone):
        if evening <= horizon and (criteria := judge(now=evening)).are_met:
            return Outcome(1.0, criteria.met_since, Basis.CRITERIA_MET)
    diagnosis = read_diagnosis(
        record.conditions,
        patient_id=patient_id,
        setting=Setting.of(operation, horizon),
        terminology=terminology,
    )
    if diagnosis is not Diagnosis.NOT_RECORDED:
        return _unknown(Basis.DIAGNOSIS_ONLY)
    reviewed = operated + timedelta(policy.follow_up.review_from_days)
    return _without(judge(now=horizon), reviewed)


def _without(criteria: Criteria, reviewed: date) -> Outcome:
    """Tell whether somebody looked, late enough, and found one of the three absent."""
    absent = [criterion for criterion in criteria.all if criterion.is_not_met]
    if not absent:
        looked = criteria.review.followed_up or criteria.review.unread
        return _unknown(Basis.NOT_SETTLED if looked else Basis.NOT_EXAMINED)
    last = max(criterion.findings[0].last_day for criterion in absent)
    if last < reviewed:
        return _unknown(Basis.EXAMINED_EARLY)
    if not criteria.is_complete:
        return _unknown(Basis.RECORDS_INCOMPLETE)
    return Outcome(0.0, last, Basis.NOT_MET)


def _evenings(
    record: PatientRecord, patient_id: str, terminology: Terminology, zone: tzinfo
) -> list[datetime]:
    """
    List the evenings on which the criteria may have come to be met.

    What was found later, and the treatment, may hide that they once were: each day
    with a finding is judged by what was known on it.
    """
    own = select(record.observations or (), "Observation", patient_id)
    signs = read_signs(own.resources, terminology, zone, Intake())
    if not any(sign.mapped.target in RELIEF for sign in signs):
        return []
    days = {sign.when.end.astimezone(zone).date() for sign in signs if sign.when}
    return [_evening(day, zone) for day in sorted(days)]


def _evening(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.max, zone)


def _unknown(basis: Basis) -> Outcome:
    return Outcome(math.nan, None, basis)
