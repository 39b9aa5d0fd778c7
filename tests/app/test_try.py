"""The hook console: for this machine alone, and what it fires is what an EHR would."""

import json
import re
import socket
from dataclasses import replace

import pytest

from cds_hooks import Client, ClientRegister
from cds_hooks.fhir_servers import FHIRServer
from service.app import create_app
from service.config import VARIABLES, Settings
from service.console import card_blocks, choices, patients
from service.parts import build_parts
from service.played_clients import played_clients, played_server

ADDRESSES = {"scnen-discharge": "encounter-discharge", "scnen-chart": "patient-view"}


@pytest.fixture(scope="module")
def client():
    """A client of one application in open mode; these tests leave it as it was."""
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        return create_app(Settings.from_env(is_open=True)).test_client()


@pytest.fixture
def asked(monkeypatch):
    """Where anybody looked for a host or connected to one; nothing goes out."""
    found = []

    def refuse(_, address):
        found.append(address[:2])
        raise ConnectionRefusedError

    def unknown(host, port, **_):
        found.append((host, port))
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return found


def written(client, patient="01-high-vertebroplasty", service="scnen-discharge"):
    """The request that the page gets for a patient."""
    answer = client.post("/try/request", json={"patient": patient, "service": service})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json


def fired(client, server):
    """The answer to a call that lacks what the server would give for its token."""
    body = written(client)
    del body["prefetch"]["observations"]
    body["fhirServer"] = server
    body["fhirAuthorization"] = {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/Observation.read",
        "subject": "scnen-cds",
    }
    return client.post("/cds-services/scnen-discharge", json=body)


class TestWhoMayTry:
    """Open mode alone."""

    def test_a_hospital_has_no_such_page(self, closed):
        """Nothing to fire at patients with, and no address that plays a client."""
        client = create_app(closed).test_client()
        assert client.get("/try").status_code == 404
        for path in ("/try/request", "/try/detail"):
            assert client.post(path, json={}).status_code == 404
        parts = build_parts(closed)
        assert parts.client_of(played_server("epic", "en", "R4")).name == "generic"

    def test_open_mode_has_it_and_nothing_of_it_is_kept(self, client):
        """With the headers of all pages."""
        answer = client.get("/try")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]

    @pytest.mark.parametrize(
        ("said", "told"),
        [("off", "no patient is assessed"), ("relative", "only points and percentile")],
    )
    def test_the_page_says_what_is_switched_off(self, tmp_path, said, told):
        """Else the card that says so would look like the patient's."""
        stop = tmp_path / "stop"
        stop.write_text(said)
        settings = replace(Settings.from_env(is_open=True), stop_file=stop)
        assert told in create_app(settings).test_client().get("/try").text

    def test_the_page_has_no_script_or_style_in_it(self, client):
        """They are files; what the script says are words of the page."""
        text = client.get("/try").text
        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", text) == []
        assert re.findall(r"<style|\bstyle=|\bon\w+=", text) == []


class TestWrittenRequests:
    """What the page fires."""

    @pytest.mark.parametrize("name", patients())
    def test_each_patient_is_answered_as_in_the_story(self, client, name):
        """By the service of the story; none is refused for its form."""
        patient = patients()[name]
        service = next(k for k, hook in ADDRESSES.items() if hook == patient.hook)
        body = written(client, name, service)
        assert body["hook"] == patient.hook
        named = played_server(patient.client, "en", patient.fhir_version)
        answer = client.post(
            f"/cds-services/{service}", json=body | {"fhirServer": named}
        )
        assert answer.status_code == 200
        has_card = not patient.expected.startswith("No card")
        assert bool(answer.json["cards"]) == has_card, patient.expected

    def test_each_is_a_patient_and_a_stay_of_its_own(self, client):
        """So that a card that was dismissed is seen again with the next."""
        ids = [written(client, "19-epic-shape")["context"] for _ in range(2)]
        for name in ("patientId", "encounterId"):
            assert ids[0][name] != ids[1][name]

    def test_a_chart_that_is_opened_at_discharge_says_so(self, client):
        """As Epic does, so that the advice of the discharge is given."""
        body = written(client, service="scnen-chart")
        assert body["extension"] == {
            "com.epic.cdshooks.request.bpa-trigger-action": "27"
        }
        (card,) = client.post("/cds-services/scnen-chart", json=body).json["cards"]
        assert card["indicator"] == "warning"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ([], "body"),
            ({"patient": "01-high-vertebroplasty"}, "service"),
            ({"patient": "01-high-vertebroplasty", "service": "<b>x"}, "service"),
            ({"patient": "<b>x", "service": "scnen-chart"}, "patient"),
        ],
    )
    def test_what_is_not_known_is_refused_by_field(self, client, body, field):
        """And is not repeated."""
        answer = client.post("/try/request", json=body)
        assert answer.status_code == 400
        assert field in answer.text
        assert "<b>x" not in answer.text


