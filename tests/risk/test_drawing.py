"""The nomogram as a drawing: read back from the SVG, as an eye would."""

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from service.assessment import OutputMode
from service.drawings import draw_model
from service.model import load_bundled, load_model
from service.model.drawing import Words, draw, percentile_axis, risk_axis
from service.model.nomogram import scales, totals

SVG = "{http://www.w3.org/2000/svg}"


def parsed(text):
    """The drawing as a tree: it is whole XML by itself."""
    return ET.fromstring(text)  # noqa: S314 our own drawing


def labels(tree, axis):
    """Label and place of the marks of an axis, in points."""
    (group,) = (g for g in tree.iter(f"{SVG}g") if g.get("data-axis") == axis)
    left, per_point = float(group.get("data-left")), float(group.get("data-per-point"))
    return {
        text.text: (float(text.get("x")) - left) / per_point
        for text in group.iter(f"{SVG}text")
        if text.get("text-anchor")
    }


@pytest.fixture
def drawn():
    """The default model, with probabilities."""
    return parsed(draw_model(load_bundled("liu-nomogram"), OutputMode.ANCHORED))


def test_every_predictor_has_an_axis_between_points_and_risk(drawn):
    """In the order of the paper's figure."""
    axes = [g.get("data-axis") for g in drawn.iter(f"{SVG}g")]
    assert axes == [
        "points",
        "segment",
        "method",
        "cement_ratio_percent",
        "cobb_restoration_ratio_percent",
        "total",
        "result",
    ]


def test_marks_stand_at_their_points(drawn):
    """`scnen-cds model show` says lumbar 51, PVP 19, cement 18 % 95 points."""
    assert labels(drawn, "segment") == pytest.approx(
        {"thoracic": 0, "lumbar": 50.9}, abs=0.05
    )
    assert labels(drawn, "method")["PVP"] == pytest.approx(18.96, abs=0.05)
    assert labels(drawn, "cement_ratio_percent")["18"] == pytest.approx(95.4, abs=0.05)
    assert labels(drawn, "cobb_restoration_ratio_percent")["−17"] == pytest.approx(100)


def test_a_risk_stands_at_the_total_that_means_it(drawn):
    """Read against the table of totals, between two rows."""
    marks = labels(drawn, "result")
    table = totals(load_bundled("liu-nomogram"), step=1)
    assert {"1", "5", "20", "90"} <= marks.keys()
    for label, place in marks.items():
        lower, upper = table[int(place)], table[int(place) + 1]
        assert 100 * lower[1] - 0.1 <= float(label) <= 100 * upper[1] + 0.1


def test_risks_beyond_the_corners_of_the_study_have_no_mark():
    """The highest corner of the study lies under 99 %."""
    model = load_bundled("liu-nomogram")
    ticks = dict(risk_axis(model, "Risk").ticks)
    assert "99" not in ticks
    assert max(ticks.values()) <= scales(model).maximum


@pytest.mark.parametrize("name", ["liu-nomogram", "liu-table2"])
def test_relative_draws_percentiles_and_no_risk(name):
    """Half of the simulated cohort lies below the mark 50."""
    model = load_bundled(name)
    text = draw_model(model, OutputMode.RELATIVE)
    assert "Risk" not in text
    place = dict(percentile_axis(model, "").ticks)["50"]
    scale = scales(model)
    assert scale.base + place * scale.per_point == pytest.approx(model.quantiles[50])


def test_labels_do_not_run_into_each_other(drawn):
    """20 % of cement lies too near to its end at 18 %: the mark has no number."""
    found = labels(drawn, "cement_ratio_percent")
    assert "18" in found
    assert "20" not in found
    places = sorted(found.values())
    assert all(b - a >= 20 / 5.8 for a, b in pairwise(places))


def test_the_drawing_says_what_it_rests_on(drawn):
    """It may be printed and passed on without the page."""
    text = " ".join(drawn.itertext())
    assert "liu-nomogram 1.0.0, anchored: Table 2 coefficients" in text
    assert "rebuilt intercept" in text
    assert "237 patients, 41 events; no external validation" in text
    assert "not targets for the operation" in text
    assert drawn.get("role") == "img"
    assert drawn.find(f"{SVG}title").text.startswith("Nomogram")


def test_words_from_outside_are_text_and_never_markup():
    """A label of a developed model may hold anything."""
    model = load_bundled("liu-nomogram")
    bad = '<script>&"'
    words = Words(bad, bad, bad, {"segment": bad}, {"pvp": bad}, [bad])
    tree = parsed(draw(model, risk_axis(model, bad), words))
    assert not list(tree.iter(f"{SVG}script"))
    assert " ".join(tree.itertext()).count(bad) == 7


def test_a_local_model_is_captioned_with_its_patients(calibrated, saved):
    """Whose numbers they are, and until when."""
    calibrated["calibration"]["valid_until"] = "2999-12-31"
    model = load_model(saved(calibrated), may_be_expired=True)
    text = draw_model(model, OutputMode.CALIBRATED)
    assert "Recalibrated on 412 local patients, valid until 2999-12-31" in text


def test_a_local_model_of_nobody_is_captioned_as_that(calibrated, saved):
    """A drawing for demonstration is not taken for a hospital's."""
    calibrated["calibration"]["is_synthetic"] = True
    model = load_model(saved(calibrated), may_be_expired=True)
    text = draw_model(model, OutputMode.CALIBRATED)
    assert "recalibrated on synthetic patients" in text
    assert "412 local patients" not in text
