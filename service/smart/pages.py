"""The forms in the browser: their pages, and what these send."""

import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from flask import Blueprint, Response, make_response, render_template, request, url_for

from cds_hooks import Client
from cds_hooks.addresses import origin_of
from cds_hooks.bodies import read_json
from service.clients import signs_at
from service.fhir.findings import OperatedVertebra
from service.smart.charts import Chart, Charts
from service.smart.cookies import SESSION, drop_cookie
from service.smart.door import Door, protect_app, refusal_page
from service.smart.entries import entries, left_out
from service.smart.follow_up import FollowUpForm
from service.smart.launches import EHR
from service.smart.marks import mark, meant
from service.smart.measurements import MeasurementForm
from service.smart.questionnaires import Form
from service.smart.refusals import Refused, Why
from service.smart.resources import Author, Draft, provenance
from service.smart.saving import Account, Writer
from service.smart.scopes import may_create
from service.smart.sessions import Session

__all__ = ["Desk", "create_smart_pages"]

_MOST_BYTES: Final = 16_384
_NEGATIVE: Final = "kyphosis-negative"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """
    What the pages work with.

    Attributes
    ----------
    charts : Charts
        Reads records.
    measurements : MeasurementForm
        The form of the values.
    follow_up : FollowUpForm
        The form of a visit.
    canonical_base : str
        Base of the project's own systems.
    secret_key : bytes
        Key of the identifiers.
    standing : callable
        Says what a chart amounts to now, in a sentence.
    keep_outcome : callable
        Keeps an outcome of a client's patient; says in words what became of it.
    is_shown : callable
        Whether users of a client are shown numbers yet.
    """

    charts: Charts
    measurements: MeasurementForm
    follow_up: FollowUpForm
    canonical_base: str
    secret_key: bytes
    standing: Callable[[Chart, EHR, Session], str]
    keep_outcome: Callable[[Client, str, Mapping[str, str | None]], str]
    is_shown: Callable[[Client], bool]

    def author(self, session: Session, chart: Chart) -> Author:
        """
        Say who records.

        Parameters
        ----------
        session : Session
            Clinician and patient.
        chart : Chart
            The chart.

        Returns
        -------
        Author
            The author.

        Raises
        ------
        Refused
            If the EHR did not say who the clinician is.
        """
        if session.user is None:
            raise Refused(Why.NO_LEAVE)
        return Author(
            session.server,
            session.patient,
            session.encounter,
            session.user,
            chart.now,
            self.canonical_base,
            self.secret_key,
            chart.fhir_version,
        )

    def save(
        self, door: Door, form: Form, drafts: Sequence[Draft], author: Author
    ) -> Account:
        """
        Write drafts with the session's token.

        Parameters
        ----------
        door : Door
            Knows the session, and the way to its server.
        form : Form
            The form they come from.
        drafts : sequence of Draft
            What to write.
        author : Author
            Who records.

        Returns
        -------
        Account
            What became of each.
        """
        ehr, session = door.session()
        canonical = f"{self.canonical_base}/Questionnaire/{form.name}|{form.version}"
        writer = Writer(door.access, ehr, session.token)
        if not drafts:
            return Account()
        is_told = may_create(session.scopes, "Provenance")
        made = (lambda names: provenance(author, names, canonical)) if is_told else None
        return writer.save(drafts, made)


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
        return _measurements_page(desk, *door.session())

    @pages.post("/measurements/assess")
    def assess() -> Response:
        ehr, _ = _own_session(door)
        said = desk.measurements.assess(read_json(request.environ, _MOST_BYTES))
        if not desk.is_shown(ehr.client):
            said = {"computed": said["computed"]}
        return _json(said)

    @pages.post("/measurements/save")
    def save_measurements() -> Response:
        return _save_measurements(door, desk, *_own_session(door))

    @pages.get("/follow-up")
    def follow_up() -> Response:
        return _follow_up_page(desk, *door.session())

    @pages.post("/follow-up/save")
    def save_follow_up() -> Response:
        return _save_follow_up(door, desk, *_own_session(door))

    @pages.post("/close")
    def close() -> Response:
        ehr, _ = _own_session(door)
        response = _json({"closed": True})
        drop_cookie(
            response, SESSION, is_secure=door.is_secure, is_framed=ehr.app.is_framed
        )
        return response

    @pages.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        if request.method == "GET":
            return refusal_page(door, error)
        told = {"refused": error.why.value, "words": error.words}
        return _json(told, error.status)

    return pages


