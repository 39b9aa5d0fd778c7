"""What figures mean: words for a committee, and what is to be done."""

import json
from dataclasses import replace

import numpy as np
import pytest

from service.validation.estimates import Estimate, unknown
from service.validation.figures import figure_rows, predictor_rows
from service.validation.findings import Topic, Weight, findings, steps
from service.validation.results import curves_of, performance_json
from service.validation.sample_size import Verdict
from service.validation.utility import useful_range


def area(found, *numbers, note=""):
    return replace(found, auc=replace(found.auc, auc=Estimate(*numbers, note=note)))


def about(found, topic):
    return [each for each in findings(found) if each.topic is topic]


@pytest.mark.parametrize(
    ("numbers", "weight", "words"),
    [
        ((0.62, 0.48, 0.74), Weight.STOP, "no evidence that the model tells who"),
        ((0.62, 0.50, 0.74), Weight.STOP, "Do not use it here"),
        ((0.66, 0.58, 0.74), Weight.ACT, "below the 0.7 that the study calls good"),
        ((0.70, 0.62, 0.78), Weight.NOTE, "AUC 0.700 (95 % interval 0.620 to 0.780)"),
    ],
)
def test_discrimination_is_judged_by_its_interval(found, numbers, weight, words):
    """An interval that holds one half stops the use."""
    (said,) = about(area(found, *numbers), Topic.DISCRIMINATION)
    assert said.weight is weight
    assert words in said.text


def test_an_area_without_an_interval_is_no_certainty(found):
    """A score of which there is no interval."""
    (said,) = about(area(found, 0.9, note="it is not known"), Topic.DISCRIMINATION)
    assert said.weight is Weight.ACT
    assert "without an interval: it is not known" in said.text


def test_a_score_that_separates_all_is_too_good_to_be_true(found):
    """The outcome is among the predictors, under whatever name."""
    (said,) = about(area(found, 1.0, note="it separates all"), Topic.DISCRIMINATION)
    assert said.weight is Weight.STOP
    assert "the outcome among the predictors" in said.text


def test_a_model_that_ranks_the_wrong_way_round_is_stopped(found):
    """Swapped codes are not cured by a recalibration."""
    line = replace(found.line, slope=Estimate(-0.3, -0.6, -0.1))
    said = about(replace(found, line=line), Topic.CALIBRATION)
    assert said[-1].weight is Weight.STOP
    assert "swapped codes" in said[-1].text


def test_patients_sampled_by_outcome_say_nothing_of_the_incidence(found):
    """Nobody is told to recalibrate on a share of cases that somebody chose."""
    sampled = replace(
        found,
        observed_expected=Estimate(2.3, 2.0, 2.6),
        decision=replace(found.decision, is_population=True),
    )
    said = findings(sampled)
    assert "say nothing about a population" in " ".join(each.text for each in said)
    assert "too low here" not in " ".join(each.text for each in said)
    assert "scnen-cds recalibrate" not in " ".join(steps(said))


def test_patients_sampled_by_outcome_are_no_ones_to_recalibrate_on(found):
    """Whatever their slope; and no number of them is enough for a population."""
    sampled = replace(
        found,
        line=replace(found.line, slope=Estimate(0.5, 0.3, 0.8)),
        decision=replace(found.decision, is_population=True),
    )
    said = findings(sampled)
    text = " ".join([*(each.text for each in said), *steps(said)])
    assert "recalibrate intercept and slope" not in text
    assert "not enough" not in text
    assert "Go on collecting" not in text
    assert "output mode relative" in text


@pytest.mark.parametrize(
    ("numbers", "weight", "words"),
    [
        ((1.4, 1.2, 1.7), Weight.ACT, "too low here"),
        ((0.6, 0.4, 0.9), Weight.ACT, "too high here"),
        ((1.1, 0.9, 1.3), Weight.NOTE, "as far as these patients can tell"),
    ],
)
def test_the_incidence_is_judged_by_its_interval(found, numbers, weight, words):
    """Above 1 more are affected than the model says."""
    said = about(
        replace(found, observed_expected=Estimate(*numbers)), Topic.CALIBRATION
    )
    assert said[0].weight is weight
    assert words in said[0].text


@pytest.mark.parametrize(
    ("slope", "weight", "words"),
    [
        (Estimate(0.5, 0.3, 0.8), Weight.ACT, "too extreme"),
        (Estimate(1.5, 1.1, 1.9), Weight.ACT, "not extreme enough"),
        (Estimate(0.9, 0.6, 1.2), Weight.NOTE, "1 is ideal"),
        (unknown("classes are separated"), Weight.ACT, "none. classes are separated"),
    ],
)
def test_the_spread_is_judged_by_its_interval(found, slope, weight, words):
    """Below 1 high risks are too high and low ones too low."""
    changed = replace(found, line=replace(found.line, slope=slope))
    said = about(changed, Topic.CALIBRATION)[1]
    assert said.weight is weight
    assert words in said.text


def test_a_model_that_is_never_better_is_said_to_be(found):
    """At no threshold above both following up all and none."""
    curve = replace(found.decision, model=np.maximum(found.decision.treat_all, 0))
    (said,) = about(replace(found, decision=curve), Topic.DECISIONS)
    assert said.weight is Weight.ACT
    assert "at no threshold" in said.text
    rows = {row[0]: row for row in figure_rows(replace(found, decision=curve))}
    assert rows["Better than treating all or none"][1] == "–"


