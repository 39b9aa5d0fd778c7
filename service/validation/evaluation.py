"""Validating a model: all statistics of `service.validation` on the same patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.model.arrays import risk as risk_of
from service.validation.brier import brier
from service.validation.calibration import (
    calibration_in_the_large,
    calibration_line,
    observed_expected,
)
from service.validation.calibration_bootstrap import (
    CorrectedCalibration,
    bootstrap_curve,
    corrected_calibration,
)
from service.validation.discrimination import (
    FEW_EVENTS,
    Auc,
    bootstrap_interval,
    delong_interval,
    roc_curve,
)
from service.validation.draws import Draws
from service.validation.estimates import NotEstimableError
from service.validation.goodness_of_fit import hosmer_lemeshow, spiegelhalter
from service.validation.logistic import fit_logistic
from service.validation.performance import Performance, Plan, ScoredPatients
from service.validation.points import points_by_outcome, total_points
from service.validation.rationality import PredictorAuc, predictor_aucs
from service.validation.resampling import Rows
from service.validation.sample_size import Required, for_external_validation, verdict
from service.validation.subgroups import subgroups
from service.validation.utility import decision_curve

__all__ = ["evaluate", "resamples_of"]

_Array: TypeAlias = NDArray[np.float64]

#: An area that a sample size can be computed for.
_AREAS: Final = (0.55, 0.95)
#: One generator each, so that leaving one out does not change the others.
_STREAMS: Final = (
    "auc",
    "predictors",
    "curve",
    "recalibrated",
    "brier",
    "decision",
    "subgroups",
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
    streams = zip(_STREAMS, rng.spawn(len(_STREAMS)), strict=True)
    draws = {
        name: Draws(stream, how.resamples, how.jobs, how.progress, patients.reweighing)
        for name, stream in streams
    }
    area, resampled = _areas(patients, draws["auc"])
    # The incidence of patients who were sampled by outcome is nobody's.
    is_sampled = how.prevalence is not None
    required = () if is_sampled else _required(float(y.mean()), area.auc.value)
    events = int(y.sum())
    return Performance(
        n=y.size,
        events=events,
        roc=roc_curve(y, p, weights=w),
        auc=area,
        auc_resampled=resampled,
        predictors=_predictors(patients, draws["predictors"]),
        intercept_in_the_large=calibration_in_the_large(y, p, weights=w),
        line=calibration_line(y, p, weights=w),
        observed_expected=observed_expected(y, p, weights=w),
        curve=bootstrap_curve(y, p, weights=w, draws=draws["curve"]),
        recalibrated=_recalibrated(patients, draws["recalibrated"]),
        brier=brier(y, p, weights=w, draws=draws["brier"]),
        hosmer_lemeshow=None if w is not None else hosmer_lemeshow(y, p),
        spiegelhalter=None if w is not None else spiegelhalter(y, p),
        decision=decision_curve(
            y,
            p,
            thresholds=how.thresholds,
            prevalence=how.prevalence,
            weights=w,
            draws=draws["decision"],
        ),
        points=points_by_outcome(
            y, total_points(patients.model, patients.design), weights=w
        ),
        subgroups=tuple(
            each
            for grouping in how.groupings
            for each in subgroups(y, p, grouping, weights=w, draws=draws["subgroups"])
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
    if patients.weights is not None:  # area, curve, Brier score, decisions
        each = len(_varying(patients)) + len(plan.groupings)
        return (4 + each) * plan.resamples
    # Curve, recalibrated, Brier score, decisions; the area if there are few events.
    return (4 + int(_has_few_events(patients))) * plan.resamples


@dataclass(frozen=True, slots=True, eq=False)
class _Recalibration:
    """Recalibrate on a resample and score everybody."""

    design: _Array
    outcome: _Array

    def __call__(self, rows: Rows) -> _Array:
        fit = fit_logistic(self.design[rows], self.outcome[rows])
        if not fit.converged:
            raise NotEstimableError(fit.reason)
        return risk_of(self.design @ fit.coefficients)


def _areas(patients: ScoredPatients, draws: Draws) -> tuple[Auc, Auc | None]:
    """Give the area as it is shown first, and as it is shown beside that."""
    y, p, weights = patients.outcome, patients.risk, patients.weights
    if weights is not None:
        return bootstrap_interval(y, p, draws=draws, weights=weights), None
    found = delong_interval(y, p)
    if not _has_few_events(patients):
        return found, None
    return found, bootstrap_interval(y, p, draws=draws)


def _has_few_events(patients: ScoredPatients) -> bool:
    return bool(patients.outcome.sum() < FEW_EVENTS)


def _varying(patients: ScoredPatients) -> dict[str, _Array]:
    """Take predictors that are not the same in everybody: those rank nobody."""
    columns = zip(patients.model.predictors, patients.design.T, strict=True)
    return {item.name: column for item, column in columns if np.ptp(column) > 0}


def _predictors(patients: ScoredPatients, draws: Draws) -> tuple[PredictorAuc, ...]:
    names = (item.name for item in patients.model.predictors)
    return predictor_aucs(
        patients.outcome,
        patients.risk,
        _varying(patients),
        coefficients=dict(zip(names, patients.model.coefficients, strict=True)),
        weights=patients.weights,
        draws=draws if patients.weights is not None else None,
    )


def _recalibrated(
    patients: ScoredPatients, draws: Draws
) -> CorrectedCalibration | None:
    if patients.weights is not None:
        return None
    design = np.column_stack(
        [np.ones(patients.outcome.size), patients.linear_predictor]
    )
    refit = _Recalibration(design, patients.outcome)
    try:
        return corrected_calibration(patients.outcome, refit, draws=draws)
    except NotEstimableError:
        return None


def _required(incidence: float, area: float) -> Sequence[Required]:
    low, high = _AREAS
    if not low <= area <= high:
        return ()
    return for_external_validation(incidence, area)
