"""Plain text: what a reader without Markdown gets of a card's detail."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks import Card, Source, escape_markdown
from cds_hooks.plaintext import plain_text


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("### L2", "L2"),
        ("## L2 ##", "L2"),
        ("#L2", "#L2"),
        ("**about 45 of 100** patients", "about 45 of 100 patients"),
        ("**Limits:** *one* study", "Limits: one study"),
        ("- **Cement ratio**: missing", "- Cement ratio: missing"),
        ("1. first", "1. first"),
        ("a * b", "a * b"),
        ("~~old~~ `code`", "old code"),
        (r"cement\_ratio \*x\* \# \|", "cement_ratio *x* # |"),
        ("&lt; 5 &amp; &gt; 3", "< 5 & > 3"),
        ("&amp;lt;b", "&lt;b"),
        (
            "[the model](https://cds.example.org/model)",
            "the model (https://cds.example.org/model)",
        ),
        ("one\n\ntwo\n", "one\n\ntwo"),
        ("", ""),
    ],
)
def test_markup_goes_and_the_text_stays(markdown, text):
    """Headings, emphasis, escapes, links."""
    assert plain_text(markdown) == text


def test_a_table_becomes_lines_of_label_and_value():
    """Empty cells are left out, the others are named by their column."""
    table = """before

| Finding | Value | Date | Points |
|---|---|---|--:|
| Cement ratio | 41 % | 2026-03-03 | 35 |
| Cobb angle \\| before | – | | |
| Total | more than 99 of 100 | | 60 |
| Label only | | | |

after | no table"""
    assert plain_text(table).splitlines() == [
        "before",
        "",
        "Cement ratio: 41 %; Date: 2026-03-03; Points: 35",
        "Cobb angle | before: –",
        "Total: more than 99 of 100; Points: 60",
        "Label only",
        "",
        "after | no table",
    ]


def test_two_tables_have_heads_of_their_own():
    """A line between them ends the first."""
    one = "| a | b | c |\n|-|-|-|\n| 1 | 2 | 3 |"
    other = "| d | e | f |\n|-|-|-|\n| 4 | 5 | 6 |"
    assert plain_text(f"{one}\n\n{other}") == "1: 2; c: 3\n\n4: 5; f: 6"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<!-- x",
        "[l](http://evil.example)",
        "![i](http://evil.example/i.png)",
        "[l][x]",
        "[x]: http://evil.example",
    ],
)
def test_card_6_what_a_record_says_is_no_tag_or_link_even_if_rendered(hostile):
    """A client that is said to show plain text may render it all the same."""
    text = plain_text(f"- found: {escape_markdown(hostile)}")
    assert not re.search(r"<[A-Za-z/!?]|\][(\[:]", text)
    Card("summary", "info", Source("x"), detail=text)


def visible(text):
    """The text without controls and marks of direction, in one line."""
    line = " ".join(text.split())
    return "".join(c for c in line if unicodedata.category(c) not in {"Cc", "Cf"})


@given(st.text())
def test_what_was_escaped_is_read_as_it_was(text):
    """Nothing of a record is lost or changed but what could be a tag or a link."""
    read = plain_text(escape_markdown(text))
    assert visible(read).replace(" ", "") == visible(text).replace(" ", "")


@given(st.text(alphabet="ab |\\*#-_[]()<>&;`~!:1.\n", max_size=60))
def test_any_markdown_gives_text_that_a_card_takes(markdown):
    """Never an exception, never raw HTML."""
    text = plain_text(markdown)
    if text.strip():
        Card("summary", "info", Source("x"), detail=text)
