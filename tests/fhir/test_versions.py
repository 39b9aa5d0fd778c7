"""R5 resources say the same as their R4 counterparts."""

from datetime import datetime

import pytest
from fhir.resources import get_fhir_model_class

from service.fhir.extract import extract
from service.fhir.findings import Missing, PatientRecord
from service.fhir.versions import contradicts, in_r4
from service.patients import bundled_patients
from service.policy import default_policy

R5_NAMES = {
    "performedDateTime": "occurrenceDateTime",
    "performedPeriod": "occurrencePeriod",
    "period": "actualPeriod",
}


def in_r5(resource):
    """Write a bundled R4 resource as R5 has it; R5's own models check the result."""
    kind = resource["resourceType"]
    if kind not in {"Procedure", "Encounter"}:
        return resource
    said = {R5_NAMES.get(name, name): value for name, value in resource.items()}
    references = said.pop("reasonReference", [])
    codes = said.pop("reasonCode", [])
    reasons = [{"reference": r} for r in references] + [{"concept": c} for c in codes]
    if reasons:
        said["reason"] = reasons
    if kind == "Encounter":
        said["class"] = [{"coding": [said["class"]]}]
        said.pop("participant", None)  # nobody reads it
        said["diagnosis"] = [
            {"condition": [{"reference": d["condition"]}]}
            for d in said.get("diagnosis", [])
        ]
        said = {name: value for name, value in said.items() if value}
        said["status"] = {"finished": "completed"}.get(said["status"], said["status"])
    return get_fhir_model_class(kind).model_validate(said) and said


def record_of(resources):
    """Sort resources as a prefetch does."""
    of = {}
    for resource in resources:
        of.setdefault(resource["resourceType"], []).append(resource)
    return PatientRecord(
        patient=of["Patient"][0],
        encounter=of["Encounter"][0],
        procedures=of.get("Procedure", []),
        observations=of.get("Observation", []),
        conditions=of.get("Condition", []),
    )


def extracted(resources, now, terminology):
    """Extract under the default policy."""
    record = record_of(resources)
    policy = default_policy()
    return extract(
        record,
        patient_id=record.patient["id"],
        encounter_id=record.encounter["id"],
        now=now,
        windows=policy.windows,
        eligibility=policy.eligibility,
        terminology=terminology,
    )


PATIENTS = bundled_patients()
IN_R4 = [patient for patient in PATIENTS if patient.fhir_version == "R4"]


@pytest.mark.parametrize("patient", IN_R4, ids=lambda p: p.name)
def test_every_bundled_patient_reads_the_same_in_r5(patient, terminology):
    """The version of the server changes no value and no reason."""
    resources = [entry["resource"] for entry in patient.bundle["entry"]]
    now = datetime.fromisoformat(patient.bundle["timestamp"])
    newer = [in_r4(in_r5(resource), "R5") for resource in resources]
    assert extracted(newer, now, terminology) == extracted(resources, now, terminology)


def test_bundled_r5_patient_is_read_by_the_names_of_r5(terminology):
    """Read as R4 the operation has no time, and without its reason no level."""
    (patient,) = (patient for patient in PATIENTS if patient.fhir_version == "R5")
    resources = [entry["resource"] for entry in patient.bundle["entry"]]
    now = datetime.fromisoformat(patient.bundle["timestamp"])
    newer = [in_r4(resource, "R5") for resource in resources]
    (vertebra,) = extracted(newer, now, terminology).vertebrae
    assert (vertebra.level, vertebra.method.value) == ("L2", "pkp")
    assert vertebra.cement_ratio_percent.value == 46.0
    assert vertebra.cobb_restoration_ratio_percent.value == pytest.approx(35.0)
    (as_r4,) = extracted(resources, now, terminology).vertebrae
    assert isinstance(as_r4.cement_ratio_percent, Missing)
    for resource in newer:
        resource.pop("reasonReference", None)
    (without,) = extracted(newer, now, terminology).vertebrae
    assert isinstance(without.segment, Missing)


@pytest.mark.parametrize("version", ["R4", "R4B"])
def test_a_resource_of_r4_is_left_as_it_is(version):
    """R4 is what the rules read."""
    resource = {"resourceType": "Procedure", "performedDateTime": "2026-03-03"}
    assert in_r4(resource, version) is resource


def test_names_that_r5_does_not_have_are_not_believed():
    """A `performedDateTime` on an R5 server has no defined meaning."""
    said = {
        "resourceType": "Procedure",
        "performedDateTime": "2026-03-01",
        "occurrenceDateTime": "2026-03-03",
        "reasonReference": [{"reference": "Condition/c1"}],
    }
    assert in_r4(said, "R5") == {
        "resourceType": "Procedure",
        "performedDateTime": "2026-03-03",
    }
    encounter = {"resourceType": "Encounter", "period": {"start": "2026-03-01"}}
    assert in_r4(encounter, "R5") == {"resourceType": "Encounter"}


@pytest.mark.parametrize("junk", [None, "x", 1, {}, [1, "x", None, {}], [[]]])
def test_junk_costs_only_itself(junk):
    """Wrong shapes of the translated elements are left out, not failed on."""
    procedure = in_r4({"resourceType": "Procedure", "reason": junk}, "R5")
    assert procedure == {"resourceType": "Procedure"}
    for broken in (junk, [{"condition": junk}]):
        encounter = in_r4({"resourceType": "Encounter", "diagnosis": broken}, "R5")
        assert encounter == {"resourceType": "Encounter"}
    assert in_r4({"resourceType": junk}, "R5") == {"resourceType": junk}


DATE = "2026-03-03"
TIMES = [
    *(
        ("Procedure", f"performed{kind}", f"occurrence{kind}")
        for kind in ("DateTime", "Period", "String", "Age", "Range")
    ),
    ("Procedure", "performedDateTime", "occurrenceTiming"),
    ("Encounter", "period", "actualPeriod"),
]


@pytest.mark.parametrize("version", ["R4", "R4B", "R5"])
@pytest.mark.parametrize(("kind", "older", "newer"), TIMES)
def test_a_time_in_the_other_versions_name_contradicts(kind, older, newer, version):
    """Read by the declared version the resource would lose its time in silence."""
    own, foreign = (newer, older) if version == "R5" else (older, newer)
    assert contradicts({"resourceType": kind, foreign: DATE}, version)
    assert contradicts({"resourceType": kind, foreign: DATE, own: None}, version)
    assert not contradicts({"resourceType": kind, own: DATE}, version)
    assert not contradicts({"resourceType": kind, own: DATE, foreign: DATE}, version)
    assert not contradicts({"resourceType": kind, foreign: None}, version)
    assert not contradicts({"resourceType": kind}, version)


@pytest.mark.parametrize("version", ["R4", "R4B", "R5"])
@pytest.mark.parametrize("kind", ["Observation", "Condition", None, 1, [], {}])
def test_other_types_contradict_no_version(kind, version):
    """What has the same names in both versions, or is junk, is not judged."""
    said = {"resourceType": kind, "performedDateTime": DATE, "actualPeriod": {}}
    assert not contradicts(said, version)
    assert not contradicts({}, version)


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda p: p.name)
def test_no_bundled_patient_contradicts_its_own_version(patient):
    """And each with an operation contradicts the other one."""
    version = patient.fhir_version
    other = "R4" if version == "R5" else "R5"
    resources = [entry["resource"] for entry in patient.bundle["entry"]]
    assert not any(contradicts(resource, version) for resource in resources)
    assert any(contradicts(resource, other) for resource in resources)
