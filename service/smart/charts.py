"""What a patient's record says already, read and judged as for a hook call."""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from time import monotonic
from typing import Any

from cds_hooks import FHIRAuthorization, HookRequest
from service.assessment import Assessment
from service.assessor import Assessor
from service.clients import signs_at
from service.fhir.client import Bearer, FHIRAccess, FHIRClient
from service.fhir.findings import OperatedVertebra, Operation, PatientRecord, Reason
from service.followup import ChartReader
from service.records import RecordReader
from service.smart.launches import EHR
from service.smart.refusals import Refused, Why
from service.smart.reports import Found, Reports, look_for_reports, read_reports
from service.smart.sessions import Session

__all__ = ["Chart", "Charts"]


@dataclass(frozen=True, slots=True)
class Chart:
    """
    A patient's record as far as the forms need it.

    Attributes
    ----------
    person, born : str
        Name and date of birth, so that the clinician sees whose form it is; empty where
        the record does not tell.
    record : PatientRecord
        The resources.
    assessment : Assessment
        What a hook call would find.
    fhir_version : str
        What the server speaks.
    reports : Reports
        Texts for the clinician's eyes.
    now : datetime.datetime
        When it was read, in the hospital's zone.
    is_late : bool, default False
        Whether the operation lies further back than a discharge looks.
    """

    person: str
    born: str
    record: PatientRecord
    assessment: Assessment
    fhir_version: str
    reports: Reports
    now: datetime
    is_late: bool = False

    @property
    def vertebrae(self) -> tuple[OperatedVertebra, ...]:  # numpydoc ignore=RT01
        """The operated vertebrae, from the head downwards."""
        return self.assessment.extraction.vertebrae

    @property
    def operation(self) -> Operation | None:  # numpydoc ignore=RT01
        """The latest operation, which the follow-up is about."""
        operations = [each.operation for each in self.vertebrae]
        return max(operations, key=_when, default=None)


class Charts:
    """
    Read charts with the token of a session.

    Parameters
    ----------
    reader : RecordReader
        Gathers the record as at ``patient-view``.
    assessors : Mapping of str or None to Assessor
        Judge it, by how a site signs kyphosis angles.
    access : FHIRAccess
        The way to FHIR servers, for the reports.
    clock : callable
        Gives the time, with its zone.
    """

    def __init__(
        self,
        reader: RecordReader,
        assessors: Mapping[str | None, Assessor],
        access: FHIRAccess,
        clock: Callable[[], datetime],
    ) -> None:
        self._reader = reader
        self._assessors = assessors
        self._later = {signs: ChartReader(each) for signs, each in assessors.items()}
        self._access = access
        self._clock = clock

    def read(
        self,
        ehr: EHR,
        session: Session,
        *,
        has_person: bool = False,
        has_reports: bool = False,
    ) -> Chart:
        """
        Read one chart.

        Parameters
        ----------
        ehr : EHR
            Whose server.
        session : Session
            Patient and token.
        has_person : bool, default False
            Whether the name is wanted also of whoever was not operated on.
        has_reports : bool, default False
            Whether reports are wanted.

        Returns
        -------
        Chart
            The chart. Of operations, those of the encounter or of the last weeks count;
            without any, the latest of the horizon.

        Raises
        ------
        Refused
            If the procedures, or after an operation the observations, could not be had.
        """
        now = self._clock()
        client = self._client(ehr, session, now)
        # Beside the record: whoever waits for the form waits for one round less.
        with ThreadPoolExecutor(1, thread_name_prefix="reports") as beside:
            looking = _begun(beside, client, session) if has_reports else None
            gathered = self._reader.read(_request(ehr, session, now))
        if "procedures" in gathered.lacking:
            raise Refused(Why.RECORD)
        assessment, is_late = self._assess(ehr, session, gathered.record, now)
        if assessment.extraction.vertebrae and "observations" in gathered.lacking:
            raise Refused(Why.RECORD)
        record = gathered.record
        person, reports = record.patient, Reports()
        if looking is not None:
            bases = _bases(ehr)
            reports = read_reports(record, looking.result(), session.patient, bases)
        if has_person:
            person = person or _patient(client, session)
        version = gathered.fhir_version
        return Chart(
            *_person(person), record, assessment, version, reports, now, is_late
        )

    def levels(
        self,
        ehr: EHR,
        session: Session,
        chart: Chart,
        written: Mapping[str, Mapping[str, Any]],
    ) -> tuple[str, ...]:
        """
        Tell which levels may be entered for the vertebra whose level is not known.

        Each is tried on the record as it would be read afterwards: sources that have no
        level in common block the score, until somebody takes the entry back.

        Parameters
        ----------
        ehr : EHR
            Whose server.
        session : Session
            Patient.
        chart : Chart
            The chart.
        written : Mapping of str to Mapping
            By level: the Observation that would be written.

        Returns
        -------
        tuple of str
            Those that make the level known and contradict nothing.
        """
        before = _levels_of(chart.assessment)
        if not before[None]:
            return ()
        before[None] -= 1
        return tuple(
            level
            for level, entry in written.items()
            if self._levels_with(ehr, session, chart, entry)
            == before + Counter([level])
        )

    def _levels_with(
        self, ehr: EHR, session: Session, chart: Chart, entry: Mapping[str, Any]
    ) -> Counter[str | None]:
        """Count the levels with one more entry; none is told in a contradiction."""
        observations = [*(chart.record.observations or ()), entry]
        record = replace(chart.record, observations=observations)
        assessment, _ = self._assess(ehr, session, record, chart.now)
        return _levels_of(assessment)

    def _assess(
        self, ehr: EHR, session: Session, record: PatientRecord, now: datetime
    ) -> tuple[Assessment, bool]:
        """Assess as a discharge would, else the latest operation of the horizon."""
        signs = signs_at(ehr.client)
        found = self._assessors[signs].assess(
            record,
            patient_id=session.patient,
            encounter_id=session.encounter,
            now=now,
        )
        if found.not_assessed is not Reason.NO_ELIGIBLE_OPERATION:
            return found, False
        later = self._later[signs].read(record, patient_id=session.patient, now=now)
        return later.assessment, bool(later.assessment.extraction.vertebrae)

    def _client(self, ehr: EHR, session: Session, now: datetime) -> FHIRClient:
        """Read what no hook call reads."""
        bearer = Bearer(session.token, session.until - now.timestamp(), monotonic())
        return self._access.client(ehr.base_url, ehr.private_addresses, bearer)


