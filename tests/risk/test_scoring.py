"""Scores against arithmetic by hand, and what must hold for every patient."""

import json
import math
from datetime import date

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import expit

from service.model import (
    PartialScore,
    Score,
    bundled_models,
    design_matrix,
    linear_predictor,
    load_bundled,
    load_model,
    percentile,
    plain_risk,
    risk,
    score,
    standard_error,
)
from service.model.predictors import restoration_ratio_percent

MODELS = {name: load_bundled(name) for name in bundled_models()}
NAMES = (
    "segment",
    "method",
    "cement_ratio_percent",
    "cobb_preoperative_deg",
    "cobb_postoperative_deg",
    "cobb_restoration_ratio_percent",
)

models = st.sampled_from(sorted(MODELS)).map(MODELS.__getitem__)


@st.composite
def patients(draw):
    """Complete patients within the studied ranges, ratio and angles in accord."""
    before = draw(st.floats(0.5, 25))
    ratio = draw(st.floats(-17, 100))
    return {
        "segment": draw(st.sampled_from(["thoracic", "lumbar"])),
        "method": draw(st.sampled_from(["pedicle_screw", "pvp", "pkp"])),
        "cement_ratio_percent": draw(st.floats(18, 85)),
        "cobb_preoperative_deg": before,
        "cobb_postoperative_deg": before * (1 - ratio / 100),
        "cobb_restoration_ratio_percent": ratio,
    }


def test_risk_is_that_of_the_equation(nomogram, patient):
    """2.048 + 1.608 - 3 x 0.599 - 50 x 0.045 - 50 x 0.027 = -1.741."""
    found = score(nomogram, patient)
    assert found.linear_predictor == pytest.approx(-1.741)
    assert found.risk == pytest.approx(1 / (1 + math.exp(1.741)))


def test_five_terms_add_the_angle_afterwards(table2, patient):
    """1.431 + 1.608 - 1.797 - 2.25 - 1.35 + 6 x 0.091 = -1.812."""
    assert score(table2, patient).linear_predictor == pytest.approx(-1.812)


def test_a_patient_who_loses_all_points_has_the_highest_risk(nomogram):
    """Lumbar, pedicle screw, little cement, no restoration: far above the average."""
    found = score(
        nomogram,
        {
            "segment": "lumbar",
            "method": "pedicle_screw",
            "cement_ratio_percent": 18,
            "cobb_restoration_ratio_percent": -17,
        },
    )
    assert found.linear_predictor == pytest.approx(3.057 - 0.81 + 0.459)
    assert found.percentile == pytest.approx(100, abs=0.2)
    assert found.reading_error is None


def test_interval_is_the_quadratic_form_of_the_artifact(nomogram, patient, shipped):
    """Logit interval from x' Sigma x with x centred, 1.96 standard errors."""
    content = shipped()["covariance"]
    x = np.array([1, 1, 3, 50, 50]) - [0, *content["centre"].values()]
    error = math.sqrt(x @ np.array(content["matrix"]) @ x)
    low, high = expit(-1.741 - 1.96 * error), expit(-1.741 + 1.96 * error)
    assert score(nomogram, patient).interval == pytest.approx((low, high), abs=1e-4)


def test_other_readings_are_the_variants(nomogram, patient):
    """Incidence 70/340: 2.305; shrinkage 0.8: 1.377 and four fifths of each slope."""
    overall = expit(-1.741 + 2.305 - 2.048)
    shrunk = expit(0.8 * (-1.741 - 2.048) + 1.377)
    found = score(nomogram, patient).other_readings
    assert found == pytest.approx(sorted([overall, shrunk]))


def test_reading_error_takes_the_worst_of_both_angles(nomogram, patient):
    """12 and 6 degrees may be 9 and 9 (ratio 0), or 15 and 3 (ratio 80)."""
    low, high = score(nomogram, patient).reading_error
    assert low == pytest.approx(expit(-1.741 - 30 * 0.027))
    assert high == pytest.approx(expit(-1.741 + 50 * 0.027))


def test_reading_error_moves_the_angle_afterwards_with_it(table2, patient):
    """In the five-term model 9 and 9 degrees also mean three degrees more after."""
    _, high = score(table2, patient).reading_error
    assert high == pytest.approx(expit(-1.812 + 50 * 0.027 + 3 * 0.091))


def test_reading_error_near_zero_spans_all_that_can_be(nomogram, patient):
    """Two degrees may be none: the ratio may then be anything that can exist."""
    small = patient | {
        "cobb_preoperative_deg": 2.0,
        "cobb_postoperative_deg": 1.0,
    }
    low, high = score(nomogram, small).reading_error
    assert low == pytest.approx(expit(-1.741 - 150 * 0.027))
    assert high == pytest.approx(expit(-1.741 + 250 * 0.027))


