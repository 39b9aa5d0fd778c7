"""What may come in, as marshmallow schemas: the only place that knows marshmallow.

Unknown fields are left out everywhere, an optional field may be null, and no message
repeats a value.
"""
# ruff: noqa: N815 - the names of the fields are the specification's

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, missing

from cds_hooks.hooks import HOOKS, ContextField, HookDefinition, Kind
from cds_hooks.values import ABSOLUTE_URL, FHIR_ID, REFERENCE

__all__ = [
    "AUTHORIZATION",
    "CONTEXTS",
    "ENVELOPE",
    "FEEDBACK_ITEM",
    "OVERRIDE_REASON",
    "load",
    "utc",
]

_MOST_ENTRIES = 100
_LONGEST = 256
_MOST_DIGITS = 9
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d):(\d\d)((?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))",
    re.ASCII,
)


class _Wire(Schema):
    """An object whose unknown fields are left out."""

    error_messages = {"type": "must be an object"}  # noqa: RUF012 - as the base class

    class Meta:
        """Clients of later versions send more fields."""

        unknown = EXCLUDE


class _Value(fields.Field[Any]):
    """A value that passes one check, or the words for what it must be."""

    def __init__(
        self,
        check: Callable[[object], object],
        expected: str,
        *,
        is_required: bool = False,
    ) -> None:
        super().__init__(
            required=is_required,
            allow_none=not is_required,
            error_messages={
                "required": f"is missing; send {expected}",
                "null": f"is null; send {expected}",
                "invalid": f"must be {expected}",
            },
        )
        self.check = check

    def deserialize(
        self,
        value: object,
        attr: str | None = None,
        data: Mapping[str, Any] | None = None,
        **options: object,
    ) -> Any:  # noqa: ANN401 - as the base class
        """Check a value; the base class also looks for hooks that no field here has."""
        if value is None or value is missing:
            if self.required:
                return super().deserialize(value, attr, data, **options)
            return value
        if not self.check(value):
            raise self.make_error("invalid")
        return value


class _List(fields.List[Any]):
    """A list that is read up to its first wrong entry, and not at all if too long.

    The base class makes an error of every wrong entry, so that a small body keeps a
    worker busy and is answered with megabytes.
    """

    def _deserialize(self, value: object, *_: object, **__: object) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if len(value) > _MOST_ENTRIES:
            raise ValidationError(f"must have at most {_MOST_ENTRIES} entries")
        for index, entry in enumerate(value):
            try:
                self.inner.deserialize(entry)
            except ValidationError as error:
                raise ValidationError({index: error.messages}) from None
        return value


