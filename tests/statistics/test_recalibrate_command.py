"""``scnen-cds recalibrate``: what it tells and refuses, and what the server shows."""

import csv
import json
import sys
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from click import ClickException
from click.testing import CliRunner

from service.app import create_app, example_request_file
from service.cli import main
from service.cli.recalibrate import recalibrate as command
from service.cli.recalibrating import Options, Target, run
from service.config import VARIABLES, Settings
from service.metrics import SHARED_FOLDER
from service.model import load_model
from tests.statistics.updating_reference import COHORT

TODAY = date(2026, 11, 30)


@pytest.fixture
def call():
    """Run the command."""

    def call(*arguments):
        return CliRunner().invoke(main, ["recalibrate", *map(str, arguments)])

    return call


@pytest.fixture
def fewer(tmp_path):
    """The first patients of the cohort, in a file of their own."""

    def fewer(n, *, dated=True):
        lines = COHORT.read_text("utf-8").splitlines()[: n + 2]
        if not dated:
            lines[1:] = [
                ",".join([a, *b]) for a, _, *b in (x.split(",") for x in lines[1:])
            ]
        path = tmp_path / "cohort.csv"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    return fewer


def test_it_says_what_was_tested_what_was_chosen_and_what_comes_next(call):
    """All p-values, the level and why, the odds factor, before and after."""
    result = call(COHORT)
    assert result.exit_code == 0, result.output
    for part in (
        "SYNTHETIC: nobody in this file is a patient",
        "660 patients, 149 with SCNEN (22.6%)",
        "40 not examined",
        "as-is          27.02   5  <0.001  told, decides nothing",
        "intercept       7.29   4   0.121",
        "slope           0.63   3   0.890",
        "Level: intercept: the closed test chooses it.",
        "odds factor x/: 1.22",
        "observed / expected         1  1.38",
        "No artifact was written",
    ):
        assert part in result.output


def test_a_slope_that_the_closed_test_does_not_see_is_pointed_out(call):
    """It looks at four coefficients at once; one alone says more."""
    assert "The slope before is 0.74 (0.55 to 0.93), not 1." in " ".join(
        call(COHORT).output.split()
    )


@pytest.mark.parametrize("is_written", [False, True])
def test_less_than_the_closed_test_asks_for_is_called_so(call, tmp_path, is_written):
    """An intercept alone is no remedy for slopes that are off."""
    path = tmp_path / "cohort.csv"
    first, head, *rows = COHORT.read_text("utf-8").splitlines()
    swap = {"pkp": "pedicle_screw", "pedicle_screw": "pkp"}
    fields = [row.split(",") for row in rows]
    changed = [",".join([*f[:3], swap.get(f[3], f[3]), *f[4:]]) for f in fields]
    path.write_text("\n".join([first, head, *changed]) + "\n", "utf-8")
    to = ["--out", tmp_path / "north-1.json", "--approved-by", "A"]
    result = call(path, "--level", "intercept", *(to if is_written else []))
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "The closed test asks for refit: intercept alone does not put right" in said


def test_slopes_are_shown_where_they_change(call):
    """Before and after, with what they were shrunk by."""
    slope, refit = (call(COHORT, "--level", each).output for each in ("slope", "refit"))
    assert "Slopes times 0.737." in slope
    assert "cement_ratio_percent            -0.0450  -0.0332" in slope
    assert "Slopes shrunk times 0.9" in refit


def test_more_than_the_patients_hold_is_refused(call, fewer):
    """With how many are missing."""
    result = call(fewer(300), "--level", "slope")
    assert result.exit_code == 1
    assert "slope is refused" in result.output
    assert "patients (" in result.output
    assert "these allow intercept" in result.output


def test_a_cohort_of_whom_nobody_was_examined_is_refused(call, fewer):
    """Nobody is taken for healthy."""
    path = fewer(30)
    first, head, *rows = path.read_text("utf-8").splitlines()
    rows = [row.rsplit(",", 1)[0] + "," for row in rows]
    path.write_text("\n".join([first, head, *rows]) + "\n", "utf-8")
    result = call(path)
    assert result.exit_code == 1
    assert "nobody was examined" in result.output
    assert "record what was found" in " ".join(result.output.split())


def test_three_events_are_refused(call, fewer):
    """Nothing can be estimated from them."""
    result = call(fewer(12))
    assert result.exit_code == 1
    assert "level: intercept is refused" in result.output


