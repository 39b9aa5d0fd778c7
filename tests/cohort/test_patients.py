"""A cohort of one's own: who is examined, who can be scored."""

import numpy as np
import pytest

from service.cohort import PatientCohort, Source
from service.model import load_bundled

NAN = float("nan")


@pytest.fixture
def cohort():
    """Three patients: complete, without method, without angle and outcome."""
    return PatientCohort(
        ids=("a", "b", "c"),
        columns={
            "segment": np.array(["lumbar", "thoracic", "lumbar"]),
            "method": np.array(["pkp", "", "pvp"]),
            "cement_ratio_percent": np.array([40.0, 50.0, 60.0]),
            "cobb_restoration_ratio_percent": np.array([30.0, 30.0, 30.0]),
            "cobb_preoperative_deg": np.array([10.0, 10.0, NAN]),
            "cobb_postoperative_deg": np.array([7.0, 7.0, NAN]),
        },
        scnen=np.array([1.0, 0.0, NAN]),
        others={"sex": np.array(["f", "m", "f"])},
        refused=(),
        source=Source("csv", "cohort.csv", "0" * 64),
    )


def test_who_was_not_examined_has_no_outcome(cohort):
    """Not examined is never "no"."""
    assert cohort.examined().tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("model", "complete"),
    [("liu-nomogram", [True, False, True]), ("liu-table2", [True, False, False])],
)
def test_a_patient_is_complete_for_a_model_that_asks_no_more(cohort, model, complete):
    """Each model asks for its own predictors."""
    assert cohort.complete(load_bundled(model)).tolist() == complete


def test_a_subset_keeps_all_columns_in_step(cohort):
    """A row is one patient in every array."""
    kept = cohort.subset(cohort.examined())
    assert len(kept) == 2
    assert kept.ids == ("a", "b")
    assert {len(column) for column in kept.columns.values()} == {2}
    assert kept.scnen.tolist() == [1.0, 0.0]
    assert kept.others["sex"].tolist() == ["f", "m"]
