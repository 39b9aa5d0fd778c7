"""The knowledge artifacts: complete, linked, bound to cards and models, never state."""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from service import __version__
from service.app import create_app
from service.assessment import OutputMode
from service.cards import TOPICS
from service.cli import main
from service.config import VARIABLES, Settings
from service.followup_cards import CHART_TOPICS
from service.knowledge.collection import Collection, collect
from service.knowledge.files import ArtifactFileError, kept_artifacts, read_artifact
from service.metrics import SHARED_FOLDER
from service.model.artifact import bundled_models, load_bundled
from service.notice import OFF_TOPIC
from service.parts import build_parts
from service.policy import MissingCard
from service.risk_record import RiskRecord
from service.services import prefetch_templates
from service.wording import Wording

from .test_expiry import artifact

ROOT = Path(__file__).parents[2]
BASE = "http://scnen-cds.example.org/fhir"
FHIR_JSON = "application/fhir+json"
KINDS = {
    "ActivityDefinition",
    "CodeSystem",
    "ConceptMap",
    "Library",
    "PlanDefinition",
    "ValueSet",
}
#: What R4 lets each of these types say, and a repository asks for.
SAID = (
    *("url", "version", "name", "title", "status", "experimental", "date"),
    *("publisher", "description", "purpose", "copyright"),
)


@pytest.fixture
def settings(monkeypatch):
    """Settings of open mode, and nothing of this machine."""
    for name in [*VARIABLES, SHARED_FOLDER]:
        monkeypatch.delenv(name, raising=False)
    return Settings.from_env(is_open=True)


@pytest.fixture(scope="module")
def client():
    """A client of one application for all tests: nothing here has a state."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [*VARIABLES, SHARED_FOLDER]:
            patch.delenv(name, raising=False)
        return create_app(Settings.from_env(is_open=True)).test_client()


@pytest.fixture
def gather(settings):
    """All artifacts, of changed settings, mode or policy."""

    def gather(mode=OutputMode.ANCHORED, policy=None, **changed):
        own = replace(settings, **changed)
        parts = build_parts(own)
        if policy is not None:
            parts = replace(parts, policy=policy(parts.policy))
        return collect(parts, own, mode)

    return gather


def approved(policy):
    """A policy that two people have approved."""
    approval = replace(
        policy.approval,
        approved_by=("A. Surgeon", "B. Radiologist"),
        approved_on=date(2027, 1, 20),
    )
    return replace(policy, version="2027 | spring", approval=approval)


def resources_of(client):
    """Everything that is served, by type."""
    statement = client.get("/fhir/metadata").json
    kinds = [each["type"] for each in statement["rest"][0]["resource"]]
    return {
        kind: [entry["resource"] for entry in client.get(f"/fhir/{kind}").json["entry"]]
        for kind in kinds
    }


def values(document, name):
    """Every value that stands under a name, however deep."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == name:
                yield value
            yield from values(value, name)
    elif isinstance(document, list):
        for item in document:
            yield from values(item, name)


def codings(document):
    """System and code of everything that is coded."""
    if isinstance(document, dict):
        if isinstance(document.get("system"), str) and "code" in document:
            yield document["system"], document["code"]
        for value in document.values():
            yield from codings(value)
    elif isinstance(document, list):
        for item in document:
            yield from codings(item)


# What is offered


def test_metadata_tells_what_can_be_read_and_searched(client):
    """A client asks it first; it promises nothing that is not there."""
    answer = client.get("/fhir/metadata")
    assert answer.content_type == FHIR_JSON
    statement = answer.json
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["software"] == {"name": "scnen-cds", "version": __version__}
    offered = statement["rest"][0]["resource"]
    assert {each["type"] for each in offered} >= KINDS
    for each in offered:
        assert [i["code"] for i in each["interaction"]] == ["read", "search-type"]
        assert [p["name"] for p in each["searchParam"]] == ["url", "version"]


def test_every_artifact_says_what_a_repository_asks(client):
    """Address, version, status, who, when, what and what for."""
    for kind, found in resources_of(client).items():
        for resource in found:
            where = kind, resource["id"]
            assert [name for name in SAID if name not in resource] == [], where
            assert resource["url"].startswith(f"{BASE}/{kind}/"), where
            assert re.fullmatch(r"[A-Z][A-Za-z0-9_]{0,254}", resource["name"]), where
            assert "|" not in resource["version"], where


