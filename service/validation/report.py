"""The validation report: one HTML file that a committee can read and print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from service.model.published import CITATION
from service.model.risk_model import RiskModel
from service.validation.figures import (
    figure_rows,
    predictor_rows,
    required_rows,
    subgroup_rows,
)
from service.validation.findings import findings, steps
from service.validation.performance import Performance

__all__ = ["Asked", "Enrolled", "render"]

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
    effective : float or None
        Of how many patients an average is as precise, where the examined were weighted
        to stand for all; None where each counts once.
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
    effective: float | None
    warnings: Sequence[str]
    profile: Sequence[tuple[str, str, str]]

    @property
    def taken(self) -> int:  # numpydoc ignore=RT01
        """How many rows were not refused."""
        return self.rows - self.refused

    @property
    def share_not_examined(self) -> float:  # numpydoc ignore=RT01
        """Of those taken, in [0, 1]: the room for verification bias."""
        return self.not_examined / self.taken


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
        steps=steps(said),
        figures=figure_rows(found),
        predictors=predictor_rows(found),
        subgroups=subgroup_rows(found),
        required=required_rows(found),
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
