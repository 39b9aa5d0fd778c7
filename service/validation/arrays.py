"""What every statistic refuses to compute with: the checks of its arrays."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.validation.estimates import NotEstimableError

__all__ = ["check_finite", "check_outcome", "check_risk", "check_weights", "log_odds"]

_Array: TypeAlias = NDArray[np.float64]


def check_outcome(outcome: ArrayLike) -> _Array:
    """
    Take outcomes that a statistic can use.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 with the event, 0 without, as numbers or truth values.

    Returns
    -------
    numpy.ndarray of shape (n_patients,)
        The same as floats.

    Raises
    ------
    ValueError
        If it is empty, not one-dimensional or holds anything else than 0 and 1. The
        message names the first row, never the value.
    NotEstimableError
        If all patients have the event, or none has; also a `ValueError`.

    Examples
    --------
    >>> check_outcome([True, False])
    array([1., 0.])
    """
    values = _numbers("outcome", outcome)
    _refuse(
        "outcome",
        ~((values == 0) | (values == 1)),
        "neither 0 nor 1; leave out patients who were not examined",
    )
    if values.min() == values.max():
        raise NotEstimableError(
            "outcome: all patients are of one class; patients with and without the"
            " event are needed"
        )
    return values


def check_risk(risk: ArrayLike, n: int) -> _Array:
    """
    Take predicted risks that a statistic can use.

    Parameters
    ----------
    risk : array_like of shape (n_patients,)
        Probabilities in [0, 1].
    n : int
        How many patients there are.

    Returns
    -------
    numpy.ndarray of shape (n_patients,)
        The same as floats.

    Raises
    ------
    ValueError
        If it is empty, not one-dimensional, of another length, or holds a value that
        is missing or outside [0, 1]. The message names the first row.

    Examples
    --------
    >>> check_risk([0.25, 1], 2)
    array([0.25, 1.  ])
    """
    values = _numbers("risk", risk, n)
    _refuse(
        "risk",
        ~((values >= 0) & (values <= 1)),
        "missing or outside [0, 1]; give probabilities, not per cent or log odds, of"
        " patients who can be scored",
    )
    return values


def check_weights(weights: ArrayLike, n: int) -> _Array:
    """
    Take weights of patients that a statistic can use.

    Parameters
    ----------
    weights : array_like of shape (n_patients,)
        How many patients each one stands for: the inverse of the probability that
        the outcome was examined. Only their proportions matter.
    n : int
        How many patients there are.

    Returns
    -------
    numpy.ndarray of shape (n_patients,)
        The same as floats, divided by their mean.

    Raises
    ------
    ValueError
        If it is empty, not one-dimensional, of another length, or holds a weight
        that is not finite or not positive. The message names the first row.

    Examples
    --------
    >>> check_weights([1, 3], 2)
    array([0.5, 1.5])
    """
    values = _numbers("weights", weights, n)
    _refuse(
        "weights",
        ~(np.isfinite(values) & (values > 0)),
        "not a positive number; leave patients without weight out",
    )
    mean: np.float64 = values.mean()
    return values / mean


def check_finite(name: str, values: ArrayLike, n: int) -> _Array:
    """
    Take any other column of numbers that a statistic can use.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    values : array_like of shape (n_patients,)
        Finite numbers.
    n : int
        How many patients there are.

    Returns
    -------
    numpy.ndarray of shape (n_patients,)
        The same as floats.

    Raises
    ------
    ValueError
        If it is empty, not one-dimensional, of another length, or holds a value that
        is not finite. The message names the argument and the first row.

    Examples
    --------
    >>> check_finite("offset", [0, -2], 2)
    array([ 0., -2.])
    """
    numbers = _numbers(name, values, n)
    _refuse(name, ~np.isfinite(numbers), "missing or not finite; leave it out")
    return numbers


def log_odds(risk: _Array) -> _Array:
    """
    Log odds of risks.

    Parameters
    ----------
    risk : numpy.ndarray of shape (n_patients,)
        Probabilities from `check_risk`.

    Returns
    -------
    numpy.ndarray of shape (n_patients,)
        The linear predictor.

    Raises
    ------
    ValueError
        If a risk is exactly 0 or 1, which has no finite log odds.

    Examples
    --------
    >>> log_odds(np.array([0.5, 0.9])).round(6)
    array([0.      , 2.197225])
    """
    _refuse(
        "risk",
        (risk == 0) | (risk == 1),
        "exactly 0 or 1, which has no log odds; give risks that are not rounded",
    )
    return np.log(risk) - np.log1p(-risk)


def _numbers(name: str, given: ArrayLike, n: int | None = None) -> _Array:
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: must hold numbers only") from None
    if values.ndim != 1:
        raise ValueError(f"{name}: must be one-dimensional, one number a patient")
    if values.size == 0:
        raise ValueError(f"{name}: is empty; at least one patient is needed")
    if n is not None and values.size != n:
        raise ValueError(
            f"{name}: has {values.size} numbers for {n} patients; give one for each"
        )
    return values


def _refuse(name: str, bad: NDArray[np.bool_], what: str) -> None:
    if bad.any():
        raise ValueError(
            f"{name}: row {int(bad.argmax())} ({int(bad.sum())} such rows) is {what}"
        )
