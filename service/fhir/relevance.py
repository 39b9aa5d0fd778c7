"""What looks as if it mattered though no map knows it: words and stems of codes."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

__all__ = ["Topic", "Topics", "load_topics"]

#: Longer texts are looked at up to here: a report is no name of a code.
_LOOKED_AT: Final = 400
#: So many answers are remembered.
_KEPT: Final = 8192


@dataclass(frozen=True, slots=True)
class Topic:
    """
    One thing that the model asks about, and how records speak of it.

    Attributes
    ----------
    name : str
        What it is, for people.
    suggests : tuple of str
        Codes of the project that may be meant.
    elements : frozenset of str
        Where it may stand, such as ``"Procedure.code"``.
    words : tuple of tuple of re.Pattern
        Groups of words; all words of one group must occur.
    against : tuple of re.Pattern
        Words that take a hit back.
    stems : tuple of tuple
        Fragments of system addresses, and the beginnings of codes there.
    """

    name: str
    suggests: tuple[str, ...]
    elements: frozenset[str]
    words: tuple[tuple[re.Pattern[str], ...], ...]
    against: tuple[re.Pattern[str], ...]
    stems: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    def is_named_by(self, text: str) -> bool:
        """
        Tell whether a text speaks of the topic.

        Parameters
        ----------
        text : str
            A display or a text.

        Returns
        -------
        bool
            True if all words of a group occur and none that speaks against it.
        """
        said = text[:_LOOKED_AT]
        if not any(all(word.search(said) for word in group) for group in self.words):
            return False
        return not any(word.search(said) for word in self.against)

    def holds_code(self, system: str, code: str) -> bool:
        """
        Tell whether a code belongs to a family that speaks of the topic.

        Parameters
        ----------
        system : str
            Address of its system.
        code : str
            The code, with or without dots.

        Returns
        -------
        bool
            True if it begins as the family does.
        """
        address, written = system.casefold(), _bare(code)
        return any(
            written.startswith(stems) and any(part in address for part in fragments)
            for fragments, stems in self.stems
        )


class Topics:
    """
    Everything that is looked for.

    Parameters
    ----------
    topics : sequence of Topic
        In the order in which they are named.
    standard_systems : iterable of str
        Code systems whose codes are printed in lists.

    Attributes
    ----------
    all : tuple of Topic
        The topics.
    of : callable
        Element, system and code or None, and texts to the names of their topics.
    standard_systems : frozenset of str
        The code systems.
    """

    def __init__(
        self, topics: Sequence[Topic], standard_systems: Iterable[str] = ()
    ) -> None:
        self.all = tuple(topics)
        self.standard_systems = frozenset(standard_systems)
        self._by_text = lru_cache(maxsize=_KEPT)(self._named)
        #: The same codes come again and again.
        self.of = lru_cache(maxsize=_KEPT)(self._of)

    def _of(
        self, element: str, system: str | None, code: str | None, texts: tuple[str, ...]
    ) -> frozenset[str]:
        """Name the topics of a code at an element, by itself and by its words."""
        found = {name for text in texts for name in self._by_text(element, text)}
        if system and code:
            found |= {
                topic.name
                for topic in self.all
                if element in topic.elements and topic.holds_code(system, code)
            }
        return frozenset(found)

    def _named(self, element: str, text: str) -> frozenset[str]:
        return frozenset(
            topic.name
            for topic in self.all
            if element in topic.elements and topic.is_named_by(text)
        )

    def suggestions(self, names: frozenset[str]) -> tuple[str, ...]:
        """
        List the codes of the project that topics point to.

        Parameters
        ----------
        names : frozenset of str
            Names of topics.

        Returns
        -------
        tuple of str
            Each once, in the order of the topics.
        """
        chosen = (topic.suggests for topic in self.all if topic.name in names)
        return tuple(dict.fromkeys(code for codes in chosen for code in codes))


def load_topics() -> Topics:
    """
    Read the words and beginnings of codes that ship with the service.

    Returns
    -------
    Topics
        Everything that is looked for.

    Examples
    --------
    >>> found = load_topics().of("Procedure.code", None, None, ("Kyphoplasty L1",))
    >>> sorted(found)
    ['kyphoplasty']
    """
    text = files("service").joinpath("data/relevance.json").read_text("utf-8")
    data = json.loads(text)
    return Topics(list(map(_topic, data["topics"])), data["standard_systems"])


def _topic(row: Mapping[str, Any]) -> Topic:
    groups = (word if isinstance(word, list) else [word] for word in row["words"])
    return Topic(
        name=row["topic"],
        suggests=tuple(row["suggests"]),
        elements=frozenset(row["elements"]),
        words=tuple(tuple(map(_pattern, group)) for group in groups),
        against=tuple(map(_pattern, row.get("not", ()))),
        stems=tuple(
            (
                tuple(part.casefold() for part in family["systems"]),
                tuple(map(_bare, family["stems"])),
            )
            for family in row["stems"]
        ),
    )


def _pattern(word: str) -> re.Pattern[str]:
    """A word where a word begins; a name of a level must end there as well."""
    anywhere = word.startswith("*")
    plain = re.escape(word.removeprefix("*"))
    start = "" if anywhere else r"(?<!\w)"
    end = r"(?!\w)" if re.fullmatch(r"\D{1,2}\d{1,2}", word) else ""
    return re.compile(start + plain + end, re.IGNORECASE)


def _bare(code: str) -> str:
    return code.replace(".", "").replace("-", "").upper()
