"""The bootstrap: the same numbers with any number of processes, failures counted."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from joblib import Parallel, delayed
from numpy.random import Generator
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from service.validation.estimates import Estimate, NotEstimableError

__all__ = ["RESAMPLES", "Progress", "Resampled", "Rows", "Statistic", "bootstrap"]

_Array: TypeAlias = NDArray[np.float64]
#: Which patients are in a resample, by place; some more than once.
Rows: TypeAlias = NDArray[np.intp]
#: Numbers of one resample. NaN where there is none.
Statistic: TypeAlias = Callable[[Rows], _Array]
#: Is told how many more resamples are done.
Progress: TypeAlias = Callable[[int], None]

RESAMPLES: Final = 500
#: With a larger share of failures the others are no fair sample: no interval.
_MOST_FAILED: Final = 0.1
_LIMITS: Final = (2.5, 97.5)
#: Resamples that a process takes at a time: few enough for progress to be seen.
_BATCH: Final = 25


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """
    What a statistic was in each resample.

    Attributes
    ----------
    values : numpy.ndarray of shape (n_resamples, n_numbers)
        Its numbers. NaN where a resample did not determine one.
    reasons : Mapping of str to int
        Why resamples failed as a whole, and how many.
    """

    values: _Array
    reasons: Mapping[str, int]

    @property
    def failed(self) -> NDArray[np.intp]:  # numpydoc ignore=RT01
        """How many resamples have no value, for each number: shape (n_numbers,)."""
        failed: NDArray[np.intp] = np.isnan(self.values).sum(axis=0, dtype=np.intp)
        return failed

    def band(self) -> tuple[_Array, _Array]:
        """
        Percentile limits of all numbers.

        Returns
        -------
        low : numpy.ndarray of shape (n_numbers,)
            2.5 % of the resamples that did not fail. NaN where more than 10 % failed.
        high : numpy.ndarray of shape (n_numbers,)
            97.5 %, likewise.
        """
        usable = self.failed <= _MOST_FAILED * len(self.values)
        limits = np.full((2, usable.size), np.nan)
        if usable.any():
            limits[:, usable] = np.nanpercentile(
                self.values[:, usable], _LIMITS, axis=0
            )
        return limits[0], limits[1]

    def estimates(self, values: Sequence[float] | _Array) -> list[Estimate]:
        """
        Put percentile intervals around what all patients together gave.

        Parameters
        ----------
        values : sequence of float of length n_numbers
            The numbers from the patients as they are.

        Returns
        -------
        list of Estimate
            One for each. The note says how many resamples failed, and that there is
            no interval if they were more than 10 %.
        """
        low, high = self.band()
        return [
            Estimate(float(value), float(low[i]), float(high[i]), self._note(i))
            for i, value in enumerate(values)
        ]

    def _note(self, number: int) -> str:
        failed, n = int(self.failed[number]), len(self.values)
        if not failed:
            return ""
        note = f"{failed} of {n} resamples failed"
        if self.reasons:
            note += f" ({'; '.join(sorted(self.reasons))})"
        return note if failed <= _MOST_FAILED * n else f"no interval: {note}"


def bootstrap(
    statistic: Statistic,
    n: int,
    *,
    rng: Generator,
    strata: NDArray[np.generic] | None = None,
    resamples: int = RESAMPLES,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Resampled:
    """
    Compute a statistic in resamples of patients, drawn with replacement.

    Each resample has a random generator of its own, spawned from ``rng``: results are
    the same to the last bit whatever ``jobs``.

    Parameters
    ----------
    statistic : Statistic
        From places of patients to an array of numbers, of shape (n_numbers,). It says
        that there is none by NaN or `NotEstimableError`; any other error ends all.
    n : int
        How many patients there are, at least 1.
    rng : numpy.random.Generator
        Where the randomness comes from.
    strata : numpy.ndarray of shape (n,), optional
        Group of each patient: as many of each are drawn as there are.
    resamples : int
        How many, at least 1.
    jobs : int
        Processes, at least 1.
    progress : Progress, optional
        Told of newly finished resamples, in this process.

    Returns
    -------
    Resampled
        The numbers of each resample, in the order of the spawned generators.

    Raises
    ------
    ValueError
        If ``n``, ``resamples`` or ``jobs`` is below 1.
    NotEstimableError
        If every resample failed.

    Examples
    --------
    >>> ages = np.array([61.0, 70, 74, 83])
    >>> drawn = bootstrap(lambda rows: ages[rows].mean()[None], 4,
    ...                   rng=np.random.default_rng(1), resamples=200)
    >>> drawn.values.shape
    (200, 1)
    """
    for name, count in (("n", n), ("resamples", resamples), ("jobs", jobs)):
        if count < 1:
            raise ValueError(f"{name}: must be at least 1")
    groups = _groups(n, strata)
    generators = rng.spawn(resamples)
    batches = [generators[i : i + _BATCH] for i in range(0, resamples, _BATCH)]
    work = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_batch)(statistic, groups, batch) for batch in batches
    )
    done: list[_Array | str] = []
    for results in work:
        done.extend(results)
        if progress is not None:
            progress(len(results))
    return _gather(done)


def _groups(n: int, strata: NDArray[np.generic] | None) -> list[Rows]:
    if strata is None:
        return [np.arange(n)]
    return [np.flatnonzero(strata == label) for label in np.unique(strata)]


def _batch(
    statistic: Statistic, groups: Sequence[Rows], generators: Sequence[Generator]
) -> list[_Array | str]:
    # Threads that share a sum would add it up in another order than one alone.
    with threadpool_limits(1):
        return [_one(statistic, _draw(groups, each)) for each in generators]


def _draw(groups: Sequence[Rows], generator: Generator) -> Rows:
    drawn = [rows[generator.integers(rows.size, size=rows.size)] for rows in groups]
    return np.concatenate(drawn)


def _one(statistic: Statistic, rows: Rows) -> _Array | str:
    try:
        return statistic(rows)
    except NotEstimableError as failure:
        return str(failure)


def _gather(done: Sequence[_Array | str]) -> Resampled:
    found = [each for each in done if not isinstance(each, str)]
    reasons = Counter(each for each in done if isinstance(each, str))
    if not found:
        raise NotEstimableError(
            f"all {len(done)} resamples failed: {'; '.join(sorted(reasons))}"
        )
    nothing = np.full_like(found[0], np.nan)
    values = [nothing if isinstance(each, str) else each for each in done]
    return Resampled(np.array(values), dict(sorted(reasons.items())))
