"""What the project ships and sends is FHIR R4 in the eyes of two other validators."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.app import create_app
from service.config import VARIABLES, Settings
from service.hook_requests import hook_request
from service.patients import bundled_patients

from .conftest import with_short_references

pytestmark = pytest.mark.tool

ROOT = Path(__file__).parents[2]
#: both validators know R4 only; test_patients.py has R5's models for the patient of R5
PATIENTS = [each for each in bundled_patients() if each.fhir_version == "R4"]
DISCHARGE = {"com.epic.cdshooks.request.bpa-trigger-action": "27"}
TAKES_EVERYTHING = {
    "name": "everything",
    "capabilities": {
        "selection_behaviors": ["any", "at-most-one"],
        "actions_per_suggestion": None,
        "action_resources": ["ServiceRequest", "Condition", "RiskAssessment"],
    },
}
TERMINOLOGY = sorted(
    file
    for folder in ("conceptmaps", "codesystems")
    for file in (ROOT / "service/data" / folder).glob("*.json")
)
#: npm fhir ships without SNOMED CT, LOINC, ICD and our CodeSystem, and says so
UNKNOWN_CODES = re.compile(
    r'Code ".+" \(.+\) not found in value set|Value set ".+" could not be found\.'
)

SERVICE_REQUEST = {
    "resourceType": "ServiceRequest",
    "status": "draft",
    "intent": "proposal",
    "subject": {"reference": "Patient/p1"},
    "code": {"text": "Tender-point assessment"},
}
CONDITION = {
    "resourceType": "Condition",
    "clinicalStatus": {
        "coding": [
            {
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                "code": "active",
            }
        ]
    },
    "subject": {"reference": "Patient/p1"},
}
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "Cobb angle"},
    "subject": {"reference": "Patient/p1"},
}
RISK = {
    "resourceType": "RiskAssessment",
    "status": "preliminary",
    "subject": {"reference": "Patient/p1"},
    "prediction": [{"probabilityDecimal": 45}],
}
PERIOD = {"start": "2026-03-02", "end": "2026-05-01"}


def without(resource, name):
    """A resource that lacks an element."""
    return {key: value for key, value in resource.items() if key != name}


def with_clinical_status(code):
    """A Condition with this clinical status."""
    coding = {**CONDITION["clinicalStatus"]["coding"][0], "code": code}
    return {**CONDITION, "clinicalStatus": {"coding": [coding]}}


#: what is wrong -> the resource, and which validators see it
BROKEN = {
    "missing-status": (without(SERVICE_REQUEST, "status"), {"fhir", "medplum"}),
    "missing-subject": (without(SERVICE_REQUEST, "subject"), {"fhir", "medplum"}),
    "wrong-status": ({**SERVICE_REQUEST, "status": "planned"}, {"fhir"}),
    "wrong-intent": ({**SERVICE_REQUEST, "intent": "wish"}, {"fhir"}),
    "wrong-clinical-status": (with_clinical_status("maybe"), {"fhir"}),
    "unknown-element": ({**SERVICE_REQUEST, "urgency": "low"}, {"fhir", "medplum"}),
    "list-for-one": ({**SERVICE_REQUEST, "status": ["draft"]}, {"fhir", "medplum"}),
    "one-for-list": ({**SERVICE_REQUEST, "note": {"text": "x"}}, {"fhir", "medplum"}),
    "text-for-object": ({**SERVICE_REQUEST, "code": "x"}, {"fhir", "medplum"}),
    "wrong-target": (
        {**SERVICE_REQUEST, "subject": {"reference": "Medication/m1"}},
        {"fhir", "medplum"},
    ),
    "dangling-type": (
        {**SERVICE_REQUEST, "subject": {"reference": "Person-of-mine/p1"}},
        {"fhir", "medplum"},
    ),
    "not-a-type": ({**SERVICE_REQUEST, "resourceType": "Order"}, {"fhir", "medplum"}),
    "no-type": (without(SERVICE_REQUEST, "resourceType"), {"fhir", "medplum"}),
    "not-a-date": (
        {**SERVICE_REQUEST, "authoredOn": "yesterday"},
        {"fhir", "medplum"},
    ),
    "more-than-100-percent": (
        {**RISK, "prediction": [{"probabilityDecimal": 145}]},
        {"medplum"},
    ),
    "range-not-in-percent": (
        {
            **RISK,
            "prediction": [
                {"probabilityRange": {"low": {"value": 0.1, "unit": "fraction"}}}
            ],
        },
        {"medplum"},
    ),
    "wrong-risk-status": ({**RISK, "status": "guessed"}, {"fhir"}),
    "value-and-reason-for-none": (
        {
            **OBSERVATION,
            "valueQuantity": {"value": 1},
            "dataAbsentReason": {"text": "unknown"},
        },
        {"medplum"},
    ),
}


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    """What a service answers about a patient to a client that takes everything.

    So nothing that could be proposed is left out.
    """
    register = tmp_path_factory.mktemp("clients") / "clients.yaml"
    register.write_text(json.dumps({"clients": [TAKES_EVERYTHING]}), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        patch.setenv("SCNEN_CLIENTS_FILE", str(register))
        patch.setenv("SCNEN_OPEN_CLIENT", TAKES_EVERYTHING["name"])
        client = create_app(Settings.from_env(is_open=True)).test_client()
    services = {
        each["id"]: each for each in client.get("/cds-services").json["services"]
    }

    def answer(patient, bundle, service):
        is_chart = services[service]["hook"] == "patient-view"
        body = hook_request(
            bundle,
            services[service],
            in_encounter=patient.in_encounter or not is_chart,
            extension=DISCHARGE if patient.in_encounter else None,
        )
        given = client.post(f"/cds-services/{service}", json=body)
        assert given.status_code == 200, given.text
        return given.json["cards"]

    return answer


@pytest.fixture(scope="module")
def answers(answer):
    """The cards for each bundled patient, moved to today, from both services."""
    return {
        (patient.name, service): answer(
            patient, patient.bundle_at(datetime.now(UTC)), service
        )
        for patient in PATIENTS
        for service in ("scnen-discharge", "scnen-chart")
    }


def proposed(cards):
    """The resources that cards suggest to create."""
    return [
        action["resource"]
        for card in cards
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
    ]


def errors(findings):
    """Findings but for codes of systems that the validators do not have."""
    return [
        finding
        for finding in findings
        if finding["severity"] not in {"info", "information", "warning"}
        or not UNKNOWN_CODES.fullmatch(finding["message"])
    ]


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.name)
def test_every_draft_of_every_card_is_valid(validators, answers, patient):
    """Whatever a clinician may accept, an R4 server can take."""
    for (name, _), cards in answers.items():
        if name == patient.name:
            for resource in proposed(cards):
                assert errors(validators.findings(resource)) == []


@pytest.mark.parametrize(
    ("code", "value"),
    [("cobb-preoperative", 4.0), ("cement-ratio-ap", 4.0)],
    ids=["small-angle", "extrapolated"],
)
def test_a_risk_with_a_wide_range_is_valid_with_the_reason_why(
    validators, answer, code, value
):
    """The note on what makes it wide is one more element that others must take."""
    patient = PATIENTS[0]
    bundle = patient.bundle_at(datetime.now(UTC))
    for resource in (entry["resource"] for entry in bundle["entry"]):
        if code in json.dumps(resource.get("code")):
            resource["valueQuantity"]["value"] = value
    drafts = proposed(answer(patient, bundle, "scnen-discharge"))
    (risk,) = (r for r in drafts if r["resourceType"] == "RiskAssessment")
    assert any(
        "makes its range wide" in n["text"] or "its range is wide" in n["text"]
        for n in risk["note"]
    )
    assert errors(validators.findings(risk)) == []


def test_there_are_drafts_to_validate(answers):
    """The test above looks at orders with all their parts, not at nothing."""
    drafts = [resource for cards in answers.values() for resource in proposed(cards)]
    orders = [r for r in drafts if r["resourceType"] == "ServiceRequest"]
    assert len(orders) >= len(PATIENTS)
    kinds = {"ServiceRequest", "Condition", "RiskAssessment"}
    assert {r["resourceType"] for r in drafts} == kinds
    risks = [r for r in drafts if r["resourceType"] == "RiskAssessment"]
    assert len(risks) >= 10
    for element in ("encounter", "condition", "basis", "prediction", "note"):
        assert any(element in risk for risk in risks), element
    for element in ("encounter", "occurrencePeriod", "supportingInfo", "bodySite"):
        assert any(element in order for order in orders), element


def test_the_drafts_are_taken_by_the_server(scratch, answers):
    """Each can be created on a FHIR server that was not made for us."""
    for resource in proposed(answers["01-high-vertebroplasty", "scnen-discharge"]):
        answer = scratch.post(resource["resourceType"], resource)
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.name)
def test_every_resource_of_a_bundled_patient_is_valid(validators, patient):
    """The Bundle and each of its resources; Medplum cannot read absolute references."""
    bundle = with_short_references(patient.bundle)
    for resource in [bundle, *(entry["resource"] for entry in bundle["entry"])]:
        assert errors(validators.findings(resource)) == []


@pytest.mark.parametrize("file", TERMINOLOGY, ids=lambda file: file.stem)
def test_concept_maps_and_code_systems_are_valid(validators, file):
    """A terminology server of a site could load them."""
    resource = json.loads(file.read_text("utf-8"))
    assert resource["resourceType"] in {"CodeSystem", "ConceptMap"}
    assert errors(validators.findings(resource)) == []


@pytest.mark.parametrize(
    "resource",
    [
        SERVICE_REQUEST,
        {**SERVICE_REQUEST, "occurrencePeriod": PERIOD},
        CONDITION,
        RISK,
        OBSERVATION,
    ],
    ids=["order", "order-with-period", "condition", "risk", "observation"],
)
def test_what_the_broken_resources_were_made_from_is_valid(validators, resource):
    """So each of them has one fault."""
    assert errors(validators.findings(resource)) == []


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_resource_is_caught(validators, fault):
    """By those validators that can see this kind of fault."""
    resource, seen_by = BROKEN[fault]
    found = errors(validators.findings(resource))
    assert {finding["validator"] for finding in found} == seen_by


@pytest.mark.parametrize("line", ["{", "", "null", "[]", "3"])
def test_line_that_is_no_resource_is_a_finding(validators, line):
    """Nothing passes because a validator could not begin."""
    found = errors(validators.findings_of_line(line))
    assert any(finding["severity"] in {"error", "fatal"} for finding in found)
