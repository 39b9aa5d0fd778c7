"""Scoring many patients at once, for validation: complete cases only."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.model.risk_model import Quantity, RiskModel

__all__ = ["design_matrix", "linear_predictor", "risk", "standard_error"]

_Array: TypeAlias = NDArray[np.float64]


def design_matrix(model: RiskModel, columns: Mapping[str, ArrayLike]) -> _Array:
    """
    Build the design matrix of many patients.

    Parameters
    ----------
    model : RiskModel
        The model.
    columns : Mapping[str, array_like of shape (n_patients,)]
        One column for each predictor: labels for segment and method, numbers for
        the others, in the predictor's unit. Other columns are not looked at.

    Returns
    -------
    numpy.ndarray of shape (n_patients, n_predictors)
        Coded values, in the order of ``model.predictors``.

    Raises
    ------
    ValueError
        If a column is absent, not one-dimensional or of another length, or holds a
        value that is missing, unknown, not finite or physically impossible. The
        message names the column and the first row, never the value.
    """
    coded = [_column(quantity, columns) for quantity in model.predictors]
    lengths = {column.size for column in coded}
    if len(lengths) > 1:
        raise ValueError(f"columns must be of one length, got {sorted(lengths)}")
    return np.column_stack(coded)


def linear_predictor(model: RiskModel, design: _Array) -> _Array:
    """
    Log odds of many patients.

    Parameters
    ----------
    model : RiskModel
        The model.
    design : numpy.ndarray of shape (n_patients, n_predictors)
        From `design_matrix`.

    Returns
    -------
    numpy.ndarray of shape (n_patients,)
        Linear predictor, intercept included.
    """
    result: _Array = design @ np.array(model.coefficients) + model.intercept.value
    return result


def risk(linear_predictor: ArrayLike) -> _Array:
    """
    Probability that goes with log odds.

    Parameters
    ----------
    linear_predictor : array_like
        Log odds, of any size: no overflow.

    Returns
    -------
    numpy.ndarray
        Probabilities, of the same shape.

    Examples
    --------
    >>> risk([-800.0, 0.0, 800.0])
    array([0. , 0.5, 1. ])
    """
    value = np.asarray(linear_predictor, dtype=np.float64)
    grown = np.exp(-np.abs(value))
    result: _Array = np.where(value >= 0, 1.0, grown) / (1 + grown)
    return result


def standard_error(model: RiskModel, design: _Array) -> _Array:
    """
    Standard error of the linear predictor of many patients.

    Parameters
    ----------
    model : RiskModel
        The model.
    design : numpy.ndarray of shape (n_patients, n_predictors)
        From `design_matrix`.

    Returns
    -------
    numpy.ndarray of shape (n_patients,)
        Standard errors on the scale of log odds.
    """
    factor = np.linalg.cholesky(model.covariance.matrix)
    centred = design - np.array(model.covariance.centre)
    scores = centred @ factor[1:] + factor[0]
    result: _Array = np.sqrt(np.einsum("ij,ij->i", scores, scores))
    return result


def _column(quantity: Quantity, columns: Mapping[str, ArrayLike]) -> _Array:
    name = quantity.name
    if name not in columns:
        raise ValueError(f"{name}: no such column")
    given = np.asarray(columns[name])
    if given.ndim != 1:
        raise ValueError(f"{name}: must be one-dimensional")
    values = _from_labels(quantity, given) if quantity.codes else _numbers(name, given)
    low, high = quantity.physical
    bad = ~((values >= low) & (values <= high))
    if bad.any():
        raise ValueError(
            f"{name}: row {int(bad.argmax())} is missing or impossible"
            f" ({int(bad.sum())} such rows); leave incomplete patients out"
        )
    return values


def _from_labels(quantity: Quantity, given: NDArray[np.generic]) -> _Array:
    values = np.full(given.size, np.nan)
    for label, code in quantity.codes.items():
        values[given == label] = code
    return values


def _numbers(name: str, given: NDArray[np.generic]) -> _Array:
    try:
        return given.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: must hold numbers only") from None
