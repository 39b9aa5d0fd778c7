"""The derivation cohort rebuilt from Table 1, as a fixed quadrature."""

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.model.published import LUMBAR, METHOD_COUNTS, MOMENTS

__all__ = [
    "NODES",
    "Cohort",
    "Dependence",
    "from_normal_scores",
    "gamma_quantile",
    "rebuild",
    "truncated_normal_quantile",
]

_Array: TypeAlias = NDArray[np.float64]

#: Nodes of each continuous predictor: four-factor and five-term model.
NODES = (250, 40)

#: To which the normal distributions of Table 1 are cut.
_RANGES = {
    "cement_ratio_percent": (0.0, 100.0),
    "cobb_restoration_ratio_percent": (-100.0, 100.0),
}
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Dependence:
    """
    Correlations between predictors; the study gives none, so all are 0 by default.

    A correlation with a continuous predictor is one with its normal score.

    Attributes
    ----------
    cement_restoration : float
        Cement ratio with restoration ratio, given segment and method.
    lumbar_cement : float
        Lumbar fracture with cement ratio.
    lumbar_restoration : float
        Lumbar fracture with restoration ratio.
    method_restoration : float
        Method (1, 2, 3) with restoration ratio.
    """

    cement_restoration: float = 0.0
    lumbar_cement: float = 0.0
    lumbar_restoration: float = 0.0
    method_restoration: float = 0.0


@dataclass(frozen=True, slots=True)
class Cohort:
    """
    A weighted grid of patients.

    Attributes
    ----------
    names : tuple of str
        Predictors, one for each column of `design`.
    design : numpy.ndarray of shape (n_nodes, n_predictors)
        Values, in the units of the predictors.
    weight : numpy.ndarray of shape (n_nodes,)
        Share of the cohort; sums to 1.
    """

    names: tuple[str, ...]
    design: _Array
    weight: _Array

    def mean(self) -> _Array:
        """
        Mean of every predictor.

        Returns
        -------
        numpy.ndarray of shape (n_predictors,)
            Weighted means.
        """
        return self.weight @ self.design

    def sd(self) -> _Array:
        """
        Standard deviation of every predictor.

        Returns
        -------
        numpy.ndarray of shape (n_predictors,)
            Weighted standard deviations.
        """
        return np.sqrt(self.weight @ (self.design - self.mean()) ** 2)


def rebuild(
    *,
    nodes: int,
    postoperative: bool = False,
    dependence: Dependence | None = None,
) -> Cohort:
    """
    Rebuild the derivation cohort on equal-probability nodes.

    Segment and method as counted; cement and restoration ratio normal with the
    mean and SD of Table 1, truncated; independent unless told otherwise. The
    preoperative angle, where the postoperative one is wanted, is gamma-distributed
    and independent of the restoration ratio: post = pre (1 - ratio / 100).

    Parameters
    ----------
    nodes : int
        Nodes for each continuous predictor, at the middle of equal probabilities.
    postoperative : bool
        Whether to add the postoperative Cobb angle.
    dependence : Dependence, optional
        Correlations; none by default.

    Returns
    -------
    Cohort
        6 x nodes^2 weighted patients, 6 x nodes^3 with the postoperative angle.
    """
    middle = (np.arange(nodes) + 0.5) / nodes
    scores = np.array([_NORMAL.inv_cdf(p) for p in middle])
    cells = [
        _cell(segment, method, scores, dependence or Dependence())
        for segment in (0, 1)
        for method in (1, 2, 3)
    ]
    share = np.outer(_segment_shares(), _method_shares()).ravel()
    design = np.concatenate(cells)
    weight = np.repeat(share / nodes**2, nodes**2)
    names = ("segment", "method", *tuple(MOMENTS)[:2])
    if not postoperative:
        return Cohort(names, design, weight)
    mean, sd = MOMENTS["cobb_preoperative_deg"]
    before = np.array([gamma_quantile(p, mean, sd) for p in middle])
    after = np.outer(1 - design[:, 3] / 100, before).ravel()
    return Cohort(
        (*names, "cobb_postoperative_deg"),
        np.column_stack([np.repeat(design, nodes, axis=0), after]),
        np.repeat(weight / nodes, nodes),
    )


