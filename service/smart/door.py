"""Who is let in: the session or launch that a request belongs to."""

import hmac
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from flask import Response, request

from cds_hooks import Client, ClientRegister
from cds_hooks.addresses import origin_of
from cds_hooks.trust import ReplayStore
from service.clients import language_of
from service.fhir.client import FHIRAccess
from service.pages import expect
from service.smart.cookies import LAUNCH, MOST_CHARS, SESSION, put_cookie, read_cookie
from service.smart.launches import EHR, find_ehr
from service.smart.refusals import Refused, Why
from service.smart.seals import Seal
from service.smart.session_store import SessionStore
from service.smart.sessions import LAUNCH_S, Pending, Session
from service.switch import Order, is_off

__all__ = ["Door"]


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
        Seals launches on their way.
    sessions : SessionStore
        Keeps sessions, for all workers and replicas.
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
    sessions: SessionStore
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

    def named(self, name: str) -> EHR | None:
        """
        Find an EHR by its client's name, to be shown a refusal and nothing else.

        Parameters
        ----------
        name : str
            The name; nobody has proven that it is his.

        Returns
        -------
        EHR or None
            The EHR; None if there is none with the app.
        """
        client = self.register.by_name(name)
        if client is None or client.smart is None:
            return None
        expect(otherwise=language_of(client))
        return EHR(client, client.smart, "")

    def refuse_if_off(self) -> None:
        """
        Refuse while the advice is switched off.

        Raises
        ------
        Refused
            If it is.
        """
        if is_off(self.order()):
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
            If there is none, it is over, or that cannot be told.
        """
        self.refuse_if_off()
        return self._found()

    def page_session(self) -> tuple[EHR, Session]:
        """
        Find the session of a page that is shown, by its address.

        Returns
        -------
        ehr : EHR
            Whose user it is.
        session : Session
            The session; its idle time begins again.

        Raises
        ------
        Refused
            As for `session`, or if the page's address is of an earlier one.
        """
        ehr, session = self.session()
        if not hmac.compare_digest(
            request.args.get("tag", "").encode(), session.tag.encode()
        ):
            raise Refused(Why.OTHER_PATIENT)
        self.sessions.renew(self._handle, session, now_s=self.now_s())
        return ehr, session

    def own_session(self) -> tuple[EHR, Session]:
        """
        Find the session, and see that its own page sent this, of this patient.

        Returns
        -------
        ehr : EHR
            Whose user it is.
        session : Session
            The session; its idle time begins again.

        Raises
        ------
        Refused
            As for `session`, or if another page sent this.
        """
        self.refuse_if_off()
        ehr, session = self._own()
        self.sessions.renew(self._handle, session, now_s=self.now_s())
        return ehr, session

    @property
    def window(self) -> EHR | None:  # numpydoc ignore=RT01
        """In whose window a refusal is shown, even if the session there is over."""
        return self.named(self._kept(SESSION).partition(".")[2])

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
        text = self._kept(LAUNCH)
        found = self.seal.open(text, now_s=self.now_s(), life_s=LAUNCH_S)
        if found is None:
            raise Refused(Why.STATE)
        pending = Pending(**{**found, "scopes": tuple(found["scopes"])})
        expect(chosen=pending.language)
        return pending

    def keep(self, response: Response, pending: Pending) -> None:
        """
        Send a launch on its way, sealed into a cookie.

        Parameters
        ----------
        response : flask.Response
            The answer.
        pending : Pending
            The launch.

        Raises
        ------
        Refused
            If the server's addresses are so long that it does not fit.
        """
        text = self.seal.close(asdict(pending), now_s=self.now_s())
        if len(text) > MOST_CHARS:
            raise Refused(Why.SETTINGS)
        self._put(response, LAUNCH, text, self.ehr(pending.server))

    def begin(self, response: Response, session: Session) -> None:
        """
        Begin a session, in place of the one that this browser may have.

        Parameters
        ----------
        response : flask.Response
            The answer: the browser gets a handle, and the name of the client, by which
            the EHR's window is known when the session is over.
        session : Session
            The session.

        Raises
        ------
        Refused
            If the database does not answer.
        """
        ehr = self.ehr(session.server)
        handle = self.sessions.begin(
            session, now_s=self.now_s(), instead_of=self._handle
        )
        self._put(response, SESSION, f"{handle}.{ehr.client.name}", ehr)
        self.drop(response, LAUNCH, ehr)

    def end(self, response: Response) -> None:
        """
        End the session of the request: here, and wherever its cookie was copied to.

        Parameters
        ----------
        response : flask.Response
            The answer.

        Raises
        ------
        Refused
            As for `own_session`, but not because the advice is switched off.
        """
        ehr, _ = self._own()
        self.sessions.end(self._handle)
        self.drop(response, SESSION, ehr)

    def drop(self, response: Response, name: str, ehr: EHR | None) -> None:
        """
        Take a cookie back.

        Parameters
        ----------
        response : flask.Response
            The answer.
        name : str
            ``LAUNCH`` or ``SESSION``.
        ehr : EHR or None
            For whom it was put; None if that is not known.
        """
        self._put(response, name, "", ehr)

    def _found(self) -> tuple[EHR, Session]:
        session = self.sessions.find(self._handle, now_s=self.now_s())
        if session is None:
            raise Refused(Why.EXPIRED)
        return self.ehr(session.server), session

    def _own(self) -> tuple[EHR, Session]:
        ehr, session = self._found()
        if request.headers.get("Origin", "") != origin_of(self.public_url):
            raise Refused(Why.FOREIGN_PAGE)
        sent = request.headers.get("X-CSRF-Token", "").encode()
        if not hmac.compare_digest(sent, session.csrf.encode()):
            raise Refused(Why.OTHER_PATIENT)
        return ehr, session

    @property
    def _handle(self) -> str:
        return self._kept(SESSION).partition(".")[0]

    def _kept(self, name: str) -> str:
        return read_cookie(request.cookies, name, is_secure=self.is_secure)

    def _put(self, response: Response, name: str, text: str, ehr: EHR | None) -> None:
        is_framed = ehr is not None and ehr.app.is_framed
        put_cookie(response, name, text, is_secure=self.is_secure, is_framed=is_framed)
