"""Each requirement of the conformance list has its place, and each claim its test.

What this shows: none is forgotten, and each that is claimed stands on tests that assert
something. Whether they assert the right thing is for the reader of those tests.
"""

import ast
import re
import tomllib
from collections import Counter
from functools import cache
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


def functions(module):
    """All functions of a module, by name."""
    nodes = ast.walk(module)
    return {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}


def asserts(function, neighbours):
    """Whether a function asserts, expects an error, or calls a neighbour that does."""
    for node in ast.walk(ast.Module(function.body, [])):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            others = {k: v for k, v in neighbours.items() if k != name}
            if name == "pytest.raises" or (
                name in neighbours and asserts(neighbours[name], others)
            ):
                return True
    return False


@cache
def carried():
    """Places of the tests that carry each id, in the whole project."""
    places = {}
    for path in HERE.parent.rglob("test_*.py"):
        found = functions(ast.parse(path.read_text("utf-8")))
        for name, function in found.items():
            if name.startswith("test_"):
                place = f"{path.name}::{name}", asserts(function, found)
                for key in {*in_name(name), *in_decorators(function)} & set(KNOWN):
                    places.setdefault(key, []).append(place)
    return places


KNOWN = Counter(key for table in LEDGER.values() for key in table)
# How many requirements each group of the conformance list has; RESP counts 6b.
GROUPS = {
    "ACT": 5,
    "CARD": 11,
    "CORS": 3,
    "DISC": 15,
    "DOC": 1,
    "EXT": 4,
    "FA": 8,
    "FB": 12,
    "GEN": 7,
    "JWT": 17,
    "K": 16,
    "LINK": 5,
    "PERF": 2,
    "PF": 11,
    "PT": 9,
    "REQ": 13,
    "RESP": 8,
    "SEC": 6,
    "SRC": 3,
    "SUG": 5,
    "SYS": 2,
    "TRN": 2,
    "VER": 4,
}


def test_each_requirement_has_one_place():
    """None is listed twice, none is left out, and none is our own invention."""
    assert [key for key, times in KNOWN.items() if times > 1] == []
    expected = {
        f"{group}{'' if group == 'K' else '-'}{number}"
        for group, size in GROUPS.items()
        for number in range(1, size + (group != "RESP"))
    }
    assert set(KNOWN) == expected | {"RESP-6b"}


@pytest.mark.parametrize("key", LEDGER["covered"])
def test_a_covered_requirement_is_carried_by_a_test(key):
    """What is claimed is tested, and by nothing that could not fail."""
    places = carried().get(key, [])
    assert places != []
    assert [place for place, is_asserting in places if not is_asserting] == []


def test_a_tested_requirement_is_claimed():
    """An id that a test carries stands under [covered]: move its line there."""
    assert set(carried()) - set(LEDGER["covered"]) == set()
