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
from service.assessment import Assessment, Assessor
from service.cards import CardComposer
from service.fhir.findings import PatientRecord
from service.fhir.terminology import Terminology
from service.orders import Subject

__all__ = ["FollowUpAdvice", "prefetch_templates", "services"]

_USAGE = (
    "Works with complete prefetch. Procedures and observations are required: without"
    " them the call answers 412. Without patient, encounter or conditions the card"
    " says what was not checked."
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
        assessment = self.assess(request)
        if assessment.vertebrae and not _is_had(_bundle(request, "observations")):
            raise DataUnavailable(
                "prefetch.observations: needed for an eligible operation, but absent,"
                " failed or paged; send the complete result of the template"
            )
        return Response(cards=self._composer.compose(assessment, subject))

    def assess(self, request: HookRequest) -> Assessment:
        """
        Assess the patient of a hook call.

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
        subject = subject_of(request)
        return self._assessor.assess(
            _record(request),
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


def _record(request: HookRequest) -> PatientRecord:
    procedures = _bundle(request, "procedures")
    if not _is_had(procedures):
        raise DataUnavailable(
            "prefetch.procedures: absent, failed or paged; send the complete result"
            " of the template, or null if there are none"
        )
    observations = _bundle(request, "observations")
    conditions = _bundle(request, "conditions")
    return PatientRecord(
        patient=_single(request, "patient"),
        encounter=_single(request, "encounter"),
        procedures=procedures.resources,
        observations=observations.resources if _is_had(observations) else None,
        conditions=conditions.resources if _is_had(conditions) else None,
    )


_TYPES = {
    "patient": "Patient",
    "encounter": "Encounter",
    "procedures": "Procedure",
    "observations": "Observation",
    "conditions": "Condition",
}
_HAD = frozenset({Availability.NULL, Availability.EMPTY, Availability.COMPLETE})


def _bundle(request: HookRequest, key: str) -> PrefetchedData:
    return read(request.prefetch, key, (_TYPES[key],))


def _single(request: HookRequest, key: str) -> Mapping[str, Any] | None:
    resources = _bundle(request, key).resources
    return resources[0] if len(resources) == 1 else None


def _is_had(data: PrefetchedData) -> bool:
    """Whether all there is was sent; a page of several is not all."""
    return data.availability in _HAD
