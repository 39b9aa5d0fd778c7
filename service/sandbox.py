"""A FHIR R4 server by other people, with patients in it, while it is needed."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from service.local_server import ServerError, local_program

__all__ = ["fhir_server"]

_FOLDER = Path(__file__).parents[1] / "sandbox"


@contextmanager
def fhir_server(
    bundles: Iterable[Mapping[str, Any]],
    *,
    token: str,
    page_size: int = 50,
    is_quiet: bool = False,
    deadline_s: float = 60.0,
) -> Iterator[str]:
    """
    Start the FHIR server of the sandbox on a free loopback port, and stop it.

    It is the engine of Medplum behind a script, see ``sandbox/fhir_server.cjs``; it
    writes one line for each request to standard error, without ids or queries.

    Parameters
    ----------
    bundles : iterable of mapping
        Transaction Bundles to load.
    token : str
        Bearer token that it asks for.
    page_size : int, optional
        The most entries of a page.
    is_quiet : bool, optional
        Whether it writes no line for each request.
    deadline_s : float, optional
        Seconds until it must be ready.

    Yields
    ------
    str
        Its base URL.

    Raises
    ------
    ServerError
        If Node.js or the server is not there, or does not start.
    """
    node = _node()
    with TemporaryDirectory(prefix="scnen-cds-") as folder:
        files = list(_written(bundles, Path(folder)))
        script = str(_FOLDER / "fhir_server.cjs")
        options = ["--page-size", str(page_size), *(["--quiet"] if is_quiet else [])]
        command = [node, script, *options, *files]
        with local_program(
            command,
            "/fhir",
            name="the FHIR server",
            variables={"FHIR_TOKEN": token},
            deadline_s=deadline_s,
        ) as url:
            yield url


def _node() -> str:
    """Find what the server needs, or say what is to be done."""
    node = shutil.which("node")
    if not _FOLDER.is_dir():
        raise ServerError(
            "the FHIR server comes with the source code, not with the package:"
            " clone the repository and call `make sandbox`"
        )
    if node is None:
        raise ServerError(
            "the FHIR server needs Node.js 20 or newer and npm."
            " Debian, Ubuntu: apt-get install nodejs npm. macOS: brew install node"
        )
    if not (_FOLDER / "node_modules").is_dir():
        raise ServerError(
            "the packages of the FHIR server are missing: `make sandbox` installs them"
        )
    return node


def _written(bundles: Iterable[Mapping[str, Any]], folder: Path) -> Iterator[str]:
    for number, bundle in enumerate(bundles, 1):
        file = folder / f"{number:03}.json"
        file.write_bytes(orjson.dumps(bundle))
        yield str(file)
