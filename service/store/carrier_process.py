"""The process beside the workers that carries decisions, so that no call does."""

import logging
import os
import select
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from service.store.carrier import Carrier

if TYPE_CHECKING:
    from service.store.store import Store

__all__ = ["CarrierProcess"]

_log = logging.getLogger("service.store")

#: So often a carrier looks whether the one before it has ended.
_WAIT_S: Final = 0.25
#: How long the master waits for it: a little longer than it may take.
_END_S: Final = 7.0
_PAUSE_S: Final = 0.02
#: What is sent to all processes of a group is meant for the master: this one ends last.
_IGNORED: Final = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH),
)


class CarrierProcess:
    """
    A child that carries until its master and all workers of it have ended.

    Parameters
    ----------
    store : Store
        The store of the workers, which nobody in this process has used yet.
    begin : callable
        Is called in the child: closes what it should not hold.

    Attributes
    ----------
    pid : int
        Of the child.

    Raises
    ------
    OSError
        If there can be no further process or file.
    """

    def __init__(self, store: "Store", begin: Callable[[], None]) -> None:
        carrier, lock = store.open_carrier()
        # Workers inherit the end that is written to, so that it closes with the last.
        ending, self._alive = os.pipe()
        try:
            self.pid = os.fork()
            if not self.pid:
                os.close(self._alive)
                _live(carrier, ending, begin)
        finally:
            os.close(ending)
            lock.close()
        store.has_carrier_process = True

    def end(self, *, waits: bool) -> None:
        """
        Have it end once the workers have.

        Parameters
        ----------
        waits : bool
            Whether to return when it has carried what the database takes.
        """
        os.close(self._alive)
        deadline = time.monotonic() + _END_S
        while waits and time.monotonic() < deadline:
            try:
                ended, _ = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                return
            if ended:
                return
            time.sleep(_PAUSE_S)


def _live(carrier: Carrier, ending: int, begin: Callable[[], None]) -> None:
    """Be the child; what the parent would do at its end is not done here."""
    status = 1
    try:
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        begin()
        _carry(carrier, ending)
        status = 0
    except BaseException as error:  # noqa: BLE001 a worker takes over
        _log.critical("the store: the carrier ended: %s", type(error).__name__)
    finally:
        os._exit(status)


def _carry(carrier: Carrier, ending: int) -> None:
    pause = 0.0
    while not select.select([ending], [], [], pause)[0]:
        pause = carrier.step() if carrier.take() else _WAIT_S
    if carrier.take():
        carrier.end()
