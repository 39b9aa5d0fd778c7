"""Which artifacts are read, and which are refused with file and field named."""

import copy
import json
from datetime import date

import pytest

from service.model import (
    ArtifactError,
    bundled_models,
    load_bundled,
    load_model,
)
from service.model.calibration import LevelTested

DAY = date(2027, 1, 1)
LAST = date(2027, 12, 1)


def put(*path, to):
    """Set one field of an artifact."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = to

    return change


def drop(*path):
    """Take one field of an artifact away."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


def asymmetric(content):
    """Change one half of a covariance only."""
    content["covariance"]["matrix"][0][1] += 0.001


def indefinite(content):
    """Correlate intercept and segment by more than 1."""
    for i, j in ((0, 1), (1, 0)):
        content["covariance"]["matrix"][i][j] = 0.5


def swap_quantiles(content):
    """Let the percentiles fall somewhere."""
    found = content["cohort"]["quantiles"]
    found[3], found[4] = found[4], found[3]


def repeat_predictor(content):
    """Give one predictor twice, its coefficient once."""
    content["predictors"].append(copy.deepcopy(content["predictors"][0]))


def relate_predictor(content):
    """Give a predictor among the related quantities again."""
    content["related"].append(copy.deepcopy(content["predictors"][2]))


REFUSALS = {
    "another schema": (put("schema", to="x/2"), "schema: must be scnen-risk-model/1"),
    "no intercept": (drop("intercept"), "intercept: missing"),
    "an unknown field": (put("threshold", to=0.2), "threshold: unknown; known are"),
    "an unknown mode": (put("mode", to="relative"), "mode: must be anchored or"),
    "an empty label": (put("label", to=" "), "label: must be a text, not empty"),
    "a number as id": (put("id", to=4), "id: must be a text"),
    "a text as intercept": (
        put("intercept", "value", to="2.048"),
        r"intercept\.value: must be a number, got ",
    ),
    "true as intercept": (
        put("intercept", "value", to=True),
        r"intercept\.value: must be a number",
    ),
    "an intercept without method": (
        drop("intercept", "method"),
        r"intercept\.method: missing",
    ),
    "no predictors": (
        put("predictors", to=[]),
        "predictors: must be a list, not empty",
    ),
    "a predictor that is a text": (
        put("predictors", 0, to="segment"),
        r"predictors\[0\]: must be an object",
    ),
    "an unknown predictor": (
        put("predictors", 0, "name", to="age_years"),
        r"predictors\[0\]\.name: unknown; known are segment",
    ),
    "another kind": (
        put("predictors", 1, "kind", to="continuous"),
        r"predictors\[1\]\.kind: must be ordinal for method",
    ),
    "a fraction for per cent": (
        put("predictors", 2, "unit", to="1"),
        r"predictors\[2\]\.unit: must be % for cement_ratio_percent",
    ),
    "another coding": (
        put("predictors", 1, "coding", "pkp", to=4.0),
        r"predictors\[1\]\.coding: must be .* for method",
    ),
    "an inverted range": (
        put("predictors", 2, "studied", to=[85.0, 18.0]),
        r"predictors\[2\]\.studied: must rise from low to high",
    ),
    "a range of one number": (
        put("predictors", 2, "studied", to=[18.0]),
        r"predictors\[2\]\.studied: must have 2 entries, has 1",
    ),
    "a studied range beyond the physical": (
        put("predictors", 2, "studied", to=[18.0, 120.0]),
        r"predictors\[2\]\.studied: must lie in \[0, 100\]",
    ),
    "a physical range beyond what exists": (
        put("predictors", 2, "physical", to=[-5.0, 100.0]),
        r"predictors\[2\]\.physical: must lie in \[0, 100\]",
    ),
    "a mean outside the physical range": (
        put("predictors", 2, "mean", to=-1.0),
        r"predictors\[2\]\.mean: must be finite and lie in \[0, 100\]",
    ),
    "an SD of 0": (
        put("predictors", 2, "sd", to=0),
        r"predictors\[2\]\.sd: must be above 0",
    ),
    "a predictor given twice": (repeat_predictor, "predictors: segment is given twice"),
    "a predictor that is also related": (
        relate_predictor,
        "predictors: cement_ratio_percent is given twice",
    ),
    "related quantities that are no list": (
        put("related", to=None),
        "related: must be a list",
    ),
    "a coefficient of nothing": (
        put("coefficients", "age_years", to={"value": 1.0, "standard_error": 1.0}),
        r"coefficients\.age_years: unknown",
    ),
    "a predictor without coefficient": (
        drop("coefficients", "method"),
        r"coefficients\.method: missing",
    ),
    "a coefficient of 0": (
        put("coefficients", "method", "value", to=0.0),
        r"coefficients\.method\.value: must not be 0",
    ),
    "a negative standard error": (
        put("coefficients", "method", "standard_error", to=-0.1),
        r"coefficients\.method\.standard_error: must be finite and lie in \[0, ",
    ),
    "terms in another order": (
        put("covariance", "terms", 1, to="method"),
        r"covariance\.terms: must be \['centred intercept', 'segment'",
    ),
    "a centre short of a predictor": (
        drop("covariance", "centre", "segment"),
        r"covariance\.centre\.segment: missing",
    ),
    "a covariance short of a row": (
        drop("covariance", "matrix", 4),
        r"covariance\.matrix: must have 5 entries, has 4",
    ),
    "a covariance with a text": (
        put("covariance", "matrix", 2, 2, to="0.07"),
        r"covariance\.matrix\[2\]\[2\]: must be a number",
    ),
    "an asymmetric covariance": (asymmetric, r"covariance\.matrix: must be symmetric"),
    "an indefinite covariance": (
        indefinite,
        r"covariance\.matrix: must be positive definite",
    ),
    "more events than patients": (
        put("incidence", "events", to=237),
        r"incidence\.events: must be fewer than n",
    ),
    "no events": (
        put("incidence", "events", to=0),
        r"incidence\.events: must be a whole number from 1",
    ),
    "half a patient": (
        put("incidence", "n", to=237.5),
        r"incidence\.n: must be a whole number from 2",
    ),
    "no other readings": (
        put("variants", to=[]),
        "variants: must be a list, not empty",
    ),
    "a reading with larger slopes": (
        put("variants", 1, "shrinkage", to=1.1),
        r"variants\[1\]\.shrinkage: must be at most 1",
    ),
    "percentiles that fall": (swap_quantiles, r"cohort\.quantiles: must rise"),
    "a percentile too few": (
        drop("cohort", "quantiles", 100),
        r"cohort\.quantiles: must have 101 entries, has 100",
    ),
    "axes of other predictors": (
        put("nomogram", "axes", 0, "name", to="method"),
        r"nomogram\.axes\[0\]\.name: must be segment",
    ),
    "an inverted axis": (
        put("nomogram", "axes", 2, "to", to=18.0),
        r"nomogram\.axes\[2\]: must rise from low to high",
    ),
    "a provenance without a word on what is ours": (
        put("provenance", "ours", to=[""]),
        r"provenance\.ours\[0\]: must be a text",
    ),
    "an outcome without horizon": (
        drop("outcome", "horizon"),
        r"outcome\.horizon: missing",
    ),
    "a calibration of an anchored model": (
        put("calibration", to={}),
        "calibration: must be null in an anchored model",
    ),
}

