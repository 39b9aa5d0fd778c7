"""``scnen-cds model plot``: the nomogram as a drawing."""

from pathlib import Path

import click

from service.assessment import OutputMode
from service.cli.model_choice import artifact_argument, chosen_model, model_option
from service.drawings import draw_model

__all__ = ["plot"]


@click.command()
@artifact_argument
@model_option
@click.option(
    "--relative",
    is_flag=True,
    help="Percentiles only, as in output mode relative: no probability.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.svg",
    help="Write the drawing there instead of printing it.",
)
def plot(  # numpydoc ignore=PR01
    artifact: Path | None, model_id: str | None, *, relative: bool, out: Path | None
) -> None:
    """
    Draw the nomogram as SVG, the drawing of the page /nomogram.

    ARTIFACT is a model file of your own, such as one that `scnen-cds develop` wrote;
    without it the default model is drawn.

    \b
    Examples:
      scnen-cds model plot --out nomogram.svg
      scnen-cds model plot --model liu-table2 --relative
    """  # noqa: D301 click wants the character, not a backslash
    model = chosen_model(artifact, model_id)
    mode = OutputMode.RELATIVE if relative else OutputMode(model.mode)
    drawing = draw_model(model, mode)
    if out is None:
        click.echo(drawing)
        return
    try:
        out.write_text(f"{drawing}\n", "utf-8")
    except OSError as error:
        raise click.ClickException(
            f"--out: {out} cannot be written: {error.strerror}"
        ) from error
