"""Values that somebody enters, scored as those of a record are; nothing is kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cds_hooks import BadRequest
from service.assessment import RATIO, Band, OutputMode
from service.fhir.findings import Reason
from service.model.artifact import OTHER_EQUATION, bundled_models, load_bundled
from service.model.predictors import (
    INPUTS,
    Inputs,
    check_inputs,
    restoration_ratio_percent,
)
from service.model.risk_model import RiskModel
from service.model.scoring import (
    PartialScore,
    Score,
    plain_risk_of_values,
    score_values,
)
from service.policy import Policy

__all__ = ["Calculation", "Calculator"]

_BEFORE: Final = "cobb_preoperative_deg"
_AFTER: Final = "cobb_postoperative_deg"
_FIELDS: Final = ("model", "mode", "inputs")


@dataclass(frozen=True, slots=True)
class Calculation:
    """
    What comes of the values that somebody entered.

    Attributes
    ----------
    model : RiskModel
        The model.
    mode : OutputMode
        What kind of number may be shown.
    policy : Policy
        Where one band ends and the next begins.
    inputs : Mapping[str, float or str or None]
        All inputs as they were used, the computed ratio among them.
    is_computed : bool
        Whether the restoration ratio comes from the two angles.
    fault : Reason or None
        Why no ratio comes of two angles.
    score : Score or PartialScore or None
        The score; None for an operation outside the study.
    band : Band or None
        Band of the risk; None without one and in output mode ``relative``.
    second : tuple of (str, float) or None
        The study's other equation and its risk, where that lies in another band.
    """

    model: RiskModel
    mode: OutputMode
    policy: Policy
    inputs: Inputs
    is_computed: bool
    fault: Reason | None
    score: Score | PartialScore | None
    band: Band | None
    second: tuple[str, float] | None

    @property
    def is_relative(self) -> bool:  # numpydoc ignore=RT01
        """Whether no probability may be shown."""
        return self.mode is OutputMode.RELATIVE


class Calculator:
    """
    Score what somebody enters.

    Parameters
    ----------
    model : RiskModel
        The server's own; those that ship can be chosen beside it.
    mode_now : callable
        Tells what kind of number the server gives now.
    policy : Policy
        Where one band ends and the next begins.
    """

    def __init__(
        self,
        model: RiskModel,
        mode_now: Callable[[], OutputMode],
        policy: Policy,
    ) -> None:
        others = (load_bundled(name) for name in bundled_models() if name != model.id)
        self.models: Mapping[str, RiskModel] = {
            each.id: each for each in (model, *others)
        }
        self.policy = policy
        self._mode_now = mode_now

    def modes(self, model: RiskModel) -> tuple[OutputMode, ...]:
        """
        Tell what kinds of number a model may give now.

        Parameters
        ----------
        model : RiskModel
            One of the models.

        Returns
        -------
        tuple of OutputMode
            The usual one first; ``relative`` alone wherever the server gives no more.
        """
        if self._mode_now() is OutputMode.RELATIVE:
            return (OutputMode.RELATIVE,)
        return OutputMode(model.mode), OutputMode.RELATIVE

    def calculate(self, document: object, *, is_recorded: bool = False) -> Calculation:
        """
        Score what a page sends.

        Parameters
        ----------
        document : object
            JSON: ``model``, maybe ``mode``, and ``inputs`` by name; see openapi.yaml.
        is_recorded : bool, optional
            Whether an angle may come from a record, which says a lordosis before the
            operation with a sign; whoever types it may mean another convention.

        Returns
        -------
        Calculation
            The result. Its mode is ``relative`` whenever the server gives no
            probability, whatever was asked for.

        Raises
        ------
        BadRequest
            If a field is missing, unknown or impossible; the message names it, never
            the value.
        """
        asked = _section(document, "body", _FIELDS)
        model = self._model(asked.get("model"))
        mode = self._mode(model, asked.get("mode"))
        entered = _section(asked.get("inputs"), "inputs", tuple(INPUTS))
        inputs, fault = _settled(entered, is_recorded=is_recorded)
        is_computed = entered.get(RATIO) is None and inputs[RATIO] is not None
        score = None if _is_outside(inputs) else _scored(model, inputs)
        band = second = None
        if isinstance(score, Score) and mode is not OutputMode.RELATIVE:
            band = Band.of(score.risk, self.policy.bands)
            second = self._second(model, inputs, band)
        return Calculation(
            model, mode, self.policy, inputs, is_computed, fault, score, band, second
        )

    def _model(self, name: object) -> RiskModel:
        model = self.models.get(name) if isinstance(name, str) else None
        if model is None:
            raise BadRequest(f"model: must be one of {', '.join(self.models)}")
        return model

    def _mode(self, model: RiskModel, asked: object) -> OutputMode:
        modes = self.modes(model)
        if asked is None:
            return modes[0]
        allowed = (model.mode, OutputMode.RELATIVE.value)
        if asked not in allowed:
            raise BadRequest(f"mode: must be one of {', '.join(allowed)}")
        return modes[0] if asked == model.mode else OutputMode.RELATIVE

    def _second(
        self, model: RiskModel, inputs: Inputs, band: Band
    ) -> tuple[str, float] | None:
        """Find the study's other equation where it would say something else."""
        other = OTHER_EQUATION.get(model.id)
        if other is None:
            return None
        risk = plain_risk_of_values(self.models[other], check_inputs(inputs))
        if risk is None or Band.of(risk, self.policy.bands) is band:
            return None
        return other, risk


def _section(value: object, field: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Check an object; a name that is none of ours may be anything, and is not told."""
    if not isinstance(value, dict):
        raise BadRequest(f"{field}: must be an object")
    if not value.keys() <= set(names):
        raise BadRequest(
            f"{field}: may have the fields {', '.join(names)} and no others"
        )
    return value


def _settled(
    entered: Inputs, *, is_recorded: bool
) -> tuple[dict[str, float | str | None], Reason | None]:
    """Compute the restoration ratio from both angles, as for a record."""
    try:
        values = check_inputs(entered)
    except ValueError as error:
        raise BadRequest(f"inputs.{error}") from None
    inputs = dict.fromkeys(INPUTS) | dict(entered)
    before, after = values[_BEFORE], values[_AFTER]
    if before is not None and before < 0 and not is_recorded:
        # Whoever types can be asked; what a record says was settled by its reader.
        raise BadRequest(
            f"inputs.{_BEFORE}: kyphosis is positive here; give both angles the other"
            " sign"
        )
    if before is None or after is None:
        return inputs, None
    if values[RATIO] is not None:
        if before == 0:  # no ratio comes of the angles: the recorded one serves
            return inputs, None
        raise BadRequest(
            f"inputs.{RATIO}: comes from the two angles; leave it out, or an angle"
        )
    ratio = restoration_ratio_percent(before, after)
    if ratio is None:
        return inputs, Reason.UNDEFINED
    low, high = INPUTS[RATIO].physical
    if not low <= ratio <= high:
        return inputs, Reason.OUT_OF_PHYSICAL_RANGE
    return inputs | {RATIO: ratio}, None


def _is_outside(inputs: Inputs) -> bool:
    """Screws without cement: the study knows no such patient."""
    return inputs["method"] == "pedicle_screw" and inputs["cement_ratio_percent"] == 0


def _scored(model: RiskModel, inputs: Inputs) -> Score | PartialScore:
    return score_values(model, check_inputs(inputs))
