"""The application: builds the parts from the settings and wires them to Flask."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from cds_hooks import Feedback, load_request
from cds_hooks.blueprint import (
    FeedbackCallback,
    create_blueprint,
    register_error_handlers,
)
from cds_hooks.key_fetching import fetch_keys
from cds_hooks.key_rings import Fetch
from cds_hooks.trust import Caller, ReplayStore
from service import __version__
from service.admin import only_with_token
from service.advice import Advice
from service.calculator import Calculator
from service.callers import allowed_origins, build_trust
from service.card_routes import create_card_routes
from service.config import Settings, SettingsError
from service.knowledge_routes import create_knowledge_routes
from service.metrics import Metrics
from service.model_card.card import ModelCard, Now
from service.nomogram_routes import create_nomogram_routes
from service.observability import (
    OTHER_PATIENT,
    WITHHELD,
    ready_report,
    set_level,
    watch,
)
from service.open_mode import only_this_machine
from service.outcome_routes import create_outcome_routes
from service.pages import speak
from service.parts import Clock, Parts, build_parts, wall_clock
from service.smart.assembly import add_smart_app
from service.tracing import TracingMissingError, collector, tracer_of
from service.try_routes import create_try_routes
from service.web import create_pages
from service.wording import Wording

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

__all__ = ["create_app", "example_request_file"]

_log = logging.getLogger(__name__)


class _Application(Flask):
    """Flask without a look at every function, each time, whether it is a coroutine."""

    #: Whether any web page may read what is answered; the workers ask for it.
    is_open = False

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Give the function: none here is asynchronous."""
        return func


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    replays: ReplayStore | None = None,
    fetch_keys: Fetch = fetch_keys,
    traces: "TracerProvider | None" = None,
) -> Flask:
    """
    Build the WSGI application.

    Parameters
    ----------
    settings : Settings
        The settings.
    clock : callable, optional
        Gives the time of a call, with its zone.
    replays : ReplayStore, optional
        Which tokens have come; the store's own memory if not given.
    fetch_keys : callable
        Reads a registered address of keys.
    traces : TracerProvider, optional
        Takes spans; if not given, the collector, where the settings want it.

    Returns
    -------
    flask.Flask
        The application.

    Raises
    ------
    SettingsError
        If a file that a setting names is refused, or, outside of open mode, no client
        could prove itself.
    """
    metrics = Metrics(Wording().words["override"])
    parts = build_parts(
        settings,
        clock,
        is_recording=True,
        on_advice=_tell(metrics),
        on_fetch=metrics.count_fetch,
    )
    now = clock or wall_clock(settings.time_zone)
    if replays is None and parts.store is not None:
        replays = parts.store.replay_ids
    trust = build_trust(
        settings,
        parts.clients,
        replays,
        clock=lambda: now().timestamp(),
        fetch=fetch_keys,
    )
    _rehearse(parts)
    set_level(settings.log_level)
    app = _Application(__name__, static_folder=None)
    app.is_open = settings.is_open
    app.extensions["scnen_cds"] = parts
    # Flask's own answer to OPTIONS is an empty page that nobody has described.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    if settings.is_open:
        app.before_request(only_this_machine(settings.public_url))
    app.register_blueprint(
        create_blueprint(
            parts.registry,
            on_feedback=_keep_feedback(parts, metrics),
            client_of=parts.client_of,
            trust=trust,
            is_discovery_private=settings.is_discovery_private,
            allowed_origins=allowed_origins(settings, parts.clients),
        )
    )
    speak(app, settings.locale, parts.policy.approval.is_of)
    card = ModelCard(parts.model, parts.validation)
    moment = _moment(parts, now)
    app.register_blueprint(
        create_pages(
            parts.model,
            parts.advice.mode_now,
            parts.policy,
            parts.switch.order,
            parts.days_left,
            card=card,
            now=moment,
            safety_contact=settings.safety_contact,
        )
    )
    calculator = Calculator(parts.model, parts.advice.mode_now, parts.policy)
    app.register_blueprint(create_nomogram_routes(calculator, parts.switch.order))
    app.register_blueprint(create_card_routes(card, moment))
    app.register_blueprint(create_knowledge_routes(parts, settings))
    if settings.is_open:
        app.register_blueprint(
            create_try_routes(
                parts.registry,
                parts.clients,
                now,
                order=parts.switch.order,
                open_client=parts.open_client,
                language=parts.open_client.language or settings.locale,
                stays_away=parts.policy.overridden.stays_away,
            )
        )
    if parts.store is not None:
        add_smart_app(
            app,
            parts,
            settings,
            now,
            calculator=calculator,
            store=parts.store,
            replays=replays,
        )
        only_admin = only_with_token(settings.admin_token, is_open=settings.is_open)
        app.register_blueprint(create_outcome_routes(parts.store, only_admin))
    register_error_handlers(app)
    watch(
        app,
        frozenset(service.id for service in parts.registry),
        _on_answer(metrics, settings, traces),
    )
    _add_health(app, parts)
    _add_metrics(app, parts, metrics, settings)
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


