"""The spool: what was written is read once and whole, whatever ends the process."""

import errno
import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.store.spool import Spool, SpoolFull, adopt, spooled_bytes

BIG = 1 << 30


@pytest.fixture
def spool(tmp_path):
    """A spool without a limit to speak of."""
    return Spool(tmp_path, BIG, syncs=False)


def read_all(spool):
    """Every line that waits, and what is no line."""
    good, bad = [], []
    while True:
        with spool.next_chunk() as chunk:
            good += chunk.good
            bad += chunk.bad
        if not chunk.size:
            return good, bad


def adopted(folder):
    """Every line that dead processes left, and what is no line."""
    good, bad = [], []
    for segment in adopt(folder):
        chunk = segment.read(segment.size, is_final=True)
        good += chunk.good
        bad += chunk.bad
        segment.remove()
    return good, bad


def test_lines_come_out_in_order_and_once(spool):
    """What was carried is not carried again, and the file is empty."""
    for number in range(5):
        spool.append(b"%d" % number)
    assert read_all(spool) == ([b"0", b"1", b"2", b"3", b"4"], [])
    assert read_all(spool) == ([], [])
    assert spool.waiting_bytes == 0


def test_a_chunk_that_could_not_be_carried_comes_again(spool):
    """A database that is down loses nothing."""
    spool.append(b"one")
    with pytest.raises(RuntimeError, match="down"), spool.next_chunk():
        raise RuntimeError("down")
    assert read_all(spool) == ([b"one"], [])


def test_threads_do_not_mix_their_lines(spool):
    """Every line is whole, and none is missing."""
    lines = [b"%d" % number * 50 for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spool.append, lines))
    good, bad = read_all(spool)
    assert sorted(good) == sorted(lines)
    assert bad == []


def test_a_busy_spool_does_not_grow_for_ever(tmp_path):
    """Files that were read go, although there is always something new."""
    spool = Spool(tmp_path, BIG, syncs=False, segment_bytes=100)
    spool.append(b"x" * 90)
    found = []
    for number in range(50):
        with spool.next_chunk() as chunk:
            found += chunk.good
            spool.append(b"%03d" % number * 30)
        assert spooled_bytes(tmp_path) < 1000
    found += read_all(spool)[0]
    assert found[1:] == [b"%03d" % number * 30 for number in range(50)]


def test_a_full_spool_refuses(tmp_path):
    """The limit holds, and what was there stays."""
    spool = Spool(tmp_path, 100, syncs=False)
    spool.append(b"x" * 80)
    with pytest.raises(SpoolFull):
        spool.append(b"x" * 80)
    assert read_all(spool) == ([b"x" * 80], [])


def test_a_line_that_is_too_long_to_be_ours_is_refused(spool):
    """It would not be read whole."""
    with pytest.raises(OSError, match="too long"):
        spool.append(b"x" * (1 << 20))


def test_a_full_disk_leaves_no_half_line(tmp_path):
    """Of what did not fit nothing stays, and what fits later is whole."""
    spool = Spool(tmp_path, BIG, syncs=False)
    spool.append(b"first")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        for _ in range(2):
            with pytest.raises(OSError, match=r"part of the line|too large"):
                spool.append(b"x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    spool.append(b"second")
    assert read_all(spool) == ([b"first", b"second"], [])


@pytest.mark.parametrize("torn", [b"00", b"0badc0de {}", b"zzzzzzzz {}", b"\0" * 40])
def test_a_torn_line_is_told_apart(tmp_path, torn):
    """After a power cut the lines before it are read, and it is not lost in silence."""
    spool = Spool(tmp_path, BIG, syncs=True)
    spool.append(b"whole")
    spool.close()
    path = next(tmp_path.glob("*.spool"))
    with path.open("ab") as file:
        file.write(torn)
    assert adopted(tmp_path) == ([b"whole"], [torn])


def test_a_living_process_keeps_its_files(spool, tmp_path):
    """Nobody carries on what is still written to."""
    spool.append(b"mine")
    assert adopted(tmp_path) == ([], [])


def test_what_a_dead_process_left_is_taken_once(tmp_path):
    """Of several that look, one carries on; then the file is gone."""
    code = (
        "import os, sys; from pathlib import Path;"
        "from service.store.spool import Spool;"
        "spool = Spool(Path(sys.argv[1]), 1 << 30, syncs=False);"
        "[spool.append(b'%d' % n) for n in range(100)];"
        "os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: adopted(tmp_path), range(4)))
    lines = [line for good, bad in found for line in good + bad]
    assert sorted(lines) == sorted(b"%d" % number for number in range(100))
    assert list(tmp_path.glob("*.spool")) == []


def test_an_empty_spool_leaves_no_file(spool, tmp_path):
    """A process that ends well has nothing to leave."""
    spool.append(b"one")
    read_all(spool)
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_the_files_are_for_their_owner_alone(spool, tmp_path):
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
