"""The parts of the service, built from the settings once at start; no web in them."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cds_hooks import (
    Card,
    Client,
    ClientFileError,
    ClientRegister,
    HookRequest,
    Registry,
    Response,
)
from service.advice import Advice, FollowUpAdvice
from service.assessment import Assessor, OutputMode
from service.callers import check_callers, check_stages
from service.cards import CardComposer
from service.chart import ChartAdvice, is_at_discharge
from service.clients import find_client, language_of, load_clients, signs_at
from service.config import Settings, SettingsError
from service.fhir.client import FHIRAccess
from service.fhir.conventions import signed
from service.fhir.terminology import (
    Maps,
    Terminology,
    TerminologyError,
    read_maps,
)
from service.followup import ChartReader
from service.followup_cards import ChartComposer
from service.gate import Gate, Rules
from service.languages import ByLanguage, languages
from service.model.artifact import (
    OTHER_EQUATION,
    ArtifactError,
    RiskModel,
    bundled_models,
    load_model,
)
from service.model.published import CITATION
from service.model_card.local import (
    LocalValidation,
    ValidationFileError,
    read_validation,
)
from service.notice import OffNotice
from service.played_clients import played_clients
from service.policy import Policy, PolicyError, default_policy, load_policy
from service.readers import open_access, record_readers
from service.recording import RecordedAdvice
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
    model = _model(settings.model)
    _check_real(settings, model)
    mode = _mode(settings.output_mode, model)
    validation = _validation(settings, model)
    policy = _policy(settings.policy_file)
    maps = _maps(settings)
    clients = _clients(settings, policy)
    switch = StopSwitch(settings.stop_file)
    open_client = _open_client(settings, clients)
    played = played_clients(languages() if settings.is_open else ())
    terminologies = _terminologies(maps, (*clients, open_client))
    terminology = terminologies[None]
    other = OTHER_EQUATION.get(model.id) if model.mode == "anchored" else None
    second_model = _model(other) if other else None
    on_expired = _once(model)
    assessors = {
        signs: Assessor(
            model=model,
            second_model=second_model,
            policy=policy,
            terminology=each,
            mode=mode,
            is_stopped=switch.is_on,
            on_expired=on_expired,
        )
        for signs, each in terminologies.items()
    }
    composing = _composing(settings, model, policy)
    spoken = _spoken(settings, policy, (*clients, open_client))
    charts = {signs: ChartReader(each) for signs, each in assessors.items()}
    access = open_access(settings)
    discharge_reader, chart_reader = record_readers(
        settings, terminology, access, on_fetch
    )
    composers = ByLanguage(
        lambda language: CardComposer(**composing, mode=mode, language=language), spoken
    )
    advice = FollowUpAdvice(discharge_reader, assessors, composers, clock)
    chart = ChartAdvice(
        advice,
        chart_reader,
        charts,
        ByLanguage(
            lambda language: ChartComposer(**composing, language=language), spoken
        ),
        clock,
    )
    rules = Rules(switch.order, _notice(settings, spoken), settings.is_open)
    gates = {
        "scnen-discharge": Gate(advice.advise, lambda _: True, rules),
        "scnen-chart": Gate(chart.advise, is_at_discharge, rules),
    }
    store = _store(settings, policy) if is_recording else None
    discharge, opened = (
        _recorded(name, gate, store, on_advice, clock) for name, gate in gates.items()
    )
    registry = Registry(services(discharge, opened, terminology))
    return Parts(
        model=model,
        mode=mode,
        policy=policy,
        terminology=terminology,
        advice=advice,
        registry=registry,
        clients=clients,
        played=played,
        open_client=open_client,
        access=access,
        store=store,
        switch=switch,
        days_left=lambda: _days_left(model, clock().date()),
        validation=validation,
    )


def _once(model: RiskModel) -> Callable[[], None]:
    """Tell the log of an expired calibration, the first time it is in the way."""

    @cache
    def tell() -> None:
        _log.warning("the calibration of %s expired: no probability", model.id)

    return tell


def _days_left(model: RiskModel, today: date) -> int | None:
    until = model.valid_until
    return None if until is None else (until - today).days


def _check_real(settings: Settings, model: RiskModel) -> None:
    """Refuse to show clinicians what is drawn, or nobody has validated or approved."""
    calibration = model.calibration
    if settings.is_open:
        return
    if calibration is not None and calibration.is_synthetic:
        raise SettingsError(
            f"SCNEN_MODEL: {settings.model} was recalibrated on synthetic patients, for"
            " demonstration in open mode. Recalibrate on patients, or choose another."
        )
    if calibration is None and model.provenance.citation != CITATION:
        raise SettingsError(
            f"SCNEN_MODEL: {settings.model} is not the study's model, and nobody has"
            " recalibrated and approved it: it is for research, in open mode. Validate"
            " and recalibrate it on other patients, or choose another."
        )


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


def _composing(settings: Settings, model: RiskModel, policy: Policy) -> dict[str, Any]:
    return {
        "model": model,
        "policy": policy,
        "public_url": settings.public_url,
        "canonical_base": settings.canonical_base,
        "secret_key": settings.secret_key.encode(),
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


def _model(name: str) -> RiskModel:
    """
    Load a bundled model by its id, or a site's own by its path.

    One that has expired is loaded: a service that starts again must give what it gave
    before, points and percentile, and not be away.
    """
    bundled = bundled_models()
    path = bundled.get(name, Path(name))
    if not path.is_file():
        raise SettingsError(
            f"SCNEN_MODEL: {name} is neither a file nor one of the bundled models"
            f" ({', '.join(sorted(bundled))})."
        )
    try:
        model = load_model(path, may_be_expired=True)
    except ArtifactError as error:
        raise SettingsError(f"SCNEN_MODEL: {error}") from error
    if name not in bundled and model.id in bundled:
        raise SettingsError(
            f"SCNEN_MODEL: {path} calls itself {model.id}, the name of a bundled model."
            " Give the artifact an id of its own."
        )
    return model


def _mode(name: str, model: RiskModel) -> OutputMode:
    """Refuse to call a number what its model is not."""
    mode = OutputMode(name)
    if mode is not OutputMode.RELATIVE and mode.value != model.mode:
        raise SettingsError(
            f"SCNEN_OUTPUT_MODE: {mode.value} does not fit the model {model.id}, which"
            f" is {model.mode}. Set {model.mode} or relative, or another SCNEN_MODEL."
        )
    return mode


def _validation(settings: Settings, model: RiskModel) -> LocalValidation | None:
    """Refuse figures of another model, or of patients who do not exist."""
    if settings.validation_file is None:
        return None
    try:
        found = read_validation(settings.validation_file, model)
    except ValidationFileError as error:
        raise SettingsError(f"SCNEN_VALIDATION_FILE: {error}") from error
    if found.is_synthetic and not settings.is_open:
        raise SettingsError(
            f"SCNEN_VALIDATION_FILE: {settings.validation_file} is about synthetic"
            " patients, for demonstration in open mode. Validate on patients, or remove"
            " the variable."
        )
    return found


def _policy(path: Path | None) -> Policy:
    if path is None:
        return default_policy()
    try:
        return load_policy(path)
    except PolicyError as error:
        raise SettingsError(f"SCNEN_POLICY_FILE: {error}") from error


def _maps(settings: Settings) -> Maps:
    try:
        return read_maps(settings.conceptmaps_dir, settings.canonical_base)
    except TerminologyError as error:
        raise SettingsError(f"SCNEN_CONCEPTMAPS_DIR: {error}") from error


def _clients(settings: Settings, policy: Policy) -> ClientRegister:
    if settings.clients_file is None and settings.is_open:
        return ClientRegister()
    if settings.clients_file is None:
        raise SettingsError(
            "SCNEN_CLIENTS_FILE: not set. Give the register of the clients that may"
            " call, or serve this machine with --open."
        )
    try:
        register = load_clients(settings.clients_file)
    except ClientFileError as error:
        raise SettingsError(f"SCNEN_CLIENTS_FILE: {error}") from error
    if not settings.is_open:
        check_callers(settings.clients_file, register)
        check_stages(settings.clients_file, register, policy, settings.locale)
    return register


def _open_client(settings: Settings, register: ClientRegister) -> Client:
    try:
        return find_client(register, settings.open_client)
    except LookupError as error:
        raise SettingsError(f"SCNEN_OPEN_CLIENT: {error.args[0]}") from error
