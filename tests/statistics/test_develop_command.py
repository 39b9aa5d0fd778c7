"""``scnen-cds develop``: files, words and refusals; the commands of docs/develop.md."""

import csv
import json
import math
import re
import shlex
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.model.artifact import load_model
from tests.statistics.development_reference import DEVELOP
from tests.statistics.test_report import Elements

DOCS = Path(__file__).parents[2] / "docs" / "develop.md"
FEW = "segment,cement_ratio_percent,cobb_postoperative_deg,leakage"


def run(*words):
    return CliRunner().invoke(main, ["develop", *map(str, words)])


def quick(out, *words, file=DEVELOP):
    """Develop from four candidates with two bootstrap samples."""
    first = ("--seed", 1, "--bootstrap", 2, "--candidates", FEW)
    return run(file, "--out", out, *first, *words)


@pytest.fixture(scope="module")
def north(tmp_path_factory):
    """A model from all patients: what was printed, and the folder."""
    out = tmp_path_factory.mktemp("models") / "north"
    return quick(out, "--bootstrap-only"), out


def results(folder):
    return json.loads((folder / "results.json").read_text("utf-8"))


def report(folder):
    return (folder / "report.html").read_text("utf-8")


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rewritten(target, change):
    """Copy the cohort, each row changed."""
    with DEVELOP.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        change(number, row)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return target


def test_the_server_can_load_the_artifact(north):
    """It is a model of the schema, named after its folder, anchored to its patients."""
    found, out = north
    assert found.exit_code == 0, found.output
    model = load_model(out / "model.json", today=date(2026, 1, 1))
    assert (model.id, model.mode) == ("north", "anchored")
    assert (model.incidence.events, model.incidence.n) == (76, 340)
    assert "SYNTHETIC" in model.label


def test_the_artifact_has_the_numbers_of_the_results(north):
    """Coefficients and intercept, to eight digits; percentiles rise."""
    _, out = north
    model = load_model(out / "model.json")
    rows = results(out)["model"]["model"]
    assert model.coefficients == pytest.approx([row["value"] for row in rows])
    assert list(model.quantiles) == sorted(set(model.quantiles))


def test_the_other_reading_is_corrected_for_optimism(north):
    """Slopes times the corrected slope, never more than as fitted."""
    _, out = north
    (variant,) = load_model(out / "model.json").variants
    slope = results(out)["model"]["optimism"]["corrected"]["slope"]
    assert variant.shrinkage == pytest.approx(min(1.0, slope), abs=0.001)


def test_synthetic_patients_are_called_so(north):
    """Nobody takes a demonstration for a result."""
    found, out = north
    assert found.output.count("SYNTHETIC") == 1
    assert report(out).count(": SYNTHETIC patients") == 6
    assert "SYNTHETIC" in (out / "tripod-ai.md").read_text("utf-8")


def test_the_checklist_has_every_item_and_marks_the_authors(north):
    """TRIPOD+AI has 27 items, 52 with their parts; the program knows some."""
    _, out = north
    answers = results(out)["tripod_ai"]
    assert len(answers) == 52
    numbers = [int(re.match(r"\d+", each["item"])[0]) for each in answers]
    assert sorted(set(numbers)) == list(range(1, 28))
    unfilled = [each for each in answers if not each["is_filled"]]
    assert unfilled
    assert all(each["answer"].startswith("author") for each in unfilled)


def test_the_same_seed_gives_the_same_bytes(north, tmp_path, monkeypatch):
    """Whatever the number of processes, and what each takes at a time."""
    monkeypatch.setattr("service.validation.resampling._BATCH", 1)
    _, out = north
    assert quick(tmp_path / "north", "--bootstrap-only", "--jobs", 2).exit_code == 0
    assert len(list(out.iterdir())) == 10
    for path in out.iterdir():
        assert (tmp_path / "north" / path.name).read_bytes() == path.read_bytes()


