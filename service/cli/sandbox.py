"""``scnen-cds sandbox``: a FHIR server with patients, and the service beside it."""

import secrets
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import click
import orjson

from service.fire import FireError, find_service, open_session
from service.hook_requests import hook_request
from service.local_server import ServerError, local_server
from service.patients import SyntheticPatient, bundled_patients
from service.sandbox import fhir_server

__all__ = ["sandbox"]

_HOOK = "encounter-discharge"
#: What the FHIR server speaks: patients of another version would be refused.
_VERSION = "R4"
_TOKEN_BYTES = 24
_COLUMNS = 11
_MOMENT_S = 3600.0


@click.command
@click.option(
    "--page-size",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="The most entries the FHIR server puts on a page.",
)
def sandbox(*, page_size: int) -> None:  # numpydoc ignore=PR01
    """
    Run a FHIR R4 server and the service side by side until Ctrl-C.

    The FHIR server is Medplum's engine, not ours; it runs on Node.js. It holds the
    bundled synthetic patients, their dates moved up to now, asks for a bearer token and
    forgets everything when it stops. Both listen on free loopback ports. Each request
    to the FHIR server is shown, without ids.

    \b
    Example:
      make sandbox
    """  # noqa: D301 click wants the character itself
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    now = datetime.now(UTC)
    charts = [
        (patient, patient.bundle_at(now))
        for patient in bundled_patients()
        if patient.fhir_version == _VERSION
    ]
    bundles = [bundle for _, bundle in charts]
    click.echo("Starting the FHIR server and the service …", err=True)
    try:
        with (
            fhir_server(bundles, token=token, page_size=page_size) as fhir_url,
            local_server() as url,
            TemporaryDirectory(prefix="scnen-cds-") as folder,
        ):
            call = _call(url, bundles[0], Path(folder))
            _show(charts, fhir_url, token, url, call)
            _wait_for_ctrl_c()
    except (FireError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("\nBoth are stopped.", err=True)


def _call(url: str, bundle: Mapping[str, Any], folder: Path) -> str:
    """
    Write a hook request for one patient, and the command that sends it.

    Its prefetch is complete: the data need no server.
    """
    with open_session(url) as session:
        address, service = find_service(session, url, _HOOK)
    file = folder / "request.json"
    file.write_bytes(orjson.dumps(hook_request(bundle, service)))
    return _curl(address, "-H", "Content-Type: application/json", "--data", f"@{file}")


def _wait_for_ctrl_c() -> NoReturn:
    while True:
        time.sleep(_MOMENT_S)


def _curl(url: str, *options: str) -> str:
    return shlex.join(["curl", "-s", *options, url])


def _show(
    charts: Sequence[tuple[SyntheticPatient, Mapping[str, Any]]],
    fhir_url: str,
    token: str,
    url: str,
    call: str,
) -> None:
    """Print where everything is, who is there, and what to try."""
    rows = [
        (_id_of("Patient", bundle), _id_of("Encounter", bundle), patient.title)
        for patient, bundle in charts
    ]
    bearer = ("-H", f"Authorization: Bearer {token}")
    patient_id = rows[0][0]
    operations = f"{fhir_url}/Procedure?patient={patient_id}&_sort=-date"
    _write("Try it", f"{url}/try")
    _write("FHIR server", fhir_url)
    _write("Token", token)
    _write("Discovery", f"{url}/cds-services")
    click.echo()
    _write_table([("Patient", "Encounter", "Story"), *rows])
    click.echo()
    _write("A patient", _curl(f"{fhir_url}/Patient/{patient_id}", *bearer))
    _write("Operations", _curl(operations, *bearer))
    _write("A card", call)
    _write("As an EHR", _rehearsal(fhir_url, token, url, rows[0]))
    _write("Stop", "Ctrl-C")


def _rehearsal(fhir_url: str, token: str, url: str, row: tuple[str, str, str]) -> str:
    """Give the command that has the service fetch everything by itself."""
    patient_id, encounter_id, _ = row
    command = [sys.executable, "-m", "service", "fire", "--no-prefetch"]
    command += ["--fhir", fhir_url, "--patient", patient_id]
    command += ["--encounter", encounter_id, "--service", url]
    return f"FHIR_TOKEN={token} {shlex.join(command)}"


def _write(name: str, text: str) -> None:
    click.echo(f"{name:{_COLUMNS}}  {text}")


def _write_table(rows: Sequence[tuple[str, str, str]]) -> None:
    patients, encounters = (max(len(row[n]) for row in rows) for n in (0, 1))
    for patient_id, encounter_id, title in rows:
        click.echo(f"{patient_id:{patients}}  {encounter_id:{encounters}}  {title}")


def _id_of(kind: str, bundle: Mapping[str, Any]) -> str:
    resources = (entry["resource"] for entry in bundle["entry"])
    return next(str(item["id"]) for item in resources if item["resourceType"] == kind)
