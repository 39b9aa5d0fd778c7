"""The paragraph that a card offers for the discharge summary."""

from collections.abc import Iterator

from service.assessment import Assessment, OutputMode, VertebraAssessment
from service.fhir.findings import Measurement
from service.headlines import doubt_of
from service.model.artifact import RiskModel
from service.model.scoring import Score
from service.orders import times_of
from service.policy import FollowUp
from service.wording import Wording, day, of_100

__all__ = ["Handover"]


class Handover:
    """
    Write what general practice and rehabilitation need to know, in one language.

    Parameters
    ----------
    wording : Wording
        Words and sentences of the language.
    model : RiskModel
        The model whose number is given.
    follow_up : FollowUp
        When the review should take place.
    """

    def __init__(self, wording: Wording, model: RiskModel, follow_up: FollowUp) -> None:
        say = wording.handover
        self._wording = wording
        # What patients who do not exist say of a risk leaves no hospital.
        self._is_synthetic = bool(model.calibration and model.calibration.is_synthetic)
        self._same_for_all = (
            say["look"] % {},
            say["when"] % times_of(follow_up),
            say["limits"] % {},
        )

    def write(self, assessment: Assessment) -> str:
        """
        Write the paragraph.

        Parameters
        ----------
        assessment : Assessment
            What was found and scored.

        Returns
        -------
        str
            A heading and below it plain text to copy; empty if nobody was assessed.
        """
        if not assessment.vertebrae:
            return ""
        say = self._wording.joined
        text = say("sentences", [*self._found(assessment), *self._same_for_all])
        return f"### {self._wording.handover['heading']}\n\n{text}"

    def _found(self, assessment: Assessment) -> Iterator[str]:
        say, top = self._wording.handover, assessment.vertebrae[0]
        yield self._operated(assessment)
        is_given = assessment.mode is not OutputMode.RELATIVE and not self._is_synthetic
        # Beside a gap, a number under the average would sound like no risk.
        if not (is_given and top.calls_for_follow_up and isinstance(top.score, Score)):
            yield say["no-number"] % {}
            return
        yield say[assessment.mode] % {"n": of_100(top.score.risk)}
        if doubt := doubt_of(assessment):
            yield say["doubt"][doubt] % {}

    def _operated(self, assessment: Assessment) -> str:
        operated = {item.vertebra.operation.day for item in assessment.vertebrae}
        what = self._wording.joined("series", map(self._what, assessment.vertebrae))
        when = operated.pop() if len(operated) == 1 else None
        kind = "operated-on" if when else "operated"
        return str(self._wording.handover[kind] % {"what": what, "day": day(when)})

    def _what(self, item: VertebraAssessment) -> str:
        words, vertebra = self._wording.words, item.vertebra
        segment, method = vertebra.segment, vertebra.method
        place = vertebra.level or words["no_level"]
        if not vertebra.level and isinstance(segment, Measurement):
            place = words["segment"][segment.value]
        if not isinstance(method, Measurement):
            return str(place)
        done = words["method"][method.value]
        return self._wording.joined("details", (place, done))
