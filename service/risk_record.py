"""The risk as a FHIR RiskAssessment, for clients that can write one into the chart."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from math import ceil, floor
from typing import Any, Final

from cds_hooks.plaintext import plain_text
from cds_hooks.values import REFERENCE
from service.assessment import Assessment, OutputMode, VertebraAssessment, findings
from service.detail import has_small_angle
from service.fhir.findings import Measurement
from service.model.artifact import RiskModel
from service.model.scoring import Score
from service.orders import Subject, entrapment
from service.policy import Policy
from service.wording import Wording, day, of_100

__all__ = ["AI_LABEL", "RiskRecord"]

#: Says that software asserted this: HL7's AI Transparency on FHIR.
AI_LABEL: Final[Mapping[str, str]] = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
_UCUM: Final = "http://unitsofmeasure.org"
#: A number that rests on one study's incidence is preliminary, a calibrated one is not.
_STATUS: Final = {
    OutputMode.ANCHORED: "preliminary",
    OutputMode.CALIBRATED: "final",
}


class RiskRecord:
    """
    Write the number of a card as a RiskAssessment.

    Parameters
    ----------
    wording : Wording
        Words and sentences of the cards.
    model : RiskModel
        The model whose number is given.
    mode : OutputMode
        ``anchored`` or ``calibrated``; without a probability there is nothing to write.
    policy : Policy
        Horizon, and whether anybody approved the bands.
    canonical_base : str
        Base of the project's canonical URLs.
    """

    def __init__(
        self,
        wording: Wording,
        model: RiskModel,
        mode: OutputMode,
        policy: Policy,
        canonical_base: str,
    ) -> None:
        words = wording.words["risk_record"]
        self._wording, self._words = wording, words
        self._mode, self._policy = mode, policy
        self._limits = plain_text(str(wording.advice.limits(model)))
        self._origin = plain_text(
            str(wording.advice.mode(model, mode, policy.approval))
        ).strip()
        codes = f"{canonical_base}/CodeSystem/predictors"
        self._outcome = entrapment(codes, words["outcome"])
        self.label: str = words["label"]
        self.description: str = words["description"]
        self.resource = _same_for_all(words, model, mode, canonical_base)

    def of_one_patient(
        self,
        assessment: Assessment,
        item: VertebraAssessment,
        score: Score,
        subject: Subject,
    ) -> dict[str, Any]:
        """
        Give what the resource holds beside the same for all.

        Parameters
        ----------
        assessment : Assessment
            The assessment.
        item : VertebraAssessment
            The vertebra whose number the card gives.
        score : Score
            Its score.
        subject : Subject
            Patient and encounter.

        Returns
        -------
        dict
            The elements as FHIR JSON.
        """
        vertebra = item.vertebra
        own: dict[str, Any] = {
            "subject": {"reference": f"Patient/{subject.patient_id}"},
            "occurrenceDateTime": assessment.extraction.as_of.isoformat(
                timespec="seconds"
            ),
            "prediction": [self._prediction(item, score)],
            "note": [{"text": text} for text in self._notes(assessment, item, score)],
        }
        if subject.encounter_id is not None:
            own["encounter"] = {"reference": f"Encounter/{subject.encounter_id}"}
        if len(vertebra.fractures) == 1:  # of two, which one would be a guess
            own["condition"] = {"reference": vertebra.fractures[0]}
        if basis := _basis(item):
            own["basis"] = basis
        return own

    def _prediction(self, item: VertebraAssessment, score: Score) -> dict[str, Any]:
        """Give percent, as R4 wants it, though its own examples look like fractions."""
        n, low, high = of_100(score.risk), *_hull(self._mode, score)
        numbers = {"n": n, "low": low, "high": high}
        rationale = self._words["rationale"][self._mode] % numbers
        prediction: dict[str, Any] = {
            "outcome": self._outcome,
            "rationale": self._wording.joined("sentences", (rationale, self._origin)),
        }
        if self._mode is OutputMode.CALIBRATED:
            prediction["probabilityDecimal"] = n
        else:
            limits = {"low": _percent(low), "high": _percent(high)}
            prediction["probabilityRange"] = limits
        if item.band and self._policy.approval.is_given:
            prediction["qualitativeRisk"] = {"text": self._words["band"][item.band]}
        operated = item.vertebra.operation.day
        if operated is not None:
            prediction["whenPeriod"] = self._period(operated)
        return prediction

    def _period(self, operated: date) -> dict[str, str]:
        end = operated + timedelta(self._policy.follow_up.horizon_days)
        return {"start": day(operated), "end": day(end)}

    def _notes(
        self, assessment: Assessment, item: VertebraAssessment, score: Score
    ) -> Iterator[str]:
        """Limits of the model, why the range is wide, then what else is doubtful."""
        words, say = self._wording.words, self._wording.detail
        wide = self._words["wide"]
        yield self._limits
        for name in score.extrapolated:
            yield wide["extrapolated"] % {"name": words["predictor"][name]}
        if has_small_angle(item.vertebra):
            yield str(wide["small-angle"])
        for flag in (*sorted(item.vertebra.flags), *assessment.flags):
            yield words["flag"][flag]
        second = assessment.second_model
        if item.models_disagree and item.second_risk is not None and second:
            yield plain_text(say[second.id] % {"n": of_100(item.second_risk)})


def _same_for_all(
    words: Mapping[str, Any], model: RiskModel, mode: OutputMode, canonical_base: str
) -> Mapping[str, Any]:
    return {
        "resourceType": "RiskAssessment",
        "meta": {"security": [dict(AI_LABEL)]},
        "status": _STATUS[mode],
        "method": {"text": f"{canonical_base}/Library/{model.id}|{model.version}"},
        "code": {"text": words["code"]},
        "performer": {
            "type": "Device",
            "display": f"scnen-cds, {model.id} {model.version}",
        },
        "mitigation": words["mitigation"],
    }


def _hull(mode: OutputMode, score: Score) -> tuple[int, int]:
    """Give the widest range that the card gives, rounded outwards."""
    ranges = [score.interval]
    if mode is OutputMode.ANCHORED:
        ranges += filter(None, [score.other_readings, score.reading_error])
    low = floor(100 * min(low for low, _ in ranges))
    return low, ceil(100 * max(high for _, high in ranges))


def _percent(value: int) -> dict[str, Any]:
    return {"value": value, "unit": "%", "system": _UCUM, "code": "%"}


def _basis(item: VertebraAssessment) -> list[dict[str, str]]:
    """List every resource that was used, once; one without an id cannot be named."""
    vertebra = item.vertebra
    sources = [
        source
        for found in findings(vertebra).values()
        if isinstance(found, Measurement)
        for source in found.source.split(", ")
    ]
    used = dict.fromkeys([*sources, *vertebra.operation.sources, *vertebra.fractures])
    return [{"reference": source} for source in used if REFERENCE.fullmatch(source)]
