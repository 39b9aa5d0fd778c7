"""A Bulk Data export as a cohort: the same predictors as the live service gives."""

import json
import math
from datetime import date, datetime

import pytest

from cds_hooks import load_request
from service.assessment import findings
from service.cohort.export.lines import ExportError
from service.config import Settings
from service.fhir.findings import Measurement
from service.hook_requests import hook_request
from service.model.predictors import INPUTS
from service.parts import build_parts
from service.patients import bundled_patients

AT_DISCHARGE = {p.name[:2]: p for p in bundled_patients() if p.in_encounter}


def live(patient, monkeypatch):
    """What the service found for the patient when the hook fired."""
    monkeypatch.setenv("SCNEN_OPEN_FHIR_VERSION", patient.fhir_version)
    now = datetime.fromisoformat(patient.bundle["timestamp"])
    parts = build_parts(Settings.from_env(is_open=True), lambda: now)
    service = next(
        each for each in parts.registry if each.hook == "encounter-discharge"
    )
    discovered = {"hook": service.hook, "prefetch": service.prefetch}
    body = hook_request(patient.bundle, discovered)
    request = load_request(body, service.hook, client_of=parts.client_of)
    return parts.advice.assess(request)


def only_row(cohort):
    """The values of the one patient, without those that are missing."""
    assert len(cohort) == 1
    row = {name: column[0] for name, column in cohort.columns.items()}
    return {
        name: value
        for name, value in row.items()
        if value != "" and not (INPUTS[name].codes == {} and math.isnan(value))
    }


@pytest.mark.parametrize("number", sorted(AT_DISCHARGE))
def test_an_export_gives_what_the_service_found_at_the_discharge(
    number, resources, write, read, monkeypatch
):
    """Value by value, and the same reasons where there is none."""
    patient = AT_DISCHARGE[number]
    said = live(patient, monkeypatch)
    cohort, account = read(write(resources(number)), version=patient.fhir_version)
    if said.not_assessed is not None:
        assert len(cohort) == 0
        if number != "13":  # a hip replacement: no map knows it, nobody looks closer
            assert account.refused == {said.not_assessed.value: 1}
            assert cohort.refused[0].reason.startswith(said.not_assessed.value)
        return
    found = findings(said.vertebrae[0].vertebra)
    assert only_row(cohort) == {
        name: item.value
        for name, item in found.items()
        if isinstance(item, Measurement)
    }
    assert account.missing == {
        name: {}
        if isinstance(found[name], Measurement)
        else {found[name].reason.value: 1}
        for name in INPUTS
    }


def test_all_bundled_patients_in_one_export_do_not_mix(resources, write, read):
    """Together each has the row that it has alone."""
    numbers = sorted(n for n, p in AT_DISCHARGE.items() if p.fhir_version == "R4")
    everything = [each for number in numbers for each in resources(number)]
    together, _ = read(write(everything, folder="all"))
    for number in numbers:
        alone, _ = read(write(resources(number)))
        for name in alone.ids:
            place = together.ids.index(name)
            assert {n: str(c[place]) for n, c in together.columns.items()} == {
                n: str(c[0]) for n, c in alone.columns.items()
            }


@pytest.mark.parametrize(
    "form",
    [
        "https://ehr.example.org/fhir/Patient/syn-01",
        "urn:uuid:syn-01",
        "Patient/syn-01/_history/3",
    ],
)
def test_a_patient_is_known_by_every_form_of_reference(form, resources, write, read):
    """Servers write subjects in a short way, as an address, or as a UUID."""
    plain, _ = read(write(resources("01"), folder="plain"))
    text = json.dumps(resources("01")).replace('"Patient/syn-01"', f'"{form}"')
    cohort, _ = read(write(json.loads(text)))
    assert cohort.ids == ("syn-01",)
    assert only_row(cohort) == only_row(plain)


def test_uuid_references_lead_to_encounter_and_diagnosis(resources, write, read):
    """With every reference a UUID the stay and its fracture are found all the same."""
    changed = []
    for each in resources("22"):
        text = json.dumps(each)
        for kind in ("Patient", "Encounter", "Condition", "Procedure"):
            text = text.replace(f'"{kind}/syn-22', '"urn:uuid:syn-22')
        changed.append(json.loads(text))
    cohort, _ = read(write(changed))
    plain, _ = read(write(resources("22"), folder="plain"))
    assert cohort.others["as_of"].tolist() == ["discharge"]
    assert cohort.others["flags"].tolist() == plain.others["flags"].tolist()
    assert cohort.scnen.tolist() == [1.0]


