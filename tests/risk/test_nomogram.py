"""Points and totals: what a reader with a pencil gets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import bundled_models, load_bundled, risk, score
from service.model.nomogram import (
    linear_predictor_from_points,
    marks,
    rounding_error,
    scales,
    totals,
)

MODELS = {name: load_bundled(name) for name in bundled_models()}


def test_longest_axis_has_100_points(nomogram):
    """Restoration spans 117 x 0.027 log odds, more than any other: 100 points."""
    by_name = scales(nomogram).by_name
    assert by_name["cobb_restoration_ratio_percent"].points(-17) == pytest.approx(100)
    assert by_name["cobb_restoration_ratio_percent"].points(100) == 0
    assert by_name["segment"].points(1) == pytest.approx(100 * 1.608 / 3.159)
    assert by_name["method"].points(1) == pytest.approx(100 * 1.198 / 3.159)
    assert by_name["cement_ratio_percent"].points(18) == pytest.approx(
        100 * 3.015 / 3.159
    )


def test_angle_afterwards_gains_points_upwards(table2):
    """The one continuous predictor with a positive slope has 0 points at 0 degrees."""
    scale = scales(table2).by_name["cobb_postoperative_deg"]
    assert scale.points(0) == 0
    assert scale.points(16) == pytest.approx(100 * 1.456 / 3.159)


def test_total_points_lead_back_to_the_risk(nomogram, patient):
    """Points of one patient, summed, stand for that patient's log odds."""
    found = score(nomogram, patient)
    back = linear_predictor_from_points(nomogram, found.total_points)
    assert back == pytest.approx(found.linear_predictor)


def test_marks_are_handy_values_between_both_ends(nomogram):
    """Ends of the axis and round numbers between them, each with whole points."""
    found = marks(nomogram)
    assert [m.label for m in found["segment"]] == ["thoracic", "lumbar"]
    assert [m.value for m in found["method"]] == [1, 2, 3]
    assert [m.label for m in found["cement_ratio_percent"]][:3] == ["18", "20", "25"]
    assert [m.label for m in found["cobb_restoration_ratio_percent"]][-2:] == [
        "90",
        "100",
    ]
    assert all(isinstance(m.points, int) for row in found.values() for m in row)


def test_an_axis_that_ends_on_a_step_lists_each_end_once(table2):
    """0, 2, ... 16 degrees."""
    values = [m.value for m in marks(table2)["cobb_postoperative_deg"]]
    assert values == list(range(0, 17, 2))


def test_totals_reach_from_no_points_to_all(nomogram):
    """From the lowest corner of the study to the highest, ever higher."""
    found = totals(nomogram)
    assert found[0][0] == 0
    assert found[-1][0] >= scales(nomogram).maximum > found[-2][0]
    assert np.all(np.diff([value for _, value in found]) > 0)
    lowest = 2.048 - 3 * 0.599 - 85 * 0.045 - 100 * 0.027
    assert found[0][1] == pytest.approx(float(risk(lowest)))


@given(
    model=st.sampled_from(sorted(MODELS)).map(MODELS.__getitem__),
    data=st.data(),
)
def test_pencil_and_paper_stay_within_the_error_stated(model, data):
    """Whole points from the table, added, read between two totals: close enough."""
    chosen = {
        name: data.draw(st.sampled_from(row)) for name, row in marks(model).items()
    }
    design = np.array([mark.value for mark in chosen.values()])
    exact = float(risk(model.intercept.value + design @ np.array(model.coefficients)))
    total = sum(mark.points for mark in chosen.values())
    table = totals(model)
    read = np.interp(total, [t for t, _ in table], [r for _, r in table])
    assert abs(read - exact) <= rounding_error(model)[1] + 1e-12


def test_error_stated_is_small_enough_to_be_of_use(nomogram):
    """Two points, less than two percentage points of risk."""
    points, change = rounding_error(nomogram)
    assert points == 2
    assert 0.01 < change < 0.02
