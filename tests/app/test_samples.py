"""Samples of resources in files, whatever wraps them, and of any length."""

import gzip
import json
import tracemalloc

import pytest

from service import samples
from service.samples import Sample, SampleError

ONE = {"resourceType": "Procedure", "id": "1"}
TWO = {"resourceType": "Observation", "id": "2"}


def bundle(*resources):
    """A Bundle of them."""
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}


@pytest.fixture
def sample(tmp_path):
    """Read a file with some content."""

    def read(content, name="sample.json"):
        path = tmp_path / name
        if isinstance(content, dict | list):
            content = json.dumps(content, indent=1)
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        found = Sample(path)
        return found, list(found.resources())

    return read


NDJSON = f"{json.dumps(ONE)}\n\n{json.dumps(TWO)}\n"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (bundle(ONE, TWO), "sample.json"),
        (json.dumps(bundle(ONE, TWO)), "sample.json"),
        (bundle(bundle(ONE), TWO), "sample.json"),
        ([ONE, TWO], "sample.json"),
        (NDJSON, "sample.ndjson"),
        (NDJSON, "named-otherwise.json"),
        ("\ufeff" + NDJSON, "sample.ndjson"),
        (f"{json.dumps(bundle(ONE))}\n{json.dumps(TWO)}", "bundles.ndjson"),
        (gzip.compress(NDJSON.encode(), mtime=0), "sample.ndjson.gz"),
        (
            gzip.compress(json.dumps(bundle(ONE, TWO), indent=2).encode(), mtime=0),
            "b.json.gz",
        ),
        (
            {
                "hook": "patient-view",
                "prefetch": {"a": ONE, "b": bundle(TWO), "c": None},
            },
            "request.json",
        ),
    ],
)
def test_resources_are_found_however_they_are_wrapped(sample, content, name):
    """Bundles, lines, lists, prefetch; compressed or not."""
    found, resources = sample(content, name)
    assert resources == [ONE, TWO]
    assert found.unreadable == 0
    assert found.bytes_read == found.bytes_total > 0


@pytest.mark.parametrize(
    ("content", "unreadable"),
    [
        (f"{json.dumps(ONE)}\nnonsense\n5\n{{}}\n", 3),
        ([ONE, 5, {"resourceType": 5}, {}], 3),
        ({**bundle(ONE), "entry": [{"resource": ONE}, 5, {"fullUrl": "x"}]}, 0),
        (bundle(ONE, 5), 1),
    ],
)
def test_what_is_no_resource_is_counted_and_left_out(sample, content, unreadable):
    """The rest is read all the same."""
    found, resources = sample(content)
    assert resources == [ONE]
    assert found.unreadable == unreadable


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("secret words", "a.json", "a.json: neither JSON nor NDJSON"),
        ("", "a.json", "a.json: neither JSON nor NDJSON"),
        ("{", "a.json", "neither JSON nor NDJSON"),
        (b"secret", "a.json.gz", "a.json.gz: BadGzipFile"),
        (gzip.compress(NDJSON.encode(), mtime=0)[:-12], "a.ndjson.gz", "EOFError"),
    ],
)
def test_a_file_without_json_is_refused_without_quoting_it(
    sample, content, name, message
):
    """The message names the file and what is wrong."""
    with pytest.raises(SampleError, match=message) as caught:
        sample(content, name)
    assert "secret" not in str(caught.value)


def test_a_folder_is_read_with_its_subfolders(tmp_path):
    """In the order of names; a file that holds no JSON is named and left out."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.json").write_text(json.dumps(ONE))
    (tmp_path / "b.ndjson").write_text(json.dumps(TWO))
    (tmp_path / "c.json").write_text("nonsense")
    (tmp_path / "notes.txt").write_text("nonsense")
    found = Sample(tmp_path)
    assert list(found.resources()) == [ONE, TWO]
    assert found.skipped == ["c.json: neither JSON nor NDJSON, one resource a line"]


def test_a_folder_without_files_is_refused(tmp_path):
    """With the endings that would do."""
    with pytest.raises(SampleError, match=r"holds no \*\.json, \*\.ndjson"):
        list(Sample(tmp_path).resources())


def test_a_line_that_is_too_long_costs_only_itself(sample, monkeypatch):
    """The lines after it are read."""
    monkeypatch.setattr(samples, "_LONGEST_LINE", 1000)
    monkeypatch.setattr(samples, "_SKIPPED", 100)
    long = json.dumps({**ONE, "note": "x" * 5000})
    found, resources = sample(f"{json.dumps(ONE)}\n{long}\n{json.dumps(TWO)}\n{long}")
    assert resources == [ONE, TWO]
    assert found.unreadable == 2


def test_a_document_that_is_too_large_is_refused_with_a_way_out(sample, monkeypatch):
    """NDJSON can be of any length."""
    monkeypatch.setattr(samples, "_LARGEST_DOCUMENT", 100)
    with pytest.raises(SampleError, match="more than 0 MB; give NDJSON"):
        sample(bundle(*[ONE] * 50))


def test_a_long_export_is_read_in_constant_memory(tmp_path):
    """Forty megabytes take less than two."""
    path = tmp_path / "big.ndjson"
    line = json.dumps({**ONE, "note": "x" * 4000}) + "\n"
    with path.open("w") as file:
        for _ in range(10_000):
            file.write(line)
    tracemalloc.start()
    try:
        number = sum(1 for _ in Sample(path).resources())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number == 10_000
    assert peak < 2_000_000
