"""The hook console: fires a hook as an EHR would, and shows what comes of it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from secrets import token_hex
from typing import Any, Final

import orjson
from flask import Blueprint, Response, request, url_for

from cds_hooks import BadRequest, Client, ClientRegister, Registry
from cds_hooks.bodies import read_json
from cds_hooks.services import Service
from service.console import card_blocks, choices, patients, written_request
from service.pages import render_page
from service.switch import Order
from service.web import protect

__all__ = ["create_try_routes"]

_MOST_BYTES: Final = 256 * 1024


def create_try_routes(
    registry: Registry,
    register: ClientRegister,
    clock: Callable[[], datetime],
    *,
    order: Callable[[], Order | None],
    open_client: Client,
    language: str,
    stays_away: bool,
    mark: Callable[[int], str] = token_hex,
) -> Blueprint:
    """
    Build the page to try the service with; for open mode alone.

    Parameters
    ----------
    registry : Registry
        The services.
    register : ClientRegister
        The registered clients.
    clock : callable
        Gives the time, with its zone.
    order : callable
        Tells what is switched off.
    open_client : Client
        Whom a caller is taken for whose FHIR server is not known.
    language : str
        In which that one is answered.
    stays_away : bool
        Whether a card that was overridden is not shown again in the same stay.
    mark : callable, optional
        Gives random letters and digits, for so many bytes: they make the next synthetic
        patient a person of its own.

    Returns
    -------
    flask.Blueprint
        ``GET /try``, ``POST /try/request`` and ``POST /try/detail``. Hooks and feedback
        are sent by the page to the routes that an EHR uses.
    """
    routes = Blueprint("try_it", __name__)
    routes.after_request(protect)
    services = {service.id: service for service in registry}
    ids = {service.hook: service.id for service in registry}
    clients = choices(register)

    @routes.get("/try")
    def page() -> Response:
        answer = render_page(
            "try.html",
            order=order(),
            patients=patients().values(),
            services=services.values(),
            ids=ids,
            clients=clients,
            open_client=open_client,
            card_language=language,
            stays_away=stays_away,
            discovery=url_for("cds_hooks.discover"),
            own_stylesheet="try.css",
        )
        return _kept_nowhere(answer)

    @routes.post("/try/request")
    def write() -> Response:
        asked = _texts(read_json(request.environ, _MOST_BYTES), "patient", "service")
        patient = patients().get(asked["patient"])
        if patient is None:
            raise BadRequest("patient: must be the name of a synthetic patient")
        service = _service(services, asked["service"])
        return _json(written_request(patient, service, clock(), mark(3)))

    @routes.post("/try/detail")
    def read() -> Response:
        asked = _texts(read_json(request.environ, _MOST_BYTES), "markdown")
        return _json({"blocks": card_blocks(asked["markdown"])})

    return routes


def _texts(body: object, *names: str) -> Mapping[str, str]:
    """Check an object of texts; what it says is never repeated."""
    if not isinstance(body, dict):
        raise BadRequest("body: must be an object")
    for name in names:
        if not isinstance(body.get(name), str):
            raise BadRequest(f"{name}: must be a text")
    return body


def _service(services: Mapping[str, Service], asked: str) -> Service:
    if asked not in services:
        raise BadRequest(f"service: must be one of {', '.join(services)}")
    return services[asked]


def _json(document: Mapping[str, Any]) -> Response:
    body = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    return _kept_nowhere(Response(body, content_type="application/json"))


def _kept_nowhere(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
