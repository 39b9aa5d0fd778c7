"""Reading an address of keys: what is not done for it, and when it ends."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from cds_hooks.key_fetching import FetchError, fetch_keys

from .signing import Clock


class Server(ThreadingHTTPServer):
    """Answers what it is told, and keeps what it was asked."""

    daemon_threads = True
    answer = None
    asked: tuple = ()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked += ((self.path, dict(self.headers)),)
        self.server.answer(self)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def authority():
    """A certification authority of its own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def authorities(authority, tmp_path_factory):
    """Its certificate in a file."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def server(authority):
    """An https server on loopback."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with Server(("127.0.0.1", 0), Handler) as made:
        made.socket = context.wrap_socket(made.socket, server_side=True)
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        made.url = f"https://localhost:{made.server_address[1]}/jwks?set=1"
        yield made
        made.shutdown()
        thread.join()


def answering(status, body=b"", **headers):
    """Answer so."""

    def answer(handler):
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_the_body_is_given_as_it_came(server, authorities):
    """With nothing of ours in the request but what it needs."""
    server.answer = answering(200, b'{"keys": []}')
    assert fetch_keys(server.url, authorities=authorities) == b'{"keys": []}'
    ((path, headers),) = server.asked
    assert path == "/jwks?set=1"
    assert headers["Accept-Encoding"] == "identity"
    assert not {"Authorization", "Cookie"} & set(headers)


def test_no_proxy_of_the_environment_is_used(server, authorities, monkeypatch):
    """Who sets a variable does not choose whom we trust."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    server.answer = answering(200, b"{}")
    assert fetch_keys(server.url, authorities=authorities) == b"{}"


@pytest.mark.parametrize("status", [204, 301, 302, 307, 308, 401, 404, 500, 503])
def test_only_200_is_an_answer(server, authorities, status):
    """A redirect is followed nowhere: its target was never registered."""
    server.answer = answering(status, b"", Location=f"{server.url}&again")
    with pytest.raises(FetchError, match=rf"^answered {status}, not 200$"):
        fetch_keys(server.url, authorities=authorities)
    assert len(server.asked) == 1


@pytest.mark.parametrize("is_chunked", [False, True])
def test_too_much_is_not_read_to_its_end(server, authorities, is_chunked):
    """256 kB are hundreds of keys."""
    body = b"x" * (256 * 1024 + 1)

    def answer(handler):
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    server.answer = answer if is_chunked else answering(200, body)
    with pytest.raises(FetchError, match=r"answered more than 262144 bytes"):
        fetch_keys(server.url, authorities=authorities)


def test_an_answer_in_drops_is_given_up(server, authorities):
    """Each drop is in time, all of them together are not."""
    clock = Clock(0)

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(3):
            clock.now += 3
            handler.wfile.write(b"x")
            handler.wfile.flush()

    server.answer = answer
    with pytest.raises(FetchError, match=r"answered too slowly|could not be read"):
        fetch_keys(server.url, authorities=authorities, clock=clock)


def test_compressed_bodies_are_not_opened(server, authorities):
    """A few bytes could stand for gigabytes."""
    server.answer = answering(200, b"\x1f\x8bzip", **{"Content-Encoding": "gzip"})
    assert fetch_keys(server.url, authorities=authorities) == b"\x1f\x8bzip"


def test_a_certificate_of_nobody_is_refused(server):
    """Without the authority the server could be anybody."""
    server.answer = answering(200, b"{}")
    with pytest.raises(FetchError, match=r"^could not be read: SSLError$"):
        fetch_keys(server.url)
    assert server.asked == ()


def test_an_address_where_nobody_is_is_told(authorities):
    """By the kind of fault; the address is in the register."""
    with pytest.raises(FetchError, match=r"^could not be read: ConnectionError$"):
        fetch_keys("https://127.0.0.1:9/jwks", authorities=authorities)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "file:///etc/passwd", ""])
def test_only_https_is_read(url):
    """Whatever the register said."""
    with pytest.raises(FetchError, match=r"is not https"):
        fetch_keys(url)
