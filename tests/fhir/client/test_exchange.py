"""One question by itself: settings, a token, something to be saved; never twice."""

import pytest

from service.fhir.client import Fault, FHIRError, Limits


def test_an_answer_is_given_whatever_its_status(server, open_access, kit):
    """Judging it is for whoever asked; where something was made is told."""
    made = kit.http(
        201, kit.patient(), "application/fhir+json", "Location: /fhir/Patient/p9"
    )
    server.script["/fhir/Patient"] = made
    reply = open_access().exchange(
        server.base, path="Patient", method="POST", headers={"X-A": "b"}, body=b"{}"
    )
    assert (reply.status, reply.location) == (201, "/fhir/Patient/p9")
    (asked,) = server.received
    assert (asked.method, asked.body, asked.headers["x-a"]) == ("POST", b"{}", "b")


def test_a_base_is_asked_itself(server, open_access, kit):
    """A transaction goes there; one without a path to its root; a slash is kept."""
    server.script["*"] = kit.http(200, b"{}")
    access = open_access()
    access.exchange(server.base)
    access.exchange(server.base.removesuffix("/fhir"))
    access.exchange(f"{server.base}/")
    assert server.targets == ["/fhir", "/", "/fhir/"]


def test_what_changes_something_is_never_sent_twice(server, open_access, kit):
    """Over a connection of its own: a kept one may be closed, and nobody would know."""
    server.script["*"] = [
        kit.http(200, b"{}"),
        kit.http(200, b"{}"),
        lambda connection: None,
    ]
    access = open_access()
    access.exchange(server.base)
    access.exchange(server.base, method="POST", body=b"{}")
    with pytest.raises(FHIRError, match="unreachable"):
        access.exchange(server.base, method="POST", body=b"{}")
    assert [each.method for each in server.received] == ["GET", "POST", "POST"]


def test_no_redirect_is_followed(server, open_access, kit):
    """A token or a code goes where it was meant to go."""
    away = kit.http(302, b"", "", "Location: http://127.0.0.1:1/")
    server.script["*"] = away
    assert open_access().exchange(server.base, method="POST", body=b"").status == 302
    assert len(server.received) == 1


def test_addresses_are_vetted_as_those_of_servers(server, open_access):
    """Plain http on this machine is for open mode."""
    with pytest.raises(ValueError, match="is not https"):
        open_access(allow_loopback=False).exchange(server.base)
    closed = open_access(allow_loopback=False, look_up=lambda *_: ["10.0.0.1"])
    with pytest.raises(FHIRError, match=Fault.REFUSED_ADDRESS):
        closed.exchange("https://ehr.example.org/token")


def test_waiting_ends(server, open_access):
    """Whatever the server does, within the limits."""
    server.script["*"] = lambda connection: server.stop.wait(1)
    with pytest.raises(FHIRError, match="timeout"):
        open_access(total_s=0.2).exchange(server.base)
    assert Limits().total_s
