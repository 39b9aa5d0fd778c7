"""The protocol over HTTP: one Flask blueprint, and JSON for every failure."""

import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial
from traceback import walk_tb
from typing import TYPE_CHECKING

import orjson
from flask import Blueprint, Flask, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from cds_hooks.bodies import read_json
from cds_hooks.clients import Client
from cds_hooks.dumping import (
    dump_discovery,
    dump_response,
    operation_outcome,
    receipt,
)
from cds_hooks.errors import (
    BadRequest,
    CDSHooksError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    ServiceFault,
    Unauthorized,
    Unavailable,
    UnknownService,
    UnsupportedMediaType,
)
from cds_hooks.feedback import Feedback
from cds_hooks.hooks import HookRequest
from cds_hooks.loading import load_feedback, load_request
from cds_hooks.origins import allow_origins, check_origins
from cds_hooks.services import Registry, Service
from cds_hooks.slashes import merge_slashes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from cds_hooks.trust import Caller, Trust

__all__ = ["FeedbackCallback", "create_blueprint", "register_error_handlers"]

#: Takes the id of the service, the items of a batch that could be used, and who sent
#: them; None where nobody is asked.
FeedbackCallback = Callable[[str, Sequence[Feedback], "Caller | None"], None]

_LOG = logging.getLogger("cds_hooks")
_ROOT = "/cds-services"
_NO_STORE = (("Cache-Control", "no-store"),)
_BY_STATUS = {
    error.status: error
    for error in (
        Unauthorized,
        NotFound,
        MethodNotAllowed,
        PayloadTooLarge,
        UnsupportedMediaType,
        Unavailable,
    )
}


def create_blueprint(
    registry: Registry,
    *,
    on_feedback: FeedbackCallback | None = None,
    client_of: Callable[[str | None], Client] | None = None,
    trust: "Trust | None" = None,
    is_discovery_private: bool = False,
    allowed_origins: str | Collection[str] = "*",
    max_body_bytes: int = 8 * 1024 * 1024,
) -> Blueprint:
    """
    Make the routes of CDS Hooks for the services of a registry.

    Parameters
    ----------
    registry : Registry
        What is hosted.
    on_feedback : callable, optional
        Takes the id of a service, the feedback on its cards and who sent it. A client
        may send the same twice. If it raises, the client is told to send it again.
        Without it the feedback routes answer 404, as the specification has it.
    client_of : callable, optional
        Tells who called where nobody proves it, from the ``fhirServer`` of the request
        or None; the handler finds the answer in `HookRequest.client`.
    trust : Trust, optional
        Lets in only who proves to be a client; the handler finds who it is in
        `HookRequest.client` and `HookRequest.tenant`. Without, everybody is let in.
    is_discovery_private : bool
        Whether discovery asks for proof as well. ``OPTIONS`` never does.
    allowed_origins : str or collection of str
        Origins of web pages that may call, or ``"*"`` for all. Credentials in cookies
        are never allowed.
    max_body_bytes : int
        Largest body that is read, in bytes.

    Returns
    -------
    flask.Blueprint
        ``GET /cds-services``, ``POST /cds-services/<id>`` and
        ``POST /cds-services/<id>/feedback``, each with ``OPTIONS``. Use
        `register_error_handlers` as well, so that wrong methods and addresses are
        answered in JSON.

    Raises
    ------
    ValueError
        If an allowed origin is not scheme, host and port alone.
    """
    blueprint = Blueprint("cds_hooks", __name__)
    discovery = orjson.dumps(dump_discovery(registry))

    def admit(path: str) -> "Caller | None":
        return trust.admit(request.environ, path) if trust else None

    def discover() -> Response:
        if is_discovery_private:
            admit(_ROOT)
        return _json(discovery)

    def call(service_id: str) -> Response:
        caller = admit(f"{_ROOT}/{service_id}")
        hosted = registry.at(service_id)
        body = read_json(request.environ, max_body_bytes)
        service = _choose(hosted.values(), body)
        loaded = load_request(
            body,
            service.hook,
            service.user_types,
            (lambda _: caller.client) if caller else client_of,
            origin=request.environ.get("HTTP_ORIGIN"),
            tenant=caller.tenant if caller else None,
        )
        return _json(_handle(service, loaded), is_about_patient=True)

    def feedback(service_id: str) -> Response:
        caller = admit(f"{_ROOT}/{service_id}/feedback")
        registry.at(service_id)
        if on_feedback is None:
            raise NotFound("this service takes no feedback")
        body = read_json(request.environ, max_body_bytes)
        return _take_feedback(
            service_id, body, lambda items: on_feedback(service_id, items, caller)
        )

    _add_routes(blueprint, discover, call, feedback)
    _refuse_unknown(blueprint, frozenset(service.id for service in registry))
    _handle_errors(blueprint)
    _allow_origins(blueprint, allowed_origins)
    return blueprint


