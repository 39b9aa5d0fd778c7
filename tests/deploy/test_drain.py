"""Restarts under load: no call is lost, whichever way the processes are replaced."""

import re
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest
import requests

from service.app import example_request_file

pytestmark = pytest.mark.server


class Load:
    """Clients that call one after the other until they are told to stop."""

    def __init__(self, proxy, clients=4):
        self.answers = Counter()
        self._proxy = proxy
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self):
        body = example_request_file().read_bytes()
        with requests.Session() as session:
            session.verify = self._proxy.authority
            session.trust_env = False  # variables of the machine would come before it
            while not self._stop.is_set():
                result = self._one(session, body)
                with self._lock:
                    self.answers[result] += 1

    def _one(self, session, body):
        try:
            answer = session.post(
                f"{self._proxy.url}/cds-services/scnen-discharge",
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=15,
            )
        except requests.RequestException as error:
            return type(error).__name__
        return f"{answer.status_code}, {answer.content.count(b'indicator')} card"

    def wait_for_answer_of(self, upstream):
        """
        Wait until a call that is made from now on has been answered by way of it.

        nginx leaves an instance alone for `fail_timeout` after a failure, counted in
        whole seconds. Until then the other one is the only one that it asks.
        """
        begun = len(self._proxy.log)
        answered = f'"POST".+"upstream":"{upstream}","upstream_status":"[0-9, ]*200"'
        end = time.monotonic() + 30
        while not re.search(answered, self._proxy.log[begun:]):
            assert time.monotonic() < end
            time.sleep(0.02)

    def wait_for_more(self, calls=20):
        """Wait until so many more calls have been answered."""
        wanted = self.answers.total() + calls
        end = time.monotonic() + 30
        while self.answers.total() < wanted:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_no_call_is_lost_when_instances_restart_one_after_the_other(proxy, instances):
    """Stopped as a container engine stops them, each started again before the next."""
    with Load(proxy) as load:
        for instance in instances:
            load.wait_for_more()
            instance.stop()
            load.wait_for_more()
            instance.start()
            load.wait_for_answer_of(f"127.0.0.1:{instance.port}")
            load.wait_for_more()
    assert list(load.answers) == ["200, 1 card"]


def test_no_call_is_lost_when_an_instance_takes_no_connection(start_proxy, instances):
    """Its host is gone, or its backlog full: a second is lost, no call."""
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(silent.getsockname())
        ports = silent.getsockname()[1], instances[1].port
        proxy = stack.enter_context(start_proxy(*ports))
        with Load(proxy) as load:
            load.wait_for_answer_of(", ".join(f"127.0.0.1:{port}" for port in ports))
    assert list(load.answers) == ["200, 1 card"]


def test_no_call_is_lost_when_the_only_instance_replaces_its_workers(
    start_proxy, instances
):
    """SIGHUP: new worker processes take over, old ones finish what they have."""
    only = instances[0]
    with start_proxy(only.port, only.port) as proxy, Load(proxy) as load:
        for _ in range(3):
            load.wait_for_more()
            only.reload()
        load.wait_for_more(60)
    assert list(load.answers) == ["200, 1 card"]
    assert only.log.read_text().count("Handling signal: hup") == 3
