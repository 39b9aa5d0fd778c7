"""Requests a second of the service beside a bare Flask view, over HTTP, with wrk.

    python benchmarks/bench_http.py [--seconds 4] [--rounds 3] [--check]

Floor and service run under the same gunicorn configuration with two workers, take turns
and get the same bodies. Writes benchmarks/result-http.json.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import requests
from bodies import variants

from service.fire import discover, open_session

HERE = Path(__file__).parent
RESULT = HERE / "result-http.json"
WORKERS = 2
CONCURRENCY = (1, 16)
PATIENTS = 200
#: least share of the floor's throughput, most times its p99, cold start, worker's RSS
GOALS = {"throughput": 0.5, "p99": 3.0, "cold_start_s": 1.5, "memory_mb": 120.0}
MEASURES = ("requests_per_s", "p50_ms", "p95_ms", "p99_ms")


@dataclass(frozen=True, slots=True)
class Server:
    """A gunicorn of ours: where it listens, its process, how long it took to start."""

    url: str
    pid: int
    cold_start_s: float


@contextmanager
def gunicorn(app: str, environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """Start an application under the service's gunicorn configuration; stop it."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "gunicorn", "-c", "python:service.gunicorn_conf"),
        *("-b", f"127.0.0.1:{port}", "--log-level", "warning", app),
    ]
    paths = os.pathsep.join((str(HERE), str(HERE.parent)))
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SCNEN_")}
    ours = {"SCNEN_PUBLIC_URL": url, "SCNEN_WORKERS": str(WORKERS), **environment}
    env = {**clean, "PYTHONPATH": paths, **ours}
    begin = time.perf_counter()
    with log.open("w") as sink:
        process = subprocess.Popen(command, env=env, stdout=sink, stderr=sink)
    try:
        _wait_until_ready(url, process, log)
        yield Server(url, process.pid, time.perf_counter() - begin)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    with open_session(url) as session:
        for _ in range(3000):
            if process.poll() is not None:
                raise SystemExit(f"the server ended:\n{log.read_text()[-2000:]}")
            try:
                if session.get(f"{url}/healthz/ready", timeout=1).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.005)
    raise SystemExit("the server is not ready after 15 s")


def memory_mb(master: int) -> list[dict[str, float]]:
    """Resident and proportional size in MB of the carrier, if any, and each worker."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    found = []
    for child in children:
        lines = Path(f"/proc/{child}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(rest.split()[0]) for name, rest in _pairs(lines)}
        found.append({"rss": sizes["Rss"] / 1024, "pss": sizes["Pss"] / 1024})
    return found


def _pairs(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, rest = line.partition(":")
        yield name, rest


def wrk(url: str, bodies: Path, connections: int, seconds: float) -> dict[str, float]:
    """One run of wrk: requests a second, latencies in milliseconds, faults."""
    command = [
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency"),
        *("-s", str(HERE / "rotate.lua"), url, "--", str(bodies)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    line = next(x for x in done.stdout.splitlines() if x.startswith("RESULT "))
    run: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    if run["failed"] or run["not_2xx"]:
        raise SystemExit(f"calls failed: {run}")
    return {**run, "requests_per_s": run["requests"] / run["seconds"]}


def measure(
    servers: Mapping[str, str], bodies: Path, rounds: int, seconds: float
) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Let the servers take turns at each concurrency."""
    runs: dict[str, dict[str, list[dict[str, float]]]] = {}
    for connections in CONCURRENCY:
        of_this = runs.setdefault(str(connections), {name: [] for name in servers})
        for url in servers.values():
            wrk(url, bodies, connections, 1)
        for number in range(rounds):
            turn = list(servers.items())
            for name, url in turn if number % 2 == 0 else reversed(turn):
                of_this[name].append(wrk(url, bodies, connections, seconds))
                _progress(".")
    _progress("\n")
    return runs


