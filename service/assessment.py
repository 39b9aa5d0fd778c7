"""The use case: a patient's resources become an assessment of each vertebra."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from service.fhir.extract import extract
from service.fhir.findings import (
    Extraction,
    Measurement,
    Missing,
    OperatedVertebra,
    PatientRecord,
    Reason,
)
from service.fhir.terminology import Terminology
from service.model.artifact import RiskModel
from service.model.predictors import check_inputs
from service.model.scoring import (
    PartialScore,
    Score,
    plain_risk_of_values,
    score_values,
)
from service.policy import Bands, Policy

__all__ = [
    "ANGLES",
    "PREDICTORS",
    "RATIO",
    "Assessment",
    "Assessor",
    "Band",
    "OutputMode",
    "VertebraAssessment",
    "describe_model",
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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

    def explain(self) -> dict[str, Any]:
        """
        Lay open how the assessment came about.

        Returns
        -------
        dict
            JSON-ready: model, one entry for each vertebra with every predictor's
            value, unit, source and time or the reason why it is missing, and the
            numbers. ``risk`` is None when no score may be given.
        """
        document: dict[str, Any] = {
            "model": describe_model(self.model, self.mode),
            "policy": {"version": self.policy_version},
            "assessments": [_explain(item, self) for item in self.vertebrae],
        }
        if self.not_assessed is not None:
            document["not_assessed"] = self.not_assessed.value
        if self.extraction.rejected:
            document["rejected"] = [
                {"source": source, "why": why}
                for source, why in self.extraction.rejected
            ]
        if self.extraction.other_patient:
            document["resources_of_other_patients"] = self.extraction.other_patient
        if self.extraction.elsewhere:
            document["resources_of_another_server"] = dict(self.extraction.elsewhere)
        return document


class Assessor:
    """
    Assess patients with one model under one policy.

    Parameters
    ----------
    model : RiskModel
        The model whose number is shown.
    second_model : RiskModel or None
        The study's other equation, shown where its band differs.
    policy : Policy
        Thresholds, windows and eligibility.
    terminology : Terminology
        Which codes mean what.
    mode : OutputMode
        What kind of number is given.
    """

    def __init__(
        self,
        *,
        model: RiskModel,
        second_model: RiskModel | None,
        policy: Policy,
        terminology: Terminology,
        mode: OutputMode,
    ) -> None:
        self.model = model
        self.second_model = second_model
        self.policy = policy
        self.terminology = terminology
        self.mode = mode

    def assess(
        self,
        record: PatientRecord,
        *,
        patient_id: str,
        encounter_id: str | None,
        now: datetime,
    ) -> Assessment:
        """
        Assess one patient.

        Parameters
        ----------
        record : PatientRecord
            The patient's resources as plain JSON.
        patient_id : str
            The patient of the call; resources of others are dropped and counted.
        encounter_id : str or None
            The encounter of the call.
        now : datetime.datetime
            Time of the call, with its zone.

        Returns
        -------
        Assessment
            The result, also where nothing could be assessed.
        """
        extraction = extract(
            record,
            patient_id=patient_id,
            encounter_id=encounter_id,
            now=now,
            windows=self.policy.windows,
            eligibility=self.policy.eligibility,
            terminology=self.terminology,
        )
        return self.judge(extraction)

    def judge(self, extraction: Extraction) -> Assessment:
        """
        Score what an extraction found.

        Parameters
        ----------
        extraction : Extraction
            The findings of one patient.

        Returns
        -------
        Assessment
            The result, the highest score first.
        """
        mode = self.mode_on(extraction.as_of)
        vertebrae = [self._assess(item, mode) for item in extraction.vertebrae]
        return Assessment(
            model=self.model,
            second_model=self.second_model,
            mode=mode,
            vertebrae=tuple(sorted(vertebrae, key=_rank, reverse=True)),
            extraction=extraction,
            policy_version=self.policy.version,
        )

    def mode_on(self, moment: datetime) -> OutputMode:
        """
        Tell what kind of number is given at a time.

        Parameters
        ----------
        moment : datetime.datetime
            The time.

        Returns
        -------
        OutputMode
            The chosen mode; no probability any more once a calibration has expired.
        """
        valid = self.model.is_valid_on(moment.date())
        return self.mode if valid else OutputMode.RELATIVE

    def _assess(
        self, vertebra: OperatedVertebra, mode: OutputMode
    ) -> VertebraAssessment:
        found = findings(vertebra)
        if _outside(found) is not None:
            return VertebraAssessment(vertebra, score=None)
        values = check_inputs({name: _value(item) for name, item in found.items()})
        first = score_values(self.model, values)
        if isinstance(first, PartialScore):
            return VertebraAssessment(vertebra, first)
        if mode is OutputMode.RELATIVE:
            reached = first.percentile >= self.policy.bands.relative_percentile
            return VertebraAssessment(vertebra, first, reaches_percentile=reached)
        band = Band.of(first.risk, self.policy.bands)
        second = self.second_model
        other = plain_risk_of_values(second, values) if second else None
        if other is None:
            return VertebraAssessment(vertebra, first, band=band)
        second_band = Band.of(other, self.policy.bands)
        return VertebraAssessment(vertebra, first, other, band, second_band)


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


def _value(item: Measurement | Missing) -> float | str | None:
    return item.value if isinstance(item, Measurement) else None


def _rank(item: VertebraAssessment) -> float:
    """Scored vertebrae first, the highest score at the top."""
    return item.score.total_points if isinstance(item.score, Score) else float("-inf")


def _explain(item: VertebraAssessment, assessment: Assessment) -> dict[str, Any]:
    found = findings(item.vertebra)
    return {
        "vertebra": item.vertebra.level,
        "segment": _value(found["segment"]),
        "method": _value(found["method"]),
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


def _explain_missing(item: Missing) -> dict[str, Any]:
    document: dict[str, Any] = {"missing": item.reason.value}
    if item.detail:
        document["detail"] = item.detail
    if item.candidates:
        document["candidates"] = list(item.candidates)
    return document


def _iso(moment: datetime | date | None) -> str | None:
    return None if moment is None else moment.isoformat()
