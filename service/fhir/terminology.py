"""What codes mean: the bundled ConceptMaps, and what a site adds or overrides."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from service.fhir.conceptmaps import (
    TEXTS,
    Kind,
    MappedCode,
    TerminologyError,
    Vocabulary,
)
from service.fhir.lexicon import Lexicon, Table, TextLexicon
from service.fhir.mapfiles import read_folder
from service.fhir.places import PLACES
from service.fhir.systems import UCUM, normalise, spellings
from service.fhir.units import UNITS, dimension_of

__all__ = [
    "DEFAULT_BASE",
    "TEXTS",
    "Kind",
    "Lexicon",
    "MappedCode",
    "Maps",
    "Terminology",
    "TerminologyError",
    "load_terminology",
    "read_maps",
]

#: Says plainly that a publisher must set an own base.
DEFAULT_BASE: Final = "http://scnen-cds.example.org/fhir"
_CODE_SYSTEM: Final = "/CodeSystem/predictors"
_SPELLINGS: Final = f"{DEFAULT_BASE}/CodeSystem/unit-spellings"
#: Codes of UCUM differ by case (rad, RAD); what people write does not.
_UNITS_AS_WRITTEN: Final = ((_SPELLINGS, str), (UCUM, str), (_SPELLINGS, str.casefold))


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
    measures_by_text : bool
        Whether texts name measurements or findings as well: a search by code would
        miss them.
    has_texts : bool
        Whether texts are mapped at all.
    entries : tuple of MappedCode
        Everything that has a meaning, and what the site has taken out of use.
    methods, places, conditions, exclusions, measurements : Lexicon
        Meanings by kind; `lexicon` gives the others.
    diagnoses : Lexicon
        Conditions and exclusions together.
    """

    def __init__(self, entries: Iterable[MappedCode], base: str = DEFAULT_BASE) -> None:
        self.system = base + _CODE_SYSTEM
        sorted_out = _sort_out(entries)
        tables: dict[Kind, dict[str, Table]] = {kind: {} for kind in Kind}
        texts: dict[Kind, dict[str, MappedCode]] = {kind: {} for kind in Kind}
        for (kind, system), codes in sorted_out.items():
            if system == TEXTS:
                texts[kind] = {t: m for t, m in codes.items() if m.kind is not None}
                continue
            sheet = Table(system, codes)
            for spelling in spellings(system):
                tables[kind][spelling] = sheet
        self._lexicons = {kind: _lexicon(tables, texts, kind) for kind in Kind}
        self.has_texts = any(texts.values())
        self.measures_by_text = bool(texts[Kind.MEASUREMENT] or texts[Kind.FINDING])
        self.entries = tuple(_in_use(sorted_out))
        self.methods = self._lexicons[Kind.METHOD]
        self.places = self._lexicons[Kind.PLACE]
        self.conditions = self._lexicons[Kind.CONDITION]
        self.exclusions = self._lexicons[Kind.EXCLUSION]
        self.diagnoses = _lexicon(tables, texts, Kind.CONDITION, Kind.EXCLUSION)
        self.measurements = self._lexicons[Kind.MEASUREMENT]
        self._units = self._lexicons[Kind.UNIT]
        self._written = [
            (table, write)
            for system, write in _UNITS_AS_WRITTEN
            if (table := tables[Kind.UNIT].get(system)) is not None
        ]
        self._queried = tuple(
            mapped
            for (_, system), codes in sorted_out.items()
            if self._is_queried(system)
            for mapped in codes.values()
            if mapped.kind is not None
        )
        self.query_codes = tuple(
            (mapped.system, mapped.code) for mapped in self.queried(Kind.MEASUREMENT)
        )

    def queried(self, kind: Kind) -> tuple[MappedCode, ...]:
        """
        List the codes of a kind that a search may ask for.

        Parameters
        ----------
        kind : Kind
            Which.

        Returns
        -------
        tuple of MappedCode
            Each under one address of its system.
        """
        return tuple(mapped for mapped in self._queried if mapped.kind is kind)

    def _is_queried(self, system: str) -> bool:
        """Ask for own codes under one address only, and never for texts."""
        if system == TEXTS:
            return False
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