def _own_session(door: Door) -> tuple[EHR, Session]:
    """Find the session, and see that its own page sent this, of this patient."""
    ehr, session = door.session()
    if request.headers.get("Origin", "") != origin_of(door.public_url):
        raise Refused(Why.FOREIGN_PAGE)
    sent = request.headers.get("X-CSRF-Token", "").encode()
    if not hmac.compare_digest(sent, session.csrf.encode()):
        raise Refused(Why.OTHER_PATIENT)
    return ehr, session


def _measurements_page(desk: Desk, ehr: EHR, session: Session) -> Response:
    chart = desk.charts.read(ehr, session, has_texts=True)
    number, vertebra = _shown(chart, request.args.get("vertebra", "0"))
    form = desk.measurements
    standings = form.standings(vertebra)
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
        vertebrae=[_named(each) for each in chart.vertebrae],
        number=number,
        mark=mark(desk.secret_key, session, vertebra) if vertebra else "",
        is_shown=desk.is_shown(ehr.client),
        may_save=vertebra is not None and is_open and _may_write(session),
        assess=url_for("smart.assess"),
        save=url_for("smart.save_measurements"),
        why_not=_why_not(desk, chart),
        predictors=form.wording.words["predictor"],
    )


def _save_measurements(door: Door, desk: Desk, ehr: EHR, session: Session) -> Response:
    """Read the chart again: what others entered meanwhile is not entered twice."""
    if not _may_write(session):
        raise Refused(Why.NO_LEAVE)
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
        form, answers, vertebra, author, is_kyphosis_negative=signs == _NEGATIVE
    )
    account = desk.save(door, form.form, drafts, author)
    told = account.told() | {"left_out": left_out(form, answers, vertebra)}
    return _json({**told, "now": _now(desk, ehr, session)})


def _now(desk: Desk, ehr: EHR, session: Session) -> str:
    """Say how it stands after saving; whatever fails here, what was saved is saved."""
    try:
        return desk.standing(desk.charts.read(ehr, session), ehr, session)
    except Exception as error:  # noqa: BLE001 the account must reach the clinician
        _log.warning("SMART app: not read again after saving: %s", type(error).__name__)
        return "The record could not be read again. Look into the chart."


def _follow_up_page(desk: Desk, ehr: EHR, session: Session) -> Response:
    chart = desk.charts.read(ehr, session, has_texts=True)
    operation = chart.operation
    return _page(
        "smart_follow_up.html",
        ehr,
        session,
        chart,
        form=desk.follow_up.form,
        limits=desk.follow_up.limits(operation, chart.now),
        operation=operation,
        counts_from=desk.follow_up.counts_from(operation),
        today=chart.now.date().isoformat(),
        may_save=_may_write(session),
        save=url_for("smart.save_follow_up"),
        why_not=_why_not(desk, chart),
    )


def _save_follow_up(door: Door, desk: Desk, ehr: EHR, session: Session) -> Response:
    """Write to the record where that is allowed; the outcome is the service's own."""
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
    account = desk.save(door, form.form, drafts, author)
    outcome = form.outcome(answers)
    told = None
    if outcome is not None and not account.failed:
        told = desk.keep_outcome(ehr.client, session.patient, outcome)
    return _json({**account.told(), "outcome": told})


def _page(
    template: str, ehr: EHR, session: Session, chart: Chart, **context: object
) -> Response:
    page = render_template(
        template,
        person=chart.person,
        reports=chart.reports,
        csrf=session.csrf,
        has_user=session.user is not None,
        close=url_for("smart.close"),
        stylesheets=[
            url_for("pages.static", filename=name)
            for name in ("page.css", "nomogram.css", "smart.css")
        ],
        script=url_for("pages.static", filename="smart.js"),
        **context,
    )
    return protect_app(make_response(page), ehr)


def _shown(chart: Chart, number: str) -> tuple[int, OperatedVertebra | None]:
    """Find the vertebra to be shown; the first one if the number is none."""
    index = int(number) if number.isdecimal() and len(number) < 3 else 0  # noqa: PLR2004
    index = index if index < len(chart.vertebrae) else 0
    return index, chart.vertebrae[index] if chart.vertebrae else None


def _named(vertebra: OperatedVertebra) -> str:
    segment = getattr(vertebra.segment, "value", "level not recorded")
    return vertebra.level or str(segment)


def _may_write(session: Session) -> bool:
    return session.user is not None and may_create(session.scopes, "Observation")


def _why_not(desk: Desk, chart: Chart) -> str:
    """Say why nothing can be assessed at all; empty where something can."""
    reason = chart.assessment.not_assessed
    if reason is None:
        return ""
    return str(desk.measurements.wording.words["reason"][reason])


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    response = Response(orjson.dumps(document), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
