"""The SMART app, put together from the parts of the service."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from flask import Blueprint, Flask

from cds_hooks import Client
from cds_hooks.trust import ReplayStore
from service.calculator import Calculator
from service.calculator_answer import CalculatorAnswer
from service.clients import capabilities_of
from service.config import Settings, SettingsError
from service.fhir.client import Limits
from service.fhir.findings import Reason
from service.languages import N_
from service.model.scoring import Score
from service.orders import Subject
from service.pages import PAGE_LANGUAGES, gettext, spoken
from service.parts import Clock, Parts
from service.readers import open_access, record_readers
from service.smart.assertions import assertion
from service.smart.charts import Chart, Charts
from service.smart.desk import Desk
from service.smart.door import Door
from service.smart.follow_up import FollowUpForm
from service.smart.launches import EHR
from service.smart.measurements import MeasurementForm
from service.smart.pages import create_smart_pages
from service.smart.questionnaires import load_form
from service.smart.routes import create_smart_routes
from service.smart.seals import Seal
from service.smart.session_store import SessionStore
from service.smart.sessions import Session
from service.store.faults import StoreError
from service.store.pseudonyms import derive_key
from service.store.smart_sessions import SmartSessions
from service.store.store import Store
from service.wording import Wording

__all__ = ["add_smart_app"]

#: Of one exchange: a person waits, and a worker with him. All that a press of a button
#: asks of servers ends before the worker is taken for dead (`service.gunicorn_conf`).
_LIMITS = Limits(total_s=4, connect_s=2, read_s=4)

#: What is said of an outcome that was kept.
_KEPT: Final[Mapping[str | None, str]] = {
    "yes": N_("Outcome kept: yes."),
    "no": N_("Outcome kept: no."),
    "not-examined": N_("Outcome kept: not examined."),
}
#: What is said where an earlier visit found something that this one does not undo.
_STANDS: Final[Mapping[str | None, str]] = {
    "yes": N_("Outcome: yes was found before, and stands."),
    "no": N_("Outcome: no was found before, and stands."),
    "not-examined": N_("Outcome: kept before."),
}


def add_smart_app(
    app: Flask,
    parts: Parts,
    settings: Settings,
    clock: Clock,
    *,
    calculator: Calculator,
    store: Store,
    replays: ReplayStore | None,
) -> None:
    """
    Add the routes of the SMART app.

    Parameters
    ----------
    app : flask.Flask
        The application.
    parts : Parts
        The parts of the service.
    settings : Settings
        The settings.
    clock : callable
        The time, with its zone.
    calculator : Calculator
        Scores what is entered.
    store : Store
        Whose database keeps sessions.
    replays : ReplayStore or None
        Remembers launches that were used.

    Raises
    ------
    SettingsError
        If the private key of a client cannot sign.
    """
    _check_keys(parts)
    access = open_access(settings, _LIMITS)
    # Whoever ends an application closes both.
    app.extensions["scnen_smart"] = access
    open_client = parts.open_client if settings.is_open else None
    door = Door(
        register=parts.clients,
        open_client=open_client,
        access=access,
        seal=Seal(derive_key(settings.secret_key.encode(), b"scnen-cds smart: launch")),
        sessions=SessionStore(
            SmartSessions(lambda: store.database), settings.secret_key
        ),
        replays=replays,
        clock=clock,
        public_url=settings.public_url,
        order=parts.switch.order,
    )
    for routes in _routes(door, parts, settings, calculator):
        app.register_blueprint(routes)


def _routes(
    door: Door, parts: Parts, settings: Settings, calculator: Calculator
) -> tuple[Blueprint, Blueprint]:
    _, reader = record_readers(settings, parts.terminology, parts.access)
    days = parts.policy.chart.findings_from_days
    desk = Desk(
        charts=Charts(reader, parts.advice.assessors, parts.access, door.clock),
        measurement_forms={
            each: MeasurementForm(
                calculator,
                CalculatorAnswer(each),
                Wording(each),
                parts.policy.windows,
                load_form("measurements", each),
            )
            for each in PAGE_LANGUAGES
        },
        follow_up_forms={
            each: FollowUpForm(days, load_form("follow-up", each))
            for each in PAGE_LANGUAGES
        },
        canonical_base=settings.canonical_base,
        secret_key=settings.secret_key.encode(),
        standing=_standing(parts, is_open=settings.is_open),
        keep_outcome=_keeper(parts.store),
        is_shown=lambda client: settings.is_open or client.stage == "live",
    )
    return create_smart_routes(door), create_smart_pages(door, desk)


def _check_keys(parts: Parts) -> None:
    """Find a key that cannot sign at start, not when somebody waits."""
    for client in parts.clients:
        if client.smart is not None and client.smart.key is not None:
            try:
                assertion(client.smart, "https://example.org", 0)
            except ValueError as error:
                raise SettingsError(
                    f"SCNEN_CLIENTS_FILE: client {client.name}, smart.{error}."
                    " Give a PEM file with an RSA or a P-384 key."
                ) from None


def _standing(parts: Parts, *, is_open: bool) -> Callable[[Chart, EHR, Session], str]:
    """Say what a hook call would say now: the proof that what was saved is read."""

    def summary(chart: Chart, ehr: EHR, session: Session) -> str | None:
        cards = parts.advice.composers[spoken()].compose(
            chart.assessment,
            Subject(session.patient, session.encounter),
            replace(capabilities_of(ehr.client), detail="gfm"),
            chart.fhir_version,
        )
        return cards[0].summary if cards else None

    def say(chart: Chart, ehr: EHR, session: Session) -> str:
        assessment = chart.assessment
        if assessment.not_assessed is not None or not assessment.vertebrae:
            return _nobody(assessment.not_assessed or Reason.NO_ELIGIBLE_OPERATION)
        is_shown = is_open or ehr.client.stage == "live"
        card = summary(chart, ehr, session) if is_shown else None
        scores = [each.score for each in assessment.vertebrae]
        is_scored = all(isinstance(each, Score) for each in scores)
        said = card or _without_card(is_scored=is_scored, is_shown=is_shown)
        return _beyond(said) if chart.is_late else said

    return say


def _without_card(*, is_scored: bool, is_shown: bool) -> str:
    if not is_scored:
        return gettext("Values are still missing.")
    if not is_shown:
        return gettext("All values are there.")
    return gettext(
        "All values are there; the policy gives no card. That is not “no risk”."
    )


def _nobody(reason: Reason) -> str:
    told = gettext(
        "Nobody is assessed with the record as it is now: %(why)s. That is not"
        " “no risk”."
    )
    return told % {"why": Wording(spoken()).words["reason"][reason]}


def _beyond(said: str) -> str:
    told = gettext(
        "%(said)s (The operation lies further back than a discharge looks: no card"
        " shows this there.)"
    )
    return told % {"said": said}


def _keeper(
    store: Store | None,
) -> Callable[[Client, str, Mapping[str, str | None]], str]:
    """Keep outcomes under the tenant under which calls of the client are recorded."""

    def keep(client: Client, patient: str, outcome: Mapping[str, str | None]) -> str:
        if store is None or len(client.tenants) > 1:
            return N_("Outcome: not kept by this service.")
        tenant = next(iter(client.tenants), client.name)
        row = {"tenant": tenant, "patient_id": patient, **outcome}
        try:
            (kept,) = store.keep_outcomes([row], recorded_by="smart-app", is_visit=True)
        except StoreError:
            return N_("Outcome: not kept, the store of this service failed.")
        stands = getattr(kept, "stands", None)
        if stands is not None:
            return _STANDS[stands]
        if not isinstance(kept, bool):
            return N_(
                "Outcome: not kept, no assessment of this patient is stored here."
            )
        return _KEPT[outcome["outcome"]] if kept else N_("Outcome: kept before.")

    return keep
