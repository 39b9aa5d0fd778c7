"""What became of each entry that was to be saved, in plain words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from service.languages import N_
from service.smart.lookups import is_void

__all__ = ["FINAL", "Account", "Trouble", "trouble_of"]

_OK: Final = 200
_CREATED: Final = 201


class Trouble(StrEnum):
    """Why something was not saved: a closed list, for tests and for the words."""

    NO_LEAVE = "no-leave"
    EXPIRED = "expired"
    NOT_SUPPORTED = "not-supported"
    NOT_UNIQUE = "not-unique"
    WITHDRAWN = "withdrawn"
    INVALID = "invalid"
    SERVER = "server"
    UNKNOWN = "unknown"
    NOT_TRIED = "not-tried"
    SLOW = "slow"


#: What the clinician reads.
_WORDS: Final[Mapping[Trouble, str]] = MappingProxyType(
    {
        Trouble.NO_LEAVE: N_("the record system gives no leave to write this"),
        Trouble.EXPIRED: N_("the session is over; open the form again"),
        Trouble.NOT_SUPPORTED: N_(
            "the record system does not take such entries from here"
        ),
        Trouble.NOT_UNIQUE: N_(
            "the record system refused it because of entries that are"
            " there already; look into the chart"
        ),
        Trouble.WITHDRAWN: N_(
            "an entry that says the same was marked as entered in error;"
            " enter it in the record system itself"
        ),
        Trouble.INVALID: N_(
            "the record system refused it as it was written; enter it in the record"
            " system itself"
        ),
        Trouble.SERVER: N_("the record system failed"),
        Trouble.UNKNOWN: N_(
            "the record system did not answer in time: it may be saved or"
            " not; look into the chart before you save again"
        ),
        Trouble.NOT_TRIED: N_("not tried, because of what came before"),
        Trouble.SLOW: N_(
            "not tried: the record system was too slow; save again in a while"
        ),
    }
)
_BY_STATUS: Final[Mapping[int, Trouble]] = MappingProxyType(
    {
        401: Trouble.EXPIRED,
        403: Trouble.NO_LEAVE,
        404: Trouble.NOT_SUPPORTED,
        405: Trouble.NOT_SUPPORTED,
        # Whoever waits for the record system gave up, not the record system.
        408: Trouble.UNKNOWN,
        409: Trouble.NOT_UNIQUE,
        412: Trouble.NOT_UNIQUE,
        429: Trouble.SERVER,
        501: Trouble.NOT_SUPPORTED,
        502: Trouble.UNKNOWN,
        504: Trouble.UNKNOWN,
    }
)
_BY_HUNDRED: Final = MappingProxyType({4: Trouble.INVALID, 5: Trouble.SERVER})
#: After these the next one would fare no better.
FINAL: Final = frozenset(
    {Trouble.EXPIRED, Trouble.NO_LEAVE, Trouble.SERVER, Trouble.UNKNOWN}
)


def trouble_of(status: int) -> Trouble:
    """
    Tell what a status means for what was sent.

    Parameters
    ----------
    status : int
        HTTP status; neither 200 nor 201.

    Returns
    -------
    Trouble
        What is no answer of the record system leaves it open.

    Examples
    --------
    >>> trouble_of(422).value
    'invalid'
    """
    otherwise = _BY_HUNDRED.get(status // 100, Trouble.UNKNOWN)
    return _BY_STATUS.get(status, otherwise)


@dataclass(slots=True)
class Account:
    """
    What became of each draft.

    Attributes
    ----------
    saved : list of str
        Labels of what is in the record now.
    already : list of str
        Labels of what was there before, by an earlier press.
    failed : list of (str, Trouble)
        Labels of what is not, or maybe not, and why.
    has_provenance : bool
        Whether the Provenance was saved as well.
    """

    saved: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    failed: list[tuple[str, Trouble]] = field(default_factory=list)
    has_provenance: bool = False

    def add(self, label: str, status: int, resource: object) -> bool:
        """
        Add what a server says that it has.

        Parameters
        ----------
        label : str
            What it says.
        status : int
            201 if it was created, 200 if it was there; of any other it is not known,
            or known that it is not there.
        resource : object
            JSON of the resource, if the server sent it.

        Returns
        -------
        bool
            Whether it is in the record: what was entered in error is not.
        """
        if is_void(resource):
            self.failed.append((label, Trouble.WITHDRAWN))
            return False
        if status not in {_OK, _CREATED}:
            self.failed.append((label, trouble_of(status)))
            return False
        (self.saved if status == _CREATED else self.already).append(label)
        return True

    def told(self, say: Callable[[str], str]) -> dict[str, Any]:
        """
        Write it for the page.

        Parameters
        ----------
        say : callable
            Says a text in the page's language.

        Returns
        -------
        dict
            JSON: labels, and for each failure its reason in plain words.
        """
        return {
            "saved": self.saved,
            "already": self.already,
            "failed": [
                {"label": label, "why": say(_WORDS[why]), "trouble": why.value}
                for label, why in self.failed
            ],
            "provenance": self.has_provenance,
        }
