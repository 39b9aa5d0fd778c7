"""All answers to one call share one room, and are read one at a time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from service.fhir.client import Fault, bodies
from service.fhir.client.deadline import Deadline
from service.fhir.client.faults import FHIRError
from service.fhir.client.room import Room

FIVE = {f"k{n}": (f"Condition?patient=p{n}", "Condition") for n in range(5)}


@pytest.fixture
def heavy(server, kit):
    """Every search finds one condition of a little over 3000 bytes."""
    note = [{"text": "x" * 3000}]
    server.script["*"] = kit.http(200, kit.bundle({**kit.condition(1), "note": note}))
    return server


def faults_of(client):
    return [each.fault for each in client.fetch(FIVE).values()]


def test_parallel_queries_share_the_bytes(heavy, open_access):
    """Not five times the limit: what does not fit is refused, what fits is whole."""
    faults = faults_of(open_access(body_bytes=8000).client(heavy.base))
    assert set(faults) <= {None, Fault.TOO_LARGE}
    assert faults.count(None) <= 2


def test_a_second_fetch_of_a_call_has_the_bytes_that_the_first_left(heavy, open_access):
    """Another call has all of them again."""
    access = open_access(body_bytes=8000, parallel=1)
    client = access.client(heavy.base)
    assert faults_of(client) == [None, None] + [Fault.TOO_LARGE] * 3
    assert faults_of(client) == [Fault.TOO_LARGE] * 5
    assert faults_of(access.client(heavy.base)).count(None) == 2


def test_answers_are_read_one_at_a_time(heavy, open_access, monkeypatch):
    """JSON takes much more room while it is read than it has bytes."""
    reading, most = [], []

    def load_json(*arguments):
        reading.append(None)
        most.append(len(reading))
        time.sleep(0.02)
        reading.pop()
        return bodies.load_json(*arguments)

    monkeypatch.setattr("service.fhir.client.asking.load_json", load_json)
    assert set(faults_of(open_access().client(heavy.base))) == {None}
    assert most == [1] * 5


@pytest.mark.parametrize(
    "place",
    [
        "service.fhir.client.asking.load_json",
        "service.fhir.client.fetching.Pages.data",
        "service.fhir.client.fetching.read_resource",
    ],
)
def test_what_is_read_too_late_is_no_result(
    server, open_access, kit, monkeypatch, place
):
    """It arrived in time, and the budget ended while it was read."""
    now = [0.0]
    waiting = kit.waiting(clock=lambda: now[0])
    server.script[kit.read_target] = kit.http(200, kit.patient())
    server.script[kit.search_target] = kit.http(200, kit.bundle())
    queries = kit.one_patient if "read" in place else kit.conditions
    client = open_access(waiting=waiting).client(server.base)
    assert not any(each.fault for each in client.fetch(queries).values())

    def slow(*_):
        now[0] += 2.0
        return kit.bundle()

    monkeypatch.setattr(place, slow)
    client = open_access(waiting=waiting).client(server.base)
    (found,) = client.fetch(queries).values()
    assert found.fault is Fault.TIMEOUT
    assert found.data.resources == ()


def test_whose_turn_does_not_come_in_time_is_late():
    """Somebody else reads all the while."""
    room, may_end = Room(1), threading.Event()

    def read():
        with room.turn(Deadline(5.0)):
            may_end.wait(5)

    def wait():
        with pytest.raises(FHIRError, match="timeout"), room.turn(Deadline(0.1)):
            pytest.fail("was let in")

    with ThreadPoolExecutor(2) as executor:
        first = executor.submit(read)
        while not room._reading.locked():
            time.sleep(0.01)
        executor.submit(wait).result()
        may_end.set()
        first.result()
    with room.turn(Deadline(1.0)):
        assert room.left == 1


def test_nobody_begins_to_read_when_the_time_is_over():
    """Whether or not somebody else reads."""
    room, now = Room(1), [0.0]
    deadline = Deadline(1.0, lambda: now[0])
    now[0] = 1.0
    with pytest.raises(FHIRError, match="timeout"), room.turn(deadline):
        pytest.fail("was let in")


def test_threads_take_no_byte_twice():
    """A room that is off would let more in than fits."""
    room, taken = Room(1000), []

    def take(_):
        with suppress(FHIRError):
            room.take(1)
            taken.append(1)

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(take, range(3000)))
    assert (len(taken), room.left) == (1000, 0)
