"""The guide for authors of other services does what it says."""

import json
import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "cds_hooks.md").read_text("utf-8")


def block(language):
    """The only block of code in a language."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return code


@pytest.fixture(scope="module")
def example():
    """A client of the service in the guide."""
    names = {"__name__": "booster"}
    exec(compile(block("python"), "docs/cds_hooks.md", "exec"), names)  # noqa: S102 - our own page
    return names["app"].test_client()


def test_the_call_in_the_guide_gives_the_answer_in_the_guide(example):
    """The body of the curl line, posted, gives the JSON below it to the byte."""
    path = re.search(r"127\.0\.0\.1:5000(\S+)", block("sh")).group(1)
    body = json.loads(re.search(r"-d '(.*)'", block("sh"), re.DOTALL).group(1))
    assert example.post(path, json=body).text == block("json").strip()


def test_the_example_tells_a_failed_query_from_no_data(example):
    """As the page says: 412, and silence when there is a dose."""
    body = json.loads(re.search(r"-d '(.*)'", block("sh"), re.DOTALL).group(1))
    failed = {"resourceType": "OperationOutcome", "issue": []}
    path = "/cds-services/booster"
    assert (
        example.post(path, json=body | {"prefetch": {"doses": failed}}).status_code
        == 412
    )
    dose = {"resourceType": "Immunization"}
    assert example.post(path, json=body | {"prefetch": {"doses": dose}}).json == {
        "cards": []
    }
