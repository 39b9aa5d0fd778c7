"""The running store: whatever fails, what was acknowledged is there, and once."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import func, select, text

from cds_hooks import Coding, Feedback
from service.store.carrier import REJECTED
from service.store.carrier_lock import CarrierLock
from service.store.database import Database
from service.store.faults import StoreError, StoreUnavailable
from service.store.overrides import Overrides
from service.store.schema import comments, decision_cards, decisions, feedback, gaps
from service.store.segments import spooled_bytes
from service.store.settings import StoreSettings
from service.store.spool import Spool
from service.store.store import Store

KEY = "correct-horse-battery-staple-0001"
CARD = "0280002e-a6df-53c7-8a04-2895102dbad1"


def until(is_so, deadline_s=30):
    """Wait for a thread or a process; the limit only ends a test that fails."""
    end = time.monotonic() + deadline_s
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def rows_of(url, table):
    """Every row of a table, read past the store."""
    database = Database(url)
    try:
        with database.reading() as connection:
            return connection.execute(select(table)).mappings().all()
    finally:
        database.close()


def count_of(url, table=decisions):
    """How many rows a table has."""
    database = Database(url)
    try:
        with database.reading() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar()
    finally:
        database.close()


@pytest.fixture
def folder(tmp_path):
    """The data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def open_store(folder):
    """Open stores; all are closed at the end."""
    opened = []

    def open_one(url, **options):
        settings = StoreSettings(data_dir=folder, database_url=url, **options)
        opened.append(Store(settings, KEY, comes_back_for=frozenset({"not-now"})))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def decision(rows):
    """Make the document of a decision."""

    def make(number, **changed):
        card = {
            "card": CARD,
            "topic": "ScnenRiskHigh",
            "indicator": "warning",
            "showing": "5" * 32,
            "is_withheld": 0,
            "suggestions": [],
        }
        return rows.a_decision(number) | {"cards": [card]} | changed

    return make


def override(card=CARD, *, at, comment=None, code="patient-refuses"):
    """A card that a user has overridden."""
    reason = Coding(code, "http://example.org/reasons", "shown")
    return Feedback(
        card, "overridden", at, override_reasons=(reason,), user_comment=comment
    )


def test_a_decision_is_in_the_database_with_its_cards(url, open_store, decision):
    """What was recorded can be read with any tool."""
    store = open_store(url)
    store.record(decision(1))
    until(lambda: count_of(url) == 1)
    row = rows_of(url, decisions)[0]
    wanted = {key: value for key, value in decision(1).items() if key != "cards"}
    assert {key: row[key] for key in wanted} == wanted
    assert [row["card"] for row in rows_of(url, decision_cards)] == [CARD]


def test_a_decision_that_comes_twice_is_there_once(url, open_store, decision):
    """The spool may be read again after a crash."""
    store = open_store(url)
    for _ in range(3):
        store.record(decision(1))
    store.record(decision(2))
    until(lambda: count_of(url) == 2)
    assert count_of(url, decision_cards) == 2


def test_a_line_that_no_database_takes_does_not_hold_up_the_others(
    url, open_store, decision, folder, caplog
):
    """It is kept aside and alarmed."""
    store = open_store(url)
    for number in range(1, 6):
        at = "yesterday" if number == 3 else "2026-03-02T10:30:00+00:00"
        store.record(decision(number, at=at))
    until(lambda: count_of(url) == 4)
    until(lambda: store.health()["rejected_lines"] == 1)
    assert '"at":"yesterday"' in (folder / "spool" / REJECTED).read_text()
    until(lambda: "could not be read or written" in caplog.text)


def test_what_a_killed_process_left_is_carried_on(url, open_store, folder, decision):
    """SIGKILL between the answer and the database loses nothing."""
    program = (
        "import json, os, sys; from pathlib import Path;"
        "from service.store.carrier import Carrier; Carrier.step = lambda self: 1;"
        "from service.store.store import Store, StoreSettings;"
        "store = Store(StoreSettings(data_dir=Path(sys.argv[1])), 'k' * 32);"
        "[store.record(json.loads(line)) for line in sys.stdin];"
        "os.kill(os.getpid(), 9)"
    )
    lines = [json.dumps(decision(n), default=str) for n in range(1, 101)]
    ended = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        input="\n".join(lines),
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    open_store(url).start()
    until(lambda: count_of(url) == 100)
    assert list((folder / "spool").glob("*.spool")) != []
    until(lambda: len(list((folder / "spool").glob("*.spool"))) == 1)