def _begun(
    pool: ThreadPoolExecutor, client: FHIRClient, session: Session
) -> "Future[Found]":
    """Begin to look for reports; where no thread is to be had, they are not read."""
    try:
        return pool.submit(look_for_reports, client.look, session.patient)
    except RuntimeError:
        unread: Future[Found] = Future()
        unread.set_result(Found(was_read=False))
        return unread


def _levels_of(assessment: Assessment) -> Counter[str | None]:
    return Counter(each.level for each in assessment.extraction.vertebrae)


def _bases(ehr: EHR) -> tuple[str, ...]:
    server = ehr.client.fhir_server(ehr.base_url)
    return (ehr.base_url,) if server is None else tuple(server.bases)


def _patient(client: FHIRClient, session: Session) -> Mapping[str, Any] | None:
    """Read the person of whom no record was read."""
    queries = {"patient": (f"Patient/{session.patient}", "Patient")}
    return next(iter(client.fetch(queries)["patient"].data.resources), None)


def _when(operation: Operation) -> date:
    """Give the day of an operation; one without any is taken for the oldest."""
    if operation.day is None and operation.end is not None:
        return operation.end.date()
    return operation.day or date.min


def _request(ehr: EHR, session: Session, now: datetime) -> HookRequest:
    """Ask for the record as a call at ``patient-view`` without prefetch would."""
    context = {"patientId": session.patient, "userId": session.user or ""}
    if session.encounter is not None:
        context["encounterId"] = session.encounter
    return HookRequest(
        hook="patient-view",
        hook_instance="",
        context=context,
        prefetch={},
        fhir_server=ehr.base_url,
        fhir_authorization=FHIRAuthorization(
            session.token,
            int(session.until - now.timestamp()),
            " ".join(session.scopes),
            ehr.app.client_id,
            session.patient,
        ),
        extension={},
        client=ehr.client,
    )


def _person(patient: Mapping[str, Any] | None) -> tuple[str, str]:
    """Give name and date of birth of a patient; who is not named is not guessed."""
    names = patient.get("name") if patient else None
    name = names[0] if isinstance(names, list) and names else {}
    if not isinstance(name, dict):
        name = {}
    given = name.get("given") if isinstance(name.get("given"), list) else []
    said = name.get("text") or " ".join(
        each for each in (*(given or ()), name.get("family")) if isinstance(each, str)
    )
    born = patient.get("birthDate") if patient else None
    named, born = (e if isinstance(e, str) else "" for e in (said, born))
    return named, born
