"""The store on both databases: SQLite in a folder, and a PostgreSQL of our own."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from urllib.parse import quote
from uuid import uuid4

import pytest

from service.store.database import Database

AT = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


def a_decision(number=1, **changed):
    """A decision with the columns that must be there and some others."""
    row = {
        "id": f"00000000-0000-7000-8000-{number:012d}",
        "at": AT,
        "client": "north",
        "tenant": "north",
        "service": "scnen-discharge",
        "hook": "encounter-discharge",
        "hook_instance": "0b0e7f0a-6f0e-4e52-9a55-3d1c3f0f3d11",
        "key_id": "0a1b2c3d",
        "patient_hash": "a" * 32,
        "status": 200,
        "risk": 0.31,
        "vertebrae": [{"level": "T12", "missing": {"method": "not-recorded"}}],
        "flags": None,
        "latency_ms": 1.5,
        "software": "0.1.0",
    }
    return row | changed


def a_gap():
    """Three decisions that could not be recorded."""
    return {
        "id": "00000000-0000-7000-8000-00000000000f",
        "since": AT,
        "until": AT,
        "decisions": 3,
        "cause": "OSError",
    }


def a_feedback():
    """A card that was overridden."""
    return {
        "id": "f" * 64,
        "received_at": AT,
        "client": "north",
        "service": "scnen-discharge",
        "card": "0b0e7f0a-6f0e-5e52-9a55-3d1c3f0f3d11",
        "outcome": "overridden",
        "outcome_at": AT,
        "accepted": [],
        "reasons": [],
    }


def _binaries():
    """Where PostgreSQL's programs are, the newest first; Debian keeps them off PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]), None)


class PostgreSQL:
    """A server on a socket in a folder, run by an ordinary user."""

    def __init__(self, folder, binaries):
        self.folder, self.binaries = folder, binaries
        self.data, self.socket = folder / "data", folder / "s"
        self._as_user = []
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            user = pwd.getpwnam("nobody")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._as_user = ["setpriv", f"--reuid={user.pw_uid}"]
            self._as_user += [f"--regid={user.pw_gid}", "--clear-groups"]
        self.run("mkdir", self.socket)
        self.run(
            *(binaries / "initdb", "--auth=trust", "--username=scnen"),
            *("--encoding=UTF8", "--no-sync", "-D", self.data),
        )
        self.process = None

    def run(self, *command):
        subprocess.run(
            [*self._as_user, *map(str, command)],
            check=True,
            capture_output=True,
            cwd=self.folder,
        )

    def start(self):
        """Start it, and wait until it takes connections."""
        settings = ("listen_addresses=", f"unix_socket_directories={self.socket}")
        # These databases last as long as the tests.
        settings += ("fsync=off",)
        options = [word for each in settings for word in ("-c", each)]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [
                    *self._as_user,
                    self.binaries / "postgres",
                    *("-D", self.data),
                    *options,
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        for _ in range(600):
            ready = subprocess.run(
                [self.binaries / "pg_isready", "-h", self.socket, "-U", "scnen"],
                capture_output=True,
                check=False,
            )
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self):
        """Stop it: its clients lose their connections at once."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)
            self.process = None

    def url(self, name="postgres"):
        return f"postgresql://scnen@/{name}?host={quote(str(self.socket), safe='')}"

    def new_database(self):
        name = f"t{uuid4().hex[:12]}"
        self.run(self.binaries / "createdb", "-h", self.socket, "-U", "scnen", name)
        return self.url(name)


@pytest.fixture(scope="session")
def postgresql_program():
    """A PostgreSQL that the tests of a session share."""
    binaries = _binaries()
    if binaries is None or (os.geteuid() == 0 and not shutil.which("setpriv")):
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    # A socket's path has room for 100 characters, and its folders must be open.
    folder = Path(mkdtemp(prefix="pg-"))
    server = PostgreSQL(folder, binaries)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The address of an empty database, one of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/scnen.sqlite3"
    return request.getfixturevalue("postgresql_program").new_database()


@pytest.fixture
def database(url):
    """An empty database of each kind."""
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def rows():
    """Rows as they stand in the tables."""
    return SimpleNamespace(
        at=AT, a_decision=a_decision, a_gap=a_gap, a_feedback=a_feedback
    )
