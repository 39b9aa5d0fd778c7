"""The baseline table, against R and against the study's Table 1."""

import numpy as np
import pytest
from scipy import stats

from service.validation.baseline import (
    Counted,
    Measured,
    compare,
    compare_labels,
    compare_numbers,
)
from service.validation.contingency import compare_counts
from tests.statistics.development_reference import REFERENCE, candidates, close

BASELINE = REFERENCE["baseline"]


@pytest.fixture(scope="module")
def patients():
    """The synthetic patients."""
    return candidates()


@pytest.mark.parametrize("name", BASELINE["compared"])
def test_quantities_are_compared_as_in_r(patients, name):
    """The test is Welch's where Shapiro and Wilk reject neither group."""
    case = patients.outcome == 1
    found = compare_numbers(name, patients.columns[name], case)
    expected = BASELINE["compared"][name]
    is_normal = min(expected["shapiro"]) >= 0.05
    assert found.test == ("Welch t" if is_normal else "Mann-Whitney")
    assert found.p == close(expected["welch" if is_normal else "mann_whitney"])


@pytest.mark.parametrize("name", BASELINE["compared"])
def test_groups_are_described_as_in_r(patients, name):
    """Mean, SD, quartiles and the standardised difference."""
    case = patients.outcome == 1
    found = compare_numbers(name, patients.columns[name], case)
    expected = BASELINE["compared"][name]
    group = found.with_
    assert [group.mean, group.sd] == close([expected["mean"], expected["sd"]])
    quartiles = [group.lower, group.median, group.upper]
    assert quartiles == close(expected["quartiles"])
    assert found.standardised_difference == close(expected["difference"])


@pytest.mark.parametrize("name", BASELINE["counted"])
def test_labels_are_compared_as_in_r(patients, name):
    """Pearson's test, or Fisher's where expected counts are small."""
    found = compare_labels(name, patients.columns[name], patients.outcome == 1)
    key = {"chi-square": "chi_square", "Fisher": "fisher"}[found.test]
    assert found.p == close(BASELINE["counted"][name][key])


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [((3, 9), (12, 4), "two"), ((2, 1, 0), (7, 4, 11), "three")],
)
def test_fishers_test_is_that_of_r(first, second, key):
    """Two labels, and three: the tables that are no likelier than the one seen."""
    table = np.array([first, second])
    expected = stats.contingency.expected_freq(table)
    test, p = compare_counts(first, second)
    if (expected < 5).mean() > 0.2:
        assert test == "Fisher"
        assert p == close(BASELINE["fisher"][key])
    else:
        assert test == "chi-square"


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        ((75, 162), (39, 64), 0.322),
        ((60, 177), (22, 81), 0.518),
        ((29, 208), (11, 92), 0.821),
        ((22, 215), (8, 95), 0.807),
        ((17, 37, 182), (8, 15, 80), 0.955),
    ],
    ids=["segment", "history", "dropsy", "leakage", "method"],
)
def test_counts_of_the_studys_table_1_give_its_p_values(first, second, p):
    """Derivation against validation cohort, as printed to three places."""
    assert compare_counts(first, second)[1] == pytest.approx(p, abs=0.0006)


def sample_with(mean, sd, n):
    """Give numbers that look normal, with exactly this mean and SD."""
    scores = stats.norm.ppf((np.arange(n) + 0.5) / n)
    return mean + sd * (scores - scores.mean()) / scores.std(ddof=1)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        ((6.81, 7.22), (4.96, 4.52), 0.005),
        ((51.79, 13.37), (54.34, 13.58), 0.112),
        ((43.89, 24.16), (46.70, 24.68), 0.332),
    ],
    ids=["days", "cement", "restoration"],
)
def test_moments_of_the_studys_table_1_give_its_p_values(first, second, p):
    """Student's test would give 0.017 for the days to the operation: it was Welch's."""
    values = np.concatenate([sample_with(*first, 237), sample_with(*second, 103)])
    found = compare_numbers("value", values, np.arange(340) < 237)
    assert found.p == pytest.approx(p, abs=0.0015)


