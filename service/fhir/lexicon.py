"""Codes and texts of one kind, and how they are found in a CodeableConcept."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from service.fhir.conceptmaps import MappedCode
from service.fhir.systems import normalise

__all__ = ["Lexicon", "Table", "TextLexicon", "texts_of"]

#: So many answers are kept in each lexicon, for addresses and codes up to that length.
_KEPT: Final = 4096
_LONGEST: Final = 128


class Table:
    """
    The codes of one system and kind: exact ones, then the longest prefix.

    Parameters
    ----------
    system : str
        Canonical address of the system.
    entries : Mapping of str to MappedCode
        Its codes, written in one way.
    """

    __slots__ = ("_exact", "_lengths", "_prefixes", "_system")

    def __init__(self, system: str, entries: Mapping[str, MappedCode]) -> None:
        self._system = system
        self._exact = dict(entries)
        self._prefixes = {code: m for code, m in entries.items() if m.is_prefix}
        lengths = {len(code) for code in self._prefixes}
        self._lengths = tuple(sorted(lengths, reverse=True))

    def is_unmatched(self, code: str) -> bool:
        """
        Tell whether the maps say of a code that it means nothing of ours.

        Parameters
        ----------
        code : str
            The code.

        Returns
        -------
        bool
            False also for codes that no map knows.
        """
        found = self._exact.get(normalise(self._system, code))
        return found is not None and found.kind is None

    def find(self, code: str) -> MappedCode | None:
        """
        Find a code; one that was taken out of use hides shorter prefixes.

        Parameters
        ----------
        code : str
            The code.

        Returns
        -------
        MappedCode or None
            What it means.
        """
        written = normalise(self._system, code)
        found = self._exact.get(written)
        for length in self._lengths:
            if found is not None:
                break
            found = self._prefixes.get(written[:length])
        return None if found is None or found.kind is None else found


class Lexicon:
    """
    The meanings of one kind, or of several in one look-up.

    Parameters
    ----------
    *kinds : Mapping of str to table
        For each kind its codes by address of their system, aliases included.
    """

    __slots__ = ("_kinds", "_known")

    def __init__(self, *kinds: Mapping[str, Table]) -> None:
        self._kinds = kinds
        self._known: dict[tuple[str, str], tuple[MappedCode, ...]] = {}

    def find(self, system: str, code: str) -> MappedCode | None:
        """
        Find the meaning of one code.

        Parameters
        ----------
        system : str
            Address of the code system, canonical or an alias.
        code : str
            The code, with or without the dot where its system allows both.

        Returns
        -------
        MappedCode or None
            The mapping, of the first kind that has one; None if there is none.
        """
        return next(iter(self._search(system, code)), None)

    def meanings(self, concept: object) -> list[MappedCode]:
        """
        Find the meanings of a CodeableConcept.

        Parameters
        ----------
        concept : object
            JSON value of the element; anything but a CodeableConcept means nothing.

        Returns
        -------
        list of MappedCode
            One for each coding that is mapped, in their order.
        """
        found: list[MappedCode] = []
        codings = concept.get("coding") if isinstance(concept, dict) else None
        if not isinstance(codings, list):
            return found
        known = self._known
        for coding in codings:
            try:
                found += known[coding["system"], coding["code"]]
            except (KeyError, TypeError):  # met for the first time, or no coding at all
                found += self._of_coding(coding)
        return found

    def _of_coding(self, coding: object) -> tuple[MappedCode, ...]:
        """Look up a coding; the same come again and again, so answers are kept."""
        if not isinstance(coding, dict):
            return ()
        system, code = coding.get("system"), coding.get("code")
        if not isinstance(system, str) or not isinstance(code, str):
            return ()
        found = self._search(system, code)
        if len(system) <= _LONGEST and len(code) <= _LONGEST:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[system, code] = found
        return found

    def _search(self, system: str, code: str) -> tuple[MappedCode, ...]:
        tables = [tables[system] for tables in self._kinds if system in tables]
        return tuple(found for table in tables if (found := table.find(code)))


class TextLexicon(Lexicon):
    """
    The same at a site that has mapped texts as well.

    Parameters
    ----------
    *kinds : Mapping of str to table
        For each kind its codes by address of their system, aliases included.
    texts : Sequence of Mapping of str to MappedCode
        For each kind its texts.
    """

    __slots__ = ("_texts",)

    def __init__(
        self,
        *kinds: Mapping[str, Table],
        texts: Sequence[Mapping[str, MappedCode]],
    ) -> None:
        super().__init__(*kinds)
        self._texts = texts

    def meanings(self, concept: object) -> list[MappedCode]:
        """
        Find the meanings of the codes, then of texts that say more than they.

        Parameters
        ----------
        concept : object
            JSON value of the element; anything but a CodeableConcept means nothing.

        Returns
        -------
        list of MappedCode
            One for each coding or text that is mapped.
        """
        found = super().meanings(concept)
        for text in texts_of(concept):
            for kind in self._texts:
                meaning = kind.get(text)
                if meaning is not None and not any(
                    said.target == meaning.target and said.place <= meaning.place
                    for said in found
                ):
                    found.append(meaning)
        return found


def texts_of(concept: object) -> Iterator[str]:
    """
    List the texts of a CodeableConcept that a site may map.

    Parameters
    ----------
    concept : object
        JSON value of the element.

    Yields
    ------
    str
        Its text, and the displays of codings that name no code system.
    """
    if not isinstance(concept, dict):
        return
    if isinstance(text := concept.get("text"), str):
        yield text
    codings = concept.get("coding")
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict) and "system" not in coding:
            display = coding.get("display")
            if isinstance(display, str):
                yield display
