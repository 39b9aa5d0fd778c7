"""Backup and restore of the embedded database; PostgreSQL has its own."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from service.store.faults import StoreError
from service.store.schema import REVISIONS
from service.store.spool import is_in_use

__all__ = ["back_up", "restore"]

_PAGES: Final = 1000


def back_up(
    source: Path, target: Path, tell: Callable[[int, int], None] | None = None
) -> None:
    """
    Copy the database while the service runs, without sessions, and check the copy.

    Parameters
    ----------
    source : pathlib.Path
        The database.
    target : pathlib.Path
        The copy, a file that is not there yet.
    tell : callable, optional
        Is told how many pages are left, and of how many.

    Raises
    ------
    StoreError
        If the database is not there, the copy is, or turns out to be damaged.
    """
    if not source.is_file():
        raise StoreError(f"{source}: there is no database yet")
    if target.exists():
        raise StoreError(f"{target}: is there already; give another name")
    _copy(source, target, tell)


def restore(source: Path, target: Path, spool: Path) -> Path | None:
    """
    Put a backup in the place of the database.

    Parameters
    ----------
    source : pathlib.Path
        The backup.
    target : pathlib.Path
        The database.
    spool : pathlib.Path
        Folder of the spool: it tells whether the service runs.

    Returns
    -------
    pathlib.Path or None
        Where the database of before is now, if there was one.

    Raises
    ------
    StoreError
        If the service runs, or the backup is none.
    """
    if is_in_use(spool):
        raise StoreError("the service runs; stop it on this host, then restore")
    _check(source)
    fresh = target.with_name(target.name + ".restoring")
    fresh.unlink(missing_ok=True)
    _copy(source, fresh, None)
    before = None
    if target.exists():
        before = target.with_name(target.name + ".before-restore")
        # Into the file with what its log still holds: both move as one.
        try:
            with closing(sqlite3.connect(target)) as connection:
                connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.DatabaseError as error:
            fault = type(error).__name__
            raise StoreError(
                f"{target}: is in use, or damaged ({fault}): if nothing uses it, move"
                " it away with its -wal and -shm files, and restore again"
            ) from None
        target.replace(before)
    fresh.replace(target)
    return before


def _copy(source: Path, target: Path, tell: Callable[[int, int], None] | None) -> None:
    def progress(_: int, left: int, total: int) -> None:
        if tell is not None:
            tell(left, total)

    with (
        closing(sqlite3.connect(source)) as original,
        closing(sqlite3.connect(target)) as copy,
    ):
        target.chmod(0o600)
        original.backup(copy, pages=_PAGES, progress=progress)
        copy.execute("PRAGMA journal_mode=DELETE")
        _forget_sessions(copy)
    _check(target)


def _forget_sessions(copy: sqlite3.Connection) -> None:
    """Take out what lasts for minutes: to restore it would bring ended ones back."""
    there = "SELECT 1 FROM sqlite_master WHERE name = 'smart_sessions'"
    if copy.execute(there).fetchone() is not None:
        copy.execute("PRAGMA secure_delete=ON")
        copy.execute("DELETE FROM smart_sessions")
        copy.commit()


def _check(path: Path) -> None:
    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        ) as c:
            said = c.execute("PRAGMA integrity_check").fetchone()[0]
            found = c.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        raise StoreError(f"{path}: is no backup of the store") from None
    if said != "ok":
        raise StoreError(f"{path}: is damaged")
    if found is None or found[0] not in REVISIONS:
        raise StoreError(f"{path}: is of a newer version of the service")
