"""The demo: every story gets its answer over HTTP, and no server stays behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import date
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from click.testing import CliRunner

from service import local_server as local_server_module
from service.cli import main
from service.fire import open_session
from service.local_server import ServerError, local_server
from service.patients import bundled_patients

pytestmark = pytest.mark.server

COMMAND = [sys.executable, "-m", "service", "demo"]


@pytest.fixture(scope="module")
def answers():
    """What `scnen-cds demo --json` prints, by patient."""
    result = CliRunner().invoke(main, ["demo", "--json"])
    assert result.exit_code == 0, result.output
    return {item["patient"]: item for item in json.loads(result.stdout)}


@pytest.fixture(scope="module")
def text():
    """What a newcomer reads, in 80 columns."""
    result = CliRunner().invoke(main, ["demo", "--width", "80"])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def failing_service(monkeypatch):
    """In place of the service, a server that hosts both hooks and answers 412."""

    def app(environ, start_response):
        is_discovery = environ["REQUEST_METHOD"] == "GET"
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("200 OK" if is_discovery else "412 No", [])
        return [json.dumps(discovery if is_discovery else outcome).encode()]

    issue = {"severity": "error", "code": "incomplete", "diagnostics": "no\x1b data"}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    hooks = ("encounter-discharge", "patient-view")
    discovery = {"services": [{"hook": hook, "id": "a"} for hook in hooks]}

    @contextmanager
    def other_server(**_):
        with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()

    monkeypatch.setattr("service.cli.demo.local_server", other_server)
    return discovery


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, *_):
        pass


def is_running(process_id):
    """Whether a process is there, and more than a zombie nobody has reaped."""
    found = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process_id)],  # noqa: S607 wherever ps is
        capture_output=True,
        text=True,
        check=False,
    )
    return bool(found.stdout.strip()) and not found.stdout.startswith("Z")


def listens(url):
    """Whether somebody takes connections at the URL's port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", urlsplit(url).port)) == 0


def test_json_has_every_patient_answered(answers):
    """Each call ended with 200 and a list of cards, in a measured time."""
    assert list(answers) == [patient.name for patient in bundled_patients()]
    for item in answers.values():
        assert item["status"] == 200
        assert isinstance(item["response"]["cards"], list)
        assert 0 < item["milliseconds"] < 10_000


def test_each_patient_is_fired_as_the_story_says(answers):
    """Hook, encounter, Epic's trigger and the FHIR version reach the service."""
    shown = {
        name[:2]: [card["summary"] for card in item["response"]["cards"]]
        for name, item in answers.items()
    }
    for number, words in {
        "19": "about 40 of 100",
        "20": "about 24 of 100",
        "22": "Consider",
        "23": "Next step",
        "24": "review due",
        "25": "review overdue",
    }.items():
        (summary,) = shown[number]
        assert words in summary
    assert shown["26"] == shown["27"] == []


def test_text_shows_a_warning_a_question_and_a_silence(text):
    """The selection a newcomer sees in full."""
    assert "── 01-high-vertebroplasty ─" in text
    assert "┃ WARNING" in text
    assert "┃ INFO" in text
    assert "does not mean no risk" in text
    assert "[ ] " in text


def test_drafted_orders_show_when_they_are_for(text):
    """The stay is moved to today, so no period has passed."""
    periods = re.findall(r"proposal, (\S+) to (\S+)\)", text.replace("\n┃     ", " "))
    assert len(periods) == 2
    for start, end in periods:
        assert date.today() < date.fromisoformat(start) < date.fromisoformat(end)  # noqa: DTZ011 weeks lie between


def test_text_ends_with_one_line_for_each_patient(text):
    """The overview names all, also those whose card is not shown."""
    table = text.split(f"{len(bundled_patients())} patients")[1]
    for patient in bundled_patients():
        assert sum(line.startswith(patient.name) for line in table.split("\n")) == 1


def test_text_keeps_to_the_width_and_has_no_styles_in_a_pipe(text):
    """Only an address may be longer than the line."""
    assert "\x1b" not in text
    assert all(len(line) <= 80 for line in text.split("\n") if "://" not in line)


def test_call_that_fails_is_shown_and_ends_with_an_error(failing_service):
    """Whatever is not 200 stands in the overview, and the exit code tells."""
    result = CliRunner().invoke(main, ["demo", "--patient", "01", "--patient", "02"])
    assert result.exit_code == 1
    assert result.stdout.count("HTTP 412: no data") == 2
    assert re.search(r"^02-\S+ +HTTP 412 +no data +\d", result.stdout, re.MULTILINE)


