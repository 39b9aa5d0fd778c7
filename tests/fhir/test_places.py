"""Places as sets of levels."""

import pytest

from service.fhir.places import (
    ANYWHERE,
    LUMBAR,
    THORACIC,
    describe,
    level_of,
    narrowest,
    order,
    segment_of,
    span,
)


def test_there_are_seventeen_levels():
    """Twelve thoracic and five lumbar ones, and no thirteenth."""
    assert (len(THORACIC), len(LUMBAR)) == (12, 5)
    assert "T13" not in ANYWHERE


@pytest.mark.parametrize(
    ("place", "level", "segment"),
    [
        ({"T12"}, "T12", "thoracic"),
        ({"L1"}, "L1", "lumbar"),
        ({"T12", "L1"}, None, None),
        ({"T11", "T12"}, None, "thoracic"),
        ({"sacral"}, None, None),
        (set(), None, None),
        (ANYWHERE, None, None),
    ],
)
def test_level_and_segment(place, level, segment):
    """A level is one vertebra, a segment holds all that are possible."""
    assert level_of(frozenset(place)) == level
    assert segment_of(frozenset(place)) == segment


def test_span_fills_the_construct():
    """From the highest to the lowest, across the junction."""
    sites = [frozenset({"T12"}), frozenset({"L2"})]
    assert span(sites) == {"T12", "L1", "L2"}
    assert span([frozenset({"cervical"})]) == {"cervical"}


def test_coarse_record_adds_nothing_to_a_fine_one():
    """Unless they are of different places."""
    fine, coarse, other = frozenset({"L1"}), LUMBAR, frozenset({"T8"})
    assert narrowest([fine, coarse]) == fine
    assert narrowest([fine, coarse, other]) == {"L1", "T8"}
    assert narrowest([]) == ANYWHERE


def test_names_and_order():
    """A region by its name, several levels joined, from the head down."""
    assert describe(LUMBAR) == "lumbar"
    assert describe(frozenset({"L1", "T12"})) == "T12/L1"
    places = [LUMBAR, frozenset({"cervical"}), frozenset({"T3"})]
    assert min(places, key=order) == {"T3"}
    assert max(places, key=order) == {"cervical"}
