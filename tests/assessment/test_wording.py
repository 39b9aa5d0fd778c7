"""Words and numbers of the cards: catalogue, formats, languages."""

from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import service
from service.wording import (
    Wording,
    day,
    format_number,
    format_percentile,
    of_100,
    quote,
)

FOLDER = Path(service.__file__).parent


def test_the_list_of_messages_is_that_of_the_templates():
    """A translator works from what the cards really say (`make messages`)."""
    found = extract_from_dir(
        str(FOLDER / "templates" / "cards"), method_map=[("**.j2", "jinja2")]
    )
    with (FOLDER / "locales" / "cards.pot").open("rb") as file:
        listed = {message.id for message in read_po(file) if message.id}
    assert listed == {message for _, _, message, _, _ in found}


def test_english_needs_no_catalogue_and_another_language_does():
    """A language without its words is refused at start, not half translated."""
    assert Wording("en").words["segment"]["lumbar"] == "lumbar"
    with pytest.raises(LookupError, match="no cards in tlh: en, zh-Hans"):
        Wording("tlh")


@pytest.mark.parametrize(
    ("risk", "shown"), [(0.0, 1), (0.004, 1), (0.449, 45), (0.997, 99), (1.0, 99)]
)
def test_a_risk_is_never_shown_as_certain(risk, shown):
    """From 1 to 99 of 100."""
    assert of_100(risk) == shown


@pytest.mark.parametrize(("value", "shown"), [(0, 0), (93.99, 93), (100.0, 99)])
def test_more_than_n_of_100_is_rounded_down(value, shown):
    """A percentile of 93.99 is above 93 of 100, not above 94."""
    assert format_percentile(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(-6.8, "−6.8"), (8.75, "8.75"), (30.0, "30"), (1 / 3, "0.33")]
)
def test_numbers_are_written_as_people_write_them(value, shown):
    """A real minus sign, no trailing zeros."""
    assert format_number(value) == shown


def test_a_time_without_a_day_is_shown_as_none():
    """An empty cell, not the word None."""
    assert day(None) == ""


def test_a_quoted_text_has_an_end():
    """A record cannot flood a card."""
    assert len(quote("x" * 100_000)) == 400
