"""Through a proxy: a tunnel for TLS, so that it sees the host's name and no more."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network

import pytest

from service.fhir.client import Bearer, Fault, FHIRAccess

HOST = "ehr.example.org"
BASE = f"https://{HOST}/fhir"
LOOPBACK = (ip_network("127.0.0.1/32"),)
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass
class Proxy:
    """
    A small CONNECT proxy on real sockets: one server stands behind every name.

    `answer` is said in place of a tunnel; `seen` is all that clients sent it.
    """

    listener: socket.socket
    behind: int = 0
    answer: bytes | None = None
    heads: list = field(default_factory=list)
    seen: bytearray = field(default_factory=bytearray)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, client):
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                part = client.recv(65536)
                if not part:
                    return
                head += part
            self.heads.append(head.decode("latin-1"))
            if self.answer is not None:
                client.sendall(self.answer)
                return
            with socket.create_connection(("127.0.0.1", self.behind)) as server:
                client.sendall(TUNNEL)
                back = threading.Thread(target=_pump, args=(server, client))
                back.start()
                _pump(client, server, self.seen)
                back.join(5)


def _pump(source, target, seen=None):
    with suppress(OSError):
        while part := source.recv(65536):
            if seen is not None:
                seen.extend(part)
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def proxying(**options):
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = Proxy(listener, **options)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.fixture
def proxy():
    """A proxy that lets everything through, until a test says otherwise."""
    with proxying() as found:
        yield found


@pytest.fixture
def behind(kit, authority, proxy):
    """The FHIR server behind it, with the certificate of its name."""
    with kit.serving(tls=kit.certified(authority, HOST)) as server:
        server.script["*"] = kit.http(200, kit.patient())
        proxy.behind = server.port
        yield server


def look_up(host, port):
    """The system's DNS knows the proxy only, as in many hospitals."""
    if host == HOST:
        raise OSError("no such host")
    return ["127.0.0.1"]


@pytest.fixture
def ask(authority, proxy, kit):
    """Read the patient with a token through the proxy."""
    made = []

    def trusting():
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    def ask_(base=BASE, listed=(), **options):
        options = {"proxy": proxy.url, "look_up": look_up, **options}
        made.append(FHIRAccess(make_tls=trusting, **options))
        client = made[-1].client(base, listed, Bearer(kit.canary))
        return client.fetch(kit.one_patient)["patient"]

    yield ask_
    for access in made:
        access.close()


def test_a_server_is_reached_through_the_proxy(ask, proxy, behind):
    """By its name, which the proxy looks up, and with the port."""
    assert ask().fault is None
    (head,) = proxy.heads
    first, *lines = head.split("\r\n")
    assert first == f"CONNECT {HOST}:443 HTTP/1.1"
    assert f"Host: {HOST}:443" in lines
    assert behind.received[0].headers["host"] == HOST


def test_the_proxy_sees_neither_token_nor_patient(ask, proxy, behind, kit):
    """All it passes on is TLS with the server itself."""
    ask()
    assert behind.received[0].headers["authorization"] == f"Bearer {kit.canary}"
    for seen in ("".join(proxy.heads).encode(), bytes(proxy.seen)):
        assert kit.canary.encode() not in seen
        assert b"Patient/p1" not in seen
        assert b"authorization" not in seen.lower()


def test_whoever_cannot_prove_the_name_gets_no_token(ask, proxy, behind, kit, stranger):
    """The certificate takes the place of vetted addresses: the proxy may be wrong."""
    with kit.serving(tls=kit.certified(stranger, HOST)) as impostor:
        proxy.behind = impostor.port
        assert ask().fault is Fault.TLS
        assert impostor.received == []


