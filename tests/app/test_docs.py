"""The documentation: commands run, settings and links exist, choices are told."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest

from service.config import VARIABLES
from service.patients import bundled_patients
from service.sandbox import fhir_server

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
DECISIONS = sorted(ROOT.glob("docs/decisions/*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FHIR_URL = "http://127.0.0.1:8090/fhir"
ISO_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
EXPECTED = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)

TMP = "/tmp/"  # noqa: S108 the pages', which a folder of the test stands for
#: Where the store of the pages begins: most of them come before docs/store.md.
FIRST = (
    "mkdir -p /tmp/scnen-data && SCNEN_OPEN=true SCNEN_DATA_DIR=/tmp/scnen-data"
    " scnen-cds store migrate"
)

#: Commands that stand in the documentation and are not run here, with the reason.
NOT_RUN = {
    "make sandbox": "runs until it is stopped; see tests/sandbox/test_command.py",
    "scnen-cds sandbox": "as above",
    "make serve": "runs until it is stopped; `scnen-cds serve` is run: test_server.py",
    "node sandbox/fhir_server.cjs": "as above",
    "cd sandbox": "asks the package registry; tests/sandbox reads what it writes",
    "make demo": "installs; `scnen-cds demo`, which it calls, is run",
    "make setup": "installs; the tests run in what it leaves",
    "make test": "is what runs this test",
    "make check": "is a step of its own on the build machine",
    "scnen-cds serve --open": "runs until it is stopped; see test_server.py",
    "docker build": "no container engine; tests/deploy/test_image.py uses another one",
    "docker buildx": "asks a registry of images",
    "docker run": "as above; tests/deploy/test_image.py runs the image in the same way",
    "docker compose": "no container engine; tests/deploy reads the file",
    "kubectl": "no cluster; tests/deploy/test_helm.py checks what would be sent to it",
    "helm install": "as above",
    "make sbom": "tests/deploy/test_supply_chain.py runs what it calls",
    "make audit": "as above",
    "curl -s http://127.0.0.1:5000": "tests/protocol/test_guide.py runs it",
}


def commands():
    """Every command of every page, with the output that is shown for it, if any."""
    for page in PAGES:
        for language, block in FENCE.findall(page.read_text("utf-8")):
            found = []
            if language == "sh":
                found = [(command, "") for command in whole_commands(block)]
            elif language == "console":
                found = EXPECTED.findall(block)
            for command, output in found:
                yield pytest.param(
                    command, output, id=f"{page.relative_to(ROOT)}: {command[:50]}"
                )


def whole_commands(block):
    """Join the lines of commands whose quotes go over several."""
    waiting = ""
    for line in block.splitlines():
        waiting += line
        try:
            shlex.split(waiting)
        except ValueError:
            waiting += "\n"
            continue
        if waiting.strip():
            yield waiting
        waiting = ""


def run(command):
    """Run a command as a shell does, with the tools of this environment."""
    tools = Path(sys.executable).parent
    env = {name: value for name, value in os.environ.items() if name[:5] != "SCNEN"}
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=ROOT,
        env={**env, "PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def reason_not_to_run(command):
    """Why a command is left out, if it is."""
    bare = re.sub(r"\s+#.*", "", command)
    found = [reason for start, reason in NOT_RUN.items() if bare.startswith(start)]
    return found[0] if found else None


def runnable():
    """The commands that are run."""
    return [each for each in commands() if not reason_not_to_run(each.values[0])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Stands for /tmp of the pages, with the store that docs/store.md begins with."""
    folder = tmp_path_factory.mktemp("docs")
    run(FIRST.replace(TMP, f"{folder}/"))
    return folder


@pytest.fixture(scope="module")
def fhir_url():
    """The FHIR server of docs/rehearse.md, on another port."""
    if not shutil.which("node") or not (ROOT / "sandbox/node_modules").is_dir():
        pytest.skip("needs Node.js 20 or newer with npm, then `make setup`")
    charts = [p.bundle for p in bundled_patients() if p.fhir_version == "R4"]
    with fhir_server(charts, token="") as url:
        yield url


