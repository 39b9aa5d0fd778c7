"""The service in open mode as if its proxy were trusted, and a mirror of requests."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from service.app import create_app
from service.config import Settings

_service = create_app(Settings.from_env(is_open=True))
_PAUSE_S = 0.02


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Show what the proxy sent, or let the service answer as to this machine."""
    if environ["PATH_INFO"] == "/mirror":
        headers = {name: text for name, text in environ.items() if name[:5] == "HTTP_"}
        headers["body_bytes"] = len(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(headers).encode()]
    # Long enough for a request to be in flight when an instance is told to stop.
    time.sleep(_PAUSE_S)
    local = {k: text for k, text in environ.items() if "FORWARDED" not in k}
    return _service({**local, "HTTP_HOST": "localhost"}, start_response)
