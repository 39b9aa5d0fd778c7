"""The kill switch: what the file may say, and when it is looked at."""

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.switch import Order, Stop, StopSwitch, stop_now


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    """A clock of the test's own."""
    return Clock()


@pytest.fixture
def file(tmp_path):
    """Where the stop file would be."""
    return tmp_path / "stop"


def test_without_a_file_nothing_is_switched_off(file, clock):
    """Neither where none is named nor where it does not exist."""
    assert StopSwitch(None, clock).order() is None
    assert StopSwitch(file, clock).order() is None
    assert StopSwitch(file / "below", clock).order() is None


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("off", Order(Stop.OFF)),
        ("relative\n", Order(Stop.RELATIVE)),
        (
            "Relative: calibration\nin doubt",
            Order(Stop.RELATIVE, "calibration in doubt"),
        ),
        ("off " + "x" * 9000, Order(Stop.OFF, "x" * 200)),
        ("", Order(Stop.OFF)),
    ],
)
def test_the_first_word_says_what_is_off_and_the_rest_why(file, clock, text, order):
    """A file that was only touched switches everything off."""
    file.write_text(text)
    assert StopSwitch(file, clock).order() == order


@pytest.mark.parametrize("content", [b"of", b"\xff\xfe", b"on"])
def test_what_cannot_be_understood_means_off(file, clock, content):
    """Somebody wanted to stop something: the safe side."""
    file.write_bytes(content)
    assert StopSwitch(file, clock).order().stop is Stop.OFF


def test_a_folder_in_its_place_means_off(file, clock):
    """It exists and cannot be read."""
    file.mkdir()
    assert StopSwitch(file, clock).order().stop is Stop.OFF


def test_a_file_that_cannot_be_looked_at_means_off(file, clock, monkeypatch):
    """Nobody knows whether it is there."""

    def refuse(_):
        raise PermissionError

    switch = StopSwitch(file, clock)
    monkeypatch.setattr(Path, "stat", refuse)
    assert switch.order().stop is Stop.OFF


def test_it_is_looked_at_once_a_second(file, clock):
    """Between two looks a call costs a comparison."""
    switch = StopSwitch(file, clock)
    assert switch.order() is None
    file.write_text("relative")
    clock.now += 0.9
    assert switch.order() is None
    clock.now += 0.1
    assert switch.order() == Order(Stop.RELATIVE)
    file.unlink()
    clock.now += 1
    assert switch.order() is None


def test_changes_are_logged_once_with_the_reason(file, clock, caplog):
    """The log tells when it began, why, and when it ended."""
    switch = StopSwitch(file, clock)
    stop_now(file, Order(Stop.RELATIVE, "calibration in doubt"))
    with caplog.at_level(logging.WARNING, "service.switch"):
        for _ in range(3):
            clock.now += 1
            switch.order()
        file.unlink()
        clock.now += 1
        switch.order()
    told = [(r.message, getattr(r, "reason", None)) for r in caplog.records]
    assert told == [
        ("advice switched off", "calibration in doubt"),
        ("advice switched on again", None),
    ]
    assert caplog.records[0].stop == "relative"


def run(*arguments, **env):
    """Run `scnen-cds`."""
    return CliRunner().invoke(main, arguments, prog_name="scnen-cds", env=env)


def test_the_command_writes_what_the_switch_reads(file, clock):
    """With the file of the environment; `resume` takes it away."""
    switch = StopSwitch(file, clock)
    args = ("stop", "--mode", "relative", "--reason", "in\n doubt")
    result = run(*args, SCNEN_STOP_FILE=str(file))
    assert result.exit_code == 0, result.output
    assert switch.order() == Order(Stop.RELATIVE, "in doubt")
    result = run("resume", SCNEN_STOP_FILE=str(file))
    assert (result.exit_code, file.exists()) == (0, False)
    assert list(file.parent.iterdir()) == []


def test_the_option_comes_before_the_setting(file, tmp_path):
    """For a service of another environment."""
    other = tmp_path / "other"
    run("stop", "--mode", "off", "--file", str(file), SCNEN_STOP_FILE=str(other))
    assert (file.read_text(), other.exists()) == ("off\n", False)


def test_anybody_may_read_the_file(file):
    """The service may run as somebody else than who stops it."""
    stop_now(file, Order(Stop.OFF))
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("command", [("stop", "--mode", "off"), ("resume",)])
def test_without_a_file_the_commands_say_what_to_do(command):
    """Nobody believes to have stopped something."""
    result = run(*command, SCNEN_STOP_FILE=None)
    assert result.exit_code == 1
    assert "SCNEN_STOP_FILE: not set" in result.output


def test_what_cannot_be_written_is_not_called_off(tmp_path):
    """The message says that nothing happened."""
    result = run("stop", "--mode", "off", "--file", str(tmp_path / "none" / "stop"))
    assert result.exit_code == 1
    assert "Nothing was switched off" in result.output


def test_resume_twice_is_no_fault(file):
    """It says that there was nothing to do."""
    result = run("resume", "--file", str(file))
    assert (result.exit_code, "nothing is switched off" in result.output) == (0, True)


def test_what_cannot_be_removed_is_still_off(file, monkeypatch):
    """The message says so."""

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    result = run("resume", "--file", str(file))
    assert result.exit_code == 1
    assert "still switched off" in result.output
