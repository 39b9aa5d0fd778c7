"""Where the time of one request goes: processor time by stage, without a socket.

    python benchmarks/bench_stages.py [--rounds 9]

Each patient goes through all stages before the next one comes, as on the server: a
stage that runs by itself in a loop is up to twice as fast, since all it needs is in the
processor's caches. Only this thread is counted: under gunicorn another process carries
decisions to the database. Writes benchmarks/result-stages.json.
"""

import argparse
import gc
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from wsgiref.types import WSGIApplication

import orjson
from bodies import variants

from cds_hooks import HookRequest, Response, Service, dump_response, load_request
from cds_hooks.prefetch import read
from service.app import create_app
from service.assessment import Assessment
from service.assessor import Assessor
from service.cards import CardComposer
from service.config import Settings
from service.fhir.extract import extract
from service.fhir.findings import Extraction, PatientRecord
from service.model.artifact import bundled_models, load_model
from service.orders import Subject
from service.parts import Parts, build_parts

RESULT = Path(__file__).with_name("result-stages.json")
PATIENTS = 200
WHOLE = "whole request"
FLOOR = "the floor's whole request"
AROUND = "Flask, record, log line"
NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)
KEYS = {
    "patient": "Patient",
    "encounter": "Encounter",
    "procedures": "Procedure",
    "observations": "Observation",
    "conditions": "Condition",
}


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
            language=settings.locale,
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

    def extract(
        self, pair: tuple[Subject, PatientRecord]
    ) -> tuple[Subject, Extraction]:
        """Find the measurements."""
        subject, record = pair
        return subject, extract(
            record,
            patient_id=subject.patient_id,
            encounter_id=subject.encounter_id,
            now=NOW,
            windows=self.parts.policy.windows,
            eligibility=self.parts.policy.eligibility,
            terminology=self.parts.terminology,
        )

    def judge(self, pair: tuple[Subject, Extraction]) -> tuple[Subject, Assessment]:
        """Score by both equations."""
        return pair[0], self.assessor.judge(pair[1])

    def compose(self, pair: tuple[Subject, Assessment]) -> Response:
        """Write the cards."""
        return Response(cards=self.composer.compose(pair[1], pair[0]))

    def steps(self) -> dict[str, Callable[[Any], Any]]:
        """Name the stages in their order; each takes what the one before gave."""
        return {
            "parse JSON": orjson.loads,
            "load the request": self.load,
            "read the prefetch": self.record,
            "extract": self.extract,
            "score (two models)": self.judge,
            "compose the cards": self.compose,
            "dump the response": dump_response,
            "write JSON": orjson.dumps,
        }


def call(app: WSGIApplication, body: bytes) -> bytes:
    """Call a WSGI application as gunicorn does."""
    environ = {
        "HTTP_HOST": "127.0.0.1",
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
    """Median over the rounds of the mean time of each stage, and of a whole request."""
    settings = Settings.from_env(is_open=True)
    parts = build_parts(settings, lambda: NOW)
    service = next(s for s in parts.registry if s.id == "scnen-discharge")
    steps = Pipeline(settings, parts, service).steps()
    app = create_app(settings, clock=lambda: NOW).wsgi_app
    bodies = variants({"hook": service.hook, "prefetch": service.prefetch}, PATIENTS)
    floor = _floor([call(app, body) for body in bodies])
    gc.collect()
    gc.freeze()  # as gunicorn_conf does
    runs = [
        {
            **_through(steps, bodies),
            WHOLE: _alone(app, bodies),
            FLOOR: _alone(floor, bodies),
        }
        for _ in range(rounds)
    ]
    found = {name: median(run[name] for run in runs) for name in runs[0]}
    whole, least = found.pop(WHOLE), found.pop(FLOOR)
    around = whole - sum(found.values())
    return {**found, AROUND: around, WHOLE: whole, FLOOR: least}


def _floor(answers: Sequence[bytes]) -> WSGIApplication:
    """Build the floor, which answers with the median of what the service does."""
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        answer.write_bytes(sorted(answers, key=len)[len(answers) // 2])
        os.environ["FLOOR_ANSWER_FILE"] = str(answer)
        app: WSGIApplication = import_module("floor").app.wsgi_app
    return app


def _through(
    steps: Mapping[str, Callable[[Any], Any]], bodies: Sequence[bytes]
) -> dict[str, float]:
    spent = dict.fromkeys(steps, 0.0)
    for body in bodies:
        item: Any = body
        for name, step in steps.items():
            begin = time.thread_time()
            item = step(item)
            spent[name] += time.thread_time() - begin
    return {name: seconds / len(bodies) * 1e6 for name, seconds in spent.items()}


def _alone(app: WSGIApplication, bodies: Sequence[bytes]) -> float:
    begin = time.thread_time()
    for body in bodies:
        call(app, body)
    return (time.thread_time() - begin) / len(bodies) * 1e6


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_known_args()[0].rounds
    found = measure(rounds)
    whole = found[WHOLE]
    print(f"{PATIENTS} distinct patients, medians of {rounds} rounds\n")
    for name, spent in found.items():
        print(f"{name:<26}{spent:>8.0f} µs{spent / whole:>7.0%}")
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}"
    result = {"machine": machine, "rounds": rounds, "microseconds": found}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
