"""Used tokens: of a thousand that come at once exactly one counts."""

import subprocess
import sys
import time

import pytest

from service.store.database import Database
from service.store.faults import StoreUnavailable
from service.store.replay import ReplayIds, SharedReplayIds, SQLiteReplayIds
from service.store.settings import StoreSettings
from service.store.store import Store

ISSUER = "https://ehr.example.org"
#: Threads of one process that all show the same token, and its argument the folder.
PROGRAM = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from service.store.settings import StoreSettings
from service.store.store import Store
settings = StoreSettings(data_dir=Path(sys.argv[1]), database_url=sys.argv[2] or None)
store = Store(settings, "k" * 32)
ids = store.replay_ids
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(16) as pool:
    used = list(pool.map(lambda _: ids.use("i", "jti", time.time() + 300), range(500)))
print(sum(used), flush=True)
"""


@pytest.fixture
def soon():
    """When a token ends that is valid now."""
    return time.time() + 300


@pytest.fixture(params=["sqlite", "postgresql"])
def ids(request, tmp_path):
    """The used tokens, of each kind."""
    if request.param == "sqlite":
        ids = SQLiteReplayIds(tmp_path / "replay.sqlite3")
        yield ids
        ids.close()
        return
    url = request.getfixturevalue("postgresql_program").new_database()
    database = Database(url)
    yield ReplayIds(lambda: database)
    database.close()


def test_a_token_counts_once(ids, soon):
    """The second use is a replay, whoever shows it."""
    assert ids.use(ISSUER, "1", soon)
    assert not ids.use(ISSUER, "1", soon)


def test_tokens_are_told_apart_by_issuer_and_id(ids, soon):
    """Two issuers may number alike, and no two pairs run into one."""
    assert ids.use(ISSUER, "1", soon)
    assert ids.use(ISSUER, "2", soon)
    assert ids.use("https://other.example.org", "1", soon)
    assert ids.use(ISSUER + "1", "", soon)


def test_what_has_expired_is_taken_out(ids, soon):
    """The list does not grow for ever."""
    ids.use(ISSUER, "old", time.time() - 86_500)
    ids._next_purge = 0
    ids.use(ISSUER, "new", soon)
    assert ids.use(ISSUER, "old", soon)


def test_what_expired_a_while_ago_is_still_known(ids, soon):
    """By the clock of another host, which may be behind, the token still lasts."""
    ids.use(ISSUER, "old", time.time() - 3600)
    ids._next_purge = 0
    ids.use(ISSUER, "new", soon)
    assert not ids.use(ISSUER, "old", soon)


class Shared:
    """A database that answers, or does not."""

    def __init__(self):
        self.used, self.asked, self.is_down = set(), 0, False

    def use(self, _issuer, jti, _until):
        self.asked += 1
        if self.is_down:
            raise StoreUnavailable("down")
        is_new = jti not in self.used
        self.used.add(jti)
        return is_new


def test_a_host_decides_alone_while_the_shared_memory_is_down(tmp_path, soon, caplog):
    """With an alarm; it is asked again after a pause, since each call would wait."""
    shared, now = Shared(), [0.0]
    here = SQLiteReplayIds(tmp_path / "here.sqlite3")
    ids = SharedReplayIds(here, shared, clock=lambda: now[0])
    shared.used.add("elsewhere")
    assert ids.use(ISSUER, "1", soon)
    assert not ids.use(ISSUER, "elsewhere", soon)
    shared.is_down = True
    assert [ids.use(ISSUER, jti, soon) for jti in "1223"] == [False, True, False, True]
    assert shared.asked == 3
    assert caplog.text.count("a token counts once for each host") == 1
    shared.is_down, now[0] = False, 5.0
    shared.used.add("4")
    assert not ids.use(ISSUER, "4", soon)
    ids.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_a_thousand_parallel_uses_by_two_processes_one_counts(
    kind, tmp_path, request
):
    """Two servers, many threads, one token: the database decides."""
    url = ""
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql_program").new_database()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    counts = [int(process.communicate(timeout=120)[0]) for process in processes]
    assert sum(counts) == 1


def test_a_token_that_was_used_is_known_after_a_killed_process(tmp_path, soon):
    """SIGKILL right after the use forgets nothing."""
    program = (
        "import os, sys; from pathlib import Path;"
        "from service.store.replay import SQLiteReplayIds;"
        "assert SQLiteReplayIds(Path(sys.argv[1])).use('i', 'j', float(sys.argv[2]));"
        "os.kill(os.getpid(), 9)"
    )
    path = tmp_path / "replay.sqlite3"
    command = [sys.executable, "-c", program, str(path), str(soon)]
    assert subprocess.run(command, check=False).returncode == -9
    ids = SQLiteReplayIds(path)
    assert not ids.use("i", "j", soon)
    ids.close()


def test_a_file_that_cannot_be_used_refuses(tmp_path, soon):
    """Whoever cannot tell a replay must not let it pass."""
    path = tmp_path / "replay.sqlite3"
    path.write_bytes(b"this is no database, " * 100)
    with pytest.raises(StoreUnavailable, match="DatabaseError"):
        SQLiteReplayIds(path).use(ISSUER, "1", soon)


def test_a_database_that_is_down_refuses(tmp_path, soon):
    """As above, with PostgreSQL."""
    database = Database(f"postgresql://scnen@/scnen?host={tmp_path}")
    with pytest.raises(StoreUnavailable):
        ReplayIds(lambda: database).use(ISSUER, "1", soon)


@pytest.mark.parametrize(
    ("durability", "synchronous"), [("process", 1), ("power", 2)], ids=str
)
def test_the_strict_setting_waits_for_the_disk(tmp_path, durability, synchronous, soon):
    """SQLite's own word for it: 1 is NORMAL, 2 is FULL."""
    store = Store(StoreSettings(data_dir=tmp_path, durability=durability), "k" * 32)
    store.replay_ids.use(ISSUER, "1", soon)
    connection = store.replay_ids._connection()
    assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
    store.close()