class TestPlayedClients:
    """A preset and a language, by the FHIR server that a request names."""

    def test_every_preset_is_played_in_every_language_and_version(self):
        """Each by an address of its own, at a host that cannot exist (RFC 2606)."""
        played = played_clients(["en", "zh-Hans"])
        assert len(played) == 4 * 2 * 2
        assert all(each.startswith("https://ehr.invalid/") for each in played)

    def test_the_card_is_what_the_client_takes(self, client):
        """No suggestions for one that takes none, and another language for another."""
        body = written(client)
        cards = {
            name: client.post(
                "/cds-services/scnen-discharge",
                json=body | {"fhirServer": played_server(name, language, "R4")},
            ).json["cards"][0]
            for name, language in (("epic", "en"), ("oracle-health", "zh-Hans"))
        }
        assert len(cards["epic"]["suggestions"]) == 2
        assert "suggestions" not in cards["oracle-health"]
        assert "**" not in cards["oracle-health"]["detail"]
        assert cards["oracle-health"]["summary"].startswith("臀上皮神经卡压")

    def test_nothing_is_read_at_a_played_server(self, client, asked):
        """A token for it goes nowhere: what is missing stays missing."""
        answer = fired(client, played_server("epic", "en", "R4"))
        assert asked == []
        assert answer.status_code == 412

    def test_a_server_on_this_machine_is_read(self, client, asked):
        """As in a sandbox: so it would be seen if a played one were."""
        fired(client, "http://127.0.0.1:9/fhir")
        assert set(asked) == {("127.0.0.1", 9)}

    def test_registered_clients_can_be_chosen_by_their_server(self):
        """Those that a server tells apart, after the presets."""
        server = FHIRServer("https://n.example/fhir")
        register = ClientRegister(
            [Client("north", fhir_servers=(server,)), Client("south")]
        )
        assert [(c.client.name, c.server) for c in choices(register)][4:] == [
            ("north", "https://n.example/fhir")
        ]


class TestDetail:
    """Markdown becomes blocks of text: there is no HTML to be careful with."""

    def test_hostile_text_stays_text(self):
        """No tag, no address but of the web, no image."""
        hostile = (
            "<script>x</script> [a](javascript:x) ![b](https://e.example/p.png)\n\n"
            "| <img src=x> | b |\n|---|---|\n| [c](data:text/html,x) | **d** |"
        )
        blocks = card_blocks(hostile)
        text = json.dumps(blocks)
        assert "<script>x</script> " in blocks[0]["lines"][0][0]["text"]
        assert blocks[1]["rows"][0][0] == [{"text": "<img src=x>"}]
        assert '"url": "javascript' not in text
        assert '"url": "data' not in text

    def test_blocks_come_over_the_wire_as_they_are_read(self, client):
        """Headings, lists, tables with their alignment, links of the web."""
        markdown = "# A\n\n- b\n\n| c | d |\n|---|--:|\n| [e](https://x.example) | 1 |"
        blocks = client.post("/try/detail", json={"markdown": markdown}).json["blocks"]
        assert [each["kind"] for each in blocks] == ["heading", "item", "table"]
        assert blocks[2]["align"] == ["<", ">"]
        assert blocks[2]["rows"][1][0] == [{"text": "e", "url": "https://x.example"}]
