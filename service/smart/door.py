"""Who is let in: sessions and launches of a request, and what is answered to others."""

import hmac
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus

from flask import Response, request

from cds_hooks import Client, ClientRegister
from cds_hooks.trust import ReplayStore
from service.clients import language_of
from service.fhir.client import FHIRAccess
from service.pages import expect, gettext, render_page
from service.smart.cookies import (
    LAUNCH,
    MOST_CHARS,
    SESSION,
    drop_cookie,
    put_cookie,
    read_cookie,
)
from service.smart.launches import EHR, find_ehr
from service.smart.refusals import Refused, Why
from service.smart.sessions import IDLE_S, LAUNCH_S, Pending, Seal, Session
from service.switch import Order, Stop

__all__ = ["Door", "protect_app", "refusal_page"]

#: In the words of Content-Security-Policy.
_NOBODY = "'none'"

#: A session that is over is refused in the EHR's frame for so long.
_DAY_S = 86_400

#: The seal of a session in use is made anew after so long, not for each key that is
#: pressed: an answer on its way would else undo *Close*.
_RENEWED_S = 60

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """
    What is needed to let somebody in, and to know him again.

    Attributes
    ----------
    register : ClientRegister
        The EHR clients.
    open_client : Client or None
        In open mode: whom a FHIR server of this machine belongs to.
    access : FHIRAccess
        The way to FHIR and authorisation servers.
    seal : Seal
        Seals cookies.
    replays : ReplayStore or None
        Remembers states that were used, for all workers.
    clock : callable
        The time, with its zone.
    public_url : str
        Where browsers reach the service, without a slash at the end.
    order : callable
        Tells what is switched off.
    """

    register: ClientRegister
    open_client: Client | None
    access: FHIRAccess
    seal: Seal
    replays: ReplayStore | None
    clock: Callable[[], datetime]
    public_url: str
    order: Callable[[], Order | None]

    @property
    def is_secure(self) -> bool:  # numpydoc ignore=RT01
        """Whether the service is reached by https; else on this machine."""
        return self.public_url.startswith("https:")

    def callback_url(self, ehr: EHR) -> str:
        """
        Tell where an authorisation server sends the browser back to.

        Parameters
        ----------
        ehr : EHR
            Whose server: each client has an address of its own, so that an answer of
            one is not taken for that of another (RFC 9700, 4.4).

        Returns
        -------
        str
            The redirect URI.
        """
        return f"{self.public_url}/smart/callback/{ehr.client.name}"

    def now_s(self) -> float:
        """
        Tell the time.

        Returns
        -------
        float
            Seconds since 1970.
        """
        return self.clock().timestamp()

    def ehr(self, server: object) -> EHR:
        """
        Find the EHR of a FHIR base; its language is that of readers who name none.

        Parameters
        ----------
        server : object
            The base.

        Returns
        -------
        EHR
            The EHR.

        Raises
        ------
        Refused
            If it is in no entry of the register.
        """
        found = find_ehr(self.register, server, open_client=self.open_client)
        expect(otherwise=language_of(found.client))
        return found

    def refuse_if_off(self) -> None:
        """
        Refuse while the advice is switched off.

        Raises
        ------
        Refused
            If it is.
        """
        order = self.order()
        if order is not None and order.stop is Stop.OFF:
            raise Refused(Why.SWITCHED_OFF)

    def session(self) -> tuple[EHR, Session]:
        """
        Find the session of the request.

        Returns
        -------
        ehr : EHR
            Whose user it is.
        session : Session
            The session.

        Raises
        ------
        Refused
            If there is none, or it is over.
        """
        self.refuse_if_off()
        text = read_cookie(request.cookies, SESSION, is_secure=self.is_secure)
        now_s = self.now_s()
        found = self.seal.open(SESSION, text, now_s=now_s, life_s=IDLE_S)
        if found is None or found["until"] <= now_s:
            raise Refused(Why.EXPIRED)
        session = Session(**{**found, "scopes": tuple(found["scopes"])})
        return self.ehr(session.server), session

    def renew(self, response: Response) -> Response:
        """
        Seal the session anew, since it is used: idle time begins again.

        Parameters
        ----------
        response : flask.Response
            What is answered. A refusal, and what sets a cookie already, stay so.

        Returns
        -------
        flask.Response
            The same.
        """
        if response.status_code >= HTTPStatus.BAD_REQUEST or (
            "Set-Cookie" in response.headers
        ):
            return response
        text = read_cookie(request.cookies, SESSION, is_secure=self.is_secure)
        is_new = self.seal.open(SESSION, text, now_s=self.now_s(), life_s=_RENEWED_S)
        if is_new is None:
            with suppress(Refused):
                self.keep(response, SESSION, self.session()[1])
        return response

    def page_session(self) -> tuple[EHR, Session]:
        """
        Find the session of a page that is shown, by its address.

        Returns
        -------
        ehr : EHR
            Whose user it is.
        session : Session
            The session.

        Raises
        ------
        Refused
            If there is none, or the page's address is of an earlier one.
        """
        ehr, session = self.session()
        if not hmac.compare_digest(
            request.args.get("tag", "").encode(), session.tag.encode()
        ):
            raise Refused(Why.OTHER_PATIENT)
        return ehr, session

    def pending(self) -> Pending:
        """
        Find the launch that this request answers.

        Returns
        -------
        Pending
            The launch.

        Raises
        ------
        Refused
            If no launch was begun in this browser, or too long ago.
        """
        text = read_cookie(request.cookies, LAUNCH, is_secure=self.is_secure)
        found = self.seal.open(LAUNCH, text, now_s=self.now_s(), life_s=LAUNCH_S)
        if found is None:
            raise Refused(Why.STATE)
        pending = Pending(**{**found, "scopes": tuple(found["scopes"])})
        expect(chosen=pending.language)
        return pending

    def shown_in(self, *names: str) -> EHR | None:
        """
        Tell in whose window a refusal is shown, by what the browser kept.

        Parameters
        ----------
        *names : str
            ``SESSION``, ``LAUNCH``: the first that is sealed by this service counts,
            even if it is over.

        Returns
        -------
        EHR or None
            The EHR; None if there is none.
        """
        for name in names:
            text = read_cookie(request.cookies, name, is_secure=self.is_secure)
            found = self.seal.open(name, text, now_s=self.now_s(), life_s=_DAY_S)
            if found is not None:
                with suppress(Refused):
                    return self.ehr(found["server"])
        return None

    def keep(self, response: Response, name: str, content: Pending | Session) -> None:
        """
        Seal something into a cookie of an answer.

        Parameters
        ----------
        response : flask.Response
            The answer.
        name : str
            ``LAUNCH`` or ``SESSION``.
        content : Pending or Session
            What to keep.

        Raises
        ------
        Refused
            If it does not fit, because of a token of several kilobytes.
        """
        text = self.seal.close(name, asdict(content), now_s=self.now_s())
        if len(text) > MOST_CHARS:
            raise Refused(Why.TOKEN_TOO_LONG)
        is_framed = self.ehr(content.server).app.is_framed
        put_cookie(response, name, text, is_secure=self.is_secure, is_framed=is_framed)


