"""`scnen-cds services`: what is typed into an EHR, to the letter."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_hooks.register import PRESETS
from service.app import create_app
from service.cli import main
from service.config import VARIABLES, Settings
from service.parts import build_parts
from service.services import chart_templates

URL = "https://cds.example.org/scnen"
EXAMPLE = Path(__file__).parents[2] / "service/data/clients/example.yaml"
#: Scope syntax of SMART App Launch 1.0 and 2.0.
SMART_V1 = re.compile(r"user/[A-Z][A-Za-z]+\.read")
SMART_V2 = re.compile(r"user/[A-Z][A-Za-z]+\.c?r?u?d?s?")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No setting of the machine that runs the tests leaks in."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def run(*arguments):
    """Run `scnen-cds services`."""
    return CliRunner().invoke(main, ["services", *map(str, arguments)])


def sheet(client, *arguments):
    """The sheet of a client, as data."""
    result = run("--client", client, "--public-url", URL, "--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.fixture
def parts():
    """The service with default settings."""
    return build_parts(Settings.from_env(is_open=True))


@pytest.mark.parametrize(
    ("client", "hooks"),
    [
        ("generic", ["encounter-discharge", "patient-view"]),
        ("epic", ["patient-view"]),
        ("oracle-health", ["patient-view"]),
        ("public-sandbox", ["patient-view"]),
    ],
)
def test_only_hooks_that_the_client_fires_are_listed(client, hooks):
    """Nobody registers a service that would never be called."""
    services = sheet(client)["services"]
    assert [service["hook"] for service in services] == hooks
    for service in services:
        assert service["url"] == f"{URL}/cds-services/{service['id']}"
        assert service["feedback_url"] == f"{service['url']}/feedback"


def test_the_sheet_and_discovery_say_the_same():
    """Typed by hand or read by the EHR: the same services and queries."""
    settings = Settings.from_env(is_open=True)
    discovery = create_app(settings).test_client().get("/cds-services").json
    typed = [
        {
            "hook": service["hook"],
            "id": service["id"],
            "title": service["title"],
            "description": service["description"],
            "prefetch": {row["name"]: row["query"] for row in service["prefetch"]},
        }
        for service in sheet("generic")["services"]
    ]
    told = [{name: s[name] for name in typed[0]} for s in discovery["services"]]
    assert typed == told


def test_the_prefetch_table_has_the_names_of_the_site(parts):
    """The site's own name where it gave one, ours elsewhere; queries to the letter."""
    (service,) = sheet("north", "--clients", EXAMPLE)["services"]
    rows = {row["key"]: row for row in service["prefetch"]}
    assert rows["procedures"]["name"] == "procedures-user"
    assert rows["observations"]["name"] == "observations-user"
    assert rows["conditions"]["name"] == "conditions"
    templates = chart_templates(parts.terminology)
    assert {key: row["query"] for key, row in rows.items()} == templates


@pytest.mark.conformance("FA-5")
def test_the_scopes_are_exactly_the_types_that_are_read():
    """No patient data is asked for that no query needs."""
    found = sheet("epic")
    types = {
        re.match("[A-Za-z]+", row["query"])[0]
        for service in found["services"]
        for row in service["prefetch"]
    }
    for version, syntax in (("smart_v1", SMART_V1), ("smart_v2", SMART_V2)):
        scopes = found["scopes"][version]
        assert all(syntax.fullmatch(scope) for scope in scopes)
        assert {re.split("[/.]", scope)[1] for scope in scopes} == types
    assert not re.search(r"\.\w*[cud]", " ".join(found["scopes"]["smart_v2"]))


def test_every_link_of_the_cards_is_in_the_list_of_links(example_request):
    """An EHR hides links that are not on its list."""
    settings = replace(Settings.from_env(is_open=True), public_url=URL)
    client = create_app(settings).test_client()
    answer = client.post(
        "/cds-services/scnen-discharge",
        json=example_request,
        headers={"Host": "127.0.0.1"},
    )
    links = [link["url"] for card in answer.json["cards"] for link in card["links"]]
    assert links
    assert set(links) <= set(sheet("generic")["links"])


def test_the_trigger_of_a_discharge_is_told():
    """Epic has no hook of its own for it."""
    (service,) = sheet("epic")["services"]
    assert service["trigger"] == {
        "extension": "com.epic.cdshooks.request.bpa-trigger-action",
        "values": ["27"],
    }
    discharge, _ = sheet("generic")["services"]
    assert discharge["trigger"] is None


def test_the_audience_is_the_registered_one_or_the_url():
    """What the EHR must write into its tokens, to the letter."""
    registered = sheet("north", "--clients", EXAMPLE)["audiences"]
    assert registered == ["https://cds.example.org/cds-services/scnen-chart"]
    assert sheet("epic")["audiences"] == [f"{URL}/cds-services/scnen-chart"]


