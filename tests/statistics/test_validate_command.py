"""``scnen-cds validate``: numbers as R has them, files, reproducibility, refusals."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from service.cli import main
from service.model.artifact import canonical_digest
from service.model.documents import render
from service.validation.discrimination import auc
from service.validation.weights import examination_weights
from tests.statistics.discrimination_reference import logit_interval, reference

DATA = Path(__file__).parent / "data"
COHORT = DATA / "synthetic340.csv"
#: What the table records beside the columns of a cohort.
GROUPS = ("--subgroup", "sex", "--subgroup", "age_years:65,75")


def run(file, out, *words, resamples=3):
    first = ["validate", file, "--out", out, "--resamples", resamples]
    return CliRunner().invoke(main, [*map(str, first), *map(str, words)])


def results(out):
    return json.loads((out / "results.json").read_text("utf-8"))


def rewritten(target, change, *, keep=lambda number, row: True):
    """Copy the cohort, each row changed in place."""
    with COHORT.open(encoding="utf-8", newline="") as file:
        rows = [
            row for number, row in enumerate(csv.DictReader(file)) if keep(number, row)
        ]
    for number, row in enumerate(rows):
        change(number, row)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return target


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    """What was printed and written."""
    out = tmp_path_factory.mktemp("validated") / "report"
    return run(COHORT, out, *GROUPS, resamples=5), out


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the pictures, which take longer than all the rest."""
    names = ("roc", "calibration", "decision", "points", "predictors")
    monkeypatch.setattr(
        "service.validation.report.draw_all", lambda *_, **__: dict.fromkeys(names, "")
    )


@pytest.fixture(scope="module")
def numbers(validated):
    """Every number of it."""
    printed, out = validated
    assert printed.exit_code == 0, printed.output
    return results(out)


def test_results_have_the_keys_that_were_agreed_on(numbers):
    """Programs of hospitals read them; more may come, none may go."""
    assert {
        "n", "events", "auc", "auc_ci", "calibration", "brier", "net_benefit",
        "predictors",
    } <= set(numbers)  # fmt: skip
    assert {
        "intercept_in_the_large", "slope", "observed_expected", "ici", "e50", "e90",
        "emax",
    } <= set(numbers["calibration"])  # fmt: skip
    assert all(
        {"threshold", "model", "treat_all"} <= set(each)
        for each in numbers["net_benefit"]
    )
    assert all(
        {"name", "auc", "p_against_model"} <= set(each)
        for each in numbers["predictors"]
    )


def test_thresholds_go_from_1_to_80_per_cent(numbers):
    """In steps of one."""
    given = [each["threshold"] for each in numbers["net_benefit"]]
    assert given == [k / 100 for k in range(1, 81)]


def test_area_and_interval_are_procs(numbers):
    """On the logit scale, from pROC's error."""
    expected = reference("discrimination")["cohort"]["risk"]
    assert numbers["auc"] == pytest.approx(expected["auc"], rel=1e-9)
    assert numbers["auc_ci"] == pytest.approx(logit_interval(expected), rel=1e-8)
    assert (numbers["n"], numbers["events"]) == (340, 78)


def test_predictors_are_compared_as_by_proc(numbers):
    """`roc.test` of each against the model."""
    expected = reference("discrimination")["cohort"]["predictors"]
    for each in numbers["predictors"]:
        of_r = expected[each["name"]]
        assert each["auc"] == pytest.approx(of_r["first"], rel=1e-9)
        assert each["p_against_model"] == pytest.approx(of_r["p"], rel=1e-7)


def test_calibration_is_that_of_val_prob(numbers):
    """The table's risks have ten digits."""
    expected = reference("calibration")["synthetic"]
    found, of_r = numbers["calibration"], expected["val_prob"]
    wanted = {
        "intercept_in_the_large": expected["large"]["value"],
        "slope": of_r["Slope"],
        "ici": of_r["Eavg"],
        "e90": of_r["E90"],
        "emax": of_r["Emax"],
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, rel=1e-6)
    assert numbers["brier"] == pytest.approx(of_r["Brier"], rel=1e-8)


def test_observed_over_expected_is_a_ratio_of_sums(numbers):
    """78 events over the sum of the risks."""
    risk = np.loadtxt(COHORT, delimiter=",", skiprows=1, usecols=7)
    expected = pytest.approx(78 / risk.sum(), rel=1e-8)
    assert numbers["calibration"]["observed_expected"] == expected


def test_net_benefit_is_that_of_its_definition_in_r(numbers):
    """True positives less false positives at the odds of the threshold."""
    expected = reference("utility")["cohort"]
    for name in ("model", "treat_all"):
        found = [each[name] for each in numbers["net_benefit"]]
        assert found == pytest.approx(expected[name], rel=1e-9, abs=1e-12)


