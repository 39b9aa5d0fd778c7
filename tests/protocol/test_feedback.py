"""FB: what clients report about cards, in the specification's words and in Epic's."""

import re
from datetime import UTC, datetime

import pytest

from cds_hooks import Coding, Feedback, Registry, load_feedback

WHEN = datetime(2020, 12, 11, tzinfo=UTC)
REASON = {"code": "not-now", "system": "http://example.org/own"}


@pytest.fixture
def override(feedback):
    """One right item of feedback that rejects the card."""
    rest = {k: v for k, v in feedback.items() if k != "acceptedSuggestions"}
    return rest | {"outcome": "overridden"}


def one(item):
    """The only item, loaded."""
    (good,), bad = load_feedback({"feedback": [item]})
    assert bad == []
    return good


def refusals(item):
    """What is wrong with the only item."""
    good, bad = load_feedback({"feedback": [item]})
    assert good == []
    assert all(error.message.startswith("feedback[0].") for error in bad)
    return [(error.index, error.message.partition(".")[2]) for error in bad]


def test_fb_1_feedback_is_taken_and_handed_on(send, box, feedback):
    """Accepted with 200, and the callback has it with the service's id."""
    response = send("booster/feedback", {"feedback": [feedback]})
    assert response.status_code == 200
    assert response.json["issue"][0]["severity"] == "information"
    assert box.items == [
        (
            "booster",
            Feedback(
                "5c2a5d4e-1f6d-4f0e-9a53-0c0a0e7f1a00",
                "accepted",
                WHEN,
                ("5c2a5d4e-1f6d-4f0e-9a53-0c0a0e7f1a01",),
            ),
        )
    ]


def test_fb_1_without_a_taker_there_is_no_feedback(build_app, services, feedback):
    """Not taken means 404, so that no client believes it was."""
    client = build_app(Registry(services)).test_client()
    response = client.post(
        "/cds-services/booster/feedback", json={"feedback": [feedback]}
    )
    assert response.status_code == 404


@pytest.mark.parametrize(
    "body", [None, [], {}, 3, {"feedback": {}}, {"feedback": None}]
)
def test_fb_2_the_body_is_an_object_with_an_array(send, box, problems, body):
    """A bare item or a bare array is refused."""
    response = send("booster/feedback", body)
    assert response.status_code == 400
    assert problems(response) == ['feedback: is missing; send {"feedback": [...]}']
    assert box.items == []


def test_fb_2_an_empty_array_is_nothing_to_do(send, box):
    """It is taken, and nobody is called."""
    assert send("booster/feedback", {"feedback": []}).status_code == 200
    assert box.items == []


@pytest.mark.parametrize(
    "field", ["card", "outcome", "outcomeTimestamp", "acceptedSuggestions"]
)
def test_fb_3_a_required_field_that_is_missing_is_named(feedback, field):
    """Each is asked for by name."""
    del feedback[field]
    ((index, message),) = refusals(feedback)
    assert (index, message.partition(":")[0]) == (0, field)
    assert "is missing" in message


