"""The register of EHR clients, with what it may say of this application."""

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Final

from cds_hooks import Capabilities, Client, ClientRegister
from cds_hooks.register import PRESETS, load_register, preset
from service.fhir.conventions import SIGN_CONVENTIONS
from service.languages import languages

__all__ = [
    "PREFETCH_KEYS",
    "SITE_FIELDS",
    "capabilities_of",
    "find_client",
    "language_of",
    "load_clients",
    "signs_at",
]

_OF_NOBODY: Final = Capabilities()

#: What this application must know of a site, and the values of each.
SITE_FIELDS: Mapping[str, tuple[str | bool, ...]] = {
    # How kyphosis angles are signed; unless it is said, a negative one is doubtful.
    "angle_signs": ("unsigned", *SIGN_CONVENTIONS),
}

#: Keys of the prefetch templates, for which a site may have names of its own.
PREFETCH_KEYS = ("patient", "encounter", "procedures", "observations", "conditions")


def load_clients(path: Path) -> ClientRegister:
    """
    Read and check a register file.

    Parameters
    ----------
    path : pathlib.Path
        The file; `scnen-cds clients example` prints an annotated pattern.

    Returns
    -------
    ClientRegister
        The clients.

    Raises
    ------
    ClientFileError
        If anything is wrong with it; tells everything that is.
    """
    return load_register(
        path,
        site_fields=SITE_FIELDS,
        prefetch_keys=PREFETCH_KEYS,
        languages=languages(),
    )


def find_client(register: ClientRegister, name: str) -> Client:
    """
    Find a registered client or, if there is none of that name, a preset.

    Parameters
    ----------
    register : ClientRegister
        The registered clients.
    name : str
        Name of a client or of a preset.

    Returns
    -------
    Client
        The client.

    Raises
    ------
    LookupError
        If there is neither; the message names those there are.
    """
    client = register.by_name(name)
    if client is not None:
        return client
    if name in PRESETS:
        return preset(name)
    known = [*(client.name for client in register), *PRESETS]
    close = get_close_matches(name, known, n=1)
    remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}."
    raise LookupError(f"{name} is neither a registered client nor a preset. {remedy}")


def capabilities_of(client: Client | None) -> Capabilities:
    """
    Tell what a client makes of a card.

    Parameters
    ----------
    client : Client or None
        The client; None if it is not known.

    Returns
    -------
    Capabilities
        Its own, or those that every known client has. It launches no app that it does
        not know: without a registration of the app it takes no link of type ``smart``.
    """
    if client is None:
        return _OF_NOBODY
    return client.capabilities if client.smart else _without_app(client.capabilities)


@lru_cache(maxsize=64)
def _without_app(own: Capabilities) -> Capabilities:
    return replace(own, link_types=tuple(t for t in own.link_types if t != "smart"))


def language_of(client: Client | None) -> str | None:
    """
    Tell in which language a client is answered.

    Parameters
    ----------
    client : Client or None
        The client; None if it is not known.

    Returns
    -------
    str or None
        One of `service.languages.languages`; None for that of the settings.
    """
    return client.language if client else None


def signs_at(client: Client | None) -> str | None:
    """
    Tell how the site of a client signs kyphosis angles.

    Parameters
    ----------
    client : Client or None
        The client; None if it is not known.

    Returns
    -------
    str or None
        One of `SIGN_CONVENTIONS`; None if it writes magnitudes, or has not said how
        it writes them.
    """
    said = client.site.get("angle_signs") if client else None
    return str(said) if said in SIGN_CONVENTIONS else None
