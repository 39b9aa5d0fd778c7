"""How well a model does on patients of one's own: all statistics of a validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.model.arrays import design_matrix, linear_predictor
from service.model.arrays import risk as risk_of
from service.model.risk_model import RiskModel
from service.validation.arrays import check_outcome
from service.validation.brier import Brier, brier
from service.validation.calibration import (
    CalibrationLine,
    calibration_in_the_large,
    calibration_line,
    observed_expected,
)
from service.validation.calibration_bootstrap import (
    BootstrappedCurve,
    CorrectedCalibration,
    bootstrap_curve,
    corrected_calibration,
)
from service.validation.discrimination import (
    FEW_EVENTS,
    Auc,
    RocCurve,
    bootstrap_interval,
    delong_interval,
    roc_curve,
)
from service.validation.draws import Draws
from service.validation.estimates import Estimate, NotEstimableError
from service.validation.goodness_of_fit import FitTest, hosmer_lemeshow, spiegelhalter
from service.validation.logistic import fit_logistic
from service.validation.points import PointsByOutcome, points_by_outcome, total_points
from service.validation.rationality import PredictorAuc, predictor_aucs
from service.validation.resampling import RESAMPLES, Progress, Rows
from service.validation.sample_size import (
    Required,
    Verdict,
    for_external_validation,
    verdict,
)
from service.validation.subgroups import Grouping, Subgroup, subgroups
from service.validation.utility import THRESHOLDS, DecisionCurve, decision_curve

__all__ = [
    "Performance",
    "Plan",
    "ScoredPatients",
    "evaluate",
    "resamples_of",
    "score_patients",
]

_Array: TypeAlias = NDArray[np.float64]

#: An area that a sample size can be computed for.
_AREAS: Final = (0.55, 0.95)


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
    """

    model: RiskModel
    design: _Array
    outcome: _Array
    weights: _Array | None = None

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
        Area under it: DeLong's interval, below 50 events or with weights the
        bootstrap's.
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
        Patients that a precise validation takes at this incidence and area.
    verdict : Verdict or None
        Whether there are as many; None where the area allows no such computation.
    """

    n: int
    events: int
    roc: RocCurve
    auc: Auc
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
        model, design_matrix(model, columns), check_outcome(outcome), weights
    )


def evaluate(
    patients: ScoredPatients, *, rng: Generator, plan: Plan | None = None
) -> Performance:
    """
    Validate a model.

    Parameters
    ----------
    patients : ScoredPatients
        On whom.
    rng : numpy.random.Generator
        Where the randomness comes from: one generator is spawned for each statistic.
    plan : Plan, optional
        How.

    Returns
    -------
    Performance
        All statistics.

    Raises
    ------
    ValueError
        If there are fewer than ten patients with SCNEN or without, or all risks are
        equal: nothing could be said of such a model.
    """
    how = plan or Plan()
    y, p, w = patients.outcome, patients.risk, patients.weights
    streams = dict(zip(_STREAMS, rng.spawn(len(_STREAMS)), strict=True))
    area = _auc(patients, _draws(streams["auc"], how))
    required = _required(float(y.mean()), area.auc.value)
    events = int(y.sum())
    return Performance(
        n=y.size,
        events=events,
        roc=roc_curve(y, p, weights=w),
        auc=area,
        predictors=_predictors(patients, _draws(streams["predictors"], how)),
        intercept_in_the_large=calibration_in_the_large(y, p, weights=w),
        line=calibration_line(y, p, weights=w),
        observed_expected=observed_expected(y, p, weights=w),
        curve=bootstrap_curve(
            y,
            p,
            rng=streams["curve"],
            weights=w,
            resamples=how.resamples,
            jobs=how.jobs,
            progress=how.progress,
        ),
        recalibrated=_recalibrated(patients, _draws(streams["recalibrated"], how)),
        brier=brier(
            y,
            p,
            rng=streams["brier"],
            weights=w,
            resamples=how.resamples,
            jobs=how.jobs,
            progress=how.progress,
        ),
        hosmer_lemeshow=None if w is not None else hosmer_lemeshow(y, p),
        spiegelhalter=None if w is not None else spiegelhalter(y, p),
        decision=decision_curve(
            y,
            p,
            thresholds=how.thresholds,
            prevalence=how.prevalence,
            weights=w,
            draws=_draws(streams["decision"], how),
        ),
        points=points_by_outcome(y, total_points(patients.model, patients.design)),
        subgroups=tuple(
            each for grouping in how.groupings for each in subgroups(y, p, grouping)
        ),
        required=tuple(required),
        verdict=verdict(required, y.size, events) if required else None,
    )


def resamples_of(patients: ScoredPatients, plan: Plan) -> int:
    """
    Count the resamples that a validation draws, for a progress bar.

    Parameters
    ----------
    patients : ScoredPatients
        On whom.
    plan : Plan
        How.

    Returns
    -------
    int
        How many.
    """
    is_weighted = patients.weights is not None
    statistics = 3 + (1 if _is_resampled(patients) else 0)
    statistics += len(patients.model.predictors) if is_weighted else 1
    return statistics * plan.resamples


#: One generator each, so that leaving one out does not change the others.
_STREAMS: Final = ("auc", "predictors", "curve", "recalibrated", "brier", "decision")


def _draws(rng: Generator, plan: Plan) -> Draws:
    return Draws(rng, plan.resamples, plan.jobs, plan.progress)


def _auc(patients: ScoredPatients, draws: Draws) -> Auc:
    y, p = patients.outcome, patients.risk
    if _is_resampled(patients):
        return bootstrap_interval(y, p, draws=draws, weights=patients.weights)
    return delong_interval(y, p)


def _is_resampled(patients: ScoredPatients) -> bool:
    """Tell whether the interval of the area comes from the bootstrap."""
    return patients.weights is not None or bool(patients.outcome.sum() < FEW_EVENTS)


def _predictors(patients: ScoredPatients, draws: Draws) -> tuple[PredictorAuc, ...]:
    """Compare with the model; a predictor that is the same in everybody is left out."""
    columns = zip(patients.model.predictors, patients.design.T, strict=True)
    return predictor_aucs(
        patients.outcome,
        patients.risk,
        {item.name: column for item, column in columns if np.ptp(column) > 0},
        coefficients=dict(
            zip(
                (item.name for item in patients.model.predictors),
                patients.model.coefficients,
                strict=True,
            )
        ),
        weights=patients.weights,
        draws=draws if patients.weights is not None else None,
    )


def _recalibrated(
    patients: ScoredPatients, draws: Draws
) -> CorrectedCalibration | None:
    if patients.weights is not None:
        return None
    y = patients.outcome
    design = np.column_stack([np.ones(y.size), patients.linear_predictor])

    def refit(rows: Rows) -> _Array:
        fit = fit_logistic(design[rows], y[rows])
        if not fit.converged:
            raise NotEstimableError(fit.reason)
        return risk_of(design @ fit.coefficients)

    try:
        return corrected_calibration(
            y,
            refit,
            rng=draws.rng,
            resamples=draws.resamples,
            jobs=1,
            progress=draws.progress,
        )
    except NotEstimableError:
        return None


def _required(incidence: float, area: float) -> Sequence[Required]:
    low, high = _AREAS
    if not low <= area <= high:
        return ()
    return for_external_validation(incidence, area)
