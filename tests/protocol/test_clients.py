"""What a registered client may name: its FHIR servers, and nothing that looks alike."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks import (
    Capabilities,
    Client,
    ClientRegister,
    FHIRServer,
    InvalidClient,
    KeySource,
    Trigger,
)
from cds_hooks.addresses import (
    host_of,
    is_within,
    normalised_origin,
    normalised_url,
)

BASE = "https://ehr.example.org/fhir"


@pytest.fixture
def north():
    """A client with one server."""
    return Client("north", fhir_servers=(FHIRServer(BASE),))


@pytest.mark.parametrize(
    "url",
    [
        BASE,
        BASE + "/",
        "https://EHR.Example.ORG/fhir",
        "HTTPS://ehr.example.org/fhir",
        "https://ehr.example.org:443/fhir",
    ],
)
def test_spellings_of_one_base_are_one_base(north, url):
    """Case of scheme and host, default port and last slash make no difference."""
    assert north.fhir_server(url) == FHIRServer(BASE)


@pytest.mark.parametrize(
    "url",
    [
        "https://ehr.example.org.evil.example/fhir",
        "https://ehr.example.org@evil.example/fhir",
        "https://ehr.example.org:pw@evil.example/fhir",
        "https://user@ehr.example.org/fhir",
        "https://ehr.example.org:443@evil.example/fhir",
        "https://evil.example/fhir",
        "https://evil.example/https://ehr.example.org/fhir",
        "https://evil.example?https://ehr.example.org/fhir",
        "https://evil.example#https://ehr.example.org/fhir",
        "https://example.org/fhir",
        "https://xehr.example.org/fhir",
        "https://ehr.example.org./fhir",
        "https://ehr.example.org:8443/fhir",
        "https://ehr.example.org:0443/fhir",
        "https://ehr.example.org:/fhir",
        "https://ehr.example.org:443:443/fhir",
        "https://ehr.example.org:99999/fhir",
        "https://ehr.example.org:-1/fhir",
        "https://ehr.example.org: 443/fhir",
        "http://ehr.example.org/fhir",
        "ftp://ehr.example.org/fhir",
        "//ehr.example.org/fhir",
        "ehr.example.org/fhir",
        "https:/ehr.example.org/fhir",
        "https:ehr.example.org/fhir",
        "https:///ehr.example.org/fhir",
        "https://ehr.example.org/fhir2",
        "https://ehr.example.org/fhir-2",
        "https://ehr.example.org/FHIR",
        "https://ehr.example.org/fhi",
        "https://ehr.example.org/",
        "https://ehr.example.org",
        "https://ehr.example.org//fhir",
        "https://ehr.example.org/fhir//",
        "https://ehr.example.org/x/../fhir",
        "https://ehr.example.org/fhir/../admin",
        "https://ehr.example.org/fhir/..",
        "https://ehr.example.org/fhir/.",
        "https://ehr.example.org/./fhir",
        "https://ehr.example.org/fhir/%2e%2e/admin",
        "https://ehr.example.org/fhir/%2E%2E%2Fadmin",
        "https://ehr.example.org/fhir%2f..%2fadmin",
        "https://ehr.example.org/fh%69r",
        "https://ehr.example.org/fhir%00",
        "https://ehr.example.org/fhir;x/../y",
        "https://ehr.example.org/fhir/..;",
        "https://ehr.example.org/fhir/..;/admin",
        "https://ehr.example.org/fhir/..;x=1/admin",
        "https://ehr.example.org/fhir/.;/admin",
        "https://ehr.example.org/fhir/;/admin",
        "https://ehr.example.org/fhir;x=1",
        "https://ehr.example.org/fhir/tenant-1;x=1",
        "https://ehr.example.org\\fhir",
        "https://ehr.example.org\\@evil.example/fhir",
        "https:\\\\ehr.example.org\\fhir",
        "https://evil.example\\.ehr.example.org/fhir",
        "https://ehr.example.org/fhir\\..\\admin",
        "https://ehr.example.org/fhir?_format=json",
        "https://ehr.example.org/fhir?",
        "https://ehr.example.org/fhir#a",
        "https://ehr.example.org/fhir#",
        " https://ehr.example.org/fhir",
        "https://ehr.example.org/fhir ",
        "https://ehr.example.org/fhir\n",
        "https://ehr.example.org/fhir\t",
        "https://ehr.example.org\r\nHost: evil.example/fhir",
        "https://ehr.example.org\x00.evil.example/fhir",
        "https://ehr。example.org/fhir",
        "https://ehr.exаmple.org/fhir",
        "https://ehr.example.org／fhir",
        "https://ｅhr.example.org/fhir",
        "https://[::ffff:ehr.example.org]/fhir",
        "https://",
        "",
        None,
        7,
        ["https://ehr.example.org/fhir"],
    ],
    ids=repr,
)
def test_what_only_looks_like_the_base_is_not_the_base(north, url):
    """No token goes to another host, port, scheme or path."""
    assert north.fhir_server(url) is None
    assert ClientRegister([north]).at_fhir_server(url) is None


def test_a_base_below_the_registered_one_is_used_as_it_is_named(north):
    """A tenant's own path stays in every query; the segment boundary counts."""
    named = north.fhir_server("https://ehr.example.org/fhir/tenant-1/")
    assert named.base_url == f"{BASE}/tenant-1"


