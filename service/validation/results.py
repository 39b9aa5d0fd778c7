"""Every number of a validation, as JSON, and every curve, as CSV."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.validation.estimates import Estimate
from service.validation.goodness_of_fit import FitTest
from service.validation.performance import Performance
from service.validation.rationality import PredictorAuc
from service.validation.subgroups import Subgroup
from service.validation.utility import DecisionCurve

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
        "auc": _number(found.auc.auc.value),
        "auc_ci": _interval(found.auc.auc),
        "auc_method": found.auc.method,
        "auc_ci_bootstrap": None
        if found.auc_resampled is None
        else _interval(found.auc_resampled.auc),
        "calibration": _calibration(found),
        "brier": _number(found.brier.score.value),
        "brier_ci": _interval(found.brier.score),
        "brier_scaled": _number(found.brier.scaled.value),
        "brier_scaled_ci": _interval(found.brier.scaled),
        "prevalence": found.decision.prevalence,
        "is_population_prevalence": found.decision.is_population,
        "net_benefit": _net_benefit(found.decision),
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
        "decision": {
            "threshold": decision.thresholds,
            "model": decision.model,
            "treat_all": decision.treat_all,
            "standardised": decision.standardised,
            "interventions_avoided": decision.interventions_avoided,
        },
    }
    if decision.limits is not None:
        low, high = decision.limits.model
        columns["decision"] |= {"model_low": low, "model_high": high}
    if found.recalibrated is not None:
        columns["recalibrated"] = {
            "risk": found.recalibrated.risk,
            "apparent": found.recalibrated.apparent,
            "corrected": found.recalibrated.corrected,
        }
    return {name: _csv(each) for name, each in columns.items()}


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
        **{name: _number(each.value) for name, each in estimates.items()},
        "intervals": {name: _interval(each) for name, each in estimates.items()},
        "notes": {name: each.note for name, each in estimates.items() if each.note},
        "smoother": found.curve.curve.smoother,
        "failed_resamples": dict(found.curve.failures),
        "mean_absolute_error_after_recalibration": None
        if again is None
        else _number(again.errors.ici),
        "hosmer_lemeshow": _test(found.hosmer_lemeshow),
        "spiegelhalter": _test(found.spiegelhalter),
    }


def _net_benefit(found: DecisionCurve) -> list[dict[str, float | None]]:
    columns = {
        "threshold": found.thresholds,
        "model": found.model,
        "treat_all": found.treat_all,
        "standardised": found.standardised,
        "interventions_avoided": found.interventions_avoided,
    }
    return [
        dict(zip(columns, map(_number, row), strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


def _predictor(found: PredictorAuc) -> dict[str, Any]:
    return {
        "name": found.name,
        "auc": _number(found.against_model.first),
        "p_against_model": _number(found.against_model.p_value),
        "is_reversed": found.is_reversed,
        "method": found.against_model.method,
    }


def _test(found: FitTest | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        name: _number(value) if isinstance(value, float) else value
        for name, value in asdict(found).items()
    }


def _csv(columns: Mapping[str, _Array]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    rows: Iterable[Sequence[float]] = zip(*columns.values(), strict=True)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _interval(found: Estimate) -> list[float | None]:
    return [_number(found.low), _number(found.high)]


def _subgroup(found: Subgroup) -> dict[str, Any]:
    """Describe a subgroup; of a hidden one nothing but its name is told."""
    told: dict[str, Any] = {"grouping": found.grouping, "label": found.label}
    if found.is_hidden:
        return told | {"note": found.auc.note}
    return told | {
        "n": found.n,
        "events": found.events,
        "auc": _number(found.auc.value),
        "auc_ci": _interval(found.auc),
        "observed_expected": _number(found.observed_expected.value),
        "observed_expected_ci": _interval(found.observed_expected),
        "intercept_in_the_large": _number(found.intercept_in_the_large.value),
        "intercept_in_the_large_ci": _interval(found.intercept_in_the_large),
    }
