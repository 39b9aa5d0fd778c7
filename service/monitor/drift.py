"""Do the patients still look like those of the study? Inputs against its Table 1.

Differences of means and shares are standardised as by Austin (2009); the whole
distribution is compared by the population stability index. Both move by chance in
small samples: each is given with how far.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np

from service.model.cohort import NODES, gamma_quantile, rebuild
from service.model.predictors import INPUTS
from service.model.published import LUMBAR, METHOD_COUNTS, MOMENTS

__all__ = [
    "Bin",
    "Difference",
    "Stability",
    "differences",
    "stabilities",
    "stability_index",
    "standardised_difference",
]

_FIFTHS: Final = (0.2, 0.4, 0.6, 0.8)
_PREOPERATIVE: Final = "cobb_preoperative_deg"
#: Patients of the study's derivation cohort.
_STUDIED: Final = LUMBAR[1]
#: One sample in twenty moves further by chance.
_CHANCE: Final = 0.95
_Z: Final = 1.96
_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """
    A mean or a share beside that of the study.

    Attributes
    ----------
    what : str
        Predictor; for a share with its category, such as ``segment=lumbar``.
    n : int
        Vertebrae with a value.
    mean, sd : float or None
        Here, in the predictor's unit; of a share p, p and sqrt(p (1 - p)).
    study_mean, study_sd : float
        In Table 1.
    difference : float or None
        Standardised difference; positive if it is more here. None below two values.
    interval : tuple of float or None
        Its approximate 95 % interval.
    """

    what: str
    n: int
    mean: float | None
    sd: float | None
    study_mean: float
    study_sd: float
    difference: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Bin:
    """
    A part of a distribution.

    Attributes
    ----------
    label : str
        Which values.
    expected : float
        Share of the study's patients, in (0, 1).
    count : int
        Vertebrae here.
    low, high : float or None
        From where on, and up to where; None of a category, and at the ends.
    """

    label: str
    expected: float
    count: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Stability:
    """
    The distribution of a predictor beside that of the study.

    Attributes
    ----------
    predictor : str
        Which.
    bins : tuple of Bin
        Fifths of the cohort rebuilt from Table 1, or categories.
    index : float or None
        Population stability index; None without values.
    chance : float or None
        What chance alone exceeds in one of twenty samples of both sizes.
    """

    predictor: str
    bins: tuple[Bin, ...]
    index: float | None
    chance: float | None


def standardised_difference(
    mean: float, sd: float, other_mean: float, other_sd: float
) -> float:
    """
    Give the difference of two means in standard deviations (Austin 2009).

    Parameters
    ----------
    mean, sd : float
        Of the one sample; of a share p, p and sqrt(p (1 - p)).
    other_mean, other_sd : float
        Of the other.

    Returns
    -------
    float
        The difference; 0 between equal means that do not vary, infinite between others.

    Examples
    --------
    >>> round(standardised_difference(110, 20, 100, 20), 3)
    0.5
    """
    spread = math.sqrt((sd**2 + other_sd**2) / 2)
    if spread == 0:
        return 0.0 if mean == other_mean else math.copysign(math.inf, mean - other_mean)
    return (mean - other_mean) / spread


def stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """
    Give the population stability index of two distributions.

    Parameters
    ----------
    expected, actual : sequence of float
        Shares by bin, all positive.

    Returns
    -------
    float
        Sum of (actual - expected) ln(actual / expected).

    Examples
    --------
    >>> stability_index([0.5, 0.5], [0.5, 0.5])
    0.0
    """
    first, second = np.asarray(expected, float), np.asarray(actual, float)
    return float(np.sum((second - first) * np.log(second / first)))


def differences(vertebrae: Iterable[Mapping[str, Any]]) -> list[Difference]:
    """
    Compare means and shares with Table 1.

    Parameters
    ----------
    vertebrae : iterable of Mapping
        Each with its ``found`` values.

    Returns
    -------
    list of Difference
        Continuous predictors, then shares of segment and method.
    """
    values = _values(vertebrae)
    found = [_of_quantity(name, values[name]) for name in MOMENTS]
    for name, shares in _shares().items():
        n = LUMBAR[1] if name == "segment" else sum(METHOD_COUNTS)
        found += [
            _of_share(f"{name}={label}", label, values[name], share, n)
            for label, share in shares.items()
        ]
    return found


def stabilities(vertebrae: Iterable[Mapping[str, Any]]) -> list[Stability]:
    """
    Compare whole distributions with the cohort rebuilt from Table 1.

    Parameters
    ----------
    vertebrae : iterable of Mapping
        Each with its ``found`` values.

    Returns
    -------
    list of Stability
        One for each continuous predictor, for segment and for method.
    """
    values = _values(vertebrae)
    found = []
    for name in MOMENTS:
        edges = _edges()[name]
        counts = np.bincount(
            np.searchsorted(edges, values[name], side="right"),
            minlength=len(edges) + 1,
        )
        share = 1 / (len(edges) + 1)
        bins = [
            Bin(label, share, int(count), *ends)
            for label, count, ends in zip(
                _labels(edges), counts, pairwise((None, *edges, None)), strict=True
            )
        ]
        found.append(_stability(name, bins))
    for name, shares in _shares().items():
        bins = [
            Bin(label, share, values[name].count(label))
            for label, share in shares.items()
        ]
        found.append(_stability(name, bins))
    return found


def _values(vertebrae: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {name: [] for name in INPUTS}
    for vertebra in vertebrae:
        for name, (value, *_) in vertebra.get("found", {}).items():
            values[name].append(value)
    return values


def _of_quantity(name: str, values: Sequence[float]) -> Difference:
    enough = len(values) >= _TWO
    mean = float(np.mean(values)) if enough else None
    sd = float(np.std(values, ddof=1)) if enough else None
    return _difference(name, len(values), (mean, sd), MOMENTS[name], _STUDIED)


def _of_share(
    what: str, label: str, values: Sequence[str], share: float, studied: int
) -> Difference:
    own = values.count(label) / len(values) if len(values) >= _TWO else None
    here = (own, None if own is None else _sd(own))
    return _difference(what, len(values), here, (share, _sd(share)), studied)


def _difference(
    what: str,
    n: int,
    here: tuple[float | None, float | None],
    there: tuple[float, float],
    studied: int,
) -> Difference:
    mean, sd = here
    if mean is None or sd is None:
        return Difference(what, n, None, None, *there, None, None)
    d = standardised_difference(mean, sd, *there)
    # The large-sample variance of a standardised difference (Hedges and Olkin 1985).
    error = math.sqrt((n + studied) / (n * studied) + d**2 / (2 * (n + studied)))
    return Difference(what, n, mean, sd, *there, d, (d - _Z * error, d + _Z * error))


def _stability(name: str, bins: Sequence[Bin]) -> Stability:
    n = sum(each.count for each in bins)
    if n == 0:
        return Stability(name, tuple(bins), None, None)
    # Half a patient more in each bin: without, an empty one makes the index infinite.
    actual = [(each.count + 0.5) / (n + len(bins) / 2) for each in bins]
    index = stability_index([each.expected for each in bins], actual)
    degrees = len(bins) - 1
    chi_squared = gamma_quantile(_CHANCE, degrees, math.sqrt(2 * degrees))
    return Stability(name, tuple(bins), index, chi_squared * (1 / n + 1 / _STUDIED))


def _sd(share: float) -> float:
    return math.sqrt(share * (1 - share))


def _shares() -> dict[str, dict[str, float]]:
    """Give the shares of Table 1 by category."""
    lumbar = LUMBAR[0] / LUMBAR[1]
    methods = [count / sum(METHOD_COUNTS) for count in METHOD_COUNTS]
    return {
        "segment": {"thoracic": 1 - lumbar, "lumbar": lumbar},
        "method": dict(zip(INPUTS["method"].codes, methods, strict=True)),
    }


@lru_cache(maxsize=1)
def _edges() -> dict[str, tuple[float, ...]]:
    """Cut each continuous predictor of the rebuilt cohort into fifths."""
    cohort = rebuild(nodes=NODES[1], postoperative=True)
    edges = {
        name: tuple(np.quantile(cohort.design[:, column], _FIFTHS).tolist())
        for column, name in enumerate(cohort.names)
        if name in MOMENTS
    }
    moments = MOMENTS[_PREOPERATIVE]
    edges[_PREOPERATIVE] = tuple(gamma_quantile(p, *moments) for p in _FIFTHS)
    return edges


def _labels(edges: Sequence[float]) -> list[str]:
    """Say which values a bin holds: its lower edge belongs to it."""
    words = [f"{edge:.1f}" for edge in edges]
    middle = [f"{low} to {high}" for low, high in pairwise(words)]
    return [f"under {words[0]}", *middle, f"from {words[-1]}"]
