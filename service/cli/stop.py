"""``scnen-cds stop``: switch the advice off, or its probabilities, at once."""

from pathlib import Path

import click

from service.config import SettingsError, stop_file_by_environment
from service.switch import Order, Stop, stop_now

__all__ = ["choose_file", "file_option", "stop"]

file_option = click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    show_default="SCNEN_STOP_FILE",
    help="The stop file that the service looks at.",
)


def choose_file(file: Path | None) -> Path:
    """
    Give the stop file of the command line, or else of the environment.

    Parameters
    ----------
    file : pathlib.Path or None
        That of the command line.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    SettingsError
        If neither names one.
    """
    chosen = file or stop_file_by_environment()
    if chosen is None:
        raise SettingsError(
            "SCNEN_STOP_FILE: not set, so the service looks at no stop file. Set it for"
            " service and command, and start the service anew."
        )
    return chosen


@click.command
@click.option(
    "--mode",
    type=click.Choice([each.value for each in Stop]),
    required=True,
    help="What is switched off: probabilities, or everything.",
)
@click.option("--reason", default="", help="Why, in a few words, for the log.")
@file_option
def stop(  # click shows the text as help: numpydoc ignore=PR01
    *, mode: str, reason: str, file: Path | None
) -> None:
    """
    Switch the advice off within a second, without a restart.

    Writes the stop file that the service on this machine looks at. With `relative` it
    gives points and percentile, no probability. With `off` nobody is assessed: at a
    discharge a card says so, and the chart reminds of nothing. The reason stands in
    the log: no names of patients in it.

    \b
    Examples:
      scnen-cds stop --mode relative --reason "calibration in doubt"
      scnen-cds stop --mode off --file /run/scnen/stop
    """  # noqa: D301 click keeps the lines below \\b as they are
    chosen = choose_file(file)
    try:
        stop_now(chosen, Order(Stop(mode), " ".join(reason.split())))
    except OSError as error:
        raise click.ClickException(
            f"{chosen}: cannot be written: {error.strerror}. Nothing was switched off."
        ) from error
    click.echo(f"{chosen}: {mode}. The service follows within a second.")
