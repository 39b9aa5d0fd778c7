"""A cohort in figures: every row is in one of them."""

import pytest

from service.cohort.summary import examined_by_group, summarise
from service.model import load_bundled

ROWS = (
    "p1,lumbar,pkp,30,10,5,1",
    "p2,lumbar,pkp,40,10,6,0",
    "p3,thoracic,pkp,50,10,7,",
    "p4,thoracic,pvp,60,10,8,",
    "p5,,pvp,,10,5,1",
    "p6,lumbar,xxx,520,10,5,1",
    "p7,lumbar,xxx,60,10,5,1",
)


@pytest.fixture
def summary(read):
    """Five patients and two refused rows."""
    models = load_bundled("liu-nomogram"), load_bundled("liu-table2")
    return summarise(read(*ROWS), models)


def test_rows_are_taken_or_refused(summary):
    """The sum is what the file holds."""
    assert (summary.rows, summary.taken, summary.refused) == (7, 5, 2)


def test_reasons_are_counted_the_commonest_first(summary):
    """A row counts for each of its faults."""
    found = [(each.field, each.rows) for each in summary.reasons]
    assert found == [("method", 2), ("cement_ratio_percent", 1)]


def test_events_are_counted_among_the_examined(summary):
    """Not among all."""
    assert (summary.examined, summary.events) == (3, 2)


def test_who_can_be_scored_is_told_for_each_model(summary):
    """With the outcomes that a validation would have."""
    scorable = summary.scorable["liu-nomogram"]
    assert (scorable.n, scorable.examined, scorable.events) == (4, 2, 1)


def test_who_was_not_examined_is_told_by_group(summary):
    """Labels, thirds, and those without a value; each group adds up to all."""
    found = {(each.predictor, each.group): each for each in summary.groups}
    thoracic = found["segment", "thoracic"]
    assert (thoracic.n, thoracic.examined, thoracic.not_examined) == (2, 0, 1.0)
    assert found["segment", "not known"].n == 1
    assert found["cement_ratio_percent", "not known"].n == 1
    assert found["cement_ratio_percent", "below 40.0"].n == 1
    for name in ("segment", "method", "cement_ratio_percent"):
        assert sum(g.n for g in summary.groups if g.predictor == name) == 5


def test_the_share_has_wilsons_interval(read):
    """Statsmodels' own gives 0.2553 to 0.3662 for 81 of 263 (Newcombe 1998)."""
    rows = [f"p{n},lumbar,pkp,50,10,5,{'' if n < 81 else 0}" for n in range(263)]
    (lumbar,) = [g for g in examined_by_group(read(*rows)) if g.group == "lumbar"]
    assert lumbar.interval == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_groups_are_left_out_where_everybody_was_examined(read):
    """There is nothing to tell."""
    assert summarise(read(ROWS[0]), ()).groups == ()


def test_a_predictor_that_nobody_has_is_one_group(read):
    """No thirds of nothing."""
    groups = examined_by_group(read("p1,lumbar,pkp,,10,5,"))
    assert [g.group for g in groups if g.predictor == "cement_ratio_percent"] == [
        "not known"
    ]
