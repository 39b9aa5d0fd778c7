"""What statistics refuse to compute with."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from service.validation.arrays import (
    check_outcome,
    check_risk,
    check_weights,
    log_odds,
)
from service.validation.estimates import NotEstimableError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "outcome: is empty"),
        ([[0, 1]], "outcome: must be one-dimensional"),
        (1, "outcome: must be one-dimensional"),
        ([0, 1, np.nan], r"outcome: row 2 \(1 such rows\) is neither 0 nor 1"),
        ([0, 1, 2], "outcome: row 2"),
        (["yes", "no"], "outcome: must hold numbers only"),
        ([0, None], "outcome: row 1"),
    ],
)
def test_outcomes_that_are_not_0_or_1_are_refused(given: Any, message: str) -> None:
    """An unknown outcome is never taken for one without the event."""
    with pytest.raises(ValueError, match=message):
        check_outcome(given)


@pytest.mark.parametrize("given", [[0, 0], [1], [True, True]])
def test_one_class_determines_nothing(given: list[int]) -> None:
    """A resample with one class is told from a mistake of the caller."""
    with pytest.raises(NotEstimableError, match="of one class"):
        check_outcome(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([0.1], "risk: has 1 numbers for 2 patients"),
        ([0.1, 1.1], r"risk: row 1 \(1 such rows\) is missing or outside"),
        ([-0.1, 1.1], r"risk: row 0 \(2 such rows\)"),
        ([0.1, np.nan], "risk: row 1"),
        ([0.1, np.inf], "risk: row 1"),
    ],
)
def test_risks_that_are_no_probabilities_are_refused(
    given: list[float], message: str
) -> None:
    """Per cent, log odds and missing scores are not risks."""
    with pytest.raises(ValueError, match=message):
        check_risk(given, 2)


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf])
def test_weights_are_positive(bad: float) -> None:
    """A patient without weight does not belong into the array."""
    with pytest.raises(ValueError, match=r"weights: row 1 .* not a positive number"):
        check_weights([1, bad], 2)


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_certainty_has_no_log_odds(certain: float) -> None:
    """Rounded risks are refused rather than moved."""
    with pytest.raises(ValueError, match="exactly 0 or 1, which has no log odds"):
        log_odds(np.array([0.5, certain]))


@pytest.mark.parametrize("check", [lambda v: check_risk(v, 2), check_outcome])
def test_messages_hold_no_values(check: Callable[[Any], Any]) -> None:
    """What is wrong with a patient's value is said without the value."""
    with pytest.raises(ValueError, match="row 1") as refused:
        check([0, 7.123])
    assert "7.1" not in str(refused.value)
