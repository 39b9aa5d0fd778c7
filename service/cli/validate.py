"""``scnen-cds validate``: how well a model does on a hospital's own patients."""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

__all__ = ["validate"]


@click.command
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to write, which must not exist: report.html, results.json, curves.",
)
@click.option(
    "--model",
    "model_id",
    default="liu-nomogram",
    show_default=True,
    help="What is validated: a bundled model, or the path of an artifact.",
)
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
    help="Share with SCNEN in the population, for the decision curve of patients who"
    " were sampled by outcome.",
)
@click.option(
    "--signed-angles",
    is_flag=True,
    help="As in `cohort check`: kyphosis has one sign here and lordosis the other.",
)
@click.option("--resamples", default=500, show_default=True, help="Of the bootstrap.")
@click.option("--seed", default=1, show_default=True, help="Of the resamples.")
@click.option(
    "--jobs",
    default=1,
    show_default=True,
    help="Processes; results do not depend on it.",
)
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
    try:
        validating = import_module("service.cli.validating")
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is missing; the statistics are an extra:"
            " pip install 'scnen-cds[validation]'"
        ) from error
    click.echo(validating.run(file, out, validating.Options(**options)))
