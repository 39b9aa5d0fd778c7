"""The CDS services that are hosted: hooks, words and prefetch templates."""

from collections.abc import Callable, Iterable
from typing import Final

from cds_hooks import HookRequest, Response, Service
from service.fhir.signs import SIGNS
from service.fhir.terminology import Kind, Terminology

__all__ = ["chart_templates", "prefetch_templates", "services"]

Handler = Callable[[HookRequest], Response]

_USAGE: Final = (
    "For users who are Practitioner or PractitionerRole. What is not prefetched is read"
    " from the FHIR server, if the client is registered with it and sends a token."
    " Procedures, and after an eligible operation observations, are required: if they"
    " cannot be had the call answers 412. Without patient, encounter or conditions the"
    " card says what was not checked."
)


def prefetch_templates(terminology: Terminology) -> dict[str, str]:
    """
    Say what the discharge service reads, as prefetch templates.

    Parameters
    ----------
    terminology : Terminology
        Its observation codes stand in the query, so that no other is sent.

    Returns
    -------
    dict of str to str
        Template by key.
    """
    return _templates(terminology, terminology.query_codes)


def chart_templates(terminology: Terminology) -> dict[str, str]:
    """
    Say what the chart service reads: findings of the follow-up as well.

    Parameters
    ----------
    terminology : Terminology
        Knows the codes of measurements and findings.

    Returns
    -------
    dict of str to str
        Template by key.
    """
    findings = tuple(
        (mapped.system, mapped.code)
        for mapped in terminology.queried(Kind.FINDING)
        if mapped.target in SIGNS
    )
    return _templates(terminology, terminology.query_codes + findings)


def _templates(
    terminology: Terminology, codes: Iterable[tuple[str, str]]
) -> dict[str, str]:
    wanted = ",".join(f"{system}|{code}" for system, code in codes)
    # What is known by its text alone, no search by code would find.
    by_code = "" if terminology.measures_by_text else f"&code={wanted}"
    patient = "patient={{context.patientId}}"
    return {
        "patient": "Patient/{{context.patientId}}",
        "encounter": "Encounter/{{context.encounterId}}",
        "procedures": f"Procedure?{patient}&_sort=-date&_count=100",
        "observations": f"Observation?{patient}{by_code}&_sort=-date&_count=200",
        "conditions": f"Condition?{patient}&_count=200",
    }


def services(
    discharge: Handler, chart: Handler, terminology: Terminology
) -> tuple[Service, Service]:
    """
    Describe the services under which the advice can be called.

    Parameters
    ----------
    discharge, chart : callable
        Answer the calls of each.
    terminology : Terminology
        For the prefetch templates.

    Returns
    -------
    tuple of Service
        ``scnen-discharge`` and ``scnen-chart``.
    """
    subject = "superior cluneal nerve entrapment after vertebral fracture surgery"
    users = ("Practitioner", "PractitionerRole")
    return (
        Service(
            id="scnen-discharge",
            hook="encounter-discharge",
            title="Superior cluneal nerve entrapment: follow-up after discharge",
            description=f"At discharge: risk of {subject}, with follow-up suggestions.",
            handler=discharge,
            prefetch=prefetch_templates(terminology),
            usage_requirements=_USAGE,
            user_types=users,
        ),
        Service(
            id="scnen-chart",
            hook="patient-view",
            title="Superior cluneal nerve entrapment: follow-up in the chart",
            description=f"In the six months after the operation: what the follow-up of"
            f" {subject} calls for, by the findings recorded. Where a client fires"
            " patient-view at discharge and says so: the advice of scnen-discharge.",
            handler=chart,
            prefetch=chart_templates(terminology),
            usage_requirements=_USAGE,
            user_types=users,
        ),
    )
