"""What the chart's cards offer to record: a draft order, a provisional diagnosis."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from cds_hooks.values import REFERENCE
from service.fhir.criteria import Criteria
from service.fhir.findings import Operation
from service.fhir.verdicts import Criterion
from service.orders import (
    Subject,
    draft_orders,
    entrapment,
    order_templates,
)
from service.policy import FollowUp
from service.wording import quote

__all__ = ["BlockOrder", "Draft", "ProvisionalDiagnosis"]

_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """
    What one click would record.

    Attributes
    ----------
    label, description : str
        What the clinician reads on the button and beside it.
    resource : dict
        The resource as FHIR R4 JSON.
    """

    label: str
    description: str
    resource: dict[str, Any]


class BlockOrder:
    """
    The draft order of a diagnostic block at a positive tender point.

    Parameters
    ----------
    orders : Mapping
        Texts of the discharge's orders.
    words : Mapping
        Texts of this one.
    places : Mapping
        How the site of the tender point is added to them.
    code_system : str
        URL of the project's CodeSystem.
    follow_up : FollowUp
        The horizon.
    """

    def __init__(
        self,
        orders: Mapping[str, Words],
        words: Words,
        places: Words,
        code_system: str,
        follow_up: FollowUp,
    ) -> None:
        changed = {**orders, "block": words}
        _, block = order_templates(changed, code_system, follow_up)
        # The condition of the discharge's order is fulfilled: it is not "if" any more.
        resource = {
            name: value
            for name, value in block.resource.items()
            if name != "asNeededCodeableConcept"
        }
        self._template = replace(block, resource=resource)
        self._places = places

    def draft(
        self,
        subject: Subject,
        operation: Operation,
        tender_point: Criterion,
        today: date,
    ) -> Draft:
        """
        Draft the order for one patient.

        Parameters
        ----------
        subject : Subject
            Patient and encounter.
        operation : Operation
            The operation; the order ends with the horizon after it.
        tender_point : Criterion
            The positive tender point: the reason, with the place of the block.
        today : datetime.date
            Day of the call, and so the earliest of the period.

        Returns
        -------
        Draft
            The ServiceRequest: a draft, a proposal, without any dose.
        """
        template = self._template
        if operation.day is not None:
            # The tender point is found: from now on, whenever the review was to be.
            template = replace(template, first_day=today - operation.day)
        ((template, resource),) = draft_orders((template,), subject, operation, today)
        if reasons := _references([tender_point]):
            resource["reasonReference"] = reasons
        draft = Draft(template.label, template.description, resource)
        return _at_sites(draft, tender_point, self._places)


class ProvisionalDiagnosis:
    """
    SCNEN as a provisional entry of the problem list.

    Parameters
    ----------
    words : Mapping
        Texts.
    places : Mapping
        How the site of the tender point is added to them.
    code_system : str
        URL of the project's CodeSystem.
    """

    def __init__(self, words: Words, places: Words, code_system: str) -> None:
        self._places = places
        filled = {name: text % {} for name, text in words.items()}
        self._label, self._description = filled["label"], filled["description"]
        site = {"system": code_system, "code": "superior-cluneal-nerve"}
        self._resource = {
            "resourceType": "Condition",
            "clinicalStatus": _status("condition-clinical", "active"),
            "verificationStatus": _status("condition-ver-status", "provisional"),
            "category": [_status("condition-category", "problem-list-item")],
            "code": entrapment(code_system, filled["code"]),
            "bodySite": [{"coding": [site], "text": filled["body_site"]}],
            "note": [{"text": filled["note"]}],
        }

    def draft(self, subject: Subject, criteria: Criteria) -> Draft:
        """
        Draft the diagnosis for one patient.

        Parameters
        ----------
        subject : Subject
            Patient and encounter.
        criteria : Criteria
            The criteria, all met: their findings are the evidence.

        Returns
        -------
        Draft
            The Condition.
        """
        resource: dict[str, Any] = {
            **self._resource,
            "subject": {"reference": f"Patient/{subject.patient_id}"},
        }
        if subject.encounter_id is not None:
            resource["encounter"] = {"reference": f"Encounter/{subject.encounter_id}"}
        if evidence := _references(criteria.all):
            resource["evidence"] = [{"detail": evidence}]
        draft = Draft(self._label, self._description, resource)
        return _at_sites(draft, criteria.tender_point, self._places)


def _at_sites(draft: Draft, tender_point: Criterion, places: Words) -> Draft:
    """Say where the tender point was found, as recorded, or that no place is."""
    found = [item.site for item in tender_point.findings if item.site]
    # Two spellings of one site are still one.
    sites = [quote(site) for site in {site.casefold(): site for site in found}.values()]
    resource = draft.resource
    (body_site,), (note,) = resource["bodySite"], resource["note"]
    told = {
        "label": draft.label,
        "description": draft.description,
        "body_site": body_site["text"],
        "note": note["text"],
        "sites": places["between"].join(sites),
    }
    kind = "recorded" if sites else "unknown"

    def fill(name: str) -> str:
        return places[f"{name}_{kind}"] % told

    text = fill("body_site") if sites else body_site["text"]
    return Draft(
        places["label"] % told if len(sites) == 1 else draft.label,
        fill("description"),
        {
            **resource,
            "bodySite": [{**body_site, "text": text}],
            "note": [{"text": fill("note")}],
        },
    )


def _status(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{_TERMINOLOGY}/{system}", "code": code}]}


def _references(criteria: Iterable[Criterion]) -> list[dict[str, str]]:
    """Each source once; one without an id cannot be referred to."""
    sources = (item.source for found in criteria for item in found.findings)
    named = dict.fromkeys(source for source in sources if REFERENCE.fullmatch(source))
    return [{"reference": source} for source in named]
