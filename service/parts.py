"""The parts of the service, built from the settings once at start."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cds_hooks import Registry
from service.assessment import Assessor, OutputMode
from service.cards import CardComposer
from service.config import Settings, SettingsError
from service.fhir.terminology import Terminology, load_terminology
from service.model.artifact import RiskModel, bundled_models, load_model
from service.policy import Policy, default_policy, load_policy
from service.services import FollowUpAdvice, services

__all__ = ["Clock", "Parts", "build_parts", "wall_clock"]

#: Gives the time of a call, with its zone.
Clock = Callable[[], datetime]

#: The study has two equations; each is shown beside the other where they disagree.
_SECOND = {"liu-nomogram": "liu-table2", "liu-table2": "liu-nomogram"}


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
        Answers the hook calls.
    registry : Registry
        The CDS services.
    """

    model: RiskModel
    mode: OutputMode
    policy: Policy
    terminology: Terminology
    advice: FollowUpAdvice
    registry: Registry


def wall_clock() -> datetime:
    """
    Tell the time.

    Returns
    -------
    datetime.datetime
        Now, in UTC.
    """
    return datetime.now(UTC)


def build_parts(settings: Settings, clock: Clock = wall_clock) -> Parts:
    """
    Read model, policy and terminology, and put the service together.

    Parameters
    ----------
    settings : Settings
        The checked settings.
    clock : callable
        Gives the time of a call.

    Returns
    -------
    Parts
        Everything a call needs, read and checked.

    Raises
    ------
    SettingsError
        If the model is not known, or does not fit the output mode.
    ArtifactError
        If a model artifact is refused.
    PolicyError
        If the policy file is refused.
    TerminologyError
        If a ConceptMap is refused.
    """
    model = _model(settings.model)
    mode = OutputMode(settings.output_mode)
    _check_mode(model, mode)
    policy = (
        load_policy(settings.policy_file) if settings.policy_file else default_policy()
    )
    terminology = load_terminology(settings.conceptmaps_dir, settings.canonical_base)
    second = _SECOND.get(model.id)
    assessor = Assessor(
        model=model,
        second_model=_model(second) if second else None,
        policy=policy,
        terminology=terminology,
        mode=mode,
    )
    composer = CardComposer(
        model=model,
        mode=mode,
        policy=policy,
        public_url=settings.public_url,
        canonical_base=settings.canonical_base,
        secret_key=settings.secret_key.encode(),
        locale=settings.locale,
    )
    advice = FollowUpAdvice(assessor, composer, clock)
    registry = Registry(services(advice, terminology))
    return Parts(model, mode, policy, terminology, advice, registry)


def _model(name: str) -> RiskModel:
    bundled = bundled_models()
    if name in bundled:
        return load_model(bundled[name])
    path = Path(name)
    if not path.is_file():
        raise SettingsError(
            f"SCNEN_MODEL: no file and none of the bundled models {sorted(bundled)}"
        )
    return load_model(path)


def _check_mode(model: RiskModel, mode: OutputMode) -> None:
    """A number is never called something that its model is not."""
    if mode is not OutputMode.RELATIVE and mode.value != model.mode:
        raise SettingsError(
            f"SCNEN_OUTPUT_MODE: {mode.value} does not fit the model {model.id}, which"
            f" is {model.mode}; set {model.mode} or relative, or another SCNEN_MODEL"
        )