CALIBRATION_REFUSALS = {
    "no parent": (put("parent", to=None), "parent: must be a text"),
    "no calibration": (put("calibration", to=None), "calibration: must be an object"),
    "no approver": (
        put("calibration", "approved_by", to=[]),
        r"calibration\.approved_by: must be a list, not empty",
    ),
    "no interval": (drop("calibration", "interval"), r"calibration\.interval: missing"),
    "no last day": (
        drop("calibration", "valid_until"),
        r"calibration\.valid_until: missing",
    ),
    "no events": (
        put("calibration", "events", to=0),
        r"calibration\.events: must be a whole number from 1",
    ),
    "a day that is none": (
        put("calibration", "valid_until", to="2027-02-30"),
        r"calibration\.valid_until: must be a day written YYYY-MM-DD",
    ),
    "a day that is a number": (
        put("calibration", "valid_until", to=2027),
        r"calibration\.valid_until: must be a text",
    ),
    "an approval before the data": (
        put("calibration", "approved_on", to="2025-01-01"),
        "calibration: first_operation, last_operation, approved_on, valid_until must",
    ),
    "an interval beside the intercept": (
        put("calibration", "interval", to=[2.1, 2.4]),
        r"calibration\.interval: must hold the intercept",
    ),
}


def cases(table):
    """Name each case of a table after its key."""
    return pytest.mark.parametrize(
        ("change", "message"), table.values(), ids=table.keys()
    )


