"""Mutual TLS: what a proxy says of a certificate, and whose word counts."""

import base64
import hashlib
from ipaddress import ip_network
from urllib.parse import quote

import pytest
import trustme

from cds_hooks import ClientRegister
from cds_hooks.errors import InvalidClient, Untrusted
from cds_hooks.proxies import Proxies, certificate_name, certificate_names
from cds_hooks.trust import Trust

from .signing import BASE, Clock, Replays, ehr, sign

SUBJECT = "CN=ehr.example.org,O=North Hospital"
PEM = trustme.CA().issue_cert("ehr.example.org").cert_chain_pems[0].bytes().decode()
DER = base64.b64decode("".join(PEM.split("-----")[2].split()))
FINGERPRINT = hashlib.sha256(DER).hexdigest()
COLONS = ":".join(FINGERPRINT[n : n + 2] for n in range(0, 64, 2)).upper()
PATH = "/cds-services/booster"


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (SUBJECT, {SUBJECT}),
        (FINGERPRINT, {FINGERPRINT}),
        (COLONS, {FINGERPRINT}),
        (quote(PEM), {FINGERPRINT}),
        (f'Hash={FINGERPRINT};Subject="{SUBJECT}"', {FINGERPRINT, SUBJECT}),
        (
            f"By=spiffe://a;Hash={FINGERPRINT};URI=spiffe://b;DNS=x",
            {FINGERPRINT},
        ),
        (f'Hash={FINGERPRINT};Subject="CN=\\"a\\""', {FINGERPRINT, 'CN="a"'}),
        # Two certificates, or a client's words before the proxy's own: none of them.
        (f"Hash={FINGERPRINT};Hash={'0' * 64}", set()),
        (quote(PEM)[:200], set()),
        (quote(PEM.replace("M", "!")), set()),
        ("-----BEGIN CERTIFICATE-----A-----END CERTIFICATE-----", set()),
        ("hello", set()),
        ("a" * 40, set()),
        ("x" * 20_000, set()),
    ],
    ids=map(str, range(14)),  # the certificate is another one in each process
)
def test_what_proxies_write_is_understood(value, names):
    """nginx the certificate or its subject, Envoy pairs of names and values."""
    assert certificate_names(value) == names


@pytest.mark.parametrize(
    "value",
    [
        f"{SUBJECT},{SUBJECT}",
        f"Hash={'0' * 64},Hash={FINGERPRINT}",
        f'Hash={"0" * 64};Subject="x",Hash={FINGERPRINT};Subject="{SUBJECT}"',
        f"{FINGERPRINT},{FINGERPRINT}",
    ],
    ids=map(str, range(4)),
)
def test_two_headers_name_neither_certificate(value):
    """Servers join them by a comma; one may be the client's own."""
    assert not {FINGERPRINT, SUBJECT} & certificate_names(value)


@pytest.mark.parametrize("text", ["a" * 40, "ehr.example.org", "AB:CD"])
def test_what_names_no_certificate_is_refused(text):
    """A SHA-1 fingerprint, as nginx has it, or a bare host."""
    with pytest.raises(InvalidClient, match="is neither a SHA-256 fingerprint nor"):
        certificate_name(text)


def environ(peer="10.0.0.7", **headers):
    """A call that came from a peer."""
    return {"REMOTE_ADDR": peer, **headers}


@pytest.fixture
def proxies():
    """One network of proxies, and one address."""
    return Proxies([ip_network("10.0.0.0/24"), ip_network("2001:db8::7")])


@pytest.mark.parametrize("peer", ["10.0.0.7", "2001:db8::7", "::ffff:10.0.0.1"])
def test_the_word_of_a_configured_proxy_counts(proxies, peer):
    """By its address."""
    call = environ(peer, HTTP_X_CLIENT_CERTIFICATE=SUBJECT)
    assert proxies.certificates(call) == {SUBJECT}


