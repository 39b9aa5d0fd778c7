"""What a month brings: published intervals, and a month counted by hand."""

from datetime import timedelta

import pytest
from scipy import stats

from service.intervals import wilson_interval
from service.monitor.calls import discharges
from service.monitor.capacity import TooFewError, estimate, poisson_interval
from service.policy import default_policy

BANDS = default_policy().bands


def days(make, risks, **changed):
    """One discharge a day."""
    return discharges(
        make.call(n, at=make.at + timedelta(days=n), risk=risk, **changed)
        for n, risk in enumerate(risks)
    )


@pytest.mark.parametrize("count", [0, 1, 10, 200])
def test_the_poisson_interval_is_exact(count):
    """Garwood's limits are quantiles of chi squared, here scipy's."""
    low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0
    high = stats.chi2.ppf(0.975, 2 * count + 2) / 2
    assert poisson_interval(count) == pytest.approx((low, high), rel=1e-6)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_of_a_share_is_wilsons(count, n, low, high):
    """The examples of Newcombe (1998), method 3."""
    assert wilson_interval(count, n) == pytest.approx((low, high), abs=5e-5)


def test_a_month_counted_by_hand(make):
    """40 discharges in 40 days, 10 from 25 % on: 7.6 a month of 30.4 days."""
    found = estimate(days(make, [0.3] * 10 + [0.2] * 10 + [0.1] * 20), BANDS)
    assert (found.days, found.discharges) == (40, 40)
    high, all_cards, points, missing = found.by_policy
    assert (high.count, all_cards.count) == (10, 20)
    assert high.share == 0.25
    assert high.per_month == pytest.approx(10 * 30.4375 / 40)
    assert high.month_interval == pytest.approx(
        tuple(limit * 30.4375 / 40 for limit in (4.795, 18.39)), abs=2e-3
    )
    assert (points.count, missing.count) == (0, 0)


def test_blocks_are_at_least_the_cases_expected(make):
    """10 with 0.3 and 10 with 0.2 in 40 days: 5 cases, 3.8 a month."""
    found = estimate(days(make, [0.3] * 10 + [0.2] * 10 + [0.1] * 20), BANDS)
    assert found.by_policy[1].blocks_per_month == pytest.approx(5 * 30.4375 / 40)


def test_other_thresholds_can_be_pondered(make):
    """From 20, 25 and 30 %; a risk at the threshold has reached it."""
    found = estimate(days(make, [0.3] * 5 + [0.25] * 5 + [0.2] * 10), BANDS)
    assert [each.count for each in found.if_high_began_at] == [20, 10, 5]


def test_missing_values_are_counted_apart(make):
    """They get a card that asks, and are in no count of risks."""
    asks = make.vertebra | {"bounds": [0.1, 0.4]}
    nothing = {"risk": None, "percentile": None}
    asked = discharges(
        make.call(n, tenant="south", vertebrae=[asks], **nothing) for n in range(3)
    )
    found = estimate(days(make, [0.3] * 20) + asked, BANDS)
    assert found.by_policy[-1].count == 3
    assert found.without_number == 3


def test_points_without_a_probability_are_counted_by_their_percentile(make):
    """Output mode `relative`: no risk, and so no blocks."""
    found = estimate(days(make, [None] * 20, percentile=80.0, band=None), BANDS)
    assert found.by_policy[2].count == 20
    assert found.by_policy[1].blocks_per_month is None
    assert found.without_number == 0


def test_discharges_that_were_not_assessed_are_told(make):
    """Refused, or asked about while switched off: the estimate is short of them."""
    off = discharges(
        make.call(n, tenant="south", model=None, risk=None, vertebrae=[])
        for n in range(2)
    )
    assert estimate(days(make, [0.3] * 20) + off, BANDS).not_assessed == 2


def test_too_few_discharges_are_refused(make):
    """19 say nothing of a month."""
    with pytest.raises(TooFewError, match="19 discharges are too few"):
        estimate(days(make, [0.3] * 19), BANDS)
