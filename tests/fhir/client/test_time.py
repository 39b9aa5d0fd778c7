"""One budget for everything, and nothing goes on after it."""

import os
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from cds_hooks.prefetch import Availability
from service.fhir.client import Bearer, Fault

FIVE = {f"k{n}": (f"Condition?patient=p{n}", "Condition") for n in range(5)}


def drip(text, pause_s=0.02):
    """Send a byte now and then."""

    def send(connection):
        for n in range(len(text)):
            connection.sendall(text[n : n + 1])
            time.sleep(pause_s)

    return send


def say_nothing(connection):
    """Wait until the client hangs up, and note that it did."""
    connection.settimeout(10)
    connection.recv(1)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SLOW = {
    "headers": drip(HEAD + b"X: " + b"y" * 5000),
    "body": drip(HEAD + b"Content-Length: 5000\r\n\r\n" + b" " * 5000),
    "chunks": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 900),
    "interim answers": drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 200),
    "nothing": say_nothing,
}


@pytest.fixture
def timed():
    """Assert that something takes no longer than it may."""

    def call(most_s, function, *args, **options):
        threads = set(threading.enumerate())
        began = time.monotonic()
        result = function(*args, **options)
        assert time.monotonic() - began < most_s
        left = {t.name for t in set(threading.enumerate()) - threads}
        assert not {name for name in left if name.startswith("fhir")}
        return result

    return call


@pytest.mark.parametrize("how", SLOW)
def test_a_slow_answer_ends_with_the_time_of_one_request(server, search, timed, how):
    """However it goes about it; and the server sees the connection end."""
    found = timed(0.6, search, SLOW[how], read_s=0.3)
    assert found.fault is Fault.TIMEOUT
    assert found.data.availability is Availability.UNAVAILABLE
    assert len(server.received) == 1
    _until(lambda: not server.open)


@pytest.mark.parametrize("how", SLOW)
def test_all_queries_share_one_budget(server, fetch, timed, how):
    """Ten of them, two at a time, each slow: the answer is there in time."""
    server.script["*"] = SLOW[how]
    queries = {f"k{n}": (f"Patient/p{n}", "Patient") for n in range(10)}
    options = {"total_s": 0.5, "read_s": 0.4, "parallel": 2}
    found = timed(0.9, fetch, queries, **options)
    assert {each.fault for each in found.values()} == {Fault.TIMEOUT}
    assert len(server.received) <= 4
    _until(lambda: not server.open)


def test_a_second_fetch_of_a_call_has_what_the_first_left(
    server, open_access, timed, kit
):
    """What to fetch may depend on what was found: the clinician waits once."""
    server.script[kit.read_target] = kit.http(200, kit.patient())
    server.script[kit.search_target] = say_nothing
    server.delay_s = 0.3
    client = open_access(total_s=0.6).client(server.base)
    assert client.fetch(kit.one_patient)["patient"].fault is None
    found = timed(0.5, client.fetch, kit.conditions)["conditions"]
    assert found.fault is Fault.TIMEOUT


def test_pages_share_the_budget_too(server, search, timed, kit):
    """Each is quick enough for itself."""
    server.delay_s = 0.2
    for n in range(9):
        page = kit.bundle(kit.condition(n), next_url=f"Condition?page={n + 1}")
        server.script[f"/fhir/Condition?page={n}"] = kit.http(200, page)
    page = kit.bundle(next_url="Condition?page=0")
    found = timed(0.9, search, kit.http(200, page), total_s=0.5)
    assert found.fault is Fault.TIMEOUT


def test_a_query_that_is_quick_does_not_suffer_from_a_slow_one(
    server, fetch, timed, kit
):
    """What is there is given."""
    server.script[kit.read_target] = kit.http(200, kit.patient())
    server.script[kit.search_target] = say_nothing
    queries = {**kit.one_patient, **kit.conditions}
    found = timed(0.7, fetch, queries, total_s=0.4)
    assert [each.fault for each in found.values()] == [None, Fault.TIMEOUT]


