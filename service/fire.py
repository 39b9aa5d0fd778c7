"""Plays the EHR: finds a service, fires a hook, and listens."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests

from service.hook_requests import FireError

__all__ = [
    "FireError",
    "Reply",
    "discover",
    "find_service",
    "fire",
    "open_session",
]

#: seconds to connect, and seconds between two bytes of the answer
_TIMEOUT_S = (3.0, 10.0)


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
