"""Look up known weaknesses of the locked packages, and say what was not looked up.

Usage: python scripts/audit_packages.py. pip-audit asks a database; by itself it ends
well, with "No known vulnerabilities found", if that knows none of the packages. Here
anything but an answer for each package is "not checked". Exit code 0: each was looked
up, nothing is known. 1: something is known. 2: not checked.
"""

import json
import re
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["installed_here", "main", "verdict"]

ROOT = Path(__file__).parents[1]
CLEAN, FOUND, NOT_CHECKED = 0, 1, 2
_TIME_LIMIT_S = 300


def installed_here(lock: str) -> set[str]:
    """
    Name the pins of a lock that this interpreter would install.

    Parameters
    ----------
    lock : str
        The lock.

    Returns
    -------
    set of str
        ``name==version``.
    """
    pins = re.findall(r"^[A-Za-z0-9][^\\\n]+", lock, re.MULTILINE)
    wanted = (Requirement(pin.strip()) for pin in pins)
    return {
        f"{canonicalize_name(each.name)}{each.specifier}"
        for each in wanted
        if each.marker is None or each.marker.evaluate()
    }


def verdict(
    report: Mapping[str, Any] | None, pins: Collection[str]
) -> tuple[int, list[str]]:
    """
    Judge pip-audit's report.

    Parameters
    ----------
    report : mapping or None
        Its JSON; None if there is none.
    pins : collection of str
        What had to be looked up, as ``name==version``.

    Returns
    -------
    code : int
        Exit code.
    lines : list of str
        What to tell.
    """
    checked = {
        f"{canonicalize_name(entry['name'])}=={entry['version']}": entry["vulns"]
        for entry in (report or {}).get("dependencies", [])
        if "vulns" in entry
    }
    found = [
        f"{pin}: {each['id']}, fixed in {', '.join(each['fix_versions']) or '-'}"
        for pin, weaknesses in sorted(checked.items())
        for each in weaknesses
    ]
    code = FOUND if found else CLEAN
    missing = sorted(set(pins) - checked.keys())
    if missing or not pins:
        found.append(f"NOT CHECKED: {len(missing)} of {len(pins)} packages.")
        found.append("The database could not be reached or did not know them.")
        return code or NOT_CHECKED, found
    return code, found or [f"{len(pins)} packages looked up; nothing is known today."]


def main() -> int:
    """
    Ask pip-audit and judge what it says.

    Returns
    -------
    int
        Exit code.
    """
    lock = ROOT / "requirements.lock"
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock)]
    command += ["--require-hashes", "--disable-pip", "--progress-spinner", "off"]
    code, lines = verdict(_report(command), installed_here(lock.read_text("utf-8")))
    sys.stdout.write("\n".join(lines) + "\n")
    return code


def _report(command: list[str]) -> dict[str, Any] | None:
    """Run pip-audit; its exit code says nothing that its report does not say better."""
    try:
        done = subprocess.run(  # noqa: S603 the command is ours
            [*command, "--format", "json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIME_LIMIT_S,
        )
        report: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return report


if __name__ == "__main__":
    sys.exit(main())
