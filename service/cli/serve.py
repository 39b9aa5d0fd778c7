"""``scnen-cds serve``: the service under gunicorn until it is told to stop."""

import ipaddress
import socket
from copy import deepcopy
from importlib import import_module
from types import ModuleType
from typing import Any

import click
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped] # no types

from service.app import create_app, example_request_file
from service.config import (
    Settings,
    SettingsError,
    is_open_by_environment,
    processes_by_environment,
)
from service.workers import SyncWorker, ThreadWorker

__all__ = ["serve"]

_BACKLOG = 2048
_THIS_MACHINE = "Open mode asks nobody who he is, so it only serves this machine."


class _Server(BaseApplication):  # type: ignore[misc] # untyped base
    """Gunicorn with the project's configuration and settings already read."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        self._settings = settings
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Take the project's configuration, then what the command line chose."""
        chosen = {**vars(_configuration()), **self._options}
        for name in chosen.keys() & self.cfg.settings.keys():
            self.cfg.set(name, chosen[name])

    def load(self) -> Flask:
        """Build the application, once gunicorn has said where the workers count."""
        return create_app(self._settings)


@click.command
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    show_default="SCNEN_WORKERS, or 2",
    help="Processes that answer requests.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    show_default="SCNEN_THREADS, or 1",
    help="Threads of each process.",
)
@click.option(
    "--open",
    "is_open",
    is_flag=True,
    help="Answer without client authentication; loopback addresses only.",
)
def serve(  # click shows the text as help: numpydoc ignore=PR01
    *, host: str, port: int, workers: int | None, threads: int | None, is_open: bool
) -> None:
    """
    Serve until SIGTERM or Ctrl-C; requests in flight are finished.

    Serves registered clients only: SCNEN_CLIENTS_FILE, SCNEN_PUBLIC_URL and
    SCNEN_SECRET_KEY are needed, and a proxy in front that ends TLS
    (docs/operations.md). With --open it serves this machine without asking who calls,
    and prints the address of a page to try it at and a curl line that gives a card.
    Logs are JSON lines on standard error and hold no patient data. Settings come from
    SCNEN_* variables.

    \b
    Examples:
      scnen-cds serve --open
      scnen-cds serve --host 0.0.0.0 --workers 4
    """  # noqa: D301 click reads the backspace as: do not rewrap
    is_open = is_open or is_open_by_environment()
    usual_workers, usual_threads = processes_by_environment()
    threads = threads or usual_threads
    listener = _listen(_address(host, is_open=is_open), port)
    url = _url(listener)
    try:
        settings = Settings.from_env(is_open=is_open, public_url=url)
    except SettingsError:
        listener.close()
        raise
    options = {
        "bind": f"fd://{listener.detach()}",
        "workers": workers or usual_workers,
        "threads": threads,
        "worker_class": SyncWorker if threads == 1 else ThreadWorker,
        "loglevel": settings.log_level,
        "logconfig_dict": _logging(settings.log_level),
        "when_ready": _announce(url, is_open=is_open),
    }
    _Server(settings, options).run()


def _address(host: str, *, is_open: bool) -> str:
    """Refuse names and, in open mode, any address that another machine could reach."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise click.BadParameter(
            "give localhost or an IP address, e.g. 127.0.0.1 or ::1",
            param_hint="--host",
        ) from None
    if is_open and not address.is_loopback:
        raise click.BadParameter(
            f"{address} can be reached by other machines. {_THIS_MACHINE}",
            param_hint="--host",
        )
    return str(address)


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.create_server(
            (address, port), family=family, backlog=_BACKLOG
        )
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {address} port {port}: {error.strerror}."
            " Choose another port with --port, or 0 for a free one."
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    address, port = listener.getsockname()[:2]
    return (
        f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    )


def _configuration() -> ModuleType:
    """Read gunicorn's file late: it reads settings, which `--help` must not trip on."""
    return import_module("service.gunicorn_conf")


def _logging(level: str) -> dict[str, Any]:
    config: dict[str, Any] = deepcopy(_configuration().logconfig_dict)
    config["root"]["level"] = level.upper()
    config["loggers"]["gunicorn.error"]["level"] = level.upper()
    return config


def _announce(url: str, *, is_open: bool) -> Any:  # noqa: ANN401 gunicorn's hook
    def when_ready(server: object) -> None:
        _configuration().when_ready(server)
        if is_open:
            click.echo(f"Try it      {url}/try")
        click.echo(f"Discovery   {url}/cds-services")
        if is_open:
            click.echo(
                "A card      curl -s -H 'Content-Type: application/json' --data @"
                f"{example_request_file()} {url}/cds-services/scnen-discharge"
            )
        click.echo("Stop        Ctrl-C")

    return when_ready
