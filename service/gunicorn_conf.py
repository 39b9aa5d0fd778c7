"""How gunicorn runs the service: `gunicorn -c python:service.gunicorn_conf`."""

import gc
import logging
from pathlib import Path
from typing import Any

from service.config import processes_by_environment
from service.metrics import SHARED_FOLDER, forget, make_shared_folder
from service.observability import JSONFormatter
from service.store.carrier_process import CarrierProcess
from service.workers import PlacedLogger, SyncWorker, ThreadWorker

__all__ = [
    "logger_class",
    "on_exit",
    "on_reload",
    "post_worker_init",
    "threads",
    "worker_class",
    "worker_exit",
    "workers",
]

_log = logging.getLogger("service.store")

workers, threads = processes_by_environment()
worker_class = SyncWorker if threads == 1 else ThreadWorker
logger_class = PlacedLogger
#: The application is loaded once, before the workers fork: one start, shared memory.
preload_app = True

#: A worker that is silent for so long is replaced. A request needs milliseconds, and
#: slow clients are ended much sooner: `service.connections.PATIENCE_S`.
timeout = 15
#: How long requests in flight may take after SIGTERM.
graceful_timeout = 20
keepalive = 5

#: Gunicorn itself believes no header of a proxy; which proxies the application believes
#: is a setting, SCNEN_PROXIES.
forwarded_allow_ips = ""

#: Room for the handle of a launch, or its code: some EHRs write 2 kB.
limit_request_line = 8190
limit_request_fields = 64
#: Room for a large bearer token.
limit_request_field_size = 16_384

#: No control channel: signals are enough, and it would need a home folder.
control_socket_disable = True
#: Heartbeats go to memory where there is such a place: a disk can make them late.
_MEMORY = Path("/dev/shm")  # noqa: S108 holds no data, only time stamps
worker_tmp_dir = str(_MEMORY) if _MEMORY.is_dir() else None
#: So do the counts that the workers share. Gunicorn sets it before it loads the
#: application; its option --env would replace it.
raw_env = [
    f"{SHARED_FOLDER}={make_shared_folder(_MEMORY if _MEMORY.is_dir() else None)}"
]

#: Gunicorn's access log would write paths and headers. The application logs one line
#: for each request without them.
accesslog = None
disable_redirect_access_to_syslog = True
logconfig_dict: dict[str, Any] = {
    "root": {"level": "INFO", "handlers": ["console"]},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stderr",
        }
    },
    "formatters": {"json": {"()": JSONFormatter}},
    "loggers": {
        "gunicorn.error": {
            "level": "INFO",
            "handlers": ["console"],
            "propagate": False,
        },
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}

# No formatter of ours names the thread, and logging looks it up for each record.
logging.logThreads = False
logging.logMultiprocessing = False


#: New objects between two looks for cycles; Python's own number is 700.
_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def on_starting(server: Any) -> None:  # noqa: ANN401 gunicorn has no types
    """
    Choose the worker for the number of threads, wherever that was said.

    Gunicorn changes to threads by itself only where its own worker is named: beside a
    class of ours its option ``--threads`` would be taken, and do nothing.

    Parameters
    ----------
    server : gunicorn.arbiter.Arbiter
        Gunicorn's master.
    """
    server.worker_class = SyncWorker if server.cfg.threads == 1 else ThreadWorker


def child_exit(_server: object, worker: Any) -> None:  # noqa: ANN401 as above
    """
    Take note of a worker that ended, however it did.

    Parameters
    ----------
    _server : object
        Gunicorn's master.
    worker : gunicorn.workers.base.Worker
        The worker.
    """
    forget(worker.pid)


def when_ready(server: Any) -> None:  # noqa: ANN401 as above
    """
    Make ready for the forks, the first of which carries decisions.

    What was loaded before is kept out of the garbage collection of all of them.

    Parameters
    ----------
    server : gunicorn.arbiter.Arbiter
        Gunicorn's master.
    """
    gc.collect()
    gc.freeze()
    # A request makes thousands of short-lived objects and no cycles to speak of: look
    # for cycles after some requests, not some thirty times in each.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    _start_carrier(server)


def on_reload(server: Any) -> None:  # noqa: ANN401 as above
    """
    Have another process carry decisions, also where the one before was lost.

    Parameters
    ----------
    server : gunicorn.arbiter.Arbiter
        Gunicorn's master.
    """
    _end_carrier(server, waits=False)
    _start_carrier(server)


def on_exit(server: Any) -> None:  # noqa: ANN401 as above
    """
    Wait until what the workers recorded is in the database.

    Parameters
    ----------
    server : gunicorn.arbiter.Arbiter
        Gunicorn's master; its workers have ended.
    """
    _end_carrier(server, waits=True)


def post_worker_init(worker: Any) -> None:  # noqa: ANN401 gunicorn has no types
    """
    Begin to carry what is recorded, also what a dead worker left behind.

    Parameters
    ----------
    worker : gunicorn.workers.base.Worker
        The worker, in its own process, with the application.
    """
    if store := _store_of(worker):
        store.start()


def worker_exit(_server: object, worker: Any) -> None:  # noqa: ANN401 as above
    """
    Write what is recorded before the worker ends.

    Parameters
    ----------
    _server : object
        Gunicorn's master.
    worker : gunicorn.workers.base.Worker
        The worker, in its own process.
    """
    if store := _store_of(worker):
        store.close()


def _start_carrier(server: Any) -> None:  # noqa: ANN401 as above
    if store := _store_of(server):
        try:
            server.carrier = CarrierProcess(store, lambda: _close_listeners(server))
        except OSError as error:
            fault = type(error).__name__
            _log.error("the store: no process can carry, so a worker does: %s", fault)


def _end_carrier(server: Any, *, waits: bool) -> None:  # noqa: ANN401 as above
    if carrier := getattr(server, "carrier", None):
        carrier.end(waits=waits)
        server.carrier = None


def _close_listeners(server: Any) -> None:  # noqa: ANN401 as above
    """Take no connection in a process that answers none."""
    for listener in server.LISTENERS:
        listener.close()


def _store_of(process: Any) -> Any:  # noqa: ANN401 as above
    """Find the store; another application under this configuration has none."""
    extensions = getattr(process.app.callable, "extensions", {})
    return getattr(extensions.get("scnen_cds"), "store", None)
