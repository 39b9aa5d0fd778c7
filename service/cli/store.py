"""``scnen-cds store``: what was recorded, how it is kept, found, exported and ended."""

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson

from service.cli.layout import columns
from service.cli.outcomes import outcome
from service.cli.store_place import Place, Progress, open_place
from service.store.backup import back_up, restore
from service.store.carrier import REJECTED
from service.store.export import COLUMNS, exported
from service.store.lookup import counts, decisions_of, key_ids, recalled
from service.store.retention import purge as purge_store
from service.store.schema import REVISIONS
from service.store.segments import spooled_bytes

__all__ = ["store"]


@click.group
def store() -> None:
    """
    Look into the store: decisions, feedback and outcomes.

    The commands take the settings of the service: run them with its environment, where
    SCNEN_DATA_DIR names its folder. Most of them may run while the service does.
    docs/store.md says what is kept, how it is hashed, and for how long.

    \b
    Examples:
      scnen-cds store status
      scnen-cds store find-patient --tenant north 12345
      scnen-cds store outcome import outcomes.csv
      scnen-cds store purge --dry-run
    """  # noqa: D301 click keeps the lines below \\b as they are


@store.command
@click.option("--to", "revision", default=REVISIONS[-1], help="Revision, to go back.")
def migrate(revision: str) -> None:  # numpydoc ignore=PR01
    """
    Bring the database to the schema of this version.

    The service does so by itself. Use it to do it before, at a time of your choice; or,
    with --to, to go back before an older version is started: what only the newer schema
    holds is lost, so make a backup.

    \b
    Example:
      scnen-cds store migrate
    """  # noqa: D301 as above
    with open_place() as place:
        before, after = place.database.migrate(revision)
    click.echo(
        f"schema {after}" + (f", was {before or 'empty'}" if before != after else "")
    )


@store.command
def status() -> None:
    """
    Show how much there is, and whether all of it reached the database.

    \b
    Example:
      scnen-cds store status
    """  # noqa: D301 as above
    with open_place() as place:
        schema = place.database.revision()
        facts: list[tuple[object, object]] = [
            ("database", place.database),
            ("schema", schema or "none yet"),
            ("spool", f"{spooled_bytes(place.spool)} bytes wait"),
        ]
        if (place.spool / REJECTED).exists():
            facts.append(("rejected", place.spool / REJECTED))
        if schema == REVISIONS[-1]:
            found = counts(place.database)
            facts += [(name.replace("_", " "), value) for name, value in found.items()]
            facts += _keys(place)
    click.echo(columns(facts))


def _keys(place: Place) -> Iterator[tuple[str, str]]:
    """Tell under which keys patients are hashed, and whether we have them."""
    own = [names.key_id for names in place.names()]
    for key, number in key_ids(place.database).items():
        which = "present" if key == own[0] else "previous" if key in own else "unknown"
        yield f"key {key}", f"{which}, {number} decisions"


@store.command
@click.option("--dry-run", is_flag=True, help="Count, and take nothing out.")
def purge(*, dry_run: bool) -> None:  # numpydoc ignore=PR01
    """
    Take out what is older than SCNEN_KEEP_..._DAYS says.

    With decisions go their cards and outcomes; sessions of the SMART app go once they
    are over. Run it daily, from cron or a timer.

    \b
    Example:
      scnen-cds store purge --dry-run
    """  # noqa: D301 as above
    progress = Progress("taken out")
    with open_place() as place:
        gone = purge_store(
            place.database,
            place.settings.store,
            datetime.now(UTC),
            is_dry=dry_run,
            tell=lambda table, number: progress(f"{number} of {table}"),
        )
    verb = "would go" if dry_run else "gone"
    click.echo(
        columns([(name, count, verb) for name, count in gone.items()], right=[1])
    )


@store.command
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "ndjson"]),
    default="csv",
    show_default=True,
    help="A table, or one JSON object a line.",
)
def export(form: str) -> None:  # numpydoc ignore=PR01
    """
    Write each card with what users did with it to standard output.

    Columns: date, location (tenant), intervention, action, feedback, reasons, user (a
    pseudonym), the newest first. A card without feedback was ignored, or its client
    sends none: that is no acceptance.

    \b
    Example:
      scnen-cds store export --format csv > cards.csv
    """  # noqa: D301 as above
    progress = Progress("rows written")
    with open_place() as place:
        rows = exported(place.database)
        writer = csv.DictWriter(sys.stdout, COLUMNS)
        if form == "csv":
            writer.writeheader()
        for number, row in enumerate(rows, 1):
            if form == "csv":
                writer.writerow(row)
            else:
                click.echo(orjson.dumps(row))
            progress(number)


