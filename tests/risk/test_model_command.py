"""``scnen-cds model``: what an engineer and a statistician see."""

import json
import re

import pytest
from click.testing import CliRunner

from service.cli.model import model as command


@pytest.fixture
def run():
    """Run the command as a user would."""
    return _run


def _run(*arguments):
    return CliRunner().invoke(command, list(arguments), prog_name="model")


def test_show_gives_points_totals_and_warnings(run):
    """A table for a pencil with label, mode and limits, 80 columns wide."""
    result = run("show")
    assert result.exit_code == 0
    assert "Table 2 coefficients, rebuilt intercept" in result.output
    assert "anchored to the study's incidence, 41 of 237" in result.output
    assert "not the published nomogram" in result.output
    assert "without cement has no cement ratio: no score" in result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_show_can_be_used_with_a_pencil(run):
    """Lumbar 51, PVP 19, cement 40 % 64, restoration 30 % 60: 194, about 47 %."""
    output = run("show").output
    assert re.search(r"thoracic +lumbar\n +points +0 +51\n", output)
    assert re.search(r"total +180 +190 +200.*\n +risk % +35\.7 +43\.2 +51\.1", output)


def test_show_relative_gives_no_probability(run):
    """Output mode relative: percentiles only, in words and in JSON."""
    output = run("show", "--relative").output
    assert "relative (percentiles of a simulated cohort, no probability)" in output
    assert "risk %" not in output
    assert "percentage" not in output
    found = json.loads(run("show", "--relative", "--json").output)
    assert found["mode"] == "relative"
    assert set(found["totals"][0]) == {"total_points", "percentile"}
    assert set(found["rounding"]) == {"points"}


def test_show_as_json_has_the_same_table(run):
    """Points, totals, risks, warnings and source for another program."""
    found = json.loads(run("show", "--model", "liu-table2", "--json").output)
    assert found["model"]["id"] == "liu-table2"
    assert found["points"]["segment"][1] == {"value": "lumbar", "points": 51}
    assert found["totals"][0]["risk"] < found["totals"][-1]["risk"]
    assert found["warnings"]


def test_show_takes_a_calibrated_file(run, saved, calibrated):
    """A local model is shown with its basis and its last day."""
    calibrated["calibration"]["valid_until"] = "2999-12-31"
    output = run("show", str(saved(calibrated))).output
    assert "calibrated on 412 local patients" in output
    assert "valid until 2999-12-31" in output


def test_show_refuses_a_damaged_file(run, shipped, saved):
    """One line with file and field, no traceback."""
    content = shipped()
    content["predictors"][2]["unit"] = "1"
    result = run("show", str(saved(content)))
    assert result.exit_code == 1
    assert "predictors[2].unit: must be %" in result.output


def test_show_refuses_two_models(run, shipped, saved):
    """A file and a name together are a mistake."""
    result = run("show", str(saved(shipped())), "--model", "liu-table2")
    assert result.exit_code == 2
    assert "not both" in result.output


def test_derive_prints_the_whole_chain(run):
    """Intercepts, what moves them, checks beside the published figures."""
    result = run("derive")
    assert result.exit_code == 0
    for figure in (
        r"mean risk = 41/237 +2\.048",
        r"mean risk = 60/340 +2\.077",
        r"mean risk = 70/340 +2\.305",
        r"between 1\.92 and 2\.",
        r"PVP 2, PKP 3 +0\.280 +0\.272",
        r"AUC +0\.776 +0\.795",
        r"lumbar fracture +0\.88 +0\.90",
        r"cobb_postoperative_deg +0\.0485 +0\.0523",
        r"band differently|different bands: 15%",
    ):
        assert re.search(figure, result.output), figure
    assert max(map(len, result.output.splitlines())) <= 80


def test_derive_one_model_as_json(run):
    """The numbers of the text, unrounded."""
    found = json.loads(run("derive", "--model", "liu-table2", "--json").output)
    (only,) = found["models"]
    assert only["model"] == "liu-table2"
    assert only["intercepts"][0]["intercept"] == pytest.approx(1.431, abs=5e-4)
    assert only["dependence"] == []
    assert found["different_bands"] is None


def test_derive_one_model_as_text(run):
    """Without a second model there is nothing to compare bands with."""
    output = run("derive", "--model", "liu-table2").output
    assert "see liu-nomogram" in output
    assert "bands" not in output


def test_derive_writes_and_does_not_overwrite(run, tmp_path):
    """The first run writes, the second finds the same, a changed file stays."""
    arguments = ("derive", "--model", "liu-nomogram", "--write", str(tmp_path))
    assert run(*arguments).output.endswith("written\n")
    assert run(*arguments).output.endswith("is there already, the same\n")
    path = tmp_path / "liu-nomogram.json"
    path.write_text("{}", "utf-8")
    result = run(*arguments)
    assert result.exit_code == 1
    assert "never edited in place" in result.output
    assert path.read_text("utf-8") == "{}"


def test_check_proves_the_shipped_artifacts(run):
    """Both files are whole and are what the derivation gives."""
    result = run("check")
    assert result.exit_code == 0
    assert result.output.count("the derivation gives the same") == 2
    found = json.loads(run("check", "--json").output)
    assert [item["problems"] for item in found["artifacts"]] == [[], []]


def test_check_finds_a_number_that_was_not_derived(run, shipped, saved):
    """A coefficient changed together with the digest is still found."""
    content = shipped()
    content["coefficients"]["segment"]["value"] = 1.708
    result = run("check", str(saved(content)))
    assert result.exit_code == 1
    assert "WRONG coefficients.segment.value: 1.708, derived 1.608" in result.output


def test_check_finds_a_file_that_must_not_be_used(run, tmp_path):
    """A file that is no artifact is a finding like any other."""
    path = tmp_path / "model.json"
    path.write_text("{}", "utf-8")
    result = run("check", str(path))
    assert result.exit_code == 1
    assert "WRONG schema: missing" in result.output


def test_check_reads_a_local_model(run, saved, calibrated):
    """A recalibrated model is checked; the derivation has nothing to say on it."""
    calibrated["calibration"]["valid_until"] = "2999-12-31"
    result = run("check", str(saved(calibrated)))
    assert result.exit_code == 0
    assert "not a model that ships" in result.output


@pytest.mark.parametrize("name", ["show", "plot", "derive", "check"])
def test_help_teaches_with_examples(run, name):
    """Each command says what it does and shows a line to copy."""
    output = run(name, "--help").output
    assert re.search(rf"^ +scnen-cds model {name}", output, re.MULTILINE)


def test_plot_draws_the_chosen_model(run, tmp_path):
    """To the screen, or into a file."""
    file = tmp_path / "nomogram.svg"
    assert run("plot", "--model", "liu-table2", "--out", str(file)).output == ""
    text = file.read_text("utf-8")
    assert text.startswith("<svg")
    assert "liu-table2 1.0.0, anchored" in text
    assert text == run("plot", "--model", "liu-table2").output


def test_plot_without_probabilities_has_none(run):
    """As in output mode relative."""
    output = run("plot", "--relative").output
    assert "Risk" not in output
    assert "liu-nomogram 1.0.0, relative" in output


def test_plot_says_where_it_cannot_write(run, tmp_path):
    """File and reason, no traceback."""
    result = run("plot", "--out", str(tmp_path / "none" / "n.svg"))
    assert result.exit_code == 1
    assert "n.svg cannot be written: No such file" in result.output
