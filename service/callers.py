"""Who may call outside of open mode: registered clients that prove who they are."""

from collections.abc import Callable
from pathlib import Path

from cds_hooks import ClientRegister
from cds_hooks.addresses import is_loopback, normalised_url
from cds_hooks.key_fetching import fetch_keys
from cds_hooks.key_rings import Fetch
from cds_hooks.proxies import Proxies
from cds_hooks.trust import ReplayStore, Trust
from service.config import Settings, SettingsError
from service.policy import Policy

__all__ = ["allowed_origins", "build_trust", "check_callers", "check_stages"]


def build_trust(
    settings: Settings,
    register: ClientRegister,
    replays: ReplayStore | None,
    *,
    clock: Callable[[], float],
    fetch: Fetch = fetch_keys,
) -> Trust | None:
    """
    Make what tells who calls.

    Parameters
    ----------
    settings : Settings
        The checked settings.
    register : ClientRegister
        The clients.
    replays : ReplayStore or None
        Which tokens have come: one memory for all workers and replicas.
    clock : callable
        Seconds since 1970.
    fetch : callable
        Reads a registered address of keys.

    Returns
    -------
    Trust or None
        None in open mode, where nobody is asked.

    Raises
    ------
    SettingsError
        If there is no memory of tokens: each could then be sent again by anybody who
        has read it.
    """
    if settings.is_open:
        return None
    if replays is None:
        raise SettingsError(
            "SCNEN_OPEN: no replay store, so that a token could be used twice. Serve"
            " this machine with --open, or a version with a store."
        )
    return Trust(
        register,
        settings.public_url,
        replays,
        fetch=fetch,
        clock=clock,
        proxies=Proxies(settings.proxies, settings.certificate_header),
    )


def check_callers(file: Path, register: ClientRegister) -> None:
    """
    Refuse a register of clients that nobody could tell from others.

    Parameters
    ----------
    file : pathlib.Path
        Where the register stands.
    register : ClientRegister
        The clients.

    Raises
    ------
    SettingsError
        If one of them is for open mode only, has its keys on this machine, or none of
        them can prove itself.
    """
    for client in register:
        url = client.keys.jwks_url if client.keys else None
        if client.is_open_only:
            raise SettingsError(
                f"SCNEN_CLIENTS_FILE: {file}: {client.name} can only be served in open"
                " mode. Take it out, or serve this machine with --open."
            )
        if url is not None and is_loopback(normalised_url(url, may_have_query=True)):
            raise SettingsError(
                f"SCNEN_CLIENTS_FILE: {file}: the keys of {client.name} are at {url},"
                " on this machine. Give the address of the EHR's keys, or a jwks_file."
            )
    if not any(client.can_prove_itself for client in register):
        raise SettingsError(
            f"SCNEN_CLIENTS_FILE: {file}: no client has issuer and keys, or"
            " certificates, so nobody could call. Add them (docs/clients.md), or serve"
            " this machine with --open."
        )


def check_stages(
    file: Path, register: ClientRegister, policy: Policy, locale: str
) -> None:
    """
    Refuse to show cards under thresholds, or in words, that nobody has approved.

    Parameters
    ----------
    file : pathlib.Path
        Where the register stands.
    register : ClientRegister
        The clients.
    policy : Policy
        The policy.
    locale : str
        Language of the clients that name none.

    Raises
    ------
    SettingsError
        If a client is live and the policy is not approved by two, or does not say
        that the translation into the client's language is approved.
    """
    live = [client for client in register if client.stage == "live"]
    if live and not policy.approval.is_by_two:
        raise SettingsError(
            f"SCNEN_CLIENTS_FILE: {file}: {live[0].name} is live, but the policy is not"
            " approved by two people. Name them and the day under approval in"
            " SCNEN_POLICY_FILE, or set stage: silent."
        )
    for client in live:
        language = client.language or locale
        if not policy.approval.is_of(language):
            raise SettingsError(
                f"SCNEN_CLIENTS_FILE: {file}: {client.name} is live in {language}, but"
                " nobody has approved the translation. A clinician who reads it names"
                " it under approval.languages in SCNEN_POLICY_FILE (docs/languages.md);"
                " or set stage: silent, or language: en."
            )


def allowed_origins(settings: Settings, register: ClientRegister) -> frozenset[str]:
    """
    Tell which web pages may read what is answered.

    Parameters
    ----------
    settings : Settings
        The checked settings.
    register : ClientRegister
        The clients.

    Returns
    -------
    frozenset of str
        Origins of the clients that can prove themselves; ``"*"`` in open mode.
    """
    if settings.is_open:
        return frozenset({"*"})
    return frozenset(
        origin
        for client in register
        if client.can_prove_itself
        for origin in client.origins
    )
