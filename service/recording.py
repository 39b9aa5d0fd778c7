"""What a call gets, and what the store learns of it; no answer leaves unrecorded."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from time import perf_counter
from typing import Any, Final

from cds_hooks import Card, CDSHooksError, HookRequest, Response, Unavailable
from service import __version__
from service.advice import Advice
from service.store.decisions import (
    assessment_row,
    caller_of,
    card_rows,
    decision_row,
)
from service.store.faults import StoreError
from service.store.store import Store

__all__ = ["RecordedAdvice"]

_OK: Final = 200
_FAULT: Final = 500


class RecordedAdvice:
    """
    Answer the calls of one service, and record each answer before it is given.

    A card that was overridden in the encounter is withheld as long as it says the same.

    Parameters
    ----------
    service : str
        Id of the service.
    advise : callable
        Gives the advice on a call.
    store : Store
        Where decisions are kept.
    clock : callable
        Gives the time of the call, with its zone.
    """

    def __init__(
        self,
        service: str,
        advise: Callable[[HookRequest], Advice],
        store: Store,
        clock: Callable[[], datetime],
    ) -> None:
        self._service = service
        self._advise = advise
        self._store = store
        self._clock = clock

    def __call__(self, request: HookRequest) -> Response:
        """
        Answer a hook call.

        Parameters
        ----------
        request : HookRequest
            The loaded call.

        Returns
        -------
        Response
            The cards that are shown.

        Raises
        ------
        CDSHooksError
            If the advice cannot be given, or not be recorded where the settings insist
            on that.
        """
        began = perf_counter()
        names, caller = self._store.names, caller_of(request)
        row = decision_row(request, caller, names, self._service)
        row["at"] = self._clock()
        try:
            advice = self._advise(request)
        except Exception as error:
            self._record(row | _refusal(error), began)
            raise
        cards = card_rows(
            advice.response.cards, caller.tenant, request.encounter_id, names
        )
        shown = self._shown(advice.response.cards, cards)
        row |= assessment_row(advice.assessment)
        row["status"], row["cards"] = _OK, cards
        row["reason"] = "overridden" if cards and not shown else advice.quiet
        self._record(row, began)
        if len(shown) == len(cards):
            return advice.response
        return replace(advice.response, cards=shown)

    def _shown(
        self, cards: tuple[Card, ...], rows: list[dict[str, Any]]
    ) -> tuple[Card, ...]:
        """Leave out what was overridden, and mark it."""
        overridden = self._store.overridden
        if not overridden:
            return cards
        for row in rows:
            row["is_withheld"] = int(row["showing"] in overridden)
        pairs = zip(cards, rows, strict=True)
        return tuple(card for card, row in pairs if not row["is_withheld"])

    def _record(self, row: dict[str, Any], began: float) -> None:
        row["latency_ms"] = round((perf_counter() - began) * 1000, 3)
        row["software"] = __version__
        try:
            self._store.record(row)
        except StoreError:
            raise Unavailable from None


def _refusal(error: Exception) -> dict[str, Any]:
    """Describe a call that got no advice: the field, or the type of the fault."""
    row = assessment_row(None)
    row["cards"] = []
    if isinstance(error, CDSHooksError):
        field = error.problems[0].partition(":")[0] if error.problems else ""
        return row | {"status": error.status, "reason": field[:64] or error.code}
    return row | {"status": _FAULT, "reason": type(error).__name__}