@pytest.mark.parametrize(
    ("base", "options"),
    [
        ("https://{host}:{port}/fhir", {"look_up": lambda *_: ["127.0.0.1"]}),
        ("https://127.0.0.1:{port}/fhir", {}),
    ],
)
def test_a_server_of_a_listed_network_is_asked_directly(
    ask, proxy, behind, base, options
):
    """It stands in the hospital's own network; its addresses are vetted as ever."""
    ask(base.format(host=HOST, port=behind.port), LOOPBACK, **options)
    assert behind.connections == 1
    assert proxy.heads == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_server_of_this_machine_is_asked_directly(ask, proxy, kit, host):
    """In open mode; a proxy elsewhere would look for it on its own machine."""
    with kit.serving() as server:
        server.script["*"] = kit.http(200, kit.patient())
        found = ask(f"http://{host}:{server.port}/fhir", allow_loopback=True)
        assert found.fault is None
    assert proxy.heads == []


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "10.0.0.1", "[fd00:ec2::254]", "127.0.0.1"]
)
def test_an_address_in_numbers_is_vetted_here(ask, proxy, host):
    """What must not be connected to is not connected to by a proxy either."""
    found = ask(f"https://{host}/fhir", look_up=lambda host, _: [host.strip("[]")])
    assert found.fault is Fault.REFUSED_ADDRESS
    assert proxy.heads == []


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n<html>", Fault.PROXY),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Fault.PROXY),
        (b"HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n", Fault.PROXY),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Fault.PROXY),
        (b"HTTP/1.1 500 Oops\r\n\r\n", Fault.PROXY),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Fault.UNREACHABLE),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", Fault.UNREACHABLE),
        (b"HTTP/1.0 504 Gateway Timeout\r\n\r\n", Fault.UNREACHABLE),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Fault.PROXY),
        (b"HTTP/1.1 2", Fault.PROXY),
        (b"", Fault.PROXY),
        (TUNNEL + b"what nobody asked for", Fault.PROXY),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 70_000, Fault.PROXY),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_proxy_that_gives_no_tunnel_is_a_fault(ask, proxy, behind, answer, fault):
    """Nothing is sent to whatever answers in its place."""
    proxy.answer = answer
    assert ask().fault is fault
    assert behind.connections == 0
    assert proxy.seen == b""


@pytest.mark.parametrize(("status", "attempts"), [(502, 3), (403, 1)])
def test_what_another_attempt_may_mend_is_tried_again(
    ask, proxy, behind, status, attempts
):
    """The proxy could not reach the server just now; a refusal stands."""
    proxy.answer = f"HTTP/1.1 {status} -\r\n\r\n".encode()
    ask()
    assert len(proxy.heads) == attempts


def test_a_proxy_that_is_not_there_makes_the_server_unreachable(ask):
    """Nobody answers, or the DNS does not know it."""

    def unknown(*_):
        raise OSError("no such host")

    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    assert ask(proxy=url).fault is Fault.UNREACHABLE
    assert ask(look_up=unknown).fault is Fault.UNREACHABLE


def test_a_connection_through_the_proxy_is_kept(authority, proxy, behind, kit):
    """The tunnel is made once, and TLS with it."""

    def trusting():
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    with FHIRAccess(make_tls=trusting, look_up=look_up, proxy=proxy.url) as access:
        for _ in range(3):
            client = access.client(BASE, (), Bearer(kit.canary))
            assert client.fetch(kit.one_patient)["patient"].fault is None
    assert len(proxy.heads) == 1


def test_a_proxy_that_says_nothing_is_waited_for_within_the_budget(
    authority, kit, open_access
):
    """One limit for name, connection, tunnel and TLS."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        access = open_access(proxy=url, look_up=look_up, connect_s=0.2)
        client = access.client(BASE, (), Bearer(kit.canary))
        assert client.fetch(kit.one_patient)["patient"].fault is Fault.TIMEOUT


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://proxy.example:3128", "is not http"),
        ("http://me:secret@proxy.example:3128", "has a user name or password"),
        ("http://proxy.example:3128/path", "has a path"),
        ("proxy.example:3128", "is no absolute URL"),
        ("http://169.254.169.254:80", "is an address no proxy has"),
    ],
)
def test_an_address_that_is_no_proxys_is_refused(url, told):
    """At the start, not with the first patient."""
    with pytest.raises(ValueError, match=told) as error:
        FHIRAccess(proxy=url)
    assert "secret" not in str(error.value)
