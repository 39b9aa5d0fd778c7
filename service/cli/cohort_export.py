"""``scnen-cds cohort from-export``: a Bulk Data export becomes a cohort."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
import orjson

from cds_hooks import Client
from service.assessor import Assessor
from service.cli.cohort_output import save_cohort, save_refused
from service.cli.store_place import Progress
from service.clients import signs_at
from service.config import OPEN_SECRET_KEY, Settings, SettingsError
from service.parts import Parts, build_parts
from service.store.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from service.cohort import Refusal
    from service.cohort.export.account import Account
    from service.cohort.export.cohort import Plan
    from service.cohort.export.discharges import DischargeReader

__all__ = ["from_export"]

_new_file = click.Path(path_type=Path, dir_okay=False)
_VERSIONS = ("R4", "R4B", "R5")


def _reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say whose export it is, and what may be used."""
    for option in (
        click.option(
            "--scheduler",
            metavar="ADDRESS",
            help="Assess on the workers of this Dask scheduler, e.g. tls://host:8786;"
            " they are sent patient data.",
        ),
        click.option(
            "--jobs",
            type=click.IntRange(1, 256),
            default=1,
            show_default=True,
            help="Processes that assess patients, and threads that read files.",
        ),
        click.option(
            "--spill",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            help="Where the temporary folder is made; patient data lie there in the"
            " meantime.",
        ),
        click.option(
            "--longest-line",
            type=click.IntRange(1, 1024),
            default=16,
            show_default=True,
            metavar="MB",
            help="A longer line is not read, and ends the command.",
        ),
        click.option(
            "--memory",
            type=click.IntRange(128),
            default=1024,
            show_default=True,
            metavar="MB",
            help="Memory for reading files; what goes beyond lies on disk.",
        ),
        click.option(
            "--fhir-version",
            type=click.Choice(_VERSIONS),
            help="Of the exporting server. [default: the client's, else R4]",
        ),
        click.option(
            "--fhir-base",
            "bases",
            metavar="URL",
            multiple=True,
            help="Address of the exporting server, where subjects name several; may be"
            " repeated. [default: the client's, else the one that they name]",
        ),
        click.option(
            "--tenant",
            help="Whose patients they are, for their pseudonyms. [default: the client]",
        ),
        click.option(
            "--client",
            metavar="NAME",
            help="The client of the register, or the preset, whose export it is: it"
            " says how kyphosis is signed. [default: SCNEN_OPEN_CLIENT]",
        ),
    ):
        command = option(command)
    return command


@click.command("from-export")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=_new_file, required=True, help="The CSV file to write.")
@click.option(
    "--outcomes",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with id, scnen, date. Without it outcomes are what the follow-up in the"
    " export says.",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day of the export: operations whose follow-up was not over by then are"
    " refused. [default: today]",
)
@click.option(
    "--keep-ids",
    is_flag=True,
    help="Keep the ids of the Patient resources instead of keyed hashes.",
)
@_reading
@click.option("--json", "is_json", is_flag=True, help="Print the account as JSON.")
def from_export(
    *,
    folder: Path,
    out: Path,
    outcomes: Path | None,
    keep_ids: bool,
    is_json: bool,
    **how: Any,  # noqa: ANN401 the options of `_reading`
) -> None:  # numpydoc ignore=PR01
    """
    Make a table of the patients in a FHIR Bulk Data export.

    FOLDER holds NDJSON files (.ndjson, .ndjson.gz) of Patient, Encounter,
    Procedure, Observation and Condition; files of other types are read past. Each
    patient's first operation is assessed by the rules of a call, as of the
    discharge; an operation whose follow-up was not over on the day of the export is
    refused. Files may be larger than memory. SCNEN_* settings apply: the site's
    codes, policy, time zone, and SCNEN_SECRET_KEY for the pseudonyms.

    What is refused stands in OUT.refused.csv: patients with the reason, and lines that
    are no resource. docs/cohort-export.md tells the rules.

    \b
    Examples:
      scnen-cds cohort from-export export/ --out cohort.csv
      scnen-cds cohort from-export export/ --out cohort.csv --client north --jobs 4
      scnen-cds cohort from-export export/ --out cohort.csv --outcomes registry.csv
    """  # noqa: D301 click keeps the lines below \\b as they are
    settings, parts = _parts(how.pop("client"), is_hashing=not keep_ids)
    tenant = how.pop("tenant") or parts.open_client.name
    names = Pseudonyms(settings.secret_key)
    with _faults(), _bars(folder) as (on_bytes, on_patients):
        from service.cohort.export.cohort import read_export  # noqa: PLC0415 the extra

        reader, plan, refused = _prepared(settings, parts, outcomes, how)
        plan = replace(
            plan,
            name_of=str if keep_ids else lambda name: names.patient(tenant, name),
            on_bytes=on_bytes,
            on_patients=on_patients,
        )
        cohort, account = read_export(folder, reader, plan)
    cohort = replace(cohort, refused=(*cohort.refused, *refused))
    if cohort.source.is_synthetic:
        click.echo("SYNTHETIC: all patients are test data by their mark", err=is_json)
    save_cohort(cohort, out)
    save_refused(cohort, None, out)
    click.echo(
        orjson.dumps(account, option=orjson.OPT_INDENT_2)
        if is_json
        else _account_text(account, len(cohort))
    )


