"""Bootstrapped calibration and Brier score against R's rms, and their failures."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from service.validation import draws
from service.validation.brier import brier
from service.validation.calibration_bootstrap import (
    bootstrap_curve,
    corrected_calibration,
)
from service.validation.calibration_curve import calibration_curve
from service.validation.draws import Draws
from service.validation.estimates import NotEstimableError
from service.validation.logistic import fit_logistic
from service.validation.resampling import Resampled, Statistic
from tests.statistics.calibration_reference import columns, patients, reference

MODELS = {
    "corrected_cancer": ("breast_cancer.csv", "malignant"),
    "corrected_synthetic": ("synthetic340.csv", "scnen"),
}


class Model:
    """A logistic regression that is made anew in each resample."""

    def __init__(self, data: str) -> None:
        name, outcome = MODELS[data]
        table = columns(name, outcome, *reference()[data]["predictors"])
        self.outcome = table[:, 0]
        self.design = np.column_stack([np.ones(len(table)), table[:, 1:]])

    def __call__(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        fit = fit_logistic(self.design[rows], self.outcome[rows])
        return np.asarray(expit(self.design @ fit.coefficients))


@pytest.mark.parametrize("data", MODELS)
def test_correction_is_that_of_calibrate(
    data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In R's own resamples: curves, optimism and error of rms, to 1e-6."""
    expected, model = reference()[data], Model(data)

    def as_in_r(statistic: Statistic, n: int, **_: Any) -> Resampled:
        return Resampled(
            np.array([statistic(np.array(rows)) for rows in expected["rows"]]), {}
        )

    monkeypatch.setattr(draws, "bootstrap", as_in_r)
    found = corrected_calibration(
        model.outcome, model, draws=Draws(np.random.default_rng(1), 30)
    )
    np.testing.assert_allclose(found.risk, expected["risk"], atol=1e-7)
    np.testing.assert_allclose(found.apparent, expected["apparent"], atol=1e-6)
    np.testing.assert_allclose(found.optimism, expected["optimism"], atol=1e-6)
    np.testing.assert_allclose(found.corrected, expected["corrected"], atol=1e-6)
    np.testing.assert_array_equal(found.reached, expected["reached"])
    assert found.errors.ici == pytest.approx(expected["mean_absolute_error"], abs=1e-6)
    assert found.errors.e90 == pytest.approx(expected["e90"], abs=1e-6)


@pytest.mark.parametrize("jobs", [1, 2])
def test_correction_does_not_depend_on_processes(jobs: int) -> None:
    """And the resamples that were drawn are counted."""
    model = Model("corrected_synthetic")
    found = corrected_calibration(
        model.outcome, model, draws=Draws(np.random.default_rng(1), 30, jobs)
    )
    again = corrected_calibration(
        model.outcome, model, draws=Draws(np.random.default_rng(1), 30)
    )
    assert found.corrected.tobytes() == again.corrected.tobytes()
    assert found.resamples == 30


def test_refits_that_fail_are_counted() -> None:
    """Resamples without a model are not in the mean, but in the count."""
    model = Model("corrected_synthetic")

    def refit(rows: NDArray[np.intp]) -> NDArray[np.float64]:
        if rows[0] > 100:
            raise NotEstimableError("no predictor was selected")
        return model(rows)

    found = corrected_calibration(
        model.outcome, refit, draws=Draws(np.random.default_rng(1), 30)
    )
    failed = found.failures["no predictor was selected"]
    assert 0 < failed < 30
    assert found.reached.max() == 30 - failed


def test_a_model_without_risks_is_refused() -> None:
    """A fit that did not converge gives NaN, which is no risk."""
    model = Model("corrected_synthetic")
    with pytest.raises(ValueError, match="risk: row 0"):
        corrected_calibration(
            model.outcome,
            lambda rows: np.full(model.outcome.size, np.nan),
            draws=Draws(np.random.default_rng(1)),
        )


def test_ten_patients_are_too_few_for_a_corrected_curve() -> None:
    """It begins at the fifth smallest risk and ends at the fifth largest."""
    with pytest.raises(ValueError, match="has 10 patients; more than 10 are needed"):
        corrected_calibration(
            [0, 1] * 5,
            lambda rows: np.linspace(0.1, 0.9, 10),
            draws=Draws(np.random.default_rng(1)),
        )


