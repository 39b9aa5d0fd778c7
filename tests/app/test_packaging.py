"""What is shipped: the wheel, the image's recipe, the locks, the ways in."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from service import __version__
from service.app import example_request_file
from service.config import Settings
from service.hook_requests import hook_request
from service.parts import build_parts
from service.patients import bundled_patients

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TOOLS = Path(sys.executable).parent
MAKE = shutil.which("make") or "make"


def instructions(text):
    """Read a Dockerfile into (keyword, argument) pairs, one list for each stage."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    stages = [[]]
    for line in filter(str.strip, joined.splitlines()):
        keyword, _, argument = line.partition(" ")
        if keyword == "FROM":
            stages.append([])
        stages[-1].append((keyword, " ".join(argument.split())))
    return stages[1:]


@pytest.fixture(scope="module")
def stages():
    """The stages of the image."""
    return instructions((ROOT / "Dockerfile").read_text("utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel as pip does and list what is in it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [TOOLS / "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def test_package_and_project_have_one_version():
    """What `--version` says is what is installed."""
    assert PROJECT["project"]["version"] == __version__


def test_the_wheel_holds_data_templates_and_types(wheel):
    """Nothing that the service reads is left behind."""
    names = set(wheel.namelist())
    for file in [
        "cds_hooks/py.typed",
        "cds_hooks/data/presets.yaml",
        "cds_hooks/data/resource_types.txt",
        "service/py.typed",
        "service/data/models/liu-nomogram.json",
        "service/data/clients/example.yaml",
        "service/data/policy/default.yaml",
        "service/data/examples/encounter-discharge.json",
        "service/templates/cards/sentences.j2",
        "service/locales/zh_Hans/LC_MESSAGES/cards.mo",
        "service/templates/pages/model.html",
        "service/templates/pages/nomogram.html",
        "service/static/nomogram.css",
        "service/static/nomogram.js",
        "service/templates/pages/facts.html",
        "service/data/model_card/source-attributes.json",
        "service/data/model_card/derivation/liu-nomogram-anchor.svg",
        "service/static/page.css",
        "service/static/model.css",
    ]:
        assert file in names
    assert any(name.startswith("service/data/conceptmaps/") for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_the_api_description_in_the_wheel_is_the_one_at_the_root(wheel):
    """The link becomes a file."""
    shipped = wheel.read("service/data/openapi.yaml")
    assert shipped == (ROOT / "openapi.yaml").read_bytes()


def test_the_wheel_brings_licence_and_command(wheel):
    """Whoever installs it may use it and can start it."""
    info = f"scnen_cds-{__version__}.dist-info"
    assert b"Apache License" in wheel.read(f"{info}/licenses/LICENSE")
    assert b"scnen-cds = service.cli:main" in wheel.read(f"{info}/entry_points.txt")


def test_the_example_request_is_the_first_bundled_patient():
    """The shipped example does not drift from patient and templates."""
    patient = bundled_patients()[0]
    parts = build_parts(Settings.from_env(is_open=True))
    service = next(iter(parts.registry))
    assert service.id == "scnen-discharge"
    entry = {"hook": service.hook, "prefetch": dict(service.prefetch)}
    instance = "5c9f0e52-6d2b-4b59-9d1c-0c8a35a7e101"
    built = hook_request(patient.bundle, entry, hook_instance=instance)
    assert json.loads(example_request_file().read_bytes()) == built


EXTRAS = ["requirements-tracing.lock", "requirements-validation.lock"]
LOCKS = ["requirements.lock", *EXTRAS, "requirements-dev.lock"]


@pytest.mark.parametrize("name", LOCKS)
def test_locks_pin_by_hash_and_name_no_host(name):
    """The same bytes from any mirror."""
    text = (ROOT / name).read_text("utf-8")
    assert not re.search(
        r"https?://|--index-url|--find-links|--trusted-host|file:", text
    )
    blocks = re.split(r"\n(?=\S)", text.strip())
    for block in blocks:
        assert re.match(r"[A-Za-z0-9._-]+(?:\[[a-z0-9,-]+\])?==\S+", block), block
        assert "--hash=sha256:" in block


def pins(name):
    """The pinned packages of a lock."""
    text = (ROOT / name).read_text("utf-8")
    found = re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[a-z0-9,-]+\])?(==[^\s;]+)", text, re.MULTILINE
    )
    return {name + version for name, version in found}


def test_the_tools_are_locked_on_top_of_the_run_time():
    """What is tested is what runs."""
    server, *extras, tools = map(pins, LOCKS)
    for extra in extras:
        assert server <= extra <= tools


def test_the_lock_holds_what_the_project_asks_for():
    """A dependency that is not locked would not be installed."""
    locked = {
        pin.split("==")[0].lower().replace("_", "-")
        for pin in pins("requirements.lock")
    }
    for requirement in PROJECT["project"]["dependencies"]:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
        assert name.lower().replace("_", "-").replace(".", "-") in {
            each.replace(".", "-") for each in locked
        }


