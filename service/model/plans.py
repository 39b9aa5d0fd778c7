"""What scoring needs of a model, worked out once and kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.model.nomogram import scales
from service.model.risk_model import RiskModel

__all__ = ["AFTER", "BEFORE", "RATIO", "Plan", "Term", "plan_of"]

RATIO: Final = "cobb_restoration_ratio_percent"
BEFORE: Final = "cobb_preoperative_deg"
AFTER: Final = "cobb_postoperative_deg"


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """
    One predictor of a model.

    Attributes
    ----------
    name : str
        Name of the input.
    slope, mean : float
        Log odds of one unit; mean of the cohort.
    studied : tuple of float
        Range of the patients studied.
    points : callable
        Gives the nomogram points of a value.
    """

    name: str
    slope: float
    mean: float
    studied: tuple[float, float]
    points: Callable[[float], float]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """
    A model as scoring reads it.

    Attributes
    ----------
    slopes : Mapping[str, float]
        Log odds of one unit of each predictor, in the order of the model.
    terms : tuple of Term
        Each predictor, in the same order.
    watched : tuple of (str, float, float)
        Name and studied range of each quantity whose extrapolation is told.
    weights : numpy.ndarray of shape (1 + n_predictors, n_columns)
        What the row of a patient is multiplied by: one column for the equation, one
        for each variant, and those of the square root of the covariance.
    variants : int
        How many variants there are.
    """

    slopes: Mapping[str, float]
    terms: tuple[Term, ...]
    watched: tuple[tuple[str, float, float], ...]
    weights: NDArray[np.float64]
    variants: int


@lru_cache(maxsize=8)
def plan_of(model: RiskModel) -> Plan:
    """
    Work out the plan of a model.

    Parameters
    ----------
    model : RiskModel
        The model.

    Returns
    -------
    Plan
        The plan.
    """
    scale = scales(model).by_name
    predictors = tuple(zip(model.predictors, model.coefficients, strict=True))
    return Plan(
        slopes={quantity.name: slope for quantity, slope in predictors},
        terms=tuple(
            Term(each.name, slope, each.mean, each.studied, scale[each.name].points)
            for each, slope in predictors
        ),
        watched=tuple(
            (item.name, *item.studied) for item in (*model.predictors, *model.related)
        ),
        weights=_weights(model),
        variants=len(model.variants),
    )


def _weights(model: RiskModel) -> NDArray[np.float64]:
    slopes = np.array(model.coefficients)
    columns = [np.array([model.intercept.value, *slopes])]
    columns += [
        np.array([variant.intercept.value, *(variant.shrinkage * slopes)])
        for variant in model.variants
    ]
    centring = np.eye(1 + slopes.size)
    centring[0, 1:] = -np.array(model.covariance.centre)
    factor = centring @ np.linalg.cholesky(model.covariance.matrix)
    return np.column_stack([*columns, factor])
