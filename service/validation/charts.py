"""The nomogram of a model with any predictors: numbers, codes, and groups of labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.model.predictors import INPUTS
from service.model.risk_model import Axis, Intercept, Quantity
from service.validation.candidates import Candidate, Candidates
from service.validation.new_model import NewModel

__all__ = ["Chart", "axis_step", "chart", "chart_of", "studied_range"]

_Array: TypeAlias = NDArray[np.float64]

#: An axis runs from the tenth lowest to the tenth highest value, as R's ``datadist``
#: has it: no single patient stretches it, or is told by it.
_FROM_THE_ENDS: Final = 10
_FEWEST: Final = 200
_MARKS: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """
    What `service.model.nomogram` needs of a model.

    Attributes
    ----------
    intercept : Intercept
        Log odds where all predictors are 0.
    predictors : tuple of Quantity
        Predictors; the code of a label with an indicator is its coefficient.
    coefficients : tuple of float
        Log odds of one unit; 1 for such labels.
    axes : tuple of Axis
        Range of each predictor.
    """

    intercept: Intercept
    predictors: tuple[Quantity, ...]
    coefficients: tuple[float, ...]
    axes: tuple[Axis, ...]


def chart(
    candidates: Sequence[Candidate], design: _Array, coefficients: _Array
) -> Chart:
    """
    Lay out the nomogram of a model.

    All labels of a candidate stand on one axis, as in R's ``rms::nomogram``.

    Parameters
    ----------
    candidates : sequence of Candidate
        The predictors, in the order of the coefficients.
    design : numpy.ndarray of shape (n_patients, n_columns)
        Patients, all candidates.
    coefficients : numpy.ndarray of shape (1 + n_predictor_columns,)
        Intercept, then the log odds of each column.

    Returns
    -------
    Chart
        For `service.model.nomogram.scales` and its companions.
    """
    quantities, slopes, axes = [], [], []
    place = 1
    for candidate in candidates:
        values = coefficients[place : place + len(candidate.columns)].tolist()
        place += len(values)
        column = design[:, candidate.columns[0]]
        if candidate.labels:
            codes = dict(zip(candidate.labels, [0.0, *values], strict=True))
            low, high, slope = min(codes.values()), max(codes.values()), 1.0
        else:
            codes = dict(candidate.codes)
            low, high = studied_range(column, tuple(codes.values()))
            slope = values[0]
        kind = "ordinal" if codes else "continuous"
        unit = INPUTS[candidate.name].unit if candidate.name in INPUTS else ""
        mean, sd = float(column.mean()), float(column.std(ddof=1))
        ends = (low, high)
        quantities.append(
            Quantity(candidate.name, kind, unit, codes, ends, ends, mean, sd, "")
        )
        slopes.append(slope)
        axes.append(Axis(candidate.name, low, high, axis_step(low, high)))
    intercept = Intercept(float(coefficients[0]), "maximum likelihood")
    return Chart(intercept, tuple(quantities), tuple(slopes), tuple(axes))


def chart_of(
    model: NewModel, candidates: Candidates, patients: NDArray[np.bool_]
) -> Chart | None:
    """
    Lay out the nomogram of a new model.

    Parameters
    ----------
    model : NewModel
        The results.
    candidates : Candidates
        All patients and columns.
    patients : numpy.ndarray of bool of shape (n_patients,)
        Whom it was fitted to.

    Returns
    -------
    Chart or None
        None of a model without predictors.
    """
    fate = zip(candidates.candidates, model.candidates, strict=True)
    kept = [candidate for candidate, found in fate if found.is_kept]
    if not kept:
        return None
    slopes = [row.value for row in model.model]
    coefficients = np.array([model.intercept, *slopes])
    return chart(kept, candidates.design[patients], coefficients)


def studied_range(values: _Array, codes: Sequence[float] = ()) -> tuple[float, float]:
    """
    Give the range of a predictor.

    Parameters
    ----------
    values : numpy.ndarray of shape (n_patients,)
        Its values.
    codes : sequence of float
        All values it may have, if they are fixed.

    Returns
    -------
    tuple of float
        Lowest and highest code; or about the tenth lowest and highest value, and with
        fewer than 200 patients the 5th and 95th percentile.

    Examples
    --------
    >>> [round(end, 2) for end in studied_range(np.arange(401.0))]
    [9.98, 390.02]
    """
    if codes:
        return min(codes), max(codes)
    tail = _FROM_THE_ENDS / max(values.size, _FEWEST)
    low, high = np.quantile(values, (tail, 1 - tail)).tolist()
    return (low, high) if low < high else (float(values.min()), float(values.max()))


def axis_step(low: float, high: float) -> float:
    """
    Give a handy distance of marks.

    Parameters
    ----------
    low, high : float
        Ends of the axis.

    Returns
    -------
    float
        1, 2 or 5 times a power of ten, for about ten marks.

    Examples
    --------
    >>> axis_step(18.0, 85.0)
    5.0
    """
    rough = (high - low) / _MARKS
    power = 10.0 ** floor(log10(rough))
    steps = [power * factor for factor in (1, 2, 5, 10)]
    for smaller, larger in pairwise(steps):
        if rough <= (smaller * larger) ** 0.5:
            return float(smaller)
    return float(steps[-1])