@store.command
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:  # numpydoc ignore=PR01
    """
    Copy the embedded database to FILE, also while the service runs.

    The copy is checked, and holds no session of the SMART app. It is about patients:
    keep it as you keep the database.
    PostgreSQL is backed up with its own means, such as pg_dump.

    \b
    Example:
      scnen-cds store backup /backup/scnen-2026-03-02.sqlite3
    """  # noqa: D301 as above
    progress = Progress("pages left")
    with open_place() as place:
        _must_be_embedded(place)
        back_up(place.file, file, lambda left, total: progress(f"{left} of {total}"))
    click.echo(f"{file}: complete and checked")


@store.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
def restore_command(file: Path) -> None:  # numpydoc ignore=PR01
    """
    Put the backup FILE in the place of the embedded database.

    The service must not run. The database of before is kept beside it. Decisions that
    still wait in the spool are added when the service starts again.

    \b
    Example:
      scnen-cds store restore /backup/scnen-2026-03-02.sqlite3
    """  # noqa: D301 as above
    with open_place() as place:
        _must_be_embedded(place)
        before = restore(file, place.file, place.spool)
    click.echo(f"restored from {file}")
    if before is not None:
        click.echo(f"the database of before is {before}")


@store.command
@click.option("--tenant", required=True, help="Whose patient it is.")
@click.argument("patient_id")
def find_patient(tenant: str, patient_id: str) -> None:  # numpydoc ignore=PR01
    """
    List the decisions about a patient, the newest first.

    PATIENT_ID is the id of the Patient resource, as calls have it. The tenant is the
    claim of that name, or else the client's name in the register. The present key is
    tried, and those of SCNEN_PREVIOUS_SECRET_KEYS_FILE.

    \b
    Example:
      scnen-cds store find-patient --tenant north 12345
    """  # noqa: D301 as above
    with open_place() as place:
        hashes = [names.patient(tenant, patient_id) for names in place.names()]
        rows = list(decisions_of(place.database, hashes))
    click.echo(f"{len(rows)} decisions")
    for row in rows:
        risk = "-" if row.risk is None else f"{row.risk:.3f}"
        said = row.reason or "card"
        model = f"{row.model_id or '-'} {row.model_version or ''}".strip()
        at = row.at.isoformat(timespec="seconds")
        click.echo(
            "  ".join((row.id, at, row.service, str(row.status), said, risk, model))
        )


@store.command
@click.option("--model", "digest", required=True, help="Digest of the model.")
@click.option("--tenant", help="Only this tenant's.")
@click.option(
    "--patients",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with one Patient id a line: those who were shown it are named.",
)
def recall(
    digest: str, tenant: str | None, patients: Path | None
) -> None:  # numpydoc ignore=PR01
    """
    List who was shown cards of a model that was withdrawn.

    Patients are hashed. With --patients (and --tenant) the hospital turns the hashes
    into charts: the file holds the ids of those who could be meant, and the ids of
    those who are meant are printed.

    \b
    Example:
      scnen-cds store recall --model sha256:a7d3...
    """  # noqa: D301 as above
    if patients is not None and tenant is None:
        raise click.UsageError("--patients needs --tenant: ids are of a tenant")
    with open_place() as place:
        found = [
            each
            for each in recalled(place.database, digest)
            if tenant in (None, each.tenant)
        ]
        names = place.names()
    click.echo(f"{len(found)} patients", err=True)
    if patients is None or tenant is None:
        for each in found:
            days = f"{each.first:%Y-%m-%d}  {each.last:%Y-%m-%d}"
            click.echo(f"{each.tenant}  {each.patient_hash}  {each.cards}  {days}")
        return
    hashes = {each.patient_hash for each in found}
    for line in patients.read_text("utf-8").split():
        if any(each.patient(tenant, line) in hashes for each in names):
            click.echo(line)


def _must_be_embedded(place: Place) -> None:
    if place.settings.store.database_url is not None:
        raise click.ClickException(
            "the database is not the embedded one; use its own means, such as pg_dump"
        )


store.add_command(outcome)
