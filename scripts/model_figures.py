"""Pictures of how a model came to be, as small SVG files; see build_model_card.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from service.model.derivation import Derivation
from service.model.published import MOMENTS

__all__ = ["draw"]

_WIDTH = 350
_LABELS = 176
_ROW = 20
_BARS = 12
_NAMES = {
    "segment": "segment",
    "method": "method",
    "cement_ratio_percent": "cement ratio, %",
    "cobb_restoration_ratio_percent": "restoration ratio, %",
    "cobb_postoperative_deg": "Cobb angle after, °",
}
#: Assumptions too long for the room beside the dots.
_SHORT = {
    "PKP against the rest": "PKP 1, others 0",
    "pedicle screw against the rest": "screws 0, others 1",
    "three together, most spread": "three together",
}


@dataclass(frozen=True, slots=True)
class _Words:
    """What a screen reader says of a picture."""

    name: str
    title: str
    said: str


def draw(derivation: Derivation, found: Mapping[str, Any]) -> dict[str, str]:
    """
    Draw every picture of one model.

    Parameters
    ----------
    derivation : Derivation
        The derivation.
    found : Mapping
        Its numbers, as the card holds them.

    Returns
    -------
    dict of str
        SVG by name of the picture.
    """
    prefix = derivation.model_id
    return {
        "anchor": _anchor(prefix, derivation, found),
        "sensitivity": _sensitivity(prefix, found),
        "errors": _errors(prefix, found),
        "cohort": _cohort(prefix, derivation),
    }


def _anchor(prefix: str, derivation: Derivation, found: Mapping[str, Any]) -> str:
    """Mean risk of the rebuilt cohort against the intercept."""
    score = derivation.cohort.design @ derivation.coefficients
    middle = derivation.fit.intercept
    grid = np.linspace(middle - 1, middle + 1, 41)
    risk = [
        100 * float(derivation.cohort.weight @ (1 / (1 + np.exp(-(a + score)))))
        for a in grid
    ]
    x = _scale(grid[0], grid[-1], 40, _WIDTH - 12)
    y = _scale(0, 40, 200, 12)
    points = " ".join(f"{x(a):.1f},{y(r):.1f}" for a, r in zip(grid, risk, strict=True))
    shapes = [
        *[_line(40, y(v), _WIDTH - 12, y(v), "grid") for v in (10, 20, 30, 40)],
        *[_text(34, y(v) + 4, f"{v}", "end") for v in (0, 10, 20, 30, 40)],
        *[_text(x(a), 218, f"{a:.1f}", "middle") for a in grid[::10]],
        _line(40, y(0), _WIDTH - 12, y(0), "axis"),
        f'<polyline class="line" points="{points}"/>',
        _text(_WIDTH / 2, 238, "intercept", "middle"),
        _text(46, 22, "mean risk of the rebuilt cohort, %", "start"),
    ]
    told = []
    for row in found["intercepts"]:
        a, rate = row["intercept"], 100 * row["events"] / row["n"]
        shapes += [
            f'<circle class="mark" cx="{x(a):.1f}" cy="{y(rate):.1f}" r="4"/>',
            _line(x(a), y(rate), x(a), y(0), "drop"),
        ]
        told.append(f"{row['events']}/{row['n']} gives {a:.3f}")
    words = _Words(
        f"{prefix}-anchor",
        "Mean risk of the rebuilt cohort against the intercept",
        f"It rises steadily; an incidence of {'; '.join(told)}.",
    )
    return _svg(words, 246, shapes)


def _sensitivity(prefix: str, found: Mapping[str, Any]) -> str:
    """Where the intercept would lie under other assumptions."""
    rows = [
        (f"incidence {row['events']}/{row['n']}", row["intercept"])
        for row in found["intercepts"]
    ]
    rows += [
        (_SHORT.get(row["assumption"], row["assumption"]), row["intercept"])
        for row in found["dependence"][1:]
    ]
    rows += [(f"{row['nodes']} nodes", row["intercept"]) for row in found["nodes"]]
    words = _Words(
        f"{prefix}-sensitivity",
        "Intercept under other assumptions",
        "; ".join(f"{name}: {value:.3f}" for name, value in rows) + ".",
    )
    return _dots(words, rows, found["intercepts"][0]["intercept"])


def _errors(prefix: str, found: Mapping[str, Any]) -> str:
    """Standard errors of the rebuilt cohort over the published ones."""
    rows = [
        (_NAMES[row["name"]], row["rebuilt"] / row["published"])
        for row in found["standard_errors"]
    ]
    published = {row["name"]: row["published"] for row in found["standard_errors"]}
    rows += [
        (
            _SHORT[row["assumption"]],
            row["standard_error_method"] / published["method"],
        )
        for row in found["method_coding"][1:]
    ]
    words = _Words(
        f"{prefix}-errors",
        "Standard errors, rebuilt over published",
        "; ".join(f"{name}: {value:.2f}" for name, value in rows)
        + ". The last two code the method otherwise and do not fit.",
    )
    return _dots(words, rows, 1.0)


def _cohort(prefix: str, derivation: Derivation) -> str:
    """Distributions of the quantities of the rebuilt cohort."""
    names = [name for name in derivation.cohort.names if name in MOMENTS]
    shapes: list[str] = []
    told = []
    for place, name in enumerate(names):
        column = derivation.cohort.design[:, derivation.cohort.names.index(name)]
        mean, sd = MOMENTS[name]
        top = 110 * place
        counts, edges = np.histogram(
            column,
            _BARS,
            (mean - 3 * sd, mean + 3 * sd),
            weights=derivation.cohort.weight,
        )
        x = _scale(edges[0], edges[-1], 12, _WIDTH - 12)
        y = _scale(0, float(counts.max()), top + 84, top + 24)
        shapes += [
            f'<rect class="bar" x="{x(left):.1f}" y="{y(count):.1f}"'
            f' width="{x(edges[1]) - x(edges[0]) - 1:.1f}"'
            f' height="{top + 84 - y(count):.1f}"/>'
            for left, count in zip(edges[:-1], counts, strict=True)
        ]
        shapes += [
            _line(12, top + 84, _WIDTH - 12, top + 84, "axis"),
            _text(12, top + 14, _NAMES[name], "start"),
            *[
                _text(x(mean + k * sd), top + 100, f"{mean + k * sd:.0f}", "middle")
                for k in (-2, -1, 0, 1, 2)
            ],
        ]
        told.append(f"{_NAMES[name]}: mean {mean:g}, SD {sd:g}")
    words = _Words(
        f"{prefix}-cohort",
        "Quantities of the rebuilt cohort",
        f"As in Table 1: {'; '.join(told)}. Marks at the mean, one and two SD.",
    )
    return _svg(words, 110 * len(names), shapes)


def _dots(words: _Words, rows: Sequence[tuple[str, float]], reference: float) -> str:
    """One dot a row, and a line at what was chosen or published."""
    values = [value for _, value in rows] + [reference]
    margin = 0.1 * (max(values) - min(values))
    x = _scale(min(values) - margin, max(values) + margin, _LABELS, _WIDTH - 46)
    bottom = _ROW * len(rows) + 8
    shapes = [_line(x(reference), 4, x(reference), bottom, "drop")]
    for place, (name, value) in enumerate(rows):
        middle = _ROW * place + 16
        shapes += [
            _text(_LABELS - 8, middle + 4, name, "end"),
            _line(_LABELS, middle, _WIDTH - 46, middle, "grid"),
            f'<circle class="mark" cx="{x(value):.1f}" cy="{middle}" r="4"/>',
            _text(_WIDTH - 40, middle + 4, f"{value:.2f}", "start"),
        ]
    return _svg(words, bottom + 4, shapes)


def _scale(
    low: float, high: float, start: float, end: float
) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return (
        f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}"'
        f' x2="{x2:.1f}" y2="{y2:.1f}"/>'
    )


def _text(x: float, y: float, said: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def _svg(words: _Words, height: float, shapes: Sequence[str]) -> str:
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" class="figure" role="img"'
            f' aria-labelledby="{words.name} {words.name}-said"'
            f' viewBox="0 0 {_WIDTH} {height:.0f}">',
            f'<title id="{words.name}">{escape(words.title)}</title>',
            f'<desc id="{words.name}-said">{escape(words.said)}</desc>',
            *shapes,
            "</svg>",
            "",
        ]
    )
