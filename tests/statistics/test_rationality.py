"""Each predictor against the model: pROC's test, and where the direction comes from."""

import numpy as np
import pytest

from service.model.arrays import design_matrix
from service.model.artifact import load_bundled
from service.validation.draws import Draws
from service.validation.rationality import predictor_aucs
from tests.statistics.discrimination_reference import model_columns, reference, table

COHORT = table("synthetic340")
MODEL = load_bundled("liu-nomogram")
NAMES = [quantity.name for quantity in MODEL.predictors]
DESIGN = design_matrix(MODEL, model_columns())
PREDICTORS = dict(zip(NAMES, DESIGN.T, strict=True))
SIGNS = dict(zip(NAMES, MODEL.coefficients, strict=True))


def compare(predictors=PREDICTORS, coefficients=SIGNS, **more):
    return predictor_aucs(
        COHORT["scnen"], COHORT["risk"], predictors, coefficients=coefficients, **more
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_predictor_against_the_model_is_procs_test(name):
    """`roc.test` of the predictor, turned as the model has it, and the risk."""
    (found,) = [each for each in compare() if each.name == name]
    expected = reference("discrimination")["cohort"]["predictors"][name]
    got = found.against_model
    assert (got.first, got.second, got.z, got.p_value) == pytest.approx(
        [expected[k] for k in ("first", "second", "z", "p")], rel=1e-9
    )


def test_the_model_says_which_way_a_predictor_points():
    """Protective ones are turned; the direction is not chosen from these patients."""
    found = {each.name: (each.is_reversed, each.direction) for each in compare()}
    assert found == {
        "segment": (False, "model"),
        "method": (True, "model"),
        "cement_ratio_percent": (True, "model"),
        "cobb_restoration_ratio_percent": (True, "model"),
    }


def test_a_predictor_that_points_the_wrong_way_here_has_less_than_half():
    """What contradicts the model is shown, not turned round."""
    name = "cement_ratio_percent"
    (found,) = compare({name: -PREDICTORS[name]}, {name: -0.045})
    assert found.against_model.first < 0.5


def test_a_candidate_is_turned_as_the_data_have_it_and_that_is_said():
    """One without a coefficient: the area is at least one half, direction from data."""
    name = "cement_ratio_percent"
    (found,) = compare({name: PREDICTORS[name]}, {})
    assert (found.is_reversed, found.direction) == (True, "data")
    assert found.against_model.first > 0.5


def test_weights_are_compared_by_the_bootstrap():
    """DeLong's variance knows none."""
    draws = Draws(np.random.default_rng(1), 50)
    found = compare(draws=draws, weights=np.arange(340) % 2 + 1.0)
    assert {each.against_model.method for each in found} == {"stratified bootstrap"}


def test_weights_without_draws_are_refused():
    """Silently leaving them out would be another question's answer."""
    with pytest.raises(ValueError, match="weights: DeLong's test takes none"):
        compare(weights=np.ones(340))


def test_a_predictor_that_never_varies_is_named():
    """It ranks nobody."""
    with pytest.raises(ValueError, match="segment: all values are equal"):
        compare({"segment": np.ones(340)})