def truncated_normal_quantile(
    p: float, mean: float, sd: float, low: float, high: float
) -> float:
    """
    Quantile of a normal distribution cut to a range.

    Parameters
    ----------
    p : float
        Probability, in (0, 1).
    mean, sd : float
        Parameters of the distribution before it is cut.
    low, high : float
        The range.

    Returns
    -------
    float
        The quantile, in [low, high].

    Examples
    --------
    >>> round(truncated_normal_quantile(0.5, 50.0, 10.0, 0.0, 100.0), 6)
    50.0
    """
    normal = NormalDist(mean, sd)
    below, above = normal.cdf(low), normal.cdf(high)
    value = normal.inv_cdf(below + p * (above - below))
    return min(max(value, low), high)


def gamma_quantile(p: float, mean: float, sd: float) -> float:
    """
    Quantile of a gamma distribution given by its mean and standard deviation.

    Parameters
    ----------
    p : float
        Probability, in (0, 1).
    mean, sd : float
        Moments, both positive.

    Returns
    -------
    float
        The quantile, by bisection of the regularised incomplete gamma function.

    Examples
    --------
    >>> round(gamma_quantile(0.5, 1.0, 1.0), 6) == round(math.log(2), 6)
    True
    """
    shape, scale = (mean / sd) ** 2, sd**2 / mean
    low, high = 0.0, 1.0
    while _gamma_cdf(high, shape) < p:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        if _gamma_cdf(middle, shape) < p:
            low = middle
        else:
            high = middle
    return scale * (low + high) / 2


def from_normal_scores(name: str, score: _Array) -> _Array:
    """
    Turn normal scores into values of a predictor, through a fine table.

    Parameters
    ----------
    name : str
        ``cement_ratio_percent`` or ``cobb_restoration_ratio_percent``.
    score : numpy.ndarray
        Standard normal scores; beyond 6 they count as 6.

    Returns
    -------
    numpy.ndarray
        Per cent: the mean and SD of Table 1, cut to what is possible.

    Examples
    --------
    >>> from_normal_scores("cement_ratio_percent", np.array([0.0])).round(2)
    array([51.79])
    """
    grid, table = _score_table(*MOMENTS[name], *_RANGES[name])
    return np.interp(score, grid, table)


def _gamma_cdf(x: float, shape: float) -> float:
    """Sum the series of the lower incomplete gamma function; all terms positive."""
    term = math.exp(shape * math.log(x) - x - math.lgamma(shape + 1))
    total, k = term, shape
    while term > total * 1e-17:
        k += 1
        term *= x / k
        total += term
    return total


def _segment_shares() -> _Array:
    lumbar = LUMBAR[0] / LUMBAR[1]
    return np.array([1 - lumbar, lumbar])


def _method_shares() -> _Array:
    return np.array(METHOD_COUNTS) / sum(METHOD_COUNTS)


def _cell(segment: int, method: int, scores: _Array, link: Dependence) -> _Array:
    """Give the patients of one segment and one method: normal scores, then values."""
    lumbar = _standardised(segment, np.array([0.0, 1.0]), _segment_shares())
    step = _standardised(method, np.array([1.0, 2.0, 3.0]), _method_shares())
    first, second = (a.ravel() for a in np.meshgrid(scores, scores, indexing="ij"))
    rho = link.cement_restoration
    second = rho * first + math.sqrt(1 - rho**2) * second
    cement = _shifted(first, (link.lumbar_cement, lumbar))
    restored = _shifted(
        second, (link.lumbar_restoration, lumbar), (link.method_restoration, step)
    )
    return np.column_stack(
        [
            np.full(first.size, float(segment)),
            np.full(first.size, float(method)),
            from_normal_scores("cement_ratio_percent", cement),
            from_normal_scores("cobb_restoration_ratio_percent", restored),
        ]
    )


def _standardised(value: float, values: _Array, shares: _Array) -> float:
    mean = shares @ values
    return float((value - mean) / np.sqrt(shares @ (values - mean) ** 2))


def _shifted(score: _Array, *links: tuple[float, float]) -> _Array:
    """Move scores with the groups, shrinking the rest so that the variance stays 1."""
    rest = math.sqrt(1 - sum(r**2 for r, _ in links))
    return rest * score + sum(r * group for r, group in links)


@lru_cache(maxsize=4)
def _score_table(
    mean: float, sd: float, low: float, high: float
) -> tuple[_Array, _Array]:
    grid = np.linspace(-6, 6, 12001)
    table = [
        truncated_normal_quantile(_NORMAL.cdf(z), mean, sd, low, high) for z in grid
    ]
    return grid, np.array(table)
