"""Recalibration as a whole: what is chosen, what is refused, what it gives."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from service.model.cohort import rebuild
from service.validation.draws import Draws
from service.validation.estimates import NotEstimableError
from service.validation.recalibration import LevelRefusedError, recalibrate
from service.validation.updating import Level
from tests.statistics.updating_reference import model, own


def drawn(n, *, factor=1.0, shift=0.0, turned=0.0, seed=1):
    """Patients of the rebuilt cohort for whom the model is wrong in a known way."""
    rng = np.random.default_rng(seed)
    cohort = rebuild(nodes=250)
    rows = rng.choice(cohort.weight.size, n, p=cohort.weight / cohort.weight.sum())
    design = cohort.design[rows]
    lp = design @ np.array(model().coefficients) + model().intercept.value
    lp = factor * lp + shift + turned * (design[:, 1] - 2)
    return design, (rng.random(n) < expit(lp)).astype(float)


def recalibrated(design, outcome, **options):
    """Recalibrate the bundled model."""
    rng = np.random.default_rng(1)
    return recalibrate(model(), design, outcome, draws=Draws(rng, 500), **options)


def only(outcome, wanted):
    """Leave so many events."""
    changed = outcome.copy()
    changed[np.flatnonzero(outcome)[wanted:]] = 0
    return changed


@pytest.mark.parametrize(
    ("how", "level"),
    [
        ({"shift": 0.6}, Level.INTERCEPT),
        ({"factor": 0.4, "shift": -0.3, "seed": 2}, Level.SLOPE),
        ({"turned": 3.0}, Level.REFIT),
        ({}, Level.INTERCEPT),
    ],
    ids=["mean", "spread", "method", "nothing"],
)
def test_the_level_is_what_differs_and_never_as_is_for_a_rebuilt_intercept(how, level):
    """1,200 patients show it."""
    found = recalibrated(*drawn(1200, **how))
    assert found.update.level is level
    assert len(found.test.tests) == 3
    assert found.why == "the closed test chooses it"


def test_a_calibrated_model_that_is_right_stays_as_it_is():
    """Its intercept was estimated on patients; that it still holds is a hypothesis."""
    calibrated = replace(model(), mode="calibrated")
    rng = np.random.default_rng(1)
    found = recalibrate(calibrated, *drawn(3000), draws=Draws(rng, 500))
    assert found.update.level is Level.AS_IS
    assert found.before == found.after


def test_with_too_few_patients_less_is_fitted_than_the_test_chooses():
    """And it is said for how many more patients the test asks."""
    design, outcome = drawn(430, turned=2.5, shift=-2.6, seed=3)
    assert 20 <= outcome.sum() < 100
    found = recalibrated(design, outcome)
    assert found.test.chosen is Level.REFIT
    assert found.update.level is Level.INTERCEPT
    assert "refit, for which" in found.why
    assert "intercept is the most" in found.why


@pytest.mark.parametrize(
    ("events", "level", "message"),
    [
        (
            3,
            None,
            r"level: intercept .* about \d+ patients \(17 with SCNEN\) .*nothing",
        ),
        (19, Level.REFIT, r"level: intercept is refused: .*\(1 with SCNEN\)"),
        (60, Level.SLOPE, r"level: slope .*\(40 with SCNEN\) .*these allow intercept"),
        (60, Level.REFIT, r"level: refit is refused: it needs 100 with SCNEN"),
    ],
)
def test_more_than_the_patients_hold_is_refused_with_what_is_missing(
    events, level, message
):
    """There is no option that gets around it."""
    design, outcome = own()
    with pytest.raises(LevelRefusedError, match=message):
        recalibrated(design, only(outcome, events), level=level)


def test_as_is_cannot_be_asked_for():
    """It would write the same model under another name."""
    with pytest.raises(LevelRefusedError, match="as-is updates nothing"):
        recalibrated(*own(), level=Level.AS_IS)


def few_of_one_kind():
    """Nobody with a thoracic fracture has the outcome: a refit has no maximum."""
    design, outcome = drawn(600)
    return design, np.where(design[:, 0] == 0, 0.0, outcome)


@pytest.mark.parametrize("level", [None, Level.INTERCEPT])
def test_where_a_refit_has_no_finite_coefficients_the_intercept_has(level):
    """Among 30 with the outcome that is common, and no reason to keep wrong risks."""
    found = recalibrated(*few_of_one_kind(), level=level)
    assert found.update.level is Level.INTERCEPT
    assert found.test.tests == ()
    assert "no closed test: the predictors separate" in found.why
    assert found.after.observed_expected.value == pytest.approx(1)


def test_a_refit_without_finite_coefficients_is_refused():
    """With why."""
    design, outcome = drawn(3000)
    outcome = np.where(design[:, 0] == 0, 0.0, outcome)
    with pytest.raises(NotEstimableError, match="refit is refused: the predictors sep"):
        recalibrated(design, outcome, level=Level.REFIT)


def test_a_predictor_that_is_the_same_for_all_allows_no_refit():
    """A hospital that only does one operation learns nothing of the others."""
    design, outcome = drawn(3000, turned=0.0, factor=0.5)
    design = design.copy()
    design[:, 1] = 3.0
    found = recalibrated(design, outcome)
    assert found.constant == ("method",)
    with pytest.raises(LevelRefusedError, match="the same method: no coefficient"):
        recalibrated(design, outcome, level=Level.REFIT)


def test_where_the_test_asks_for_a_refit_that_cannot_be_it_is_the_slope():
    """And the reason is told."""
    design, outcome = drawn(3000)
    design = design.copy()
    design[:, 1] = 3.0
    rng = np.random.default_rng(2)
    lp = 0.08 * (design[:, 2] - 50) - 1
    outcome = (rng.random(3000) < expit(-lp - 2)).astype(float)
    found = recalibrated(design, outcome)
    assert found.test.chosen is Level.REFIT
    assert found.update.level is Level.SLOPE
    assert "but all patients have the same method" in found.why


@pytest.mark.parametrize("level", [None, Level.INTERCEPT, Level.SLOPE, Level.REFIT])
def test_a_model_that_ranks_patients_the_wrong_way_round_is_refused(level):
    """No level mends it: columns or codes are swapped, or the model is of no use."""
    design, outcome = drawn(3000, factor=-0.6, shift=-1.0)
    with pytest.raises(NotEstimableError, match=r"the slope is -0\.\d+: .*do not use"):
        recalibrated(design, outcome, level=level)


def test_a_refit_that_explains_nothing_is_refused():
    """Of three patients who are alike, one has the outcome, and once two have it."""
    design, _ = drawn(300)
    outcome = np.repeat([1.0, 0.0, 0.0], 300)
    outcome[300 + (design @ np.array(model().coefficients)).argmax()] = 1.0
    with pytest.raises(NotEstimableError, match="nothing beyond chance"):
        recalibrated(np.tile(design, (3, 1)), outcome, level=Level.REFIT)


def test_a_refit_is_shrunk_and_keeps_the_mean_risk():
    """Slopes times the factor; expected equals observed again."""
    design, outcome = drawn(900, turned=2.0)
    found = recalibrated(design, outcome, level=Level.REFIT)
    estimate = found.update.estimate.coefficients[1:]
    assert found.update.slopes == pytest.approx(found.shrinkage.applied * estimate)
    assert found.after.observed_expected.value == pytest.approx(1, abs=1e-8)
    assert found.after.slope.value == pytest.approx(1 / found.shrinkage.applied)


def test_the_intercept_alone_keeps_the_reading_with_smaller_slopes():
    """With slopes of the study the doubt about them stays; incidence is known now."""
    found = recalibrated(*own(), level=Level.INTERCEPT)
    assert list(found.variants) == ["shrinkage-0.8"]
    design, outcome = own()
    lp = 0.8 * design @ np.array(model().coefficients)
    risk = expit(lp + found.variants["shrinkage-0.8"])
    assert risk.sum() == pytest.approx(outcome.sum())
    assert recalibrated(*own(), level=Level.SLOPE).variants == {}


def test_the_odds_factor_is_that_of_the_governance_table():
    """340 patients, 28 of them with the outcome: times or divided by 1.5 (Annex D2)."""
    design, outcome = drawn(340, seed=11)
    found = recalibrated(design, only(outcome, 28))
    assert found.odds_factor == pytest.approx(1.51, abs=0.06)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d, y: (np.where(d == d[3], np.nan, d), y), "design: row"),
        (lambda d, y: (d, y * 0), "outcome: all patients are of one class"),
        (lambda d, y: (d[:5], y[:5] * np.nan), "outcome: row 0"),
        (lambda d, y: (d[:0], y[:0]), "outcome: is empty"),
    ],
)
def test_what_cannot_be_used_is_refused(spoil, message):
    """NaN, one class, nobody."""
    with pytest.raises(ValueError, match=message):
        recalibrated(*spoil(*own()))
