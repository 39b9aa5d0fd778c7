"""The parts of the service, built from the settings once at start; no web in them."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from cds_hooks import (
    Card,
    Client,
    ClientRegister,
    HookRequest,
    Registry,
    Response,
)
from service.advice import Advice, FollowUpAdvice
from service.assessment import OutputMode
from service.assessor import Assessor
from service.cards import CardComposer
from service.chart import ChartAdvice, is_at_discharge
from service.clients import language_of, signs_at
from service.config import Settings
from service.fhir.client import FHIRAccess
from service.fhir.conventions import signed
from service.fhir.terminology import (
    Maps,
    Terminology,
)
from service.followup import ChartReader
from service.followup_cards import ChartComposer
from service.gate import Gate, Rules
from service.languages import ByLanguage, languages
from service.model.artifact import (
    RiskModel,
)
from service.model_card.local import (
    LocalValidation,
)
from service.named import Named, read_named
from service.notice import OffNotice
from service.played_clients import played_clients
from service.policy import Policy
from service.readers import open_access, record_readers
from service.recording import RecordedAdvice
from service.records import RecordReader
from service.services import services
from service.store.store import Store
from service.switch import StopSwitch

__all__ = ["Clock", "Parts", "build_parts", "wall_clock"]

_log = logging.getLogger(__name__)

#: Gives the time of a call, with its zone.
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Parts:
    """
    What the service consists of, apart from the web.

    Attributes
    ----------
    model : RiskModel
        The model whose number is shown.
    mode : OutputMode
        What kind of number it is.
    policy : Policy
        The clinical policy.
    terminology : Terminology
        Which codes mean what.
    advice : FollowUpAdvice
        Answers the calls at discharge.
    registry : Registry
        The CDS services.
    clients : ClientRegister
        The registered EHR clients; empty without a file.
    played : Mapping of str to Client
        The presets, by addresses at which nobody is; empty outside of open mode.
    open_client : Client
        Whom open mode takes a caller for whose FHIR server is none of these.
    access : FHIRAccess
        The way to the clients' FHIR servers; whoever ends first closes it.
    store : Store or None
        Where calls are recorded; None where nothing is served.
    validation : LocalValidation or None
        What a validation of the model on local patients found, for its card.
    switch : StopSwitch
        What is switched off.
    days_left : callable
        Days until the last day of a calibration, below 0 after it; None for a model
        that is not calibrated.
    """

    model: RiskModel
    mode: OutputMode
    policy: Policy
    terminology: Terminology
    advice: FollowUpAdvice
    registry: Registry
    clients: ClientRegister
    played: Mapping[str, Client]
    open_client: Client
    access: FHIRAccess
    switch: StopSwitch
    days_left: Callable[[], int | None]
    store: Store | None = None
    validation: LocalValidation | None = None

    def client_of(self, fhir_server: str | None) -> Client:
        """
        Tell who calls in open mode, where nobody proves who he is.

        Parameters
        ----------
        fhir_server : str or None
            The FHIR server that the request names.

        Returns
        -------
        Client
            The client to which the FHIR server of the request belongs, or the preset
            for which it stands, else the one that the settings name.
        """
        registered = self.clients.at_fhir_server(fhir_server)
        return registered or self.played.get(fhir_server or "", self.open_client)


def _nobody(_: object) -> None:
    """Take no notice."""


def wall_clock(time_zone: str) -> Clock:
    """
    Make the clock of a hospital.

    Parameters
    ----------
    time_zone : str
        IANA name of its time zone.

    Returns
    -------
    callable
        Tells the time there.
    """
    zone = ZoneInfo(time_zone)
    return lambda: datetime.now(zone)


def build_parts(
    settings: Settings,
    clock: Clock | None = None,
    *,
    is_recording: bool = False,
    on_advice: Callable[[Advice], None] = _nobody,
    on_fetch: Callable[[str], None] = _nobody,
) -> Parts:
    """
    Read model, policy and terminology, and put the service together.

    Parameters
    ----------
    settings : Settings
        The checked settings.
    clock : callable
        Gives the time of a call.
    is_recording : bool, optional
        Whether calls of the services are recorded in the store.
    on_advice, on_fetch : callable, optional
        Learn of each advice that a service gives, and of each query to a FHIR server.

    Returns
    -------
    Parts
        Everything a call needs, read and checked.

    Raises
    ------
    SettingsError
        If a file that a setting names is refused, or model and output mode do not go
        together; the message names the setting, then the file and the field.
    """
    clock = clock or wall_clock(settings.time_zone)
    named = read_named(settings)
    callers = (*named.clients, named.open_client)
    switch = StopSwitch(settings.stop_file)
    spoken = _spoken(settings, named.policy, callers)
    terminologies = _terminologies(named.maps, callers)
    access = open_access(settings)
    readers = record_readers(settings, terminologies[None], access, on_fetch)
    assessors = _assessors(named, terminologies, switch)
    advice, chart = _advice(settings, named, readers, assessors, spoken, clock)
    rules = Rules(switch.order, _notice(settings, spoken), settings.is_open)
    gates = {
        "scnen-discharge": Gate(advice.advise, lambda _: True, rules),
        "scnen-chart": Gate(chart.advise, is_at_discharge, rules),
    }
    store = _store(settings, named.policy) if is_recording else None
    discharge, opened = (
        _recorded(name, gate, store, on_advice, clock) for name, gate in gates.items()
    )
    return Parts(
        model=named.model,
        mode=named.mode,
        policy=named.policy,
        terminology=terminologies[None],
        advice=advice,
        registry=Registry(services(discharge, opened, terminologies[None])),
        clients=named.clients,
        played=played_clients(languages() if settings.is_open else ()),
        open_client=named.open_client,
        access=access,
        store=store,
        switch=switch,
        days_left=lambda: _days_left(named.model, clock().date()),
        validation=named.validation,
    )


def _assessors(
    named: Named, terminologies: Mapping[str | None, Terminology], switch: StopSwitch
) -> dict[str | None, Assessor]:
    on_expired = _once(named.model)
    return {
        signs: Assessor(
            model=named.model,
            second_model=named.second_model,
            policy=named.policy,
            terminology=each,
            mode=named.mode,
            is_stopped=switch.is_on,
            on_expired=on_expired,
        )
        for signs, each in terminologies.items()
    }


def _advice(
    settings: Settings,
    named: Named,
    readers: tuple[RecordReader, RecordReader],
    assessors: Mapping[str | None, Assessor],
    spoken: Mapping[str | None, str],
    clock: Clock,
) -> tuple[FollowUpAdvice, ChartAdvice]:
    """Make who answers at a discharge, and who answers in an opened chart."""
    discharge_reader, chart_reader = readers
    composing: dict[str, Any] = {
        "model": named.model,
        "policy": named.policy,
        "public_url": settings.public_url,
        "canonical_base": settings.canonical_base,
        "secret_key": settings.secret_key.encode(),
    }
    cards = ByLanguage(
        lambda language: CardComposer(**composing, mode=named.mode, language=language),
        spoken,
    )
    chart_cards = ByLanguage(
        lambda language: ChartComposer(**composing, language=language), spoken
    )
    charts = {signs: ChartReader(each) for signs, each in assessors.items()}
    advice = FollowUpAdvice(discharge_reader, assessors, cards, clock)
    return advice, ChartAdvice(advice, chart_reader, charts, chart_cards, clock)


def _once(model: RiskModel) -> Callable[[], None]:
    """Tell the log of an expired calibration, the first time it is in the way."""

    @cache
    def tell() -> None:
        _log.warning("the calibration of %s expired: no probability", model.id)

    return tell


def _days_left(model: RiskModel, today: date) -> int | None:
    until = model.valid_until
    return None if until is None else (until - today).days


def _store(settings: Settings, policy: Policy) -> Store:
    stays_away = policy.overridden.stays_away
    return Store(
        settings.store,
        settings.secret_key,
        comes_back_for=policy.overridden.comes_back_for if stays_away else None,
    )


def _recorded(
    service: str,
    gate: Gate,
    store: Store | None,
    on_advice: Callable[[Advice], None],
    clock: Clock,
) -> Callable[[HookRequest], Response]:
    if store is None:
        return gate
    return RecordedAdvice(service, gate.advise, store, on_advice=on_advice, clock=clock)


def _terminologies(
    maps: Maps, clients: Iterable[Client]
) -> dict[str | None, Terminology]:
    """Read the same codes for each way in which a client signs kyphosis angles."""
    declared = {signs for each in clients if (signs := signs_at(each)) is not None}
    return {
        None: Terminology(maps.entries, maps.base),
        **{
            signs: Terminology(signed(maps.entries, signs), maps.base)
            for signs in sorted(declared)
        },
    }


def _spoken(
    settings: Settings, policy: Policy, clients: Iterable[Client]
) -> dict[str | None, str]:
    """Tell the languages that are needed, by what a client says of its own."""
    named = {client.language for client in clients if client.language is not None}
    spoken: dict[str | None, str] = {each: each for each in sorted(named)}
    spoken[None] = settings.locale
    for language in sorted(set(spoken.values())):
        if not policy.approval.is_of(language):
            _log.warning("cards in %s: nobody approved the translation", language)
    return spoken


def _notice(
    settings: Settings, spoken: Mapping[str | None, str]
) -> Callable[[HookRequest], Card]:
    notices = ByLanguage(
        lambda language: OffNotice(
            public_url=settings.public_url,
            canonical_base=settings.canonical_base,
            secret_key=settings.secret_key.encode(),
            language=language,
        ),
        spoken,
    )
    return lambda request: notices[language_of(request.client)](request)
