"""The use case of the opened chart: what the follow-up calls for, or why nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from service.assessment import (
    Assessment,
    Band,
    OutputMode,
    VertebraAssessment,
)
from service.assessor import Assessor
from service.fhir.course import Diagnosis, is_deceased, read_diagnosis
from service.fhir.criteria import Criteria, judge_criteria
from service.fhir.findings import Operation, PatientRecord, Reason
from service.fhir.verdicts import Setting
from service.model.scoring import Score
from service.policy import Policy, Reminded

__all__ = ["ChartReader", "ChartView", "Quiet", "Stage", "Uncounted"]

_OF_BAND: Mapping[Band, Reminded] = {
    Band.HIGH: Reminded.HIGH,
    Band.ABOVE_AVERAGE: Reminded.ABOVE_AVERAGE,
    Band.BELOW_AVERAGE: Reminded.BELOW_AVERAGE,
}


class Stage(StrEnum):
    """What the follow-up calls for."""

    CRITERIA_MET = "criteria-met"
    NEXT_STEP = "next-step"
    REVIEW_DUE = "review-due"
    REVIEW_OVERDUE = "review-overdue"


class Quiet(StrEnum):
    """Why there is nothing to say: a closed list, for logs and tests."""

    NOT_ELIGIBLE = "not-eligible"
    DECEASED = "deceased"
    BEYOND_HORIZON = "beyond-horizon"
    DIAGNOSIS_RECORDED = "diagnosis-recorded"
    OBSERVATIONS_UNAVAILABLE = "observations-unavailable"
    RECORDS_INCOMPLETE = "records-incomplete"
    FOLLOW_UP_RECORDED = "follow-up-recorded"
    OPERATION_DAY_UNKNOWN = "operation-day-unknown"
    NOT_YET_DUE = "not-yet-due"
    NOT_REMINDED = "not-reminded"
    NO_LONGER_SHOWN = "no-longer-shown"


class Uncounted(StrEnum):
    """Why something that is recorded does not count, and yet is not "nothing"."""

    UNREAD = "unread"
    EARLY = "early"


@dataclass(frozen=True, slots=True)
class ChartView:
    """
    What the record says on the day the chart is opened.

    Attributes
    ----------
    assessment : Assessment
        The latest eligible operation of the horizon, scored.
    stage : Stage or None
        What the follow-up calls for.
    quiet : Quiet or None
        Why there is nothing to say; exactly one of the two is given.
    operation : Operation or None
        When it took place.
    criteria : Criteria or None
        The diagnostic criteria since that operation.
    diagnosis : Diagnosis
        Whether SCNEN stands among the diagnoses.
    groups : frozenset of Reminded
        Groups of the quiet rules that the patient belongs to.
    is_by_earlier : bool
        Whether an earlier operation puts the patient into a group, since the latest one
        could not be scored.
    """

    assessment: Assessment
    stage: Stage | None = None
    quiet: Quiet | None = None
    operation: Operation | None = None
    criteria: Criteria | None = None
    diagnosis: Diagnosis = Diagnosis.UNCHECKED
    groups: frozenset[Reminded] = frozenset()
    is_by_earlier: bool = False

    @property
    def uncounted(self) -> dict[Uncounted, tuple[str, ...]]:  # numpydoc ignore=RT01
        """What would have made another card, or none, if it counted; maybe empty."""
        if self.criteria is None or self.stage is Stage.CRITERIA_MET:
            return {}
        review = self.criteria.review
        if self.stage is Stage.NEXT_STEP:
            found = {Uncounted.EARLY: review.early_blocks}
        else:
            found = {Uncounted.UNREAD: review.unread, Uncounted.EARLY: review.early}
        return {why: sources for why, sources in found.items() if sources}


class ChartReader:
    """
    Read charts under one policy.

    Parameters
    ----------
    assessor : Assessor
        The assessor of the discharge; its look-back gives way to the horizon.
    """

    def __init__(self, assessor: Assessor) -> None:
        self.policy: Policy = assessor.policy
        # One day more: the look-back is to the hour, the horizon to the day.
        horizon = self.policy.follow_up.horizon_days
        windows = replace(self.policy.windows, lookback_days=horizon + 1)
        self._terminology = assessor.terminology
        self._assessor = Assessor(
            model=assessor.model,
            second_model=assessor.second_model,
            policy=replace(self.policy, windows=windows),
            terminology=assessor.terminology,
            mode=assessor.mode,
            is_stopped=assessor.is_stopped,
        )

    def read(
        self, record: PatientRecord, *, patient_id: str, now: datetime
    ) -> ChartView:
        """
        Read one chart.

        Parameters
        ----------
        record : PatientRecord
            The patient's resources as plain JSON.
        patient_id : str
            The patient of the call.
        now : datetime.datetime
            Time of the call, in the hospital's zone.

        Returns
        -------
        ChartView
            What the follow-up calls for, or why there is nothing to say.
        """
        assessment = self._assessor.assess(
            record, patient_id=patient_id, encounter_id=None, now=now, latest_only=True
        )
        operation = assessment.extraction.operation
        if operation is None:
            return ChartView(assessment, quiet=Quiet.NOT_ELIGIBLE)
        if is_deceased(record.patient, patient_id):
            return ChartView(assessment, quiet=Quiet.DECEASED)
        return self._view(record, patient_id, now, assessment, operation)

    def _view(
        self,
        record: PatientRecord,
        patient_id: str,
        now: datetime,
        assessment: Assessment,
        operation: Operation,
    ) -> ChartView:
        criteria = judge_criteria(
            record,
            patient_id=patient_id,
            operation=operation,
            now=now,
            terminology=self._terminology,
            findings_from_days=self.policy.chart.findings_from_days,
        )
        diagnosis = self._diagnosis(record, patient_id, Setting.of(operation, now))
        by_band = _bands(assessment)
        earlier = self._earlier(record, patient_id, now, by_band)
        groups = by_band | earlier
        if criteria.persistent_pain.is_met:
            groups |= {Reminded.PAIN_RECORDED}
        case = _Case(operation, now.date(), criteria, diagnosis, groups, self.policy)
        said = case.decide()
        return ChartView(
            assessment,
            stage=said if isinstance(said, Stage) else None,
            quiet=said if isinstance(said, Quiet) else None,
            operation=operation,
            criteria=criteria,
            diagnosis=diagnosis,
            groups=groups,
            is_by_earlier=bool(earlier),
        )

    def _earlier(
        self,
        record: PatientRecord,
        patient_id: str,
        now: datetime,
        latest: frozenset[Reminded],
    ) -> frozenset[Reminded]:
        """An operation that cannot be scored takes nobody out of an earlier group."""
        if latest != {Reminded.NOT_SCORED}:
            return frozenset()
        united = self._assessor.assess(
            record, patient_id=patient_id, encounter_id=None, now=now
        )
        return _bands(united) - latest

    def _diagnosis(
        self, record: PatientRecord, patient_id: str, setting: Setting
    ) -> Diagnosis:
        found = read_diagnosis(
            record.conditions,
            patient_id=patient_id,
            setting=setting,
            terminology=self._terminology,
        )
        if found is Diagnosis.NOT_RECORDED and record.illegible.get("Condition"):
            return Diagnosis.UNCHECKED
        return found


@dataclass(slots=True)
class _Case:
    """One patient on one day."""

    operation: Operation
    today: date
    criteria: Criteria
    diagnosis: Diagnosis
    groups: frozenset[Reminded]
    policy: Policy

    def decide(self) -> Stage | Quiet:
        """Findings come before reminders; what is decided already before both."""
        day = self.operation.day
        if day and (self.today - day).days > self.policy.follow_up.horizon_days:
            return Quiet.BEYOND_HORIZON
        if self.diagnosis is Diagnosis.SETTLED:
            return Quiet.DIAGNOSIS_RECORDED
        # Nothing that could be recorded yet would count: no need to know.
        if day and (self.today - day).days < self.policy.chart.findings_from_days:
            return Quiet.NOT_YET_DUE
        if self.criteria.tender_point.reason is Reason.UNAVAILABLE:
            return Quiet.OBSERVATIONS_UNAVAILABLE
        if self.criteria.are_met:
            return self._consider()
        if self._is_block_plain():
            return self._block()
        return self._remind()

    def _consider(self) -> Stage | Quiet:
        if self.diagnosis is Diagnosis.CONSIDERED:
            return Quiet.DIAGNOSIS_RECORDED
        shown = self.policy.chart.criteria_met_shown_days
        if self._is_recent(self.criteria.met_since, shown):
            return Stage.CRITERIA_MET
        return Quiet.NO_LONGER_SHOWN

    def _is_block_plain(self) -> bool:
        """A positive tender point, pain that is not gone, and no word of a block."""
        pain = self.criteria.persistent_pain
        return (
            self.criteria.tender_point.is_met
            and not self.criteria.review.blocks
            and not pain.is_not_met
            and pain.reason is not Reason.CONFLICT
        )

    def _block(self) -> Stage | Quiet:
        if not self.criteria.is_complete:
            return Quiet.RECORDS_INCOMPLETE
        shown = self.policy.chart.next_step_shown_days
        if self._is_recent(self.criteria.tender_since, shown):
            return Stage.NEXT_STEP
        return Quiet.NO_LONGER_SHOWN

    def _is_recent(self, since: date | None, shown_days: int) -> bool:
        """Count from the first word of it: repeating it makes nothing new."""
        return bool(
            since and shown_days > 0 and (self.today - since).days <= shown_days
        )

    def _remind(self) -> Stage | Quiet:
        if self.diagnosis is Diagnosis.CONSIDERED:
            return Quiet.DIAGNOSIS_RECORDED
        if self.criteria.review.followed_up:
            return Quiet.FOLLOW_UP_RECORDED
        if not self.criteria.is_complete:
            return Quiet.RECORDS_INCOMPLETE
        if self.operation.day is None:
            return Quiet.OPERATION_DAY_UNKNOWN
        return self._review((self.today - self.operation.day).days)

    def _review(self, day: int) -> Stage | Quiet:
        """Find the stage of the review so many days after the operation."""
        follow_up, chart = self.policy.follow_up, self.policy.chart
        overdue = day - follow_up.review_until_days
        if day < follow_up.review_from_days:
            return Quiet.NOT_YET_DUE
        if overdue > chart.overdue_shown_days:
            return Quiet.NO_LONGER_SHOWN
        reminded = chart.overdue_reminds if overdue > 0 else chart.due_reminds
        if not self.groups & reminded:
            return Quiet.NOT_REMINDED
        return Stage.REVIEW_OVERDUE if overdue > 0 else Stage.REVIEW_DUE


def _bands(assessment: Assessment) -> frozenset[Reminded]:
    return frozenset(_group(item, assessment.mode) for item in assessment.vertebrae)


def _group(item: VertebraAssessment, mode: OutputMode) -> Reminded:
    if not isinstance(item.score, Score):
        return Reminded.NOT_SCORED
    if mode is OutputMode.RELATIVE or item.band is None:
        is_reached = item.reaches_percentile
        return Reminded.RELATIVE if is_reached else Reminded.RELATIVE_BELOW
    return _OF_BAND[item.band]
