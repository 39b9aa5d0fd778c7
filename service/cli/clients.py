"""``scnen-cds clients``: check a register of EHR clients, or print a pattern."""

import shutil
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import chain
from pathlib import Path

import click
import orjson

from cds_hooks import Capabilities, Client, ClientFileError, FHIRServer, KeySource
from cds_hooks.key_fetching import FetchError, fetch_keys
from cds_hooks.key_sets import ReadKeys, read_keys
from service.clients import load_clients
from service.terminal.facts import render_facts
from service.terminal.layout import paint

__all__ = ["clients", "write_facts"]

_WIDEST = 100
_STAGES = {
    "silent": "silent: computed and logged, no cards (open mode shows them)",
    "live": "live: cards are shown; the policy needs the approval of two people",
}


@click.group
def clients() -> None:
    """
    Check the register of EHR clients, or print a pattern for one.

    The register is one YAML file: who may call, which FHIR servers a token may go to,
    what each EHR makes of a card. docs/clients.md explains every field.

    \b
    Examples:
      scnen-cds clients example > clients.yaml
      scnen-cds clients check clients.yaml
      SCNEN_CLIENTS_FILE=clients.yaml scnen-cds serve --open
    """  # noqa: D301 click keeps the lines below \\b as they are


@clients.command
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--fetch-keys",
    "may_fetch",
    is_flag=True,
    help="Read the addresses of keys, and show what is there.",
)
def check(*, file: Path, may_fetch: bool) -> None:  # numpydoc ignore=PR01
    """
    Check the register in FILE, and show what each client may do.

    Every fault is told at once, with its line, the field, the value and what to do.
    Nothing is sent anywhere without --fetch-keys. Keys are shown by name, algorithms
    and fingerprint (RFC 7638, SHA-256): whether they are the right ones is for you to
    confirm with the site.

    \b
    The smallest register, a client for open mode:
      clients:
        - name: north
          preset: epic

    \b
    Ends with
      0  no faults
      1  faults, or a file or an address of keys cannot be read
      2  the command line is wrong
    """  # noqa: D301 click keeps the lines below \\b as they are
    try:
        register = load_clients(file)
    except ClientFileError as error:
        raise click.ClickException(str(error)) from error
    count = len(register)
    click.echo(f"{file}: {count} client{'s' * (count != 1)}, no faults")
    for client in register:
        click.echo(f"\n{client.name}: {client.title} (preset {client.preset})")
        parts = (
            _trust(client),
            _access(client),
            _cards(client.capabilities),
            _app(client),
        )
        write_facts(
            [
                ("stage", _STAGES[client.stage]),
                *chain.from_iterable(parts),
                *_open_questions(client),
            ]
        )
    sources = [(c.name, c.keys) for c in register if c.keys is not None]
    are_read = [_show_keys(name, keys, may_fetch=may_fetch) for name, keys in sources]
    if not all(are_read):
        raise click.exceptions.Exit(1)


@clients.command
def example() -> None:
    """
    Print an annotated register that passes the check.

    \b
    Example:
      scnen-cds clients example > clients.yaml
    """  # noqa: D301 click keeps the lines below \\b as they are
    pattern = files("service").joinpath("data/clients/example.yaml")
    click.echo(pattern.read_text("utf-8"), nl=False)


def write_facts(facts: Sequence[tuple[str, str]]) -> None:
    """
    Write labelled facts to standard output, as wide as the terminal, at most 100.

    Parameters
    ----------
    facts : sequence of (str, str)
        Label and text.
    """
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    for line in render_facts(facts, width):
        click.echo(paint(line, colour=False))


def _show_keys(name: str, source: KeySource, *, may_fetch: bool) -> bool:
    """Show the keys of a client; False if they should be there and are not."""
    if source.jwks_url is not None and not may_fetch:
        return True
    click.echo(f"\n{name}: keys {_keys(source)}")
    try:
        found = _read_keys(source)
    except (OSError, ValueError) as error:
        said = str(error) if isinstance(error, FetchError) else "hold no key set"
        write_facts([("fault", f"{said}; ask the site for the address of its keys")])
        return False
    facts = [
        ("key", f"{key.kid}: {', '.join(key.algorithms)}; {key.thumbprint}")
        for key in found.keys.values()
    ]
    ignored = [
        ("ignored", f"{'.'.join(map(str, fault.path))}: {fault.problem}")
        for fault in found.faults
    ]
    write_facts([*facts, *ignored] or [("fault", "no key that serves")])
    return bool(found.keys)


