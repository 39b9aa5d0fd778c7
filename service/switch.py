"""The kill switch: a file that turns the advice off, or its probabilities, at once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock
from time import monotonic

from cds_hooks.errors import Unavailable

__all__ = ["Order", "Stop", "StopSwitch", "SwitchedOffError", "is_off", "stop_now"]

_log = logging.getLogger(__name__)

#: Seconds between two looks at the file.
_LOOKS_APART_S = 1.0
_LONGEST_FILE = 4096
_LONGEST_REASON = 200


class Stop(StrEnum):
    """What is switched off."""

    RELATIVE = "relative"
    """Probabilities: points and percentile are given."""
    OFF = "off"
    """Everything: nobody is assessed, and a card at the discharge says so."""


@dataclass(frozen=True, slots=True)
class Order:
    """
    What the file says.

    Attributes
    ----------
    stop : Stop
        What is switched off.
    reason : str
        Why, for the log; maybe empty.
    """

    stop: Stop
    reason: str = ""


class SwitchedOffError(Unavailable):
    """Nobody is assessed, so the advice is not offered either."""

    description = (
        "The advice is switched off here: nobody is assessed. No answer does not mean"
        " no risk."
    )


class StopSwitch:
    """
    Look at the file, at most once a second; threads may share it.

    The first word of the file is ``off`` or ``relative``, the rest is a reason.
    Whatever else it holds, and a file that cannot be read, means ``off``: somebody
    wanted to stop something.

    Parameters
    ----------
    path : pathlib.Path or None
        The file; None if there is no switch.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self, path: Path | None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._path = path
        self._clock = clock
        self._next_look = clock()
        self._seen: tuple[int, ...] | None = None
        self._order: Order | None = None
        self._lock = Lock()

    def order(self) -> Order | None:
        """
        Tell what is switched off now.

        Returns
        -------
        Order or None
            None if nothing is.
        """
        if self._path is not None and self._clock() >= self._next_look:
            with self._lock:
                self._look(self._path)
        return self._order

    def is_on(self) -> bool:
        """
        Tell whether no probability may be given.

        Returns
        -------
        bool
            Whether anything is switched off.
        """
        return self.order() is not None

    def _look(self, path: Path) -> None:
        self._next_look = self._clock() + _LOOKS_APART_S
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            seen: tuple[int, ...] | None = None
        except OSError:
            seen = ()
        else:
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        if seen != self._seen:
            before, self._order = self._order, None if seen is None else _read(path)
            self._seen = seen
            if before != self._order:
                _tell(self._order)


def is_off(order: Order | None) -> bool:
    """
    Tell whether everything is switched off.

    Parameters
    ----------
    order : Order or None
        What is switched off.

    Returns
    -------
    bool
        Whether nobody is assessed.
    """
    return order is not None and order.stop is Stop.OFF


def stop_now(path: Path, order: Order) -> None:
    """
    Write the file as a whole: nobody reads half of it.

    Parameters
    ----------
    path : pathlib.Path
        The file that the service looks at.
    order : Order
        What it shall say.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as written:
        written.write(f"{order.stop} {order.reason}".rstrip() + "\n")
    # The service may run as somebody else.
    new = Path(written.name)
    new.chmod(0o644)
    new.replace(path)


def _read(path: Path) -> Order:
    try:
        with path.open("rb") as opened:
            words = opened.read(_LONGEST_FILE).decode("utf-8", "replace").split()
        mode, *reason = words or [Stop.OFF]
        return Order(Stop(mode.rstrip(":").lower()), " ".join(reason)[:_LONGEST_REASON])
    except (OSError, ValueError):
        return Order(Stop.OFF, "the stop file cannot be read or says something else")


def _tell(order: Order | None) -> None:
    if order is None:
        _log.warning("advice switched on again")
        return
    told = {"stop": order.stop.value, "reason": order.reason or None}
    _log.warning("advice switched off", extra=told)
