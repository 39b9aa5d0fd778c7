"""The form of the measurements: what is open, and what it amounts to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from cds_hooks import BadRequest
from service.calculator import Calculator
from service.calculator_answer import CalculatorAnswer
from service.fhir.findings import Measurement, Missing, OperatedVertebra, Reason
from service.fhir.places import PLACES, segment_of
from service.languages import N_
from service.policy import Windows
from service.smart.answers import Answers, checked_answers
from service.smart.questionnaires import Form, load_form
from service.wording import Wording, format_number

__all__ = ["Limits", "MeasurementForm", "Standing"]

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
#: Where a value of one's own would not settle the matter, or is not wanted.
_CLOSED: Final = frozenset(
    {Reason.CONFLICT, Reason.NOT_APPLICABLE, Reason.OUTSIDE_MODEL, Reason.UNDEFINED}
)
_BEFORE, _AFTER = "cobb-preoperative", "cobb-postoperative"
_RESTORED, _CEMENT = "cobb-restoration-ratio", "cement-ratio-ap"
#: Least and most of some items: numbers, or days as ISO 8601 writes them.
Limits = Mapping[str, tuple[float | str | None, float | str | None]]


@dataclass(frozen=True, slots=True)
class Standing:
    """
    How a question stands: known, open, or closed.

    Attributes
    ----------
    value : float or str or None
        What the record says, as the calculator takes it; None if it does not.
    said : str
        The same for people, with its source; or why there is none.
    is_open : bool
        Whether the clinician may answer.
    """

    value: float | str | None = None
    said: str = ""
    is_open: bool = True


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

    def standings(self, vertebra: OperatedVertebra | None) -> dict[str, Standing]:
        """
        Tell how each question stands for a vertebra.

        Parameters
        ----------
        vertebra : OperatedVertebra or None
            The vertebra; None if no operation is recorded that is known here.

        Returns
        -------
        dict of str to Standing
            By link id. Without a vertebra all is open: to be tried, not to be saved.
        """
        if vertebra is None:
            return {item.name: Standing() for item in self.form.questions()}
        found = {
            name: self._standing(
                getattr(vertebra, predictor), is_angle=name in {_BEFORE, _AFTER}
            )
            for name, predictor in _PREDICTORS.items()
        }
        if vertebra.level is None and not isinstance(vertebra.segment, Missing):
            known = found["fracture-segment"]
            found["fracture-segment"] = Standing(known.value, known.said, is_open=True)
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
        if {_PREDICTORS[_BEFORE], _PREDICTORS[_AFTER]} <= known.keys():
            known.pop(_PREDICTORS[_RESTORED], None)
            ratio = vertebra.cobb_restoration_ratio_percent if vertebra else None
            if isinstance(ratio, Missing) and ratio.reason is Reason.CONFLICT:
                # What contradicts itself gives bounds, as on the card, and no number.
                known.pop(_PREDICTORS[_AFTER])
        return known

    def _standing(self, item: Measurement | Missing, *, is_angle: bool) -> Standing:
        words = self.wording.words
        if isinstance(item, Missing):
            why = words["reason"][item.reason]
            said = self.wording.joined(
                "series", [why, self.wording.remarked(item.detail)]
            )
            return Standing(said=said, is_open=item.reason not in _CLOSED)
        when = "" if item.time is None else item.time.isoformat()[:10]
        parts = [item.as_found, when, item.source]
        if is_angle:
            as_found = self.form.gettext("recorded as %(said)s")
            parts[:1] = [self.angle(item.value), as_found % {"said": item.as_found}]
        told = self.wording.joined("details", parts)
        return Standing(item.value, told, is_open=False)

    def angle(self, value: object) -> str:
        """
        Say an angle in a word that needs no sign: sites sign it differently.

        Parameters
        ----------
        value : object
            Degrees, kyphosis positive.

        Returns
        -------
        str
            Such as ``9.5° kyphosis``.
        """
        degrees = float(str(value))
        told = N_("%(n)s° lordosis") if degrees < 0 else N_("%(n)s° kyphosis")
        return self.form.gettext(told) % {"n": format_number(abs(degrees))}

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
        inputs = {**said["known"], **_inputs(answers)}
        if {_PREDICTORS[_BEFORE], _PREDICTORS[_AFTER]} <= inputs.keys():
            inputs.pop(_PREDICTORS[_RESTORED], None)
        model = next(iter(self.calculator.models))
        found = self.calculator.calculate(
            {"model": model, "inputs": inputs}, is_recorded=True
        )
        ratio = answers.get(_CEMENT) if set(_AREAS) <= answers.keys() else None
        restored = found.inputs[_PREDICTORS[_RESTORED]] if found.is_computed else None
        return {
            **self.answer.write(found),
            "computed": {_CEMENT: ratio, _RESTORED: restored},
        }

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


def _inputs(answers: Answers) -> dict[str, Any]:
    """Translate answers into inputs of the calculator."""
    inputs: dict[str, Any] = {
        _PREDICTORS[name]: value
        for name, value in answers.items()
        if name in {_BEFORE, _AFTER, _CEMENT}
    }
    if level := answers.get("fracture-segment"):
        inputs["segment"] = segment_of(PLACES[str(level)])
    if method := answers.get("method"):
        inputs["method"] = _METHODS[str(method)]
    return inputs
