"""Where a connection goes: to vetted addresses only, and to whom it was meant for."""

import socket
import ssl
import threading
from ipaddress import ip_network

import pytest

from service.fhir.client import Bearer, Fault, FHIRAccess
from service.fhir.client.faults import FHIRError
from service.fhir.client.resolver import AddressRule, Resolver

LOOPBACK = (ip_network("127.0.0.1/32"),)
HOST = "ehr.example.org"

PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07::1", "64:ff9b::808:808"]
NOT_PUBLIC = [
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104 an address to be refused
    "100.64.0.1",
    "169.254.1.1",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.2.3",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2001:0:1::1",
    "2002:a00:1::",
    "2001:db8::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "127.1",
    "0x7f000001",
    "elsewhere.example",
    "",
]
METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_serves(address):
    """Nothing needs to be listed for it."""
    assert AddressRule().permits(address)


@pytest.mark.parametrize("address", NOT_PUBLIC + METADATA)
def test_an_address_that_is_not_public_is_refused(address):
    """Private, loopback, link-local, shared, documentation, multicast, in disguise."""
    assert not AddressRule().permits(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd12:3456::1"])
def test_a_listed_network_serves(address):
    """Hospitals' servers have private addresses, and those are agreed upon."""
    rule = AddressRule((ip_network("10.1.0.0/16"), ip_network("fd12:3456::/32")))
    assert rule.permits(address)
    assert not rule.permits("10.2.0.1")
    assert not rule.permits("127.0.0.1")


@pytest.mark.parametrize("address", METADATA)
def test_no_list_opens_the_way_to_the_clouds_secrets(address):
    """A network that is listed too widely must not contain them."""
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert not AddressRule(everything).permits(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
)
def test_plain_http_goes_to_this_machine(address):
    """In open mode."""
    assert AddressRule(is_local=True).permits(address)
    assert AddressRule().with_loopback().permits(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "93.184.215.14", "169.254.169.254"])
def test_plain_http_goes_nowhere_else(address):
    """Listed or not."""
    assert not AddressRule((ip_network("10.0.0.0/8"),), is_local=True).permits(address)


def test_one_bad_address_among_good_ones_spoils_them_all():
    """Who controls the answer would only have to wait for a second try."""
    found = ["93.184.215.14", "10.0.0.1"]
    resolver = Resolver(HOST, 443, AddressRule(), lambda *_: found)
    with pytest.raises(Exception, match=r"\Arefused-address\Z"):
        resolver.addresses(1.0)


@pytest.mark.parametrize("found", [[], OSError("no such host"), UnicodeError("label")])
def test_a_host_without_addresses_is_unreachable(found):
    """Unknown, or no name at all."""

    def look_up(*_):
        if isinstance(found, Exception):
            raise found
        return found

    with pytest.raises(Exception, match=r"\Aunreachable\Z"):
        Resolver(HOST, 443, AddressRule(), look_up).addresses(1.0)


def test_the_system_is_asked_by_default():
    """By its own configuration, hosts file and all."""
    rule = AddressRule().with_loopback()
    assert "127.0.0.1" in Resolver("127.0.0.1", 80, rule).addresses(5.0)


