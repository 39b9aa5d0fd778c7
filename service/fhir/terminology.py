"""What codes mean: the bundled ConceptMaps, and what a site adds or overrides."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from service.fhir.conceptmaps import (
    Kind,
    MappedCode,
    TerminologyError,
    Vocabulary,
    read_folder,
)
from service.fhir.places import PLACES
from service.fhir.systems import UCUM, normalise, spellings
from service.fhir.units import UNITS, dimension_of

__all__ = [
    "DEFAULT_BASE",
    "Kind",
    "Lexicon",
    "MappedCode",
    "Terminology",
    "TerminologyError",
    "load_terminology",
]

#: Says plainly that a publisher must set an own base.
DEFAULT_BASE: Final = "http://scnen-cds.example.org/fhir"
_CODE_SYSTEM: Final = "/CodeSystem/predictors"
_SPELLINGS: Final = f"{DEFAULT_BASE}/CodeSystem/unit-spellings"
#: Codes of UCUM differ by case (rad, RAD); what people write does not.
_UNITS_AS_WRITTEN: Final = ((_SPELLINGS, str), (UCUM, str), (_SPELLINGS, str.casefold))

#: So many answers are kept in each lexicon, for addresses and codes up to that length.
_KEPT: Final = 4096
_LONGEST: Final = 128


class _Table:
    """The codes of one system and kind: exact ones, then the longest prefix."""

    __slots__ = ("_exact", "_lengths", "_prefixes", "_system")

    def __init__(self, system: str, entries: Mapping[str, MappedCode]) -> None:
        self._system = system
        self._exact = dict(entries)
        self._prefixes = {code: m for code, m in entries.items() if m.is_prefix}
        lengths = {len(code) for code in self._prefixes}
        self._lengths = tuple(sorted(lengths, reverse=True))

    def is_unmatched(self, code: str) -> bool:
        """Tell whether the maps say of a code that it means nothing of ours."""
        found = self._exact.get(normalise(self._system, code))
        return found is not None and found.kind is None

    def find(self, code: str) -> MappedCode | None:
        """Find a code; one that was taken out of use hides shorter prefixes."""
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

    def __init__(self, *kinds: Mapping[str, _Table]) -> None:
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


class Terminology:
    """
    Look up what a code means.

    Parameters
    ----------
    entries : iterable of MappedCode
        Mappings; a later one of the same code and kind replaces an earlier one.
    base : str
        Address below which the project's own CodeSystem lies.

    Attributes
    ----------
    system : str
        Address of the project's own CodeSystem.
    query_codes : tuple of tuple of str
        System and code of all measurements, for search queries.
    methods, places, conditions, exclusions, measurements : Lexicon
        Meanings by kind; `lexicon` gives the others.
    diagnoses : Lexicon
        Conditions and exclusions together.
    """

    def __init__(self, entries: Iterable[MappedCode], base: str = DEFAULT_BASE) -> None:
        self.system = base + _CODE_SYSTEM
        sorted_out = _sort_out(entries)
        tables: dict[Kind, dict[str, _Table]] = {kind: {} for kind in Kind}
        for (kind, system), codes in sorted_out.items():
            sheet = _Table(system, codes)
            for spelling in spellings(system):
                tables[kind][spelling] = sheet
        self._lexicons = {kind: Lexicon(tables[kind]) for kind in Kind}
        self.methods = self._lexicons[Kind.METHOD]
        self.places = self._lexicons[Kind.PLACE]
        self.conditions = self._lexicons[Kind.CONDITION]
        self.exclusions = self._lexicons[Kind.EXCLUSION]
        self.diagnoses = Lexicon(tables[Kind.CONDITION], tables[Kind.EXCLUSION])
        self.measurements = self._lexicons[Kind.MEASUREMENT]
        self._units = self._lexicons[Kind.UNIT]
        self._written = [
            (table, write)
            for system, write in _UNITS_AS_WRITTEN
            if (table := tables[Kind.UNIT].get(system)) is not None
        ]
        self.query_codes = tuple(
            (mapped.system, mapped.code)
            for (kind, system), codes in sorted_out.items()
            if kind is Kind.MEASUREMENT and self._is_queried(system)
            for mapped in codes.values()
            if mapped.kind is not None
        )

    def _is_queried(self, system: str) -> bool:
        """Ask for own codes under one address only."""
        return system == self.system or system != DEFAULT_BASE + _CODE_SYSTEM

    def lexicon(self, kind: Kind) -> Lexicon:
        """
        Give the meanings of a kind.

        Parameters
        ----------
        kind : Kind
            Which.

        Returns
        -------
        Lexicon
            The meanings.
        """
        return self._lexicons[kind]

    def unit(self, system: str | None, code: str) -> str | None:
        """
        Find a unit by its code, or by how people write it.

        Parameters
        ----------
        system : str or None
            Address of the unit system; None for a spelling.
        code : str
            Code or spelling.

        Returns
        -------
        str or None
            Name of the unit in `service.fhir.units`.
        """
        if system is not None:
            found = self._units.find(system, code)
            return None if found is None else found.target
        written = (table.find(write(code)) for table, write in self._written)
        return next((found.target for found in written if found), None)

    def is_other_unit(self, spelling: str) -> bool:
        """
        Tell whether a spelling is known as that of another kind of unit.

        Parameters
        ----------
        spelling : str
            What people write.

        Returns
        -------
        bool
            True for millimetres; False for units that serve, and for free text.
        """
        return any(
            table.is_unmatched(write(spelling)) for table, write in self._written
        )


def load_terminology(
    site_dir: Path | None = None, base: str = DEFAULT_BASE
) -> Terminology:
    """
    Read the bundled ConceptMaps and, over them, a site's.

    Parameters
    ----------
    site_dir : pathlib.Path or None
        Folder with the site's ConceptMaps (``*.json``).
    base : str
        Address below which the project's own CodeSystem lies; the default one is
        understood as well.

    Returns
    -------
    Terminology
        The terminology.

    Raises
    ------
    TerminologyError
        If a ConceptMap cannot be used; names file, group and code.
    """
    data = files("service").joinpath("data")
    text = data.joinpath("codesystems/predictors.json").read_text("utf-8")
    vocabulary = _vocabulary(json.loads(text), base.rstrip("/"))
    with as_file(data.joinpath("conceptmaps")) as folder:
        entries = [*_own_codes(vocabulary), *read_folder(folder, vocabulary)]
    if site_dir is not None:
        entries += read_folder(site_dir, vocabulary)
    terminology = Terminology(entries, base.rstrip("/"))
    for mapped in entries:
        _check_values(mapped, terminology)
    return terminology


def _vocabulary(code_system: Mapping[str, Any], base: str) -> Vocabulary:
    bases = dict.fromkeys((base, DEFAULT_BASE))
    return Vocabulary(
        systems=frozenset(item + _CODE_SYSTEM for item in bases),
        properties=tuple(f"{item}/mapping-property/" for item in bases),
        kinds={
            concept["code"]: Kind(concept["property"][0]["valueCode"])
            for concept in code_system["concept"]
        },
    )


def _own_codes(vocabulary: Vocabulary) -> Iterator[MappedCode]:
    """Every code of the project means itself."""
    for system in sorted(vocabulary.systems):
        for code, kind in vocabulary.kinds.items():
            own = MappedCode(system, code, kind, code)
            yield replace(own, place=PLACES[code]) if kind is Kind.PLACE else own


def _sort_out(
    entries: Iterable[MappedCode],
) -> dict[tuple[Kind, str], dict[str, MappedCode]]:
    tables: dict[tuple[Kind, str], dict[str, MappedCode]] = {}
    for mapped in entries:
        code = normalise(mapped.system, mapped.code)
        for kind in Kind if mapped.kind is None else (mapped.kind,):
            table = tables.setdefault((kind, mapped.system), {})
            replaced = table.get(code)
            if mapped.kind is None and replaced is not None:
                # The whole family of codes goes out of use, not only its head.
                table[code] = replace(mapped, is_prefix=replaced.is_prefix)
            else:
                table[code] = mapped
    return tables


def _check_values(mapped: MappedCode, terminology: Terminology) -> None:
    """Refuse a default unit that is none, or none of the quantity."""
    where = ("ConceptMap", mapped.system, mapped.code)
    dimension = dimension_of(mapped.target)
    if mapped.default_unit is not None:
        unit = terminology.unit(UCUM, mapped.default_unit)
        if unit is None or UNITS[unit].dimension != dimension:
            problem = f"default-unit: {mapped.default_unit!r} is no unit of an"
            raise TerminologyError(*where, f"{problem} {dimension or 'unitless value'}")
    elif "integer" in mapped.value_forms and dimension is not None:
        problem = "value-form: an integer states no unit; add default-unit"
        raise TerminologyError(*where, problem)
    if mapped.sign_convention is not None and dimension != "angle":
        raise TerminologyError(*where, "sign-convention: only for angles")