def test_an_artifact_is_read_by_its_id_and_found_by_its_address(client):
    """Both give the same; the address that is found is where it can be read."""
    for kind, found in resources_of(client).items():
        for resource in found:
            read = client.get(f"/fhir/{kind}/{resource['id']}")
            assert (read.status_code, read.json) == (200, resource)
            asked = {"url": resource["url"], "version": resource["version"]}
            bundle = client.get(f"/fhir/{kind}", query_string=asked).json
            assert bundle["total"] == 1
            (entry,) = bundle["entry"]
            assert entry["resource"] == resource
            here = entry["fullUrl"].removeprefix("http://127.0.0.1:8080")
            assert client.get(here).json == resource


def test_a_search_that_finds_nothing_says_so(client):
    """An empty Bundle: no list of entries, as R4 has it."""
    bundle = client.get("/fhir/Library?version=0").json
    assert bundle["total"] == 0
    assert "entry" not in bundle
    assert bundle["link"][0]["url"].endswith("/fhir/Library?version=0")


def test_the_host_header_makes_no_address(client):
    """Whoever sends another one gets the public address all the same."""
    answer = client.get("/fhir/Library", headers={"Host": "localhost:1234"})
    assert "localhost:1234" not in answer.text


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/fhir/Patient", 404, "there is no such artifact"),
        ("/fhir/Patient/p1", 404, "there is no such artifact"),
        ("/fhir/Library/unknown", 404, "there is no such artifact"),
        ("/fhir/Library?name=x", 400, "only url and version can be asked for"),
        ("/fhir/Library?url=a&url=b", 400, "each once"),
        ("/fhir/Library/liu-nomogram?_summary=true", 400, "only nothing"),
        ("/fhir/metadata?mode=terminology", 400, "only nothing"),
        ("/fhir/Library?_format=xml", 406, "Only application/fhir.json"),
    ],
)
def test_what_cannot_be_given_is_an_operation_outcome(client, address, status, words):
    """With FHIR's media type; a parameter that is not known is never ignored."""
    answer = client.get(address)
    assert (answer.status_code, answer.content_type) == (status, FHIR_JSON)
    assert answer.json["resourceType"] == "OperationOutcome"
    assert re.search(words, answer.json["issue"][0]["details"]["text"])


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("", None, 200),
        ("", "application/fhir+json; fhirVersion=4.0", 200),
        ("", "text/html,application/xhtml+xml,*/*;q=0.8", 200),
        ("", "application/fhir+xml", 406),
        ("", "application/fhir+json;q=0, text/html", 406),
        ("?_format=json", "text/html", 200),
        ("?_format=application/fhir%2Bjson", None, 200),
        ("?_format=application/fhir+json", None, 200),
        ("?_format=ttl", FHIR_JSON, 406),
    ],
)
def test_only_json_is_given(client, query, accept, status):
    """By the parameter, or else by the header."""
    headers = {} if accept is None else {"Accept": accept}
    assert client.get(f"/fhir/metadata{query}", headers=headers).status_code == status


def test_nothing_can_be_written(client):
    """There is no state: only GET is there."""
    for method in (client.post, client.put, client.delete, client.patch):
        answer = method("/fhir/Library/liu-nomogram", json={})
        assert answer.status_code == 405
        assert answer.json["resourceType"] == "OperationOutcome"


