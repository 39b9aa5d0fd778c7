"""The page for operators tells every fault and every limit."""

import re
from pathlib import Path

from service.fhir.client import Fault, Limits

PAGE = (Path(__file__).parents[3] / "docs" / "fhir-access.md").read_text("utf-8")
FIRST_CELLS = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)


def test_every_fault_and_no_other_stands_on_the_page():
    """A name in the log that nobody explains helps nobody."""
    assert {cell for cell in FIRST_CELLS if "_" not in cell} - set(LIMITS) == set(Fault)


def test_every_limit_stands_on_the_page_with_its_value():
    """As it is in force, not as it once was."""
    for name, value in LIMITS.items():
        assert f"| `{name}` | {value:.0f} |" in PAGE


LIMITS = {name: getattr(Limits(), name) for name in Limits.__dataclass_fields__}
