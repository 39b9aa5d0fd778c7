"""Plays the EHR: answers prefetch templates from a patient Bundle, fires, listens."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import requests

from cds_hooks.prefetch import resolve

__all__ = [
    "FireError",
    "Reply",
    "discover",
    "find_service",
    "fire",
    "hook_request",
    "open_session",
]

Resource = Mapping[str, Any]

#: seconds to connect, and seconds between two bytes of the answer
_TIMEOUT_S = (3.0, 10.0)
#: search parameters that name a reference -> the elements that may hold it
_REFERENCES = {
    "patient": ("subject", "patient"),
    "subject": ("subject", "patient"),
    "encounter": ("encounter",),
}
#: elements that date a resource, as the search parameter `date` reads them, R4 and R5
_DATES = (
    "effectiveDateTime",
    "effectiveInstant",
    "performedDateTime",
    "occurrenceDateTime",
    "recordedDate",
    "onsetDateTime",
)
_PERIODS = ("performedPeriod", "occurrencePeriod", "effectivePeriod")


class FireError(RuntimeError):
    """The service could not be reached, or the Bundle cannot play the EHR."""


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What came back from one call.

    Attributes
    ----------
    status : int
        HTTP status.
    body : mapping
        The JSON object: cards, or an OperationOutcome.
    milliseconds : float
        From sending to the last byte.
    """

    status: int
    body: Mapping[str, Any]
    milliseconds: float

    @property
    def is_ok(self) -> bool:  # numpydoc ignore=RT01
        """Whether the service answered with a CDS Hooks response."""
        return self.status == requests.codes.ok and "cards" in self.body


def open_session(url: str) -> requests.Session:
    """
    Open a session; to this machine itself no proxy is ever asked.

    Parameters
    ----------
    url : str
        Where it will be used.

    Returns
    -------
    requests.Session
        The session, for use in a ``with`` statement.
    """
    session = requests.Session()
    session.trust_env = not _is_loopback(urlsplit(url).hostname or "")
    return session


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def discover(session: requests.Session, base_url: str) -> list[dict[str, Any]]:
    """
    Ask for the services of a discovery endpoint.

    Parameters
    ----------
    session : requests.Session
        The session.
    base_url : str
        URL up to but without ``/cds-services``.

    Returns
    -------
    list of dict
        The discovery entries.

    Raises
    ------
    FireError
        If the endpoint does not answer with a discovery document.
    """
    url = f"{base_url.rstrip('/')}/cds-services"
    reply = _call(partial(session.get, url), url)
    services = reply.body.get("services")
    if reply.status != requests.codes.ok or not isinstance(services, list):
        raise FireError(f"{url}: no discovery document (HTTP {reply.status})")
    return services


def find_service(
    session: requests.Session, base_url: str, hook: str
) -> tuple[str, dict[str, Any]]:
    """
    Ask for the first service that answers a hook.

    Parameters
    ----------
    session : requests.Session
        The session.
    base_url : str
        URL up to but without ``/cds-services``.
    hook : str
        Name of the hook.

    Returns
    -------
    tuple of str and dict
        URL of the service, and its discovery entry.

    Raises
    ------
    FireError
        If there is no such service.
    """
    services = discover(session, base_url)
    service = next((item for item in services if item.get("hook") == hook), None)
    if service is None:
        raise FireError(f"{base_url}: no service for the hook {hook}")
    return f"{base_url.rstrip('/')}/cds-services/{service['id']}", service


def fire(session: requests.Session, url: str, body: Mapping[str, Any]) -> Reply:
    """
    Send one hook request.

    Parameters
    ----------
    session : requests.Session
        The session.
    url : str
        URL of the service, ``…/cds-services/{id}``.
    body : mapping
        The hook request.

    Returns
    -------
    Reply
        The answer, whatever its HTTP status.

    Raises
    ------
    FireError
        If nobody answers, or the answer is no JSON object.
    """
    return _call(partial(session.post, url, json=body), url)


def _call(send: Callable[..., requests.Response], url: str) -> Reply:
    begin = time.perf_counter()
    try:
        # Where a redirect leads the FHIR token in the body must not go.
        response = send(timeout=_TIMEOUT_S, allow_redirects=False)
        milliseconds = (time.perf_counter() - begin) * 1e3
        if response.is_redirect:
            raise FireError(
                f"{url}: leads elsewhere (HTTP {response.status_code}). Give the URL"
                " at which the service itself answers"
            )
        body = response.json()
    except requests.JSONDecodeError:
        raise FireError(f"{url}: the answer is not JSON") from None
    except requests.RequestException as error:
        raise FireError(f"{url}: no answer ({type(error).__name__})") from error
    if not isinstance(body, dict):
        raise FireError(f"{url}: the answer is not a JSON object")
    return Reply(response.status_code, body, milliseconds)


