"""Where cohorts go that a command made: files, and the figures on the terminal."""

from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import click
import orjson

from service.cli.cohort_text import summary_text
from service.cli.store_place import Progress
from service.cohort.patients import PatientCohort
from service.cohort.summary import summarise
from service.cohort.writing import refused_ids, write_cohort, write_refused
from service.model.artifact import bundled_models, load_bundled

__all__ = ["counting", "save_cohort", "save_refused", "tell"]


def tell(cohort: PatientCohort, *, is_json: bool = False) -> None:
    """
    Say on standard output what a cohort consists of.

    Parameters
    ----------
    cohort : PatientCohort
        The cohort.
    is_json : bool, optional
        As JSON, not for eyes.
    """
    models = tuple(load_bundled(model_id) for model_id in bundled_models())
    found = summarise(cohort, models)
    click.echo(
        orjson.dumps(found, option=orjson.OPT_INDENT_2)
        if is_json
        else summary_text(found)
    )


def save_cohort(cohort: PatientCohort, target: Path) -> None:
    """
    Write a cohort.

    Parameters
    ----------
    cohort : PatientCohort
        The cohort.
    target : pathlib.Path
        The file.

    Raises
    ------
    ClickException
        If it cannot be written.
    """
    _save(target, lambda file: write_cohort(cohort, file))


def save_refused(cohort: PatientCohort, target: Path | None, table: Path) -> bool:
    """
    Write what was refused; if nothing was, take away what an earlier run wrote there.

    Parameters
    ----------
    cohort : PatientCohort
        The cohort.
    target : pathlib.Path or None
        The file; beside the table if None.
    table : pathlib.Path
        The table.

    Returns
    -------
    bool
        Whether anything was refused.

    Raises
    ------
    ClickException
        If the file cannot be written.
    """
    place = target or table.with_name(table.name + ".refused.csv")
    if cohort.refused:
        _save(place, lambda file: write_refused(cohort.refused, file))
    elif (listed := refused_ids(place)) is not None:
        _clear(place, is_ours=listed <= set(cohort.ids))
    return bool(cohort.refused)


def counting(what: str) -> Callable[[int], None]:
    """
    Tell of long work that says how many pieces are newly finished.

    Parameters
    ----------
    what : str
        What is done.

    Returns
    -------
    callable
        Takes the number and adds it up.
    """
    progress, done = Progress(what), 0

    def add(new: int) -> None:
        nonlocal done
        done += new
        progress(done)

    return add


def _clear(place: Path, *, is_ours: bool) -> None:
    """Take away a list of rows that are taken by now; of others only say that it is."""
    if is_ours:
        place.unlink()
        click.echo(f"removed {place}: all rows in it are taken now", err=True)
        return
    click.echo(
        f"{place} is of an earlier run: nothing is refused here; it lists rows that are"
        " not in this table",
        err=True,
    )


def _save(target: Path, write: Callable[[TextIO], None]) -> None:
    try:
        with target.open("w", encoding="utf-8", newline="") as file:
            write(file)
    except OSError as error:
        raise click.ClickException(
            f"{target}: cannot be written: {error.strerror}"
        ) from error
    click.echo(f"written to {target}", err=True)
