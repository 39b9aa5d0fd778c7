"""Clinical utility: decision curves, that is net benefit against the threshold.

A patient is treated when the risk is at the threshold or above it, as in the bands of
the cards and in ``dcurves``.

References
----------
Vickers and Elkin (2006), doi:10.1177/0272989X06295361. Vickers, van Calster and
Steyerberg (2019), doi:10.1186/s41512-019-0064-7. Kerr et al. (2016),
doi:10.1200/JCO.2015.65.5654.
"""

from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.validation.arrays import check_outcome, check_risk
from service.validation.draws import Draws, times_drawn
from service.validation.estimates import NotEstimableError
from service.validation.ranking import check_events, weights_or_ones

__all__ = [
    "THRESHOLDS",
    "DecisionCurve",
    "Limits",
    "UsefulRange",
    "decision_curve",
    "useful_range",
]

_Array: TypeAlias = NDArray[np.float64]

#: 0.01, 0.02, ... 0.80: each the double next to the decimal, so that a risk of 0.3 is
#: at the threshold of 0.3. Sums of 0.01 are not.
THRESHOLDS: Final = tuple(k / 100 for k in range(1, 81))
#: Of what the model adds to the better of treating all and none; less is rounding.
_NOTHING: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """
    Bootstrap limits along a decision curve, 95 % at each threshold by itself.

    Attributes
    ----------
    model, treat_all, standardised : numpy.ndarray of shape (2, n_thresholds)
        Lower and upper limits of these curves.
    gain : numpy.ndarray of shape (2, n_thresholds)
        Of the model's net benefit less that of the better of treating all and none.
    """

    model: _Array
    treat_all: _Array
    standardised: _Array
    gain: _Array


@dataclass(frozen=True, slots=True, eq=False)
class DecisionCurve:
    """
    Net benefit at each threshold; that of treating nobody is 0.

    Attributes
    ----------
    thresholds : numpy.ndarray of shape (n_thresholds,)
        Risks from which one would treat.
    model : numpy.ndarray of shape (n_thresholds,)
        Net benefit of treating by the model: true positives for each patient, less
        the false positives at the odds of the threshold.
    treat_all : numpy.ndarray of shape (n_thresholds,)
        Net benefit of treating everybody.
    standardised : numpy.ndarray of shape (n_thresholds,)
        The model's over the prevalence: 1 at best.
    interventions_avoided : numpy.ndarray of shape (n_thresholds,)
        For each patient, against treating everybody, with no event missed on balance.
    prevalence : float
        Of the patients, weighted; or the population's, where that was given.
    is_population : bool
        Whether the prevalence was given.
    n, events : int
        Patients, and those with the outcome; not weighted.
    limits : Limits or None
        None without draws.
    """

    thresholds: _Array
    model: _Array
    treat_all: _Array
    standardised: _Array
    interventions_avoided: _Array
    prevalence: float
    is_population: bool
    n: int
    events: int
    limits: Limits | None


@dataclass(frozen=True, slots=True)
class UsefulRange:
    """
    Thresholds at which the model is better than treating all and none.

    Attributes
    ----------
    found : tuple of float or None
        First and last threshold of the longest run; None if there is none.
    surely, possibly : tuple of float or None
        The same by the lower and by the upper limit of the gain, each threshold by
        itself: where the patients show it, and where they do not speak against it.
        None without limits, too.
    """

    found: tuple[float, float] | None
    surely: tuple[float, float] | None
    possibly: tuple[float, float] | None


def decision_curve(
    outcome: ArrayLike,
    risk: ArrayLike,
    *,
    thresholds: ArrayLike = THRESHOLDS,
    prevalence: float | None = None,
    weights: ArrayLike | None = None,
    draws: Draws | None = None,
) -> DecisionCurve:
    """
    Compute a decision curve.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 or 0.
    risk : array_like of shape (n_patients,)
        Probabilities.
    thresholds : array_like of shape (n_thresholds,)
        In (0, 1), ascending.
    prevalence : float, optional
        Of the population, in (0, 1): needed where patients were sampled by outcome,
        as in a case-control study. The resamples are then stratified.
    weights : array_like of shape (n_patients,), optional
        How many patients each stands for.
    draws : Draws, optional
        How patients are drawn for `Limits`; none by default.

    Returns
    -------
    DecisionCurve
        The curve, in ``n log n_thresholds`` steps.

    Raises
    ------
    ValueError
        If an array is malformed or all patients have one outcome; with draws, if
        fewer than ten have the outcome or do not have it.

    Examples
    --------
    >>> risk = [0.1, 0.5, 0.5, 0.9]
    >>> curve = decision_curve([0, 0, 1, 1], risk, thresholds=[0.2, 0.5])
    >>> curve.model, curve.treat_all
    (array([0.4375, 0.25  ]), array([0.375, 0.   ]))
    """
    y = check_outcome(outcome)
    values = check_risk(risk, y.size)
    weight = weights_or_ones(weights, y.size)
    cuts, given = _check_thresholds(thresholds), _check_prevalence(prevalence)
    reached = np.searchsorted(cuts, values, side="right")
    curves = partial(
        _curves, reached=reached, outcome=y, weight=weight, thresholds=cuts, given=given
    )
    model, treat_all, standardised, _ = np.split(curves(np.arange(y.size)), 4)
    return DecisionCurve(
        thresholds=cuts,
        model=model,
        treat_all=treat_all,
        standardised=standardised,
        interventions_avoided=(model - treat_all) * (1 - cuts) / cuts,
        prevalence=float(np.average(y, weights=weight)) if given is None else given,
        is_population=given is not None,
        n=y.size,
        events=int(y.sum()),
        limits=None if draws is None else _limits(curves, y, draws, given),
    )


