"""Each predictor's own area under the ROC curve beside the model's.

The study calls this the rationality analysis: a model that discriminates no better than
one of its predictors alone is not worth its measurements.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.validation.arrays import check_finite, check_outcome
from service.validation.auc_comparison import (
    AucDifference,
    bootstrap_test,
    delong_test,
)
from service.validation.draws import Draws
from service.validation.ranking import rank

__all__ = ["PredictorAuc", "predictor_aucs"]

_Array: TypeAlias = NDArray[np.float64]

_HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class PredictorAuc:
    """
    How well one predictor discriminates alone.

    Attributes
    ----------
    name : str
        The predictor.
    is_reversed : bool
        Whether low values were taken for high risk.
    direction : str
        Where that comes from: ``model``, or ``data`` where the direction with the
        area of at least one half was taken, which flatters weak predictors.
    against_model : AucDifference
        The predictor's area first, the model's second.
    """

    name: str
    is_reversed: bool
    direction: str
    against_model: AucDifference


def predictor_aucs(
    outcome: ArrayLike,
    model_score: ArrayLike,
    predictors: Mapping[str, ArrayLike],
    *,
    coefficients: Mapping[str, float],
    weights: ArrayLike | None = None,
    draws: Draws | None = None,
) -> tuple[PredictorAuc, ...]:
    """
    Compare each predictor alone with the model.

    Parameters
    ----------
    outcome, model_score : array_like of shape (n_patients,)
        1 or 0; the model's risk or linear predictor.
    predictors : Mapping[str, array_like of shape (n_patients,)]
        Coded values, such as the columns of `service.model.arrays.design_matrix`.
    coefficients : Mapping[str, float]
        The model's coefficients; their signs say which way each predictor points. One
        without any here is turned as the data have it.
    weights : array_like of shape (n_patients,), optional
        How many patients each stands for. They need `draws`.
    draws : Draws, optional
        Compares by the stratified bootstrap instead of DeLong's test.

    Returns
    -------
    tuple of PredictorAuc
        In the order of `predictors`.

    Raises
    ------
    ValueError
        If an array is malformed, a predictor is the same in all patients, fewer than
        ten have the outcome or do not have it, or there are weights without
        draws.
    """
    if weights is not None and draws is None:
        raise ValueError(
            "weights: DeLong's test takes none; give draws for a bootstrap"
        )

    def compare(values: _Array) -> AucDifference:
        if draws is None:
            return delong_test(outcome, values, model_score)
        return bootstrap_test(
            outcome, values, model_score, draws=draws, weights=weights
        )

    y = check_outcome(outcome)
    found = []
    for name, given in predictors.items():
        values = check_finite(name, given, y.size)
        is_reversed, source = _direction(name, values, y, coefficients.get(name, 0.0))
        against = compare(-values if is_reversed else values)
        found.append(PredictorAuc(name, is_reversed, source, against))
    return tuple(found)


def _direction(
    name: str, values: _Array, outcome: _Array, coefficient: float
) -> tuple[bool, str]:
    ranking = rank(name, values, outcome.size)
    if coefficient:
        return coefficient < 0, "model"
    return ranking.area(outcome, np.ones(outcome.size)) < _HALF, "data"
