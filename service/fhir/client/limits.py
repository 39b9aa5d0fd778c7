"""How much time and how many bytes a FHIR server may take."""

from dataclasses import dataclass, fields

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Limits of one call; what goes beyond them is not taken in part but not at all.

    Attributes
    ----------
    total_s : float
        Seconds for all queries of a call together, with their pages and retries.
    connect_s : float
        Seconds for one connection: looking up the name, TCP, TLS.
    read_s : float
        Seconds for one request, from sending it to the last byte of the answer.
    pages : int
        Pages of one query.
    body_bytes : int
        Bytes of all answers to a call together, uncompressed.
    entries : int
        Entries on all pages of one query.
    url_chars : int
        A search with a longer URL is sent as a form.
    parallel : int
        Queries at a time.
    attempts : int
        How often a request is sent at most.

    Raises
    ------
    ValueError
        If a limit is not above zero.

    Examples
    --------
    >>> Limits(pages=0)
    Traceback (most recent call last):
    ValueError: pages: expected more than 0
    """

    total_s: float = 3.0
    connect_s: float = 1.0
    read_s: float = 2.0
    pages: int = 10
    body_bytes: int = 8 * 1024 * 1024
    entries: int = 2000
    url_chars: int = 1800
    parallel: int = 5
    attempts: int = 3

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could be done."""
        for limit in fields(self):
            if not getattr(self, limit.name) > 0:
                raise ValueError(f"{limit.name}: expected more than 0")
