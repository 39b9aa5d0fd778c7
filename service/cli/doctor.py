"""``scnen-cds doctor``: checks a deployment against an EHR's FHIR server."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson

from cds_hooks.register import PRESETS
from service.cli.ehr_options import EHR, base_of, ehr_options, find, open_ehr
from service.cli.page import Page, open_page
from service.config import Settings
from service.doctor import Case, Finding, Level, examine
from service.ehr import Subject
from service.parts import build_parts

__all__ = ["doctor"]


@click.command
@click.option(
    "--client",
    "name",
    required=True,
    metavar="NAME",
    help="A client of the register, or a preset.",
)
@ehr_options
@click.option(
    "--service",
    metavar="URL",
    help="Base URL of the service. Default: SCNEN_PUBLIC_URL.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(  # noqa: PLR0913 numpydoc ignore=PR01
    *,
    name: str,
    clients: Path | None,
    fhir: str | None,
    patient: str,
    encounter: str | None,
    token: str | None,
    key: Path | None,
    service: str | None,
    as_json: bool,
) -> None:
    """
    Check a deployment against an EHR's FHIR server, and say what is wrong.

    The register entry, address, TLS and version of the server, the token, each query
    of the services, whether searches do what they say, whether mapped codes occur, then
    the service itself: discovery, CORS, one call with all data and one with none. It
    reads and never writes. Nothing of the patient and no token is printed: what you see
    may be sent to others.

    \b
    Examples:
      scnen-cds doctor --client north --patient ID --encounter ID
      scnen-cds doctor --client epic --fhir http://127.0.0.1:8090/fhir \\
          --patient syn-01 --encounter syn-01-encounter \\
          --service http://127.0.0.1:8080

    \b
    The FHIR server's token: FHIR_TOKEN in the environment, or --token-file. Take one
    with the scopes that the EHR will give. --fhir may be left out if the client has one
    registered server. --patient: somebody with an operation that the service judges.

    \b
    Ends with
      0  no faults
      1  faults
      2  the command line is wrong
    """  # noqa: D301 click keeps the lines below \\b as they are
    client, settings = find(name, clients)
    if patient is None:
        raise click.UsageError("--patient: missing. Give the bare id of a patient.")
    registered = [server.base_url for server in client.fhir_servers]
    if fhir is None and len(registered) != 1:
        raise click.UsageError(
            f"--fhir: missing. {client.name} has {len(registered)} registered servers;"
            " give the base URL of one."
        )
    public_url = base_of(service) if service else settings.public_url
    base_url = fhir or registered[0]
    with open_ehr(client, base_url, settings=settings, token=token, key=key) as ehr:
        case = _case(ehr, settings, Subject(patient, encounter), public_url)
        _report(case, as_json=as_json)


def _case(ehr: EHR, settings: Settings, subject: Subject, public_url: str) -> Case:
    parts = build_parts(settings)
    services = list(parts.registry)
    return Case(
        client=ehr.client,
        is_registered=parts.clients.by_name(ehr.client.name) is not None
        or ehr.client.name not in PRESETS,
        base_url=ehr.base_url,
        subject=subject,
        has_token=ehr.token is not None,
        connect=ehr.connect,
        play=ehr.play,
        signer=ehr.signer,
        terminology=parts.terminology,
        services={service.id: service for service in services},
        templates={
            key: text for each in services for key, text in each.prefetch.items()
        },
        public_url=public_url,
        open_version=settings.open_fhir_version,
        known_as=settings.public_url,
    )


def _report(case: Case, *, as_json: bool) -> None:
    page = open_page(None, "")
    findings = []
    for finding in examine(case):
        findings.append(finding)
        if not as_json:
            _write(page, finding)
    count = Counter(finding.level for finding in findings)
    if as_json:
        click.echo(orjson.dumps(_as_json(findings, count), option=orjson.OPT_INDENT_2))
    else:
        told = (f"{level}: {count[level]}" for level in Level)
        click.echo(f"\n{', '.join(told)}")
    if count[Level.FAULT]:
        raise click.exceptions.Exit(1)


def _write(page: Page, finding: Finding) -> None:
    facts = [(f"{finding.level:8} {finding.check:22}", finding.found)]
    if finding.remedy:
        facts.append(("", f"→ {finding.remedy}"))
    page.write_facts(facts)


def _as_json(findings: Sequence[Finding], count: Counter[Level]) -> dict[str, Any]:
    return {
        "findings": [asdict(finding) for finding in findings],
        "counts": {level.value: count[level] for level in Level},
    }
