"""How much of a model so many patients may change, and how many are missing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from service.validation.binormal import modest_r_squared
from service.validation.sample_size import for_development
from service.validation.updating import Level

__all__ = ["Gate", "gates", "highest_open"]

#: Patients of the rarer outcome from which an intercept may be estimated.
_FOR_INTERCEPT: Final = 20
#: Patients with the outcome, and as many without, from which a slope may.
_FOR_SLOPE: Final = 100


@dataclass(frozen=True, slots=True)
class Gate:
    """
    Whether there are enough patients for a level.

    Attributes
    ----------
    level : Level
        The level.
    needs : str
        What it takes, in words.
    missing_events : int
        Patients with the outcome that are missing; 0 if none is.
    missing_patients : int
        Patients that are missing for all conditions, at this share of events.
    """

    level: Level
    needs: str
    missing_events: int
    missing_patients: int

    @property
    def is_open(self) -> bool:  # numpydoc ignore=RT01
        """Whether the level may be fitted."""
        return self.missing_patients == 0


def gates(n: int, events: int, n_predictors: int) -> Mapping[Level, Gate]:
    """
    Tell what so many patients allow.

    Intercept: 20 patients of the rarer outcome. Slope: 100 with the outcome and 100
    without. Refit: those, and the size for developing a model of which is known no more
    than that it explains 0.15 of what can be explained (Riley et al., BMJ 2020; 368:
    m441, doi:10.1136/bmj.m441).

    Parameters
    ----------
    n, events : int
        Patients, and those with the outcome; at least one with and one without.
    n_predictors : int
        Coefficients of a refit.

    Returns
    -------
    Mapping of Level to Gate
        For intercept, slope and refit.

    Raises
    ------
    ValueError
        If nobody has the outcome, or everybody.

    Examples
    --------
    >>> found = gates(340, 70, 4)
    >>> found[Level.INTERCEPT].is_open, found[Level.SLOPE].missing_events
    (True, 30)
    """
    if not 0 < events < n:
        raise ValueError("events: must be from 1 to n - 1; both outcomes are needed")
    required = _development_size(events / n, n_predictors)
    found = (
        _gate(Level.INTERCEPT, _FOR_INTERCEPT, 0, n, events),
        _gate(Level.SLOPE, _FOR_SLOPE, 0, n, events),
        _gate(Level.REFIT, _FOR_SLOPE, required, n, events),
    )
    return MappingProxyType({gate.level: gate for gate in found})


def highest_open(found: Mapping[Level, Gate]) -> Level | None:
    """
    Name the most that may be fitted.

    Parameters
    ----------
    found : Mapping of Level to Gate
        From `gates`.

    Returns
    -------
    Level or None
        None if not even the intercept may.
    """
    fitting = [gate.level for gate in found.values() if gate.is_open]
    return fitting[-1] if fitting else None


def _development_size(incidence: float, n_predictors: int) -> int:
    """Count patients by Riley's criteria, as for a model of which nothing is known."""
    sizes = for_development(incidence, n_predictors, modest_r_squared(incidence))
    return max(each.n for each in sizes)


def _gate(level: Level, each: int, patients: int, n: int, events: int) -> Gate:
    """Count what is missing, if the share of events stays as it is."""
    needed = max(each / events, each / (n - events)) * n
    whole = math.ceil(max(patients, needed) - 1e-9)
    missing = max(0, whole - n)
    share = events / n
    words = f"{each} with SCNEN and {each} without"
    if patients:
        words += f", {patients} in all (Riley)"
    wanted = max(each, math.ceil(patients * share - 1e-9))
    return Gate(level, words, max(0, wanted - events) if missing else 0, missing)
