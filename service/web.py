"""The page that every card links to, the files of all pages, and their headers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response

from service.assessment import OutputMode
from service.model.artifact import RiskModel
from service.model_card.card import ModelCard, Now
from service.pages import render_page, words
from service.policy import Policy
from service.switch import Order

__all__ = ["create_pages", "protect"]

_HERE = Path(__file__).parent

#: No page loads anything from elsewhere, is framed, or sends its address along.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none';"
    " base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _Row:
    """One predictor in the table of coefficients."""

    description: str
    codes: Mapping[str, float]
    unit: str
    coefficient: float
    standard_error: str
    studied: tuple[str, str]


def create_pages(
    model: RiskModel,
    mode_now: Callable[[], OutputMode],
    policy: Policy,
    order: Callable[[], Order | None],
    days_left: Callable[[], int | None],
    *,
    card: ModelCard,
    now: Callable[[], Now],
    safety_contact: str | None = None,
) -> Blueprint:
    """
    Build the pages about one model.

    Parameters
    ----------
    model : RiskModel
        The model whose number is shown.
    mode_now : callable
        Tells what kind of number is given now.
    policy : Policy
        When a card is given.
    order : callable
        Tells what is switched off.
    days_left : callable
        Days until a calibration expires, below 0 after that; None without any.
    card : ModelCard
        What is said of it.
    now : callable
        Tells what of that holds now.
    safety_contact : str or None, optional
        Whom to tell of a safety problem, in this hospital.

    Returns
    -------
    flask.Blueprint
        ``GET /model``, the icon and the static files.
    """
    pages = Blueprint(
        "pages",
        __name__,
        template_folder=str(_HERE / "templates" / "pages"),
        static_folder=str(_HERE / "static"),
        static_url_path="/static",
    )
    rows = _rows(model)
    drawn = (_HERE / "static" / "icon.svg").read_bytes()

    @pages.get("/favicon.ico")
    def icon() -> Response:
        # What browsers ask for beside what names no icon, such as JSON.
        return Response(drawn, content_type="image/svg+xml")

    @pages.get("/model")
    def model_page() -> Response:
        at, told = now(), card.told_in(words())
        return render_page(
            "model.html",
            model=model,
            is_relative=mode_now() is OutputMode.RELATIVE,
            mode=mode_now().value,
            policy=policy,
            order=order(),
            safety_contact=safety_contact,
            is_expired=(days := days_left()) is not None and days < 0,
            rows=rows,
            card=told.document(at),
            help=card.content.help,
            derived=told.derived(at),
            own_stylesheet="model.css",
        )

    pages.after_request(protect)
    return pages


def protect(response: Response) -> Response:
    """
    Add the headers of a page.

    Parameters
    ----------
    response : flask.Response
        What is answered.

    Returns
    -------
    flask.Response
        The same: nothing from elsewhere, not in a frame, its address told to nobody.
    """
    response.headers.update(_HEADERS)
    return response


def _rows(model: RiskModel) -> list[_Row]:
    return [
        _Row(
            description=item.description,
            codes=item.codes,
            unit=item.unit,
            coefficient=coefficient,
            standard_error=f"{error:.3g}",
            studied=(f"{item.studied[0]:g}", f"{item.studied[1]:g}"),
        )
        for item, coefficient, error in zip(
            model.predictors, model.coefficients, model.standard_errors, strict=True
        )
    ]