def test_a_server_registered_as_a_whole_host_covers_its_paths():
    """A base without a path ends where the host ends."""
    client = Client("whole", fhir_servers=(FHIRServer("https://ehr.example.org/"),))
    assert client.fhir_server("https://ehr.example.org/r4").version == "R4"
    assert client.fhir_server("https://ehr.example.org") is not None
    assert client.fhir_server("https://ehr.example.organ/r4") is None


def test_the_nearest_of_two_servers_counts():
    """A version below another keeps its own version."""
    r5 = FHIRServer(f"{BASE}/r5", version="R5")
    client = Client("two", fhir_servers=(r5, FHIRServer(BASE)))
    assert client.fhir_server(f"{BASE}/r5").version == "R5"
    assert client.fhir_server(BASE).version == "R4"


def test_a_server_is_kept_in_one_spelling():
    """However it was written in the file."""
    server = FHIRServer("HTTPS://EHR.example.org:443/fhir/")
    assert server.base_url == BASE


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://ehr.example.org/fhir", "is not https; give an https URL"),
        ("https://u:secret@ehr.example.org", "has a user name or password"),
        ("https://ehr.example.org/a/../b", "has an empty or dot segment"),
        ("https://ehr.example.org/a%2fb", "has a percent sign"),
        ("https://ehr.example.org/a/..;/b", "has a semicolon in its path"),
        ("https://ehr.example.org/a?b", "has a query"),
        ("https://ehr.example.org/a#b", "has a fragment"),
        ("https://kliník.example/a", "outside of ASCII; write the host's name as xn--"),
        ("https://127.1/fhir", "has an IP address that is none"),
        ("https://0x7f.0.0.1/fhir", "has an IP address that is none"),
        ("https://127.0.0.0x1/fhir", "has an IP address that is none"),
        ("https://2130706433/fhir", "has an IP address that is none"),
        ("https://010.0.0.1/fhir", "has an IP address that is none"),
        ("https://[::1%25eth0]/fhir", "has an IP address that is none"),
        ("https://[v1.x]/fhir", "has an IP address that is none"),
        ("https://[::1/fhir", "has no plain host"),
        ("https://-a.example/fhir", "has no plain host"),
        ("https://a..example/fhir", "has no plain host"),
        (f"https://{'a' * 64}.example/fhir", "has no plain host"),
        (f"https://{'a.' * 130}example/fhir", "has no plain host"),
        (f"https://e.org/{'a' * 2000}", "is too long"),
        ("https://e.org:65536", "has a port that is none"),
        ("ehr.example.org", "is no absolute URL; begin it with https://"),
        (None, "is no text"),
    ],
)
def test_a_base_that_can_be_read_in_two_ways_is_refused(url, problem):
    """The refusal says why and never repeats the value, which may hold a password."""
    with pytest.raises(InvalidClient, match=problem) as caught:
        FHIRServer(url)
    assert "secret" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("url", "one"),
    [
        ("https://[2001:DB8:0::1]:443/a", "https://[2001:db8::1]/a"),
        ("https://192.0.2.1:8443/a/", "https://192.0.2.1:8443/a"),
        ("https://xn--klink-6va.example/a", "https://xn--klink-6va.example/a"),
        ("https://fhir_1.example/a~b/c@d", "https://fhir_1.example/a~b/c@d"),
    ],
)
def test_addresses_and_names_have_one_spelling(url, one):
    """What is left is compared as text."""
    assert normalised_url(url) == one
    assert normalised_url(one) == one


def test_a_query_is_kept_where_one_may_be():
    """Some key sets are told apart by it."""
    url = "https://keys.example.org/jwks?appid=7"
    assert normalised_url(url, may_have_query=True) == url
    with pytest.raises(InvalidClient, match="has a query"):
        normalised_url(url + "?[", may_have_query=True)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://ehr.example.org:8443/fhir", "ehr.example.org"),
        ("https://10.0.0.1/fhir", "10.0.0.1"),
        ("https://[::1]:8443", "::1"),
        ("https://[::ffff:127.0.0.1]/fhir", "127.0.0.1"),
        ("https://ehr.example.org?a", "ehr.example.org"),
    ],
)
def test_the_host_of_a_url_is_a_name_or_an_address(url, host):
    """IPv4 in the clothes of IPv6 is still IPv4."""
    assert str(host_of(url)) == host


