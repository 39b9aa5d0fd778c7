"""Subgroups against R, what is hidden, and where groups end."""

import math

import numpy as np
import pytest

from service.validation.draws import Draws
from service.validation.subgroups import by_cuts, by_label, subgroups
from tests.statistics.discrimination_reference import (
    logit_interval,
    reference,
    table,
)

COHORT = table("synthetic340")
OUTCOME, RISK = COHORT["scnen"].astype(float), COHORT["risk"]
AGE = by_cuts("age_years", COHORT["age_years"], [65, 75])
SEX = by_label("sex", COHORT["sex"])


def limits(estimate):
    return [estimate.value, estimate.low, estimate.high]


@pytest.mark.parametrize("grouping", [SEX, AGE], ids=["sex", "age_years"])
def test_each_group_is_as_r_has_it(grouping):
    """pROC and the formula of Riley et al.; glm with an offset, sure to 7 digits."""
    for found in subgroups(OUTCOME, RISK, grouping):
        expected = reference("discrimination")["cohort"]["subgroups"][found.label]
        assert (found.n, found.events) == (expected["n"], expected["events"])
        for estimate, values in (
            (found.auc, [expected["auc"]["auc"], *logit_interval(expected["auc"])]),
            (found.observed_expected, expected["observed_expected"]),
            (found.intercept_in_the_large, expected["intercept"]),
        ):
            assert limits(estimate) == pytest.approx(values, rel=1e-7, abs=1e-9)


def test_a_group_with_few_events_is_named_and_its_numbers_are_hidden():
    """Pedicle screws: 16 patients, 7 with the neuropathy."""
    found = subgroups(OUTCOME, RISK, by_label("method", COHORT["method"]))
    screws = found[0]
    assert (screws.label, screws.is_hidden) == ("pedicle_screw", True)
    assert (screws.n, screws.events) == (None, None)
    assert math.isnan(screws.auc.value)
    assert "fewer than 10" in screws.observed_expected.note


def test_a_group_with_few_without_the_outcome_is_hidden_too():
    """An area needs both."""
    found = subgroups(1 - OUTCOME, RISK, by_label("method", COHORT["method"]))
    assert found[0].is_hidden


def test_a_group_in_which_all_risks_are_equal_has_no_area():
    """The rest of it is given."""
    risk = np.where(COHORT["sex"] == "female", 0.2, RISK)
    female = subgroups(OUTCOME, risk, SEX)[0]
    assert female.auc.note == "score: all values are equal; they rank nobody"
    assert female.observed_expected.is_known


def test_all_patients_are_in_some_group():
    """Also those whose group is not recorded; none is dropped silently."""
    labels = np.where(np.arange(340) % 2, "", COHORT["sex"])
    grouping = by_label("sex", labels)
    assert grouping.labels[-1] == "not recorded"
    assert (grouping.place == 2).sum() == 170
    found = subgroups(OUTCOME, RISK, by_label("sex", labels))
    assert found[-1].n == 170


def test_a_missing_quantity_is_a_group_of_its_own():
    """It is not below the first cut."""
    grouping = by_cuts("age_years", [50, np.nan, 80], [65])
    assert grouping.labels == ("below 65", "65 or more", "not recorded")
    assert grouping.place.tolist() == [0, 2, 1]


def test_a_value_at_a_cut_is_in_the_group_above():
    """As its label says."""
    grouping = by_cuts("age_years", [64, 65, 75], [65, 75])
    assert [grouping.labels[k] for k in grouping.place] == [
        "below 65",
        "65 to below 75",
        "75 or more",
    ]


def test_a_group_that_nobody_is_in_is_listed():
    """Cuts that were stated are shown, hidden."""
    found = subgroups(
        OUTCOME, RISK, by_cuts("age_years", COHORT["age_years"], [65, 120])
    )
    assert [(each.label, each.is_hidden) for each in found] == [
        ("below 65", False),
        ("65 to below 120", False),
        ("120 or more", True),
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: by_label("id", COHORT["id"]), "id: 340 labels are more than 20"),
        (lambda: by_label("sex", [["f"], ["m"]]), "sex: must be one-dimensional"),
        (lambda: by_cuts("age", [[1]], [2]), "age: values and cuts must be one-dim"),
        (lambda: by_cuts("age", [1], []), "age: cuts must be finite and ascend"),
        (lambda: by_cuts("age", [1], [2, 2]), "age: cuts must be finite and ascend"),
        (lambda: by_cuts("age", [1], [np.nan]), "age: cuts must be finite"),
        (
            lambda: subgroups(OUTCOME, RISK, by_label("sex", ["f"])),
            "sex: must have one group for each patient",
        ),
        (lambda: subgroups(OUTCOME, 100 * RISK, SEX), "risk: .* not per cent"),
        (lambda: subgroups(0 * OUTCOME, RISK, SEX), "outcome: all patients are of one"),
    ],
)
def test_groupings_that_are_none_are_refused(make, message):
    """Each with what to do."""
    with pytest.raises(ValueError, match=message):
        make()


def test_a_patient_of_weight_two_is_as_good_as_two():
    """Area, O:E and calibration in the large of each group."""
    twice = COHORT["risk"] > np.median(RISK)
    weights = np.where(twice, 2.0, 1.0)
    draws = Draws(np.random.default_rng(1), resamples=20)
    weighted = subgroups(OUTCOME, RISK, SEX, weights=weights, draws=draws)
    rows = np.repeat(np.arange(OUTCOME.size), weights.astype(int))
    doubled = subgroups(OUTCOME[rows], RISK[rows], by_label("sex", COHORT["sex"][rows]))
    for one, other in zip(weighted, doubled, strict=True):
        for name in ("auc", "observed_expected", "intercept_in_the_large"):
            found, expected = getattr(one, name), getattr(other, name)
            assert found.value == pytest.approx(expected.value, rel=1e-7)
            assert found.low < found.value < found.high
        assert one.n < other.n


def test_a_hidden_group_stays_hidden_with_weights():
    """Weights make no cases."""
    found = subgroups(
        OUTCOME,
        RISK,
        by_label("method", COHORT["method"]),
        weights=np.full(OUTCOME.size, 5.0),
        draws=Draws(np.random.default_rng(1), resamples=4),
    )
    assert found[0].is_hidden
    assert math.isnan(found[0].auc.value)


def test_weights_without_draws_are_refused():
    """DeLong's interval takes none."""
    with pytest.raises(ValueError, match="weights: DeLong's interval takes none"):
        subgroups(OUTCOME, RISK, SEX, weights=np.ones(OUTCOME.size))
