"""Where the store is: names in the data folder, the database, a temporary folder."""

import os
import shutil
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final
from weakref import finalize

from service.store.settings import StoreSettings

if TYPE_CHECKING:
    from service.store.database import Database

__all__ = ["SPOOL", "SQLITE", "database_of", "temporary_folder"]

#: File and folder of the data folder.
SQLITE: Final = "scnen.sqlite3"
SPOOL: Final = "spool"


def database_of(settings: StoreSettings, folder: Path) -> "Database":
    """
    Find the database that the settings name.

    Parameters
    ----------
    settings : StoreSettings
        The settings.
    folder : pathlib.Path
        Where the embedded one is.

    Returns
    -------
    Database
        It; nothing is opened yet.
    """
    database: type[Database] = import_module("service.store.database").Database
    return database(settings.database_url or f"sqlite:///{folder / SQLITE}")


def temporary_folder(owner: object) -> Path:
    """
    Make a folder that lasts as long as an object.

    Parameters
    ----------
    owner : object
        The object; in a worker that was forked since, the folder does not end with it.

    Returns
    -------
    pathlib.Path
        The folder.
    """
    folder = Path(mkdtemp(prefix="scnen-cds-"))
    finalize(owner, _remove, folder, os.getpid())
    return folder


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)