def test_what_a_killed_process_left_waits_for_the_database(
    tmp_path, folder, open_store, decision
):
    """Whoever could not carry it on lets go of it at its end: another can."""
    spool = folder / "spool"
    spool.mkdir()
    program = (
        "import os, sys; from pathlib import Path;"
        "from service.store.spool import Spool;"
        "Spool(Path(sys.argv[1]), 1 << 30, syncs=True).append(sys.argv[2].encode());"
        "os.kill(os.getpid(), 9)"
    )
    line = json.dumps(decision(1), default=str)
    subprocess.run([sys.executable, "-c", program, str(spool), line], check=False)
    left = next(spool.glob("*.spool"))
    down = open_store(f"postgresql://scnen@/scnen?host={tmp_path}/nowhere")
    down.start()
    until(lambda: down.health()["database"] == "down")
    down.close()
    assert left.exists()
    url = f"sqlite:///{folder}/other.sqlite3"
    open_store(url).start()
    until(lambda: count_of(url) == 1)
    until(lambda: not left.exists())


def test_a_process_killed_at_any_moment_loses_and_doubles_nothing(
    url, folder, decision
):
    """Whatever the thread was at: what was acknowledged is there once."""
    program = (
        "import json, os, sys; from pathlib import Path;"
        "from service.store.store import Store, StoreSettings;"
        "store = Store(StoreSettings(data_dir=Path(sys.argv[1]),"
        " database_url=sys.argv[2]), 'k' * 32);"
        "document = json.loads(sys.argv[3]); number = int(sys.argv[4]);\n"
        "while True:\n"
        "    number += 1\n"
        "    store.record(document | {'id': f'{number:036d}'})\n"
        "    print(number, flush=True)\n"
    )
    document = json.dumps(decision(1), default=str)
    acknowledged = []
    for turn in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(folder), url, document, f"{turn}00000"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(300 * (turn + 1)):
            process.stdout.readline()
        process.kill()
        # The last line may have been cut off on its way here, not on the disk.
        said = process.stdout.read().splitlines()
        acknowledged.append(int(said[-2]) if len(said) > 1 else turn * 100000 + 300)
        process.stdout.close()
        process.wait()
    store = Store(StoreSettings(data_dir=folder, database_url=url), KEY)
    store.start()
    spool = folder / "spool"
    until(lambda: spooled_bytes(spool) == 0)
    store.close()
    assert list(spool.glob("*.spool")) == []
    numbers = sorted(int(row["id"]) for row in rows_of(url, decisions))
    for turn, last in enumerate(acknowledged):
        start = turn * 100000
        found = [n for n in numbers if start < n <= start + 99999]
        assert found == list(range(start + 1, start + len(found) + 1))
        assert start + len(found) >= last
    assert count_of(url, decision_cards) == len(numbers)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_database_that_goes_and_comes_back_gets_it_all(
    url, postgresql_program, open_store, decision, caplog
):
    """Cards are given meanwhile; feedback is refused, so that it is sent again."""
    store = open_store(url)
    store.record(decision(1))
    until(lambda: count_of(url) == 1)
    postgresql_program.stop()
    try:
        for number in range(2, 50):
            store.record(decision(number))
        with pytest.raises(StoreUnavailable):
            store.keep_feedback("north", "scnen-discharge", [override(at=NOW)])
        until(lambda: store.health()["database"] == "down")
        assert store.health()["waiting_bytes"] > 10_000
        until(lambda: "does not answer: OperationalError" in caplog.text)
    finally:
        postgresql_program.start()
    until(lambda: count_of(url) == 49)
    until(lambda: store.health()["database"] == "up")
    assert store.keep_feedback("north", "scnen-discharge", [override(at=NOW)]) == 1
    assert "takes decisions again" in caplog.text


def test_a_folder_that_cannot_be_read_for_a_while_ends_nothing(
    url, open_store, decision, caplog, monkeypatch
):
    """What was recorded meanwhile is carried as soon as it can be read again."""
    store = open_store(url)
    store.record(decision(1))
    until(lambda: count_of(url) == 1)

    def refused(_folder):
        raise PermissionError

    with monkeypatch.context() as broken:
        broken.setattr("os.listdir", refused)
        broken.setattr("service.store.carrier.spooled_bytes", refused)
        until(lambda: "nobody knows how many kB" in caplog.text)
        store.record(decision(2))
    until(lambda: count_of(url) == 2)
    until(lambda: "takes decisions again" in caplog.text)


