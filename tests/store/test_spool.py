"""The spool: what was written is read once and whole, whatever ends the process."""

import errno
import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from zlib import crc32

import pytest

from service.store.carrier import REJECTED, Carrier
from service.store.carrier_lock import CarrierLock, CarrierState
from service.store.segments import Segment, spooled_bytes
from service.store.spool import Spool, SpoolFull, is_in_use

BIG = 1 << 30


@pytest.fixture
def spool(tmp_path):
    """A spool without a limit to speak of."""
    return Spool(tmp_path, BIG, syncs=False)


class Reader:
    """A carrier whose database is a list."""

    def __init__(self, folder, monkeypatch):
        self.fault = None
        self._folder = folder
        self._found = []
        self.lock = CarrierLock(folder)
        self.carrier = Carrier(folder, self.lock, lambda: None)
        assert self.carrier.take()
        monkeypatch.setattr("service.store.writing.write_lines", self._write)
        monkeypatch.setattr("service.store.memory.newest_feedback", lambda _: None)

    def _write(self, _database, lines):
        if self.fault is not None:
            raise self.fault
        self._found += lines
        return []

    def read(self):
        """Every line that was not carried yet, and what is no line."""
        self._found.clear()
        self.carrier.step()
        rejected = self._folder / REJECTED
        bad = rejected.read_bytes().split(b"\n")[:-1] if rejected.exists() else []
        rejected.unlink(missing_ok=True)
        return list(self._found), bad


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Reads what waits in the folder."""
    return Reader(tmp_path, monkeypatch)


def files(folder):
    """The files of the spool."""
    return sorted(folder.glob("*.spool"))


def killed_after(folder, *lines):
    """A process that wrote lines and was killed."""
    code = (
        "import os, sys; from pathlib import Path;"
        "from service.store.spool import Spool;"
        "spool = Spool(Path(sys.argv[1]), 1 << 30, syncs=False);"
        "[spool.append(line.encode()) for line in sys.argv[2:]];"
        "os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", code, str(folder), *lines]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


def test_lines_come_out_in_order_and_once(spool, reader, tmp_path):
    """What was carried is not carried again, though the file is still there."""
    for number in range(5):
        spool.append(b"%d" % number)
    assert spooled_bytes(tmp_path) > 0
    assert reader.read() == ([b"0", b"1", b"2", b"3", b"4"], [])
    assert reader.read() == ([], [])
    assert spooled_bytes(tmp_path) == 0


def test_lines_of_all_processes_are_one_group(tmp_path, monkeypatch, reader):
    """However many write: the database is asked once."""
    spools = [Spool(tmp_path, BIG, syncs=False) for _ in range(3)]
    for spool in spools:
        spool.append(b"one")
    groups = []
    monkeypatch.setattr(
        "service.store.writing.write_lines",
        lambda _, lines: groups.append(lines) or [],
    )
    reader.carrier.step()
    assert groups == [[b"one"] * 3]


def test_a_chunk_that_could_not_be_carried_comes_again(spool, reader):
    """A database that is down loses nothing."""
    spool.append(b"one")
    reader.fault = RuntimeError("down")
    assert reader.read() == ([], [])
    assert reader.lock.state().fault == "RuntimeError"
    reader.fault = None
    assert reader.read() == ([b"one"], [])
    assert reader.lock.state().fault is None


def test_another_carrier_goes_on_where_the_last_one_was(spool, reader, tmp_path):
    """The file itself says how far it was carried."""
    spool.append(b"one")
    assert reader.read() == ([b"one"], [])
    spool.append(b"two")
    segment = Segment.open(files(tmp_path)[0])
    assert segment.read().good == (b"two",)
    segment.leave()


def test_threads_do_not_mix_their_lines(spool, reader):
    """Every line is whole, and none is missing."""
    lines = [b"%d" % number * 50 for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spool.append, lines))
    good, bad = reader.read()
    assert sorted(good) == sorted(lines)
    assert bad == []


def test_more_than_is_read_at_a_time_is_read_to_its_end(spool, reader):
    """Chunks end with a line."""
    lines = [b"%03d" % number * 50_000 for number in range(40)]
    for line in lines:
        spool.append(line)
    assert reader.read() == (lines, [])


def test_a_busy_spool_does_not_grow_for_ever(tmp_path, reader):
    """A file that has grown is followed by another, and goes once it is carried."""
    spool = Spool(tmp_path, BIG, syncs=False, segment_bytes=100)
    found = []
    for number in range(50):
        spool.append(b"%03d" % number * 30)
        found += reader.read()[0]
        spool.append(b"%03d" % number * 30)
        spool.refresh()
        assert sum(path.stat().st_size for path in files(tmp_path)) < 1000
    found += reader.read()[0]
    assert found == [b"%03d" % (number // 2) * 30 for number in range(100)]


def test_what_was_carried_does_not_stay(spool, reader, tmp_path):
    """The spool of a process that has nothing to do holds no decisions."""
    spool.append(b"one")
    before = files(tmp_path)
    spool.refresh()
    assert files(tmp_path) == before
    reader.read()
    spool.refresh()
    reader.read()
    after = files(tmp_path)
    assert [path.stat().st_size for path in after] == [0]
    assert before != after


def test_a_full_spool_refuses(tmp_path, reader):
    """The limit holds, what was there stays, and what is carried makes room."""
    spool = Spool(tmp_path, 100, syncs=False)
    spool.append(b"x" * 80)
    with pytest.raises(SpoolFull):
        spool.append(b"x" * 80)
    spool.refresh()
    with pytest.raises(SpoolFull):
        spool.append(b"x" * 80)
    assert reader.read() == ([b"x" * 80], [])
    spool.refresh()
    spool.append(b"y" * 80)
    assert reader.read() == ([b"y" * 80], [])


def test_the_limit_is_for_all_processes(tmp_path):
    """What others wait for counts as well."""
    Spool(tmp_path, BIG, syncs=False).append(b"x" * 80)
    with pytest.raises(SpoolFull):
        Spool(tmp_path, 100, syncs=False).append(b"x" * 80)


def test_a_line_that_is_too_long_to_be_ours_is_refused(spool):
    """It would not be read whole."""
    with pytest.raises(OSError, match="too long"):
        spool.append(b"x" * (1 << 20))


def limited(size):
    """Let no file of this process grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_no_half_line(tmp_path, reader):
    """Of what did not fit nothing stays, and what fits later is whole."""
    spool = Spool(tmp_path, BIG, syncs=False)
    spool.append(b"first")
    free = limited(64)
    try:
        for _ in range(2):
            with pytest.raises(OSError, match=r"part of the line|too large"):
                spool.append(b"x" * 100)
    finally:
        free()
    spool.append(b"second")
    assert reader.read() == ([b"first", b"second"], [])


