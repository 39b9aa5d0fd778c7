"""AUC and decision curve from a thousand to a million patients, beside other packages.

    python benchmarks/bench_statistics.py [--largest 1000000]

Each size in one run: ours, scikit-learn's and dcurves' take turns, the best of some
rounds counts (processor time). Memory is the peak that Python and NumPy allocated in a
round of its own, above the data. Writes benchmarks/result-statistics.json.
"""

import argparse
import gc
import json
import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from dcurves import dca
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from service.validation import discrimination
from service.validation.auc_comparison import delong_test
from service.validation.discrimination import bootstrap_interval, delong_interval
from service.validation.draws import Draws
from service.validation.utility import THRESHOLDS, decision_curve

RESULT = Path(__file__).with_name("result-statistics.json")
SIZES = (1_000, 10_000, 100_000, 1_000_000)
#: Rounds for small cohorts; large ones take one or two.
ROUNDS = 7
BUDGET = 2_000_000
RESAMPLES = 500
PACKAGES = ("numpy", "scikit-learn", "dcurves", "pandas")

Array = NDArray[np.float64]
Task = Callable[[], object]


def patients(n: int) -> tuple[Array, Array, Array]:
    """Draw outcomes, risks, and a second score for the test of two curves."""
    rng = np.random.default_rng(n)
    risk = rng.beta(1, 5, n)
    outcome = (rng.random(n) < risk).astype(float)
    return outcome, risk, risk + rng.normal(0, 0.1, n)


def tasks(n: int) -> dict[str, Task]:
    """Name what is measured: the same question, then who answers it."""
    y, risk, second = patients(n)
    frame = pd.DataFrame({"outcome": y, "risk": risk})
    thresholds = list(THRESHOLDS)
    found: dict[str, Task] = {
        "AUC with interval: ours": lambda: delong_interval(y, risk),
        "AUC alone: scikit-learn": lambda: roc_auc_score(y, risk),
        "ROC curve: ours": lambda: discrimination.roc_curve(y, risk),
        "ROC curve: scikit-learn": lambda: roc_curve(y, risk, drop_intermediate=False),
        "test of two curves: ours": lambda: delong_test(y, risk, second),
        "decision curve: ours": lambda: decision_curve(y, risk),
        "decision curve: dcurves": lambda: dca(
            frame, "outcome", ["risk"], thresholds=thresholds
        ),
    }
    if n <= SIZES[1]:
        found[f"AUC, {RESAMPLES} resamples: ours"] = lambda: bootstrap_interval(
            y, risk, draws=Draws(np.random.default_rng(1), RESAMPLES)
        )
        found[f"decision curve, {RESAMPLES} resamples: ours"] = lambda: decision_curve(
            y, risk, draws=Draws(np.random.default_rng(1), RESAMPLES)
        )
    return found


def check(n: int) -> None:
    """Compare the answers before their times."""
    y, risk, _ = patients(n)
    frame = pd.DataFrame({"outcome": y, "risk": risk})
    theirs = dca(frame, "outcome", ["risk"], thresholds=list(THRESHOLDS))
    net_benefit = theirs.loc[theirs["model"] == "risk", "net_benefit"]
    np.testing.assert_allclose(decision_curve(y, risk).model, net_benefit, atol=1e-12)
    area = delong_interval(y, risk).auc.value
    np.testing.assert_allclose(area, roc_auc_score(y, risk), atol=1e-12)


def seconds(task: Task) -> float:
    """Processor time of one round."""
    gc.collect()
    begin = time.process_time()
    task()
    return time.process_time() - begin


def megabytes(task: Task) -> float:
    """Peak of what was allocated in one round."""
    gc.collect()
    tracemalloc.start()
    task()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def measure(n: int) -> dict[str, dict[str, float]]:
    """Take turns, keep the best time of each, then look at memory."""
    named = tasks(n)
    rounds = max(1, min(ROUNDS, BUDGET // n))
    times: dict[str, list[float]] = {name: [] for name in named}
    for _ in range(rounds):
        for name, task in named.items():
            times[name].append(seconds(task))
    return {
        name: {
            "seconds": float(f"{min(times[name]):.3g}"),
            "megabytes": float(f"{megabytes(task):.3g}"),
        }
        for name, task in named.items()
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    largest = parser.parse_known_args()[0].largest
    check(SIZES[0])
    found = {}
    for n in (size for size in SIZES if size <= largest):
        found[str(n)] = measure(n)
        print(f"\n{n} patients")
        for name, one in found[str(n)].items():
            print(f"{name:<36}{one['seconds']:>10.4g} s{one['megabytes']:>10.4g} MB")
    result = {
        "machine": f"{os.cpu_count()} CPUs, Python {platform.python_version()}",
        "packages": {name: version(name) for name in PACKAGES},
        "patients": found,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
