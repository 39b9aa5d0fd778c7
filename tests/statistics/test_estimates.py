"""How estimates and p values are written, once for all reports."""

import math

import pytest

from service.validation.estimates import Estimate, p_words, unknown


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Estimate(0.8, 0.75, 0.85), "0.80 (0.75 to 0.85)"),
        (Estimate(-0.001, -0.004, 0.2), "0.00 (0.00 to 0.20)"),
        (Estimate(0.8), "0.80 (no interval)"),
        (Estimate(0.8, note="60 of 500 resamples failed"), "0.80 (60 of 500"),
        (unknown("one class only"), "none: one class only"),
    ],
)
def test_an_estimate_is_written_with_its_interval_or_why_there_is_none(found, words):
    """And 0 has no sign."""
    assert found.words(2).startswith(words)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.04449, "0.044"),
        (0.001, "0.001"),
        (0.00099, "<0.001"),
        (0.0, "<0.001"),
        (1.0, "1.000"),
        (math.nan, "–"),
    ],
)
def test_p_has_three_decimals(value, words):
    """Smaller ones are not told apart: they differ by chance."""
    assert p_words(value) == words
