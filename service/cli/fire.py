"""``scnen-cds fire``: plays an EHR with the data of a real FHIR server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import orjson

from cds_hooks import Client
from service.cli.ehr_options import EHR, base_of, ehr_options, find, open_ehr
from service.cli.page import Page, fault_of, open_page
from service.config import Settings
from service.ehr import (
    Call,
    DevelopmentKey,
    KeyFileError,
    Occasion,
    Part,
    Subject,
    choose_service,
    manners_of,
)
from service.fire import FireError, Reply, discover, open_session
from service.fire import fire as send
from service.local_server import ServerError, local_server

__all__ = ["fire"]

_UNAUTHORISED: Final = 401
_ISSUER: Final = "https://rehearsal.example.org"
_SIGNED_IN_VAIN: Final = (
    "The call was signed; the service's log says what is wrong with it: `refusal` in"
    " the line of the request. Is the key's entry in the register that runs there? If"
    " you reach the service under another name than the EHR will, list under"
    " `audiences`, in both registers, the URL that the EHR will call."
)
#: What to do about the answer, by HTTP status.
_REMEDIES: Final = {
    _UNAUTHORISED: "The service wants a signed call: --new-key makes a key and a"
    " register entry, --key signs with it. Without, serve in open mode on this"
    " machine.",
    404: "Nothing is there: --service takes the base URL, the part before"
    " /cds-services.",
    412: "The service lacks data that it must have. Send more, or let it fetch: the"
    " FHIR server must be registered for this client or, in open mode, be on the"
    " service's own machine.",
}


@dataclass(frozen=True, slots=True)
class _Options:
    """What was given on the command line."""

    name: str
    clients: Path | None
    fhir: str | None
    patient: str | None
    encounter: str | None
    token: str | None = field(repr=False)
    key: Path | None
    service: str | None
    hook: str | None
    trigger: str | None
    user: str | None
    no_prefetch: bool
    partial: tuple[str, ...]
    new_key: Path | None
    width: int | None
    as_json: bool
    no_color: str


@click.command
@click.option(
    "--client",
    "name",
    default="generic",
    show_default=True,
    metavar="NAME",
    help="Whom to play: a client of the register, or a preset: generic, epic,"
    " oracle-health, public-sandbox.",
)
@ehr_options
@click.option(
    "--service",
    metavar="URL",
    help="Base URL of the service. Default: one is started for the moment.",
)
@click.option("--hook", help="Hook to fire. Default: a discharge if that is possible.")
@click.option(
    "--trigger",
    metavar="VALUE",
    help="Value of the client's trigger at patient-view, such as Epic's 60 for an"
    " opened chart. Default with --encounter: that of a discharge.",
)
@click.option("--user", metavar="TYPE/ID", help="Reference of the user.")
@click.option("--no-prefetch", is_flag=True, help="Send no data: all must be fetched.")
@click.option(
    "--partial",
    multiple=True,
    metavar="KEY[=HOW]",
    help="Leave out a prefetch key, or send it as paged, null or failed; may be"
    " repeated.",
)
@click.option(
    "--new-key",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Make a key for rehearsals in DIR, print its register entry, and end.",
)
@click.option("--width", type=click.IntRange(40, 200), help="Columns to write in.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as it came.")
@click.option("--no-color", envvar="NO_COLOR", default="", hidden=True)
def fire(**given: Any) -> None:  # noqa: ANN401 numpydoc ignore=PR01
    """
    Play an EHR: read a patient from a FHIR server, fire a hook, show the card.

    Reads what the service's own discovery document asks for, writes the request as the
    client would (its hook, names of prefetch keys, trigger, user, signature), and lets
    the service fetch the rest with the same token. What leaves the machine goes to
    --fhir and --service only. `make sandbox` gives a server with synthetic patients.

    \b
    Examples:
      scnen-cds fire --fhir http://127.0.0.1:8090/fhir --patient syn-01 \\
          --encounter syn-01-encounter
      … --no-prefetch                     the service fetches everything
      … --partial observations=paged      the first page, and its next link
      … --partial patient --partial conditions=failed
      … --client epic --trigger 60        an opened chart, as Epic sends it
      … --service https://cds.example.org --client north --key rehearsal.pem
      scnen-cds fire --new-key keys       a key, and what to register for it

    \b
    The FHIR server's token: FHIR_TOKEN in the environment, or --token-file.

    \b
    Ends with
      0  the service answered with cards, maybe none
      1  it answered otherwise, or something is not there
      2  the command line is wrong
    """  # noqa: D301 click keeps the lines below \\b as they are
    options = _Options(**given)
    client, settings = find(options.name, options.clients)
    if options.new_key is not None:
        _make_key(options.new_key, client)
        return
    try:
        call, reply = _rehearse(options, client, settings)
    except (FireError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    if options.as_json:
        click.echo(orjson.dumps(reply.body, option=orjson.OPT_INDENT_2))
    else:
        _show(open_page(options.width, options.no_color), client, call, reply)
    if not reply.is_ok:
        said = fault_of(reply).removesuffix(".")
        is_signed = reply.status == _UNAUTHORISED and options.key is not None
        remedy = _SIGNED_IN_VAIN if is_signed else _REMEDIES.get(reply.status, "")
        raise click.ClickException(f"HTTP {reply.status}: {said}. {remedy}".rstrip())


def _make_key(folder: Path, client: Client) -> None:
    key = DevelopmentKey.new(manners_of(client).algorithm)
    try:
        private, public = key.save(folder)
    except KeyFileError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{private}: private, {key.algorithm}. For rehearsals only.", err=True)
    click.echo(f"{public}: public. Register it, in a file beside it:", err=True)
    entry = (
        "clients:",
        "  - name: rehearsal",
        f"    preset: {client.preset}",
        f"    issuer: {client.issuer or _ISSUER}",
        f"    keys: {{jwks_file: {public.name}}}",
    )
    click.echo("\n".join(entry))


def _rehearse(
    options: _Options, client: Client, settings: Settings
) -> tuple[Call, Reply]:
    fhir = _needed(options.fhir, "--fhir", "the base URL of the FHIR server")
    patient_id = _needed(options.patient, "--patient", "the bare id of a patient")
    occasion = Occasion(
        Subject(patient_id, options.encounter),
        user=options.user,
        trigger=options.trigger,
        has_prefetch=False if options.no_prefetch else None,
        parts=_parts(options.partial),
    )
    with (
        open_ehr(
            client, fhir, settings=settings, token=options.token, key=options.key
        ) as ehr,
        _service(options.service, settings) as url,
    ):
        return _fire(ehr, url, options.hook, occasion)


def _fire(
    ehr: EHR, url: str, hook: str | None, occasion: Occasion
) -> tuple[Call, Reply]:
    with open_session(url) as session:
        session.auth = ehr.signer
        services = _discover(session, url)
        service = choose_service(
            services, ehr.client, hook, occasion.subject.encounter_id
        )
        call = ehr.play().call(service, occasion)
        address = f"{url}/cds-services/{service['id']}"
        reply = send(session, address, call.body)
    facts = (("service", address), ("FHIR", ehr.base_url))
    return Call(call.body, (*facts, *call.told)), reply


def _discover(session: Any, url: str) -> list[dict[str, Any]]:  # noqa: ANN401 of requests
    try:
        return discover(session, url)
    except FireError as error:
        raise FireError(
            f"{error}. --service: give the base URL of a running scnen-cds, or leave it"
            " out to have one started."
        ) from error


def _needed(value: str | None, name: str, what: str) -> str:
    if value is None:
        raise click.UsageError(f"{name}: missing. Give {what}.")
    return value


def _parts(given: tuple[str, ...]) -> dict[str, Part]:
    parts = {}
    for text in given:
        key, _, how = text.partition("=")
        if how not in {"", *Part}:
            raise click.BadParameter(
                f"{how} is no way to send {key}; there are {', '.join(Part)}",
                param_hint="--partial",
            )
        parts[key] = Part(how or Part.ABSENT)
    return parts


@contextmanager
def _service(given: str | None, settings: Settings) -> Iterator[str]:
    """Give the base URL of the service, or start one that knows the client."""
    if given is not None:
        yield base_of(given)
        return
    variables = {"SCNEN_OPEN_CLIENT": settings.open_client}
    if settings.clients_file is not None:
        variables["SCNEN_CLIENTS_FILE"] = str(settings.clients_file)
    click.echo("Starting the service …", err=True)
    with local_server(variables=variables) as url:
        yield url


def _show(page: Page, client: Client, call: Call, reply: Reply) -> None:
    page.write_markdown(f"**{client.title or client.name}** fires")
    page.write_facts(call.told)
    click.echo()
    if not reply.is_ok:
        return
    cards = reply.body["cards"]
    page.write_cards(cards, is_plain=client.capabilities.detail == "plain")
    if not cards:
        may_be_silent = client.can_prove_itself and client.stage != "live"
        page.write_markdown(
            "No card: nothing that the service would speak of"
            + (", or the client's stage there is silent." if may_be_silent else ".")
        )
    click.echo()
    page.write_markdown(f"HTTP {reply.status} in {reply.milliseconds:.1f} ms.")
