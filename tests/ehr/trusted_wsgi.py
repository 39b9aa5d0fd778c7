"""The service outside of open mode, as gunicorn loads it, with a memory in SQLite.

The store of an installation comes with another part of the service. This one is small
and slow, but two processes share it, which is what the tests need.
"""

import os
import sqlite3
from contextlib import closing

from service.app import create_app
from service.config import Settings

__all__ = ["SharedReplays", "make_app"]


class SharedReplays:
    """Remember tokens in a file."""

    def __init__(self, path):
        self.path = path
        with closing(self.connect()) as database, database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS used"
                " (issuer TEXT, jti TEXT, until REAL, PRIMARY KEY (issuer, jti))"
            )

    def connect(self):
        return sqlite3.connect(self.path, timeout=30)

    def use(self, issuer, jti, until):
        with closing(self.connect()) as database, database:
            done = database.execute(
                "INSERT OR IGNORE INTO used VALUES (?, ?, ?)", (issuer, jti, until)
            )
            return done.rowcount == 1


def make_app():
    """Build it from the environment."""
    return create_app(Settings.from_env(), replays=SharedReplays(os.environ["REPLAYS"]))
