"""How far the linear predictor may move: missing values, and angles misread."""

import math
from typing import Final, TypeAlias

import numpy as np

from service.model.plans import AFTER, BEFORE, RATIO, Plan
from service.model.predictors import INPUTS, Values, restoration_ratio_percent

__all__ = ["READING_ERROR_DEG", "Range", "missing_range", "reading_range"]

#: Lowest and highest.
Range: TypeAlias = tuple[float, float]

#: How far a Cobb angle read from a film may be off, in degrees.
READING_ERROR_DEG: Final = 3.0

_ENDS: Final = (-READING_ERROR_DEG, READING_ERROR_DEG)
_OFF: Final = (-READING_ERROR_DEG, 0.0, READING_ERROR_DEG)
#: Difference, in percentage points, up to which a ratio counts as that of the angles.
_SAME_RATIO: Final = 1.0
_LEAST_RATIO, _MOST_RATIO = INPUTS[RATIO].physical


def missing_range(plan: Plan, values: Values) -> Range:
    """
    Find the extremes of the linear predictor within the studied ranges.

    Parameters
    ----------
    plan : Plan
        Of the model.
    values : Mapping[str, float or None]
        From `check_inputs`.

    Returns
    -------
    tuple of float
        Log odds. Every predictor is monotone, so the extremes lie at corners.

    Notes
    -----
    A missing postoperative angle is tied to the ratio when the preoperative angle is
    known and positive: post = pre (1 - ratio / 100). Otherwise it has its own studied
    range, as has a missing ratio.
    """
    low, high = [1.0], [1.0]
    for term in plan.terms:
        value = values[term.name]
        ends = term.studied if value is None else (value, value)
        low.append(ends[term.slope < 0])
        high.append(ends[term.slope > 0])
    rows = [row for corner in (low, high) for row in _tied(plan, values, corner)]
    found = (np.array(rows) @ plan.weights[:, 0]).tolist()
    return min(found), max(found)


def _tied(plan: Plan, values: Values, corner: list[float]) -> list[list[float]]:
    """Let a missing postoperative angle follow from the ratio where it can."""
    before, recorded = values[BEFORE], values[RATIO]
    columns = {term.name: n for n, term in enumerate(plan.terms)}
    ratio, after = columns.get(RATIO), columns.get(AFTER)
    if after is None or ratio is None or values[AFTER] is not None:
        return [corner]
    if before is None or before <= 0:
        return [corner]
    rows = []
    studied = plan.terms[ratio].studied
    for end in studied if recorded is None else (recorded,):
        row = corner.copy()
        row[1 + ratio] = end
        row[1 + after] = before * (1 - end / 100)
        rows.append(row)
    return rows


def reading_range(plan: Plan, values: Values, linear_predictor: float) -> Range | None:
    """
    Find the extremes of the linear predictor when each Cobb angle may be misread.

    Parameters
    ----------
    plan : Plan
        Of the model.
    values : Mapping[str, float or None]
        From `check_inputs`; no predictor of the model is missing.
    linear_predictor : float
        Log odds of the values as they are.

    Returns
    -------
    tuple of float or None
        Log odds; None unless the restoration ratio comes from two known angles.

    Notes
    -----
    Each angle moves by -3, 0 and +3 degrees, in all combinations, and ratio and
    postoperative angle follow. The preoperative angle keeps its sign: where it would
    reach or cross 0, at which the ratio does not exist, the limit towards 0 is taken.
    The ratio is clipped to its physical range, so near 0 the range is as wide as that
    allows. The postoperative angle may cross 0.
    """
    before, after, ratio = values[BEFORE], values[AFTER], values[RATIO]
    slope = plan.slopes.get(RATIO)
    if slope is None or not before or after is None or ratio is None:
        return None
    computed = restoration_ratio_percent(before, after)
    if computed is None or abs(computed - ratio) > _SAME_RATIO:
        return None
    slope_after = plan.slopes.get(AFTER, 0.0)
    low = high = 0.0
    # The ratio is monotone in each angle: what lies between matters only where the
    # angle afterwards counts for itself, against a ratio that is clipped.
    for off in _ENDS:
        moved = before + off
        divisor = moved if moved * before > 0 else math.copysign(1e-9, before)
        for other in _OFF if slope_after else _ENDS:
            found = 100.0 * (divisor - after - other) / divisor
            if found < _LEAST_RATIO:
                found = _LEAST_RATIO
            elif found > _MOST_RATIO:
                found = _MOST_RATIO
            move = slope * (found - ratio) + slope_after * other
            if move < low:
                low = move
            elif move > high:
                high = move
    return linear_predictor + low, linear_predictor + high