def test_many_ask_once():
    """Five queries at the same moment are one question to the resolver."""
    asked, may_answer = [], threading.Event()

    def look_up(host, port):
        asked.append((host, port))
        may_answer.wait(5)
        return ["93.184.215.14"]

    resolver = Resolver(HOST, 443, AddressRule(), look_up)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(resolver.addresses(5.0)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    may_answer.set()
    for thread in threads:
        thread.join()
    assert found == [["93.184.215.14"]] * 5
    assert set(asked) == {(HOST, 443)}
    assert len(asked) < 5


def test_without_a_thread_to_ask_from_only_this_call_fails(monkeypatch):
    """The next one asks anew instead of waiting for an answer that nobody looks for."""

    def start(_):
        raise RuntimeError("can't start new thread")

    resolver = Resolver(HOST, 443, AddressRule(), lambda *_: ["93.184.215.14"])
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", start)
        with pytest.raises(FHIRError, match=r"\Aunreachable\Z"):
            resolver.addresses(1.0)
    assert resolver.addresses(1.0) == ["93.184.215.14"]


@pytest.fixture
def access(authority):
    """Make the way to servers that are reached in earnest: https, listed addresses."""
    made = []

    def trusting():
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    def make(*answers):
        names = iter(answers)

        def look_up(host, _):
            assert host == HOST
            return next(names)

        made.append(FHIRAccess(make_tls=trusting, look_up=look_up))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_tls_is_for_the_name_and_the_connection_for_the_address(access, authority, kit):
    """The certificate names the host; nobody asked for it a second time."""
    with kit.serving(tls=kit.certified(authority, HOST)) as server:
        server.script["*"] = kit.http(200, kit.patient())
        base = f"https://{HOST}:{server.port}/fhir"
        client = access(["127.0.0.1"]).client(base, LOOPBACK, Bearer("t"))
        for _ in range(2):
            assert client.fetch(kit.one_patient)["patient"].fault is None
        assert server.connections == 1
        assert server.received[0].headers["host"] == f"{HOST}:{server.port}"


def test_an_answer_that_changes_to_a_refused_address_is_refused(access, authority, kit):
    """DNS rebinding: the second answer is vetted like the first."""
    tls = kit.certified(authority, HOST)
    with (
        kit.serving(tls=tls) as good,
        kit.serving("127.0.0.2", good.port, tls) as bad,
    ):
        good.script["*"] = kit.http(
            200, kit.patient(), "application/json", "Connection: close"
        )
        base = f"https://{HOST}:{good.port}/fhir"
        client = access(["127.0.0.1"], ["127.0.0.2"]).client(
            base, LOOPBACK, Bearer("t")
        )
        assert client.fetch(kit.one_patient)["patient"].fault is None
        found = client.fetch(kit.one_patient)["patient"]
        assert found.fault is Fault.REFUSED_ADDRESS
        assert (good.connections, bad.connections) == (1, 0)


@pytest.mark.parametrize("address", ["127.0.0.2", "::1", "::ffff:127.0.0.2"])
def test_an_address_that_is_not_listed_is_not_connected_to(
    access, authority, kit, address
):
    """The name is right, the certificate would be, the address is not."""
    plain = address.removeprefix("::ffff:")
    with kit.serving(plain, tls=kit.certified(authority, HOST)) as server:
        base = f"https://{HOST}:{server.port}/fhir"
        found = access([address]).client(base, LOOPBACK).fetch(kit.one_patient)
        assert found["patient"].fault is Fault.REFUSED_ADDRESS
        assert server.connections == 0


def test_the_next_address_is_tried_when_the_first_refuses(access, authority, kit):
    """Of several servers behind one name one may be down."""
    with kit.serving(tls=kit.certified(authority, HOST)) as server:
        server.script["*"] = kit.http(200, kit.patient())
        base = f"https://{HOST}:{server.port}/fhir"
        listed = (ip_network("127.0.0.0/8"),)
        client = access(["127.0.0.3", "127.0.0.1"]).client(base, listed, Bearer("t"))
        assert client.fetch(kit.one_patient)["patient"].fault is None
        assert len(server.received) == 1


@pytest.mark.parametrize(
    ("issuer", "name"), [("stranger", HOST), ("authority", "elsewhere.example.org")]
)
def test_a_certificate_that_proves_nothing_gets_no_token(
    request, access, kit, issuer, name
):
    """An unknown issuer, or another host's name."""
    tls = kit.certified(request.getfixturevalue(issuer), name)
    with kit.serving(tls=tls) as server:
        base = f"https://{HOST}:{server.port}/fhir"
        client = access(["127.0.0.1"]).client(base, LOOPBACK, Bearer("t"))
        assert client.fetch(kit.one_patient)["patient"].fault is Fault.TLS
        assert server.received == []
        assert server.connections == 1


def test_a_server_without_tls_gets_no_token(access, kit):
    """Somebody forgot the s, or stands in between."""
    seen = []

    def answer_plainly(connection):
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with kit.serving() as server:
        server.greet = answer_plainly
        base = f"https://{HOST}:{server.port}/fhir"
        client = access(["127.0.0.1"]).client(base, LOOPBACK, Bearer(kit.canary))
        assert client.fetch(kit.one_patient)["patient"].fault is Fault.TLS
    assert len(seen) == 1
    assert kit.canary.encode() not in seen[0]


def test_a_server_that_hangs_up_during_tls_is_unreachable(access, kit):
    """It is overloaded rather than false, and asked again."""
    with kit.serving() as server:
        server.greet = lambda connection: connection.recv(65536)
        base = f"https://{HOST}:{server.port}/fhir"
        client = access(*[["127.0.0.1"]] * 3).client(base, LOOPBACK, Bearer("t"))
        assert client.fetch(kit.one_patient)["patient"].fault is Fault.UNREACHABLE
        assert server.connections == 3


def test_tls_connections_are_watched_like_others(access, authority, kit):
    """What nobody asked for would be taken for the next patient's answer."""
    one = kit.http(200, kit.patient())

    def twice(connection):
        connection.sendall(one + kit.http(200, b" " * 12_000))
        connection.recv(1)

    with kit.serving(tls=kit.certified(authority, HOST)) as server:
        server.script["*"] = [twice, one]
        base = f"https://{HOST}:{server.port}/fhir"
        client = access(*[["127.0.0.1"]] * 2).client(base, LOOPBACK, Bearer("t"))
        for _ in range(2):
            found = client.fetch(kit.one_patient)["patient"]
            assert found.data.resources == (kit.patient(),)


def test_two_servers_share_the_trusted_issuers(access, authority, kit):
    """Reading them takes a while; connections are not shared."""
    tls = kit.certified(authority, HOST)
    with kit.serving(tls=tls) as one, kit.serving(tls=tls) as other:
        way = access(*[["127.0.0.1"]] * 2)
        for server in (one, other):
            server.script["*"] = kit.http(200, kit.patient())
            base = f"https://{HOST}:{server.port}/fhir"
            client = way.client(base, LOOPBACK, Bearer("t"))
            assert client.fetch(kit.one_patient)["patient"].fault is None
        assert (one.connections, other.connections) == (1, 1)


def test_an_ipv6_host_is_connected_to(open_access, kit):
    """Its brackets belong to the URL."""
    with kit.serving("::1") as server:
        server.script["*"] = kit.http(200, kit.patient())
        client = open_access().client(f"http://[::1]:{server.port}/fhir")
        assert client.fetch(kit.one_patient)["patient"].fault is None
        assert server.received[0].headers["host"] == f"[::1]:{server.port}"


def test_the_default_port_is_not_named(monkeypatch, access, authority, kit):
    """Some servers know themselves only without it."""
    with kit.serving(tls=kit.certified(authority, HOST)) as server:
        server.script["*"] = kit.http(200, kit.patient())
        connect = socket.socket.connect

        def divert(sock, address):
            assert address == ("127.0.0.1", 443)
            connect(sock, ("127.0.0.1", server.port))

        monkeypatch.setattr(socket.socket, "connect", divert)
        client = access(["127.0.0.1"]).client(f"https://{HOST}/fhir", LOOPBACK)
        assert client.fetch(kit.one_patient)["patient"].fault is None
        assert server.received[0].headers["host"] == HOST


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_base_on_this_machine_needs_leave(kit, scheme):
    """Outside of open mode nothing on this machine is a FHIR server."""
    with kit.serving() as server, FHIRAccess() as access:
        base = f"{scheme}://127.0.0.1:{server.port}/fhir"
        if scheme == "http":
            with pytest.raises(ValueError, match="base_url: is not https"):
                access.client(base)
        else:
            found = access.client(base).fetch(kit.one_patient)["patient"]
            assert found.fault is Fault.REFUSED_ADDRESS
        assert server.connections == 0


def test_leave_for_this_machine_is_leave_for_no_other(open_access, kit):
    """A name that leads elsewhere, by plain http."""
    access = open_access(look_up=lambda *_: ["93.184.215.14"])
    found = access.client("http://localhost/fhir").fetch(kit.one_patient)["patient"]
    assert found.fault is Fault.REFUSED_ADDRESS


@pytest.mark.parametrize(
    "base",
    [
        "https://me:secret@ehr.example.org/fhir",
        "https://ehr.example.org/fhir?x=1",
        "https://ehr.example.org/fhir#x",
        "https://ehr.example.org/fhir/../admin",
        "https://ehr.example.org/%2e%2e/fhir",
        "https://ehr.example.org\\fhir",
        "https://2130706433/fhir",
        "ftp://ehr.example.org/fhir",
        "ehr.example.org/fhir",
        "",
    ],
)
def test_a_base_that_could_be_read_in_two_ways_is_refused(base):
    """It comes from a request."""
    with (
        FHIRAccess(allow_loopback=True) as access,
        pytest.raises(ValueError, match=";"),
    ):
        access.client(base)


def test_proxies_and_password_files_of_the_environment_are_ignored(
    server, fetch, kit, monkeypatch, tmp_path
):
    """They would get the token, or put another one in its place."""
    with kit.serving() as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        for name in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy"):
            monkeypatch.setenv(name, url)
            monkeypatch.setenv(name.upper(), url)
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password else\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        server.script["*"] = kit.http(200, kit.patient())
        for token in (kit.canary, None):
            assert fetch(kit.one_patient, token=token)["patient"].fault is None
        assert proxy.connections == 0
    sent = [each.headers.get("authorization") for each in server.received]
    assert sent == [f"Bearer {kit.canary}", None]


def test_cookies_are_not_kept(server, fetch, kit):
    """They would tie one patient's request to another's."""
    lines = ["Set-Cookie: session=abc; Path=/", "Set-Cookie: patient=p1"]
    server.script["*"] = kit.http(200, kit.patient(), "application/json", *lines)
    for _ in range(3):
        fetch(kit.one_patient)
    assert not any("cookie" in each.headers for each in server.received)