@pytest.mark.server
@pytest.mark.parametrize(("command", "shown"), runnable())
def test_a_command_of_the_documentation_works(command, shown, server, folder, request):
    """Whoever pastes it gets what the page shows."""
    command, shown = (said.replace(TMP, f"{folder}/") for said in (command, shown))
    if FHIR_URL in command:
        command = command.replace(FHIR_URL, request.getfixturevalue("fhir_url"))
    for tool in ("curl", "node"):
        if re.search(rf"(^|\| ){tool} ", command) and not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    result = run(command.replace("http://127.0.0.1:8080", server.url))
    if "Error" in shown:
        assert result.returncode != 0
        assert shown.strip() in result.stderr.strip()
    else:
        assert result.returncode == 0, result.stderr
        assert shown.strip() in result.stdout
    if "cds-services/scnen-discharge" in command:
        assert '"indicator":"warning"' in result.stdout


def test_the_store_of_the_pages_begins_as_its_page_says():
    """The pages before it can do without it here, since the test begins so too."""
    assert FIRST in [each.values[0] for each in commands()]


def test_every_reason_not_to_run_a_command_is_needed():
    """The list of exceptions does not outlive its commands."""
    written = [each.values[0] for each in commands()]
    for start in NOT_RUN:
        assert any(command.startswith(start) for command in written), start


def test_every_setting_is_documented_and_every_documented_setting_exists():
    """The table of settings and the code agree both ways."""
    text = (ROOT / "docs/configuration.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `(SCNEN_[A-Z_]+)` \|", text, re.MULTILINE))
    assert rows == {*VARIABLES}
    source = "".join(path.read_text("utf-8") for path in ROOT.glob("service/**/*.py"))
    assert set(re.findall(r"\bSCNEN_[A-Z_]*[A-Z]\b", source)) <= rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    """No page points at a file that is not there."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), target


def dependencies():
    """Every package the project asks for, at run time and for tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    asked = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    return sorted({re.match(r"[A-Za-z0-9._-]+", each)[0] for each in asked})


@pytest.mark.parametrize("package", dependencies())
def test_every_dependency_has_a_decision(package):
    """Nothing is installed that nobody chose."""
    texts = "".join(page.read_text("utf-8") for page in DECISIONS)
    assert re.search(rf"\b{re.escape(package)}\b", texts, re.IGNORECASE)


def test_decisions_are_numbered_once():
    """A number names one decision."""
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(numbers) == len(set(numbers))
    for page in DECISIONS:
        title = page.read_text("utf-8").splitlines()[0]
        assert title.startswith(f"# {int(page.name[:4])}. ")


def test_the_first_screen_of_the_readme_shows_commands_and_a_card():
    """The first lines tell what it is, how to see it and what a card looks like."""
    first = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:60])
    for needed in ("make demo", "make test", "of 100 in one study", "not validated"):
        assert needed in first


def newest(text):
    """The last of the dates in a text."""
    return max(map(date.fromisoformat, ISO_DATE.findall(text)))


@pytest.mark.server
def test_the_card_of_the_readme_is_the_one_that_the_demo_shows():
    """Nobody is promised a card that the service does not give."""
    text = (ROOT / "README.md").read_text("utf-8")
    promised = next(
        block for language, block in FENCE.findall(text) if language == "text"
    )
    shown = subprocess.run(
        [sys.executable, "-m", "service", "demo", "--patient", "01", "--width", "88"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    lines = {
        line.rstrip() for line in re.sub(r":\d{4,5}/", ":8080/", shown).splitlines()
    }
    # The demo moves the dates by whole days, all by as many.
    by = newest(shown.partition("Suggestions")[0]) - newest(promised)
    moved = ISO_DATE.sub(lambda found: str(date.fromisoformat(found[0]) + by), promised)
    for line in moved.splitlines():
        assert line == "┃ …" or line in lines
