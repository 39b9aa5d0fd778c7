"""``scnen-cds store outcome``: what was found at the follow-up."""

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import click

from service.cli.store_place import Progress, open_place
from service.store.outcomes import FIELDS, OutcomeError, import_outcomes, record_outcome

__all__ = ["outcome"]

#: Who records: the store names systems and roles, not people.
_WHO = "command line"


@click.group
def outcome() -> None:
    """
    Record what was found at the follow-up: SCNEN yes, no, or not examined.

    Who was not examined is never a "no". A correction is recorded beside what it
    corrects; the last counts.

    \b
    Examples:
      scnen-cds store outcome add DECISION --outcome yes \\
        --examined-on 2026-04-01 --criteria study
      scnen-cds store outcome import outcomes.csv
    """  # noqa: D301 click keeps the lines below \\b as they are


@outcome.command
@click.argument("decision_id")
@click.option("--outcome", "found", required=True, help="yes, no or not-examined.")
@click.option("--examined-on", help="Day of the examination, YYYY-MM-DD.")
@click.option("--criteria", help="study, clinical or other.")
def add(
    decision_id: str, found: str, examined_on: str | None, criteria: str | None
) -> None:  # numpydoc ignore=PR01
    """
    Record the outcome of one decision, by its id.

    \b
    Example:
      scnen-cds store outcome add DECISION --outcome not-examined
    """  # noqa: D301 as above
    row = {
        "decision_id": decision_id,
        "outcome": found,
        "examined_on": examined_on,
        "criteria": criteria,
    }
    with open_place() as place:
        try:
            is_new = record_outcome(
                place.database,
                row,
                names=place.names(),
                recorded_by=_WHO,
                now=datetime.now(UTC),
            )
        except OutcomeError as error:
            raise click.ClickException(str(error)) from error
    click.echo("recorded" if is_new else "was recorded before")


@outcome.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--errors",
    type=click.Path(path_type=Path),
    help="Where refused rows go, with the reason; FILE.errors.csv without it.",
)
def import_command(file: Path, errors: Path | None) -> None:  # numpydoc ignore=PR01
    """
    Record the outcomes in FILE, a CSV with a header.

    Columns: decision_id, or tenant and patient_id; outcome; examined_on; criteria. A
    patient means the last decision at a discharge, up to the examination. Refused rows
    are written to a file of their own, with the reason: correct and import that.

    \b
    Ends with
      0  every row is recorded
      1  rows were refused, or the file cannot be read
    \b
    Example:
      scnen-cds store outcome import outcomes.csv
    """  # noqa: D301 as above
    rows = _rows(file)
    refused, new = [], 0
    progress = Progress("rows read")
    with open_place() as place:
        results = import_outcomes(
            place.database,
            rows,
            names=place.names(),
            recorded_by=_WHO,
            now=datetime.now(UTC),
        )
        for number, (row, result) in enumerate(zip(rows, results, strict=True), 1):
            if isinstance(result, OutcomeError):
                refused.append({**row, "error": str(result)})
            else:
                new += result
            progress(number)
    known = len(rows) - new - len(refused)
    click.echo(f"{new} recorded, {known} known before, {len(refused)} refused")
    if refused:
        target = errors or file.with_name(file.name + ".errors.csv")
        _write_refused(target, refused)
        raise click.ClickException(f"the refused rows are in {target}, with the reason")


def _rows(file: Path) -> list[dict[str, str]]:
    """Read the rows; a column that nobody knows is refused before anything happens."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, strict=True)
            rows = list(reader)
            header = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise click.ClickException(f"{file}: cannot be read: {error}") from error
    unknown = set(header) - set(FIELDS) - {"error"}
    if unknown or "outcome" not in header:
        raise click.ClickException(
            f"{file}: the header must hold outcome, and of {', '.join(FIELDS)} no"
            " others"
        )
    for row in rows:
        row.pop("error", None)
    if any(None in chain(row, row.values()) for row in rows):
        raise click.ClickException(
            f"{file}: a row is longer or shorter than the header"
        )
    return rows


def _write_refused(target: Path, refused: Iterable[dict[str, Any]]) -> None:
    with target.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, (*FIELDS, "error"))
        writer.writeheader()
        writer.writerows(refused)
