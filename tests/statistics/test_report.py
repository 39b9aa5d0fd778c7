"""The validation report: one safe file that a committee can read, and its pictures."""

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from service.cohort.table import read_cohort
from service.model.artifact import load_bundled
from service.validation.enrolment import Enrolled
from service.validation.performance import score_patients
from service.validation.pictures import MOST_DOTS, draw_all
from service.validation.profile import profile
from service.validation.report import Asked, render
from service.validation.utility import decision_curve
from tests.statistics.discrimination_reference import HERE, table

COHORT = HERE / "data" / "synthetic340.csv"
HOSTILE = "<script>alert('x')</script>\"&"
#: Elements of HTML that have no end.
VOID = {"meta", "br", "hr", "link", "img", "input"}


class Elements(HTMLParser):
    """Checks that what is opened is closed, and keeps all attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.names = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        """Open an element."""
        self.names.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Take an element that closes itself."""
        self.names.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        """Close the element that was opened last."""
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def pictures(scored, found):
    """All pictures."""
    return draw_all(scored, found)


@pytest.fixture(scope="module")
def parts(scored):
    """What was asked, and who was in; files and columns may be called anything."""
    asked = Asked(
        model=scored.model,
        seed=5,
        resamples=12,
        signed_angles=False,
        prevalence=None,
        software="0.0.0",
    )
    enrolled = Enrolled(
        source=f"{HOSTILE}.csv",
        digest="ab" * 32,
        is_synthetic=True,
        rows=400,
        refused=20,
        reasons=[(f"{HOSTILE}: not a number", 20)],
        not_examined=38,
        incomplete=2,
        n=340,
        events=78,
        effective=None,
        operated=(date(2024, 1, 8), date(2025, 12, 30)),
        warnings=[f"{HOSTILE} looks like a fraction"],
    )
    return asked, enrolled


@pytest.fixture(scope="module")
def report(parts, scored, found):
    """The report, with a hostile subgroup."""
    groups = tuple(
        replace(each, grouping=HOSTILE, label=HOSTILE) for each in found.subgroups
    )
    return render(*parts, scored, replace(found, subgroups=groups))


def test_it_is_well_formed(report):
    """Every element is closed, in order."""
    assert Elements(report).names[:3] == ["html", "head", "meta"]


