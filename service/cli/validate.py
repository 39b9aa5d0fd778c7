"""``scnen-cds validate``: how well a model does on a hospital's own patients."""

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

__all__ = ["validate"]


@click.command
@cohort_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to write, which must not exist: report.html, results.json, curves.",
)
@model_option("What is validated")
@click.option(
    "--subgroup",
    "subgroups",
    multiple=True,
    metavar="COLUMN[:CUTS]",
    help="A column whose groups are looked at by themselves, such as sex; of a quantity"
    " with its cuts, such as age_years:65,80. Can be given several times; segment and"
    " method always are.",
)
@click.option(
    "--weigh-examined",
    is_flag=True,
    help="Weigh those who were examined, by their predictors, so that they stand for"
    " all: where not everybody was.",
)
@click.option(
    "--prevalence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share with SCNEN in the population, between 0 and 1: for the decision curve,"
    " where patients were sampled by outcome. It changes nothing else.",
)
@signed_angles_option
@click.option(
    "--resamples",
    type=click.IntRange(2),
    default=500,
    show_default=True,
    help="Of the bootstrap.",
)
@click.option("--seed", default=1, show_default=True, help="Of the resamples.")
@jobs_option
def validate(
    *,
    file: Path,
    out: Path,
    **options: Any,  # noqa: ANN401 the fields of `Options`
) -> None:  # numpydoc ignore=PR01
    """
    Validate a model on the patients in FILE, a cohort as `cohort check` takes it.

    Discrimination, calibration, decision curve, each predictor against the model,
    subgroups, and how many patients it takes; beside each figure the paper's own.
    report.html is for the committee: one file, to read or to print. Nothing is imputed:
    who lacks a predictor or was not examined is counted and left out.

    \b
    Ends with
      0  done; also if the model does badly
      1  refused: too few patients, or a file or folder that cannot be used
    \b
    Examples:
      scnen-cds validate cohort.csv --out validation
      scnen-cds validate cohort.csv --out validation --subgroup age_years:65,80 --jobs 4
    """  # noqa: D301 click keeps the lines below \\b as they are
    validating = needing_statistics("validating")
    click.echo(validating.run(file, out, validating.Options(**options)))
