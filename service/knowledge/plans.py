"""The PlanDefinition: when the advice of a discharge comes, and what it offers."""

import re
from collections.abc import Iterator
from typing import Any, Final

from service import __version__
from service.assessment import OutputMode
from service.fhir.conceptmaps import Kind
from service.fhir.terminology import load_terminology
from service.knowledge.activities import activity_address, orders
from service.knowledge.basis import Basis, Resource, version_part
from service.knowledge.files import code_system_file
from service.knowledge.libraries import library_address
from service.model_card.content import read_content
from service.policy import MissingCard
from service.services import prefetch_templates

__all__ = ["plan"]

_TYPE: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/plan-definition-type",
    "code": "eca-rule",
}
_PATIENT: Final = {"system": "http://hl7.org/fhir/resource-types", "code": "Patient"}
#: Carries the query of a data requirement; of HL7's extensions for knowledge artifacts.
_QUERY: Final = "http://hl7.org/fhir/StructureDefinition/cqf-fhirQueryPattern"
_TYPE_OF: Final = re.compile(r"[A-Za-z]+")
_USAGE: Final = (
    "Read it; do not run it: the conditions are in words or need a number that the CDS"
    " Hooks service computes, so no generic engine gives this advice. Where nothing is"
    " proposed that does not mean that there is no risk. Not for: "
)
_PURPOSE: Final = (
    "To tell a committee and a knowledge repository, in the standard form, what the"
    " service does at a discharge, from which data, and what it proposes."
)


def plan(basis: Basis, form: Resource | None = None) -> Resource:
    """
    Describe the advice of a discharge.

    Parameters
    ----------
    basis : Basis
        What the artifacts are made from.
    form : dict, optional
        Questionnaire with which missing values are entered.

    Returns
    -------
    dict
        PlanDefinition.
    """
    service = basis.service
    told = {
        "title": service.title,
        **basis.approval(),
        "description": service.description,
        "purpose": _PURPOSE,
        "usage": _USAGE + " ".join(read_content().not_for),
        "useContext": basis.use_context(),
    }
    return {
        **basis.head("PlanDefinition", service.id, _version(basis), told),
        "type": {"coding": [_TYPE]},
        "subjectCodeableConcept": {"coding": [_PATIENT]},
        "relatedArtifact": [
            {"type": "citation", "citation": basis.model.provenance.citation},
            _page(basis, "The model card", "model"),
        ],
        "library": [library_address(basis)],
        "action": [_rule(basis, form)],
    }


def _version(basis: Basis) -> str:
    """Thresholds are the policy's, the number the model's, its kind the mode's."""
    parts = (basis.policy.version, basis.model.id, basis.model.version, basis.mode)
    return f"{__version__}-policy." + "-".join(map(version_part, parts))


def _rule(basis: Basis, form: Resource | None) -> Resource:
    return {
        "title": basis.service.title,
        "description": basis.service.usage_requirements,
        "trigger": [{"type": "named-event", "name": basis.service.hook}],
        "condition": [_in_words(_eligible(basis))],
        "input": list(_inputs(basis)),
        "groupingBehavior": "logical-group",
        "selectionBehavior": "any",
        "action": [*_proposals(basis), *_questions(basis, form)],
    }


def _eligible(basis: Basis) -> str:
    policy, age = basis.policy, basis.policy.eligibility.minimum_age_years
    outside = ", ".join(
        concept["display"].lower()
        for concept in code_system_file()["concept"]
        if concept["property"][0]["valueCode"] == Kind.EXCLUSION
    )
    return (
        "An operation by one of the methods of the model of a fractured thoracic or"
        f" lumbar vertebra, in the encounter or within {policy.windows.lookback_days}"
        f" days before; no recorded age below {age} years; none of: {outside}."
    )


def _inputs(basis: Basis) -> Iterator[Resource]:
    """
    Say what is read, as the prefetch templates do.

    With the codes that ship: those of a site stand in discovery, which may be private.
    """
    terminology = load_terminology(base=basis.canonical_base)
    for key, query in prefetch_templates(terminology).items():
        found: Resource = {
            "id": key,
            "extension": [{"url": _QUERY, "valueString": query}],
            "type": _TYPE_OF.match(query)[0],  # type: ignore[index] # begins with it
        }
        if key == "observations":
            codes = [
                {"system": system, "code": code}
                for system, code in terminology.query_codes
            ]
            found["codeFilter"] = [{"path": "code", "code": codes}]
        yield found


def _proposals(basis: Basis) -> Iterator[Resource]:
    for template in orders(basis):
        yield {
            "title": template.label,
            "description": template.description,
            "condition": [_threshold(basis)],
            "definitionCanonical": activity_address(basis, template),
        }


def _threshold(basis: Basis) -> Resource:
    """Compare what the Library gives with what the policy says."""
    bands = basis.policy.bands
    if basis.mode is OutputMode.RELATIVE:
        value = f"{bands.relative_percentile:.12g}"
        words = f"Percentile {value} of the simulated cohort, or higher"
        return _condition(words, "text/fhirpath", f"%percentile >= {value}")
    value, high = f"{bands.above_average:.12g}", f"{bands.high:.12g}"
    words = f"Probability {value} or more; from {high} on the card is a warning"
    return _condition(words, "text/fhirpath", f"%risk >= {value}")


def _questions(basis: Basis, form: Resource | None) -> Iterator[Resource]:
    if basis.policy.missing_card is MissingCard.NEVER:
        return
    asking: Resource = {
        "title": "Enter what is missing",
        "description": "The card names each value that is missing or contradicts"
        " another, with the reason; nothing is guessed.",
        "documentation": [_page(basis, "Where values are entered", "nomogram")],
        "condition": [
            _in_words("A value of the model is missing, or two contradict each other.")
        ],
    }
    if form is not None:
        asking["definitionCanonical"] = f"{form['url']}|{form['version']}"
    yield asking


def _in_words(words: str) -> Resource:
    """State what no expression says: an engine that cannot read it must not go on."""
    return _condition(words, "text/plain", words)


def _condition(words: str, language: str, expression: str) -> Resource:
    told = {"description": words, "language": language, "expression": expression}
    return {"kind": "applicability", "expression": told}


def _page(basis: Basis, display: str, path: str) -> dict[str, Any]:
    url = f"{basis.public_url}/{path}"
    return {"type": "documentation", "display": display, "url": url}
