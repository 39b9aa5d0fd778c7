"""The nomogram of a model with labels, codes and numbers, against R's rms."""

import numpy as np
import pytest

from service.model.nomogram import linear_predictor_from_points, marks, scales
from service.model.risk_model import Axis
from service.validation.charts import Chart, axis_step, chart, studied_range
from tests.statistics.development_reference import REFERENCE, candidates, close

NOMOGRAM = REFERENCE["nomogram"]
NAMES = tuple(NOMOGRAM["points"])


@pytest.fixture(scope="module")
def drawn():
    """The five predictors of R's model, on the axes that rms chose."""
    patients = candidates()
    chosen = [c for name in NAMES for c in patients.candidates if c.name == name]
    ours = chart(chosen, patients.design, np.array(NOMOGRAM["coefficients"]))
    axes = []
    for axis in ours.axes:
        values = NOMOGRAM["points"][axis.name]["values"]
        is_number = not isinstance(values[0], str)
        ends = (values[0], values[-1]) if is_number else (axis.low, axis.high)
        axes.append(Axis(axis.name, *ends, axis.step))
    return Chart(ours.intercept, ours.predictors, ours.coefficients, tuple(axes))


@pytest.mark.parametrize("name", NAMES)
def test_points_are_those_of_rms(drawn, name):
    """Also of three labels, which stand on one axis."""
    expected = NOMOGRAM["points"][name]
    quantity = next(each for each in drawn.predictors if each.name == name)
    values = [
        quantity.codes[value] if isinstance(value, str) else value
        for value in expected["values"]
    ]
    ours = [scales(drawn).by_name[name].points(value) for value in values]
    assert ours == pytest.approx(expected["points"], rel=1e-6, abs=1e-6)


def test_total_points_give_the_linear_predictor_of_rms(drawn):
    """The axis of the linear predictor."""
    total = NOMOGRAM["total"]
    ours = [linear_predictor_from_points(drawn, p) for p in total["lp_points"]]
    assert ours == pytest.approx(total["lp"], rel=1e-6, abs=1e-6)


def test_labels_are_written_as_words(drawn):
    """A reader looks for the label, not for its coefficient."""
    assert [mark.label for mark in marks(drawn)["leakage"]] == [
        "none",
        "around",
        "disc",
    ]


@pytest.mark.parametrize("place", [0, 1])
def test_axes_end_where_datadist_has_the_limits(place):
    """About the tenth lowest and highest patient."""
    patients = candidates()
    name = ("cement_ratio_percent", "cobb_restoration_ratio_percent")[place]
    ours = studied_range(patients.columns[name])
    assert ours == close([ends[place] for ends in NOMOGRAM["limits"]])


def test_codes_set_the_ends_of_their_axis():
    """Also of a code that no patient has."""
    assert studied_range(np.ones(300), (1.0, 2.0, 3.0)) == (1.0, 3.0)


def test_a_rare_number_still_has_an_axis():
    """With nearly all values equal the ends are the extremes."""
    values = np.zeros(300)
    values[0] = 4
    assert studied_range(values) == (0.0, 4.0)


@pytest.mark.parametrize(
    ("low", "high", "step"), [(18, 85, 5), (0, 1, 0.1), (-17, 100, 10), (0, 27, 2)]
)
def test_marks_are_at_round_numbers(low, high, step):
    """1, 2 or 5 times a power of ten."""
    assert axis_step(low, high) == pytest.approx(step)
