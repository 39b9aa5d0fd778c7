"""docs/statistics.md: every script, version and test that it names exists."""

import json
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "statistics.md").read_text("utf-8")
SCRIPTS = sorted((HERE / "reference").glob("*.R"))
TESTS = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_named_with_its_versions(script):
    """As R itself wrote them down; jsonlite only writes."""
    (row,) = re.findall(rf"^\| `{script.name}` \| (.+) \|$", PAGE, re.MULTILINE)
    found = json.loads(script.with_suffix(".json").read_text("utf-8"))
    versions = next(
        found[k] for k in ("versions", "software", "made_with") if k in found
    )
    told = dict(each.split() for each in row.split(", "))
    numbers = {
        name: re.search(r"\d+(\.\d+)+", text)[0]
        for name, text in versions.items()
        if name != "jsonlite"
    }
    assert told == numbers


def test_there_are_tests_in_every_row():
    """A row without one would be a promise."""
    rows = [
        line
        for line in PAGE.partition("## Versions")[0].splitlines()
        if line.startswith("| ") and not line.startswith("| statistic")
    ]
    assert len(rows) == len(TESTS) > 35


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_every_test_that_is_named_exists(file, name):
    """And is still called so."""
    assert f"def {name}(" in (HERE / file).read_text("utf-8")