def test_the_longest_run_of_thresholds_counts(found):
    """A single one by chance does not."""
    gain = np.zeros(80)
    gain[[0, 10, 11, 12, 79]] = 0.01
    better = np.maximum(found.decision.treat_all, 0) + gain
    assert useful_range(replace(found.decision, model=better)).found == (
        0.11,
        0.13,
    )


@pytest.mark.parametrize(
    ("verdict", "weight", "words"),
    [
        (Verdict(is_enough=True, words="enough"), Weight.NOTE, "are enough"),
        (
            Verdict(is_enough=False, words="not enough: 9"),
            Weight.ACT,
            "are not enough: 9",
        ),
        (None, Weight.ACT, "cannot be computed"),
    ],
)
def test_precision_is_judged_by_the_sample_size(found, verdict, weight, words):
    """What so many patients leave open."""
    (said,) = about(replace(found, verdict=verdict), Topic.PRECISION)
    assert said.weight is weight
    assert words in said.text


def well(found):
    """Make a model that nothing is wrong with."""
    return replace(
        area(found, 0.8, 0.75, 0.85),
        observed_expected=Estimate(1, 0.9, 1.1),
        line=replace(found.line, slope=Estimate(1, 0.9, 1.1)),
        verdict=Verdict(is_enough=True, words="enough"),
    )


def test_with_nothing_wrong_the_committee_is_next(found):
    """And the next year."""
    told = steps(findings(well(found)))
    assert len(told) == 2
    assert told[0].startswith("Put this report before the committee")


def test_a_wrong_level_is_recalibrated_and_no_probability_is_shown(found):
    """Until it is done."""
    changed = replace(well(found), observed_expected=Estimate(1.4, 1.2, 1.7))
    told = " ".join(steps(findings(changed)))
    assert "scnen-cds recalibrate" in told
    assert "output mode relative" in told
    assert "cohort check" in told


def test_few_patients_alone_call_for_more_and_not_for_recalibration(found):
    """Precision is no fault of the model."""
    few = Verdict(is_enough=False, words="not enough: 9")
    told = " ".join(steps(findings(replace(well(found), verdict=few))))
    assert "Go on collecting outcomes" in told
    assert "recalibrate" not in told


def test_a_model_that_ranks_nobody_is_not_shown_at_all(found):
    """Not in relative mode either, even if its level is wrong as well."""
    changed = area(well(found), 0.5, 0.4, 0.6)
    changed = replace(changed, observed_expected=Estimate(1.4, 1.2, 1.7))
    told = steps(findings(changed))
    assert told[0] == "Do not show this model's output to clinicians."
    assert "relative" not in " ".join(told)


def test_what_is_not_known_is_null_and_says_why(found):
    """NaN is no JSON; a reason stands beside it."""
    slope = unknown("classes are separated")
    changed = replace(found, line=replace(found.line, slope=slope))
    told = performance_json(changed)["calibration"]
    assert told["slope"] is None
    assert told["intervals"]["slope"] == [None, None]
    assert told["notes"] == {"slope": "classes are separated"}
    json.dumps(performance_json(changed), allow_nan=False)
    rows = {row[0]: row[1] for row in figure_rows(changed)}
    assert rows["Calibration slope"] == "none: classes are separated"


def test_tests_that_were_not_made_are_null(found):
    """As with weights."""
    plain = replace(found, hosmer_lemeshow=None, spiegelhalter=None, recalibrated=None)
    told = performance_json(plain)["calibration"]
    assert told["hosmer_lemeshow"] is None
    assert told["mean_absolute_error_after_recalibration"] is None
    assert "recalibrated" not in curves_of(plain)
    rows = {row[0]: row[1] for row in figure_rows(plain)}
    assert rows["Hosmer-Lemeshow test, p, for comparison only"] == "–"


def test_a_curve_has_an_empty_cell_where_it_has_no_number(found):
    """NaN is no number to a spreadsheet."""
    curve = found.curve.curve
    gap = replace(curve, low=np.full_like(curve.low, np.nan))
    text = curves_of(replace(found, curve=replace(found.curve, curve=gap)))
    first = text["calibration"].splitlines()[1].split(",")
    assert first[2] == ""
    assert float(first[0]) == curve.risk[0]


def test_a_curve_without_limits_has_no_columns_for_them(found):
    """Nothing is written that was not computed."""
    plain = replace(found, decision=replace(found.decision, limits=None))
    assert "model_low" in curves_of(found)["decision"]
    assert "model_low" not in curves_of(plain)["decision"]


def test_an_area_without_interval_is_shown_with_the_reason(found):
    """Not as if it were exact."""
    rows = figure_rows(area(found, 1.0, note="it separates all"))
    assert rows[0][1] == "1.000 (it separates all)"


def test_a_predictor_that_ranks_as_the_model_does_has_no_p_value(found):
    """There is nothing to compare."""
    each = found.predictors[0]
    same = replace(each, against_model=replace(each.against_model, p_value=np.nan))
    (row,) = predictor_rows(replace(found, predictors=(same,)))
    assert row[2] == "the same"
