"""The application: builds the parts from the settings and wires them to Flask."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, request

from cds_hooks import Registry, Unauthorized
from cds_hooks.blueprint import create_blueprint, register_error_handlers
from service import __version__
from service.assessment import Assessor, OutputMode
from service.cards import CardComposer
from service.config import Settings, SettingsError
from service.fhir.terminology import Terminology, TerminologyError, load_terminology
from service.model.artifact import (
    ArtifactError,
    RiskModel,
    bundled_models,
    load_bundled,
    load_model,
)
from service.observability import ready_report, set_level, watch
from service.policy import Policy, PolicyError, default_policy, load_policy
from service.services import FollowUpAdvice, services

__all__ = ["Parts", "build_parts", "create_app", "example_request_file", "wall_clock"]

#: The study published two equations; each is shown beside the other where they differ.
_OTHER_EQUATION = {"liu-nomogram": "liu-table2", "liu-table2": "liu-nomogram"}


@dataclass(frozen=True, slots=True)
class Parts:
    """
    Everything that answers a hook call, without a web server.

    Attributes
    ----------
    model : RiskModel
        The model whose number is shown.
    mode : OutputMode
        What kind of number that is.
    policy : Policy
        When a card is given.
    terminology : Terminology
        Which codes mean what.
    advice : FollowUpAdvice
        The handler of the hook calls.
    registry : Registry
        The services as clients discover them.
    """

    model: RiskModel
    mode: OutputMode
    policy: Policy
    terminology: Terminology
    advice: FollowUpAdvice
    registry: Registry


def wall_clock() -> datetime:
    """
    Tell the time.

    Returns
    -------
    datetime.datetime
        Now, in UTC.
    """
    return datetime.now(UTC)


def build_parts(
    settings: Settings, clock: Callable[[], datetime] = wall_clock
) -> Parts:
    """
    Build what the settings ask for, or say which of them cannot be used.

    Parameters
    ----------
    settings : Settings
        The settings.
    clock : callable, optional
        Gives the time of a call, with its zone.

    Returns
    -------
    Parts
        The parts, checked.

    Raises
    ------
    SettingsError
        If a file that a setting names is refused, or model and output mode do not go
        together.
    """
    model = _model(settings)
    mode = _mode(settings, model)
    policy = _policy(settings)
    terminology = _terminology(settings)
    assessor = Assessor(
        model=model,
        second_model=_second_model(model),
        policy=policy,
        terminology=terminology,
        mode=mode,
    )
    advice = FollowUpAdvice(assessor, _composer(settings, model, mode, policy), clock)
    registry = Registry(services(advice, terminology))
    return Parts(model, mode, policy, terminology, advice, registry)


def create_app(
    settings: Settings, *, clock: Callable[[], datetime] = wall_clock
) -> Flask:
    """
    Build the WSGI application.

    Parameters
    ----------
    settings : Settings
        The settings.
    clock : callable, optional
        Gives the time of a call, with its zone.

    Returns
    -------
    flask.Flask
        The application.

    Raises
    ------
    SettingsError
        If a setting cannot be used, or open mode is off: this version cannot
        authenticate clients.
    """
    if not settings.is_open:
        raise SettingsError(
            "SCNEN_OPEN: this version cannot authenticate clients and only serves in"
            " open mode, on a loopback address. Set it to true for that."
        )
    parts = build_parts(settings, clock)
    set_level(settings.log_level)
    app = Flask(__name__, static_folder=None)
    watch(app, frozenset(service.id for service in parts.registry))
    app.before_request(_refuse_other_machines)
    app.register_blueprint(create_blueprint(parts.registry))
    register_error_handlers(app)
    _add_health(app, parts)
    _add_description(app)
    return app


def example_request_file() -> Path:
    """
    Find a hook request that ships with the service and gives a card.

    Returns
    -------
    pathlib.Path
        A file with the JSON body of a call to ``scnen-discharge``.
    """
    return Path(str(files("service"))) / "data/examples/encounter-discharge.json"


def _model(settings: Settings) -> RiskModel:
    """Load a bundled model by its id, or a site's own by its path."""
    chosen = settings.model
    try:
        if chosen in bundled_models():
            return load_bundled(chosen)
        if Path(chosen).is_file():
            return load_model(Path(chosen))
    except ArtifactError as error:
        raise SettingsError(f"SCNEN_MODEL: {error}") from error
    raise SettingsError(
        f"SCNEN_MODEL: {chosen} is neither a bundled model"
        f" ({', '.join(sorted(bundled_models()))}) nor the path of a file."
    )


def _second_model(model: RiskModel) -> RiskModel | None:
    other = _OTHER_EQUATION.get(model.id)
    return load_bundled(other) if other else None


def _mode(settings: Settings, model: RiskModel) -> OutputMode:
    """Refuse to call a number what it is not."""
    mode = OutputMode(settings.output_mode)
    if mode is not OutputMode.RELATIVE and mode.value != model.mode:
        raise SettingsError(
            f"SCNEN_OUTPUT_MODE: {mode.value} needs a model of that kind, and"
            f" {model.id} is {model.mode}. Choose {model.mode} or relative, or another"
            " SCNEN_MODEL."
        )
    return mode


def _policy(settings: Settings) -> Policy:
    if settings.policy_file is None:
        return default_policy()
    try:
        return load_policy(settings.policy_file)
    except PolicyError as error:
        raise SettingsError(f"SCNEN_POLICY_FILE: {error}") from error


def _terminology(settings: Settings) -> Terminology:
    try:
        return load_terminology(settings.conceptmaps_dir, base=settings.canonical_base)
    except TerminologyError as error:
        raise SettingsError(f"SCNEN_CONCEPTMAPS_DIR: {error}") from error


def _composer(
    settings: Settings, model: RiskModel, mode: OutputMode, policy: Policy
) -> CardComposer:
    try:
        return CardComposer(
            model=model,
            mode=mode,
            policy=policy,
            public_url=settings.public_url,
            canonical_base=settings.canonical_base,
            secret_key=settings.secret_key.encode(),
            locale=settings.locale,
        )
    except FileNotFoundError as error:
        raise SettingsError(
            f"SCNEN_LOCALE: there are no cards in {settings.locale}; en always works."
        ) from error


def _refuse_other_machines() -> None:
    """Open mode answers this machine only, whatever address gunicorn was bound to."""
    if not _is_loopback(request.remote_addr or ""):
        raise Unauthorized


@lru_cache(maxsize=64)
def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _add_health(app: Flask, parts: Parts) -> None:
    pings: Mapping[str, Callable[[], Mapping[str, Any]]] = {
        "model": lambda: _model_health(parts),
        "policy": lambda: {
            "version": parts.policy.version,
            "approved": parts.policy.approval.is_given,
        },
        "terminology": lambda: {"codes": len(parts.terminology.query_codes)},
    }

    @app.get("/healthz/live")
    def live() -> Response:
        return _json({"status": "live", "version": __version__})

    @app.get("/healthz/ready")
    def ready() -> Response:
        report, is_ready = ready_report(pings)
        return _json(report, 200 if is_ready else 503)


def _model_health(parts: Parts) -> dict[str, str]:
    return {
        "id": parts.model.id,
        "version": parts.model.version,
        "digest": parts.model.digest,
        "mode": parts.mode.value,
    }


def _add_description(app: Flask) -> None:
    text = files("service").joinpath("data/openapi.yaml").read_bytes()

    @app.get("/openapi.yaml")
    def openapi() -> Response:
        return Response(text, content_type="application/yaml")


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    response = Response(orjson.dumps(document), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
