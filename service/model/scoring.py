"""Scoring patients: risk, what it does not know, and what each value contributes."""
# The results are not frozen: that would take as long as the arithmetic.

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, hypot

import numpy as np

from service.model.plans import Plan, plan_of
from service.model.predictors import Inputs, Values, check_inputs
from service.model.ranges import Range, missing_range, reading_range
from service.model.risk_model import RiskModel

__all__ = [
    "PartialScore",
    "Score",
    "percentile",
    "plain_risk",
    "plain_risk_of_values",
    "score",
    "score_values",
]

_NORMAL_975 = 1.959963984540054
#: A sum as near as this to a quantile equals it: which of its last bits are set depends
#: on the order of the terms, and must not decide a whole per cent.
_ROUNDING = 1e-12


@dataclass(slots=True)
class Score:
    """
    What a model says about one patient of whom everything is known.

    Probabilities lie in (0, 1).

    Attributes
    ----------
    linear_predictor, risk : float
        Log odds and probability of the outcome.
    interval : tuple of float
        95 % interval of the risk from the uncertainty of the coefficients alone.
    other_readings : tuple of float or None
        Lowest and highest risk under the variants of the model; None without any.
    reading_error : tuple of float or None
        Range of the risk when each Cobb angle is off by up to 3 degrees; None
        unless the restoration ratio comes from two known angles.
    percentile : float
        Share of the rebuilt cohort with a lower risk, in [0, 100].
    percentile_reading_error : tuple of float or None
        The reading error in percentiles.
    points : Mapping[str, float]
        Nomogram points of each predictor.
    total_points : float
        Their sum.
    contributions : Mapping[str, float]
        Log odds of each predictor against the cohort's mean.
    extrapolated : tuple of str
        Quantities outside the range of the patients studied.
    """

    linear_predictor: float
    risk: float
    interval: Range
    other_readings: Range | None
    reading_error: Range | None
    percentile: float
    percentile_reading_error: Range | None
    points: Mapping[str, float]
    total_points: float
    contributions: Mapping[str, float]
    extrapolated: tuple[str, ...]


@dataclass(slots=True)
class PartialScore:
    """
    What a model says about a patient of whom something is missing: bounds, no number.

    Attributes
    ----------
    missing : tuple of str
        Predictors without a value.
    bounds : tuple of float
        Lowest and highest risk over the studied ranges of what is missing, in (0, 1).
    percentile_bounds : tuple of float
        The same in percentiles of the rebuilt cohort, in [0, 100].
    points : Mapping[str, float]
        Nomogram points of each predictor that is known.
    contributions : Mapping[str, float]
        Log odds of each known predictor against the cohort's mean.
    extrapolated : tuple of str
        Known quantities outside the range of the patients studied.
    """

    missing: tuple[str, ...]
    bounds: Range
    percentile_bounds: Range
    points: Mapping[str, float]
    contributions: Mapping[str, float]
    extrapolated: tuple[str, ...]


def score(model: RiskModel, inputs: Inputs) -> Score | PartialScore:
    """
    Score one patient.

    Nothing is imputed and no ratio is computed here: a restoration ratio that the
    caller does not give is missing, even when both angles are known.

    Parameters
    ----------
    model : RiskModel
        The model.
    inputs : Mapping[str, float or str or None]
        Labels and numbers by name, see `service.model.predictors.INPUTS`. An input
        that is absent or None is missing.

    Returns
    -------
    Score or PartialScore
        The score; a partial one if a predictor of the model is missing.

    Raises
    ------
    ValueError
        If an input is unknown, of the wrong type, an unknown label, not finite or
        physically impossible. The message names the input, never the value.

    See Also
    --------
    service.model.ranges : How bounds and reading errors are found.
    """
    return score_values(model, check_inputs(inputs))


def plain_risk(model: RiskModel, inputs: Inputs) -> float | None:
    """
    Give the risk of one patient and nothing else, for a comparison of models.

    Parameters
    ----------
    model : RiskModel
        The model.
    inputs : Mapping[str, float or str or None]
        As for `score`.

    Returns
    -------
    float or None
        Probability in (0, 1); None if a predictor of the model is missing.

    Raises
    ------
    ValueError
        As `score` does.
    """
    return plain_risk_of_values(model, check_inputs(inputs))


