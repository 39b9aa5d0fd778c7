"""All artifacts as files: in a folder, or as a FHIR package."""

import gzip
import tarfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

import orjson

from service import __version__
from service.knowledge.basis import Resource

__all__ = ["write_folder", "write_package"]

_MANIFEST: Final = {
    "name": "scnen-cds.knowledge",
    "version": __version__,
    "title": "Knowledge artifacts of scnen-cds",
    "description": "Superior cluneal nerve entrapment after vertebral fracture surgery",
    "author": "scnen-cds",
    "license": "Apache-2.0",
    "fhirVersions": ["4.0.1"],
    "dependencies": {"hl7.fhir.r4.core": "4.0.1"},
}


def write_folder(resources: Iterable[Resource], folder: Path) -> int:
    """
    Write each artifact into a file of its own.

    Parameters
    ----------
    resources : iterable of dict
        The artifacts.
    folder : pathlib.Path
        Where to; made if it is not there.

    Returns
    -------
    int
        How many.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = dict(_files(resources))
    for name, text in files.items():
        (folder / name).write_bytes(text)
    return len(files)


def write_package(resources: Iterable[Resource], file: Path, base: str) -> int:
    """
    Write all artifacts into a FHIR package; the same artifacts give the same bytes.

    Parameters
    ----------
    resources : iterable of dict
        The artifacts.
    file : pathlib.Path
        A file that ends in ``.tgz``.
    base : str
        Base of their canonical addresses.

    Returns
    -------
    int
        How many.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    files = dict(_files(resources))
    manifest = _written({**_MANIFEST, "canonical": base})
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in {"package.json": manifest, **files}.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            tar.addfile(member, BytesIO(text))
    file.write_bytes(gzip.compress(archive.getvalue(), mtime=0))
    return len(files)


def _files(resources: Iterable[Resource]) -> Iterator[tuple[str, bytes]]:
    for resource in resources:
        name = f"{resource['resourceType']}-{resource['id']}.json"
        yield name, _written(resource)


def _written(document: Resource) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"
