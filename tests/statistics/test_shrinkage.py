"""Shrinkage of a refitted model: R's heuristic and bootstrap, and refusals."""

import numpy as np
import pytest

from service.validation.draws import Draws
from service.validation.estimates import NotEstimableError
from service.validation.shrinkage import Shrinkage, estimate_shrinkage
from tests.statistics.updating_reference import own, reference


def test_the_heuristic_is_that_of_glm():
    """From the deviances, to eight digits."""
    found = estimate_shrinkage(*own(), draws=Draws(np.random.default_rng(1), 3))
    wanted = reference()["own"]["heuristic_shrinkage"]
    assert found.heuristic == pytest.approx(wanted, rel=1e-8)


def test_the_bootstrap_agrees_with_rms():
    """Both draw: 800 resamples here (error 0.004), 4,000 by rms::validate."""
    found = estimate_shrinkage(*own(), draws=Draws(np.random.default_rng(1), 800))
    wanted = reference()["own"]["bootstrap_shrinkage"]
    assert found.bootstrap == pytest.approx(wanted, abs=0.01)
    assert found.failed == 0


def test_the_same_seed_gives_the_same_factor():
    """To the last bit, whatever the number of processes."""
    first, second = (
        estimate_shrinkage(*own(), draws=Draws(np.random.default_rng(7), 30, jobs))
        for jobs in (1, 2)
    )
    assert first == second


def test_the_stronger_factor_is_applied_and_none_above_one():
    """A refit is never made steeper."""
    assert Shrinkage(0.94, 0.96, 9, 0).applied == 0.94
    assert Shrinkage(0.96, 0.94, 9, 0).applied == 0.94
    assert Shrinkage(1.2, 1.1, 9, 0).applied == 1.0


def test_noise_is_shrunk_away():
    """Predictors that say nothing have a heuristic factor near or below 0."""
    rng = np.random.default_rng(3)
    design, outcome = rng.normal(size=(300, 6)), (rng.random(300) < 0.3).astype(float)
    found = estimate_shrinkage(design, outcome, draws=Draws(rng, 50))
    assert found.applied < 0.4


def test_patients_without_a_fit_are_refused():
    """Collinear predictors have no coefficients to shrink."""
    design = np.ones((40, 1))
    with pytest.raises(NotEstimableError, match=r"design: .*collinear"):
        estimate_shrinkage(
            design, np.arange(40) % 2, draws=Draws(np.random.default_rng(1))
        )


def test_too_many_resamples_without_a_fit_are_refused():
    """Five events: often a resample has none, or is separated."""
    rng = np.random.default_rng(2)
    design, outcome = rng.normal(size=(12, 1)), np.zeros(12)
    outcome[[0, 5]] = 1
    with pytest.raises(NotEstimableError, match="resamples have no fit"):
        estimate_shrinkage(design, outcome, draws=Draws(rng, 60))
