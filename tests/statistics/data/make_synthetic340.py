"""Draw synthetic340.csv, the synthetic cohort that the statistics are tested on.

    python tests/statistics/data/make_synthetic340.py

Nobody in it exists. Predictors are drawn with the moments of the study's Table 1;
``risk`` is what the model liu-nomogram says. The outcome is drawn from other log odds,
-0.1 + 0.8 times the model's, so that calibration has something to find.
"""

import csv
from pathlib import Path

import numpy as np

from service.model.arrays import design_matrix, linear_predictor, risk
from service.model.artifact import load_bundled
from service.model.published import LUMBAR, METHOD_COUNTS, MOMENTS

N = 340
SEED = 340
FILE = Path(__file__).with_name("synthetic340.csv")
METHODS = ("pedicle_screw", "pvp", "pkp")


def draw(rng):
    """Give the columns of the cohort."""
    lumbar = rng.random(N) < LUMBAR[0] / LUMBAR[1]
    methods = rng.choice(METHODS, N, p=np.array(METHOD_COUNTS) / sum(METHOD_COUNTS))
    cement = rng.normal(*MOMENTS["cement_ratio_percent"], N).clip(5, 95).round(1)
    mean, sd = MOMENTS["cobb_preoperative_deg"]
    before = rng.gamma((mean / sd) ** 2, sd**2 / mean, N).clip(2, 40).round(1)
    ratio = rng.normal(*MOMENTS["cobb_restoration_ratio_percent"], N).clip(-60, 100)
    after = (before * (1 - ratio / 100)).round(1)
    return {
        "segment": np.where(lumbar, "lumbar", "thoracic"),
        "method": methods,
        "cement_ratio_percent": cement,
        "cobb_preoperative_deg": before,
        "cobb_postoperative_deg": after,
        "cobb_restoration_ratio_percent": 100 * (before - after) / before,
    }


def main():
    """Write the file."""
    rng = np.random.default_rng(SEED)
    columns = draw(rng)
    model = load_bundled("liu-nomogram")
    log_odds = linear_predictor(model, design_matrix(model, columns))
    columns["scnen"] = (rng.random(N) < risk(-0.1 + 0.8 * log_odds)).astype(int)
    columns["risk"] = [f"{value:.10f}" for value in risk(log_odds)]
    columns["sex"] = rng.choice(("female", "male"), N, p=(0.7, 0.3))
    columns["age_years"] = rng.normal(70, 9, N).clip(45, 95).astype(int)
    del columns["cobb_restoration_ratio_percent"]  # follows from the angles
    ids = [f"synthetic-{k:03}" for k in range(1, N + 1)]
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", *columns])
        writer.writerows(zip(ids, *columns.values(), strict=True))


if __name__ == "__main__":
    main()
