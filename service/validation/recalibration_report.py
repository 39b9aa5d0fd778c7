"""The report of a recalibration, its numbers and its curves; also of a refused one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np

from service.model.risk_model import RiskModel
from service.validation.curve_csv import curve_csv, interval_or_none, number_or_none
from service.validation.enrolment import basis_json
from service.validation.estimates import Z_95, p_words
from service.validation.recalibration import Agreement, Recalibration
from service.validation.recalibration_case import Case, case_findings, case_steps
from service.validation.recalibration_pictures import BeforeAfter, draw_recalibration
from service.validation.report import page
from service.validation.updating import SIGNIFICANCE, Level

__all__ = ["Run", "recalibration_curves", "recalibration_json", "recalibration_page"]

#: Risks whose fate is told, by the original.
_RISKS: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6)


@dataclass(frozen=True, slots=True)
class Run:
    """
    How a recalibration can be made again.

    Attributes
    ----------
    seed, resamples : int
        Of the shrinkage of a refit.
    signed_angles : bool
        Whether the table records angles with signs.
    software : str
        Version of this software.
    """

    seed: int
    resamples: int
    signed_angles: bool
    software: str


def recalibration_page(case: Case, run: Run, compared: BeforeAfter | None) -> str:
    """
    Write the report.

    Parameters
    ----------
    case : Case
        The recalibration.
    run : Run
        How it can be made again.
    compared : BeforeAfter or None
        The patients before and after; None if it was refused.

    Returns
    -------
    str
        From `service.validation.report.page`.
    """
    found, is_synthetic = case.found, case.enrolled.is_synthetic
    return page(
        "recalibration.html",
        title=f"Recalibration of {case.model.id} {case.model.version}",
        case=case,
        enrolled=case.enrolled,
        run=run,
        found=found,
        findings=case_findings(case),
        steps=case_steps(case),
        gates=_gates(case),
        is_updated=found is not None and found.update.level is not Level.AS_IS,
        tests=[] if found is None else _tests(found),
        coefficients=[] if found is None else _coefficients(case.model, found),
        covariance=[] if found is None else _covariance(case.model, found),
        covariance_heads=["", *_terms(case.model)],
        agreement=[] if found is None else _agreement(found),
        moved=[] if found is None else _moved(case.model, found),
        pictures={}
        if compared is None
        else draw_recalibration(compared, is_synthetic=is_synthetic),
        significance=f"{SIGNIFICANCE:.0%}",
        expires=case.valid_until + timedelta(days=1),
    )


def recalibration_json(case: Case, run: Run) -> dict[str, Any]:
    """
    Give every number.

    Parameters
    ----------
    case : Case
        The recalibration.
    run : Run
        How it can be made again.

    Returns
    -------
    dict
        JSON-ready: what a refused recalibration does not have is None.
    """
    model, found = case.model, case.found
    return {
        **basis_json(model, case.enrolled),
        "gates": [
            {**asdict(gate), "is_open": gate.is_open} for gate in case.gates.values()
        ],
        "refused": case.refusal or None,
        "recalibration": None if found is None else _found_json(model, found),
        "artifact": case.file or None,
        "made_on": str(case.today),
        "approved_on": str(case.approved_on) if case.file else None,
        "valid_until": str(case.valid_until) if case.file else None,
        "signed_angles": run.signed_angles,
        "seed": run.seed,
        "resamples": run.resamples,
        "software": run.software,
    }


def recalibration_curves(compared: BeforeAfter) -> Mapping[str, str]:
    """
    Write both calibration curves.

    Parameters
    ----------
    compared : BeforeAfter
        The patients before and after.

    Returns
    -------
    Mapping[str, str]
        CSV by name: ``calibration_before`` and ``calibration_after``.
    """
    return {
        f"calibration_{name}": curve_csv(
            {
                "risk": curve.risk,
                "observed": curve.observed,
                "low": curve.low,
                "high": curve.high,
            }
        )
        for name, curve in (
            ("before", compared.curve_before),
            ("after", compared.curve_after),
        )
    }


def _gates(case: Case) -> list[tuple[str, ...]]:
    return [
        (
            level,
            "yes" if gate.is_open else "no",
            gate.needs,
            ""
            if gate.is_open
            else f"about {gate.missing_patients} patients"
            + f", {gate.missing_events} with SCNEN" * bool(gate.missing_events),
        )
        for level, gate in case.gates.items()
    ]


def _tests(found: Recalibration) -> list[tuple[str, ...]]:
    chosen = found.test.chosen
    return [
        (
            f"{test.against} against refit",
            f"{test.statistic:.2f}",
            str(test.df),
            p_words(test.p),
            "told, decides nothing"
            if test.against is Level.AS_IS and not found.test.can_stay
            else "significantly worse"
            if test.p < SIGNIFICANCE
            else "not significantly worse"
            + ", chosen by the test" * (test.against is chosen),
        )
        for test in found.test.tests
    ]


def _coefficients(model: RiskModel, found: Recalibration) -> list[tuple[str, ...]]:
    """Give intercept and slopes with what is known of their errors."""
    old = model.covariance.matrix
    new = found.covariance
    half = Z_95 * new.intercept_error
    middle = found.update.intercept
    rows: list[tuple[str, ...]] = [
        (
            "intercept",
            f"{model.intercept.value:.3f}",
            f"{middle:.3f}",
            f"{middle - half:.3f} to {middle + half:.3f}",
            "",
        )
    ]
    errors = zip(np.sqrt(np.diag(old)[1:]), new.slope_errors, strict=True)
    slopes = zip(model.coefficients, found.update.slopes, strict=True)
    for item, (before, after), (_, error) in zip(
        model.predictors, slopes, errors, strict=True
    ):
        low, high = after - Z_95 * error, after + Z_95 * error
        rows.append(
            (
                item.name.replace("_", " "),
                f"{before:.4f}",
                f"{after:.4f}",
                f"{low:.4f} to {high:.4f}",
                f"{np.exp(after):.3f} ({np.exp(low):.3f} to {np.exp(high):.3f})",
            )
        )
    return rows


def _covariance(model: RiskModel, found: Recalibration) -> list[tuple[str, ...]]:
    return [
        (name, *(f"{value:.3g}" for value in row))
        for name, row in zip(_terms(model), found.covariance.matrix, strict=True)
    ]


def _terms(model: RiskModel) -> list[str]:
    names = (item.name.replace("_", " ") for item in model.predictors)
    return ["centred intercept", *names]


def _agreement(found: Recalibration) -> list[tuple[str, ...]]:
    before, after = found.before, found.after
    rows = (
        (
            "Observed over expected",
            "1",
            before.observed_expected,
            after.observed_expected,
        ),
        ("Intercept in the large", "0", before.intercept, after.intercept),
        ("Slope", "1", before.slope, after.slope),
    )
    return [(name, ideal, old.words(2), new.words(2)) for name, ideal, old, new in rows]


def _moved(model: RiskModel, found: Recalibration) -> list[tuple[str, str]]:
    """Say what becomes of risks, where one becomes one."""
    if found.update.level in {Level.AS_IS, Level.REFIT}:
        return []
    odds = np.log(np.array(_RISKS) / (1 - np.array(_RISKS)))
    moved = found.update.intercept + found.factor * (odds - model.intercept.value)
    return [
        (f"{100 * before:.0f} %", f"{100 / (1 + np.exp(-after)):.0f} %")
        for before, after in zip(_RISKS, moved, strict=True)
    ]


def _found_json(model: RiskModel, found: Recalibration) -> dict[str, Any]:
    names = [item.name for item in model.predictors]
    return {
        "level": found.update.level,
        "why": found.why,
        "closed_test": {
            "tests": [asdict(test) for test in found.test.tests],
            "chosen": found.test.chosen,
            "can_stay": found.test.can_stay,
        },
        "constant": list(found.constant),
        "intercept": found.update.intercept,
        "coefficients": dict(zip(names, found.update.slopes.tolist(), strict=True)),
        "factor": number_or_none(found.factor),
        "shrinkage": None
        if found.shrinkage is None
        else {**asdict(found.shrinkage), "applied": found.shrinkage.applied},
        "covariance": {
            "terms": ["centred intercept", *names],
            "centre": dict(zip(names, found.covariance.centre.tolist(), strict=True)),
            "matrix": found.covariance.matrix.tolist(),
        },
        "odds_factor": found.odds_factor,
        "before": _agreement_json(found.before),
        "after": _agreement_json(found.after),
    }


def _agreement_json(found: Agreement) -> dict[str, Any]:
    return {
        name: {
            "value": number_or_none(each.value),
            "ci": interval_or_none(each),
        }
        for name, each in (
            ("observed_expected", found.observed_expected),
            ("intercept_in_the_large", found.intercept),
            ("slope", found.slope),
        )
    }