def _moment(parts: Parts, clock: Clock) -> Callable[[], Now]:
    """Tell what of the model card holds at the moment."""

    def moment() -> Now:
        order, left = parts.switch.order(), parts.days_left()
        return Now(
            mode=parts.advice.mode_now().value,
            stopped=order.stop.value if order else None,
            is_expired=left is not None and left < 0,
            today=clock().date(),
        )

    return moment


def _rehearse(parts: Parts) -> None:
    """Answer a synthetic request: what is built on first use is built before."""
    body = orjson.loads(example_request_file().read_bytes())
    parts.advice(load_request(body, body["hook"]))


def _on_answer(
    metrics: Metrics, settings: Settings, traces: "TracerProvider | None"
) -> Callable[[Mapping[str, Any], int, float], None]:
    """Count an answer, and trace it where the settings want that."""
    if not settings.is_traced:
        return metrics.count_answer
    try:
        record = tracer_of(traces or collector(__version__))
    except TracingMissingError:
        raise SettingsError(
            "SCNEN_TRACING: the packages are not installed. Install the extra with"
            " pip install 'scnen-cds[tracing]', or remove the variable."
        ) from None

    def tell(told: Mapping[str, Any], status: int, seconds: float) -> None:
        metrics.count_answer(told, status, seconds)
        record(told, status, seconds)

    return tell


def _tell(metrics: Metrics) -> Callable[[Advice], None]:
    def tell(advice: Advice) -> None:
        metrics.count_advice(advice)
        if advice.withheld:
            request.environ[WITHHELD] = advice.quiet
        if advice.assessment and (others := advice.assessment.extraction.other_patient):
            request.environ[OTHER_PATIENT] = others

    return tell


def _keep_feedback(parts: Parts, metrics: Metrics) -> FeedbackCallback:
    """Keep what clinicians did; the client is told so once it is on the disk."""
    store = parts.store

    def keep(service_id: str, items: Sequence[Feedback], caller: Caller | None) -> None:
        if store is not None:
            # In open mode nobody says who sends feedback.
            client = caller.client if caller else parts.open_client
            store.keep_feedback(client.name, service_id, items)
        metrics.count_feedback(items)
        outcomes = Counter(item.outcome for item in items)
        _log.info("feedback", extra={"service": service_id, **outcomes})

    return keep


def _add_health(app: Flask, parts: Parts) -> None:
    pings: dict[str, Callable[[], Mapping[str, Any]]] = {
        "model": lambda: _model_health(parts),
        "policy": lambda: {
            "version": parts.policy.version,
            "approved": parts.policy.approval.is_given,
        },
        "terminology": lambda: {"codes": len(parts.terminology.query_codes)},
        "switch": lambda: {
            "stopped": order.stop.value if (order := parts.switch.order()) else None
        },
    }
    if parts.store is not None:
        pings["store"] = parts.store.health

    @app.get("/healthz/live")
    def live() -> Response:
        return _json({"status": "live", "version": __version__})

    @app.get("/healthz/ready")
    def ready() -> Response:
        report, is_ready = ready_report(pings)
        return _json(report, 200 if is_ready else 503)


def _add_metrics(
    app: Flask, parts: Parts, metrics: Metrics, settings: Settings
) -> None:
    metrics.watch_output(
        parts.model, parts.advice.mode_now, parts.switch.order, parts.days_left
    )
    if (store := parts.store) is not None:
        store.on_lost = metrics.count_lost
        metrics.watch_store(
            lambda: store.health()["database"] == "up",
            lambda: store.health()["waiting_bytes"],
        )
    check = only_with_token(settings.metrics_token, is_open=settings.is_open)

    @app.get("/metrics")
    def collect() -> Response:
        check()
        text = metrics.exposition()
        return Response(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _model_health(parts: Parts) -> dict[str, str | bool]:
    days_left, until = parts.days_left(), parts.model.valid_until
    expiry: dict[str, str | bool] = {}
    if days_left is not None and until is not None:
        expiry = {"valid_until": until.isoformat(), "expired": days_left < 0}
    return {
        "id": parts.model.id,
        "version": parts.model.version,
        "digest": parts.model.digest,
        "mode": parts.advice.mode_now().value,
        **expiry,
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