def test_curves_are_written_as_tables(validated, numbers):
    """One file each, with the same numbers."""
    _, out = validated
    tables = {}
    for path in out.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            tables[path.stem] = list(csv.DictReader(file))
    assert set(tables) == {"roc", "calibration", "decision", "recalibrated"}
    model = [float(row["model"]) for row in tables["decision"]]
    assert model == [each["model"] for each in numbers["net_benefit"]]


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_same_seed_gives_the_same_bytes(validated, tmp_path, monkeypatch, jobs):
    """Every file, whatever the number of processes and what each takes at a time."""
    monkeypatch.setattr("service.validation.resampling._BATCH", 2)
    _, out = validated
    run(COHORT, tmp_path / "again", *GROUPS, "--jobs", jobs, resamples=5)
    for path in out.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.usefixtures("undrawn")
def test_another_seed_gives_other_intervals_and_the_same_figures(numbers, tmp_path):
    """Chance is in the resamples alone."""
    run(COHORT, tmp_path / "other", "--seed", 2)
    other = results(tmp_path / "other")
    assert other["brier"] == numbers["brier"]
    assert other["brier_ci"] != numbers["brier_ci"]


def test_the_terminal_says_what_was_found_and_what_to_do(validated):
    """Too low, and too few patients: both are to be acted on."""
    printed, out = validated
    text = " ".join(printed.output.split())
    ratio = 78 / np.loadtxt(COHORT, delimiter=",", skiprows=1, usecols=7).sum()
    for words in (
        "340 rows: 0 refused, 0 not examined (0.0%), 0 incomplete; 340 patients, 78",
        "Discrimination: AUC 0.752 (95 % interval 0.688 to 0.807).",
        f"TO DO Risks are too low here: observed over expected cases {ratio:.2f}",
        "TO DO Precision: 340 patients with 78 cases are not enough",
        f"written to {out}",
    ):
        assert words in text


def test_subgroups_are_those_asked_for_and_segment_and_method(numbers):
    """Cuts make groups of a quantity; numbers are R's."""
    found = {(each["grouping"], each["label"]): each for each in numbers["subgroups"]}
    groupings = list(dict.fromkeys(name for name, _ in found))
    assert groupings == ["segment", "method", "sex", "age_years"]
    expected = reference("discrimination")["cohort"]["subgroups"]["65 to below 75"]
    middle = found["age_years", "65 to below 75"]
    assert middle["auc"] == pytest.approx(expected["auc"]["auc"], rel=1e-9)


def test_a_group_with_few_events_is_named_without_numbers(numbers):
    """Nothing is read into three events."""
    (found,) = [e for e in numbers["subgroups"] if e["label"] == "pedicle_screw"]
    assert set(found) == {"grouping", "label", "note"}
    assert "fewer than 10" in found["note"]


@pytest.mark.usefixtures("undrawn")
def test_who_was_not_examined_is_counted_and_left_out(tmp_path):
    """Empty is not 0; nor is a patient without a predictor guessed at."""

    def empty(number, row):
        row["scnen" if number < 30 else "cement_ratio_percent"] *= number >= 35

    printed = run(rewritten(tmp_path / "c.csv", empty), tmp_path / "out")
    found = results(tmp_path / "out")
    assert (found["cohort"]["not_examined"], found["cohort"]["incomplete"]) == (30, 5)
    assert found["n"] == 305
    assert "30 not examined (8.8%), 5 incomplete" in printed.output
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "30 more (8.8 %) were not examined" in report


def is_skipped(is_lumbar, number):
    """Tell who was not examined: every third lumbar patient, every ninth other."""
    return (number % 3 == 0) & (is_lumbar | (number % 9 == 0))


@pytest.fixture(scope="module")
def weighed(tmp_path_factory):
    """Fewer of the lumbar patients were examined, and those examined are weighted."""
    folder = tmp_path_factory.mktemp("weighed")

    def skip(number, row):
        if is_skipped(row["segment"] == "lumbar", number):
            row["scnen"] = ""

    file = rewritten(folder / "cohort.csv", skip)
    assert run(file, folder / "out", "--weigh-examined").exit_code == 0
    return folder / "out"


def test_the_examined_are_weighted_to_stand_for_all(weighed, scored):
    """The area is that of the weights, and it is said how much they cost."""
    examined = ~is_skipped(scored.design[:, 0] == 1, np.arange(340))
    found = results(weighed)
    by = examination_weights(scored.design, examined)
    area = auc(scored.outcome[examined], scored.risk[examined], weights=by.weights)
    assert found["auc"] == pytest.approx(area)
    assert found["cohort"]["is_weighted"]
    effective = found["cohort"]["effective_sample_size"]
    assert effective == pytest.approx(by.effective_sample_size)
    assert effective < found["n"]