def useful_range(curve: DecisionCurve) -> UsefulRange:
    """
    Find the thresholds at which the model is better than treating all and none.

    Parameters
    ----------
    curve : DecisionCurve
        The curve.

    Returns
    -------
    UsefulRange
        As found, and as sure as the limits are.

    Examples
    --------
    >>> risk = [0.1, 0.5, 0.5, 0.9]
    >>> curve = decision_curve([0, 0, 1, 1], risk, thresholds=[0.05, 0.2, 0.5, 0.95])
    >>> useful_range(curve).found
    (0.2, 0.5)
    """
    gain = curve.model - np.maximum(curve.treat_all, 0.0)
    found = _longest_run(curve.thresholds, gain)
    low, high = (None, None) if curve.limits is None else curve.limits.gain
    return UsefulRange(
        found,
        None if low is None else _longest_run(curve.thresholds, low, inside=found),
        None if high is None else _longest_run(curve.thresholds, high, around=found),
    )


def _longest_run(
    thresholds: _Array,
    gain: _Array,
    *,
    inside: tuple[float, float] | None = (-np.inf, np.inf),
    around: tuple[float, float] | None = None,
) -> tuple[float, float] | None:
    """Find the longest run of gains within a range, or the one that holds a range."""
    if inside is None:
        return None
    is_inside = (thresholds >= inside[0]) & (thresholds <= inside[1])
    gain = np.where(is_inside, gain, -np.inf)
    runs = [
        list(places)
        for is_better, places in groupby(
            range(gain.size), lambda place: bool(gain[place] > _NOTHING)
        )
        if is_better
    ]
    if around is not None:
        first, last = around
        runs = [
            run
            for run in runs
            if thresholds[run[0]] <= first and last <= thresholds[run[-1]]
        ]
    if not runs:
        return None
    longest = max(runs, key=len)
    return float(thresholds[longest[0]]), float(thresholds[longest[-1]])


def _curves(
    rows: NDArray[np.intp],
    *,
    reached: NDArray[np.intp],
    outcome: _Array,
    weight: _Array,
    thresholds: _Array,
    given: float | None,
) -> _Array:
    """Give four curves of a resample, one after the other, as `Limits` has them."""
    mass = times_drawn(rows, outcome.size) * weight
    positive = mass * outcome
    if not positive.any() or (positive == mass).all():
        raise NotEstimableError("all have the same outcome")
    sensitivity = _share_treated(reached, positive, thresholds.size)
    false_positive = _share_treated(reached, mass - positive, thresholds.size)
    prevalence = positive.sum() / mass.sum() if given is None else given
    lost = (1 - prevalence) * thresholds / (1 - thresholds)
    model = prevalence * sensitivity - lost * false_positive
    treat_all = prevalence - lost
    better = np.maximum(treat_all, 0)
    return np.concatenate([model, treat_all, model / prevalence, model - better])


def _share_treated(reached: NDArray[np.intp], mass: _Array, size: int) -> _Array:
    """Give the share whose risk reaches each threshold, from how many each reaches."""
    by_count = np.asarray(np.bincount(reached, mass, size + 1), np.float64)
    at_least = np.cumsum(by_count[::-1])[::-1]
    shares: _Array = at_least[1:] / at_least[0]
    return shares


def _limits(
    curves: partial[_Array], y: _Array, draws: Draws, given: float | None
) -> Limits:
    check_events(y)
    drawn = draws.run(curves, y.size, strata=None if given is None else y)
    model, treat_all, standardised, gain = np.split(np.array(drawn.band()), 4, axis=1)
    return Limits(model, treat_all, standardised, gain)


def _check_thresholds(thresholds: ArrayLike) -> _Array:
    found = np.asarray(thresholds, dtype=np.float64)
    if found.ndim != 1 or found.size == 0:
        raise ValueError("thresholds: must be one-dimensional and not empty")
    if not ((found > 0) & (found < 1)).all() or (np.diff(found) <= 0).any():
        raise ValueError("thresholds: must lie in (0, 1) and ascend")
    return found


def _check_prevalence(prevalence: float | None) -> float | None:
    if prevalence is not None and not 0 < prevalence < 1:
        raise ValueError("prevalence: must lie in (0, 1); give a share, not per cent")
    return prevalence
