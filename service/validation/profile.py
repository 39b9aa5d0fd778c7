"""The patients of a cohort beside those of the study's Table 1."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.model.published import LUMBAR, METHOD_COUNTS, MOMENTS
from service.model.risk_model import Quantity, RiskModel

__all__ = ["profile"]

_Array: TypeAlias = NDArray[np.float64]


def profile(model: RiskModel, design: _Array) -> list[tuple[str, str, str]]:
    """
    Describe each predictor here and in the study.

    Parameters
    ----------
    model : RiskModel
        The model.
    design : numpy.ndarray of shape (n_patients, n_predictors)
        From `service.model.arrays.design_matrix`; at least one patient.

    Returns
    -------
    list of (str, str, str)
        Predictor with its unit, shares or mean and standard deviation here, the same
        in Table 1.
    """
    rows = []
    for quantity, column in zip(model.predictors, design.T, strict=True):
        rows += (
            _shares(quantity, column) if quantity.codes else [_mean(quantity, column)]
        )
    return rows


def _shares(quantity: Quantity, column: _Array) -> list[tuple[str, str, str]]:
    rows = []
    for label, code in quantity.codes.items():
        count, total = _in_study(label)
        here = int((column == code).sum())
        rows.append(
            (
                f"{quantity.name}: {label.replace('_', ' ')}",
                f"{here} ({here / column.size:.0%})",
                f"{count} ({count / total:.0%})",
            )
        )
    return rows


def _in_study(label: str) -> tuple[int, int]:
    lumbar, total = LUMBAR
    screws, pvp, pkp = METHOD_COUNTS
    counts = {
        "lumbar": (lumbar, total),
        "thoracic": (total - lumbar, total),
        "pedicle_screw": (screws, sum(METHOD_COUNTS)),
        "pvp": (pvp, sum(METHOD_COUNTS)),
        "pkp": (pkp, sum(METHOD_COUNTS)),
    }
    return counts[label]


def _mean(quantity: Quantity, column: _Array) -> tuple[str, str, str]:
    mean, sd = MOMENTS[quantity.name]
    spread = column.std(ddof=1) if column.size > 1 else float("nan")
    return (
        f"{quantity.name.replace('_', ' ')} ({quantity.unit}), mean (SD)",
        f"{column.mean():.1f} ({spread:.1f})",
        f"{mean:.1f} ({sd:.1f})",
    )