def _parts(client: str | None, *, is_hashing: bool) -> tuple[Settings, Parts]:
    """Read settings, codes, policy and the client, as the server does at its start."""
    settings = Settings.from_env(is_open=True)
    if is_hashing and settings.secret_key == OPEN_SECRET_KEY:
        raise click.ClickException(
            "SCNEN_SECRET_KEY: not set. Ids are hashed with it; set it, or keep the ids"
            " with --keep-ids."
        )
    if client is None:
        return settings, build_parts(settings)
    try:
        return settings, build_parts(replace(settings, open_client=client))
    except SettingsError as error:
        said = str(error).removeprefix("SCNEN_OPEN_CLIENT: ")
        if said == str(error):
            raise
        raise click.BadParameter(said, param_hint="--client") from error


def _prepared(
    settings: Settings, parts: Parts, outcomes: Path | None, how: Mapping[str, Any]
) -> tuple["DischargeReader", "Plan", list["Refusal"]]:
    """Put together who reads, and how."""
    from service.cohort.export.cohort import Plan  # noqa: PLC0415 the extra
    from service.cohort.export.discharges import DischargeReader  # noqa: PLC0415 above
    from service.cohort.export.lines import Limits  # noqa: PLC0415 as above
    from service.cohort.export.outcome_file import read_outcomes  # noqa: PLC0415 above

    client = parts.open_client
    given, refused = (None, []) if outcomes is None else read_outcomes(outcomes)
    reader = DischargeReader(
        assessor=_assessor(parts.advice.assessors[signs_at(client)]),
        zone=ZoneInfo(settings.time_zone),
        version=how["fhir_version"]
        or client.fhir_version(next(iter(how["bases"]), None)),
        bases=_bases(client, how["bases"]),
        judges_outcome=outcomes is None,
        until=(how["until"] or datetime.now(ZoneInfo(settings.time_zone))).date(),
    )
    limits = Limits(how["memory"], how["jobs"], how["longest_line"])
    plan = Plan(
        name_of=str,
        outcomes=given,
        limits=limits,
        jobs=how["jobs"],
        scheduler=how["scheduler"],
        spill=how["spill"],
    )
    return reader, plan, refused


def _assessor(live: Assessor) -> Assessor:
    """Give that of the service, which goes to other processes without its switch."""
    return Assessor(
        model=live.model,
        second_model=live.second_model,
        policy=live.policy,
        terminology=live.terminology,
        mode=live.mode,
    )


def _bases(client: Client, given: Sequence[str]) -> tuple[str, ...]:
    """Give all names of the exporting server that are known; maybe none."""
    if not given:
        servers = client.fhir_servers
        return servers[0].bases if len(servers) == 1 else ()
    found: list[str] = []
    for url in given:
        server = client.fhir_server(url)
        found += [url] if server is None else server.bases
    return tuple(dict.fromkeys(found))


@contextmanager
def _faults() -> Iterator[None]:
    """Turn what may go wrong into messages without a traceback."""
    try:
        from service.cohort.export.lines import ExportError  # noqa: PLC0415 the extra
    except ImportError as error:
        raise click.ClickException(
            "needs the statistics: pip install 'scnen-cds[validation]'"
        ) from error
    try:
        yield
    except ExportError as error:
        raise click.ClickException(str(error)) from error
    except ImportError as error:
        raise click.ClickException(
            "--scheduler needs Dask: pip install 'scnen-cds[cluster]'"
        ) from error


@contextmanager
def _bars(
    folder: Path,
) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Show on a terminal how far the reading has come, then the assessing."""
    size = sum(file.stat().st_size for file in folder.rglob("*.ndjson*"))
    stream = sys.stderr
    tell = Progress("patients assessed")
    done = 0

    def add(new: int) -> None:
        nonlocal done
        done += new
        tell(done)

    with click.progressbar(
        length=max(1, size),
        label="Reading",
        file=stream,
        hidden=not stream.isatty(),
    ) as bar:
        yield bar.update, add


def _account_text(account: "Account", taken: int) -> str:
    """Say in words what was left out."""
    lines = [
        f"{account.files} files, {sum(account.resources.values())} resources.",
        f"Patients with an operation that a map knows: {account.operated}.",
        f"In the cohort: {taken}.",
    ]
    lines += [f"  refused, {code}: {n}" for code, n in account.refused.items()]
    lines += ["Outcome:"]
    lines += [f"  {basis}: {n}" for basis, n in account.outcomes.items()]
    lacking = [
        f"  {name}, {reason}: {n}"
        for name, reasons in account.missing.items()
        for reason, n in reasons.items()
    ]
    lines += ["Missing in the cohort:", *lacking] if lacking else []
    odd = {
        "Lines that are no resource": account.unreadable_lines,
        "Resources that name no patient": account.without_patient,
        "Resources of another server": account.of_another_server,
        "Resources that are not valid": account.unusable_resources,
        "Outcomes of nobody in the cohort": account.outcomes_of_nobody,
    }
    return "\n".join([*lines, *(f"{what}: {n}." for what, n in odd.items() if n)])
