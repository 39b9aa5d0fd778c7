"""What the settings say about the way to FHIR servers is what is done."""

import socket
import threading

import pytest

from service.config import VARIABLES, Settings
from service.fhir.client import Fault
from service.readers import open_access


@pytest.fixture
def refusing():
    """A proxy that refuses every tunnel, and the first lines that it was sent."""
    asked = []

    def serve(listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(65536).split(b"\r\n")[0].decode())
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_the_proxy_of_the_settings_is_asked(monkeypatch, refusing):
    """And nobody in its place when it refuses."""
    url, asked = refusing
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCNEN_FHIR_PROXY", url)
    with open_access(Settings.from_env(is_open=True)) as access:
        client = access.client("https://ehr.example.org/fhir")
        found = client.fetch({"patient": ("Patient/p1", "Patient")})["patient"]
    assert found.fault is Fault.PROXY
    assert asked == ["CONNECT ehr.example.org:443 HTTP/1.1"]
