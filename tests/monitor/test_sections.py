"""The report in words, as a page and as text; and what is hidden in the page."""

import re
from collections import Counter
from html import unescape
from html.parser import HTMLParser

import pytest

from service.assessment import Band
from service.cards import TOPICS
from service.cli.monitor_text import capacity_text, report_text
from service.fhir.findings import Reason
from service.followup_cards import CHART_TOPICS
from service.languages import catalogue
from service.model.predictors import INPUTS
from service.monitor.calls import discharges
from service.monitor.capacity import estimate
from service.monitor.cells import Cells
from service.monitor.names import NAMES
from service.monitor.page import render
from service.monitor.sections import sections
from service.notice import OFF_TOPIC
from service.policy import default_policy
from service.wording import load_words
from tests.app.page_words import english


class Page(HTMLParser):
    """Tags and their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


@pytest.fixture
def busy(make):
    """60 discharges: 50 cards overridden, 3 not eligible, 7 silent; some outcomes."""
    calls = [
        make.call(
            n,
            cards=[make.card(f"card-{n}", orders={"s": "ServiceRequest"})],
            vertebrae=[
                make.vertebra
                | {"found": make.vertebra["found"] | {"method": ["pvp", "1", 0]}}
                if n < 3
                else make.vertebra
            ],
        )
        for n in range(50)
    ]
    calls += [
        make.call(n, reason="under-age", vertebrae=[], risk=None, percentile=None)
        for n in range(50, 53)
    ]
    calls += [
        make.call(n, reason="below-threshold", band="below_average", risk=0.1)
        for n in range(53, 60)
    ]
    answers = [
        make.answer(n, "overridden", reasons=("cds-not-applicable",), accepted=("s",))
        for n in range(50)
    ]
    outcomes = {f"decision-{n}": make.found("yes", "study") for n in range(2)}
    return make.report(calls, answers, outcomes, {"OSError": 2})


def words(found):
    return report_text(found)


def row(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


def test_a_rule_that_is_met_says_so_and_what_to_do(busy):
    """Numerator, denominator, limit and the way out."""
    text = words(sections(busy))
    assert "switch the advice off now (the kill switch, docs/safety.md)" in text
    assert re.search(r"north +overridden +MET +50 +50 of 50 needed +100.0%", text)
    assert busy.must_stop


def test_a_rule_that_cannot_be_judged_is_no_all_clear(make):
    """Too few answers are a verdict of their own."""
    calls = [make.call(cards=[make.card()])]
    text = words(sections(make.report(calls, [make.answer()])))
    assert "No verdict on 2 of 2: too few cards were answered." in text
    assert "No rule is met" not in text
    assert "1 of 50 needed" in text


def test_a_rule_that_is_not_met_says_so(make):
    """Fifty cards, all accepted."""
    calls = [make.call(n, cards=[make.card(f"card-{n}")]) for n in range(50)]
    answers = [make.answer(n) for n in range(50)]
    assert "No rule is met." in words(sections(make.report(calls, answers)))


def test_the_hospital_sees_every_count(busy):
    """The text is for those who may see it."""
    text = words(sections(busy))
    assert re.search(r"under-age +\S+ +3 \(5%\)", text)
    assert row(text, "method=pvp").split()[2] == "5.3%"


def test_the_page_hides_small_counts_and_what_they_follow_from(busy):
    """3 of 60 not eligible, 3 of 57 vertebroplasties: neither, nor by subtraction."""
    text = words(sections(busy, hides=True))
    assert row(text, "not eligible").split()[2] == "<5"
    assert row(text, "scored").split()[1] == "hidden"
    assert row(text, "under-age").split()[-1] == "<5"
    assert row(text, "below-threshold").split()[-1] == "hidden"
    assert row(text, "method=pvp").split()[2] == "–"
    assert row(text, "method=pkp").split()[2] == "–"
    assert "<5 decisions of all clients could not be recorded: OSError" in text


def test_drift_is_called_notable(busy):
    """All lumbar against two in three, in 57 vertebrae."""
    assert row(words(sections(busy)), "segment=lumbar").endswith("notable")


def test_a_large_index_that_is_not_chance_is_called_large(busy):
    """All 57 cement ratios in one fifth."""
    text = words(sections(busy))
    assert "by convention large drift (0.1, 0.25)" in text


def test_an_index_within_chance_is_not_believed(make):
    """Two patients say little about a distribution."""
    text = words(sections(make.report([make.call(1), make.call(2)])))
    assert "no more than chance does" in text


@pytest.mark.parametrize(
    ("size", "words_there"), [(2, "Too few values."), (0, "No values.")]
)
def test_the_page_says_nothing_of_a_few_patients(make, size, words_there):
    """Neither an index nor what chance does, which depends on their number."""
    report = make.report([make.call(n) for n in range(size)])
    text = words(sections(report, hides=True))
    assert words_there in text
    assert "Population stability index" not in text


def test_an_index_does_not_tell_the_bins_that_are_hidden(busy):
    """3 of 57 by the one method: the page gives the grade, the hospital the number."""
    assert "Population stability index: " in words(sections(busy, hides=True))
    assert "Population stability index: " not in words(sections(busy))


@pytest.mark.parametrize(
    ("share", "grade"), [(0.65, "large"), (0.50, "moderate"), (0.42, "little")]
)
def test_drift_beyond_chance_is_graded_by_the_convention(make, share, grade):
    """Shares of thoracic fractures far from, near, and close to 75 of 237."""
    thoracic = {"segment": ["thoracic", "1", 0]}
    calls = []
    for n in range(1000):
        found = thoracic if n < 1000 * share else make.vertebra["found"]
        calls.append(make.call(n, vertebrae=[make.vertebra | {"found": found}]))
    text = words(sections(make.report(calls)))
    part = text.partition("Distribution of segment")[2]
    assert f"by convention {grade} drift" in part


def test_missing_values_are_listed_with_their_reasons(busy):
    """By predictor, of all vertebrae."""
    assert "not-recorded 57" in row(words(sections(busy)), "cobb_preoperative_deg")


def test_outcomes_are_hidden_with_what_tells_them(busy):
    """2 of 50 with an outcome: neither they, nor the rest, nor a share."""
    text = words(sections(busy, hides=True))
    assert row(text, "high ").split()[1:] == [
        *("–", "<5", "0", "0", "0", "hidden", "<5"),
    ]


def test_a_few_outcomes_by_other_criteria_are_hidden(make):
    """6 yes, 5 of them by the study's criteria: the other one would follow."""
    calls = [make.call(n) for n in range(6)]
    outcomes = {
        f"decision-{n}": make.found("yes", "study" if n < 5 else "other")
        for n in range(6)
    }
    found = sections(make.report(calls, outcomes=outcomes), hides=True)
    assert row(words(found), "high ").split()[-1] == "hidden"


