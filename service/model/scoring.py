"""Scoring patients: risk, what it does not know, and what each value contributes."""

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.model.nomogram import Scale, scales
from service.model.predictors import (
    INPUTS,
    Inputs,
    Values,
    check_inputs,
    restoration_ratio_percent,
)
from service.model.risk_model import Quantity, RiskModel

__all__ = [
    "READING_ERROR_DEG",
    "PartialScore",
    "Score",
    "percentile",
    "plain_risk",
    "plain_risk_of_values",
    "score",
    "score_values",
]

_Range: TypeAlias = tuple[float, float]

#: How far a Cobb angle read from a film may be off, in degrees.
READING_ERROR_DEG = 3.0

#: Difference, in percentage points, up to which a ratio counts as that of the angles.
_SAME_RATIO = 1.0

_NORMAL_975 = 1.959963984540054
_RATIO = "cobb_restoration_ratio_percent"
_BEFORE = "cobb_preoperative_deg"
_AFTER = "cobb_postoperative_deg"
_RATIO_LIMITS = INPUTS[_RATIO].physical


@dataclass(frozen=True, slots=True)
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
        Range of the risk when each Cobb angle is off by up to `READING_ERROR_DEG`;
        None unless the restoration ratio comes from two known angles.
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
    interval: _Range
    other_readings: _Range | None
    reading_error: _Range | None
    percentile: float
    percentile_reading_error: _Range | None
    points: Mapping[str, float]
    total_points: float
    contributions: Mapping[str, float]
    extrapolated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
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
    bounds: _Range
    percentile_bounds: _Range
    points: Mapping[str, float]
    contributions: Mapping[str, float]
    extrapolated: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What scoring needs of a model, worked out once."""

    names: tuple[str, ...]
    slopes: tuple[tuple[str, float], ...]
    terms: tuple[tuple[Quantity, float, Scale], ...]
    watched: tuple[tuple[str, float, float], ...]
    weights: NDArray[np.float64]
    variants: int
    ratio: int | None
    after: int | None


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

    Notes
    -----
    Bounds. Every predictor is monotone in the risk, so the extremes lie at corners
    of the studied ranges. A missing postoperative angle is tied to the ratio when
    the preoperative angle is known and positive: post = pre (1 - ratio / 100);
    otherwise it has its own studied range, as has a missing ratio.

    Reading error. Each angle moves by -3, 0 and +3 degrees, in all combinations,
    and ratio and postoperative angle follow. The preoperative angle keeps its sign:
    where it would reach or cross 0, at which the ratio does not exist, the limit
    towards 0 is taken. The ratio is clipped to its physical range, so near 0 the
    range is as wide as that allows. The postoperative angle may cross 0.
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
    plan = _plan(model)
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
    for name, slope in _plan(model).slopes:
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
        Per cent, in [0, 100].
    """
    quantiles = model.quantiles
    place = bisect_right(quantiles, linear_predictor)
    if place == 0:
        return 0.0
    if place == len(quantiles):
        return 100.0
    low, high = quantiles[place - 1], quantiles[place]
    return place - 1 + (linear_predictor - low) / (high - low)


@lru_cache(maxsize=8)
def _plan(model: RiskModel) -> _Plan:
    names = tuple(quantity.name for quantity in model.predictors)
    scale = scales(model).by_name
    slopes = np.array(model.coefficients)
    columns = [np.array([model.intercept.value, *slopes])]
    columns += [
        np.array([variant.intercept.value, *(variant.shrinkage * slopes)])
        for variant in model.variants
    ]
    centring = np.eye(1 + slopes.size)
    centring[0, 1:] = -np.array(model.covariance.centre)
    factor = centring @ np.linalg.cholesky(model.covariance.matrix)
    return _Plan(
        names,
        tuple(zip(names, model.coefficients, strict=True)),
        tuple(
            (quantity, slope, scale[quantity.name])
            for quantity, slope in zip(
                model.predictors, model.coefficients, strict=True
            )
        ),
        tuple(
            (item.name, *item.studied) for item in (*model.predictors, *model.related)
        ),
        np.column_stack([*columns, factor]),
        len(model.variants),
        names.index(_RATIO) if _RATIO in names else None,
        names.index(_AFTER) if _AFTER in names else None,
    )


def _known(plan: _Plan, values: Values) -> list[float] | None:
    """Give the row of a patient of whom all predictors are known."""
    row = [1.0]
    for name in plan.names:
        value = values[name]
        if value is None:
            return None
        row.append(value)
    return row