def test_the_report_answers_the_four_questions(north):
    """One file that asks nothing of any other place; every part of the study's way."""
    _, out = north
    text = report(out)
    found = Elements(text)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(found.names)
    for name, value in found.attributes:
        assert "://" not in (value or "") or name.startswith("xmlns"), (name, value)
    for part in (
        "What was asked", "Who was in", "What was found", "What to do", "Baseline",
        "LASSO path", "λ1se", "Rad-score", "ackward elimination dropped",
        "profile-likelihood intervals", "Nomogram of the new model",
        "corrected for optimism", "How many patients it takes", "TRIPOD+AI",
        "For the author: 1",
    ):  # fmt: skip
        assert part in text, part


def test_ids_of_its_pictures_are_unique(north):
    """Six pictures on a page."""
    ids = [
        value for name, value in Elements(report(north[1])).attributes if name == "id"
    ]
    assert len(ids) == len(set(ids))


def test_every_curve_is_a_table(north):
    """Path, cross-validation, three curves and the nomogram, as in the results."""
    _, out = north
    model = results(out)["model"]
    path = table(out / "lasso_path.csv")
    assert [float(row["penalty"]) for row in path] == model["penalties"]
    assert [float(row["segment"]) for row in path] == [row[0] for row in model["path"]]
    decision = table(out / "decision.csv")
    curves = model["optimism"]["curves"]
    assert [float(row["corrected"]) for row in decision] == curves["decision"][
        "corrected"
    ]
    assert [row["threshold"] for row in decision][0::79] == ["0.01", "0.8"]
    for name in ("roc", "calibration"):
        assert len(table(out / f"{name}.csv")) == len(curves[name]["at"])
    assert len(table(out / "nomogram.csv")) == len(model["risks"])


def test_the_sample_size_is_that_of_a_model_of_which_nothing_is_known(north):
    """Riley's 15 % of what can be explained, not the study's own area."""
    model = results(north[1])["model"]
    share = 76 / 340
    null = share * math.log(share) + (1 - share) * math.log(1 - share)
    assert model["r_squared"] == pytest.approx(0.15 * (1 - math.exp(2 * null)))
    shrinkage = next(e for e in model["required"] if e["criterion"] == "shrinkage")
    explained = model["r_squared"]
    wanted = 5 / ((0.9 - 1) * math.log(1 - explained / 0.9))
    assert shrinkage["n"] == math.ceil(wanted)


def test_patients_that_give_no_predictor_are_reported(tmp_path):
    """Noise: the report says stop, and there is no curve of a model."""
    file = rewritten(
        tmp_path / "cohort.csv",
        lambda n, row: row.update(scnen=int(n % 4 == 0), leakage=n * 7919 % 101),
    )
    out = tmp_path / "none"
    found = run(
        file, "--out", out, "--seed", 1, "--bootstrap", 2, "--bootstrap-only",
        "--candidates", "leakage",
    )  # fmt: skip
    assert "no artifact: no candidate was selected" in found.output
    text = report(out)
    assert "<strong>Stop.</strong> No candidate was selected" in text
    assert "Decision curve" not in text
    assert {path.stem for path in out.glob("*.csv")} == {
        "lasso_path",
        "cross_validation",
    }


def test_nobody_examined_is_said_with_the_remedy(tmp_path):
    """An empty scnen is not 0."""
    file = rewritten(tmp_path / "cohort.csv", lambda n, row: row.update(scnen=""))
    found = quick(tmp_path / "out", file=file)
    assert found.exit_code == 1
    assert "nobody was examined" in found.output
    assert "record what was found" in found.output


def test_a_split_is_validated_and_advised_against(tmp_path):
    """The study's way is there; the command says which figure is better."""
    found = quick(tmp_path / "split")
    assert "--bootstrap-only" in found.output
    model = results(tmp_path / "split")["model"]
    assert (model["derivation"]["n"], model["validation"]["n"]) == (238, 102)
    assert 0.5 < model["validated"]["auc"] < 1