@pytest.mark.parametrize(
    ("origin", "one"),
    [
        ("https://Sandbox.cds-hooks.org", "https://sandbox.cds-hooks.org"),
        ("https://ehr.example.org:443", "https://ehr.example.org"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(origin, one):
    """Header and register are compared as text."""
    assert normalised_origin(origin) == one


@pytest.mark.parametrize(
    ("origin", "problem"),
    [
        ("*", "is no absolute URL"),
        ("null", "is no absolute URL"),
        ("https://ehr.example.org/", "is more than an origin"),
        ("https://ehr.example.org/app", "is more than an origin"),
        ("http://ehr.example.org", "is not https; only pages of this machine"),
        ("http://localhost.evil.example", "is not https; only pages of this machine"),
        ("http://192.0.2.1", "is not https"),
        ("https://*.example.org", "has no plain host"),
    ],
)
def test_an_origin_is_named_in_full_and_encrypted(origin, problem):
    """No wildcard, no path, no clear text but on this machine."""
    with pytest.raises(InvalidClient, match=problem):
        normalised_origin(origin)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_url(text):
    """It is refused, or it has one spelling that is stable and has its host."""
    for url in (text, f"https://{text}", f"{BASE}{text}"):
        try:
            one = normalised_url(url)
        except InvalidClient:
            continue
        assert normalised_url(one) == one
        assert str(host_of(one))


@given(st.text("abc./@:%\\?#-", max_size=12))
def test_nothing_appended_to_a_base_leaves_it(tail):
    """What is still taken lies below the base, at its host."""
    server = Client("c", fhir_servers=(FHIRServer(BASE),)).fhir_server(BASE + tail)
    if server is not None:
        assert is_within(server.base_url, BASE)
        assert host_of(server.base_url) == "ehr.example.org"
        assert tail[:1] in {"", "/"}


@pytest.mark.parametrize(
    "sources",
    [{}, {"jwks": {"keys": []}, "jwks_url": "https://keys.example.org"}],
    ids=["none", "two"],
)
def test_keys_come_from_exactly_one_place(sources):
    """Nobody has to guess which of two sources was meant."""
    with pytest.raises(InvalidClient, match=f"names {len(sources)} sources of keys"):
        KeySource(**sources)


@pytest.mark.parametrize(
    ("changes", "is_taken"),
    [
        ({}, True),
        ({"actions_per_suggestion": None}, True),
        ({"actions_per_suggestion": 0}, False),
        ({"selection_behaviors": ()}, False),
        ({"action_resources": ("Condition",)}, False),
    ],
    ids=str,
)
def test_a_create_is_taken_when_suggestion_action_and_type_are(changes, is_taken):
    """A draft order is offered only where it can be carried out."""
    assert Capabilities(**changes).takes("ServiceRequest") is is_taken


@pytest.mark.parametrize(
    ("extension", "is_discharge"),
    [
        ({"com.example.t": "27"}, True),
        ({"com.example.t": "60"}, False),
        ({"com.example.t": 27}, False),
        ({"com.example.t": ["27"]}, False),
        ({"com.example.u": "27"}, False),
        ({}, False),
        (None, False),
    ],
    ids=str,
)
def test_a_trigger_means_discharge_by_its_agreed_value(extension, is_discharge):
    """Whatever else stands in the extension says nothing, and breaks nothing."""
    trigger = Trigger("com.example.t", ("27",))
    assert trigger.means_discharge(extension) is is_discharge


def test_a_register_finds_clients_by_name_issuer_and_server(north):
    """Each of the three leads to one client or to none."""
    south = Client("south", issuer="https://south.example.org")
    register = ClientRegister([north, south])
    assert list(register) == [north, south]
    assert len(register) == 2
    assert register.by_name("south") is south
    assert register.by_name("west") is None
    assert register.by_issuer("https://south.example.org") is south
    assert register.by_issuer("https://south.example.org/") is None
    assert register.at_fhir_server(BASE) is north
    assert register.at_fhir_server("https://south.example.org") is None


def test_a_client_without_issuer_is_found_by_none(north):
    """No token names a client that has no issuer."""
    assert ClientRegister([north]).by_issuer(None) is None
    assert ClientRegister([north]).by_issuer("") is None


def test_a_client_cannot_be_changed(north):
    """What was checked at start is what is used."""
    with pytest.raises(TypeError, match="item assignment"):
        north.prefetch_keys["procedures"] = ("other",)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        north.issuer = "https://evil.example"


def test_the_names_of_a_site_come_before_ours():
    """Where both are sent, the one that the site agreed to counts."""
    client = Client("north", prefetch_keys={"procedures": ("a", "b")})
    assert client.prefetch_names("procedures") == ("a", "b", "procedures")
    assert client.prefetch_names("patient") == ("patient",)