def _complete(
    model: RiskModel, plan: _Plan, values: Values, known: list[float]
) -> Score:
    rows = [known, *_readings(plan, values, known)]
    product = (np.array(rows) @ plan.weights).tolist()
    lp = product[0][0]
    others = product[0][1 : 1 + plan.variants]
    half = _NORMAL_975 * math.hypot(*product[0][1 + plan.variants :])
    read = [r[0] for r in product] if len(rows) > 1 else None
    points, contributions = _explained(plan, values)
    return Score(
        linear_predictor=lp,
        risk=_expit(lp),
        interval=(_expit(lp - half), _expit(lp + half)),
        other_readings=_spread(others) if others else None,
        reading_error=_spread(read) if read else None,
        percentile=percentile(model, lp),
        percentile_reading_error=(
            (percentile(model, min(read)), percentile(model, max(read)))
            if read
            else None
        ),
        points=points,
        total_points=sum(points.values()),
        contributions=contributions,
        extrapolated=_outside(plan, values),
    )


def _incomplete(model: RiskModel, plan: _Plan, values: Values) -> PartialScore:
    low, high = _lowest_and_highest(plan, values)
    points, contributions = _explained(plan, values)
    return PartialScore(
        missing=tuple(name for name in plan.names if values[name] is None),
        bounds=(_expit(low), _expit(high)),
        percentile_bounds=(percentile(model, low), percentile(model, high)),
        points=points,
        contributions=contributions,
        extrapolated=_outside(plan, values),
    )


def _explained(
    plan: _Plan, values: Values
) -> tuple[dict[str, float], dict[str, float]]:
    points, contributions = {}, {}
    for quantity, slope, scale in plan.terms:
        value = values[quantity.name]
        if value is not None:
            points[quantity.name] = scale.points(value)
            contributions[quantity.name] = slope * (value - quantity.mean)
    return points, contributions


def _outside(plan: _Plan, values: Values) -> tuple[str, ...]:
    found = []
    for name, low, high in plan.watched:
        value = values[name]
        if value is not None and not low <= value <= high:
            found.append(name)
    return tuple(found)


def _lowest_and_highest(plan: _Plan, values: Values) -> _Range:
    """Linear predictor at the corners that can be extreme."""
    low, high = [1.0], [1.0]
    for quantity, slope, _ in plan.terms:
        value = values[quantity.name]
        ends = quantity.studied if value is None else (value, value)
        low.append(ends[slope < 0])
        high.append(ends[slope > 0])
    rows = [row for corner in (low, high) for row in _tied(plan, values, corner)]
    found = (np.array(rows) @ plan.weights[:, 0]).tolist()
    return min(found), max(found)


def _tied(plan: _Plan, values: Values, corner: list[float]) -> list[list[float]]:
    """Let a missing postoperative angle follow from the ratio where it can."""
    before, ratio = values[_BEFORE], values[_RATIO]
    if (
        plan.after is None
        or plan.ratio is None
        or values[_AFTER] is not None
        or before is None
        or before <= 0
    ):
        return [corner]
    studied = plan.terms[plan.ratio][0].studied
    rows = []
    for end in studied if ratio is None else (ratio,):
        row = corner.copy()
        row[1 + plan.ratio] = end
        row[1 + plan.after] = before * (1 - end / 100)
        rows.append(row)
    return rows


def _readings(plan: _Plan, values: Values, known: list[float]) -> list[list[float]]:
    """Design rows for angles that are each off by the reading error."""
    before, after, ratio = values[_BEFORE], values[_AFTER], values[_RATIO]
    if plan.ratio is None or not before or after is None or ratio is None:
        return []
    computed = restoration_ratio_percent(before, after)
    if computed is None or abs(computed - ratio) > _SAME_RATIO:
        return []
    rows = []
    for off in (-READING_ERROR_DEG, 0.0, READING_ERROR_DEG):
        moved = before + off
        divisor = moved if moved * before > 0 else math.copysign(1e-9, before)
        for other in (-READING_ERROR_DEG, 0.0, READING_ERROR_DEG):
            row = known.copy()
            found = 100 * (divisor - after - other) / divisor
            row[1 + plan.ratio] = min(max(found, _RATIO_LIMITS[0]), _RATIO_LIMITS[1])
            if plan.after is not None:
                row[1 + plan.after] = after + other
            rows.append(row)
    return rows


def _spread(log_odds: list[float]) -> _Range:
    return _expit(min(log_odds)), _expit(max(log_odds))


def _expit(value: float) -> float:
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    grown = math.exp(value)
    return grown / (1 + grown)
