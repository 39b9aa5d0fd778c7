"""How an intercept was rebuilt: numbers and pictures that a kept script has made."""

import re
from dataclasses import dataclass, replace
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from service import fields
from service.languages import tell
from service.model.risk_model import RiskModel

__all__ = ["Derived", "Picture", "read_derived"]

_FOLDER = Path(__file__).parents[1] / "data" / "model_card" / "derivation"

#: Name, and whether it shows an intercept. ``scripts/build_model_card.py`` draws; the
#: page has the captions.
_PICTURES = (
    ("cohort", False),
    ("errors", False),
    ("anchor", True),
    ("sensitivity", True),
)
#: What is read or heard of a picture.
_WORDS = re.compile(r"(?<=>)[^<>]*[A-Za-z][^<>]*(?=</)")
_OF_INTERCEPTS = ("intercepts", "shrinkage", "nodes", "dependence", "method_coding")


@dataclass(frozen=True, slots=True)
class Picture:
    """
    A picture of the derivation.

    Attributes
    ----------
    name : str
        What it shows.
    svg : str
        The picture, with title and description for those who do not see it.
    has_intercept : bool
        Whether it shows intercepts.
    """

    name: str
    svg: str
    has_intercept: bool


@dataclass(frozen=True, slots=True)
class Derived:
    """
    How a bundled model came to be.

    Attributes
    ----------
    numbers : dict
        JSON-ready: the rebuilt cohort, intercepts, checks.
    pictures : tuple of Picture
        The same, drawn.
    """

    numbers: dict[str, Any]
    pictures: tuple[Picture, ...]

    def told_in(self, words: NullTranslations) -> "Derived":
        """
        Give the pictures in another language.

        Parameters
        ----------
        words : gettext.NullTranslations
            The words of the language.

        Returns
        -------
        Derived
            The same numbers.
        """
        pictures = tuple(
            replace(each, svg=_WORDS.sub(lambda found: tell(words, found[0]), each.svg))
            for each in self.pictures
        )
        return replace(self, pictures=pictures)

    def without_intercept(self) -> "Derived":
        """
        Leave out what shows intercepts, for a service that gives no probability.

        Returns
        -------
        Derived
            The rest.
        """
        kept = {k: v for k, v in self.numbers.items() if k not in _OF_INTERCEPTS}
        pictures = tuple(each for each in self.pictures if not each.has_intercept)
        return replace(self, numbers=kept, pictures=pictures)


def read_derived(model: RiskModel) -> Derived | None:
    """
    Read how a model came to be.

    Parameters
    ----------
    model : RiskModel
        The model.

    Returns
    -------
    Derived or None
        None for a model that the project did not derive, or of another digest.
    """
    path = _FOLDER / f"{model.id}.json"
    if not path.name.removesuffix(".json").replace("-", "").isalnum():
        return None
    found = _read(path) if path.is_file() else None
    return found if found and found.numbers["digest"] == model.digest else None


@cache
def _read(path: Path) -> Derived:
    pictures = tuple(
        Picture(
            name,
            path.with_name(f"{path.stem}-{name}.svg").read_text("utf-8"),
            has_intercept,
        )
        for name, has_intercept in _PICTURES
    )
    return Derived(fields.parse(path.read_bytes()), pictures)
