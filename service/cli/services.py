"""``scnen-cds services``: what an integration engineer types into an EHR by hand."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson

from cds_hooks import Client, ClientFileError, Service
from cds_hooks.addresses import is_loopback
from service.cli.clients import write_facts
from service.clients import find_client, load_clients
from service.config import Settings, SettingsError, checked_public_url
from service.parts import Parts, build_parts

__all__ = ["services"]

_TYPE = re.compile(r"[A-Z][A-Za-z]+")
_REMEDY = (
    "Give the one that the EHR will call with --public-url, or set SCNEN_PUBLIC_URL."
)


@click.command
@click.option(
    "--client",
    "name",
    required=True,
    metavar="NAME",
    help="A client of the register, or a preset: generic, epic, oracle-health,"
    " public-sandbox.",
)
@click.option(
    "--clients",
    "file",
    type=click.Path(path_type=Path),
    help="The register. Default: SCNEN_CLIENTS_FILE.",
)
@click.option(
    "--public-url",
    metavar="URL",
    help="Where the EHR reaches the service. Default: SCNEN_PUBLIC_URL.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")
def services(  # numpydoc ignore=PR01
    *, name: str, file: Path | None, public_url: str | None, as_json: bool
) -> None:
    """
    Print what to enter into an EHR by hand, to the letter.

    Hook, URL and trigger of each service that the EHR can fire, the prefetch table
    under that site's own names, the scopes for what is read and no more, links to
    allow, what the EHR's tokens must say. SCNEN_* settings apply, so the site's own
    codes stand in the queries.

    \b
    Examples:
      scnen-cds services --client epic --public-url https://cds.example.org
      scnen-cds services --client north --clients clients.yaml --json
    """  # noqa: D301 click keeps the lines below \\b as they are
    parts, settings, client = _read(name, file, public_url)
    sheet = _sheet(parts, settings.public_url, client)
    if as_json:
        click.echo(orjson.dumps(sheet, option=orjson.OPT_INDENT_2))
    else:
        _write(sheet)


def _read(
    name: str, file: Path | None, public_url: str | None
) -> tuple[Parts, Settings, Client]:
    """Read settings, register and client; what the command line gives counts."""
    settings = Settings.from_env(is_open=True)
    if public_url is not None:
        settings = replace(settings, public_url=_checked(public_url))
    if file is not None:
        # The register of the environment, and who is in it, do not matter then.
        settings = replace(settings, clients_file=None, open_client="generic")
    parts = build_parts(settings)
    try:
        register = parts.clients if file is None else load_clients(file)
        return parts, settings, find_client(register, name)
    except ClientFileError as error:
        raise click.ClickException(str(error)) from error
    except LookupError as error:
        raise click.BadParameter(error.args[0], param_hint="--client") from error


def _checked(public_url: str) -> str:
    try:
        return checked_public_url(public_url)
    except SettingsError as error:
        raise click.BadParameter(str(error), param_hint="--public-url") from error


def _sheet(parts: Parts, public_url: str, client: Client) -> dict[str, Any]:
    """Everything that is printed, as data."""
    fired = [s for s in parts.registry if not client.hooks or s.hook in client.hooks]
    if not fired:
        raise click.ClickException(
            f"{client.name} fires {', '.join(client.hooks)}; no service is at any of"
            " these hooks."
        )
    types = _resource_types(query for s in fired for query in s.prefetch.values())
    urls = [f"{public_url}/cds-services/{service.id}" for service in fired]
    return {
        "client": client.name,
        "preset": client.preset,
        "title": client.title,
        "public_url": public_url,
        "discovery_url": f"{public_url}/cds-services",
        "sends_prefetch": client.sends_prefetch,
        "services": [
            _service(service, url, client)
            for service, url in zip(fired, urls, strict=True)
        ],
        "scopes": {
            "smart_v1": [f"user/{name}.read" for name in types],
            "smart_v2": [f"user/{name}.rs" for name in types],
        },
        "fhir_servers": [
            {
                "base_url": server.base_url,
                "version": server.version,
                "also_known_as": list(server.also_known_as),
            }
            for server in client.fhir_servers
        ],
        "links": [f"{public_url}/model", f"{public_url}/nomogram"],
        "audiences": list(client.audiences or urls),
        "origins": list(client.origins),
        "is_open_only": client.is_open_only,
        "notes": list(client.notes),
    }


def _service(service: Service, url: str, client: Client) -> dict[str, Any]:
    trigger = client.trigger if service.hook == "patient-view" else None
    return {
        "id": service.id,
        "hook": service.hook,
        "title": service.title,
        "description": service.description,
        "url": url,
        "feedback_url": f"{url}/feedback",
        "users": list(service.user_types),
        "views_at_discharge": client.views_at_discharge,
        "trigger": trigger
        and {"extension": trigger.extension, "values": list(trigger.discharge)},
        "prefetch": [
            {"name": client.prefetch_names(key)[0], "key": key, "query": query}
            for key, query in service.prefetch.items()
        ],
    }


def _resource_types(queries: Iterable[str]) -> list[str]:
    """Tell what types of resources are read; a token alone says nothing of its type."""
    return sorted({match[0] for query in queries if (match := _TYPE.match(query))})


def _write(sheet: Mapping[str, Any]) -> None:
    click.echo(f"{sheet['title']}: what to enter for the client {sheet['client']}")
    if doubt := _doubt(sheet["public_url"]):
        write_facts([("", f"{doubt} {_REMEDY}")])
    for service in sheet["services"]:
        _heading(f"Service {service['id']}")
        write_facts(list(_service_facts(service)))
    for service in sheet["services"]:
        _heading(f"Prefetch of {service['id']} (name, then query to the letter)")
        _write_prefetch(service["prefetch"], is_sent=sheet["sends_prefetch"])
    _heading("Scopes: read, of these resource types and no others")
    for version, label in (("smart_v1", "SMART v1"), ("smart_v2", "SMART v2")):
        write_facts([(label, " ".join(sheet["scopes"][version]))])
    _heading("Connection")
    write_facts(list(_connection(sheet)))
    _heading("To know")
    write_facts([("-", note) for note in sheet["notes"]])


def _doubt(public_url: str) -> str | None:
    """Tell why no EHR could call an address, or would be refused there."""
    if is_loopback(public_url.lower()):
        return "These addresses are this machine's."
    if public_url.startswith("http:"):
        return "These addresses are http; elsewhere the service is called by https."
    return None


def _heading(text: str) -> None:
    click.echo(f"\n{text}")


def _service_facts(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "hook", service["hook"]
    yield "URL", service["url"]
    yield "", "Exactly so: no slash at the end, no other host, the same case."
    yield "feedback", service["feedback_url"]
    yield "title", service["title"]
    yield "does", service["description"]
    yield "users", ", ".join(service["users"])
    yield "trigger", _trigger(service)


def _trigger(service: Mapping[str, Any]) -> str:
    if service["hook"] == "encounter-discharge":
        return "the discharge of a patient; the hook says so by itself"
    if service["views_at_discharge"]:
        return (
            "discharge, in an encounter, and nothing else: each call in an encounter is"
            " taken for one. If the EHR cannot be told so, register"
            " `views_at_discharge: false`."
        )
    if service["trigger"] is None:
        return (
            "whenever a chart is opened: the follow-up. If a call can say that it is"
            " made at a discharge, register it as `trigger`."
        )
    values = " or ".join(service["trigger"]["values"])
    return (
        "whenever a chart is opened: the follow-up; and at discharge: the EHR's trigger"
        f" {values}. The calls of that one carry the extension"
        f" {service['trigger']['extension']} with that value, and an encounterId."
    )


def _write_prefetch(prefetch: Sequence[Mapping[str, str]], *, is_sent: bool) -> None:
    if not is_sent:
        write_facts(
            [("", "Not known to prefetch: enter it if the EHR can, else see Scopes.")]
        )
    for row in prefetch:
        ours = "" if row["name"] == row["key"] else f"   (our key {row['key']})"
        click.echo(f"  {row['name']}{ours}")
        # In one piece, however long: it is to be copied.
        click.echo(f"    {row['query']}")


def _connection(sheet: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for link in sheet["links"]:
        yield "allow link", link
    if sheet["is_open_only"]:
        yield "trust", "open mode only: scnen-cds serve --open, on the same machine"
    else:
        for audience in sheet["audiences"]:
            yield "aud of JWT", audience
    for server in sheet["fhir_servers"]:
        yield "FHIR server", f"{server['base_url']} ({server['version']})"
        names = ", ".join(server["also_known_as"])
        yield "", f"references may name it: {names or 'by this URL only'}"
    if not sheet["fhir_servers"]:
        yield "FHIR server", "none registered: all data must be prefetched"
    origins = ", ".join(sheet["origins"])
    yield "CORS", origins or "no web page registered; only needed for EHRs in a browser"
