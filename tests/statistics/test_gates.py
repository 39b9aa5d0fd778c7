"""How many patients a level takes, and how many are missing."""

import pytest

from service.validation.gates import gates, highest_open
from service.validation.updating import Level


@pytest.mark.parametrize(
    ("n", "events", "most"),
    [
        (200, 3, None),
        (400, 19, None),
        (400, 20, Level.INTERCEPT),
        (400, 99, Level.INTERCEPT),
        (300, 100, Level.SLOPE),
        (400, 100, Level.REFIT),
        (130, 100, Level.INTERCEPT),
        (110, 95, None),
    ],
)
def test_so_many_patients_allow_so_much(n, events, most):
    """20 events for an intercept, 100 of each outcome for a slope, Riley for more."""
    assert highest_open(gates(n, events, 4)) is most


def test_what_is_missing_is_counted_at_the_share_that_there_is():
    """99 of 396 lack one event, which takes four patients."""
    gate = gates(396, 99, 4)[Level.SLOPE]
    assert (gate.missing_events, gate.missing_patients) == (1, 4)
    assert not gate.is_open


def test_missing_patients_without_the_outcome_are_counted_as_well():
    """Where the outcome is the rule, it is the others who are missing."""
    gate = gates(150, 100, 4)[Level.SLOPE]
    assert (gate.missing_events, gate.missing_patients) == (0, 150)


@pytest.mark.parametrize(("incidence", "n"), [(0.1, 1000), (0.2, 500), (0.4, 250)])
def test_adding_what_is_missing_opens_the_gate(incidence, n):
    """The number that is told is enough."""
    events = round(incidence * n) // 3
    first = gates(n // 3, events, 8)
    for level, gate in first.items():
        more = n // 3 + gate.missing_patients
        assert gates(more, round(more * events / (n // 3)) + 1, 8)[level].is_open


def test_a_refit_needs_what_riley_asks_for():
    """By hand: 4 coefficients, half with the outcome, R squared 0.15 x 0.75 = 0.1125.

    4 / ((0.9 - 1) ln(1 - 0.1125 / 0.9)) = 299.6; 1.96^2 / 0.05^2 / 4 = 384.1, so 385.
    """
    gate = gates(300, 150, 4)[Level.REFIT]
    assert "385 in all" in gate.needs
    assert gate.missing_patients == 85


@pytest.mark.parametrize("events", [0, 10])
def test_one_outcome_only_is_refused(events):
    """There is no share to reckon with."""
    with pytest.raises(ValueError, match="events: must be from 1 to n - 1"):
        gates(10, events, 4)
