"""The shipped artifacts are what the derivation gives, and are never overwritten."""

import json

import pytest

from service.model import bundled_models, load_model
from service.model.documents import differences, document, render, write


@pytest.mark.parametrize("model_id", ["liu-nomogram", "liu-table2"])
def test_shipped_artifact_is_what_the_derivation_gives(model_id, shipped):
    """Every field agrees; numbers to one part in a million."""
    assert list(differences(shipped(model_id), document(model_id))) == []


def test_derived_artifact_passes_every_check(tmp_path):
    """What is written can be read, and says the same."""
    path, is_new = write("liu-nomogram", tmp_path)
    assert is_new
    assert path == tmp_path / "liu-nomogram.json"
    assert load_model(path).digest == load_model(bundled_models()[path.stem]).digest


def test_writing_the_same_again_changes_nothing(tmp_path):
    """A second run finds its own file and leaves it."""
    path, _ = write("liu-nomogram", tmp_path)
    before = path.stat().st_mtime_ns
    assert write("liu-nomogram", tmp_path) == (path, False)
    assert path.stat().st_mtime_ns == before


def test_another_artifact_is_not_overwritten(tmp_path):
    """A version that differs stays; the remedy is named."""
    path = tmp_path / "liu-nomogram.json"
    path.write_text("{}", "utf-8")
    with pytest.raises(FileExistsError, match="never edited in place"):
        write("liu-nomogram", tmp_path)
    assert path.read_text("utf-8") == "{}"


def test_numbers_may_differ_by_a_millionth_and_no_more():
    """Another platform's last digit passes; a changed digit does not."""
    assert list(differences({"a": [1.0, 2.0]}, {"a": [1.0 + 5e-7, 2.0]})) == []
    assert list(differences({"a": [1.0]}, {"a": [1.00001]})) == [
        "a[0]: 1.0, derived 1.00001"
    ]


@pytest.mark.parametrize(
    ("stored", "derived", "problem"),
    [
        ({"a": 1}, {}, "a: only in the file"),
        ({}, {"a": {"b": 1}}, "a: only in the derivation"),
        ({"a": {"b": [1.0]}}, {"a": {"b": [1.0, 2.0]}}, "a.b: 1 entries, derived 2"),
        ({"a": True}, {"a": 1}, "a: True, derived 1"),
        ({"a": "x"}, {"a": "y"}, "a: 'x', derived 'y'"),
        ({"a": 1.0}, {"a": None}, "a: 1.0, derived None"),
    ],
)
def test_every_other_difference_is_told(stored, derived, problem):
    """Missing, extra, longer, of another type or another text."""
    assert list(differences(stored, derived)) == [problem]


def test_digest_is_left_to_the_reader():
    """It follows from the content, so it is not compared a second time."""
    assert list(differences({"digest": "a"}, {"digest": "b"})) == []


def test_file_is_readable_json(shipped):
    """Numbers of a list stand on one line; nothing is lost by that."""
    text = render(shipped())
    assert json.loads(text) == shipped()
    assert text.endswith(b"}\n")
    assert max(map(len, text.splitlines())) < 1000
    assert b"[0.0, 1.0]" in text
