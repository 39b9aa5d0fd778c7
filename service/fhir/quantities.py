"""The value of an Observation as a number in degrees or percent, or why it has none."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from service.fhir.findings import Reason
from service.fhir.systems import UCUM, canonical
from service.fhir.terminology import MappedCode, Terminology
from service.fhir.units import PHYSICAL_RANGES, UNITS, dimension_of

__all__ = ["Fault", "Value", "value_of"]

_NUMBER_AND_UNIT: Final = re.compile(
    r"\s*([+-]?\d{1,9}(?:\.\d{1,9})?)\s*(.{0,20}?)\s*", re.ASCII
)
_SHORT: Final = 40
#: A unit's spelling beside its code may be any text; longer ones are not kept.
_LONGEST_UNIT: Final = 60


@dataclass(slots=True)
class Value:
    """
    A number that may be used.

    Attributes
    ----------
    number : float
        In degrees or percent.
    as_found : str
        Value and unit as recorded.
    """

    number: float
    as_found: str


@dataclass(frozen=True, slots=True)
class Fault:
    """
    Why there is no number.

    Attributes
    ----------
    reason : Reason
        Why.
    detail : str
        Codes and units only.
    """

    reason: Reason
    detail: str = ""


class _Refused(Exception):  # noqa: N818 caught in this module only
    """Carries the fault out of the reading of a value."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.fault = Fault(reason, detail)
        super().__init__()


def value_of(
    element: Mapping[str, Any], mapped: MappedCode, terminology: Terminology
) -> Value | Fault:
    """
    Read the value of an Observation or of a component.

    Parameters
    ----------
    element : Mapping
        Plain JSON of either.
    mapped : MappedCode
        What its code means.
    terminology : Terminology
        Knows the units.

    Returns
    -------
    Value or Fault
        A number within the physical range; never a guess.
    """
    try:
        number, unit, as_found = _read(element, mapped, terminology)
        return _convert(number, unit, as_found, mapped)
    except _Refused as refused:
        return refused.fault


def _read(
    element: Mapping[str, Any], mapped: MappedCode, terminology: Terminology
) -> tuple[float, str, str]:
    if "dataAbsentReason" in element:
        raise _Refused(Reason.DATA_ABSENT, _words(element["dataAbsentReason"]))
    quantity = element.get("valueQuantity")
    if isinstance(quantity, dict):
        return _read_quantity(quantity, mapped, terminology)
    if "string" in mapped.value_forms and "valueString" in element:
        return _read_string(element["valueString"], mapped, terminology)
    if "integer" in mapped.value_forms and "valueInteger" in element:
        number = _number(element["valueInteger"])
        return number, _default_unit(mapped, terminology), f"{number:g}"
    forms = sorted(name for name in element if name.startswith("value"))
    if forms:
        raise _Refused(Reason.NOT_A_QUANTITY, _short(", ".join(forms)))
    raise _Refused(Reason.NOT_A_QUANTITY, "no value")


def _read_quantity(
    quantity: Mapping[str, Any], mapped: MappedCode, terminology: Terminology
) -> tuple[float, str, str]:
    if quantity.get("comparator") is not None:
        raise _Refused(Reason.COMPARATOR, _short(quantity["comparator"]))
    number = _number(quantity.get("value"))
    spelled, code = _text(quantity.get("unit")), _text(quantity.get("code"))
    unit = _unit_of(spelled, code, _text(quantity.get("system")), terminology)
    if unit is None:
        unit = _default_unit(mapped, terminology)
    stated = (spelled or code or "")[:_LONGEST_UNIT]
    # Some servers drop the zero of 41.0: the same value is written in one way.
    return number, unit, f"{number:.15g} {stated}".rstrip()


def _unit_of(
    spelled: str | None, code: str | None, system: str | None, terminology: Terminology
) -> str | None:
    """Tell the unit; a hospital has few, so the answers are kept."""
    length = len(spelled or "") + len(code or "") + len(system or "")
    tell = _unit if length <= _LONGEST_UNIT else _unit.__wrapped__
    return tell(spelled, code, system, terminology)


@lru_cache(maxsize=256)
def _unit(
    spelled: str | None, code: str | None, system: str | None, terminology: Terminology
) -> str | None:
    """Tell the unit, None if none is stated; code and spelling must not disagree."""
    if spelled is None and code is None:
        return None
    of_spelling = spelled and terminology.unit(None, spelled)
    if code is None:
        found = of_spelling
    else:
        # A code without a system is a spelling like any other.
        found = terminology.unit(canonical(system) if system else None, code)
    if not found:
        raise _Refused(Reason.UNIT_UNKNOWN, _short(code or spelled))
    if (
        spelled is not None
        and of_spelling != found
        and (of_spelling or terminology.is_other_unit(spelled))
    ):
        detail = f"unit {_short(spelled)}, code {_short(code)}"
        raise _Refused(Reason.UNIT_UNKNOWN, detail)
    return found


def _read_string(
    text: object, mapped: MappedCode, terminology: Terminology
) -> tuple[float, str, str]:
    match = _NUMBER_AND_UNIT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise _Refused(Reason.NOT_A_QUANTITY, "valueString")
    unit = _unit_of(match[2] or None, None, None, terminology)
    if unit is None:
        unit = _default_unit(mapped, terminology)
    return float(match[1]), unit, match[0].strip()


def _default_unit(mapped: MappedCode, terminology: Terminology) -> str:
    unit = mapped.default_unit and terminology.unit(UCUM, mapped.default_unit)
    if not unit:
        raise _Refused(Reason.UNIT_NOT_STATED)
    return unit


def _convert(number: float, name: str, as_found: str, mapped: MappedCode) -> Value:
    unit = UNITS[name]
    dimension = dimension_of(mapped.target)
    if unit.dimension != dimension:
        raise _Refused(Reason.UNIT_UNKNOWN, f"{name} is no unit of an {dimension}")
    converted = number * unit.factor
    low, high = PHYSICAL_RANGES[mapped.target]
    if not low <= converted <= high:
        raise _Refused(Reason.OUT_OF_PHYSICAL_RANGE, as_found)
    if mapped.sign_convention == "kyphosis-negative":
        converted = -converted
    return Value(converted, as_found)


def _number(value: object) -> float:
    number = value
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = None
    if not isinstance(number, float) or not isfinite(number):
        raise _Refused(Reason.NOT_A_QUANTITY, "no number")
    return number


def _text(value: object) -> str | None:
    """Return a text that says something."""
    return (value.strip() or None) if isinstance(value, str) else None


def _words(concept: object) -> str:
    """Give display or code of a dataAbsentReason, never its free text."""
    codings = concept.get("coding") if isinstance(concept, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict):
            said = _text(coding.get("display")) or _text(coding.get("code"))
            if said:
                return _short(said)
    return ""


def _short(value: object) -> str:
    return str(value)[:_SHORT]
