"""Calls that fetch from a slow FHIR server, by processes and threads of the service.

    python benchmarks/bench_slow_fhir.py [--seconds 5] [--delay-ms 300]

Sixteen callers prefetch nothing, so that each call takes two rounds at a played FHIR
server (`slow_fhir.py`) which waits before each answer. Two callers send everything,
every quarter of a second: how long they wait shows who is held up by the others. Writes
benchmarks/result-slow-fhir.json.
"""

import argparse
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import orjson
from bench_http import gunicorn
from bodies import SCORED

from service.fire import discover, open_session
from service.hook_requests import hook_request
from service.local_server import local_program
from service.patients import bundled_patients

RESULT = Path(__file__).with_name("result-slow-fhir.json")
#: Processes and threads of the service.
SIZES = {"sync 2": (2, 1), "sync 8": (8, 1), "gthread 2x8": (2, 8)}
FETCHING, SENDING = 16, 2
#: Between two calls of one who sends everything.
PAUSE_S = 0.25


@dataclass
class Load:
    """Callers of one kind, and how long each of their calls took."""

    address: str
    path: str
    bodies: list[bytes]
    pause_s: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    faults: int = 0

    def run(self, number: int, end_s: float) -> None:
        """Call again and again until the time is over."""
        while time.monotonic() < end_s:
            begin = time.monotonic()
            status, answer = self._call(self.bodies[number % len(self.bodies)])
            took_s = time.monotonic() - begin
            if status == 200 and orjson.loads(answer)["cards"]:  # noqa: PLR2004 HTTP's
                self.milliseconds.append(took_s * 1e3)
            else:
                self.faults += 1
            time.sleep(max(0.0, self.pause_s - took_s))

    def _call(self, body: bytes) -> tuple[int, bytes]:
        connection = HTTPConnection(self.address, timeout=30)
        headers = {"Content-Type": "application/json"}
        try:
            connection.request("POST", self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextmanager
def slow_fhir(delay_ms: float) -> Iterator[str]:
    """Play the FHIR server in a process of its own."""
    script = str(Path(__file__).with_name("slow_fhir.py"))
    command = [sys.executable, script, "--delay-ms", str(delay_ms)]
    root = str(Path(__file__).parents[1])
    with local_program(
        command, "/fhir", name="the FHIR server", variables={"PYTHONPATH": root}
    ) as url:
        yield url


def loads(url: str, fhir: str) -> dict[str, Load]:
    """Both kinds of callers, for the service that runs at an address."""
    with open_session(url) as session:
        (service,) = (
            each
            for each in discover(session, url)
            if each["hook"] == "encounter-discharge"
        )
    now = datetime.now(UTC)
    whole = [
        hook_request(patient.bundle_at(now), service)
        for patient in bundled_patients()
        if patient.name.split("-")[0] in SCORED
    ]
    bare = [
        {"fhirServer": fhir, **{k: v for k, v in body.items() if k != "prefetch"}}
        for body in whole
    ]
    place = urlsplit(url).netloc, f"/cds-services/{service['id']}"
    return {
        "fetched": Load(*place, list(map(orjson.dumps, bare))),
        "prefetched": Load(*place, list(map(orjson.dumps, whole)), PAUSE_S),
    }


def measure(found: Mapping[str, Load], seconds: float) -> None:
    """Let all call at the same time."""
    end_s = time.monotonic() + seconds
    callers = [("fetched", n) for n in range(FETCHING)]
    callers += [("prefetched", n) for n in range(SENDING)]
    threads = [
        threading.Thread(target=found[name].run, args=(number, end_s))
        for name, number in callers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def summary(load: Load, seconds: float) -> dict[str, float]:
    """Give calls a second, p50 and p95 in milliseconds, and how many went wrong."""
    cuts = quantiles(load.milliseconds, n=100, method="inclusive")
    return {
        "per_s": len(load.milliseconds) / seconds,
        "p50_ms": cuts[49],
        "p95_ms": cuts[94],
        "faults": load.faults,
    }


def run(seconds: float, delay_ms: float) -> dict[str, Any]:
    """Measure each size of the service in turn."""
    result: dict[str, Any] = {}
    with TemporaryDirectory() as folder, slow_fhir(delay_ms) as fhir:
        for name, (workers, threads) in SIZES.items():
            settings = {
                "SCNEN_OPEN": "true",
                "SCNEN_WORKERS": str(workers),
                "SCNEN_THREADS": str(threads),
            }
            log = Path(folder) / "log"
            with gunicorn("service.wsgi:app", settings, log) as server:
                found = loads(server.url, fhir)
                begin = time.monotonic()
                measure(found, seconds)
                spent = time.monotonic() - begin
            result[name] = {kind: summary(each, spent) for kind, each in found.items()}
    return result


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--delay-ms", type=float, default=300)
    options = parser.parse_known_args()[0]
    result = run(options.seconds, options.delay_ms)
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}"
    told = f"{FETCHING} callers fetch, {SENDING} send all"
    print(f"FHIR server answers after {options.delay_ms:.0f} ms; {told}; {machine}\n")
    print(f"{'':<12}{'fetched: calls/s':>18}  p50 ms  p95 ms   sent: p50 ms  p95 ms")
    for name, kinds in result.items():
        one, other = kinds["fetched"], kinds["prefetched"]
        print(
            f"{name:<12}{one['per_s']:>18.1f}{one['p50_ms']:>8.0f}{one['p95_ms']:>8.0f}"
            f"{other['p50_ms']:>15.0f}{other['p95_ms']:>8.0f}"
        )
    kept = {
        "machine": machine,
        "delay_ms": options.delay_ms,
        "seconds": options.seconds,
        "callers": {"fetching": FETCHING, "sending": SENDING},
        "sizes": result,
    }
    RESULT.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