def test_it_asks_nothing_of_any_other_place(report):
    """No script, no address but the names of SVG; the browser is told so, too."""
    found = Elements(report)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(found.names)
    for name, value in found.attributes:
        assert not name.startswith("on")
        if name in {"src", "href", "xlink:href", "action", "data"}:
            assert value.startswith("#"), (name, value)
        if "://" in (value or ""):
            assert name.startswith("xmlns"), (name, value)
    assert "@import" not in report
    assert all(to.startswith("#") for to in re.findall(r"url\(['\"]?([^)]*)", report))
    policy = dict(found.attributes)["content"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in report, policy


def test_ids_are_unique_and_lead_somewhere(report):
    """Five pictures on a page; a part of one is not taken for that of another."""
    found = Elements(report).attributes
    ids = [value for name, value in found if name == "id"]
    assert len(ids) == len(set(ids))
    used = {value[1:] for name, value in found if name == "xlink:href"}
    used |= set(re.findall(r"url\(#([^)]*)\)", report))
    assert used
    assert used <= set(ids)


def test_what_files_and_columns_are_called_does_nothing(report):
    """Names, labels, reasons and warnings are text, whatever they hold."""
    assert "alert(" in report
    assert "<script" not in report
    assert report.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34;&amp;") > 5


def test_it_answers_the_four_questions(report):
    """What was asked, who was in, what was found, what to do."""
    for title in ("asked", "found"):
        assert f"<h2>What was {title}</h2>" in report
    assert "<h2>What to do</h2>" in report
    assert "<h2>Who was in</h2>" in report


def test_the_share_not_examined_stands_beside_the_outcome(report):
    """380 rows were taken: verification bias is seen where the figure is read."""
    assert "78 had it; 38 more (10.0 %) were not examined" in report


def test_the_papers_figures_stand_beside(report):
    """AUC with intervals, and both mean absolute errors."""
    assert "0.795 (0.728 to 0.862); 0.806 (0.703 to 0.910)" in report
    assert "0.020; 0.031" in report


def test_intervals_that_lie_too_high_are_said_to(report):
    """Decision 45: chance can only bend a curve."""
    assert "ICI, E50, E90 and Emax lie too high in small samples" in report


def test_hosmer_lemeshow_is_labelled(report):
    """For comparison; no verdict rests on it."""
    assert "Hosmer-Lemeshow test, p, for comparison only" in report


def test_it_says_how_it_can_be_made_again(parts, report):
    """Digests, seed, resamples and version."""
    asked, enrolled = parts
    for words in (asked.model.digest, enrolled.digest, "12 resamples, seed 5"):
        assert words in report


def test_a_model_without_sample_size_says_so(parts, scored, found):
    """No table of requirements, and no empty one."""
    text = render(*parts, scored, replace(found, required=(), verdict=None))
    assert "cannot be computed for this area" in text
    assert "<caption><span>Required" not in text


def test_of_patients_sampled_by_outcome_only_what_they_can_tell_is_shown(
    parts, scored, found
):
    """Their incidence is nobody's; a committee must not read a level from it."""
    asked, enrolled = parts
    curve = decision_curve(scored.outcome, scored.risk, prevalence=0.05)
    sampled = replace(found, decision=curve, required=(), verdict=None)
    text = render(replace(asked, prevalence=0.05), enrolled, scored, sampled)
    for gone in (
        '<th scope="row">Calibration in the large',
        '<th scope="row">Observed over expected',
        '<th scope="col">Observed over expected',
        '<th scope="row">Brier score',
        "ICI",
        "Hosmer-Lemeshow test, p",
        "How many patients it takes",
        "Calibration curve",
        "Bias correction",
        "are there patients enough",
        "78 with the outcome (",
    ):
        assert gone not in text, gone
    for kept in ("Calibration slope", "ROC curve", "Decision curve", "Subgroups"):
        assert kept in text, kept
    assert "at an incidence of 5 % in the population" in text


def test_the_useful_range_says_what_it_is_the_longest_run_of(report):
    """There may be others; the column of meanings tells."""
    meaning = "the longest run of thresholds where the decision curve says so"
    assert f"<td>{meaning}" in report


def test_pictures_are_well_formed_and_named_for_those_who_do_not_see_them(pictures):
    """Each is an image with a label."""
    assert set(pictures) == {"roc", "calibration", "decision", "points", "predictors"}
    for text in pictures.values():
        root = ET.fromstring(text)  # noqa: S314 our own
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert not list(root.iter("{http://www.w3.org/2000/svg}metadata"))


def test_pictures_are_the_same_each_time(scored, found, pictures):
    """To the byte: no dates, no random names."""
    assert draw_all(scored, found) == pictures


def test_a_validation_without_recalibration_and_limits_is_drawn(scored, found):
    """As with weights, or without resamples of the decision curve."""
    plain = replace(
        found, recalibrated=None, decision=replace(found.decision, limits=None)
    )
    drawn = draw_all(scored, plain)
    assert "bias-corrected" not in drawn["calibration"]
    assert drawn["decision"]


def test_patients_are_described_as_in_table_1(scored):
    """Counts and shares of labels, mean and SD of quantities."""
    rows = {
        name: (here, study)
        for name, here, study in profile(scored.model, scored.design)
    }
    lumbar = int((table("synthetic340")["segment"] == "lumbar").sum())
    assert rows["segment: lumbar"] == (f"{lumbar} ({lumbar / 340:.0%})", "162 (68%)")
    values = table("synthetic340")["cement_ratio_percent"]
    expected = f"{values.mean():.1f} ({values.std(ddof=1):.1f})"
    assert rows["cement ratio percent (%), mean (SD)"] == (expected, "51.8 (13.4)")


def test_one_patient_has_a_mean_and_no_spread(scored):
    """Nothing is made up."""
    rows = profile(scored.model, scored.design[:1])
    assert any(here.endswith("(nan)") for _, here, _ in rows)


def test_the_model_with_five_predictors_is_described_and_drawn(found):
    """Every bundled model."""
    model = load_bundled("liu-table2")
    cohort = read_cohort(COHORT)
    patients = score_patients(model, cohort.columns, cohort.scnen)
    assert len(profile(model, patients.design)) == 8
    assert draw_all(patients, found)


def test_many_patients_make_no_large_report(scored, found):
    """Of a group no more than 500 are dots: the same each time, ends among them."""
    many = replace(
        scored,
        design=np.tile(scored.design, (60, 1)),
        outcome=np.tile(scored.outcome, 60),
    )
    drawn, few = draw_all(many, found)["points"], draw_all(scored, found)["points"]
    assert drawn.count("<use") < few.count("<use") + 2 * MOST_DOTS
    assert len(drawn) < 300_000


def test_dots_that_are_a_sample_are_said_to_be(parts, scored, found):
    """A reader does not count patients where there are none."""
    assert "a dot is a patient" in render(*parts, scored, found)
    many = replace(found, n=20_400, events=4_680)
    assert "500 are drawn as dots" in render(*parts, scored, many)


def test_weights_are_said_beside_what_has_them(parts, scored, found):
    """Boxes, ratios and areas; not dots and counts."""
    asked, enrolled = parts
    text = render(asked, replace(enrolled, effective=200.0), scored, found)
    assert "boxes weighted" in text
    assert "no dot is weighted" in text
    assert "Ratios and areas are weighted, counts are not" in text
    assert "weights estimated anew in each resample" in text