def test_missing_values_are_shown_and_not_counted():
    """Nothing is imputed, and nobody disappears."""
    group = np.array([True] * 4 + [False] * 4)
    found = compare(
        {
            "age": np.array([1.0, 2, 4, np.nan, 3, 5, 8, 9]),
            "sex": np.array(["f", "", "m", "f", "f", "m", "m", "f"]),
            "flag": np.array([0.0, 1, 1, np.nan, 0, 1, 0, 0]),
        },
        group,
    )
    assert [type(row) for row in found] == [Measured, Counted, Counted]
    assert [(row.with_.n, row.with_.missing) for row in found] == [(3, 1)] * 3
    assert [(row.overall.n, row.overall.missing) for row in found] == [(7, 1)] * 3
    assert found[2].labels == ("0", "1")


def test_the_standardised_difference_of_two_labels_is_the_usual_one():
    """Austin 2009: the difference of shares over the root of the mean variance."""
    labels = np.array(["yes"] * 30 + ["no"] * 70 + ["yes"] * 50 + ["no"] * 50)
    found = compare_labels("x", labels, np.arange(200) < 100)
    expected = 0.2 / np.sqrt((0.3 * 0.7 + 0.5 * 0.5) / 2)
    assert found.standardised_difference == pytest.approx(expected)


def test_equal_groups_do_not_differ():
    """A constant is the same everywhere: p is 1 and the distance 0."""
    group = np.arange(10) < 5
    number = compare_numbers("x", np.full(10, 3.0), group)
    label = compare_labels("y", np.full(10, "a"), group)
    assert (number.p, number.standardised_difference) == (1.0, 0.0)
    assert (label.p, label.standardised_difference) == (1.0, 0.0)


def test_a_distance_without_spread_is_not_a_number():
    """Two groups that are constant and differ are infinitely many SDs apart."""
    group = np.arange(10) < 5
    number = compare_numbers("x", np.where(group, 1.0, 2.0), group)
    label = compare_labels("y", np.where(group, "a", "b"), group)
    assert np.isnan(number.standardised_difference)
    assert np.isnan(label.standardised_difference)


def test_large_groups_are_compared_by_their_means():
    """Above 5000 patients Shapiro and Wilk reject everything."""
    rng = np.random.default_rng(3)
    found = compare_numbers("x", rng.exponential(size=12000), np.arange(12000) < 6000)
    assert found.test == "Welch t"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.inf, 2, 3], "x: holds an infinite value"),
        ([1.0, np.nan, 2, 3], "x: fewer than two values in a group"),
    ],
)
def test_numbers_that_cannot_be_compared_are_refused(values, message):
    """The message names the variable and the remedy."""
    with pytest.raises(ValueError, match=message):
        compare_numbers("x", np.array(values), np.array([True, True, False, False]))


def test_a_group_without_labels_is_refused():
    """All missing on one side."""
    with pytest.raises(ValueError, match="y: a group has no label"):
        compare_labels("y", np.array(["", "a"]), np.array([True, False]))


@pytest.mark.parametrize("group", [[True, True], [False, False]])
def test_one_group_is_refused(group):
    """A comparison has two sides."""
    with pytest.raises(ValueError, match="group: must leave patients on both"):
        compare_labels("y", np.array(["a", "b"]), np.array(group))


def test_a_column_of_another_length_is_refused():
    """One value for each patient."""
    with pytest.raises(ValueError, match="x: must have one value for each patient"):
        compare_numbers("x", np.ones(3), np.array([True, False]))


def test_too_many_rare_labels_are_refused():
    """Fisher's test would list too many tables."""
    with pytest.raises(ValueError, match="merge the rare ones"):
        compare_counts((2,) * 12, (3,) * 12)