def written(call, folder, *options):
    """Write an artifact."""
    path = folder / "north-1.json"
    result = call(COHORT, "--out", path, "--approved-by", "A. Surgeon", *options)
    return result, path


def test_an_artifact_is_written_with_who_answers_for_it(call, tmp_path):
    """Days from the file, the last day two years after the approval."""
    result, path = written(
        call,
        tmp_path,
        "--approved-by",
        "B. Statistician",
        "--approved-on",
        "2026-10-01",
    )
    assert result.exit_code == 0, result.output
    assert f"SCNEN_MODEL={path}" in "".join(result.output.split("\n     "))
    model = load_model(path, may_be_expired=True)
    assert (model.id, model.version) == ("north", "1")
    calibration = model.calibration
    assert calibration.approved_by == ("A. Surgeon", "B. Statistician")
    assert calibration.valid_until == date(2028, 10, 1)
    assert calibration.first_operation >= date(2024, 1, 8)
    assert calibration.is_synthetic


def test_a_file_that_is_there_is_refused_with_the_next_name(call, tmp_path):
    """Before anything is computed."""
    (tmp_path / "north-1.json").write_text("kept")
    result, path = written(call, tmp_path)
    assert result.exit_code == 1
    assert "north-2.json" in result.output
    assert path.read_text() == "kept"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--valid-until", "2020-01-01"], "--valid-until: 2020-01-01 has passed"),
        (
            ["--approved-on", "2999-01-01"],
            "--approved-on: 2999-01-01 lies in the future",
        ),
    ],
)
def test_days_that_cannot_be_are_refused(call, tmp_path, options, message):
    """An expired artifact is not written at all."""
    result, path = written(call, tmp_path, *options)
    assert result.exit_code == 1
    assert message in result.output
    assert not path.exists()


def test_nobody_who_answers_for_it_is_refused(call, tmp_path):
    """A number that patients are shown has a name behind it."""
    result = call(COHORT, "--out", tmp_path / "north-1.json")
    assert result.exit_code == 1
    assert "--approved-by" in result.output


def test_operations_without_a_day_must_be_told(fewer, call, tmp_path):
    """The span of the patients is not guessed."""
    cohort = fewer(400, dated=False)
    path = tmp_path / "north-1.json"
    options = [cohort, "--out", path, "--approved-by", "A"]
    assert "--first-operation, --last-operation: give both" in call(*options).output
    days = ["--first-operation", "2024-01-01", "--last-operation", "2024-12-01"]
    assert call(*options, *days).exit_code == 0
    calibration = load_model(path, may_be_expired=True).calibration
    assert calibration.last_operation == date(2024, 12, 1)


def test_the_29th_of_february_expires_on_the_28th(tmp_path):
    """A year without one has no such day."""
    target = Target(tmp_path / "n-1.json", approved_by=("A. Surgeon",))
    _run(target, today=date(2028, 2, 29))
    model = load_model(target.file, may_be_expired=True)
    assert model.valid_until == date(2030, 2, 28)


def _run(target, name="liu-nomogram", file=COHORT, **how):
    how = {"level": "intercept", "today": TODAY} | how
    return run(file, Options(name, **how), target)


def test_the_same_file_and_day_give_the_same_bytes(tmp_path):
    """The date is passed in."""
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "north-1.json"
        _run(Target(path, approved_by=("A",)))
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_a_model_that_fits_is_kept_and_nothing_is_written(tmp_path, fewer):
    """A calibrated model that most of its patients do not reject."""
    first = tmp_path / "north-1.json"
    _run(Target(first, approved_by=("A",)), level="slope")
    second = Target(tmp_path / "north-2.json", approved_by=("A",))
    text = _run(second, name=str(first), level=None, file=fewer(600))
    assert "Level: as-is" in text
    assert "No artifact was written" in text
    assert not second.file.exists()


def test_the_patients_a_model_was_made_of_say_nothing_new_of_it(call, tmp_path):
    """It fits them by construction: its last day of use would only be put off."""
    first = tmp_path / "north-1.json"
    _run(Target(first, approved_by=("A",)))
    result, second = written(call, tmp_path / "2", "--model", first)
    assert result.exit_code == 1
    assert "north 1 was made of these patients; take others" in result.output
    assert not second.exists()