def test_what_takes_no_weights_is_left_out_or_says_so(weighed):
    """Hosmer-Lemeshow; counts and dots are of the patients as they are."""
    found = results(weighed)["calibration"]
    assert found["hosmer_lemeshow"] is None
    assert found["mean_absolute_error_after_recalibration"] is None
    report = (weighed / "report.html").read_text("utf-8")
    assert "Ratios and areas are weighted, counts are not" in report
    assert "as precise as" in report


@pytest.mark.usefixtures("undrawn")
def test_few_events_show_two_intervals(tmp_path):
    """DeLong's and the bootstrap's, in the report and as numbers."""
    file = rewritten(
        tmp_path / "c.csv", lambda n, row: row.update(scnen=row["scnen"] * (n < 170))
    )
    assert run(file, tmp_path / "out").exit_code == 0
    found = results(tmp_path / "out")
    assert found["events"] < 50
    assert found["auc_ci_bootstrap"] != found["auc_ci"]
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "AUC, interval by bootstrap" in report


def test_synthetic_patients_are_called_so_everywhere(tmp_path):
    """Terminal, report, each picture, and numbers."""
    file = rewritten(tmp_path / "c.csv", lambda n, row: row.update(id=f"SYN-{n}"))
    printed = run(file, tmp_path / "out")
    assert printed.output.startswith("SYNTHETIC patients: for demonstration only")
    assert results(tmp_path / "out")["cohort"]["is_synthetic"] is True
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "These patients are synthetic" in report
    assert report.count(': SYNTHETIC patients"') == 5


@pytest.mark.usefixtures("undrawn")
def test_the_prevalence_of_the_population_is_told(tmp_path):
    """The curve is of that population, everything else of these patients."""
    run(COHORT, tmp_path / "out", "--prevalence", 0.05)
    found = results(tmp_path / "out")
    assert (found["prevalence"], found["is_population_prevalence"]) == (0.05, True)
    assert found["net_benefit"][4]["treat_all"] == pytest.approx(0, abs=1e-12)
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "at an incidence of 5 % in the population" in report


@pytest.mark.usefixtures("undrawn")
def test_a_model_whose_day_has_passed_can_be_validated(tmp_path):
    """How else would it be renewed?"""
    words = ["recalibrate", DATA / "updating700.csv", "--out", tmp_path / "old-1.json"]
    words += ["--approved-by", "A", "--valid-until", "2099-01-01"]
    assert CliRunner().invoke(main, list(map(str, words))).exit_code == 0
    content = json.loads((tmp_path / "old-1.json").read_text("utf-8"))
    calibration = content["calibration"] | {
        "approved_on": "2020-01-01", "valid_until": "2021-01-01",
        "first_operation": "2018-01-01", "last_operation": "2019-01-01",
    }  # fmt: skip
    content["calibration"] = calibration
    content["digest"] = canonical_digest(content)
    (tmp_path / "old-2.json").write_bytes(render(content))
    printed = run(COHORT, tmp_path / "out", "--model", tmp_path / "old-2.json")
    assert printed.exit_code == 0, printed.output


def nobody(number, row):
    row["cement_ratio_percent"] = ""


def nine(number, row):
    nine.seen += row["scnen"] == "1"
    row["scnen"] = "0" if nine.seen > 9 else row["scnen"]


nine.seen = 0


