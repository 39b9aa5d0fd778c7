"""Backward elimination and profile-likelihood intervals, against R."""

import numpy as np
import pytest
from scipy.stats import chi2

from service.validation.estimates import NotEstimableError
from service.validation.logistic import fit_logistic
from service.validation.selection import (
    eliminate_backward,
    fit_terms,
    profile_interval,
    wald_p,
)
from tests.statistics.development_reference import (
    REFERENCE,
    cancer,
    candidates,
    close,
)


@pytest.fixture(scope="module")
def patients():
    """The synthetic patients, with 19 candidates."""
    return candidates()


def test_elimination_by_p_drops_what_r_drops(patients):
    """The same terms in the same order, with the same p values."""
    found = eliminate_backward(patients.design, patients.outcome, patients.terms)
    expected = REFERENCE["elimination"]
    assert list(found.kept) == expected["kept"]
    assert [step.term for step in found.steps] == expected["dropped"]
    assert [step.p for step in found.steps] == close(expected["p"])


def test_elimination_by_p_leaves_the_model_that_r_fits(patients):
    """Coefficients and their covariance."""
    found = eliminate_backward(patients.design, patients.outcome, patients.terms)
    expected = REFERENCE["elimination"]
    assert found.fit.coefficients == close(expected["coefficients"])
    assert found.fit.covariance == close(expected["covariance"])


def test_elimination_by_aic_is_that_of_step(patients):
    """The same terms in the same order, and Akaike's criterion after each."""
    found = eliminate_backward(
        patients.design, patients.outcome, patients.terms, rule="aic"
    )
    names = [candidate.name for candidate in patients.candidates]
    expected = REFERENCE["step"]
    assert [names[term] for term in found.kept] == expected["kept"]
    assert [names[step.term] for step in found.steps] == expected["dropped"]
    assert [step.aic for step in found.steps] == close(expected["aic"])


@pytest.fixture(scope="module")
def profiled(patients):
    """The model that R profiled: its design, outcome and fit."""
    design = np.column_stack(
        [
            np.ones(len(patients.outcome)),
            patients.design[:, REFERENCE["profile"]["columns"]],
        ]
    )
    return design, patients.outcome, fit_logistic(design, patients.outcome)


@pytest.mark.parametrize("place", range(6))
def test_profile_intervals_are_where_the_deviance_has_risen(profiled, place):
    """R's uniroot on the deviance finds the same ends."""
    design, outcome, fit = profiled
    found = profile_interval(design, outcome, fit, place + 1)
    low, high = (ends[place] for ends in REFERENCE["profile"]["exact"])
    assert [found.low, found.high] == close([low, high])


@pytest.mark.parametrize("place", range(6))
def test_profile_intervals_are_nearly_those_of_confint(profiled, place):
    """confint interpolates the profile by a spline: 0.002 of the width away."""
    design, outcome, fit = profiled
    found = profile_interval(design, outcome, fit, place + 1)
    low, high = (ends[place] for ends in REFERENCE["profile"]["confint"])
    near = pytest.approx([low, high], abs=0.002 * (high - low))
    assert [found.low, found.high] == near


def test_classes_that_overlap_little_have_a_wide_interval(patients):
    """Risks that round to 0 or 1 on the way do not end the search."""
    column = 50 + 20 * patients.outcome + np.arange(340) % 23
    design = np.column_stack([np.ones(340), column])
    fit = fit_logistic(design, patients.outcome)
    found = profile_interval(design, patients.outcome, fit, 1)
    assert 0 < found.low < found.value < found.high
    assert found.high - found.value > found.value - found.low


def test_one_column_is_tested_by_its_z_value(profiled):
    """Wald's test of one coefficient is the usual one."""
    *_, fit = profiled
    z = fit.coefficients[2] / fit.standard_errors[2]
    assert wald_p(fit, [2]) == pytest.approx(chi2.sf(z**2, 1))


def test_noise_may_leave_the_intercept_alone():
    """Nothing is kept for the sake of keeping something."""
    rng = np.random.default_rng(8)
    outcome = np.repeat([0.0, 1.0], 50)
    noise = np.concatenate([rng.permutation(50), rng.permutation(50)])[:, None]
    found = eliminate_backward(noise.astype(float), outcome, [[0]])
    assert found.kept == ()
    assert found.fit.coefficients == pytest.approx([0.0])


def test_elimination_starts_from_the_given_terms(patients):
    """What LASSO did not select does not come back."""
    found = eliminate_backward(
        patients.design, patients.outcome, patients.terms, start=[4, 0]
    )
    assert set(found.kept) | {step.term for step in found.steps} == {0, 4}


def test_separated_patients_are_refused():
    """Estimates that run away have no p value; the message says what to do."""
    outcome = np.repeat([0.0, 1.0], 10)
    with pytest.raises(NotEstimableError, match=r"candidates: .* leave some of them"):
        fit_terms(np.arange(20.0)[:, None], outcome, [[0]], [0])


def test_collinear_candidates_are_refused():
    """Two columns that say the same cannot be told apart."""
    design, outcome = cancer()
    twice = np.column_stack([design[:, 0], 2 * design[:, 0]])
    with pytest.raises(NotEstimableError, match="collinear"):
        eliminate_backward(twice, outcome, [[0], [1]])


def test_a_missing_value_is_refused():
    """Nothing is imputed."""
    design, outcome = cancer()
    design = design.copy()
    design[0, 0] = np.nan
    with pytest.raises(ValueError, match="design: column 0 is missing"):
        eliminate_backward(design, outcome, [[0], [1], [2]])
