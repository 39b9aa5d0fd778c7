"""The nomogram as a drawing: an SVG element that needs nothing else."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, TypeAlias

from service.model.nomogram import (
    Equation,
    marks,
    points_from_linear_predictor,
    scales,
)
from service.model.risk_model import RiskModel

__all__ = ["ResultAxis", "Ticks", "Words", "draw", "percentile_axis", "risk_axis"]

#: Label and place of each mark of an axis, in points.
Ticks: TypeAlias = Sequence[tuple[str, float]]

_WIDTH: Final = 640
_LEFT: Final = 30
_LENGTH: Final = 580
_ROW: Final = 62
_LINE: Final = 15
#: About the width of a character, and the least gap between two labels of an axis.
_CHARACTER: Final = 7.0
_GAP: Final = 6.0
_ALL_POINTS: Final = 100.0
_ACCENT: Final = "#0b57a4"
_RISKS: Final = (1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
_PERCENTILES: Final = (1, 5, 10, 25, 50, 75, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Words:
    """
    What stands on a drawing beside numbers.

    Attributes
    ----------
    title : str
        What it shows, for those who do not see it.
    points, total : str
        Names of the two axes of points.
    predictors : Mapping[str, str]
        Name of each predictor; one that is not there keeps its own.
    codes : Mapping[str, str]
        Short words for labels such as ``pvp``; one that is not there keeps its own.
    captions : sequence of str
        Lines under the drawing, of at most about 95 characters.
    """

    title: str
    points: str
    total: str
    predictors: Mapping[str, str]
    codes: Mapping[str, str]
    captions: Sequence[str]


@dataclass(frozen=True, slots=True)
class ResultAxis:
    """
    The last axis: what total points stand for.

    Attributes
    ----------
    label : str
        Its name.
    ticks : Ticks
        Its marks, at total points.
    """

    label: str
    ticks: Ticks


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis: what it is called, its marks, and how points become a place."""

    name: str
    label: str
    ticks: Ticks
    per_point: float
    data: str = ""


def risk_axis(equation: Equation, label: str) -> ResultAxis:
    """
    Lay out the risk.

    Parameters
    ----------
    equation : Equation
        The model.
    label : str
        Name of the axis.

    Returns
    -------
    ResultAxis
        Handy risks in per cent that total points can reach.
    """
    odds = ((str(risk), math.log(risk / (100 - risk))) for risk in _RISKS)
    return ResultAxis(label, _within(equation, odds))


def percentile_axis(model: RiskModel, label: str) -> ResultAxis:
    """
    Lay out the percentile of the simulated cohort: no probability is in it.

    Parameters
    ----------
    model : RiskModel
        The model.
    label : str
        Name of the axis.

    Returns
    -------
    ResultAxis
        Handy percentiles.
    """
    places = ((str(each), model.quantiles[each]) for each in _PERCENTILES)
    return ResultAxis(label, _within(model, places))


def draw(equation: Equation, result: ResultAxis, words: Words) -> str:
    """
    Draw a nomogram.

    Parameters
    ----------
    equation : Equation
        The model.
    result : ResultAxis
        Its last axis, from `risk_axis` or `percentile_axis`.
    words : Words
        What stands on it.

    Returns
    -------
    str
        An SVG element, black on nothing, or in the colour of the text around it. Each
        axis is a group with its name and the way from points to a place as ``data-``
        attributes, and hidden marks that a page moves.
    """
    axes = list(_axes(equation, result, words))
    foot = _ROW * len(axes) + 8
    height = foot + _LINE * len(words.captions) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        ' role="img" font-family="system-ui, sans-serif" font-size="13"'
        ' fill="currentColor" class="nomogram">',
        f"<title>{escape(words.title)}</title>",
    ]
    for row, axis in enumerate(axes):
        parts += _drawn(axis, _ROW * row)
    for line, caption in enumerate(words.captions, start=1):
        parts.append(
            f'<text x="{_LEFT}" y="{foot + _LINE * line}" font-size="11">'
            f"{escape(caption)}</text>"
        )
    return "\n".join([*parts, "</svg>"])


