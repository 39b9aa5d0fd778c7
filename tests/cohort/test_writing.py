"""What is written can be read again, and says what it is."""

import csv
import io

import numpy as np
import pytest

from service.cohort import PatientCohort, Refusal, Source, read_cohort
from service.cohort.lines import KNOWN
from service.cohort.simulation import simulate
from service.cohort.writing import MEANINGS, write_cohort, write_refused
from service.model import load_bundled

RATIO = "cobb_restoration_ratio_percent"
NAN = float("nan")


def a_cohort(**changed):
    """Two patients, one of them complete."""
    made = {
        "ids": ("a", "b"),
        "columns": {
            "segment": np.array(["lumbar", ""]),
            "method": np.array(["pkp", "pvp"]),
            "cement_ratio_percent": np.array([1 / 3, NAN]),
            RATIO: np.array([50.0, NAN]),
            "cobb_postoperative_deg": np.array([6.0, NAN]),
            "cobb_preoperative_deg": np.array([12.0, 3.0]),
        },
        "scnen": np.array([1.0, NAN]),
        "others": {"ward, floor": np.array(['4 "east"', ""], dtype=object)},
        "refused": (),
        "source": Source("store", "x", "0" * 64),
        "dates": {"operation_date": np.array(["2026-03-02", "NaT"], "datetime64[D]")},
    }
    return PatientCohort(**made | changed)


def written(cohort, tmp_path):
    path = tmp_path / "out.csv"
    with path.open("w", newline="") as file:
        write_cohort(cohort, file)
    return path


def test_a_cohort_comes_back_as_it_was(tmp_path):
    """Every digit, every empty field, every further column."""
    cohort = a_cohort()
    again = read_cohort(written(cohort, tmp_path))
    assert again.ids == cohort.ids
    for name, column in cohort.columns.items():
        np.testing.assert_array_equal(again.columns[name], column)
    np.testing.assert_array_equal(again.scnen, cohort.scnen)
    np.testing.assert_array_equal(
        again.dates["operation_date"], cohort.dates["operation_date"]
    )
    assert again.others["ward, floor"].tolist() == ['4 "east"', ""]


def test_a_ratio_without_angles_gets_its_column(tmp_path):
    """Otherwise the angles say it."""
    columns = a_cohort().columns | {RATIO: np.array([50.0, 20.0])}
    path = written(a_cohort(columns=columns), tmp_path)
    assert read_cohort(path).columns[RATIO].tolist() == [50.0, 20.0]
    assert RATIO not in written(a_cohort(), tmp_path).read_text()


def test_a_synthetic_cohort_says_so_in_its_first_line(tmp_path):
    """And is read as such."""
    cohort = simulate(load_bundled("liu-nomogram"), 30, np.random.default_rng(3))
    path = written(cohort, tmp_path)
    assert path.read_text().startswith("# synthetic: drawn by a computer")
    assert read_cohort(path).source.is_synthetic


def test_patients_are_not_marked(tmp_path):
    """The table begins with its header."""
    assert written(a_cohort(), tmp_path).read_text().startswith("id,segment,method,")


def test_refused_rows_are_listed_fault_by_fault():
    """With row, pseudonym, column and reason."""
    target = io.StringIO()
    refused = [Refusal(1, "a", "scnen", "must be 1, 0"), Refusal(1, "a", "", "short")]
    write_refused(refused, target)
    assert target.getvalue().splitlines() == [
        "row,id,field,reason",
        '1,a,scnen,"must be 1, 0"',
        "1,a,,short",
    ]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_an_id_is_no_formula_to_a_spreadsheet(name):
    """Whoever looks at what was refused opens it there."""
    target = io.StringIO()
    write_refused([Refusal(1, name, "scnen", "must be 1 or 0")], target)
    assert list(csv.reader(io.StringIO(target.getvalue())))[1][1] == f"'{name}"


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_every_column_is_explained(name):
    """The template teaches what is read."""
    assert MEANINGS[name]


def test_warnings_stay_with_the_rows(tmp_path):
    """What the rows do not tell is told to whoever reads them later."""
    said = ("2 decisions found no operation", 'criteria: "study", as recorded')
    path = written(a_cohort(warnings=said), tmp_path)
    first, second, head, *_ = path.read_text().splitlines()
    assert first == "# warning: 2 decisions found no operation"
    assert head.startswith("id,segment")
    assert read_cohort(path).warnings[:2] == said
    assert second.startswith("# warning: criteria")


def test_warnings_of_a_file_that_a_spreadsheet_saved_are_read(tmp_path):
    """Which quotes the line and fills it up with commas."""
    path = written(a_cohort(warnings=("two, three",)), tmp_path)
    text = path.read_text().replace(
        "# warning: two, three", '"# warning: two, three",,'
    )
    path.write_text(text)
    assert read_cohort(path).warnings[0] == "two, three"


def test_a_warning_found_again_in_the_rows_is_told_once(tmp_path):
    """Reading computes those that can be computed."""
    columns = a_cohort().columns | {"cement_ratio_percent": np.array([0.52, 0.48])}
    once = read_cohort(written(a_cohort(columns=columns), tmp_path))
    assert len(once.warnings) == 1
    assert read_cohort(written(once, tmp_path)).warnings == once.warnings
