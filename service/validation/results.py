"""Every number of a validation, as JSON, and every curve, as CSV."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.validation.curve_csv import (
    curve_csv,
    interval_or_none,
    number_or_none,
)
from service.validation.goodness_of_fit import FitTest
from service.validation.performance import Performance
from service.validation.rationality import PredictorAuc
from service.validation.subgroups import Subgroup
from service.validation.utility import DecisionCurve, useful_range

__all__ = ["curves_of", "performance_json"]

_Array: TypeAlias = NDArray[np.float64]


def performance_json(found: Performance) -> dict[str, Any]:
    """
    Give every number of a validation.

    Parameters
    ----------
    found : Performance
        What was found.

    Returns
    -------
    dict
        JSON-ready: a number that cannot be had is None, and calibration says why
        in ``notes``.
    """
    return {
        "n": found.n,
        "events": found.events,
        "auc": number_or_none(found.auc.auc.value),
        "auc_ci": interval_or_none(found.auc.auc),
        "auc_method": found.auc.method,
        "auc_ci_bootstrap": None
        if found.auc_resampled is None
        else interval_or_none(found.auc_resampled.auc),
        "calibration": _calibration(found),
        "brier": number_or_none(found.brier.score.value),
        "brier_ci": interval_or_none(found.brier.score),
        "brier_scaled": number_or_none(found.brier.scaled.value),
        "brier_scaled_ci": interval_or_none(found.brier.scaled),
        "prevalence": found.decision.prevalence,
        "is_population_prevalence": found.decision.is_population,
        "net_benefit": _net_benefit(found.decision),
        "useful_range": _useful(found.decision),
        "predictors": [_predictor(each) for each in found.predictors],
        "points": {
            "with_outcome": asdict(found.points.with_outcome),
            "without_outcome": asdict(found.points.without_outcome),
        },
        "subgroups": [_subgroup(each) for each in found.subgroups],
        "sample_size": {
            "required": [asdict(each) for each in found.required],
            "verdict": found.verdict and found.verdict.words,
        },
    }


def curves_of(found: Performance) -> Mapping[str, str]:
    """
    Write every curve.

    Parameters
    ----------
    found : Performance
        What was found.

    Returns
    -------
    Mapping[str, str]
        CSV by name of the curve: ``roc``, ``calibration``, ``decision`` and, if there
        is one, ``recalibrated``.
    """
    roc, curve, decision = found.roc, found.curve.curve, found.decision
    columns: dict[str, dict[str, _Array]] = {
        "roc": {
            "threshold": roc.thresholds,
            "sensitivity": roc.sensitivity,
            "specificity": roc.specificity,
        },
        "calibration": {
            "risk": curve.risk,
            "observed": curve.observed,
            "low": curve.low,
            "high": curve.high,
        },
        "decision": _decision(decision),
    }
    if found.recalibrated is not None:
        columns["recalibrated"] = {
            "risk": found.recalibrated.risk,
            "apparent": found.recalibrated.apparent,
            "corrected": found.recalibrated.corrected,
        }
    return {name: curve_csv(each) for name, each in columns.items()}


def _calibration(found: Performance) -> dict[str, Any]:
    estimates = {
        "intercept_in_the_large": found.intercept_in_the_large,
        "slope": found.line.slope,
        "observed_expected": found.observed_expected,
        "ici": found.curve.ici,
        "e50": found.curve.e50,
        "e90": found.curve.e90,
        "emax": found.curve.emax,
    }
    again = found.recalibrated
    return {
        **{name: number_or_none(each.value) for name, each in estimates.items()},
        "intervals": {name: interval_or_none(each) for name, each in estimates.items()},
        "notes": {name: each.note for name, each in estimates.items() if each.note},
        "smoother": found.curve.curve.smoother,
        "failed_resamples": dict(found.curve.failures),
        "mean_absolute_error_after_recalibration": None
        if again is None
        else number_or_none(again.errors.ici),
        "hosmer_lemeshow": _test(found.hosmer_lemeshow),
        "spiegelhalter": _test(found.spiegelhalter),
    }


def _net_benefit(found: DecisionCurve) -> list[dict[str, float | None]]:
    columns = _decision(found)
    return [
        dict(zip(columns, map(number_or_none, row), strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


def _useful(found: DecisionCurve) -> dict[str, list[float] | None]:
    useful = useful_range(found)
    return {
        name: None if ends is None else list(ends)
        for name, ends in (
            ("found", useful.found),
            ("surely", useful.surely),
            ("possibly", useful.possibly),
        )
    }


def _decision(found: DecisionCurve) -> dict[str, _Array]:
    """Name the columns of the decision curve, its limits last."""
    columns = {
        "threshold": found.thresholds,
        "model": found.model,
        "treat_all": found.treat_all,
        "standardised": found.standardised,
        "interventions_avoided": found.interventions_avoided,
    }
    limits = found.limits
    if limits is None:
        return columns
    return columns | {
        f"{name}_{end}": limit
        for name, pair in (
            ("model", limits.model),
            ("treat_all", limits.treat_all),
            ("standardised", limits.standardised),
            ("gain", limits.gain),
        )
        for end, limit in zip(("low", "high"), pair, strict=True)
    }


def _predictor(found: PredictorAuc) -> dict[str, Any]:
    return {
        "name": found.name,
        "auc": number_or_none(found.against_model.first),
        "p_against_model": number_or_none(found.against_model.p_value),
        "is_reversed": found.is_reversed,
        "method": found.against_model.method,
    }


def _test(found: FitTest | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        name: number_or_none(value) if isinstance(value, float) else value
        for name, value in asdict(found).items()
    }


def _subgroup(found: Subgroup) -> dict[str, Any]:
    """Describe a subgroup; of a hidden one nothing but its name is told."""
    told: dict[str, Any] = {"grouping": found.grouping, "label": found.label}
    if found.is_hidden:
        return told | {"note": found.auc.note}
    return told | {
        "n": found.n,
        "events": found.events,
        "auc": number_or_none(found.auc.value),
        "auc_ci": interval_or_none(found.auc),
        "observed_expected": number_or_none(found.observed_expected.value),
        "observed_expected_ci": interval_or_none(found.observed_expected),
        "intercept_in_the_large": number_or_none(found.intercept_in_the_large.value),
        "intercept_in_the_large_ci": interval_or_none(found.intercept_in_the_large),
    }