def test_a_client_that_has_it_is_not_sent_it_again(client):
    """It asks each time, since output mode and switch may change what is given."""
    first = client.get("/fhir/Library/liu-nomogram")
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get(
        "/fhir/Library/liu-nomogram", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")


def test_nothing_of_it_is_loaded_before_it_is_asked_for():
    """A cold start does not wait for it."""
    script = (
        "from service.app import create_app; from service.config import Settings;"
        "import sys; app = create_app(Settings.from_env(is_open=True));"
        "loaded = lambda: any(n.startswith('service.knowledge.') for n in sys.modules);"
        "before = loaded(); app.test_client().get('/fhir/metadata');"
        "print(before, loaded())"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["False", "True"]


# Addresses and codes hold together


def test_another_publisher_stands_in_every_address(gather):
    """Of files and of what is made; nothing of example.org is left."""
    own = "https://terms.hospital.test/scnen"
    for resource in gather(canonical_base=own):
        assert resource["url"].startswith(f"{own}/")
        assert "example.org" not in json.dumps(resource)


def test_every_address_of_the_project_leads_to_an_artifact(gather):
    """Plan to activities and model, value sets and maps to code systems."""
    collection = gather()
    there = {r["url"]: r for r in collection}
    pinned = {f"{url}|{r['version']}" for url, r in there.items()}
    named = 0
    for resource in collection:
        systems = [*values(resource, "system"), *values(resource, "source")]
        for system in systems:
            if isinstance(system, str) and system.startswith(f"{BASE}/CodeSystem"):
                assert system in there, (resource["id"], system)
        for address in values(resource, "definitionCanonical"):
            assert address in pinned
            named += 1
        for library in values(resource, "library"):
            assert set(library) <= pinned
    assert named >= 2


def test_every_code_of_the_project_is_defined(gather):
    """In whatever artifact it stands, a CodeSystem that is served has it."""
    collection = gather()
    defined = {
        r["url"]: {concept["code"] for concept in r["concept"]}
        for r in collection
        if r["resourceType"] == "CodeSystem"
    }
    for resource in collection:
        for system, code in codings(resource):
            if system in defined:
                assert code in defined[system], (resource["id"], code)


def test_topics_are_those_of_the_cards(gather):
    """An EHR that ties something to a topic finds it in the code system."""
    topics = gather().read("CodeSystem", "card-topics")
    codes = {concept["code"] for concept in topics["concept"]}
    assert codes == {*TOPICS, *CHART_TOPICS.values(), OFF_TOPIC}


def test_maps_of_the_site_are_not_published(gather):
    """They may hold codes under somebody's licence."""
    plain = json.dumps(list(gather()))
    with_site = json.dumps(list(gather(conceptmaps_dir=ROOT / "docs/conceptmaps")))
    assert with_site == plain


# The models


@pytest.mark.parametrize("model_id", sorted(bundled_models()))
def test_a_library_holds_the_artifact_to_the_byte(gather, model_id):
    """With size and hash of FHIR, and the project's own digest."""
    library = gather().read("Library", model_id)
    (content,) = library["content"]
    data = base64.b64decode(content["data"])
    assert data == bundled_models()[model_id].read_bytes()
    assert content["size"] == len(data)
    sha1 = hashlib.sha1(data, usedforsecurity=False).digest()
    assert base64.b64decode(content["hash"]) == sha1
    digest = json.loads(data)["digest"]
    assert [each["value"] for each in library["identifier"]] == [digest]
    assert library["experimental"] is True


def test_a_library_names_inputs_with_coding_and_range(gather):
    """Whoever reads it sees what to feed the model with, as the artifact says."""
    library = gather().read("Library", "liu-nomogram")
    told = {each["name"]: each["documentation"] for each in library["parameter"]}
    model = load_bundled("liu-nomogram")
    for item in model.predictors:
        for label, code in item.codes.items():
            assert f"{label} {code:g}" in told[item.name]
        if not item.codes:
            low, high = item.studied
            assert f"studied from {low:g} to {high:g}" in told[item.name]
    assert {"risk", "percentile"} < told.keys()


def test_a_recorded_risk_names_the_library(gather, settings):
    """`RiskAssessment.method` of the card leads to the model."""
    parts = build_parts(settings)
    record = RiskRecord(Wording(), parts.model, parts.mode, parts.policy, BASE)
    url, _, version = record.resource["method"]["text"].partition("|")
    library = gather().read("Library", parts.model.id)
    assert (library["url"], library["version"]) == (url, version)


def test_mode_relative_gives_no_intercept_and_no_probability(gather):
    """As on the pages: a committee that wants no absolute number gets none."""
    collection = gather(OutputMode.RELATIVE)
    for model_id in bundled_models():
        library = collection.read("Library", model_id)
        assert "content" not in library
        assert "not given" in library["description"]
        assert "risk" not in [each["name"] for each in library["parameter"]]
    plan = collection.read("PlanDefinition", "scnen-discharge")
    assert "%risk" not in json.dumps(plan)
    assert "%percentile >= 75" in json.dumps(plan)
    assert plan["version"].endswith("-relative")


def test_the_kill_switch_withholds_the_number_here_too(settings, tmp_path):
    """Relative by the switch is relative, whatever the settings say."""
    stop = tmp_path / "stop"
    stop.write_text("relative", "utf-8")
    client = create_app(replace(settings, stop_file=stop)).test_client()
    assert "content" not in client.get("/fhir/Library/liu-nomogram").json


@pytest.fixture
def switched_off(settings, tmp_path):
    """A client of an installation whose kill switch says ``off``."""
    stop = tmp_path / "stop"
    stop.write_text("off in doubt", "utf-8")
    return create_app(replace(settings, stop_file=stop)).test_client()


@pytest.mark.parametrize(
    "path",
    [
        "PlanDefinition",
        "PlanDefinition/scnen-discharge",
        "ActivityDefinition?url=http://x.example",
        "ActivityDefinition/scn-diagnostic-block",
        "Library",
        "Library/liu-nomogram",
    ],
)
def test_while_the_advice_is_switched_off_nothing_offers_it(switched_off, path):
    """A repository that asks is told why: silence would look like no such rule."""
    answer = switched_off.get(f"/fhir/{path}")
    assert (answer.status_code, answer.content_type) == (503, FHIR_JSON)
    assert answer.json["resourceType"] == "OperationOutcome"
    assert "The advice is switched off here" in answer.text
    assert "in doubt" not in answer.text


def test_who_has_a_copy_and_asks_again_hears_of_the_switch(client, switched_off):
    """Not changed would be a leave to go on."""
    path = "/fhir/PlanDefinition/scnen-discharge"
    had = {"If-None-Match": client.get(path).headers["ETag"]}
    assert client.get(path, headers=had).status_code == 304
    assert switched_off.get(path, headers=had).status_code == 503


@pytest.mark.parametrize(
    "path", ["metadata", "CodeSystem", "ValueSet", "ConceptMap", "Questionnaire"]
)
def test_codes_and_forms_stay_readable_while_it_is_switched_off(switched_off, path):
    """Records hold them; they offer nothing."""
    assert switched_off.get(f"/fhir/{path}").status_code == 200


@pytest.mark.parametrize("change", ["other content", "no file", "no artifact"])
def test_a_file_that_is_not_the_running_model_is_not_attached(
    gather, settings, tmp_path, change
):
    """The digest is that of the model that gives the number; so is the content."""
    own = replace(settings, model=str(artifact(tmp_path)), output_mode="calibrated")
    parts = build_parts(own)
    if change == "other content":
        artifact(tmp_path, n=413)
    elif change == "no file":
        Path(own.model).unlink()
    else:
        Path(own.model).write_text("{}", "utf-8")
    library = collect(parts, own, OutputMode.CALIBRATED).read("Library", "north")
    assert "content" not in library
    assert library["identifier"][0]["value"] == parts.model.digest


def test_a_calibrated_model_tells_parent_approval_and_end(gather, tmp_path):
    """It is for use, until its last day; the study's own are beside it."""
    path = str(artifact(tmp_path))
    collection = gather(OutputMode.CALIBRATED, model=path, output_mode="calibrated")
    library = collection.read("Library", "north")
    assert library["experimental"] is False
    assert library["date"] == "2024-03-10"
    assert library["effectivePeriod"] == {"end": "2026-03-10"}
    parent = load_bundled("liu-nomogram")
    assert {
        "type": "derived-from",
        "display": f"liu-nomogram 1.0.0 {parent.digest}",
    } in library["relatedArtifact"]
    assert collection.read("Library", "liu-nomogram")
    plan = collection.read("PlanDefinition", "scnen-discharge")
    assert plan["library"] == [f"{BASE}/Library/north|1"]


# The plan and its activities


def applied(activity):
    """The order that an ActivityDefinition gives, by what FHIR says of $apply."""
    order = {"resourceType": activity["kind"], "status": "draft"}
    order |= {name: activity[name] for name in ("intent", "code", "bodySite")}
    for each in activity["dynamicValue"]:
        assert each["expression"]["language"] == "text/fhirpath"
        literal = each["expression"]["expression"]
        assert literal[0] == literal[-1] == "'"
        text = re.sub(r"\\(.)", r"\1", literal[1:-1])
        path = each["path"].replace(".ofType(CodeableConcept)", "CodeableConcept")
        put(order, re.findall(r"[A-Za-z]+|\d+", path), text)
    return order


def put(node, steps, value):
    """Put a value where a path leads, making what is not there."""
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        new = value if after is None else [] if after.isdigit() else {}
        if isinstance(node, list):
            if len(node) <= int(step):
                node.append(new)
            node = node[int(step)]
        else:
            node = node.setdefault(step, new)


@pytest.fixture
def card_orders(settings, example_request):
    """The orders of a card, by label."""
    clock = datetime(2026, 3, 6, 9, tzinfo=UTC)
    client = create_app(settings, clock=lambda: clock).test_client()
    answer = client.post("/cds-services/scnen-discharge", json=example_request)
    (card,) = answer.json["cards"]
    resources = {
        suggestion["label"]: suggestion["actions"][0]["resource"]
        for suggestion in card["suggestions"]
    }
    return {k: r for k, r in resources.items() if r["resourceType"] == "ServiceRequest"}


OF_THE_PATIENT = {"subject", "encounter", "occurrencePeriod", "supportingInfo"}


def test_an_activity_applied_gives_the_order_of_the_card(gather, card_orders):
    """One source: whoever builds an order set orders what the card orders."""
    activities = [r for r in gather() if r["resourceType"] == "ActivityDefinition"]
    assert len(activities) == len(card_orders) == 2
    for activity in activities:
        order = card_orders[activity["description"]]
        general = {k: v for k, v in order.items() if k not in OF_THE_PATIENT}
        assert applied(activity) == general


def test_the_time_of_an_activity_is_that_of_the_card(gather, card_orders):
    """In days after the operation, which was on 3 March in the example."""
    operated = date(2026, 3, 3)
    for activity in gather():
        if activity["resourceType"] == "ActivityDefinition":
            period = card_orders[activity["description"]]["occurrencePeriod"]
            for end, side in (("start", "low"), ("end", "high")):
                days = activity["timingRange"][side]
                assert (days["code"], days["value"]) == (
                    "d",
                    (date.fromisoformat(period[end]) - operated).days,
                )


def test_the_plan_is_triggered_by_the_hook_and_reads_the_prefetch(gather, settings):
    """With the very templates of discovery."""
    plan = gather().read("PlanDefinition", "scnen-discharge")
    (rule,) = plan["action"]
    assert rule["trigger"] == [{"type": "named-event", "name": "encounter-discharge"}]
    read = {each["id"]: each["extension"][0]["valueString"] for each in rule["input"]}
    assert read == prefetch_templates(build_parts(settings).terminology)
    types = {each["id"]: each["type"] for each in rule["input"]}
    assert types["procedures"] == "Procedure"


def test_the_thresholds_of_the_plan_are_those_of_the_policy(gather):
    """Words and expression say the number of the file, none of their own."""
    text = (ROOT / "service/data/policy/default.yaml").read_text("utf-8")
    policy = yaml.safe_load(text)
    (rule,) = gather().read("PlanDefinition", "scnen-discharge")["action"]
    for proposal in rule["action"][:2]:
        (condition,) = proposal["condition"]
        from_ = policy["bands"]["above_average"]
        assert condition["expression"]["expression"] == f"%risk >= {from_}"
        assert str(policy["bands"]["high"]) in condition["expression"]["description"]
    (eligible,) = rule["condition"]
    said = eligible["expression"]["expression"]
    assert f"{policy['windows']['lookback_days']} days before" in said
    assert f"below {policy['eligibility']['minimum_age_years']} years" in said
    assert "tuberculosis of the spine" in said


def test_conditions_that_no_expression_says_are_not_executable(gather):
    """Text in place of logic: an engine must stop there, not pass."""
    plan = gather().read("PlanDefinition", "scnen-discharge")
    (rule,) = plan["action"]
    assert rule["condition"][0]["expression"]["language"] == "text/plain"
    assert "do not run it" in plan["usage"]


def test_a_policy_without_the_asking_card_asks_nothing(gather):
    """Who switched that card off does not find it in the plan."""
    asking = gather().read("PlanDefinition", "scnen-discharge")["action"][0]
    assert asking["action"][-1]["title"] == "Enter what is missing"

    def never(policy):
        return replace(policy, missing_card=MissingCard.NEVER)

    silent = gather(policy=never).read("PlanDefinition", "scnen-discharge")["action"][0]
    assert len(silent["action"]) == 2


@pytest.mark.parametrize("kind", ["PlanDefinition", "ActivityDefinition"])
def test_what_nobody_approved_is_a_draft(gather, kind):
    """It becomes active with the policy; who approved is not told to everybody."""
    drafts = [r for r in gather() if r["resourceType"] == kind]
    assert {(r["status"], r["experimental"]) for r in drafts} == {("draft", True)}
    active = [r for r in gather(policy=approved) if r["resourceType"] == kind]
    for resource in active:
        assert (resource["status"], resource["experimental"]) == ("active", False)
        assert resource["approvalDate"] == resource["date"] == "2027-01-20"
        assert resource["version"].startswith(f"{__version__}-policy.2027-spring")
        assert "Surgeon" not in json.dumps(resource)


# Files


@pytest.fixture
def kept(tmp_path):
    """A folder like ``service/data`` with one form."""
    form = {
        "resourceType": "Questionnaire",
        "id": "scnen-measurements",
        "url": f"{BASE}/Questionnaire/scnen-measurements",
        "version": "7",
        "date": "2026-11-30",
    }
    folder = tmp_path / "fhir" / "questionnaires"
    folder.mkdir(parents=True)
    (folder / "form.json").write_text(json.dumps(form), "utf-8")
    return tmp_path


def test_whatever_lies_in_the_folder_is_served(kept):
    """Questionnaires and what comes later need no code; their addresses move, too."""
    (form,) = kept_artifacts('https://own.test/"', kept)
    assert form["url"] == 'https://own.test/"/Questionnaire/scnen-measurements'


def test_the_plan_names_the_form_for_missing_values(settings, kept):
    """With its version, if there is one."""
    collection = collect(build_parts(settings), settings, OutputMode.ANCHORED, kept)
    (rule,) = collection.read("PlanDefinition", "scnen-discharge")["action"]
    form = f"{BASE}/Questionnaire/scnen-measurements|7"
    assert rule["action"][-1]["definitionCanonical"] == form


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is no JSON"),
        ("[]", "resourceType: missing"),
        ('{"id": "x"}', "resourceType: missing"),
        ('{"resourceType": "Library", "id": "x"}', "url: must be .*/Library/x"),
        (
            f'{{"resourceType": "Library", "id": "x", "url": "{BASE}/Library/y"}}',
            "url: must be .*/Library/x",
        ),
        (
            f'{{"resourceType": "Library", "id": "x", "url": "{BASE}/Library/x"}}',
            "version: missing",
        ),
        (
            f'{{"resourceType": "Library", "id": "x", "url": "{BASE}/Library/x",'
            ' "version": "1"}',
            "date: missing",
        ),
    ],
)
def test_a_file_without_address_or_version_is_refused(tmp_path, text, problem):
    """The message names file, field and what it must be."""
    path = tmp_path / "own.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ArtifactFileError, match=f"own.json: {problem}"):
        read_artifact(path)


