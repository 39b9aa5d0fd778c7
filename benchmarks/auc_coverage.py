"""How often 95 % intervals of an AUC hold the true one: the table of decision 44.

    python benchmarks/auc_coverage.py [--cohorts 4000]

Scores are normal with a standard deviation of 1, those with the outcome higher. The
bootstrap is tried on a quarter of the cohorts. Takes some minutes.
"""

import argparse
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from service.validation.discrimination import Auc, bootstrap_interval, delong_interval
from service.validation.draws import Draws

SIZES = ((340, 70), (100, 20), (60, 10))
AREA = 0.8
RESAMPLES = 400
SEED = 44


def intervals(n: int, events: int, rng: Generator, *, is_whole: bool) -> dict[str, Auc]:
    """Draw a cohort and give the intervals of its AUC."""
    y = np.repeat([1.0, 0.0], [events, n - events])
    score = rng.normal(size=n) + np.sqrt(2) * NormalDist().inv_cdf(AREA) * y
    found = {
        "plain": delong_interval(y, score, scale="plain"),
        "logit": delong_interval(y, score),
    }
    if is_whole:
        draws = Draws(rng, RESAMPLES)
        found["bootstrap"] = bootstrap_interval(y, score, draws=draws)
    return found


def main() -> None:
    """Draw, count, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cohorts", type=int, default=4000)
    cohorts = parser.parse_args().cohorts
    rng = np.random.default_rng(SEED)
    for n, events in SIZES:
        held: dict[str, list[bool]] = {}
        for k in range(cohorts):
            for name, found in intervals(n, events, rng, is_whole=k % 4 == 0).items():
                inside = found.auc.low <= AREA <= found.auc.high
                held.setdefault(name, []).append(inside)
        shares = ", ".join(f"{name} {np.mean(h):.1%}" for name, h in held.items())
        print(f"{n} patients, {events} events: {shares}", flush=True)


if __name__ == "__main__":
    main()
