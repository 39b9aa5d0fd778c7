"""Reading the register of clients: one YAML file, checked as a whole before any use."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from cds_hooks.addresses import is_within
from cds_hooks.capabilities import Capabilities
from cds_hooks.client_register import ClientRegister
from cds_hooks.clients import Client
from cds_hooks.errors import ClientFileError
from cds_hooks.items import Item, Reader
from cds_hooks.register_fields import Known, client_fields, preset_fields
from cds_hooks.yaml_values import read_values

__all__ = ["PRESETS", "load_register", "preset"]

#: What a client can start from; `cds_hooks/data/presets.yaml` says what is in them.
PRESETS = ("generic", "epic", "oracle-health", "public-sandbox")

_SHARED, _PUBLIC_KEY = "shared", "public-key"


def load_register(
    path: Path,
    *,
    site_fields: Mapping[str, tuple[str | bool, ...]] | None = None,
    prefetch_keys: Collection[str] | None = None,
    languages: Collection[str] = (),
) -> ClientRegister:
    """
    Read and check a register file.

    Parameters
    ----------
    path : pathlib.Path
        The file (YAML, UTF-8).
    site_fields : Mapping, optional
        Fields that ``site`` may have, and the values of each.
    prefetch_keys : collection of str, optional
        Keys that ``prefetch_keys`` may rename; any, if not given.
    languages : collection of str, optional
        BCP 47 tags that ``language`` may have.

    Returns
    -------
    ClientRegister
        The clients.

    Raises
    ------
    ClientFileError
        If anything is wrong with the file; tells everything that is.
    """
    document, faults = read_values(path)
    known = Known(
        presets=PRESETS,
        folder=path.parent,
        prefetch_keys=None if prefetch_keys is None else tuple(prefetch_keys),
        site_fields=site_fields or {},
        languages=tuple(languages),
    )
    root = Item(document, "", faults)
    top: dict[str, Reader] = {"clients": lambda item: _entries(item, known)}
    entries = root.read_fields(top, required=tuple(top)).get("clients", [])
    for entry in entries:
        _check(entry)
    _check_together(entries)
    if faults:
        raise ClientFileError(path, faults)
    return ClientRegister(entry.client for entry in entries)


def preset(name: str) -> Client:
    """
    Give a preset as a client of the same name.

    Parameters
    ----------
    name : str
        One of `PRESETS`.

    Returns
    -------
    Client
        What is known of such clients; without issuer, keys and FHIR servers.

    Raises
    ------
    KeyError
        If there is none of that name.

    Examples
    --------
    >>> preset("epic").capabilities.selection_behaviors
    ('any',)
    """
    return _bundled().clients[name]


@dataclass(frozen=True, slots=True)
class _Bundled:
    """What the file of presets says."""

    clients: Mapping[str, Client]
    issuers: Mapping[str, str]


@cache
def _bundled() -> _Bundled:
    with as_file(files("cds_hooks").joinpath("data/presets.yaml")) as path:
        document, faults = read_values(path)
    readers = preset_fields()
    given = Item(document, "", faults).fields()
    clients = {
        name: _with(Client(name, preset=name), item.read_fields(readers))
        for name, item in given["presets"].fields().items()
    }
    issuers = {
        issuer: str(item.choice((_SHARED, _PUBLIC_KEY)))
        for issuer, item in given["issuers"].fields().items()
    }
    if faults:
        raise ClientFileError(path, faults)
    return _Bundled(clients, issuers)


def _with(base: Client, read: Mapping[str, Any]) -> Client:
    """Lay what was read over a client; capabilities field by field, notes below."""
    changes = {
        name: value
        for name, value in read.items()
        if value is not None or name == "trigger"
    }
    if "capabilities" in changes:
        given = {
            name: value
            for name, value in changes["capabilities"].items()
            if value is not None or name == "actions_per_suggestion"
        }
        changes["capabilities"] = replace(base.capabilities, **given)
    if "notes" in changes:
        changes["notes"] = base.notes + changes["notes"]
    return replace(base, **changes)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A client of the file, and the items of its fields."""

    client: Client
    item: Item
    given: Mapping[str, Item]

    def at(self, name: str) -> Item:
        """Where a fault of a field is told: at the field, or else at the client."""
        return self.given.get(name, self.item)


def _entries(item: Item, known: Known) -> list[_Entry]:
    readers = client_fields(known)
    entries = []
    for each in item.items():
        read = each.read_fields(readers, required=("name",))
        base = preset(read.pop("preset", None) or "generic")
        client = _with(replace(base, name=""), read)
        entries.append(_Entry(client, each, each.fields()))
    if item.value.content == ():
        item.refuse("names no client", "list at least one", shown=False)
    return entries


