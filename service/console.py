"""What the hook console offers: patients, clients to play, requests, cards."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import orjson

from cds_hooks import Client, ClientRegister
from cds_hooks.register import PRESETS, preset
from cds_hooks.services import Service
from service.hook_requests import hook_request
from service.markdown import Block, Piece, read_markdown
from service.patients import SyntheticPatient, bundled_patients
from service.played_clients import played_server

__all__ = ["Choice", "card_blocks", "choices", "patients", "written_request"]

_DISCHARGE: Final = "encounter-discharge"
_VIEW: Final = "patient-view"
#: A page shows no other address as a link.
_WEB: Final = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Choice:
    """
    A client that can be played.

    Attributes
    ----------
    client : Client
        The client.
    server : str
        The ``fhirServer`` of its requests; that of a preset also says ``{language}``
        and FHIR ``{version}``.
    """

    client: Client
    server: str


def choices(register: ClientRegister) -> list[Choice]:
    """
    Tell which clients can be played.

    Parameters
    ----------
    register : ClientRegister
        The registered clients.

    Returns
    -------
    list of Choice
        The presets, then the registered clients that a FHIR server tells apart.
    """
    own = (
        Choice(client, client.fhir_servers[0].base_url)
        for client in register
        if client.fhir_servers
    )
    presets = (
        Choice(preset(name), played_server(name, "{language}", "{version}"))
        for name in PRESETS
    )
    return [*presets, *own]


@cache
def patients() -> Mapping[str, SyntheticPatient]:
    """
    Give the synthetic patients.

    Returns
    -------
    Mapping of str to SyntheticPatient
        By their names, in order.
    """
    return {patient.name: patient for patient in bundled_patients()}


def written_request(
    patient: SyntheticPatient, service: Service, now: datetime, mark: str
) -> dict[str, Any]:
    """
    Write the request that an EHR would send for a patient.

    Parameters
    ----------
    patient : SyntheticPatient
        Whose chart is sent.
    service : Service
        What is called.
    now : datetime.datetime
        The moment of the call, with its zone; the story ends within the day before.
    mark : str
        Letters and digits that make it a person and a stay of its own: what somebody
        else's card was overridden for does not keep this one's away.

    Returns
    -------
    dict
        The request. At a discharge that fires ``patient-view`` it says so by the
        trigger that Epic has.
    """
    bundle = _renamed(patient.bundle_at(now), mark)
    entry = {"hook": service.hook, "prefetch": dict(service.prefetch)}
    extension = patient.extension
    if extension is None and (patient.hook, service.hook) == (_DISCHARGE, _VIEW):
        extension = _trigger()
    return hook_request(
        bundle, entry, in_encounter=patient.in_encounter, extension=extension
    )


def _renamed(bundle: Mapping[str, Any], mark: str) -> Mapping[str, Any]:
    """Give encounter and patient other ids, wherever they are named."""
    text = orjson.dumps(bundle).decode()
    of_kind = {each["resource"]["resourceType"]: each for each in bundle["entry"]}
    for kind in ("Encounter", "Patient"):
        who = of_kind[kind]["resource"]["id"]
        text = text.replace(who, f"{who}-{mark}")
    renamed: Mapping[str, Any] = orjson.loads(text)
    return renamed


@cache
def _trigger() -> Mapping[str, str]:
    """Say a discharge as Epic does."""
    trigger = preset("epic").trigger
    return {trigger.extension: trigger.discharge[0]} if trigger else {}


def card_blocks(markdown: str) -> list[dict[str, Any]]:
    """
    Read the detail of a card into what a page can show without any HTML from it.

    Parameters
    ----------
    markdown : str
        The detail.

    Returns
    -------
    list of dict
        JSON-ready: ``kind`` and ``lines``, ``rows``, ``align`` or ``marker``; a line
        is a list of pieces with ``text`` and maybe ``mark`` and ``url``. Only web
        addresses are links.

    Examples
    --------
    >>> card_blocks("**a** <b>")[0]["lines"]
    [[{'text': 'a', 'mark': 'bold'}, {'text': ' <b>'}]]
    """
    return [_block(block) for block in read_markdown(markdown)]


def _block(block: Block) -> dict[str, Any]:
    told: dict[str, Any] = {
        "kind": block.kind,
        "lines": [_line(line) for line in block.lines],
        "rows": [[_line(cell) for cell in row] for row in block.rows],
        "align": list(block.align),
        "marker": block.marker,
    }
    return {name: value for name, value in told.items() if value}


def _line(pieces: Iterable[Piece]) -> list[dict[str, str]]:
    return [_piece(piece) for piece in pieces]


def _piece(piece: Piece) -> dict[str, str]:
    url = piece.url if _WEB.match(piece.url) else ""
    told = {"text": piece.text, "mark": piece.mark, "url": url}
    return {name: value for name, value in told.items() if value or name == "text"}
