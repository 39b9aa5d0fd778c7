"""Several processes, and a cluster: the same bytes."""

import csv
import sys

import pytest
from click.testing import CliRunner

from service.cli import main
from service.cohort.export import workers
from service.cohort.export.lines import ExportError
from service.patients import bundled_patients

NUMBERS = sorted(p.name[:2] for p in bundled_patients() if p.fhir_version == "R4")
KEY = "a key of at least thirty-two characters"


@pytest.fixture
def folder(resources, write):
    """All bundled patients of FHIR R4, in one file."""
    return write([each for number in NUMBERS for each in resources(number)])


@pytest.fixture
def run(folder, tmp_path, monkeypatch):
    """Run the command; gives its result, and the bytes of table and refusals."""
    monkeypatch.setattr("service.cohort.export.cohort._PATIENTS", 3)

    def run(*options, key=KEY):
        monkeypatch.setenv("SCNEN_SECRET_KEY", key) if key else None
        out = tmp_path / "cohort.csv"
        arguments = [
            "cohort",
            "from-export",
            str(folder),
            "--out",
            str(out),
            "--until",
            "2027-01-01",
            *options,
        ]
        result = CliRunner().invoke(main, arguments)
        files = (out, out.with_name("cohort.csv.refused.csv"))
        return result, [file.read_bytes() if file.exists() else b"" for file in files]

    return run


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("place", ["processes", "cluster"])
def test_whoever_does_the_work_the_bytes_are_the_same(place, run):
    """One process, two, or a Dask cluster of two workers."""
    alone, expected = run()
    assert alone.exit_code == 0, alone.output
    if place == "processes":
        result, found = run("--jobs", "2")
    else:
        distributed = pytest.importorskip("distributed")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster:
            result, found = run("--scheduler", cluster.scheduler_address)
    assert result.exit_code == 0, result.output
    assert found == expected
    assert expected[0].count(b"\n") > 20


def test_a_scheduler_that_does_not_answer_is_named(run, monkeypatch):
    """The address is the remedy."""

    def refuse(*_, **__):
        raise OSError

    monkeypatch.setattr("distributed.Client", refuse)
    result, _ = run("--scheduler", "tcp://127.0.0.1:1")
    assert result.exit_code == 1
    assert "no Dask scheduler answers there" in result.output


def test_without_dask_the_extra_is_named(run, monkeypatch):
    """As pip wants it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    result, _ = run("--scheduler", "tcp://127.0.0.1:1")
    assert "pip install 'scnen-cds[cluster]'" in result.output


def test_without_duckdb_the_extra_is_named(run, monkeypatch):
    """As pip wants it."""
    monkeypatch.setitem(sys.modules, "service.cohort.export.lines", None)
    result, _ = run()
    assert "pip install 'scnen-cds[validation]'" in result.output


def test_ids_are_hashed_under_the_key_and_tenant(run):
    """Nobody without the key can retrace them; another tenant has other ones."""
    result, (table, refused) = run()
    assert result.exit_code == 0
    assert b"syn-" not in table + refused
    _, (other, _) = run("--tenant", "north")
    first, second = (
        {row["id"] for row in csv.DictReader(text.decode().splitlines()[1:])}
        for text in (table, other)
    )
    assert first.isdisjoint(second)


def test_ids_are_kept_if_that_is_asked_for(run):
    """For a table that stays where the export is."""
    _, (table, refused) = run("--keep-ids", key="")
    assert b"\nsyn-01,lumbar,pvp,41.0," in table
    assert b",syn-09,not_assessed,excluded-condition" in refused


def test_without_a_key_nothing_is_hashed(run, monkeypatch):
    """A key that everybody knows hides nothing."""
    monkeypatch.delenv("SCNEN_SECRET_KEY", raising=False)
    result, (table, _) = run(key="")
    assert result.exit_code == 1
    assert "SCNEN_SECRET_KEY: not set" in result.output
    assert table == b""


def test_the_account_is_json_if_that_is_asked_for(run):
    """And text without it."""
    text, _ = run()
    assert "refused, under-age: 1" in text.output
    data, _ = run("--json")
    assert '"under-age": 1' in data.output


def test_outcomes_and_their_refused_rows_go_into_the_tables(run, tmp_path):
    """Given ones stand in the cohort, bad rows in the list."""
    file = tmp_path / "registry.csv"
    file.write_text("id,scnen,date\nsyn-01,1,2026-06-01\nsyn-02,maybe,\n", "utf-8")
    result, (table, refused) = run("--keep-ids", "--outcomes", str(file))
    assert result.exit_code == 0, result.output
    rows = {row["id"]: row for row in csv.DictReader(table.decode().splitlines()[1:])}
    assert (rows["syn-01"]["scnen"], rows["syn-02"]["scnen"]) == ("1", "")
    assert b'2,,outcomes: scnen,"must be 1, 0,' in refused


def test_faults_have_no_traceback(run, folder):
    """An export that cannot be read is a message."""
    (folder / "Export.ndjson").rename(folder / "Export.ndjson.gz")
    result, _ = run()
    assert result.exit_code == 1
    assert "Error: Export.ndjson.gz: cannot be read to its end" in result.output


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (("--client", "nort"), "--client"),
        (("--fhir-base", "https://a.example.org/fhir"), "In the cohort"),
        (("--client", "epic"), "In the cohort"),
    ],
)
def test_client_and_server_can_be_named(options, match, run):
    """A client that nobody knows is refused by its option."""
    result, _ = run(*options)
    assert match in result.output


def test_pieces_are_taken_as_they_are_needed(reader):
    """An export that is larger than memory is never read ahead of the work."""
    taken = []

    def pieces():
        for number in range(100):
            taken.append(number)
            yield []

    work = workers.assess_all(reader, pieces(), jobs=2)
    next(work)
    assert len(taken) <= 10
    work.close()


def test_an_error_of_a_scheduler_is_one_of_the_export(reader, monkeypatch):
    """So that the command can say it."""

    def refuse(*_, **__):
        raise ValueError

    monkeypatch.setattr("distributed.Client", refuse)
    with pytest.raises(ExportError, match="no Dask scheduler"):
        next(workers.assess_all(reader, [], scheduler="nonsense"))