@pytest.mark.parametrize(
    ("field", "wrong", "where"),
    [
        ("card", "", "card: must be the uuid of a card"),
        ("card", "x" * 257, "card: must be the uuid of a card"),
        ("card", 3, "card: must be the uuid of a card"),
        ("outcome", "ignored", "outcome: must be accepted or overridden"),
        ("outcome", [], "outcome: must be accepted or overridden"),
        ("acceptedSuggestions", "x", "acceptedSuggestions: must be an array"),
        ("acceptedSuggestions", [], "acceptedSuggestions: is missing"),
        ("acceptedSuggestions", None, "acceptedSuggestions: is missing"),
        ("acceptedSuggestions", [3], r"acceptedSuggestions\[0\]: must be an object"),
        ("acceptedSuggestions", [{}], r"acceptedSuggestions\[0\]: must be an object"),
        ("acceptedSuggestions", [None], r"acceptedSuggestions\[0\]: is null"),
        ("acceptedSuggestions", [{"id": ""}], r"acceptedSuggestions\[0\]: must be"),
        ("extension", [], "extension: must be an object"),
        ("overrideReason", 3, "overrideReason: must be an object"),
        ("overrideReason", {"reason": 3}, "overrideReason.reason: must be an object"),
        ("overrideReason", {"reason": {}}, "overrideReason.reason.code: is missing"),
        ("overrideReason", {"userComment": 3}, "overrideReason.userComment: must be"),
    ],
)
def test_fb_3_a_wrong_value_is_named(feedback, field, wrong, where):
    """The field with its path, what was expected, and never the value."""
    assert re.match(where, refusals(feedback | {field: wrong})[0][1])


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2020-12-11T00:00:00Z", WHEN),
        ("2020-12-11t00:00:00z", WHEN),
        ("2020-12-11T05:30:00.000+05:30", WHEN),
        ("2020-12-11T00:00:00.1234567Z", WHEN.replace(microsecond=123456)),
        # Leap seconds, from the examples of RFC 3339, section 5.8.
        ("1990-12-31T23:59:60Z", datetime(1991, 1, 1, tzinfo=UTC)),
        ("1990-12-31T15:59:60-08:00", datetime(1991, 1, 1, tzinfo=UTC)),
        ("1990-12-31T23:59:60.25Z", datetime(1991, 1, 1, 0, 0, 0, 250_000, UTC)),
    ],
)
def test_fb_3_times_are_read_to_utc(feedback, text, when):
    """RFC 3339 with any offset."""
    assert one(feedback | {"outcomeTimestamp": text}).outcome_timestamp == when


@pytest.mark.parametrize(
    "text",
    [
        "2020-12-11",
        "2020-12-11T00:00:00",
        "2020-02-30T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:60Z",
        "1990-12-31T22:59:60Z",
        "1990-12-31T23:58:60Z",
        "1990-12-31T23:59:60-08:00",
        "1990-12-31T23:59:61Z",
        "20201211T000000Z",
        "2020-12-11T00:00:00Z\n",
        "\u0662020-12-11T00:00:00Z",
        1607644800,
        None,
    ],
)
def test_fb_3_other_times_are_refused(feedback, text):
    """A time without offset could be any of 26 hours."""
    ((_, message),) = refusals(feedback | {"outcomeTimestamp": text})
    assert message.startswith("outcomeTimestamp: ")


def test_fb_4_many_items_at_once(send, box, feedback):
    """Fifty reports in one call, of any card."""
    items = [feedback | {"card": f"card-{i}"} for i in range(50)]
    assert send("booster/feedback", {"feedback": items}).status_code == 200
    assert [item.card for _, item in box.items] == [item["card"] for item in items]


def test_fb_4_all_suggestions_of_a_card_may_be_accepted(feedback):
    """Many ids in one item are kept in order, and of several cards each its own."""
    ids = [f"s{i}" for i in range(100)]
    feedback["acceptedSuggestions"] = [{"id": i} for i in ids]
    other = feedback | {"card": "c2", "acceptedSuggestions": [{"id": "t"}]}
    good, bad = load_feedback({"feedback": [feedback, other]})
    assert [item.accepted_suggestions for item in good] == [tuple(ids), ("t",)]
    assert bad == []


@pytest.mark.parametrize("entry", [1, {"id": "s"}, {}, None, [[]]], ids=repr)
def test_fb_4_a_list_of_suggestions_has_an_end(feedback, entry):
    """More than a hundred are not even looked at: one problem, whatever they are."""
    for count in (101, 250_000):
        wrong = feedback | {"acceptedSuggestions": [entry] * count}
        assert refusals(wrong) == [
            (0, "acceptedSuggestions: must have at most 100 entries")
        ]


@pytest.mark.parametrize("entry", [1, {"userComment": "a"}, {}, None], ids=repr)
def test_fb_12_a_list_of_reasons_has_an_end(override, entry):
    """Ten are read, in the plural as in the singular."""
    for name in ("overrideReason", "overrideReasons"):
        for count in (11, 300_000):
            assert refusals(override | {name: [entry] * count}) == [
                (0, f"{name}: must be at most 10 reasons")
            ]


