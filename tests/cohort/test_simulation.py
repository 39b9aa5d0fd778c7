"""A cohort drawn from Table 1 has its distributions and the model's outcomes."""

import numpy as np
import pytest
from scipy import stats

from service.cohort.simulation import simulate
from service.model import design_matrix, linear_predictor, load_bundled, risk
from service.model.predictors import check_inputs

MODELS = ("liu-nomogram", "liu-table2")
N = 100_000


def drawn(model="liu-nomogram", n=N, seed=1):
    return simulate(load_bundled(model), n, np.random.default_rng(seed))


@pytest.fixture(scope="module", params=MODELS)
def model_and_cohort(request):
    """Many patients, outcomes by each of the models."""
    return load_bundled(request.param), drawn(request.param)


#: Table 1, derivation cohort. The ratio's is cut at 100 % on either side; the angle
#: afterwards follows from ratio and angle before.
@pytest.mark.parametrize(
    ("name", "mean", "sd", "within"),
    [
        ("cement_ratio_percent", 51.79, 13.37, 0.15),
        ("cobb_preoperative_deg", 10.21, 5.77, 0.1),
        ("cobb_restoration_ratio_percent", 43.89, 24.16, 0.9),
        ("cobb_postoperative_deg", 5.86, 3.94, 0.4),
    ],
)
def test_moments_are_those_of_table_1(model_and_cohort, name, mean, sd, within):
    """For both models: mean and standard deviation."""
    values = model_and_cohort[1].columns[name]
    assert values.mean() == pytest.approx(mean, abs=within)
    assert values.std() == pytest.approx(sd, abs=within)


def test_the_ratio_is_normal_and_cut(model_and_cohort):
    """scipy's truncated normal has these moments."""
    low, high = (-100 - 43.89) / 24.16, (100 - 43.89) / 24.16
    expected = stats.truncnorm(low, high, loc=43.89, scale=24.16)
    values = model_and_cohort[1].columns["cobb_restoration_ratio_percent"]
    assert values.mean() == pytest.approx(expected.mean(), abs=0.3)
    assert values.std() == pytest.approx(expected.std(), abs=0.3)


@pytest.mark.parametrize(
    ("name", "label", "share"),
    [
        ("segment", "lumbar", 162 / 237),
        ("method", "pedicle_screw", 17 / 236),
        ("method", "pvp", 37 / 236),
        ("method", "pkp", 182 / 236),
    ],
)
def test_shares_are_those_of_table_1(model_and_cohort, name, label, share):
    """Segment and method as counted."""
    found = (model_and_cohort[1].columns[name] == label).mean()
    assert found == pytest.approx(share, abs=0.005)


def test_outcomes_are_as_frequent_as_the_model_expects(model_and_cohort):
    """About the study's incidence, 41 of 237; and so in each fifth of the risk."""
    model, cohort = model_and_cohort
    expected = risk(linear_predictor(model, design_matrix(model, cohort.columns)))
    assert expected.mean() == pytest.approx(41 / 237, abs=0.004)
    order = np.argsort(expected)
    for fifth in np.array_split(order, 5):
        assert cohort.scnen[fifth].mean() == pytest.approx(
            expected[fifth].mean(), abs=0.01
        )


def test_everybody_can_be_scored_and_taken(model_and_cohort):
    """Values are possible, complete and examined."""
    model, cohort = model_and_cohort
    assert cohort.complete(model).all()
    assert cohort.examined().all()
    for place in range(50):
        check_inputs({name: c.tolist()[place] for name, c in cohort.columns.items()})


def test_it_is_marked_as_synthetic():
    """In the source and in every id."""
    cohort = drawn(n=3)
    assert cohort.source.is_synthetic
    assert cohort.source.kind == "simulated"
    assert cohort.ids == ("SYN-000001", "SYN-000002", "SYN-000003")


def test_the_seed_decides():
    """The same patients again, or others."""
    first, again, other = drawn(n=50), drawn(n=50), drawn(n=50, seed=2)
    assert first.source.digest == again.source.digest
    assert first.source.digest != other.source.digest


def test_nobody_is_no_cohort():
    """Zero patients are refused."""
    with pytest.raises(ValueError, match="n: must be 1 or more patients, got 0"):
        drawn(n=0)