def test_a_process_begins_on_a_full_disk_too(tmp_path, reader):
    """Its cards are given; what it records is whole as soon as there is room."""
    free = limited(0)
    try:
        spool = Spool(tmp_path, BIG, syncs=False)
        with pytest.raises(OSError, match="too large"):
            spool.append(b"first")
        spool.refresh()
    finally:
        free()
    spool.append(b"second")
    assert reader.read() == ([b"second"], [])


def test_a_disk_that_takes_no_other_file_keeps_the_one_there_is(
    tmp_path, reader, monkeypatch
):
    """The process goes on with the file that it has."""
    spool = Spool(tmp_path, BIG, syncs=False, segment_bytes=10)
    spool.append(b"first")
    before = files(tmp_path)

    def no_space(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(os, "open", no_space)
        with pytest.raises(OSError, match="No space left"):
            spool.refresh()
    assert files(tmp_path) == before
    spool.append(b"second")
    assert reader.read() == ([b"first", b"second"], [])


@pytest.mark.parametrize("torn", [b"00", b"0badc0de {}", b"zzzzzzzz {}", b"\0" * 40])
def test_a_torn_line_is_told_apart(tmp_path, reader, torn):
    """After a power cut the lines before it are read, and it is not lost in silence."""
    spool = Spool(tmp_path, BIG, syncs=True)
    spool.append(b"whole")
    spool.close()
    with files(tmp_path)[0].open("ab") as file:
        file.write(torn)
    assert reader.read() == ([b"whole"], [torn])
    assert files(tmp_path) == []


def test_what_no_process_ever_wrote_is_kept_whole(tmp_path, reader):
    """Though it is longer than what is read at a time, and has no end."""
    (tmp_path / "1-damaged-0.spool").write_bytes(b"\0" * (3 << 20))
    _, bad = reader.read()
    assert sum(map(len, bad)) == 3 << 20


@pytest.mark.parametrize("half", [b"0badc0de {", b"0badc0de {}\n"])
def test_a_line_of_a_living_process_waits_until_it_is_whole(
    spool, tmp_path, reader, half
):
    """It is being written, or was not written whole and is about to be undone."""
    spool.append(b"one")
    path = files(tmp_path)[0]
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(half)
    assert reader.read() == ([b"one"], [])
    assert reader.read() == ([], [])
    os.truncate(path, size)
    spool.append(b"two")
    assert reader.read() == ([b"two"], [])


def test_a_living_process_of_an_earlier_version_keeps_its_file(spool, tmp_path, reader):
    """It carries and cuts it itself; the header tells that it is one of ours."""
    path = files(tmp_path)[0]
    line = b"%08x {}\n" % crc32(b"{}")
    path.write_bytes(line)
    assert reader.read() == ([], [])
    path.write_bytes(b"")
    spool.append(b"one")
    assert reader.read() == ([b"one"], [])


def test_the_empty_file_of_a_dead_process_goes(tmp_path, reader):
    """One that recorded nothing left nothing."""
    killed_after(tmp_path)
    assert len(files(tmp_path)) == 1
    assert reader.read() == ([], [])
    assert files(tmp_path) == []


def test_a_file_of_an_earlier_version_is_carried(tmp_path, reader):
    """It has no header: its process wrote lines, and cut off what it had carried."""
    lines = [b'{"id":1}', b'{"id":2}']
    old = tmp_path / "17-0a1b2c3d-0.spool"
    old.write_bytes(b"".join(b"%08x %b\n" % (crc32(line), line) for line in lines))
    assert spooled_bytes(tmp_path) == old.stat().st_size
    assert reader.read() == (lines, [])
    assert files(tmp_path) == []


def test_what_a_dead_process_left_is_carried_and_goes(tmp_path, reader):
    """The lock on a file ends with its process."""
    killed_after(tmp_path, "one", "two")
    assert len(files(tmp_path)) == 1
    assert reader.read() == ([b"one", b"two"], [])
    assert files(tmp_path) == []


def test_a_carrier_that_ends_leaves_what_it_could_not_carry(tmp_path, reader):
    """The next one finds it."""
    killed_after(tmp_path, "one")
    reader.fault = RuntimeError("down")
    reader.carrier.end()
    assert len(files(tmp_path)) == 1
    reader.fault = None
    assert reader.read() == ([b"one"], [])


def test_a_process_that_ends_leaves_what_was_not_carried(spool, tmp_path, reader):
    """And nothing else."""
    spool.append(b"one")
    assert spool.close().exists()
    assert reader.read() == ([b"one"], [])
    assert files(tmp_path) == []


def test_an_empty_spool_leaves_no_file(spool, tmp_path, reader):
    """A process that ends well has nothing to leave."""
    spool.append(b"one")
    reader.read()
    spool.close()
    assert files(tmp_path) == []


def test_one_carries_at_a_time(tmp_path, reader):
    """Another may when the first has let go; all read what it says."""
    other = CarrierLock(tmp_path)
    assert not other.take()
    reader.lock.leave()
    assert other.take()
    said = CarrierState(7, None, 2, None, 0.0)
    other.say(said)
    assert reader.lock.state() == said


def test_a_state_that_is_being_written_is_the_one_before(tmp_path, reader):
    """What is not whole is not believed."""
    said = reader.lock.state()
    path = tmp_path / "carrier.lock"
    path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    assert reader.lock.state() == said
    assert CarrierLock(tmp_path).state() is None


@pytest.mark.parametrize("age_s", [60, -60], ids=["silent", "before a restart"])
def test_a_carrier_that_says_nothing_is_not_believed(monkeypatch, reader, age_s):
    """Whatever it said last."""
    said = reader.lock.state()
    assert said.is_up
    monkeypatch.setattr("time.monotonic", lambda: said.at_s + age_s)
    assert not said.is_up


def test_a_folder_is_in_use_while_somebody_writes_or_carries(tmp_path):
    """A restore must wait for both."""
    assert not is_in_use(tmp_path)
    spool = Spool(tmp_path, BIG, syncs=False)
    assert is_in_use(tmp_path)
    spool.close()
    assert not is_in_use(tmp_path)
    lock = CarrierLock(tmp_path)
    assert not is_in_use(tmp_path)
    lock.take()
    assert is_in_use(tmp_path)
    lock.close()
    assert not is_in_use(tmp_path)


def test_the_files_are_for_their_owner_alone(spool, tmp_path, reader):
    """Pseudonyms with values are still about patients."""
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_the_disk_s_own_fault_is_passed_on(spool, monkeypatch):
    """Whoever records must know that it was not kept."""

    def no_space(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", no_space)
    with pytest.raises(OSError, match="No space left"):
        spool.append(b"one")
