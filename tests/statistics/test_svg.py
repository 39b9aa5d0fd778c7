"""Pictures of the reports: marks, and axes of curves that are not known everywhere."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from service.validation.svg import draw_pictures, mark_of, risk_square


def test_axes_end_above_the_highest_risk():
    """At a tenth, and never above 1."""
    axes = Figure().subplots()
    assert risk_square(axes, np.array([0.1, 0.43])) == pytest.approx(0.5)
    assert risk_square(axes, np.array([0.97])) == 1


def test_a_curve_that_is_unknown_everywhere_does_not_stretch_the_axes():
    """As of a model whose resamples had no predictor."""
    axes = Figure().subplots()
    unknown = np.full(3, np.nan)
    assert risk_square(axes, np.array([0.1, 0.2]), unknown) == pytest.approx(0.2)


def test_only_synthetic_patients_are_marked():
    """In the title, for those who do not see the picture, as well."""
    pictures = {"one": ("A curve", lambda axes: axes.plot([0, 1]))}
    drawn, seen = (
        draw_pictures(pictures, is_synthetic=is_synthetic)["one"]
        for is_synthetic in (True, False)
    )
    assert 'aria-label="A curve: SYNTHETIC patients"' in drawn
    assert "SYNTHETIC" not in seen
    assert mark_of(is_synthetic=False) == ""
