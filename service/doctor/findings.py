"""What one check found, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Findings", "Level", "fault", "ok", "warning"]


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not as well as it could, or nobody can tell."""
    FAULT = "fault"
    """The service cannot work so, or not safely."""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    The result of one check.

    Attributes
    ----------
    level : Level
        How bad it is.
    check : str
        What was checked, in a few words.
    found : str
        What was found, without patient data.
    remedy : str
        What to do; empty if nothing is.
    """

    level: Level
    check: str
    found: str
    remedy: str = ""


#: What checks give, one after the other.
Findings = Iterator[Finding]


def ok(check: str, found: str) -> Finding:
    """
    Tell that all is well.

    Parameters
    ----------
    check, found : str
        As in `Finding`.

    Returns
    -------
    Finding
        Without a remedy.
    """
    return Finding(Level.OK, check, found)


def warning(check: str, found: str, remedy: str) -> Finding:
    """
    Tell that something could be better.

    Parameters
    ----------
    check, found, remedy : str
        As in `Finding`.

    Returns
    -------
    Finding
        The warning.
    """
    return Finding(Level.WARNING, check, found, remedy)


def fault(check: str, found: str, remedy: str) -> Finding:
    """
    Tell that something is wrong.

    Parameters
    ----------
    check, found, remedy : str
        As in `Finding`.

    Returns
    -------
    Finding
        The fault.
    """
    return Finding(Level.FAULT, check, found, remedy)
