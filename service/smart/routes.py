"""Launch and callback of the SMART app: from the EHR to the form, or a refusal."""

import hmac
import secrets
from contextlib import suppress

from flask import Blueprint, Response, make_response, redirect, request, url_for

from service.pages import asked
from service.smart.authorisation import authorisation_url, begin, exchange_code
from service.smart.door import Door
from service.smart.framing import protect_app, refusal_page
from service.smart.launches import read_configuration
from service.smart.refusals import Refused, Why
from service.smart.sessions import LAUNCH_S, Pending, Session

__all__ = ["create_smart_routes"]

_FORMS = {"measurements": "smart.measurements", "follow-up": "smart.follow_up"}
_LONGEST = 8000


def create_smart_routes(door: Door) -> Blueprint:
    """
    Build launch and callback.

    Parameters
    ----------
    door : Door
        Lets people in.

    Returns
    -------
    flask.Blueprint
        ``GET /smart/launch`` and ``GET /smart/callback/<client>``.
    """
    routes = Blueprint("smart_door", __name__, url_prefix="/smart")

    @routes.get("/launch")
    def launch() -> Response:
        door.refuse_if_off()
        return _launch(door)

    @routes.get("/callback/<client>")
    def callback(client: str) -> Response:
        door.refuse_if_off()
        return _callback(door, client)

    @routes.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        # At the callback `iss` is the authorisation server (RFC 9207).
        name = (request.view_args or {}).get("client")
        if name is not None:  # where cookies are blocked, the name is all there is
            return refusal_page(door, error, door.named(name))
        ehr = None
        with suppress(Refused):
            ehr = door.ehr(request.args.get("iss"))
        return refusal_page(door, error, ehr)

    return routes


def _launch(door: Door) -> Response:
    handle = request.args.get("launch", "")
    if not handle or len(handle) > _LONGEST or "iss" not in request.args:
        raise Refused(Why.STANDALONE)
    ehr = door.ehr(request.args["iss"])
    found = read_configuration(door.access, ehr)
    pending = begin(ehr, found, asked())
    url = authorisation_url(
        pending,
        found.authorization_endpoint,
        client_id=ehr.app.client_id,
        launch=handle,
        redirect_uri=door.callback_url(ehr),
    )
    response = make_response(redirect(url, 302))
    door.keep(response, pending)
    return protect_app(response, ehr)


def _callback(door: Door, client: str) -> Response:
    pending = door.pending()
    ehr = door.ehr(pending.server)
    if client != ehr.client.name:  # two authorisation servers, mixed up
        raise Refused(Why.STATE)
    said = request.args.get("state", "")
    if not hmac.compare_digest(said.encode(), pending.state.encode()):
        raise Refused(Why.STATE)
    # RFC 9207: a server that names itself must be the one that was asked.
    if request.args.get("iss", pending.issuer) != pending.issuer:
        raise Refused(Why.STATE)
    _use_once(door, pending)
    if "error" in request.args:
        raise Refused(Why.DENIED)
    code = request.args.get("code", "")
    if not code or len(code) > _LONGEST:
        raise Refused(Why.TOKEN)
    grant = exchange_code(
        door.access,
        ehr,
        pending,
        code,
        redirect_uri=door.callback_url(ehr),
        clock=door.now_s,
    )
    form = grant.form if grant.form in _FORMS else "measurements"
    session = Session(
        server=pending.server,
        token=grant.token,
        until=door.now_s() + grant.life_s,
        patient=grant.patient,
        encounter=grant.encounter,
        user=grant.user,
        scopes=grant.scopes,
        csrf=secrets.token_urlsafe(24),
        form=form,
    )
    address = url_for(_FORMS[form], tag=session.tag, lang=asked())
    response = make_response(redirect(address, 303))
    door.begin(response, session)
    return protect_app(response, ehr)


def _use_once(door: Door, pending: Pending) -> None:
    """Take a state once, whichever worker it comes to."""
    until = door.now_s() + LAUNCH_S
    if door.replays is not None and not door.replays.use(
        f"smart {pending.server}", pending.state, until
    ):
        raise Refused(Why.REPLAYED)
