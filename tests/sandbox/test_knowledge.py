"""The knowledge artifacts are FHIR R4 in the eyes of others; a server takes them."""

import json
import re

import fhirkit
import pytest

from service.app import create_app
from service.config import VARIABLES, Settings

pytestmark = pytest.mark.tool

#: npm fhir ships without these systems; a MIME type that it does not list is one still.
UNKNOWN_CODES = re.compile(
    r'Code ".+" \(http://(scnen-cds\.example\.org/fhir/CodeSystem/predictors'
    r'|snomed\.info/sct)\) not found in value set|Code "text/plain" not found in value'
    r' set|Value set ".+" could not be found\.'
)


@pytest.fixture(scope="module")
def served():
    """The answers of /fhir, by what was asked for; of Bundles only one."""
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        client = create_app(Settings.from_env(is_open=True)).test_client()
    statement = client.get("/fhir/metadata").json
    found = {"metadata": statement, "nothing": client.get("/fhir/Library?url=x").json}
    found["error"] = client.get("/fhir/Unknown").json
    for each in statement["rest"][0]["resource"]:
        bundle = client.get(f"/fhir/{each['type']}").json
        found["bundle"] = bundle
        for entry in bundle["entry"]:
            resource = entry["resource"]
            found[f"{each['type']}/{resource['id']}"] = resource
    return found


def problems(validators, resource):
    """What three validators have against a resource."""
    return [
        f"{finding['validator']} {finding['path']}: {finding['message']}"
        for finding in validators.findings(resource)
        if not UNKNOWN_CODES.fullmatch(finding["message"])
    ] + [f"fhirkit {issue}" for issue in fhirkit.validate(resource)]


def test_every_answer_is_valid(validators, served):
    """Artifacts, a Bundle, CapabilityStatement, errors; HL7's codes are known ones."""
    assert len(served) > 20
    for name, resource in served.items():
        assert problems(validators, resource) == [], name


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("PlanDefinition/scnen-discharge", '"draft"', '"planned"'),
        ("PlanDefinition/scnen-discharge", '"eca-rule"', '"rule"'),
        ("PlanDefinition/scnen-discharge", '"named-event"', '"hook"'),
        ("PlanDefinition/scnen-discharge", '"definitionCanonical"', '"definition"'),
        ("ActivityDefinition/scn-diagnostic-block", '"proposal"', '"wish"'),
        ("Library/liu-nomogram", '"logic-library"', '"model"'),
        ("Library/liu-nomogram", '"decimal"', '"number"'),
        ("Library/liu-nomogram", '"title": "Risk', '"heading": "Risk'),
        ("ConceptMap/procedures", '"equivalence": "equal"', '"equivalence": "same"'),
        ("ValueSet/methods", '"include"', '"includes"'),
        ("metadata", '"instance"', '"example"'),
    ],
)
def test_a_fault_in_an_artifact_is_seen(validators, served, name, right, wrong):
    """So "valid" says something about these types."""
    text = json.dumps(served[name])
    assert right in text
    assert problems(validators, json.loads(text.replace(right, wrong, 1))) != []


def test_a_server_takes_every_artifact_and_gives_it_back(scratch, served):
    """As a site does that imports them; nothing is lost on the way."""
    for name, resource in served.items():
        if "/" in name:
            assert scratch.send("PUT", name, resource).status_code in {200, 201}, name
            kept = scratch.get(name).json()
            assert {k: v for k, v in kept.items() if k != "meta"} == resource, name
