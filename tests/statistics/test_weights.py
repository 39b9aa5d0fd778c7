"""Weights for the examined: R's own, what they mend, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.validation.draws import Draws
from service.validation.estimates import NotEstimableError
from service.validation.weights import (
    ReweighedResamples,
    effective_sample_size,
    examination_weights,
)

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "reference/weights.json").read_text())


@pytest.fixture(scope="module")
def patients():
    """300 synthetic patients, examined the more likely the higher their risk."""
    table = np.genfromtxt(HERE / "data/examined.csv", delimiter=",", skip_header=2)
    return table[:, :4], table[:, 4] == 1


def test_probabilities_are_those_of_glm_in_r(patients):
    """A logistic model of the predictors, by maximum likelihood."""
    found = examination_weights(*patients)
    np.testing.assert_allclose(
        found.probability, REFERENCE["probability"], rtol=1e-8, atol=0
    )
    assert found.examined == pytest.approx(REFERENCE["examined"], rel=1e-12)


@pytest.mark.parametrize(
    "expected", REFERENCE["truncations"], ids=lambda e: str(e["quantiles"])
)
def test_weights_are_those_of_r(patients, expected):
    """Stabilised, truncated at quantiles of R's type 7, with Kish's sample size."""
    found = examination_weights(*patients, quantiles=tuple(expected["quantiles"]))
    np.testing.assert_allclose(found.weights, expected["weights"], rtol=1e-8)
    assert found.limits == pytest.approx(expected["limits"], rel=1e-8)
    assert found.truncated == expected["truncated"]
    assert found.effective_sample_size == pytest.approx(
        expected["effective_sample_size"], rel=1e-8
    )


def test_weights_mend_the_bias_of_verification():
    """The mean outcome of the examined, weighted, is that of everybody."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((40_000, 1))
    outcome = rng.random(40_000) < 1 / (1 + np.exp(1.5 - x[:, 0]))
    examined = rng.random(40_000) < 1 / (1 + np.exp(-x[:, 0]))
    weights = examination_weights(x, examined, quantiles=(0, 1)).weights
    assert outcome[examined].mean() - outcome.mean() > 0.05
    mended = np.average(outcome[examined], weights=weights)
    assert mended == pytest.approx(outcome.mean(), abs=0.01)


def test_stabilised_weights_have_mean_1(patients):
    """So that a weighted count is about a count."""
    weights = examination_weights(*patients, quantiles=(0, 1)).weights
    assert weights.mean() == pytest.approx(1, abs=0.05)


def test_everybody_weighs_1_if_everybody_was_examined(patients):
    """There is nobody to stand for."""
    found = examination_weights(patients[0], np.ones(300, dtype=bool))
    assert found.weights.tolist() == [1.0] * 300
    assert found.effective_sample_size == 300


def test_units_of_predictors_do_not_matter(patients):
    """Nor where their scale begins."""
    x, examined = patients
    found = examination_weights(x * 1e6 + 5, examined)
    expected = examination_weights(x, examined)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-7)


@given(arrays(float, st.integers(1, 30), elements=st.floats(0.01, 100)))
def test_unequal_weights_are_worth_fewer_patients(weights):
    """At most as many as there are, at least one."""
    size = effective_sample_size(weights)
    assert 1 - 1e-9 <= size <= len(weights) + 1e-9


def _refused(x=None, examined=None, **options):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((50, 2)) if x is None else x
    examined = np.arange(50) % 2 == 0 if examined is None else examined
    return examination_weights(x, examined, **options)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"x": np.full((50, 2), np.nan)},
            "predictors: must be finite; leave incomplete",
        ),
        ({"x": np.ones(50)}, "predictors: must be a row for each patient"),
        ({"x": np.ones((49, 2))}, "predictors: must be a row for each patient"),
        ({"examined": np.ones(50)}, "examined: must be one truth value"),
        ({"examined": np.ones((50, 1), bool)}, "examined: must be one truth value"),
        ({"x": np.ones((0, 2)), "examined": np.ones(0, bool)}, "examined: must be one"),
        ({"examined": np.zeros(50, bool)}, "examined: nobody was"),
        ({"quantiles": (0.9, 0.1)}, "quantiles: must be two shares"),
        ({"quantiles": (-0.1, 1)}, "quantiles: must be two shares"),
    ],
)
def test_what_cannot_be_weighed_is_refused(changed, words):
    """The argument is named, and the remedy."""
    with pytest.raises(ValueError, match=words):
        _refused(**changed)


