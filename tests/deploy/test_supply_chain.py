"""What is in the image, under which licences, and what an audit may say."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
POLICY = yaml.safe_load((ROOT / "scripts/licences.yaml").read_text("utf-8"))
PINS = {"a==1", "b==2"}


def script(name):
    """Load one of the scripts."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


materials = script("bill_of_materials")
audit = script("audit_packages")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The bill of materials, written with every way out of the machine closed."""
    file = tmp_path_factory.mktemp("sbom") / "sbom.json"
    done = subprocess.run(
        [sys.executable, "scripts/bill_of_materials.py", file],
        cwd=ROOT,
        env={**os.environ, "HTTPS_PROXY": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return file.read_text("utf-8")


def test_the_bill_of_materials_follows_cyclonedx(written):
    """As the specification's own schema has it, strictly."""
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None


def test_the_bill_of_materials_lists_every_pin_of_the_lock(written):
    """With version, licence and the digests of its files."""
    listed = json.loads(written)["components"]
    pins = [line.split()[0] for line in LOCK.splitlines() if line[:1].isalnum()]
    assert len(listed) == len(pins)
    for component in listed:
        assert component["licenses"][0]["expression"]
        assert component["externalReferences"][0]["hashes"]
        assert (
            component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        )


def test_the_bill_of_materials_says_what_needs_what(written):
    """Werkzeug is there because of Flask, and Flask because of us."""
    needs = {
        each["ref"].split("/")[1].split("@")[0]: " ".join(each["dependsOn"])
        for each in json.loads(written)["dependencies"]
    }
    assert "/werkzeug@" in needs["flask"]
    assert "/flask@" in needs["scnen-cds"]
    assert "/werkzeug@" not in needs["scnen-cds"]


def test_the_same_lock_gives_the_same_bill(written):
    """No time and no random number: two builds can be compared."""
    packages = materials.read_lock(LOCK)
    licences = {
        each.name: materials.licence_of(each.name, POLICY["stated"])
        for each in packages
    }
    assert json.loads(written) == materials.bill(packages, licences)


@pytest.mark.parametrize(
    ("expression", "is_fine"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("", False),
        ("do what you like", False),
    ],
)
def test_a_licence_is_allowed_if_the_list_says_so(expression, is_fine):
    """Unknown words are no licence."""
    assert materials.is_allowed(expression, POLICY["allowed"]) is is_fine


def test_a_package_that_is_not_installed_has_no_known_licence():
    """It is not guessed from its name."""
    assert materials.licence_of("not-a-package-of-ours", {}) == ""


def test_a_line_that_is_no_pin_stops_the_bill():
    """A lock that is not understood is not half listed."""
    with pytest.raises(ValueError, match="no pin"):
        materials.read_lock("flask>=3")


def known(name, version, *weaknesses):
    """An entry of pip-audit's report: a package that the database knows."""
    return {"name": name, "version": version, "vulns": list(weaknesses)}


WEAKNESS = {"id": "PYSEC-1", "fix_versions": ["9"]}
SKIPPED = {"name": "b", "skip_reason": "Dependency not found"}


def test_all_packages_looked_up_and_nothing_known_is_clean():
    """The only way to exit code 0."""
    report = {"dependencies": [known("a", "1"), known("B", "2")]}
    code, lines = audit.verdict(report, PINS)
    assert (code, lines) == (0, ["2 packages looked up; nothing is known today."])


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(None, id="no report"),
        pytest.param({"dependencies": []}, id="nothing in it"),
        pytest.param({"dependencies": [known("a", "1"), SKIPPED]}, id="one left out"),
        pytest.param(
            {"dependencies": [known("a", "1"), known("b", "3")]}, id="other version"
        ),
    ],
)
def test_anything_but_an_answer_for_each_package_is_not_checked(report):
    """The word "clean" or the like does not occur."""
    code, lines = audit.verdict(report, PINS)
    assert code == 2
    assert lines[0].startswith("NOT CHECKED")
    assert "nothing is known" not in " ".join(lines)


def test_a_known_weakness_is_named_with_its_remedy():
    """Exit code 1, also if other packages could not be looked up."""
    report = {"dependencies": [known("a", "1", WEAKNESS), SKIPPED]}
    code, lines = audit.verdict(report, PINS)
    assert code == 1
    assert lines[0] == "a==1: PYSEC-1, fixed in 9"
    assert lines[1].startswith("NOT CHECKED: 1 of 2")


def test_without_packages_nothing_was_checked():
    """An empty lock is a fault, not a clean one."""
    assert audit.verdict({"dependencies": []}, set())[0] == 2


def test_without_network_the_audit_says_that_it_did_not_check():
    """The real tool, with every way out of the machine closed."""
    done = subprocess.run(
        [sys.executable, "scripts/audit_packages.py"],
        cwd=ROOT,
        env={**os.environ, "HTTPS_PROXY": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stdout.startswith("NOT CHECKED")
    assert "nothing is known" not in done.stdout


def test_only_packages_for_this_interpreter_are_asked_for():
    """The lock also holds pins for other versions of Python."""
    lock = "a==1 ; python_version < '3.1' \\\n  --hash=x\nb[c]==2 \\\n  --hash=y\n"
    assert audit.installed_here(lock) == {"b==2"}
