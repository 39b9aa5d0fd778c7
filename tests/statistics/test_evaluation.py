"""All statistics in one go: each is that of its own function, and progress adds up."""

from dataclasses import replace

import numpy as np
import pytest

from service.model.artifact import load_bundled
from service.validation.brier import brier
from service.validation.calibration import calibration_line, observed_expected
from service.validation.discrimination import auc, delong_interval
from service.validation.draws import Draws
from service.validation.evaluation import evaluate, resamples_of
from service.validation.performance import Plan, score_patients
from service.validation.points import points_by_outcome, total_points
from service.validation.sample_size import for_external_validation
from service.validation.subgroups import by_label, subgroups
from service.validation.utility import decision_curve
from tests.statistics.discrimination_reference import model_columns, table


def weighted(scored):
    """Weigh every other patient three times."""
    return replace(scored, weights=np.where(np.arange(340) % 2, 3.0, 1.0))


def few_events(scored, events):
    """Take some of those with SCNEN, and all without."""
    kept = scored.outcome == 0
    kept[np.flatnonzero(scored.outcome == 1)[:events]] = True
    return replace(scored, design=scored.design[kept], outcome=scored.outcome[kept])


def run(patients, resamples=4, **how):
    plan = Plan(resamples=resamples, **how)
    return evaluate(patients, rng=np.random.default_rng(1), plan=plan)


def test_each_statistic_is_that_of_its_own_function(scored, found):
    """Nothing is computed twice, or otherwise."""
    y, p = scored.outcome, scored.risk
    assert (found.n, found.events) == (340, 78)
    assert found.auc == delong_interval(y, p)
    assert found.auc_resampled is None
    assert found.line == calibration_line(y, p)
    assert found.observed_expected == observed_expected(y, p)
    points = total_points(scored.model, scored.design)
    assert found.points == points_by_outcome(y, points)
    sexes = by_label("sex", table("synthetic340")["sex"])
    assert found.subgroups[-2:] == subgroups(y, p, sexes)
    required = for_external_validation(78 / 340, found.auc.auc.value)
    assert found.required == tuple(required)


def test_leaving_a_statistic_out_does_not_change_the_others(scored):
    """Each has random numbers of its own: weights of 1 give the same Brier interval."""
    plain = run(scored)
    ones = run(replace(scored, weights=np.ones(340)))
    assert ones.brier.score.low == pytest.approx(plain.brier.score.low)


def test_below_50_events_the_bootstrap_stands_beside_delong(scored):
    """Decision 44: with few events neither is the last word."""
    found = run(few_events(scored, 49))
    assert found.auc.method == "DeLong, logit"
    assert found.auc_resampled.method == "stratified bootstrap"
    assert found.auc_resampled.auc.value == pytest.approx(found.auc.auc.value)
    assert run(few_events(scored, 50)).auc_resampled is None


def test_weights_reach_every_statistic_that_takes_them(scored):
    """Area, calibration, Brier score, decisions; tests that take none are left out."""
    patients = weighted(scored)
    y, p, w = patients.outcome, patients.risk, patients.weights
    found = run(patients)
    assert found.auc.auc.value == pytest.approx(auc(y, p, weights=w))
    assert found.auc.method == "stratified bootstrap"
    assert found.line == calibration_line(y, p, weights=w)
    draws = Draws(np.random.default_rng(0), resamples=2)
    score = brier(y, p, weights=w, draws=draws).score.value
    assert found.brier.score.value == pytest.approx(score)
    expected = decision_curve(y, p, weights=w)
    assert found.decision.model == pytest.approx(expected.model)
    assert {each.against_model.method for each in found.predictors} == {
        "stratified bootstrap"
    }
    assert found.hosmer_lemeshow is None
    assert found.spiegelhalter is None
    assert found.recalibrated is None


def test_the_prevalence_of_the_population_changes_the_decision_curve_alone(scored):
    """Patients who were sampled by outcome."""
    plain, given = run(scored), run(scored, prevalence=0.05)
    assert given.decision.prevalence == 0.05
    assert given.decision.is_population
    assert given.observed_expected == plain.observed_expected


def test_patients_sampled_by_outcome_say_no_sample_size(scored):
    """It would be that of an incidence which is nobody's."""
    given = run(scored, prevalence=0.05)
    assert given.required == ()
    assert given.verdict is None


def test_a_predictor_that_is_the_same_in_everybody_is_left_out(scored):
    """It ranks nobody; the model still runs."""
    lumbar = scored.design[:, 0] == 1
    found = run(
        replace(scored, design=scored.design[lumbar], outcome=scored.outcome[lumbar])
    )
    assert [each.name for each in found.predictors] == [
        "method",
        "cement_ratio_percent",
        "cobb_restoration_ratio_percent",
    ]


def test_an_area_near_a_half_has_no_sample_size(scored):
    """The formulas rest on a separation that is not there."""
    order = np.random.default_rng(3).permutation(340)
    found = run(replace(scored, outcome=scored.outcome[order]))
    assert found.auc.auc.value < 0.55
    assert (found.required, found.verdict) == ((), None)


@pytest.mark.parametrize("kind", ["plain", "few events", "weighted"])
def test_the_number_of_resamples_is_known_before(scored, kind):
    """A progress bar ends at its end."""
    patients = {
        "plain": scored,
        "few events": few_events(scored, 30),
        "weighted": weighted(scored),
    }[kind]
    told = []
    plan = Plan(resamples=3, progress=told.append)
    evaluate(patients, rng=np.random.default_rng(1), plan=plan)
    assert sum(told) == resamples_of(patients, plan)


@pytest.mark.parametrize("events", [3, 9])
def test_too_few_events_are_refused(scored, events):
    """With how many are missing."""
    with pytest.raises(ValueError, match=f"outcome: .*{events}.*10"):
        run(few_events(scored, events))


def test_one_class_is_refused():
    """There is nothing to tell apart."""
    model = load_bundled("liu-nomogram")
    with pytest.raises(ValueError, match="outcome: "):
        score_patients(model, model_columns(), np.zeros(340))


def test_risks_that_are_all_equal_are_refused(scored):
    """A model that says the same of everybody."""
    with pytest.raises(ValueError, match="score: all values are equal"):
        run(replace(scored, design=np.tile(scored.design[:1], (340, 1))))
