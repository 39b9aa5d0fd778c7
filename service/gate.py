"""What of the advice gets out: nothing to silent clients, nothing while it is off."""

from collections.abc import Callable
from typing import NamedTuple

from cds_hooks import Card, HookRequest, Response
from service.advice import Advice
from service.switch import Order, is_off

__all__ = ["Gate", "Rules"]


class Rules(NamedTuple):
    """
    What all services have in common.

    Attributes
    ----------
    order : callable
        Tells what is switched off.
    notice : callable
        Makes the card that says so to whoever would have been advised at a discharge.
    is_open : bool
        Open mode, which knows no stages.
    """

    order: Callable[[], Order | None]
    notice: Callable[[HookRequest], Card]
    is_open: bool


class Gate:
    """
    Answer the calls of one service with what may get out.

    Parameters
    ----------
    advise : callable
        Gives the advice on a call.
    is_at_discharge : callable
        Whether a call asks for the advice of the discharge.
    rules : Rules
        What all services have in common.
    """

    def __init__(
        self,
        advise: Callable[[HookRequest], Advice],
        is_at_discharge: Callable[[HookRequest], bool],
        rules: Rules,
    ) -> None:
        self._advise = advise
        self._is_at_discharge = is_at_discharge
        self._rules = rules

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
        """
        return self.advise(request).response

    def advise(self, request: HookRequest) -> Advice:
        """
        Answer a hook call, and say what the answer rests on.

        Parameters
        ----------
        request : HookRequest
            The loaded call.

        Returns
        -------
        Advice
            What is shown, and what was withheld.

        Raises
        ------
        CDSHooksError
            If the advice cannot be given.
        """
        if is_off(self._rules.order()):
            advice = self._switched_off(request)
        else:
            advice = self._advise(request)
        if advice.response.cards and self._is_silent(request):
            cards = advice.response.cards
            advice = Advice(Response(cards=()), advice.assessment, "silent", cards)
        return advice

    def _switched_off(self, request: HookRequest) -> Advice:
        """Say that nobody was assessed; reminders of the chart just do not come."""
        if not self._is_at_discharge(request):
            return Advice(Response(cards=()), None, "switched-off")
        return Advice(Response(cards=(self._rules.notice(request),)), None, None)

    def _is_silent(self, request: HookRequest) -> bool:
        is_live = request.client is not None and request.client.stage == "live"
        return not (is_live or self._rules.is_open)