def test_a_slow_database_makes_no_call_wait(url, open_store, decision):
    """Somebody holds a lock: decisions are recorded, and written when it is gone."""
    store = open_store(url)
    store.record(decision(1))
    until(lambda: count_of(url) == 1)
    other = Database(url)
    with other.writing() as connection:
        if not other.is_sqlite:
            connection.execute(text("LOCK TABLE decisions IN ACCESS EXCLUSIVE MODE"))
        for number in range(2, 20):
            store.record(decision(number))
    other.close()
    until(lambda: count_of(url) == 19)


def test_what_cannot_be_recorded_is_counted_alarmed_and_told_later(
    url, open_store, decision, caplog
):
    """A card is still given; the gap stands in the database, so that counts add up."""
    store = open_store(url, spool_limit_mb=1)
    store.record(decision(1))
    spool = store._process.spool
    limit, spool.limit_bytes = spool.limit_bytes, 0
    spool.refresh()
    for number in range(2, 5):
        store.record(decision(number))
    assert store.health()["lost_decisions"] == 3
    assert "could not be recorded (SpoolFull)" in caplog.text
    spool.limit_bytes = limit
    until(lambda: spool.room_bytes > 10_000)
    store.record(decision(5))
    until(lambda: count_of(url, gaps) == 1)
    gap = rows_of(url, gaps)[0]
    assert (gap["decisions"], gap["cause"]) == (3, "SpoolFull")
    assert gap["since"] <= gap["until"]
    until(lambda: count_of(url) == 2)


def test_a_gap_that_cannot_be_told_yet_is_told_later(url, open_store, decision):
    """It is counted on, not forgotten."""
    store = open_store(url)
    store.start()
    store._missed.add("OSError")
    process = store._process
    limit, process.spool.limit_bytes = process.spool.limit_bytes, 0
    process.spool.refresh()
    store._tell_gap(process)
    store._missed.add("OSError")
    process.spool.limit_bytes = limit
    process.spool.refresh()
    store.record(decision(1))
    until(lambda: count_of(url, gaps) == 1)
    assert rows_of(url, gaps)[0]["decisions"] == 2


def test_a_site_can_refuse_what_cannot_be_recorded(url, open_store, decision):
    """Then no answer is given that leaves no trace."""
    store = open_store(url, unrecorded="refuse")
    store.start()
    store._process.spool.limit_bytes = 0
    store._process.spool.refresh()
    with pytest.raises(StoreError, match="cannot be recorded: SpoolFull"):
        store.record(decision(1))


def test_a_child_does_not_write_into_its_parent_s_files(url, open_store, decision):
    """Workers are forked; each has its own."""
    store = open_store(url)
    store.record(decision(1))
    child = os.fork()
    if not child:
        try:
            store.record(decision(2))
            store.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    until(lambda: count_of(url) == 2)


def test_a_temporary_folder_goes_with_its_store(caplog):
    """Open mode without a folder leaves nothing behind, and says so."""
    store = Store(StoreSettings(), KEY)
    store.start()
    folder = store._folder
    assert folder.is_dir()
    assert "temporary folder that ends with the server" in caplog.text
    store.close()
    del store
    until(lambda: not folder.exists())


NOW = datetime(2026, 3, 2, 10, 31, tzinfo=UTC)


def test_feedback_is_kept_once(url, open_store):
    """A client that got no answer sends it again."""
    store = open_store(url)
    items = [override(at=NOW), override("another", at=NOW)]
    assert store.keep_feedback("north", "scnen-discharge", items) == 2
    assert store.keep_feedback("north", "scnen-discharge", items[::-1]) == 0
    later = override(at=NOW + timedelta(seconds=1))
    assert store.keep_feedback("north", "scnen-discharge", [later]) == 1
    assert store.keep_feedback("south", "scnen-discharge", [later]) == 1
    assert count_of(url, feedback) == 4


def test_feedback_that_two_processes_get_is_kept_once(url, open_store):
    """The database decides, not who asks first."""
    stores = [open_store(url), open_store(url)]
    assert sum(s.keep_feedback("n", "s", [override(at=NOW)]) for s in stores) == 1


