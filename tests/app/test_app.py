"""The application without a server: routes, health, request ids, who is answered."""

import io
import json
import logging
import re
from importlib import import_module

import pytest

from service import __version__
from service.app import create_app
from service.config import Settings


@pytest.mark.parametrize("path", ["/cds-services", "/healthz/live", "/openapi.yaml"])
@pytest.mark.parametrize("address", ["10.0.0.5", "2001:db8::1", "", "unix"])
def test_open_mode_does_not_answer_other_machines(client, path, address):
    """Whatever address gunicorn was bound to, only loopback peers are answered."""
    answer = client.get(path, environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == 401
    assert answer.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
def test_open_mode_answers_this_machine(client, address):
    """All loopback addresses count."""
    answer = client.get("/cds-services", environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "Via",
        "X-Client-IP",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Proto",
        "X-Real-IP",
    ],
)
def test_open_mode_does_not_answer_through_a_proxy(client, header):
    """A proxy on this machine would let everybody in."""
    assert client.get("/cds-services", headers={header: "10.0.0.5"}).status_code == 401


@pytest.mark.parametrize(
    "host",
    ["cds.hospital.example", "10.0.0.5:8080", "127.0.0.1.evil.example", "", "[::", "@"],
)
def test_open_mode_does_not_answer_to_another_name(client, host):
    """A name made to point here is refused, and so is a proxy that keeps its own."""
    answer = client.get("/cds-services", environ_overrides={"HTTP_HOST": host})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "127.9.9.9", "[::1]:80"]
)
def test_open_mode_answers_to_the_names_of_this_machine(client, host):
    """Every loopback name and address counts, with any port."""
    answer = client.get("/cds-services", environ_overrides={"HTTP_HOST": host})
    assert answer.status_code == 200


def test_open_mode_answers_to_the_public_name(monkeypatch):
    """A name of this machine that somebody has set is one of its names."""
    monkeypatch.setenv("SCNEN_PUBLIC_URL", "http://Workstation.example:8080")
    client = create_app(Settings.from_env(is_open=True)).test_client()
    for host, status in (("workstation.example:80", 200), ("other.example", 401)):
        answer = client.get("/cds-services", headers={"Host": host})
        assert answer.status_code == status


def test_discovery_lists_both_services_with_their_templates_in_order(client):
    """Clients copy the templates; their order is ours, not the alphabet's."""
    services = client.get("/cds-services").json["services"]
    assert [(each["id"], each["hook"]) for each in services] == [
        ("scnen-discharge", "encounter-discharge"),
        ("scnen-chart", "patient-view"),
    ]
    keys = ["patient", "encounter", "procedures", "observations", "conditions"]
    assert all(list(each["prefetch"]) == keys for each in services)


def test_the_chart_service_is_silent_outside_an_encounter(client, golden):
    """`patient-view` fires all day; without an encounter there is nothing to say."""
    body = {
        **golden,
        "hook": "patient-view",
        "context": {"userId": "Practitioner/1", "patientId": "p1"},
    }
    answer = client.post("/cds-services/scnen-chart", json=body)
    assert (answer.status_code, answer.json) == (200, {"cards": []})


def test_live_says_the_version(client):
    """A process that answers is alive."""
    answer = client.get("/healthz/live")
    assert answer.json == {"status": "live", "version": __version__}
    assert answer.headers["Cache-Control"] == "no-store"


def test_ready_names_what_is_in_use(client):
    """An operator sees which model and policy answer."""
    report = client.get("/healthz/ready").json
    assert report["status"] == "ready"
    parts = report["parts"]
    assert parts["model"]["id"] == "liu-nomogram"
    assert parts["model"]["digest"].startswith("sha256:")
    assert parts["model"]["mode"] == "anchored"
    assert parts["policy"]["approved"] is False
    assert parts["terminology"]["codes"] > 0