@pytest.mark.parametrize("client", PRESETS)
def test_the_sheet_can_be_read_in_a_terminal(client):
    """Everything of the data stands in the text, long queries in one piece."""
    data = sheet(client)
    text = run("--client", client, "--public-url", URL).output
    for service in data["services"]:
        assert service["url"] in text
        for row in service["prefetch"]:
            assert f"  {row['name']}\n    {row['query']}\n" in text
    flat = " ".join(text.split())
    for words in [
        data["title"],
        " ".join(data["scopes"]["smart_v1"]),
        " ".join(data["scopes"]["smart_v2"]),
        *data["links"],
        *data["notes"],
    ]:
        assert words in flat


def test_each_service_has_a_table_of_its_own():
    """The chart asks for findings as well, the discharge does not."""
    text = run("--client", "generic", "--public-url", URL).output
    first, second = text.split("Prefetch of scnen-")[1:]
    assert first.startswith("discharge")
    assert second.startswith("chart")
    assert "scn-tender-point" not in first
    assert "scn-tender-point" in second


def test_the_text_of_a_registered_client_names_what_is_special_of_it():
    """Own names beside ours, FHIR servers, web pages, what it cannot do."""
    north = run("--client", "north", "--clients", EXAMPLE, "--public-url", URL).output
    assert "  procedures-user   (our key procedures)\n" in north
    assert "https://ehr.north.example.org/interconnect/api/FHIR/R4 (R4)" in north
    assert "name it: http://ehr-internal:8080/api/FHIR/R4" in north
    assert "the EHR's trigger 27" in " ".join(north.split())
    assert "This machine" not in north
    south = run("--client", "south", "--clients", EXAMPLE, "--public-url", URL).output
    assert "Not known to prefetch" in south
    east = run("--client", "east", "--clients", EXAMPLE, "--public-url", URL).output
    assert "https://ehr.east.example.org" in east
    assert "references may name it: by this URL only" in east
    assert "the hook says so by itself" in east
    assert "register it as `trigger`" in " ".join(east.split())
    sandbox = run("--client", "public-sandbox").output
    assert "open mode only" in sandbox
    assert "aud of JWT" not in sandbox


def test_addresses_of_this_machine_are_not_passed_off_as_the_service_s():
    """Nobody types 127.0.0.1 into an EHR without being told."""
    text = run("--client", "epic").output
    assert "These addresses are this machine's." in text
    told = run("--client", "epic", "--public-url", URL + "/").output
    assert "These addresses" not in told
    assert f"{URL}/cds-services/scnen-chart" in told


def test_an_address_elsewhere_without_tls_is_doubted_for_what_it_is():
    """It is not this machine's, and no EHR may call it all the same."""
    text = run("--client", "epic", "--public-url", "http://cds.example.org").output
    assert "These addresses are http;" in text
    assert "this machine" not in text


@pytest.mark.parametrize("client", ["epic", "generic", "public-sandbox"])
def test_a_chart_is_fired_at_whenever_it_is_opened(client):
    """With the trigger of the discharge alone nobody would get the follow-up."""
    text = " ".join(run("--client", client).output.split())
    assert "trigger whenever a chart is opened: the follow-up" in text


def test_register_and_address_come_from_the_settings(monkeypatch):
    """As the service itself has them; the command line comes first."""
    monkeypatch.setenv("SCNEN_CLIENTS_FILE", str(EXAMPLE))
    monkeypatch.setenv("SCNEN_PUBLIC_URL", "https://env.example.org")
    text = run("--client", "south").output
    assert "https://env.example.org/cds-services/scnen-chart" in text
    assert f"{URL}/cds-services" in run("--client", "south", "--public-url", URL).output


def test_a_register_on_the_command_line_replaces_that_of_the_settings(
    monkeypatch, tmp_path
):
    """A fault in the other one does not matter."""
    (tmp_path / "broken.yaml").write_text("clients: [")
    monkeypatch.setenv("SCNEN_CLIENTS_FILE", str(tmp_path / "broken.yaml"))
    monkeypatch.setenv("SCNEN_OPEN_CLIENT", "north")
    assert run("--client", "south", "--clients", EXAMPLE).exit_code == 0
    failed = run("--client", "south")
    assert failed.exit_code == 1
    assert "SCNEN_CLIENTS_FILE: " in failed.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--client", "nroth", "--clients", EXAMPLE], 2, "Did you mean north?"),
        (["--client", "zzz"], 2, "Known: generic, epic"),
        (["--client", "epic", "--public-url", "ftp://x"], 2, "--public-url: not allow"),
        (["--client", "epic", "--public-url", "https://u:p@x"], 2, "credentials"),
        (["--client", "epic", "--clients", "gone.yaml"], 1, "cannot be read"),
        ([], 2, "Missing option '--client'"),
    ],
)
def test_what_cannot_be_printed_is_told_with_the_remedy(arguments, code, told):
    """A message, never a traceback."""
    result = run(*arguments)
    assert result.exit_code == code
    assert told in result.stderr


def test_a_client_that_fires_no_hook_of_ours_is_told(tmp_path):
    """An empty sheet would be typed in as it is."""
    path = tmp_path / "clients.yaml"
    path.write_text("clients: [{name: orders, hooks: [order-sign]}]")
    result = run("--client", "orders", "--clients", path)
    assert result.exit_code == 1
    assert "orders fires order-sign; no service is at any of these hooks" in (
        result.stderr
    )
