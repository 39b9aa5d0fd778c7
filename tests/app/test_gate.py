"""What of the advice gets out, to whom."""

import pytest

from cds_hooks import Card, Client, HookRequest, Response, Source
from service.advice import Advice
from service.gate import Gate, Rules
from service.switch import Order, Stop

UUID = "00000000-0000-5000-8000-00000000000{}"


def card(number):
    """A card that can be told from others."""
    return Card(
        summary="s", indicator="info", source=Source("s"), uuid=UUID.format(number)
    )


ADVISED, NOTICE = card(1), card(2)


@pytest.fixture
def gate():
    """Build the gate of a service."""

    def build(order=None, *, is_open=False, is_at_discharge=True, cards=(ADVISED,)):
        def advise(_):
            assert order is None or order.stop is not Stop.OFF, "nobody is assessed"
            return Advice(Response(cards=cards), None, None if cards else "quiet")

        rules = Rules(lambda: order, lambda _: NOTICE, is_open)
        return Gate(advise, lambda _: is_at_discharge, rules)

    return build


def request(stage=None):
    """A call of a client in a stage, or of one that nobody knows."""
    return HookRequest(
        hook="encounter-discharge",
        hook_instance="h",
        context={"userId": "Practitioner/1", "patientId": "p", "encounterId": "e"},
        client=Client("north", stage=stage) if stage else None,
    )


@pytest.mark.parametrize(
    ("stage", "is_open", "shown"),
    [
        ("live", False, (ADVISED,)),
        ("silent", False, ()),
        (None, False, ()),
        ("silent", True, (ADVISED,)),
        (None, True, (ADVISED,)),
    ],
)
def test_cards_are_shown_to_live_clients_and_in_open_mode(gate, stage, is_open, shown):
    """Whom nobody has made live is shown nothing."""
    told = gate(is_open=is_open).advise(request(stage))
    assert told.response.cards == shown
    assert told.withheld == (() if shown else (ADVISED,))
    assert told.quiet == (None if shown else "silent")


def test_what_gave_no_card_is_not_called_withheld(gate):
    """The reason is its own."""
    told = gate(cards=()).advise(request("silent"))
    assert told == Advice(Response(cards=()), None, "quiet")


def test_relative_lets_the_advice_through(gate):
    """Its number is decided where it is made."""
    opened = gate(Order(Stop.RELATIVE))
    assert opened(request("live")).cards == (ADVISED,)


@pytest.mark.parametrize(
    ("is_at_discharge", "stage", "shown", "withheld"),
    [
        (True, "live", (NOTICE,), ()),
        (True, "silent", (), (NOTICE,)),
        (False, "live", (), ()),
    ],
)
def test_off_is_said_at_a_discharge_only(gate, is_at_discharge, stage, shown, withheld):
    """Also where the hook of the chart is fired at one; never to silent clients."""
    closed = gate(Order(Stop.OFF), is_at_discharge=is_at_discharge)
    told = closed.advise(request(stage))
    assert told.response.cards == closed(request(stage)).cards == shown
    assert told.withheld == withheld


def test_off_in_the_chart_has_a_reason_of_its_own(gate):
    """It is not taken for a quiet chart."""
    closed = gate(Order(Stop.OFF), is_at_discharge=False)
    assert closed.advise(request("live")).quiet == "switched-off"
