"""Options of the commands that play an EHR, and what they stand for."""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

import click
from click.core import ParameterSource

from cds_hooks import Client, ClientFileError, ClientRegister, FHIRServer
from cds_hooks.addresses import host_of, normalised_url
from cds_hooks.errors import InvalidClient
from service.clients import find_client, load_clients
from service.config import Settings, SettingsError, checked_public_url
from service.ehr import (
    CHART_LIMITS,
    DevelopmentKey,
    KeyFileError,
    PlayedEHR,
    Signer,
    read_key,
)
from service.fhir.client import Bearer, FHIRAccess, FHIRClient
from service.readers import open_access

__all__ = ["EHR", "base_of", "ehr_options", "find", "open_ehr"]

_DISCOVERY: Final = "/cds-services"
_LARGEST_TOKEN: Final = 16_384

_OPTIONS: Final = (
    click.option(
        "--clients",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The register. Default: SCNEN_CLIENTS_FILE.",
    ),
    click.option(
        "--fhir",
        metavar="URL",
        help="Base of the FHIR server: https, or http on this machine.",
    ),
    click.option("--patient", metavar="ID", help="Bare id of the patient."),
    click.option("--encounter", metavar="ID", help="Bare id of the encounter."),
    click.option(
        "--token-file",
        type=click.File("r"),
        metavar="FILE",
        help="File with the FHIR server's bearer token; - for standard input."
        " Default: the variable FHIR_TOKEN.",
    ),
    click.option("--token", envvar="FHIR_TOKEN", hidden=True),
    click.option(
        "--key",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Private key (PEM) to sign each call with, as the EHR does.",
    ),
)


@dataclass(frozen=True, slots=True)
class EHR:
    """
    Whom to play, and with what data.

    Attributes
    ----------
    client : Client
        The client.
    base_url : str
        Base of its FHIR server.
    server : FHIRServer or None
        The registered one at or above that base.
    token : str or None
        Bearer token for it.
    key : DevelopmentKey or None
        Key that signs the calls.
    access : FHIRAccess
        The way to the server.
    """

    client: Client
    base_url: str
    server: FHIRServer | None
    token: str | None = field(repr=False)
    key: DevelopmentKey | None
    access: FHIRAccess = field(repr=False)

    @property
    def signer(self) -> Signer | None:  # numpydoc ignore=RT01
        """What signs the calls, if there is a key."""
        if self.key is None:
            return None
        return Signer(self.key, self.client, self.base_url)

    def connect(self) -> FHIRClient:
        """
        Begin to read, with a new budget.

        Returns
        -------
        FHIRClient
            For one set of queries.
        """
        listed = self.server.private_addresses if self.server else ()
        bearer = None if self.token is None else Bearer(self.token)
        return self.access.client(self.base_url, listed, bearer)

    def play(self) -> PlayedEHR:
        """
        Play the client for one call.

        Returns
        -------
        PlayedEHR
            The client with its data.
        """
        return PlayedEHR(self.client, self.connect(), self.base_url, self.token)


def ehr_options(command: Callable[..., None]) -> Callable[..., None]:
    """
    Give a command the options of an EHR.

    Parameters
    ----------
    command : callable
        Takes them by name, `token` with what the environment or the file says.

    Returns
    -------
    callable
        The same with the options.
    """

    @functools.wraps(command)
    def run(token_file: IO[str] | None, token: str | None, **options: Any) -> None:  # noqa: ANN401 as click gives them
        command(**options, token=_read_token(token_file, token))

    return functools.reduce(
        lambda inner, option: option(inner), reversed(_OPTIONS), run
    )


def find(name: str, file: Path | None) -> tuple[Client, Settings]:
    """
    Find a client by its name.

    Parameters
    ----------
    name : str
        Of the register, or of a preset.
    file : pathlib.Path or None
        The register; None for that of the settings.

    Returns
    -------
    client : Client
        The client.
    settings : Settings
        Those of the environment, with the register that was read and the client as the
        one that open mode assumes.

    Raises
    ------
    click.ClickException
        If there is no such client, or something is wrong with the register.
    """
    settings = Settings.from_env(is_open=True)
    file = file or settings.clients_file
    try:
        register = load_clients(file) if file else ClientRegister()
        client = find_client(register, name)
    except ClientFileError as error:
        raise click.ClickException(str(error)) from error
    except LookupError as error:
        raise click.BadParameter(error.args[0], param_hint="--client") from error
    return client, replace(settings, clients_file=file, open_client=name)


@contextmanager
def open_ehr(
    client: Client,
    fhir: str,
    *,
    settings: Settings,
    token: str | None,
    key: Path | None,
) -> Iterator[EHR]:
    """
    Make everything ready to play a client.

    Parameters
    ----------
    client : Client
        Whom to play.
    fhir : str
        Base of the FHIR server, as it was given.
    settings : Settings
        Say whether there is a proxy.
    token : str or None
        Token for it.
    key : pathlib.Path or None
        Private key.

    Yields
    ------
    EHR
        The client with its server.

    Raises
    ------
    click.BadParameter
        If base or key cannot be used.
    """
    try:
        base_url = normalised_url(fhir, schemes=("https", "http"))
    except InvalidClient as error:
        raise click.BadParameter(str(error), param_hint="--fhir") from None
    if base_url.startswith("http:") and not _is_here(base_url):
        raise click.BadParameter(
            f"{base_url}: is not https, which only a server on this machine may do",
            param_hint="--fhir",
        )
    try:
        private = read_key(key) if key else None
    except KeyFileError as error:
        raise click.BadParameter(str(error), param_hint="--key") from None
    server = client.fhir_server(base_url)
    # Faults are told with a remedy; the log's lines beside them would only distract.
    logging.getLogger("service.fhir.client").addHandler(logging.NullHandler())
    with open_access(settings, CHART_LIMITS) as access:
        yield EHR(client, base_url, server, token, private, access)


def base_of(service: str) -> str:
    """
    Take the base URL of a service from what was given for it.

    Parameters
    ----------
    service : str
        Base URL, or the URL of discovery.

    Returns
    -------
    str
        Base URL without a slash at the end.

    Raises
    ------
    click.BadParameter
        If it is no plain URL, or not https and elsewhere: the FHIR token is sent there.
    """
    try:
        url = checked_public_url(service)
    except SettingsError as error:
        raise click.BadParameter(str(error), param_hint="--service") from error
    if url.startswith("http:") and not _is_here(url):
        raise click.BadParameter(
            f"{url}: is not https, which only a service on this machine may do",
            param_hint="--service",
        )
    return url.removesuffix(_DISCOVERY)


def _is_here(url: str) -> bool:
    host = host_of(url)
    return host == "localhost" if isinstance(host, str) else host.is_loopback


def _read_token(file: IO[str] | None, token: str | None) -> str | None:
    """Take the token from where nobody else reads it."""
    source = click.get_current_context().get_parameter_source("token")
    if source is ParameterSource.COMMANDLINE:
        raise click.UsageError(
            "--token: the list of processes would show it. Set the variable FHIR_TOKEN,"
            " or give --token-file FILE."
        )
    if file is None:
        return token or None
    found = file.read(_LARGEST_TOKEN).strip()
    if not found:
        raise click.BadParameter(
            "is empty; it must hold the token and nothing else",
            param_hint="--token-file",
        )
    return found
