"""Outcomes over HTTP: kept or named by index, for whoever has the token."""

import time

import pytest
from sqlalchemy import select

from service.app import create_app
from service.config import Settings
from service.store.faults import StoreUnavailable
from service.store.schema import outcomes

TOKEN = "correct-horse-battery-staple-0002"  # noqa: S105 of the tests
YES = {"outcome": "yes", "examined_on": "2026-03-20", "criteria": "study"}


@pytest.fixture
def app(monkeypatch, tmp_path):
    """The application of a hospital that has a token for administration."""
    monkeypatch.setenv("SCNEN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SCNEN_ADMIN_TOKEN", TOKEN)
    return create_app(Settings.from_env(is_open=True))


@pytest.fixture
def store(app):
    """Its store."""
    return app.extensions["scnen_cds"].store


@pytest.fixture
def send(app):
    """Send outcomes, with the token unless another is given."""
    client = app.test_client()

    def post(*rows, token=TOKEN, **options):
        headers = {"Authorization": f"Bearer {token}"}
        body = options or {"json": {"outcomes": list(rows)}}
        return client.post("/outcomes", headers=headers, **body)

    return post


@pytest.fixture
def patient(app, store, example_request):
    """A patient who got a card at discharge; the decision is in the database."""
    answer = app.test_client().post(
        "/cds-services/scnen-discharge", json=example_request
    )
    assert answer.get_json()["cards"]
    for _ in range(200):
        if not store.health()["waiting_bytes"]:
            break
        time.sleep(0.02)
    client = app.extensions["scnen_cds"].open_client.name
    return {"tenant": client, "patient_id": example_request["context"]["patientId"]}


def kept(store):
    """What stands in the table."""
    with store.database.reading() as connection:
        return connection.execute(select(outcomes.c.outcome)).scalars().all()


def details(answer):
    """The texts of an OperationOutcome."""
    return [issue["details"]["text"] for issue in answer.get_json()["issue"]]


def test_an_outcome_is_kept_once(send, patient, store):
    """A registry that sends its list again doubles nothing."""
    row = {**patient, "outcome": "not-examined"}
    assert send(row).status_code == 200
    answer = send(row)
    assert answer.status_code == 200
    assert details(answer) == ["1 of the outcomes are recorded"]
    assert kept(store) == ["not-examined"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_bad_outcomes_are_named_and_good_ones_kept(send, patient, store):
    """Nothing is dropped in silence, and no value is repeated."""
    answer = send(
        {**patient, "outcome": "canary"},
        {**patient, "outcome": "not-examined"},
        "canary",
        {**patient, "canary": "canary"},
        {**patient, "outcome": 1},
        {"tenant": "canary", "patient_id": "canary", "outcome": "not-examined"},
    )
    assert answer.status_code == 400
    *problems, note = details(answer)
    assert note.startswith("1 of the outcomes are recorded; correct and send only")
    named = [text.partition(":")[0] for text in problems]
    assert sorted(named) == [
        "outcomes[0].outcome",
        "outcomes[2]",
        "outcomes[3]",
        "outcomes[4].outcome",
        "outcomes[5].patient_id",
    ]
    assert "canary" not in answer.text
    assert kept(store) == ["not-examined"]


@pytest.mark.parametrize(
    "body", [{}, [], {"outcomes": {}}, {"outcomes": []}, {"outcomes": [{}] * 1001}]
)
def test_what_is_no_list_of_outcomes_is_refused(send, body):
    """With the name of the field and what it may hold."""
    answer = send(json=body)
    assert answer.status_code == 400
    assert details(answer) == ["outcomes: must be a list of 1 to 1000 objects"]


def test_a_large_body_is_refused(send):
    """A megabyte is enough for a thousand outcomes."""
    answer = send(data=b" " * (2 << 20), content_type="application/json")
    assert answer.status_code == 413


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "0"])
def test_without_the_token_nothing_is_taken(send, patient, store, token):
    """The answer tells nothing."""
    answer = send({**patient, "outcome": "not-examined"}, token=token)
    assert answer.status_code == 401
    assert kept(store) == []


def test_while_the_database_is_down_the_list_is_to_be_sent_again(
    send, store, monkeypatch
):
    """A 200 means that it is on the disk."""

    def down(*_args, **_options):
        raise StoreUnavailable("down")

    monkeypatch.setattr(store, "keep_outcomes", down)
    answer = send({"decision_id": "x", **YES})
    assert answer.status_code == 503
