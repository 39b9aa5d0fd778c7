"""CARD, SRC, SUG, ACT, LINK, SYS: what each part of an answer may hold."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cds_hooks import (
    Action,
    Card,
    Coding,
    InvalidCard,
    Link,
    Response,
    Source,
    Suggestion,
    dump_response,
    escape_markdown,
)

UUID = "5c2a5d4e-1f6d-4f0e-9a53-0c0a0e7f1a00"
OTHER_UUID = "5c2a5d4e-1f6d-4f0e-9a53-0c0a0e7f1a01"
SOURCE = Source("Example")
RESOURCE = {"resourceType": "Task", "status": "draft"}
BLANK = ("", "  ", "\n", None, 3, ["x"])


def card(**changes):
    """A plain card with changes."""
    return Card(**{"summary": "x", "indicator": "info", "source": SOURCE} | changes)


def refused(build, match):
    """Building it is refused, and no value is repeated."""
    with pytest.raises(InvalidCard, match=match) as caught:
        build()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("summary", [*BLANK, "secret" * 24, "two\nlines", "a\u2028b"])
def test_card_1_the_summary_is_one_short_line(summary):
    """At most 139 characters and no line break."""
    refused(lambda: card(summary=summary), "Card.summary: expected")


def test_card_1_the_summary_is_counted_in_characters():
    """139 characters pass whatever they are; 140 do not."""
    assert card(summary="\N{BONE}" * 139).summary
    refused(lambda: card(summary="x" * 140), "at most 139 characters")


@pytest.mark.parametrize("indicator", [*BLANK, "hard-stop", "INFO", "secret"])
def test_card_2_the_indicator_is_one_of_three(indicator):
    """info, warning or critical."""
    refused(lambda: card(indicator=indicator), "one of info, warning, critical")
    assert all(card(indicator=word) for word in ("info", "warning", "critical"))


@pytest.mark.parametrize("label", BLANK)
def test_card_3_the_source_has_a_label(label):
    """No card without a source, no source without a label."""
    refused(lambda: Source(label), "Source.label: expected a string")
    refused(lambda: card(source=label), "Card.source: expected a Source")


@pytest.mark.parametrize("detail", ["", " ", 3])
def test_card_5_the_detail_is_markdown(detail):
    """A string with something in it, if there is one."""
    refused(lambda: card(detail=detail), "Card.detail: expected a string")


@pytest.mark.parametrize(
    "html",
    [
        "<script>secret()</script>",
        "a <b>c</b>",
        "</p>",
        "<!-- x -->",
        "<?php ?>",
        "<img src=x onerror=secret()>",
        "<https://example.org>",
        r"\\<b>",
        "`<b>`",
    ],
)
def test_card_6_the_detail_holds_no_html(html):
    """Tags, comments and autolinks are refused, since some clients render them."""
    refused(lambda: card(detail=f"Hello\n\n{html}"), "Markdown without HTML tags")


@pytest.mark.parametrize("text", ["2 < 3", "p <0.05", r"\<b>", r"\\\<b>", "&lt;b&gt;"])
def test_card_6_less_than_is_no_html(text):
    """A sign of inequality and an escaped bracket are text."""
    assert card(detail=text).detail == text


@given(text=st.text() | st.text(alphabet="<>`*_[]()!&;:#|\\-+.~=/h1 \n"))
def test_card_6_escaped_text_is_shown_as_it_was(text):
    """An independent renderer of Markdown shows the words and nothing else."""
    escaped = escape_markdown(text)
    shown = MarkdownIt("commonmark").enable("table").render(f"x{escaped}")
    assert shown == f"<p>{shown[3:-5]}</p>\n"
    assert "<" not in shown[3:-5]
    words = [w for w in text.split() if w.isprintable()]
    assert "".join(unescape(shown[3:-5]).split()).startswith("x")
    if len(words) == len(text.split()):
        assert unescape(shown[3:-5]).split() == f"x{' '.join(words)}".split()
    assert card(detail=f"x{escaped}").detail


@pytest.mark.parametrize("uuid", ["", "123456", UUID.upper(), f"urn:uuid:{UUID}", 3])
def test_card_7_the_uuid_is_a_uuid_in_lower_case(uuid):
    """As FHIR writes it, on cards and on suggestions."""
    refused(lambda: card(uuid=uuid), "Card.uuid: expected a UUID in lower case")
    refused(lambda: Suggestion("x", uuid=uuid), "Suggestion.uuid: expected a UUID")
    assert card(uuid=UUID).uuid == UUID


def test_card_8_suggestions_need_a_selection_behavior():
    """With suggestions it is required, without it is refused."""
    one = (Suggestion("x"),)
    refused(lambda: card(suggestions=one), "Card.selection_behavior: expected one of")
    refused(lambda: card(selection_behavior="any"), "is for suggestions only")


@pytest.mark.parametrize("behavior", ["all", "at-least-one", "", 1])
def test_card_9_the_selection_behavior_is_one_of_two(behavior):
    """at-most-one or any."""
    one = (Suggestion("x"),)
    refused(
        lambda: card(suggestions=one, selection_behavior=behavior),
        "expected one of at-most-one, any",
    )
    assert card(suggestions=one, selection_behavior="any")
    assert card(suggestions=one, selection_behavior="at-most-one")


def test_card_10_override_reasons_have_code_system_and_display():
    """A Coding without display serves elsewhere, not here."""
    refused(lambda: card(override_reasons=(Coding("a", "s"),)), "display: expected a")
    refused(lambda: card(override_reasons=("a",)), "expected a tuple of Coding")
    reasons = (Coding("a", "http://s", "A"),)
    assert dump_response(Response((card(override_reasons=reasons),))) == {
        "cards": [
            {
                "summary": "x",
                "indicator": "info",
                "source": {"label": "Example"},
                "overrideReasons": [
                    {"code": "a", "system": "http://s", "display": "A"}
                ],
            }
        ]
    }


def test_card_11_override_reasons_are_the_same_in_every_call(send, chart):
    """The codes are the author's and do not move."""
    first, second = (
        send("full", chart).json["cards"][0]["overrideReasons"] for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    "url",
    ["", "/plan", "example.org", "ftp://h/x", "javascript:alert(1)", "https://", 3],
)
def test_src_1_src_2_urls_are_absolute(url):
    """Of the source, of its icon and of links: http or https with a host."""
    refused(lambda: Source("x", url=url), "Source.url: expected an absolute http")
    refused(lambda: Source("x", icon=url), "Source.icon: expected an absolute http")
    refused(lambda: Link("x", url), "Link.url: expected an absolute http")


