"""Sockets with patience: when waiting ends, and for whom."""

import socket
import threading
import time

import pytest
from werkzeug.exceptions import RequestTimeout

from service import connections
from service.connections import Listener, TimedSocket


@pytest.fixture
def pair(monkeypatch):
    """A connection with little patience, and the client's end of it."""
    monkeypatch.setattr(connections, "PATIENCE_S", 0.3)
    monkeypatch.setattr(connections, "_LINGER_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        ours, address = Listener(listener).accept()
    assert address == client.getsockname()
    assert isinstance(ours, TimedSocket)
    with client, ours:
        yield ours, client


def read_all(ours):
    """Read until the client has closed or time is up."""
    while ours.recv(100):
        pass


@pytest.fixture
def dripping(pair):
    """The client sends a byte every 50 milliseconds."""
    stop = threading.Event()

    def drip():
        while not stop.wait(0.05):
            pair[1].sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    yield pair
    stop.set()
    thread.join()


def test_a_client_that_goes_on_sending_is_ended(dripping):
    """The limit is for all reads together, not for each."""
    ours, _ = dripping
    began = time.monotonic()
    with pytest.raises(RequestTimeout, match="408"):
        read_all(ours)
    assert 0.25 < time.monotonic() - began < 2


def test_a_client_that_was_late_is_not_waited_for_again(pair):
    """Closing such a connection costs no more time."""
    ours, client = pair
    with pytest.raises(RequestTimeout, match="408"):
        ours.recv(1)
    ours.settimeout(5)  # as gunicorn does before it closes
    with pytest.raises(BlockingIOError, match="unavailable"):
        ours.recv(1)
    ours.linger()
    client.sendall(b"y")
    time.sleep(0.05)
    assert ours.recv(1) == b"y"


def test_an_answer_ends_the_clock(pair):
    """The next request on the same connection has all its time."""
    ours, client = pair
    for _ in range(3):
        client.sendall(b"request")
        assert ours.recv(100) == b"request"
        time.sleep(0.2)
        ours.sendall(b"answer")
    assert ours.gettimeout() is None


def test_who_sets_a_limit_keeps_it(pair):
    """Gunicorn drains and closes with limits of its own."""
    ours, _ = pair
    ours.settimeout(0.05)
    with pytest.raises(TimeoutError, match="timed out"):
        ours.recv(1)
    ours.sendall(b"answer")
    assert ours.gettimeout() == 0.05


def test_a_client_that_takes_no_answer_is_ended(pair):
    """A thread would otherwise wait for it for ever."""
    ours, _ = pair
    with pytest.raises(TimeoutError, match="timed out"):
        ours.sendall(b"x" * 50_000_000)


def test_lingering_ends_when_the_client_closes(pair):
    """It has read the answer; nothing is left to wait for."""
    ours, client = pair
    client.sendall(b"rest")
    client.close()
    began = time.monotonic()
    ours.linger()
    assert time.monotonic() - began < 0.25


def test_lingering_has_an_end(dripping):
    """A client that goes on sending does not keep the connection."""
    ours, client = dripping
    began = time.monotonic()
    ours.linger()
    assert 0.25 < time.monotonic() - began < 2
    client.settimeout(1)
    assert client.recv(1) == b""
