"""Draw develop340.csv, 340 patients with the study's 19 candidates.

    python tests/statistics/data/make_develop340.py

Nobody in it exists. Candidates are drawn with about the moments of the study's Table 1.
Leakage of cement has three labels here, so that a candidate with several columns is
tested; the reduction angle is in whole degrees, or it would follow from the two Cobb
angles. The outcome is drawn from the model liu-nomogram and an effect of leakage.
"""

import csv
from pathlib import Path

import numpy as np

from service.model.arrays import design_matrix, linear_predictor, risk
from service.model.artifact import load_bundled
from service.model.published import LUMBAR, METHOD_COUNTS, MOMENTS

N = 340
SEED = 1934
FILE = Path(__file__).with_name("develop340.csv")
METHODS = ("pedicle_screw", "pvp", "pkp")


def draw_inputs(rng):
    """Give the inputs of the bundled models."""
    mean, sd = MOMENTS["cobb_preoperative_deg"]
    before = rng.gamma((mean / sd) ** 2, sd**2 / mean, N).clip(2, 40).round(1)
    ratio = rng.normal(*MOMENTS["cobb_restoration_ratio_percent"], N).clip(-60, 100)
    after = (before * (1 - ratio / 100)).round(1)
    return {
        "segment": np.where(
            rng.random(N) < LUMBAR[0] / LUMBAR[1], "lumbar", "thoracic"
        ),
        "method": rng.choice(
            METHODS, N, p=np.array(METHOD_COUNTS) / sum(METHOD_COUNTS)
        ),
        "cement_ratio_percent": rng.normal(51.8, 13.4, N).clip(5, 95).round(1),
        "cobb_preoperative_deg": before,
        "cobb_postoperative_deg": after,
        "cobb_restoration_ratio_percent": 100 * (before - after) / before,
    }


def draw_others(rng, inputs):
    """Give the further candidates of the study."""
    before = rng.normal(16.6, 4.6, N).clip(5, 32).round(1)
    after = (before + rng.gamma(2.2, 1.7, N)).round(1)
    neighbour = rng.normal(25.2, 2.5, N)
    lateral = 0.5 * (inputs["cement_ratio_percent"] - 51.8) + rng.normal(52.1, 11.5, N)
    reduction = inputs["cobb_preoperative_deg"] - inputs["cobb_postoperative_deg"]
    yes_no = ("no", "yes")
    return {
        "sex": rng.choice(("female", "male"), N, p=(0.79, 0.21)),
        "age_years": rng.normal(72.1, 9.9, N).clip(40, 97).astype(int),
        "bmi": rng.normal(23.0, 3.0, N).round(1),
        "days_to_operation": rng.gamma(0.9, 7.5, N).clip(1, 60).astype(int),
        "earlier_fracture": rng.choice(yes_no, N, p=(0.75, 0.25)),
        "fascial_dropsy": rng.choice(yes_no, N, p=(0.88, 0.12)),
        "leakage": rng.choice(("none", "disc", "around"), N, p=(0.8, 0.1, 0.1)),
        "lateral_cement_ratio_percent": lateral.clip(5, 95).round(1),
        "height_preoperative_mm": before,
        "height_postoperative_mm": after,
        "compression_percent": (100 * before / neighbour).round(1),
        "height_restoration_percent": (100 * (after - before) / neighbour).round(0),
        "reduction_deg": reduction.round(0),
    }


def main():
    """Write the file."""
    rng = np.random.default_rng(SEED)
    columns = draw_inputs(rng)
    others = draw_others(rng, columns)
    model = load_bundled("liu-nomogram")
    log_odds = linear_predictor(model, design_matrix(model, columns))
    log_odds = log_odds + 0.4 + 1.2 * (others["leakage"] == "disc")
    columns["scnen"] = (rng.random(N) < risk(log_odds)).astype(int)
    del columns["cobb_restoration_ratio_percent"]  # follows from the angles
    columns |= others
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", *columns])
        ids = [f"SYN-{k:03}" for k in range(1, N + 1)]
        writer.writerows(zip(ids, *columns.values(), strict=True))


if __name__ == "__main__":
    main()
