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
from service.validation.performance import Performance
from service.validation.points import FiveNumbers
from service.validation.subgroups import Subgroup

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
        JSON-ready: a number that cannot be had is None, and the reason stands beside it
        as ``note``.
    """
    area, decision = found.auc, found.decision
    return {
        "n": found.n,
        "events": found.events,
        "auc": _number(area.auc.value),
        "auc_ci": _interval(area.auc),
        "auc_method": area.method,
        "calibration": {
            "intercept_in_the_large": _number(found.intercept_in_the_large.value),
            "slope": _number(found.line.slope.value),
            "observed_expected": _number(found.observed_expected.value),
            "ici": _number(found.curve.ici.value),
            "e50": _number(found.curve.e50.value),
            "e90": _number(found.curve.e90.value),
            "emax": _number(found.curve.emax.value),
            "intervals": {
                "intercept_in_the_large": _interval(found.intercept_in_the_large),
                "slope": _interval(found.line.slope),
                "observed_expected": _interval(found.observed_expected),
                "ici": _interval(found.curve.ici),
                "e50": _interval(found.curve.e50),
                "e90": _interval(found.curve.e90),
                "emax": _interval(found.curve.emax),
            },
            "smoother": found.curve.curve.smoother,
            "failed_resamples": dict(found.curve.failures),
            "mean_absolute_error_after_recalibration": None
            if found.recalibrated is None
            else _number(found.recalibrated.errors.ici),
            "hosmer_lemeshow": None
            if found.hosmer_lemeshow is None
            else _plain(asdict(found.hosmer_lemeshow)),
            "spiegelhalter": None
            if found.spiegelhalter is None
            else _plain(asdict(found.spiegelhalter)),
        },
        "brier": _number(found.brier.score.value),
        "brier_ci": _interval(found.brier.score),
        "brier_scaled": _number(found.brier.scaled.value),
        "brier_scaled_ci": _interval(found.brier.scaled),
        "prevalence": decision.prevalence,
        "is_population_prevalence": decision.is_population,
        "net_benefit": [
            {
                "threshold": float(decision.thresholds[k]),
                "model": _number(decision.model[k]),
                "treat_all": _number(decision.treat_all[k]),
                "standardised": _number(decision.standardised[k]),
                "interventions_avoided": _number(decision.interventions_avoided[k]),
            }
            for k in range(decision.thresholds.size)
        ],
        "predictors": [
            {
                "name": each.name,
                "auc": _number(each.against_model.first),
                "p_against_model": _number(each.against_model.p_value),
                "is_reversed": each.is_reversed,
                "method": each.against_model.method,
            }
            for each in found.predictors
        ],
        "points": {
            "with_outcome": _box(found.points.with_outcome),
            "without_outcome": _box(found.points.without_outcome),
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


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _number(value) if isinstance(value, float) else value
        for name, value in values.items()
    }


def _box(found: FiveNumbers) -> dict[str, Any]:
    return asdict(found)


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
