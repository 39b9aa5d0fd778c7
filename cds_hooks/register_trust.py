"""The fields of a register file that say whom to trust."""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from cds_hooks.addresses import normalised_url
from cds_hooks.clients import KeySource
from cds_hooks.errors import InvalidClient
from cds_hooks.items import Item, Reader
from cds_hooks.keys import key_faults
from cds_hooks.proxies import certificate_name
from cds_hooks.yaml_values import Value

__all__ = ["trust_fields"]

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_MOST_KEY_BYTES = 256 * 1024
_MOST_KEY_FAULTS = 20
_SHORTEST_LIFE_S = 60
_LONGEST_LIFE_S = 24 * 3600


def trust_fields(folder: Path) -> dict[str, Reader]:
    """
    Say how a client may prove itself.

    Parameters
    ----------
    folder : pathlib.Path
        From where relative paths of key files lead on.

    Returns
    -------
    dict of str to callable
        Reader by name of the field.
    """
    return {
        "issuer": lambda item: item.made(_issuer),
        "keys": lambda item: _keys(item, folder),
        "tenants": lambda item: item.tuple_of(Item.text),
        "audiences": lambda item: item.tuple_of(lambda each: each.made(_audience)),
        "certificates": lambda item: item.tuple_of(
            lambda each: each.made(certificate_name)
        ),
        "token_lifetime_s": _lifetime,
        "reuses_tokens": Item.flag,
    }


def _issuer(text: str) -> str:
    if not _URI.fullmatch(text):
        raise InvalidClient("is no URI", "copy `iss` from a JWT of the client")
    return text


def _audience(text: str) -> str:
    normalised_url(text)
    return text


def _url(text: str) -> str:
    normalised_url(text, may_have_query=True)
    return text


def _lifetime(item: Item) -> int | None:
    content = item.value.content
    if (
        isinstance(content, int)
        and not isinstance(content, bool)
        and _SHORTEST_LIFE_S <= content <= _LONGEST_LIFE_S
    ):
        return content
    item.refuse(
        "is no time that a token may be valid",
        f"give {_SHORTEST_LIFE_S} to {_LONGEST_LIFE_S} seconds; most EHRs need 300",
    )
    return None


def _keys(item: Item, folder: Path) -> KeySource | None:
    readers: dict[str, Reader] = {
        "jwks": lambda each: _inline_keys(each.secret()),
        "jwks_file": lambda each: _key_file(each, folder),
        "jwks_url": lambda each: each.made(_url),
        "jku": lambda each: each.made(_url),
    }
    count = len(item.faults)
    read = item.read_fields(readers)
    if len(item.faults) > count:
        return None
    try:
        return KeySource(**read)
    except InvalidClient as error:
        item.refuse(error.problem, error.remedy, shown=False)
    return None


def _inline_keys(item: Item) -> Mapping[str, Any] | None:
    document = item.value.plain()
    found = list(islice(key_faults(document), _MOST_KEY_FAULTS))
    for fault in found:
        place = _place(item.value, fault.path)
        path = f"{item.path}.{_dotted(fault.path)}".rstrip(".")
        item.note(place, path, fault.problem, fault.remedy)
    return None if found else document


def _place(value: Value, path: Sequence[str | int]) -> Value:
    """Follow a path into a value as far as it goes."""
    for step in path:
        if isinstance(value.content, dict) and step not in value.content:
            break
        value = value.content[step]
    return value


def _dotted(path: Sequence[str | int]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).lstrip(".")


def _key_file(item: Item, folder: Path) -> Path | None:
    text = item.text()
    if text is None:
        return None
    path = folder / text
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_KEY_BYTES + 1)
        document = json.loads(data[:_MOST_KEY_BYTES])
    except OSError as error:
        item.refuse(f"cannot be read: {error.strerror}", "name a file beside this one")
        return None
    except (ValueError, RecursionError):
        item.refuse("holds no JSON", "name a file with a JSON Web Key Set")
        return None
    found = list(islice(key_faults(document), _MOST_KEY_FAULTS))
    for fault in found:
        inside = _dotted(fault.path) or "a document"
        item.refuse(f"holds {inside}: {fault.problem}", fault.remedy)
    return None if found else path