def test_two_artifacts_of_one_name_are_refused():
    """Which of them is meant could not be told."""
    one = {"resourceType": "Library", "id": "x"}
    with pytest.raises(ValueError, match="Library/x is there twice"):
        Collection([one, one], "http://127.0.0.1:8080")


def export(out):
    """Run the command."""
    return CliRunner().invoke(main, ["fhir", "export", "--out", str(out)])


def test_export_writes_what_is_served(client, settings, tmp_path):
    """A file for each artifact, named by type and id."""
    result = export(tmp_path / "a" / "b")
    served = [r for found in resources_of(client).values() for r in found]
    assert f"{len(served)} artifacts, below {BASE}" in result.output
    for resource in served:
        name = f"{resource['resourceType']}-{resource['id']}.json"
        written = json.loads((tmp_path / "a" / "b" / name).read_bytes())
        assert written == resource


def test_export_writes_a_fhir_package(settings, tmp_path):
    """As package registries of FHIR read it, and the same bytes each time."""
    files = [tmp_path / "one.tgz", tmp_path / "two.tgz"]
    for file in files:
        assert export(file).exit_code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    with tarfile.open(files[0]) as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile("package/package.json"))
    assert (manifest["canonical"], manifest["fhirVersions"]) == (BASE, ["4.0.1"])
    assert manifest["version"] == __version__
    assert "package/PlanDefinition-scnen-discharge.json" in names


def test_nothing_is_exported_while_the_advice_is_off(settings, tmp_path, monkeypatch):
    """A copy made now would offer what is withdrawn; no file stands for no risk."""
    (tmp_path / "stop").write_text("off", "utf-8")
    monkeypatch.setenv("SCNEN_STOP_FILE", str(tmp_path / "stop"))
    result = export(tmp_path / "out")
    assert result.exit_code == 1
    assert "The advice is switched off here" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["file/x.tgz", "file"])
def test_export_that_cannot_be_written_says_where(settings, tmp_path, name):
    """Without a traceback."""
    (tmp_path / "file").write_text("", "utf-8")
    result = export(tmp_path / name)
    assert result.exit_code == 1
    assert re.search(r"--out: .*file.* cannot be written: ", result.output)
