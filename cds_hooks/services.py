"""The services that are hosted: what each one is, and all of them together."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cds_hooks.cards import Response
from cds_hooks.errors import InvalidService, UnknownService
from cds_hooks.hooks import HOOKS, HookRequest
from cds_hooks.prefetch import lint

__all__ = ["Registry", "Service"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*")
_SEMVER = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?")


@dataclass(frozen=True, slots=True)
class Service:
    """
    One service at one hook.

    Attributes
    ----------
    id : str
        Last segment of its URL; needs no escaping.
    hook : str
        Name of a hook of the library.
    title : str
        Name for people.
    description : str
        What it does, for people.
    handler : callable
        Takes a `HookRequest`, returns a `Response`. It may raise a `CDSHooksError` to
        answer with its status; anything else is answered with 500 and no detail.
    prefetch : Mapping
        Key to FHIR query, in the order in which clients shall read them.
    usage_requirements : str or None
        What a client must do for the service to be of use.
    version : str or None
        Version of the specification it follows; None leaves it out of discovery.
    user_types : tuple of str
        FHIR types of user it serves, if not all that the hook allows.

    Raises
    ------
    InvalidService
        If a field breaks a rule of the specification.
    InvalidTemplate
        If a prefetch template does.
    """

    id: str
    hook: str
    title: str
    description: str
    handler: Callable[[HookRequest], Response]
    prefetch: Mapping[str, str] = field(default_factory=dict)
    usage_requirements: str | None = None
    version: str | None = "2.0.1"
    user_types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a wrong value and keep an own copy of the templates."""
        if not _ID.fullmatch(self.id):
            raise InvalidService("Service.id: use letters, digits and . _ ~ - only")
        if self.hook not in HOOKS:
            raise InvalidService(f"Service.hook: expected one of {', '.join(HOOKS)}")
        self._check_texts()
        self._check_users()
        for key, template in self.prefetch.items():
            if not key.strip():
                raise InvalidService("Service.prefetch: a key is blank")
            lint(template, HOOKS[self.hook])
        object.__setattr__(self, "prefetch", MappingProxyType(dict(self.prefetch)))

    def _check_texts(self) -> None:
        for name in ("title", "description", "usage_requirements"):
            text = getattr(self, name)
            if text is not None and not text.strip():
                raise InvalidService(f"Service.{name}: is blank")
        if self.version is not None and not _SEMVER.fullmatch(self.version):
            raise InvalidService("Service.version: expected three numbers, like 2.0.1")

    def _check_users(self) -> None:
        allowed = HOOKS[self.hook].user_types
        if not set(self.user_types) <= set(allowed):
            known = ", ".join(allowed) or "no user"
            raise InvalidService(f"Service.user_types: {self.hook} knows {known}")


class Registry:
    """
    The services hosted at one base URL, in the order of discovery.

    Parameters
    ----------
    services : iterable of Service
        What is hosted. One id may stand at several hooks: then it is the same
        guidance, brought up to date.

    Raises
    ------
    InvalidService
        If two services share id and hook.
    """

    def __init__(self, services: Iterable[Service] = ()) -> None:
        self._services = tuple(services)
        self._by_id: dict[str, dict[str, Service]] = {}
        for service in self._services:
            hooks = self._by_id.setdefault(service.id, {})
            if service.hook in hooks:
                raise InvalidService(
                    f"Service.id: {service.id} stands twice at {service.hook}"
                )
            hooks[service.hook] = service

    def __iter__(self) -> Iterator[Service]:
        """Go through the services in order."""
        return iter(self._services)

    def at(self, service_id: str) -> Mapping[str, Service]:
        """
        Find what is hosted under an id.

        Parameters
        ----------
        service_id : str
            Last segment of the URL.

        Returns
        -------
        Mapping
            Name of the hook to service; never empty.

        Raises
        ------
        UnknownService
            If there is none.
        """
        if service_id not in self._by_id:
            raise UnknownService
        return self._by_id[service_id]
