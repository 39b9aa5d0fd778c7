"""The knowledge artifacts over HTTP: FHIR R4, read and search, nothing else."""

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson
from flask import Blueprint, Response, request

from cds_hooks.errors import BadRequest, CDSHooksError, NotFound
from service.assessment import OutputMode
from service.switch import SwitchedOffError, is_off
from service.web import protect

if TYPE_CHECKING:
    from service.config import Settings
    from service.knowledge.collection import Collection
    from service.parts import Parts

__all__ = ["create_knowledge_routes"]

_JSON: Final = "application/fhir+json"
#: What may be asked for, and is given: a browser's Accept holds ``*/*``.
_ACCEPTED: Final = frozenset({_JSON, "application/json", "application/*", "*/*"})
#: The same as a parameter, where a plus may have become a blank.
_FORMATS: Final = frozenset(
    {_JSON, "application/fhir json", "application/json", "json"}
)
_SEARCHED: Final = frozenset({"url", "version"})
#: What offers the advice or its number. Codes and forms are read on: records that
#: hold them stay, and must stay readable.
_ADVICE: Final = frozenset({"ActivityDefinition", "Library", "PlanDefinition"})


class _NotAcceptableError(CDSHooksError):
    """The client wants another format."""

    code = "not-supported"
    status = 406
    description = "Only application/fhir+json is given here."


def create_knowledge_routes(parts: "Parts", settings: "Settings") -> Blueprint:
    """
    Build the routes of the knowledge artifacts.

    Parameters
    ----------
    parts : Parts
        Model, policy and service that they are about.
    settings : Settings
        The addresses.

    Returns
    -------
    flask.Blueprint
        ``GET /fhir/metadata``, ``/fhir/<type>`` and ``/fhir/<type>/<id>``.
    """
    routes = Blueprint("knowledge", __name__)

    @lru_cache(maxsize=len(OutputMode))
    def collected(mode: OutputMode) -> "Collection":
        from service.knowledge.collection import collect  # noqa: PLC0415 not at start

        return collect(parts, settings, mode)

    def collection() -> "Collection":
        return collected(parts.advice.mode_now())

    def refuse_if_off(resource_type: str) -> None:
        if resource_type in _ADVICE and is_off(parts.switch.order()):
            raise SwitchedOffError

    @routes.get("/fhir/metadata")
    def metadata() -> Response:
        _check(request.args, frozenset())
        return _answer(collection().statement())

    @routes.get("/fhir/<resource_type>")
    def search(resource_type: str) -> Response:
        asked = _check(request.args, _SEARCHED)
        refuse_if_off(resource_type)
        return _answer(collection().search(resource_type, asked))

    @routes.get("/fhir/<resource_type>/<resource_id>")
    def read(resource_type: str, resource_id: str) -> Response:
        _check(request.args, frozenset())
        refuse_if_off(resource_type)
        return _answer(collection().read(resource_type, resource_id))

    routes.after_request(_as_fhir)
    return routes


def _check(args: Any, known: frozenset[str]) -> dict[str, str]:  # noqa: ANN401 Werkzeug's
    """Refuse what would be ignored: an answer to another question misleads."""
    asked = {name: values for name, values in args.lists() if name != "_format"}
    if not asked.keys() <= known or any(len(values) > 1 for values in asked.values()):
        can = " and ".join(sorted(known)) or "nothing"
        raise BadRequest(f"parameters: only {can} can be asked for, each once")
    _check_format(args.getlist("_format"))
    return {name: values[0] for name, values in asked.items()}


def _check_format(formats: list[str]) -> None:
    """Look at the parameter; without one, at the header, where nothing means all."""
    accepted = [
        each.partition(";")[0].strip().lower()
        for each, quality in request.accept_mimetypes
        if quality > 0
    ]
    if formats:
        is_given = set(formats) <= _FORMATS
    else:
        is_given = not request.accept_mimetypes or not _ACCEPTED.isdisjoint(accepted)
    if not is_given:
        raise _NotAcceptableError


def _answer(resource: dict[str, Any] | None) -> Response:
    """Give a resource that a client may keep as long as it asks whether it changed."""
    if resource is None:
        raise NotFound("there is no such artifact; /fhir/metadata lists the types")
    body = orjson.dumps(resource)
    response = Response(body, content_type=_JSON)
    response.set_etag(sha256(body).hexdigest()[:32])
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def _as_fhir(response: Response) -> Response:
    """Give errors, too, the media type of FHIR."""
    if response.content_type == "application/json":
        response.content_type = _JSON
    return protect(response)
