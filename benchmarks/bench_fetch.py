"""A call that fetches the whole record beside one with full prefetch, over HTTP.

    python benchmarks/bench_fetch.py [--rounds 20]

The FHIR server is that of the sandbox, by other people, on this machine (Node.js). Its
own time counts for most of a fetch; so the five queries alone are measured too, in
parallel and with the same client. Writes benchmarks/result-fetch.json.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import requests
from bench_http import gunicorn
from bodies import SCORED

from cds_hooks.prefetch import resolve
from service.fhir.client import Bearer, FHIRAccess
from service.fire import discover, fire, open_session
from service.hook_requests import hook_request
from service.patients import bundled_patients
from service.sandbox import fhir_server

RESULT = Path(__file__).with_name("result-fetch.json")
TOKEN = "token-of-the-benchmark"  # noqa: S105 of a server that ends with it


def calls(
    session: requests.Session,
    url: str,
    service: Mapping[str, Any],
    fhir: str,
    bundle: Mapping[str, Any],
) -> dict[str, Callable[[], float]]:
    """The three things that are timed for one patient, each giving milliseconds."""
    whole = hook_request(bundle, service)
    authorization = {
        "access_token": TOKEN,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/*.read",
        "subject": "benchmark",
    }
    bare = {k: v for k, v in whole.items() if k != "prefetch"}
    bare |= {"fhirServer": fhir, "fhirAuthorization": authorization}
    queries = {
        key: (query, query.partition("?")[0].partition("/")[0])
        for key, template in service["prefetch"].items()
        if (query := resolve(template, whole["context"]))
    }

    def send(body: Mapping[str, Any]) -> float:
        reply = fire(session, url, body)
        if not reply.is_ok or not reply.body["cards"]:
            raise SystemExit(f"no card: HTTP {reply.status} {reply.body}")
        return reply.milliseconds

    def query() -> float:
        with FHIRAccess(allow_loopback=True) as access:
            begin = time.perf_counter()
            found = access.client(fhir, bearer=Bearer(TOKEN)).fetch(queries)
            spent = (time.perf_counter() - begin) * 1e3
        if any(each.fault for each in found.values()):
            raise SystemExit(f"the FHIR server failed: {found}")
        return spent

    return {
        "full prefetch": lambda: send(whole),
        "nothing prefetched": lambda: send(bare),
        "the queries alone": query,
    }


def measure(rounds: int) -> dict[str, list[float]]:
    """Take turns between the three, patient by patient."""
    now = datetime.now(UTC)
    bundles = [
        patient.bundle_at(now)
        for patient in bundled_patients()
        if patient.name.split("-")[0] in SCORED
    ]
    with (
        TemporaryDirectory() as folder,
        fhir_server(bundles, token=TOKEN, is_quiet=True) as fhir,
        gunicorn(
            "service.wsgi:app", {"SCNEN_OPEN": "true"}, Path(folder) / "log"
        ) as server,
        open_session(server.url) as session,
    ):
        (service,) = (
            each
            for each in discover(session, server.url)
            if each["hook"] == "encounter-discharge"
        )
        url = f"{server.url}/cds-services/{service['id']}"
        each_patient = [calls(session, url, service, fhir, each) for each in bundles]
        spent: dict[str, list[float]] = {name: [] for name in each_patient[0]}
        for number in range(rounds + 2):  # two to warm up
            for timed in each_patient:
                for name, call in timed.items():
                    milliseconds = call()
                    if number > 1:
                        spent[name].append(milliseconds)
        return spent


def summary(spent: Sequence[float]) -> dict[str, float]:
    """Give p50, p95 and p99 in milliseconds."""
    cuts = quantiles(spent, n=100, method="inclusive")
    return {"p50_ms": cuts[49], "p95_ms": cuts[94], "p99_ms": cuts[98]}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_known_args()[0].rounds
    found = {name: summary(spent) for name, spent in measure(rounds).items()}
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}"
    print(f"{len(SCORED)} patients, {rounds} rounds; {machine}\n")
    print(f"{'':<20}  p50 ms  p95 ms  p99 ms")
    for name, each in found.items():
        print(f"{name:<20}" + "".join(f"{value:>8.1f}" for value in each.values()))
    result = {"machine": machine, "rounds": rounds, "milliseconds": found}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
