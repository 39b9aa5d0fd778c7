"""How much better a pipeline looks on its own patients than it is in others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.model.arrays import risk as expit
from service.validation.development import develop
from service.validation.discrimination import auc
from service.validation.logistic import fit_logistic
from service.validation.optimism_curves import (
    CorrectedCurves,
    CurvePoints,
    corrected_curves,
)
from service.validation.resampling import Progress, Rows, bootstrap
from service.validation.selection import Rule

__all__ = [
    "Optimism",
    "Performance",
    "ResampledPipeline",
    "optimism",
    "performance",
]

_Array: TypeAlias = NDArray[np.float64]
_Terms: TypeAlias = Sequence[Sequence[int]]

_MEASURES: Final = 4


@dataclass(frozen=True, slots=True)
class Performance:
    """
    How well a linear predictor does on some patients.

    Attributes
    ----------
    auc : float
        Area under the ROC curve; 0.5 for a model without predictors.
    brier : float
        Mean squared error of the risk.
    slope, intercept : float
        Of a logistic regression on the linear predictor: 1 and 0 are best. NaN for a
        model without predictors, or if they have no finite estimate.
    """

    auc: float
    brier: float
    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class Optimism:
    """
    How much better a pipeline looks on its own patients than it is (Harrell).

    Attributes
    ----------
    apparent, optimism, corrected : Performance
        On the patients themselves; how much of it is self-deceit, the mean over
        resamples of performance in the resample less performance on the patients;
        the difference of both.
    resamples, failed, without_predictors : int
        How many were drawn; in how many no model could be fitted; in how many the
        model had no predictor, so that they have no slope and intercept.
    reasons : tuple of str
        Why resamples failed.
    selected, kept : tuple of float
        In which share of the resamples LASSO kept each term, and the final model.
    curves : CorrectedCurves or None
        ROC, calibration and decision curve; None if they were not read.
    """

    apparent: Performance
    optimism: Performance
    corrected: Performance
    resamples: int
    failed: int
    without_predictors: int
    reasons: tuple[str, ...]
    selected: tuple[float, ...]
    kept: tuple[float, ...]
    curves: CorrectedCurves | None = None


def performance(linear_predictor: _Array, outcome: _Array) -> Performance:
    """
    Judge a linear predictor.

    Parameters
    ----------
    linear_predictor : numpy.ndarray of shape (n_patients,)
        Log odds.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.

    Returns
    -------
    Performance
        Discrimination and calibration.
    """
    brier = float(((expit(linear_predictor) - outcome) ** 2).mean())
    if np.ptp(linear_predictor) == 0:
        return Performance(0.5, brier, np.nan, np.nan)
    line = np.column_stack([np.ones(outcome.size), linear_predictor])
    fit = fit_logistic(line, outcome)
    intercept, slope = fit.coefficients.tolist()
    return Performance(auc(outcome, linear_predictor), brier, slope, intercept)


@dataclass(frozen=True, slots=True, eq=False)
class ResampledPipeline:
    """
    The pipeline on one resample: performance there and here, and what was chosen.

    Attributes
    ----------
    design : numpy.ndarray of shape (n_patients, n_columns)
        Candidates.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    terms : sequence of sequence of int
        Columns of each candidate.
    folds : numpy.ndarray of int of shape (n_patients,)
        Fold of each patient, kept in every resample.
    rule : {"p", "aic"}
        How backward elimination judges.
    points : CurvePoints or None
        Where curves are read; None if they are not.
    """

    design: _Array
    outcome: _Array
    terms: _Terms
    folds: NDArray[np.int_]
    rule: Rule
    points: CurvePoints | None = None

    def __call__(self, rows: Rows) -> _Array:
        """
        Develop on a resample.

        Parameters
        ----------
        rows : numpy.ndarray of int of shape (n_drawn,)
            Who was drawn, by place.

        Returns
        -------
        numpy.ndarray of shape (8 + 2 n_terms + 2 n_points,)
            AUC, Brier score, slope and intercept in the resample; the same on the
            patients; which terms LASSO selected, and which stayed, as 1 or 0; the
            curves in the resample and on the patients.
        """
        drawn, outcome = self.design[rows], self.outcome[rows]
        found = develop(drawn, outcome, self.terms, self.folds[rows], rule=self.rule)
        both = (
            (found.linear_predictor(drawn), outcome),
            (found.linear_predictor(self.design), self.outcome),
        )
        inside, outside = (performance(*each) for each in both)
        curves = [self.points.read(*each) for each in both] if self.points else []
        chosen = [
            [float(term in kept) for term in range(len(self.terms))]
            for kept in (found.selected, found.kept)
        ]
        numbers = [*_numbers(inside), *_numbers(outside), *chosen[0], *chosen[1]]
        return np.concatenate([numbers, *curves])


def optimism(
    pipeline: ResampledPipeline,
    *,
    rng: np.random.Generator,
    resamples: int = 200,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Optimism:
    """
    Correct apparent performance by doing every step again in bootstrap samples.

    A patient stays in one fold, so that the copies in a resample are left out
    together: a penalty chosen on copies of its own patients would be too weak.

    Parameters
    ----------
    pipeline : ResampledPipeline
        The patients, and what is done to them.
    rng : numpy.random.Generator
        Where chance comes from.
    resamples : int
        How many.
    jobs : int
        Processes; the numbers do not depend on it.
    progress : Progress, optional
        Told of newly finished resamples.

    Returns
    -------
    Optimism
        Apparent and corrected performance, and how stable the selection is.

    Raises
    ------
    NotEstimableError
        If the model itself, or that of every resample, has no finite estimates.
    ValueError
        If an array is malformed.
    """
    patients, terms = pipeline.outcome.size, len(pipeline.terms)
    whole = pipeline(np.arange(patients))
    apparent = whole[:_MEASURES]
    drawn = bootstrap(
        pipeline, patients, rng=rng, resamples=resamples, jobs=jobs, progress=progress
    )
    done = drawn.values[~np.isnan(drawn.values[:, 0])]
    gap = _means(done[:, :_MEASURES] - done[:, _MEASURES : 2 * _MEASURES])
    chosen, read = 2 * _MEASURES, 2 * _MEASURES + 2 * terms
    selected, kept = np.split(done[:, chosen:read], 2, axis=1)
    return Optimism(
        Performance(*apparent.tolist()),
        Performance(*gap.tolist()),
        Performance(*(apparent - gap).tolist()),
        resamples,
        failed=resamples - len(done),
        without_predictors=int((~kept.any(axis=1)).sum()),
        reasons=tuple(sorted(drawn.reasons)),
        selected=tuple(selected.mean(axis=0).tolist()),
        kept=tuple(kept.mean(axis=0).tolist()),
        curves=_curves(pipeline, whole[read:], done[:, read:]),
    )


def _curves(
    pipeline: ResampledPipeline, whole: _Array, done: _Array
) -> CorrectedCurves | None:
    if pipeline.points is None:
        return None
    inside, outside = np.split(done, 2, axis=1)
    apparent, _ = np.split(whole, 2)
    return corrected_curves(
        pipeline.points, apparent, _means(inside - outside), pipeline.outcome
    )


def _numbers(found: Performance) -> tuple[float, float, float, float]:
    return found.auc, found.brier, found.slope, found.intercept


def _means(values: _Array) -> _Array:
    """Average over resamples; slope and intercept over those whose model has them."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    result: _Array = total / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return result
