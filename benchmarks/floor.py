"""The floor: a bare Flask view that parses the same JSON and returns a fixed card."""

import os
from pathlib import Path

from flask import Flask, Response, request

__all__ = ["app"]

app = Flask("floor")
_ANSWER = Path(os.environ["FLOOR_ANSWER_FILE"]).read_bytes()


@app.post("/cds-services/<service_id>")
def answer(service_id: str) -> Response:  # noqa: ARG001 the route has it
    """Parse the body with Flask's own means, answer with bytes made beforehand."""
    request.get_json()
    return Response(_ANSWER, mimetype="application/json")


@app.get("/healthz/ready")
def ready() -> str:
    """Say that the process is there."""
    return "ok"
