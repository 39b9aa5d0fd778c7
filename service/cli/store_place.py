"""Where the store is that the commands look into, and how long work tells of itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from service.config import Settings
from service.policy import Policy, PolicyError, default_policy, load_policy
from service.store.faults import StoreError
from service.store.places import SPOOL, SQLITE, database_of
from service.store.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from service.store.database import Database

__all__ = ["Place", "Progress", "open_place"]

_TELL_EACH_S = 2.0


class Place:
    """
    The store that the environment names.

    Attributes
    ----------
    settings : Settings
        The settings of the service.
    spool, file : pathlib.Path
        Folder of the spool, and the embedded database.
    database : Database
        The database that is used.
    """

    def __init__(self) -> None:
        self.settings = Settings.from_env()
        folder = self.settings.store.data_dir
        if folder is None:
            raise click.ClickException(
                "SCNEN_DATA_DIR: not set. Without it an open server keeps its records"
                " in a temporary folder that ends with it; there is nothing to look at."
            )
        self.spool = folder / SPOOL
        self.file = folder / SQLITE
        self.database: Database = database_of(self.settings.store, folder)

    def names(self) -> list[Pseudonyms]:
        """
        Give what hashes patients.

        Returns
        -------
        list of Pseudonyms
            Of the present key, then of those of before.
        """
        keys = (self.settings.secret_key, *self.settings.store.previous_secret_keys)
        return [Pseudonyms(key) for key in keys]

    def policy(self) -> Policy:
        """
        Read the policy in use.

        Returns
        -------
        Policy
            That of the site, or else the bundled one.

        Raises
        ------
        ClickException
            If the site's cannot be used.
        """
        if self.settings.policy_file is None:
            return default_policy()
        try:
            return load_policy(self.settings.policy_file)
        except PolicyError as error:
            raise click.ClickException(f"SCNEN_POLICY_FILE: {error}") from error


@contextmanager
def open_place() -> Iterator[Place]:
    """
    Open the store; its faults become messages without a traceback.

    Yields
    ------
    Place
        The store.

    Raises
    ------
    ClickException
        If it cannot be used.
    """
    place = Place()
    try:
        yield place
    except StoreError as error:
        raise click.ClickException(str(error)) from error
    finally:
        place.database.close()


class Progress:
    """
    Tell of long work on standard error, every two seconds.

    Parameters
    ----------
    what : str
        What is done.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._next = time.monotonic() + _TELL_EACH_S

    def __call__(self, done: object) -> None:
        """
        Say how far it is.

        Parameters
        ----------
        done : object
            How far.
        """
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _TELL_EACH_S
            click.echo(f"{self._what}: {done} ...", err=True)
