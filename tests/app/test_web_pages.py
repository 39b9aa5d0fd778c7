"""What a web page may have the service do: answer, but not look around for it."""

import socket

import pytest

from service.app import create_app
from service.config import Settings

FOREIGN = {"Origin": "https://evil.example"}


@pytest.fixture
def port():
    """A port of this machine at which nobody must knock."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        yield listener


def _call(golden, listener):
    """A call whose data are to be fetched from that port."""
    kept = {"hook", "hookInstance", "context"}
    body = {name: value for name, value in golden.items() if name in kept}
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"
    return {**body, "fhirServer": url}


def _was_asked(listener):
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_foreign_page_cannot_try_the_ports_of_this_machine(
    client, golden, port, origin
):
    """It gets the answer of a call without access, and that is said."""
    answer = client.post(
        "/cds-services/scnen-discharge",
        json=_call(golden, port),
        headers={"Origin": origin},
    )
    assert not _was_asked(port)
    assert answer.status_code == 412
    assert "web page whose origin is not registered" in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_foreign_page_is_answered_from_what_it_sends(client, example_request):
    """The public Sandbox shows its cards without further ado."""
    answer = client.post(
        "/cds-services/scnen-discharge", json=example_request, headers=FOREIGN
    )
    assert answer.status_code == 200
    assert answer.get_json()["cards"]


@pytest.mark.parametrize(
    ("origin", "variables"),
    [
        ("http://localhost:3000", {}),
        (
            "https://cds.example.org",
            {"SCNEN_PUBLIC_URL": "https://CDS.example.org:443/a"},
        ),
        ("https://sandbox.cds-hooks.org", {"SCNEN_OPEN_CLIENT": "public-sandbox"}),
    ],
)
def test_a_known_page_has_access(monkeypatch, golden, port, origin, variables):
    """Of this machine, of the public URL, or named by the client that is assumed."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    body = _call(golden, port)
    port.close()  # whoever knocks is told so at once
    app = create_app(Settings.from_env(is_open=True))
    answer = app.test_client().post(
        "/cds-services/scnen-discharge", json=body, headers={"Origin": origin}
    )
    assert "fetching it failed: unreachable" in answer.text


def test_an_address_that_no_browser_would_send_stops_nothing(monkeypatch):
    """A public URL may hold what an origin cannot; then no origin is its own."""
    monkeypatch.setenv("SCNEN_PUBLIC_URL", "https://cds_.example..org")
    app = create_app(Settings.from_env(is_open=True))
    answer = app.test_client().get("/cds-services", headers=FOREIGN)
    assert answer.status_code == 200


def test_origins_of_the_register_do_not_limit_cors_before_clients_are_authenticated(
    monkeypatch, tmp_path
):
    """docs/clients.md says so: in open mode every page may read an answer."""
    register = tmp_path / "clients.yaml"
    register.write_text(
        "clients: [{name: north, origins: ['https://ehr.example.org']}]", "utf-8"
    )
    monkeypatch.setenv("SCNEN_CLIENTS_FILE", str(register))
    app = create_app(Settings.from_env(is_open=True))
    answer = app.test_client().get("/cds-services", headers=FOREIGN)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_page_of_the_model_says_how_to_report_a_problem(client):
    """A card links to it: that is where somebody looks who doubts one."""
    page = client.get("/model").text
    assert "If something is wrong" in page
    assert "report it" in page
    assert "docs/safety.md" in page
