"""Calibration: 500 resamples of 340 patients, and time and memory up to a million.

    python benchmarks/bench_calibration.py [--rounds 3] [--largest 1000000]

Each figure comes from a process of its own: processor seconds, median of the rounds,
and the memory that it takes beyond its data at the peak (Linux). Beside ours, in the
same run, scikit-learn and statsmodels on the same patients. Writes
benchmarks/result-calibration.json.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve as calibration_groups
from sklearn.linear_model import LogisticRegression

from service.validation import calibration_bootstrap
from service.validation.brier import brier
from service.validation.calibration import calibration_line
from service.validation.calibration_curve import calibration_curve
from service.validation.draws import Draws
from service.validation.logistic import fit_logistic

RESULT = Path(__file__).with_name("result-calibration.json")
RESAMPLES = 500
COHORT = 340
Array = NDArray[np.float64]
Work = Callable[[Array, Array], object]


def draw(n: int) -> tuple[Array, Array]:
    """Draw patients whose risks are too extreme, the same for every tool."""
    rng = np.random.default_rng(2024)
    score = rng.normal(-1.5, 1.2, n)
    return (rng.random(n) < expit(score)).astype(float), expit(1.3 * score)


def our_slope(outcome: Array, risk: Array) -> object:
    """Slope with its interval."""
    return calibration_line(outcome, risk).slope.value


def our_curve(outcome: Array, risk: Array) -> object:
    """Curve with band, ICI, E50, E90: lowess up to 5000 patients, then a spline."""
    return calibration_curve(outcome, risk).errors.ici


def sklearn_curve(outcome: Array, risk: Array) -> object:
    """Shares in ten groups: no smooth, no band."""
    return len(calibration_groups(outcome, risk, n_bins=10, strategy="quantile")[0])


def sklearn_slope(outcome: Array, risk: Array) -> object:
    """Slope without an interval."""
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    return float(model.fit(logit(risk)[:, None], outcome).coef_[0, 0])


def statsmodels_slope(outcome: Array, risk: Array) -> object:
    """Slope with its interval."""
    design = sm.add_constant(logit(risk))
    return float(sm.GLM(outcome, design, sm.families.Binomial()).fit().params[1])


def bootstrap_curve(outcome: Array, risk: Array) -> object:
    """Curve, band and errors of a fixed model in all resamples."""
    return calibration_bootstrap.bootstrap_curve(
        outcome, risk, draws=Draws(np.random.default_rng(1), RESAMPLES)
    ).ici.value


def corrected_calibration(outcome: Array, risk: Array) -> object:
    """Optimism-corrected curve of a model with four predictors, refitted each time."""
    noise = np.random.default_rng(3).normal(size=(outcome.size, 3))
    design = np.column_stack([np.ones(outcome.size), logit(risk), noise])
    return calibration_bootstrap.corrected_calibration(
        outcome,
        lambda rows: expit(
            design @ fit_logistic(design[rows], outcome[rows]).coefficients
        ),
        draws=Draws(np.random.default_rng(1), RESAMPLES),
    ).errors.ici


def bootstrap_brier(outcome: Array, risk: Array) -> object:
    """Brier score and scaled Brier score in all resamples."""
    rng = np.random.default_rng(1)
    return brier(outcome, risk, draws=Draws(rng, RESAMPLES)).score.value


SCALING: dict[str, Work] = {
    "slope": our_slope,
    "slope, scikit-learn": sklearn_slope,
    "slope, statsmodels": statsmodels_slope,
    "curve": our_curve,
    "ten groups, scikit-learn": sklearn_curve,
}
RESAMPLING: dict[str, Work] = {
    "bootstrap_curve": bootstrap_curve,
    "corrected_calibration": corrected_calibration,
    "brier": bootstrap_brier,
}


def _memory(field: str) -> float:
    """Megabytes from the kernel's account of this process."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    line = next(each for each in lines if each.startswith(field))
    return int(line.split()[1]) / 1024


def one(name: str, n: int, rounds: int) -> dict[str, Any]:
    """Measure one function in this process, after a call that does not count."""
    work = (SCALING | RESAMPLING)[name]
    work(*draw(100))
    outcome, risk = draw(n)
    Path("/proc/self/clear_refs").write_text("5", "utf-8")  # forget the peak so far
    before = _memory("VmRSS")
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        value = work(outcome, risk)
        spent.append(time.process_time() - begin)
    megabytes = max(0.0, _memory("VmHWM") - before)
    return {
        "seconds": round(median(spent), 4),
        "megabytes": round(megabytes, 1),
        "value": value,
    }


def _apart(name: str, n: int, rounds: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", name, "--n", str(n)]
    done = subprocess.run(
        [*command, "--rounds", str(rounds)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    print(f"{name:<26}{n:>9}{found['seconds']:>10.3f} s{found['megabytes']:>8.0f} MB")
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--n", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.n, given.rounds)))
        return
    sizes = [n for n in (1000, 10_000, 100_000, 1_000_000) if n <= given.largest]
    packages = ("numpy", "scipy", "scikit-learn", "statsmodels")
    result = {
        "machine": f"{os.cpu_count()} CPUs, Python {platform.python_version()}",
        "packages": {name: version(name) for name in packages},
        "rounds": given.rounds,
        f"{RESAMPLES} resamples of {COHORT}": {
            name: _apart(name, COHORT, given.rounds) for name in RESAMPLING
        },
        "scaling": {
            name: {str(n): _apart(name, n, given.rounds) for n in sizes}
            for name in SCALING
        },
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
