"""A new model from a cohort: every step of the study, and what came out of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.cohort.patients import PatientCohort, Source
from service.model.nomogram import Mark, marks, totals
from service.validation.baseline import Counted, Measured, compare, compare_numbers
from service.validation.binormal import cox_snell
from service.validation.candidates import Candidates
from service.validation.charts import chart
from service.validation.coefficient_table import (
    Coefficient,
    Drop,
    coefficient_table,
    drops,
)
from service.validation.development import (
    FEWEST_EVENTS,
    Development,
    Optimism,
    Performance,
    ResampledPipeline,
    develop,
    optimism,
    performance,
    split,
)
from service.validation.estimates import NotEstimableError
from service.validation.lasso import stratified_folds
from service.validation.resampling import Progress
from service.validation.sample_size import (
    Required,
    Verdict,
    expected_shrinkage,
    for_development,
    verdict,
)
from service.validation.selection import Rule

__all__ = [
    "EXPECTED_AUC",
    "CandidateResult",
    "NewModel",
    "Plan",
    "Sample",
    "build_model",
]

_Array: TypeAlias = NDArray[np.float64]

#: The study's area under the curve: what a new model may be expected to reach.
EXPECTED_AUC: Final = 0.795


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What is to be done.

    Attributes
    ----------
    seed : int
        The same seed gives the same numbers.
    rule : {"p", "aic"}
        How backward elimination judges.
    resamples : int
        Bootstrap samples.
    is_split : bool
        Whether 30 % of the patients are kept for validation, as the study did.
    """

    seed: int
    rule: Rule = "p"
    resamples: int = 200
    is_split: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """
    Some patients.

    Attributes
    ----------
    n, events : int
        All, and those with the outcome.
    """

    n: int
    events: int


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """
    What became of a candidate.

    Attributes
    ----------
    name : str
        Its column.
    labels : tuple of str
        Labels, the reference first; empty for a number.
    missing : int
        Examined patients who lack it, and were left out.
    rad_coefficients : tuple of float
        Its coefficients in the Rad-score, one for each of its columns; 0: not selected.
    is_selected, is_kept : bool
        Whether LASSO selected it; whether it is in the model.
    selected_share, kept_share : float
        The same in the bootstrap samples, as shares.
    """

    name: str
    labels: tuple[str, ...]
    missing: int
    rad_coefficients: tuple[float, ...]
    is_selected: bool
    is_kept: bool
    selected_share: float
    kept_share: float


@dataclass(frozen=True, slots=True)
class NewModel:
    """
    A model, how it came about, and how far it can be believed.

    Attributes
    ----------
    source : Source
        Where the patients come from.
    plan : Plan
        What was done.
    in_cohort, not_examined, incomplete, refused : int
        Patients of the file; of them without an outcome, and without a candidate; and
        rows that were refused.
    derivation : Sample
        Whom the model was fitted to.
    validation : Sample or None
        Who was kept for validation.
    by_outcome : tuple of Measured or Counted
        Baseline table: with the outcome against without.
    by_split : tuple of Measured or Counted, or None
        Baseline table: derivation against validation.
    candidates : tuple of CandidateResult
        What became of each candidate.
    penalties, deviance, deviance_error : tuple of float
        Cross-validation along the path.
    path : tuple of tuple of float
        Coefficients at each penalty, one for each column.
    best_penalty, one_se_penalty : float
        Lambda of the least deviance; and the one used, a standard error stricter.
    rad_intercept : float
        Intercept of the Rad-score.
    rad_score : Measured
        Rad-score with the outcome against without, in the derivation cohort.
    selected_model : tuple of Coefficient
        What LASSO selected, refitted without penalty: the study's Table 2.
    dropped : tuple of Drop
        Steps of backward elimination.
    intercept : float
        Of the model.
    model : tuple of Coefficient
        The model.
    covariance : tuple of tuple of float
        Of intercept and coefficients.
    points : Mapping[str, tuple of Mark]
        The nomogram: points of each predictor.
    risks : tuple of (int, float)
        The nomogram: total points and risk.
    optimism : Optimism
        Apparent and corrected performance.
    validated : Performance or None
        In the patients kept for validation.
    required : tuple of Required
        Patients that a model from so many candidates takes.
    verdict : Verdict
        Whether there are so many.
    shrinkage : float
        Expected shrinkage of a model with all candidates; below 0.9 is overfitted.
    """

    source: Source
    plan: Plan
    in_cohort: int
    not_examined: int
    incomplete: int
    refused: int
    derivation: Sample
    validation: Sample | None
    by_outcome: tuple[Measured | Counted, ...]
    by_split: tuple[Measured | Counted, ...] | None
    candidates: tuple[CandidateResult, ...]
    penalties: tuple[float, ...]
    deviance: tuple[float, ...]
    deviance_error: tuple[float, ...]
    path: tuple[tuple[float, ...], ...]
    best_penalty: float
    one_se_penalty: float
    rad_intercept: float
    rad_score: Measured
    selected_model: tuple[Coefficient, ...]
    dropped: tuple[Drop, ...]
    intercept: float
    model: tuple[Coefficient, ...]
    covariance: tuple[tuple[float, ...], ...]
    points: Mapping[str, tuple[Mark, ...]]
    risks: tuple[tuple[int, float], ...]
    optimism: Optimism
    validated: Performance | None
    required: tuple[Required, ...]
    verdict: Verdict
    shrinkage: float


