"""Where the time of one request goes: processor time by stage, without a socket.

    python benchmarks/bench_stages.py [--rounds 9]

Distinct patients take turns, so that no stage meets what it has just seen; so do the
stages, so that a disturbance meets them alike. Writes benchmarks/result-stages.json.
"""

import argparse
import gc
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any
from wsgiref.types import WSGIApplication

import orjson
from bodies import variants

from cds_hooks import HookRequest, Response, Service, dump_response, load_request
from cds_hooks.prefetch import read
from service.app import create_app
from service.assessment import Assessment, Assessor
from service.cards import CardComposer
from service.config import Settings
from service.fhir.extract import extract
from service.fhir.findings import Extraction, PatientRecord
from service.model.artifact import bundled_models, load_model
from service.orders import Subject
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


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the way: what it does, and with what for each patient."""

    name: str
    step: Callable[[Any], Any]
    inputs: Sequence[Any]

    def outputs(self) -> list[Any]:
        """What the step makes of each input."""
        return [self.step(item) for item in self.inputs]

    def microseconds(self) -> float:
        """Processor time of one call, the mean over the inputs."""
        begin = time.process_time()
        for item in self.inputs:
            self.step(item)
        return (time.process_time() - begin) / len(self.inputs) * 1e6


class Pipeline:
    """The parts of the service by themselves, built as `service.parts` builds them."""

    def __init__(self, settings: Settings, parts: Parts, service: Service) -> None:
        first, second = (
            load_model(bundled_models()[name])
            for name in ("liu-nomogram", "liu-table2")
        )
        self.parts, self.service = parts, service
        self.assessor = Assessor(
            model=first,
            second_model=second,
            policy=parts.policy,
            terminology=parts.terminology,
            mode=parts.mode,
        )
        self.composer = CardComposer(
            model=first,
            mode=parts.mode,
            policy=parts.policy,
            public_url=settings.public_url,
            canonical_base=settings.canonical_base,
            secret_key=settings.secret_key.encode(),
            locale=settings.locale,
        )

    def load(self, body: object) -> HookRequest:
        """Check the request."""
        return load_request(body, self.service.hook, self.service.user_types)

    def record(self, request: HookRequest) -> tuple[Subject, PatientRecord]:
        """Read all keys of the prefetch."""
        found = {key: read(request.prefetch, key, (KEYS[key],)) for key in KEYS}
        resources = {key: data.resources for key, data in found.items()}
        context = request.context
        return Subject(context["patientId"], context["encounterId"]), PatientRecord(
            patient=resources["patient"][0],
            encounter=resources["encounter"][0],
            procedures=resources["procedures"],
            observations=resources["observations"],
            conditions=resources["conditions"],
        )

    def extract(self, pair: tuple[Subject, PatientRecord]) -> Extraction:
        """Find the measurements."""
        subject, record = pair
        return extract(
            record,
            patient_id=subject.patient_id,
            encounter_id=subject.encounter_id,
            now=NOW,
            windows=self.parts.policy.windows,
            eligibility=self.parts.policy.eligibility,
            terminology=self.parts.terminology,
        )

    def compose(self, pair: tuple[Assessment, Subject]) -> Response:
        """Write the cards."""
        return Response(cards=self.composer.compose(*pair))


def stages() -> list[Stage]:
    """All stages with their inputs, and the whole request through Flask at the end."""
    settings = Settings.from_env(is_open=True)
    parts = build_parts(settings, lambda: NOW)
    service = next(s for s in parts.registry if s.id == "scnen-discharge")
    pipeline = Pipeline(settings, parts, service)
    app = create_app(settings, clock=lambda: NOW).wsgi_app
    entry = {"hook": service.hook, "prefetch": service.prefetch}
    parse = Stage("parse JSON", orjson.loads, variants(entry, PATIENTS))
    load = Stage("load the request", pipeline.load, parse.outputs())
    record = Stage("read the prefetch", pipeline.record, load.outputs())
    records = record.outputs()
    find = Stage("extract", pipeline.extract, records)
    judge = Stage("score (two models)", pipeline.assessor.judge, find.outputs())
    subjects = [subject for subject, _ in records]
    judged = list(zip(judge.outputs(), subjects, strict=True))
    compose = Stage("compose the cards", pipeline.compose, judged)
    dump = Stage("dump the response", dump_response, compose.outputs())
    write = Stage("write JSON", orjson.dumps, dump.outputs())
    whole = Stage("whole request", lambda body: call(app, body), parse.inputs)
    return [parse, load, record, find, judge, compose, dump, write, whole]


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
        return lambda _: None

    answer = b"".join(app(environ, start_response))
    if not lines[0].startswith("200"):
        raise SystemExit(f"the call failed: {lines[0]}")
    return answer


def measure(rounds: int) -> dict[str, float]:
    """Median of each stage over the rounds; what is left is Flask and the log."""
    timed = stages()
    gc.collect()
    gc.freeze()  # as gunicorn_conf does; what we keep for later stages is no garbage
    spent: Mapping[str, list[float]] = {stage.name: [] for stage in timed}
    for _ in range(rounds):
        for stage in timed:
            spent[stage.name].append(stage.microseconds())
    found = {name: median(times) for name, times in spent.items()}
    whole = found.pop("whole request")
    rest = whole - sum(found.values())
    return {**found, "Flask, log line, the rest": rest, "whole request": whole}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_known_args()[0].rounds
    found = measure(rounds)
    whole = found["whole request"]
    print(f"{PATIENTS} distinct patients, medians of {rounds} rounds\n")
    for name, spent in found.items():
        print(f"{name:<26}{spent:>8.0f} µs{spent / whole:>7.0%}")
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}"
    result = {"machine": machine, "rounds": rounds, "microseconds": found}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
