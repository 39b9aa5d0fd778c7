"""The forms in the browser: their pages, and what these send."""

import logging
from collections.abc import Mapping
from typing import Any, Final

import orjson
from flask import Blueprint, Response, request, url_for

from cds_hooks.bodies import read_json
from service.clients import signs_at
from service.fhir.client.deadline import Deadline
from service.fhir.findings import Missing, OperatedVertebra, Reason
from service.languages import N_
from service.pages import gettext, render_page, spoken
from service.smart.charts import Chart
from service.smart.cookies import SESSION
from service.smart.desk import Desk
from service.smart.door import Door
from service.smart.entries import entries, left_out
from service.smart.framing import protect_app, refusal_page
from service.smart.launches import EHR
from service.smart.marks import mark, meant
from service.smart.refusals import Refused, Why
from service.smart.saving import BEGUN_WITHIN_S
from service.smart.scopes import may_create
from service.smart.sessions import Session

__all__ = ["create_smart_pages"]

_MOST_BYTES: Final = 16_384
_NEGATIVE: Final = "kyphosis-negative"

_NOT_KEPT: Final = N_("Outcome: not kept, since not everything was saved.")

_log = logging.getLogger(__name__)


def create_smart_pages(door: Door, desk: Desk) -> Blueprint:
    """
    Build the pages of the forms.

    Parameters
    ----------
    door : Door
        Tells whose session a request belongs to.
    desk : Desk
        What the pages work with.

    Returns
    -------
    flask.Blueprint
        ``/smart/measurements`` and ``/smart/follow-up``, what they send, and
        ``/smart/close``.
    """
    pages = Blueprint("smart", __name__, url_prefix="/smart")

    @pages.get("/measurements")
    def measurements() -> Response:
        return _measurements_page(desk, *door.page_session())

    @pages.post("/measurements/assess")
    def assess() -> Response:
        ehr, _ = door.own_session()
        said = desk.measurements.assess(read_json(request.environ, _MOST_BYTES))
        if not desk.is_shown(ehr.client):
            said = {"computed": said["computed"]}
        return _json(said)

    @pages.post("/measurements/save")
    def save_measurements() -> Response:
        return _save_measurements(door, desk, *door.own_session())

    @pages.get("/follow-up")
    def follow_up() -> Response:
        return _follow_up_page(desk, *door.page_session())

    @pages.post("/follow-up/save")
    def save_follow_up() -> Response:
        return _save_follow_up(door, desk, *door.own_session())

    @pages.post("/close")
    def close() -> Response:
        response = _json({"closed": True})
        door.end(response)
        return response

    @pages.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return _refusal(door, error)

    return pages


def _refusal(door: Door, error: Refused) -> Response:
    if request.method == "GET":
        return refusal_page(door, error, door.window)
    _log.warning("SMART app refused: %s", error.why.value)
    told = {"refused": error.why.value, "words": gettext(error.words)}
    response = _json(told, error.status)
    if request.endpoint == "smart.close" and error.why is Why.NO_SESSIONS:
        # At least nobody at this desk has the handle; the row ends by itself.
        door.drop(response, SESSION, door.window)
    return response


def _measurements_page(desk: Desk, ehr: EHR, session: Session) -> Response:
    chart = desk.charts.read(ehr, session, has_person=True, has_reports=True)
    number, vertebra = _shown(chart, request.args.get("vertebra", "0"))
    form = desk.measurements
    levels = desk.levels(ehr, session, chart, vertebra) if vertebra else None
    standings = form.standings(vertebra, levels)
    is_open = any(each.is_open for each in standings.values())
    signs = signs_at(ehr.client)
    today = chart.now.date()
    return _page(
        "smart_measurements.html",
        ehr,
        session,
        chart,
        form=form.form,
        standings=standings,
        limits=form.limits(vertebra, today, is_signed=signs is not None),
        known=orjson.dumps(form.known(vertebra)).decode(),
        vertebrae=[_named(desk, each) for each in chart.vertebrae],
        number=number,
        kept={"tag": session.tag, "vertebra": number or None},
        mark=mark(desk.secret_key, session, vertebra) if vertebra else "",
        is_shown=desk.is_shown(ehr.client),
        may_save=vertebra is not None and is_open and _may_write(session),
        assess=url_for("smart.assess", lang=spoken()),
        save=url_for("smart.save_measurements", lang=spoken()),
        why_not=_why_not(desk, chart),
        signs=signs,
    )


