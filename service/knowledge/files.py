"""Artifacts that are kept as files: code systems, maps, questionnaires."""

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import orjson

from service.fhir.terminology import DEFAULT_BASE
from service.knowledge.basis import Resource

__all__ = ["ArtifactFileError", "code_system_file", "kept_artifacts", "read_artifact"]

#: Whatever resource lies in these folders of ``service/data`` is served.
_FOLDERS: Final = ("codesystems", "conceptmaps", "fhir")


class ArtifactFileError(ValueError):
    """
    A file that cannot be served as a knowledge artifact.

    Parameters
    ----------
    file : str
        The file.
    problem : str
        What is wrong and what would be right.
    """

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"{file}: {problem}")


def kept_artifacts(base: str, data: Path | None = None) -> Iterator[Resource]:
    """
    Read the artifacts that are kept as files.

    Parameters
    ----------
    base : str
        Base of the canonical addresses, which replaces that of the files.
    data : pathlib.Path, optional
        Folder with the folders; ``service/data`` if not given.

    Yields
    ------
    dict
        The resource.

    Raises
    ------
    ArtifactFileError
        If one has no address, version and date of its own.
    """
    if data is None:
        with as_file(files("service").joinpath("data")) as found:
            yield from kept_artifacts(base, found)
        return
    for folder in _FOLDERS:
        for path in sorted((data / folder).rglob("*.json")):
            yield read_artifact(path, base)


def read_artifact(path: Path, base: str = DEFAULT_BASE) -> Resource:
    """
    Read one artifact.

    Parameters
    ----------
    path : pathlib.Path
        The file: a FHIR resource as JSON, below `DEFAULT_BASE`.
    base : str, optional
        Base of the canonical addresses.

    Returns
    -------
    dict
        The resource, with every address of the project below that base.

    Raises
    ------
    ArtifactFileError
        If the file is no resource, or has no address, version and date of its own.
    """
    text = path.read_text("utf-8")
    written = orjson.dumps(base).decode()[1:-1]
    try:
        resource = orjson.loads(text.replace(DEFAULT_BASE, written))
    except orjson.JSONDecodeError as error:
        raise ArtifactFileError(path.name, f"is no JSON: {error}") from error
    if not isinstance(resource, dict) or not resource.get("resourceType"):
        raise ArtifactFileError(path.name, "resourceType: missing")
    address = f"{base}/{resource['resourceType']}/{resource.get('id')}"
    if resource.get("url") != address:
        raise ArtifactFileError(path.name, f"url: must be {address}")
    for name in ("version", "date"):
        if not isinstance(resource.get(name), str):
            raise ArtifactFileError(path.name, f"{name}: missing")
    return resource


def code_system_file() -> Resource:
    """
    Read the project's own codes.

    Returns
    -------
    dict
        CodeSystem ``predictors``.
    """
    with as_file(files("service").joinpath("data/codesystems/predictors.json")) as path:
        return read_artifact(path)
