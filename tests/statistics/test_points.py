"""Points of many patients, and box plots of them in numbers."""

import numpy as np
import pytest

from service.model.arrays import design_matrix
from service.model.artifact import load_bundled
from service.model.scoring import score
from service.validation.points import FiveNumbers, points_by_outcome, total_points
from tests.statistics.discrimination_reference import model_columns, reference, table

COHORT = table("synthetic340")


@pytest.fixture(scope="module")
def points():
    """Total points of the synthetic cohort."""
    model = load_bundled("liu-nomogram")
    return total_points(model, design_matrix(model, model_columns()))


def test_points_are_those_of_the_card(points):
    """The sum of each predictor's points, as one patient is scored."""
    columns = model_columns()
    for row in (0, 7, 339):
        inputs = {name: values[row].item() for name, values in columns.items()}
        found = score(load_bundled("liu-nomogram"), inputs)
        assert points[row] == pytest.approx(found.total_points, abs=1e-9)


def test_box_plots_are_rs_quantiles():
    """`quantile`, type 7, with and without the outcome."""
    found = points_by_outcome(COHORT["scnen"], COHORT["cement_ratio_percent"])
    expected = reference("discrimination")["cohort"]["cement_quantiles"]
    for group, key in (
        (found.with_outcome, "with"),
        (found.without_outcome, "without"),
    ):
        numbers = [getattr(group, name) for name in FiveNumbers.__slots__[1:]]
        assert numbers == pytest.approx(expected[key], rel=1e-12)


def test_those_with_the_outcome_have_more_points(points):
    """By the median, in the cohort drawn from the model."""
    found = points_by_outcome(COHORT["scnen"], points)
    assert found.with_outcome.median > found.without_outcome.median
    assert (found.with_outcome.n, found.without_outcome.n) == (78, 262)


@pytest.mark.parametrize(
    ("outcome", "values", "message"),
    [
        ([1, 1], [100, 120], "outcome: all patients are of one class"),
        ([1, 0], [100, np.nan], "points: row 1"),
        ([1, 0], [100], "points: has 1 numbers for 2 patients"),
    ],
)
def test_points_that_make_no_box_are_refused(outcome, values, message):
    """One class, gaps, other lengths."""
    with pytest.raises(ValueError, match=message):
        points_by_outcome(outcome, values)


def test_weights_move_the_box(points):
    """Who stands for many is in the middle; the ends stay those of single patients."""
    heavy = np.where(points == points[COHORT["scnen"] == 1].max(), 1e6, 1.0)
    outcome = COHORT["scnen"]
    plain, moved = (
        points_by_outcome(outcome, points, weights=weights).with_outcome
        for weights in (None, heavy)
    )
    assert moved.median == pytest.approx(plain.maximum, rel=1e-3)
    assert (moved.n, moved.minimum) == (plain.n, plain.minimum)
    ones = points_by_outcome(outcome, points, weights=np.ones(outcome.size))
    assert ones.with_outcome.median == pytest.approx(plain.median)