def _matches(pattern: re.Pattern[str]) -> Callable[[object], object]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_short_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= _LONGEST


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_anything(_value: object) -> bool:
    return True


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_lifetime(value: object) -> bool:
    """Whether a value is a whole number of seconds, as a number or as its digits."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list_of(check: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: isinstance(value, list) and all(map(check, value))


_CHECKS: Mapping[Kind, Callable[[object], object]] = {
    Kind.USER: _matches(REFERENCE),
    Kind.ID: _matches(FHIR_ID),
    Kind.REFERENCE: _matches(REFERENCE),
    Kind.REFERENCES: _is_list_of(_matches(REFERENCE)),
    Kind.OBJECT: _is_object,
    Kind.OBJECTS: _is_list_of(_is_object),
}


def _context_field(field: ContextField) -> _Value:
    return _Value(_CHECKS[field.kind], field.kind.value, is_required=field.is_required)


def _context_schema(hook: HookDefinition) -> Schema:
    return _Wire.from_dict({f.name: _context_field(f) for f in hook.fields})()


class _Envelope(_Wire):
    hook = _Value(_is_text, "the name of the hook", is_required=True)
    hookInstance = _Value(_matches(_UUID), "a UUID", is_required=True)
    fhirServer = _Value(_matches(ABSOLUTE_URL), "an absolute http or https URL")
    # A token that cannot be used costs no more than itself: see load_request.
    fhirAuthorization = _Value(_is_anything, "anything")
    context = _Value(_is_object, "an object", is_required=True)
    prefetch = _Value(_is_object, "an object")
    extension = _Value(_is_object, "an object")


class _Authorization(_Wire):
    access_token = _Value(_is_text, "an OAuth 2.0 access token", is_required=True)
    token_type = _Value(
        _matches(re.compile("Bearer", re.IGNORECASE)), "Bearer", is_required=True
    )
    expires_in = _Value(_is_lifetime, "a whole number of seconds", is_required=True)
    scope = _Value(_is_string, "a string", is_required=True)
    subject = _Value(_is_text, "an OAuth 2.0 client id", is_required=True)
    patient = _Value(_matches(FHIR_ID), "a bare FHIR id")


class _Coding(_Wire):
    code = _Value(_is_text, "a code", is_required=True)
    system = _Value(_is_text, "the URI of a code system", is_required=True)
    display = _Value(_is_string, "a string")


class _OverrideReason(_Wire):
    reason = fields.Nested(_Coding, allow_none=True)
    userComment = _Value(_is_string, "a string")
    extension = _Value(_is_object, "an object")


def _names_a_suggestion(value: object) -> bool:
    return isinstance(value, dict) and _is_short_text(value.get("id"))


class _Item(_Wire):
    card = _Value(_is_short_text, "the uuid of a card", is_required=True)
    outcome = _Value(
        ("accepted", "overridden").__contains__,
        "accepted or overridden",
        is_required=True,
    )
    outcomeTimestamp = _Value(
        lambda value: isinstance(value, str) and utc(value) is not None,
        "an RFC 3339 time with its offset, such as 2026-01-31T09:30:00Z",
        is_required=True,
    )
    acceptedSuggestions = _List(
        _Value(
            _names_a_suggestion,
            "an object whose id is the uuid of a suggestion",
            is_required=True,
        ),
        allow_none=True,
        error_messages={"invalid": "must be an array"},
    )
    extension = _Value(_is_object, "an object")


# Made once: building a schema costs more than using it.
#: The request without what is inside context and fhirAuthorization.
ENVELOPE: Schema = _Envelope()
#: fhirAuthorization
AUTHORIZATION: Schema = _Authorization()
#: context, by the name of the hook
CONTEXTS: Mapping[str, Schema] = {name: _context_schema(h) for name, h in HOOKS.items()}
#: One item of a feedback batch, without its override reason.
FEEDBACK_ITEM: Schema = _Item()
#: overrideReason of a feedback item
OVERRIDE_REASON: Schema = _OverrideReason()


def load(
    schema: Schema, value: object, path: str, problems: list[str]
) -> dict[str, Any]:
    """
    Take what is right from a JSON object.

    Parameters
    ----------
    schema : Schema
        One of this module.
    value : object
        Any JSON.
    path : str
        Where the object stands in the body.
    problems : list of str
        Takes a sentence for everything that is wrong, with its path.

    Returns
    -------
    dict
        The fields that are known and right, by the specification's names.
    """
    loaded = _if_all_is_right(schema, value)
    if loaded is not None:
        return loaded
    try:
        loaded = dict(schema.load(value))  # type: ignore[arg-type] # any JSON
    except ValidationError as error:
        problems += _flat(error.messages, path)
        return error.valid_data if isinstance(error.valid_data, dict) else {}
    return loaded


def _if_all_is_right(schema: Schema, value: object) -> dict[str, Any] | None:
    """Ask the checks of the fields alone, a quarter of what marshmallow takes.

    It is left to marshmallow to say what is wrong, and to load what is nested.
    """
    if not isinstance(value, dict):
        return None
    loaded: dict[str, Any] = {}
    for name, field in schema.load_fields.items():
        if not isinstance(field, _Value):
            return None
        given = value.get(name)
        if given is None:
            if field.required:
                return None
            if name in value:
                loaded[name] = None
        elif field.check(given):
            loaded[name] = given
        else:
            return None
    return loaded


def _flat(messages: list[str] | dict[Any, Any], path: str) -> list[str]:
    """Lines such as "a.b[0]: must be a string" from marshmallow's nested messages."""
    if isinstance(messages, list):
        return [f"{path or 'body'}: {message}" for message in messages]
    lines = []
    for key, inner in messages.items():
        if key == "_schema":
            step = path
        elif isinstance(key, int):
            step = f"{path}[{key}]"
        else:
            step = f"{path}.{key}" if path else str(key)
        lines += _flat(inner, step)
    return lines


def utc(text: str) -> datetime | None:
    """
    Read a time of RFC 3339.

    Parameters
    ----------
    text : str
        Such as ``2026-01-31T09:30:00+01:00``.

    Returns
    -------
    datetime.datetime or None
        The time in UTC, or None when `text` is none. A leap second, 23:59:60 in UTC,
        becomes the second after it, as POSIX counts.

    Examples
    --------
    >>> utc("2026-01-31T09:30:00+01:00").isoformat()
    '2026-01-31T08:30:00+00:00'
    >>> utc("2016-12-31T23:59:60Z").isoformat()
    '2017-01-01T00:00:00+00:00'
    """
    match = _RFC_3339.fullmatch(text.upper())
    if match is None:
        return None
    minute, second, rest = match.groups()
    is_leap = second == "60"
    try:
        time = datetime.fromisoformat(f"{minute}:{'59' if is_leap else second}{rest}")
        time = time.astimezone(UTC) + timedelta(seconds=is_leap)
    except (ValueError, OverflowError):  # such as 30 February, or before the year 1
        return None
    return None if is_leap and (time.hour, time.minute) != (0, 0) else time
