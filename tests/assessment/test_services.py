"""The services: what must be there for an answer, and what an empty answer means."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fhir.resources.riskassessment import RiskAssessment
from fhir.resources.servicerequest import ServiceRequest

from cds_hooks import Capabilities, Client, DataUnavailable, FHIRServer, load_request
from cds_hooks.prefetch import resolve
from cds_hooks.register import preset
from service.config import VARIABLES, Settings
from service.hook_requests import hook_request
from service.parts import build_parts
from service.patients import bundled_patients

PATIENTS = {patient.name[:2]: patient.bundle for patient in bundled_patients()}
NOW = datetime(2026, 3, 6, 10, 0, tzinfo=UTC)
PREDICTORS = "http://scnen-cds.example.org/fhir/CodeSystem/predictors"
AT_DISCHARGE = {"com.epic.cdshooks.request.bpa-trigger-action": "27"}
FAILED = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "forbidden"}],
}


@pytest.fixture(scope="module")
def parts():
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        return build_parts(Settings.from_env(is_open=True), lambda: NOW)


@pytest.fixture
def ask(parts):
    """Fire the discharge hook for a patient, with changes to its prefetch."""

    def ask(number, changes=None, *, hook="encounter-discharge", context=None):
        (service,) = [s for s in parts.registry if s.hook == "encounter-discharge"]
        entry = {"hook": service.hook, "prefetch": dict(service.prefetch)}
        body = hook_request(PATIENTS[number], entry)
        body["hook"] = hook
        for key, value in (changes or {}).items():
            if value is ...:
                del body["prefetch"][key]
            else:
                body["prefetch"][key] = value
        body["context"] |= context or {}
        return parts.advice(load_request(body, hook))

    return ask


@pytest.fixture
def created(parts):
    """What the suggestions for a patient create, as a client of a FHIR version."""

    def created(number, hook, version, *types):
        client = Client(
            "north",
            fhir_servers=(FHIRServer("https://ehr.example.org/fhir", version),),
            capabilities=Capabilities(action_resources=types),
        )
        (service,) = [s for s in parts.registry if s.hook == hook]
        entry = {"hook": hook, "prefetch": dict(service.prefetch)}
        request = load_request(hook_request(PATIENTS[number], entry), hook)
        request = replace(request, client=client, fhir_server=None)
        (card,) = service.handler(request).cards
        return [a.resource for s in card.suggestions for a in s.actions]

    return created


@pytest.fixture
def bundle_of(parts):
    """What the EHR of a patient answers to one template."""

    def bundle_of(number, key):
        (service,) = [s for s in parts.registry if s.hook == "encounter-discharge"]
        entry = {"hook": service.hook, "prefetch": dict(service.prefetch)}
        return hook_request(PATIENTS[number], entry)["prefetch"][key]

    return bundle_of


def paged(body):
    link = {"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}
    return {**body, "link": [link]}


@pytest.mark.parametrize(
    "value", [..., FAILED], ids=["PF-2 key absent", "PF-6 OperationOutcome"]
)
@pytest.mark.parametrize("key", ["procedures", "observations"])
def test_required_data_that_was_not_had_is_412(ask, key, value):
    """A failed query is never read as "nothing recorded"."""
    with pytest.raises(DataUnavailable, match=rf"prefetch\.{key}"):
        ask("01", {key: value})


@pytest.mark.parametrize("key", ["procedures", "observations"])
def test_pf_7_a_first_page_is_never_read_as_everything(ask, key):
    """What contradicts may stand on the page that is not there."""
    page = paged({"resourceType": "Bundle", "type": "searchset", "entry": []})
    with pytest.raises(DataUnavailable, match=rf"prefetch\.{key}"):
        ask("01", {key: page})


@pytest.mark.parametrize(
    "value",
    [None, {"resourceType": "Bundle", "type": "searchset", "total": 0}],
    ids=["PF-3 null", "PF-4 empty"],
)
def test_no_procedures_are_an_answer(ask, value):
    """The client has looked: there was no operation, so there is no card."""
    assert ask("01", {"procedures": value}).cards == ()


@pytest.mark.parametrize("value", [None, {"resourceType": "Bundle", "total": 0}])
def test_no_observations_are_an_answer_that_asks_for_them(ask, value):
    """Nothing recorded is missing, not unavailable."""
    (card,) = ask("01", {"observations": value}).cards
    assert card.source.topic.code == "ScnenInputMissing"
    assert "not recorded" in card.detail


@pytest.mark.parametrize("value", [..., FAILED], ids=["absent", "failed"])
def test_without_an_eligible_operation_observations_are_not_needed(ask, value):
    """Procedures are judged first: a new hip needs no Cobb angle."""
    assert ask("13", {"observations": value}).cards == ()


@pytest.mark.parametrize(
    ("key", "words"),
    [("conditions", "exclusions"), ("patient", "age was not obtained")],
)
@pytest.mark.parametrize("value", [..., FAILED], ids=["absent", "failed"])
def test_optional_data_that_was_not_had_is_said(ask, key, words, value):
    """AHRQ's service read "forbidden" as "no conditions"."""
    (card,) = ask("01", {key: value}).cards
    assert words in card.detail
    assert "about 45 of 100" in card.summary