def test_a_list_is_read_to_its_first_wrong_entry(feedback):
    """A hundred wrong entries are one problem, and so are ten wrong reasons."""
    feedback |= {"acceptedSuggestions": [{"id": "s"}, *[1] * 99]}
    feedback |= {"overrideReasons": [{"userComment": "a"}, *[{"reason": 3}] * 9]}
    named = [message.partition(":")[0] for _, message in refusals(feedback)]
    assert named == ["acceptedSuggestions[1]", "overrideReasons.reason"]


@pytest.mark.parametrize(
    "item",
    [
        {},
        3,
        {"acceptedSuggestions": [1] * 100, "overrideReasons": [1] * 10},
        {"overrideReason": {"reason": {}, "userComment": 1, "extension": 1}},
    ],
    ids=lambda item: str(item)[:24],
)
def test_many_problems_are_counted_not_listed(send, problems, feedback, item):
    """The answer has an end, and says how much of it is left out."""
    body = {"feedback": [*[item] * 999, feedback]}
    good, bad = load_feedback(body)
    assert len(good) == 1
    assert len({error.index for error in bad}) == 999
    assert len(bad) <= 10 * 999
    response = send("booster/feedback", body)
    texts = problems(response)
    assert texts[:-1] == [error.message for error in bad[:100]]
    assert texts[-1] == f"and {len(bad) - 100} more problems"
    assert len(response.data) < 40_000


def test_fb_4_a_batch_has_an_end(send, box, problems, feedback):
    """More than a thousand items are refused as a whole."""
    response = send("booster/feedback", {"feedback": [feedback] * 1001})
    assert problems(response) == ["feedback: send at most 1000 items at a time"]
    assert box.items == []


def test_a_bad_item_costs_only_itself(send, box, problems, feedback, override):
    """The good ones are kept; the answer is 400 and names each bad one by index."""
    bad = [3, override | {"outcome": "Mr Smith"}, {"card": "c"}]
    body = {"feedback": [feedback, bad[0], override, bad[1], bad[2]]}
    response = send("booster/feedback", body)
    assert response.status_code == 400
    assert [item.outcome for _, item in box.items] == ["accepted", "overridden"]
    assert problems(response) == [
        "feedback[1]: must be an object",
        "feedback[3].outcome: must be accepted or overridden",
        "feedback[4].outcome: is missing; send accepted or overridden",
        "feedback[4].outcomeTimestamp: is missing; send an RFC 3339 time with its"
        " offset, such as 2026-01-31T09:30:00Z",
    ]
    note = response.json["issue"][-1]["details"]["text"]
    assert note == "2 of the items were accepted; correct and send only the others"
    assert "Smith" not in response.text


def test_fb_5_the_same_report_twice_is_no_fault(send, box, feedback):
    """Both are handed on as equal values; whoever stores them can tell."""
    for _ in range(2):
        assert send("booster/feedback", {"feedback": [feedback]}).status_code == 200
    assert box.items[0] == box.items[1]


@pytest.mark.parametrize(
    ("sent", "reasons", "comment"),
    [
        ({"reason": REASON}, (Coding(**REASON),), None),
        (
            {"reason": REASON | {"display": "Not now"}, "userComment": "later"},
            (Coding(**REASON, display="Not now"),),
            "later",
        ),
        ({"reason": REASON | {"display": ""}}, (Coding(**REASON),), None),
        ({"reason": None, "userComment": "later"}, (), "later"),
    ],
    ids=["reason", "both", "blank display", "comment"],
)
def test_fb_6_a_reason_or_a_comment(override, sent, reasons, comment):
    """Either serves; the display may be missing."""
    item = one(override | {"overrideReason": sent})
    assert (item.override_reasons, item.user_comment) == (reasons, comment)
    assert item.override_reason == (reasons[0] if reasons else None)


@pytest.mark.parametrize("sent", [{}, {"userComment": ""}, {"x": 1}])
def test_fb_6_an_override_reason_says_something(override, sent):
    """An object with neither reason nor comment is refused."""
    assert refusals(override | {"overrideReason": sent}) == [
        (0, "overrideReason: must have reason or userComment")
    ]


def test_fb_7_a_card_may_be_rejected_without_a_reason(override):
    """The minimal report is right, with null too."""
    assert one(override).override_reason is None
    assert one(override | {"overrideReason": None}) == one(override)


