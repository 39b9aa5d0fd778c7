"""The validation report: one HTML file that a committee can read and print."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from service.model.published import CITATION, PERFORMANCES
from service.model.risk_model import RiskModel
from service.validation.estimates import Estimate
from service.validation.findings import Finding, findings, useful_range
from service.validation.goodness_of_fit import FitTest
from service.validation.performance import Performance

__all__ = ["Asked", "Enrolled", "render"]

_SERVICE: Final = Path(__file__).parents[1]
_DASH: Final = "–"


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What a validation was asked, and how it can be done again.

    Attributes
    ----------
    model : RiskModel
        The model.
    seed : int
        Of the random numbers.
    resamples : int
        Of each statistic that is resampled.
    signed_angles : bool
        Whether the table records angles with signs.
    is_weighted : bool
        Whether the examined were weighted to stand for all.
    software : str
        Version of this software.
    """

    model: RiskModel
    seed: int
    resamples: int
    signed_angles: bool
    is_weighted: bool
    software: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """
    Who was in, and who was not.

    Attributes
    ----------
    source, digest : str
        The table and its SHA-256.
    is_synthetic : bool
        Whether the patients were drawn, not seen.
    rows, refused : int
        Rows of the table, and those that were refused.
    reasons : sequence of (str, int)
        Why, and how many rows, the commonest first.
    not_examined : int
        Patients whose outcome nobody knows.
    incomplete : int
        Examined, but without a predictor of the model: nothing is imputed.
    warnings : sequence of str
        What a reader must know.
    profile : sequence of (str, str, str)
        Predictor, in this cohort, in the study's Table 1.
    """

    source: str
    digest: str
    is_synthetic: bool
    rows: int
    refused: int
    reasons: Sequence[tuple[str, int]]
    not_examined: int
    incomplete: int
    warnings: Sequence[str]
    profile: Sequence[tuple[str, str, str]]


def render(
    asked: Asked, enrolled: Enrolled, found: Performance, pictures: Mapping[str, str]
) -> str:
    """
    Write the report.

    Parameters
    ----------
    asked : Asked
        What was asked.
    enrolled : Enrolled
        Who was in.
    found : Performance
        What was found.
    pictures : Mapping[str, str]
        From `service.validation.pictures.draw_all`.

    Returns
    -------
    str
        HTML with its style and pictures in it; the same bytes for the same input.
    """
    said = findings(found)
    return _template().render(
        style=(_SERVICE / "static" / "page.css").read_text("utf-8"),
        asked=asked,
        enrolled=enrolled,
        found=found,
        findings=said,
        steps=_steps(said),
        figures=_figures(found),
        predictors=_predictors(found),
        subgroups=_subgroups(found),
        pictures=pictures,
        citation=CITATION,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_SERVICE / "templates" / "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("validation.html")


def _steps(said: Sequence[Finding]) -> list[str]:
    """Say what to do next, in the order in which it is done."""
    weights = {each.weight.value for each in said}
    steps = []
    if "stop" in weights:
        steps.append("Do not show this model's output to clinicians.")
    if "act" in weights:
        steps += [
            "Look at who was refused, not examined or incomplete before you believe a"
            " figure: are they like the others?",
            "Run scnen-cds recalibrate on this table: it says how much these patients"
            " allow to change, and refuses more.",
            "Until then: output mode relative, which shows no probability.",
        ]
    return [
        *steps,
        "Put this report before the committee that approves the policy, together with"
        " the number of reviews that scnen-cds monitor capacity expects.",
        "Repeat it when the outcomes of another year are known, or when patients,"
        " operations or measurement change.",
    ]


def _figures(found: Performance) -> list[tuple[str, str, str, str]]:
    """Give each figure: what, here, in the paper (derivation; validation), meaning."""
    derivation, validation = PERFORMANCES
    areas = "; ".join(
        f"{area:.3f} ({low:.3f} to {high:.3f})"
        for area, low, high in (derivation.auc, validation.auc)
    )
    errors = (
        f"{derivation.mean_absolute_error:.3f}; {validation.mean_absolute_error:.3f}"
    )
    fits = "; ".join(f"p = {each.hosmer_lemeshow_p:.2f}" for each in PERFORMANCES)
    ranges = "; ".join(
        f"{low:.3g} to {high:.3g} %"
        for low, high in (
            (100 * each.useful[0], 100 * each.useful[1]) for each in PERFORMANCES
        )
    )
    useful = useful_range(found.decision)
    recalibrated = (
        _DASH if found.recalibrated is None else f"{found.recalibrated.errors.ici:.3f}"
    )
    return [
        ("AUC", _told(found.auc.auc, 3), areas, "0.5 is chance, 1 is perfect"),
        (
            "Calibration in the large",
            _told(found.intercept_in_the_large, 2),
            _DASH,
            "0 is ideal; above 0 the risks are too low",
        ),
        (
            "Observed over expected",
            _told(found.observed_expected, 2),
            _DASH,
            "1 is ideal",
        ),
        (
            "Calibration slope",
            _told(found.line.slope, 2),
            _DASH,
            "1 is ideal; below 1 the risks are too extreme",
        ),
        ("ICI", _told(found.curve.ici, 3), _DASH, "mean distance from the curve"),
        ("E50", _told(found.curve.e50, 3), _DASH, "median distance"),
        ("E90", _told(found.curve.e90, 3), _DASH, "distance that 90 % stay below"),
        ("Emax", _told(found.curve.emax, 3), _DASH, "largest distance"),
        (
            "Mean absolute error after recalibration here, bias-corrected",
            recalibrated,
            errors,
            "of a model fitted to the same patients, as the paper's is",
        ),
        ("Brier score", _told(found.brier.score, 3), _DASH, "0 is perfect"),
        (
            "Scaled Brier score",
            _told(found.brier.scaled, 3),
            _DASH,
            "0: no better than the incidence; 1: perfect",
        ),
        (
            "Better than treating all or none",
            _DASH
            if useful is None
            else f"{100 * useful[0]:.0f} to {100 * useful[1]:.0f} %",
            ranges,
            "thresholds of the decision curve",
        ),
        (
            "Hosmer-Lemeshow test, for comparison only",
            _test(found.hosmer_lemeshow),
            fits,
            "says nothing of size or direction; no verdict rests on it",
        ),
    ]


def _predictors(found: Performance) -> list[tuple[str, str, str]]:
    return [
        (
            each.name.replace("_", " "),
            f"{each.against_model.first:.3f}",
            _p(each.against_model.p_value),
        )
        for each in found.predictors
    ]


def _subgroups(found: Performance) -> list[tuple[str, ...]]:
    return [
        (each.grouping, each.label, "hidden: fewer than 10 with or without", "", "")
        if each.is_hidden
        else (
            each.grouping,
            each.label,
            f"{each.events} of {each.n}",
            _told(each.observed_expected, 2),
            _told(each.auc, 3),
        )
        for each in found.subgroups
    ]


def _told(found: Estimate, digits: int) -> str:
    if not found.is_known:
        return f"none: {found.note}"
    text = f"{found.value:.{digits}f}"
    if not math.isnan(found.low):
        text += f" ({found.low:.{digits}f} to {found.high:.{digits}f})"
    return text


def _test(found: FitTest | None) -> str:
    if found is None or math.isnan(found.p_value):
        return _DASH
    return _p(found.p_value)


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"  # noqa: PLR2004
