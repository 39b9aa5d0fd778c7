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

from service.store.carrier_lock import CarrierLock
from service.store.segments import spooled_bytes

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
        self.folder = folder
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
        self.url = line.split()[-1].removesuffix("/try")
        for _ in range(3):
            self.process.stdout.readline()

    def children(self):
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in children.split()]

    def workers(self):
        return [child for child in self.children() if child != self.carrier()]

    def carrier(self):
        """The process that carries decisions now."""
        return carrier_of(self.folder)

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


def carrier_of(folder):
    """The process that said last that it carries decisions."""
    lock = CarrierLock(folder / "spool")
    try:
        state = lock.state()
        return None if state is None else state.pid
    finally:
        lock.close()


def open_files(pid):
    """What a process holds open: names of files, `socket:[…]` and the like."""
    return {each.readlink().name for each in Path(f"/proc/{pid}/fd").iterdir()}


def is_alive(pid):
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


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


def settled(folder):
    return lambda: spooled_bytes(folder / "spool") == 0


def files(folder):
    return list((folder / "spool").glob("*.spool"))


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
        os.kill(server.workers()[-1], signal.SIGKILL)
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
    assert files(folder) == []


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
    sent = bodies(example_request)
    assert server.call(sent[0])
    until(lambda: len(rows(folder)) == 1)
    (worker,) = server.workers()
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


def test_calls_are_answered_by_processes_that_do_nothing_for_the_database(
    folder, example_request
):
    """And the one that carries decisions takes no connection."""
    server = Server(folder)
    assert all(server.call(body) for body in bodies(example_request)[:10])
    until(lambda: len(rows(folder)) == 10)
    carrier, workers = server.carrier(), server.workers()
    assert carrier in server.children()
    assert len(workers) == 2
    assert not any(name.startswith("socket:") for name in open_files(carrier))
    for worker in workers:
        assert not any("scnen.sqlite3" in name for name in open_files(worker))
    server.end(signal.SIGTERM)
    assert not is_alive(carrier)


def test_a_worker_carries_on_when_the_carrier_is_killed(folder, example_request):
    """No call waits for it, and each has one row; a reload brings a process back."""
    server = Server(folder)
    sent = bodies(example_request)
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(server.call, sent)
        until(lambda: server.carrier() in server.children())
        lost = server.carrier()
        os.kill(lost, signal.SIGKILL)
        assert all(answers)
    until(lambda: server.carrier() != lost)
    assert any(name.startswith("socket:") for name in open_files(server.carrier()))
    until(lambda: len(rows(folder)) == CALLS)
    before = server.children()
    os.kill(server.process.pid, signal.SIGHUP)
    until(lambda: server.carrier() not in before)
    more = bodies(example_request, CALLS)
    assert all(server.call(body) for body in more)
    server.end(signal.SIGTERM)
    wanted = sorted(body["hookInstance"] for body in sent + more)
    assert sorted(rows(folder)) == wanted
    assert files(folder) == []


def test_a_server_that_is_told_to_end_has_written_what_it_answered(
    folder, example_request
):
    """Also what came last; afterwards nothing waits."""
    server = Server(folder)
    sent = bodies(example_request)
    assert all(server.call(body) for body in sent)
    os.kill(server.process.pid, signal.SIGTERM)
    server.process.wait(30)
    assert len(rows(folder)) == CALLS
    assert files(folder) == []
    server.process.stdout.close()


def test_the_carrier_ends_when_the_master_was_killed(folder, example_request):
    """With the workers; what it could not carry, the next server does."""
    server = Server(folder)
    first = [body for body in bodies(example_request) if server.call(body)]
    left = server.children()
    os.kill(server.process.pid, signal.SIGKILL)
    again = Server(folder)
    second = [body for body in bodies(example_request, CALLS) if again.call(body)]
    until(lambda: not any(map(is_alive, left)))
    until(lambda: again.carrier() in again.children())
    again.end(signal.SIGTERM)
    server.process.wait(30)
    server.process.stdout.close()
    wanted = sorted(body["hookInstance"] for body in first + second)
    assert len(wanted) == 2 * CALLS
    assert sorted(rows(folder)) == wanted
    assert files(folder) == []


def test_a_reload_under_load_loses_and_doubles_nothing(folder, example_request):
    """Workers and the carrier are replaced while calls come."""
    server = Server(folder)
    sent = bodies(example_request)
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(server.call, sent)
        until(lambda: server.carrier() in server.children())
        before = server.children()
        os.kill(server.process.pid, signal.SIGHUP)
        answered = [
            body["hookInstance"]
            for body, is_answered in zip(sent, answers, strict=True)
            if is_answered
        ]
    until(lambda: not any(map(is_alive, before)))
    until(lambda: server.carrier() in server.children())
    server.end(signal.SIGTERM)
    found = rows(folder)
    assert len(found) == len(set(found))
    assert set(answered) <= set(found)
    assert files(folder) == []


def test_two_servers_on_one_folder_share_a_carrier(folder, example_request):
    """When the first ends, the second's carrier carries on."""
    first, second = Server(folder), Server(folder)
    sent = bodies(example_request)
    assert all(first.call(body) for body in sent[:10])
    assert all(second.call(body) for body in sent[10:20])
    until(lambda: len(rows(folder)) == 20)
    assert second.carrier() in first.children()
    first.end(signal.SIGTERM)
    until(lambda: second.carrier() in second.children())
    assert all(second.call(body) for body in sent[20:30])
    second.end(signal.SIGTERM)
    assert sorted(rows(folder)) == sorted(body["hookInstance"] for body in sent[:30])
