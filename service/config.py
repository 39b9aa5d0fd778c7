"""Settings of the service: read from the environment once, checked at start, frozen."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from environs import ValidationError

from service.environment import SettingsError, read, read_secret, refuse_unusable
from service.store.settings import StoreSettings
from service.variables import VARIABLES, is_url, secret_keys

__all__ = [
    "OPEN_SECRET_KEY",
    "VARIABLES",
    "Settings",
    "SettingsError",
    "checked_public_url",
    "is_open_by_environment",
    "processes_by_environment",
    "stop_file_by_environment",
]

_CANONICAL_BASE = "http://scnen-cds.example.org/fhir"
_OPEN_PUBLIC_URL = "http://127.0.0.1:8080"
#: Only open mode falls back on it, which serves this machine alone.
OPEN_SECRET_KEY = "open-mode-only-not-a-secret-key-0"  # noqa: S105 public on purpose


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What an installation can choose.

    Attributes
    ----------
    model : str
        Id of a bundled model, or path of an artifact.
    output_mode : str
        ``anchored``, ``calibrated`` or ``relative``.
    policy_file : pathlib.Path or None
        Clinical policy; None for the one that ships with the service.
    conceptmaps_dir : pathlib.Path or None
        Folder with the site's own ConceptMaps.
    clients_file : pathlib.Path or None
        Register of the EHR clients; None if there is none.
    open_client : str
        Client or preset that is assumed in open mode for a caller whose FHIR server is
        not registered.
    open_fhir_version : str or None
        FHIR version that is assumed in open mode for a server that is not registered;
        None for that of the client.
    fhir_proxy : str or None
        Proxy through which FHIR servers outside of listed networks are reached; None
        where they are reached directly. Variables such as HTTPS_PROXY never count.
    canonical_base : str
        Base of this publisher's canonical FHIR URLs, without a trailing slash.
    public_url : str
        Where clients reach the service, without a trailing slash. All links are made
        from it; the Host header of a request is never used.
    secret_key : str
        Key from which card identifiers are derived. Never shown by `repr`.
    admin_token, metrics_token : str or None
        What administrators and the collector of metrics send as bearer tokens; None if
        nobody may. Never shown by `repr`.
    is_discovery_private : bool
        Whether discovery asks for a client's token as well.
    proxies : tuple of ip_network
        Proxies whose headers are believed.
    certificate_header : str
        Header in which they pass on a client's certificate.
    validation_file : pathlib.Path or None
        What a local validation of the model found, for the model card.
    safety_contact : str or None
        Whom the model page names for safety problems.
    stop_file : pathlib.Path or None
        The kill switch: a file that turns the advice off while it exists.
    is_open : bool
        Whether requests without client authentication are answered.
    log_level : str
        Least level that is logged.
    is_traced : bool
        Whether spans of requests go to a collector.
    locale : str
        Language of the cards.
    time_zone : str
        IANA name of the zone in which the hospital's days begin and end.
    store : StoreSettings
        Where the store is, and what it keeps.
    """

    model: str
    output_mode: str
    policy_file: Path | None
    conceptmaps_dir: Path | None
    clients_file: Path | None
    open_client: str
    open_fhir_version: str | None
    fhir_proxy: str | None
    canonical_base: str
    public_url: str
    secret_key: str = field(repr=False)
    admin_token: str | None = field(repr=False)
    metrics_token: str | None = field(repr=False)
    is_discovery_private: bool
    proxies: tuple[IPv4Network | IPv6Network, ...]
    certificate_header: str
    validation_file: Path | None
    safety_contact: str | None
    stop_file: Path | None
    is_open: bool
    log_level: str
    is_traced: bool
    locale: str
    time_zone: str
    store: StoreSettings = field(default_factory=StoreSettings)

    @classmethod
    def from_env(
        cls, *, is_open: bool | None = None, public_url: str | None = None
    ) -> "Settings":
        """
        Read and check the ``SCNEN_*`` variables of this process.

        Parameters
        ----------
        is_open : bool or None, optional
            Overrides ``SCNEN_OPEN``, as the option ``--open`` does.
        public_url : str or None, optional
            Used in open mode when ``SCNEN_PUBLIC_URL`` is not set.

        Returns
        -------
        Settings
            The settings.

        Raises
        ------
        SettingsError
            If a variable is unknown, empty, not allowed, not used by this version, or
            missing where open mode would have a default.
        """
        refuse_unusable()
        is_open = is_open_by_environment() if is_open is None else is_open
        return cls(
            model=read("SCNEN_MODEL", default="liu-nomogram"),
            output_mode=read("SCNEN_OUTPUT_MODE", default="anchored"),
            policy_file=read("SCNEN_POLICY_FILE", default=None),
            conceptmaps_dir=read("SCNEN_CONCEPTMAPS_DIR", default=None),
            clients_file=read("SCNEN_CLIENTS_FILE", default=None),
            open_client=read("SCNEN_OPEN_CLIENT", default="generic"),
            open_fhir_version=read("SCNEN_OPEN_FHIR_VERSION", default=None),
            fhir_proxy=read("SCNEN_FHIR_PROXY", default=None),
            canonical_base=read("SCNEN_CANONICAL_BASE", default=_CANONICAL_BASE).rstrip(
                "/"
            ),
            public_url=_read_public_url(is_open=is_open, fallback=public_url),
            secret_key=read_secret(
                "SCNEN_SECRET_KEY", OPEN_SECRET_KEY if is_open else ...
            ),
            admin_token=read_secret("SCNEN_ADMIN_TOKEN", None),
            metrics_token=read_secret("SCNEN_METRICS_TOKEN", None),
            is_discovery_private=read("SCNEN_PRIVATE_DISCOVERY", default=False),
            proxies=tuple(
                ip_network(each.strip()) for each in read("SCNEN_PROXIES", default=[])
            ),
            certificate_header=read(
                "SCNEN_CERTIFICATE_HEADER", default="X-Client-Certificate"
            ),
            validation_file=read("SCNEN_VALIDATION_FILE", default=None),
            safety_contact=read("SCNEN_SAFETY_CONTACT", default=None),
            stop_file=stop_file_by_environment(),
            is_open=is_open,
            log_level=read("SCNEN_LOG_LEVEL", default="info"),
            is_traced=read("SCNEN_TRACING", default=False),
            locale=read("SCNEN_LOCALE", default="en"),
            time_zone=read("SCNEN_TIME_ZONE", default="UTC"),
            store=_read_store(is_open=is_open),
        )