def test_one_patient_can_be_chosen_by_number(failing_service):
    """`--patient 07` shows that one in full, no other, and no overview."""
    result = CliRunner().invoke(main, ["demo", "--patient", "07"])
    assert "── 07-two-vertebrae ─" in result.stdout
    assert "01-high-vertebroplasty" not in result.stdout
    assert "Patient  " not in result.stdout


def test_all_patients_can_be_shown_in_full(failing_service):
    """`--all` leaves none out."""
    result = CliRunner().invoke(main, ["demo", "--all"])
    assert result.stdout.count("By the rules") == len(bundled_patients())
    assert "All in full" not in result.stdout


@pytest.mark.parametrize(("no_color", "is_coloured"), [("", True), ("yes", False)])
def test_no_color_is_respected_on_a_terminal(
    failing_service, monkeypatch, no_color, is_coloured
):
    """On a terminal there is colour, unless NO_COLOR holds any text."""
    monkeypatch.setenv("NO_COLOR", no_color)
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        with pytest.raises(SystemExit):
            main(["demo", "--patient", "03"])
    shown = _read_all(ours)
    assert b"03-below-average" in shown
    assert (b"\x1b[1m" in shown) == is_coloured
    assert (b"\x1b" in shown) == is_coloured


def test_service_without_the_hook_is_reported(failing_service):
    """There is nothing to fire at."""
    failing_service["services"].clear()
    result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 1
    assert "no service for the hook encounter-discharge" in result.output


def test_unknown_patient_is_refused_before_anything_starts():
    """The message says which there are."""
    result = CliRunner().invoke(main, ["demo", "--patient", "99"])
    assert result.exit_code == 2
    assert "no patient '99'" in result.output
    assert "01-high-vertebroplasty" in result.output
    assert "Starting" not in result.output


def test_service_that_cannot_start_is_reported_in_one_message(monkeypatch):
    """A wrong setting ends the demo with the service's own words."""
    monkeypatch.setenv("SCNEN_MODEL", "no-such-model")
    result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 1
    assert "the service did not start" in result.output
    assert "SCNEN_MODEL" in result.output
    assert "Traceback" not in result.output


def test_server_is_gone_after_an_error_in_the_block():
    """An exception ends the server too, and goes on."""
    urls = []

    def fail():
        with local_server() as url:
            urls.append(url)
            assert listens(url)
            raise ZeroDivisionError("of ours")

    with pytest.raises(ZeroDivisionError, match="of ours"):
        fail()
    assert not listens(urls[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_leaves_the_block_like_an_exception(number):
    """What stands in `finally` is done: a kill or a closed terminal included."""
    before = signal.getsignal(number)
    leaves = pytest.raises(SystemExit, match=str(128 + number))
    with leaves, local_server_module._signals_raise():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_port_where_nobody_listens_is_not_ready():
    """Waiting goes on while the connection is refused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with open_session(url) as session:
        assert not local_server_module._is_ready(session, url)


def test_server_that_does_not_hear_is_killed_with_its_workers(monkeypatch):
    """A process that ignores SIGTERM, and its child, are gone soon."""
    monkeypatch.setattr(local_server_module, "_STOP_S", 0.1)
    deaf = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", deaf],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    child = int(process.stdout.readline())
    local_server_module._stop(process)
    assert process.returncode == -signal.SIGKILL
    end = time.monotonic() + 5
    while is_running(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_running(child)


def test_server_that_is_too_slow_is_given_up():
    """Waiting has an end, and the process one too."""
    with pytest.raises(ServerError, match="did not start"), local_server(0.01):
        pytest.fail("it cannot be ready so soon")


def test_interrupt_ends_demo_and_server():
    """Ctrl-C in the middle leaves no server on the port."""
    demo = subprocess.Popen(
        COMMAND, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    url = demo.stderr.readline().rsplit(maxsplit=1)[-1]
    assert listens(url)
    demo.send_signal(signal.SIGINT)
    _, said = demo.communicate(timeout=30)
    assert demo.returncode == 1
    assert "Traceback" not in said
    assert not listens(url)


def _read_all(descriptor):
    found = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # Linux: the other end of the terminal was closed
            part = b""
        if not part:
            os.close(descriptor)
            return found
        found += part
