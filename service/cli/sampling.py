"""Where a sample of resources comes from, and how far the reading has come."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

import click

from service.live_samples import LiveSample, searches
from service.samples import Sample, SampleError

__all__ = ["open_sample", "reading", "server_options"]

#: Nothing is said of a reading that takes less, and then no more often.
_PATIENCE_S: Final = 5.0
#: The clock is looked at after so many resources.
_EVERY: Final = 100
_PAGE_SIZE: Final = 100

Resources = Iterator[Mapping[str, Any]]
Command = Callable[..., Any]


def server_options(command: Command) -> Command:
    """
    Add the options that hold for a FHIR server.

    Parameters
    ----------
    command : callable
        The function of a command.

    Returns
    -------
    callable
        The same with the options.
    """
    options = (
        click.option(
            "--token-file",
            type=click.File(),
            help="Server: file with a bearer token, - for standard input.",
        ),
        click.option(
            "--patient",
            "patients",
            metavar="ID",
            multiple=True,
            help="Server: read of this patient only; may be repeated. Many servers"
            " answer no search without.",
        ),
        click.option(
            "--search",
            "queries",
            metavar="QUERY",
            multiple=True,
            help="Server: search instead of Procedure, Observation and Condition, e.g."
            " 'Observation?category=imaging'; may be repeated.",
        ),
        click.option(
            "--pages",
            type=click.IntRange(1, 10_000),
            default=10,
            show_default=True,
            help="Server: pages of each search that are read at most.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def open_sample(
    source: str,
    *,
    token_file: TextIO | None,
    patients: tuple[str, ...],
    queries: tuple[str, ...],
    pages: int,
) -> Sample | LiveSample:
    """
    Tell from what somebody typed what to read.

    Parameters
    ----------
    source : str
        File, folder or base URL.
    token_file : TextIO or None
        Holds a bearer token.
    patients, queries : tuple of str
        Ids of patients; searches.
    pages : int
        Pages of each search.

    Returns
    -------
    Sample or LiveSample
        Not yet read.

    Raises
    ------
    click.ClickException
        If there is no such thing, or an option does not go with it.
    """
    if source.lower().startswith(("http://", "https://")):
        token = token_file.read().strip() if token_file else None
        asked = queries or searches(patients, _PAGE_SIZE)
        return LiveSample(source, asked, pages, token)
    if token_file or patients or queries:
        raise click.UsageError(
            "--token-file, --patient and --search go with a FHIR server, and"
            f" {source} is no http or https URL"
        )
    path = Path(source)
    if not path.exists():
        raise click.ClickException(f"{source}: no such file, folder or URL")
    return Sample(path)


@contextmanager
def reading(sample: Sample | LiveSample) -> Iterator[Resources]:
    """
    Read a sample, with a word now and then if it takes long.

    Parameters
    ----------
    sample : Sample or LiveSample
        What to read.

    Yields
    ------
    iterator of Mapping
        Its resources.

    Raises
    ------
    click.ClickException
        If it cannot be read.
    """
    try:
        yield _told(sample)
    except SampleError as error:
        raise click.ClickException(str(error)) from error


def _told(sample: Sample | LiveSample) -> Resources:
    told = time.monotonic()
    for number, resource in enumerate(sample.resources(), 1):
        yield resource
        if number % _EVERY == 0 and time.monotonic() - told > _PATIENCE_S:
            told = time.monotonic()
            click.echo(f"{number:,} resources, {_progress(sample)}", err=True)


def _progress(sample: Sample | LiveSample) -> str:
    if isinstance(sample, LiveSample):
        return f"{sample.pages_read} pages"
    share = 100 * sample.bytes_read // max(1, sample.bytes_total)
    return f"{share} % of {sample.bytes_total / 1e6:,.0f} MB"
