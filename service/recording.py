"""What a call gets, and what the store learns of it; no answer leaves unrecorded."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from time import perf_counter
from typing import Any, Final

from cds_hooks import CDSHooksError, HookRequest, Response, Unavailable
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
    on_advice : callable
        Learns of each advice, as it gets out.
    clock : callable
        Gives the time of the call, with its zone.
    """

    def __init__(
        self,
        service: str,
        advise: Callable[[HookRequest], Advice],
        store: Store,
        *,
        on_advice: Callable[[Advice], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._service = service
        self._advise = advise
        self._store = store
        self._on_advice = on_advice
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
        rows = card_rows(
            (*advice.response.cards, *advice.withheld),
            caller.tenant,
            request.encounter_id,
            names,
        )
        advice = self._without_overridden(advice, rows)
        for withheld in rows[len(rows) - len(advice.withheld) :]:
            withheld["is_withheld"] = 1
        row |= assessment_row(advice.assessment)
        row["status"], row["cards"], row["reason"] = _OK, rows, advice.quiet
        self._record(row, began)
        self._on_advice(advice)
        return advice.response

    def _without_overridden(self, advice: Advice, rows: list[dict[str, Any]]) -> Advice:
        """Withhold what was overridden; the rows are put into the order of that."""
        overridden, cards = self._store.overridden, advice.response.cards
        if not overridden or advice.withheld:
            return advice
        pairs = list(zip(cards, rows, strict=True))
        # What is shown stays in front.
        pairs.sort(key=lambda pair: pair[1]["showing"] in overridden)
        rows[:] = [row for _, row in pairs]
        shown = tuple(c for c, row in pairs if row["showing"] not in overridden)
        withheld = tuple(c for c, row in pairs if row["showing"] in overridden)
        quiet = "overridden" if withheld and not shown else advice.quiet
        response = replace(advice.response, cards=shown)
        return Advice(response, advice.assessment, quiet, withheld)

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
