"""The pipeline of the study on new patients, against the same pipeline in R."""

from dataclasses import replace

import numpy as np
import pytest

from service.model.arrays import risk as expit
from service.validation.development import develop, split
from service.validation.estimates import NotEstimableError
from service.validation.optimism import (
    Performance,
    ResampledPipeline,
    optimism,
    performance,
)
from service.validation.optimism_curves import curve_points
from service.validation.utility import decision_curve
from tests.statistics.development_reference import (
    REFERENCE,
    cancer,
    candidates,
    close,
    folds_of,
)


@pytest.fixture(scope="module")
def patients():
    """The synthetic patients, with 19 candidates."""
    return candidates()


@pytest.fixture(scope="module")
def pipeline(patients):
    """What R did to them."""
    return ResampledPipeline(
        patients.design,
        patients.outcome,
        patients.terms,
        folds_of(patients.outcome.size),
        "p",
    )


@pytest.fixture(scope="module")
def quick():
    """Three measurements of 569 tumours, three folds: a pipeline that takes no time."""
    design, outcome = cancer()
    terms = ((0,), (1,), (2,))
    return ResampledPipeline(design, outcome, terms, np.arange(outcome.size) % 3, "p")


def expected_numbers(run, terms):
    chosen = [
        [float(term in np.atleast_1d(run[key])) for term in range(terms)]
        for key in ("selected", "kept")
    ]
    numbers = [np.nan if x is None else x for x in (*run["inside"], *run["outside"])]
    return [*numbers, *chosen[0], *chosen[1]]


def test_the_model_is_that_of_r(pipeline):
    """LASSO, elimination, AUC, Brier score, slope and intercept on all patients."""
    found = pipeline(np.arange(340))
    expected = expected_numbers(REFERENCE["pipeline"], 19)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-8, nan_ok=True)


@pytest.mark.parametrize("number", range(len(REFERENCE["resamples"])))
def test_each_resample_gives_what_r_gives(pipeline, number):
    """Every step anew on the same resample, and the model back on all patients."""
    run = REFERENCE["resamples"][number]
    found = pipeline(np.array(run["rows"]))
    assert found == pytest.approx(
        expected_numbers(run, 19), rel=1e-5, abs=1e-7, nan_ok=True
    )


def test_optimism_is_the_mean_gap_of_the_resamples(quick):
    """Harrell: apparent performance less the mean of inside less outside."""
    rng = np.random.default_rng(4)
    found = optimism(quick, rng=rng, resamples=4)
    generators = np.random.default_rng(4).spawn(4)
    n = quick.outcome.size
    rows = np.array([quick(each.integers(n, size=n)) for each in generators])
    gap = (rows[:, :4] - rows[:, 4:8]).mean(axis=0)
    apparent = performance(
        develop(quick.design, quick.outcome, quick.terms, quick.folds).linear_predictor(
            quick.design
        ),
        quick.outcome,
    )
    assert found.apparent == apparent
    assert found.optimism.auc == pytest.approx(gap[0])
    assert found.corrected.auc == pytest.approx(apparent.auc - gap[0])
    assert found.corrected.slope == pytest.approx(1 - gap[2])
    assert found.kept == tuple(rows[:, -3:].mean(axis=0))


def test_a_model_fits_its_own_patients_with_slope_1(pipeline):
    """Maximum likelihood is calibrated where it was fitted."""
    found = pipeline(np.arange(340))
    assert found[2:4] == pytest.approx([1, 0], abs=1e-8)


def test_processes_do_not_change_a_bit(quick, monkeypatch):
    """The same seed gives the same numbers on any number of cores."""
    monkeypatch.setattr("service.validation.resampling._BATCH", 2)
    runs = [
        optimism(quick, rng=np.random.default_rng(7), resamples=4, jobs=jobs)
        for jobs in (1, 2)
    ]
    assert runs[0] == runs[1]


def test_progress_adds_up(quick):
    """Whoever waits learns of every resample once."""
    told = []
    optimism(quick, rng=np.random.default_rng(1), resamples=3, progress=told.append)
    assert sum(told) == 3


def test_noise_gives_a_model_without_predictors():
    """Nothing is selected from noise; risk is the incidence, and nobody is ranked."""
    outcome = np.repeat([0.0, 1.0], [60, 20])
    noise = np.concatenate([np.arange(60) % 20, np.arange(20)])[:, None].astype(float)
    noise += np.random.default_rng(3).normal(size=noise.shape)
    found = develop(noise, outcome, [[0]], np.arange(80) % 10)
    assert found.kept == ()
    lp = found.linear_predictor(noise)
    assert lp == pytest.approx(np.log(20 / 60))
    assert found.rad_score(noise) == pytest.approx(np.log(20 / 60))
    ours = performance(lp, outcome)
    assert (ours.auc, ours.brier) == pytest.approx((0.5, 0.25 * 0.75))
    assert np.isnan([ours.slope, ours.intercept]).all()