HIP = {
    "resourceType": "Procedure",
    "id": "hip",
    "status": "completed",
    "subject": {"reference": "Patient/syn-01"},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "52734007"}]},
}


@pytest.mark.parametrize(
    "unreadable",
    [
        None,
        HIP
        | {
            "id": "spine",
            "status": None,
            "encounter": {"reference": "Encounter/syn-01-encounter"},
            "code": {"coding": [{"system": PREDICTORS, "code": "pvp"}]},
        },
    ],
    ids=["no resource", "no status"],
)
def test_a_procedure_that_cannot_be_read_is_not_silence(ask, unreadable):
    """An unreadable operation beside a readable hip is no "no operation"."""
    entries = [{"resource": HIP}, {"resource": unreadable}]
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    with pytest.raises(DataUnavailable, match="no valid Procedure"):
        ask("01", {"procedures": bundle})


def test_nor_is_one_beside_an_operation_of_low_risk(ask, bundle_of):
    """It may be the operation, or the vertebra, that the risk is of."""
    bundle = bundle_of("03", "procedures")
    assert ask("03").cards == ()
    bad = bundle | {"entry": [*bundle["entry"], {"x": 1}]}
    with pytest.raises(DataUnavailable, match="nothing can be said of the others"):
        ask("03", {"procedures": bad})


@pytest.mark.parametrize("key", ["procedures", "observations", "conditions"])
def test_an_entry_that_cannot_be_read_is_said_on_the_card(ask, bundle_of, key):
    """One bad entry costs only itself, and not in silence."""
    bundle = bundle_of("01", key)
    (card,) = ask("01", {key: bundle | {"entry": [*bundle["entry"], {"x": 1}]}}).cards
    assert "about 45 of 100" in card.summary
    assert "Some records could not be read" in card.detail


@pytest.mark.parametrize("hook", ["encounter-discharge", "patient-view"])
def test_pf_11_resources_of_another_patient_alone_are_no_answer(parts, hook):
    """The prefetch of one patient with the id of another in the context."""
    (service,) = [s for s in parts.registry if s.hook == hook]
    entry = {"hook": hook, "prefetch": dict(service.prefetch)}
    body = hook_request(PATIENTS["01"], entry)
    body["context"]["patientId"] = "syn-02"
    with pytest.raises(DataUnavailable, match="none of them has the patient"):
        service.handler(load_request(body, hook))


@pytest.mark.parametrize(
    "subject",
    [None, {}, {"identifier": {"value": "4711"}}, {"reference": "urn:uuid:1"}],
    ids=str,
)
def test_procedures_that_name_nobody_are_no_answer(ask, bundle_of, subject):
    """As some servers write it; silence would pass for "no operation"."""
    bundle = deepcopy(bundle_of("01", "procedures"))
    for resource in _resources(bundle):
        resource["subject"] = subject
    with pytest.raises(DataUnavailable, match=r"prefetch\.procedures"):
        ask("01", {"procedures": bundle})


def test_pf_11_procedures_of_another_patient_beside_own_do_not_count(ask, bundle_of):
    """Those of his own show that the patient is named as we know it."""
    bundle = deepcopy(bundle_of("13", "procedures"))
    _resources(bundle)[0]["subject"] = {"reference": "Patient/somebody-else"}
    assert ask("13", {"procedures": bundle}).cards == ()


HERE = "https://ehr.example.org/fhir"
ELSEWHERE = "http://fhir-internal/fhir"


@pytest.fixture
def registered(parts):
    """Fire a hook as a client with a registered server; some records name another."""

    def fire(number, hook, *renamed, at=ELSEWHERE, known=()):
        (service,) = [s for s in parts.registry if s.hook == hook]
        entry = {"hook": hook, "prefetch": dict(service.prefetch)}
        body = deepcopy(hook_request(PATIENTS[number], entry))
        patient = body["context"]["patientId"]
        for key in renamed:
            for resource in _resources(body["prefetch"][key]):
                resource["subject"] = {"reference": f"{at}/Patient/{patient}"}
        server = FHIRServer(HERE, also_known_as=known)
        client = Client("north", fhir_servers=(server,))
        request = replace(load_request(body, hook), client=client, fhir_server=HERE)
        return service.handler(request).cards

    return fire


def _resources(value):
    if value["resourceType"] != "Bundle":
        return [value]
    return [entry["resource"] for entry in value.get("entry", [])]


ALL = ("encounter", "procedures", "observations", "conditions")


@pytest.mark.parametrize(
    "names",
    [{"at": HERE}, {"known": (ELSEWHERE,)}, {"known": ("http://x/fhir", ELSEWHERE)}],
    ids=str,
)
def test_records_under_a_known_name_of_the_server_give_the_same_cards(
    registered, names
):
    """A server behind a gateway writes its internal name."""
    assert registered("01", "encounter-discharge", *ALL, **names) == registered(
        "01", "encounter-discharge"
    )


