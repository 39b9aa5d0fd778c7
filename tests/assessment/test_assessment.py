"""Assessment: from findings to numbers, bands and an explanation that can be traced."""

from dataclasses import replace
from math import exp

import pytest

from service.assessment import Band, OutputMode
from service.explanation import explain
from service.fhir.findings import Reason
from service.policy import Bands, default_policy

BANDS = Bands(above_average=0.173, high=0.25, relative_percentile=75)


@pytest.mark.parametrize(
    ("risk", "band"),
    [
        (0.0, Band.BELOW_AVERAGE),
        (0.1729, Band.BELOW_AVERAGE),
        (0.173, Band.ABOVE_AVERAGE),
        (0.2499, Band.ABOVE_AVERAGE),
        (0.25, Band.HIGH),
        (1.0, Band.HIGH),
    ],
)
def test_a_risk_on_a_threshold_belongs_to_the_higher_band(risk, band):
    """17.3 % and 25 %, as the policy says."""
    assert Band.of(risk, BANDS) is band


def test_the_explanation_gives_every_number_with_its_sources(build):
    """Model, predictors with value, unit, source and time, and the published sum."""
    document = explain(build.assessed(build.vertebra()))
    assert document["model"].keys() == {"id", "version", "digest", "mode"}
    assert document["model"]["mode"] == "anchored"
    (item,) = document["assessments"]
    assert (item["vertebra"], item["segment"], item["method"]) == (
        "L2",
        "lumbar",
        "pvp",
    )
    cement = item["predictors"]["cement_ratio_percent"]
    assert (cement["value"], cement["unit"]) == (41.0, "%")
    assert cement["source"] == "Observation/cement"
    assert cement["time"] == "2026-03-03T08:00:00+00:00"
    # Table 2 of the paper with the rebuilt intercept, by hand.
    logit = 2.048 + 1.608 - 2 * 0.599 - 41 * 0.045 - 30 * 0.027
    assert item["linear_predictor"] == pytest.approx(logit)
    assert item["risk"] == pytest.approx(1 / (1 + exp(-logit)))
    assert item["band"] == "high"
    low, high = item["interval"]
    assert low < item["risk"] < high
    assert item["bounds"] is None
    assert item["total_points"] == pytest.approx(sum(item["points"].values()))
    assert 0 <= item["percentile"] <= 100
    assert "not_assessed" not in document


def test_a_missing_predictor_gives_reason_and_bounds_but_no_risk(build):
    """Never imputed, never zero."""
    gap = build.vertebra(cement_ratio_percent=build.missing(Reason.UNIT_NOT_STATED))
    (item,) = explain(build.assessed(gap))["assessments"]
    assert item["predictors"]["cement_ratio_percent"] == {"missing": "unit-not-stated"}
    for name in ("risk", "band", "interval", "linear_predictor", "percentile"):
        assert item[name] is None
    low, high = item["bounds"]
    assert 0 < low < high < 1


def test_taking_inputs_away_never_gives_another_number(build):
    """Three inputs removed: no number at all, where others fell from 90 % to 43 %."""
    nothing = {
        name: build.missing()
        for name in (
            "cement_ratio_percent",
            "cobb_preoperative_deg",
            "cobb_postoperative_deg",
            "cobb_restoration_ratio_percent",
        )
    }
    (item,) = explain(build.assessed(build.vertebra(**nothing)))["assessments"]
    assert item["risk"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"cement_ratio_percent": Reason.NOT_APPLICABLE},
        {"segment": Reason.OUTSIDE_MODEL},
    ],
    ids=["screws-without-cement", "sacral"],
)
def test_outside_the_study_there_is_neither_risk_nor_bounds(build, changes):
    """No value could be asked for, so none is bounded."""
    found = {name: build.missing(reason) for name, reason in changes.items()}
    (item,) = explain(build.assessed(build.vertebra(**found)))["assessments"]
    assert item["risk"] is None
    assert item["bounds"] is None


def test_relative_mode_explains_points_and_percentile_only(build):
    """No probability leaves the service, not even as log odds."""
    assessment = build.assessed(build.vertebra(), mode=OutputMode.RELATIVE)
    (item,) = explain(assessment)["assessments"]
    for name in ("risk", "interval", "linear_predictor", "other_readings", "band"):
        assert item[name] is None
    assert item["total_points"] > 0
    assert item["percentile"] > 75


def test_the_highest_vertebra_comes_first(build):
    """The one that decides is the one that is read first."""
    low = build.vertebra(level="T12", segment=build.measured("thoracic"))
    gap = build.vertebra(level="L5", cement_ratio_percent=build.missing())
    assessment = build.assessed(gap, low, build.vertebra())
    levels = [item.vertebra.level for item in assessment.vertebrae]
    assert levels == ["L2", "T12", "L5"]


def test_what_was_refused_is_reported(build):
    """Resources that did not load and those of others are counted, not hidden."""
    assessment = build.assessed(
        build.vertebra(),
        unchecked=frozenset({"exclusions"}),
        rejected=(("Observation/bad", "does not load"),),
        other_patient=2,
        elsewhere={"Observation": 1},
    )
    document = explain(assessment)
    assert document["rejected"] == [
        {"source": "Observation/bad", "why": "does not load"}
    ]
    assert document["resources_of_other_patients"] == 2
    assert document["resources_of_another_server"] == {"Observation": 1}
    flags = document["assessments"][0]["flags"]
    unused = {"resources-not-read", "resources-of-another-server"}
    assert {"exclusions-not-checked"} | unused <= set(flags)


def test_nothing_assessed_says_why(build):
    """The reason is one of the closed list."""
    document = explain(build.assessed(not_assessed=Reason.UNDER_AGE))
    assert document["assessments"] == []
    assert document["not_assessed"] == "under-age"


def test_the_policys_thresholds_decide(build):
    """The same risk, another policy, another band."""
    policy = replace(default_policy(), bands=Bands(0.5, 0.9, 75))
    assert build.assessed(build.vertebra(), policy=policy).vertebrae[0].band is (
        Band.BELOW_AVERAGE
    )
