"""One call of a service, with all that a given client puts into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from cds_hooks import Client
from cds_hooks.prefetch import resolve
from service.ehr.chart import Chart, Part, Subject, kind_of
from service.ehr.manners import manners_of
from service.fhir.client import FHIRClient
from service.fire import FireError

__all__ = ["Call", "Occasion", "PlayedEHR", "choose_service"]

_DISCHARGE: Final = "encounter-discharge"
_VIEW: Final = "patient-view"
_HOOKS: Final = (_DISCHARGE, _VIEW)
_TOKEN_LIFE_S: Final = 300


@dataclass(frozen=True, slots=True)
class Occasion:
    """
    When and how a hook fires.

    Attributes
    ----------
    subject : Subject
        Whom it is about.
    user : str or None
        Reference of the user; None for the client's usual one.
    trigger : str or None
        Value of the client's trigger; None for a discharge if there is an encounter.
    has_prefetch : bool or None
        Whether data are sent along; None as the client is known to do.
    parts : Mapping
        By prefetch key: what is left of it.
    hook_instance : str
        UUID of the firing.
    """

    subject: Subject
    user: str | None = None
    trigger: str | None = None
    has_prefetch: bool | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    hook_instance: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class Call:
    """
    A request, and what was done to make it.

    Attributes
    ----------
    body : Mapping
        The request; it may hold a token, so it is never shown.
    told : tuple of (str, str)
        What is in it, for people: label and text, without patient data.
    """

    body: Mapping[str, Any] = field(repr=False)
    told: tuple[tuple[str, str], ...]


class PlayedEHR:
    """
    A client that fires hooks at our service, with the data of a FHIR server.

    Parameters
    ----------
    client : Client
        Whom to play.
    fhir : FHIRClient
        The way to its FHIR server, made for this call.
    base_url : str
        Base of that server, which the service is told.
    token : str or None, optional
        The token that the service is given for it.
    """

    def __init__(
        self, client: Client, fhir: FHIRClient, base_url: str, token: str | None = None
    ) -> None:
        self._client = client
        self._manners = manners_of(client)
        self._chart = Chart(fhir, base_url, self._manners)
        self._base_url = base_url
        self._token = token

    def call(self, service: Mapping[str, Any], occasion: Occasion) -> Call:
        """
        Write one request.

        Parameters
        ----------
        service : Mapping
            Discovery entry of the service.
        occasion : Occasion
            When and how it fires.

        Returns
        -------
        Call
            The request.

        Raises
        ------
        FireError
            If patient, encounter, trigger or the name of a part is wrong.
        """
        self._chart.check(occasion.subject)
        context = self._context(service["hook"], occasion)
        extension = self._extension(service["hook"], occasion)
        prefetch, told = self._prefetch(service, occasion, context)
        body = {
            "hook": service["hook"],
            "hookInstance": occasion.hook_instance,
            "fhirServer": self._base_url,
            "fhirAuthorization": self._authorization(service),
            "context": context,
            "prefetch": prefetch,
            "extension": extension,
        }
        facts = [("hook", service["hook"])]
        if "encounterId" not in context:
            facts.append(("", "without encounterId"))
        facts += [("extension", f"{name}: {text}") for name, text in extension.items()]
        return Call({k: v for k, v in body.items() if v}, (*facts, *told))

    def _context(self, hook: str, occasion: Occasion) -> dict[str, str]:
        user = occasion.user or self._manners.user
        context = {"userId": user, "patientId": occasion.subject.patient_id}
        is_named = hook != _VIEW or self._manners.names_encounter
        if occasion.subject.encounter_id is not None and is_named:
            context["encounterId"] = occasion.subject.encounter_id
        return context

    def _extension(self, hook: str, occasion: Occasion) -> dict[str, str]:
        trigger = self._client.trigger if hook == _VIEW else None
        if trigger is None:
            if occasion.trigger is not None:
                raise FireError(
                    f"--trigger: {self._client.name} has none for the hook {hook}."
                    " Leave it out, or register the client's `trigger`."
                )
            return dict(self._manners.extension)
        value = occasion.trigger
        if value is None and occasion.subject.encounter_id is not None:
            value = next(iter(trigger.discharge), None)
        named = {} if value is None else {trigger.extension: value}
        return {**named, **self._manners.extension}

    def _authorization(self, service: Mapping[str, Any]) -> dict[str, Any] | None:
        if self._token is None:
            return None
        kinds = sorted({kind_of(query) for query in service["prefetch"].values()})
        smart = " ".join(f"user/{kind}.read" for kind in kinds)
        return {
            "access_token": self._token,
            "token_type": "Bearer",
            "expires_in": _TOKEN_LIFE_S,
            "scope": self._manners.scope or smart,
            "subject": "scnen-cds",
        }

    def _prefetch(
        self,
        service: Mapping[str, Any],
        occasion: Occasion,
        context: Mapping[str, str],
    ) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        templates: Mapping[str, str] = service.get("prefetch") or {}
        for key in occasion.parts:
            if key not in templates:
                raise FireError(
                    f"--partial: {key} is no key of {service['id']}; there are"
                    f" {', '.join(templates)}."
                )
        has_prefetch = occasion.has_prefetch
        if has_prefetch is None:
            has_prefetch = self._client.sends_prefetch
        if not has_prefetch:
            return {}, [("prefetch", "none")]
        queries = {key: resolve(text, context) for key, text in templates.items()}
        ready = {key: query for key, query in queries.items() if query is not None}
        found = self._chart.prefetch(ready, occasion.parts)
        names = {key: self._client.prefetch_names(key)[0] for key in templates}
        prefetch = {names[k]: each.value for k, each in found.items() if each.is_sent}
        said = {
            names[key]: found[key].said if key in found else "left out: needs an id"
            for key in templates
        }
        labels = ["prefetch", *[""] * (len(said) - 1)]
        told = [f"{name}: {text}" for name, text in said.items()]
        return prefetch, list(zip(labels, told, strict=False))


def choose_service(
    services: Sequence[Mapping[str, Any]],
    client: Client,
    hook: str | None,
    encounter_id: str | None,
) -> Mapping[str, Any]:
    """
    Find the service that a client would fire.

    Parameters
    ----------
    services : sequence of Mapping
        Discovery entries.
    client : Client
        Who fires.
    hook : str or None
        Name of the hook; None for a discharge if that is possible.
    encounter_id : str or None
        The encounter, if there is one.

    Returns
    -------
    Mapping
        Its discovery entry.

    Raises
    ------
    FireError
        If the client does not fire such a hook, or no service is at it.
    """
    fired = [name for name in _HOOKS if not client.hooks or name in client.hooks]
    if hook is not None and hook not in fired:
        known = ", ".join(client.hooks or _HOOKS)
        raise FireError(
            f"--hook: {client.name} does not fire {hook}, only {known}. Leave --hook"
            " out, or play another --client."
        )
    if hook == _DISCHARGE and encounter_id is None:
        raise FireError("--encounter: needed, for a discharge ends an encounter")
    if encounter_id is None:
        fired = [name for name in fired if name != _DISCHARGE]
    for wanted in (hook,) if hook else fired:
        for service in services:
            if service.get("hook") == wanted and service.get("prefetch"):
                return service
    found = ", ".join(f"{each.get('id')} ({each.get('hook')})" for each in services)
    raise FireError(
        f"discovery lists no service with prefetch for {hook or ' or '.join(fired)},"
        f" only: {found or 'nothing'}. Is --service the base URL of scnen-cds?"
    )