def test_on_a_model_of_synthetic_patients_nothing_real_is_built(tmp_path):
    """Its slopes may be drawn, and the new artifact would not say so."""
    first, real = tmp_path / "north-1.json", tmp_path / "cohort.csv"
    _run(Target(first, approved_by=("A",)))
    text = COHORT.read_text("utf-8").split("\n", 1)[1].replace("SYN-", "R")
    real.write_text(text, "utf-8")
    with pytest.raises(ClickException, match="north 1 was made of synthetic patients"):
        _run(Target(), name=str(first), file=real)


def test_ratios_that_look_like_fractions_are_refused(call, fewer):
    """An intercept estimated on 0.52 would be 2.3 off for everybody with 52 %."""
    path = fewer(400)
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()[1:]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            ratio = row["cement_ratio_percent"]
            fraction = ratio and float(ratio) / 100
            writer.writerow(row | {"cement_ratio_percent": fraction})
    result = call(path)
    assert result.exit_code == 1
    assert "The column is in per cent: 52, not 0.52." in result.output
    assert "correct it, or take these rows out" in result.output


def test_without_a_closed_test_the_artifact_names_none(call, fewer, tmp_path):
    """Nobody with a thoracic fracture has SCNEN here: there is no refit to test."""
    cohort, path = fewer(400), tmp_path / "north-1.json"
    first, *lines = cohort.read_text("utf-8").splitlines()
    kept = [line for line in lines if not ("thoracic" in line and line[-1] == "1")]
    cohort.write_text("\n".join([first, *kept]) + "\n", "utf-8")
    result = call(cohort, "--out", path, "--approved-by", "A")
    assert result.exit_code == 0, result.output
    assert "no closed test: the predictors separate" in " ".join(result.output.split())
    calibration = load_model(path, may_be_expired=True).calibration
    assert "no closed test" in calibration.method
    assert calibration.tests == ()


def test_a_row_with_several_faults_is_refused_once(call, fewer):
    """Faults are not rows."""
    path = fewer(400)
    lines = path.read_text("utf-8").splitlines()
    fields = lines[2].split(",")
    lines[2] = ",".join([fields[0], *["?"] * (len(fields) - 1)])
    path.write_text("\n".join(lines) + "\n", "utf-8")
    assert "400 rows, 1 refused" in call(path).output


def test_missing_packages_are_named_with_the_remedy(call, monkeypatch):
    """The statistics are an extra."""
    monkeypatch.setitem(sys.modules, "service.cli.recalibrating", None)
    result = call(COHORT)
    assert result.exit_code == 1
    assert "pip install 'scnen-cds[validation]'" in result.output


def test_a_model_that_does_not_exist_is_refused(call):
    """With its name."""
    result = call(COHORT, "--model", "nothing.json")
    assert result.exit_code == 1
    assert "nothing.json" in result.output
    assert command.name == "recalibrate"


def test_the_server_shows_what_was_recalibrated_until_its_last_day(
    tmp_path, monkeypatch
):
    """From the cohort to the card and back to points, in one go."""
    for name in [*VARIABLES, SHARED_FOLDER]:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "north-1.json"
    # The patients are drawn; the mark is taken off, as for those of a hospital.
    real = tmp_path / "cohort.csv"
    text = COHORT.read_text("utf-8").split("\n", 1)[1]
    real.write_text(text.replace("SYN-", "R"), "utf-8")
    target = Target(path, ("A. Surgeon",), valid_until=date(2026, 3, 10))
    _run(target, file=real, level=None, today=date(2026, 1, 5))
    now = datetime(2026, 3, 10, 23, 59, tzinfo=UTC)
    settings = replace(
        Settings.from_env(is_open=True), model=str(path), output_mode="calibrated"
    )
    client = create_app(settings, clock=lambda: now).test_client()

    def card():
        body = example_request_file().read_bytes()
        answer = client.post(
            "/cds-services/scnen-discharge", data=body, content_type="application/json"
        )
        return json.loads(answer.data)["cards"][0]

    first = card()
    assert "recalibrated here" in first["summary"]
    assert "149 of 660 patients), valid until 2026-03-10" in first["detail"]
    now = datetime(2026, 3, 11, 0, 0, tzinfo=UTC)
    assert "expired on 2026-03-10" in card()["detail"]
