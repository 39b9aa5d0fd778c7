"""What tests of the statistics share: one thread, and a validation made once."""

import numpy as np
import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from service.model.artifact import load_bundled
from service.validation.evaluation import evaluate
from service.validation.performance import Plan, score_patients
from service.validation.subgroups import by_label
from tests.statistics.discrimination_reference import model_columns, table

# How long an example takes says nothing on a machine that does other things as well.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Several threads would only wait for each other, and for those of other tests."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def scored():
    """Score the 340 synthetic patients with the study's model."""
    outcome = table("synthetic340")["scnen"].astype(float)
    return score_patients(load_bundled("liu-nomogram"), model_columns(), outcome)


@pytest.fixture(scope="session")
def found(scored):
    """Validate it on them, with few resamples."""
    groups = tuple(
        by_label(name, table("synthetic340")[name]) for name in ("segment", "sex")
    )
    plan = Plan(resamples=12, groupings=groups)
    return evaluate(scored, rng=np.random.default_rng(5), plan=plan)
