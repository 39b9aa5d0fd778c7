"""One template of the cards as a module of words, in one language."""

import gettext
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

__all__ = ["load_words"]

_HERE = Path(__file__).parent


def load_words(template: str, locale: str) -> Any:  # noqa: ANN401 a template's module
    """
    Load a template that sets words and sentences.

    Parameters
    ----------
    template : str
        Name of a file in ``service/templates/cards``.
    locale : str
        Language, a folder of ``service/locales``; English needs no catalogue.

    Returns
    -------
    module of the template
        What the template sets, as attributes; places like ``%(n)s`` are to be filled.

    Raises
    ------
    FileNotFoundError
        If there is no catalogue for the language.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates" / "cards"),
        autoescape=False,  # noqa: S701 Markdown: nothing of a record passes through here
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    catalogue = gettext.translation(
        "cards", _HERE / "locales", [locale], fallback=locale == "en"
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        catalogue, newstyle=False
    )
    return environment.get_template(template).module
