"""The folder that a command of the statistics writes: report, numbers, curves."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import click
import orjson

__all__ = ["check_new_folder", "new_folder", "report_files", "write_folder"]


def report_files(
    page: str, results: object, curves: Mapping[str, str]
) -> dict[str, bytes]:
    """
    Name the files that every report consists of.

    Parameters
    ----------
    page : str
        The report, HTML.
    results : object
        Every number, for JSON.
    curves : Mapping of str to str
        CSV by name of the curve.

    Returns
    -------
    dict of str to bytes
        Content by name: ``report.html``, ``results.json``, and a CSV for each curve.
    """
    return {
        "report.html": page.encode(),
        "results.json": orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n",
        **{f"{name}.csv": text.encode() for name, text in curves.items()},
    }


def check_new_folder(out: Path, option: str = "--out") -> None:
    """
    Refuse a folder that could not be written, before anything is computed.

    Parameters
    ----------
    out : pathlib.Path
        The folder.
    option : str, optional
        By which it was named.

    Raises
    ------
    ClickException
        If something is there, or the folder above cannot be written to.
    """
    if out.exists() or out.is_symlink():
        raise click.ClickException(f"{option}: {out} exists; name a new folder")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    try:
        TemporaryFile(dir=above).close()
    except OSError as error:
        raise _unwritable(option, out, error) from error


@contextmanager
def new_folder(
    out: Path, files: Mapping[str, bytes], option: str = "--out"
) -> Iterator[None]:
    """
    Write a new folder: all of it or nothing.

    Parameters
    ----------
    out : pathlib.Path
        The folder.
    files : Mapping of str to bytes
        Content by name.
    option : str, optional
        By which the folder was named.

    Yields
    ------
    None
        Once all of it is there. It is taken away again if what is done then fails.

    Raises
    ------
    ClickException
        If it exists by now, or cannot be written.
    """
    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(option, out, error) from error
    try:
        _fill(out, files, option)
        yield
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise


def write_folder(out: Path, files: Mapping[str, bytes]) -> None:
    """
    Write the new folder ``--out``: all of it or nothing.

    Parameters
    ----------
    out : pathlib.Path
        The folder.
    files : Mapping of str to bytes
        Content by name.

    Raises
    ------
    ClickException
        As `new_folder` does.
    """
    with new_folder(out, files):
        pass


def _fill(out: Path, files: Mapping[str, bytes], option: str) -> None:
    try:
        for name, content in files.items():
            (out / name).write_bytes(content)
    except OSError as error:
        raise _unwritable(option, out, error) from error


def _unwritable(option: str, out: Path, error: OSError) -> click.ClickException:
    return click.ClickException(f"{option}: {out} cannot be written: {error.strerror}")
