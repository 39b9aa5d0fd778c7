"""The report as one HTML file that asks for nothing from elsewhere."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from service.languages import ENGLISH, catalogue
from service.monitor.parts import Section

__all__ = ["render"]

_SERVICE = Path(__file__).parents[1]


def render(
    found: Sequence[Section], language: str = ENGLISH, *, is_approved: bool = True
) -> str:
    """
    Write a page.

    Parameters
    ----------
    found : sequence of Section
        The report in the language, with small counts hidden if the page leaves the
        hospital.
    language : str, optional
        One of `service.languages.languages`.
    is_approved : bool, optional
        Whether clinicians have approved the translation; else the page says so.

    Returns
    -------
    str
        HTML with its style and pictures (SVG) in it.
    """
    style = (_SERVICE / "static" / "page.css").read_text("utf-8")
    return _template(language).render(
        sections=found, style=style, language=language, is_approved=is_approved
    )


@cache
def _template(language: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(_SERVICE / "templates" / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined] # the extension's
        catalogue(language, "pages"), newstyle=True
    )
    return environment.get_template("monitor.html")