def test_subjects_of_two_servers_are_refused(resources, write, read):
    """One id at two servers is two people: nobody guesses which."""
    text = json.dumps(resources("01"))
    one, two = (
        json.loads(text.replace('"Patient/', f'"https://{host}.example.org/Patient/'))
        for host in ("a", "b")
    )
    folder = write([*one, *two])
    with pytest.raises(ExportError, match=r"several FHIR servers .*--fhir-base"):
        read(folder)


def test_resources_of_another_server_than_the_named_one_are_counted(
    resources, write, read
):
    """They are somebody else's, and do not get lost in silence."""
    strange = {
        **next(r for r in resources("01") if r["resourceType"] == "Observation"),
        "id": "strange",
        "subject": {"reference": "https://b.example.org/fhir/Patient/syn-01"},
    }
    folder = write([*resources("01"), strange])
    cohort, account = read(folder, bases=("https://a.example.org/fhir",))
    assert len(cohort) == 1
    assert account.of_another_server == 1


def test_what_names_no_patient_is_counted(resources, write, read):
    """A Group, or nobody, has no operation."""
    lost = [
        {**r, "id": "lost", "subject": {"reference": "Group/1"}}
        for r in resources("01")
        if r["resourceType"] == "Procedure"
    ][:1]
    _, account = read(write([*resources("01"), *lost]))
    assert account.without_patient == 1


def test_a_version_of_another_standard_is_said(resources, write, read):
    """R5 read as R4 has no times: that is no "no operation"."""
    cohort, account = read(write(resources("20")), version="R4")
    assert len(cohort) == 0
    assert account.operated == 1
    assert sum(account.refused.values()) == 1


def test_an_operation_that_cannot_be_read_is_no_silence(resources, write, read):
    """As the service answers 412, the patient is refused for that reason."""
    for_patient = resources("01")
    for each in for_patient:
        if each["resourceType"] == "Procedure":
            each["status"] = "done"
    _, account = read(write(for_patient))
    assert account.refused == {"unavailable": 1}


def test_the_cohort_is_in_the_order_of_ids_whatever_the_order_of_files(
    resources, write, read
):
    """Two servers that list the same differently give the same table."""
    everything = [each for n in ("03", "01", "02") for each in resources(n)]
    one, _ = read(write(everything))
    other, _ = read(write(list(reversed(everything)), folder="reversed"))
    assert one.ids == other.ids == ("syn-01", "syn-02", "syn-03")
    for name, column in one.columns.items():
        assert (
            column.tolist() == pytest.approx(other.columns[name].tolist(), nan_ok=True)
            if column.dtype.kind == "f"
            else column.tolist() == other.columns[name].tolist()
        )


def test_the_digest_is_that_of_the_content(resources, write, read):
    """Another byte is another source."""
    one, _ = read(write(resources("01"), folder="one"))
    same, _ = read(write(resources("01"), folder="same"))
    other, _ = read(write(resources("02"), folder="other"))
    assert one.source.kind == "export"
    assert one.source.digest == same.source.digest != other.source.digest


@pytest.mark.parametrize(
    ("until", "refused"), [("2026-09-01", ["follow-up-not-over"]), ("2026-09-02", [])]
)
def test_an_operation_is_taken_when_its_follow_up_is_over(
    write, resources, read, until, refused
):
    """Who complains early would be in; who stays well, not. 183 days from 3 March."""
    folder = write(resources("01"))
    cohort, account = read(folder, until=date.fromisoformat(until))
    assert list(account.refused) == refused
    assert len(cohort) == 1 - len(refused)


def untagged(resources):
    """The same as real patients have them."""
    return [
        {**each, "meta": {}} if each["resourceType"] == "Patient" else each
        for each in resources
    ]


def test_test_data_alone_are_a_synthetic_cohort(resources, write, read):
    """The tag of HL7 for test data; the table says so, and every report of it."""
    cohort, _ = read(write(resources("01")))
    assert cohort.source.is_synthetic
    real, _ = read(write(untagged(resources("01")), folder="real"))
    assert not real.source.is_synthetic
    assert len(real) == len(cohort) == 1


def test_the_mark_may_be_a_security_label(resources, write, read):
    """Some servers give it as that, and not as a tag."""
    labelled = [
        {**each, "meta": {"security": each["meta"]["tag"]}} for each in resources("01")
    ]
    assert read(write(labelled))[0].source.is_synthetic


def test_a_test_patient_among_real_ones_is_refused(resources, write, read):
    """Nobody real was made well or ill by a rehearsal."""
    cohort, account = read(write([*untagged(resources("01")), *resources("02")]))
    assert not cohort.source.is_synthetic
    assert len(cohort) == 1
    assert account.refused == {"test-patient": 1}
    (refused,) = cohort.refused
    assert "nobody is a patient" in refused.reason
