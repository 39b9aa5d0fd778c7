"""The variables of the environment: what each may hold."""

import os
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from environs import ValidationError

from service.languages import languages
from service.store.settings import DURABILITIES, UNRECORDED

__all__ = ["VARIABLES", "Variable", "is_long_enough", "is_url", "secret_keys"]

_SECRET_MIN_LENGTH = 32
_LONGEST_LINE = 200
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
#: A client's own header of one of these names would be taken for the proxy's word.
_OTHER_HEADERS = frozenset({"authorization", "cookie", "host", "origin"})


class Variable(NamedTuple):
    """
    What a variable may hold.

    Attributes
    ----------
    allowed : str
        In words.
    parse : str
        Type: a reader of environs.
    check : callable or None
        Refuses what is not allowed of it.
    """

    allowed: str
    parse: str
    check: Callable[[Any], None] | None = None


def secret_keys(path: Path) -> tuple[str, ...]:
    """
    Read a file with one secret key a line.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    tuple of str
        The keys.

    Raises
    ------
    environs.ValidationError
        If it cannot be read.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValidationError("cannot be read") from None
    return tuple(line.strip() for line in lines if line.strip())


def _holds_secret_keys(value: Path) -> None:
    for key in secret_keys(value):
        is_long_enough(key)


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


def _is_one_line(value: str) -> None:
    if len(value) > _LONGEST_LINE or not value.isprintable():
        raise ValidationError("not one line")


def _is_positive(value: int) -> None:
    if value < 1:
        raise ValidationError("too small")


def _one_of(*choices: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        if value not in choices:
            raise ValidationError("not one of the choices")

    return check


def is_url(*schemes: str) -> Callable[[str], None]:
    """
    Make a check of addresses.

    Parameters
    ----------
    *schemes : str
        The schemes that are allowed.

    Returns
    -------
    callable
        Refuses what is no absolute URL of them, or holds credentials, query, fragment.
    """

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


def _is_time_zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError("no such time zone")


def is_long_enough(value: str) -> None:
    """
    Refuse a secret that could be guessed.

    Parameters
    ----------
    value : str
        The secret.

    Raises
    ------
    environs.ValidationError
        If it is too short.
    """
    if len(value) < _SECRET_MIN_LENGTH:
        raise ValidationError("too short")


#: Every variable that is read. `docs/configuration.md` says more.
VARIABLES: Mapping[str, Variable] = {
    "SCNEN_MODEL": Variable(
        "the id of a bundled model or the path of a model artifact (JSON)", "str"
    ),
    "SCNEN_OUTPUT_MODE": Variable(
        "one of anchored, calibrated, relative",
        "str",
        _one_of("anchored", "calibrated", "relative"),
    ),
    "SCNEN_POLICY_FILE": Variable(
        "the path of an existing policy file (YAML)", "path", _is_file
    ),
    "SCNEN_CONCEPTMAPS_DIR": Variable(
        "the path of an existing folder with ConceptMap files", "path", _is_folder
    ),
    "SCNEN_CLIENTS_FILE": Variable(
        "the path of an existing register of clients (YAML)", "path", _is_file
    ),
    "SCNEN_OPEN_CLIENT": Variable(
        "the name of a registered client or of a preset", "str"
    ),
    "SCNEN_OPEN_FHIR_VERSION": Variable(
        "one of R4, R4B, R5", "str", _one_of("R4", "R4B", "R5")
    ),
    "SCNEN_FHIR_PROXY": Variable(
        "http://host:port of a proxy that needs no password", "str", is_url("http")
    ),
    "SCNEN_CANONICAL_BASE": Variable(
        "an absolute http or https URL without query or fragment",
        "str",
        is_url("http", "https"),
    ),
    "SCNEN_PUBLIC_URL": Variable(
        "the absolute URL under which clients reach the service: https (http only in"
        " open mode), no credentials, query or fragment",
        "str",
        is_url("http", "https"),
    ),
    "SCNEN_SECRET_KEY": Variable(
        "at least 32 characters that nobody can guess", "str", is_long_enough
    ),
    "SCNEN_SECRET_KEY_FILE": Variable(
        "the path of a file with the key and nothing else", "path", _is_file
    ),
    "SCNEN_ADMIN_TOKEN": Variable(
        "at least 32 characters that nobody can guess", "str", is_long_enough
    ),
    "SCNEN_ADMIN_TOKEN_FILE": Variable(
        "the path of a file with the token and nothing else", "path", _is_file
    ),
    "SCNEN_METRICS_TOKEN": Variable(
        "at least 32 characters that nobody can guess", "str", is_long_enough
    ),
    "SCNEN_METRICS_TOKEN_FILE": Variable(
        "the path of a file with the token and nothing else", "path", _is_file
    ),
    "SCNEN_PRIVATE_DISCOVERY": Variable("true or false", "bool"),
    "SCNEN_PROXIES": Variable(
        "addresses or networks separated by commas, such as 10.0.4.7, 10.0.8.0/24",
        "list",
        _are_networks,
    ),
    "SCNEN_CERTIFICATE_HEADER": Variable(
        "the name of a header, such as X-Client-Certificate", "str", _is_header
    ),
    "SCNEN_PREVIOUS_SECRET_KEYS_FILE": Variable(
        "the path of an existing file with one earlier secret key a line, the newest"
        " first",
        "path",
        _holds_secret_keys,
    ),
    "SCNEN_DATA_DIR": Variable(
        "the path of an existing folder that the service may write to",
        "path",
        _is_own_folder,
    ),
    "SCNEN_DATABASE_URL": Variable(
        "postgresql://user:password@host/name, or sqlite:////path/of/file",
        "str",
        _is_database,
    ),
    "SCNEN_DURABILITY": Variable(
        "one of process, power", "str", _one_of(*DURABILITIES)
    ),
    "SCNEN_UNRECORDED": Variable("one of answer, refuse", "str", _one_of(*UNRECORDED)),
    "SCNEN_SPOOL_LIMIT_MB": Variable("a whole number from 1", "int", _is_positive),
    "SCNEN_KEEP_DECISIONS_DAYS": Variable("a whole number from 1", "int", _is_positive),
    "SCNEN_KEEP_COMMENTS_DAYS": Variable("a whole number from 1", "int", _is_positive),
    "SCNEN_VALIDATION_FILE": Variable(
        "the path of an existing results.json of scnen-cds validate", "path", _is_file
    ),
    "SCNEN_SAFETY_CONTACT": Variable(
        "whom to tell of a safety problem, on one line of up to 200 characters",
        "str",
        _is_one_line,
    ),
    "SCNEN_STOP_FILE": Variable(
        "the path of a file, maybe to come, in an existing folder",
        "path",
        _is_in_folder,
    ),
    "SCNEN_OPEN": Variable("true or false", "bool"),
    "SCNEN_LOG_LEVEL": Variable(
        "one of debug, info, warning, error",
        "str",
        _one_of("debug", "info", "warning", "error"),
    ),
    "SCNEN_LOCALE": Variable(
        f"one of {', '.join(languages())}", "str", _one_of(*languages())
    ),
    "SCNEN_TRACING": Variable("true or false", "bool"),
    "SCNEN_WORKERS": Variable(
        "a number of processes, 1 to 64", "int", _is_from_1_to_64
    ),
    "SCNEN_THREADS": Variable(
        "a number of threads in each process, 1 to 64", "int", _is_from_1_to_64
    ),
    "SCNEN_TIME_ZONE": Variable(
        "the IANA name of the hospital's zone, such as Asia/Shanghai",
        "str",
        _is_time_zone,
    ),
}
