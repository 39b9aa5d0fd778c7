"""Two readers of the same films: pairs by id, agreement, risk; the command for it."""

import csv
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from service.cli import main
from service.cohort.table import read_cohort
from service.model.artifact import load_bundled
from service.policy import default_policy
from service.validation.agreement import (
    bland_altman,
    intraclass_correlation,
    within_subject_sd,
)
from service.validation.reading_error import risk_differences
from service.validation.two_readers import compare_readers

HEAD = "id,segment,method,cement_ratio_percent,cobb_preoperative_deg"
HEAD += ",cobb_postoperative_deg,scnen"
MODEL = load_bundled("liu-nomogram")
CUTS = (0.17, 0.25)


def rows_of(change=lambda number, row: None, n=12):
    """Measurements of some patients."""
    names = HEAD.split(",")
    rows = []
    for number in range(n):
        row = dict.fromkeys(names, "")
        row |= {"id": f"p{number}", "method": "pkp"}
        row["segment"] = "lumbar" if number % 3 else "thoracic"
        row["cement_ratio_percent"] = f"{30 + 3 * number}"
        row["cobb_preoperative_deg"] = f"{10 + number % 4}"
        row["cobb_postoperative_deg"] = f"{4 + number % 3}"
        change(number, row)
        rows.append(row)
    return rows


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEAD.split(","), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def other(number, row):
    """Read the cement ratio a little otherwise."""
    shift = (-3, 0, 2, 4)[number % 4]
    row["cement_ratio_percent"] = f"{30 + 3 * number + shift}"


@pytest.fixture
def anna(tmp_path):
    """The first reader's table."""
    return write(tmp_path / "anna.csv", rows_of())


@pytest.fixture
def ben(tmp_path):
    """The second reader's, in another order."""
    return write(tmp_path / "ben.csv", rows_of(other)[::-1])


def compare(anna, ben, model=MODEL):
    return compare_readers(model, read_cohort(anna), read_cohort(ben), cuts=CUTS)


def call(*words):
    return CliRunner().invoke(main, ["cohort", "readers", *map(str, words)])


def test_agreement_is_that_of_the_pairs_by_id(anna, ben):
    """The order of the rows does not matter."""
    first = 30 + 3.0 * np.arange(12)
    second = first + np.array([-3, 0, 2, 4] * 3)
    found = compare(anna, ben).readings[0]
    pairs = np.column_stack([first, second])
    assert (found.name, found.unit) == ("cement_ratio_percent", "%")
    assert found.differences == bland_altman(first, second)
    assert found.correlation == intraclass_correlation(pairs)
    assert found.within_subject_sd == within_subject_sd(pairs)


def test_the_risk_is_that_of_each_readers_measurements(anna, ben):
    """As `risk_differences` has it from the columns."""
    one, two = read_cohort(anna), read_cohort(ben)
    back = [two.ids.index(name) for name in one.ids]
    second = {name: column[back] for name, column in two.columns.items()}
    expected = risk_differences(MODEL, one.columns, second, cuts=CUTS)
    found = compare(anna, ben).risk
    assert (found.mean, found.largest) == (expected.mean, expected.largest)
    assert (found.bands == expected.bands).all()
    assert found.n == 12


def test_the_same_reader_twice_agrees_and_changes_nothing(anna):
    """No difference, no band that changes."""
    found = compare(anna, anna)
    assert found.risk.largest == 0
    assert found.risk.changed.value == 0
    assert all(each.correlation.agreement.value == 1 for each in found.readings)


def test_swapping_the_readers_turns_the_sign(anna, ben):
    """Second less first."""
    one, two = compare(anna, ben), compare(ben, anna)
    assert one.risk.mean == pytest.approx(-two.risk.mean)
    biases = [each.readings[0].differences.bias.value for each in (one, two)]
    assert biases[0] == pytest.approx(-biases[1])


def test_patients_of_one_reader_alone_are_counted(anna, tmp_path):
    """They are in no figure."""
    ben = write(tmp_path / "ben.csv", [*rows_of(other)[3:], *rows_of(n=14)[12:]])
    found = compare(anna, ben)
    assert (found.both, found.first_alone, found.second_alone) == (9, 3, 2)
    assert found.readings[0].differences.n == 9


