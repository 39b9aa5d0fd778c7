"""What can go wrong with a query to a FHIR server, each with its name."""

from enum import StrEnum

__all__ = ["FHIRError", "Fault"]


class Fault(StrEnum):
    """Why there is no answer; the value may stand in logs and metrics."""

    NOT_AUTHORISED = "not-authorised"
    """401: the server does not take the token."""
    FORBIDDEN = "forbidden"
    """403: the token does not reach so far."""
    NOT_FOUND = "not-found"
    """404. Of a read it does not say that there never was such a resource."""
    GONE = "gone"
    """410: deleted."""
    TOO_MANY_REQUESTS = "too-many-requests"
    """429, and the pause it asks for does not fit the budget."""
    REJECTED = "rejected"
    """Any other 4xx: the server does not want the query."""
    SERVER_ERROR = "server-error"
    """5xx, again after what retries there was time for."""
    TIMEOUT = "timeout"
    """No complete answer in time."""
    UNREACHABLE = "unreachable"
    """No such host, no connection, or one that broke before the answer was complete."""
    PROXY = "proxy"
    """The proxy answered, and opens no tunnel to the server."""
    TLS = "tls"
    """The certificate is for another name or not trusted, or there is no TLS."""
    REFUSED_ADDRESS = "refused-address"
    """The host's addresses are not public, and not listed for this server."""
    REDIRECT = "redirect"
    """3xx: a token goes nowhere but where it was meant to go."""
    TOO_LARGE = "too-large"
    """More bytes than allowed, compressed or not, in body or head."""
    TOO_MANY_PAGES = "too-many-pages"
    TOO_MANY_ENTRIES = "too-many-entries"
    FOREIGN_LINK = "foreign-link"
    """A next page at another origin or outside the base, or a link that is none."""
    LOOPING_LINK = "looping-link"
    """A next page that was read before."""
    INCOMPLETE = "incomplete"
    """The server counts more than it sent, on all pages together."""
    NOT_FHIR = "not-fhir"
    """HTML, another content type, no JSON, or not the resource that was asked for."""
    OUTCOME = "outcome"
    """An OperationOutcome with an error, at HTTP 200."""
    CIRCUIT_OPEN = "circuit-open"
    """Not asked: the server has failed again and again, and gets a rest."""
    TOKEN_EXPIRED = "token-expired"  # noqa: S105 a name
    """Not asked: the token's time is over."""
    TOKEN_UNUSABLE = "token-unusable"  # noqa: S105 as above
    """Not asked: the token could not stand in a header."""
    BAD_QUERY = "bad-query"
    """Not asked: no read or search, or an id that could lead elsewhere."""


class FHIRError(Exception):
    """
    A query that failed; its text is the name of the fault and nothing else.

    Parameters
    ----------
    fault : Fault
        What went wrong.
    issue_codes : tuple of str, optional
        Codes of the OperationOutcome that came with it.
    retry_after_s : float or None, optional
        Pause that the server asked for.
    """

    def __init__(
        self,
        fault: Fault,
        *,
        issue_codes: tuple[str, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.issue_codes = issue_codes
        self.retry_after_s = retry_after_s
