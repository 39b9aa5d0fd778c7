"""How an assessment came about, laid open as JSON."""

from datetime import date, datetime
from typing import Any

from service.assessment import (
    Assessment,
    OutputMode,
    VertebraAssessment,
    findings,
)
from service.fhir.findings import Measurement, Missing
from service.model.artifact import RiskModel
from service.model.scoring import PartialScore, Score

__all__ = ["describe_model", "explain"]


def explain(assessment: Assessment) -> dict[str, Any]:
    """
    Lay open how an assessment came about.

    Parameters
    ----------
    assessment : Assessment
        The assessment.

    Returns
    -------
    dict
        JSON-ready: model, one entry for each vertebra with every predictor's value,
        unit, source and time or the reason why it is missing, and the numbers.
        ``risk`` is None when no score may be given.
    """
    extraction = assessment.extraction
    document: dict[str, Any] = {
        "model": describe_model(assessment.model, assessment.mode),
        "policy": {"version": assessment.policy_version},
        "assessments": [_explain(item, assessment) for item in assessment.vertebrae],
    }
    if assessment.not_assessed is not None:
        document["not_assessed"] = assessment.not_assessed.value
    if extraction.rejected:
        document["rejected"] = [
            {"source": source, "why": why} for source, why in extraction.rejected
        ]
    if extraction.other_patient:
        document["resources_of_other_patients"] = extraction.other_patient
    if extraction.elsewhere:
        document["resources_of_another_server"] = dict(extraction.elsewhere)
    return document


def describe_model(model: RiskModel, mode: OutputMode) -> dict[str, str]:
    """
    Say which model gave a number, for answers, logs and pages.

    Parameters
    ----------
    model : RiskModel
        The model.
    mode : OutputMode
        What kind of number it gives.

    Returns
    -------
    dict of str to str
        Id, version, digest and mode.
    """
    return {
        "id": model.id,
        "version": model.version,
        "digest": model.digest,
        "mode": mode.value,
    }


def _explain(item: VertebraAssessment, assessment: Assessment) -> dict[str, Any]:
    found = findings(item.vertebra)
    return {
        "vertebra": item.vertebra.level,
        "segment": _said(found["segment"]),
        "method": _said(found["method"]),
        "predictors": {name: _explain_finding(value) for name, value in found.items()},
        **_explain_score(item, relative=assessment.mode is OutputMode.RELATIVE),
        "band": item.band.value if item.band else None,
        "flags": [
            *sorted(item.vertebra.flags),
            *_score_flags(item),
            *assessment.flags,
        ],
        "conflicts": list(item.vertebra.conflicts),
    }


def _explain_score(item: VertebraAssessment, *, relative: bool) -> dict[str, Any]:
    """Give the same keys for every vertebra: a number that is not given is None."""
    whole = item.score if isinstance(item.score, Score) else None
    part = item.score if isinstance(item.score, PartialScore) else None
    shown, bounded = (None, None) if relative else (whole, part)
    return {
        "linear_predictor": shown and shown.linear_predictor,
        "risk": shown and shown.risk,
        "interval": shown and shown.interval,
        "bounds": bounded and bounded.bounds,
        "other_readings": shown and shown.other_readings,
        "reading_error": shown and shown.reading_error,
        "points": dict(item.score.points) if item.score else None,
        "total_points": whole and whole.total_points,
        "percentile": whole and whole.percentile,
    }


def _score_flags(item: VertebraAssessment) -> list[str]:
    flags = (
        [f"extrapolation:{name}" for name in item.score.extrapolated]
        if item.score
        else []
    )
    if item.models_disagree:
        flags.append("models-disagree")
    return flags


def _explain_finding(item: Measurement | Missing) -> dict[str, Any]:
    if isinstance(item, Missing):
        return _explain_missing(item)
    return {
        "value": item.value,
        "unit": item.unit,
        "source": item.source,
        "time": _iso(item.time),
        "code": {"system": item.code.system, "code": item.code.code},
        "as_found": item.as_found,
        "status": item.status,
    }


def _said(item: Measurement | Missing) -> float | str | None:
    return item.value if isinstance(item, Measurement) else None


def _explain_missing(item: Missing) -> dict[str, Any]:
    document: dict[str, Any] = {"missing": item.reason.value}
    if item.detail:
        document["detail"] = item.detail
    if item.candidates:
        document["candidates"] = list(item.candidates)
    return document


def _iso(moment: datetime | date | None) -> str | None:
    return None if moment is None else moment.isoformat()
