"""One patient of an export: assessed as of the discharge, as the live service does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final

from service.assessment import Assessment, VertebraAssessment, findings
from service.assessor import Assessor
from service.cohort.export.lines import Line
from service.cohort.export.outcomes import Basis, Outcome, recorded_outcome
from service.cohort.export.records import newest, parse
from service.cohort.export.stays import Stay, diagnoses_as_of, stays_of
from service.fhir.findings import Measurement, PatientRecord, Reason
from service.fhir.gathering import gather
from service.fhir.labels import is_test_data
from service.fhir.servers import at_home
from service.fhir.times import parse_date
from service.fhir.versions import legible

__all__ = ["NOT_FOLLOWED", "Discharge", "DischargeReader", "discharges"]

#: Why an operation is left out that was too short a time ago.
NOT_FOLLOWED: Final = "follow-up-not-over"

_NOT_GIVEN: Final = Outcome(float("nan"), None, Basis.NOT_GIVEN)

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Discharge:
    """
    What one patient brings into the cohort.

    Attributes
    ----------
    patient_id : str
        Id of the Patient resource.
    values : Mapping of str to float or str
        The predictors that were found.
    missing : Mapping of str to str
        Why the others were not: codes of `service.fhir.findings.Reason`.
    others : Mapping of str to str
        Further columns.
    days : Mapping of str to datetime.date
        When the operation took place and the predictors were taken.
    outcome : Outcome
        What became of the patient.
    refused : str
        Why there is no row: a code of `Reason`, maybe with the group of exclusions;
        empty if there is one.
    broken : tuple of tuple of int
        File and number of each line that could not be read.
    rejected : int
        How many resources could not be used.
    elsewhere : int
        How many name another server.
    is_test : bool
        Whether the Patient is marked as test data (HTEST of HL7's ActReason).
    """

    patient_id: str
    values: Mapping[str, float | str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[str, date] = field(default_factory=dict)
    outcome: Outcome = _NOT_GIVEN
    refused: str = ""
    broken: tuple[tuple[int, int], ...] = ()
    rejected: int = 0
    elsewhere: int = 0
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class DischargeReader:
    """
    Read patients of an export under one policy.

    Attributes
    ----------
    assessor : Assessor
        That of the live service.
    zone : datetime.tzinfo
        That of the hospital.
    version : str
        What the exporting server speaks: ``R4``, ``R4B`` or ``R5``.
    bases : tuple of str
        Its addresses.
    judges_outcome : bool
        Whether the outcome is taken from the follow-up that is recorded.
    until : datetime.date or None
        Day of the export: operations whose follow-up was not over by then are refused;
        those who complain early would be in, and those who will be well not. None takes
        all.
    """

    assessor: Assessor
    zone: tzinfo
    version: str = "R4"
    bases: tuple[str, ...] = ()
    judges_outcome: bool = True
    until: date | None = None

    def read(self, patient_id: str, lines: Sequence[Line]) -> Discharge:
        """
        Assess the first operation that the service would have assessed.

        Parameters
        ----------
        patient_id : str
            Id of the Patient resource.
        lines : sequence of Line
            What may matter of the record.

        Returns
        -------
        Discharge
            The row, or why there is none.
        """
        sent, broken = parse(lines)
        patient = newest(sent["Patient"]).get(patient_id)
        record = gather(
            {**sent, "Patient": [patient] if patient else (), "Encounter": ()},
            patient_id=patient_id,
            version=self.version,
            bases=self.bases,
        )
        encounters, _ = at_home(
            legible(tuple(sent["Encounter"]), "Encounter", self.version),
            patient_id,
            self.bases,
        )
        return replace(
            self._assessed(record, patient_id, newest(encounters)),
            broken=broken,
            elsewhere=sum(record.elsewhere.values()),
            is_test=is_test_data(patient),
        )

    def _assessed(
        self, record: PatientRecord, patient_id: str, encounters: Mapping[str, Resource]
    ) -> Discharge:
        refused = ""
        for stay in stays_of(
            record,
            encounters,
            patient_id=patient_id,
            policy=self.assessor.policy,
            terminology=self.assessor.terminology,
            zone=self.zone,
        ):
            assessment = self._assess(record, patient_id, stay)
            if assessment.vertebrae:
                return self._row(record, patient_id, stay, assessment)
            if refused in {"", Reason.NO_ELIGIBLE_OPERATION}:
                refused = _code(assessment)
        return Discharge(patient_id, refused=refused or Reason.TIME_UNCLEAR.value)

    def _assess(self, record: PatientRecord, patient_id: str, stay: Stay) -> Assessment:
        conditions = diagnoses_as_of(
            record.conditions,
            stay.moment,
            patient_id=patient_id,
            terminology=self.assessor.terminology,
            zone=self.zone,
        )
        return self.assessor.assess(
            replace(record, encounter=stay.encounter, conditions=conditions),
            patient_id=patient_id,
            encounter_id=stay.encounter_id,
            now=stay.moment.end.astimezone(self.zone),
        )

    def _row(
        self,
        record: PatientRecord,
        patient_id: str,
        stay: Stay,
        assessment: Assessment,
    ) -> Discharge:
        """Take the vertebra that the service names first."""
        first, *_ = assessment.vertebrae
        found = findings(first.vertebra)
        values = {n: m.value for n, m in found.items() if isinstance(m, Measurement)}
        operation = first.vertebra.operation
        if self._is_too_young(operation.day):
            return Discharge(patient_id, refused=NOT_FOLLOWED)
        outcome = _NOT_GIVEN
        if self.judges_outcome:
            outcome = recorded_outcome(
                record,
                operation,
                patient_id=patient_id,
                policy=self.assessor.policy,
                terminology=self.assessor.terminology,
                zone=self.zone,
            )
        return Discharge(
            patient_id,
            values=values,
            missing={
                name: item.reason.value
                for name, item in found.items()
                if not isinstance(item, Measurement)
            },
            others=_others(record.patient, stay, assessment, first),
            days=dict(_days(first, self.zone)),
            outcome=outcome,
            rejected=len(assessment.extraction.rejected),
        )

    def _is_too_young(self, operated: date | None) -> bool:
        if self.until is None or operated is None:
            return False
        horizon = timedelta(self.assessor.policy.follow_up.horizon_days)
        return operated + horizon > self.until


def discharges(
    reader: DischargeReader, patients: Sequence[tuple[str, Sequence[Line]]]
) -> list[Discharge]:
    """
    Read some patients: the piece of work that is given to a process.

    Parameters
    ----------
    reader : DischargeReader
        Reads them.
    patients : sequence of tuple of str and sequence of Line
        Id and lines of each.

    Returns
    -------
    list of Discharge
        One for each, in their order.
    """
    return [reader.read(patient_id, lines) for patient_id, lines in patients]


def _code(assessment: Assessment) -> str:
    """Say why nothing was assessed, in the codes of the service."""
    extraction = assessment.extraction
    reason = extraction.not_assessed or Reason.NO_ELIGIBLE_OPERATION
    if extraction.exclusion is not None:
        return f"{reason.value}: {extraction.exclusion}"
    if reason is Reason.NO_ELIGIBLE_OPERATION and any(
        source.startswith("Procedure") for source, _ in extraction.rejected
    ):
        return Reason.UNAVAILABLE.value
    return reason.value


def _others(
    patient: Resource | None,
    stay: Stay,
    assessment: Assessment,
    first: VertebraAssessment,
) -> dict[str, str]:
    sex = patient.get("gender") if patient else None
    return {
        "age_years": _age(patient, stay.moment.first_day),
        "sex": sex if sex in {"female", "male", "other"} else "",
        "level": first.vertebra.level or "",
        "vertebrae": str(len(assessment.vertebrae)),
        "as_of": "discharge" if stay.is_discharge else "films",
        "flags": " ".join(sorted([*first.vertebra.flags, *assessment.flags])),
    }


def _age(patient: Resource | None, on: date) -> str:
    """Give whole years; empty where the birth date leaves them open."""
    born = parse_date(patient.get("birthDate")) if patient else None
    if born is None:
        return ""
    oldest, youngest = (
        on.year - day.year - ((on.month, on.day) < (day.month, day.day)) for day in born
    )
    return str(oldest) if oldest == youngest >= 0 else ""


def _days(first: VertebraAssessment, zone: tzinfo) -> Iterator[tuple[str, date]]:
    if first.vertebra.operation.start is not None:
        operated = first.vertebra.operation.start.astimezone(zone).date()
        yield "operation", first.vertebra.operation.day or operated
    for name, item in findings(first.vertebra).items():
        if isinstance(item, Measurement) and item.time is not None:
            taken = item.time
            yield name, taken.date() if isinstance(taken, datetime) else taken
