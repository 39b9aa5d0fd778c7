"""Write breast_cancer.csv, a public data set, from the copy that scikit-learn ships.

    python tests/statistics/data/make_breast_cancer.py

Wisconsin Diagnostic Breast Cancer (Wolberg, Mangasarian, Street and Street 1995), UCI
Machine Learning Repository, https://doi.org/10.24432/C5DW2B, licence CC BY 4.0.
Changed: three of the thirty measurements are kept; smoothness is rounded to two
decimals, which makes many ties; ``malignant`` is 1 for a malignant tumour.
"""

import csv
from pathlib import Path

from sklearn.datasets import load_breast_cancer

FILE = Path(__file__).with_name("breast_cancer.csv")
KEPT = {"mean texture": 2, "mean smoothness": 2, "mean symmetry": 4}


def main():
    """Write the file."""
    data = load_breast_cancer()
    names = list(data.feature_names)
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["malignant", *(name.replace(" ", "_") for name in KEPT)])
        for row, target in zip(data.data, data.target, strict=True):
            values = (f"{row[names.index(k)]:.{d}f}" for k, d in KEPT.items())
            writer.writerow([1 - target, *values])


if __name__ == "__main__":
    main()
