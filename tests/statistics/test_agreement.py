"""Two readers: published worked examples, R, and what gives no answer."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.validation.agreement import (
    bland_altman,
    intraclass_correlation,
    within_subject_sd,
)
from tests.statistics.discrimination_reference import reference

#: Shrout and Fleiss (1979), table 2: six targets, four judges.
RATINGS = np.array(
    [
        [9, 2, 5, 8],
        [6, 1, 3, 2],
        [8, 4, 6, 8],
        [7, 1, 2, 6],
        [10, 5, 6, 9],
        [6, 2, 4, 7],
    ]
)
#: Bland and Altman (1986), table 1: peak flow in l/min, first readings of both meters.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178]
WRIGHT += [423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259]
MINI += [350, 451]


def limits(estimate):
    return [estimate.value, estimate.low, estimate.high]


def test_agreement_is_that_of_shrout_and_fleiss():
    """ICC(2,1) = 0.29; its interval as R's psych prints it, 0.019 to 0.761."""
    found = intraclass_correlation(RATINGS).agreement
    assert limits(found) == pytest.approx([0.29, 0.019, 0.761], abs=2.5e-3)


def test_consistency_is_that_of_shrout_and_fleiss():
    """ICC(3,1) = 0.71; its interval as R's psych prints it, 0.342 to 0.946."""
    found = intraclass_correlation(RATINGS).consistency
    assert limits(found) == pytest.approx([0.715, 0.342, 0.946], abs=5e-4)


def test_consistency_is_a_ratio_of_variance_components():
    """nlme's REML of subjects within judges, which stops at 7 digits."""
    expected = reference("discrimination")["shrout_fleiss"]["consistency"]
    found = intraclass_correlation(RATINGS).consistency.value
    assert found == pytest.approx(expected, rel=1e-6)


def test_within_subject_sd_is_that_of_rs_analysis_of_variance():
    """Root of the mean square within subjects, as Bland and Altman (1996) define it."""
    expected = reference("discrimination")["shrout_fleiss"]["within_subject_sd"]
    assert within_subject_sd(RATINGS).value == pytest.approx(expected, rel=1e-10)


def test_bias_and_limits_are_those_of_bland_and_altman():
    """-2.1 (SD 38.8; -22.0 to 17.8) l/min, Wright less mini Wright meter.

    The paper doubles the SD where we take 1.96 of them.
    """
    found = bland_altman(MINI, WRIGHT)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert limits(found.bias) == pytest.approx([-2.1, -22.0, 17.8], abs=0.06)
    spread = found.upper_limit.value - found.lower_limit.value
    assert spread * 2 / 1.96 == pytest.approx(75.5 + 79.7, abs=0.3)


def test_limits_are_about_as_sure_as_bland_and_altman_have_it():
    """Standard error 16.3 l/min: within 1 %, of 17 pairs, t of 2.12."""
    upper = bland_altman(MINI, WRIGHT).upper_limit
    assert (upper.high - upper.value) / 2.12 == pytest.approx(16.3, rel=0.01)


@given(st.floats(0.1, 50), st.floats(-90, 90))
def test_units_do_not_matter(scale, shift):
    """Correlations stay; the SD has the unit of the readings."""
    moved = scale * RATINGS + shift
    found, plain = intraclass_correlation(moved), intraclass_correlation(RATINGS)
    assert limits(found.agreement) == pytest.approx(limits(plain.agreement), rel=1e-6)
    assert within_subject_sd(moved).value == pytest.approx(
        scale * within_subject_sd(RATINGS).value, rel=1e-6
    )


def test_a_reader_who_always_reads_higher_is_consistent_but_does_not_agree():
    """The difference between both correlations."""
    readings = np.column_stack([RATINGS[:, 3], RATINGS[:, 3] + 5.0])
    found = intraclass_correlation(readings)
    assert found.consistency.value == pytest.approx(1)
    assert found.agreement.value < 0.5
    assert math.isnan(found.agreement.low)
    assert "no interval" in found.consistency.note


def test_films_that_tell_nothing_apart_have_no_agreement():
    """Readers at random: the interval holds 0, and may be negative."""
    noise = np.random.default_rng(5).normal(size=(40, 2))
    found = intraclass_correlation(noise)
    assert found.agreement.low < 0 < found.agreement.high


@pytest.mark.parametrize(
    ("readings", "message"),
    [
        ([[1, 2], [3, np.nan], [5, 6]], r"readings: row 1 \(1 such rows\) lacks a"),
        ([1, 2, 3], "readings: must have a row for each film"),
        ([[1, 2], [3, 4]], "readings: 2 films by 2 readers; at least 3 by 2"),
        ([[1], [2], [3]], "readings: 3 films by 1 readers"),
        ([[7, 7], [7, 7], [7, 7]], "readings: all are equal"),
    ],
)
def test_readings_that_determine_nothing_are_refused(readings, message):
    """Gaps, too few, and no variance."""
    with pytest.raises(ValueError, match=message):
        intraclass_correlation(readings)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([1, 2, 3], [1, 2], "second: has 2 numbers for 3 patients"),
        ([1, np.nan, 3], [1, 2, 3], "first: row 1"),
        ([1, 2], [1, 2], "readings: 2 films"),
    ],
)
def test_pairs_that_are_none_are_refused(first, second, message):
    """Both readers must have measured every film."""
    with pytest.raises(ValueError, match=message):
        bland_altman(first, second)