def test_the_head_says_whose_calls_they_are(busy):
    """A report of one client does not pass for the whole."""
    assert "all clients" in words(sections(busy))


def test_the_page_asks_for_nothing_from_elsewhere(busy):
    """No script, no address, no source; style and pictures stand in it."""
    page = Page(render(sections(busy, hides=True)))
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe"}
    for _, attributes in page.tags:
        assert not {"src", "href", "srcset", "onclick"} & set(attributes)
    assert any(tag == "svg" for tag, _ in page.tags)


def test_every_picture_says_in_words_what_it_shows(busy):
    """For those who cannot see it."""
    page = Page(render(sections(busy, hides=True)))
    labels = [attrs["aria-label"] for tag, attrs in page.tags if tag == "svg"]
    assert all(labels)
    assert "What users did with the cards: accepted 0 (0%)" in labels[1]


def test_the_page_is_chinese_for_a_chinese_committee(busy):
    """No English but names, the same numbers, and who has not approved it."""
    said = sections(busy, hides=True, words=catalogue("zh-Hans", "pages"))
    page = render(said, "zh-Hans", is_approved=False)
    assert '<html lang="zh-Hans">' in page
    assert {word for word, _ in english(page)} <= {"north", "OSError", "discharge"}
    chinese, original = (
        Counter(re.findall(r"\d+(?:\.\d+)?", unescape(re.sub(r"<[^>]+>", " ", text))))
        for text in (page, render(sections(busy, hides=True)))
    )
    assert chinese == original
    assert "本译文尚未经临床医师批准" in page
    assert "尚未经" not in render(said, "zh-Hans", is_approved=True)


def test_the_same_counts_are_hidden_in_every_language(busy):
    """The word for it is no part of the rule."""
    english_cells, chinese_cells = (
        [
            cell
            for part in sections(busy, hides=True, words=words)
            for row in part.rows
            for cell in row
        ]
        for words in (None, catalogue("zh-Hans", "pages"))
    )
    hidden = [cell == "hidden" for cell in english_cells]
    assert any(hidden)
    assert hidden == [cell == "已隐藏" for cell in chinese_cells]


def test_what_the_report_calls_by_a_code_is_listed_for_translation():
    """Reasons, topics, bands, inputs, reasons of overrides: as others name them."""
    overrides = load_words("words.j2", "en").override
    codes = {*TOPICS, *CHART_TOPICS.values(), OFF_TOPIC, *INPUTS, *overrides}
    codes |= {*map(str, Reason), *map(str, Band)}
    codes |= {code for kind in INPUTS.values() for code in kind.codes or ()}
    assert codes - NAMES == set()


def test_names_are_escaped_in_the_page(make):
    """A reason or a client may look like HTML."""
    calls = [make.call(n, reason="<b>", client="<i>") for n in range(6)]
    page = render(sections(make.report(calls), hides=True))
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


@pytest.mark.parametrize(
    ("counts", "printed"),
    [
        ({"a": 3, "b": 20, "c": 9}, {"a": "<5", "b": "20", "c": "hidden"}),
        ({"a": 3, "b": 4}, {"a": "<5", "b": "<5"}),
        ({"a": 1, "b": 1, "c": 9}, {"a": "<5", "b": "<5", "c": "hidden"}),
        ({"a": 0, "b": 7}, {"a": "0", "b": "7"}),
    ],
)
def test_a_hidden_part_is_not_the_rest_of_the_others(counts, printed):
    """Secondary suppression: two at least, and five together, as far as there are."""
    assert Cells(hides=True).parts(counts) == printed


def test_a_share_whose_rest_is_small_is_hidden(busy):
    """97 % of 60 is all but two."""
    cells = Cells(hides=True)
    assert cells.share(58, 60) == "–"
    assert cells.share(30, 60) == "50.0%"
    assert cells.share(0, 0) == "–"


def test_a_month_in_words(make):
    """What it rests on comes first."""
    asked = discharges(make.call(n) for n in range(24))
    text = capacity_text(estimate(asked, default_policy().bands))
    assert text.startswith(
        "Rests on 24 discharges in 2 days (2026-03-02 to 2026-03-03)"
    )
    assert "high (from 25.0%)" in text
    assert "Single months\nvary more" in text
