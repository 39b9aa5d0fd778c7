"""What a patient's record says already, read and judged as for a hook call."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from time import monotonic
from typing import Any, Final

from cds_hooks import FHIRAuthorization, HookRequest
from service.assessment import Assessment
from service.assessor import Assessor
from service.clients import signs_at
from service.fhir.client import Bearer, FHIRAccess
from service.fhir.findings import OperatedVertebra, Operation, PatientRecord, Reason
from service.fhir.references import select
from service.fhir.servers import at_home
from service.followup import ChartReader
from service.records import RecordReader
from service.smart.launches import EHR
from service.smart.refusals import Refused, Why
from service.smart.sessions import Session

__all__ = ["Chart", "Charts", "Report"]

#: So many reports are shown, so much of each. They are read by people only.
_MOST_REPORTS: Final = 8
#: So many of the newest are looked at; the page says so.
_MOST_READ: Final = 50
_LONGEST: Final = 6000
_NONE: Final[Mapping[str, Sequence[Mapping[str, Any]]]] = {"reports": (), "patient": ()}
#: Categories of DiagnosticReports that are of images: HL7 table 0074, LOINC.
_IMAGING: Final = frozenset({"RAD", "RX", "CT", "NMR", "RUS", "imaging", "LP29684-5"})


@dataclass(frozen=True, slots=True)
class Report:
    """
    A text of the record, for the clinician's eyes; nothing here reads it.

    Attributes
    ----------
    title, day, text : str
        What it is, of when (both empty if the record does not tell), and what it says.
    source : str
        Reference of the resource.
    """

    title: str
    day: str
    text: str
    source: str


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
    reports : tuple of Report
        Radiology reports, the newest first.
    now : datetime.datetime
        When it was read, in the hospital's zone.
    """

    person: str
    born: str
    record: PatientRecord
    assessment: Assessment
    fhir_version: str
    reports: tuple[Report, ...]
    now: datetime

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

    def read(self, ehr: EHR, session: Session, *, has_texts: bool = False) -> Chart:
        """
        Read one chart.

        Parameters
        ----------
        ehr : EHR
            Whose server.
        session : Session
            Patient and token.
        has_texts : bool, default False
            Whether reports, and the name of whoever was not operated on, are wanted.

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
        gathered = self._reader.read(_request(ehr, session, now))
        if "procedures" in gathered.lacking:
            raise Refused(Why.RECORD)
        assessment = self._assess(ehr, session, gathered.record, now)
        if assessment.extraction.vertebrae and "observations" in gathered.lacking:
            raise Refused(Why.RECORD)
        others = (
            self._others(ehr, session, gathered.record, now) if has_texts else _NONE
        )
        server = ehr.client.fhir_server(ehr.base_url)
        bases = (ehr.base_url,) if server is None else server.bases
        return Chart(
            *_person(gathered.record.patient or next(iter(others["patient"]), None)),
            gathered.record,
            assessment,
            gathered.fhir_version,
            tuple(_texts(gathered.record, others["reports"], session, bases)),
            now,
        )

    def _assess(
        self, ehr: EHR, session: Session, record: PatientRecord, now: datetime
    ) -> Assessment:
        signs = signs_at(ehr.client)
        found = self._assessors[signs].assess(
            record,
            patient_id=session.patient,
            encounter_id=session.encounter,
            now=now,
        )
        if found.not_assessed is not Reason.NO_ELIGIBLE_OPERATION:
            return found
        later = self._later[signs].read(record, patient_id=session.patient, now=now)
        return later.assessment

    def _others(
        self, ehr: EHR, session: Session, record: PatientRecord, now: datetime
    ) -> dict[str, Sequence[Mapping[str, Any]]]:
        """Read what no hook call reads; without leave for it there is none."""
        bearer = Bearer(session.token, session.until - now.timestamp(), monotonic())
        client = self._access.client(ehr.base_url, ehr.private_addresses, bearer)
        newest = f"patient={session.patient}&_sort=-date&_count={_MOST_READ}"
        reports = f"DiagnosticReport?{newest}"
        queries = {"reports": (reports, "DiagnosticReport")}
        if record.patient is None:
            queries["patient"] = (f"Patient/{session.patient}", "Patient")
        fetched = client.fetch(queries)
        found = {name: each.data.resources for name, each in fetched.items()}
        return {**_NONE, **found}


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


def _report(resource: Mapping[str, Any]) -> Report | None:
    """Take the conclusion of a report of images, unless it was withdrawn."""
    text = resource.get("conclusion")
    is_void = resource.get("status") in {"entered-in-error", "cancelled"}
    if is_void or not isinstance(text, str) or not text.strip():
        return None
    codes = set(_codes(resource.get("category")))
    if codes and codes.isdisjoint(_IMAGING):
        return None
    return Report(
        _title(resource), _day(resource), text.strip()[:_LONGEST], _source(resource)
    )


def _texts(
    record: PatientRecord,
    reports: Sequence[Mapping[str, Any]],
    session: Session,
    bases: Sequence[str],
) -> Iterator[Report]:
    """Give reports, then values that were recorded as text, for people to read."""

    def own(resources: Sequence[Any], kind: str) -> Sequence[Any]:
        """Leave out what a server sent of others, by the rule of the extraction."""
        home, _ = at_home(resources, session.patient, bases)
        return select(home, kind, session.patient, "").resources

    shown = own(reports, "DiagnosticReport")
    yield from [each for each in map(_report, shown) if each][:_MOST_REPORTS]
    for resource in own(record.observations or (), "Observation")[:_MOST_REPORTS]:
        text = resource.get("valueString")
        if isinstance(text, str) and resource.get("status") != "entered-in-error":
            yield Report(
                _title(resource), _day(resource), text[:_LONGEST], _source(resource)
            )


def _codes(concepts: object) -> Iterator[str]:
    for concept in concepts if isinstance(concepts, list) else ():
        codings = concept.get("coding") if isinstance(concept, dict) else None
        for coding in codings if isinstance(codings, list) else ():
            if isinstance(coding, dict) and isinstance(coding.get("code"), str):
                yield coding["code"]


def _title(resource: Mapping[str, Any]) -> str:
    code = resource.get("code")
    concept = code if isinstance(code, dict) else {}
    codings = concept.get("coding")
    displays = [
        coding.get("display")
        for coding in (codings if isinstance(codings, list) else ())
        if isinstance(coding, dict)
    ]
    said = [each for each in (concept.get("text"), *displays) if isinstance(each, str)]
    return said[0] if said else ""


def _day(resource: Mapping[str, Any]) -> str:
    for name in ("effectiveDateTime", "issued"):
        said = resource.get(name)
        if isinstance(said, str):
            try:
                return date.fromisoformat(said[:10]).isoformat()
            except ValueError:
                return ""
    return ""


def _source(resource: Mapping[str, Any]) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"