def test_feedback_is_counted_in_the_log_and_nothing_more(client, caplog):
    """What clinicians wrote stays out; how many is seen."""
    caplog.set_level(logging.INFO, "service")
    item = {"card": "c", "outcomeTimestamp": "2026-03-06T10:00:00Z"}
    accepted = {"outcome": "accepted", "acceptedSuggestions": [{"id": "s"}]}
    comment = {"userComment": "canary-4711"}
    batch = [
        {**item, **accepted},
        {**item, "outcome": "overridden", "overrideReason": comment},
        {**item, "outcome": "overridden"},
    ]
    answer = client.post("/cds-services/scnen-chart/feedback", json={"feedback": batch})
    assert answer.status_code == 200
    (record,) = (each for each in caplog.records if each.msg == "feedback")
    assert (record.service, record.accepted, record.overridden) == ("scnen-chart", 1, 2)
    assert "canary-4711" not in caplog.text + str([vars(r) for r in caplog.records])


@pytest.mark.parametrize(
    "sent", ["0B0E7F0A-6F0E-4E52-9A55-3D1C3F0F3D11", "4bf92f3577b34da6a3ce929d0e0e4736"]
)
def test_a_request_id_goes_in_and_out(client, sent):
    """One id follows a call through all systems."""
    answer = client.get("/healthz/live", headers={"X-Request-ID": sent})
    assert answer.headers["X-Request-ID"] == sent.lower()


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "Smith, John",
        "1234567",
        "1234567890123456",
        "12345678901234567890123456789012",
        "1234-5678-90ab-cdef",
        "4bf92f3577b34da6a3ce929d0e0e473",
        "a" * 65,
        "0b0e7f0a6f0e-4e52-9a55-3d1c3f0f3d11",
        "0B0E7F0A-6F0E-4E52-9A55-3D1C3F0F3D11\u0660",
    ],
)
def test_what_may_be_a_name_or_number_is_replaced(client, sent):
    """An id of another form never reaches the log."""
    headers = {"X-Request-ID": sent} if sent else {}
    returned = client.get("/healthz/live", headers=headers).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", returned)


def test_the_request_line_of_the_log_has_the_pattern_not_the_path(client, caplog):
    """A path may hold anything."""
    caplog.set_level(logging.INFO, "service")
    client.post("/cds-services/canary-4711", json={})
    client.get("/canary-4711")
    known, unknown = (each for each in caplog.records if each.msg == "request")
    assert (known.route, known.service) == ("/cds-services/<service_id>", None)
    assert (unknown.route, unknown.method) == (None, None)
    assert "canary-4711" not in str([vars(known), vars(unknown)])


def test_the_log_level_can_silence_the_request_lines(app, caplog):
    """`warning` leaves out one line for each request."""
    logging.getLogger("service").setLevel(logging.WARNING)
    app.test_client().get("/healthz/live")
    assert [each for each in caplog.records if each.msg == "request"] == []
    logging.getLogger("service").setLevel(logging.NOTSET)


@pytest.mark.parametrize("path", ["/", "/nope", "/cds-services/nope/nope"])
def test_an_unknown_address_is_answered_in_json(client, path):
    """No page of the framework comes through."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert json.loads(answer.data)["resourceType"] == "OperationOutcome"


def test_the_page_that_cards_link_to_exists(client):
    """A link on a card leads somewhere."""
    answer = client.get("/model")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/html")


def test_the_page_names_whom_the_hospital_wants_to_be_told(monkeypatch):
    """Whoever sees a wrong card need not look for a number."""
    monkeypatch.setenv("SCNEN_SAFETY_CONTACT", "Safety <4711>")
    page = create_app(Settings.from_env(is_open=True)).test_client().get("/model").text
    assert "<strong>Safety &lt;4711&gt;</strong>" in page


def test_a_body_that_breaks_off_is_the_clients_fault(client):
    """What a server raises while it reads, a broken chunk say, is no fault of ours."""

    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, _buffer):
            raise RuntimeError("canary-4711")

    answer = client.post(
        "/cds-services/scnen-chart",
        content_type="application/json",
        environ_overrides={
            "wsgi.input": Broken(),
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
        },
    )
    assert answer.status_code == 400
    assert "canary" not in answer.text


def test_gunicorn_can_be_started_by_hand(monkeypatch):
    """`service.wsgi:app` is built from the environment alone."""
    monkeypatch.setenv("SCNEN_OPEN", "true")
    app = import_module("service.wsgi").app
    assert app.test_client().get("/healthz/ready").status_code == 200