def test_src_3_the_topic_is_a_coding():
    """Code and system, display if wanted."""
    refused(lambda: Source("x", topic="BoosterDue"), "Source.topic: expected a Coding")
    for wrong in BLANK:
        refused(lambda wrong=wrong: Coding(wrong, "s"), "Coding.code: expected")
        refused(lambda wrong=wrong: Coding("c", wrong), "Coding.system: expected")
    refused(lambda: Coding("c", "s", ""), "Coding.display: expected")


def test_card_8_a_suggestion_without_uuid_has_none_on_the_wire():
    """Nothing is made up, and nothing null is sent."""
    bare = Suggestion("x", actions=(Action("create", "y", RESOURCE),))
    wire = dump_response(
        Response((card(suggestions=(bare,), selection_behavior="any"),))
    )
    assert wire["cards"][0]["suggestions"] == [
        {
            "label": "x",
            "actions": [{"type": "create", "description": "y", "resource": RESOURCE}],
        }
    ]


def test_src_3_a_topic_without_display_has_none_on_the_wire():
    """Code and system are enough."""
    topic = Source("Example", topic=Coding("a", "http://s"))
    wire = dump_response(Response((card(source=topic),)))
    assert wire["cards"][0]["source"]["topic"] == {"code": "a", "system": "http://s"}


@pytest.mark.parametrize("label", BLANK)
def test_sug_1_a_suggestion_has_a_label(label):
    """The text of the button."""
    refused(lambda: Suggestion(label), "Suggestion.label: expected")


