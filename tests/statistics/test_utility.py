"""Decision curves against R and dcurves, their properties, what they refuse."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dcurves import dca
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from service.validation.draws import Draws
from service.validation.estimates import NotEstimableError
from service.validation.utility import (
    THRESHOLDS,
    Limits,
    _curves,
    decision_curve,
    useful_range,
)
from tests.statistics.discrimination_reference import reference, table

R = reference("utility")
COHORT = table("synthetic340")
TUMOURS = table("breast_cancer")
OUTCOME, RISK = COHORT["scnen"].astype(float), COHORT["risk"]
MALIGNANT = TUMOURS["malignant"].astype(float)
#: Whole per cent: many are at a threshold.
TIED = np.round(100 * expit((TUMOURS["mean_texture"] - 20) / 4)) / 100
#: 1, 2, 3, 1, 2, 3, ... as in utility.R.
WEIGHTS = np.arange(OUTCOME.size) % 3 + 1.0

CASES = {
    "cohort": (OUTCOME, RISK, {}),
    "cohort_weighted": (OUTCOME, RISK, {"weights": WEIGHTS}),
    "cohort_population_5_percent": (OUTCOME, RISK, {"prevalence": 0.05}),
    "tumours": (MALIGNANT, TIED, {}),
}


def draws(resamples=200, **more):
    return Draws(np.random.default_rng(1), resamples, **more)


@pytest.mark.parametrize(
    "name", ["model", "treat_all", "standardised", "interventions_avoided"]
)
@pytest.mark.parametrize("case", CASES)
def test_curves_are_those_of_r(case, name):
    """The definitions, patient by patient, at all 80 thresholds to 12 digits."""
    outcome, risk, more = CASES[case]
    found = getattr(decision_curve(outcome, risk, **more), name)
    np.testing.assert_allclose(found, R[case][name], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("prevalence", [None, 0.05])
@pytest.mark.parametrize("data", ["cohort", "tumours"])
def test_curves_are_those_of_dcurves(data, prevalence):
    """Another implementation, with and without the population's prevalence."""
    outcome, risk, _ = CASES[data]
    found = decision_curve(outcome, risk, prevalence=prevalence)
    frame = pd.DataFrame({"outcome": outcome, "risk": risk})
    expected = dca(
        frame, "outcome", ["risk"], thresholds=list(THRESHOLDS), prevalence=prevalence
    ).set_index("model")
    for model, curve in (("risk", found.model), ("all", found.treat_all)):
        np.testing.assert_allclose(
            curve, expected.loc[model, "net_benefit"], rtol=1e-11, atol=1e-12
        )
    np.testing.assert_allclose(
        found.interventions_avoided,
        expected.loc["risk", "net_intervention_avoided"],
        rtol=1e-10,
        atol=1e-12,
    )


def test_thresholds_are_the_decimals_that_r_has():
    """0.3 is the number 0.3, not a sum of steps of 0.01."""
    assert R["thresholds"] == list(THRESHOLDS)


@pytest.mark.parametrize("k", [3, 29, 57, 58])
def test_a_risk_at_the_threshold_is_treated(k):
    """As the bands of the cards have it; also where steps of 0.01 add up otherwise."""
    curve = decision_curve([0, 1], [0, k / 100])
    assert curve.model[k - 1] == 0.5
    assert curve.model[k] == 0


def test_treating_by_a_risk_that_all_share_is_treating_all():
    """Up to that risk; above it nobody is treated and there is no benefit."""
    curve = decision_curve(OUTCOME, np.full(340, 0.3))
    np.testing.assert_allclose(curve.model[:30], curve.treat_all[:30], atol=1e-15)
    assert not curve.model[30:].any()


def test_treating_all_is_worth_nothing_at_the_prevalence():
    """There the harm of those without weighs as much as the good of those with."""
    curve = decision_curve(OUTCOME, RISK, thresholds=[OUTCOME.mean()])
    assert curve.treat_all[0] == pytest.approx(0, abs=1e-15)


def test_the_best_model_has_a_standardised_net_benefit_of_one():
    """Who knows the outcome treats those with it, at any threshold."""
    np.testing.assert_allclose(decision_curve(OUTCOME, OUTCOME).standardised, 1)


@given(st.floats(0.01, 0.99))
def test_the_populations_prevalence_that_the_patients_have_changes_nothing(shift):
    """Giving what is so anyway is giving nothing."""
    risk = RISK**shift
    same = decision_curve(OUTCOME, risk, prevalence=float(OUTCOME.mean()))
    np.testing.assert_allclose(
        same.model, decision_curve(OUTCOME, risk).model, atol=1e-14
    )


