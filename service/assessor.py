"""The use case: a patient's resources become an assessment of each vertebra."""

from collections.abc import Callable
from datetime import datetime

from service.assessment import (
    OUTSIDE,
    Assessment,
    Band,
    OutputMode,
    VertebraAssessment,
    findings,
)
from service.fhir.extract import extract
from service.fhir.findings import (
    Extraction,
    Measurement,
    OperatedVertebra,
    PatientRecord,
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
from service.policy import Policy

__all__ = ["Assessor"]


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
    is_stopped : callable, optional
        Whether no probability may be given now.
    on_expired : callable, optional
        Called whenever a calibration that has expired is in the way of a probability.
    """

    def __init__(
        self,
        *,
        model: RiskModel,
        second_model: RiskModel | None,
        policy: Policy,
        terminology: Terminology,
        mode: OutputMode,
        is_stopped: Callable[[], bool] = bool,
        on_expired: Callable[[], object] = bool,
    ) -> None:
        self.model = model
        self.second_model = second_model
        self.policy = policy
        self.terminology = terminology
        self.mode = mode
        self.is_stopped = is_stopped
        self.on_expired = on_expired

    def assess(
        self,
        record: PatientRecord,
        *,
        patient_id: str,
        encounter_id: str | None,
        now: datetime,
        latest_only: bool = False,
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
        latest_only : bool, optional
            Whether only the latest eligible operation of the look-back is assessed.

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
            latest_only=latest_only,
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
            The chosen mode; no probability any more once a calibration has expired, or
            while probabilities are switched off.
        """
        if not self.model.is_valid_on(moment.date()):
            self.on_expired()
            return OutputMode.RELATIVE
        return OutputMode.RELATIVE if self.is_stopped() else self.mode

    def _assess(
        self, vertebra: OperatedVertebra, mode: OutputMode
    ) -> VertebraAssessment:
        inputs = {}
        for name, item in findings(vertebra).items():
            if isinstance(item, Measurement):
                inputs[name] = item.value
            elif item.reason in OUTSIDE:
                return VertebraAssessment(vertebra, score=None)
        values = check_inputs(inputs)
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


def _rank(item: VertebraAssessment) -> float:
    """Scored vertebrae first, the highest score at the top."""
    return item.score.total_points if isinstance(item.score, Score) else float("-inf")