def refusal_page(door: Door, error: Refused, ehr: EHR | None) -> Response:
    """
    Say in plain words why something goes no further.

    Parameters
    ----------
    door : Door
        Knows how cookies are put.
    error : Refused
        Why.
    ehr : EHR or None
        Who may show it in a frame; None if that is not known.

    Returns
    -------
    flask.Response
        A page; the log gets the name of the reason and nothing else.
    """
    _log.warning("SMART app refused: %s", error.why.value)
    kept = {name: request.args.get(name) for name in ("iss", "launch")}
    response = render_page("smart_refused.html", words=gettext(error.words), kept=kept)
    response.status_code = error.status
    if error.why in {Why.REPLAYED, Why.DENIED, Why.TOKEN, Why.IDENTITY}:
        is_framed = ehr is not None and ehr.app.is_framed
        drop_cookie(response, LAUNCH, is_secure=door.is_secure, is_framed=is_framed)
    return protect_app(response, ehr)


def protect_app(response: Response, ehr: EHR | None) -> Response:
    """
    Add the headers of a page that an EHR may show in a frame.

    Parameters
    ----------
    response : flask.Response
        What is answered.
    ehr : EHR or None
        Whose pages may frame it; None for nobody's.

    Returns
    -------
    flask.Response
        The same: nothing from elsewhere, kept nowhere, its address told to nobody.
    """
    ancestors = " ".join(ehr.app.frame_ancestors) if ehr is not None else ""
    framed = f"frame-ancestors {ancestors or _NOBODY}"
    response.headers.update(
        {
            "Content-Security-Policy": "default-src 'self'; base-uri 'none';"
            f" form-action 'none'; {framed}",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
    )
    return response
