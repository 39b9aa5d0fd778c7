"""What a validation works on, how it is made, and what it finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.model.arrays import design_matrix, linear_predictor
from service.model.arrays import risk as risk_of
from service.model.risk_model import RiskModel
from service.validation.arrays import check_outcome
from service.validation.brier import Brier
from service.validation.calibration import CalibrationLine
from service.validation.calibration_bootstrap import (
    BootstrappedCurve,
    CorrectedCalibration,
)
from service.validation.discrimination import Auc, RocCurve
from service.validation.estimates import Estimate
from service.validation.goodness_of_fit import FitTest
from service.validation.points import PointsByOutcome
from service.validation.rationality import PredictorAuc
from service.validation.resampling import RESAMPLES, Progress
from service.validation.sample_size import Required, Verdict
from service.validation.subgroups import Grouping, Subgroup
from service.validation.utility import THRESHOLDS, DecisionCurve
from service.validation.weights import ReweighedResamples

__all__ = ["Performance", "Plan", "ScoredPatients", "score_patients"]

_Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPatients:
    """
    Patients whom a model scores and whose outcome is known.

    Attributes
    ----------
    model : RiskModel
        The model.
    design : numpy.ndarray of shape (n_patients, n_predictors)
        Coded values in the order of ``model.predictors``.
    outcome : numpy.ndarray of shape (n_patients,)
        1 or 0.
    weights : numpy.ndarray of shape (n_patients,) or None
        Inverse probability of having been examined; None: each counts once.
    reweighing : ReweighedResamples or None
        Estimates the weights again in each resample; None: they stay as they are.
    """

    model: RiskModel
    design: _Array
    outcome: _Array
    weights: _Array | None = None
    reweighing: ReweighedResamples | None = None

    @property
    def linear_predictor(self) -> _Array:  # numpydoc ignore=RT01
        """Log odds of each patient."""
        return linear_predictor(self.model, self.design)

    @property
    def risk(self) -> _Array:  # numpydoc ignore=RT01
        """Probability of each patient, in (0, 1)."""
        return risk_of(self.linear_predictor)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """
    How a validation is made; to be settled before anybody has seen a result.

    Attributes
    ----------
    resamples : int
        Bootstrap resamples of each statistic.
    thresholds : tuple of float
        Risks at which somebody might act, in (0, 1).
    prevalence : float or None
        Incidence in the population where patients were sampled by outcome; None where
        the cohort has it.
    groupings : tuple of Grouping
        Subgroups.
    jobs : int
        Processes; results do not depend on it.
    progress : Progress or None
        Told of newly finished resamples.
    """

    resamples: int = RESAMPLES
    thresholds: tuple[float, ...] = THRESHOLDS
    prevalence: float | None = None
    groupings: tuple[Grouping, ...] = ()
    jobs: int = 1
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """
    What a validation found.

    Attributes
    ----------
    n, events : int
        Patients with a known outcome, and those with SCNEN.
    roc : RocCurve
        Sensitivity and specificity at every threshold.
    auc : Auc
        Area under it: DeLong's interval, with weights the bootstrap's.
    auc_resampled : Auc or None
        The same with the bootstrap's interval, to be shown beside DeLong's below 50
        events; None with more, and with weights.
    predictors : tuple of PredictorAuc
        Each predictor alone against the model.
    intercept_in_the_large : Estimate
        Log odds by which the model is too low (above 0) or too high.
    line : CalibrationLine
        Intercept and slope of logistic recalibration.
    observed_expected : Estimate
        Observed over expected events.
    curve : BootstrappedCurve
        Flexible calibration curve with ICI, E50, E90 and Emax.
    recalibrated : CorrectedCalibration or None
        Of this model after logistic recalibration here, corrected for optimism; None
        with weights, or where it cannot be fitted.
    brier : Brier
        Brier score, as such and scaled.
    hosmer_lemeshow, spiegelhalter : FitTest or None
        For comparison only; None with weights.
    decision : DecisionCurve
        Net benefit.
    points : PointsByOutcome
        Nomogram points with and without SCNEN.
    subgroups : tuple of Subgroup
        Those with fewer than ten events are hidden.
    required : tuple of Required
        Patients that a precise validation takes at the incidence among those who
        were examined, not weighted, and this area.
    verdict : Verdict or None
        Whether there are as many; None where the area allows no such computation.
    """

    n: int
    events: int
    roc: RocCurve
    auc: Auc
    auc_resampled: Auc | None
    predictors: tuple[PredictorAuc, ...]
    intercept_in_the_large: Estimate
    line: CalibrationLine
    observed_expected: Estimate
    curve: BootstrappedCurve
    recalibrated: CorrectedCalibration | None
    brier: Brier
    hosmer_lemeshow: FitTest | None
    spiegelhalter: FitTest | None
    decision: DecisionCurve
    points: PointsByOutcome
    subgroups: tuple[Subgroup, ...]
    required: tuple[Required, ...]
    verdict: Verdict | None


def score_patients(
    model: RiskModel,
    columns: Mapping[str, NDArray[np.generic]],
    outcome: _Array,
    *,
    weights: _Array | None = None,
    reweighing: ReweighedResamples | None = None,
) -> ScoredPatients:
    """
    Code the predictors of patients whose outcome is known.

    Parameters
    ----------
    model : RiskModel
        The model.
    columns : Mapping[str, numpy.ndarray of shape (n_patients,)]
        Its predictors by name, complete; see `service.cohort.PatientCohort`.
    outcome : numpy.ndarray of shape (n_patients,)
        1 or 0.
    weights : numpy.ndarray of shape (n_patients,), optional
        Inverse probability of having been examined.
    reweighing : ReweighedResamples, optional
        Estimates them again in each resample.

    Returns
    -------
    ScoredPatients
        They.

    Raises
    ------
    ValueError
        If a predictor is missing, or the outcome is not 0 and 1, both of them.
    """
    return ScoredPatients(
        model,
        design_matrix(model, columns),
        check_outcome(outcome),
        weights,
        reweighing,
    )
