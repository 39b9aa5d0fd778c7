"""The token goes to the server and nowhere else; so do patients' numbers."""

import logging
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.fhir.client import Bearer, Fault
from service.fhir.client.deadline import Deadline
from service.fhir.client.faults import FHIRError

WAYS = {
    "well": lambda kit: kit.http(200, kit.bundle(kit.condition(1))),
    "refused": lambda kit: kit.http(401, kit.outcome("login")),
    "redirected": lambda kit: kit.http(302, b"", "", "Location: http://127.0.0.1:1/"),
    "failing": lambda kit: kit.http(500),
    "html": lambda kit: kit.http(200, b"<html>", "text/html"),
    "garbled": lambda _: lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"),
    "closing": lambda _: lambda c: None,
    "silent": lambda _: lambda c: time.sleep(0.3),
    "foreign": lambda kit: kit.http(200, kit.bundle(next_url="https://x.example/")),
}


@pytest.fixture
def records(caplog):
    """Everything that any logger says, at the least of levels."""
    names = list(logging.root.manager.loggerDict)
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("way", WAYS)
def test_no_log_and_no_result_holds_token_or_patient(server, fetch, records, kit, way):
    """All loggers at DEBUG, every record with its arguments and exceptions."""
    server.script["*"] = WAYS[way](kit)
    query = {"conditions": ("Condition?patient=patient-4711", "Condition")}
    found = fetch(query, total_s=0.5, read_s=0.2)
    bodies = [each.headers["authorization"] for each in server.received]
    assert set(bodies) == {f"Bearer {kit.canary}"}
    said = [f"{each.__dict__}{each.getMessage()}" for each in records.records]
    for text in [*said, repr(found), records.text]:
        assert kit.canary not in text
        assert "patient-4711" not in text  # digits alone may be those of a time
    if found["conditions"].fault is not None:
        assert f"FHIR query conditions: {found['conditions'].fault}" in records.text


def test_no_part_shows_the_token(server, open_access, kit):
    """Whoever prints one of them by mistake prints no secret."""
    bearer = Bearer(kit.canary, 300, time.monotonic())
    client = open_access().client(server.base, bearer=bearer)
    request = client._asker._request("/fhir/Patient/patient-4711", None)
    for part in (bearer, client, client._asker, request):
        assert kit.canary not in f"{part!r}{part}"
        assert "patient-4711" not in f"{part!r}{part}"


@pytest.mark.parametrize("way", sorted(set(WAYS) - {"well", "foreign"}))
def test_no_exception_tells_token_or_patient(server, open_access, kit, way):
    """Nor its causes, as a traceback would print them."""
    server.script["*"] = WAYS[way](kit)
    access = open_access(read_s=0.2)
    client = access.client(server.base, bearer=Bearer(kit.canary))
    target = "/fhir/Condition?patient=patient-" + str(4711)
    with pytest.raises(FHIRError) as caught:
        client._asker.ask(target, None, 9999, Deadline(0.5))
    told = "".join(traceback.format_exception(caught.value))
    assert kit.canary not in told
    assert "patient-4711" not in told
    assert str(caught.value) in set(Fault)


def test_the_token_of_a_failed_call_is_not_waiting_in_a_socket(server, fetch, kit):
    """A request that was not taken is dropped, not sent later."""
    server.script["*"] = lambda c: time.sleep(0.5)
    fetch(kit.one_patient, read_s=0.1)
    end = time.monotonic() + 5
    while server.open:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_many_calls_at_once_get_their_own_answers_with_their_own_tokens(
    server, open_access, kit
):
    """They share connections, one after the other, and nothing else."""
    access = open_access(total_s=20.0, connect_s=20.0, read_s=20.0)
    for n in range(40):
        server.script[f"/fhir/Patient/p{n}"] = kit.http(200, kit.patient(f"p{n}"))

    def call(n):
        client = access.client(server.base, bearer=Bearer(f"token-of-p{n}"))
        query = (f"Patient/p{n}", "Patient")
        found = client.fetch({"one": query, "two": query})
        return {each.data.resources[0]["id"] for each in found.values()}

    with ThreadPoolExecutor(8) as executor:
        found = list(executor.map(call, range(40)))
    assert found == [{f"p{n}"} for n in range(40)]
    for each in server.received:
        patient = each.target.rpartition("/")[2]
        assert each.headers["authorization"] == f"Bearer token-of-{patient}"
    assert server.connections < len(server.received) == 80
