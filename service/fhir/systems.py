"""Code systems: the addresses they go by and the ways their codes are written."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["UCUM", "canonical", "normalise", "spellings"]

UCUM: Final = "http://unitsofmeasure.org"
_ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
_ICD_10 = "http://hl7.org/fhir/sid/icd-10"
_ICD_10_PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
_OPCS = "https://fhir.hl7.org.uk/CodeSystem/OPCS-4"

#: system -> other addresses under which its codes are sent
_ALIASES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "http://snomed.info/sct": ("urn:oid:2.16.840.1.113883.6.96",),
        _ICD_10_PCS: (
            "urn:oid:2.16.840.1.113883.6.4",
            "http://terminology.hl7.org/CodeSystem/icd10PCS",
        ),
        _ICD_10_CM: (
            "urn:oid:2.16.840.1.113883.6.90",
            "http://terminology.hl7.org/CodeSystem/icd10CM",
        ),
        _ICD_10: ("http://terminology.hl7.org/CodeSystem/icd10",),
        "http://hl7.org/fhir/sid/icd-9-cm": (
            "urn:oid:2.16.840.1.113883.6.104",
            "http://terminology.hl7.org/CodeSystem/icd9cm",
        ),
        "http://fhir.de/CodeSystem/bfarm/ops": ("http://fhir.de/CodeSystem/dimdi/ops",),
        _OPCS: (
            "http://fhir.hl7.org.uk/CodeSystem/OPCS-4",
            "https://fhir.hl7.org.uk/R4/CodeSystem/OPCS-4",
            "http://fhir.hl7.org.uk/R4/CodeSystem/OPCS-4",
        ),
    }
)
_CANONICAL: Final = MappingProxyType(
    {alias: system for system, aliases in _ALIASES.items() for alias in aliases}
)

#: Written with and without the dot. ICD-9-CM is not among them: without it a
#: procedure (81.65) and a diagnosis (816.5) are the same four digits.
_DOT_IS_OPTIONAL: Final = frozenset({_ICD_10_CM, _ICD_10, _OPCS})
_UPPER_CASE: Final = frozenset({_ICD_10_CM, _ICD_10, _OPCS, _ICD_10_PCS})


def canonical(system: str) -> str:
    """
    Give the first address of a code system.

    Parameters
    ----------
    system : str
        An address as received.

    Returns
    -------
    str
        The canonical one; unknown ones stay as they are.
    """
    return _CANONICAL.get(system, system)


def spellings(system: str) -> tuple[str, ...]:
    """
    List the addresses of a code system.

    Parameters
    ----------
    system : str
        Canonical address.

    Returns
    -------
    tuple of str
        The canonical one and its aliases.
    """
    return (system, *_ALIASES.get(system, ()))


def normalise(system: str, code: str) -> str:
    """
    Write a code in one way.

    Parameters
    ----------
    system : str
        Canonical address.
    code : str
        Code as received.

    Returns
    -------
    str
        Without dot and in capitals where the system allows both.
    """
    if system in _DOT_IS_OPTIONAL:
        code = code.replace(".", "")
    return code.upper() if system in _UPPER_CASE else code
