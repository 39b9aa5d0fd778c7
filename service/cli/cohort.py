"""``scnen-cds cohort``: bring patients of one's own in, and see who was taken."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import numpy as np

from service.cli.analysis import cohort_argument, model_option
from service.cli.cohort_export import from_export
from service.cli.cohort_output import counting, save_cohort, save_refused, tell
from service.cli.cohort_readers import readers
from service.cli.cohort_text import columns_text
from service.cli.store_period import selecting, selection_of
from service.cli.store_place import open_place
from service.cohort.decided import cohort_of
from service.cohort.lines import COLUMNS, TableError
from service.cohort.simulation import simulate as draw
from service.cohort.table import read_cohort
from service.model.artifact import ArtifactError, find_model, load_model
from service.store.cohort import Followed, followed

__all__ = ["cohort"]

_new_file = click.Path(path_type=Path, dir_okay=False, writable=True)
_out_option = click.option(
    "--out", type=_new_file, required=True, help="The CSV file to write."
)


@click.group
def cohort() -> None:
    """
    Bring patients of your own in, to validate the model on them.

    A cohort is a table: a row for each operated patient, with what the model looks at
    and whether SCNEN was found. Every row is checked by the rules of a call. What is
    refused is named, row by row, with the reason; nothing is guessed or left out in
    silence. docs/cohort.md tells the whole way.

    \b
    Examples:
      scnen-cds cohort template > cohort.csv
      scnen-cds cohort check cohort.csv
      scnen-cds cohort from-store --out cohort.csv
      scnen-cds cohort simulate --out synthetic.csv
      scnen-cds cohort readers anna.csv ben.csv
    """  # noqa: D301 click keeps the lines below \\b as they are


@cohort.command
def template() -> None:  # numpydoc ignore=PR01
    """
    Print the header of a table; what its columns may hold goes to standard error.

    \b
    Example:
      scnen-cds cohort template > cohort.csv
    """  # noqa: D301 as above
    click.echo(",".join(COLUMNS))
    click.echo(columns_text(), err=True)


@cohort.command
@cohort_argument
@click.option(
    "--signed-angles",
    is_flag=True,
    help="Kyphosis has one sign here and lordosis the other. Without it, two negative"
    " angles are magnitudes, and opposite signs contradict each other.",
)
@click.option(
    "--refused",
    "target",
    type=_new_file,
    help="Where refused rows go, with the reason; FILE.refused.csv without it.",
)
@click.option("--json", "is_json", is_flag=True, help="JSON.")
@click.pass_context
def check(
    context: click.Context,
    /,
    *,
    file: Path,
    signed_angles: bool,
    target: Path | None,
    is_json: bool,
) -> None:  # numpydoc ignore=PR01
    """
    Check the table in FILE and say what it consists of.

    Rows, refused rows with reasons, who was examined and who has SCNEN, how many the
    models can score; and whether those who were not examined are like the others.

    \b
    Ends with
      0  every row is taken
      1  rows were refused, or the file cannot be read
    \b
    Example:
      scnen-cds cohort check cohort.csv
    """  # noqa: D301 as above
    try:
        found = read_cohort(
            file, signed_angles=signed_angles, progress=counting("rows read")
        )
    except TableError as error:
        raise click.ClickException(str(error)) from error
    tell(found, is_json=is_json)
    if save_refused(found, target, file):
        context.exit(1)


@cohort.command
@click.option("--n", default=340, show_default=True, help="How many patients.")
@click.option(
    "--seed",
    default=1,
    show_default=True,
    help="The same seed gives the same patients.",
)
@model_option("Gives the risks")
@_out_option
def simulate(
    *, n: int, seed: int, model_name: str, out: Path
) -> None:  # numpydoc ignore=PR01
    """
    Draw a synthetic cohort from the study's Table 1, for demonstration.

    Nobody in it is a patient: the file says so in its first line, every id begins with
    SYN-, and every report made of it says so. Outcomes follow the model's own risks: on
    this cohort it is right by construction, which proves nothing.

    \b
    Example:
      scnen-cds cohort simulate --n 340 --seed 1 --out synthetic.csv
    """  # noqa: D301 as above
    try:
        model = load_model(find_model(model_name), today=datetime.now(UTC).date())
        found = draw(model, n, np.random.default_rng(seed))
    except (ArtifactError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    save_cohort(found, out)
    tell(found)


@cohort.command("from-store")
@_out_option
@click.option(
    "--refused",
    "target",
    type=_new_file,
    help="Where refused operations go, with the reason; OUT.refused.csv without it.",
)
@selecting("everything")
def from_store(
    *,
    out: Path,
    target: Path | None,
    **which: Any,  # noqa: ANN401 the options of `selecting`
) -> None:  # numpydoc ignore=PR01
    """
    Make a table of the store's decisions and the outcomes recorded for them.

    A row for each operation. Its outcome is the one recorded last; its predictors are
    those of the last decision that knew most, up to the day of the examination. Who was
    not examined has no outcome; whose follow-up is not over is listed as refused, and
    so are test patients among real ones.

    Run it with the environment of the service. The table is about patients: keep it as
    you keep the store.

    \b
    Example:
      scnen-cds cohort from-store --since 2026-01-01 --out cohort.csv
    """  # noqa: D301 as above
    selection = selection_of(**which, days=None)
    with open_place() as place:
        zone = ZoneInfo(place.settings.time_zone)
        stored = followed(place.database, selection, zone)
        horizon = place.policy().follow_up.horizon_days
    found = cohort_of(
        stored.decided,
        today=datetime.now(zone).date(),
        horizon_days=horizon,
        name="decisions of the store",
    )
    found = replace(found, warnings=(*found.warnings, *_notes(stored)))
    save_cohort(found, out)
    tell(found)
    save_refused(found, target, out)


def _notes(stored: Followed) -> list[str]:
    """Say what of the store is not in the cohort, or may be there twice."""
    notes = []
    if stored.without_operation:
        notes.append(
            f"{stored.without_operation} decisions found no operation that the model is"
            " for, or were refused; they are in no count here"
        )
    if stored.keys > 1:
        notes.append(
            f"patients are hashed under {stored.keys} keys; who was asked about under"
            " several stands here several times"
        )
    return notes


cohort.add_command(from_export)
cohort.add_command(readers)
