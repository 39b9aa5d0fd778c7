"""How many patients it takes to validate a model, or to make one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from service.validation.binormal import Binormal, check_share, entropy
from service.validation.estimates import Z_95

__all__ = [
    "Required",
    "Verdict",
    "Widths",
    "expected_shrinkage",
    "for_development",
    "for_external_validation",
    "verdict",
]

_Array: TypeAlias = NDArray[np.float64]

#: Riley's margins for development: of Nagelkerke's R-squared, and of the overall risk.
_OPTIMISM: Final = 0.05
_MARGIN: Final = 0.05


@dataclass(frozen=True, slots=True)
class Widths:
    """
    How wide 95 % intervals may be in an external validation.

    Attributes
    ----------
    observed_expected, slope, auc, net_benefit : float
        Upper minus lower limit, each above 0; net benefit standardised. The defaults
        are those of Riley et al.
    """

    observed_expected: float = 0.2
    slope: float = 0.2
    auc: float = 0.1
    net_benefit: float = 0.2


@dataclass(frozen=True, slots=True)
class Required:
    """
    What one criterion asks for.

    Attributes
    ----------
    criterion : str
        Which, in words for a report.
    n : int
        Patients.
    events : int
        Expected among them.
    """

    criterion: str
    n: int
    events: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Whether there are enough patients.

    Attributes
    ----------
    is_enough : bool
        Whether all criteria are met.
    words : str
        ``enough``, or how many more patients or events are needed.
    """

    is_enough: bool
    words: str


def for_external_validation(
    incidence: float,
    auc: float,
    *,
    threshold: float | None = None,
    widths: Widths | None = None,
) -> list[Required]:
    """
    Count the patients that a precise external validation needs.

    The model is taken to be well calibrated, and its linear predictor normal with one
    variance among patients with and without the event, so far apart that it has the
    given area under the curve.

    Parameters
    ----------
    incidence : float
        Expected share with the event here, in (0, 1).
    auc : float
        Expected area under the ROC curve, in (0.5, 1).
    threshold : float, optional
        Risk at which somebody is treated, in (0, 1). Without it there is no criterion
        of net benefit.
    widths : Widths, optional
        How wide the intervals may be.

    Returns
    -------
    list of Required
        For O:E, slope, area under the curve and, with a threshold, standardised net
        benefit.

    Raises
    ------
    ValueError
        If a number is out of its range. The message names it.

    References
    ----------
    Riley et al. (2021), doi:10.1002/sim.9025; Archer et al. (2021),
    doi:10.1002/sim.8766, for the approach; Newcombe (2006), doi:10.1002/sim.2324, for
    the standard error of the area.

    Examples
    --------
    >>> [each.n for each in for_external_validation(0.2, 0.795)]
    [1542, 2737, 481]
    """
    score = Binormal(incidence, auc)
    width = widths or Widths()
    for name in Widths.__slots__:
        if not getattr(width, name) > 0:
            raise ValueError(f"widths.{name}: must be above 0")
    sizes = {
        "observed to expected": _for_ratio(incidence, width.observed_expected),
        "calibration slope": _for_slope(score.values, score.weights, width.slope),
        "area under the curve": _for_auc(incidence, auc, width.auc),
    }
    if threshold is not None:
        check_share("threshold", threshold)
        sizes["net benefit"] = _for_net_benefit(
            incidence, score.shares(threshold), threshold, width.net_benefit
        )
    return [_required(name, size, incidence) for name, size in sizes.items()]


def for_development(
    incidence: float, parameters: int, r_squared: float, *, shrinkage: float = 0.9
) -> list[Required]:
    """
    Count the patients that a new model needs, so as not to be overfitted.

    Parameters
    ----------
    incidence : float
        Expected share with the event, in (0, 1).
    parameters : int
        Candidate coefficients, those that are dropped on the way included; at least 1.
    r_squared : float
        Cox-Snell R-squared to expect in new patients, above 0 and below the largest
        possible one; see `service.validation.binormal.cox_snell`.
    shrinkage : float
        Target of the uniform shrinkage factor, in (0, 1).

    Returns
    -------
    list of Required
        For shrinkage, for an optimism of Nagelkerke's R-squared of at most 0.05, and
        for the overall risk to within 0.05.

    Raises
    ------
    ValueError
        If a number is out of its range. The message names it.

    References
    ----------
    Riley et al. (2019), doi:10.1002/sim.7992; Riley et al. (2020),
    doi:10.1136/bmj.m441.

    Examples
    --------
    >>> [each.n for each in for_development(0.174, 24, 0.288)]
    [623, 662, 221]
    """
    check_share("incidence", incidence)
    check_share("shrinkage", shrinkage)
    _check_parameters(parameters)
    largest = 1 - math.exp(2 * entropy(incidence))
    if not 0 < r_squared < min(largest, shrinkage):
        raise ValueError(
            f"r_squared: must be above 0 and below {min(largest, shrinkage):.3f}, the"
            " largest possible at this incidence and shrinkage"
        )
    by_optimism = r_squared / (r_squared + _OPTIMISM * largest)
    sizes = {
        "shrinkage": _for_shrinkage(parameters, r_squared, shrinkage),
        "optimism of R-squared": _for_shrinkage(parameters, r_squared, by_optimism),
        "overall risk": (Z_95 / _MARGIN) ** 2 * incidence * (1 - incidence),
    }
    return [_required(name, size, incidence) for name, size in sizes.items()]