@pytest.mark.parametrize(
    ("change", "words", "message"),
    [
        (nobody, (), "nobody has all predictors of liu-nomogram"),
        (nine, (), "outcome: 9"),
        (lambda n, row: row.update(scnen="0"), (), "outcome: "),
        (
            lambda n, row: row.update(scnen=""),
            (),
            "was examined: an empty scnen is not 0",
        ),
        (lambda n, row: row.update(sex=f"s{n}"), ("--subgroup", "sex"), "labels are"),
        (None, ("--subgroup", "weight"), "--subgroup: no column weight; there are age"),
        (None, ("--subgroup", "cement_ratio_percent"), "is a quantity: give cuts"),
        (None, ("--subgroup", "sex:1,2"), "cuts and values must be numbers"),
        (None, ("--subgroup", "age_years:x"), "cuts and values must be numbers"),
        (None, ("--subgroup", "age_years:75,65"), "age_years: cuts must be finite"),
        (None, ("--model", "nothing.json"), "nothing.json: file: cannot be read"),
        (None, ("--weigh-examined", "--model", str(COHORT)), "synthetic340.csv"),
        (None, ("--prevalence", "7"), "--prevalence"),
        (None, ("--resamples", "1"), "--resamples"),
        (None, ("--jobs", "0"), "--jobs"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path, change, words, message):
    """Field and remedy are named, and nothing is written."""
    file = COHORT if change is None else rewritten(tmp_path / "c.csv", change)
    printed = run(file, tmp_path / "out", *words)
    assert printed.exit_code != 0
    assert message in printed.output
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_cohort_is_refused(tmp_path):
    """As `cohort check` does it, without what would steer a terminal."""
    (tmp_path / "c\x1b[31m.csv").write_text("id;scnen\n", "utf-8")
    printed = run(tmp_path / "c\x1b[31m.csv", tmp_path / "out")
    assert "separated by semicolons" in printed.output
    assert "\x1b" not in printed.output


def test_a_folder_that_exists_is_refused_before_anything_is_computed(tmp_path):
    """Reports are never overwritten."""
    printed = run(COHORT, tmp_path)
    assert printed.exit_code == 1
    assert "exists; name a new folder" in printed.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_computed(tmp_path):
    """A file stands where a folder should be."""
    (tmp_path / "file").write_text("kept", "utf-8")
    printed = run(COHORT, tmp_path / "file" / "out")
    assert "out cannot be written" in printed.output


@pytest.mark.usefixtures("undrawn")
def test_half_a_report_is_not_left_behind(tmp_path, monkeypatch):
    """A disk that is full takes the folder away again."""

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    printed = run(COHORT, tmp_path / "out")
    assert "cannot be written: No space left on device" in printed.output
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("undrawn")
def test_a_folder_that_came_meanwhile_is_left_alone(tmp_path, monkeypatch):
    """Somebody else's report stands there by now."""

    def late(*_, **__):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "theirs").write_text("kept", "utf-8")
        return {}

    monkeypatch.setattr("service.cli.validating.curves_of", late)
    printed = run(COHORT, tmp_path / "out")
    assert "cannot be written: File exists" in printed.output
    assert (tmp_path / "out" / "theirs").read_text("utf-8") == "kept"


def test_missing_packages_are_named_with_the_remedy(tmp_path, monkeypatch):
    """The statistics are an extra."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in ("cli.validating", "validation.report", "validation.pictures"):
        monkeypatch.delitem(sys.modules, f"service.{name}", raising=False)
    monkeypatch.delitem(sys.modules, "service.validation.svg", raising=False)
    printed = run(COHORT, tmp_path / "out")
    assert "pip install 'scnen-cds[validation]'" in printed.output


def test_fractions_for_per_cents_are_refused(tmp_path):
    """A report on them would blame the model."""

    def divide(_, row):
        row["cement_ratio_percent"] = str(float(row["cement_ratio_percent"]) / 100)

    table = rewritten(tmp_path / "fractions.csv", divide)
    refused = run(table, tmp_path / "report")
    assert refused.exit_code == 1
    assert "cement_ratio_percent" in refused.output
    assert not (tmp_path / "report").exists()


def test_the_patients_a_model_was_made_of_are_refused(tmp_path):
    """On them every recalibration looks right."""
    artifact = tmp_path / "north-1.json"
    arguments = ["recalibrate", COHORT, "--level", "intercept", "--out", artifact]
    arguments += ["--approved-by", "A", "--first-operation", "2024-01-01"]
    arguments += ["--last-operation", "2025-01-01"]
    made = CliRunner().invoke(main, list(map(str, arguments)))
    assert made.exit_code == 0, made.output
    refused = run(COHORT, tmp_path / "report", "--model", artifact)
    assert refused.exit_code == 1
    assert "was made of these patients" in " ".join(refused.output.split())


def test_the_tables_warnings_are_told_and_written(tmp_path, undrawn):
    """What a reader must know before believing a figure."""

    def dated(_, row):
        row["operation_date"], row["outcome_date"] = "2024-01-10", "2024-02-10"

    table = rewritten(tmp_path / "early.csv", dated)
    printed = run(table, tmp_path / "report")
    assert printed.exit_code == 0, printed.output
    assert "warning: " in printed.output
    assert any(
        "follow-up" in each
        for each in results(tmp_path / "report")["cohort"]["warnings"]
    )


def test_net_benefit_has_its_limits_at_each_threshold(validated, numbers):
    """In the results as in the table: model, all, standardised, and the gain."""
    _, out = validated
    names = {
        f"{name}_{end}"
        for name in ("model", "treat_all", "standardised", "gain")
        for end in ("low", "high")
    }
    with (out / "decision.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, each in zip(rows, numbers["net_benefit"], strict=True):
        assert {"threshold", "model", "treat_all"} | names <= set(each)
        assert {name: float(row[name]) for name in names} == {
            name: each[name] for name in names
        }
        assert each["model_low"] <= each["model_high"]


def test_the_useful_range_is_as_wide_as_the_limits_leave_it(numbers):
    """What is sure lies in what is possible."""
    useful = numbers["useful_range"]
    assert set(useful) == {"found", "surely", "possibly"}
    low, high = useful["possibly"]
    assert low <= useful["found"][0] < useful["found"][1] <= high