def test_sug_2_suggestions_of_one_card_differ():
    """Feedback names them by uuid."""
    twice = (Suggestion("x", uuid=UUID), Suggestion("y", uuid=UUID))
    refused(
        lambda: card(suggestions=twice, selection_behavior="any"),
        "Suggestion.uuid: expected a different one for each",
    )
    without = (Suggestion("x"), Suggestion("y"))
    assert card(suggestions=without, selection_behavior="any")


def test_sug_3_several_recommendations_only_where_several_can_be_chosen():
    """With at-most-one, at most one is recommended."""
    both = (Suggestion("x", is_recommended=True), Suggestion("y", is_recommended=True))
    refused(
        lambda: card(suggestions=both, selection_behavior="at-most-one"),
        "Suggestion.is_recommended: expected at most one",
    )
    assert card(suggestions=both, selection_behavior="any")
    refused(lambda: Suggestion("x", is_recommended=1), "expected True or False")


def test_sug_4_actions_of_a_suggestion_go_together(send, chart):
    """All actions of one suggestion are sent in the author's order."""
    first, second = send("full", chart).json["cards"][0]["suggestions"]
    assert [action["type"] for action in first["actions"]] == [
        "create",
        "update",
        "delete",
    ]
    assert "actions" not in second
    refused(lambda: Suggestion("x", actions=(3,)), "expected a tuple of Action")


def test_sug_5_nothing_of_later_versions_is_sent(send, chart):
    """actionSelectionBehavior does not exist here."""
    suggestions = send("full", chart).json["cards"][0]["suggestions"]
    assert {key for suggestion in suggestions for key in suggestion} == {
        "label",
        "uuid",
        "isRecommended",
        "actions",
    }


@pytest.mark.parametrize("kind", [*BLANK, "patch", "CREATE"])
def test_act_1_an_action_creates_updates_or_deletes(kind):
    """Three types."""
    refused(lambda: Action(kind, "x", RESOURCE), "one of create, update, delete")


@pytest.mark.parametrize("description", BLANK)
def test_act_2_an_action_is_described(description):
    """Some clients show nothing else."""
    refused(lambda: Action("create", description, RESOURCE), "Action.description")


@pytest.mark.parametrize("resource", [None, "Task/1", [], {}, {"status": "draft"}])
def test_act_3_a_creation_carries_the_resource(resource):
    """With its type, and no reference beside it."""
    refused(lambda: Action("create", "x", resource), "Action.resource")
    refused(lambda: Action("create", "x", RESOURCE, "Task/1"), "is for a delete only")


def test_act_4_an_update_carries_the_whole_resource():
    """With its id, and sent as it was given."""
    refused(lambda: Action("update", "x", RESOURCE), "Action.resource.id: expected")
    whole = RESOURCE | {
        "id": "1",
        "note": [{"text": "kept"}],
        "_given": [None, {"a": 1}],
    }
    wire = dump_response(Response(system_actions=(Action("update", "x", whole),)))
    assert wire["systemActions"][0]["resource"] == whole


def test_act_3_a_prepared_creation_is_completed_for_one_patient():
    """What is added stands after what there was; the prepared action stays as it is."""
    prepared = Action("create", "x", RESOURCE)
    added = {"for": {"reference": "Patient/1"}}
    whole = prepared.with_members(added)
    assert whole == Action("create", "x", RESOURCE | added)
    assert list(whole.resource) == ["resourceType", "status", "for"]
    assert prepared == Action("create", "x", RESOURCE)


@pytest.mark.parametrize(
    "added",
    [{}, {"for": None}, {"for": {"reference": ""}}, {"note": [{}]}, {"status": "x"}],
    ids=str,
)
def test_act_3_what_is_added_to_a_creation_is_checked(added):
    """Null, empty, or in the place of what was checked before: refused."""
    prepared = Action("create", "x", RESOURCE)
    refused(lambda: prepared.with_members(added), "Action.resource: ")


def test_act_5_to_a_deletion_nothing_is_added():
    """It has no resource."""
    gone = Action("delete", "x", resource_id="Task/1")
    refused(lambda: gone.with_members({"status": "x"}), "Action.resource: ")


