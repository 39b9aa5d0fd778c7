"""R's results for discrimination and utility, and the data that they are about."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

HERE = Path(__file__).parent


@cache
def reference(name: str) -> dict[str, Any]:
    """Read what a script of R wrote."""
    text = (HERE / "reference" / f"{name}.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def table(name: str) -> NDArray[Any]:
    """Read committed data, with a name for each column."""
    return np.genfromtxt(
        HERE / "data" / f"{name}.csv",
        delimiter=",",
        names=True,
        dtype=None,
        encoding="utf-8",
    )


def logit_interval(area: dict[str, float]) -> list[float]:
    """Give the interval that is symmetric in log odds, from R's area and error."""
    reach = norm.ppf(0.975) * area["se"] / (area["auc"] * (1 - area["auc"]))
    return [float(expit(logit(area["auc"]) + sign * reach)) for sign in (-1, 1)]


def model_columns() -> dict[str, NDArray[Any]]:
    """Give the predictors of liu-nomogram of the synthetic cohort."""
    cohort = table("synthetic340")
    before, after = cohort["cobb_preoperative_deg"], cohort["cobb_postoperative_deg"]
    return {
        "segment": cohort["segment"],
        "method": cohort["method"],
        "cement_ratio_percent": cohort["cement_ratio_percent"],
        "cobb_restoration_ratio_percent": 100 * (before - after) / before,
    }
