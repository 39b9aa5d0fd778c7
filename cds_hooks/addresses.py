"""Addresses that decide about trust: one spelling for each, or none at all.

Nothing here repairs an address. What a lenient reader and a strict one could take for
two different places is refused, since a token goes where the address points.
"""

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address

from cds_hooks.errors import InvalidClient

__all__ = [
    "host_of",
    "is_foreign",
    "is_loopback",
    "is_within",
    "normalised_origin",
    "normalised_url",
    "origin_of",
]

_SPLIT = re.compile(r"(?P<scheme>[^:/]*)://(?P<authority>[^/]*)(?P<path>.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>.*))?", re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@-]+")
_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_LONGEST_HOST = 253
_LONGEST_URL = 2000
_LAST_PORT = 65535


def normalised_url(
    url: object,
    *,
    schemes: tuple[str, ...] = ("https",),
    may_have_query: bool = False,
) -> str:
    """
    Give an absolute URL in its one spelling.

    Parameters
    ----------
    url : object
        What was sent or written.
    schemes : tuple of str
        Schemes that serve.
    may_have_query : bool
        Whether a query is kept; a fragment never serves.

    Returns
    -------
    str
        Scheme and host in lower case, no default port, no slash at the end.

    Raises
    ------
    InvalidClient
        If it is anything but a plain URL: with a user name, a percent sign, a
        semicolon or a dot segment in the path, a backslash, a host that is not ASCII, a
        number that some readers take for an IP address. The message does not repeat the
        value.

    Examples
    --------
    >>> normalised_url("HTTPS://EHR.example.org:443/fhir/R4/")
    'https://ehr.example.org/fhir/R4'
    >>> normalised_url("https://ehr.example.org@evil.example/fhir")
    Traceback (most recent call last):
    cds_hooks.errors.InvalidClient: has a user name or password; leave them out
    """
    text = _plain_text(url)
    text, mark, query = text.partition("?")
    if mark and not (may_have_query and _QUERY.fullmatch(query)):
        raise InvalidClient("has a query", "end the URL before the question mark")
    parts = _SPLIT.fullmatch(text)
    if parts is None:
        raise InvalidClient("is no absolute URL", f"begin it with {schemes[0]}://")
    scheme = parts["scheme"].lower()
    if scheme not in schemes:
        raise InvalidClient(
            f"is not {' or '.join(schemes)}", f"give an {schemes[0]} URL"
        )
    path = _path(parts["path"])
    return f"{scheme}://{_authority(parts['authority'], scheme)}{path}{mark}{query}"


def normalised_origin(origin: object) -> str:
    """
    Give the origin of a web page as browsers send it.

    Parameters
    ----------
    origin : object
        What was written.

    Returns
    -------
    str
        Scheme, host and port, in lower case.

    Raises
    ------
    InvalidClient
        If it is more than an origin, or neither https nor on this machine.

    Examples
    --------
    >>> normalised_origin("https://Sandbox.cds-hooks.org")
    'https://sandbox.cds-hooks.org'
    """
    url = normalised_url(origin, schemes=("https", "http"))
    if url.count("/") > 2 or str(origin).endswith("/"):  # noqa: PLR2004 the scheme's own
        raise InvalidClient(
            "is more than an origin", "end it after host and port, without a slash"
        )
    if url.startswith("http:") and not is_loopback(url):
        raise InvalidClient("is not https", "only pages of this machine may be http")
    return url


def origin_of(url: str) -> str:
    """
    Give the origin of a URL as browsers send it.

    Parameters
    ----------
    url : str
        Absolute URL, https or http.

    Returns
    -------
    str
        Scheme, host and port, in lower case.

    Raises
    ------
    InvalidClient
        If it has none, or none with one spelling.

    Examples
    --------
    >>> origin_of("https://CDS.example.org:443/scnen")
    'https://cds.example.org'
    """
    scheme, mark, rest = url.partition("://")
    place = f"{scheme}{mark}{rest.partition('/')[0]}"
    return normalised_url(place, schemes=("https", "http"))


def is_foreign(origin: str | None, known: Collection[str]) -> bool:
    """
    Tell whether a call comes from a web page that nobody has named.

    Parameters
    ----------
    origin : str or None
        Header ``Origin`` of the call; None if there was none: no web page called.
    known : collection of str
        Origins that serve, besides those of this machine.

    Returns
    -------
    bool
        True also for ``null`` and for what is no origin.

    Examples
    --------
    >>> is_foreign("http://localhost:3000", ()), is_foreign("null", ())
    (False, True)
    """
    if origin is None or origin in known:
        return False
    try:
        return not is_loopback(normalised_origin(origin))
    except InvalidClient:
        return True


