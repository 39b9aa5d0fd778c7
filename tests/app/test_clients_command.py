"""`scnen-cds clients`: faults with their lines, and what each client may do."""

import json
import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cds_hooks import Capabilities
from cds_hooks.errors import Refusal
from cds_hooks.key_fetching import FetchError
from cds_hooks.register import PRESETS, preset
from cds_hooks.register_fields import Known, client_fields
from service.cli import main
from service.clients import PREFETCH_KEYS, find_client, load_clients
from service.config import VARIABLES, Settings
from service.parts import build_parts

clients_module = import_module("service.cli.clients")
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "service/data/clients/example.yaml"
#: Public key of RFC 7517, appendix A.1.
KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "kid": "1",
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No setting of the machine that runs the tests leaks in."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def run(*arguments):
    """Run `scnen-cds clients`."""
    return CliRunner().invoke(main, ["clients", *map(str, arguments)])


@pytest.fixture
def register(tmp_path):
    """Write a register file."""

    def write(text):
        path = tmp_path / "clients.yaml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_the_example_passes_the_check(register):
    """Whoever starts from it starts from a file without faults."""
    printed = run("example")
    assert printed.exit_code == 0
    checked = run("check", register(printed.output))
    assert checked.exit_code == 0, checked.output
    assert "3 clients, no faults" in checked.output
    assert printed.output == EXAMPLE.read_text("utf-8")


def test_the_example_shows_every_field_but_the_other_sources_of_keys():
    """A field that is not in the pattern would not be found."""
    fields = set()

    def collect(value):
        if isinstance(value, dict):
            fields.update(value)
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(yaml.safe_load(EXAMPLE.read_text("utf-8")))
    assert fields >= {
        *("name", "title", "preset", "issuer", "keys", "jwks_url", "tenants"),
        *("audiences", "fhir_servers", "base_url", "version", "private_addresses"),
        "also_known_as",
        *("origins", "hooks", "prefetch_keys", "trigger", "capabilities", "site"),
        *("selection_behaviors", "actions_per_suggestion", "action_resources"),
        *("link_types", "app_context", "override_reasons", "detail", "notes"),
        *("sends_prefetch", "angle_signs"),
        *("certificates", "token_lifetime_s", "reuses_tokens"),
    }


def test_the_check_shows_what_each_client_may_do():
    """One look tells trust, access and cards, and what is still to be confirmed."""
    text = " ".join(run("check", EXAMPLE).output.split())
    for shown in [
        "north: North Hospital (preset epic)",
        "trust issuer https://ehr.north.example.org/interconnect/api/FHIR/R4",
        "tenants not asked for",
        "audience https://cds.example.org/cds-services/scnen-chart",
        "(R4, private addresses 10.20.0.0/16)",
        "also known as http://ehr-internal:8080/api/FHIR/R4",
        "discharge com.epic.cdshooks.request.bpa-trigger-action: 27",
        "prefetch sent procedures as procedures-user observations as observations-user",
        "angle signs kyphosis-positive",
        "at most 1 each; creates Condition, MedicationRequest, ServiceRequest",
        "links absolute, smart, with appContext",
        "open - Confirm per site: that trigger 27",
        "tenants 2c400054-42d8-4e74-87b7-80b5bd5fde9f audience the URL that is called",
        "suggestions none links absolute, smart override no reasons detail plain",
        "tokens valid for at most 600 s, taken once",
        "certificate CN=ehr.east.example.org,O=East Hospital web pages https://ehr.east",
        "hooks encounter-discharge, patient-view prefetch not known to be sent",
        "any number each; creates ServiceRequest, Condition, RiskAssessment",
    ]:
        assert shown in text


def test_a_client_of_which_little_is_said_is_shown_as_well(register, tmp_path):
    """Defaults are spelled out, keys are counted or named by their file."""
    (tmp_path / "b.json").write_text(json.dumps({"keys": [KEY]}))
    path = register(
        yaml.safe_dump(
            {
                "clients": [
                    {
                        "name": "a",
                        "issuer": "urn:a",
                        "keys": {"jwks": {"keys": [KEY]}},
                        "capabilities": {
                            "actions_per_suggestion": 0,
                            "link_types": [],
                        },
                        "prefetch_keys": {"patient": []},
                    },
                    {
                        "name": "b",
                        "issuer": "urn:b",
                        "reuses_tokens": True,
                        "keys": {"jwks_file": "b.json"},
                        "capabilities": {"action_resources": []},
                    },
                ]
            }
        )
    )
    text = " ".join(run("check", path).output.split())
    assert "keys in the file (1)" in text
    assert "tokens valid for at most 3600 s, taken more than once" in text
    assert "FHIR no server: a token is never used" in text
    assert "web pages none registered" in text
    assert "hooks every one" in text
    assert "actions none links none" in text
    assert "at most 1 each; creates nothing" in text
    assert "b.json" in text
    assert "patient as" not in text


