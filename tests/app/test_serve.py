"""The command line: who may be served, what is refused before anything starts."""

import runpy
import socket
from importlib import import_module
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from gunicorn.config import Config

from service import __version__, gunicorn_conf
from service.cli import main
from service.config import VARIABLES
from service.workers import SyncWorker, ThreadWorker

serve_module = import_module("service.cli.serve")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No setting of the machine that runs the tests leaks in."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run():
    """Run `scnen-cds` with arguments."""
    return lambda *arguments: CliRunner().invoke(main, arguments, prog_name="scnen-cds")


@pytest.fixture
def gunicorn(monkeypatch):
    """Keep gunicorn from running; collect what it would run with."""
    started = []

    def take(server):
        # The master builds the application before anything listens or forks.
        assert server.wsgi() is server.wsgi()
        started.append(server)
        # A master without an application of ours: nothing is forked here.
        server.cfg.when_ready(SimpleNamespace(app=SimpleNamespace(callable=None)))

    monkeypatch.setattr(serve_module._Server, "run", take)
    return started


def test_the_version_is_told(run):
    """Support asks for it first."""
    assert run("--version").output == f"scnen-cds, version {__version__}\n"


def test_help_lists_the_subcommands_in_order_of_need(run):
    """A newcomer reads from the top."""
    output = run("--help").output
    places = [
        output.index(f"\n  {name}") for name in ("serve", "demo", "score", "model")
    ]
    assert places == sorted(places)


def test_an_unknown_subcommand_is_refused(run):
    """No traceback for a typing error."""
    result = run("sevre")
    assert result.exit_code == 2
    assert "No such command 'sevre'" in result.output


def test_without_open_the_settings_of_a_hospital_are_needed(run):
    """Nobody serves by mistake."""
    result = run("serve", "--port", "0")
    assert result.exit_code == 1
    assert "SCNEN_PUBLIC_URL: not set" in result.output


def test_outside_of_open_mode_any_address_is_served(run, closed, gunicorn):
    """A container's, say; and no line that would give a card without a token."""
    result = run("serve", "--port", "0", "--host", "0.0.0.0")  # noqa: S104 a container's
    assert result.exit_code == 0, result.output
    assert "curl" not in result.output
    assert "/try" not in result.output
    assert len(gunicorn) == 1


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "10.1.2.3", "::", "2001:db8::1", "169.254.169.254"],  # noqa: S104 refused
)
def test_open_mode_is_refused_on_addresses_others_can_reach(run, host):
    """`--open` is for this machine."""
    result = run("serve", "--open", "--host", host)
    assert result.exit_code == 2
    assert "can be reached by other machines" in " ".join(result.output.split())


def test_a_host_name_is_refused(run):
    """A name may mean another address tomorrow."""
    result = run("serve", "--open", "--host", "cds.example.org")
    assert result.exit_code == 2
    assert "give localhost or an IP address" in result.output


def test_a_port_in_use_is_named(run):
    """The remedy stands in the message."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", "--open", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "Choose another port with --port" in result.output


def test_a_setting_that_cannot_be_used_ends_without_a_traceback(run, monkeypatch):
    """The message is all an operator needs."""
    monkeypatch.setenv("SCNEN_MODEL", "liu")
    result = run("serve", "--open", "--port", "0")
    assert result.exit_code == 1
    assert result.output.startswith("Error: SCNEN_MODEL: liu is neither a file nor")


def test_an_environment_variable_opens_as_well(run, monkeypatch, gunicorn):
    """A container is configured without changing its command."""
    monkeypatch.setenv("SCNEN_OPEN", "true")
    assert run("serve", "--port", "0").exit_code == 0
    assert len(gunicorn) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.2"]
)
def test_open_mode_takes_every_loopback_address(run, gunicorn, host):
    """What is announced can be opened."""
    result = run("serve", "--open", "--port", "0", "--host", host)
    assert result.exit_code == 0, result.output
    console, discovery, card, _ = result.output.splitlines()
    assert console == discovery.replace("/cds-services", "/try").replace(
        "Discovery  ", "Try it     "
    )
    assert discovery.startswith("Discovery   http://")
    assert discovery.endswith("/cds-services")
    assert card.startswith("A card      curl -s -H 'Content-Type: application/json'")


def test_gunicorn_gets_our_configuration_and_the_options(run, gunicorn, monkeypatch):
    """Limits come from the file, sizes from options, the level from a setting."""
    monkeypatch.setenv("SCNEN_LOG_LEVEL", "error")
    run("serve", "--open", "--port", "0", "--workers", "3", "--threads", "2")
    cfg = gunicorn[0].cfg
    assert (cfg.workers, cfg.threads) == (3, 2)
    assert cfg.worker_class is ThreadWorker
    assert cfg.logconfig_dict["loggers"]["gunicorn.error"]["level"] == "ERROR"
    assert cfg.preload_app
    assert cfg.control_socket_disable
    assert cfg.accesslog is None
    assert (cfg.timeout, cfg.graceful_timeout) == (15, 20)
    assert cfg.limit_request_field_size == 16_384


def test_settings_size_the_service_and_options_come_first(run, gunicorn, monkeypatch):
    """What stands on the command line was meant for this process."""
    monkeypatch.setenv("SCNEN_WORKERS", "5")
    monkeypatch.setenv("SCNEN_THREADS", "4")
    run("serve", "--open", "--port", "0")
    run("serve", "--open", "--port", "0", "--workers", "3", "--threads", "1")
    first, second = (each.cfg for each in gunicorn)
    assert (first.workers, first.threads, first.worker_class) == (5, 4, ThreadWorker)
    assert (second.workers, second.threads, second.worker_class) == (3, 1, SyncWorker)


@pytest.mark.parametrize(("threads", "worker"), [(1, SyncWorker), (8, ThreadWorker)])
def test_gunicorn_by_itself_is_sized_by_the_settings(monkeypatch, threads, worker):
    """`gunicorn -c python:service.gunicorn_conf` reads the file and nothing else."""
    monkeypatch.setenv("SCNEN_WORKERS", "3")
    monkeypatch.setenv("SCNEN_THREADS", str(threads))
    conf = runpy.run_path(gunicorn_conf.__file__)
    found = (conf["workers"], conf["threads"], conf["worker_class"])
    assert found == (3, threads, worker)


def test_a_size_that_is_none_is_told_where_it_matters(run, monkeypatch):
    """And does not keep anybody from reading the help."""
    monkeypatch.setenv("SCNEN_WORKERS", "many")
    assert "serve" in run("--help").output
    result = run("serve", "--open", "--port", "0")
    assert result.output.startswith("Error: SCNEN_WORKERS: not allowed. Give a number")


def test_threads_of_gunicorns_own_option_are_not_overlooked():
    """Beside a class of ours gunicorn would take them without a word, and run one."""
    cfg = Config()
    cfg.set("threads", 4)
    arbiter = SimpleNamespace(cfg=cfg, worker_class=SyncWorker)
    gunicorn_conf.on_starting(arbiter)
    assert arbiter.worker_class is ThreadWorker
    cfg.set("threads", 1)
    gunicorn_conf.on_starting(arbiter)
    assert arbiter.worker_class is SyncWorker


def test_one_thread_means_the_sync_worker(run, gunicorn):
    """The default is the steadiest."""
    run("serve", "--open", "--port", "0")
    assert gunicorn[0].cfg.worker_class is SyncWorker
    assert gunicorn[0].cfg.workers == 2
