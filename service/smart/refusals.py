"""Why a launch or a request goes no further: a closed list, in plain words."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from service.languages import N_

__all__ = ["REFUSALS", "Refused", "Why"]


class Why(StrEnum):
    """The name of each reason, for logs and tests."""

    STANDALONE = "standalone"
    UNKNOWN_SERVER = "unknown-server"
    NOT_REGISTERED = "not-registered"
    SERVER_DOWN = "server-down"
    NO_PKCE = "no-pkce"
    SETTINGS = "settings"
    STATE = "state"
    REPLAYED = "replayed"
    DENIED = "denied"
    TOKEN = "token"  # noqa: S105 a name
    IDENTITY = "identity"
    NO_PATIENT = "no-patient"
    EXPIRED = "expired"
    OTHER_PATIENT = "other-patient"
    FOREIGN_PAGE = "foreign-page"
    NO_LEAVE = "no-leave"
    SWITCHED_OFF = "switched-off"
    NO_SESSIONS = "no-sessions"
    RECORD = "record"
    CHANGED = "changed"
    NO_OPERATION = "no-operation"


#: Status, and what the person in front of the screen reads, in his language.
REFUSALS: Final[Mapping[Why, tuple[HTTPStatus, str]]] = MappingProxyType(
    {
        Why.STANDALONE: (
            HTTPStatus.BAD_REQUEST,
            N_(
                "Open this form from a patient’s chart, or from a card’s link: it"
                " needs the patient that is open there. To try values without a"
                " patient, use the nomogram."
            ),
        ),
        Why.UNKNOWN_SERVER: (
            HTTPStatus.FORBIDDEN,
            N_(
                "This launch came from a FHIR server that is not registered with"
                " this service. Nothing was sent there. The administrator can"
                " register it."
            ),
        ),
        Why.NOT_REGISTERED: (
            HTTPStatus.FORBIDDEN,
            N_(
                "This form is not registered with this hospital’s record system."
                " The administrator can register it (field smart of the register of"
                " clients)."
            ),
        ),
        Why.SERVER_DOWN: (
            HTTPStatus.BAD_GATEWAY,
            N_(
                "The record system did not answer in time, or not in a usable way."
                " Nothing was saved. Close this window and open the form again."
            ),
        ),
        Why.NO_PKCE: (
            HTTPStatus.BAD_GATEWAY,
            N_(
                "The record system says that it does not protect the authorisation"
                " code (PKCE, S256). This form is not opened without that."
            ),
        ),
        Why.SETTINGS: (
            HTTPStatus.BAD_GATEWAY,
            N_(
                "The record system describes its authorisation in no usable way."
                " Nothing was sent there. The administrator can look into it."
            ),
        ),
        Why.STATE: (
            HTTPStatus.BAD_REQUEST,
            N_(
                "This answer does not belong to a launch that was begun in this"
                " browser, or it came too late. Close this window and open the form"
                " again. If that does not help, the browser may block the cookies"
                " of framed pages."
            ),
        ),
        Why.REPLAYED: (
            HTTPStatus.BAD_REQUEST,
            N_(
                "This launch was used already. Close this window and open the form"
                " again."
            ),
        ),
        Why.DENIED: (
            HTTPStatus.FORBIDDEN,
            N_("The record system did not give leave. Nothing was read or saved."),
        ),
        Why.TOKEN: (
            HTTPStatus.BAD_GATEWAY,
            N_(
                "The record system did not complete the authorisation. Nothing was"
                " read or saved. Close this window and open the form again."
            ),
        ),
        Why.IDENTITY: (
            HTTPStatus.FORBIDDEN,
            N_(
                "Who you are is not proven: the record system’s id token is not"
                " valid. Nothing was read or saved. Close this window and open the"
                " form again."
            ),
        ),
        Why.NO_PATIENT: (
            HTTPStatus.BAD_REQUEST,
            N_(
                "The record system named no patient. Open the form from a patient’s"
                " chart."
            ),
        ),
        Why.EXPIRED: (
            HTTPStatus.UNAUTHORIZED,
            N_(
                "The session is over, or none was begun in this browser. This time"
                " nothing was saved. Open the form again from the chart."
            ),
        ),
        Why.OTHER_PATIENT: (
            HTTPStatus.FORBIDDEN,
            N_(
                "The form was opened again since, maybe for another patient."
                " This time nothing was saved. Close this window and open the form"
                " again from the chart."
            ),
        ),
        Why.FOREIGN_PAGE: (
            HTTPStatus.FORBIDDEN,
            N_("Another web page sent this. Nothing was saved."),
        ),
        Why.NO_LEAVE: (
            HTTPStatus.FORBIDDEN,
            N_(
                "The record system gave no leave to save, or did not say who you"
                " are. Nothing was saved."
            ),
        ),
        Why.SWITCHED_OFF: (
            HTTPStatus.SERVICE_UNAVAILABLE,
            N_(
                "The advice is switched off here: nobody is assessed, and nothing"
                " is saved. No number does not mean no risk."
            ),
        ),
        Why.NO_SESSIONS: (
            HTTPStatus.SERVICE_UNAVAILABLE,
            N_(
                "The database of this service does not answer, so no session can be"
                " begun or found. This time nothing was saved. Try again in a minute;"
                " if the form is gone by then, open it again from the chart."
            ),
        ),
        Why.RECORD: (
            HTTPStatus.BAD_GATEWAY,
            N_(
                "The patient’s record could not be read. This time nothing was saved."
                " Open the form again from the chart."
            ),
        ),
        Why.CHANGED: (
            HTTPStatus.CONFLICT,
            N_(
                "The record has changed since the form was opened: it is no longer"
                " certain which vertebra is meant. This time nothing was saved. Open"
                " the form again from the chart."
            ),
        ),
        Why.NO_OPERATION: (
            HTTPStatus.CONFLICT,
            N_(
                "The record has no operation that this service knows. There is nothing"
                " to follow up, and this time nothing was saved."
            ),
        ),
    }
)


class Refused(Exception):  # noqa: N818 it is no error of the program
    """
    A launch or a request that goes no further; says why, never with what.

    Parameters
    ----------
    why : Why
        The reason.

    Examples
    --------
    >>> Refused(Why.STATE).status.value
    400
    """

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why
        self.status, self.words = REFUSALS[why]
