"""The report of a new model and its curves: what it is worth, and what it is not."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from service import __version__
from service.validation.candidates import Candidates
from service.validation.charts import Chart
from service.validation.curve_csv import curve_csv
from service.validation.development_pictures import draw_development, draw_nomogram
from service.validation.development_tables import (
    baseline_rows,
    candidate_rows,
    coefficient_rows,
    drop_rows,
    performance_rows,
    point_rows,
)
from service.validation.enrolment import Enrolled
from service.validation.findings import Finding, Topic, Weight
from service.validation.new_model import NewModel
from service.validation.report import page
from service.validation.tripod import Answer

__all__ = ["development_curves", "development_page"]

_GOOD: Final = 0.7
#: Below it coefficients are too extreme by more than a tenth: Riley's target.
_SHRUNK: Final = 0.9
_HALF: Final = 0.5


def development_page(
    model: NewModel,
    enrolled: Enrolled,
    candidates: Candidates,
    *,
    layout: Chart | None,
    answers: tuple[Answer, ...],
    reason: str,
) -> str:
    """
    Write the report.

    Parameters
    ----------
    model : NewModel
        The results.
    enrolled : Enrolled
        Who was in.
    candidates : Candidates
        The columns.
    layout : Chart or None
        The nomogram; None of a model without predictors.
    answers : tuple of Answer
        The TRIPOD+AI checklist.
    reason : str
        Why there is no artifact; empty if there is.

    Returns
    -------
    str
        From `service.validation.report.page`.
    """
    is_synthetic = enrolled.is_synthetic
    return page(
        "development.html",
        title="A new model for SCNEN",
        model=model,
        enrolled=enrolled,
        reason=reason,
        findings=_findings(model, reason),
        steps=tuple(_steps(model, reason)),
        by_outcome=baseline_rows(model.by_outcome),
        by_split=baseline_rows(model.by_split or ()),
        candidates=candidate_rows(model.candidates),
        columns=len(candidates.column_names),
        rad_score=baseline_rows([model.rad_score]),
        selected=coefficient_rows(model.selected_model),
        coefficients=coefficient_rows(model.model),
        drops=drop_rows(model),
        performance=performance_rows(model),
        required=[(each.criterion, each.n, each.events) for each in model.required],
        pictures=draw_development(model, candidates),
        nomogram=None
        if layout is None
        else draw_nomogram(layout, is_synthetic=is_synthetic),
        points=point_rows(model),
        answers=[
            (each.item, each.asks, each.answer) for each in answers if each.is_filled
        ],
        unanswered=[each.item for each in answers if not each.is_filled],
        software=__version__,
    )


def development_curves(model: NewModel, candidates: Candidates) -> Mapping[str, str]:
    """
    Write every curve.

    Parameters
    ----------
    model : NewModel
        The results.
    candidates : Candidates
        The columns.

    Returns
    -------
    Mapping[str, str]
        CSV by name: ``lasso_path``, ``cross_validation`` and, of a model with
        predictors, ``roc``, ``calibration``, ``decision``, ``nomogram``.
    """
    path = np.array(model.path)
    columns = dict(zip(candidates.column_names, path.T, strict=True))
    found = {
        "lasso_path": curve_csv({"penalty": model.penalties, **columns}),
        "cross_validation": curve_csv(
            {
                "penalty": model.penalties,
                "deviance": model.deviance,
                "standard_error": model.deviance_error,
            }
        ),
    }
    curves = model.optimism.curves
    if curves is None or not model.model:
        return found
    for name, at, curve in (
        ("roc", "false_positive_share", curves.roc),
        ("calibration", "risk", curves.calibration),
        ("decision", "threshold", curves.decision),
    ):
        told = {at: curve.at, "apparent": curve.apparent, "corrected": curve.corrected}
        if name == "decision":
            told["treat_all"] = curves.treat_all
        found[name] = curve_csv(told)
    totals, risks = zip(*model.risks, strict=True)
    return found | {"nomogram": curve_csv({"total_points": totals, "risk": risks})}


def _findings(model: NewModel, reason: str) -> tuple[Finding, ...]:
    kept = [each.name.replace("_", " ") for each in model.candidates if each.is_kept]
    if not kept:
        return (
            Finding(
                Topic.DISCRIMINATION,
                Weight.STOP,
                "No candidate was selected: these patients support no model.",
            ),
            _precision(model),
        )
    made = f"The model has {len(kept)} of {len(model.candidates)} candidates:"
    found = [
        Finding(Topic.DISCRIMINATION, Weight.NOTE, f"{made} {', '.join(kept)}."),
        _discrimination(model),
        *_slope(model),
        _precision(model),
        *(Finding(Topic.PRECISION, Weight.ACT, text) for text in _luck(model)),
    ]
    if reason:
        found.append(
            Finding(Topic.DECISIONS, Weight.NOTE, f"There is no artifact: {reason}.")
        )
    return tuple(found)


def _discrimination(model: NewModel) -> Finding:
    found = model.optimism
    told = (
        f"Discrimination: AUC {found.apparent.auc:.3f} on its own patients, and"
        f" {found.corrected.auc:.3f} corrected for optimism, which is what to expect in"
        " others like them."
    )
    if found.corrected.auc <= _HALF:
        return Finding(
            Topic.DISCRIMINATION,
            Weight.STOP,
            f"{told} Nothing shows that it tells who gets SCNEN.",
        )
    if found.corrected.auc < _GOOD:
        return Finding(
            Topic.DISCRIMINATION,
            Weight.ACT,
            f"{told} That is below the {_GOOD} that the study calls good.",
        )
    return Finding(Topic.DISCRIMINATION, Weight.NOTE, told)


def _slope(model: NewModel) -> Iterator[Finding]:
    slope = model.optimism.corrected.slope
    if math.isnan(slope):
        return
    told = f"Calibration slope corrected for optimism: {slope:.2f}."
    if slope < _SHRUNK:
        yield Finding(
            Topic.CALIBRATION,
            Weight.ACT,
            f"{told} In new patients high risks will be too high and low ones too low;"
            " slopes times this are what to expect there.",
        )
        return
    yield Finding(Topic.CALIBRATION, Weight.NOTE, told)


def _precision(model: NewModel) -> Finding:
    told = (
        f"Sample size, for a model that explains 15 % of what can be explained:"
        f" {model.derivation.n} patients with {model.derivation.events} cases are"
        f" {model.verdict.words}. Expected shrinkage of a model with all candidates:"
        f" {model.shrinkage:.2f}; below {_SHRUNK} is overfitted."
    )
    weight = Weight.NOTE if model.verdict.is_enough else Weight.ACT
    return Finding(Topic.PRECISION, weight, told)


def _luck(model: NewModel) -> Iterator[str]:
    """Say which part of the model other patients of the same kind would not give."""
    seldom = [
        f"{each.name.replace('_', ' ')} ({each.kept_share:.0%})"
        for each in model.candidates
        if each.is_kept and each.kept_share < _HALF
    ]
    if seldom:
        yield (
            "From other patients of the same kind fewer than half of the models would"
            f" have: {', '.join(seldom)}. Which of them are in a model is largely"
            " chance."
        )
    found = model.optimism
    if found.without_predictors or found.failed:
        yield (
            f"Of {found.resamples} bootstrap samples {found.without_predictors} gave a"
            f" model without a predictor, and {found.failed} none at all."
        )


def _steps(model: NewModel, reason: str) -> Iterator[str]:
    yield (
        "Show nobody a number of this model: it is for research until it has been"
        " validated on other patients."
    )
    if not model.verdict.is_enough:
        yield (
            "First ask whether a new model is what you need: one that exists can be"
            " validated and recalibrated with far fewer patients (scnen-cds validate,"
            " scnen-cds recalibrate)."
        )
        yield (
            "Go on collecting outcomes, or name fewer candidates (--candidates), chosen"
            " by what is known and not by this table."
        )
    if model.validation is not None:
        yield (
            "Derive from all patients (--bootstrap-only): a split at random wastes"
            " patients and judges by few of them."
        )
    if not reason:
        yield (
            "Validate it on patients of other years or another hospital (scnen-cds"
            " validate OTHER.csv --model model.json), then recalibrate it there."
        )
    yield (
        "Fill in what tripod-ai.md marks with “author” before anything is published."
    )