@pytest.mark.parametrize("model_id", ["liu-nomogram", "liu-table2"])
def test_shipped_models_are_read(model_id):
    """Both artifacts pass every check and say what they are."""
    model = load_bundled(model_id)
    assert model.id == model_id
    assert model.mode == "anchored"
    assert model.label == "Table 2 coefficients, rebuilt intercept"
    assert (model.incidence.events, model.incidence.n) == (41, 237)
    assert model.incidence.rate == pytest.approx(0.173, abs=1e-4)
    assert model.valid_until is None


def test_shipped_models_are_the_two_of_the_study():
    """The four factors of the conclusion, and the five terms of Table 2."""
    assert set(bundled_models()) == {"liu-nomogram", "liu-table2"}
    assert len(load_bundled("liu-nomogram").predictors) == 4
    assert len(load_bundled("liu-table2").predictors) == 5


def test_coefficients_are_those_of_table_2(table2):
    """The published slopes, to the last printed digit."""
    assert table2.coefficients == (1.608, -0.599, -0.045, -0.027, 0.091)


def test_studied_ranges_are_mean_and_two_and_a_half_sd(table2):
    """Cement 18 to 85 %, restoration -17 to 100 %, angles from 0."""
    ranges = {q.name: q.studied for q in (*table2.predictors, *table2.related)}
    assert ranges == {
        "segment": (0, 1),
        "method": (1, 3),
        "cement_ratio_percent": (18, 85),
        "cobb_restoration_ratio_percent": (-17, 100),
        "cobb_postoperative_deg": (0, 16),
        "cobb_preoperative_deg": (0, 25),
    }


def test_a_bundled_model_that_does_not_exist_is_refused():
    """The message names those that do."""
    with pytest.raises(ArtifactError, match="there are liu-nomogram, liu-table2"):
        load_bundled("liu")


@cases(REFUSALS)
def test_an_artifact_with_a_wrong_field_is_refused(shipped, saved, change, message):
    """File and field are named, although the digest fits."""
    content = shipped()
    change(content)
    path = saved(content)
    with pytest.raises(ArtifactError, match=message) as caught:
        load_model(path)
    assert caught.value.file == str(path)
    assert str(caught.value).startswith(f"{path}: {caught.value.field}: ")
    assert caught.value.problem in str(caught.value)


@cases(CALIBRATION_REFUSALS)
def test_an_incomplete_calibration_is_refused(calibrated, saved, change, message):
    """A local model without basis or approval is not used."""
    change(calibrated)
    with pytest.raises(ArtifactError, match=message):
        load_model(saved(calibrated), today=DAY)


def test_a_calibrated_model_is_read(calibrated, saved):
    """With parent, basis, interval, approval and validity it may be used."""
    model = load_model(saved(calibrated), today=LAST)
    assert model.mode == "calibrated"
    assert model.parent == calibrated["parent"]
    assert model.valid_until == LAST
    assert model.calibration.n == 412
    assert model.calibration.approved_by == ("A. Surgeon", "B. Statistician")
    assert model.variants == ()


def test_an_expired_calibration_is_refused(calibrated, saved):
    """The day after its last day the model is no longer read."""
    with pytest.raises(ArtifactError, match=r"calibration\.valid_until: has passed"):
        load_model(saved(calibrated), today=date(2027, 12, 2))


def test_a_calibration_is_not_judged_without_the_date(calibrated, saved):
    """Nobody can leave the date out and have an expired model slip through."""
    with pytest.raises(ArtifactError, match="cannot be judged without today's date"):
        load_model(saved(calibrated))