@pytest.mark.parametrize("number", ["01", "21"])
@pytest.mark.parametrize("hook", ["encounter-discharge", "patient-view"])
def test_no_answer_is_empty_because_the_operation_names_another_server(
    registered, number, hook
):
    """The site has to register the name, or to learn that records are mixed."""
    with pytest.raises(
        DataUnavailable, match=r"prefetch: \d Procedure name .*also_known_as"
    ):
        registered(number, hook, "procedures")


def test_a_card_says_that_records_name_another_server(registered):
    """Diagnoses were there, and were not used."""
    (card,) = registered("01", "encounter-discharge", "conditions")
    assert "name another FHIR server" in card.detail


def test_a_silence_that_left_observations_aside_is_no_answer(registered):
    """A low risk without a card, from half of the record."""
    hook = "encounter-discharge"
    assert registered("03", hook) == ()
    with pytest.raises(DataUnavailable, match=r"prefetch: \d+ Condition name "):
        registered("03", hook, "conditions")


def test_a_chart_is_not_silent_over_half_of_the_record_either(registered):
    """The follow-up is recorded; what else there was, nobody looked at."""
    with pytest.raises(DataUnavailable, match=r"prefetch: \d+ Observation name "):
        registered("03", "patient-view", "observations")


def test_records_of_another_server_do_not_matter_where_nobody_was_operated_on(
    registered,
):
    """Most patients: their procedures were read, and none is eligible."""
    assert registered("13", "encounter-discharge", "observations", "conditions") == ()


@pytest.fixture
def open_chart(parts):
    """Fire patient-view for a patient, as a client of a preset or as nobody known."""

    def open_chart(number, client=None, *, in_encounter=True, extension=None):
        (service,) = [s for s in parts.registry if s.hook == "patient-view"]
        entry = {"hook": service.hook, "prefetch": dict(service.prefetch)}
        body = hook_request(
            PATIENTS[number], entry, in_encounter=in_encounter, extension=extension
        )
        request = load_request(body, service.hook)
        return service.handler(replace(request, client=client and preset(client)))

    return open_chart


@pytest.mark.parametrize("client", [None, "generic", "epic", "public-sandbox"])
@pytest.mark.parametrize("in_encounter", [True, False])
def test_opening_a_chart_soon_after_the_operation_gives_no_card(
    open_chart, client, in_encounter
):
    """Opening a chart is no discharge, and no review is due yet."""
    assert open_chart("01", client, in_encounter=in_encounter).cards == ()


@pytest.mark.parametrize("client", ["generic", "epic"])
def test_a_discharge_that_the_trigger_tells_gives_the_card_of_the_discharge(
    ask, open_chart, client
):
    """Epic has no hook for it; whichever way it is told, it is one card."""
    assert open_chart("01", client, extension=AT_DISCHARGE) == ask("01")


def test_a_trigger_without_an_encounter_is_no_discharge(open_chart):
    """There is no stay to end."""
    shown = open_chart("01", "epic", in_encounter=False, extension=AT_DISCHARGE)
    assert shown.cards == ()


def test_a_trigger_that_was_not_agreed_upon_means_nothing(open_chart):
    """The extension is Epic's; another client's may say anything with it."""
    assert open_chart("01", "public-sandbox", extension=AT_DISCHARGE).cards == ()


def test_a_client_that_only_fires_at_discharge_need_not_say_so(ask, open_chart):
    """Oracle Health: the condition of the call is entered at the site by hand."""
    (shown,) = open_chart("01", "oracle-health").cards
    assert shown.summary == ask("01").cards[0].summary
    assert open_chart("01", "oracle-health", in_encounter=False).cards == ()


def test_a_client_of_r5_is_offered_resources_of_r5(created):
    """In the version of its server; a RiskAssessment is the same in both."""
    order, _, risk = created(
        "20", "encounter-discharge", "R5", "ServiceRequest", "RiskAssessment"
    )
    ServiceRequest.model_validate(order)
    RiskAssessment.model_validate(risk)
    assert order["code"]["concept"]["coding"]


@pytest.mark.parametrize("version", ["R4", "R4B"])
def test_a_client_of_r4_is_offered_what_it_takes_and_nothing_else(created, version):
    """The register decides by type, not by vendor."""
    hook = "encounter-discharge"
    (risk,) = created("01", hook, version, "RiskAssessment")
    assert risk["resourceType"] == "RiskAssessment"
    assert risk["condition"]["reference"].startswith("Condition/")
    assert created("01", hook, version, "Condition") == []
    order, _ = created("01", hook, version, "ServiceRequest", "Condition")
    assert order["code"]["coding"]


def test_pt_8_the_templates_resolve_for_the_hooks_context(parts):
    """Every key can be filled from patient and encounter."""
    context = {"patientId": "p1", "encounterId": "e1", "userId": "Practitioner/u"}
    for service in parts.registry:
        for template in service.prefetch.values():
            assert "{{" not in resolve(template, context)
