"""What R found, and the patients it found it on."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from service.cohort.table import read_cohort
from service.validation.candidates import choose_candidates

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "reference" / "development.json").read_text("utf-8"))
DEVELOP = HERE / "data" / "develop340.csv"

#: R's and our numbers agree to this relative difference, unless a test says otherwise.
TIGHT = 1e-6


def close(expected, rel=TIGHT):
    """Compare with R: relatively, and near 0 to the same number of digits."""
    return pytest.approx(np.array(expected, float), rel=rel, abs=rel * 1e-2)


def folds_of(n):
    """Give the folds that R was given."""
    return np.arange(n) % 10


@cache
def candidates():
    """Give the 19 candidates of the 340 patients."""
    return choose_candidates(read_cohort(DEVELOP))


def cancer():
    """Give three measurements of 569 tumours, and which are malignant."""
    table = np.loadtxt(HERE / "data" / "breast_cancer.csv", delimiter=",", skiprows=1)
    return table[:, 1:], table[:, 0]
