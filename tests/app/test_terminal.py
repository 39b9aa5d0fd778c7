"""A card in the terminal: complete, aligned, harmless, in any width."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.terminal import render_card
from service.terminal.layout import Span, cells, clean, paint, split_words, wrap
from service.terminal.markdown import render_markdown

CARD = {
    "uuid": "0a57e4f3-7d2c-4d8a-9d0b-3f6c5d2c7a11",
    "summary": "About 45 of 100 in one study within 6 months of surgery (not local).",
    "indicator": "warning",
    "source": {"label": "A study", "url": "https://example.org/model"},
    "detail": "## Inputs\n\n| Finding | Points |\n|---|--:|\n| Cement | 7.5 |\n",
    "selectionBehavior": "any",
    "suggestions": [
        {
            "label": "Assess the tender point",
            "uuid": "u1",
            "isRecommended": True,
            "actions": [
                {
                    "type": "create",
                    "description": "Draft order",
                    "resource": {
                        "resourceType": "ServiceRequest",
                        "status": "draft",
                        "intent": "proposal",
                    },
                }
            ],
        },
        {
            "label": "Remove the old order",
            "actions": [{"type": "delete", "resourceId": "ServiceRequest/1"}],
        },
    ],
    "overrideReasons": [
        {"code": "a", "system": "s", "display": "Patient declines"},
        {"code": "b", "system": "s", "display": "Already planned"},
    ],
    "links": [
        {"label": "The model", "url": "https://example.org/m", "type": "absolute"}
    ],
}


def set_text(markdown, width=60):
    """Markdown as plain lines."""
    return [paint(line, colour=False) for line in render_markdown(markdown, width)]


def test_card_shows_everything_a_clinician_acts_on():
    """Headline, detail, suggestions, reasons and links stand there in this order."""
    assert render_card(CARD, width=72).split("\n") == [
        "┃ WARNING",
        "┃ About 45 of 100 in one study within 6 months of surgery (not local).",
        "┃ A study · https://example.org/model",
        "┃",
        "┃ Inputs",
        "┃",
        "┃ Finding  Points",
        "┃ ───────  ──────",
        "┃ Cement      7.5",
        "┃",
        "┃ Suggestions (choose any)",
        "┃ [ ] Assess the tender point (recommended)",
        "┃     create ServiceRequest (draft, proposal): Draft order",
        "┃ [ ] Remove the old order",
        "┃     delete ServiceRequest/1",
        "┃",
        "┃ Reasons to override",
        "┃ ( ) Patient declines  ( ) Already planned",
        "┃",
        "┃ Links",
        "┃ → The model",
        "┃   https://example.org/m",
    ]


@pytest.mark.parametrize(
    ("period", "shown"),
    [
        ({"start": "2026-03-31", "end": "2026-04-14"}, "2026-03-31 to 2026-04-14"),
        ({"start": "2026-03-31"}, "2026-03-31 to …"),
    ],
)
def test_order_with_a_period_shows_it(period, shown):
    """When something is to be done belongs to what is decided on."""
    resource = {"resourceType": "ServiceRequest", "occurrencePeriod": period}
    action = {"type": "create", "description": "Draft order", "resource": resource}
    card = {**CARD, "suggestions": [{"label": "A", "actions": [action]}]}
    assert f"create ServiceRequest ({shown}): Draft order" in render_card(card)


def test_smallest_card_shows_no_empty_headings():
    """What a card does not have leaves no trace."""
    card = {"summary": "Hello.", "indicator": "info", "source": {"label": "A"}}
    assert render_card(card) == "┃ INFO\n┃ Hello.\n┃ A"


@pytest.mark.parametrize(
    ("indicator", "code"), [("info", "34"), ("warning", "33"), ("critical", "31")]
)
def test_bar_has_the_colour_of_the_indicator(indicator, code):
    """Blue, yellow, red in front of every line."""
    shown = render_card({**CARD, "indicator": indicator}, colour=True)
    assert all(line.startswith(f"\x1b[1;{code}m┃") for line in shown.split("\n"))


def test_colour_changes_no_character():
    """Without its styles the coloured card is the plain one."""
    coloured = re.sub(r"\x1b\[[\d;]*m", "", render_card(CARD, colour=True))
    assert [line.rstrip() for line in coloured.split("\n")] == render_card(CARD).split(
        "\n"
    )


def test_record_cannot_steer_the_terminal():
    """Escape sequences, also as entities, and direction marks do not get through."""
    bad = "a\x1b[2Jb\u202ec\x9bd&#27;[2J&#x202e;"
    card = {
        **CARD,
        "summary": bad,
        "detail": bad,
        "indicator": "info\x1b[2J",
        "source": {"label": bad, "url": bad},
        "links": [{"label": bad, "url": bad}],
        "overrideReasons": [{"code": bad}],
        "suggestions": [{"label": bad}],
    }
    shown = render_card(card)
    assert not set(shown) & {"\x1b", "\x9b", "\u202e"}


@given(st.text(), st.integers(min_value=20, max_value=120))
def test_any_text_is_set_without_control_characters(text, width):
    """Whatever stands in the detail, it is set, and nothing is lost but markup."""
    lines = set_text(clean(text), width)
    assert clean("\n".join(lines)) == "\n".join(lines)


@given(
    st.lists(st.text("abcdefg é漢字", min_size=1, max_size=30), max_size=20),
    st.integers(min_value=4, max_value=40),
)
def test_wrapped_text_fits_and_loses_nothing(parts, width):
    """No line is wider than asked, and the characters are the same."""
    words = split_words([Span(" ".join(parts))])
    lines = [paint(line, colour=False) for line in wrap(words, width)]
    assert all(cells(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(parts).replace(" ", "")


def test_address_is_never_broken():
    """A link that does not fit still can be copied."""
    url = "https://example.org/" + "x" * 60
    assert url in set_text(f"See [the page]({url}) please.", 40)


def test_number_and_its_sign_stay_together():
    """A line does not begin with a per cent sign."""
    assert set_text("It covers 45 % of it.", 12) == ["It covers", "45 % of it."]


def test_inline_marks_become_styles():
    """Bold, emphasis and code are styles, escapes and entities are characters."""
    (line,) = render_markdown(r"**a** *b* _c_ `d` \*e\* &lt;f&gt; g_h_i", 60)
    assert paint(line, colour=False) == "a b c d *e* <f> g_h_i"
    styles = {span.text: span.style for span in line}
    assert [styles[text] for text in "abcd"] == ["bold", "italic", "italic", "code"]


def test_style_ends_at_the_end_of_a_line_and_starts_again():
    """A bold text over two lines does not paint the bar between them."""
    card = {**CARD, "summary": "word " * 30}
    second = render_card(card, 60, colour=True).split("\n")[2]
    assert second.startswith("\x1b[1;33m┃ \x1b[0m\x1b[1mword")
    assert second.endswith("\x1b[0m")


@pytest.mark.parametrize(
    ("markdown", "lines"),
    [
        ("# One #\ntext\nmore", ["One", "", "text more"]),
        ("- a\n- b\n\n- c", ["• a", "• b", "• c"]),
        ("1. a\n2. b", ["1. a", "2. b"]),
        ("- a\n  - b", ["• a", "  • b"]),
        ("- a\n  goes on", ["• a goes on"]),
        ("> quoted\n> on", ["│ quoted on"]),
        ("a  \nb\\\nc", ["a", "b", "c"]),
        ("a\n\n---\n\nb", ["a", "", "─" * 60, "", "b"]),
        ("<https://example.org/a>", ["https://example.org/a"]),
        ("5 < 6 and 2 * 3 * 4 | 1", ["5 < 6 and 2 * 3 * 4 | 1"]),
        ("", []),
    ],
)
def test_blocks_are_set_as_github_sets_them(markdown, lines):
    """Headings, lists, quotes, rules, breaks, and marks that are no markup."""
    assert set_text(markdown) == lines


def test_table_aligns_and_keeps_escaped_bars():
    """Columns stand as the delimiter row says; short and long rows are made to fit."""
    table = "| a | b | c |\n|:-:|--:|---|\n| x\\|y | 1 |\n| wide | 22 | z | extra |"
    assert set_text(table) == [
        " a     b  c",
        "────  ──  ─",
        "x|y    1",
        "wide  22  z",
    ]


def test_wide_table_wraps_its_cells():
    """A table never runs over the edge when its words fit."""
    row = "| one two three four | five six seven eight nine ten |"
    lines = set_text(f"| head | other |\n|---|---|\n{row}", 24)
    assert max(map(cells, lines)) <= 24
    assert sorted(" ".join(lines[2:]).split()) == sorted(row.replace("|", "").split())


def test_table_in_wide_characters_stays_aligned():
    """A Chinese character takes two cells."""
    lines = set_text("| 名 | n |\n|---|---|\n| 骨水泥 | 1 |")
    assert lines == ["名      n", "──────  ─", "骨水泥  1"]


def test_card_of_an_ehr_with_html_is_shown_as_text():
    """HTML is not interpreted; the reader sees what was sent."""
    shown = render_card({**CARD, "detail": html.escape("<script>x</script>")})
    assert "<script>x</script>" in shown


def test_a_plain_detail_keeps_its_lines():
    """A client without Markdown shows each as it stands, signs of Markdown too."""
    card = {
        "indicator": "info",
        "summary": "Hello.",
        "source": {"label": "A study"},
        "detail": "Angle: 5°; Points: 3\nTotal: *3*\n\nA line of words.\n",
    }
    assert render_card(card, 40, is_plain=True).split("\n")[4:] == [
        "┃ Angle: 5°; Points: 3",
        "┃ Total: *3*",
        "┃",
        "┃ A line of words.",
    ]
