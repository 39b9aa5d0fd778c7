"""What a mapping says: a code, its meaning, and the file that says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from service.fhir import places
from service.fhir.findings import Coding

__all__ = [
    "TEXTS",
    "Kind",
    "MappedCode",
    "TerminologyError",
    "Vocabulary",
    "common_place",
]

#: Source of mappings whose codes are no codes but texts, matched as they stand.
TEXTS: Final = "http://scnen-cds.example.org/fhir/CodeSystem/texts"


class TerminologyError(ValueError):
    """
    A ConceptMap that cannot be used.

    Parameters
    ----------
    file : str
        Name of the file.
    group : str or None
        Source system of the group.
    code : str or None
        Source code.
    problem : str
        What is wrong and what would be right.
    others : sequence of TerminologyError
        Further faults of the same folder.

    Attributes
    ----------
    faults : tuple of TerminologyError
        This fault and the others, each by itself.
    """

    def __init__(
        self,
        file: str,
        group: str | None,
        code: str | None,
        problem: str,
        others: Sequence["TerminologyError"] = (),
    ) -> None:
        self.file = file
        self.group = group
        self.code = code
        self.problem = problem
        where = [file, group and f"group {group}", code and f"code {code}"]
        said = ": ".join([*(part for part in where if part), problem])
        more = f" (and {len(others)} more faults: `scnen-cds terminology check`"
        super().__init__(f"{said}{more} lists them)" if others else said)
        self.faults: tuple[TerminologyError, ...] = (self,)
        if others:
            self.faults = (TerminologyError(file, group, code, problem), *others)

    @classmethod
    def of(cls, faults: Sequence["TerminologyError"]) -> "TerminologyError":
        """
        Make one error of the faults of a folder.

        Parameters
        ----------
        faults : sequence of TerminologyError
            At least one.

        Returns
        -------
        TerminologyError
            The first, which tells how many follow.
        """
        first, *others = faults
        return cls(first.file, first.group, first.code, first.problem, others)


class Kind(StrEnum):
    """What a code stands for; a code may have one meaning of each kind."""

    MEASUREMENT = "measurement"
    METHOD = "method"
    PLACE = "place"
    CONDITION = "condition"
    EXCLUSION = "exclusion"
    UNIT = "unit"
    FINDING = "finding"
    PROCEDURE = "procedure"
    STRUCTURE = "structure"
    DIAGNOSIS = "diagnosis"


@dataclass(frozen=True, slots=True)
class MappedCode:
    """
    One code of some system and what it means here.

    Attributes
    ----------
    system, code : str
        Canonical address of the system, and the code as the map writes it.
    kind : Kind or None
        What the target stands for; None if the code is taken out of use.
    target : str
        Code of the project.
    is_prefix : bool
        Whether longer codes that begin with this one mean the same.
    place : frozenset of str
        Levels that are possible; all if the code says nothing.
    inferred : bool
        Whether the code does not name the method itself.
    needs_spine : bool
        Whether the code counts only with a word, site or diagnosis of the spine.
    requires : frozenset of str
        Codes of the same system, one of which must belong to the same operation.
    index_characters : frozenset of str
        Seventh characters that speak for an index stay; empty if there is none.
    default_unit : str or None
        UCUM code that holds where a value states no unit.
    value_forms : frozenset of str
        Other forms than a Quantity that count: ``"string"``, ``"integer"``.
    sign_convention : str or None
        ``"kyphosis-positive"`` or ``"kyphosis-negative"`` where angles are signed.
    file : str
        Which file says so.
    is_site : bool
        Whether that file is the site's own.
    coding : Coding
        System and code, as what is found under it names them.
    """

    system: str
    code: str
    kind: Kind | None
    target: str
    is_prefix: bool = False
    place: frozenset[str] = places.ANYWHERE
    inferred: bool = False
    needs_spine: bool = False
    requires: frozenset[str] = frozenset()
    index_characters: frozenset[str] = frozenset()
    default_unit: str | None = None
    value_forms: frozenset[str] = frozenset()
    sign_convention: str | None = None
    file: str = field(default="", compare=False)
    is_site: bool = field(default=False, compare=False)
    coding: Coding = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Write down once under which code a value is found."""
        object.__setattr__(self, "coding", Coding(self.system, self.code))


def common_place(codes: Sequence[MappedCode]) -> frozenset[str]:
    """
    Tell which levels several codes leave possible together.

    Parameters
    ----------
    codes : sequence of MappedCode
        At least one.

    Returns
    -------
    frozenset of str
        Levels of all of them.
    """
    if len(codes) == 1:
        return codes[0].place
    return places.common([code.place for code in codes])


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """
    What the files may speak of.

    Attributes
    ----------
    systems : frozenset of str
        Addresses of the project's own CodeSystem.
    texts : frozenset of str
        Addresses that stand for texts instead of a code system.
    properties : tuple of str
        What the addresses of mapping properties begin with.
    kinds : Mapping of str to Kind
        The project's codes.
    """

    systems: frozenset[str]
    texts: frozenset[str]
    properties: tuple[str, ...]
    kinds: Mapping[str, Kind]
