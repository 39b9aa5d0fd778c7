"""The form of the measurements: what is open, and what it amounts to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

from cds_hooks import BadRequest
from service.calculator import Calculator
from service.calculator_answer import CalculatorAnswer
from service.fhir.findings import Missing, OperatedVertebra, Reason
from service.fhir.places import LUMBAR, PLACES, THORACIC, segment_of
from service.policy import Windows
from service.smart.answers import Answers, checked_answers
from service.smart.questionnaires import Form, load_form
from service.smart.standings import Standing, standing_of
from service.wording import Wording

__all__ = ["Limits", "MeasurementForm"]

#: Link id of a question, and the predictor that it stands for.
_PREDICTORS: Final[Mapping[str, str]] = {
    "fracture-segment": "segment",
    "method": "method",
    "cobb-preoperative": "cobb_preoperative_deg",
    "cobb-postoperative": "cobb_postoperative_deg",
    "cobb-restoration-ratio": "cobb_restoration_ratio_percent",
    "cement-ratio-ap": "cement_ratio_percent",
}
_METHODS: Final = {
    "pvp": "pvp",
    "pkp": "pkp",
    "pedicle-screw-fixation": "pedicle_screw",
}
_AREAS: Final = ("cement-area", "vertebra-area")
_PER_CENT: Final = 100.0
_BEFORE, _AFTER = "cobb-preoperative", "cobb-postoperative"
_RESTORED, _CEMENT = "cobb-restoration-ratio", "cement-ratio-ap"
_LEVEL = "fracture-segment"
_SEGMENTS: Final = {"thoracic": THORACIC, "lumbar": LUMBAR}
#: Least and most of some items: numbers, or days as ISO 8601 writes them.
Limits = Mapping[str, tuple[float | str | None, float | str | None]]


@dataclass(frozen=True, slots=True)
class MeasurementForm:
    """
    The form in one language, under one policy.

    Attributes
    ----------
    calculator : Calculator
        Scores what is entered, as the nomogram does.
    answer : CalculatorAnswer
        Says what comes of it.
    wording : Wording
        Words of the cards.
    windows : Windows
        How old or late a film may be.
    form : Form
        The Questionnaire.
    """

    calculator: Calculator
    answer: CalculatorAnswer
    wording: Wording
    windows: Windows
    form: Form = field(default_factory=lambda: load_form("measurements"))

    def standings(
        self,
        vertebra: OperatedVertebra | None,
        levels: tuple[str, ...] | None = None,
    ) -> dict[str, Standing]:
        """
        Tell how each question stands for a vertebra.

        Parameters
        ----------
        vertebra : OperatedVertebra or None
            The vertebra; None if no operation is recorded that is known here.
        levels : tuple of str, optional
            The levels that the record leaves possible; all, if not given.

        Returns
        -------
        dict of str to Standing
            By link id. Without a vertebra all is open: to be tried, not to be saved.
        """
        if vertebra is None:
            return {item.name: Standing() for item in self.form.questions()}
        found = {
            name: standing_of(self.form, self.wording, predictor, vertebra)
            for name, predictor in _PREDICTORS.items()
        }
        level = found[_LEVEL]
        if vertebra.level is None and not isinstance(vertebra.segment, Missing):
            level = replace(level, is_open=True)
        if level.is_open and levels is not None:
            level = replace(level, is_open=bool(levels), options=levels)
        found[_LEVEL] = level
        ratio = vertebra.cobb_restoration_ratio_percent
        if isinstance(ratio, Missing) and ratio.reason is Reason.CONFLICT:
            # An angle would not settle which of two recorded ratios is right.
            for name in (_BEFORE, _AFTER):
                if found[name].is_open:
                    said = found[_RESTORED].said
                    found[name] = Standing(said=said, is_open=False)
        is_measured = found["cobb-postoperative"].is_open or found[_CEMENT].is_open
        found["film-preoperative"] = Standing(is_open=found[_BEFORE].is_open)
        found["film-postoperative"] = Standing(is_open=is_measured)
        for name in _AREAS:
            found[name] = Standing(is_open=found[_CEMENT].is_open)
        if found["method"].is_open:  # an operation is coded where it was recorded
            found["method"] = Standing(said=found["method"].said, is_open=False)
        return found

    def known(self, vertebra: OperatedVertebra | None) -> dict[str, Any]:
        """
        Give what the record knows, as the calculator takes it.

        Parameters
        ----------
        vertebra : OperatedVertebra or None
            The vertebra.

        Returns
        -------
        dict
            Inputs by name. The ratio of two known angles is computed anew.
        """
        standings = {} if vertebra is None else self.standings(vertebra)
        known = {
            _PREDICTORS[name]: each.value
            for name, each in standings.items()
            if each.value is not None
        }
        ratio = vertebra.cobb_restoration_ratio_percent if vertebra else None
        if isinstance(ratio, Missing) and ratio.reason is Reason.CONFLICT:
            # What contradicts itself gives bounds, as on the card, and no number.
            known.pop(_PREDICTORS[_AFTER], None)
        return _settled(known)

    def limits(
        self, vertebra: OperatedVertebra | None, today: date, *, is_signed: bool
    ) -> Limits:
        """
        Tell the limits that hold for one patient.

        Parameters
        ----------
        vertebra : OperatedVertebra or None
            The vertebra.
        today : datetime.date
            Today, in the hospital.
        is_signed : bool
            Whether the site has declared how it signs angles. Where it has not, a
            negative one would be in doubt for whoever reads it.

        Returns
        -------
        Limits
            Days on which a film serves, and the least angle.
        """
        limits: dict[str, tuple[float | str | None, float | str | None]] = {}
        day = None if vertebra is None else vertebra.operation.day
        before, after = (None, today.isoformat()), (None, today.isoformat())
        if day is not None:
            oldest = day - timedelta(self.windows.preoperative_max_age_days)
            latest = min(day + timedelta(self.windows.postoperative_days), today)
            before = oldest.isoformat(), day.isoformat()  # type: ignore[assignment] # narrower
            after = day.isoformat(), latest.isoformat()  # type: ignore[assignment] # narrower
        limits |= {"film-preoperative": before, "film-postoperative": after}
        if not is_signed:
            limits[_AFTER] = (0.0, self.form.item(_AFTER).most)
        return limits

    def assess(self, said: object, limits: Limits | None = None) -> dict[str, Any]:
        """
        Say what entered and known values amount to.

        Parameters
        ----------
        said : object
            JSON: ``answers`` by link id, and ``known`` inputs of the calculator.
        limits : Limits, optional
            Limits of the patient.

        Returns
        -------
        dict
            What the nomogram answers, and under ``computed`` the two ratios.

        Raises
        ------
        BadRequest
            If a value is impossible; the message names it.
        """
        if not isinstance(said, dict) or not isinstance(said.get("known"), dict):
            raise BadRequest("body: must have answers and known, both objects")
        answers = self.checked(said.get("answers"), limits)
        known = said["known"]
        for segment, levels in _SEGMENTS.items():
            if known.get("segment") == segment:
                self.check_level(answers, levels)
        inputs = _settled({**known, **_inputs(answers)})
        model = next(iter(self.calculator.models))
        found = self.calculator.calculate(
            {"model": model, "inputs": inputs}, is_recorded=True
        )
        ratio = answers.get(_CEMENT) if set(_AREAS) <= answers.keys() else None
        restored = found.inputs[_PREDICTORS[_RESTORED]]
        return {
            **self.answer.write(found),
            "computed": {_CEMENT: ratio, _RESTORED: restored},
        }

    def check_level(self, answers: Answers, levels: Collection[str]) -> None:
        """
        Refuse a level that the record contradicts: it would block the score.

        Parameters
        ----------
        answers : Mapping
            Checked answers.
        levels : collection of str
            What the record leaves possible.

        Raises
        ------
        BadRequest
            If another level is answered; the message names those.
        """
        if answers.get(_LEVEL, next(iter(levels), None)) in levels:
            return
        names = [name for name in PLACES if name in levels]
        why = self.form.gettext(
            "contradicts the record, which leaves possible: %(names)s. If the record is"
            " wrong, correct it there first"
        ) % {"names": self.form.gettext(", ").join(names) or "–"}
        raise BadRequest(f"answers.{_LEVEL}: {why}")

    def checked(self, said: object, limits: Limits | None = None) -> Answers:
        """
        Check answers, and compute the cement ratio from its two areas.

        Parameters
        ----------
        said : object
            JSON: answers by link id.
        limits : Limits, optional
            Limits of the patient.

        Returns
        -------
        Mapping
            The answers, with the ratio.

        Raises
        ------
        BadRequest
            If one is impossible, or the ratio and both areas are given.
        """
        answers = checked_answers(self.form, said, limits)
        cement, whole = (answers.get(name) for name in _AREAS)
        if not (isinstance(cement, float) and isinstance(whole, float)):
            return answers
        if _CEMENT in answers:
            why = self.form.gettext("comes from the areas; leave it out")
            raise BadRequest(f"answers.{_CEMENT}: {why}")
        if whole <= 0 or cement > whole:
            why = self.form.gettext("must be more than 0 and no less than the cement")
            raise BadRequest(f"answers.{_AREAS[1]}: {why}")
        return {**answers, _CEMENT: round(_PER_CENT * cement / whole, 1)}


def _settled(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """
    Leave out a recorded ratio for which two angles speak themselves.

    An angle of 0° before gives none: there the recorded one serves, as on the card.
    """
    before, after = (inputs.get(_PREDICTORS[name]) for name in (_BEFORE, _AFTER))
    is_computed = before is not None and before != 0 and after is not None
    left_out = _PREDICTORS[_RESTORED] if is_computed else None
    return {name: value for name, value in inputs.items() if name != left_out}


def _inputs(answers: Answers) -> dict[str, Any]:
    """Translate answers into inputs of the calculator."""
    inputs: dict[str, Any] = {
        _PREDICTORS[name]: value
        for name, value in answers.items()
        if name in {_BEFORE, _AFTER, _CEMENT}
    }
    if level := answers.get(_LEVEL):
        inputs["segment"] = segment_of(PLACES[str(level)])
    if method := answers.get("method"):
        inputs["method"] = _METHODS[str(method)]
    return inputs
