"""The artifact of a recalibrated model: the reader takes it, and it hides nothing."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.special import expit

from service.model import bundled_models, load_model
from service.model import risk as risk_of
from service.model.arrays import linear_predictor, standard_error
from service.model.documents import render
from service.model.scoring import score
from service.validation.artifact_files import check_free, id_and_version, write_new
from service.validation.calibrated_artifact import Basis, calibrated_document
from service.validation.draws import Draws
from service.validation.recalibration import recalibrate
from service.validation.updating import Level
from tests.statistics.updating_reference import model, own

ORIGINAL = json.loads(bundled_models()["liu-nomogram"].read_bytes())
TODAY = date(2026, 11, 30)
LEVELS = [Level.INTERCEPT, Level.SLOPE, Level.REFIT]


def basis(**changes):
    """What the artifact says besides numbers."""
    said = {
        "id": "north",
        "version": "1",
        "first_operation": date(2024, 1, 8),
        "last_operation": date(2025, 12, 20),
        "approved_by": ("A. Surgeon", "B. Statistician"),
        "approved_on": TODAY,
        "valid_until": date(2028, 11, 30),
        "data_digest": "ab" * 32,
        "is_synthetic": False,
    }
    return Basis(**(said | changes))


@pytest.fixture(scope="module")
def found():
    """Recalibrate the patients of the example at each level, once."""
    return {
        level: recalibrate(
            model(), *own(), draws=Draws(np.random.default_rng(1), 500), level=level
        )
        for level in LEVELS
    }


@pytest.fixture
def written(tmp_path, found):
    """Write and load an artifact."""

    def write(level, **changes):
        path = tmp_path / f"{level}-1.json"
        write_new(path, calibrated_document(ORIGINAL, found[level], basis(**changes)))
        return load_model(path, today=TODAY)

    return write


@pytest.mark.parametrize("level", LEVELS)
def test_the_model_that_is_read_is_the_one_that_was_found(written, found, level):
    """The same risks, to the digits written; their mean is the incidence."""
    design, outcome = own()
    new = written(level)
    risk = risk_of(linear_predictor(new, design))
    assert risk == pytest.approx(
        expit(found[level].update.linear_predictor(design)), abs=1e-6
    )
    assert risk.mean() == pytest.approx(outcome.mean(), abs=1e-6)
    assert (new.mode, new.incidence.events, new.incidence.n) == (
        "calibrated",
        149,
        660,
    )


@pytest.mark.parametrize("level", LEVELS)
def test_it_says_what_it_rests_on(written, level):
    """Parent, patients, days, people, tests, code and data."""
    new = written(level)
    calibration = new.calibration
    assert new.parent == f"liu-nomogram 1.0.0 {ORIGINAL['digest']}"
    assert (calibration.n, calibration.events) == (660, 149)
    assert calibration.valid_until == date(2028, 11, 30)
    assert calibration.approved_by == ("A. Surgeon", "B. Statistician")
    assert calibration.data_digest == "sha256:" + "ab" * 32
    assert [test.against for test in calibration.tests] == [
        "as-is",
        "intercept",
        "slope",
    ]
    low, high = calibration.interval
    assert low < new.intercept.value < high
    assert not any(text.startswith("the intercept") for text in new.provenance.ours)


@pytest.mark.parametrize("level", LEVELS)
def test_the_percentile_of_a_patient_is_still_that_of_the_studys_cohort(written, level):
    """Where patients keep their order it does not move; it is never a local one."""
    inputs = {
        "segment": "lumbar",
        "method": "pkp",
        "cement_ratio_percent": 41.0,
        "cobb_restoration_ratio_percent": 12.0,
    }
    before, after = score(model(), inputs), score(written(level), inputs)
    close = 0.01 if level is not Level.REFIT else 15
    assert after.percentile == pytest.approx(before.percentile, abs=close)


def test_readings_that_local_patients_have_settled_are_gone(written):
    """Incidence is known now; smaller slopes are a doubt while the study's are used."""
    kept = written(Level.INTERCEPT).variants
    assert [variant.id for variant in kept] == ["shrinkage-0.8"]
    assert kept[0].incidence.n == 660
    assert written(Level.SLOPE).variants == ()
    assert written(Level.REFIT).variants == ()


