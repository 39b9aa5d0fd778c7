"""Sessions of the SMART app: shared by all, told to nobody, over when they are over."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from service.smart.refusals import Refused
from service.smart.session_store import SessionStore
from service.smart.sessions import Session
from service.store.backup import back_up, restore
from service.store.database import Database
from service.store.retention import purge
from service.store.schema import smart_sessions
from service.store.settings import StoreSettings
from service.store.smart_sessions import SealedSession, SmartSessions

SECRET, OTHER = "s" * 32, "o" * 32
NOW_S = 1_772_791_200.0
SESSION = Session(
    server="https://ehr.example.org/fhir",
    token="t0ken-of-the-ehr",  # noqa: S106 of a test
    until=NOW_S + 3000,
    patient="patient-4711",
    encounter="encounter-0815",
    user="Practitioner/surgeon-7",
    scopes=("patient/Observation.crs",),
    csrf="of-the-page",
    form="measurements",
)
#: A worker of its own: it finds a session by database and handle, and ends it.
PROGRAM = """
import sys
from service.smart.session_store import SessionStore
from service.store.database import Database
from service.store.smart_sessions import SmartSessions
url, secret, handle, now_s = sys.argv[1:]
database = Database(url)
sessions = SessionStore(SmartSessions(lambda: database), secret)
print(sessions.find(handle, now_s=float(now_s)).patient)
sessions.end(handle)
"""


@pytest.fixture
def rows(database):
    """The rows, in a database of each kind."""
    return SmartSessions(lambda: database)


@pytest.fixture
def sessions(rows):
    """Sessions under one secret key."""
    return SessionStore(rows, SECRET)


def kept(database):
    """All rows as they stand in the table."""
    with database.reading() as connection:
        return connection.execute(select(smart_sessions)).all()


def test_a_session_is_found_by_its_handle(sessions):
    """With everything that it was begun with."""
    handle = sessions.begin(SESSION, now_s=NOW_S)
    found = sessions.find(handle, now_s=NOW_S + 1)
    assert replace(found, idle_until=0.0) == SESSION
    assert found.idle_until == NOW_S + 900


def test_another_process_finds_and_ends_it(sessions, url):
    """A worker, or another host, with the same database and the same secret key."""
    handle = sessions.begin(SESSION, now_s=NOW_S)
    command = [sys.executable, "-c", PROGRAM, url, SECRET, handle, str(NOW_S)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "patient-4711"
    assert sessions.find(handle, now_s=NOW_S) is None


def test_a_row_tells_neither_token_nor_people_nor_handle(sessions, database):
    """In no column, as text or as what it can be searched by."""
    handle = sessions.begin(SESSION, now_s=NOW_S)
    (row,) = kept(database)
    assert row.until == datetime.fromtimestamp(NOW_S + 900, UTC)
    text = f"{row.id} {row.content}"
    for secret in (
        SESSION.token,
        SESSION.patient,
        SESSION.encounter,
        SESSION.user,
        SESSION.csrf,
        "ehr.example.org",
        handle,
    ):
        assert secret not in text


def test_row_and_secret_key_alone_open_nothing(sessions, rows, database):
    """Who has both, but not the browser, can put the row under no handle of his own."""
    sessions.begin(SESSION, now_s=NOW_S)
    (row,) = kept(database)
    handle = sessions.begin(replace(SESSION, patient="p2"), now_s=NOW_S)
    moved = SealedSession(row.content, NOW_S + 900)
    mine = sessions._name(handle)
    rows.put(mine, moved, now_s=NOW_S, instead_of=mine)
    assert sessions.find(handle, now_s=NOW_S) is None


def test_row_and_handle_alone_open_nothing(sessions, rows, database):
    """Who has both, but not the secret key, is another service."""
    handle = sessions.begin(SESSION, now_s=NOW_S)
    (row,) = kept(database)
    others = SessionStore(rows, OTHER)
    assert others.find(handle, now_s=NOW_S) is None
    moved = SealedSession(row.content, NOW_S + 900)
    rows.put(others._name(handle), moved, now_s=NOW_S, instead_of="")
    assert others.find(handle, now_s=NOW_S) is None


def test_unused_it_ends_and_used_it_goes_on_to_its_end(sessions):
    """Fifteen minutes from the last use; never longer than its token."""
    idle, used = (sessions.begin(SESSION, now_s=NOW_S) for _ in range(2))
    for later_s in range(800, 3000, 800):
        found = sessions.find(used, now_s=NOW_S + later_s)
        sessions.renew(used, found, now_s=NOW_S + later_s)
    assert sessions.find(used, now_s=NOW_S + 2999).idle_until == NOW_S + 3000
    assert sessions.find(used, now_s=NOW_S + 3000) is None
    assert sessions.find(idle, now_s=NOW_S + 899) is not None
    assert sessions.find(idle, now_s=NOW_S + 900) is None


def test_who_prolongs_a_row_prolongs_no_session(sessions, rows, database):
    """Its end is sealed: a change in the database does not move it."""
    handle = sessions.begin(replace(SESSION, until=NOW_S + 60), now_s=NOW_S)
    rows.prolong(kept(database)[0].id, NOW_S + 9000)
    assert sessions.find(handle, now_s=NOW_S + 59) is not None
    assert sessions.find(handle, now_s=NOW_S + 60) is None


def test_use_is_written_once_a_minute(sessions, rows):
    """Not for each key that is pressed."""
    handle = sessions.begin(SESSION, now_s=NOW_S)
    found = sessions.find(handle, now_s=NOW_S + 59)
    sessions.renew(handle, found, now_s=NOW_S + 59)
    assert sessions.find(handle, now_s=NOW_S + 59).idle_until == NOW_S + 900
    sessions.renew(handle, found, now_s=NOW_S + 60)
    assert sessions.find(handle, now_s=NOW_S + 60).idle_until == NOW_S + 960


def test_use_that_was_on_its_way_does_not_undo_the_end(sessions):
    """Two tabs: one is closed while the other one is answered."""
    handle = sessions.begin(SESSION, now_s=NOW_S)
    found = sessions.find(handle, now_s=NOW_S + 100)
    sessions.end(handle)
    sessions.renew(handle, found, now_s=NOW_S + 100)
    assert sessions.find(handle, now_s=NOW_S + 100) is None


def test_the_next_session_takes_out_what_is_over_and_what_it_replaces(
    sessions, database
):
    """The table does not grow, and nobody has to run anything."""
    replaced = sessions.begin(SESSION, now_s=NOW_S + 800)
    sessions.begin(SESSION, now_s=NOW_S)
    assert len(kept(database)) == 2
    sessions.begin(SESSION, now_s=NOW_S + 900, instead_of=replaced)
    assert len(kept(database)) == 1
    assert sessions.find(replaced, now_s=NOW_S + 900) is None


def test_a_purge_takes_out_what_is_over_and_nothing_else(sessions, database):
    """However long decisions are kept."""
    sessions.begin(SESSION, now_s=NOW_S)
    sessions.begin(SESSION, now_s=NOW_S + 600)
    now = datetime.fromtimestamp(NOW_S + 901, UTC)
    settings = StoreSettings()
    gone = purge(database, settings, now, is_dry=False, tell=lambda *_: None)
    assert gone["smart_sessions"] == 1
    assert len(kept(database)) == 1


def test_many_threads_keep_their_sessions_apart(sessions, database):
    """Each finds its own and ends its own; none is turned away."""

    def one(number):
        session = replace(SESSION, patient=f"p{number}")
        handle = sessions.begin(session, now_s=NOW_S)
        found = sessions.find(handle, now_s=NOW_S)
        sessions.renew(handle, found, now_s=NOW_S + 60)
        sessions.end(handle)
        return found.patient

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(64))) == [f"p{each}" for each in range(64)]
    assert kept(database) == []


def test_a_database_that_is_away_is_left_alone_for_a_while(tmp_path, caplog):
    """Each key that is pressed would hold a worker up; afterwards it is asked again."""
    asked, now = [], [0.0]
    away = Database(f"postgresql://scnen@/scnen?host={tmp_path}")

    def database():
        asked.append(now[0])
        return away

    sessions = SessionStore(SmartSessions(database), SECRET, clock=lambda: now[0])
    for each in (0.0, 1.0, 4.9, 5.0):
        now[0] = each
        with pytest.raises(Refused, match="no-sessions") as refused:
            sessions.find("A" * 43, now_s=NOW_S)
        assert refused.value.status == 503
    assert asked == [0.0, 5.0]
    assert caplog.text.count("does not give sessions of the SMART app") == 2


def test_without_a_handle_no_database_is_asked():
    """Whoever has no cookie learns that at once, and costs nothing."""
    sessions = SessionStore(SmartSessions(lambda: pytest.fail("was asked")), SECRET)
    for handle in ("", "x", "A" * 44, "é" * 43):
        assert sessions.find(handle, now_s=NOW_S) is None


def test_neither_backup_nor_restore_holds_a_session(tmp_path):
    """A session that was closed since would be open again."""
    path = tmp_path / "scnen.sqlite3"
    database = Database(f"sqlite:///{path}")
    sessions = SessionStore(SmartSessions(lambda: database), SECRET)
    handle = sessions.begin(SESSION, now_s=NOW_S)
    with database.reading() as connection:
        content = connection.execute(select(smart_sessions.c.content)).scalar_one()
    copy = tmp_path / "copy.sqlite3"
    back_up(path, copy)
    assert content.encode() not in copy.read_bytes()
    assert sessions.find(handle, now_s=NOW_S) is not None
    database.close()
    (tmp_path / "spool").mkdir()
    # A plain copy of the file, not made by the service, holds the row.
    plain = tmp_path / "plain.sqlite3"
    plain.write_bytes(path.read_bytes())
    restore(plain, path, tmp_path / "spool")
    assert sessions.find(handle, now_s=NOW_S) is None
    database.close()


def test_a_backup_of_before_there_were_sessions_is_restored(tmp_path):
    """It has no such table; the service makes it when it starts."""
    path, copy = tmp_path / "scnen.sqlite3", tmp_path / "copy.sqlite3"
    database = Database(f"sqlite:///{path}")
    database.migrate("0002")
    back_up(path, copy)
    database.close()
    (tmp_path / "spool").mkdir()
    restore(copy, path, tmp_path / "spool")
    assert database.revision() == "0002"
    database.close()
