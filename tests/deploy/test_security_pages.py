"""The security pages: evidence exists, statuses are known, the standard is complete."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs/security").glob("*.md"))
THREATS = (ROOT / "docs/security/threat-model.md").read_text("utf-8")
ASVS = (ROOT / "docs/security/asvs.md").read_text("utf-8")

#: Requirements of level 1 and 2 in each section of ASVS 5.0 (its source of July 2026).
REQUIREMENTS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2,
    "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "12.1": 3, "12.2": 2, "12.3": 4,
    "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5,
    "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
}  # fmt: skip
IDS = [
    f"{section}.{n + 1}" for section, last in REQUIREMENTS.items() for n in range(last)
]


def rows(text):
    """The rows of all tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return [row for row in cells if row[0] not in {"id", "---"}]


def evidence():
    """Everything that a page names in code letters and that looks like a path."""
    for page in PAGES:
        for named in re.findall(
            r"`([\w./-]+/[\w./-]+(?:[:#][\w:#-]+)?)`", page.read_text()
        ):
            if named.split("/")[0] in {
                "tests",
                "service",
                "cds_hooks",
                "deploy",
                "docs",
            }:
                yield pytest.param(named, id=f"{page.stem}: {named}")


@pytest.mark.parametrize("named", list(evidence()))
def test_what_is_named_as_evidence_exists(named):
    """The file, and in it the test."""
    path, _, test = named.partition("::")
    file = ROOT / path.partition("#")[0]
    assert file.exists()
    if test:
        assert re.search(rf"^def {test}\(", file.read_text("utf-8"), re.MULTILINE)


def test_every_requirement_of_the_chapters_has_a_row():
    """Each once, in the order of the standard; ranges count for all in them."""
    found = []
    for first, _, last in (row[0].partition(" to ") for row in rows(ASVS)):
        begin, end = IDS.index(first), IDS.index(last or first)
        found += IDS[begin : end + 1]
    assert found == IDS


@pytest.mark.parametrize("row", rows(ASVS), ids=lambda row: row[0])
def test_every_requirement_has_a_status_and_what_is_met_has_a_reason(row):
    """Nothing is met by assertion alone."""
    _, about, status, shown = row
    assert about
    assert status in {"met", "partly", "not", "deployment", "n/a"}
    assert shown or status == "n/a"


@pytest.mark.parametrize("row", rows(THREATS), ids=lambda row: row[0])
def test_every_threat_has_a_mitigation_that_is_shown_or_is_called_open(row):
    """No threat is talked away."""
    _, kind, threat, mitigation, shown = row
    assert re.fullmatch("[STRIDEC]", kind)
    assert threat
    assert mitigation
    assert shown or "*open*" in mitigation


def test_threats_are_numbered_once():
    """A number names one threat."""
    assert [row[0] for row in rows(THREATS)] == [
        f"T{number + 1}" for number in range(len(rows(THREATS)))
    ]


def test_every_flow_of_the_diagram_stands_in_the_table_and_in_the_threat_model():
    """No arrow was forgotten."""
    text = (ROOT / "docs/security/data-flow.md").read_text("utf-8")
    drawn = {int(n) for n in re.findall(r"-- F(\d+)", text)}
    assert drawn == set(range(1, 13))
    table = " ".join(row[0] for row in rows(text))
    assert {int(n) for n in re.findall(r"F(\d+)", table)} == drawn
    heads = " ".join(re.findall("^## (.+)", THREATS, re.MULTILINE))
    covered = {int(n) for n in re.findall(r"F(\d+)", heads)}
    for first, last in re.findall(r"F(\d+) to F(\d+)", heads):
        covered |= set(range(int(first), int(last) + 1))
    assert covered == drawn