def verdict(required: Sequence[Required], n: int, events: int) -> Verdict:
    """
    Compare a cohort with what is asked for.

    Parameters
    ----------
    required : sequence of Required
        The criteria, at least one.
    n, events : int
        Patients with a known outcome, and those among them with the event.

    Returns
    -------
    Verdict
        Whether all criteria are met, and what is missing for the hardest.

    Raises
    ------
    ValueError
        If there is no criterion.

    Examples
    --------
    >>> needed = for_external_validation(0.2, 0.795)
    >>> verdict(needed, 340, 68).words
    'not enough: 2397 more patients, 479 of them with the event'
    """
    if not required:
        raise ValueError("required: is empty; give at least one criterion")
    hardest = max(required, key=lambda each: each.n)
    patients, cases = hardest.n - n, hardest.events - events
    if max(patients, cases) <= 0:
        return Verdict(is_enough=True, words="enough")
    missing = f"{cases} more events"
    if patients >= cases:
        missing = f"{patients} more patients"
        missing += f", {cases} of them with the event" * (cases > 0)
    return Verdict(is_enough=False, words=f"not enough: {missing}")


def expected_shrinkage(n: int, parameters: int, r_squared: float) -> float:
    """
    Uniform shrinkage factor of a model that was fitted to n patients.

    Parameters
    ----------
    n : int
        Patients, at least 1.
    parameters : int
        Candidate coefficients, at least 1.
    r_squared : float
        Apparent Cox-Snell R-squared, in (0, 1).

    Returns
    -------
    float
        The factor of van Houwelingen and le Cessie, doi:10.1002/sim.4780091109; below
        0.9 the model is overfitted, and below 0 it is noise.

    Raises
    ------
    ValueError
        If a number is out of its range. The message names it.

    Examples
    --------
    >>> round(expected_shrinkage(238, 19, 0.177), 2)
    0.59
    """
    _check_parameters(parameters)
    check_share("r_squared", r_squared)
    if n < 1:
        raise ValueError("n: must be at least 1")
    return 1 + parameters / (n * math.log1p(-r_squared))


def _for_ratio(incidence: float, width: float) -> float:
    error = math.asinh(width / 2) / Z_95
    return (1 - incidence) / (incidence * error**2)


def _for_slope(values: _Array, weights: _Array, width: float) -> float:
    information = weights * expit(values) * expit(-values)
    none, one, two = (float(information @ values**power) for power in range(3))
    return none / (none * two - one**2) / _error(width) ** 2


def _for_auc(incidence: float, auc: float, width: float) -> float:
    """Newcombe's standard error, solved for n."""
    spread = auc * (1 - auc)
    share = (1 - auc) / (2 - auc) + auc / (1 + auc)
    square = _error(width) ** 2 * incidence * (1 - incidence)
    half = spread * share / 4
    return (half + math.sqrt(half**2 + square * spread * (1 - share))) / square


def _for_net_benefit(
    incidence: float, shares: tuple[float, float], threshold: float, width: float
) -> float:
    sensitivity, specificity = shares
    harm = (1 - incidence) / incidence * threshold / (1 - threshold)
    false = harm**2 * (1 - specificity)
    variance = (
        sensitivity * (1 - sensitivity) / incidence
        + false * specificity / (1 - incidence)
        + false * (1 - specificity) / (incidence * (1 - incidence))
    )
    return variance / _error(width) ** 2


def _for_shrinkage(parameters: int, r_squared: float, shrinkage: float) -> float:
    return parameters / ((shrinkage - 1) * math.log1p(-r_squared / shrinkage))


def _error(width: float) -> float:
    return width / (2 * Z_95)


def _required(criterion: str, size: float, incidence: float) -> Required:
    n = math.ceil(size)
    return Required(criterion, n, round(n * incidence))


def _check_parameters(parameters: int) -> None:
    if parameters < 1:
        raise ValueError("parameters: must be at least 1")
