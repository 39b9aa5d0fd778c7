"""A real server and its store: whoever is killed, the counts add up."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import requests

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc, as on Linux"),
]
CALLS = 120


def until(is_so, deadline_s=60):
    """Wait for another process; the limit only ends a test that fails."""
    end = time.monotonic() + deadline_s
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


class Server:
    """A server in a process group of its own, with a data folder."""

    def __init__(self, folder, *options):
        command = [sys.executable, "-m", "service", "serve", "--open", "--port", "0"]
        environment = {k: v for k, v in os.environ.items() if k[:6] != "SCNEN_"}
        self.process = subprocess.Popen(
            [*command, *options],
            env={**environment, "SCNEN_DATA_DIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        line = self.process.stdout.readline()
        self.url = line.split()[-1].removesuffix("/cds-services")
        for _ in range(2):
            self.process.stdout.readline()

    def workers(self):
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in children.split()]

    def call(self, body):
        """Whether a call was answered with 200."""
        url = f"{self.url}/cds-services/scnen-discharge"
        try:
            return requests.post(url, json=body, timeout=20).ok
        except requests.RequestException:
            return False

    def end(self, number):
        os.killpg(self.process.pid, number)
        self.process.wait(30)
        self.process.stdout.close()


def rows(folder):
    """The hook instances of all decisions, one for each row."""
    path = folder / "scnen.sqlite3"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        try:
            found = connection.execute("SELECT hook_instance FROM decisions")
            return [row[0] for row in found]
        except sqlite3.OperationalError:
            return []


def bodies(request, start=0):
    """Calls that can be told apart."""
    return [
        {**request, "hookInstance": f"00000000-0000-4000-8000-{number:012d}"}
        for number in range(start, start + CALLS)
    ]


def spooled(folder):
    return sum(path.stat().st_size for path in (folder / "spool").glob("*.spool"))


def settled(folder):
    return lambda: spooled(folder) == 0


@pytest.fixture
def folder(tmp_path):
    """The data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_decisions_are_the_calls_answered_although_workers_are_killed(
    folder, example_request
):
    """Each answered call has one row; a call that was cut off has one or none."""
    server = Server(folder)
    sent = bodies(example_request)
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(server.call, sent)
        time.sleep(0.3)
        os.kill(server.workers()[0], signal.SIGKILL)
        answered = [
            body["hookInstance"]
            for body, is_answered in zip(sent, answers, strict=True)
            if is_answered
        ]
    until(settled(folder))
    server.end(signal.SIGTERM)
    found = rows(folder)
    assert len(answered) > CALLS // 2
    assert len(found) == len(set(found))
    assert set(answered) <= set(found)
    assert list((folder / "spool").glob("*.spool")) == []


def test_a_power_cut_of_the_whole_group_loses_nothing_that_was_answered(
    folder, example_request
):
    """Master and workers die at once; the next server carries on what they left."""
    server = Server(folder)
    first = [body for body in bodies(example_request) if server.call(body)]
    server.end(signal.SIGKILL)
    again = Server(folder)
    second = [body for body in bodies(example_request, CALLS) if again.call(body)]
    until(settled(folder))
    again.end(signal.SIGTERM)
    wanted = sorted(body["hookInstance"] for body in first + second)
    assert len(wanted) == 2 * CALLS
    assert sorted(rows(folder)) == wanted


def test_a_full_disk_takes_no_card_away(folder, example_request):
    """Files may not grow: cards are given, and decisions and gaps are all the calls."""
    server = Server(folder, "--workers", "1")
    until(server.workers)
    worker = server.workers()[0]
    sent = bodies(example_request)
    assert server.call(sent[0])
    until(lambda: len(rows(folder)) == 1)
    free = resource.prlimit(worker, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    assert all(server.call(body) for body in sent[1:21])
    report = requests.get(f"{server.url}/healthz/ready", timeout=10).json()
    assert report["parts"]["store"]["lost_decisions"] == 20
    resource.prlimit(worker, resource.RLIMIT_FSIZE, free)
    assert server.call(sent[21])
    until(lambda: len(rows(folder)) == 2)
    server.end(signal.SIGTERM)
    with closing(sqlite3.connect(folder / "scnen.sqlite3")) as connection:
        assert connection.execute("SELECT decisions FROM gaps").fetchall() == [(20,)]
