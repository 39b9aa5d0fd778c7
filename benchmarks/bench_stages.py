"""Where the time of one request goes: microseconds of each stage, without a socket.

    python benchmarks/bench_stages.py [--rounds 7]

Distinct patients take turns, so that no stage meets what it has just seen. Writes
benchmarks/result-stages.json.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any
from wsgiref.types import WSGIApplication

import orjson
from bodies import variants

from cds_hooks import HookRequest, dump_response, load_request, read
from service.app import create_app
from service.assessment import Assessor
from service.config import Settings
from service.fhir.extract import extract
from service.fhir.findings import Extraction, PatientRecord
from service.model.artifact import bundled_models, load_model
from service.parts import Parts, build_parts

RESULT = Path(__file__).with_name("result-stages.json")
PATIENTS = 200
NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)
KEYS = {
    "patient": "Patient",
    "encounter": "Encounter",
    "procedures": "Procedure",
    "observations": "Observation",
    "conditions": "Condition",
}


def microseconds(
    stage: Callable[[Any], object], inputs: Iterable[Any], rounds: int
) -> float:
    """Median over rounds of the mean time of one call."""
    given = list(inputs)
    means = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for item in given:
            stage(item)
        means.append((time.perf_counter() - begin) / len(given) * 1e6)
    return median(means)


def record_of(request: HookRequest) -> PatientRecord:
    """Read all keys of the prefetch, as the service does."""
    found = {key: read(request.prefetch, key, (kind,)) for key, kind in KEYS.items()}
    resources = {key: data.resources for key, data in found.items()}
    return PatientRecord(
        patient=resources["patient"][0],
        encounter=resources["encounter"][0],
        procedures=resources["procedures"],
        observations=resources["observations"],
        conditions=resources["conditions"],
    )


def assessor_of(parts: Parts) -> Assessor:
    """The assessment alone, with the bundled models."""
    first, second = (
        load_model(bundled_models()[name]) for name in ("liu-nomogram", "liu-table2")
    )
    return Assessor(
        model=first,
        second_model=second,
        policy=parts.policy,
        terminology=parts.terminology,
        mode=parts.mode,
    )


def stages(rounds: int) -> dict[str, float]:
    """Time every stage on the same patients, and the whole request through Flask."""
    settings = Settings.from_env(is_open=True)
    parts = build_parts(settings, lambda: NOW)
    service = next(s for s in parts.registry if s.id == "scnen-discharge")
    bodies = variants({"hook": service.hook, "prefetch": service.prefetch}, PATIENTS)

    def load(body: object) -> HookRequest:
        return load_request(body, service.hook, service.user_types)

    parsed = [orjson.loads(body) for body in bodies]
    requests = [load(body) for body in parsed]
    answers = [parts.advice(request) for request in requests]
    dumped = [dump_response(answer) for answer in answers]
    app = create_app(settings, clock=lambda: NOW).wsgi_app
    assessed = _assessment_stages(parts, requests, rounds)
    answer = microseconds(parts.advice, requests, rounds)
    found = {
        "parse JSON": microseconds(orjson.loads, bodies, rounds),
        "load the request": microseconds(load, parsed, rounds),
        **assessed,
        "compose the cards": answer - sum(assessed.values()),
        "dump the response": microseconds(dump_response, answers, rounds),
        "write JSON": microseconds(orjson.dumps, dumped, rounds),
    }
    whole = microseconds(lambda body: call(app, body), bodies, rounds)
    found["Flask, log line, headers"] = whole - sum(found.values())
    return {**found, "whole request": whole}


def _assessment_stages(
    parts: Parts, requests: list[HookRequest], rounds: int
) -> dict[str, float]:
    assessor = assessor_of(parts)

    def find(pair: tuple[HookRequest, PatientRecord]) -> Extraction:
        request, record = pair
        return extract(
            record,
            patient_id=request.context["patientId"],
            encounter_id=request.context["encounterId"],
            now=NOW,
            windows=parts.policy.windows,
            eligibility=parts.policy.eligibility,
            terminology=parts.terminology,
        )

    pairs = [(request, record_of(request)) for request in requests]
    extractions = [find(pair) for pair in pairs]
    return {
        "read the prefetch": microseconds(record_of, requests, rounds),
        "extract": microseconds(find, pairs, rounds),
        "score (two models)": microseconds(assessor.judge, extractions, rounds),
    }


def call(app: WSGIApplication, body: bytes) -> bytes:
    """Call a WSGI application as gunicorn does."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/cds-services/scnen-discharge",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        "wsgi.errors": BytesIO(),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    lines: list[str] = []

    def start_response(status: str, *_: object) -> Callable[[bytes], object]:
        lines.append(status)
        return lines.append

    answer = b"".join(app(environ, start_response))
    if not lines[0].startswith("200"):
        raise SystemExit(f"the call failed: {lines[0]}")
    return answer


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_known_args()[0].rounds
    found = stages(rounds)
    whole = found["whole request"]
    print(f"{PATIENTS} distinct patients, medians of {rounds} rounds\n")
    for name, spent in found.items():
        print(f"{name:<26}{spent:>8.0f} µs{spent / whole:>7.0%}")
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}"
    result = {"machine": machine, "rounds": rounds, "microseconds": found}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