def test_the_interval_is_local_where_the_model_was_anchored_before(written):
    """More patients than the study had: narrower for an average patient."""
    design, _ = own()
    middle = design.mean(axis=0, keepdims=True)
    before, after = (
        standard_error(model(), middle),
        standard_error(written(Level.INTERCEPT), middle),
    )
    assert after[0] < before[0]


def test_a_refit_names_local_patients_as_its_source(written):
    """What stands behind the coefficients is no longer the study."""
    source = written(Level.REFIT).provenance
    assert source.citation.startswith("Local patients. Predictors of: ")
    assert (source.n, source.events) == (660, 149)
    assert written(Level.SLOPE).provenance.n == ORIGINAL["provenance"]["n"]


def test_the_same_patients_and_days_give_the_same_bytes(found):
    """So that an artifact can be made again and compared."""
    again = recalibrate(
        model(), *own(), draws=Draws(np.random.default_rng(1), 500), level=Level.REFIT
    )
    first, second = (
        render(calibrated_document(ORIGINAL, each, basis()))
        for each in (found[Level.REFIT], again)
    )
    assert first == second


def test_a_recalibrated_model_can_be_recalibrated(written, found, tmp_path):
    """The chain goes on; what the first update said of itself is replaced."""
    first = written(Level.INTERCEPT)
    content = json.loads((tmp_path / "intercept-1.json").read_bytes())
    second = recalibrate(
        first, *own(), draws=Draws(np.random.default_rng(1), 500), level=Level.SLOPE
    )
    made = calibrated_document(content, second, basis(id="north", version="2"))
    assert made["parent"] == f"north 1 {first.digest}"
    assert sum("local patients" in text for text in made["provenance"]["ours"]) == 1


def test_synthetic_patients_are_named_as_such(written):
    """In the words and as a mark that the service reads."""
    new = written(Level.INTERCEPT, is_synthetic=True)
    assert new.calibration.is_synthetic
    assert "SYNTHETIC" in new.label


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"valid_until": date(2026, 1, 1)}, "must follow each other"),
        ({"last_operation": date(2027, 1, 1)}, "must follow each other"),
        ({"approved_by": ()}, "approved_by: must be a list, not empty"),
    ],
)
def test_what_the_reader_would_refuse_is_not_written(found, changes, message):
    """An artifact that cannot be loaded is none."""
    with pytest.raises(ValueError, match=message):
        calibrated_document(ORIGINAL, found[Level.INTERCEPT], basis(**changes))


def test_a_refit_of_other_predictors_is_refused(found):
    """Their percentiles in the study's cohort cannot be known."""
    other = json.loads(json.dumps(ORIGINAL))
    other["predictors"][2]["name"] = "cobb_postoperative_deg"
    with pytest.raises(
        ValueError, match="only written for the predictors of a bundled"
    ):
        calibrated_document(other, found[Level.REFIT], basis())


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("north-3", ("north", "3")),
        ("north", ("north", "1")),
        ("north-2027-12", ("north-2027", "12")),
    ],
)
def test_the_name_of_a_file_or_folder_is_model_and_version(name, parts):
    """One place for the name."""
    assert id_and_version(name) == parts


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("liu-nomogram-2", "is the name of a bundled model"),
        ("nord nord", "use letters, digits, dots and hyphens"),
    ],
)
def test_other_names_are_refused(name, message):
    """With one that would do."""
    with pytest.raises(ValueError, match=message):
        id_and_version(name)


def test_a_file_that_is_there_is_never_overwritten(tmp_path, found):
    """Whatever it holds; the next free name is told."""
    for name in ("north-1.json", "north-2.json"):
        (tmp_path / name).write_text("kept", "utf-8")
    with pytest.raises(FileExistsError, match=r"never overwritten.*north-3\.json"):
        check_free(tmp_path / "north-1.json")
    content = calibrated_document(ORIGINAL, found[Level.INTERCEPT], basis())
    with pytest.raises(FileExistsError, match=r"north-3\.json"):
        write_new(tmp_path / "north-1.json", content)
    assert (tmp_path / "north-1.json").read_text("utf-8") == "kept"


def test_a_model_that_stayed_as_it_is_is_not_written_under_another_name(found):
    """Nothing was updated."""
    same = found[Level.INTERCEPT]
    same = replace(same, update=replace(same.update, level=Level.AS_IS))
    with pytest.raises(ValueError, match="nothing was updated"):
        calibrated_document(ORIGINAL, same, basis())
