"""Curves as CSV, and numbers as JSON takes them."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.validation.estimates import Estimate

__all__ = ["curve_csv", "interval_or_none", "number_or_none"]

_Column: TypeAlias = NDArray[np.float64] | Sequence[float]


def curve_csv(columns: Mapping[str, _Column]) -> str:
    """
    Write a curve.

    Parameters
    ----------
    columns : Mapping[str, array_like of shape (n_points,)]
        Its columns by name; NaN is an empty field.

    Returns
    -------
    str
        CSV with a header; each number as short as it can be read back.

    Examples
    --------
    >>> print(curve_csv({"risk": [0.1, 0.2], "observed": [0.25, float("nan")]}))
    risk,observed
    0.1,0.25
    0.2,
    <BLANKLINE>
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    rows: Iterable[Sequence[float]] = zip(*columns.values(), strict=True)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def number_or_none(value: float) -> float | None:
    """
    Give a number as JSON can hold it.

    Parameters
    ----------
    value : float
        The number.

    Returns
    -------
    float or None
        None if it is not finite.
    """
    return float(value) if math.isfinite(value) else None


def interval_or_none(found: Estimate) -> list[float | None]:
    """
    Give an interval as JSON can hold it.

    Parameters
    ----------
    found : Estimate
        The estimate.

    Returns
    -------
    list of float or None
        Its ends.
    """
    return [number_or_none(found.low), number_or_none(found.high)]


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))
