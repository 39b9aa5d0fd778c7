"""Each requirement of the conformance list has its place, and each claim its test."""

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LEDGER = tomllib.loads((HERE / "coverage.toml").read_text("utf-8"))
ID = re.compile(r"\b(?:[A-Z]+-\d+b?|K\d+)\b")
IN_NAME = re.compile(r"(?<=_)([a-z]+)_?(\d+b?)(?=_|$)")


def in_name(name):
    """Ids in a name: PF-2 in test_pf_2_answers_412, K2 in test_k2_is_json."""
    for group, number in IN_NAME.findall(name):
        yield f"K{number}" if group == "k" else f"{group.upper()}-{number}"


def in_decorators(function):
    """Ids at the start of parameter ids, and those of the conformance marker."""
    for node in ast.walk(ast.Module(function.decorator_list, [])):
        if isinstance(node, ast.keyword) and node.arg in ("id", "ids"):
            texts = [t for t in ast.walk(node.value) if isinstance(t, ast.Constant)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ".conformance"
        ):
            texts = node.args
        else:
            continue
        for text in texts:
            yield from ID.findall(str(text.value))


def carried():
    """Ids that the tests of the whole project carry."""
    for path in HERE.parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield from in_name(node.name)
                yield from in_decorators(node)


KNOWN = Counter(key for table in LEDGER.values() for key in table)
CARRIED = set(carried()) & set(KNOWN)


def test_each_requirement_has_one_place():
    """None is listed twice, and none is left out between two others of its group."""
    assert [key for key, times in KNOWN.items() if times > 1] == []
    groups = {}
    for key in KNOWN:
        group, number = re.fullmatch(r"([A-Z]+)-?(\d+)b?", key).groups()
        groups.setdefault(group, set()).add(int(number))
    for group, numbers in groups.items():
        assert numbers == set(range(1, len(numbers) + 1)), group
    assert len(KNOWN) == 169


@pytest.mark.parametrize("key", LEDGER["covered"])
def test_a_covered_requirement_is_carried_by_a_test(key):
    """What is claimed is tested."""
    assert key in CARRIED


def test_a_tested_requirement_is_claimed():
    """An id that a test carries stands under [covered]: move its line there."""
    assert CARRIED - set(LEDGER["covered"]) == set()
