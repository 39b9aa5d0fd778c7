"""Draft orders that a card suggests: FHIR R4 ServiceRequests, proposals only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cds_hooks.values import REFERENCE
from service.fhir.findings import Operation
from service.policy import FollowUp
from service.wording import day

__all__ = [
    "SNOMED",
    "OrderTemplate",
    "Subject",
    "draft_orders",
    "entrapment",
    "of_one_patient",
    "order_templates",
    "times_of",
]

SNOMED = "http://snomed.info/sct"

_DAYS_A_WEEK = 7
_DAYS_A_MONTH = 30.5


@dataclass(frozen=True, slots=True)
class Subject:
    """
    Whom the call is about.

    Attributes
    ----------
    patient_id : str
        FHIR id of the patient.
    encounter_id : str or None
        FHIR id of the encounter.
    """

    patient_id: str
    encounter_id: str | None


@dataclass(frozen=True, slots=True)
class OrderTemplate:
    """
    One kind of draft order, ready but for patient and dates.

    Attributes
    ----------
    name : str
        Stable name of the order.
    label, description : str
        What the clinician reads on the button and beside it.
    resource : Mapping
        The ServiceRequest without subject, encounter, reason and period.
    first_day, last_day : datetime.timedelta
        Period in which it should take place, whole days after the operation.
    """

    name: str
    label: str
    description: str
    resource: Mapping[str, Any]
    first_day: timedelta
    last_day: timedelta


def order_templates(
    words: Mapping[str, Mapping[str, str]], code_system: str, follow_up: FollowUp
) -> tuple[OrderTemplate, ...]:
    """
    Prepare the two orders in one language.

    Parameters
    ----------
    words : Mapping
        Texts of the orders ``assessment`` and ``block``.
    code_system : str
        URL of the project's CodeSystem.
    follow_up : FollowUp
        When each should take place.

    Returns
    -------
    tuple of OrderTemplate
        Tender-point assessment, then diagnostic block.
    """
    times = times_of(follow_up)
    words = {
        order: {name: text % times for name, text in texts.items()}
        for order, texts in words.items()
    }
    assessment = _resource(
        words["assessment"],
        code=[
            _coding(code_system, "tender-point-assessment"),
            _coding(SNOMED, "113011001", "Palpation"),
        ],
        body_site=[_coding(SNOMED, "29850006", "Iliac crest structure")],
        as_needed=[_coding(code_system, "scn-persistent-pain")],
    )
    block = _resource(
        words["block"],
        code=[
            _coding(code_system, "scn-diagnostic-block"),
            _coding(SNOMED, "265778005", "Local anesthetic nerve block"),
        ],
        body_site=[_coding(code_system, "superior-cluneal-nerve")],
        as_needed=[_coding(code_system, "scn-tender-point")],
    )
    return (
        OrderTemplate(
            "assessment",
            words["assessment"]["label"],
            words["assessment"]["description"],
            assessment,
            timedelta(follow_up.review_from_days),
            timedelta(follow_up.review_until_days),
        ),
        OrderTemplate(
            "block",
            words["block"]["label"],
            words["block"]["description"],
            block,
            timedelta(follow_up.review_from_days),
            timedelta(follow_up.horizon_days),
        ),
    )


def draft_orders(
    templates: tuple[OrderTemplate, ...],
    subject: Subject,
    operation: Operation,
    today: date,
) -> list[tuple[OrderTemplate, dict[str, Any]]]:
    """
    Fill the templates for one patient.

    Parameters
    ----------
    templates : tuple of OrderTemplate
        What `order_templates` prepared.
    subject : Subject
        Patient and encounter.
    operation : Operation
        The operation: its day sets the period, its Procedures stand as information.
    today : datetime.date
        Day of the call; a period that has passed is not written.

    Returns
    -------
    list of (OrderTemplate, dict)
        Each template with its ServiceRequest as FHIR JSON.
    """
    added = of_one_patient(templates, subject, operation, today)
    return [
        (template, {**template.resource, **own})
        for template, own in zip(templates, added, strict=True)
    ]


def of_one_patient(
    templates: tuple[OrderTemplate, ...],
    subject: Subject,
    operation: Operation,
    today: date,
) -> list[dict[str, Any]]:
    """
    Give what each order of one patient holds beside its template.

    Parameters
    ----------
    templates : tuple of OrderTemplate
        What `order_templates` prepared.
    subject : Subject
        Patient and encounter.
    operation : Operation
        As for `draft_orders`.
    today : datetime.date
        As for `draft_orders`.

    Returns
    -------
    list of dict
        For each template: subject, encounter, period and the Procedures.
    """
    whom = {"subject": {"reference": f"Patient/{subject.patient_id}"}}
    if subject.encounter_id is not None:
        whom["encounter"] = {"reference": f"Encounter/{subject.encounter_id}"}
    sources = [
        {"reference": item} for item in operation.sources if REFERENCE.fullmatch(item)
    ]
    basis = {"supportingInfo": sources} if sources else {}
    return [
        {**whom, **_period(template, operation.day, today), **basis}
        for template in templates
    ]


def entrapment(code_system: str, text: str) -> dict[str, Any]:
    """
    Code the condition: by the project's own code and the nearest of SNOMED CT.

    Parameters
    ----------
    code_system : str
        URL of the project's CodeSystem.
    text : str
        Its name.

    Returns
    -------
    dict
        CodeableConcept.
    """
    own = _coding(code_system, "superior-cluneal-nerve-entrapment")
    nearest = _coding(SNOMED, "45781009", "Peripheral nerve entrapment syndrome")
    return {"coding": [own, nearest], "text": text}


def times_of(follow_up: FollowUp) -> dict[str, int]:
    """
    Say the policy's days in the units people use.

    Parameters
    ----------
    follow_up : FollowUp
        The policy's times.

    Returns
    -------
    dict of str to int
        ``from`` and ``until`` of the review in weeks, ``months`` of the horizon.
    """
    return {
        "from": round(follow_up.review_from_days / _DAYS_A_WEEK),
        "until": round(follow_up.review_until_days / _DAYS_A_WEEK),
        "months": round(follow_up.horizon_days / _DAYS_A_MONTH),
    }


def _period(
    template: OrderTemplate, operated: date | None, today: date
) -> dict[str, dict[str, str]]:
    """Say when, unless the day is unknown; a time that has passed would confuse."""
    if operated is None or (end := operated + template.last_day) < today:
        return {}
    start = operated + template.first_day
    return {"occurrencePeriod": {"start": day(start), "end": day(end)}}


def _resource(
    words: Mapping[str, str],
    *,
    code: list[dict[str, str]],
    body_site: list[dict[str, str]],
    as_needed: list[dict[str, str]],
) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "code": {"coding": code, "text": words["code"]},
        "asNeededCodeableConcept": {"coding": as_needed, "text": words["as_needed"]},
        "performerType": {"text": words["performer"]},
        "reasonCode": [{"text": words["reason"]}],
        "bodySite": [{"coding": body_site, "text": words["body_site"]}],
        "note": [{"text": words["note"]}],
    }


def _coding(system: str, code: str, display: str | None = None) -> dict[str, str]:
    coding = {"system": system, "code": code}
    return coding if display is None else {**coding, "display": display}
