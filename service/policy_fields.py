"""Sections of a policy file, each read as a dataclass; a refusal names the field."""

from collections.abc import Mapping
from dataclasses import fields as fields_of
from enum import Enum
from typing import Any, TypeVar

from service import fields

__all__ = ["PolicyError", "choices", "numbers", "section", "whole_numbers"]

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
    FieldError
        If a field is missing, or there is one that nobody reads.
    """
    return fields.section(value, name, [field.name for field in fields_of(kind)])


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
    FieldError
        If one is no number.
    """
    found = section(value, name, kind)
    return {key: fields.number(each, f"{name}.{key}") for key, each in found.items()}


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
    FieldError
        If one is something else.
    """
    found = section(value, name, kind)
    return {key: fields.whole(each, f"{name}.{key}", 1) for key, each in found.items()}


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
