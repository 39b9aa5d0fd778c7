"""The curves of a new model on its own patients, and corrected for optimism."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.model.arrays import risk as expit
from service.validation.discrimination import roc_curve
from service.validation.estimates import NotEstimableError
from service.validation.smoothing import fit_smoother
from service.validation.utility import THRESHOLDS, decision_curve

__all__ = [
    "CorrectedCurve",
    "CorrectedCurves",
    "CurvePoints",
    "corrected_curves",
    "curve_points",
]

_Array: TypeAlias = NDArray[np.float64]

_POINTS: Final = 50
#: The calibration curve runs from the fifth smallest to the fifth largest risk.
_MARGIN: Final = 5
_FALSE_POSITIVE: Final = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True, eq=False)
class CurvePoints:
    """
    Where curves are read, the same places in every resample.

    Attributes
    ----------
    risk : numpy.ndarray of shape (n_risks,)
        Of the calibration curve.
    """

    risk: _Array

    def read(self, linear_predictor: _Array, outcome: _Array) -> _Array:
        """
        Read the curves of a linear predictor on some patients.

        Parameters
        ----------
        linear_predictor : numpy.ndarray of shape (n_patients,)
            Log odds.
        outcome : numpy.ndarray of shape (n_patients,)
            1 with the outcome, 0 without.

        Returns
        -------
        numpy.ndarray of shape (101 + n_risks + 80,)
            Sensitivity, observed share, net benefit, one after the other. NaN where
            the calibration curve does not run.
        """
        risk = expit(linear_predictor)
        return np.concatenate(
            [
                _sensitivity(linear_predictor, outcome),
                _observed(risk, outcome, self.risk),
                decision_curve(outcome, risk).model,
            ]
        )


@dataclass(frozen=True, slots=True)
class CorrectedCurve:
    """
    A curve of a model on its own patients.

    Attributes
    ----------
    at : tuple of float
        Where: false-positive share, predicted risk, or threshold.
    apparent, corrected : tuple of float
        As it is on its own patients, and less the optimism; NaN where not known.
    """

    at: tuple[float, ...]
    apparent: tuple[float, ...]
    corrected: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CorrectedCurves:
    """
    All three.

    Attributes
    ----------
    roc, calibration, decision : CorrectedCurve
        Sensitivity, observed share with the outcome, net benefit.
    treat_all : tuple of float
        Net benefit of treating everybody, at the thresholds of ``decision``.
    """

    roc: CorrectedCurve
    calibration: CorrectedCurve
    decision: CorrectedCurve
    treat_all: tuple[float, ...]


def curve_points(linear_predictor: _Array) -> CurvePoints:
    """
    Choose where the curves of a model are read.

    Parameters
    ----------
    linear_predictor : numpy.ndarray of shape (n_patients,)
        Of its own patients.

    Returns
    -------
    CurvePoints
        From the fifth smallest to the fifth largest risk, as `calibrate` of R's rms;
        no risk of a model that gives everybody the same.
    """
    if np.ptp(linear_predictor) == 0:
        return CurvePoints(np.empty(0))
    ordered = np.sort(expit(linear_predictor))
    return CurvePoints(np.linspace(ordered[_MARGIN - 1], ordered[-_MARGIN], _POINTS))


def corrected_curves(
    points: CurvePoints, apparent: _Array, optimism: _Array, outcome: _Array
) -> CorrectedCurves:
    """
    Take the optimism off.

    Parameters
    ----------
    points : CurvePoints
        Where the curves were read.
    apparent, optimism : numpy.ndarray of shape (101 + n_risks + 80,)
        From `CurvePoints.read`: on the patients; and the mean over resamples of the
        curve in the resample less that on the patients.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.

    Returns
    -------
    CorrectedCurves
        The curves; sensitivity and share stay in [0, 1].
    """
    corrected = apparent - optimism
    ends = np.cumsum([_FALSE_POSITIVE.size, points.risk.size])
    places = (_FALSE_POSITIVE, points.risk, np.array(THRESHOLDS))
    read = np.split(apparent, ends), np.split(corrected, ends)
    parts = zip(places, *read, strict=True)
    curves = [
        CorrectedCurve(*(tuple(map(float, each)) for each in part)) for part in parts
    ]
    share = float(outcome.mean())
    odds = places[2] / (1 - places[2])
    treat_all = share - (1 - share) * odds
    return CorrectedCurves(
        _within(curves[0]), _within(curves[1]), curves[2], tuple(treat_all.tolist())
    )


def _within(curve: CorrectedCurve) -> CorrectedCurve:
    clipped = np.clip(curve.corrected, 0.0, 1.0)
    return CorrectedCurve(curve.at, curve.apparent, tuple(clipped.tolist()))


def _sensitivity(linear_predictor: _Array, outcome: _Array) -> _Array:
    """Read the steps of the ROC curve; of a model that ranks nobody the diagonal."""
    if np.ptp(linear_predictor) == 0:
        return _FALSE_POSITIVE
    found = roc_curve(outcome, linear_predictor)
    reached = np.searchsorted(
        1 - found.specificity, _FALSE_POSITIVE + 1e-12, side="right"
    )
    result: _Array = found.sensitivity[reached - 1]
    return result


def _observed(risk: _Array, outcome: _Array, points: _Array) -> _Array:
    try:
        return fit_smoother(outcome, risk).at(points)
    except NotEstimableError:
        return np.full(points.size, np.nan)
