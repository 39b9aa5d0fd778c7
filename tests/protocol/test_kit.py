"""K: what the public test kit for CDS Hooks servers checks, in plain HTTP.

Its checks of TLS (K1) and those for other hooks and for coverage (K14, K16) are left to
`coverage.toml`.
"""

import pytest


@pytest.fixture
def discovered(client):
    """Discovery, as the kit asks for it."""
    return client.get("/cds-services", headers={"Accept": "application/json"})


@pytest.fixture
def answers(send, golden, chart):
    """What the kit gets from the services when it fires their hooks."""
    return [send("booster", golden), send("full", chart)]


@pytest.fixture
def cards(answers):
    """All cards of these answers."""
    return [card for answer in answers for card in answer.json["cards"]]


def is_text(value):
    """A string with something in it."""
    return isinstance(value, str) and value.strip() != ""


def test_k2_discovery_is_200_json(discovered):
    """With an Accept header for JSON."""
    assert discovered.status_code == 200
    assert discovered.content_type.startswith("application/json")


def test_k3_services_have_hook_description_and_id(discovered):
    """All three as texts."""
    for service in discovered.json["services"]:
        assert all(is_text(service[name]) for name in ("hook", "description", "id"))


def test_k4_every_body_is_answered_with_200(send, golden):
    """A complete request and one whose prefetch is null, with an unknown token."""
    headers = {"Authorization": "Bearer x.y.z"}
    golden["prefetch"] |= dict.fromkeys(golden["prefetch"])
    assert send("booster", golden, headers=headers).status_code == 200


def test_k5_cards_are_an_array(answers):
    """Always there."""
    assert all(isinstance(answer.json["cards"], list) for answer in answers)


def test_k6_cards_have_summary_indicator_and_source(cards):
    """Summary short, indicator of three, source with a label."""
    assert len(cards) == 2
    for card in cards:
        assert is_text(card["summary"])
        assert len(card["summary"]) < 140
        assert card["indicator"] in ("info", "warning", "critical")
        assert is_text(card["source"]["label"])


def test_k7_source_has_a_topic(cards):
    """Asked for only of coverage services, and sent when the author gives one."""
    for card in cards:
        assert {"code", "system"} <= set(card["source"]["topic"])


def test_k8_optional_fields_are_filled(cards):
    """Texts have letters, arrays have items."""
    for card in cards:
        assert all(is_text(card[name]) for name in ("uuid", "detail") if name in card)
        arrays = ("suggestions", "overrideReasons", "links")
        assert all(
            isinstance(card[name], list) and card[name]
            for name in arrays
            if name in card
        )


def test_k9_suggestions_come_with_a_selection_behavior(cards):
    """One of two words."""
    behaviors = [card["selectionBehavior"] for card in cards if "suggestions" in card]
    assert behaviors == ["at-most-one"]


def test_k10_override_reasons_are_whole_codings(cards):
    """Code, system and display."""
    for card in cards:
        for reason in card.get("overrideReasons", []):
            assert all(is_text(reason[n]) for n in ("code", "system", "display"))


def test_k11_links_are_whole(cards):
    """Label, URL with host, type; appContext not on absolute ones."""
    links = [link for card in cards for link in card.get("links", [])]
    assert len(links) == 2
    for link in links:
        assert is_text(link["label"])
        assert link["url"].startswith(("http://", "https://"))
        assert link["type"] in ("absolute", "smart")
        assert link["type"] == "smart" or "appContext" not in link


def test_k12_suggestions_have_labels_and_actions(cards):
    """Actions, where there are any, are not empty."""
    for card in cards:
        for suggestion in card.get("suggestions", []):
            assert is_text(suggestion["label"])
            assert suggestion.get("actions", [1])


def test_k13_actions_have_type_description_and_target(answers, cards):
    """In suggestions and system actions alike."""
    actions = [
        action
        for card in cards
        for suggestion in card.get("suggestions", [])
        for action in suggestion.get("actions", [])
    ]
    actions += [a for answer in answers for a in answer.json.get("systemActions", [])]
    assert len(actions) == 4
    for action in actions:
        assert is_text(action["description"])
        if action["type"] == "delete":
            assert len(action["resourceId"].split("/")) == 2
        else:
            assert is_text(action["resource"]["resourceType"])


def test_k15_a_card_may_be_words_alone(cards):
    """The kit's "instructions": no links and no suggestions."""
    assert not {"links", "suggestions"} & set(cards[0])
