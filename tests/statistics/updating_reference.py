"""R's results for updating, and the patients that they are about."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.cohort.table import read_cohort
from service.model.arrays import design_matrix
from service.model.artifact import load_bundled
from service.model.risk_model import RiskModel

HERE = Path(__file__).parent
COHORT = HERE / "data" / "updating700.csv"
Patients = tuple[NDArray[np.float64], NDArray[np.float64]]


@cache
def reference() -> dict[str, Any]:
    """Read what updating.R wrote."""
    found: dict[str, Any] = json.loads(
        (HERE / "reference" / "updating.json").read_text("utf-8")
    )
    return found


@cache
def model() -> RiskModel:
    """Give the model that is updated."""
    return load_bundled("liu-nomogram")


@cache
def own() -> Patients:
    """Give the examined patients of the synthetic cohort: predictors and outcomes."""
    cohort = read_cohort(COHORT)
    used = cohort.subset(cohort.examined())
    return design_matrix(model(), used.columns), used.scnen


@cache
def table(name: str) -> Patients:
    """Read predictors and, in the last column, outcomes."""
    rows = np.genfromtxt(HERE / "data" / name, delimiter=",", skip_header=1)
    return rows[:, :-1], rows[:, -1]