def is_within(url: str, base: str) -> bool:
    """
    Tell whether one place lies at or below another.

    Parameters
    ----------
    url, base : str
        Both as `normalised_url` gives them.

    Returns
    -------
    bool
        Whether origins agree and the path of `base` ends where a segment of `url` does.

    Examples
    --------
    >>> is_within("https://ehr.example.org/fhir/R4", "https://ehr.example.org/fhir")
    True
    >>> is_within("https://ehr.example.org/fhir2", "https://ehr.example.org/fhir")
    False
    """
    return url == base or url.startswith(f"{base}/")


def host_of(url: str) -> str | IPv4Address | IPv6Address:
    """
    Tell the host of a URL.

    Parameters
    ----------
    url : str
        As `normalised_url` gives it.

    Returns
    -------
    str, IPv4Address or IPv6Address
        The name, or the address if it is one; IPv4 in IPv6's clothes is IPv4.
    """
    authority = url.partition("://")[2].partition("/")[0].partition("?")[0]
    match = _AUTHORITY.fullmatch(authority)
    host = match["host"].strip("[]") if match else authority
    try:
        return _unmapped(ip_address(host))
    except ValueError:
        return host


def is_loopback(url: str) -> bool:
    """
    Tell whether a URL leads to this machine, as far as it says so itself.

    Parameters
    ----------
    url : str
        As `normalised_url` gives it.

    Returns
    -------
    bool
        Whether its host is localhost or a loopback address.

    Examples
    --------
    >>> is_loopback("https://127.0.0.1:8443/jwks"), is_loopback("https://h.example")
    (True, False)
    """
    host = host_of(url)
    if isinstance(host, str):
        return host == "localhost" or host.endswith(".localhost")
    return host.is_loopback


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return getattr(address, "ipv4_mapped", None) or address


def _plain_text(url: object) -> str:
    """Refuse what URL readers disagree about before anything is taken apart."""
    if not isinstance(url, str) or not url:
        raise InvalidClient("is no text", "give a URL")
    if len(url) > _LONGEST_URL:
        raise InvalidClient("is too long", f"at most {_LONGEST_URL} characters")
    if not url.isascii():
        raise InvalidClient(
            "has characters outside of ASCII", "write the host's name as xn--…"
        )
    if any(c <= " " or c in '\\<>"`{|}^\x7f' for c in url):
        raise InvalidClient(
            "has blanks, backslashes or other characters no URL has", "take them out"
        )
    if "#" in url:
        raise InvalidClient("has a fragment", "end the URL before the #")
    return url


def _authority(authority: str, scheme: str) -> str:
    if "@" in authority:
        raise InvalidClient("has a user name or password", "leave them out")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise InvalidClient("has no plain host", "give a host name")
    host, port = _host(match["host"].lower()), match["port"]
    if port is None:
        return host
    if not _PORT.fullmatch(port) or int(port) > _LAST_PORT:
        raise InvalidClient("has a port that is none", "give 1 to 65535, or none")
    return host if port == _DEFAULT_PORTS[scheme] else f"{host}:{port}"


def _host(host: str) -> str:
    """Check a name label by label; an address must be written the usual way."""
    labels = host.split(".")
    try:
        if host.startswith("["):
            return f"[{IPv6Address(host[1:-1].replace('%', '!'))}]"
        if _NUMBER.fullmatch(labels[-1]):
            return str(IPv4Address(host))
    except ValueError:
        raise InvalidClient(
            "has an IP address that is none", "write it as 192.0.2.1 or [2001:db8::1]"
        ) from None
    if len(host) > _LONGEST_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise InvalidClient("has no plain host", "give a host name, no dot at its end")
    return host


def _path(path: str) -> str:
    path = path.removesuffix("/")
    if "%" in path:
        raise InvalidClient(
            "has a percent sign in its path", "write the path without escapes"
        )
    if ";" in path:  # some servers cut it off: "..;" is ".." to them
        raise InvalidClient(
            "has a semicolon in its path", "write the path without parameters"
        )
    for segment in path.split("/")[1:]:
        if segment in {"", ".", ".."} or not _SEGMENT.fullmatch(segment):
            raise InvalidClient(
                "has an empty or dot segment in its path", "write the path plainly"
            )
    return path
