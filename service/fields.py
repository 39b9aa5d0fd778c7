"""Reading one field of a document, JSON or YAML, or saying what is wrong with it."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from reprlib import repr as cut
from typing import Any, NoReturn

__all__ = [
    "FieldError",
    "day",
    "number",
    "numbers",
    "parse",
    "section",
    "sequence",
    "text",
    "texts",
    "whole",
]


class FieldError(ValueError):
    """
    A field that cannot be used.

    Parameters
    ----------
    field : str
        Path of the field inside the document, such as ``predictors[2].unit``.
    problem : str
        What is wrong with it.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


def parse(content: bytes) -> dict[str, Any]:
    """
    Parse a JSON object strictly: finite numbers, no key given twice.

    Parameters
    ----------
    content : bytes
        UTF-8 text of the document.

    Returns
    -------
    dict
        The object.

    Raises
    ------
    FieldError
        If it is no JSON object, holds NaN or Infinity, or repeats a key.
    """
    try:
        document = json.loads(
            content.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_unique,
        )
    except FieldError:
        raise
    except (ValueError, RecursionError) as error:
        raise FieldError("document", f"is not JSON in UTF-8: {error}") from error
    if not isinstance(document, dict):
        raise FieldError("document", "must be a JSON object")
    return document


def section(
    value: object, field: str, required: Collection[str], optional: Collection[str] = ()
) -> Mapping[str, Any]:
    """
    Read an object that has the required fields and no unknown one.

    Parameters
    ----------
    value : object
        What the document holds.
    field : str
        Path of the object, for the message; empty for the document itself.
    required : collection of str
        Fields that must be there.
    optional : collection of str
        Fields that may be there.

    Returns
    -------
    Mapping
        The object.

    Raises
    ------
    FieldError
        If it is no object, lacks a field or has an unknown one.
    """
    if not isinstance(value, dict):
        raise FieldError(field, "must be an object")
    prefix = f"{field}." if field else ""
    for name in value:
        if name not in required and name not in optional:
            known = ", ".join(sorted({*required, *optional}))
            raise FieldError(f"{prefix}{name}", f"unknown; known are {known}")
    for name in required:
        if name not in value:
            raise FieldError(f"{prefix}{name}", "missing")
    return value


def number(value: object, field: str, low: float = -1e9, high: float = 1e9) -> float:
    """
    Read a finite number within limits.

    Parameters
    ----------
    value : object
        What the document holds.
    field : str
        Path of the field, for the message.
    low, high : float
        Limits, both allowed.

    Returns
    -------
    float
        The number.

    Raises
    ------
    FieldError
        If it is no number, not finite or outside the limits.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError(field, f"must be a number, got {cut(value)}")
    if not low <= value <= high:
        raise FieldError(field, f"must be finite and lie in [{low:g}, {high:g}]")
    return float(value)


def whole(value: object, field: str, low: int = 0) -> int:
    """
    Read a whole number from a lower limit.

    Parameters
    ----------
    value : object
        What the document holds.
    field : str
        Path of the field, for the message.
    low : int
        Smallest value allowed.

    Returns
    -------
    int
        The number.

    Raises
    ------
    FieldError
        If it is no whole number or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise FieldError(field, f"must be a whole number from {low}, got {cut(value)}")
    return value


def text(value: object, field: str) -> str:
    """
    Read a text that says something.

    Parameters
    ----------
    value : object
        What the document holds.
    field : str
        Path of the field, for the message.

    Returns
    -------
    str
        The text.

    Raises
    ------
    FieldError
        If it is no text or blank.
    """
    if not isinstance(value, str) or not value.strip():
        raise FieldError(field, f"must be a text, not empty, got {cut(value)}")
    return value


def day(value: object, field: str) -> date:
    """
    Read a day written YYYY-MM-DD.

    Parameters
    ----------
    value : object
        What the document holds.
    field : str
        Path of the field, for the message.

    Returns
    -------
    datetime.date
        The day.

    Raises
    ------
    FieldError
        If it is no such text.
    """
    try:
        return date.fromisoformat(text(value, field))
    except FieldError:
        raise
    except ValueError:
        raise FieldError(field, "must be a day written YYYY-MM-DD") from None


def sequence(value: object, field: str, length: int | None = None) -> Sequence[Any]:
    """
    Read a list that is not empty.

    Parameters
    ----------
    value : object
        What the document holds.
    field : str
        Path of the field, for the message.
    length : int, optional
        Exact length; any from 1 when not given.

    Returns
    -------
    Sequence
        The list.

    Raises
    ------
    FieldError
        If it is no list or has the wrong length.
    """
    if not isinstance(value, list) or not value:
        raise FieldError(field, "must be a list, not empty")
    if length is not None and len(value) != length:
        raise FieldError(field, f"must have {length} entries, has {len(value)}")
    return value


def numbers(value: object, field: str, length: int | None = None) -> tuple[float, ...]:
    """
    Read a list of finite numbers.

    Parameters
    ----------
    value : object
        What the document holds.
    field : str
        Path of the field, for the message.
    length : int, optional
        Exact length; any from 1 when not given.

    Returns
    -------
    tuple of float
        The numbers.

    Raises
    ------
    FieldError
        If it is no such list.
    """
    items = sequence(value, field, length)
    return tuple(number(item, f"{field}[{i}]") for i, item in enumerate(items))


def texts(value: object, field: str) -> tuple[str, ...]:
    """
    Read a list of texts.

    Parameters
    ----------
    value : object
        What the document holds.
    field : str
        Path of the field, for the message.

    Returns
    -------
    tuple of str
        The texts.

    Raises
    ------
    FieldError
        If it is no such list.
    """
    items = sequence(value, field)
    return tuple(text(item, f"{field}[{i}]") for i, item in enumerate(items))


def _refuse_constant(name: str) -> NoReturn:
    raise FieldError("document", f"holds {name}; numbers must be finite")


def _finite(digits: str) -> float:
    """Read a number as written, unless it is too large to hold, such as 1e999."""
    number = float(digits)
    if math.isinf(number):
        raise FieldError("document", "holds an infinite number")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise FieldError(key, "given twice")
        found[key] = value
    return found
