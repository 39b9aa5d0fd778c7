"""What is said of one patient: an assessment of each operated vertebra."""
# The results are not frozen: that would take as long as the arithmetic behind them.

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter

from service.fhir.findings import (
    Extraction,
    Measurement,
    Missing,
    OperatedVertebra,
    Reason,
)
from service.model.artifact import RiskModel
from service.model.scoring import PartialScore, Score
from service.policy import Bands

__all__ = [
    "ANGLES",
    "OUTSIDE",
    "PREDICTORS",
    "RATIO",
    "Assessment",
    "Band",
    "OutputMode",
    "VertebraAssessment",
    "findings",
]

#: The quantities looked for, in the order in which people are shown them.
PREDICTORS = (
    "segment",
    "method",
    "cement_ratio_percent",
    "cobb_preoperative_deg",
    "cobb_postoperative_deg",
    "cobb_restoration_ratio_percent",
)

_FOUND = attrgetter(*PREDICTORS)

RATIO = "cobb_restoration_ratio_percent"
ANGLES = frozenset({"cobb_preoperative_deg", "cobb_postoperative_deg"})

#: Reasons that put a vertebra outside the study: no value could be asked for.
OUTSIDE = frozenset({Reason.NOT_APPLICABLE, Reason.OUTSIDE_MODEL})


class OutputMode(StrEnum):
    """What kind of number is given; every answer says which."""

    ANCHORED = "anchored"
    CALIBRATED = "calibrated"
    RELATIVE = "relative"


class Band(StrEnum):
    """Where a risk lies against the policy's thresholds."""

    BELOW_AVERAGE = "below_average"
    ABOVE_AVERAGE = "above_average"
    HIGH = "high"

    @classmethod
    def of(cls, risk: float, bands: Bands) -> "Band":
        """
        Find the band of a risk.

        Parameters
        ----------
        risk : float
            Probability in [0, 1].
        bands : Bands
            Thresholds; a risk equal to one belongs to the higher band.

        Returns
        -------
        Band
            The band.
        """
        if risk >= bands.high:
            return cls.HIGH
        return cls.ABOVE_AVERAGE if risk >= bands.above_average else cls.BELOW_AVERAGE


@dataclass(slots=True)
class VertebraAssessment:
    """
    One operated vertebra, scored or with the reasons why it is not.

    Attributes
    ----------
    vertebra : OperatedVertebra
        What was found in the record.
    score : Score or PartialScore or None
        Result of the chosen model, partial while a predictor is missing; None where
        the vertebra lies outside the study.
    second_risk : float or None
        Risk by the study's other equation for the same patient, if it gives one.
    band, second_band : Band or None
        Bands of the two risks; None without a risk and in output mode ``relative``.
    reaches_percentile : bool
        In output mode ``relative``: whether the policy's percentile is reached.
    """

    vertebra: OperatedVertebra
    score: Score | PartialScore | None
    second_risk: float | None = None
    band: Band | None = None
    second_band: Band | None = None
    reaches_percentile: bool = False

    @property
    def missing(self) -> dict[str, Missing]:  # numpydoc ignore=RT01
        """The quantities that keep the score from being given, by name."""
        if isinstance(self.score, Score):
            return {}
        wanted = _wanted(self.score)
        return {
            name: item
            for name in PREDICTORS
            if name in wanted
            and isinstance(item := getattr(self.vertebra, name), Missing)
        }

    @property
    def outside(self) -> Reason | None:  # numpydoc ignore=RT01
        """Why the vertebra lies outside what the study looked at, if it does."""
        return _outside(findings(self.vertebra))

    @property
    def asks_for_values(self) -> bool:  # numpydoc ignore=RT01
        """Whether a value would make a score possible."""
        return isinstance(self.score, PartialScore)

    @property
    def models_disagree(self) -> bool:  # numpydoc ignore=RT01
        """Whether the study's other equation puts the patient into another band."""
        return self.second_band is not None and self.second_band is not self.band

    @property
    def calls_for_follow_up(self) -> bool:  # numpydoc ignore=RT01
        """Whether the policy wants a follow-up suggested."""
        is_raised = self.band is Band.HIGH or self.band is Band.ABOVE_AVERAGE
        return self.reaches_percentile or is_raised


@dataclass(slots=True)
class Assessment:
    """
    What can be said about one patient at the time of the call.

    Attributes
    ----------
    model : RiskModel
        The model that was used.
    second_model : RiskModel or None
        The study's other equation.
    mode : OutputMode
        What kind of number is given.
    vertebrae : tuple of VertebraAssessment
        One for each operated vertebra, the highest score first.
    extraction : Extraction
        What the record held, with everything that was refused and why.
    policy_version : str
        Version of the clinical policy.
    """

    model: RiskModel
    second_model: RiskModel | None
    mode: OutputMode
    vertebrae: tuple[VertebraAssessment, ...]
    extraction: Extraction
    policy_version: str

    @property
    def not_assessed(self) -> Reason | None:  # numpydoc ignore=RT01
        """Why nothing was assessed at all; None if something was."""
        return self.extraction.not_assessed

    @property
    def flags(self) -> tuple[str, ...]:  # numpydoc ignore=RT01
        """What was not checked or not read for this patient, as stable codes."""
        unchecked = [
            f"{name}-not-checked" for name in sorted(self.extraction.unchecked)
        ]
        unread = ["resources-not-read"] if self.extraction.rejected else []
        strange = ["resources-of-another-server"] if self.extraction.elsewhere else []
        return (*unchecked, *unread, *strange)


def findings(vertebra: OperatedVertebra) -> Mapping[str, Measurement | Missing]:
    """
    List what was found for a vertebra, by predictor name.

    Parameters
    ----------
    vertebra : OperatedVertebra
        The vertebra.

    Returns
    -------
    Mapping of str to Measurement or Missing
        In the order of `PREDICTORS`.
    """
    return dict(zip(PREDICTORS, _FOUND(vertebra), strict=True))


def _wanted(result: PartialScore | None) -> frozenset[str]:
    """Name what would have to be known: the angles where the ratio is wanted."""
    if result is None:
        return frozenset(PREDICTORS)
    wanted = frozenset(result.missing)
    return wanted | ANGLES if RATIO in wanted else wanted


def _outside(found: Mapping[str, Measurement | Missing]) -> Reason | None:
    """Find the first reason that puts a vertebra outside the study."""
    for item in found.values():
        if isinstance(item, Missing) and item.reason in OUTSIDE:
            return item.reason
    return None