def _progress(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


def summary(runs: Mapping[str, Any]) -> dict[str, Any]:
    """Medians over the rounds, and the service against the floor."""
    found: dict[str, Any] = {}
    for connections, of_this in runs.items():
        middle = {
            name: {key: median(run[key] for run in some) for key in MEASURES}
            for name, some in of_this.items()
        }
        floor, service = middle["floor"], middle["service"]
        ratios = {
            "throughput_of_floor": service["requests_per_s"] / floor["requests_per_s"],
            "p99_times_floor": service["p99_ms"] / floor["p99_ms"],
        }
        found[connections] = {**middle, **ratios}
    return found


def report(result: Mapping[str, Any]) -> None:
    """Print what was measured."""
    print(f"\n{result['bodies']}; {WORKERS} sync workers; {result['machine']}\n")
    print("connections  what      requests/s   p50 ms   p95 ms   p99 ms")
    for connections, found in result["summary"].items():
        for name in ("floor", "service"):
            row = found[name]
            print(
                f"{connections:>11}  {name:<8} {row['requests_per_s']:>11,.0f}"
                + "".join(f"{row[key]:>9.2f}" for key in MEASURES[1:])
            )
        print(
            f"{'':>11}  service is {found['throughput_of_floor']:.2f} of the floor,"
            f" p99 {found['p99_times_floor']:.2f} times the floor's"
        )
    sizes = ", ".join(f"{w['rss']:.0f} ({w['pss']:.0f})" for w in result["memory_mb"])
    print(
        "\ncold start to the first 200 of /healthz/ready:"
        f" {result['cold_start_s']:.2f} s"
    )
    print(f"memory of carrier and workers after the runs, RSS (PSS): {sizes} MB")


def missed(result: Mapping[str, Any]) -> list[str]:
    """Which of the project's goals were not met."""
    found = list(result["summary"].values())
    met = {
        "throughput": min(f["throughput_of_floor"] for f in found)
        >= GOALS["throughput"],
        "p99": max(f["p99_times_floor"] for f in found) <= GOALS["p99"],
        "cold_start_s": result["cold_start_s"] < GOALS["cold_start_s"],
        "memory_mb": max(w["rss"] for w in result["memory_mb"]) < GOALS["memory_mb"],
    }
    return [f"{goal} {GOALS[goal]:g}" for goal, is_met in met.items() if not is_met]


def write_inputs(folder: Path, server: Server) -> tuple[Path, Path, str, int]:
    """Bodies for wrk, the floor's answer, a description of both, calls it took."""
    with open_session(server.url) as session:
        (service,) = (
            item
            for item in discover(session, server.url)
            if item["hook"] == "encounter-discharge"
        )
        sent = variants(service, PATIENTS)
        answers = [
            session.post(
                f"{server.url}/cds-services/{service['id']}",
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=10,
            ).content
            for body in sent
        ]
    bodies, answer = folder / "bodies.jsonl", folder / "answer.json"
    bodies.write_bytes(b"\n".join(sent) + b"\n")
    answer.write_bytes(sorted(answers, key=len)[len(answers) // 2])
    cards = sum(len(json.loads(found)["cards"]) for found in answers)
    return (
        bodies,
        answer,
        f"{len(sent)} patients, bodies {min(map(len, sent)) / 1000:.1f} to"
        f" {max(map(len, sent)) / 1000:.1f} kB, {cards} cards,"
        f" answers of {median(map(len, answers)) / 1000:.1f} kB",
        len(sent),
    )


def run(rounds: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Start both servers, measure, stop them."""
    is_open = {"SCNEN_OPEN": "true"}
    with ExitStack() as stack:
        log = folder / "service.log"
        starts = []
        for _ in range(2):
            with gunicorn("service.wsgi:app", is_open, log) as server:
                starts.append(server.cold_start_s)
        service = stack.enter_context(gunicorn("service.wsgi:app", is_open, log))
        starts.append(service.cold_start_s)
        bodies, answer, text, _ = write_inputs(folder, service)
        fixed = {"FLOOR_ANSWER_FILE": str(answer)}
        floor = stack.enter_context(gunicorn("floor:app", fixed, folder / "floor.log"))
        path = "/cds-services/scnen-discharge"
        servers = {"floor": floor.url + path, "service": service.url + path}
        runs = measure(servers, bodies, rounds, seconds)
        return {
            "machine": f"{os.cpu_count()} CPUs, {platform.machine()},"
            f" Python {platform.python_version()}, gunicorn {version('gunicorn')}",
            "bodies": text,
            "workers": WORKERS,
            "rounds": rounds,
            "seconds_a_run": seconds,
            "summary": summary(runs),
            "cold_start_s": median(starts),
            "memory_mb": memory_mb(service.pid),
            "runs": runs,
        }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=4, help="of one run of wrk")
    parser.add_argument("--rounds", type=int, default=3, help="for each concurrency")
    parser.add_argument("--check", action="store_true", help="fail if a goal is missed")
    chosen = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is needed: Debian and Ubuntu have it as package wrk")
    with tempfile.TemporaryDirectory() as folder:
        result = run(chosen.rounds, chosen.seconds, Path(folder))
    report(result)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    for goal in missed(result):
        print(f"MISSED: {goal}")
    if chosen.check and missed(result):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