def test_reading_error_of_signed_angles_is_that_of_their_magnitudes(nomogram, patient):
    """A site that records kyphosis as negative gets the same range."""
    signed = patient | {
        "cobb_preoperative_deg": -12.0,
        "cobb_postoperative_deg": -6.0,
    }
    found = score(nomogram, signed)
    assert found.reading_error == pytest.approx(score(nomogram, patient).reading_error)
    assert found.extrapolated == ("cobb_postoperative_deg", "cobb_preoperative_deg")


@pytest.mark.parametrize(
    "change",
    [
        {"cobb_preoperative_deg": None},
        {"cobb_postoperative_deg": None},
        {"cobb_preoperative_deg": 0.0},
        {"cobb_restoration_ratio_percent": 47.0},
    ],
    ids=["no angle before", "no angle after", "before is 0", "ratio of other angles"],
)
def test_no_reading_error_unless_the_ratio_is_that_of_two_angles(
    nomogram, patient, change
):
    """Without both angles behind the ratio nothing is said about their error."""
    found = score(nomogram, patient | change)
    assert found.reading_error is None


@given(patient=patients(), model=models)
def test_the_plain_risk_is_that_of_the_score(patient, model):
    """Two ways to one number, and to none when something is missing."""
    assert plain_risk(model, patient) == pytest.approx(score(model, patient).risk)
    assert plain_risk(model, patient | {"cement_ratio_percent": None}) is None


def test_a_missing_predictor_leaves_bounds_and_no_number(nomogram, patient):
    """Cement missing: risk at 18 and at 85 per cent, nothing between is preferred."""
    found = score(nomogram, patient | {"cement_ratio_percent": None})
    assert found.missing == ("cement_ratio_percent",)
    assert found.bounds == pytest.approx(
        (expit(0.509 - 85 * 0.045), expit(0.509 - 18 * 0.045))
    )
    assert found.percentile_bounds == pytest.approx(
        (
            percentile(nomogram, 0.509 - 85 * 0.045),
            percentile(nomogram, 0.509 - 18 * 0.045),
        )
    )
    assert isinstance(found, PartialScore)
    assert set(found.points) == {
        "segment",
        "method",
        "cobb_restoration_ratio_percent",
    }


def test_no_input_at_all_spans_every_patient(nomogram):
    """Thoracic, PKP, 85 %, 100 % to lumbar, pedicle screw, 18 %, -17 %."""
    found = score(nomogram, {})
    assert found.bounds == pytest.approx(
        (
            expit(2.048 - 1.797 - 3.825 - 2.7),
            expit(2.048 + 1.609 - 0.81 - 0.199 + 0.058),
        )
    )


def test_a_missing_angle_afterwards_follows_the_ratio(table2, patient):
    """12 degrees before: a ratio of -17 means 14.04 after, of 100 means none."""
    found = score(
        table2,
        patient
        | {"cobb_postoperative_deg": None, "cobb_restoration_ratio_percent": None},
    )
    rest = -1.812 + 50 * 0.027 - 6 * 0.091
    assert found.bounds == pytest.approx(
        (expit(rest - 2.7), expit(rest + 17 * 0.027 + 14.04 * 0.091))
    )


def test_a_recorded_ratio_fixes_the_missing_angle_afterwards(table2, patient):
    """12 degrees before and a ratio of 50 leave 6 after: both bounds are that risk."""
    found = score(table2, patient | {"cobb_postoperative_deg": None})
    assert found.bounds == pytest.approx((expit(-1.812), expit(-1.812)))


@pytest.mark.parametrize("before", [None, 0.0, -8.0])
def test_an_angle_afterwards_stands_alone_without_a_usable_one_before(
    table2, patient, before
):
    """Nothing to follow: the angle takes its own studied range, 0 to 16 degrees."""
    found = score(
        table2,
        patient | {"cobb_preoperative_deg": before, "cobb_postoperative_deg": None},
    )
    rest = -1.812 - 6 * 0.091
    assert found.bounds == pytest.approx((expit(rest), expit(rest + 16 * 0.091)))


def test_ratio_is_never_computed_from_the_angles(nomogram, patient):
    """A caller who withholds the ratio has a reason: it stays missing."""
    found = score(nomogram, patient | {"cobb_restoration_ratio_percent": None})
    assert found.missing == ("cobb_restoration_ratio_percent",)


