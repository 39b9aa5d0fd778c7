"""The breaker: when it opens, whom it lets through, when it closes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from service.fhir.client.breaker import Admission, Breaker


@pytest.fixture
def clock():
    """Seconds that pass when a test says so."""
    return [0.0]


@pytest.fixture
def breaker(clock):
    """Three failures among five queries open it for ten seconds."""
    return Breaker(failures=3, window=5, rest_s=10.0, clock=lambda: clock[0])


@pytest.fixture
def broken(breaker):
    """The same, just opened."""
    for _ in range(3):
        breaker.record(is_working=False)
    return breaker


def test_a_success_between_failures_does_not_keep_it_closed(breaker):
    """Of a server that hangs, one part may still answer."""
    for is_working in (False, True, False, True):
        breaker.record(is_working=is_working)
        assert breaker.admit() is Admission.FREE
    breaker.record(is_working=False)
    assert breaker.admit() is Admission.REFUSED


def test_failures_of_long_ago_do_not_count(breaker):
    """Two of the last five are no sign of anything, however often that is so."""
    for is_working in (False, False, True, True, True) * 20:
        breaker.record(is_working=is_working)
        assert breaker.admit() is Admission.FREE


def test_the_rest_lasts_its_time(broken, clock):
    """Nobody asks meanwhile."""
    clock[0] = 9.9
    assert broken.admit() is Admission.REFUSED
    clock[0] = 10.0
    assert broken.admit() is Admission.PROBE


def test_only_one_probes(broken, clock):
    """Of many threads at the same moment one is let through."""
    clock[0] = 10.0
    with ThreadPoolExecutor(8) as executor:
        admitted = list(executor.map(lambda _: broken.admit(), range(200)))
    assert admitted.count(Admission.PROBE) == 1
    assert admitted.count(Admission.REFUSED) == 199


def test_a_probe_that_succeeds_closes_it(broken, clock):
    """And the count starts at nothing."""
    clock[0] = 10.0
    broken.admit()
    broken.record_probe(is_working=True)
    broken.record(is_working=False)
    assert broken.admit() is Admission.FREE


def test_a_probe_that_fails_begins_the_rest_anew(broken, clock):
    """Then there is another probe."""
    clock[0] = 10.0
    broken.admit()
    broken.record_probe(is_working=False)
    clock[0] = 19.9
    assert broken.admit() is Admission.REFUSED
    clock[0] = 20.0
    assert broken.admit() is Admission.PROBE


def test_what_began_before_it_opened_does_not_count(broken, clock):
    """A late success does not close it, a late failure does not lengthen the rest."""
    clock[0] = 5.0
    broken.record(is_working=True)
    broken.record(is_working=False)
    assert broken.admit() is Admission.REFUSED
    clock[0] = 10.0
    assert broken.admit() is Admission.PROBE


def test_threads_do_not_lose_a_failure():
    """A count that is off would open it too late."""
    breaker = Breaker(failures=1000, window=1000)
    with ThreadPoolExecutor(8) as executor:
        list(executor.map(lambda _: breaker.record(is_working=False), range(999)))
    assert breaker.admit() is Admission.FREE
    breaker.record(is_working=False)
    assert breaker.admit() is Admission.REFUSED