def test_a_predictor_that_is_the_same_in_all_changes_no_weight(patients):
    """A hospital that only operates on lumbar fractures can be weighed, too."""
    x, examined = patients
    lumbar = np.column_stack([np.ones(len(x)), x])
    found = examination_weights(lumbar, examined).weights
    assert found.tolist() == examination_weights(x, examined).weights.tolist()


def test_patients_who_are_all_alike_weigh_1():
    """Nothing tells who was examined."""
    examined = np.arange(50) < 20
    weights = examination_weights(np.ones((50, 2)), examined).weights
    assert weights == pytest.approx(np.ones(20), abs=1e-12)


def test_a_column_that_follows_from_others_is_refused():
    """Both angles and their ratio, say, on a line."""
    x = np.arange(50.0)[:, None]
    with pytest.raises(ValueError, match="a column follows from others; leave it out"):
        _refused(np.hstack([x, 2 * x + 1]))


def test_predictors_that_tell_exactly_who_was_examined_are_refused():
    """If only the high risks were examined, nobody stands for the low ones."""
    x = np.arange(50.0)[:, None]
    with pytest.raises(ValueError, match="the predictors tell exactly who was; nobody"):
        _refused(x, x[:, 0] > 24)


def test_a_group_of_whom_nobody_was_examined_is_refused():
    """Thoracic fractures, say: no weight makes them speak."""
    rng = np.random.default_rng(2)
    group = np.repeat([0.0, 1.0], 25)
    examined = (group == 1) & (rng.random(50) < 0.5)
    with pytest.raises(ValueError, match="nobody stands for those who were not"):
        _refused(group[:, None], examined)


def seen(rows, weight):
    """Tell the mean weight, and how many were drawn."""
    return np.array([weight[rows].mean(), rows.size])


def test_each_resample_has_weights_of_its_own():
    """In two kinds of patients: the share examined over that of one's own kind."""
    kind = np.repeat([0.0, 1.0], [60, 40])
    examined = np.arange(100) % np.where(kind == 1, 4, 2) == 0
    resampled = ReweighedResamples(kind[:, None], examined)
    statistic, n, strata = resampled.applied(
        lambda rows, weight: np.array([weight[rows][kind[examined][rows] == 1].mean()]),
        None,
    )
    assert (n, strata) == (100, None)
    rows = np.random.default_rng(3).integers(0, 100, 100)
    there, own = examined[rows], kind[rows] == 1
    assert statistic(rows)[0] == pytest.approx(there.mean() / there[own].mean())


def test_who_was_not_examined_is_a_stratum_of_its_own(patients):
    """As many are drawn as there are, of each outcome and of those without one."""
    predictors, examined = patients
    outcome = (np.arange(examined.sum()) % 3 == 0).astype(float)
    draws = Draws(np.random.default_rng(1), 5, reweighing=ReweighedResamples(*patients))
    drawn = draws.run(seen, outcome.size, strata=outcome)
    assert set(drawn.values[:, 1]) == {float(outcome.size)}
    assert len(set(drawn.values[:, 0])) == 5
    assert len(predictors) > outcome.size


def test_a_resample_whose_examined_are_of_one_kind_fails():
    """Nobody stands for the others in it; it is counted, and not guessed."""
    examined = np.array([True, True, False, False])
    resampled = ReweighedResamples(np.array([[0.0], [1.0], [0.0], [1.0]]), examined)
    statistic, *_ = resampled.applied(seen, None)
    with pytest.raises(NotEstimableError, match="nobody stands for those"):
        statistic(np.array([0, 0, 3, 3]))