def test_a_predictor_the_server_does_not_extract_has_no_artifact(tmp_path):
    """The reason is printed, and the coefficients are in the results alone."""
    file = rewritten(
        tmp_path / "cohort.csv",
        lambda n, row: row.update(age_years=50 + 8 * int(row["scnen"]) + n % 23),
    )
    out = tmp_path / "aged"
    found = run(
        file, "--out", out, "--seed", 1, "--bootstrap", 2, "--bootstrap-only",
        "--candidates", "age_years,bmi",
    )  # fmt: skip
    assert "no artifact: the server does not extract age_years" in found.output
    assert not (out / "model.json").exists()
    assert results(out)["model"]["model"][0]["name"] == "age_years"


def test_a_folder_that_exists_is_refused(tmp_path):
    """Results are never overwritten."""
    found = quick(tmp_path)
    assert found.exit_code == 1
    assert "exists; name a new folder" in found.output


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("liu-nomogram", "is the name of a bundled model"),
        ("a b", "letters, digits, dots and hyphens"),
    ],
)
def test_a_folder_that_names_no_model_is_refused(tmp_path, name, words):
    """The artifact is named after it; nothing was computed."""
    assert words in quick(tmp_path / name).output
    assert not (tmp_path / name).exists()


def few_events(_, row):
    row["scnen"] = int(row["id"] in {"SYN-001", "SYN-002", "SYN-003"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (few_events, "smaller outcome group, and at least 20 are needed"),
        (lambda n, row: row.update(scnen=0), "0 patients to derive from"),
        (lambda n, row: row.update(leakage="none"), "leakage: is the same for all"),
        (
            lambda n, row: row.update(leakage=2 * float(row["cement_ratio_percent"])),
            "leakage: follows from the candidates before it",
        ),
        (lambda n, row: row.update(leakage=f"word {n}"), "leakage: has 340 different"),
        (lambda n, row: row.update(leakage=""), "no patient has them all"),
        (
            lambda n, row: row.update(
                cement_ratio_percent=float(row["cement_ratio_percent"]) / 100
            ),
            "cement_ratio_percent: all of its values (340 of 340) lie within 1 of 0",
        ),
    ],
    ids=[
        "3 events",
        "one class",
        "constant",
        "collinear",
        "names",
        "missing",
        "fractions",
    ],
)
def test_patients_that_support_no_model_are_refused(tmp_path, change, words):
    """The message names the column and the remedy; nothing is written."""
    file = rewritten(tmp_path / "cohort.csv", change)
    found = quick(tmp_path / "out", "--bootstrap-only", file=file)
    assert found.exit_code == 1
    assert words in found.output
    assert not (tmp_path / "out").exists()


def test_patients_without_a_candidate_are_left_out_and_counted(tmp_path):
    """Complete cases; who was not examined is no patient without the outcome."""

    def empty(number, row):
        if number < 8:
            row["leakage" if number < 5 else "scnen"] = ""

    file = rewritten(tmp_path / "cohort.csv", empty)
    quick(tmp_path / "out", "--bootstrap-only", file=file)
    model = results(tmp_path / "out")["model"]
    assert (model["incomplete"], model["not_examined"]) == (5, 3)
    assert model["derivation"]["n"] == 332
    assert {c["name"]: c["missing"] for c in model["candidates"]}["leakage"] == 5


def test_an_unknown_candidate_is_refused_with_those_there_are(tmp_path):
    """A slip of the pen costs no bootstrap."""
    found = run(DEVELOP, "--out", tmp_path / "x", "--seed", 1, "--candidates", "bim")
    assert "bim: no such candidate; there are segment" in found.output


def test_the_commands_of_the_page_run(tmp_path, monkeypatch):
    """docs/develop.md, with fewer samples and candidates than a reader would take."""
    monkeypatch.chdir(tmp_path)
    Path("cohort.csv").write_bytes(DEVELOP.read_bytes())
    commands = re.findall(
        r"^\$ scnen-cds develop (.+)$", DOCS.read_text("utf-8"), re.MULTILINE
    )
    assert len(commands) == 2
    for command in commands:
        words = shlex.split(command)
        words += ["--bootstrap", "1"]
        words += [] if "--candidates" in words else ["--candidates", FEW]
        found = run(*words)
        assert found.exit_code == 0, found.output
