"""The fields of a register file: for each one, what it may hold."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from cds_hooks.addresses import normalised_origin
from cds_hooks.capabilities import Trigger
from cds_hooks.clients import STAGES
from cds_hooks.errors import InvalidClient
from cds_hooks.hooks import HOOKS
from cds_hooks.items import Item, Reader
from cds_hooks.register_servers import read_server
from cds_hooks.register_smart import read_smart_app
from cds_hooks.register_trust import trust_fields

__all__ = ["Known", "client_fields", "preset_fields"]

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_EXTENSION = re.compile(r"[a-z]+(?:\.[A-Za-z0-9_-]+)+")
_MOST_ACTIONS = 20


@dataclass(frozen=True, slots=True)
class Known:
    """
    What a register may speak of besides the protocol.

    Attributes
    ----------
    presets : tuple of str
        Names of the presets.
    folder : pathlib.Path
        From where relative paths of key files lead on.
    prefetch_keys : tuple of str or None
        Prefetch keys of the application; None if any will do.
    site_fields : Mapping
        Fields of ``site`` and the values of each.
    languages : tuple of str
        Languages that the application speaks.
    """

    presets: tuple[str, ...] = ()
    folder: Path = Path()
    prefetch_keys: tuple[str, ...] | None = None
    site_fields: Mapping[str, tuple[str | bool, ...]] = field(default_factory=dict)
    languages: tuple[str, ...] = ()


def preset_fields() -> dict[str, Reader]:
    """
    Say what a preset may hold: what a client can do, never whom to trust.

    Returns
    -------
    dict of str to callable
        Reader by name of the field.
    """
    return {
        "title": Item.text,
        "hooks": lambda item: item.tuple_of(lambda each: each.choice(list(HOOKS))),
        "origins": lambda item: item.tuple_of(lambda e: e.made(normalised_origin)),
        "trigger": _trigger,
        "views_at_discharge": Item.flag,
        "capabilities": lambda item: item.read_fields(_CAPABILITIES),
        "sends_prefetch": Item.flag,
        "is_open_only": Item.flag,
        "notes": lambda item: item.tuple_of(Item.text),
    }


def client_fields(known: Known) -> dict[str, Reader]:
    """
    Say what a client in a file may hold.

    Parameters
    ----------
    known : Known
        What the application adds to the protocol.

    Returns
    -------
    dict of str to callable
        Reader by name of the field.
    """
    readers = preset_fields()
    # Nobody declares a public key trustworthy, or a trusted one public, by a flag.
    del readers["is_open_only"]
    return {
        "name": lambda item: item.made(_name),
        "preset": lambda item: item.choice(known.presets),
        **trust_fields(known.folder),
        "fhir_servers": lambda item: item.tuple_of(read_server),
        "prefetch_keys": lambda item: _prefetch_keys(item, known.prefetch_keys),
        "smart": lambda item: read_smart_app(item, known.folder),
        "site": lambda item: _site(item, known.site_fields),
        "stage": lambda item: item.choice(STAGES),
        "language": lambda item: item.choice(known.languages),
        **readers,
    }


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise InvalidClient(
            "is no short name", "use lower-case letters, digits and hyphens, at most 64"
        )
    return text


def _trigger(item: Item) -> Trigger | None:
    if item.value.content is None:
        return None
    readers: dict[str, Reader] = {
        "extension": lambda each: each.made(_extension),
        "discharge": _discharge_values,
    }
    read = item.read_fields(readers, required=tuple(readers))
    if not (read.get("extension") and read.get("discharge")):
        return None
    return Trigger(read["extension"], read["discharge"])


def _discharge_values(item: Item) -> tuple[str, ...]:
    if item.value.content == ():
        item.refuse("is empty", "list the values that mean a discharge", shown=False)
    return item.tuple_of(Item.text)


def _extension(text: str) -> str:
    if not _EXTENSION.fullmatch(text):
        raise InvalidClient(
            "is no reverse domain name", "copy the name from the client's request"
        )
    return text


def _words(*known: str) -> Reader:
    return lambda item: item.tuple_of(lambda each: each.choice(known))


def _actions(item: Item) -> int | None:
    """Read the number of actions; ``null`` stands for no limit."""
    content = item.value.content
    if content is None:
        return None
    if (
        isinstance(content, int)
        and not isinstance(content, bool)
        and 0 <= content <= _MOST_ACTIONS
    ):
        return content
    item.refuse(
        "is no number of actions", f"give 0 to {_MOST_ACTIONS}, or null for no limit"
    )
    return None


@cache
def _resource_types() -> tuple[str, ...]:
    text = files("cds_hooks").joinpath("data/resource_types.txt").read_text("utf-8")
    return tuple(text.split())


def _resource_type(item: Item) -> str | None:
    name = item.choice(_resource_types(), "FHIR's resource types")
    return name if isinstance(name, str) else None


_CAPABILITIES: Mapping[str, Reader] = {
    "selection_behaviors": _words("any", "at-most-one"),
    "actions_per_suggestion": _actions,
    "action_resources": lambda item: item.tuple_of(_resource_type),
    "link_types": _words("absolute", "smart"),
    "app_context": Item.flag,
    "override_reasons": Item.flag,
    "detail": lambda item: item.choice(("gfm", "plain", "none")),
}


def _prefetch_keys(
    item: Item, ours: Collection[str] | None
) -> dict[str, tuple[str, ...]]:
    """Read the site's names of our keys; each may stand for one of ours only."""
    given = item.fields()
    names = list(given) if ours is None else list(ours)
    read = item.read_fields(
        {name: lambda each: each.tuple_of(Item.text) for name in names}
    )
    owners = {name: name for name in names}
    for key, theirs in read.items():
        for name in theirs:
            if owners.setdefault(name, key) != key:
                given[key].refuse(
                    f'gives "{name}" to two keys, {owners[name]} and {key}',
                    "let each name stand for one key",
                    shown=False,
                )
    return {
        key: tuple(name for name in theirs if name != key)
        for key, theirs in read.items()
    }


def _site(
    item: Item, known: Mapping[str, tuple[str | bool, ...]]
) -> dict[str, str | bool | None]:
    return item.read_fields(
        {
            name: lambda each, values=values: each.choice(values)  # type: ignore[misc] # bound now
            for name, values in known.items()
        }
    )
