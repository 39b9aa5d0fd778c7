"""New artifacts: named after their files, sealed, and never overwritten."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from service.fields import FieldError
from service.model.artifact import bundled_models, canonical_digest
from service.model.documents import render
from service.model.sections import read_model

__all__ = ["check_free", "id_and_version", "sealed", "write_new"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NUMBERED: Final = re.compile(r"(.+)-([1-9]\d*)")


def id_and_version(name: str) -> tuple[str, str]:
    """
    Read the name of a new model: ``north-3`` is version 3 of ``north``.

    Parameters
    ----------
    name : str
        Name of its file, without the ending, or of its folder.

    Returns
    -------
    tuple of str
        Id and version; version 1 for a name without a number.

    Raises
    ------
    ValueError
        If the name has other characters, or is that of a bundled model.

    Examples
    --------
    >>> id_and_version("north-3")
    ('north', '3')
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"--out: the model is named after it, and {name!r} is no name; use letters,"
            " digits, dots and hyphens, such as north-1"
        )
    numbered = _NUMBERED.fullmatch(name)
    model_id, version = (numbered[1], numbered[2]) if numbered else (name, "1")
    if model_id in bundled_models():
        raise ValueError(
            f"--out: {model_id} is the name of a bundled model; choose another, such as"
            " north-1"
        )
    return model_id, version


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """
    Give an artifact its digest, if its reader takes it.

    Parameters
    ----------
    content : Mapping
        The artifact without its digest.

    Returns
    -------
    dict
        Ready for `service.model.documents.render`.

    Raises
    ------
    ValueError
        If the reader would refuse it; the message names the field.
    """
    whole = dict(content) | {"digest": canonical_digest(content)}
    try:
        read_model(whole)
    except FieldError as error:
        raise ValueError(f"{error.field}: {error.problem}") from error
    return whole


def write_new(path: Path, content: Mapping[str, Any]) -> None:
    """
    Write an artifact where no file is.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    content : Mapping
        The artifact, digest included.

    Raises
    ------
    FileExistsError
        As `check_free` does.
    OSError
        If it cannot be written; nothing of it is left then.
    """
    content_bytes = render(content)
    try:
        file = path.open("xb")
    except FileExistsError:
        check_free(path)
        raise
    try:
        with file:
            file.write(content_bytes)
    except BaseException:
        path.unlink()
        raise


def check_free(path: Path) -> None:
    """
    Refuse a place where something is.

    Parameters
    ----------
    path : pathlib.Path
        Where an artifact is to stand.

    Raises
    ------
    FileExistsError
        If a file is there, whatever it holds; the message names a free one.
    """
    if path.exists():
        raise FileExistsError(
            f"{path} exists, and an artifact is never overwritten: patients were shown"
            f" its numbers. Free: {_next_free(path)}"
        )


def _next_free(path: Path) -> Path:
    numbered = _NUMBERED.fullmatch(path.stem)
    name, number = (numbered[1], int(numbered[2])) if numbered else (path.stem, 1)
    while True:
        number += 1
        free = path.with_name(f"{name}-{number}{path.suffix}")
        if not free.exists():
            return free
