"""Nomogram points of many patients, and how they lie with and without the outcome."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.model.arrays import linear_predictor
from service.model.derivation import weighted_quantiles
from service.model.nomogram import scales
from service.model.risk_model import RiskModel
from service.validation.arrays import check_finite, check_outcome, check_weights

__all__ = ["FiveNumbers", "PointsByOutcome", "points_by_outcome", "total_points"]

_Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FiveNumbers:
    """
    A box plot in numbers. The ends are those of single patients.

    Attributes
    ----------
    n : int
        Patients.
    minimum, lower_quartile, median, upper_quartile, maximum : float
        Quantiles at 0, 25, 50, 75 and 100 %, interpolated linearly (R's type 7); with
        weights between the middles of the patients' shares.
    """

    n: int
    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float


@dataclass(frozen=True, slots=True)
class PointsByOutcome:
    """
    Total points of two groups.

    Attributes
    ----------
    with_outcome, without_outcome : FiveNumbers
        Of those with the outcome, and of those without.
    """

    with_outcome: FiveNumbers
    without_outcome: FiveNumbers


def total_points(model: RiskModel, design: _Array) -> _Array:
    """
    Give the total nomogram points of many patients.

    Parameters
    ----------
    model : RiskModel
        The model.
    design : numpy.ndarray of shape (n_patients, n_predictors)
        From `service.model.arrays.design_matrix`.

    Returns
    -------
    numpy.ndarray of shape (n_patients,)
        Points, not rounded; below 0 or above the maximum for values beyond the axes.
    """
    scale = scales(model)
    points: _Array = (linear_predictor(model, design) - scale.base) / scale.per_point
    return points


def points_by_outcome(
    outcome: ArrayLike, points: ArrayLike, *, weights: ArrayLike | None = None
) -> PointsByOutcome:
    """
    Compare the points of patients with and without the outcome.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 or 0.
    points : array_like of shape (n_patients,)
        Total points.
    weights : array_like of shape (n_patients,), optional
        Inverse probability of having been examined.

    Returns
    -------
    PointsByOutcome
        A box plot of each group.

    Raises
    ------
    ValueError
        If an array is malformed or all patients have one outcome.

    Examples
    --------
    >>> points_by_outcome([1, 0, 0, 0], [180, 100, 120, 200]).without_outcome.median
    120.0
    """
    y = check_outcome(outcome)
    values = check_finite("points", points, y.size)
    weight = None if weights is None else check_weights(weights, y.size)
    return PointsByOutcome(
        *(
            _five_numbers(
                values[y == one], None if weight is None else weight[y == one]
            )
            for one in (1, 0)
        )
    )


def _five_numbers(values: _Array, weight: _Array | None) -> FiveNumbers:
    levels = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    found = (
        np.quantile(values, levels)
        if weight is None
        else weighted_quantiles(values, weight / weight.sum(), levels)
    )
    return FiveNumbers(values.size, *found.tolist())