def _check(entry: _Entry) -> None:
    """Check what no field tells alone."""
    client = entry.client
    if client.name in PRESETS and client.name != client.preset:
        entry.at("name").refuse(
            "is the name of another preset", "choose another name, or that preset"
        )
    _check_trust(entry)
    _check_actions(entry, client.capabilities)
    if client.smart and not client.fhir_servers:
        entry.at("smart").refuse(
            "serves no purpose: the client has no FHIR server",
            "add fhir_servers: from one of them the app is launched",
            shown=False,
        )
    bases = [server.base_url for server in client.fhir_servers]
    for base in sorted({base for base in bases if bases.count(base) > 1}):
        entry.at("fhir_servers").refuse(
            f"name {base} twice, with something else beside it",
            "keep one of them: the other would never count",
            shown=False,
        )


def _check_trust(entry: _Entry) -> None:
    """Check that issuer and keys go together and can be trusted at all."""
    client, trust = entry.client, {"issuer", "keys"}
    given = sorted(trust & set(entry.given))
    proofs = sorted((trust | {"certificates"}) & set(entry.given))
    kind = _bundled().issuers.get(client.issuer or "")
    if proofs and client.is_open_only:
        entry.at(proofs[0]).refuse(
            f"serves no purpose: {client.preset} is for open mode only",
            "take out issuer and keys; in open mode nobody is asked for them",
            shown=False,
        )
    elif kind == _PUBLIC_KEY:
        entry.at("issuer").refuse(
            "has a signing key that is public: anyone may sign with it",
            "take out issuer and keys and use the preset public-sandbox",
        )
    elif len(given) == 1:
        (missing,) = trust - set(given)
        entry.at(given[0]).refuse(
            f"is given without {missing}",
            f"add {missing}: a JWT is only trusted by both",
            shown=False,
        )
    if client.tenants and client.issuer is None and client.certificates:
        entry.at("tenants").refuse(
            "are told by no certificate",
            "add issuer and keys, or take tenants out",
            shown=False,
        )
    if kind == _SHARED and not client.tenants:
        entry.at("issuer").refuse(
            "signs for all hospitals of its vendor", "add tenants: those that are yours"
        )


def _check_actions(entry: _Entry, capabilities: Capabilities) -> None:
    item = entry.given.get("capabilities")
    given = item.fields() if item else {}
    if "action_resources" in given and capabilities.action_resources:
        place = given["action_resources"]
        if capabilities.actions_per_suggestion == 0:
            place.refuse(
                "is never used: actions_per_suggestion is 0",
                "raise it to 1, or take this out",
            )
        elif not capabilities.selection_behaviors:
            place.refuse(
                "is never used: selection_behaviors is empty",
                "name `any` there, or take this out",
            )


def _check_together(entries: list[_Entry]) -> None:
    """Refuse what two clients cannot both have."""
    names: dict[str, _Entry] = {}
    issuers: dict[str, _Entry] = {}
    certificates: dict[str, _Entry] = {}
    for entry in entries:
        name, issuer = entry.client.name, entry.client.issuer
        if name and (first := names.setdefault(name, entry)) is not entry:
            entry.at("name").refuse(
                f"is also the client on line {first.item.value.line}",
                "give each client a name of its own",
            )
        if issuer and (first := issuers.setdefault(issuer, entry)) is not entry:
            entry.at("issuer").refuse(
                f"is also the issuer of the client on line {first.item.value.line}",
                "make one client of the two, with the tenants and servers of both",
            )
        for each in entry.client.certificates:
            first = certificates.setdefault(each, entry)
            # Beside tokens, clients behind one gateway may share its certificate.
            if first is not entry and None in {issuer, first.client.issuer}:
                entry.at("certificates").refuse(
                    f"hold one of the client on line {first.item.value.line}",
                    "let each certificate belong to one client",
                    shown=False,
                )
    _check_servers(entries)


def _check_servers(entries: list[_Entry]) -> None:
    """Refuse servers of two clients that overlap, and names that are another's base."""
    registered = [(e, server) for e in entries for server in e.client.fhir_servers]
    for number, (entry, server) in enumerate(registered):
        for other, there in registered[:number]:
            if other is not entry and _overlap(server.base_url, there.base_url):
                entry.at("fhir_servers").refuse(
                    f"name {server.base_url}, which overlaps with a server of the"
                    f" client on line {other.item.value.line}",
                    "let each server belong to one client",
                    shown=False,
                )
                break
        for name in server.also_known_as:
            others = (o for o in registered if o[1] is not server)
            taken = [o for o, there in others if _overlap(name, there.base_url)]
            if taken:
                entry.at("fhir_servers").refuse(
                    f"say that {server.base_url} is also known as {name}, which"
                    " overlaps with another server of the client on line"
                    f" {taken[0].item.value.line}",
                    "one name stands for one server: take it out, or make one entry"
                    " of the two servers",
                    shown=False,
                )


def _overlap(one: str, other: str) -> bool:
    return is_within(one, other) or is_within(other, one)