@pytest.mark.tool
def test_the_dockerfile_passes_its_linter():
    """hadolint knows the usual mistakes."""
    result = subprocess.run(
        [TOOLS / "hadolint", "--failure-threshold", "warning", ROOT / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_the_image_runs_without_root_and_stops_on_sigterm(stages):
    """A number as user, so that a cluster can check it."""
    last = dict(stages[-1])
    assert last["USER"] == "10001:10001"
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert "EXPOSE" in last


def test_the_image_is_built_in_stages_from_hashed_packages(stages):
    """The packages are checked, and the installer stays in the first stage."""
    first, last = stages
    installed = " ".join(argument for keyword, argument in first if keyword == "RUN")
    assert "--require-hashes" in installed
    assert '-r "${LOCK}"' in installed
    assert ("ARG", "LOCK=requirements.lock") in first
    assert "--without-pip" in installed
    assert "dev.lock" not in installed
    later = [argument for keyword, argument in last if keyword == "RUN"]
    assert not any(
        re.search("(pip|apt|apt-get) install", argument) for argument in later
    )
    copied = [argument for keyword, argument in last if keyword == "COPY"]
    assert copied == ["--from=build /opt/scnen-cds /opt/scnen-cds"]


def test_the_image_copies_no_tests_tools_or_secrets(stages):
    """Only the two packages, the description and the licence go in."""
    copied = {
        source
        for keyword, argument in stages[0]
        if keyword == "COPY"
        for source in argument.split()[:-1]
    }
    assert copied == {
        "${LOCK}",
        "openapi.yaml",
        "LICENSE",
        "cds_hooks",
        "service",
    }
    kept = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line[:1] == "!"
    ]
    locks = {"requirements.lock", "requirements-tracing.lock"}
    assert {line[1:] for line in kept} == copied - {"${LOCK}"} | locks
    names = " ".join(argument for keyword, argument in stages[-1] if keyword == "ENV")
    assert not re.search("SECRET|TOKEN|PASSWORD|KEY", names)


def test_the_image_needs_no_write_access(stages):
    """The source is compiled when it is built; nothing is written later."""
    compiled = " ".join(argument for keyword, argument in stages[0] if keyword == "RUN")
    assert "compileall" in compiled
    assert "PYTHONDONTWRITEBYTECODE=1" in dict(stages[-1])["ENV"]
    assert not any(keyword == "VOLUME" for keyword, _ in stages[-1])


def test_the_health_check_needs_no_tool_and_starts(stages, server):
    """The command of HEALTHCHECK succeeds against a running service."""
    argument = dict(stages[-1])["HEALTHCHECK"]
    command = json.loads(argument.partition("CMD ")[2])
    assert command[0] == "python"
    code = command[2].replace("http://127.0.0.1:8080", server.url)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=10)


def test_the_command_of_the_image_is_one_of_ours(stages):
    """Clients must authenticate unless somebody asks for open mode in so many words."""
    last = dict(stages[-1])
    assert json.loads(last["ENTRYPOINT"]) == ["python", "-m", "service"]
    assert json.loads(last["CMD"]) == ["serve", "--host", "0.0.0.0"]  # noqa: S104 a container's


def test_make_alone_teaches():
    """Someone with a fresh clone types `make` first."""
    listed = subprocess.run(
        [MAKE, "--no-print-directory"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for target in ("demo", "test", "setup", "serve", "check", "bench", "lock"):
        assert f"  make {target}" in listed


def test_make_names_the_remedy_for_an_old_python(tmp_path):
    """An interpreter without what is needed is not used silently."""
    for name in ["python3", *(f"python3.{minor}" for minor in range(11, 15))]:
        old = tmp_path / name
        old.write_text("#!/bin/sh\nexit 1\n")
        old.chmod(0o755)
    result = subprocess.run(
        [MAKE, "VENV=" + str(tmp_path / "venv"), str(tmp_path / "venv/bin/pip")],
        cwd=ROOT,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "Python 3.11 or newer" in result.stderr


def test_hooks_before_a_commit_are_local():
    """No code is fetched from elsewhere by a commit."""
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"repo: (\S+)", text) == ["local"]
    assert set(re.findall(r"language: (\S+)", text)) == {"system"}


def test_the_build_machine_runs_the_same_commands_and_skips_nothing():
    """`.ci/run` is `make setup`, `make check` and `make test` with CI set."""
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert script.read_text("utf-8").startswith("#!/usr/bin/env bash\n")
    lines = [
        shlex.split(line, comments=True)
        for line in script.read_text().splitlines()[-5:]
    ]
    assert [line for line in lines if line] == [
        ["export", "CI=1"],
        ["make", "setup"],
        ["make", "-j2", "check"],
        ["make", "test"],
    ]
