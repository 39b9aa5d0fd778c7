"""What the settings name, read once at start and refused in a setting's own words."""

from dataclasses import dataclass
from pathlib import Path

from cds_hooks import Client, ClientFileError, ClientRegister
from service.assessment import OutputMode
from service.callers import check_callers, check_stages
from service.clients import find_client, load_clients
from service.config import Settings, SettingsError
from service.fhir.terminology import Maps, TerminologyError, read_maps
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
from service.policy import Policy, PolicyError, default_policy, load_policy

__all__ = ["Named", "read_named"]


@dataclass(frozen=True, slots=True)
class Named:
    """
    Models, policy, codes and clients that the settings name; they fit each other.

    Attributes
    ----------
    model : RiskModel
        The model whose number is shown.
    second_model : RiskModel or None
        The study's other equation, where the model is one of the two.
    mode : OutputMode
        What kind of number is shown.
    policy : Policy
        The clinical policy.
    maps : Maps
        Which codes mean what.
    clients : ClientRegister
        The registered EHR clients; empty without a file.
    open_client : Client
        Whom open mode takes a caller for whose FHIR server is none of theirs.
    validation : LocalValidation or None
        What a validation of the model on local patients found.
    """

    model: RiskModel
    second_model: RiskModel | None
    mode: OutputMode
    policy: Policy
    maps: Maps
    clients: ClientRegister
    open_client: Client
    validation: LocalValidation | None


def read_named(settings: Settings) -> Named:
    """
    Read and check all that the settings name.

    Parameters
    ----------
    settings : Settings
        The checked settings.

    Returns
    -------
    Named
        What was read.

    Raises
    ------
    SettingsError
        If a file is refused, or two do not go together; the message names the setting,
        then the file and the field.
    """
    model = _model(settings.model)
    _check_real(settings, model)
    mode = _mode(settings.output_mode, model)
    validation = _validation(settings, model)
    policy = _policy(settings.policy_file)
    maps = _maps(settings)
    clients = _clients(settings, policy)
    other = OTHER_EQUATION.get(model.id) if model.mode == "anchored" else None
    return Named(
        model=model,
        second_model=_model(other) if other else None,
        mode=mode,
        policy=policy,
        maps=maps,
        clients=clients,
        open_client=_open_client(settings, clients),
        validation=validation,
    )


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
