"""The thread of each worker: it looks every second, and carries if nobody does."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Final

from service.store.carrier import ROUND_S, Carrier
from service.store.carrier_lock import CarrierLock
from service.store.faults import StoreError
from service.store.spool import Spool

__all__ = ["WorkerThread"]

_log = logging.getLogger("service.store")

_END_S: Final = 5.0
_PAUSE_S: Final = 0.02


class WorkerThread:
    """
    Look after what is not of the moment of a call.

    Parameters
    ----------
    spool : Spool
        The file of this process.
    lock : CarrierLock
        Tells what the carrier says.
    carrier : Carrier
        Carries in this process, if it has to.
    has_process : bool
        Whether there should be a process that carries: this one waits for it.
    look : callable
        Is called about every second with the time of the newest feedback.
    """

    def __init__(
        self,
        spool: Spool,
        lock: CarrierLock,
        carrier: Carrier,
        *,
        has_process: bool,
        look: Callable[[str | None], None],
    ) -> None:
        self._spool = spool
        self._lock = lock
        self._carrier = carrier
        self._has_process = has_process
        self._look = look
        self._is_missing = False
        self._is_carrying = not has_process and carrier.take()
        self._next_round = 0.0
        self._fault: str | None = None
        self._is_wanted = Event()
        self._is_ending = False
        self._thread = Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that something has changed in the database: look at once."""
        self._next_round = 0.0
        self._is_wanted.set()

    def close(self) -> None:
        """End, when all of this process is carried that the database takes."""
        if self._is_ending:
            return
        self._is_ending = True
        self._is_wanted.set()
        if self._thread is not current_thread():
            self._thread.join(2 * _END_S)

    def _run(self) -> None:
        pause = ROUND_S
        while not self._is_ending:
            self._is_wanted.wait(pause)
            self._is_wanted.clear()
            pause = self._carrier.step() if self._is_carrying else ROUND_S
            if time.monotonic() >= self._next_round:
                self._try_round()
        self._end()

    def _try_round(self) -> None:
        self._next_round = time.monotonic() + ROUND_S
        try:
            self._round()
        except StoreError:
            return  # the carrier says so for all
        except Exception as error:  # noqa: BLE001 whatever it is, the thread goes on
            fault = type(error).__name__
            if fault != self._fault:
                _log.error("the store: a worker cannot look after its spool: %s", fault)
            self._fault = fault
        else:
            self._fault = None

    def _round(self) -> None:
        if not self._is_carrying:
            self._is_carrying = self._has_taken_over()
        self._spool.refresh()
        state = self._lock.state()
        self._look(None if state is None else state.newest_feedback)

    def _has_taken_over(self) -> bool:
        """Become the carrier, if nobody was in two rounds: a process looks sooner."""
        if not self._lock.take():
            self._is_missing = False
            return False
        if self._has_process and not self._is_missing:
            self._lock.leave()
            self._is_missing = True
            return False
        if self._has_process:
            _log.warning(
                "the store: the process that carries decisions is gone; this worker"
                " does so until the service is reloaded"
            )
        return self._carrier.take()

    def _end(self) -> None:
        """Let go of the file, and see that it is carried, by others or here."""
        left, deadline = self._spool.close(), time.monotonic() + _END_S
        while not self._lock.take():
            if not self._is_worth_waiting(left) or time.monotonic() > deadline:
                break
            time.sleep(_PAUSE_S)
        else:
            self._carrier.end()
        self._lock.close()

    def _is_worth_waiting(self, left: Path) -> bool:
        state = self._lock.state()
        return left.exists() and state is not None and state.is_up
