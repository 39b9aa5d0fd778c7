"""``scnen-cds cohort readers``: how two readers of the same films agree."""

from pathlib import Path
from typing import Any

import click

from service.cli.analysis import model_option, needing_statistics, signed_angles_option

__all__ = ["readers"]

_table = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command
@click.argument("first", type=_table)
@click.argument("second", type=_table)
@model_option("Gives the risks")
@signed_angles_option
@click.option(
    "--policy",
    type=_table,
    help="Policy whose bands are looked at. [default: the bundled one]",
)
@click.option("--json", "is_json", is_flag=True, help="JSON.")
def readers(
    first: Path,
    second: Path,
    **options: Any,  # noqa: ANN401 those of `cohort_reading.run`
) -> None:  # numpydoc ignore=PR01
    """
    Compare two readers' tables of the same patients, FIRST and SECOND.

    Both are tables as `cohort check` takes them, with the same ids and the measurements
    of one reader each; outcomes are not looked at and may be empty. Of every quantity:
    intraclass correlation, bias and limits of agreement, error of a single reading; and
    what the disagreement does to the risk and its band.

    \b
    Ends with
      0  done; also if they do not agree
      1  refused: no patients in common, too few, or a file that cannot be used
    \b
    Example:
      scnen-cds cohort readers anna.csv ben.csv
    """  # noqa: D301 click keeps the lines below \\b as they are
    cohort_reading = needing_statistics("cohort_reading")
    click.echo(cohort_reading.run(first, second, **options))