def test_a_measurement_that_one_reader_lacks_is_no_pair(anna, tmp_path):
    """Nothing is imputed; the other quantities still count."""

    def lacks(number, row):
        other(number, row)
        if number < 2:
            row["cement_ratio_percent"] = ""

    found = compare(anna, write(tmp_path / "ben.csv", rows_of(lacks)))
    counts = {each.name: each.differences.n for each in found.readings}
    assert counts["cement_ratio_percent"] == 10
    assert counts["cobb_postoperative_deg"] == 12
    assert found.risk.n == 10


def no_ratio(_, row):
    row["cement_ratio_percent"] = ""


@pytest.mark.parametrize(
    ("change", "n", "message"),
    [
        (lambda n, row: row.update(id=f"q{n}"), 12, "has no id of the first"),
        (no_ratio, 12, "of nobody do both readers have all predictors"),
        (lambda n, row: row.update(method="pvp"), 12, "method: differs between the"),
        (other, 2, "cement_ratio_percent: readings: 2 films by 2 readers"),
    ],
)
def test_tables_that_do_not_belong_together_are_refused(
    anna, tmp_path, change, n, message
):
    """With the field that is to blame."""
    ben = write(tmp_path / "ben.csv", rows_of(change, n))
    with pytest.raises(ValueError, match=message):
        compare(anna, ben)
    printed = call(anna, ben)
    assert printed.exit_code == 1
    assert message.partition("(")[0] in printed.output


def test_the_command_tells_agreement_and_what_it_does_to_the_risk(anna, ben):
    """A line for each quantity, the error of a reading, the bands of the policy."""
    printed = call(anna, ben)
    assert printed.exit_code == 0, printed.output
    text = " ".join(printed.output.split())
    bands = default_policy().bands
    for words in (
        "12 patients of both readers; 0 of the first alone, 0 of the second alone",
        "cement_ratio_percent 12 0.9",
        "cobb_postoperative_deg 12 1.00"
        " (the same difference everywhere, no interval) 1.00",
        f"end at {bands.above_average:.0%}, {bands.high:.0%}",
        "largest difference",
    ):
        assert words in text


def test_the_numbers_come_as_json_too(anna, ben):
    """All of them, with the digests of model and tables; what is missing is null."""
    printed = call(anna, ben, "--json")
    told = json.loads(printed.output)
    found = compare(anna, ben)
    assert told["model"]["digest"] == MODEL.digest
    assert [each["source"] for each in told["tables"]] == ["anna.csv", "ben.csv"]
    assert told["readers"]["both"] == 12
    bias = told["readers"]["readings"][0]["differences"]["bias"]["value"]
    assert bias == found.readings[0].differences.bias.value
    assert told["readers"]["risk"]["bands"] == found.risk.bands.tolist()
    exact = told["readers"]["readings"][-1]["correlation"]["agreement"]
    assert exact["low"] is None
    assert exact["note"]


def test_refused_rows_and_synthetic_patients_are_told(tmp_path):
    """Neither is passed over in silence."""

    def drawn(number, row):
        other(number, row)
        row["id"] = f"SYN-{number}"
        if number == 0:
            row["cement_ratio_percent"] = "half"

    def plain(number, row):
        row["id"] = f"SYN-{number}"

    anna = write(tmp_path / "anna.csv", rows_of(plain))
    ben = write(tmp_path / "ben.csv", rows_of(drawn))
    printed = call(anna, ben)
    assert "SYNTHETIC patients" in printed.output
    assert "rows refused: 0 and 1; scnen-cds cohort check says why" in printed.output


def test_bands_are_those_of_the_policy_that_is_given(anna, ben, tmp_path):
    """And a policy that cannot be used is refused."""
    (tmp_path / "policy.yaml").write_text("bands: 3\n", "utf-8")
    printed = call(anna, ben, "--policy", tmp_path / "policy.yaml")
    assert printed.exit_code == 1
    assert "Error:" in printed.output


def test_missing_packages_are_named_with_the_remedy(anna, ben, monkeypatch):
    """The statistics are an extra."""
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    for name in list(sys.modules):
        if name.startswith(("service.validation.", "service.cli.cohort_reading")):
            monkeypatch.delitem(sys.modules, name)
    printed = call(anna, ben)
    assert "pip install 'scnen-cds[validation]'" in printed.output


def test_a_cohort_without_measurements_has_no_reading(anna):
    """A quantity that neither has is left out, not refused."""
    cohort = read_cohort(anna)
    empty = np.full(12, np.nan)
    columns = {**cohort.columns, "cobb_preoperative_deg": empty}
    found = compare_readers(MODEL, replace(cohort, columns=columns), cohort, cuts=CUTS)
    assert "cobb_preoperative_deg" not in [each.name for each in found.readings]
