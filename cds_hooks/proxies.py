"""What the proxy that ends TLS says of a call: believed of configured proxies only."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any
from urllib.parse import unquote

from cds_hooks.errors import InvalidClient

__all__ = ["Proxies", "certificate_name", "certificate_names"]

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([\sA-Za-z0-9+/=]+)-----END CERTIFICATE")
#: Envoy's x-forwarded-client-cert: pairs name=value, the value in quotes if need be.
_PAIR = re.compile(r'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^;,"]*)(?:;|$)')
_PAIRS = re.compile(rf"(?:{_PAIR.pattern})+")
_LONGEST = 16_384
_HTTPS = "https"


class Proxies:
    """
    The proxies in front of a service.

    Parameters
    ----------
    networks : iterable of ip_network
        Addresses whose headers are believed.
    certificate_header : str
        Name of the header in which they pass on the client's certificate.
    """

    def __init__(
        self,
        networks: Iterable[IPv4Network | IPv6Network] = (),
        certificate_header: str = "X-Client-Certificate",
    ) -> None:
        self._networks = tuple(networks)
        self._key = f"HTTP_{certificate_header.upper().replace('-', '_')}"

    def certificates(self, environ: Mapping[str, Any]) -> frozenset[str]:
        """
        Tell which certificate the client showed to the proxy.

        Parameters
        ----------
        environ : Mapping
            The WSGI environment.

        Returns
        -------
        frozenset of str
            Its names, as `certificate_names` gives them; none if the call came from
            anywhere but a proxy.
        """
        value = environ.get(self._key)
        if not value or not self._is_proxy(environ):
            return frozenset()
        return certificate_names(value)

    def is_clear_text(self, environ: Mapping[str, Any]) -> bool:
        """
        Tell whether the call reached the proxy without TLS.

        Parameters
        ----------
        environ : Mapping
            The WSGI environment.

        Returns
        -------
        bool
            Whether a proxy says so in ``X-Forwarded-Proto``.
        """
        scheme = environ.get("HTTP_X_FORWARDED_PROTO")
        if scheme is None or not self._is_proxy(environ):
            return False
        return str(scheme).lower() != _HTTPS

    def _is_proxy(self, environ: Mapping[str, Any]) -> bool:
        try:
            peer = ip_address(environ.get("REMOTE_ADDR", ""))
        except ValueError:
            return False
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return any(peer in network for network in self._networks)


def certificate_names(value: str) -> frozenset[str]:
    """
    Read what a proxy passes on of a certificate.

    Parameters
    ----------
    value : str
        A certificate (PEM, escaped as in URLs), Envoy's ``Hash=…;Subject="…"``, a
        SHA-256 fingerprint or a subject.

    Returns
    -------
    frozenset of str
        Fingerprint and subject, as far as they are told; none of two certificates.

    Examples
    --------
    >>> certificate_names("CN=ehr.example.org,O=North Hospital")
    frozenset({'CN=ehr.example.org,O=North Hospital'})
    """
    if len(value) > _LONGEST:
        return frozenset()
    if value.startswith("-----BEGIN"):
        return _of_pem(unquote(value))
    if _PAIRS.fullmatch(value) and "Hash=" in value:
        return _of_pairs(_PAIR.findall(value))
    try:
        return frozenset({certificate_name(value)})
    except InvalidClient:
        return frozenset()


def certificate_name(text: str) -> str:
    """
    Give fingerprint or subject of a certificate in one spelling.

    Parameters
    ----------
    text : str
        What was written.

    Returns
    -------
    str
        A fingerprint in 64 lower-case digits; a subject as it is.

    Raises
    ------
    InvalidClient
        If it is a fingerprint of another length, such as one by SHA-1.

    Examples
    --------
    >>> certificate_name("CN=ehr.example.org")
    'CN=ehr.example.org'
    """
    digits = text.replace(":", "").lower()
    if _FINGERPRINT.fullmatch(digits):
        return digits
    if "=" not in text:
        raise InvalidClient(
            "is neither a SHA-256 fingerprint nor a subject",
            "give 64 hexadecimal digits, or the subject as the proxy writes it:"
            " CN=ehr.example.org,O=North Hospital",
        )
    return text


def _of_pem(text: str) -> frozenset[str]:
    match = _PEM.match(text)
    if match is None:
        return frozenset()
    try:
        certificate = base64.b64decode("".join(match[1].split()), validate=True)
    except binascii.Error:
        return frozenset()
    return frozenset({hashlib.sha256(certificate).hexdigest()})


def _of_pairs(pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    found = [(name, value) for name, value in pairs if name in {"Hash", "Subject"}]
    if len(dict(found)) < len(found):
        return frozenset()
    return frozenset(_unquoted(value) for _, value in found)


def _unquoted(value: str) -> str:
    is_quoted = value.startswith('"')
    return value[1:-1].replace('\\"', '"') if is_quoted else value