def test_accepted_suggestions_are_kept(url, open_store):
    """What was followed can be told from what was not."""
    item = Feedback(CARD, "accepted", NOW, accepted_suggestions=("s1", "s2"))
    open_store(url).keep_feedback("north", "scnen-discharge", [item])
    row = rows_of(url, feedback)[0]
    assert (row["outcome"], row["accepted"]) == ("accepted", ["s1", "s2"])


CANARY = "Mrs Canary, born 1941, is in pain"


@pytest.mark.parametrize(
    "item",
    [
        override(at=NOW, comment=CANARY),
        override(at=NOW, code=CANARY),
        override(CANARY, at=NOW),
        Feedback(CARD, "accepted", NOW, accepted_suggestions=(CANARY,)),
        Feedback(CARD, "overridden", NOW, extension={"com.example": CANARY}),
        Feedback(
            CARD, "overridden", NOW, override_reasons=(Coding("c", CANARY, CANARY),)
        ),
    ],
)
def test_free_text_is_in_no_column_but_that_of_comments(url, open_store, item):
    """Wherever a client has put it: comments end earlier than the rest."""
    open_store(url).keep_feedback("north", "scnen-discharge", [item])
    assert "Canary" not in repr(rows_of(url, feedback))
    assert "Canary" not in repr([{**r, "comment": ""} for r in rows_of(url, comments)])


def test_a_comment_is_kept_apart(url, open_store):
    """It has its own retention, and can be read while it lasts."""
    store = open_store(url)
    store.keep_feedback("north", "scnen-discharge", [override(at=NOW, comment=CANARY)])
    assert [row["comment"] for row in rows_of(url, comments)] == [CANARY]


def test_an_override_is_remembered_by_every_process(url, open_store, decision):
    """Whichever worker was told, all withhold what the card said in the encounter."""
    stores = [open_store(url), open_store(url)]
    stores[0].record(decision(1))
    until(lambda: count_of(url) == 1)
    stores[1].start()
    stores[0].keep_feedback("north", "scnen-discharge", [override(at=NOW)])
    for store in stores:
        until(lambda store=store: store.overridden == {"5" * 32})


@pytest.mark.parametrize(
    "item",
    [
        override(at=NOW, code="not-now"),
        override(at=NOW - timedelta(hours=1)),
        override("another-card", at=NOW),
        Feedback(CARD, "accepted", NOW, accepted_suggestions=("s1",)),
    ],
    ids=["not now", "before it was shown", "another card", "accepted"],
)
def test_only_an_override_of_the_card_is_remembered(url, open_store, decision, item):
    """A reason that says "not now" brings it back; so does everything else."""
    store = open_store(url)
    store.record(decision(1))
    until(lambda: count_of(url) == 1)
    store.keep_feedback("north", "scnen-discharge", [item])
    store.look_for_overrides()
    assert store.overridden == frozenset()


def test_the_showing_before_the_decision_is_the_one_overridden(
    url, open_store, decision, rows
):
    """A card that said something else later was not overridden for that."""
    store = open_store(url)
    later = decision(2, at=rows.at + timedelta(days=1))
    later["cards"][0]["showing"] = "6" * 32
    store.record(decision(1))
    store.record(later)
    until(lambda: count_of(url) == 2)
    store.keep_feedback("north", "scnen-discharge", [override(at=NOW)])
    store.look_for_overrides()
    assert store.overridden == {"5" * 32}


def test_log_lines_hold_no_values(url, open_store, decision, caplog):
    """Alarms name types and numbers."""
    caplog.set_level(logging.DEBUG)
    store = open_store(url)
    store.record(decision(1, at=CANARY))
    until(lambda: store.health()["rejected_lines"] == 1)
    store.keep_feedback("north", "scnen-discharge", [override(at=NOW, comment=CANARY)])
    assert "Canary" not in caplog.text