def test_a_client_that_proves_nothing_is_for_open_mode(register):
    """Said at the first place where one looks."""
    text = " ".join(run("check", register("clients: [{name: a}]")).output.split())
    assert "trust none: served in open mode only web pages none" in text


def test_one_client_is_counted_as_one(register):
    """The first line reads like a sentence."""
    assert (
        "1 client, no faults" in run("check", register("clients: [{name: a}]")).output
    )


def test_every_fault_is_told_with_line_field_value_and_remedy(register):
    """One run is enough to put the file right."""
    path = register("clients:\n  - name: North\n    preset: epick\n    isuer: x\n")
    result = run("check", path)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"Error: {path}: 3 faults",
        '  line 2, column 11: clients[0].name: "North" is no short name;'
        " use lower-case letters, digits and hyphens, at most 64",
        '  line 3, column 13: clients[0].preset: "epick" is none of generic, epic,'
        " oracle-health, public-sandbox; did you mean epic?",
        "  line 4, column 5: clients[0].isuer: is unknown; did you mean issuer?",
    ]


def test_a_file_that_is_not_there_is_a_fault(tmp_path):
    """No traceback, and not the exit code of a wrong command line."""
    result = run("check", tmp_path / "gone.yaml")
    assert result.exit_code == 1
    assert "cannot be read: No such file" in result.stderr


def test_without_a_file_the_command_line_is_wrong():
    """Exit code 2, as for every command."""
    assert run("check").exit_code == 2


@pytest.mark.parametrize("command", ["", "check", "example"])
def test_the_help_teaches(command):
    """Whoever asks gets a command to paste, or the exit codes."""
    text = run(*filter(None, [command]), "--help").output
    assert "scnen-cds clients" in text or "Ends with" in text


def test_the_prefetch_keys_of_a_register_are_those_of_the_services():
    """A key that a site cannot rename would be missing at that site."""
    parts = build_parts(Settings.from_env(is_open=True))
    keys = {key for service in parts.registry for key in service.prefetch}
    assert keys == set(PREFETCH_KEYS)


def pages(language):
    """The blocks of the how-to in a language."""
    text = (ROOT / "docs/clients.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", pages("yaml"), ids=lambda text: text[11:30])
def test_every_register_of_the_how_to_passes_the_check(register, block):
    """Whoever copies one starts without faults."""
    result = run("check", register(block))
    assert result.exit_code == 0, result.output


def test_the_how_to_explains_every_field_and_no_other():
    """Tables and code agree both ways."""
    text = (ROOT / "docs/clients.md").read_text("utf-8")
    tables = re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)
    given = set(client_fields(Known()))
    server = {"base_url", "version", "private_addresses", "also_known_as"}
    capabilities = {field.name for field in fields(Capabilities)}
    app = {"client_id", "client_secret_file", "private_key_file", "key_id"}
    app |= {"frame_ancestors", "writes"}
    assert sorted(tables) == sorted(given | server | capabilities | app)


def test_the_how_to_explains_every_refusal_and_no_other():
    """What the log says, somebody looks up."""
    text = (ROOT / "docs/clients.md").read_text("utf-8")
    rows = re.findall(r"^\| (\*\*[^|]+) \|", text, re.MULTILINE)
    explained = re.findall(r"\*\*([a-z-]+)\*\*", " ".join(rows))
    assert sorted(explained) == sorted(Refusal)


