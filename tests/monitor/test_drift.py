"""Drift: published formulae and worked examples, and what chance does."""

import math

import numpy as np
import pytest
from scipy import stats

from service.model.published import MOMENTS
from service.monitor.drift import (
    differences,
    stabilities,
    stability_index,
    standardised_difference,
)


def vertebrae(name, values):
    return [{"found": {name: [value, "1", 0]}} for value in values]


def test_the_difference_of_two_means():
    """Austin (2009): the difference over the root of the mean of both variances."""
    assert standardised_difference(55, 10, 50, 14) == pytest.approx(
        5 / math.sqrt((100 + 196) / 2)
    )


def test_the_difference_of_two_shares():
    """Austin (2009), 50 % against 40 %: 0.1 over the root of (0.25 + 0.24) / 2."""
    d = standardised_difference(0.5, math.sqrt(0.25), 0.4, math.sqrt(0.24))
    assert d == pytest.approx(0.2020, abs=5e-5)


@pytest.mark.parametrize(("mean", "expected"), [(1, 0.0), (2, math.inf)])
def test_the_difference_of_what_does_not_vary(mean, expected):
    """Nothing is divided by zero."""
    assert standardised_difference(mean, 0, 1, 0) == expected


def test_the_index_of_a_published_example():
    """Three income groups, 40/30/30 % before and 35/25/40 % after: 0.0446.

    The three terms are 0.0067, 0.0091 and 0.0288.
    """
    index = stability_index([0.4, 0.3, 0.3], [0.35, 0.25, 0.4])
    assert index == pytest.approx(0.0067 + 0.0091 + 0.0288, abs=1e-4)


def test_the_index_is_the_symmetric_divergence():
    """Kullback and Leibler's both ways, as scipy computes it."""
    first, second = [0.2, 0.3, 0.5], [0.1, 0.4, 0.5]
    both = stats.entropy(first, second) + stats.entropy(second, first)
    assert stability_index(first, second) == pytest.approx(both)


def test_values_like_the_studys_do_not_differ():
    """A sample with Table 1's mean and standard deviation."""
    mean, sd = MOMENTS["cement_ratio_percent"]
    values = [mean - sd / math.sqrt(2), mean + sd / math.sqrt(2)]
    found = differences(vertebrae("cement_ratio_percent", values))[0]
    assert found.difference == pytest.approx(0, abs=1e-9)
    assert found.sd == pytest.approx(sd)


def test_the_interval_of_a_difference():
    """Hedges and Olkin: variance (n + m) / nm + d² / 2(n + m), n 100 and m 237."""
    values = [40.0, 60.0] * 50
    found = differences(vertebrae("cement_ratio_percent", values))[0]
    d = (50 - 51.79) / math.sqrt((100 * 100 / 99 + 13.37**2) / 2)
    error = math.sqrt(337 / 23700 + d**2 / 674)
    assert found.difference == pytest.approx(d)
    assert found.interval == pytest.approx((d - 1.96 * error, d + 1.96 * error))


def test_shares_are_compared_category_by_category():
    """Three of four lumbar, against 162 of 237."""
    found = differences(vertebrae("segment", ["lumbar"] * 3 + ["thoracic"]))
    lumbar = next(each for each in found if each.what == "segment=lumbar")
    assert (lumbar.mean, lumbar.study_mean) == (0.75, pytest.approx(162 / 237))


def test_one_value_is_not_compared():
    """It has no spread."""
    found = differences(vertebrae("segment", ["lumbar"]))
    assert all(each.difference is None for each in found)


def test_the_bins_are_fifths_of_the_rebuilt_cohort():
    """Cement: the truncated normal distribution of Table 1, as scipy has it."""
    mean, sd = MOMENTS["cement_ratio_percent"]
    cut = stats.truncnorm(-mean / sd, (100 - mean) / sd, mean, sd)
    values = cut.ppf((np.arange(1000) + 0.5) / 1000).tolist()
    found = stabilities(vertebrae("cement_ratio_percent", values))[0]
    assert [each.count for each in found.bins] == pytest.approx([200] * 5, abs=12)
    assert found.index < 0.01
    assert found.bins[0].label.startswith("under 40.")


def test_chance_alone_moves_the_index():
    """Chi squared with four degrees of freedom, for both sizes (Yurdakul 2018)."""
    found = stabilities(vertebrae("cement_ratio_percent", [50.0] * 100))[0]
    expected = stats.chi2.ppf(0.95, 4) * (1 / 100 + 1 / 237)
    assert found.chance == pytest.approx(expected)


def test_an_empty_bin_leaves_the_index_finite():
    """All are treated in one way."""
    found = stabilities(vertebrae("method", ["pkp"] * 30))[-1]
    assert [each.count for each in found.bins] == [0, 0, 30]
    assert 0 < found.index < math.inf


def test_without_values_there_is_no_index():
    """Nothing is not the same as no drift."""
    assert all(each.index is None for each in stabilities([]))
