"""One request to a FHIR server: judged, and sent again where that may help."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from random import SystemRandom
from time import monotonic, sleep
from types import MappingProxyType
from typing import Any, Final

from cds_hooks.prefetch import read
from service.fhir.client.bearer import Bearer
from service.fhir.client.bodies import load_json
from service.fhir.client.deadline import Deadline
from service.fhir.client.faults import Fault, FHIRError
from service.fhir.client.limits import Limits
from service.fhir.client.room import Room
from service.fhir.client.transport import Reply, Request, Transport

__all__ = ["Asker", "Waiting"]

_HEADERS: Final = MappingProxyType(
    {
        "Accept": "application/fhir+json, application/json;q=0.9",
        "Accept-Encoding": "gzip",
        "User-Agent": "scnen-cds",
    }
)
_FORM: Final = "application/x-www-form-urlencoded"
_FAULTS: Final[Mapping[int, Fault]] = MappingProxyType(
    {
        HTTPStatus.UNAUTHORIZED: Fault.NOT_AUTHORISED,
        HTTPStatus.FORBIDDEN: Fault.FORBIDDEN,
        HTTPStatus.NOT_FOUND: Fault.NOT_FOUND,
        HTTPStatus.GONE: Fault.GONE,
        HTTPStatus.TOO_MANY_REQUESTS: Fault.TOO_MANY_REQUESTS,
    }
)
_FAULTS_BY_HUNDRED: Final[Mapping[int, Fault]] = MappingProxyType(
    {3: Fault.REDIRECT, 4: Fault.REJECTED, 5: Fault.SERVER_ERROR}
)
#: What another attempt may mend. Reads and searches change nothing, so that each may be
#: sent again; after a timeout there is no time for it.
_MAY_PASS: Final = frozenset({Fault.UNREACHABLE, Fault.SERVER_ERROR})
_FIRST_PAUSE_S: Final = 0.1
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Waiting:
    """
    What waiting depends on.

    Attributes
    ----------
    clock : callable
        Seconds on a clock that never goes back.
    now : callable
        The time, for dates in ``Retry-After``.
    pause : callable
        Waits so many seconds.
    chance : callable
        A number from 0 to 1, so that not all come back at once.
    """

    clock: Callable[[], float] = monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    pause: Callable[[float], None] = sleep
    chance: Callable[[], float] = SystemRandom().random


class Asker:
    """
    Ask one server with one token.

    Parameters
    ----------
    transport : Transport
        Connections to the server.
    bearer : Bearer or None
        The token; None if the server needs none.
    limits : Limits
        How often to ask.
    waiting : Waiting
        Clocks and pauses.
    """

    def __init__(
        self,
        transport: Transport,
        bearer: Bearer | None,
        limits: Limits,
        waiting: Waiting,
    ) -> None:
        self._transport = transport
        self._bearer = bearer
        self._limits = limits
        self._waiting = waiting

    def headers(self) -> dict[str, str]:
        """
        Write the headers of a request.

        Returns
        -------
        dict
            With the token, if there is one.

        Raises
        ------
        FHIRError
            If the token cannot be used, or not any more.
        """
        if self._bearer is None:
            return dict(_HEADERS)
        value = self._bearer.header(self._waiting.clock())
        return {**_HEADERS, "Authorization": value}

    def ask(
        self, target: str, form: str | None, room: Room | int, deadline: Deadline
    ) -> tuple[dict[str, Any], int]:
        """
        Ask, and ask again while it may help and there is time.

        Parameters
        ----------
        target : str
            Path and query.
        form : str or None
            Parameters to be sent as a form; None for a plain GET.
        room : Room or int
            For the answer, uncompressed; a number if no other answer shares it.
        deadline : Deadline
            When everything ends.

        Returns
        -------
        resource : dict
            What a server answered with 200.
        size : int
            Its bytes.

        Raises
        ------
        FHIRError
            If there is no such answer.
        """
        room = Room(room) if isinstance(room, int) else room
        attempt = 0
        while True:
            try:
                return self._ask_once(target, form, room, deadline)
            except FHIRError as error:
                attempt += 1
                pause_s = self._pause_s(error, attempt)
                if pause_s is None or not deadline.has(pause_s):
                    raise
            self._waiting.pause(pause_s)

    def _ask_once(
        self, target: str, form: str | None, room: Room, deadline: Deadline
    ) -> tuple[dict[str, Any], int]:
        reply = self._transport.exchange(self._request(target, form), deadline, room)
        if reply.status != HTTPStatus.OK:
            raise self._refusal(reply)
        with room.turn(deadline):
            resource = load_json(reply.body, reply.content_type)
        return resource, len(reply.body)

    def _request(self, target: str, form: str | None) -> Request:
        headers = self.headers()
        if form is None:
            return Request("GET", target, headers)
        return Request(
            "POST", target, {**headers, "Content-Type": _FORM}, form.encode("ascii")
        )

    def _refusal(self, reply: Reply) -> FHIRError:
        by_hundred = _FAULTS_BY_HUNDRED.get(reply.status // 100, Fault.NOT_FHIR)
        return FHIRError(
            _FAULTS.get(reply.status, by_hundred),
            issue_codes=_issue_codes(reply),
            retry_after_s=self._retry_after_s(reply.retry_after.strip()),
        )

    def _retry_after_s(self, text: str) -> float | None:
        """Read ``Retry-After``: seconds or a date."""
        if _SECONDS.fullmatch(text):
            return float(text)
        try:
            date = parsedate_to_datetime(text)
            if date.tzinfo is None:
                date = date.replace(tzinfo=UTC)
            return max(0.0, (date - self._waiting.now()).total_seconds())
        except (ValueError, OverflowError, TypeError, IndexError):
            return None

    def _pause_s(self, error: FHIRError, attempt: int) -> float | None:
        """Tell how long to wait before the next attempt, if there is to be one."""
        if attempt >= self._limits.attempts:
            return None
        is_told_when = error.retry_after_s is not None
        if error.fault is Fault.TOO_MANY_REQUESTS and is_told_when:
            least_s = 0.0
        elif error.fault in _MAY_PASS:
            least_s = _FIRST_PAUSE_S * 2 ** (attempt - 1)
        else:
            return None
        spread_s = _FIRST_PAUSE_S * self._waiting.chance()
        return max(error.retry_after_s or 0.0, least_s) + spread_s


def _issue_codes(reply: Reply) -> tuple[str, ...]:
    """Take the codes of an OperationOutcome that may come with a refusal."""
    try:
        resource = load_json(reply.body, reply.content_type)
    except FHIRError:
        return ()
    return read({"refusal": resource}, "refusal", ()).issue_codes
