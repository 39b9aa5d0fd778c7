"""Faults of FHIR servers in plain words, with what to do about each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from service.fhir.client import Fault

__all__ = ["explain"]

_OTHER_SIDE: Final = "Ask the EHR's team; the server's own log says more."
_TRUST: Final = (
    "The certificate must be for the host of the base URL and from an issuer that this"
    " machine trusts: put a private issuer into the system's store, or name its file in"
    " SSL_CERT_FILE."
)
_BASE: Final = "Check the FHIR base URL: it ends before the resource type."
_PUBLIC_BASE: Final = (
    "Set the server's own idea of its base URL to the one that is called."
)
_LARGER_PAGES: Final = "Raise the page size of the server."
_ANOTHER: Final = "Get a new token and give it in FHIR_TOKEN or with --token-file."

_WORDS: Final[Mapping[Fault, tuple[str, str]]] = MappingProxyType(
    {
        Fault.NOT_AUTHORISED: (
            "the server does not take the token (401)",
            _ANOTHER,
        ),
        Fault.FORBIDDEN: (
            "the token does not reach so far (403)",
            "Add the scope for this resource type to the app, or take a patient whose"
            " record is not restricted.",
        ),
        Fault.NOT_FOUND: (
            "there is no such resource (404)",
            f"Check the id. {_BASE}",
        ),
        Fault.GONE: ("it was deleted (410)", "Take another patient or encounter."),
        Fault.TOO_MANY_REQUESTS: (
            "the server wants fewer requests (429)",
            "Have the quota of this client raised, or try later.",
        ),
        Fault.REJECTED: (
            "the server refuses the query (4xx)",
            "Look into its CapabilityStatement for the search parameters of the query,"
            " and for search by POST, which long queries use.",
        ),
        Fault.SERVER_ERROR: ("the server failed (5xx)", _OTHER_SIDE),
        Fault.TIMEOUT: ("no complete answer in time", _OTHER_SIDE),
        Fault.UNREACHABLE: (
            "nobody answers there",
            "Check host and port of the FHIR base URL, the DNS and the firewall. If a"
            " proxy must be used, SCNEN_FHIR_PROXY names it: check it too.",
        ),
        Fault.PROXY: (
            "the proxy opens no tunnel to the server",
            "Have it allow CONNECT to host and port of the FHIR base URL, without a"
            " password. A server in the hospital's own network is asked directly once"
            " its network is listed in private_addresses.",
        ),
        Fault.TLS: ("no TLS that can be trusted", _TRUST),
        Fault.REFUSED_ADDRESS: (
            "the host's address is neither public nor listed for this server",
            "Register the server with its network in private_addresses.",
        ),
        Fault.REDIRECT: (
            "the server sends elsewhere (3xx)",
            "Give the base URL that it leads to; a token follows no redirect.",
        ),
        Fault.TOO_LARGE: ("the answer is too large", "Lower the page size."),
        Fault.TOO_MANY_PAGES: ("there are too many pages", _LARGER_PAGES),
        Fault.TOO_MANY_ENTRIES: (
            "there are too many entries",
            "Does the server honour `patient` and `code`? Otherwise take a shorter"
            " record.",
        ),
        Fault.FOREIGN_LINK: (
            "the next page is at another address",
            f"{_PUBLIC_BASE} A token goes nowhere else.",
        ),
        Fault.LOOPING_LINK: ("the next page is one that was read before", _OTHER_SIDE),
        Fault.INCOMPLETE: ("the server counts more than it sends", _OTHER_SIDE),
        Fault.NOT_FHIR: (
            "what comes is no FHIR JSON, or another resource than asked for",
            f"{_BASE} A login page or a gateway may answer in its place.",
        ),
        Fault.OUTCOME: ("the server answers with an OperationOutcome", _OTHER_SIDE),
        Fault.CIRCUIT_OPEN: ("the server failed again and again", _OTHER_SIDE),
        Fault.TOKEN_EXPIRED: ("the token has expired", _ANOTHER),
        Fault.TOKEN_UNUSABLE: (
            "the token holds characters that no header may hold",
            "Give the token alone, without quotes, `Bearer` or line breaks within.",
        ),
        Fault.BAD_QUERY: (
            "an id could lead elsewhere",
            "Give bare ids: letters, digits, `-`, `.`, `_`.",
        ),
    }
)


def explain(fault: Fault) -> tuple[str, str]:
    """
    Say in plain words what a fault means.

    Parameters
    ----------
    fault : Fault
        What went wrong.

    Returns
    -------
    found : str
        What happened, for the middle of a sentence.
    remedy : str
        What to do, as sentences.

    Examples
    --------
    >>> explain(Fault.GONE)
    ('it was deleted (410)', 'Take another patient or encounter.')
    """
    return _WORDS[fault]