def test_a_carrier_killed_between_commit_and_note_doubles_nothing(
    url, folder, open_store, decision
):
    """What was written and not yet noted is read again, and there once."""
    program = (
        "import json, os, sys; from pathlib import Path;"
        "from service.store.segments import Segment;"
        "from service.store.store import Store, StoreSettings;"
        "Segment.advance = lambda self, size: os.kill(os.getpid(), 9);"
        "store = Store(StoreSettings(data_dir=Path(sys.argv[1]),"
        " database_url=sys.argv[2]), 'k' * 32);"
        "[store.record(json.loads(line)) for line in sys.stdin];"
        "store.close()"
    )
    lines = [json.dumps(decision(n), default=str) for n in range(1, 11)]
    ended = subprocess.run(
        [sys.executable, "-c", program, str(folder), url],
        input="\n".join(lines),
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    before = count_of(url)
    assert before > 0
    open_store(url).start()
    until(lambda: spooled_bytes(folder / "spool") == 0)
    assert count_of(url) == 10
    assert count_of(url, decision_cards) == 10


def test_a_worker_waits_for_the_process_that_carries(
    url, open_store, decision, folder, caplog
):
    """If there is none after two rounds it carries itself, and says so."""
    store = open_store(url)
    store.has_carrier_process = True
    store.record(decision(1))
    until(lambda: count_of(url) == 1)
    assert "the process that carries decisions is gone" in caplog.text
    assert not CarrierLock(folder / "spool").take()
    assert store.health()["database"] == "up"


def test_a_worker_leaves_it_to_the_process_that_carries(
    url, open_store, decision, folder, caplog
):
    """What it recorded is in the database when it has closed."""
    store = open_store(url)
    carrier, _ = store.open_carrier()
    assert carrier.take()
    store.has_carrier_process = True
    store.record(decision(1))
    stop = Event()

    def carry():
        while not stop.wait(0.02):
            carrier.step()

    process = Thread(target=carry)
    process.start()
    try:
        store.close()
    finally:
        stop.set()
        process.join()
        carrier.end()
    assert count_of(url) == 1
    assert list((folder / "spool").glob("*.spool")) == []
    assert "gone" not in caplog.text


def test_a_worker_does_not_wait_for_a_database_that_is_down(
    tmp_path, open_store, decision, folder
):
    """Its file stays for whoever carries it on."""
    store = open_store(f"postgresql://scnen@/scnen?host={tmp_path}/nowhere")
    carrier, _ = store.open_carrier()
    assert carrier.take()
    store.record(decision(1))
    carrier.step()
    assert store.health()["database"] == "down"
    store.close()
    assert len(list((folder / "spool").glob("*.spool"))) == 1
    carrier.end()


def test_a_worker_that_cannot_look_after_its_spool_says_so_once(
    url, open_store, decision, caplog, monkeypatch
):
    """It records on, and tries again every second."""
    tries = []

    class Refused(Spool):
        """Of this store alone: other tests leave applications open."""

        def refresh(self):
            tries.append(self)
            raise PermissionError

    monkeypatch.setattr("service.store.store.Spool", Refused)
    store = open_store(url)
    store.record(decision(1))
    until(lambda: count_of(url) == 1)
    until(lambda: len(tries) > 1)
    assert caplog.text.count("cannot look after its spool: PermissionError") == 1


def test_the_database_is_asked_for_overrides_when_there_is_feedback(monkeypatch):
    """Or when a minute has passed: a decision can come later than the feedback."""
    found = []
    monkeypatch.setattr(
        "service.store.memory.overridden", lambda *_: found.append(1) or frozenset("x")
    )
    overrides = Overrides(lambda: None, frozenset())
    overrides.follow(None)
    assert not found
    overrides.follow("2026-03-02T10:30:00+00:00")
    overrides.follow("2026-03-02T10:30:00+00:00")
    assert (len(found), overrides.showings) == (1, frozenset("x"))
    overrides.follow("2026-03-02T10:31:00+00:00")
    overrides.expire()
    overrides.follow("2026-03-02T10:31:00+00:00")
    assert len(found) == 3
    monkeypatch.setattr("service.store.overrides._LOOK_AGAIN", timedelta())
    overrides.expire()
    for _ in range(2):
        overrides.follow("2026-03-02T10:31:00+00:00")
    assert len(found) == 5


def test_a_carrier_is_made_without_the_database(folder):
    """Gunicorn's master makes it, and no start waits for SQLAlchemy."""
    program = (
        "import sys; from pathlib import Path;"
        "from service.store.store import Store, StoreSettings;"
        "carrier, _ = Store(StoreSettings(data_dir=Path(sys.argv[1])), 'k' * 32)"
        ".open_carrier(); carrier.take(); carrier.step();"
        "print('sqlalchemy' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
