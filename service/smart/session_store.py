"""Where sessions are: a sealed row at the server, and its handle in the browser."""

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

from service.smart.refusals import Refused, Why
from service.smart.seals import Seal
from service.smart.sessions import IDLE_S, SESSION_S, Session
from service.store.faults import StoreError
from service.store.pseudonyms import derive_key
from service.store.smart_sessions import SealedSession, SmartSessions

__all__ = ["SessionStore"]

_HANDLE_BYTES: Final = 32
#: So many characters have they in base64url.
_HANDLE_DIGITS: Final = 43
#: A session in use is written once in so long, not for each key that is pressed.
_RENEWED_S: Final = 60
#: So long a database that did not answer is left alone: each key would wait for it, and
#: with it the worker that cards are to come from.
_PAUSE_S: Final = 5.0

_log = logging.getLogger("service.store")


class SessionStore:
    """
    Keep sessions so that it takes three things together to open one.

    The row, the service's secret key, and the handle, which only the browser has.

    Parameters
    ----------
    rows : SmartSessions
        The rows, shared by all workers and replicas.
    secret_key : str
        The service's secret key; with another one all sessions are over.
    clock : callable, optional
        Seconds that never go back.
    """

    def __init__(
        self,
        rows: SmartSessions,
        secret_key: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows = rows
        self._secret = secret_key.encode()
        self._clock = clock
        self._ask_again_at = -float("inf")

    def begin(self, session: Session, *, now_s: float, instead_of: str = "") -> str:
        """
        Keep a session.

        Parameters
        ----------
        session : Session
            The session.
        now_s : float
            Seconds since 1970.
        instead_of : str, optional
            Handle of an earlier session, which ends.

        Returns
        -------
        str
            The handle: random, and nowhere but in what is answered.

        Raises
        ------
        Refused
            If the database does not answer.
        """
        handle = secrets.token_urlsafe(_HANDLE_BYTES)
        row = SealedSession(
            self._seal(handle).close(asdict(session), now_s=now_s),
            min(session.until, now_s + IDLE_S),
        )
        with self._asked():
            self._rows.put(
                self._name(handle), row, now_s=now_s, instead_of=self._name(instead_of)
            )
        return handle

    def find(self, handle: str, *, now_s: float) -> Session | None:
        """
        Find a session.

        Parameters
        ----------
        handle : str
            As the browser sent it.
        now_s : float
            Seconds since 1970.

        Returns
        -------
        Session or None
            The session; None if there is none, or it is over.

        Raises
        ------
        Refused
            If the database does not answer.
        """
        if len(handle) != _HANDLE_DIGITS or not handle.isascii():
            return None
        with self._asked():
            row = self._rows.find(self._name(handle), now_s=now_s)
        if row is None:
            return None
        found = self._seal(handle).open(row.content, now_s=now_s, life_s=SESSION_S)
        if found is None or found["until"] <= now_s:
            return None
        known = {"scopes": tuple(found["scopes"]), "idle_until": row.until}
        return Session(**{**found, **known})

    def renew(self, handle: str, session: Session, *, now_s: float) -> None:
        """
        Let idle time begin again, since a session is used.

        Parameters
        ----------
        handle : str
            Its handle.
        session : Session
            The session, as it was found.
        now_s : float
            Seconds since 1970.

        Raises
        ------
        Refused
            If the database does not answer.
        """
        until = min(session.until, now_s + IDLE_S)
        if until - session.idle_until >= _RENEWED_S:
            with self._asked():
                self._rows.prolong(self._name(handle), until)

    def end(self, handle: str) -> None:
        """
        End a session, wherever a copy of its handle may be.

        Parameters
        ----------
        handle : str
            Its handle.

        Raises
        ------
        Refused
            If the database does not answer.
        """
        with self._asked():
            self._rows.remove(self._name(handle))

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Ask the database, unless it has just failed to answer."""
        if self._clock() < self._ask_again_at:
            raise Refused(Why.NO_SESSIONS)
        try:
            yield
        except StoreError as error:
            self._ask_again_at = self._clock() + _PAUSE_S
            _log.error(
                "the store: the database does not give sessions of the SMART app (%s);"
                " until it does the app refuses",
                type(error).__name__,
            )
            raise Refused(Why.NO_SESSIONS) from None

    def _name(self, handle: str) -> str:
        """Name the row: it leads back to no handle."""
        return self._derived(b"name of a session", handle).hex()

    def _seal(self, handle: str) -> Seal:
        return Seal(self._derived(b"seal of a session", handle))

    def _derived(self, purpose: bytes, handle: str) -> bytes:
        salt = handle.encode("utf-8", "replace")
        return derive_key(self._secret, b"scnen-cds smart: " + purpose, salt)