def test_resamples_without_predictors_are_counted():
    """They have no slope: the mean is over the others, whose number is told."""
    rng = np.random.default_rng(11)
    outcome = np.repeat([0.0, 1.0], [60, 20])
    design = rng.normal(size=(80, 1)) + 0.9 * outcome[:, None]
    pipeline = ResampledPipeline(design, outcome, ((0,),), np.arange(80) % 3, "p")
    found = optimism(pipeline, rng=rng, resamples=10)
    assert 0 < found.without_predictors < 10
    assert found.kept[0] == pytest.approx(1 - found.without_predictors / 10)
    assert np.isfinite(found.corrected.slope)


def test_resamples_that_fail_are_counted_with_the_reason():
    """A resample whose patients are separated has no estimates; it is not hidden."""
    outcome = np.repeat([0.0, 1.0], 12)
    design = np.arange(24.0)[:, None]
    design[[11, 12], 0] = 12, 11
    pipeline = ResampledPipeline(design, outcome, ((0,),), np.arange(24) % 4, "p")
    rng = np.random.default_rng(2)
    found = optimism(pipeline, rng=rng, resamples=8)
    assert 0 < found.failed < 8
    assert any("separate" in reason for reason in found.reasons)


def test_the_rad_score_is_the_lasso_and_not_the_final_model(patients):
    """Shrunken coefficients of all selected columns."""
    found = develop(patients.design, patients.outcome, patients.terms, folds_of(340))
    expected = REFERENCE["lasso"]["develop"]["at_one_se"]
    ours = found.rad_score(patients.design)
    assert ours == close(expected[0] + patients.design @ expected[1:])


def test_a_split_keeps_the_incidence_in_both_parts():
    """70 of 340, as the study: 49 and 21."""
    outcome = np.repeat([1.0, 0.0], [70, 270])
    chosen = split(outcome, np.random.default_rng(1))
    assert (int(outcome[chosen].sum()), int(chosen.sum())) == (49, 238)


def test_a_split_depends_on_the_seed_alone():
    """The same seed, the same patients; another seed, others."""
    outcome = np.repeat([1.0, 0.0], [70, 270])
    one, again, other = (split(outcome, np.random.default_rng(s)) for s in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()


def test_performance_is_that_of_a_perfect_line():
    """A linear predictor that is twice too wide has slope 1/2."""
    rng = np.random.default_rng(9)
    design = rng.normal(size=(400, 1))
    outcome = (rng.random(400) < 1 / (1 + np.exp(-design[:, 0]))).astype(float)
    narrow = performance(design[:, 0], outcome)
    wide = performance(2 * design[:, 0], outcome)
    assert wide.slope == pytest.approx(narrow.slope / 2)
    assert wide.auc == narrow.auc
    assert isinstance(wide, Performance)


def test_patients_of_one_class_are_refused(quick):
    """There is nothing to develop."""
    nobody = replace(quick, outcome=np.zeros(quick.outcome.size))
    with pytest.raises(NotEstimableError, match="outcome: all patients are of one"):
        optimism(nobody, rng=np.random.default_rng(1), resamples=2)


@pytest.fixture(scope="module")
def corrected(quick):
    """The curves of the tumours' model, and what they were read from."""
    model = develop(quick.design, quick.outcome, quick.terms, quick.folds)
    predicted = model.linear_predictor(quick.design)
    read = replace(quick, points=curve_points(predicted))
    found = optimism(read, rng=np.random.default_rng(4), resamples=4)
    return found, read, predicted


def test_curves_are_corrected_as_the_figures_are(corrected):
    """At each point less the mean of the resamples' curves inside less outside."""
    found, read, predicted = corrected
    generators = np.random.default_rng(4).spawn(4)
    n = read.outcome.size
    rows = np.array([read(each.integers(n, size=n)) for each in generators])[:, 14:]
    inside, outside = np.split(rows, 2, axis=1)
    gap = np.nanmean(inside - outside, axis=0)
    apparent = read.points.read(predicted, read.outcome)
    whole = found.curves
    assert whole.decision.corrected == pytest.approx((apparent - gap)[-80:])
    assert whole.roc.apparent == pytest.approx(apparent[:101])
    expected = decision_curve(read.outcome, expit(predicted))
    assert whole.decision.apparent == pytest.approx(expected.model)
    assert whole.treat_all == pytest.approx(expected.treat_all)


def test_the_area_under_the_apparent_curve_is_the_apparent_auc(corrected):
    """To what reading its steps at 101 places leaves."""
    found, *_ = corrected
    curve = found.curves.roc
    assert np.trapezoid(curve.apparent, curve.at) == pytest.approx(
        found.apparent.auc, abs=0.01
    )


def test_reading_curves_changes_no_figure(quick, corrected):
    """The same resamples, the same optimism."""
    plain = optimism(quick, rng=np.random.default_rng(4), resamples=4)
    assert plain.curves is None
    assert plain == replace(corrected[0], curves=None)


def test_a_model_without_predictors_has_the_diagonal_and_no_calibration():
    """It ranks nobody, and gives everybody one risk."""
    outcome = np.repeat([0.0, 1.0], [30, 10])
    points = curve_points(np.zeros(40))
    read = points.read(np.zeros(40), outcome)
    assert points.risk.size == 0
    assert read[:101] == pytest.approx(np.linspace(0, 1, 101))
    assert curve_points(np.arange(40.0)).read(np.zeros(40), outcome).size == 231