@pytest.mark.conformance("SEC-4")
@pytest.mark.parametrize("peer", ["10.0.1.7", "127.0.0.1", "2001:db8::8", "", "unix"])
def test_nobody_elses_word_counts(proxies, peer):
    """Anybody can write a header."""
    call = environ(peer, HTTP_X_CLIENT_CERTIFICATE=SUBJECT)
    assert proxies.certificates(call) == frozenset()


def test_the_name_of_the_header_is_a_setting():
    """Envoy has its own."""
    proxies = Proxies([ip_network("10.0.0.7")], "x-forwarded-client-cert")
    call = environ(HTTP_X_FORWARDED_CLIENT_CERT=f"Hash={FINGERPRINT}")
    assert proxies.certificates(call) == {FINGERPRINT}
    assert proxies.certificates(environ()) == frozenset()


@pytest.fixture
def admit(proxies):
    """Make a call to some clients."""

    def call(*clients, peer="10.0.0.7", **headers):
        trust = Trust(
            ClientRegister(clients), BASE, Replays(), clock=Clock(), proxies=proxies
        )
        return trust.admit(environ(peer, **headers), PATH)

    return call


def refused(admit, *clients, **options):
    with pytest.raises(Untrusted, match=r"^$") as caught:
        admit(*clients, **options)
    return caught.value.refusal


@pytest.mark.conformance("SEC-4")
def test_a_certificate_may_join_the_token(admit):
    """Then both are needed."""
    client = ehr(certificates=(FINGERPRINT,))
    token = {"HTTP_AUTHORIZATION": f"Bearer {sign()}"}
    good = {"HTTP_X_CLIENT_CERTIFICATE": quote(PEM)}
    assert admit(client, **token, **good).client is client
    assert refused(admit, client, **token) == "certificate"
    assert refused(admit, client, peer="10.9.9.9", **token, **good) == "certificate"
    other = {"HTTP_X_CLIENT_CERTIFICATE": SUBJECT}
    assert refused(admit, client, **token, **other) == "certificate"
    assert refused(admit, client, **good) == "no-token"


@pytest.mark.conformance("SEC-4")
def test_a_certificate_may_replace_the_token(admit):
    """For a client without an issuer."""
    client = ehr(issuer=None, keys=None, certificates=("0" * 64, SUBJECT))
    good = {"HTTP_X_CLIENT_CERTIFICATE": SUBJECT}
    caller = admit(client, ehr(name="south"), **good)
    assert (caller.client, caller.tenant, caller.token_id) == (client, None, None)
    assert refused(admit, client) == "no-token"
    assert refused(admit, client, peer="127.0.0.1", **good) == "no-token"
    wrong = {"HTTP_X_CLIENT_CERTIFICATE": f"{SUBJECT} "}
    assert refused(admit, client, **wrong) == "no-token"


def test_a_certificate_of_two_clients_names_neither(admit):
    """The subject one's, the fingerprint the other's."""
    one = ehr(name="one", issuer=None, keys=None, certificates=(SUBJECT,))
    two = ehr(name="two", issuer=None, keys=None, certificates=(FINGERPRINT,))
    both = f'Hash={FINGERPRINT};Subject="{SUBJECT}"'
    assert refused(admit, one, two, HTTP_X_CLIENT_CERTIFICATE=both) == "no-token"


@pytest.mark.conformance("SEC-1")
@pytest.mark.parametrize("scheme", ["http", "", "http, https", "ws"])
def test_a_call_that_came_without_tls_is_refused(admit, scheme):
    """Its token has been readable on the way, so it is not even looked at."""
    headers = {
        "HTTP_AUTHORIZATION": f"Bearer {sign()}",
        "HTTP_X_FORWARDED_PROTO": scheme,
    }
    assert refused(admit, ehr(), **headers) == "clear-text"


def test_a_call_that_came_by_tls_is_taken(admit):
    """And so is one through a proxy that does not say; strangers are not heard."""
    token = {"HTTP_AUTHORIZATION": f"Bearer {sign()}"}
    assert admit(ehr(), **token, HTTP_X_FORWARDED_PROTO="https")
    assert admit(ehr(), **token)
    assert admit(ehr(), peer="10.9.9.9", **token, HTTP_X_FORWARDED_PROTO="http")
