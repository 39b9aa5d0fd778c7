"""How often weighted 95 % intervals hold the truth: the table of decision 62.

    python benchmarks/weights_coverage.py [--cohorts 80]

Cohorts are drawn from Table 1, and the higher a patient's risk, the likelier they were
examined. Resamples are of the examined with their weights as they are, or of everybody
with weights estimated anew. Takes some minutes.
"""

import argparse
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.cohort.simulation import simulate
from service.model import load_bundled
from service.model.arrays import design_matrix, linear_predictor, risk
from service.validation.brier import brier
from service.validation.discrimination import bootstrap_interval
from service.validation.draws import Draws
from service.validation.estimates import Estimate
from service.validation.utility import decision_curve
from service.validation.weights import ReweighedResamples, examination_weights

MODEL = load_bundled("liu-nomogram")
SIZE, POPULATION = 700, 400_000
RESAMPLES = 100
THRESHOLD = 0.2
#: Log odds of having been examined: of the patient in the middle, and for each log odds
#: of SCNEN more. About half are examined.
EXAMINED, BY_RISK = 0.0, 0.8
SEED = 62
HEADS = ("weights as they are", "estimated anew")

Floats = NDArray[np.float64]


def patients(n: int, rng: Generator) -> tuple[Floats, Floats, Floats]:
    """Draw predictors, log odds and outcomes of everybody."""
    cohort = simulate(MODEL, n, rng)
    design = design_matrix(MODEL, cohort.columns)
    return design, linear_predictor(MODEL, design), cohort.scnen


def statistics(
    outcome: Floats, p: Floats, weights: Floats, draws: Draws
) -> Iterator[tuple[str, Estimate]]:
    """Give each statistic of the examined with its interval."""
    y, w = outcome, weights
    yield "Brier score", brier(y, p, weights=w, draws=draws).score
    curve = decision_curve(y, p, thresholds=[THRESHOLD], weights=w, draws=draws)
    limits = curve.limits
    if limits is None:
        raise AssertionError("draws were given")
    low, high = limits.model
    net = Estimate(float(curve.model[0]), float(low[0]), float(high[0]))
    yield f"net benefit at {THRESHOLD:.0%}", net
    yield (
        "area under the curve",
        bootstrap_interval(y, p, weights=w, draws=draws).auc,
    )


def truth(rng: Generator) -> Mapping[str, float]:
    """Compute each statistic in so many patients, all examined."""
    _, log_odds, y = patients(POPULATION, rng)
    ones = np.ones(y.size)
    found = statistics(y, risk(log_odds), ones, Draws(rng, 2))
    return {name: each.value for name, each in found}


def cohort_of(rng: Generator) -> Iterator[tuple[str, str, Estimate]]:
    """Draw a cohort; give statistic, kind of resample and estimate."""
    design, log_odds, y = patients(SIZE, rng)
    centred = log_odds - np.median(log_odds)
    examined = rng.random(y.size) < risk(EXAMINED + BY_RISK * centred)
    weights = examination_weights(design, examined).weights
    p, y = risk(log_odds)[examined], y[examined]
    kinds = (None, ReweighedResamples(design, examined))
    for head, kind in zip(HEADS, kinds, strict=True):
        draws = Draws(rng, RESAMPLES, reweighing=kind)
        for name, found in statistics(y, p, weights, draws):
            yield name, head, found


def main() -> None:
    """Draw, count, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cohorts", type=int, default=80)
    cohorts = parser.parse_args().cohorts
    rng = np.random.default_rng(SEED)
    true = truth(rng)
    found: dict[tuple[str, str], list[Estimate]] = {}
    for _ in range(cohorts):
        for name, head, each in cohort_of(rng):
            found.setdefault((name, head), []).append(each)
    print(_row("", *HEADS, "mean error"), _row(*["---"] * 4), sep="\n")
    for name, value in true.items():
        cells = []
        for head in HEADS:
            those = found[name, head]
            held = np.mean([each.low <= value <= each.high for each in those])
            width = np.mean([each.high - each.low for each in those])
            cells.append(f"{held:.1%}, {width:.4f}")
        error = np.mean([each.value for each in those]) - value
        print(_row(name, *cells, f"{error:+.4f} of {value:.4f}"))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
