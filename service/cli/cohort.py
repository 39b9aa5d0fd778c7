"""``scnen-cds cohort``: bring patients of one's own in, and see who was taken."""

from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np

from service.cli.analysis import cohort_argument, model_option
from service.cli.cohort_output import counting, save_cohort, save_refused, tell
from service.cli.cohort_text import columns_text
from service.cli.lazy import Later, LazyGroup
from service.cohort.lines import COLUMNS, TableError
from service.cohort.simulation import simulate as draw
from service.cohort.table import read_cohort
from service.model.artifact import ArtifactError, find_model, load_model

__all__ = ["cohort"]

_new_file = click.Path(path_type=Path, dir_okay=False, writable=True)
_out_option = click.option(
    "--out", type=_new_file, required=True, help="The CSV file to write."
)


#: What needs the store, the service or the statistics, and waits until it is called.
_LATER = {
    "from-store": Later(
        "service.cli.cohort_store",
        "from_store",
        "Make a table of the store's decisions and the outcomes recorded for them.",
    ),
    "from-export": Later(
        "service.cli.cohort_export",
        "from_export",
        "Make a table of the patients in a FHIR Bulk Data export.",
    ),
    "readers": Later(
        "service.cli.cohort_readers",
        "readers",
        "Compare two readers' tables of the same patients, FIRST and SECOND.",
    ),
}


@click.group(cls=LazyGroup, later=_LATER)
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