def hook_request(
    bundle: Resource,
    service: Mapping[str, Any],
    *,
    hook_instance: str | None = None,
    in_encounter: bool = True,
    extension: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Build the request an EHR would send, with complete prefetch.

    Parameters
    ----------
    bundle : mapping
        FHIR Bundle with one Patient, one Encounter, one Practitioner and what else the
        chart holds.
    service : mapping
        Discovery entry: `hook` and `prefetch` are read.
    hook_instance : str or None, optional
        UUID of this firing; None for a new one.
    in_encounter : bool, optional
        Whether the chart is open within the encounter; only then it is named.
    extension : mapping or None, optional
        What this EHR adds to the request.

    Returns
    -------
    dict
        The request. A template that the context cannot fill has no key, as the
        specification wants it.

    Raises
    ------
    FireError
        If the Bundle lacks the patient, or a template asks for a search that is not
        played here.
    """
    chart = [entry["resource"] for entry in bundle.get("entry", ())]
    context = {
        "userId": f"Practitioner/{_only(chart, 'Practitioner')['id']}",
        "patientId": _only(chart, "Patient")["id"],
    }
    if in_encounter:
        context["encounterId"] = _only(chart, "Encounter")["id"]
    queries = {
        key: resolve(template, context)
        for key, template in service.get("prefetch", {}).items()
    }
    return {
        "hook": service["hook"],
        "hookInstance": hook_instance or str(uuid4()),
        "context": context,
        "prefetch": {
            key: _answer(query, chart) for key, query in queries.items() if query
        },
        **({"extension": dict(extension)} if extension else {}),
    }


def _only(chart: Iterable[Resource], kind: str) -> Resource:
    found = [item for item in chart if item["resourceType"] == kind]
    if len(found) != 1:
        raise FireError(f"the Bundle must hold one {kind}, it holds {len(found)}")
    return found[0]


def _answer(query: str, chart: Sequence[Resource]) -> Resource | None:
    """Read (`Type/id`) or search (`Type?…`), as a FHIR server would."""
    kind, is_search, parameters = query.partition("?")
    if is_search:
        of_kind = [item for item in chart if item["resourceType"] == kind]
        return _search(of_kind, parse_qsl(parameters, keep_blank_values=True))
    return next((r for r in chart if f"{r['resourceType']}/{r['id']}" == query), None)


def _search(found: list[Resource], parameters: list[tuple[str, str]]) -> Resource:
    count = len(found)
    for name, value in parameters:
        if name == "_count":
            count = int(value)
        elif name == "_sort" and value.removeprefix("-") == "date":
            found = sorted(found, key=_date, reverse=value.startswith("-"))
        elif name == "code":
            found = [item for item in found if _has_code(item, value.split(","))]
        elif name in _REFERENCES:
            found = [item for item in found if _refers(item, _REFERENCES[name], value)]
        else:
            raise FireError(f"the search parameter {name!r} is not played here")
    if count < len(found):
        raise FireError(f"{len(found)} results need paging, which is not played here")
    entries = [{"resource": item, "search": {"mode": "match"}} for item in found]
    head = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    return {**head, "entry": entries} if entries else head


def _date(resource: Resource) -> str:
    """When it was, as text: the charts here write one offset, so text sorts them."""
    periods = (resource[name] for name in _PERIODS if name in resource)
    period: Resource = next(periods, {})
    dates = (resource[name] for name in _DATES if name in resource)
    return str(next(dates, period.get("start", "")))


def _has_code(resource: Resource, tokens: Sequence[str]) -> bool:
    codings = resource.get("code", {}).get("coding", ())
    return any(_matches(coding, token) for coding in codings for token in tokens)


def _matches(coding: Resource, token: str) -> bool:
    system, has_system, code = token.rpartition("|")
    return code == coding.get("code") and (
        not has_system or system == coding.get("system", "")
    )


def _refers(resource: Resource, elements: Iterable[str], wanted: str) -> bool:
    references = (resource.get(name, {}).get("reference", "") for name in elements)
    return any(f"/{found}".endswith(f"/{wanted}") for found in references)