def is_open_by_environment() -> bool:
    """
    Tell whether ``SCNEN_OPEN`` asks for open mode.

    Returns
    -------
    bool
        False if the variable is not set.

    Raises
    ------
    SettingsError
        If the variable is neither true nor false.
    """
    is_open: bool = read("SCNEN_OPEN", default=False)
    return is_open


def stop_file_by_environment() -> Path | None:
    """
    Tell where the kill switch is.

    Returns
    -------
    pathlib.Path or None
        ``SCNEN_STOP_FILE``; None if it is not set.

    Raises
    ------
    SettingsError
        If its folder does not exist, so that nobody could use it.
    """
    path: Path | None = read("SCNEN_STOP_FILE", default=None)
    return path


def processes_by_environment() -> tuple[int, int]:
    """
    Tell how many processes and threads the environment asks for.

    Returns
    -------
    workers : int
        Processes that answer requests.
    threads : int
        Threads in each of them; with one, a process answers one request at a time.

    Raises
    ------
    SettingsError
        If one of the variables is no number from 1 to 64.
    """
    workers: int = read("SCNEN_WORKERS", default=2)
    threads: int = read("SCNEN_THREADS", default=1)
    return workers, threads


def checked_public_url(url: str) -> str:
    """
    Check an address of the service that was given by hand.

    Parameters
    ----------
    url : str
        The address.

    Returns
    -------
    str
        The same without a slash at its end.

    Raises
    ------
    SettingsError
        If it is no absolute http or https URL, or holds credentials, query or fragment.
    """
    try:
        is_url("http", "https")(url)
    except ValidationError:
        raise SettingsError(
            "not allowed. Give an absolute https URL without credentials, query or"
            " fragment, e.g. https://cds.example.org"
        ) from None
    return url.rstrip("/")


def _read_public_url(*, is_open: bool, fallback: str | None) -> str:
    schemes = ("http", "https") if is_open else ("https",)
    url: str = read(
        "SCNEN_PUBLIC_URL",
        default=(fallback or _OPEN_PUBLIC_URL) if is_open else ...,
        check=is_url(*schemes),
    )
    return url.rstrip("/")


def _read_store(*, is_open: bool) -> StoreSettings:
    keys: Path | None = read("SCNEN_PREVIOUS_SECRET_KEYS_FILE", default=None)
    return StoreSettings(
        data_dir=read("SCNEN_DATA_DIR", default=None if is_open else ...),
        database_url=read("SCNEN_DATABASE_URL", default=None),
        durability=read("SCNEN_DURABILITY", default="process"),
        unrecorded=read("SCNEN_UNRECORDED", default="answer"),
        spool_limit_mb=read("SCNEN_SPOOL_LIMIT_MB", default=256),
        keep_decisions_days=read("SCNEN_KEEP_DECISIONS_DAYS", default=2192),
        keep_comments_days=read("SCNEN_KEEP_COMMENTS_DAYS", default=90),
        previous_secret_keys=() if keys is None else secret_keys(keys),
    )
