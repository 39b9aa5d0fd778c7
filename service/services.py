"""The two CDS services: from a hook call over the assessment to the answer."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cds_hooks import (
    Availability,
    DataUnavailable,
    HookRequest,
    PrefetchedData,
    Response,
    Service,
)
from cds_hooks.prefetch import read
from service.assessment import Assessment, Assessor, OutputMode
from service.cards import CardComposer
from service.fhir.findings import PatientRecord, Reason
from service.fhir.terminology import Terminology
from service.orders import Subject

__all__ = ["FollowUpAdvice", "prefetch_templates", "services"]

_USAGE = (
    "Works with complete prefetch, for users who are Practitioner or PractitionerRole."
    " Procedures and observations are required: without them the call answers 412."
    " Without patient, encounter or conditions the card says what was not checked."
)


class FollowUpAdvice:
    """
    Advise on the follow-up of one patient: the handler of both services.

    Parameters
    ----------
    assessor : Assessor
        Turns resources into an assessment.
    composer : CardComposer
        Turns an assessment into cards.
    clock : callable
        Gives the time of the call, with its zone.
    """

    def __init__(
        self,
        assessor: Assessor,
        composer: CardComposer,
        clock: Callable[[], datetime],
    ) -> None:
        self._assessor = assessor
        self._composer = composer
        self._clock = clock

    def __call__(self, request: HookRequest) -> Response:
        """
        Answer a hook call.

        Parameters
        ----------
        request : HookRequest
            The loaded call.

        Returns
        -------
        Response
            The cards, maybe none.

        Raises
        ------
        DataUnavailable
            If the procedures, or the observations of an eligible operation, could
            not be had.
        """
        subject = subject_of(request)
        if subject.encounter_id is None:
            return Response()
        data = _read(request)
        assessment = self._assess(request, data)
        _refuse_silence(assessment, data)
        return Response(cards=self._composer.compose(assessment, subject))

    def mode_now(self) -> OutputMode:
        """
        Tell what kind of number a call would give now.

        Returns
        -------
        OutputMode
            The mode.
        """
        return self._assessor.mode_on(self._clock())

    def assess(self, request: HookRequest) -> Assessment:
        """
        Assess the patient of a hook call, without composing an answer.

        Parameters
        ----------
        request : HookRequest
            The loaded call.

        Returns
        -------
        Assessment
            The assessment; observations that could not be had count as missing.

        Raises
        ------
        DataUnavailable
            If the procedures could not be had.
        """
        return self._assess(request, _read(request))

    def _assess(
        self, request: HookRequest, data: Mapping[str, PrefetchedData]
    ) -> Assessment:
        subject = subject_of(request)
        return self._assessor.assess(
            _record(data),
            patient_id=subject.patient_id,
            encounter_id=subject.encounter_id,
            now=self._clock(),
        )


def subject_of(request: HookRequest) -> Subject:
    """
    Tell whom a call is about.

    Parameters
    ----------
    request : HookRequest
        The loaded call.

    Returns
    -------
    Subject
        Patient and encounter of the context.
    """
    context = request.context
    return Subject(str(context["patientId"]), context.get("encounterId"))


def prefetch_templates(terminology: Terminology) -> dict[str, str]:
    """
    Say what the service reads, as prefetch templates.

    Parameters
    ----------
    terminology : Terminology
        Its observation codes stand in the query, so that no other is sent.

    Returns
    -------
    dict of str to str
        Template by key.
    """
    codes = ",".join(f"{system}|{code}" for system, code in terminology.query_codes)
    patient = "patient={{context.patientId}}"
    return {
        "patient": "Patient/{{context.patientId}}",
        "encounter": "Encounter/{{context.encounterId}}",
        "procedures": f"Procedure?{patient}&_sort=-date&_count=100",
        "observations": f"Observation?{patient}&code={codes}&_sort=-date&_count=200",
        "conditions": f"Condition?{patient}&_count=200",
    }


def services(
    handler: FollowUpAdvice, terminology: Terminology
) -> tuple[Service, Service]:
    """
    Describe the services under which the advice can be called.

    Parameters
    ----------
    handler : FollowUpAdvice
        Answers both.
    terminology : Terminology
        For the prefetch templates.

    Returns
    -------
    tuple of Service
        ``scnen-discharge`` and ``scnen-chart``.
    """
    templates = prefetch_templates(terminology)
    subject = (
        "risk of superior cluneal nerve entrapment after vertebral fracture surgery"
    )
    return (
        Service(
            id="scnen-discharge",
            hook="encounter-discharge",
            title="Superior cluneal nerve entrapment: follow-up after discharge",
            description=f"At discharge: {subject}, with follow-up suggestions.",
            handler=handler,
            prefetch=templates,
            usage_requirements=_USAGE,
            user_types=("Practitioner", "PractitionerRole"),
        ),
        Service(
            id="scnen-chart",
            hook="patient-view",
            title="Superior cluneal nerve entrapment: follow-up in the chart",
            description=f"In the chart, within an encounter: {subject},"
            " with follow-up suggestions. Without an encounter it gives no card.",
            handler=handler,
            prefetch=templates,
            usage_requirements=_USAGE,
            user_types=("Practitioner", "PractitionerRole"),
        ),
    )


_TYPES = {
    "patient": ("Patient",),
    "encounter": ("Encounter",),
    "procedures": ("Procedure",),
    "observations": ("Observation",),
    "conditions": ("Condition",),
}
_HAD = frozenset({Availability.NULL, Availability.EMPTY, Availability.COMPLETE})


def _read(request: HookRequest) -> dict[str, PrefetchedData]:
    return {key: read(request.prefetch, key, types) for key, types in _TYPES.items()}


def _record(data: Mapping[str, PrefetchedData]) -> PatientRecord:
    if not _is_had(data["procedures"]):
        raise DataUnavailable(
            "prefetch.procedures: absent, failed or paged; send the complete result"
            " of the template, or null if there are none"
        )
    return PatientRecord(
        patient=_single(data["patient"]),
        encounter=_single(data["encounter"]),
        procedures=data["procedures"].resources,
        observations=_all(data["observations"]),
        conditions=_all(data["conditions"]),
        illegible={
            _TYPES[key][0]: found.dropped
            for key, found in data.items()
            if found.dropped
        },
    )


def _refuse_silence(assessment: Assessment, data: Mapping[str, PrefetchedData]) -> None:
    """Answer 412 where an empty answer would pass for "nothing to say"."""
    if assessment.vertebrae and not _is_had(data["observations"]):
        raise DataUnavailable(
            "prefetch.observations: needed for an eligible operation, but absent,"
            " failed or paged; send the complete result of the template"
        )
    if assessment.not_assessed is Reason.NO_ELIGIBLE_OPERATION and any(
        source.startswith("Procedure") for source, _ in assessment.extraction.rejected
    ):
        raise DataUnavailable(
            "prefetch.procedures: holds entries that are no valid Procedure, and no"
            " other is an eligible operation; send valid FHIR R4 resources"
        )


def _single(data: PrefetchedData) -> Mapping[str, Any] | None:
    return data.resources[0] if len(data.resources) == 1 else None


def _all(data: PrefetchedData) -> tuple[Mapping[str, Any], ...] | None:
    return data.resources if _is_had(data) else None


def _is_had(data: PrefetchedData) -> bool:
    """Whether all there is was sent; a page of several is not all."""
    return data.availability in _HAD
