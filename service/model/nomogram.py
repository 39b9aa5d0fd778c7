"""The nomogram: points of each predictor, total points, and the risk they stand for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from service.model.risk_model import Axis, Intercept, Quantity

__all__ = [
    "Equation",
    "Mark",
    "Scale",
    "Scales",
    "linear_predictor_from_points",
    "marks",
    "points_from_linear_predictor",
    "rounding_error",
    "scales",
    "totals",
]

_LONGEST = 100.0


class Equation(Protocol):
    """What a nomogram is drawn of: a risk model, or one that is being developed."""

    @property
    def intercept(self) -> Intercept:  # numpydoc ignore=RT01
        """Log odds where all predictors are 0."""
        ...

    @property
    def predictors(self) -> tuple[Quantity, ...]:  # numpydoc ignore=RT01
        """The predictors, in order."""
        ...

    @property
    def coefficients(self) -> tuple[float, ...]:  # numpydoc ignore=RT01
        """Log odds of one unit of each."""
        ...

    @property
    def axes(self) -> tuple[Axis, ...]:  # numpydoc ignore=RT01
        """The range of each."""
        ...

    def __hash__(self) -> int:
        """Tell it from others, so that its points are worked out once."""
        ...


@dataclass(frozen=True, slots=True)
class Scale:
    """
    How one predictor turns into points.

    Attributes
    ----------
    zero : float
        Value with 0 points: the end of the axis with the lower risk.
    per_unit : float
        Points for each unit above `zero`.
    """

    zero: float
    per_unit: float

    def points(self, value: float) -> float:
        """
        Give the points of a value.

        Parameters
        ----------
        value : float
            Value of the predictor, in its unit.

        Returns
        -------
        float
            Points, not rounded; below 0 before the beginning of the axis.
        """
        return (value - self.zero) * self.per_unit + 0.0  # never -0.0


@dataclass(frozen=True, slots=True)
class Scales:
    """
    How a model turns into points.

    Attributes
    ----------
    by_name : Mapping[str, Scale]
        Scale of each predictor.
    base : float
        Linear predictor at 0 points in total.
    per_point : float
        Log odds of one point.
    maximum : float
        Total points when every predictor is at the end of higher risk.
    """

    by_name: Mapping[str, Scale]
    base: float
    per_point: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Mark:
    """
    One line of a predictor's table.

    Attributes
    ----------
    value : float
        Value of the predictor.
    label : str
        The value as a reader writes it: a label, or the number.
    points : int
        Points to write down.
    """

    value: float
    label: str
    points: int


@lru_cache(maxsize=8)
def scales(model: Equation) -> Scales:
    """
    Work out a model's points as R's ``rms::nomogram`` does.

    The predictor whose axis spans the most log odds spans 100 points; the others
    in proportion. Each axis starts with 0 at its end of lower risk, so a value
    beyond the axis has points below 0 or above the end.

    Parameters
    ----------
    model : Equation
        The model.

    Returns
    -------
    Scales
        Points of every predictor, and the way back.
    """
    spans = {
        axis.name: abs(slope) * (axis.high - axis.low)
        for axis, slope in zip(model.axes, model.coefficients, strict=True)
    }
    per_point = max(spans.values()) / _LONGEST
    by_name, base = {}, model.intercept.value
    for axis, slope in zip(model.axes, model.coefficients, strict=True):
        zero = axis.low if slope > 0 else axis.high
        by_name[axis.name] = Scale(zero, slope / per_point)
        base += slope * zero
    return Scales(
        MappingProxyType(by_name), base, per_point, sum(spans.values()) / per_point
    )


def linear_predictor_from_points(model: Equation, total_points: float) -> float:
    """
    Turn total points back into log odds.

    Parameters
    ----------
    model : Equation
        The model.
    total_points : float
        Sum of the points of all predictors.

    Returns
    -------
    float
        The linear predictor.
    """
    scale = scales(model)
    return scale.base + total_points * scale.per_point


def points_from_linear_predictor(model: Equation, linear_predictor: float) -> float:
    """
    Turn log odds into total points.

    Parameters
    ----------
    model : Equation
        The model.
    linear_predictor : float
        Log odds.

    Returns
    -------
    float
        Total points, not rounded; below 0 for less than the lowest corner.
    """
    scale = scales(model)
    return (linear_predictor - scale.base) / scale.per_point


def marks(model: Equation) -> Mapping[str, tuple[Mark, ...]]:
    """
    Tabulate the points of each predictor at handy values.

    Parameters
    ----------
    model : Equation
        The model.

    Returns
    -------
    Mapping[str, tuple of Mark]
        For each predictor its marks, in ascending order of the value.
    """
    found = {}
    for quantity, axis in zip(model.predictors, model.axes, strict=True):
        scale = scales(model).by_name[quantity.name]
        found[quantity.name] = tuple(
            Mark(value, label, round(scale.points(value)))
            for label, value in _values(quantity, axis)
        )
    return MappingProxyType(found)


def totals(model: Equation, step: int = 10) -> tuple[tuple[int, float], ...]:
    """
    Tabulate the risk for total points.

    Parameters
    ----------
    model : Equation
        The model.
    step : int
        Distance of two totals, in points.

    Returns
    -------
    tuple of (int, float)
        Total points and risk, from 0 to the maximum.
    """
    last = math.ceil(scales(model).maximum / step) * step
    return tuple(
        (total, 1 / (1 + math.exp(-linear_predictor_from_points(model, total))))
        for total in range(0, last + 1, step)
    )


def rounding_error(model: Equation, step: int = 10) -> tuple[float, float]:
    """
    How far pencil and paper may be off where the table gives whole points.

    Parameters
    ----------
    model : Equation
        The model.
    step : int
        Distance of two totals in the table, between which one reads linearly.

    Returns
    -------
    tuple of float
        Total points (half a point for each predictor), and the risk at most: the
        logistic curve rises nowhere by more than 1/4 per unit, and bends nowhere
        by more than 1 / (6 sqrt 3).
    """
    points, per_point = len(model.predictors) / 2, scales(model).per_point
    bend = (step * per_point) ** 2 / 8 / (6 * math.sqrt(3))
    return points, points * per_point / 4 + bend


def _values(quantity: Quantity, axis: Axis) -> list[tuple[str, float]]:
    """List both ends of an axis and the multiples of its step between them."""
    if quantity.codes:
        return list(quantity.codes.items())
    first = math.floor(axis.low / axis.step) + 1
    last = math.ceil(axis.high / axis.step)
    inside = [k * axis.step for k in range(first, last)]
    return [(f"{value:g}", value) for value in (axis.low, *inside, axis.high)]
