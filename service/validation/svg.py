"""Pictures of the reports as SVG elements that come out the same each time."""

import io
import math
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = ["COLOURS", "GREY", "SIZE", "Draw", "draw_pictures", "mark_of", "risk_square"]

#: Draws into axes.
Draw: TypeAlias = Callable[[Axes], None]

#: Blue, orange, light blue: told apart by the colour-blind (Okabe, Ito); lines differ
#: in style as well, for prints without colour.
COLOURS: Final = ("#0072b2", "#d55e00", "#56b4e9")
GREY: Final = "#6b6b6b"
#: Width and height in inches.
SIZE: Final = (5.2, 4.2)
_RED: Final = "#b3261e"
_SYNTHETIC: Final = "SYNTHETIC patients"
_STYLE: Final[Any] = {
    "svg.hashsalt": "scnen-cds",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "legend.frameon": False,
    "legend.fontsize": 9,
}
_NO_METADATA: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}


def draw_pictures(
    pictures: Mapping[str, tuple[str, Draw]],
    *,
    is_synthetic: bool,
    size: tuple[float, float] = SIZE,
) -> dict[str, str]:
    """
    Draw elements that scale with the page and ask for nothing from elsewhere.

    Parameters
    ----------
    pictures : Mapping[str, tuple of (str, Draw)]
        By name, unique on the page: what it shows, for those who do not see it; and
        what draws it.
    is_synthetic : bool
        Whether nobody is a patient; each picture then says so, wherever it is shown.
    size : tuple of float, optional
        Width and height, inches.

    Returns
    -------
    dict of str to str
        SVG elements; the same bytes for the same drawings.
    """
    mark = mark_of(is_synthetic=is_synthetic)
    return {
        name: _svg(name, (title, mark), draw, size)
        for name, (title, draw) in pictures.items()
    }


def mark_of(*, is_synthetic: bool) -> str:
    """
    Give what stands above the pictures of patients who were drawn, not seen.

    Parameters
    ----------
    is_synthetic : bool
        Whether they were.

    Returns
    -------
    str
        Empty if they were seen.
    """
    return _SYNTHETIC if is_synthetic else ""


def risk_square(axes: Axes, *curves: NDArray[np.float64]) -> float:
    """
    Lay out axes of predicted against observed risk, with the diagonal of a perfect one.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes.
    *curves : numpy.ndarray
        What has to fit in, in [0, 1]; NaN is passed over.

    Returns
    -------
    float
        Where both axes end.
    """
    # A curve may be unknown everywhere, such as one whose resamples all failed.
    highest = float(np.nanmax(np.concatenate(curves)))
    top = min(1.0, math.ceil(highest * 10) / 10)
    axes.plot([0, top], [0, top], color=GREY, linewidth=0.8, label="ideal")
    axes.set(
        xlabel="Predicted risk",
        ylabel="Observed share with SCNEN",
        xlim=(0, top),
        ylim=(0, top),
    )
    return top


def _svg(
    name: str, words: tuple[str, str], draw: Draw, size: tuple[float, float]
) -> str:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.set_title(words[1], color=_RED)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    width, height = (72 * side for side in size)
    label = escape(": ".join(filter(None, words)))
    opening = (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {width:g} {height:g}"'
        ' xmlns="http://www.w3.org/2000/svg"'
        ' xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    # Ids of parts are unique in one picture only, and a page has several.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", text)
    return re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1).strip()
