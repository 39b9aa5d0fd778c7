"""The languages of cards and pages: how they are named, and where their words are."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final, TypeVar

__all__ = [
    "CATALOGUES",
    "ENGLISH",
    "N_",
    "ByLanguage",
    "catalogue",
    "join_sentences",
    "languages",
    "tell",
]

Made = TypeVar("Made")

#: The language of the templates, which needs no catalogue.
ENGLISH: Final = "en"

CATALOGUES: Final = Path(__file__).parent / "locales"


def languages() -> tuple[str, ...]:
    """
    Tell in which languages cards can be given.

    Returns
    -------
    tuple of str
        BCP 47 tags: English, then those with a compiled catalogue.

    Examples
    --------
    >>> languages()
    ('en', 'zh-Hans')
    """
    folders = (path.parts[-3] for path in CATALOGUES.glob("*/LC_MESSAGES/cards.mo"))
    # Babel and gettext write an underscore where BCP 47 has a hyphen.
    return (ENGLISH, *sorted(folder.replace("_", "-") for folder in folders))


@cache
def catalogue(language: str, domain: str = "cards") -> NullTranslations:
    """
    Read the words of a language, once.

    Parameters
    ----------
    language : str
        One of `languages`.
    domain : str, default "cards"
        Whose words: ``cards`` or ``pages``.

    Returns
    -------
    gettext.NullTranslations
        Gives for each English text the one of the language.

    Raises
    ------
    LookupError
        If there is no catalogue.
    """
    if language == ENGLISH:
        return NullTranslations()
    if language not in languages():
        raise LookupError(f"no cards in {language}: {', '.join(languages())}")
    folder = CATALOGUES / language.replace("-", "_")
    with (folder / "LC_MESSAGES" / f"{domain}.mo").open("rb") as file:
        return GNUTranslations(file)


def tell(words: NullTranslations, text: str) -> str:
    """
    Say a text that is data.

    Parameters
    ----------
    words : gettext.NullTranslations
        The words of a language.
    text : str
        In English, as the data has it.

    Returns
    -------
    str
        In the language; as it is, where it has no translation.

    Examples
    --------
    >>> tell(catalogue("zh-Hans", "pages"), "United States")
    '美国'
    """
    # Catalogues double the per cent signs of data, as those of all messages.
    return words.gettext(text.replace("%", "%%")) % () if text else text


def join_sentences(words: NullTranslations, sentences: Iterable[str]) -> str:
    """
    Put sentences one after another.

    Parameters
    ----------
    words : gettext.NullTranslations
        The words of their language.
    sentences : iterable of str
        What is said; an empty one is left out.

    Returns
    -------
    str
        With a space between two, where the language has one there.

    Examples
    --------
    >>> join_sentences(NullTranslations(), ["One.", "", "Another."])
    'One. Another.'
    """
    between = words.pgettext("two sentences", "{one} {other}")
    return between.format(one="", other="").join(filter(None, sentences))


def N_(text: str) -> str:  # noqa: N802 the name by which gettext's tools know it
    """
    Mark a text that is translated where it is shown.

    Parameters
    ----------
    text : str
        In English.

    Returns
    -------
    str
        The same.
    """
    return text


class ByLanguage(dict[str | None, Made]):
    """
    What is made anew for each language.

    Parameters
    ----------
    make : callable
        Makes it for one of `languages`.
    spoken : Mapping of str or None to str
        Languages for which it is made at once, by the names under which they are asked
        for. Of the others each is made when it is first asked for: compiling the
        templates takes longer than anybody waits for a start.
    """

    def __init__(
        self, make: Callable[[str], Made], spoken: Mapping[str | None, str]
    ) -> None:
        super().__init__({name: make(spoken[name]) for name in spoken})
        self._make = make

    def __missing__(self, name: str) -> Made:
        """Make it."""
        made = self[name] = self._make(name)
        return made
