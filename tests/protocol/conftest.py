"""A small service of its own: whether a tetanus booster is due at discharge."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_hooks import (
    Action,
    Availability,
    Card,
    Coding,
    DataUnavailable,
    Feedback,
    HookRequest,
    Link,
    Registry,
    Response,
    Service,
    Source,
    Suggestion,
    read,
)
from cds_hooks.blueprint import create_blueprint, register_error_handlers
from cds_hooks.trust import Caller

SYSTEM = "http://example.org/fhir/CodeSystem/booster"
SOURCE = Source(
    "Example vaccination plan",
    url="https://example.org/plan",
    icon="https://example.org/plan.png",
    topic=Coding("BoosterDue", SYSTEM, "Booster due"),
)
PREFETCH = {
    "patient": "Patient/{{context.patientId}}",
    "immunizations": "Immunization?patient={{context.patientId}}&_sort=-date&_count=50",
    "author": "{{context.userId}}",
}
UNUSABLE = {Availability.ABSENT, Availability.UNAVAILABLE, Availability.PAGED}


def advise(request: HookRequest) -> Response:
    """Silence if there is any immunisation, else one plain card."""
    found = read(request.prefetch, "immunizations", {"Immunization"})
    if found.availability in UNUSABLE:
        raise DataUnavailable("prefetch.immunizations: send the whole search result")
    if found.resources:
        return Response()
    return Response((Card("A booster is due.", "info", SOURCE),))


def advise_at_length(request: HookRequest) -> Response:
    """A card with everything a card can have."""
    order = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "subject": {"reference": f"Patient/{request.patient_id}"},
    }
    update = order | {"id": "sr1"}
    suggestions = (
        Suggestion(
            "Order a booster",
            uuid="5c2a5d4e-1f6d-4f0e-9a53-0c0a0e7f1a01",
            is_recommended=True,
            actions=(
                Action("create", "Order a booster", order),
                Action("update", "Change the order", update),
                Action("delete", "Delete the old one", resource_id="ServiceRequest/1"),
            ),
        ),
        Suggestion("Order nothing", uuid="5c2a5d4e-1f6d-4f0e-9a53-0c0a0e7f1a02"),
    )
    card = Card(
        "A booster is due.",
        "warning",
        SOURCE,
        uuid="5c2a5d4e-1f6d-4f0e-9a53-0c0a0e7f1a00",
        detail="| dose | date |\n|---|---|\n| none | - |",
        suggestions=suggestions,
        selection_behavior="at-most-one",
        override_reasons=(Coding("not-now", SYSTEM, "Not now"),),
        links=(
            Link("The plan", "https://example.org/plan"),
            Link(
                "Calculator",
                "https://example.org/launch",
                "smart",
                app_context='{"a": 1}',
                autolaunchable=True,
            ),
        ),
        extension={"org.example.certainty": "low"},
    )
    action = Action("delete", "Delete the old order", resource_id="ServiceRequest/1")
    return Response((card,), (action,), {"org.example.run": 7})


def fail(request: HookRequest) -> Response:
    """Fail with the patient's id in the message, as careless code does."""
    raise KeyError(f"no such patient: {request.patient_id}")


def make_services() -> list[Service]:
    """One service at discharge, one for clinicians in the chart, two odd ones."""
    discharge = Service(
        "booster",
        "encounter-discharge",
        "Booster at discharge",
        "Says whether a tetanus booster is due.",
        advise,
        PREFETCH,
        usage_requirements="Needs the immunisations prefetched.",
    )
    chart = Service(
        "booster-chart",
        "patient-view",
        "Booster",
        "The same in the chart.",
        advise,
        PREFETCH,
        user_types=("Practitioner", "PractitionerRole"),
    )
    full = Service(
        "full", "patient-view", "Everything", "Every field there is.", advise_at_length
    )
    faulty = Service("faulty", "patient-view", "Faulty", "Always fails.", fail)
    return [discharge, chart, full, faulty]


class FeedbackBox:
    """A callback that keeps what it gets, or fails on demand."""

    def __init__(self) -> None:
        self.items: list[tuple[str, Feedback]] = []
        self.callers: list[Caller | None] = []
        self.failure: Exception | None = None

    def __call__(
        self, service_id: str, items: list[Feedback], caller: Caller | None
    ) -> None:
        if self.failure:
            raise self.failure
        self.items += [(service_id, item) for item in items]
        self.callers.append(caller)


def make_app(registry: Registry, **options: Any) -> Flask:
    """An application with nothing but the protocol."""
    app = Flask("example")
    app.register_blueprint(create_blueprint(registry, **options))
    register_error_handlers(app)
    return app


Send = Callable[..., TestResponse]


@pytest.fixture
def build_app() -> Callable[..., Flask]:
    """Build an application from a registry and options."""
    return make_app


@pytest.fixture
def services() -> list[Service]:
    """The sample services."""
    return make_services()


@pytest.fixture
def box() -> FeedbackBox:
    """Where feedback ends up."""
    return FeedbackBox()


@pytest.fixture
def client(box: FeedbackBox) -> Iterator[FlaskClient]:
    """A client of the sample services."""
    with make_app(Registry(make_services()), on_feedback=box).test_client() as client:
        yield client


@pytest.fixture
def send(client: FlaskClient) -> Send:
    """Post JSON (or bytes as they are) to a path below the services."""

    def post(path: str, body: Any, **options: Any) -> TestResponse:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        options.setdefault("content_type", "application/json")
        return client.post(f"/cds-services/{path}", data=data, **options)

    return post


GOLDEN = {
    "hook": "encounter-discharge",
    "hookInstance": "0b0e7f0a-6f0e-4e52-9a55-3d1c3f0f3d11",
    "fhirServer": "https://ehr.example.org/fhir",
    "fhirAuthorization": {
        "access_token": "opaque-token",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/Immunization.read user/Patient.read",
        "subject": "booster",
    },
    "context": {
        "userId": "PractitionerRole/pr1",
        "patientId": "p1",
        "encounterId": "e1",
    },
    "prefetch": {
        "patient": {"resourceType": "Patient", "id": "p1"},
        "immunizations": {"resourceType": "Bundle", "type": "searchset", "total": 0},
    },
    "extension": {"com.example.x": "y"},
}


@pytest.fixture
def golden() -> dict[str, Any]:
    """A right request to ``booster``; yours to spoil."""
    return copy.deepcopy(GOLDEN)


@pytest.fixture
def chart() -> dict[str, Any]:
    """A right request to the patient-view services, as the public Sandbox sends it."""
    return {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": "https://ehr.example.org/fhir",
        "context": {"userId": "Practitioner/COREPRACTITIONER1", "patientId": "p1"},
        "prefetch": {"immunizations": None},
    }


@pytest.fixture
def feedback() -> dict[str, Any]:
    """One right item of feedback."""
    return {
        "card": "5c2a5d4e-1f6d-4f0e-9a53-0c0a0e7f1a00",
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "5c2a5d4e-1f6d-4f0e-9a53-0c0a0e7f1a01"}],
        "outcomeTimestamp": "2020-12-11T00:00:00Z",
    }


@pytest.fixture
def problems() -> Callable[[TestResponse], list[str]]:
    """The texts of the errors of an OperationOutcome, which must be valid FHIR R4."""

    def texts(response: TestResponse) -> list[str]:
        outcome = OperationOutcome.model_validate_json(response.data)
        return [i.details.text for i in outcome.issue if i.severity == "error"]

    return texts
