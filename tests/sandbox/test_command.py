"""`scnen-cds sandbox`, its script and its packages: start, stop, what is refused."""

import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from service import sandbox as sandbox_module
from service.cli import main
from service.local_server import ServerError
from service.patients import bundled_patients
from service.sandbox import fhir_server

pytestmark = pytest.mark.tool

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "sandbox/fhir_server.cjs")
LOCK = json.loads((ROOT / "sandbox/package-lock.json").read_text("utf-8"))
PACKAGES = {name: each for name, each in LOCK["packages"].items() if name}
NAME = "token"
command_module = import_module("service.cli.sandbox")
PATIENT = ROOT / "service/data/patients/01-high-vertebroplasty.json"


def listens(url):
    """Whether somebody takes connections at the URL's port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", urlsplit(url).port)) == 0


@pytest.fixture(scope="module")
def running(node, tmp_path_factory):
    """The command while it runs, and what it left when Ctrl-C had ended it."""
    log = tmp_path_factory.mktemp("sandbox") / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "sandbox"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("Stop"):
                break
        text = "\n".join(lines)
        assert text, log.read_text("utf-8")
        named = dict(re.findall(r"^(\w[\w ]*?) {2,}(\S.*)$", text, re.MULTILINE))
        yield SimpleNamespace(text=text, named=named, process=process, log=log)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def pasted(command):
    """What a command gives that somebody pastes into a shell."""
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    result = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, check=True, timeout=30
    )
    return json.loads(result.stdout)


def test_the_command_names_every_patient_and_encounter(running):
    """Whoever plays the EHR needs the ids."""
    for patient in bundled_patients():
        ids = {
            entry["resource"]["resourceType"]: entry["resource"]["id"]
            for entry in patient.bundle["entry"]
        }
        words = ids["Patient"], ids["Encounter"], patient.title
        row = rf"^{' +'.join(map(re.escape, words))}$"
        is_there = re.search(row, running.text, re.MULTILINE) is not None
        assert is_there == (patient.fhir_version == "R4"), patient.name


def test_the_printed_lines_work(running):
    """A patient and a search with the token, a card from the service, discovery."""
    assert pasted(running.named["A patient"])["id"] == "syn-01"
    found = pasted(running.named["Operations"])
    assert {e["resource"]["resourceType"] for e in found["entry"]} == {"Procedure"}
    (card,) = pasted(running.named["A card"])["cards"]
    assert card["indicator"] == "warning"
    services = pasted(f"curl -s {running.named['Discovery']}")["services"]
    assert {each["hook"] for each in services} == {
        "encounter-discharge",
        "patient-view",
    }


def test_the_rehearsal_gets_its_card_from_fetched_data(running):
    """The service asks the FHIR server with the token that the line brings."""
    result = subprocess.run(
        ["/bin/sh", "-c", running.named["As an EHR"]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert re.search(r"prefetch\s+none", result.stdout)
    assert "WARNING" in result.stdout


def test_without_the_token_the_patient_is_not_told(running):
    """The line works because of the token in it."""
    command = shlex.split(running.named["A patient"])
    assert command[2:4] == ["-H", f"Authorization: Bearer {running.named['Token']}"]
    answer = pasted(shlex.join([*command[:2], *command[4:]]))
    assert answer["resourceType"] == "OperationOutcome"


def test_requests_are_shown_without_ids_queries_or_the_token(running):
    """What was asked for, not of whom."""
    pasted(running.named["Operations"])
    pasted(running.named["A patient"])
    log = running.log.read_text("utf-8")
    assert "FHIR GET /Procedure 200" in log
    assert "FHIR GET /Patient/… 200" in log
    assert "syn-01" not in log
    assert running.named["Token"] not in log


def test_the_token_is_not_in_the_list_of_processes(running):
    """Other users of the machine can read that list."""
    found = subprocess.run(
        ["ps", "-A", "-o", "args="],  # noqa: S607 wherever ps is
        capture_output=True,
        text=True,
        check=True,
    )
    assert SCRIPT in found.stdout
    assert running.named["Token"] not in found.stdout


def test_ctrl_c_stops_both_and_leaves_no_file(running):
    """The last test of this one: it ends what the others use."""
    request = Path(re.search(r"--data @(\S+)", running.named["A card"])[1])
    urls = [running.named["FHIR server"], running.named["Discovery"]]
    assert request.exists()
    assert all(map(listens, urls))
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(20) == 0
    assert not any(map(listens, urls))
    assert not request.exists()
    assert "Traceback" not in running.log.read_text("utf-8")


def test_the_command_ends_well_when_it_is_interrupted(node, monkeypatch):
    """Ctrl-C is how it is stopped, so it is no failure."""

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command_module, "time", SimpleNamespace(sleep=interrupt))
    result = CliRunner().invoke(main, ["sandbox", "--page-size", "2"])
    assert result.exit_code == 0, result.output
    assert "\nStop         Ctrl-C\n" in result.output
    assert result.output.endswith("Both are stopped.\n")
    (url,) = re.findall(r"^FHIR server +(\S+)$", result.output, re.MULTILINE)
    assert not listens(url)


def test_an_error_in_the_block_stops_the_server(node):
    """No server is left on the port, and the error goes on."""
    urls = []

    def fail():
        with fhir_server([], token=NAME) as url:
            urls.append(url)
            assert listens(url)
            raise ZeroDivisionError("of ours")

    with pytest.raises(ZeroDivisionError, match="of ours"):
        fail()
    assert not listens(urls[0])


def test_bundle_that_cannot_be_loaded_is_named(node, capfd):
    """The server does not start with half of the patients."""
    broken = {"resourceType": "Observation", "id": "o"}
    request = {"method": "PUT", "url": "Observation/o"}
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": broken, "request": request}],
    }
    loads = fhir_server([bundled_patients()[0].bundle, bundle], token=NAME)
    with pytest.raises(ServerError, match="the FHIR server did not start"), loads:
        pytest.fail("it must not start")
    assert re.search(r"002\.json: cannot be loaded: .*status", capfd.readouterr().err)


def test_missing_node_is_said_with_the_remedy(monkeypatch):
    """One message, no traceback."""
    monkeypatch.setattr(sandbox_module.shutil, "which", lambda _: None)
    result = CliRunner().invoke(main, ["sandbox"])
    assert result.exit_code == 1
    assert "needs Node.js 20 or newer and npm" in result.output
    assert "apt-get install nodejs npm" in result.output


def test_missing_packages_are_said_with_the_remedy(monkeypatch, tmp_path):
    """`make sandbox` installs them."""
    monkeypatch.setattr(sandbox_module, "_FOLDER", tmp_path)
    monkeypatch.setattr(sandbox_module.shutil, "which", lambda _: "/usr/bin/node")
    result = CliRunner().invoke(main, ["sandbox"])
    assert result.exit_code == 1
    assert "`make sandbox` installs them" in result.output


def test_without_the_source_code_there_is_no_sandbox(monkeypatch, tmp_path):
    """The package and the image do not hold it."""
    monkeypatch.setattr(sandbox_module, "_FOLDER", tmp_path / "none")
    result = CliRunner().invoke(main, ["sandbox"])
    assert result.exit_code == 1
    assert "comes with the source code" in result.output


def test_make_names_the_remedy_for_missing_node(tmp_path):
    """Before anything is installed."""
    for tool in ("sh", "echo", "awk", "touch"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    result = subprocess.run(
        [
            shutil.which("make"),
            "--always-make",
            "VENV=" + str(tmp_path),
            "sandbox/node_modules/installed.stamp",
        ],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "needs Node.js 20 or newer: node is missing" in result.stderr


def start(node, *arguments):
    """Run the script by itself until it ends, with an error."""
    result = subprocess.run(
        [node, SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert result.returncode == 1
    return result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "99999"], "--port: give a whole number up to 65535"),
        (["--page-size", "few"], "--page-size: give a whole number"),
        (["--page-size", "0"], "--page-size: give at least 1"),
        (["--colour"], "Unknown option '--colour'"),
        (["no-such-file.json"], "no-such-file.json: cannot be loaded"),
        (["sandbox/package.json"], "it is not a transaction Bundle"),
    ],
)
def test_script_refuses_what_it_cannot_do(node, arguments, said):
    """In one line that names the option or file."""
    error = start(node, *arguments)
    assert said in error
    assert len(error.splitlines()) == 1


def test_script_does_not_say_that_it_serves_on_a_port_in_use(node):
    """Otherwise an older server would answer in its place."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        assert f"port {port}: EADDRINUSE" in start(node, "--port", port)


