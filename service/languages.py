"""The languages of cards and pages: how they are named, and where their words are."""

from collections.abc import Callable, Mapping
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final, TypeVar

__all__ = ["CATALOGUES", "ENGLISH", "N_", "ByLanguage", "catalogue", "languages"]

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


def catalogue(language: str, domain: str = "cards") -> NullTranslations:
    """
    Read the words of a language.

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