def _axes(equation: Equation, result: ResultAxis, words: Words) -> Iterable[_Axis]:
    scale, whole = scales(equation), _LENGTH / _ALL_POINTS
    yield _Axis("points", words.points, _round_points(_ALL_POINTS, 10), whole)
    found = marks(equation)
    for quantity, axis in zip(equation.predictors, equation.axes, strict=True):
        own = scale.by_name[quantity.name]
        label = words.predictors.get(quantity.name, quantity.name)
        unit = {"1": "", "deg": " (°)"}.get(quantity.unit, f" ({quantity.unit})")
        yield _Axis(
            quantity.name,
            f"{label}{unit}",
            [
                (words.codes.get(mark.label, mark.label), own.points(mark.value))
                for mark in found[quantity.name]
            ],
            whole,
            f' data-zero="{own.zero:g}" data-per-unit="{own.per_unit!r}"'
            f' data-low="{axis.low:g}" data-high="{axis.high:g}"',
        )
    per_point = _LENGTH / scale.maximum
    total = _round_points(scale.maximum, 20)
    yield _Axis("total", words.total, total, per_point)
    yield _Axis("result", result.label, result.ticks, per_point)


def _round_points(last: float, step: int) -> Ticks:
    return [(str(each), float(each)) for each in range(0, math.floor(last) + 1, step)]


def _within(equation: Equation, marked: Iterable[tuple[str, float]]) -> Ticks:
    """Turn log odds into total points, and keep those that can be reached."""
    last = scales(equation).maximum
    places = (
        (label, points_from_linear_predictor(equation, log_odds))
        for label, log_odds in marked
    )
    return [(label, place) for label, place in places if 0 <= place <= last]


def _drawn(axis: _Axis, top: int) -> Iterable[str]:
    """Draw an axis: name, line, marks with labels; and what a page moves."""
    line = top + 32
    places = [_LEFT + points * axis.per_point for _, points in axis.ticks]
    is_whole = axis.name in {"total", "result"}
    low = _LEFT if is_whole else min(places)
    high = _LEFT + _LENGTH if is_whole else max(places)
    ticks = "".join(f"M{x:.1f} {line}v-6" for x in places)
    yield (
        f'<g data-axis="{escape(axis.name)}" data-left="{_LEFT}"'
        f' data-per-point="{axis.per_point!r}"{axis.data}>'
    )
    yield (
        f'<text x="{_LEFT}" y="{top + 16}" font-weight="600">'
        f"{escape(axis.label)}</text>"
    )
    yield (
        f'<path d="M{low:.1f} {line}H{high:.1f}{ticks}" stroke="currentColor"'
        ' fill="none"/>'
    )
    for label, x in _readable([label for label, _ in axis.ticks], places):
        yield (
            f'<text x="{x:.1f}" y="{line + 16}" font-size="12"'
            f' text-anchor="middle">{escape(label)}</text>'
        )
    yield from _movable(line, has_grip=bool(axis.data))
    yield "</g>"


def _movable(line: int, *, has_grip: bool) -> Iterable[str]:
    """Draw what a page moves, hidden: a range, a mark, and where one may drag."""
    yield (
        f'<path class="span" d="M0 {line}h0" stroke="{_ACCENT}" stroke-width="6"'
        ' stroke-opacity="0.45" fill="none" visibility="hidden"/>'
    )
    yield (
        f'<circle class="mark" cx="{_LEFT}" cy="{line}" r="6" fill="{_ACCENT}"'
        ' visibility="hidden"/>'
    )
    if has_grip:
        yield (
            f'<rect class="grip" x="{_LEFT - 15}" y="{line - 14}"'
            f' width="{_LENGTH + 30}" height="34" fill="none" pointer-events="all"/>'
        )


def _readable(
    labels: Sequence[str], places: Sequence[float]
) -> Iterable[tuple[str, float]]:
    """Leave out labels that would run into others; both ends come first."""
    written: list[tuple[str, float]] = []
    last = len(labels) - 1
    for index in dict.fromkeys([0, last, *range(last)]):
        label, x = labels[index].replace("-", "−"), places[index]
        if all(abs(x - at) >= _apart(label, other) for other, at in written):
            written.append((label, x))
    return written


def _apart(label: str, other: str) -> float:
    return _CHARACTER * (len(label) + len(other)) / 2 + _GAP
