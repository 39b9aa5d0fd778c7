"""The bootstrap engine."""

import numpy as np
import pytest
from numpy.typing import NDArray

from service.validation.estimates import NotEstimableError
from service.validation.resampling import Resampled, bootstrap

VALUES = np.random.default_rng(7).normal(5, 2, 200)


def mean(rows: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.array([VALUES[rows].mean(), np.median(VALUES[rows])])


@pytest.mark.parametrize("jobs", [2, 3])
def test_number_of_processes_changes_nothing(jobs: int) -> None:
    """The same seed gives the same bytes."""
    one, many = (
        bootstrap(mean, 200, rng=np.random.default_rng(1), resamples=60, jobs=each)
        for each in (1, jobs)
    )
    assert one.values.tobytes() == many.values.tobytes()


def test_the_same_generator_used_again_gives_other_resamples() -> None:
    """Two statistics from one generator are not computed in the same resamples."""
    rng = np.random.default_rng(1)
    first, second = (bootstrap(mean, 200, rng=rng, resamples=5) for _ in range(2))
    assert not np.array_equal(first.values, second.values)


def test_spread_is_the_standard_error_of_the_mean() -> None:
    """Resampled means spread as theory says, to 5 % with 2000 resamples."""
    drawn = bootstrap(mean, 200, rng=np.random.default_rng(2), resamples=2000)
    expected = VALUES.std() / np.sqrt(200)
    assert drawn.values[:, 0].std() == pytest.approx(expected, rel=0.05)


def test_progress_adds_up() -> None:
    """All resamples are told of, in pieces."""
    told: list[int] = []
    bootstrap(
        mean,
        200,
        rng=np.random.default_rng(1),
        resamples=60,
        jobs=2,
        progress=told.append,
    )
    assert sum(told) == 60
    assert len(told) > 1


def fail_sometimes(rows: NDArray[np.intp]) -> NDArray[np.float64]:
    if rows[0] < 10:
        raise NotEstimableError("the first patient was young")
    return np.array([1.0, np.nan if rows[1] < 100 else 2.0])


def test_failures_are_counted_and_named() -> None:
    """A resample without a number stays in the count, and the note says why."""
    drawn = bootstrap(fail_sometimes, 200, rng=np.random.default_rng(1), resamples=100)
    assert len(drawn.values) == 100
    failed = drawn.reasons["the first patient was young"]
    assert 0 < failed == drawn.failed[0] < 11
    note = f"{failed} of 100 resamples failed (the first patient was young)"
    assert drawn.estimates([1.0, 2.0])[0].note == note


def test_too_many_failures_leave_no_interval() -> None:
    """Above 10 % the rest is no fair sample."""
    drawn = bootstrap(fail_sometimes, 200, rng=np.random.default_rng(1), resamples=100)
    estimate = drawn.estimates([1.0, 2.0])[1]
    assert estimate.value == 2
    assert np.isnan(estimate.low)
    assert np.isnan(estimate.high)
    assert estimate.note.startswith("no interval: ")


def test_a_number_that_never_failed_has_no_note() -> None:
    """Nothing is said where nothing limits."""
    drawn = Resampled(np.arange(40.0)[:, None], {})
    assert drawn.estimates([20.0])[0].note == ""


def always(rows: NDArray[np.intp]) -> NDArray[np.float64]:
    raise NotEstimableError("one class")


def broken(rows: NDArray[np.intp]) -> NDArray[np.float64]:
    raise KeyError("a mistake")


def test_all_failures_are_an_error() -> None:
    """Without a single resample there is no result."""
    with pytest.raises(NotEstimableError, match="all 5 resamples failed: one class"):
        bootstrap(always, 9, rng=np.random.default_rng(1), resamples=5)


def test_a_mistake_is_not_taken_for_a_failed_resample() -> None:
    """Only what the data cannot tell is counted."""
    with pytest.raises(KeyError, match="a mistake"):
        bootstrap(broken, 9, rng=np.random.default_rng(1), resamples=5)


@pytest.mark.parametrize("name", ["resamples", "jobs"])
def test_counts_below_one_are_refused(name: str) -> None:
    """No resample is no interval."""
    with pytest.raises(ValueError, match=f"{name}: must be at least 1"):
        bootstrap(mean, 200, rng=np.random.default_rng(1), **{name: 0})  # type: ignore[arg-type] # one of two
