"""``scnen-cds recalibrate``: fit the model's risks to a hospital's own patients."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from service.cli.analysis import (
    cohort_argument,
    jobs_option,
    model_option,
    needing_statistics,
    signed_angles_option,
)

__all__ = ["recalibrate"]

_day = click.DateTime(["%Y-%m-%d"])
#: Of the options those that are about the analysis; the others are of the artifact.
_OPTIONS = ("model_name", "signed_angles", "seed", "jobs", "report")


@click.command
@cohort_argument
@model_option("What is recalibrated")
@click.option(
    "--level",
    type=click.Choice(["auto", "intercept", "slope", "refit"]),
    default="auto",
    show_default=True,
    help="What is estimated again; auto: what the closed test chooses, as far as there"
    " are patients for it. More than they hold is refused.",
)
@signed_angles_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the artifact to this file, which must not exist and names the model:"
    " north-1.json is version 1 of north. Needs --approved-by.",
)
@click.option(
    "--approved-by",
    multiple=True,
    metavar="NAME",
    help="Who answers for its use; give it once for each person.",
)
@click.option("--approved-on", type=_day, help="Day of the approval. [default: today]")
@click.option(
    "--valid-until",
    type=_day,
    help="Last day of use. [default: two years from the approval]",
)
@click.option("--first-operation", type=_day, help="If the file has no operation_date.")
@click.option("--last-operation", type=_day, help="As above.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write, which must not exist: report.html for the committee,"
    " results.json, curves; also where the patients do not allow it.",
)
@click.option(
    "--seed", default=1, show_default=True, help="Of the resamples of a refit."
)
@jobs_option
def recalibrate(
    *,
    file: Path,
    level: str,
    **said: Any,  # noqa: ANN401 the fields of `Options` and `Target`
) -> None:  # numpydoc ignore=PR01
    """
    Recalibrate the model on the patients in FILE, a cohort as `cohort check` takes it.

    Says what so many patients allow, tests how much must change, and shows observed
    against expected before and after. --report writes that as one HTML file for the
    committee, also if it is refused. --out writes an artifact that the service loads,
    and that it stops using for probabilities after its last day. Without both nothing
    is written. docs/recalibrate.md explains it.

    \b
    Ends with
      0  done; also if the model fits as it is
      1  refused: too few patients, or a file, day or level that cannot be used
    \b
    Examples:
      scnen-cds recalibrate cohort.csv --report recalibration
      scnen-cds recalibrate cohort.csv --out north-1.json \\
        --approved-by "A. Surgeon" --approved-by "B. Statistician"
    """  # noqa: D301 click keeps the lines below \\b as they are
    recalibrating = needing_statistics("recalibrating")
    days = _days(said)
    options = {name: days.pop(name) for name in _OPTIONS}
    target = recalibrating.Target(days.pop("out"), **days)
    text = recalibrating.run(
        file,
        recalibrating.Options(
            today=_today(), level=None if level == "auto" else level, **options
        ),
        target,
    )
    click.echo(text)


def _today() -> date:
    return datetime.now(UTC).date()


def _days(said: dict[str, Any]) -> dict[str, Any]:
    """Take days for the times that click makes of them."""
    return {
        name: value.date() if isinstance(value, datetime) else value
        for name, value in said.items()
    }
