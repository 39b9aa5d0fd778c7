"""What the chart's cards offer to record: a draft order, a provisional diagnosis."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

from cds_hooks.values import REFERENCE
from service.fhir.findings import Operation
from service.fhir.verdicts import Criterion
from service.orders import (
    OrderTemplate,
    Subject,
    draft_orders,
    entrapment,
    order_templates,
)
from service.policy import FollowUp

__all__ = ["BlockOrder", "ProvisionalDiagnosis"]

_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"

Words = Mapping[str, str]


class BlockOrder:
    """
    The draft order of a diagnostic block at a positive tender point.

    Parameters
    ----------
    orders : Mapping
        Texts of the discharge's orders.
    words : Mapping
        Texts of this one.
    code_system : str
        URL of the project's CodeSystem.
    follow_up : FollowUp
        The horizon.
    """

    def __init__(
        self,
        orders: Mapping[str, Words],
        words: Words,
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

    def draft(
        self,
        subject: Subject,
        operation: Operation,
        tender_point: Criterion,
        today: date,
    ) -> tuple[OrderTemplate, dict[str, Any]]:
        """
        Draft the order for one patient.

        Parameters
        ----------
        subject : Subject
            Patient and encounter.
        operation : Operation
            The operation; the order ends with the horizon after it.
        tender_point : Criterion
            The positive tender point: the reason, and where the period begins.
        today : datetime.date
            Day of the call.

        Returns
        -------
        tuple of OrderTemplate and dict
            Its words, and the ServiceRequest: a draft, a proposal, without any dose.
        """
        template = self._template
        if operation.day is not None:
            found = max(item.last_day for item in tender_point.findings)
            first = min((found - operation.day).days, template.last_day)
            template = replace(template, first_day=first)
        ((template, resource),) = draft_orders((template,), subject, operation, today)
        if reasons := _references([tender_point]):
            resource["reasonReference"] = reasons
        return template, resource


class ProvisionalDiagnosis:
    """
    SCNEN as a provisional entry of the problem list.

    Parameters
    ----------
    words : Mapping
        Texts.
    code_system : str
        URL of the project's CodeSystem.
    """

    def __init__(self, words: Words, code_system: str) -> None:
        filled = {name: text % {} for name, text in words.items()}
        self.label, self.description = filled["label"], filled["description"]
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

    def draft(self, subject: Subject, criteria: Iterable[Criterion]) -> dict[str, Any]:
        """
        Draft the diagnosis for one patient.

        Parameters
        ----------
        subject : Subject
            Patient and encounter.
        criteria : iterable of Criterion
            The criteria that are met: their findings are the evidence.

        Returns
        -------
        dict
            The Condition.
        """
        resource: dict[str, Any] = {
            **self._resource,
            "subject": {"reference": f"Patient/{subject.patient_id}"},
        }
        if subject.encounter_id is not None:
            resource["encounter"] = {"reference": f"Encounter/{subject.encounter_id}"}
        if evidence := _references(criteria):
            resource["evidence"] = [{"detail": evidence}]
        return resource


def _status(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{_TERMINOLOGY}/{system}", "code": code}]}


def _references(criteria: Iterable[Criterion]) -> list[dict[str, str]]:
    """Each source once; one without an id cannot be referred to."""
    sources = (item.source for found in criteria for item in found.findings)
    named = dict.fromkeys(source for source in sources if REFERENCE.fullmatch(source))
    return [{"reference": source} for source in named]