def test_values_outside_the_studied_range_are_scored_and_named(nomogram, patient):
    """92 % cement, a ratio of 110 %, 40 degrees before: a number, with a warning."""
    found = score(
        nomogram,
        patient
        | {
            "cement_ratio_percent": 92.0,
            "cobb_restoration_ratio_percent": 110.0,
            "cobb_preoperative_deg": 40.0,
            "cobb_postoperative_deg": -4.0,
        },
    )
    assert isinstance(found, Score)
    assert found.extrapolated == (
        "cement_ratio_percent",
        "cobb_restoration_ratio_percent",
        "cobb_postoperative_deg",
        "cobb_preoperative_deg",
    )


def test_contributions_are_log_odds_against_the_mean_of_table_1(nomogram, patient):
    """50 % cement against 51.79 % raises the log odds by 0.08."""
    found = score(nomogram, patient).contributions
    assert found["cement_ratio_percent"] == pytest.approx(0.045 * 1.79)
    assert found["segment"] == pytest.approx(1.608 * 75 / 237, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("segment", "sacral", "segment: must be one of thoracic, lumbar"),
        ("segment", 1.0, "segment: must be one of thoracic, lumbar"),
        ("method", ["pkp"], "method: must be one of pedicle_screw, pvp, pkp"),
        ("cement_ratio_percent", "52", "cement_ratio_percent: must be a number in %"),
        ("cement_ratio_percent", True, "cement_ratio_percent: must be a number in %"),
        ("cement_ratio_percent", math.nan, r"must be finite and in \[0, 100\] %"),
        ("cement_ratio_percent", 100.1, r"must be finite and in \[0, 100\] %"),
        ("cobb_restoration_ratio_percent", -math.inf, r"in \[-200, 200\] %"),
        ("cobb_preoperative_deg", 90.5, r"in \[-90, 90\] deg"),
        ("cobb_postoperative_deg", 10**400, r"in \[-90, 90\] deg"),
    ],
)
def test_an_impossible_input_is_refused_by_name(
    nomogram, patient, name, value, message
):
    """The error names the input and what would be right, not the patient's value."""
    with pytest.raises(ValueError, match=message) as caught:
        score(nomogram, patient | {name: value})
    assert str(value) not in str(caught.value).replace("-200, 200", "")


def test_an_unknown_input_is_refused(nomogram, patient):
    """A misspelt name is an error, not a missing value."""
    with pytest.raises(ValueError, match="cement_ratio: unknown input; known are seg"):
        score(nomogram, patient | {"cement_ratio": 52})


def test_a_model_without_ratio_and_variants_scores(saved, calibrated, patient):
    """A local refit may keep fewer predictors and has no other readings."""

    dropped = "cobb_restoration_ratio_percent"
    calibrated["predictors"].pop()
    calibrated["nomogram"]["axes"].pop()
    calibrated["coefficients"].pop(dropped)
    part = calibrated["covariance"]
    part["terms"].pop()
    part["centre"].pop(dropped)
    part["matrix"] = [row[:-1] for row in part["matrix"][:-1]]
    model = load_model(saved(calibrated), today=date(2027, 1, 1))
    found = score(model, patient)
    assert found.linear_predictor == pytest.approx(2.048 + 1.608 - 1.797 - 2.25)
    assert found.other_readings is None
    assert found.reading_error is None


def test_percentile_follows_the_rebuilt_cohort(nomogram):
    """The quantiles are the percentiles; beyond the ends there is 0 and 100."""
    assert percentile(nomogram, nomogram.quantiles[75]) == pytest.approx(75)
    between = (nomogram.quantiles[10] + nomogram.quantiles[11]) / 2
    assert percentile(nomogram, between) == pytest.approx(10.5)
    assert percentile(nomogram, -99) == 0
    assert percentile(nomogram, 99) == 100


@pytest.mark.parametrize("bits", [-2, -1, 0, 1, 2])
def test_the_last_bits_of_a_sum_decide_no_per_cent(nomogram, bits):
    """A sum that is a quantile but for rounding is at that percentile."""
    found = nomogram.quantiles[75] + bits * math.ulp(nomogram.quantiles[75])
    assert percentile(nomogram, found) == 75.0


@given(model=models, patient=patients(), data=st.data())
def test_risk_moves_one_way_with_each_predictor(model, patient, data):
    """More cement, more restoration, a later method: never a higher risk."""
    quantity = data.draw(st.sampled_from(model.predictors))
    slope = model.coefficients[model.predictors.index(quantity)]
    options = sorted(quantity.codes, key=quantity.codes.__getitem__)
    value = st.sampled_from(options) if options else st.floats(*quantity.studied)
    pair = [data.draw(value), data.draw(value)]
    low, high = sorted(pair, key=options.index) if options else sorted(pair)
    first = score(model, patient | {quantity.name: low}).risk
    second = score(model, patient | {quantity.name: high}).risk
    assert first <= second if slope > 0 else first >= second