@dataclass(frozen=True, slots=True)
class Maps:
    """
    What the files say, before one replaces the other.

    Attributes
    ----------
    bundled : tuple of MappedCode
        The project's own codes, and the maps that ship with the service.
    site : tuple of MappedCode
        What the site adds, replaces or takes out of use.
    base : str
        Address below which the project's own CodeSystem lies.
    """

    bundled: tuple[MappedCode, ...]
    site: tuple[MappedCode, ...]
    base: str

    @property
    def entries(self) -> tuple[MappedCode, ...]:  # numpydoc ignore=RT01
        """All of it, the site's last: of two for one code that one counts."""
        return (*self.bundled, *self.site)


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
    maps = read_maps(site_dir, base)
    return Terminology(maps.entries, maps.base)


def read_maps(site_dir: Path | None = None, base: str = DEFAULT_BASE) -> Maps:
    """
    Read and check the bundled ConceptMaps and a site's.

    Parameters
    ----------
    site_dir : pathlib.Path or None
        Folder with the site's ConceptMaps (``*.json``).
    base : str
        Address below which the project's own CodeSystem lies.

    Returns
    -------
    Maps
        Both, apart.

    Raises
    ------
    TerminologyError
        If a ConceptMap cannot be used; names file, group and code.
    """
    base = base.rstrip("/")
    data = files("service").joinpath("data")
    text = data.joinpath("codesystems/predictors.json").read_text("utf-8")
    vocabulary = _vocabulary(json.loads(text), base)
    with as_file(data.joinpath("conceptmaps")) as folder:
        bundled = [*_own_codes(vocabulary), *read_folder(folder, vocabulary)]
    site = [] if site_dir is None else read_folder(site_dir, vocabulary, is_site=True)
    _check_values([*bundled, *site], base)
    return Maps(tuple(bundled), tuple(site), base)


def _vocabulary(code_system: Mapping[str, Any], base: str) -> Vocabulary:
    bases = dict.fromkeys((base, DEFAULT_BASE))
    return Vocabulary(
        systems=frozenset(item + _CODE_SYSTEM for item in bases),
        texts=frozenset({TEXTS, *(f"{item}/CodeSystem/texts" for item in bases)}),
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


def _lexicon(
    tables: Mapping[Kind, Mapping[str, Table]],
    texts: Mapping[Kind, Mapping[str, MappedCode]],
    *kinds: Kind,
) -> Lexicon:
    """Texts cost time with every concept: only where some are mapped."""
    coded = [tables[kind] for kind in kinds]
    worded = [texts[kind] for kind in kinds if texts[kind]]
    return TextLexicon(*coded, texts=worded) if worded else Lexicon(*coded)


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


def _in_use(
    tables: Mapping[tuple[Kind, str], Mapping[str, MappedCode]],
) -> Iterator[MappedCode]:
    """Each mapping once, though one without a meaning stands in every table."""
    taken_out: set[tuple[str, str]] = set()
    for codes in tables.values():
        for mapped in codes.values():
            if mapped.kind is not None:
                yield mapped
            elif mapped.is_site and (mapped.system, mapped.code) not in taken_out:
                taken_out.add((mapped.system, mapped.code))
                yield mapped


def _check_values(entries: Sequence[MappedCode], base: str) -> None:
    terminology = Terminology(entries, base)
    faults: list[TerminologyError] = []
    for mapped in entries:
        problem = _fault_of_values(mapped, terminology)
        if problem is not None:
            where = (mapped.file, mapped.system, mapped.code)
            faults.append(TerminologyError(*where, problem))
    if faults:
        raise TerminologyError.of(faults)


def _fault_of_values(mapped: MappedCode, terminology: Terminology) -> str | None:
    """Tell what is wrong with a default unit or a form that cannot be read."""
    dimension = dimension_of(mapped.target)
    if mapped.default_unit is not None:
        unit = terminology.unit(UCUM, mapped.default_unit)
        if unit is None or UNITS[unit].dimension != dimension:
            what = dimension or "unitless value"
            return f"default-unit: {mapped.default_unit!r} is no unit of an {what}"
    elif "integer" in mapped.value_forms and dimension is not None:
        return "value-form: an integer states no unit; add default-unit"
    if mapped.sign_convention is not None and dimension != "angle":
        return "sign-convention: only for angles"
    return None