def _add_routes(
    blueprint: Blueprint,
    discover: Callable[[], Response],
    call: Callable[[str], Response],
    feedback: Callable[[str], Response],
) -> None:
    for rule, name, method, view in (
        (_ROOT, "discover", "GET", discover),
        (f"{_ROOT}/<service_id>", "call", "POST", call),
        (f"{_ROOT}/<service_id>/feedback", "feedback", "POST", feedback),
    ):
        for suffix, handler, served in (
            ("", view, method),
            ("_preflight", partial(_preflight, method), "OPTIONS"),
        ):
            blueprint.add_url_rule(
                rule,
                name + suffix,
                handler,
                methods=[served],
                strict_slashes=False,
                provide_automatic_options=False,
            )


def _refuse_unknown(blueprint: Blueprint, ids: Collection[str]) -> None:
    """Let an unknown service be 404 for every method: 405 would say that it exists."""

    def register(state: BlueprintSetupState) -> None:
        below = f"{state.url_prefix or ''}{_ROOT}/"

        def refuse() -> Response | None:
            if request.routing_exception and request.path.startswith(below):
                service_id = request.path.removeprefix(below).partition("/")[0]
                if service_id and service_id not in ids:
                    return _answer(UnknownService())
            return None

        state.app.before_request(refuse)

    blueprint.record_once(register)


def _preflight(method: str, **_: str) -> Response:
    response = Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": f"{method}, OPTIONS",
            # Named one by one: "*" would not cover Authorization.
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": "600",
        },
    )
    # There is no content to have a type; Flask says text/html.
    del response.headers["Content-Type"]
    return response


def _allow_origins(blueprint: Blueprint, origins: str | Collection[str]) -> None:
    """Add CORS headers to every answer below the root, failures included."""
    allowed = frozenset([origins] if isinstance(origins, str) else origins)
    check_origins(allowed)

    def register(state: BlueprintSetupState) -> None:
        app: Flask = state.app  # type: ignore[assignment] # of another name only
        root = (state.url_prefix or "") + _ROOT
        app.wsgi_app = allow_origins(app.wsgi_app, root, allowed)  # type: ignore[assignment, method-assign] # as Flask documents it

    blueprint.record_once(register)


def _choose(services: Collection[Service], body: object) -> Service:
    """Find the service at the hook that the body names."""
    hook = body.get("hook") if isinstance(body, dict) else None
    for service in services:
        if service.hook == hook:
            return service
    hooks = " or ".join(service.hook for service in services)
    raise BadRequest(f"hook: must be {hooks} at this address")


def _handle(service: Service, hook_request: HookRequest) -> bytes:
    try:
        return orjson.dumps(dump_response(service.handler(hook_request)))
    except CDSHooksError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a 500
        _log(f"service {service.id}", error)
        raise ServiceFault from None


def _take_feedback(
    service_id: str, body: object, take: Callable[[Sequence[Feedback]], None]
) -> Response:
    good, bad = load_feedback(body)
    if good:
        try:
            take(good)
        except Exception as error:  # noqa: BLE001 - the client keeps it and tries again
            _log(f"feedback on {service_id}", error)
            raise Unavailable from None
    note = f"{len(good)} of the items were accepted"
    if bad:
        problems = (item.message for item in bad)
        raise BadRequest(*problems, note=f"{note}; correct and send only the others")
    return _json(orjson.dumps(receipt(note)), is_about_patient=True)


def _log(what: str, error: BaseException) -> None:
    """Log the class and the place: message and values may be patient data."""
    frame, line = list(walk_tb(error.__traceback__))[-1]
    place = f"{frame.f_globals.get('__name__')}:{line}"
    _LOG.error("%s failed: %s in %s", what, type(error).__name__, place)


class _Document(Response):
    """JSON whose headers are complete when it is made."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:  # noqa: ARG002 as its base
        """Give the headers: the base class copies them to look for what is missing."""
        return self.headers


def _json(
    body: bytes, status: int = 200, *, is_about_patient: bool = False
) -> Response:
    headers = _NO_STORE if is_about_patient else ()
    return _Document(body, status, headers, content_type="application/json")


def register_error_handlers(app: Flask) -> None:
    """
    Answer every failure of an application with an OperationOutcome, never a redirect.

    Some clients join addresses with one slash too many, and Flask would redirect them
    by a page that repeats the request's Host header. So repeated slashes are read as
    one and a slash at the end as none, on all routes of the application.

    Parameters
    ----------
    app : flask.Flask
        The application; also its other routes answer failures in JSON.
    """
    _handle_errors(app)
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    for rule in app.url_map.iter_rules():
        rule.strict_slashes = False
    app.wsgi_app = merge_slashes(app.wsgi_app)  # type: ignore[assignment, method-assign] # as Flask documents it


def _handle_errors(app: Flask | Blueprint) -> None:
    app.register_error_handler(CDSHooksError, _answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_fault)


def _answer(error: CDSHooksError) -> Response:
    body = orjson.dumps(operation_outcome(error))
    response = _json(body, error.status, is_about_patient=True)
    if error.status == Unauthorized.status:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _answer_http(error: HTTPException) -> Response:
    status = error.code or ServiceFault.status
    fallback = BadRequest if status < ServiceFault.status else ServiceFault
    response = _answer(_BY_STATUS.get(status, fallback)())
    response.status_code = status
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after", "www-authenticate"}:
            response.headers[name] = value
    return response


def _answer_fault(error: Exception) -> Response:
    _log("a request", error)
    return _answer(ServiceFault())