def _save_measurements(door: Door, desk: Desk, ehr: EHR, session: Session) -> Response:
    """Read the chart again: what others entered meanwhile is not entered twice."""
    if not _may_write(session):
        raise Refused(Why.NO_LEAVE)
    deadline = Deadline(BEGUN_WITHIN_S)
    said = read_json(request.environ, _MOST_BYTES)
    body = said if isinstance(said, dict) else {}
    chart = desk.charts.read(ehr, session)
    vertebra = meant(desk.secret_key, session, chart.vertebrae, body)
    form, signs, author = (
        desk.measurements,
        signs_at(ehr.client),
        desk.author(session, chart),
    )
    limits = form.limits(vertebra, chart.now.date(), is_signed=signs is not None)
    answers = form.checked(body.get("answers"), limits)
    drafts = entries(
        form,
        answers,
        vertebra,
        author,
        is_kyphosis_negative=signs == _NEGATIVE,
        levels=desk.levels(ehr, session, chart, vertebra),
    )
    account = desk.save(door, form.form, drafts, author, deadline=deadline)
    told = account.told(gettext) | {"left_out": left_out(form, answers, vertebra)}
    return _json({**told, "now": _now(desk, ehr, session)})


def _now(desk: Desk, ehr: EHR, session: Session) -> str:
    """Say how it stands after saving; whatever fails here, what was saved is saved."""
    try:
        return desk.standing(desk.charts.read(ehr, session), ehr, session)
    except Exception as error:  # noqa: BLE001 the account must reach the clinician
        _log.warning("SMART app: not read again after saving: %s", type(error).__name__)
        return gettext("The record could not be read again. Look into the chart.")


def _follow_up_page(desk: Desk, ehr: EHR, session: Session) -> Response:
    chart = desk.charts.read(ehr, session, has_person=True)
    operation = chart.operation
    return _page(
        "smart_follow_up.html",
        ehr,
        session,
        chart,
        form=desk.follow_up.form,
        kept={"tag": session.tag},
        limits=desk.follow_up.limits(operation, chart.now),
        operation=operation,
        counts_from=desk.follow_up.counts_from(operation),
        today=chart.now.date().isoformat(),
        may_save=_may_write(session),
        save=url_for("smart.save_follow_up", lang=spoken()),
        why_not=_why_not(desk, chart),
    )


def _save_follow_up(door: Door, desk: Desk, ehr: EHR, session: Session) -> Response:
    """Write to the record where that is allowed; the outcome is the service's own."""
    deadline = Deadline(BEGUN_WITHIN_S)
    said = read_json(request.environ, _MOST_BYTES)
    chart = desk.charts.read(ehr, session)
    if chart.operation is None:
        raise Refused(Why.NO_OPERATION)
    form, author = desk.follow_up, desk.author(session, chart)
    asked = said.get("answers") if isinstance(said, dict) else None
    answers = form.checked(asked, chart.operation, chart.now)
    drafts = form.drafts(answers, author)
    if not all(may_create(session.scopes, kind) for kind in {d.kind for d in drafts}):
        raise Refused(Why.NO_LEAVE)
    account = desk.save(door, form.form, drafts, author, deadline=deadline)
    outcome = form.outcome(answers)
    told = None
    if outcome is not None:
        told = gettext(
            _NOT_KEPT
            if account.failed
            else desk.keep_outcome(ehr.client, session.patient, outcome)
        )
    return _json({**account.told(gettext), "outcome": told})


def _page(
    template: str, ehr: EHR, session: Session, chart: Chart, **context: object
) -> Response:
    page = render_page(
        template,
        person=chart.person,
        born=chart.born,
        reports=chart.reports,
        csrf=session.csrf,
        tag=session.tag,
        has_user=session.user is not None,
        close=url_for("smart.close"),
        own_stylesheet="nomogram.css",
        **context,
    )
    return protect_app(page, ehr)


def _shown(chart: Chart, number: str) -> tuple[int, OperatedVertebra | None]:
    """Find the vertebra to be shown; the first one if the number is none."""
    index = int(number) if number.isdecimal() and len(number) < 3 else 0  # noqa: PLR2004
    index = index if index < len(chart.vertebrae) else 0
    return index, chart.vertebrae[index] if chart.vertebrae else None


def _named(desk: Desk, vertebra: OperatedVertebra) -> str:
    if vertebra.level or isinstance(vertebra.segment, Missing):
        return vertebra.level or gettext("level not recorded")
    return str(desk.measurements.wording.words["segment"][vertebra.segment.value])


def _may_write(session: Session) -> bool:
    return session.user is not None and may_create(session.scopes, "Observation")


def _why_not(desk: Desk, chart: Chart) -> str:
    """Say what of an operation cannot be assessed; empty where it can, or is none."""
    reason = chart.assessment.not_assessed
    if reason in {None, Reason.NO_ELIGIBLE_OPERATION}:
        return ""
    return str(desk.measurements.wording.words["reason"][reason])


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    response = Response(orjson.dumps(document), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