def test_script_by_itself_serves_a_file_without_a_token(node):
    """For use without the rest of the project."""
    process = subprocess.Popen(
        [node, SCRIPT, str(PATIENT)], stdout=subprocess.PIPE, text=True
    )
    try:
        loaded, ready = process.stdout.readline(), process.stdout.readline()
        assert re.fullmatch(r"1 Bundles, \d+ resources\n", loaded)
        url = ready.split()[-1]
        assert url.startswith("http://127.0.0.1:")
        assert pasted(f"curl -s {url}/Patient/syn-01")["id"] == "syn-01"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


DOCUMENTED = [
    pytest.param(line, id=page.name)
    for page in sorted(ROOT.glob("docs/*.md"))
    for line in page.read_text("utf-8").splitlines()
    if line.startswith("node sandbox/fhir_server.cjs ")
]


@pytest.mark.parametrize("command", DOCUMENTED)
def test_documented_command_starts_the_server(node, command):
    """Whoever pastes it has the patients, Epic's with his operation among them."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", "exec " + command.replace("--port 8090", "--port 0")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        process.stdout.readline()
        ready = process.stdout.readline()
        assert "FHIR server: http://127.0.0.1:" in ready, process.stderr.readline()
        (epic,) = (ROOT / "service/data/patients").glob("19-*.json")
        patient = json.loads(epic.read_text("utf-8"))["entry"][0]["resource"]["id"]
        query = f"{ready.split()[-1]}/Procedure?patient={patient}"
        assert pasted(f"curl -s {shlex.quote(query)}")["total"] == 3
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def test_the_packages_are_pinned_by_hash_and_name_no_host():
    """The same bytes from any mirror; npm finds the addresses itself."""
    assert PACKAGES
    for name, package in PACKAGES.items():
        # What lies in the archive of another package is under the hash of that one.
        outer = name.rpartition("/node_modules/")[0]
        hashed = PACKAGES[outer] if package.get("inBundle") else package
        assert hashed["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name
        addresses = re.findall(r"https?://[^\s\"']+", json.dumps(package))
        funding = re.findall(r"https?://[^\s\"']+", json.dumps(package.get("funding")))
        assert addresses == funding, name


def test_the_packages_asked_for_are_exact_and_locked():
    """No range: a new version is a change of the project."""
    asked = json.loads((ROOT / "sandbox/package.json").read_text("utf-8"))
    assert asked["private"] is True
    for name, version in asked["dependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert PACKAGES[f"node_modules/{name}"]["version"] == version


def test_each_package_has_a_decision():
    """Nothing is installed that nobody chose."""
    asked = json.loads((ROOT / "sandbox/package.json").read_text("utf-8"))
    texts = "".join(
        page.read_text("utf-8") for page in ROOT.glob("docs/decisions/*.md")
    )
    for name in asked["dependencies"]:
        assert f"`{name}`" in texts


def test_installed_packages_stay_out_of_git():
    """They are fetched, not kept."""
    result = subprocess.run(
        ["git", "check-ignore", "sandbox/node_modules/express/index.js"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0
