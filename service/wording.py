"""The words of cards in one language, and how numbers are written in them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cds_hooks import escape_markdown
from service.compiled_templates import CompiledTemplates
from service.languages import ENGLISH, catalogue
from service.remarks import Remarks

__all__ = [
    "Wording",
    "compile_templates",
    "day",
    "format_number",
    "format_percentile",
    "load_words",
    "of_100",
    "quote",
]

#: Labels by kind and stable code.
Words: TypeAlias = Mapping[str, Any]

#: Sentences by name, with places like ``%(n)s`` to be filled.
Sentences: TypeAlias = Mapping[str, str]

_TEMPLATES = Path(__file__).parent / "templates" / "cards"
_LONGEST = 400


class Wording:
    """
    Templates of the cards in one language.

    Parameters
    ----------
    language : str, default "en"
        One of `service.languages.languages`.

    Raises
    ------
    LookupError
        If there is no catalogue for the language.
    """

    def __init__(self, language: str = ENGLISH) -> None:
        sentences = load_words("sentences.j2", language)
        self.words: Words = vars(load_words("words.j2", language))
        self.summary: Sentences = sentences.summary
        #: Of clients that show nothing but the summary.
        self.alone: Sentences = sentences.alone
        self.detail: Sentences = sentences.detail
        #: Of the paragraph for the discharge summary.
        self.handover: Mapping[str, Any] = sentences.handover
        self.advice: Any = load_words("advice.md.j2", language)
        self._put: Sentences = self.words["put"]
        self._between: Sentences = self.words["between"]
        known = self.words["remark"]
        self._say: Callable[[str], str] = Remarks(known, self.words["remarked"]).say
        if language == ENGLISH:
            # They are written in English: to take them apart would cost a call a third.
            self._say = lambda remark: known.get(remark, remark)

    def joined(self, how: str, parts: Iterable[str | None]) -> str:
        """
        Put one after the other.

        Parameters
        ----------
        how : str
            A key of ``between`` in ``words.j2``.
        parts : iterable of str or None
            Words, parts of a sentence or sentences; empty ones are left out.

        Returns
        -------
        str
            The text.
        """
        return self._between[how].join(filter(None, parts))

    def put(self, how: str, **parts: str | int) -> str:
        """
        Put a label before a text, or something in brackets after it.

        Parameters
        ----------
        how : str
            A key of ``put`` in ``words.j2``.
        **parts : str or int
            What is put together.

        Returns
        -------
        str
            The text.
        """
        return self._put[how] % parts

    def remarked(self, remark: str) -> str:
        """
        Say a remark of the extraction in the language of the cards.

        Parameters
        ----------
        remark : str
            In English, with what a record says in it.

        Returns
        -------
        str
            The same; what a record says stays as it is, and so does an unknown remark.
        """
        return self._say(remark)


def load_words(template: str, language: str) -> Any:  # noqa: ANN401 a template's module
    """
    Load a template that sets words and sentences.

    Parameters
    ----------
    template : str
        Name of a file in ``service/templates/cards``.
    language : str
        One of `service.languages.languages`.

    Returns
    -------
    module of the template
        What the template sets, as attributes; places like ``%(n)s`` are to be filled.

    Raises
    ------
    LookupError
        If there is no catalogue for the language.
    """
    return _templates(language).get_template(template).module


def compile_templates() -> None:
    """
    Compile all templates of the cards ahead of a start.

    For an image that cannot be written later; elsewhere the first start does it.
    """
    templates = _templates(ENGLISH)
    for name in templates.list_templates(extensions=["j2"]):
        templates.get_template(name)


@lru_cache(maxsize=8)
def _templates(language: str) -> Environment:
    """Keep one environment for a language."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        bytecode_cache=CompiledTemplates(_TEMPLATES),
        autoescape=False,  # noqa: S701 Markdown: what comes from a record is quoted
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        catalogue(language), newstyle=False
    )
    environment.filters["quote"] = quote
    return environment


def quote(text: str) -> str:
    """
    Make a text from a record fit to stand in a card.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        One line of at most 400 characters of the text, with no markup left.
    """
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return escape_markdown(short)


def of_100(risk: float) -> int:
    """
    Express a probability as a natural frequency.

    Parameters
    ----------
    risk : float
        Probability in [0, 1].

    Returns
    -------
    int
        Patients of 100, from 1 to 99: the model never knows for certain.
    """
    return min(99, max(1, round(100 * risk)))


def format_percentile(percentile: float) -> int:
    """
    Round a percentile for people.

    Parameters
    ----------
    percentile : float
        Percentile in [0, 100].

    Returns
    -------
    int
        From 0 to 99, rounded down: "more than 99 of 100" at most.
    """
    return min(99, int(percentile))


def format_number(value: float) -> str:
    """
    Print a number with at most two decimals.

    Parameters
    ----------
    value : float
        Any finite number.

    Returns
    -------
    str
        The number, without trailing zeros, with a minus sign where it is negative.

    Examples
    --------
    >>> format_number(52.0), format_number(7.75), format_number(-0.001)
    ('52', '7.75', '0')
    """
    text = f"{value:.2f}".rstrip("0").removesuffix(".")
    return "0" if text == "-0" else text.replace("-", "−")


def day(moment: datetime | date | None) -> str:
    """
    Print the day of a time.

    Parameters
    ----------
    moment : datetime.datetime or datetime.date or None
        A time, with or without a time of day.

    Returns
    -------
    str
        The ISO day in the time's own zone, empty for none.
    """
    if moment is None:
        return ""
    return _iso(moment.date() if isinstance(moment, datetime) else moment)


@lru_cache(maxsize=4096)
def _iso(calendar_day: date) -> str:
    """Write a day: the stays of a hospital share some hundreds of them."""
    return calendar_day.isoformat()