def _read_keys(source: KeySource) -> ReadKeys:
    if source.jwks is not None:
        return read_keys(source.jwks)
    if source.jwks_file is not None:
        return read_keys(orjson.loads(source.jwks_file.read_bytes()))
    return read_keys(orjson.loads(fetch_keys(str(source.jwks_url))))


def _trust(client: Client) -> Iterator[tuple[str, str]]:
    if not client.can_prove_itself:
        yield "trust", "none: served in open mode only"
    if client.issuer is not None and client.keys is not None:
        yield "trust", f"issuer {client.issuer}"
        yield "", f"keys {_keys(client.keys)}"
        yield "tenants", _listed(client.tenants, "not asked for")
        yield "audience", _listed(client.audiences, "the URL that is called")
        use = "more than once" if client.reuses_tokens else "once"
        yield "tokens", f"valid for at most {client.token_lifetime_s} s, taken {use}"
    for number, certificate in enumerate(client.certificates):
        yield "" if number else "certificate", certificate
    yield "web pages", _listed(client.origins, "none registered")


def _keys(keys: KeySource) -> str:
    if keys.jwks is not None:
        return f"in the file ({len(keys.jwks['keys'])})"
    return str(keys.jwks_file or keys.jwks_url)


def _access(client: Client) -> Iterator[tuple[str, str]]:
    if not client.fhir_servers:
        yield "FHIR", "no server: a token is never used"
    for server in client.fhir_servers:
        yield "FHIR", _server(server)
        if server.also_known_as:
            yield "", f"also known as {', '.join(server.also_known_as)}"
    yield "hooks", _listed(client.hooks, "every one")
    if client.trigger is not None:
        values = _listed(client.trigger.discharge, "")
        yield "discharge", f"{client.trigger.extension}: {values}"
    if client.views_at_discharge:
        yield "discharge", "whenever it fires patient-view in an encounter"
    yield "prefetch", "sent" if client.sends_prefetch else "not known to be sent"
    for key, names in client.prefetch_keys.items():
        if names:
            yield "", f"{key} as {', '.join(names)}"
    for name, value in client.site.items():
        yield name.replace("_", " "), str(value)


def _server(server: FHIRServer) -> str:
    private = ", ".join(map(str, server.private_addresses))
    where = f", private addresses {private}" if private else ""
    return f"{server.base_url} ({server.version}{where})"


def _cards(can: Capabilities) -> Iterator[tuple[str, str]]:
    if not can.selection_behaviors:
        yield "suggestions", "none"
    else:
        yield "suggestions", f"choose {_listed(can.selection_behaviors, '')}"
        most = can.actions_per_suggestion
        limit = "any number" if most is None else f"at most {most}"
        creates = _listed(can.action_resources, "nothing")
        yield "actions", "none" if most == 0 else f"{limit} each; creates {creates}"
    links = _listed(can.link_types, "none")
    yield "links", links + (", with appContext" if can.app_context else "")
    yield "override", "reasons are shown" if can.override_reasons else "no reasons"
    yield "detail", can.detail


def _app(client: Client) -> Iterator[tuple[str, str]]:
    """Show how the SMART app is registered, without its secret."""
    app = client.smart
    if app is None:
        yield "SMART app", "not registered: no links launch it"
        return
    proof = "a key" if app.key else "a secret" if app.secret else "nothing (public)"
    yield "SMART app", f"client id {app.client_id}, proves itself by {proof}"
    yield "", f"framed by {_listed(app.frame_ancestors, 'nobody')}"
    yield "", "asks for leave to save" if app.writes else "only reads"


def _open_questions(client: Client) -> Iterator[tuple[str, str]]:
    """Give the notes on what no source settles."""
    open_notes = [n for n in client.notes if n.startswith(("Confirm per", "Draft"))]
    for number, note in enumerate(open_notes):
        yield "" if number else "open", f"- {note}"


def _listed(words: Sequence[str], none: str) -> str:
    return ", ".join(words) or none
