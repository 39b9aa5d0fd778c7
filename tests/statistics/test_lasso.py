"""LASSO along a path of penalties, against R's glmnet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from service.validation.estimates import NotEstimableError
from service.validation.lasso import cross_validate, lasso_path, stratified_folds
from tests.statistics.development_reference import (
    REFERENCE,
    cancer,
    candidates,
    close,
    folds_of,
)


def found_and_expected(name):
    if name == "develop":
        patients = candidates()
        design, outcome = patients.design, patients.outcome
    else:
        design, outcome = cancer()
    found = cross_validate(design, outcome, folds_of(outcome.size))
    return found, REFERENCE["lasso"][name]


@pytest.fixture(scope="module", params=["develop", "cancer"])
def pair(request):
    """Ours and R's on the synthetic patients, and on public data."""
    return found_and_expected(request.param)


def test_columns_are_coded_as_for_r():
    """Whatever is compared below is compared on the same design."""
    assert list(candidates().column_names) == REFERENCE["columns"]


def test_penalties_are_those_of_glmnet(pair):
    """The path begins where the first slope appears and ends where glmnet stops."""
    found, expected = pair
    assert found.path.penalties == close(expected["penalties"], rel=1e-9)


def test_explained_deviance_is_that_of_glmnet(pair):
    """All models of the path fit as well as R's."""
    found, expected = pair
    assert found.path.explained == close(expected["explained"])


def test_cross_validated_deviance_is_that_of_cv_glmnet(pair):
    """With the same folds, mean deviance and its standard error are R's."""
    found, expected = pair
    assert found.deviance == close(expected["deviance"])
    assert found.standard_error == close(expected["error"])


def test_both_penalties_are_those_of_cv_glmnet(pair):
    """lambda.min and lambda.1se."""
    found, expected = pair
    chosen = found.path.penalties[[found.best, found.one_se]]
    assert chosen == close([expected["best"], expected["one_se"]], rel=1e-9)


@pytest.mark.parametrize("choice", ["best", "one_se"])
def test_coefficients_are_those_of_glmnet(pair, choice):
    """Intercept and slopes at both penalties, on the scale of the columns."""
    found, expected = pair
    place = getattr(found, choice)
    path = found.path
    ours = [path.intercepts[place], *path.coefficients[place]]
    assert ours == close(expected[f"at_{choice}"])


def test_what_is_not_selected_is_exactly_zero():
    """A slope of 1e-17 would count as selected."""
    found, expected = found_and_expected("develop")
    ours = found.path.coefficients[found.one_se]
    assert (ours != 0).tolist() == [b != 0 for b in expected["at_one_se"][1:]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_each_model_keeps_the_bounds_that_make_it_the_minimum(seed):
    """
    The conditions of Karush, Kuhn and Tucker, on random patients: the gradient equals
    the penalty where a slope is not 0, and is no larger where it is.
    """
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(60, 5)) * rng.uniform(0.1, 50, 5)
    outcome = (rng.random(60) < 1 / (1 + np.exp(-design[:, 0] / 5))).astype(float)
    outcome[:2] = 0, 1
    path = lasso_path(design, outcome)
    columns = (design - design.mean(axis=0)) / design.std(axis=0)
    for penalty, intercept, slopes in zip(
        path.penalties, path.intercepts, path.coefficients, strict=True
    ):
        risk = expit(intercept + design @ slopes)
        gradient = columns.T @ (outcome - risk) / 60
        assert abs((outcome - risk).mean()) < 1e-8
        assert np.abs(gradient).max() < penalty + 1e-8
        active = slopes != 0
        expected = np.sign(slopes[active]) * penalty
        assert np.abs(gradient[active] - expected).max(initial=0) < 1e-8


@given(st.lists(st.booleans(), min_size=20, max_size=60), st.integers(0, 99))
def test_folds_share_the_patients_with_the_outcome(outcome, seed):
    """No two folds differ by more than one patient, or one with the outcome."""
    values = np.array(outcome, float)
    folds = stratified_folds(values, np.random.default_rng(seed))
    for chosen in (folds, folds[values == 1]):
        sizes = np.bincount(chosen, minlength=10)
        assert sizes.max() - sizes.min() <= 1


def test_a_column_that_does_not_vary_is_left_at_zero():
    """In a resample a rare label may be absent."""
    design, outcome = cancer()
    wider = np.column_stack([design, np.full(len(outcome), 7.0)])
    path = lasso_path(wider, outcome)
    assert not path.coefficients[:, -1].any()
    assert path.coefficients[:, :-1] == close(lasso_path(design, outcome).coefficients)


def test_separated_patients_still_have_a_path():
    """The penalty keeps slopes finite; the path ends when all is explained."""
    outcome = np.repeat([0.0, 1.0], 20)
    path = lasso_path(np.arange(40.0)[:, None], outcome)
    assert np.isfinite(path.coefficients).all()
    assert path.explained[-1] > 0.99


def test_patients_of_one_class_are_refused():
    """There is nothing to tell apart."""
    with pytest.raises(NotEstimableError, match="outcome: all patients are of one"):
        lasso_path(np.ones((5, 1)), np.zeros(5))


def test_a_missing_value_is_refused():
    """Nothing is imputed."""
    design, outcome = cancer()
    design = design.copy()
    design[3, 1] = np.nan
    with pytest.raises(ValueError, match="design: column 1 is missing or not finite"):
        lasso_path(design, outcome)


def test_columns_that_never_vary_are_refused():
    """A path needs a first slope."""
    with pytest.raises(NotEstimableError, match="no column varies"):
        lasso_path(np.ones((4, 2)), np.array([0.0, 1, 0, 1]))


def test_a_design_of_another_length_is_refused():
    """Rows and outcomes belong together."""
    with pytest.raises(ValueError, match="design: must be a matrix of 4 rows"):
        lasso_path(np.ones((5, 2)), np.array([0.0, 1, 0, 1]))


@pytest.mark.parametrize("folds", [np.zeros(569, int), np.arange(10) % 3])
def test_too_few_folds_or_of_other_patients_are_refused(folds):
    """A standard error over folds needs some of them."""
    with pytest.raises(ValueError, match="folds: give each patient one of at least"):
        cross_validate(*cancer(), folds)


def test_a_fold_that_holds_all_outcomes_is_refused():
    """The patients outside it are of one class."""
    design, outcome = cancer()
    folds = np.where(outcome == 1, 0, np.arange(outcome.size) % 3 + 1)
    with pytest.raises(NotEstimableError, match="one class"):
        cross_validate(design, outcome, folds)
