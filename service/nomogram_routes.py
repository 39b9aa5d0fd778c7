"""The interactive nomogram: its page, and the address that scores what is entered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from flask import Blueprint, Response, request, url_for

from cds_hooks.bodies import read_json
from service.assessment import PREDICTORS
from service.calculator import Calculator
from service.calculator_answer import CalculatorAnswer
from service.drawings import draw_model
from service.model.predictors import INPUTS
from service.pages import PAGE_LANGUAGES, render_page, spoken
from service.switch import Order, SwitchedOffError, is_off
from service.web import protect
from service.wording import load_words

__all__ = ["create_nomogram_routes"]

#: Six values and two names are a tenth of it.
_MOST_BYTES: Final = 4096
_SIGNS: Final = {"%": "%", "deg": "°"}
_STEPS: Final = {"%": 1.0, "deg": 0.5}


@dataclass(frozen=True, slots=True)
class _Field:
    """One input as the form shows it."""

    name: str
    label: str
    codes: Mapping[str, tuple[str, float]]
    unit: str
    step: float
    least: float
    most: float
    studied: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One model in one mode."""

    model: str
    mode: str
    svg: str


def create_nomogram_routes(
    calculator: Calculator, order: Callable[[], Order | None]
) -> Blueprint:
    """
    Build the page of the nomogram.

    Parameters
    ----------
    calculator : Calculator
        Scores what is entered.
    order : callable
        Tells what is switched off.

    Returns
    -------
    flask.Blueprint
        ``GET /nomogram`` and ``POST /nomogram/score``. Neither keeps or logs a value.
    """
    routes = Blueprint("nomogram", __name__)
    routes.after_request(protect)
    answers = {each: CalculatorAnswer(each) for each in PAGE_LANGUAGES}
    fields = {each: _fields(calculator, each) for each in PAGE_LANGUAGES}

    @routes.get("/nomogram")
    def page() -> Response:
        return _page(calculator, fields[spoken()], is_switched_off=is_off(order()))

    @routes.post("/nomogram/score")
    def score() -> Response:
        if is_off(order()):
            raise SwitchedOffError
        found = calculator.calculate(read_json(request.environ, _MOST_BYTES))
        body = orjson.dumps(answers[spoken()].write(found))
        return _kept_nowhere(Response(body, content_type="application/json"))

    return routes


def _page(
    calculator: Calculator, fields: list[_Field], *, is_switched_off: bool
) -> Response:
    models = () if is_switched_off else tuple(calculator.models.values())
    drawings = [
        _Drawing(model.id, mode, draw_model(model, mode, spoken()))
        for model in models
        for mode in calculator.modes(model)
    ]
    page = render_page(
        "nomogram.html",
        is_off=is_switched_off,
        is_relative=all(each.mode == "relative" for each in drawings),
        models=models,
        drawings=drawings,
        fields=fields,
        score=url_for("nomogram.score", lang=spoken()),
        own_stylesheet="nomogram.css",
    )
    return _kept_nowhere(page)


def _kept_nowhere(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _fields(calculator: Calculator, language: str) -> list[_Field]:
    words = load_words("words.j2", language)
    studied: dict[str, tuple[float, float]] = {}
    for model in calculator.models.values():
        for quantity in (*model.predictors, *model.related):
            low, high = studied.get(quantity.name, quantity.studied)
            ends = quantity.studied
            studied[quantity.name] = min(low, ends[0]), max(high, ends[1])
    return [_field(name, studied, words) for name in PREDICTORS]


def _field(
    name: str,
    studied: Mapping[str, tuple[float, float]],
    words: Any,  # noqa: ANN401 a template's module
) -> _Field:
    kind = INPUTS[name]
    own = getattr(words, name, {})
    least, most = kind.physical
    if name == "cobb_preoperative_deg":
        least = 0.0  # kyphosis is positive here, see the calculator
    return _Field(
        name=name,
        label=words.predictor[name],
        codes={label: (own[label], code) for label, code in kind.codes.items()},
        unit=_SIGNS.get(kind.unit, ""),
        step=_STEPS.get(kind.unit, 1.0),
        least=least,
        most=most,
        studied=studied.get(name, kind.physical),
    )