def test_a_server_that_does_not_accept_is_given_up(open_access, timed, kit):
    """Its queue is full: no connection in the time for one."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        with socket.create_connection(address), _filled(address):
            access = open_access(total_s=1.0, connect_s=0.3)
            client = access.client(f"http://127.0.0.1:{address[1]}")
            found = timed(0.7, client.fetch, kit.one_patient)["patient"]
    assert found.fault is Fault.TIMEOUT


@contextmanager
def _filled(address):
    """Connections that fill a queue of no length."""
    with ExitStack() as stack:
        for _ in range(3):
            each = stack.enter_context(socket.socket())
            each.settimeout(0)
            each.connect_ex(address)
        yield


def test_a_tls_handshake_that_drips_is_given_up(server, timed, kit, open_access):
    """It is a part of connecting."""
    client = open_access(connect_s=0.3).client(
        f"https://127.0.0.1:{server.port}/fhir", (), Bearer("t")
    )
    server.greet = drip(b"\x16\x03\x03\x40\x00" + bytes(5000))
    found = timed(0.7, client.fetch, kit.one_patient)["patient"]
    assert found.fault is Fault.TIMEOUT


def test_a_hanging_resolver_does_not_hold_the_answer(server, open_access, timed, kit):
    """And when it does answer, nothing is sent: the call is over."""
    may_answer = threading.Event()
    asked = []

    def look_up(host, port):
        asked.append((host, port))
        may_answer.wait(10)
        return ["127.0.0.1"]

    access = open_access(look_up=look_up, connect_s=0.2)
    client = access.client(server.base, bearer=Bearer(kit.canary))
    found = timed(0.6, client.fetch, FIVE)
    assert {each.fault for each in found.values()} == {Fault.TIMEOUT}
    timed(0.6, client.fetch, FIVE)
    assert asked == [("127.0.0.1", server.port)]
    assert [t.name for t in threading.enumerate()].count("dns") == 1
    may_answer.set()
    _until(lambda: "dns" not in [t.name for t in threading.enumerate()])
    assert server.connections == 0


def test_nothing_runs_and_nothing_is_open_after_a_failed_fetch(server, fetch, timed):
    """The client revokes the token once it has our answer."""
    server.script["*"] = say_nothing
    timed(0.7, fetch, FIVE, total_s=0.3)
    _until(lambda: not server.open)
    count = len(server.received)
    time.sleep(0.3)
    assert len(server.received) == count == 5


@pytest.mark.conformance("FA-6")
def test_nothing_runs_after_a_fetch_that_went_well(server, fetch, timed, kit):
    """Connections are kept, and silent."""
    server.script["*"] = kit.http(200, kit.bundle())
    found = timed(1.0, fetch, FIVE)
    assert not any(each.fault for each in found.values())
    time.sleep(0.2)
    assert len(server.received) == 5


def test_a_defect_of_our_own_leaves_no_thread_behind(
    server, fetch, timed, kit, monkeypatch
):
    """And it is a fault of each query that met it."""

    def defect(*_):
        raise ZeroDivisionError

    server.script["*"] = kit.http(200, kit.bundle())
    monkeypatch.setattr("service.fhir.client.paging.Pages.add", defect)
    found = timed(1.0, fetch, FIVE)
    assert {each.fault for each in found.values()} == {Fault.NOT_FHIR}


@pytest.mark.parametrize("most", [0, 2])
def test_without_threads_to_ask_from_there_is_a_fault_and_no_exception(
    server, fetch, timed, kit, monkeypatch, most
):
    """Those that did start have ended, and the next call is as good as any."""
    start, started = threading.Thread.start, []

    def start_some(thread):
        if thread.name.startswith("fhir"):
            started.append(thread)
            if len(started) > most:
                raise RuntimeError("can't start new thread")
        start(thread)

    server.script["*"] = kit.http(200, kit.bundle())
    server.delay_s = 0.1
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", start_some)
        found = timed(1.0, fetch, FIVE)
    assert {each.fault for each in found.values()} == {Fault.UNREACHABLE}
    assert {each.fault for each in fetch(FIVE).values()} == {None}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("is_date", [True, False])
def test_a_pause_that_fits_the_budget_is_kept(
    server, open_access, kit, status, is_date
):
    """`Retry-After` in seconds or as a date, and a little more so that not all come."""
    now = datetime(2024, 5, 2, 10, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=1), usegmt=True)
    busy = kit.http(status, b"", "", f"Retry-After: {later if is_date else 1}")
    server.script[kit.read_target] = [busy, kit.http(200, kit.patient())]
    pauses = []
    waiting = kit.waiting(now=lambda: now, pause=pauses.append, chance=lambda: 0.5)
    client = open_access(waiting=waiting).client(server.base)
    assert client.fetch(kit.one_patient)["patient"].fault is None
    assert pauses == pytest.approx([1.05])


@pytest.mark.parametrize(
    "retry_after", ["60", "Fri, 31 Dec 2100 23:59:59 GMT", "Fri, 31 Dec 2100 23:59:59"]
)
@pytest.mark.parametrize(
    ("status", "fault"), [(429, "too-many-requests"), (503, "server-error")]
)
def test_a_pause_that_does_not_fit_is_not_begun(
    server, read, timed, kit, retry_after, status, fault
):
    """The answer cannot wait for it."""
    busy = kit.http(status, b"", "", f"Retry-After: {retry_after}")
    assert timed(0.3, read, busy).fault == fault
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "retry_after",
    [
        "soon",
        "-1",
        "1e3",
        "9" * 400,
        "",
        "Mon, 01 Jan 99999999999 00:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +99999999999999",
        "Mon, 01 Jan 0001 00:00:00 +9999",
        "Mon, 99 Jan 2024 99:99:99 GMT",
    ],
)
def test_a_pause_that_nobody_can_read_is_none(server, read, kit, retry_after):
    """429 is then left at that."""
    busy = kit.http(429, b"", "", f"Retry-After: {retry_after}")
    assert read(busy).fault is Fault.TOO_MANY_REQUESTS
    assert len(server.received) == 1


def test_a_date_in_the_past_is_no_pause(server, read, kit):
    """The server's clock may be slow."""
    busy = kit.http(429, b"", "", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT")
    assert read(busy, kit.http(200, kit.patient())).fault is None


def test_pauses_differ_and_grow(server, open_access, kit):
    """All calls that failed together would otherwise come back together."""
    pauses = []
    server.script["*"] = kit.http(503)
    access = open_access(waiting=kit.waiting(pause=pauses.append), total_s=10.0)
    for _ in range(3):
        access.client(server.base).fetch(kit.one_patient)
    assert len(set(pauses)) == 6
    assert all(0.1 <= pause <= 0.2 for pause in pauses[::2])
    assert all(0.2 <= pause <= 0.3 for pause in pauses[1::2])


def test_no_retry_begins_after_the_budget(server, open_access, kit):
    """Half a second is enough for two attempts, not for three."""
    client = open_access(waiting=kit.waiting(chance=lambda: 1.0), total_s=0.4).client(
        server.base
    )
    server.script["*"] = kit.http(503)
    assert client.fetch(kit.one_patient)["patient"].fault is Fault.SERVER_ERROR
    assert len(server.received) == 2


@pytest.mark.parametrize("expires_in", [0, -5, 29])
def test_an_expired_token_is_not_used(server, open_access, kit, expires_in):
    """Its life is counted from when it was received."""
    waiting = kit.waiting(clock=lambda: 1029.0)
    bearer = Bearer("t", expires_in, received_s=1000.0)
    client = open_access(waiting=waiting).client(server.base, bearer=bearer)
    found = client.fetch({**kit.one_patient, **kit.conditions})
    assert {each.fault for each in found.values()} == {Fault.TOKEN_EXPIRED}
    assert server.connections == 0


def test_a_token_that_expires_between_two_pages_is_not_used_any_more(
    server, open_access, kit
):
    """Page one is then no result."""
    bearer = Bearer("t", 0.3, received_s=time.monotonic())
    server.delay_s = 0.4
    server.script["*"] = kit.http(200, kit.bundle(kit.condition(1), next_url="?page=2"))
    client = open_access().client(server.base, bearer=bearer)
    found = client.fetch(kit.conditions)["conditions"]
    assert found.fault is Fault.TOKEN_EXPIRED
    assert found.data.resources == ()
    assert len(server.received) == 1


@pytest.mark.parametrize("token", ["", "two words", "a\r\nX: y", "tök", "x" * 20_000])
def test_a_token_that_could_end_a_header_is_not_sent(server, fetch, kit, token):
    """It comes from a request."""
    assert fetch(kit.one_patient, token=token)["patient"].fault is Fault.TOKEN_UNUSABLE
    assert server.connections == 0


@pytest.fixture
def tired(server, open_access, kit):
    """A server that has failed ten times, and the clock of the breaker."""
    shift = [0.0]
    waiting = kit.waiting(
        clock=lambda: time.monotonic() + shift[0], pause=lambda _: None
    )
    access = open_access(waiting=waiting)

    def fetch(queries):
        return access.client(server.base).fetch(queries)

    server.script["*"] = kit.http(500)
    for _ in range(2):
        found = fetch(FIVE)
        assert {each.fault for each in found.values()} == {Fault.SERVER_ERROR}
    server.received.clear()
    return fetch, shift


def test_a_server_that_keeps_failing_is_not_asked(server, tired):
    """The answer is there at once."""
    fetch, _ = tired
    found = fetch(FIVE)
    assert {each.fault for each in found.values()} == {Fault.CIRCUIT_OPEN}
    assert server.received == []


def test_after_a_rest_one_query_tries_and_the_others_follow(server, tired, kit):
    """A server that works again costs no call its data."""
    fetch, shift = tired
    shift[0] = 10.1
    server.script["*"] = kit.http(200, kit.bundle())
    found = fetch(FIVE)
    assert {each.fault for each in found.values()} == {None}
    assert len(server.received) == 5
    shift[0] = 20.3
    assert fetch(kit.conditions)["conditions"].fault is None


def test_a_single_query_may_be_the_one_that_tries(server, tired, kit):
    """Nothing follows it."""
    fetch, shift = tired
    shift[0] = 10.1
    server.script["*"] = kit.http(200, kit.bundle())
    assert fetch(kit.conditions)["conditions"].fault is None


def test_after_a_rest_a_server_that_still_fails_is_asked_once(server, tired):
    """With its retries; the others of the call are not sent."""
    fetch, shift = tired
    shift[0] = 10.1
    found = fetch(FIVE)
    faults = [each.fault for each in found.values()]
    assert faults == [Fault.SERVER_ERROR] + [Fault.CIRCUIT_OPEN] * 4
    assert len(server.received) == 3


def test_a_defect_while_trying_leaves_the_breaker_usable(server, tired, monkeypatch):
    """Otherwise nobody would ever try again."""
    fetch, shift = tired
    shift[0] = 10.1

    def defect(*_):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr("service.fhir.client.paging.Pages.__init__", defect)
        with pytest.raises(ZeroDivisionError):
            fetch(FIVE)
    shift[0] = 20.3
    assert Fault.SERVER_ERROR in {each.fault for each in fetch(FIVE).values()}


def test_refusals_do_not_open_the_breaker(server, open_access, kit):
    """A server that answers 401, 404 or 429 works; the next call has another token."""
    access = open_access()
    for status in (401, 403, 404, 410, 429, 400):
        server.script["*"] = kit.http(status)
        for _ in range(3):
            client = access.client(server.base)
            faults = {each.fault for each in client.fetch(FIVE).values()}
            assert Fault.CIRCUIT_OPEN not in faults


def test_a_server_that_hangs_for_most_queries_is_not_asked_any_more(
    server, open_access, kit
):
    """One of five still works: three calls wait, the fourth does not."""
    access = open_access(total_s=0.1)
    server.script["/fhir/Condition?patient=p0"] = kit.http(200, kit.bundle())
    server.script["*"] = say_nothing
    for _ in range(3):
        found = access.client(server.base).fetch(FIVE)
        assert [each.fault for each in found.values()] == [None] + [Fault.TIMEOUT] * 4
    found = access.client(server.base).fetch(FIVE)
    assert {each.fault for each in found.values()} == {Fault.CIRCUIT_OPEN}


def test_another_path_of_the_same_server_is_no_other_server(server, open_access, kit):
    """In open mode callers name the base: a new one would be a new start each time."""
    access = open_access(waiting=kit.waiting(pause=lambda _: None))
    server.script["*"] = kit.http(500)
    for n in range(10):
        found = access.client(f"{server.base}/{n}").fetch(kit.one_patient)
        assert found["patient"].fault is Fault.SERVER_ERROR
    for base in (f"{server.base}/10", server.base, server.base.removesuffix("/fhir")):
        found = access.client(base).fetch(kit.one_patient)
        assert found["patient"].fault is Fault.CIRCUIT_OPEN


def test_failures_of_a_server_that_is_not_used_any_more_are_forgotten(
    server, open_access, kit
):
    """Its host and port may be anybody's by then, and memory has an end."""
    access = open_access(waiting=kit.waiting(pause=lambda _: None))
    server.script["*"] = kit.http(500)
    for _ in range(2):
        access.client(server.base).fetch(FIVE)
    for port in range(1, 65):
        assert access.client(server.base).fetch(FIVE)["k0"].fault is Fault.CIRCUIT_OPEN
        access.client(f"http://127.0.0.2:{port}")
    for port in range(1, 65):
        access.client(f"http://127.0.0.2:{port}")
    assert access.client(server.base).fetch(FIVE)["k0"].fault is Fault.SERVER_ERROR


def test_each_server_has_its_own_breaker(tired, open_access, server, kit):
    """One that fails does not stand for another."""
    with kit.serving() as other:
        other.script["*"] = kit.http(200, kit.bundle())
        access = open_access()
        server.script["*"] = say_nothing
        for _ in range(2):
            open_access(total_s=0.1).client(server.base).fetch(FIVE)
        assert access.client(other.base).fetch(FIVE)["k0"].fault is None


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_child_process_does_not_use_its_parents_connections(server, fetch, kit):
    """Both would read from one stream: one patient's data in the other's answer."""
    server.script["*"] = kit.http(200, kit.patient())
    fetch(kit.one_patient)
    child = os.fork()
    if child == 0:  # pragma: no cover - measured in the parent
        try:
            os._exit(int(fetch(kit.one_patient)["patient"].fault is not None))
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert fetch(kit.one_patient)["patient"].fault is None
    assert [each.connection for each in server.received] == [1, 2, 1]


def test_connections_of_another_process_are_let_go(server, fetch, kit, monkeypatch):
    """The same as the child sees it."""
    server.script["*"] = kit.http(200, kit.patient())
    fetch(kit.one_patient)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    for _ in range(2):
        assert fetch(kit.one_patient)["patient"].fault is None
    assert [each.connection for each in server.received] == [1, 2, 2]


def _until(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
