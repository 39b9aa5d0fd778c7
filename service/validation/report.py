"""Reports: one HTML file each that a committee can read and print."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.model.published import CITATION
from service.model.risk_model import RiskModel
from service.validation.enrolment import Enrolled
from service.validation.figures import (
    figure_rows,
    predictor_rows,
    required_rows,
    subgroup_rows,
)
from service.validation.findings import findings, steps
from service.validation.performance import Performance, ScoredPatients
from service.validation.pictures import MOST_DOTS, draw_all
from service.validation.profile import profile

__all__ = ["Asked", "page", "render"]

_SERVICE: Final = Path(__file__).parents[1]


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
    prevalence : float or None
        In the population, where patients were sampled by outcome.
    software : str
        Version of this software.
    """

    model: RiskModel
    seed: int
    resamples: int
    signed_angles: bool
    prevalence: float | None
    software: str


def page(template: str, **content: object) -> str:
    """
    Write a report.

    Parameters
    ----------
    template : str
        Name of its template.
    **content : object
        What it asks for, and what `report.html` does: ``title``, ``enrolled``,
        ``findings``, ``steps``.

    Returns
    -------
    str
        HTML with its style and pictures in it; the same bytes for the same input.
    """
    style = (_SERVICE / "static" / "page.css").read_text("utf-8")
    return _environment().get_template(template).render(style=style, **content)


def render(
    asked: Asked, enrolled: Enrolled, patients: ScoredPatients, found: Performance
) -> str:
    """
    Write the report of a validation.

    Parameters
    ----------
    asked : Asked
        What was asked.
    enrolled : Enrolled
        Who was in.
    patients : ScoredPatients
        They.
    found : Performance
        What was found.

    Returns
    -------
    str
        From `page`.
    """
    said = findings(found)
    largest = max(found.events, found.n - found.events)
    return page(
        "validation.html",
        title=f"Validation of {asked.model.id} {asked.model.version}",
        asked=asked,
        enrolled=enrolled,
        calibration=asked.model.calibration,
        profile=profile(patients.model, patients.design),
        found=found,
        findings=said,
        steps=steps(said),
        figures=figure_rows(found),
        predictors=predictor_rows(found),
        subgroups=subgroup_rows(found),
        required=required_rows(found),
        pictures=draw_all(patients, found, is_synthetic=enrolled.is_synthetic),
        sampled=MOST_DOTS if largest > MOST_DOTS else 0,
        citation=CITATION,
        is_sampled=found.decision.is_population,
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_SERVICE / "templates" / "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
