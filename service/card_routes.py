"""The model card for programs, for the one-page label, and as other people's schema."""

from collections.abc import Callable

import orjson
from flask import Blueprint, Response

from service.model_card.card import ModelCard, Now
from service.model_card.chai import as_xml
from service.pages import render_page, words
from service.web import protect

__all__ = ["create_card_routes"]


def create_card_routes(card: ModelCard, now: Callable[[], Now]) -> Blueprint:
    """
    Build the routes of the card, apart from the page about the model.

    Parameters
    ----------
    card : ModelCard
        The card.
    now : callable
        Tells what of it holds now.

    Returns
    -------
    flask.Blueprint
        ``GET /model.json``, ``/model/facts`` and ``/model/chai.xml``.
    """
    routes = Blueprint("model_card", __name__)

    @routes.get("/model.json")
    def document() -> Response:
        text = orjson.dumps(card.document(now()), option=orjson.OPT_INDENT_2)
        return Response(text, content_type="application/json")

    @routes.get("/model/facts")
    def facts() -> Response:
        told = card.told_in(words()).document(now())
        return render_page("facts.html", card=told, own_stylesheet="model.css")

    @routes.get("/model/chai.xml")
    def chai() -> Response:
        text = as_xml(card.document(now())["applied_model_card"])
        return Response(text, content_type="application/xml")

    routes.after_request(protect)
    return routes