@given(
    model=models, patient=patients(), lost=st.sets(st.sampled_from(NAMES), min_size=1)
)
def test_bounds_hold_every_completion(model, patient, lost):
    """Whatever the missing values are within what was studied, the risk is inside."""
    partial = {name: None if name in lost else patient[name] for name in NAMES}
    found = score(model, partial)
    assume(isinstance(found, PartialScore))
    assume(
        patient["cobb_postoperative_deg"] <= 16 or "cobb_preoperative_deg" not in lost
    )
    low, high = found.bounds
    assert low - 1e-12 <= score(model, patient).risk <= high + 1e-12


@given(model=models, patient=patients())
def test_ranges_hold_the_point(model, patient):
    """A probability, inside its interval and its reading error; points add up."""
    found = score(model, patient)
    assert 0 < found.risk < 1
    assert 0 < found.interval[0] < found.risk < found.interval[1] < 1
    assert found.reading_error[0] <= found.risk <= found.reading_error[1]
    assert 0 <= found.percentile <= 100
    assert sum(found.points.values()) == pytest.approx(found.total_points)


@given(model=models, batch=st.lists(patients(), min_size=1, max_size=8))
def test_many_at_once_are_the_same_as_one_by_one(model, batch):
    """The array functions and the single score agree, standard error included."""
    columns = {name: [patient[name] for patient in batch] for name in NAMES}
    design = design_matrix(model, columns)
    lp = linear_predictor(model, design)
    half = 1.959963984540054 * standard_error(model, design)
    singles = [score(model, patient) for patient in batch]
    assert lp == pytest.approx([s.linear_predictor for s in singles])
    assert risk(lp) == pytest.approx([s.risk for s in singles])
    assert risk(lp - half) == pytest.approx([s.interval[0] for s in singles])
    assert risk(lp + half) == pytest.approx([s.interval[1] for s in singles])


@given(st.lists(st.floats(-1e300, 1e300), max_size=5))
def test_risk_of_any_log_odds_is_that_of_scipy(values):
    """No overflow and no warning, however large the number."""
    assert risk(values) == pytest.approx(expit(np.array(values)), abs=1e-15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": None}, "method: row 0 is missing or impossible"),
        ({"segment": ["lumbar", "L1"]}, "segment: row 1 is missing or impossible"),
        ({"cement_ratio_percent": [50, math.nan]}, r"row 1 .*\(1 such rows"),
        ({"cement_ratio_percent": [101, -1]}, r"row 0 .*\(2 such rows"),
        ({"cement_ratio_percent": ["a", 1]}, "must hold numbers only"),
        ({"cement_ratio_percent": [[1.0, 2.0]]}, "must be one-dimensional"),
        (
            {"cement_ratio_percent": [1.0]},
            r"columns must be of one length, got \[1, 2\]",
        ),
    ],
)
def test_incomplete_columns_are_refused(nomogram, patient, change, message):
    """A missing value never becomes a number, and never counts as a low risk."""
    columns = {name: [value, value] for name, value in patient.items()}
    bad = {k: [None, None] if v is None else v for k, v in change.items()}
    with pytest.raises(ValueError, match=message):
        design_matrix(nomogram, columns | bad)


def test_an_absent_column_is_refused(nomogram):
    """A predictor that was not exported is not a predictor of 0."""
    with pytest.raises(ValueError, match="segment: no such column"):
        design_matrix(nomogram, {})


def test_ratio_of_two_angles():
    """From 10 to 4 degrees is 60 per cent; from 0 there is no ratio."""
    assert restoration_ratio_percent(10, 4) == pytest.approx(60)
    assert restoration_ratio_percent(10, 12) == pytest.approx(-20)
    assert restoration_ratio_percent(0, 4) is None


def test_intercept_is_the_first_of_its_name_in_the_file():
    """Who searches the file for the intercept finds the one that is used."""
    for name, value in (("liu-nomogram", 2.048), ("liu-table2", 1.431)):
        text = bundled_models()[name].read_text("utf-8")
        start = text.index('"intercept":') + len('"intercept":')
        first, _ = json.JSONDecoder().raw_decode(text[start:].lstrip())
        assert first["value"] == value
        assert set(first) == {"value", "method"}
