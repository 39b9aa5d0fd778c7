"""``scnen-cds develop``: the study's way to a model, on patients of one's own."""

from pathlib import Path
from typing import Any

import click

from service.cli.analysis import (
    cohort_argument,
    jobs_option,
    needing_statistics,
    signed_angles_option,
)

__all__ = ["develop"]


@click.command
@cohort_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="A new folder for the results; the model is named after it: north-2 is version"
    " 2 of north.",
)
@click.option("--seed", type=int, required=True, help="Same seed, same numbers.")
@click.option(
    "--candidates", help="Columns, a comma between them. [default: all there are]"
)
@click.option(
    "--rule",
    type=click.Choice(["p", "aic"]),
    default="p",
    show_default=True,
    help="How backward elimination judges: p below 0.05 stays, or Akaike's criterion.",
)
@click.option(
    "--bootstrap",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="How many samples.",
)
@click.option(
    "--bootstrap-only", is_flag=True, help="Derive from all patients: no 70/30 split."
)
@signed_angles_option
@jobs_option
def develop(file: Path, out: Path, **options: Any) -> None:  # noqa: ANN401 the fields of `Options`; numpydoc ignore=PR01
    """
    Develop a new model from the cohort in FILE, as the study did.

    LASSO with ten folds, backward elimination, nomogram; then the whole of it again in
    each bootstrap sample, to see how much of its performance is self-deceit. Writes
    report.html, results.json, the curves, tripod-ai.md and, if the server can run the
    model, its artifact. A new model is for research until it has been validated on
    other patients.

    \b
    Ends with
      0  done; also if no model came of it
      1  refused: too few patients, or a file or folder that cannot be used
    \b
    Examples:
      scnen-cds develop cohort.csv --out north --seed 1
      scnen-cds develop cohort.csv --out north --seed 1 --bootstrap-only --jobs 4
    """  # noqa: D301 click keeps the lines below \\b as they are
    developing = needing_statistics("developing")
    click.echo(developing.run(file, out, developing.Options(**options)))
