"""Resources loaded with fhir.resources one by one, cut down to what the rules read."""

from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

import orjson
from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.procedure import Procedure
from fhir.resources.R4B.reference import Reference

from service.fhir.references import Contested, source_of

__all__ = ["ELEMENTS", "Intake", "has_known_status"]

#: The elements that the rules read, by type. References and times are read on plain
#: JSON, with stricter checks of their own (`references`, `times`), and stay out: so a
#: loaded content holds no identity and serves for the next patient.
ELEMENTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Procedure": (
            "status",
            "code",
            "bodySite",
            "reasonCode",
        ),
        "Observation": (
            "status",
            "code",
            "valueQuantity",
            "valueCodeableConcept",
            "valueString",
            "valueInteger",
            "valueRange",
            "valueRatio",
            "dataAbsentReason",
            "bodySite",
            "component",
        ),
        "Condition": (
            "clinicalStatus",
            "verificationStatus",
            "code",
            "bodySite",
        ),
    }
)
_CLASSES: Final[Mapping[str, Any]] = MappingProxyType(
    {"Procedure": Procedure, "Observation": Observation, "Condition": Condition}
)
#: Longer contents are not kept.
_LONGEST: Final = 4096
#: Stands for every number: a finite one is a FHIR decimal whatever it is.
_SOME_NUMBER: Final = 1
#: Codes of a Procedure's status; the models take any text.
_PROCEDURE_STATUSES: Final = frozenset(
    {
        "preparation",
        "in-progress",
        "not-done",
        "on-hold",
        "stopped",
        "completed",
        "entered-in-error",
        "unknown",
    }
)
#: Stands for the subject, which is required and checked elsewhere.
_SOMEBODY: Final = Reference(reference="Patient/somebody")


class Intake:
    """
    Check resources before a value of theirs is used, and keep account of the faults.

    Attributes
    ----------
    faults : dict of str to str
        Fault by reference of the resource.
    """

    __slots__ = ("_judged", "faults")

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}
        self._judged: dict[int, bool] = {}

    def accepts(self, resource: Mapping[str, Any]) -> bool:
        """
        Tell whether a resource may be used.

        Parameters
        ----------
        resource : Mapping
            Procedure, Observation or Condition as plain JSON.

        Returns
        -------
        bool
            False if it is no valid resource; the fault is kept.
        """
        # The record outlives the intake, and with it the identity of a resource.
        is_sound = self._judged.get(id(resource))
        if is_sound is None:
            fault = _fault_of(resource)
            if fault is not None:
                self.faults[source_of(resource)] = fault
            is_sound = self._judged[id(resource)] = fault is None
        return is_sound


def has_known_status(procedure: Mapping[str, Any]) -> bool:
    """
    Tell whether the status of a Procedure is one that FHIR knows.

    Parameters
    ----------
    procedure : Mapping
        Plain JSON.

    Returns
    -------
    bool
        False if it is missing, no text, or no code of the standard.
    """
    status = procedure.get("status")
    return isinstance(status, str) and status in _PROCEDURE_STATUSES


def _fault_of(resource: Mapping[str, Any]) -> str | None:
    if isinstance(resource, Contested):
        return "id: stands for versions that differ, and none is the newest"
    kind = resource["resourceType"]
    content = {name: resource[name] for name in ELEMENTS[kind] if name in resource}
    is_modified = _is_modified(resource)
    if "component" in content and isinstance(parts := content["component"], list):
        is_modified = is_modified or any(map(_is_modified, parts))
        content["component"] = [_without_number(part) for part in parts]
    if is_modified:
        return "modifierExtension or implicitRules: may turn the meaning round"
    if kind == "Procedure" and not has_known_status(resource):
        return "status: not valid FHIR R4"
    try:
        written = orjson.dumps(_without_number(content))
    except TypeError:
        return "not valid JSON"
    load = _load if len(written) <= _LONGEST else _load.__wrapped__
    return load(kind, written)


def _is_modified(part: object) -> bool:
    """Whether it holds what may turn the rest round: to ignore that is unsafe."""
    return isinstance(part, dict) and (
        "modifierExtension" in part or "implicitRules" in part
    )


def _without_number(part: object) -> object:
    """Put a constant in the place of a value, which differs between patients."""
    if not isinstance(part, dict) or "valueQuantity" not in part:
        return part
    quantity = part["valueQuantity"]
    if not isinstance(quantity, dict) or not _is_decimal(quantity.get("value")):
        return part
    return {**part, "valueQuantity": {**quantity, "value": _SOME_NUMBER}}


def _is_decimal(value: object) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


@lru_cache(maxsize=512)
def _load(kind: str, content: bytes) -> str | None:
    """Load one resource; a fault is named by element, never by value."""
    fields = {**orjson.loads(content), "resourceType": kind, "subject": _SOMEBODY}
    try:
        _CLASSES[kind].model_validate(fields)
    except Exception as error:  # noqa: BLE001 it raises KeyError and others as well
        return f"{_element_of(error, kind)}: not valid FHIR R4"
    return None


def _element_of(error: Exception, kind: str) -> str:
    """Name the element at fault, if the error tells and it is one of ours."""
    listed = getattr(error, "errors", None)
    path = listed(include_url=False, include_input=False)[0]["loc"] if listed else ()
    return str(path[0]) if path and path[0] in ELEMENTS[kind] else "resource"