def test_curve_of_a_fixed_model_keeps_its_values() -> None:
    """Resampling adds intervals to the curve of all patients, and moves nothing."""
    outcome, risk = patients("synthetic")
    found = bootstrap_curve(outcome, risk, draws=Draws(np.random.default_rng(1), 60))
    plain = calibration_curve(outcome, risk)
    assert found.curve.observed.tobytes() == plain.observed.tobytes()
    assert [found.ici.value, found.e50.value, found.e90.value, found.emax.value] == [
        plain.errors.ici,
        plain.errors.e50,
        plain.errors.e90,
        plain.errors.emax,
    ]
    assert found.ici.low < found.ici.high
    assert (found.resamples, found.failures) == (60, {})


def test_bands_of_both_kinds_agree_where_patients_are() -> None:
    """Percentile band and binomial band are alike, to a quarter of their width."""
    outcome, risk = patients("cancer")
    found = bootstrap_curve(outcome, risk, draws=Draws(np.random.default_rng(1), 300))
    plain = calibration_curve(outcome, risk)
    inside = slice(20, 80)
    ratio = (found.curve.high - found.curve.low)[inside] / (plain.high - plain.low)[
        inside
    ]
    assert 0.75 < ratio.mean() < 1.25


def test_risks_that_resamples_seldom_reach_have_no_band() -> None:
    """The largest risk is in two of three resamples: no limits there."""
    outcome, risk = patients("synthetic")
    found = bootstrap_curve(outcome, risk, draws=Draws(np.random.default_rng(1), 60))
    assert np.isnan(found.curve.low[-1])
    assert np.isnan(found.curve.high[-1])


def test_weighted_curve_is_bootstrapped_too() -> None:
    """Weights go with their patients into the resamples."""
    outcome, risk = patients("synthetic")
    found = bootstrap_curve(
        outcome, risk, draws=Draws(np.random.default_rng(1), 20), weights=1 + outcome
    )
    assert found.curve.smoother == "spline"
    assert found.ici.is_known


@pytest.mark.parametrize("data", ["synthetic", "cancer"])
def test_brier_is_that_of_val_prob(data: str) -> None:
    """To 1e-12; scaled by the score of the incidence."""
    outcome, risk = patients(data)
    found = brier(outcome, risk, draws=Draws(np.random.default_rng(1), 50))
    expected = reference()[data]["val_prob"]["Brier"]
    assert found.score.value == pytest.approx(expected, rel=1e-12)
    assert found.scaled.value == pytest.approx(1 - expected / outcome.var(), rel=1e-12)
    assert found.score.low < found.score.value < found.score.high
    assert found.scaled.low < found.scaled.value < found.scaled.high


def test_the_incidence_for_everybody_scores_nothing() -> None:
    """Scaled Brier is 0 there, and 1 for certainty that is right."""
    outcome, rng = np.repeat([0.0, 1.0], [15, 5]), np.random.default_rng(1)
    flat = brier(outcome, np.full(20, 0.25), draws=Draws(rng, 20))
    assert flat.scaled.value == pytest.approx(0)
    assert brier(outcome, outcome, draws=Draws(rng, 20)).scaled.value == 1


def test_weights_count_in_the_brier_score() -> None:
    """A patient of weight two is as good as two of one."""
    rng = np.random.default_rng(1)
    weighted = brier([0, 1], [0.2, 0.6], draws=Draws(rng, 40), weights=[2, 1])
    doubled = brier([0, 0, 1], [0.2, 0.2, 0.6], draws=Draws(rng, 40))
    assert weighted.score.value == pytest.approx(doubled.score.value)
    assert weighted.scaled.value == pytest.approx(doubled.scaled.value)


def test_resamples_of_one_class_are_counted() -> None:
    """With two patients half of the resamples have one class: no interval, and why."""
    found = brier([0, 1], [0.2, 0.6], draws=Draws(np.random.default_rng(1), 40))
    assert np.isnan(found.score.low)
    assert "no interval" in found.score.note
    assert "of one class" in found.score.note
