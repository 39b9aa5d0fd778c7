"""What one value of a response must be: text, choice, URL, UUID, JSON, extension.

Each function refuses with `InvalidCard` and names the field. It never repeats the
value: a card is about a patient, and the message may reach a log.
"""

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from cds_hooks.errors import InvalidCard

__all__ = [
    "ABSOLUTE_URL",
    "FHIR_ID",
    "REFERENCE",
    "check_choice",
    "check_extension",
    "check_flag",
    "check_json",
    "check_text",
    "check_tuple",
    "check_url",
    "check_uuid",
]

#: http or https, a host without user name, no blanks. Scheme in any case.
ABSOLUTE_URL = re.compile(
    r"https?://[^\s/?#@<>\"\\]+(?:[/?#][^\s<>\"\\]*)?", re.IGNORECASE
)
#: FHIR says at most 64; some servers issue ids of about 200 characters and use "_".
FHIR_ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9._-]{1,256}")
#: Type/id, relative to the FHIR server.
REFERENCE = re.compile(r"[A-Z][A-Za-z]{1,63}/(?!\.+\Z)[A-Za-z0-9._-]{1,256}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAY_BE_EMPTY = (str, dict, list, tuple)
_REVERSE_DOMAIN = re.compile(r"[a-z]+(?:\.[A-Za-z0-9-]+)+")


def check_text(
    field: str, value: object, *, limit: int | None = None, is_one_line: bool = False
) -> None:
    """
    Refuse what is not a string with something to read in it.

    Parameters
    ----------
    field : str
        Name for the message.
    value : object
        What to check.
    limit : int, optional
        Largest length in code points.
    is_one_line : bool
        Whether line breaks are refused.

    Raises
    ------
    InvalidCard
        If `value` is no string, is blank, too long or broken into lines.
    """
    if not isinstance(value, str) or not value or value.isspace():
        raise InvalidCard(f"{field}: expected a string that is not blank")
    if limit is not None and len(value) > limit:
        raise InvalidCard(f"{field}: expected at most {limit} characters")
    if is_one_line and len(value.splitlines()) > 1:
        raise InvalidCard(f"{field}: expected one line")


def check_choice(field: str, value: object, choices: Collection[str]) -> None:
    """
    Refuse what is not one of the words the specification knows.

    Parameters
    ----------
    field : str
        Name for the message.
    value : object
        What to check.
    choices : collection of str
        The words.

    Raises
    ------
    InvalidCard
        If `value` is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise InvalidCard(f"{field}: expected one of {', '.join(choices)}")


def check_flag(field: str, value: object) -> None:
    """
    Refuse what is not a boolean.

    Parameters
    ----------
    field : str
        Name for the message.
    value : object
        What to check.

    Raises
    ------
    InvalidCard
        If `value` is neither True nor False.
    """
    if not isinstance(value, bool):
        raise InvalidCard(f"{field}: expected True or False")


def check_url(field: str, value: object) -> None:
    """
    Refuse what is not an absolute http or https URL.

    Parameters
    ----------
    field : str
        Name for the message.
    value : object
        What to check.

    Raises
    ------
    InvalidCard
        If `value` is relative, of another scheme, without a host, with a user name
        or with blanks.
    """
    if not isinstance(value, str) or not ABSOLUTE_URL.fullmatch(value):
        raise InvalidCard(f"{field}: expected an absolute http or https URL")


def check_uuid(field: str, value: object) -> None:
    """
    Refuse what is not a UUID as FHIR writes it.

    Parameters
    ----------
    field : str
        Name for the message.
    value : object
        What to check.

    Raises
    ------
    InvalidCard
        If `value` is not 36 characters of lower-case hexadecimal and hyphens.
    """
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise InvalidCard(f"{field}: expected a UUID in lower case")


def check_tuple(field: str, value: object, kind: type) -> None:
    """
    Refuse what is not a tuple of one class.

    Parameters
    ----------
    field : str
        Name for the message.
    value : object
        What to check.
    kind : type
        Class of every item.

    Raises
    ------
    InvalidCard
        If `value` is no tuple or an item is of another class.
    """
    if value == ():
        return
    items = value if isinstance(value, tuple) else [None]
    if [item for item in items if not isinstance(item, kind)]:
        raise InvalidCard(f"{field}: expected a tuple of {kind.__name__}")


def check_extension(field: str, value: object) -> None:
    """
    Refuse an extension whose names are not reverse domain names.

    Parameters
    ----------
    field : str
        Name for the message.
    value : object
        What to check.

    Raises
    ------
    InvalidCard
        If `value` is no mapping, has another name or is not JSON that may be sent.
    """
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and _REVERSE_DOMAIN.fullmatch(name) for name in value
    ):
        raise InvalidCard(
            f"{field}: expected an object whose names are reverse domain names,"
            " such as com.example.name"
        )
    check_json(field, dict(value))


def check_json(field: str, value: object) -> None:
    """
    Refuse JSON that may not be sent: null or empty anywhere, or not JSON at all.

    Parameters
    ----------
    field : str
        Name for the message.
    value : object
        What to check, as dict, list, tuple, str, int, float and bool.

    Raises
    ------
    InvalidCard
        If something in `value` is None (but as an item of an array, where FHIR uses it
        beside extensions of primitives), empty, not finite, or of another class.
    """
    if not _is_plainly_fit(value):
        _walk(field, value)


def _is_plainly_fit(value: object) -> bool:
    """Whether a value is objects and arrays of texts alone, nothing of it empty."""
    if type(value) is str:
        return value != ""
    if type(value) is list:
        return value != [] and all(map(_is_plainly_fit, value))
    if type(value) is not dict or not value:
        return False
    for name, item in value.items():
        if type(name) is not str or not _is_plainly_fit(item):
            return False
    return True


def _walk(field: str, value: object) -> None:
    pending: list[Any] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, _MAY_BE_EMPTY):
            if not item:
                raise InvalidCard(f"{field}: leave out what is empty")
            if isinstance(item, dict):
                if set(map(type, item)) != {str}:
                    raise InvalidCard(f"{field}: expected only strings as names")
                pending += item.values()
            elif not isinstance(item, str):
                pending += [entry for entry in item if entry is not None]
        elif item is None:
            raise InvalidCard(f"{field}: leave out what is null")
        elif not _is_number(item):
            raise InvalidCard(f"{field}: expected only JSON with finite 64-bit numbers")


def _is_number(item: object) -> bool:
    if isinstance(item, int):
        return -(2**63) <= item < 2**64
    return isinstance(item, float) and math.isfinite(item)
