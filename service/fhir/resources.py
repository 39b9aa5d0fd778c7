"""Resources loaded with fhir.resources one by one, cut down to what the rules read."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import orjson
from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.procedure import Procedure

from service.fhir.references import source_of

__all__ = ["ELEMENTS", "Intake"]

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
#: Their meaning may be turned round by these: to ignore them would be unsafe.
_MODIFIERS: Final = ("modifierExtension", "implicitRules")
_SOMEBODY: Final = {"reference": "Patient/somebody"}


class Intake:
    """
    Check resources before a value of theirs is used, and keep account of the faults.

    Attributes
    ----------
    faults : dict of str to str
        Fault by reference of the resource.
    """

    __slots__ = ("faults",)

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}

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
        fault = _fault_of(resource)
        if fault is not None:
            self.faults[source_of(resource)] = fault
        return fault is None


def _fault_of(resource: Mapping[str, Any]) -> str | None:
    components = resource.get("component")
    nested = components if isinstance(components, list) else ()
    for name in _MODIFIERS:
        if name in resource or any(isinstance(c, dict) and name in c for c in nested):
            return f"{name}: may change the meaning, not supported"
    kind = resource["resourceType"]
    content = {name: resource[name] for name in ELEMENTS[kind] if name in resource}
    try:
        return _load(kind, orjson.dumps(content))
    except TypeError:
        return "not valid JSON"


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
