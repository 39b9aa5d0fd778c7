"""A long run at full load: no call fails, no memory grows, no decision is missing.

    python benchmarks/soak.py [--minutes 2] [--connections 16]

Two workers with the store in a folder of their own. After each slice the resident size
of the workers is read; at the end the decisions in the database are counted against the
answers that arrived. Fails (exit 1) when anything does not add up. Writes
benchmarks/result-soak.json.
"""

import argparse
import json
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_http import gunicorn, memory_mb, write_inputs, wrk

RESULT = Path(__file__).with_name("result-soak.json")
SLICES = 6
#: Megabytes that a worker may gain after the first slice, when all caches are full.
GROWTH_MB = 8.0


def soak(seconds: float, connections: int, folder: Path) -> dict[str, Any]:
    """Load the service for so long; tell what came out of it."""
    data = folder / "data"
    data.mkdir()
    environment = {"SCNEN_OPEN": "true", "SCNEN_DATA_DIR": str(data)}
    log = folder / "service.log"
    with gunicorn("service.wsgi:app", environment, log) as server:
        bodies, _, text, sent = write_inputs(folder, server)
        url = f"{server.url}/cds-services/scnen-discharge"
        slices = []
        for number in range(SLICES):
            run = wrk(url, bodies, connections, seconds / SLICES)
            sizes = [worker["rss"] for worker in memory_mb(server.pid)]
            slices.append({**run, "rss_mb": sizes})
            print(
                f"{number + 1}/{SLICES}  {run['requests']:>7.0f} answers"
                f"  p99 {run['p99_ms']:.1f} ms  RSS {max(sizes):.0f} MB",
                flush=True,
            )
    answered = sent + int(sum(each["requests"] for each in slices))
    return {
        "bodies": text,
        "seconds": seconds,
        "connections": connections,
        "slices": slices,
        "answered": answered,
        "recorded": _recorded(data),
        "alarms": log.read_text().count('"level":"error"'),
        "growth_mb": max(slices[-1]["rss_mb"]) - max(slices[0]["rss_mb"]),
    }


def _recorded(data: Path) -> int:
    """Decisions in the database; what the workers wrote at their end included."""
    with sqlite3.connect(data / "scnen.sqlite3") as database:
        (count,) = database.execute("SELECT count(*) FROM decisions").fetchone()
    return int(count)


def faults(found: dict[str, Any]) -> list[str]:
    """Say what does not add up."""
    # wrk drops what is under way when a slice ends: recorded, but not counted.
    under_way = found["connections"] * SLICES
    surplus = found["recorded"] - found["answered"]
    checks = {
        f"{surplus} decisions more than answers": 0 <= surplus <= under_way,
        f"workers grew by {found['growth_mb']:.1f} MB": found["growth_mb"] < GROWTH_MB,
        f"{found['alarms']} errors in the log": not found["alarms"],
    }
    return [fault for fault, is_fine in checks.items() if not is_fine]


def main() -> None:
    """Load, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--connections", type=int, default=16)
    chosen = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is needed: Debian and Ubuntu have it as package wrk")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = soak(chosen.minutes * 60, chosen.connections, Path(folder))
    print(
        f"{found['answered']} answers, {found['recorded']} decisions recorded,"
        f" growth {found['growth_mb']:.1f} MB, {time.monotonic() - began:.0f} s"
    )
    RESULT.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    wrong = faults(found)
    for fault in wrong:
        print(f"WRONG: {fault}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
