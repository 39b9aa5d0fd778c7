"""What a request names: a read or search below the base, or a page that follows it."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin

from cds_hooks.addresses import is_within, normalised_url
from cds_hooks.values import REFERENCE
from service.fhir.client.faults import Fault, FHIRError

__all__ = ["Base", "Query"]

_SEARCH: Final = re.compile(r"(?P<kind>[A-Z][A-Za-z]{1,63})\?(?P<parameters>[^#]+)")
_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?:\[(?P<v6>[^\]]+)\]|(?P<name>[^/:]+))(?::(?P<port>\d+))?"
)
_PORTS: Final = {"http": 80, "https": 443}
#: All that may stand in a query as it is; "%" because parts may be quoted already.
_SAFE: Final = "!$&'()*+,;=:@/?-._~%"
_LONGEST_LINK: Final = 8192


@dataclass(frozen=True, slots=True)
class Query:
    """
    A read or a search that cannot lead out of the base.

    Attributes
    ----------
    kind : str
        Resource type.
    identifier : str or None
        Id of a read; None for a search.
    parameters : str
        Of a search, quoted for a URL and, what is the same, for a form.
    """

    kind: str
    identifier: str | None
    parameters: str

    @classmethod
    def parse(cls, text: str, kind: str) -> "Query":
        """
        Take a query apart.

        Parameters
        ----------
        text : str
            ``Type/id`` or ``Type?name=value&…``.
        kind : str
            Resource type that is expected.

        Returns
        -------
        Query
            Whose `path` stands for the same.

        Raises
        ------
        FHIRError
            If it is neither, or for another type.

        Examples
        --------
        >>> Query.parse("Condition?patient=p1&code=a|b", "Condition").path
        'Condition?patient=p1&code=a%7Cb'
        >>> Query.parse("Patient/../Condition", "Patient")
        Traceback (most recent call last):
        service.fhir.client.faults.FHIRError: bad-query
        """
        if REFERENCE.fullmatch(text):
            found, _, identifier = text.partition("/")
            query = cls(found, identifier, "")
        elif search := _SEARCH.fullmatch(text):
            query = cls(search["kind"], None, _quoted(search["parameters"]))
        else:
            raise FHIRError(Fault.BAD_QUERY)
        if query.kind != kind:
            raise FHIRError(Fault.BAD_QUERY)
        return query

    @property
    def path(self) -> str:
        """
        Write it relative to the base.

        Returns
        -------
        str
            Path, for a search with the query string.
        """
        if self.identifier is not None:
            return f"{self.kind}/{self.identifier}"
        return f"{self.kind}?{self.parameters}"


@dataclass(frozen=True, slots=True)
class Base:
    """
    Base URL of a FHIR server.

    Attributes
    ----------
    url : str
        As `cds_hooks.addresses.normalised_url` gives it, https or http.
    scheme, host : str
        Parts of it; an IPv6 host without brackets.
    port : int
        Part of it, or the scheme's own.
    path : str
        Part of it: empty, or begins with a slash and does not end with one.
    """

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> "Base":
        """
        Take a base URL apart.

        Parameters
        ----------
        url : str
            Absolute URL.

        Returns
        -------
        Base
            Its parts.

        Raises
        ------
        cds_hooks.errors.InvalidClient
            If it is no plain http or https URL.

        Examples
        --------
        >>> Base.parse("https://EHR.example.org/fhir/").path
        '/fhir'
        """
        plain = normalised_url(url, schemes=("https", "http"))
        origin = _ORIGIN.match(plain)
        assert origin is not None  # noqa: S101 normalised_url gives nothing else
        scheme = origin["scheme"]
        return cls(
            plain,
            scheme,
            origin["v6"] or origin["name"],
            int(origin["port"] or _PORTS[scheme]),
            plain[origin.end() :],
        )

    def target(self, path: str) -> str:
        """
        Write a relative query for the request line.

        Parameters
        ----------
        path : str
            Relative to the base.

        Returns
        -------
        str
            Path and query.
        """
        return f"{self.path}/{path}"

    def next_target(self, link: str, page: str) -> str:
        """
        Read a link to another page.

        Parameters
        ----------
        link : str
            Absolute, or relative to the page it stands on.
        page : str
            Target of that page.

        Returns
        -------
        str
            Target of the other page.

        Raises
        ------
        FHIRError
            If it leads to another origin or out of the base, or could be read so.
        """
        origin = self.url.removesuffix(self.path) if self.path else self.url
        is_plain = link.isprintable() and not any(c in link for c in "\\#")
        if len(link) > _LONGEST_LINK or not is_plain:
            raise FHIRError(Fault.FOREIGN_LINK)
        try:
            place, mark, query = urljoin(origin + page, link).partition("?")
            plain = normalised_url(place, schemes=(self.scheme,))
        except ValueError:
            raise FHIRError(Fault.FOREIGN_LINK) from None
        if not is_within(plain, self.url):
            raise FHIRError(Fault.FOREIGN_LINK)
        return (plain[len(origin) :] or "/") + mark + _quoted(query)


def _quoted(parameters: str) -> str:
    return quote(parameters, safe=_SAFE)
