"""Fields of a policy file, checked one by one; a refusal names the field."""

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, TypeVar

__all__ = [
    "PolicyError",
    "choices",
    "days",
    "numbers",
    "section",
    "text",
    "whole_numbers",
]

_Choice = TypeVar("_Choice", bound=Enum)


class PolicyError(ValueError):
    """A policy file that cannot be used; names the file, the field and the fault."""


def section(value: object, name: str, kind: type) -> Mapping[str, Any]:
    """
    Take a section that has each field of a dataclass, and no other.

    Parameters
    ----------
    value : object
        What the file holds.
    name : str
        Name of the section, for the message.
    kind : type
        The dataclass.

    Returns
    -------
    Mapping of str to object
        The section.

    Raises
    ------
    PolicyError
        If a field is missing, or there is one that nobody reads.
    """
    known = {field.name for field in fields(kind)}
    if not isinstance(value, Mapping):
        raise PolicyError(f"{name}: must be a mapping with {', '.join(sorted(known))}")
    if unknown := sorted(set(map(str, value)) - known):
        raise PolicyError(f"{name}.{unknown[0]}: unknown; known are {sorted(known)}")
    if missing := sorted(known - set(value)):
        raise PolicyError(f"{name}.{missing[0]}: missing")
    return value


def numbers(value: object, name: str, kind: type) -> dict[str, float]:
    """
    Take a section of numbers.

    Parameters
    ----------
    value : object
        What the file holds.
    name : str
        Name of the section.
    kind : type
        The dataclass.

    Returns
    -------
    dict of str to float
        The fields.

    Raises
    ------
    PolicyError
        If one is no number.
    """
    found = section(value, name, kind)
    for key, number in found.items():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise PolicyError(f"{name}.{key}: must be a number, got {number!r}")
    return {key: float(number) for key, number in found.items()}


def whole_numbers(value: object, name: str, kind: type) -> dict[str, int]:
    """
    Take a section of whole numbers from 1.

    Parameters
    ----------
    value : object
        What the file holds.
    name : str
        Name of the section.
    kind : type
        The dataclass.

    Returns
    -------
    dict of str to int
        The fields.

    Raises
    ------
    PolicyError
        If one is something else.
    """
    found = section(value, name, kind)
    return {
        key: _whole(number, f"{name}.{key}", lowest=1) for key, number in found.items()
    }


def days(value: object, name: str) -> int:
    """
    Take a number of days, maybe none.

    Parameters
    ----------
    value : object
        What the file holds.
    name : str
        Name of the field.

    Returns
    -------
    int
        A whole number from 0.

    Raises
    ------
    PolicyError
        If it is something else.
    """
    return _whole(value, name, lowest=0)


def choices(value: object, name: str, kind: type[_Choice]) -> frozenset[_Choice]:
    """
    Take a list of words out of a closed list.

    Parameters
    ----------
    value : object
        What the file holds.
    name : str
        Name of the field.
    kind : type
        The enumeration of the words.

    Returns
    -------
    frozenset
        The choices, maybe none.

    Raises
    ------
    PolicyError
        If it is no list, or a word is none of them.
    """
    known = {item.value: item for item in kind}
    if not isinstance(value, list):
        raise PolicyError(f"{name}: must be a list of {', '.join(known)}, maybe empty")
    for word in value:
        if not isinstance(word, str) or word not in known:
            raise PolicyError(f"{name}: {word!r} is none of {', '.join(known)}")
    return frozenset(known[word] for word in value)


def text(value: object, name: str) -> str:
    """
    Take a text that says something.

    Parameters
    ----------
    value : object
        What the file holds.
    name : str
        Name of the field.

    Returns
    -------
    str
        The text.

    Raises
    ------
    PolicyError
        If it is none, or blank.
    """
    if not isinstance(value, str) or not value.strip():
        raise PolicyError(f"{name}: must be a text, got {value!r}")
    return value


def _whole(value: object, name: str, *, lowest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise PolicyError(
            f"{name}: must be a whole number from {lowest}, got {value!r}"
        )
    return value
