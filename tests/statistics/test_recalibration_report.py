"""The report of a recalibration: what a committee reads, also where it is refused."""

import json
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from click import ClickException
from click.testing import CliRunner

from service.cli import main
from service.cli.recalibrating import Options, Target, run
from service.validation.artifact_files import write_new
from tests.statistics.test_recalibrate_command import TODAY
from tests.statistics.test_report import Elements
from tests.statistics.updating_reference import COHORT


def call(out, *words, file=COHORT):
    arguments = ["recalibrate", file, "--report", out, *words]
    return CliRunner().invoke(main, list(map(str, arguments)))


def results(folder):
    return json.loads((folder / "results.json").read_text("utf-8"))


def report(folder):
    return (folder / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def intercept(tmp_path_factory):
    """What is written of a recalibration that nobody has approved."""
    out = tmp_path_factory.mktemp("recalibrated") / "report"
    found = call(out)
    assert found.exit_code == 0, found.output
    assert f"written to {out}" in found.output
    return out


@pytest.fixture(scope="module")
def refit(tmp_path_factory):
    """The same with all coefficients estimated again."""
    out = tmp_path_factory.mktemp("refitted") / "report"
    assert call(out, "--level", "refit").exit_code == 0
    return out


def rows(tmp_path, keep):
    """Write a cohort of some of the rows, changed."""
    first, head, *lines = COHORT.read_text("utf-8").splitlines()
    path = tmp_path / "cohort.csv"
    kept = filter(None, (keep(number, line) for number, line in enumerate(lines)))
    path.write_text("\n".join([first, head, *kept]) + "\n", "utf-8")
    return path


def test_it_answers_the_four_questions(intercept):
    """What was asked, who was in, what was found, what to do."""
    text = report(intercept)
    for title in ("What was asked", "What was found", "What to do", "Who was in"):
        assert f"<h2>{title}</h2>" in text
    for part in (
        "these patients are synthetic".capitalize(),
        "660 patients of whom 149 had it",
        "40 more (5.7 %) were not examined",
        "told, decides nothing",
        "Level: intercept: the closed test chooses it.",
        "not 1. The closed test looks at all coefficients at once and did not see it",
        "What becomes of a risk",
        "No probability any more, without a restart",
    ):
        assert part in text, part


def test_it_is_one_file_that_asks_nothing_of_any_other_place(intercept):
    """Well formed, without script or address."""
    found = Elements(report(intercept))
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(found.names)
    for name, value in found.attributes:
        assert "://" not in (value or "") or name.startswith("xmlns"), (name, value)


def test_every_number_stands_in_the_results(intercept):
    """Closed test, gates, before and after; and who was in."""
    found = results(intercept)
    updated = found["recalibration"]
    assert updated["level"] == updated["closed_test"]["chosen"] == "intercept"
    assert [each["df"] for each in updated["closed_test"]["tests"]] == [5, 4, 3]
    assert updated["before"]["observed_expected"]["value"] == pytest.approx(
        1.38, abs=0.005
    )
    assert updated["after"]["observed_expected"]["value"] == pytest.approx(1)
    assert [each["level"] for each in found["gates"]] == ["intercept", "slope", "refit"]
    assert (found["cohort"]["n"], found["cohort"]["events"]) == (660, 149)
    assert found["refused"] is None
    assert found["artifact"] is None


def test_both_curves_are_tables(intercept):
    """Of the model as it is, and of the new one."""
    for name in ("before", "after"):
        head, *lines = (
            (intercept / f"calibration_{name}.csv").read_text("utf-8").splitlines()
        )
        assert head == "risk,observed,low,high"
        assert len(lines) == 101


def test_a_refit_says_how_much_it_was_shrunk(refit):
    """A risk has no single fate then, and no table of it."""
    assert "Slopes were shrunk times 0.9" in report(refit)
    assert "What becomes of a risk" not in report(refit)
    assert results(refit)["recalibration"]["shrinkage"]["resamples"] == 500


def test_the_same_seed_gives_the_same_bytes(refit, tmp_path):
    """Every file, whatever the number of processes."""
    call(tmp_path / "report", "--level", "refit", "--jobs", "2")
    for path in refit.iterdir():
        assert (tmp_path / "report" / path.name).read_bytes() == path.read_bytes()


def test_an_artifact_is_told_with_who_answers_for_it_and_its_last_day(tmp_path):
    """And from which day on the service gives no probability."""
    target = Target(tmp_path / "north-1.json", ("A. Surgeon",))
    run(COHORT, Options("liu-nomogram", TODAY, report=tmp_path / "report"), target)
    text = report(tmp_path / "report")
    assert "north-1.json, approved by A. Surgeon on 2026-11-30" in text
    assert "<dt>From the day after, 2028-12-01</dt>" in text
    told = results(tmp_path / "report")
    days = [told[name] for name in ("made_on", "approved_on", "valid_until")]
    assert days == ["2026-11-30", "2026-11-30", "2028-11-30"]


def test_the_report_says_on_which_day_it_was_made(intercept):
    """What it says of old patients and of the last day of use depends on it."""
    assert f"Made on {results(intercept)['made_on']}." in report(intercept)


def approved(tmp_path, file="north-1.json"):
    """Write an artifact and its report."""
    asked = Options("liu-nomogram", TODAY, report=tmp_path / "report")
    return run(COHORT, asked, Target(tmp_path / file, ("A. Surgeon",)))


def test_an_artifact_whose_report_cannot_be_written_is_not_written(
    tmp_path, monkeypatch
):
    """Nobody would know what it rests on."""

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ClickException, match="report cannot be written: No space left"):
        approved(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_that_cannot_be_written_has_no_report(tmp_path):
    """It would name a file that is not there."""
    with pytest.raises(ClickException, match="No such file"):
        approved(tmp_path, "nowhere/north-1.json")
    assert list(tmp_path.iterdir()) == []


def test_half_an_artifact_is_not_left_behind(tmp_path, monkeypatch):
    """Neither file nor report; the next attempt finds its name free."""

    class Full(BytesIO):
        def write(self, content):
            raise OSError(28, "No space left on device")

    def opened(path, mode):
        path.touch()
        return Full()

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(OSError, match="No space left"):
        write_new(tmp_path / "north-1.json", {})
    assert list(tmp_path.iterdir()) == []


def test_what_the_patients_do_not_allow_is_reported_with_what_they_lack(tmp_path):
    """The command ends with 1, and the committee reads why."""
    file = rows(tmp_path, lambda number, line: line if number < 300 else "")
    found = call(tmp_path / "report", "--level", "slope", file=file)
    assert found.exit_code == 1
    text = report(tmp_path / "report")
    assert "<strong>Stop.</strong> Refused, and nothing was changed" in text
    assert "more patients" in text
    assert "Keep the model you have" in text
    told = results(tmp_path / "report")
    assert told["recalibration"] is None
    assert "slope is refused" in told["refused"]
    assert not list((tmp_path / "report").glob("*.csv"))


def test_a_cohort_of_whom_nobody_was_examined_is_reported_too(tmp_path):
    """Without a single gate: nothing can be said of a share of SCNEN."""
    file = rows(tmp_path, lambda _, line: line.rsplit(",", 1)[0] + ",")
    assert call(tmp_path / "report", file=file).exit_code == 1
    text = report(tmp_path / "report")
    assert "nobody was examined" in text
    assert "The least, an intercept, takes 20 of each" in text
    assert results(tmp_path / "report")["gates"] == []


def test_a_model_that_fits_is_reported_as_kept(tmp_path):
    """Nothing changes, and no last day is made up."""
    first = tmp_path / "north-1.json"
    asked = Options("liu-nomogram", TODAY, level="slope")
    run(COHORT, asked, Target(first, ("A",)))
    file = rows(tmp_path, lambda number, line: line if number < 600 else "")
    report_of = Options(str(first), TODAY, report=tmp_path / "report")
    run(file, report_of, Target())
    text = report(tmp_path / "report")
    assert "The model stays as it is" in text
    assert "Nothing was written, and nothing changes" in text


def test_a_file_that_is_refused_has_no_report(tmp_path):
    """Only what was analysed is reported."""
    file = tmp_path / "cohort.csv"
    file.write_text("id;segment\n", "utf-8")
    assert call(tmp_path / "report", file=file).exit_code == 1
    assert not (tmp_path / "report").exists()


def test_a_report_is_never_written_over_another(tmp_path):
    """Nothing was computed."""
    found = call(tmp_path)
    assert found.exit_code == 1
    assert "exists; name a new folder" in found.output


def test_patients_of_long_ago_are_pointed_out():
    """With their days; the committee says whether they are like those who come."""
    old = Options("liu-nomogram", date(2031, 1, 1), level="intercept")
    said = " ".join(run(COHORT, old, Target()).split())
    assert "Operations, films and examinations change" in said
    assert "Operations, films" not in run(
        COHORT, Options("liu-nomogram", TODAY, level="intercept"), Target()
    )