def build_model(
    cohort: PatientCohort,
    candidates: Candidates,
    plan: Plan,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[NewModel, NDArray[np.bool_]]:
    """
    Develop a model.

    Parameters
    ----------
    cohort : PatientCohort
        Where the candidates were taken from.
    candidates : Candidates
        Patients and columns.
    plan : Plan
        What is to be done.
    jobs : int
        Processes for the bootstrap; the numbers do not depend on it.
    progress : Progress, optional
        Told of newly finished resamples.

    Returns
    -------
    tuple of (NewModel, numpy.ndarray of bool of shape (n_patients,))
        All results; and whom the model was fitted to.

    Raises
    ------
    ValueError
        If fewer than 20 patients have the outcome, or do not have it, in the part that
        is derived from: the message says how many are missing.
    NotEstimableError
        If a model on the way has no finite estimates.
    """
    chances = np.random.default_rng(plan.seed).spawn(3)
    outcome = candidates.outcome
    chosen = np.ones(outcome.size, dtype=np.bool_)
    if plan.is_split:
        chosen = split(outcome, chances[0])
    _check_events(outcome[chosen])
    design, own = candidates.design[chosen], outcome[chosen]
    folds = stratified_folds(own, chances[1])
    terms = candidates.terms
    found = develop(design, own, terms, folds, rule=plan.rule)
    believed = optimism(
        ResampledPipeline(design, own, terms, folds, plan.rule),
        rng=chances[2],
        resamples=plan.resamples,
        jobs=jobs,
        progress=progress,
    )
    intercept_and_slopes = found.elimination.fit.coefficients
    layout = chart(
        [candidates.candidates[term] for term in found.kept],
        design,
        intercept_and_slopes,
    )
    path, lasso = found.lasso.path, found.lasso
    required, judged, shrinkage = _sample_size(own, design.shape[1])
    model = NewModel(
        source=cohort.source,
        plan=plan,
        in_cohort=candidates.in_cohort,
        not_examined=candidates.not_examined,
        incomplete=candidates.incomplete,
        refused=cohort.rows_refused,
        derivation=_sample(own),
        validation=_sample(outcome[~chosen]) if plan.is_split else None,
        by_outcome=compare(candidates.columns, outcome == 1),
        by_split=compare(candidates.columns, chosen) if plan.is_split else None,
        candidates=_fates(candidates, found, believed),
        penalties=tuple(path.penalties.tolist()),
        deviance=tuple(lasso.deviance.tolist()),
        deviance_error=tuple(lasso.standard_error.tolist()),
        path=tuple(map(tuple, path.coefficients.tolist())),
        best_penalty=float(path.penalties[lasso.best]),
        one_se_penalty=float(path.penalties[lasso.one_se]),
        rad_intercept=float(path.intercepts[lasso.one_se]),
        rad_score=compare_numbers("Rad-score", found.rad_score(design), own == 1),
        selected_model=coefficient_table(
            candidates, chosen, found.selected, found.elimination.full
        ),
        dropped=drops(candidates, found.elimination),
        intercept=float(intercept_and_slopes[0]),
        model=coefficient_table(candidates, chosen, found.kept, found.elimination.fit),
        covariance=tuple(map(tuple, found.elimination.fit.covariance.tolist())),
        points=dict(marks(layout)) if found.kept else {},
        risks=totals(layout) if found.kept else (),
        optimism=believed,
        validated=_validated(candidates, chosen, found) if plan.is_split else None,
        required=required,
        verdict=judged,
        shrinkage=shrinkage,
    )
    return model, chosen


def _check_events(outcome: _Array) -> None:
    fewer = int(min(outcome.sum(), (1 - outcome).sum()))
    if fewer < FEWEST_EVENTS:
        raise NotEstimableError(
            f"scnen: {fewer} patients to derive from are in the smaller outcome group,"
            f" and at least {FEWEST_EVENTS} are needed; wait for"
            f" {FEWEST_EVENTS - fewer} more, or validate a model that exists"
        )


def _sample(outcome: _Array) -> Sample:
    return Sample(outcome.size, int(outcome.sum()))


def _validated(
    candidates: Candidates, chosen: NDArray[np.bool_], found: Development
) -> Performance:
    others = candidates.design[~chosen]
    return performance(found.linear_predictor(others), candidates.outcome[~chosen])


def _fates(
    candidates: Candidates, found: Development, believed: Optimism
) -> tuple[CandidateResult, ...]:
    weights = found.lasso.path.coefficients[found.lasso.one_se]
    return tuple(
        CandidateResult(
            each.name,
            each.labels,
            each.missing,
            tuple(weights[list(each.columns)].tolist()),
            is_selected=term in found.selected,
            is_kept=term in found.kept,
            selected_share=believed.selected[term],
            kept_share=believed.kept[term],
        )
        for term, each in enumerate(candidates.candidates)
    )


def _sample_size(
    outcome: _Array, parameters: int
) -> tuple[tuple[Required, ...], Verdict, float]:
    n, events = outcome.size, int(outcome.sum())
    expected = cox_snell(events / n, EXPECTED_AUC)
    required = for_development(events / n, parameters, expected)
    shrinkage = expected_shrinkage(n, parameters, expected)
    return tuple(required), verdict(required, n, events), shrinkage