def test_a_calibration_that_expires_while_in_use_is_noticed(calibrated, saved):
    """A running service can ask each day."""
    model = load_model(saved(calibrated), today=DAY)
    assert model.is_valid_on(LAST)
    assert not model.is_valid_on(date(2027, 12, 2))


def test_an_anchored_model_may_have_a_parent(shipped, saved):
    """A model anchored to another incidence can say what it was made from."""
    content = shipped() | {"parent": "sha256:11"}
    assert load_model(saved(content)).parent == "sha256:11"


def test_a_model_without_related_quantities_is_read(shipped, saved):
    """A model may have nothing but its predictors to watch."""
    assert load_model(saved(shipped() | {"related": []})).related == ()


def test_a_changed_file_is_refused(shipped, tmp_path):
    """One digit of the intercept changed by hand: the digest no longer fits."""
    content = shipped()
    content["intercept"]["value"] = 2.047
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ArtifactError, match=r"edited\.json: digest: does not fit"):
        load_model(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "document: is not JSON in UTF-8"),
        (b'{"id": "\xff"}', "document: is not JSON in UTF-8"),
        (b"[" * 100_000, "document: is not JSON in UTF-8"),
        (b"[]", "document: must be a JSON object"),
        (b'{"id": NaN}', "document: holds NaN; numbers must be finite"),
        (b'{"id": -Infinity}', "document: holds -Infinity"),
        (b'{"id": "a", "id": "b"}', "id: given twice"),
    ],
)
def test_a_file_that_is_no_artifact_is_refused(tmp_path, text, message):
    """Broken, deep, not a number, ambiguous: one clear line each."""
    path = tmp_path / "broken.json"
    path.write_bytes(text)
    with pytest.raises(ArtifactError, match=message):
        load_model(path)


def test_a_number_too_large_to_hold_is_refused(shipped, saved):
    """1e999 reads as infinity, which no coefficient is."""
    path = saved(shipped())
    text = path.read_text("utf-8").replace("2.048", "1e999", 1)
    path.write_text(text, "utf-8")
    with pytest.raises(ArtifactError, match="holds an infinite number"):
        load_model(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    """The path is named."""
    with pytest.raises(ArtifactError, match=r"absent\.json: file: cannot be read"):
        load_model(tmp_path / "absent.json")


def test_the_covariance_cannot_be_changed_in_memory(nomogram):
    """A loaded model stays as it was read."""
    with pytest.raises(ValueError, match="read-only"):
        nomogram.covariance.matrix[0, 0] = 1


def test_the_tests_behind_a_calibration_are_read(calibrated, saved):
    """What chose the level can be shown beside the model."""
    test = {"against": "slope", "statistic": 2.5, "df": 3, "p": 0.47}
    calibrated["calibration"] |= {"tests": [test], "is_synthetic": True}
    calibration = load_model(saved(calibrated), today=DAY).calibration
    assert calibration.tests == (LevelTested("slope", 2.5, 3, 0.47),)
    assert calibration.is_synthetic


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("events", 412, r"calibration\.events: must be fewer than n"),
        ("is_synthetic", "no", r"calibration\.is_synthetic: must be true or false"),
        ("tests", [], r"calibration\.tests: must be a list, not empty"),
        ("tests", [{"p": 0.1}], r"calibration\.tests\[0\]\.against: missing"),
        (
            "tests",
            [{"against": "slope", "statistic": 1, "df": 1, "p": 2}],
            r"calibration\.tests\[0\]\.p: must be finite and lie in \[0, 1\]",
        ),
    ],
)
def test_a_wrong_word_on_the_calibration_is_refused(
    calibrated, saved, field, value, message
):
    """Neither guessed nor passed over."""
    calibrated["calibration"][field] = value
    with pytest.raises(ArtifactError, match=message):
        load_model(saved(calibrated), today=DAY)


def test_whoever_asks_himself_may_load_an_expired_calibration(calibrated, saved):
    """The server does, with each call; it must not be away after a restart."""
    model = load_model(saved(calibrated), may_be_expired=True)
    assert not model.is_valid_on(date(2027, 12, 2))
