"""Settings of the service: read from the environment once, checked at start, frozen."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from environs import Env, EnvNotSetError, EnvValidationError, ValidationError

from service.store.settings import DURABILITIES, UNRECORDED, StoreSettings

__all__ = [
    "NOT_YET",
    "OPEN_SECRET_KEY",
    "VARIABLES",
    "Settings",
    "SettingsError",
    "checked_public_url",
    "is_open_by_environment",
    "processes_by_environment",
    "stop_file_by_environment",
]

#: Every variable that is read, and what it may hold. `docs/configuration.md` says more.
VARIABLES: Mapping[str, str] = {
    "SCNEN_MODEL": "the id of a bundled model or the path of a model artifact (JSON)",
    "SCNEN_OUTPUT_MODE": "one of anchored, calibrated, relative",
    "SCNEN_POLICY_FILE": "the path of an existing policy file (YAML)",
    "SCNEN_CONCEPTMAPS_DIR": "the path of an existing folder with ConceptMap files",
    "SCNEN_CLIENTS_FILE": "the path of an existing register of clients (YAML)",
    "SCNEN_OPEN_CLIENT": "the name of a registered client or of a preset",
    "SCNEN_OPEN_FHIR_VERSION": "one of R4, R4B, R5",
    "SCNEN_FHIR_PROXY": "http://host:port of a proxy that needs no password",
    "SCNEN_CANONICAL_BASE": "an absolute http or https URL without query or fragment",
    "SCNEN_PUBLIC_URL": (
        "the absolute URL under which clients reach the service: https (http only in"
        " open mode), no credentials, query or fragment"
    ),
    "SCNEN_SECRET_KEY": "at least 32 characters that nobody can guess",
    "SCNEN_SECRET_KEY_FILE": "the path of a file with the key and nothing else",
    "SCNEN_ADMIN_TOKEN": "at least 32 characters that nobody can guess",
    "SCNEN_ADMIN_TOKEN_FILE": "the path of a file with the token and nothing else",
    "SCNEN_METRICS_TOKEN": "at least 32 characters that nobody can guess",
    "SCNEN_METRICS_TOKEN_FILE": "the path of a file with the token and nothing else",
    "SCNEN_PRIVATE_DISCOVERY": "true or false",
    "SCNEN_PROXIES": (
        "addresses or networks separated by commas, such as 10.0.4.7, 10.0.8.0/24"
    ),
    "SCNEN_CERTIFICATE_HEADER": "the name of a header, such as X-Client-Certificate",
    "SCNEN_PREVIOUS_SECRET_KEYS_FILE": (
        "the path of an existing file with one earlier secret key a line, the newest"
        " first"
    ),
    "SCNEN_DATA_DIR": "the path of an existing folder that the service may write to",
    "SCNEN_DATABASE_URL": (
        "postgresql://user:password@host/name, or sqlite:////path/of/file"
    ),
    "SCNEN_DURABILITY": "one of process, power",
    "SCNEN_UNRECORDED": "one of answer, refuse",
    "SCNEN_SPOOL_LIMIT_MB": "a whole number from 1",
    "SCNEN_KEEP_DECISIONS_DAYS": "a whole number from 1",
    "SCNEN_KEEP_COMMENTS_DAYS": "a whole number from 1",
    "SCNEN_STOP_FILE": "the path of a file, maybe to come, in an existing folder",
    "SCNEN_OPEN": "true or false",
    "SCNEN_LOG_LEVEL": "one of debug, info, warning, error",
    "SCNEN_LOCALE": "en, or a language with a catalogue in service/locales",
    "SCNEN_WORKERS": "a number of processes, 1 to 64",
    "SCNEN_THREADS": "a number of threads in each process, 1 to 64",
    "SCNEN_TIME_ZONE": "the IANA name of the hospital's zone, such as Asia/Shanghai",
}

#: Variables of the design that this version cannot honour. Set, they are refused: what
#: is silently ignored would be believed to be in use.
NOT_YET: Mapping[str, str] = {}

_PREFIX = "SCNEN_"
_OUTPUT_MODES = ("anchored", "calibrated", "relative")
_FHIR_VERSIONS = ("R4", "R4B", "R5")
_LOG_LEVELS = ("debug", "info", "warning", "error")
_CANONICAL_BASE = "http://scnen-cds.example.org/fhir"
_OPEN_PUBLIC_URL = "http://127.0.0.1:8080"
_SECRET_MIN_LENGTH = 32
_SECRET_MAX_BYTES = 16_384
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
#: A client's own header of one of these names would be taken for the proxy's word.
_OTHER_HEADERS = frozenset({"authorization", "cookie", "host", "origin"})
_LOCALES = Path(__file__).parent / "locales"
#: Only open mode falls back on it, which serves this machine alone.
OPEN_SECRET_KEY = "open-mode-only-not-a-secret-key-0"  # noqa: S105 public on purpose


class SettingsError(ValueError):
    """A setting that cannot be used; names the variable and what is allowed."""


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
    stop_file : pathlib.Path or None
        The kill switch: a file that turns the advice off while it exists.
    is_open : bool
        Whether requests without client authentication are answered.
    log_level : str
        Least level that is logged.
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
    stop_file: Path | None
    is_open: bool
    log_level: str
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
        _refuse_unusable(os.environ)
        env = Env()
        is_open = is_open_by_environment() if is_open is None else is_open
        return cls(
            model=_read(env.str, "SCNEN_MODEL", default="liu-nomogram"),
            output_mode=_read(
                env.str,
                "SCNEN_OUTPUT_MODE",
                default="anchored",
                validate=_one_of(_OUTPUT_MODES),
            ),
            policy_file=_read(
                env.path, "SCNEN_POLICY_FILE", default=None, validate=_is_file
            ),
            conceptmaps_dir=_read(
                env.path, "SCNEN_CONCEPTMAPS_DIR", default=None, validate=_is_folder
            ),
            clients_file=_read(
                env.path, "SCNEN_CLIENTS_FILE", default=None, validate=_is_file
            ),
            open_client=_read(env.str, "SCNEN_OPEN_CLIENT", default="generic"),
            open_fhir_version=_read(
                env.str,
                "SCNEN_OPEN_FHIR_VERSION",
                default=None,
                validate=_one_of(_FHIR_VERSIONS),
            ),
            fhir_proxy=_read(
                env.str, "SCNEN_FHIR_PROXY", default=None, validate=_is_url("http")
            ),
            canonical_base=_read(
                env.str,
                "SCNEN_CANONICAL_BASE",
                default=_CANONICAL_BASE,
                validate=_is_url("http", "https"),
            ).rstrip("/"),
            public_url=_read_public_url(env, is_open=is_open, fallback=public_url),
            secret_key=_read_secret(
                env, "SCNEN_SECRET_KEY", OPEN_SECRET_KEY if is_open else ...
            ),
            admin_token=_read_secret(env, "SCNEN_ADMIN_TOKEN", None),
            metrics_token=_read_secret(env, "SCNEN_METRICS_TOKEN", None),
            is_discovery_private=_read(
                env.bool, "SCNEN_PRIVATE_DISCOVERY", default=False
            ),
            proxies=tuple(
                ip_network(each.strip())
                for each in _read(
                    env.list, "SCNEN_PROXIES", default=[], validate=_are_networks
                )
            ),
            certificate_header=_read(
                env.str,
                "SCNEN_CERTIFICATE_HEADER",
                default="X-Client-Certificate",
                validate=_is_header,
            ),
            stop_file=stop_file_by_environment(),
            is_open=is_open,
            log_level=_read(
                env.str,
                "SCNEN_LOG_LEVEL",
                default="info",
                validate=_one_of(_LOG_LEVELS),
            ),
            locale=_read(env.str, "SCNEN_LOCALE", default="en", validate=_is_language),
            time_zone=_read(
                env.str, "SCNEN_TIME_ZONE", default="UTC", validate=_is_time_zone
            ),
            store=_read_store(env, is_open=is_open),
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
    is_open: bool = _read(Env().bool, "SCNEN_OPEN", default=False)
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
    path: Path | None = _read(
        Env().path, "SCNEN_STOP_FILE", default=None, validate=_is_in_folder
    )
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
    workers: int = _read(
        Env().int, "SCNEN_WORKERS", default=2, validate=_is_from_1_to_64
    )
    threads: int = _read(
        Env().int, "SCNEN_THREADS", default=1, validate=_is_from_1_to_64
    )
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
        _is_url("http", "https")(url)
    except ValidationError:
        raise SettingsError(
            "not allowed. Give an absolute https URL without credentials, query or"
            " fragment, e.g. https://cds.example.org"
        ) from None
    return url.rstrip("/")


def _refuse_unusable(environ: Mapping[str, str]) -> None:
    """Refuse what would otherwise be ignored without a word."""
    for name in sorted(environ):
        if not name.upper().startswith(_PREFIX):
            continue
        if name in NOT_YET:
            raise SettingsError(
                f"{name}: not used yet, {NOT_YET[name]}. Remove the variable."
            )
        if name not in VARIABLES:
            raise SettingsError(f"{name}: unknown setting. {_nearest(name)}")
        if not environ[name].strip():
            raise SettingsError(
                f"{name}: set but empty. Give {VARIABLES[name]}, or remove it."
            )


def _nearest(name: str) -> str:
    known = {variable.removeprefix(_PREFIX): variable for variable in VARIABLES}
    close = get_close_matches(name.upper().removeprefix(_PREFIX), known, n=1)
    if close:
        return f"Did you mean {known[close[0]]}?"
    return f"Known settings: {', '.join(VARIABLES)}."


def _read(method: Callable[..., Any], name: str, **options: Any) -> Any:  # noqa: ANN401 the reader's own type
    # The reader's message may hold the value, and a value may be a secret: `from None`.
    try:
        return method(name, **options)
    except EnvNotSetError:
        raise SettingsError(
            f"{name}: not set. Give {VARIABLES[name]}; only open mode has a default."
        ) from None
    except EnvValidationError:
        raise SettingsError(f"{name}: not allowed. Give {VARIABLES[name]}.") from None


def _read_secret(env: Env, name: str, default: Any) -> Any:  # noqa: ANN401 as `_read`
    """Read a secret, or the file that a variable of its name and ``_FILE`` names."""
    file = _read(env.path, f"{name}_FILE", default=None, validate=_is_file)
    if file is None:
        return _read(env.str, name, default=default, validate=_is_long_enough)
    if name in os.environ:
        raise SettingsError(f"{name}: set as well as {name}_FILE. Remove one of them.")
    try:
        with file.open("rb") as opened:
            secret = opened.read(_SECRET_MAX_BYTES).decode().strip()
        _is_long_enough(secret)
    except (OSError, ValueError, ValidationError):
        raise SettingsError(
            f"{name}_FILE: {file} cannot be read or does not hold {VARIABLES[name]}."
        ) from None
    return secret


def _read_public_url(env: Env, *, is_open: bool, fallback: str | None) -> str:
    schemes = ("http", "https") if is_open else ("https",)
    url: str = _read(
        env.str,
        "SCNEN_PUBLIC_URL",
        default=(fallback or _OPEN_PUBLIC_URL) if is_open else ...,
        validate=_is_url(*schemes),
    )
    return url.rstrip("/")


def _read_store(env: Env, *, is_open: bool) -> StoreSettings:
    def count(name: str, default: int) -> int:
        number: int = _read(env.int, name, default=default, validate=_is_positive)
        return number

    keys: Path | None = _read(
        env.path,
        "SCNEN_PREVIOUS_SECRET_KEYS_FILE",
        default=None,
        validate=_holds_secret_keys,
    )
    return StoreSettings(
        data_dir=_read(
            env.path,
            "SCNEN_DATA_DIR",
            default=None if is_open else ...,
            validate=_is_own_folder,
        ),
        database_url=_read(
            env.str, "SCNEN_DATABASE_URL", default=None, validate=_is_database
        ),
        durability=_read(
            env.str,
            "SCNEN_DURABILITY",
            default="process",
            validate=_one_of(DURABILITIES),
        ),
        unrecorded=_read(
            env.str, "SCNEN_UNRECORDED", default="answer", validate=_one_of(UNRECORDED)
        ),
        spool_limit_mb=count("SCNEN_SPOOL_LIMIT_MB", 256),
        keep_decisions_days=count("SCNEN_KEEP_DECISIONS_DAYS", 2192),
        keep_comments_days=count("SCNEN_KEEP_COMMENTS_DAYS", 90),
        previous_secret_keys=() if keys is None else _secret_keys(keys),
    )


def _secret_keys(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValidationError("cannot be read") from None
    return tuple(line.strip() for line in lines if line.strip())


def _holds_secret_keys(value: Path) -> None:
    for key in _secret_keys(value):
        _is_long_enough(key)


def _is_own_folder(value: Path) -> None:
    if not (value.is_dir() and os.access(value, os.W_OK | os.X_OK)):
        raise ValidationError("no such folder, or not writable")


def _is_database(value: str) -> None:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValidationError("no URL") from None
    if parts.scheme == "sqlite":
        usable = not parts.netloc and parts.path.startswith("//") and value[-1] != "/"
    else:
        named = parts.path.strip("/")
        usable = parts.scheme in ("postgresql", "postgres") and bool(named)
    if not usable:
        raise ValidationError("no such database")


def _is_positive(value: int) -> None:
    if value < 1:
        raise ValidationError("too small")


def _one_of(choices: tuple[str, ...]) -> Callable[[str], None]:
    def check(value: str) -> None:
        if value not in choices:
            raise ValidationError("not one of the choices")

    return check


def _is_url(*schemes: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        try:
            parts = urlsplit(value)
            plain = not (parts.query or parts.fragment or "@" in parts.netloc)
            usable = parts.scheme in schemes and bool(parts.hostname) and plain
            _ = parts.port
        except ValueError:
            usable = False
        if not usable or any(character.isspace() for character in value):
            raise ValidationError("not such a URL")

    return check


def _is_from_1_to_64(value: int) -> None:
    if value not in range(1, 65):
        raise ValidationError("not such a number")


def _is_file(value: Path) -> None:
    if not value.is_file():
        raise ValidationError("no such file")


def _is_in_folder(value: Path) -> None:
    if value.is_dir():
        raise ValidationError("a folder")
    _is_folder(value.parent)


def _is_folder(value: Path) -> None:
    if not value.is_dir():
        raise ValidationError("no such folder")


def _are_networks(values: list[str]) -> None:
    try:
        for value in values:
            ip_network(value.strip())
    except ValueError:
        raise ValidationError("not networks") from None


def _is_header(value: str) -> None:
    if not _HEADER.fullmatch(value) or value.lower() in _OTHER_HEADERS:
        raise ValidationError("no such name")


def _is_language(value: str) -> None:
    catalogue = _LOCALES / value / "LC_MESSAGES" / "cards.mo"
    if value != "en" and not (value.isalnum() and catalogue.is_file()):
        raise ValidationError("no such catalogue")


def _is_time_zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError("no such time zone")


def _is_long_enough(value: str) -> None:
    if len(value) < _SECRET_MIN_LENGTH:
        raise ValidationError("too short")