def test_fb_8_the_reason_may_be_the_clients_own(send, box, override):
    """A code from no list is taken."""
    override["overrideReason"] = {"reason": {"code": "x9", "system": "urn:oid:1.2.3"}}
    assert send("booster/feedback", {"feedback": [override]}).status_code == 200
    assert box.items[0][1].override_reason == Coding("x9", "urn:oid:1.2.3")


def test_fb_10_silence_means_nothing(send, box, golden, chart, feedback):
    """What was shown and not reported is never made into a report.

    Cards of two calls and two suggestions of one card: the taker hears of the one
    suggestion that was reported, and of nothing else, before and after.
    """
    assert len(send("booster", golden).json["cards"]) == 1
    (card,) = send("full", chart).json["cards"]
    assert box.items == []
    chosen, _ = card["suggestions"]
    report = feedback | {
        "card": card["uuid"],
        "acceptedSuggestions": [{"id": chosen["uuid"]}],
    }
    send("full/feedback", {"feedback": [report]})
    send("full", chart)
    ((_, item),) = box.items
    assert (item.card, item.accepted_suggestions) == (card["uuid"], (chosen["uuid"],))
    assert refusals(report | {"outcome": "ignored"})


def test_fb_11_comments_are_not_shown(override):
    """A report's repr leaves out what a user wrote, here and in extensions."""
    override |= {
        "overrideReason": {"userComment": "secret"},
        "extension": {"a.b": "secret"},
    }
    assert "secret" not in repr(one(override))


def test_fb_11_a_failing_callback_keeps_the_comment_out_of_the_log(
    send, box, problems, override, caplog
):
    """The client is told to try again; the log has the class only."""
    box.failure = ValueError("secret")
    override["overrideReason"] = {"userComment": "secret"}
    response = send("booster/feedback", {"feedback": [override, 3]})
    assert response.status_code == 503
    assert problems(response) == [
        "The service cannot do this at the moment; please send it again."
    ]
    assert "secret" not in response.text + caplog.text
    assert "feedback on booster failed: ValueError" in caplog.text


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("overrideReasons", {"extension": {"com.epic.cdshooks.feedback.x": 1}}),
        ("overrideReasons", [{"extension": {"com.epic.cdshooks.feedback.x": 1}}]),
        ("overrideReason", {"extension": {"com.epic.cdshooks.feedback.x": 1}}),
    ],
    ids=["plural object", "plural array", "singular"],
)
def test_fb_12_epics_dialect_is_understood(send, box, override, field, sent):
    """The plural, only an extension inside, and a card id that is no UUID."""
    body = {"feedback": [override | {"card": "123456", field: sent}]}
    assert send("booster/feedback", body).status_code == 200
    (_, item) = box.items[0]
    assert (item.card, item.override_reasons) == ("123456", ())
    assert item.extension == {"com.epic.cdshooks.feedback.x": 1}


def test_fb_12_several_reasons_are_all_kept(override):
    """Reasons, comments and extensions of a plural are put together."""
    override["extension"] = {"com.example.a": 0}
    override["overrideReasons"] = [
        {"reason": REASON, "userComment": "one"},
        {"reason": REASON | {"code": "b"}, "userComment": "two"},
        {"extension": {"com.example.b": 1}},
    ]
    item = one(override)
    assert [reason.code for reason in item.override_reasons] == ["not-now", "b"]
    assert item.user_comment == "one\ntwo"
    assert item.extension == {"com.example.a": 0, "com.example.b": 1}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"outcome": "ignored"}, "Feedback.outcome: expected accepted or overridden"),
        ({"accepted_suggestions": ()}, "accepted_suggestions: expected at least one"),
        ({"outcome_timestamp": datetime(2020, 1, 1)}, "expected a time in UTC"),  # noqa: DTZ001 - naive on purpose
    ],
)
def test_a_report_that_breaks_a_rule_cannot_be_made(changes, match):
    """Also by hand."""
    right = {
        "card": "c",
        "outcome": "accepted",
        "outcome_timestamp": WHEN,
        "accepted_suggestions": ("s",),
    }
    with pytest.raises(ValueError, match=match):
        Feedback(**right | changes)
