"""RESP: the envelope of an answer, its status, and what a failure says."""

import logging

import pytest
from flask import abort

from cds_hooks import Card, InvalidCard, Registry, Response, Service, Source, errors
from cds_hooks.errors import CDSHooksError, ServiceFault, Unauthorized

CARD = Card("x", "info", Source("y"))


def serving(build_app, handler):
    """A client of one patient-view service with this handler."""
    service = Service("s", "patient-view", "t", "d", handler)
    return build_app(Registry([service])).test_client()


def test_resp_1_success_is_200_with_cards(send, chart):
    """An object with an array of cards, and nothing the specification does not know."""
    response = send("full", chart)
    assert response.status_code == 200
    assert set(response.json) == {"cards", "systemActions", "extension"}
    assert len(response.json["cards"]) == 1


def test_resp_2_nothing_to_say_is_an_empty_array(send, golden):
    """Silence is 200 with no cards."""
    golden["prefetch"]["immunizations"] = {"resourceType": "Immunization"}
    response = send("booster", golden)
    assert (response.status_code, response.json) == (200, {"cards": []})


def test_resp_3_system_actions_are_absent_or_filled(send, golden, chart):
    """The array is there only with something in it."""
    assert "systemActions" not in send("booster", golden).json
    assert send("full", chart).json["systemActions"] == [
        {
            "type": "delete",
            "description": "Delete the old order",
            "resourceId": "ServiceRequest/1",
        }
    ]


def test_resp_4_data_that_cannot_be_had_is_412(send, golden):
    """The one status that the specification ties to a cause."""
    del golden["prefetch"]["immunizations"]
    assert send("booster", golden).status_code == 412


@pytest.mark.parametrize(
    "error",
    [
        value
        for value in vars(errors).values()
        if isinstance(value, type)
        and issubclass(value, CDSHooksError)
        and value is not errors.Untrusted  # has a reason of its own: test_trust.py
    ],
    ids=lambda error: f"RESP-5 RESP-6 RESP-6b {error.__name__}",
)
def test_a_failure_of_a_handler_has_its_status_and_an_outcome(
    build_app, chart, problems, error
):
    """Each kind of failure carries a valid OperationOutcome, and CORS."""

    def handler(request):
        raise error("dose: ask the nurse", note="and then again")

    response = serving(build_app, handler).post("/cds-services/s", json=chart)
    assert response.status_code == error.status
    is_told = ["dose: ask the nurse"] if error.is_disclosed else [error.description]
    assert problems(response) == is_told
    issue, note = response.json["issue"]
    assert (issue["severity"], issue["code"]) == ("error", error.code)
    assert note["severity"] == "information"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cache-Control"] == "no-store"


def test_resp_7_the_401_is_always_the_same(build_app, chart):
    """Whatever is wrong with the client's identity, it learns only that it is."""

    def handler(request):
        raise Unauthorized(next(reasons))

    reasons = iter(["expired", "unknown issuer"])
    client = serving(build_app, handler)
    first, second = (client.post("/cds-services/s", json=chart) for _ in range(2))
    assert first.data == second.data
    assert first.headers["WWW-Authenticate"] == "Bearer"
    assert first.json["issue"] == [
        {
            "severity": "error",
            "code": "login",
            "details": {"text": "Authentication is required."},
        }
    ]


def test_a_fault_says_nothing_to_client_or_log(send, chart, problems, caplog):
    """The answer is a fixed text; the log has class and place, not the message."""
    chart["context"]["patientId"] = "secret-patient"
    with caplog.at_level(logging.DEBUG):
        response = send("faulty", chart)
    assert (response.status_code, problems(response)) == (
        500,
        [ServiceFault.description],
    )
    assert "secret" not in response.text + caplog.text
    assert "service faulty failed: KeyError in " in caplog.text


@pytest.mark.parametrize(
    "answer",
    [None, {"cards": []}, [CARD], Response],
    ids=["none", "dict", "list", "class"],
)
def test_a_handler_that_returns_something_else_is_a_fault(build_app, chart, answer):
    """A wrong return value never becomes "no cards"."""
    client = serving(build_app, lambda request: answer)
    assert client.post("/cds-services/s", json=chart).status_code == 500


@pytest.mark.parametrize(
    "cards", [(CARD, 3), [CARD], (None,)], ids=["a number", "a list", "none"]
)
def test_a_response_holds_only_cards(cards):
    """Anything else in the tuple is refused when the response is built."""
    with pytest.raises(InvalidCard, match=r"Response.cards: expected a tuple of Card"):
        Response(cards)


def test_cards_of_one_response_differ():
    """Two cards with one uuid could not be told apart in feedback."""
    card = Card("x", "info", Source("y"), uuid="5c2a5d4e-1f6d-4f0e-9a53-0c0a0e7f1a00")
    with pytest.raises(InvalidCard, match=r"Card.uuid: expected a different one"):
        Response((card, card))


@pytest.mark.parametrize("status", [400, 404, 408, 414, 429, 500, 503])
def test_failures_outside_the_protocol_are_outcomes_too(build_app, problems, status):
    """The application's other routes answer failures in the same form and status."""
    app = build_app(Registry())
    app.add_url_rule("/other", view_func=lambda: abort(status))
    response = app.test_client().get("/other")
    assert response.status_code == status
    assert len(problems(response)) == 1


def test_a_crash_outside_the_protocol_says_nothing(build_app, problems, caplog):
    """Also there: fixed text for the client, class and place for the log."""
    app = build_app(Registry())
    app.add_url_rule("/other", view_func=lambda: {}["Mr Smith"])
    response = app.test_client().get("/other")
    assert (response.status_code, problems(response)) == (
        500,
        [ServiceFault.description],
    )
    assert "Smith" not in caplog.text
    assert "KeyError" in caplog.text


def test_other_routes_carry_no_cors(build_app):
    """Only what is below the services is open to other origins."""
    app = build_app(Registry())
    for path in ("/other", "/cds-servicesx"):
        response = app.test_client().get(path)
        assert response.status_code == 404
        assert "Access-Control-Allow-Origin" not in response.headers


def test_answers_about_patients_are_not_stored(send, client, golden):
    """Caches keep discovery only."""
    assert send("booster", golden).headers["Cache-Control"] == "no-store"
    assert "Cache-Control" not in client.get("/cds-services").headers
