"""The clients that the hook console plays: a preset and a language, by an address."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from cds_hooks import Client
from cds_hooks.fhir_servers import FHIRServer
from cds_hooks.register import PRESETS, preset

__all__ = ["played_clients", "played_server"]

_VERSIONS: Final = ("R4", "R5")

#: No such host can exist (RFC 2606), so nothing can ever be read there.
_NOWHERE: Final = "https://ehr.invalid"


def played_server(name: str, language: str, version: str) -> str:
    """
    Give the FHIR server by which a request says who is played.

    Parameters
    ----------
    name : str
        Name of a preset.
    language : str
        Language in which it is to be answered.
    version : str
        FHIR version of its resources, ``R4`` or ``R5``.

    Returns
    -------
    str
        Value of ``fhirServer``.

    Examples
    --------
    >>> played_server("epic", "en", "R4")
    'https://ehr.invalid/epic/en/R4'
    """
    return f"{_NOWHERE}/{name}/{language}/{version}"


def played_clients(languages: Iterable[str]) -> Mapping[str, Client]:
    """
    Make each preset a client that a request can name; for open mode alone.

    Parameters
    ----------
    languages : iterable of str
        In which they can be answered.

    Returns
    -------
    Mapping of str to Client
        By the addresses of `played_server`. None of them is registered as a server of
        the client: no reference to another is foreign there, and none is ever asked.

    Examples
    --------
    >>> server = played_server("epic", "en", "R5")
    >>> client = played_clients(["en"])[server]
    >>> client.name, client.fhir_version(server), client.fhir_server(server)
    ('epic', 'R5', None)
    """
    return {
        played_server(name, language, version): _played(name, language, version)
        for name in PRESETS
        for language in languages
        for version in _VERSIONS
    }


def _played(name: str, language: str, version: str) -> Client:
    spoken = FHIRServer(f"{_NOWHERE}/{version}", version)
    return replace(preset(name), language=language, fhir_servers=(spoken,))
