"""Building a new model from a cohort: every step of the study, one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from service.cohort.patients import PatientCohort
from service.model.nomogram import Mark, marks, totals
from service.validation.baseline import compare, compare_numbers
from service.validation.binormal import modest_r_squared
from service.validation.candidates import Candidates
from service.validation.charts import chart
from service.validation.coefficient_table import coefficient_table, drops
from service.validation.development import FEWEST_EVENTS, Development, develop, split
from service.validation.estimates import NotEstimableError
from service.validation.lasso import stratified_folds
from service.validation.new_model import CandidateResult, NewModel, Plan, Sample
from service.validation.optimism import (
    Optimism,
    Performance,
    ResampledPipeline,
    optimism,
    performance,
)
from service.validation.optimism_curves import curve_points
from service.validation.resampling import Progress
from service.validation.sample_size import (
    Required,
    Verdict,
    expected_shrinkage,
    for_development,
    verdict,
)

__all__ = ["build_model"]

_Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Derived:
    """Whom the model was fitted to, what was found, and how far to believe it."""

    chosen: NDArray[np.bool_]
    design: _Array
    outcome: _Array
    found: Development
    believed: Optimism


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
    with threadpool_limits(1):  # these matrices are small: threads would only wait
        derived = _derive(candidates, plan, jobs, progress)
        return _results(cohort, candidates, plan, derived), derived.chosen


def _derive(
    candidates: Candidates, plan: Plan, jobs: int, progress: Progress | None
) -> _Derived:
    chances = np.random.default_rng(plan.seed).spawn(3)
    outcome = candidates.outcome
    chosen = np.ones(outcome.size, dtype=np.bool_)
    if plan.is_split:
        chosen = split(outcome, chances[0])
    _check_events(outcome[chosen])
    design, own = candidates.design[chosen], outcome[chosen]
    folds = stratified_folds(own, chances[1])
    found = develop(design, own, candidates.terms, folds, rule=plan.rule)
    believed = optimism(
        ResampledPipeline(
            design,
            own,
            candidates.terms,
            folds,
            plan.rule,
            curve_points(found.linear_predictor(design)),
        ),
        rng=chances[2],
        resamples=plan.resamples,
        jobs=jobs,
        progress=progress,
    )
    return _Derived(chosen, design, own, found, believed)


def _results(
    cohort: PatientCohort, candidates: Candidates, plan: Plan, derived: _Derived
) -> NewModel:
    chosen, found, outcome = derived.chosen, derived.found, candidates.outcome
    lasso, path, last = found.lasso, found.lasso.path, found.elimination
    required, judged, shrinkage = _sample_size(derived)
    points, risks = _nomogram(candidates, derived)
    return NewModel(
        source=cohort.source,
        plan=plan,
        in_cohort=candidates.in_cohort,
        not_examined=candidates.not_examined,
        incomplete=candidates.incomplete,
        refused=cohort.rows_refused,
        derivation=_sample(derived.outcome),
        validation=_sample(outcome[~chosen]) if plan.is_split else None,
        by_outcome=compare(candidates.columns, outcome == 1),
        by_split=compare(candidates.columns, chosen) if plan.is_split else None,
        candidates=_fates(candidates, derived),
        penalties=tuple(path.penalties.tolist()),
        deviance=tuple(lasso.deviance.tolist()),
        deviance_error=tuple(lasso.standard_error.tolist()),
        path=tuple(map(tuple, path.coefficients.tolist())),
        best_penalty=float(path.penalties[lasso.best]),
        one_se_penalty=float(path.penalties[lasso.one_se]),
        rad_intercept=float(path.intercepts[lasso.one_se]),
        rad_score=compare_numbers(
            "Rad-score", found.rad_score(derived.design), derived.outcome == 1
        ),
        selected_model=coefficient_table(candidates, chosen, found.selected, last.full),
        dropped=drops(candidates, last),
        intercept=float(last.fit.coefficients[0]),
        model=coefficient_table(candidates, chosen, found.kept, last.fit),
        covariance=tuple(map(tuple, last.fit.covariance.tolist())),
        points=points,
        risks=risks,
        optimism=derived.believed,
        validated=_validated(candidates, derived) if plan.is_split else None,
        required=required,
        verdict=judged,
        r_squared=modest_r_squared(derived.outcome.mean()),
        shrinkage=shrinkage,
    )


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


def _validated(candidates: Candidates, derived: _Derived) -> Performance:
    others = ~derived.chosen
    predicted = derived.found.linear_predictor(candidates.design[others])
    return performance(predicted, candidates.outcome[others])


def _nomogram(
    candidates: Candidates, derived: _Derived
) -> tuple[Mapping[str, tuple[Mark, ...]], tuple[tuple[int, float], ...]]:
    """Give points of predictors and risks of totals; none of a model without any."""
    kept = [candidates.candidates[term] for term in derived.found.kept]
    if not kept:
        return {}, ()
    coefficients = derived.found.elimination.fit.coefficients
    layout = chart(kept, derived.design, coefficients)
    return dict(marks(layout)), totals(layout)


def _fates(candidates: Candidates, derived: _Derived) -> tuple[CandidateResult, ...]:
    found, believed = derived.found, derived.believed
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


def _sample_size(derived: _Derived) -> tuple[tuple[Required, ...], Verdict, float]:
    (n, parameters), events = derived.design.shape, int(derived.outcome.sum())
    expected = modest_r_squared(events / n)
    required = for_development(events / n, parameters, expected)
    shrinkage = expected_shrinkage(n, parameters, expected)
    return tuple(required), verdict(required, n, events), shrinkage
