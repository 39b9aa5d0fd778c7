"""The report as one HTML file that asks for nothing from elsewhere."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from service.monitor.parts import Section

__all__ = ["render"]

_SERVICE = Path(__file__).parents[1]


def render(found: Sequence[Section]) -> str:
    """
    Write a page.

    Parameters
    ----------
    found : sequence of Section
        The report, with small counts hidden if the page leaves the hospital.

    Returns
    -------
    str
        HTML with its style and pictures (SVG) in it.
    """
    style = (_SERVICE / "static" / "page.css").read_text("utf-8")
    return _template().render(sections=found, style=style)


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_SERVICE / "templates" / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("monitor.html")
