"""EXT and VER: additions by agreement, and clients of other versions."""

import pytest

from cds_hooks import HOOKS, Card, InvalidCard, Response, Service, Source, load_request
from cds_hooks.errors import InvalidService

OURS = {
    "card": {
        "uuid",
        "summary",
        "detail",
        "indicator",
        "source",
        "suggestions",
        "selectionBehavior",
        "overrideReasons",
        "links",
        "extension",
    },
    "source": {"label", "url", "icon", "topic"},
    "suggestion": {"label", "uuid", "isRecommended", "actions"},
    "action": {"type", "description", "resource", "resourceId"},
    "link": {"label", "url", "type", "appContext", "autolaunchable"},
}


@pytest.mark.parametrize("value", [[], "x", 3, {}, {"com.example.x": None}])
def test_ext_1_an_extension_is_an_object(value):
    """On cards and responses, and with something in it."""
    for build in (
        lambda: Card("x", "info", Source("y"), extension=value),
        lambda: Response(extension=value),
    ):
        with pytest.raises(InvalidCard, match=r"(Card|Response).extension: "):
            build()


@pytest.mark.parametrize("name", ["x", "Com.example", "com example.x", "", "com..x", 3])
def test_ext_2_names_are_reverse_domain_names(name):
    """So that two vendors never mean different things by one name."""
    with pytest.raises(InvalidCard, match="expected an object whose names"):
        Response(extension={name: 1})
    assert Response(extension={"com.example.some-thing.maxAge": 1}).extension


@pytest.mark.parametrize("where", ["root", "context", "fhirAuthorization", "feedback"])
def test_ext_3_unknown_extensions_do_no_harm(send, golden, feedback, where):
    """Epic's block, wherever it stands, changes no status."""
    block = {
        "extension": {
            "internal-id": [{"x": None}],
            "com.epic.cdshooks.request.bpa-trigger-action": "27",
            "com.epic.cdshooks.request.cds-hooks-specification-version": "1.1",
        }
    }
    if where == "feedback":
        batch = {"feedback": [feedback | block]}
        assert send("booster/feedback", batch).status_code == 200
        return
    (golden if where == "root" else golden[where]).update(block)
    assert send("booster", golden).status_code == 200


def test_ext_3_the_request_keeps_its_extension(golden):
    """A service that agreed on one with the client can read it."""
    request = load_request(golden, "encounter-discharge")
    assert request.extension == {"com.example.x": "y"}


def test_ext_4_nothing_is_sent_that_the_specification_does_not_know(send, chart):
    """The fullest answer has no field of its own outside extension."""
    body = send("full", chart).json
    (card,) = body["cards"]
    assert set(card) == OURS["card"]
    assert set(card["source"]) == OURS["source"]
    assert all(set(s) <= OURS["suggestion"] for s in card["suggestions"])
    actions = [*card["suggestions"][0]["actions"], *body["systemActions"]]
    assert all(set(a) <= OURS["action"] for a in actions)
    assert all(set(link) <= OURS["link"] for link in card["links"])


def test_ver_1_a_new_optional_field_of_a_hook_changes_nothing(send, golden):
    """A minor version of the hook brings fields; they are passed over."""
    expected = send("booster", golden).data
    golden["context"]["dischargeDisposition"] = {"coding": [{}]}
    assert send("booster", golden).data == expected


def test_ver_1_the_library_is_the_published_one():
    """Names and versions of the hooks, from the hook library."""
    assert {name: hook.version for name, hook in HOOKS.items()} == {
        "encounter-start": "1.0",
        "encounter-discharge": "1.0",
        "patient-view": "1.0",
        "order-sign": "1.0",
        "order-select": "1.0",
        "appointment-book": "1.0",
        "order-dispatch": "1.1",
        "medication-refill": "0.1.0",
        "problem-list-item-create": "0.1.0",
        "allergyintolerance-create": "0.1.0",
    }
    assert HOOKS["encounter-discharge"].required == (
        "userId",
        "patientId",
        "encounterId",
    )
    assert HOOKS["patient-view"].optional == ("encounterId",)


def test_ver_1_a_client_of_1_0_is_served(send, chart):
    """A request with nothing but what 1.0 knew."""
    old = {key: chart[key] for key in ("hook", "hookInstance", "context", "prefetch")}
    assert send("booster-chart", old).status_code == 200


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("id", "a b", "Service.id: use letters"),
        ("id", "../x", "Service.id: use letters"),
        ("id", "", "Service.id: use letters"),
        ("hook", "my-hook", "Service.hook: expected one of encounter-start"),
        ("title", " ", "Service.title: is blank"),
        ("description", "", "Service.description: is blank"),
        ("usage_requirements", "", "Service.usage_requirements: is blank"),
        ("version", "STU2", "Service.version: expected three numbers"),
        ("user_types", ("Patient",), "encounter-discharge knows Practitioner, Pr"),
        ("prefetch", {" ": "Patient/1"}, "Service.prefetch: a key is blank"),
    ],
)
def test_a_service_that_breaks_a_rule_cannot_be_made(field, value, match):
    """What discovery would publish is checked when the service is made."""
    right = {
        "id": "s",
        "hook": "encounter-discharge",
        "title": "t",
        "description": "d",
        "handler": lambda request: Response(),
    }
    with pytest.raises(InvalidService, match=match):
        Service(**right | {field: value})


def test_a_hook_without_user_takes_no_user_types():
    """order-dispatch knows no user, so nobody can be left out."""
    with pytest.raises(InvalidService, match="order-dispatch knows no user"):
        Service(
            "s",
            "order-dispatch",
            "t",
            "d",
            lambda request: Response(),
            user_types=("Practitioner",),
        )