def test_the_how_to_tells_the_presets_as_they_are():
    """The table of presets is read off the data."""
    text = (ROOT / "docs/clients.md").read_text("utf-8")
    rows = {
        cells[0]: cells[1:]
        for line in re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
        if len(cells := line.split(" | ")) == 1 + len(PRESETS)
    }
    assert rows["preset"] == [f"`{name}`" for name in PRESETS]
    for number, name in enumerate(PRESETS):
        client = preset(name)
        can = client.capabilities
        assert ("yes" in rows["prefetch"][number]) is client.sends_prefetch
        assert ("yes" in rows["`appContext`"][number]) is can.app_context
        assert ("yes" in rows["override reasons"][number]) is can.override_reasons
        assert f"`{can.detail}`" in rows["detail"][number]
        assert ("smart" in rows["links"][number]) is ("smart" in can.link_types)
        assert ("none" in rows["actions"][number]) is (can.actions_per_suggestion == 0)
        assert ("open mode only" in rows["trust"][number]) is client.is_open_only


def test_a_registered_client_comes_before_a_preset_of_its_name(register):
    """A site may call its Epic `epic`."""
    clients = load_clients(register("clients: [{name: epic, preset: epic, title: X}]"))
    assert find_client(clients, "epic").title == "X"
    assert find_client(clients, "generic").preset == "generic"


def test_an_unknown_client_is_answered_with_the_nearest(register):
    """A typing error does not look like a missing registration."""
    clients = load_clients(register("clients: [{name: north}]"))
    with pytest.raises(LookupError, match="Did you mean north"):
        find_client(clients, "nroth")
    with pytest.raises(LookupError, match="Known: north, generic, epic"):
        find_client(clients, "zzz")


# Keys -------------------------------------------------------------------------

URL_CLIENT = """
clients:
  - name: north
    issuer: urn:north
    keys: {jwks_url: https://ehr.example.org/jwks}
"""


def test_the_keys_of_the_register_are_shown(register):
    """By name, algorithms and fingerprint: what is compared with the site."""
    text = URL_CLIENT.replace(
        "{jwks_url: https://ehr.example.org/jwks}",
        json.dumps({"jwks": {"keys": [KEY]}}),
    )
    result = run("check", register(text))
    assert result.exit_code == 0
    # RFC 7638 of the key of RFC 7517, appendix A.1.
    assert "1: ES256; cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s" in result.output


def test_the_keys_of_a_file_are_shown_with_what_is_left_out(register, tmp_path):
    """A key for another purpose is named with the reason."""
    ed = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "ed",
    }
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [KEY, ed]}))
    text = URL_CLIENT.replace(
        "jwks_url: https://ehr.example.org/jwks", "jwks_file: keys.json"
    )
    result = run("check", register(text))
    assert result.exit_code == 0
    assert "ES256" in result.output
    assert "keys.1: serves no algorithm that is taken" in result.output


def test_keys_that_serve_nothing_are_a_fault(register):
    """Everybody would be refused."""
    ed = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
    text = URL_CLIENT.replace(
        "{jwks_url: https://ehr.example.org/jwks}",
        json.dumps({"jwks": {"keys": [{**ed, "kid": "ed"}]}}),
    )
    result = run("check", register(text))
    assert result.exit_code == 1
    assert "serves no algorithm" in result.output


@pytest.fixture
def answers(monkeypatch):
    """Let the address of keys answer, and count who asks."""
    asked = []

    def answer_with(body):
        def fetch(url):
            asked.append(url)
            if isinstance(body, Exception):
                raise body
            return body

        monkeypatch.setattr(clients_module, "fetch_keys", fetch)
        return asked

    return answer_with


def test_no_address_is_asked_without_the_option(register, answers):
    """The check can be run anywhere."""
    asked = answers(AssertionError())
    result = run("check", register(URL_CLIENT))
    assert result.exit_code == 0
    assert asked == []


def test_with_the_option_an_address_is_read(register, answers):
    """The registered one, and what is there is shown."""
    asked = answers(json.dumps({"keys": [KEY]}).encode())
    result = run("check", register(URL_CLIENT), "--fetch-keys")
    assert result.exit_code == 0
    assert asked == ["https://ehr.example.org/jwks"]
    assert "north: keys https://ehr.example.org/jwks" in result.output
    assert "1: ES256; " in result.output


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (FetchError("answered 302, not 200"), "answered 302, not 200"),
        (b"<html>canary-4711</html>", "hold no key set"),
        (b'{"keys": []}', "hold no key set"),
    ],
)
def test_an_address_without_keys_is_a_fault(register, answers, body, said):
    """With what came instead told by its kind, never repeated."""
    answers(body)
    result = run("check", register(URL_CLIENT), "--fetch-keys")
    assert result.exit_code == 1
    assert said in result.output
    assert "canary" not in result.output
    assert "ask the site" in result.output
