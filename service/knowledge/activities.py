"""ActivityDefinitions: the draft orders of the cards, ready for a repository."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from service import __version__
from service.knowledge.basis import Basis, Resource, version_part
from service.orders import OrderTemplate, order_templates
from service.wording import load_words

__all__ = ["activities", "activity_address", "activity_of", "orders"]

_NAMES: Final = {
    "assessment": "tender-point-assessment",
    "block": "scn-diagnostic-block",
}
#: Elements of the order that an ActivityDefinition has itself.
_SHARED: Final = ("intent", "code", "bodySite")
_PURPOSE: Final = (
    "To order the step from an order set or a plan in the words and codes of the card."
    " Its period is counted in days after the operation. It is a proposal: a clinician"
    " decides."
)
_COPYRIGHT: Final = (
    "Apache-2.0. Identifiers and names of SNOMED CT: SNOMED International."
)


def orders(basis: Basis) -> tuple[OrderTemplate, ...]:
    """
    Give the draft orders of the cards, in English.

    Parameters
    ----------
    basis : Basis
        What the artifacts are made from.

    Returns
    -------
    tuple of OrderTemplate
        Tender-point assessment, then diagnostic block.
    """
    words = load_words("words.j2", "en").order
    return order_templates(words, basis.code_system, basis.policy.follow_up)


def activities(basis: Basis) -> Iterator[Resource]:
    """
    Describe the draft orders as activities.

    Parameters
    ----------
    basis : Basis
        What the artifacts are made from.

    Yields
    ------
    dict
        ActivityDefinition; applied to a patient it gives the order of the card.
    """
    for template in orders(basis):
        yield activity_of(basis, template)


def activity_address(basis: Basis, template: OrderTemplate) -> str:
    """
    Name the activity of an order.

    Parameters
    ----------
    basis : Basis
        What the artifacts are made from.
    template : OrderTemplate
        The order.

    Returns
    -------
    str
        Canonical address with version.
    """
    name = _NAMES[template.name]
    return basis.canonical("ActivityDefinition", name, _version(basis))


def activity_of(basis: Basis, template: OrderTemplate) -> Resource:
    """
    Describe one order as an activity.

    Parameters
    ----------
    basis : Basis
        What the artifacts are made from.
    template : OrderTemplate
        The order.

    Returns
    -------
    dict
        ActivityDefinition. What it has no element for stands in ``dynamicValue``.
    """
    order = template.resource
    told = {
        "title": order["code"]["text"],
        **basis.approval(),
        "description": template.label,
        "purpose": _PURPOSE,
        "usage": " ".join(note["text"] for note in order["note"]),
        "useContext": basis.use_context(),
        "copyright": _COPYRIGHT,
    }
    others = {
        name: value
        for name, value in order.items()
        if name not in {"resourceType", "status", *_SHARED}
    }
    return {
        **basis.head(
            "ActivityDefinition", _NAMES[template.name], _version(basis), told
        ),
        "kind": order["resourceType"],
        **{name: order[name] for name in _SHARED},
        "timingRange": {
            "low": _days(template.first_day.days),
            "high": _days(template.last_day.days),
        },
        "dynamicValue": [
            {"path": path, "expression": _literal(value)}
            for path, value in _leaves(others)
        ],
    }


def _version(basis: Basis) -> str:
    """Times and approval are the policy's."""
    return f"{__version__}-policy.{version_part(basis.policy.version)}"


def _days(number: int) -> Resource:
    unit = {"unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}
    return {"value": number, **unit}


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 JSON
    """List the texts and codes of an element, each with the path to it."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            step = name.replace("CodeableConcept", ".ofType(CodeableConcept)")
            yield from _leaves(part, f"{path}.{step}" if path else step)
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _leaves(part, f"{path}[{place}]")
    else:
        yield path, value


def _literal(text: str) -> Resource:
    """Write a text as FHIRPath does."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return {"language": "text/fhirpath", "expression": f"'{escaped}'"}