def score_values(model: RiskModel, values: Values) -> Score | PartialScore:
    """
    Score one patient whose inputs were checked.

    Parameters
    ----------
    model : RiskModel
        The model.
    values : Mapping[str, float or None]
        From `check_inputs`.

    Returns
    -------
    Score or PartialScore
        As `score` does.
    """
    plan = plan_of(model)
    known = _known(plan, values)
    if known is None:
        return _incomplete(model, plan, values)
    return _complete(model, plan, values, known)


def plain_risk_of_values(model: RiskModel, values: Values) -> float | None:
    """
    Give the risk of one patient whose inputs were checked, and nothing else.

    Parameters
    ----------
    model : RiskModel
        The model.
    values : Mapping[str, float or None]
        From `check_inputs`.

    Returns
    -------
    float or None
        As `plain_risk` does.
    """
    log_odds = model.intercept.value
    for name, slope in plan_of(model).slopes.items():
        value = values[name]
        if value is None:
            return None
        log_odds += slope * value
    return _expit(log_odds)


def percentile(model: RiskModel, linear_predictor: float) -> float:
    """
    Share of the rebuilt cohort with a lower linear predictor.

    Parameters
    ----------
    model : RiskModel
        The model.
    linear_predictor : float
        Log odds.

    Returns
    -------
    float
        Per cent, in [0, 100]; exactly that of a quantile it equals but for rounding.
    """
    quantiles = model.quantiles
    place = bisect_right(quantiles, linear_predictor + _ROUNDING)
    if place == 0:
        return 0.0
    if place == len(quantiles):
        return 100.0
    low, high = quantiles[place - 1], quantiles[place]
    above = linear_predictor - low
    if above < _ROUNDING:
        return float(place - 1)
    return place - 1 + above / (high - low)


def _known(plan: Plan, values: Values) -> list[float] | None:
    """Give the row of a patient of whom all predictors are known."""
    row = [1.0]
    for name in plan.slopes:
        value = values[name]
        if value is None:
            return None
        row.append(value)
    return row


def _complete(
    model: RiskModel, plan: Plan, values: Values, known: list[float]
) -> Score:
    lp, *rest = np.array(known).dot(plan.weights).tolist()
    others, errors = rest[: plan.variants], rest[plan.variants :]
    half = _NORMAL_975 * hypot(*errors)
    read = reading_range(plan, values, lp)
    points, contributions = _explained(plan, values)
    return Score(
        linear_predictor=lp,
        risk=_expit(lp),
        interval=_risks(lp - half, lp + half),
        other_readings=_risks(min(others), max(others)) if others else None,
        reading_error=_risks(*read) if read else None,
        percentile=percentile(model, lp),
        percentile_reading_error=_percentiles(model, *read) if read else None,
        points=points,
        total_points=sum(points.values()),
        contributions=contributions,
        extrapolated=_outside(plan, values),
    )


def _incomplete(model: RiskModel, plan: Plan, values: Values) -> PartialScore:
    low, high = missing_range(plan, values)
    points, contributions = _explained(plan, values)
    return PartialScore(
        missing=tuple(name for name in plan.slopes if values[name] is None),
        bounds=_risks(low, high),
        percentile_bounds=_percentiles(model, low, high),
        points=points,
        contributions=contributions,
        extrapolated=_outside(plan, values),
    )


def _explained(plan: Plan, values: Values) -> tuple[dict[str, float], dict[str, float]]:
    points, contributions = {}, {}
    for term in plan.terms:
        name = term.name
        value = values[name]
        if value is not None:
            points[name] = term.points(value)
            contributions[name] = term.slope * (value - term.mean)
    return points, contributions


def _outside(plan: Plan, values: Values) -> tuple[str, ...]:
    found = []
    for name, low, high in plan.watched:
        value = values[name]
        if value is not None and not low <= value <= high:
            found.append(name)
    return tuple(found)


def _risks(low: float, high: float) -> Range:
    return _expit(low), _expit(high)


def _percentiles(model: RiskModel, low: float, high: float) -> Range:
    return percentile(model, low), percentile(model, high)


def _expit(value: float) -> float:
    if value >= 0:
        return 1 / (1 + exp(-value))
    grown = exp(value)
    return grown / (1 + grown)
