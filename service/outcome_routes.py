"""Outcomes over HTTP: what a registry or a clinic found, for whoever has the token."""

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any, Final

import orjson
from flask import Blueprint, Response, request

from cds_hooks import BadRequest, Unavailable
from cds_hooks.bodies import read_json
from cds_hooks.dumping import receipt
from service.store.faults import StoreError
from service.store.store import Store

__all__ = ["create_outcome_routes"]

_MOST_BYTES: Final = 1024 * 1024
_MOST_ROWS: Final = 1000


def create_outcome_routes(store: Store, check: Callable[[], None]) -> Blueprint:
    """
    Build the route that takes outcomes.

    Parameters
    ----------
    store : Store
        Where to.
    check : callable
        Raises `cds_hooks.Unauthorized` for a request that is not to be answered.

    Returns
    -------
    flask.Blueprint
        ``POST /outcomes``.
    """
    routes = Blueprint("outcomes", __name__)
    routes.before_request(check)

    @routes.post("/outcomes")
    def keep() -> Response:
        # Late, as all that needs SQLAlchemy (docs/decisions/0034).
        fields = import_module("service.store.outcomes").FIELDS
        body = read_json(request.environ, _MOST_BYTES)
        rows, places, problems = _read(body, fields)
        try:
            results = store.keep_outcomes(rows, recorded_by="administration")
        except StoreError:
            raise Unavailable from None
        refused = [
            f"outcomes[{place}].{result}"
            for place, result in zip(places, results, strict=True)
            if not isinstance(result, bool)
        ]
        note = f"{len(rows) - len(refused)} of the outcomes are recorded"
        if problems or refused:
            note = f"{note}; correct and send only the others"
            raise BadRequest(*problems, *refused, note=note)
        answer = Response(orjson.dumps(receipt(note)), content_type="application/json")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    return routes


def _read(
    body: object, fields: Collection[str]
) -> tuple[list[Mapping[str, str | None]], list[int], list[str]]:
    """Tell the rows that can be looked at, where they stand, and what is wrong."""
    rows = body.get("outcomes") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not 0 < len(rows) <= _MOST_ROWS:
        raise BadRequest(f"outcomes: must be a list of 1 to {_MOST_ROWS} objects")
    good: list[Mapping[str, str | None]] = []
    places, problems = [], []
    for place, row in enumerate(rows):
        fault = _fault(row, fields)
        if fault is None:
            good.append(row)
            places.append(place)
        else:
            problems.append(f"outcomes[{place}]{fault}")
    return good, places, problems


def _fault(row: Any, fields: Collection[str]) -> str | None:  # noqa: ANN401 any JSON
    if not isinstance(row, dict):
        return ": must be an object"
    if not row.keys() <= set(fields):  # a name that is none may be anything
        return f": may have the fields {', '.join(fields)} and no others"
    for name, value in row.items():
        if not (value is None or isinstance(value, str)):
            return f".{name}: must be a string"
    return None