def test_whole_weights_are_patients_that_occur_more_than_once():
    """A weight of 3 is the same as three such patients."""
    times = WEIGHTS.astype(int)
    repeated = decision_curve(np.repeat(OUTCOME, times), np.repeat(RISK, times))
    weighted = decision_curve(OUTCOME, RISK, weights=WEIGHTS)
    np.testing.assert_allclose(weighted.model, repeated.model, atol=1e-14)


def test_without_a_population_the_prevalence_is_that_of_the_patients():
    """And said to be."""
    curve = decision_curve(OUTCOME, RISK)
    assert (curve.prevalence, curve.is_population) == (OUTCOME.mean(), False)


def test_limits_of_treating_all_are_those_of_theory():
    """Its net benefit is linear in the prevalence: within 6 % of a normal interval."""
    limits = decision_curve(OUTCOME, RISK, draws=draws(2000)).limits
    p = OUTCOME.mean()
    width = 2 * 1.96 * np.sqrt(p * (1 - p) / 340) / (1 - 0.2)
    assert np.diff(limits.treat_all[:, 19]) == pytest.approx(width, rel=0.06)


def test_patients_sampled_by_outcome_are_drawn_by_outcome():
    """Their share says nothing, so that of treating all does not vary."""
    limits = decision_curve(OUTCOME, RISK, prevalence=0.05, draws=draws()).limits
    np.testing.assert_allclose(limits.treat_all[0], limits.treat_all[1])
    assert (limits.model[1] > limits.model[0]).any()


def test_a_resample_without_an_event_is_counted_as_failed():
    """Ten events in many patients: once in 20 000 resamples none is drawn."""
    with pytest.raises(NotEstimableError, match="all have the same outcome"):
        _curves(
            np.zeros(2, dtype=np.intp),
            reached=np.array([0, 1]),
            outcome=np.array([0.0, 1.0]),
            weight=np.ones(2),
            thresholds=np.array([0.5]),
            given=None,
        )


def test_limits_hold_the_curves():
    """Model, standardised model and gain over the better of all and none."""
    curve = decision_curve(OUTCOME, RISK, draws=draws(1000))
    gain = curve.model - np.maximum(curve.treat_all, 0)
    for name, values in (
        ("model", curve.model),
        ("standardised", curve.standardised),
        ("gain", gain),
    ):
        low, high = getattr(curve.limits, name)
        assert ((low <= values + 1e-12) & (values <= high + 1e-12)).mean() > 0.95


def test_number_of_processes_changes_no_bit():
    """The same seed gives the same limits."""
    one, two = (
        decision_curve(OUTCOME, RISK, draws=draws(60, jobs=jobs)).limits
        for jobs in (1, 2)
    )
    assert one.gain.tobytes() == two.gain.tobytes()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"risk": np.where(RISK > 0.5, np.nan, RISK)}, r"risk: row \d+ .* missing"),
        ({"risk": 100 * RISK}, "risk: .* not per cent"),
        ({"risk": RISK[1:]}, "risk: has 339 numbers"),
        ({"outcome": np.ones(340)}, "outcome: all patients are of one class"),
        ({"thresholds": [0, 0.1]}, r"thresholds: must lie in \(0, 1\)"),
        ({"thresholds": [0.2, 0.1]}, "thresholds: .* ascend"),
        ({"thresholds": []}, "thresholds: .* not empty"),
        ({"prevalence": 5.0}, "prevalence: .* not per cent"),
        ({"weights": -WEIGHTS}, "weights: row 0"),
        ({"outcome": np.arange(340) < 3, "draws": draws()}, "3 patients with it"),
    ],
)
def test_what_gives_no_curve_is_refused(changed, message):
    """A missing risk is not one below the threshold."""
    given_ = {"outcome": OUTCOME, "risk": RISK, **changed}
    with pytest.raises(ValueError, match=message):
        decision_curve(given_.pop("outcome"), given_.pop("risk"), **given_)


def test_the_other_implementation_counts_a_missing_risk_as_low():
    """Why that refusal is tested: dcurves does not refuse."""
    frame = pd.DataFrame({"outcome": [0, 1, 1], "risk": [0.1, 0.9, np.nan]})
    found = dca(frame, "outcome", ["risk"], thresholds=[0.5]).set_index("model")
    assert found.loc["risk", "net_benefit"] == pytest.approx(1 / 3)


def test_the_useful_range_is_sure_where_the_lower_limit_of_the_gain_is_above_0():
    """And possible where the upper one is."""
    curve = decision_curve(
        [0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.6, 0.9], thresholds=[0.2, 0.4, 0.6]
    )
    flat = np.zeros((2, 3))
    gain = np.array([[-0.1, 0.05, -0.1], [0.1, 0.2, 0.1]])
    found = useful_range(replace(curve, limits=Limits(flat, flat, flat, gain)))
    assert found.surely == (0.4, 0.4)
    assert found.possibly == (0.2, 0.6)
    assert useful_range(curve).surely is None
