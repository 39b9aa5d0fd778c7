"""Refusing a design matrix that no model can be fitted to."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["check_design", "dependent_column"]

_Array: TypeAlias = NDArray[np.float64]

#: Columns of unit length: a remainder this short counts as none.
_NOTHING_LEFT = 1e-8


def check_design(design: ArrayLike, n: int) -> _Array:
    """
    Check a design matrix.

    Parameters
    ----------
    design : array_like of shape (n_patients, n_columns)
        Candidates, coded as numbers.
    n : int
        How many patients there must be.

    Returns
    -------
    numpy.ndarray of shape (n_patients, n_columns)
        The same in double precision.

    Raises
    ------
    ValueError
        If it is not two-dimensional, of another length, without columns, or holds a
        value that is not finite.
    """
    given = np.asarray(design, dtype=np.float64)
    if given.ndim != 2 or given.shape[0] != n or given.shape[1] == 0:  # noqa: PLR2004 a matrix
        raise ValueError(f"design: must be a matrix of {n} rows and some columns")
    if not np.isfinite(given).all():
        column = int((~np.isfinite(given)).any(axis=0).argmax())
        raise ValueError(
            f"design: column {column} is missing or not finite for some patients;"
            " leave them out"
        )
    return given


def dependent_column(design: _Array) -> int | None:
    """
    Find a column that the columns before it and a constant determine.

    Parameters
    ----------
    design : numpy.ndarray of shape (n_patients, n_columns)
        Columns.

    Returns
    -------
    int or None
        The first such column: one that does not vary is one. None if there is none.

    Examples
    --------
    >>> dependent_column(np.array([[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]]))
    1
    """
    centred = design - design.mean(axis=0)
    spread = np.abs(design).max(axis=0, initial=0.0)
    length = np.linalg.norm(centred, axis=0)
    flat = length <= _NOTHING_LEFT * np.maximum(spread, 1e-300)
    unit = centred / np.where(flat, 1.0, length)
    for column in range(design.shape[1]):
        if flat[column]:
            return column
        before = unit[:, :column]
        if column and np.linalg.norm(_remainder(before, unit[:, column])) < (
            _NOTHING_LEFT
        ):
            return column
    return None


def _remainder(before: _Array, column: _Array) -> _Array:
    fitted = np.linalg.lstsq(before, column, rcond=None)[0]
    result: _Array = column - before @ fitted
    return result