@pytest.mark.parametrize("target", [None, "", "1", "Task/", "Task/..", "/Task/1", 3])
def test_act_5_a_deletion_names_its_target(target):
    """By relative reference, never by a resource."""
    refused(lambda: Action("delete", "x", resource_id=target), "a reference Type/id")
    refused(
        lambda: Action("delete", "x", RESOURCE, "Task/1"), "carries resource_id instead"
    )


@pytest.mark.parametrize(
    "spoilt",
    [
        {"note": None},
        {"note": ""},
        {"note": []},
        {"note": [{}]},
        {"note": {"a": [[""]]}},
        {"value": float("nan")},
        {"value": float("-inf")},
        {"value": 2**64},
        {"value": b"x"},
        {"value": {1: 2}},
    ],
    ids=str,
)
def test_gen_3_resources_hold_nothing_that_json_or_fhir_forbids(spoilt):
    """Null, empty, not finite, no JSON: refused at any depth."""
    refused(lambda: Action("create", "x", RESOURCE | spoilt), "Action.resource: ")


def test_link_1_a_link_has_label_and_url():
    """Both with something in them."""
    for wrong in BLANK:
        refused(lambda wrong=wrong: Link(wrong, "https://h"), "Link.label: expected")
    assert Link("x", "HTTPS://example.org:8443/a?b=c#d").type == "absolute"
    refused(lambda: card(links=[Link("x", "https://h")]), "expected a tuple of Link")


@pytest.mark.parametrize("kind", [*BLANK, "relative"])
def test_link_2_a_link_is_absolute_or_smart(kind):
    """Two types."""
    refused(lambda: Link("x", "https://h", kind), "one of absolute, smart")


def test_link_3_app_context_is_text_for_smart_apps():
    """A string, and on smart links only."""
    refused(
        lambda: Link("x", "https://h", app_context="secret"), "links of type smart only"
    )
    refused(
        lambda: Link("x", "https://h", "smart", app_context={"a": 1}),
        "expected a string",
    )
    assert Link("x", "https://h", "smart", app_context='{"a":1}')


@pytest.mark.parametrize("query", ["launch=x", "a=b&iss=https%3A%2F%2Fh"])
def test_link_4_launch_and_iss_are_the_clients(query):
    """The launch URL of an app is bare; on another page the words mean nothing."""
    url = f"https://h/launch?{query}"
    refused(lambda: Link("x", url, "smart"), "leave launch and iss to the client")
    assert Link("x", url)


def test_link_5_autolaunchable_is_off_unless_asked_for(send, chart):
    """A boolean, left out when it is false."""
    refused(lambda: Link("x", "https://h", autolaunchable="yes"), "True or False")
    plain, app = send("full", chart).json["cards"][0]["links"]
    assert "autolaunchable" not in plain
    assert app["autolaunchable"] is True


def test_sys_1_there_are_no_system_actions_unless_a_service_gives_them(send, golden):
    """Off by default."""
    assert "systemActions" not in send("booster", golden).json
    refused(lambda: Response(system_actions=(3,)), "expected a tuple of Action")


def test_sys_2_system_actions_are_described_too(send, chart):
    """Optional in the specification, always sent here."""
    assert all(a["description"] for a in send("full", chart).json["systemActions"])


@pytest.mark.parametrize(
    "text", ["Observation/syn-01-b.2, 41.0 %", "before: 15° (L1), 2 + 3 = 5 #4"]
)
def test_card_6_what_is_harmless_stays_readable(text):
    """Some clients show Markdown as it stands: no backslash where none is needed."""
    assert escape_markdown(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "# a",
            "- a",
            "+ a",
            "1. a",
            "12) a",
            "===",
            "---",
            "#",
            "* a",
            "> a",
            "    a",
        ),
        *("see HTTPS://evil.example/x", "www.evil.example", "WWW.evil.example"),
        "a@evil.example",
    ],
)
def test_card_6_a_line_of_a_record_is_a_plain_paragraph(text):
    """No list, heading, rule or link, also for a renderer that looks for addresses."""
    escaped = escape_markdown(text)
    shown = MarkdownIt("commonmark").render(f"before\n{escaped}")
    assert shown.count("<") == 2
    assert unescape(shown[3:-5]) == f"before\n{text.strip()}"
    assert not re.search(r"(?i)www\.|(?<!\\)://|(?<!\\)@", escaped)
