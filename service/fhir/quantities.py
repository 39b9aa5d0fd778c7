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
from service.fhir.units import CONVERSIONS, dimension_of

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
    quantity = element.get("valueQuantity")
    try:
        if isinstance(quantity, dict) and "dataAbsentReason" not in element:
            number, unit, as_found = _read_quantity(quantity, mapped, terminology)
        else:
            number, unit, as_found = _read_other(element, mapped, terminology)
        return _convert(number, unit, as_found, mapped)
    except _Refused as refused:
        return refused.fault


def _read_quantity(
    quantity: Mapping[str, Any], mapped: MappedCode, terminology: Terminology
) -> tuple[float, str, str]:
    if quantity.get("comparator") is not None:
        raise _Refused(Reason.COMPARATOR, _short(quantity["comparator"]))
    number = quantity.get("value")
    if not isinstance(number, float) or not isfinite(number):
        number = _number(number)
    unit, stated = _unit_of(
        quantity.get("unit"), quantity.get("code"), quantity.get("system"), terminology
    )
    if unit is None:
        unit = _default_unit(mapped, terminology)
    # Some servers drop the zero of 41.0: the same value is written in one way.
    return number, unit, f"{number:.15g}{stated}"


def _read_other(
    element: Mapping[str, Any], mapped: MappedCode, terminology: Terminology
) -> tuple[float, str, str]:
    if "dataAbsentReason" in element:
        raise _Refused(Reason.DATA_ABSENT, _words(element["dataAbsentReason"]))
    if "string" in mapped.value_forms and "valueString" in element:
        return _read_string(element["valueString"], mapped, terminology)
    if "integer" in mapped.value_forms and "valueInteger" in element:
        number = _number(element["valueInteger"])
        return number, _default_unit(mapped, terminology), f"{number:g}"
    forms = sorted(name for name in element if name.startswith("value"))
    if forms:
        raise _Refused(Reason.NOT_A_QUANTITY, _short(", ".join(forms)))
    raise _Refused(Reason.NOT_A_QUANTITY, "no value")


def _unit_of(
    spelled: object, code: object, system: object, terminology: Terminology
) -> tuple[str | None, str]:
    """Tell the unit; a hospital has few, so the answers are kept."""
    if (
        isinstance(spelled, str)
        and isinstance(code, str)
        and isinstance(system, str)
        and len(spelled) + len(code) + len(system) <= _LONGEST_UNIT
    ):
        return _kept_unit(spelled, code, system, terminology)
    return _unit(_text(spelled), _text(code), _text(system), terminology)


@lru_cache(maxsize=256)
def _kept_unit(
    spelled: str, code: str, system: str, terminology: Terminology
) -> tuple[str | None, str]:
    return _unit(_text(spelled), _text(code), _text(system), terminology)


def _unit(
    spelled: str | None, code: str | None, system: str | None, terminology: Terminology
) -> tuple[str | None, str]:
    """
    Tell the unit, None if none is stated, and how the record writes it.

    Code and spelling must not disagree.
    """
    if spelled is None and code is None:
        return None, ""
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
    return found, f" {(spelled or code or '')[:_LONGEST_UNIT]}".rstrip()


def _read_string(
    text: object, mapped: MappedCode, terminology: Terminology
) -> tuple[float, str, str]:
    match = _NUMBER_AND_UNIT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise _Refused(Reason.NOT_A_QUANTITY, "valueString")
    unit, _ = _unit_of(match[2], None, None, terminology)
    if unit is None:
        unit = _default_unit(mapped, terminology)
    return float(match[1]), unit, match[0].strip()


def _default_unit(mapped: MappedCode, terminology: Terminology) -> str:
    unit = mapped.default_unit and terminology.unit(UCUM, mapped.default_unit)
    if not unit:
        raise _Refused(Reason.UNIT_NOT_STATED)
    return unit


def _convert(number: float, name: str, as_found: str, mapped: MappedCode) -> Value:
    target = mapped.target
    try:
        factor, low, high = CONVERSIONS[name, target]
    except KeyError:
        detail = f"{name} is no unit of an {dimension_of(target)}"
        raise _Refused(Reason.UNIT_UNKNOWN, detail) from None
    converted = number * factor
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
