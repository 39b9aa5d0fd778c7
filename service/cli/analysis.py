"""What the commands of the statistics share: options, refusals, progress."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import click

from service.cli.layout import printable

if TYPE_CHECKING:
    from click.decorators import FC

    from service.validation.resampling import Progress

__all__ = [
    "cohort_argument",
    "jobs_option",
    "model_option",
    "needing_statistics",
    "refusing",
    "signed_angles_option",
    "telling",
]

cohort_argument = click.argument(
    "file", type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
signed_angles_option = click.option(
    "--signed-angles",
    is_flag=True,
    help="As in `cohort check`: kyphosis has one sign here and lordosis the other.",
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes for the resamples; results do not depend on it.",
)


def model_option(what: str) -> "Callable[[FC], FC]":
    """
    Make the option ``--model``, whose value is given as ``model_name``.

    Parameters
    ----------
    what : str
        What the model is for, as the beginning of the help.

    Returns
    -------
    callable
        Decorates a command. `service.model.artifact.find_model` finds the file.
    """
    return click.option(
        "--model",
        "model_name",
        default="liu-nomogram",
        show_default=True,
        help=f"{what}: a bundled model, or the path of an artifact.",
    )


def needing_statistics(module: str) -> ModuleType:
    """
    Import what a command does, which needs the extra packages.

    Parameters
    ----------
    module : str
        Name of a module in `service.cli`.

    Returns
    -------
    module
        The module.

    Raises
    ------
    ClickException
        If a package is missing; the message names it and the remedy.
    """
    try:
        return import_module(f"service.cli.{module}")
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is missing; the statistics are an extra:"
            " pip install 'scnen-cds[validation]'"
        ) from error


@contextmanager
def refusing() -> Iterator[None]:
    """
    Turn what patients, models and files are refused for into a line of text.

    Yields
    ------
    None
        Once.

    Raises
    ------
    ClickException
        For each ValueError and OSError; nothing in it steers the terminal.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        raise click.ClickException(printable(str(error))) from error


@contextmanager
def telling(total: int, *, is_certain: bool = True) -> Iterator["Progress"]:
    """
    Show how far a bootstrap is, on standard error, if that is a terminal.

    Parameters
    ----------
    total : int
        Resamples in all.
    is_certain : bool, default True
        Whether there will be any: else nothing is shown until the first is told.

    Yields
    ------
    Progress
        To be told of newly finished resamples.
    """
    bar = click.progressbar(
        length=total,
        label="Bootstrap",
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
    )
    with ExitStack() as stack:
        if is_certain:
            stack.enter_context(bar)

        def update(new: int) -> None:
            if not bar.entered:
                stack.enter_context(bar)
            bar.update(new)

        yield update
