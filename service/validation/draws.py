"""How patients are drawn for bootstrap intervals, as one argument."""

from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.validation.resampling import Progress, Resampled, Statistic, bootstrap

__all__ = ["Draws", "Reweighing", "times_drawn"]

_Array: TypeAlias = NDArray[np.float64]

#: More than for optimism: limits lie in the tails, and a resample takes microseconds.
_RESAMPLES: Final = 2000


class Reweighing(Protocol):
    """Weights that are estimated again in each resample."""

    def applied(
        self, statistic: Statistic, strata: _Array | None
    ) -> tuple[Statistic, int, _Array | None]:
        """
        Give what is to be resampled instead.

        Parameters
        ----------
        statistic : Statistic
            Of the patients who have weights, with the keyword ``weight``.
        strata : numpy.ndarray or None
            Their groups.

        Returns
        -------
        tuple of (Statistic, int, numpy.ndarray or None)
            The statistic of everybody, how many they are, and their groups.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """
    How patients are drawn.

    Attributes
    ----------
    rng : numpy.random.Generator
        Where the randomness comes from. A second use draws others.
    resamples : int
        How many, at least 1.
    jobs : int
        Processes, at least 1; results do not depend on it.
    progress : Progress or None
        Told of newly finished resamples.
    reweighing : Reweighing or None
        Estimates weights again in each resample: a statistic is then called with them
        as ``weight``. None where there are none, or where they are fixed.
    """

    rng: Generator
    resamples: int = _RESAMPLES
    jobs: int = 1
    progress: Progress | None = None
    reweighing: Reweighing | None = None

    def run(
        self, statistic: Statistic, n: int, strata: _Array | None = None
    ) -> Resampled:
        """
        Compute a statistic in resamples, see `service.validation.resampling.bootstrap`.

        Parameters
        ----------
        statistic : Statistic
            From places of patients to numbers.
        n : int
            How many patients there are.
        strata : numpy.ndarray of shape (n,) or None
            Groups of which as many are drawn as there are; None draws from all alike.

        Returns
        -------
        Resampled
            The numbers of each resample.
        """
        if self.reweighing is not None:
            statistic, n, strata = self.reweighing.applied(statistic, strata)
        return bootstrap(
            statistic,
            n,
            rng=self.rng,
            strata=strata,
            resamples=self.resamples,
            jobs=self.jobs,
            progress=self.progress,
        )


def times_drawn(rows: NDArray[np.intp], n: int) -> _Array:
    """
    Count how often each patient was drawn.

    What was sorted once is not sorted again if a resample is a weight for each patient.

    Parameters
    ----------
    rows : numpy.ndarray of int
        Places of the patients of a resample.
    n : int
        How many patients there are.

    Returns
    -------
    numpy.ndarray of shape (n,)
        Counts.

    Examples
    --------
    >>> times_drawn(np.array([2, 0, 2]), 3)
    array([1., 0., 2.])
    """
    return np.bincount(rows, minlength=n).astype(np.float64)
