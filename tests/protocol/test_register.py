"""The register file: what is refused, where, and that all of it is told at once."""

import json
import re
from pathlib import Path

import pytest
import yaml
from fhir.resources import fhirtypes as r5_types
from fhir.resources.R4B import fhirtypes as r4b_types
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cds_hooks import ClientFileError, register
from cds_hooks.capabilities import Trigger
from cds_hooks.client_register import ClientRegister
from cds_hooks.clients import Client, KeySource
from cds_hooks.fhir_servers import FHIRServer
from cds_hooks.hooks import HOOKS
from cds_hooks.register import PRESETS, load_register, preset

SITE = {"angle_signs": ("signed", "unsigned"), "is_pilot": (True, False)}
KEYS = ("patient", "procedures", "observations")
CANARY = "zq7canary"
#: Public key of RFC 7517, appendix A.1.
EC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "use": "sig",
    "kid": "1",
}
RSA_KEY = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuh"
    "DR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4"
    "QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
    "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF"
    "Cur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
OKP_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "ed",
}


@pytest.fixture
def load(tmp_path):
    """Load a register from a text, bytes, or what YAML makes of an object."""

    def load_one(content, **options):
        path = tmp_path / "clients.yaml"
        if not isinstance(content, str | bytes):
            content = yaml.safe_dump(content)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(data)
        return load_register(
            path, **({"site_fields": SITE, "prefetch_keys": KEYS} | options)
        )

    return load_one


@pytest.fixture
def faults(load):
    """Load what must be refused, and give its faults."""

    def faults_of(content):
        with pytest.raises(ClientFileError, match=r"clients\.yaml: \d+ fault") as info:
            load(content)
        for fault in info.value.faults:
            assert min(fault.line, fault.column) >= 1
            assert fault.problem
            assert fault.remedy
        return info.value.faults

    return faults_of


def north(**fields):
    """A file with one client."""
    return {"clients": [{"name": "north"} | fields]}


def test_a_client_needs_only_a_name(load):
    """All else comes from the preset `generic`."""
    (client,) = load(north())
    expected = preset("generic")
    assert (client.name, client.preset) == ("north", "generic")
    assert client.capabilities == expected.capabilities
    assert (client.issuer, client.keys, client.fhir_servers) == (None, None, ())


def test_every_field_is_read(load, tmp_path):
    """What the file says is what the client has."""
    text = """
clients:
  - name: north
    title: North Hospital
    preset: epic
    issuer: https://ehr.example.org/fhir
    keys:
      jwks_url: HTTPS://ehr.example.org/keys?set=1
    tenants: [a, "7"]
    audiences: [https://cds.example.org/cds-services/scnen-chart]
    certificates:
      - %s
      - CN=ehr.example.org,O=North Hospital
    token_lifetime_s: 600
    reuses_tokens: true
    fhir_servers:
      - base_url: https://EHR.example.org/fhir/
        version: R5
        private_addresses: [10.1.0.0/16, 192.168.7.9, "fc00:1::/32"]
        also_known_as: [HTTP://Fhir-Internal:8080/fhir/, https://localhost/r4]
    origins: [https://ehr.example.org, http://localhost:8080]
    hooks: [patient-view]
    prefetch_keys:
      procedures: [procs-user, procs]
      patient: [patient, pat]
    trigger:
      extension: org.example.trigger
      discharge: [home, "27"]
    capabilities:
      selection_behaviors: [at-most-one, any]
      actions_per_suggestion: 3
      action_resources: [Condition, RiskAssessment]
      link_types: [smart]
      app_context: false
      override_reasons: no
      detail: none
    sends_prefetch: off
    smart:
      client_id: scnen
      client_secret_file: secret
      frame_ancestors: ["https://EHR.example.org"]
      writes: no
    site: {angle_signs: signed, is_pilot: true}
    notes: [Asked on Monday.]
"""
    (tmp_path / "secret").write_text("hush\n")
    fingerprint = ":".join(["AB"] * 32)
    (client,) = load(text % fingerprint)
    assert client.title == "North Hospital"
    assert client.issuer == "https://ehr.example.org/fhir"
    # To the letter: the header jku is compared with it.
    assert client.keys == KeySource(jwks_url="HTTPS://ehr.example.org/keys?set=1")
    assert client.certificates == ("ab" * 32, "CN=ehr.example.org,O=North Hospital")
    assert (client.token_lifetime_s, client.reuses_tokens) == (600, True)
    assert client.tenants == ("a", "7")
    assert client.audiences == ("https://cds.example.org/cds-services/scnen-chart",)
    (server,) = client.fhir_servers
    assert (server.base_url, server.version) == ("https://ehr.example.org/fhir", "R5")
    networks = ["10.1.0.0/16", "192.168.7.9/32", "fc00:1::/32"]
    assert list(map(str, server.private_addresses)) == networks
    names = ("http://fhir-internal:8080/fhir", "https://localhost/r4")
    assert server.also_known_as == names
    assert server.bases == (server.base_url, *names)
    assert client.origins == ("https://ehr.example.org", "http://localhost:8080")
    assert client.hooks == ("patient-view",)
    assert client.prefetch_names("procedures") == ("procs-user", "procs", "procedures")
    assert client.prefetch_names("patient") == ("pat", "patient")
    assert client.trigger == Trigger("org.example.trigger", ("home", "27"))
    can = client.capabilities
    assert can.selection_behaviors == ("at-most-one", "any")
    assert can.actions_per_suggestion == 3
    assert can.action_resources == ("Condition", "RiskAssessment")
    assert (can.link_types, can.app_context) == (("smart",), False)
    assert (can.override_reasons, can.detail) == (False, "none")
    assert client.sends_prefetch is False
    app = client.smart
    assert (app.client_id, app.secret, app.key) == ("scnen", "hush", None)
    assert (app.frame_ancestors, app.writes) == (("https://ehr.example.org",), False)
    assert (app.is_confidential, app.is_framed) == (True, True)
    assert "hush" not in repr(client)
    assert client.site == {"angle_signs": "signed", "is_pilot": True}
    assert client.notes == (*preset("epic").notes, "Asked on Monday.")


def test_what_a_client_leaves_out_comes_from_its_preset(load):
    """One capability changed leaves the others; null turns a trigger off."""
    fields = {"preset": "epic", "capabilities": {"actions_per_suggestion": None}}
    (client,) = load(north(**fields, trigger=None))
    expected = preset("epic")
    assert client.capabilities.actions_per_suggestion is None
    assert client.capabilities.action_resources == (
        expected.capabilities.action_resources
    )
    assert client.hooks == expected.hooks
    assert client.trigger is None
    assert client.title == "Epic"


def test_without_a_list_of_keys_any_prefetch_key_may_be_renamed(load):
    """The protocol alone knows no application's keys."""
    (client,) = load(north(prefetch_keys={"doses": ["d"]}), prefetch_keys=None)
    assert client.prefetch_names("doses") == ("d", "doses")


def test_a_client_may_name_a_language_that_the_application_speaks(load):
    """By its BCP 47 tag, to the letter; without one the application decides."""
    (client,) = load(north(language="zh-Hans"), languages=("en", "zh-Hans"))
    assert client.language == "zh-Hans"
    (client,) = load(north(), languages=("en", "zh-Hans"))
    assert client.language is None


@pytest.mark.parametrize("language", ["zh_Hans", "zh", "ZH-HANS", "tlh"])
def test_a_language_that_nobody_speaks_is_refused(load, language):
    """With the ones there are."""
    with pytest.raises(ClientFileError, match=r"\.language: .*zh-Hans"):
        load(north(language=language), languages=("en", "zh-Hans"))


def test_without_site_fields_there_are_none(load):
    """The protocol alone knows nothing of a site."""
    with pytest.raises(ClientFileError, match=r"site\.angle_signs: is unknown"):
        load(north(site={"angle_signs": "signed"}), site_fields=None)


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"name": "North"}, "name", '"North" is no short name; use lower-case'),
        ({"name": "north-"}, "name", "is no short name"),
        ({"name": "a" * 65}, "name", "is no short name"),
        ({"name": 7}, "name", '"7" is no text; .*quotes'),
        ({"name": None}, "name", "is no text"),
        ({"name": " north"}, "name", "is blank or has blanks"),
        ({"name": "epic"}, "name", "is the name of another preset"),
        ({"preset": "epick"}, "preset", "is none of generic, .*did you mean epic"),
        ({"preset": ["epic"]}, "preset", "a list is none of generic"),
        ({"preset": True}, "preset", "is none of generic"),
        ({"title": ""}, "title", "nothing is blank"),
        ({"title": "two\nlines"}, "title", "is no single line of printable text"),
        ({"title": "a\u202eb"}, "title", "is no single line of printable text"),
        ({"title": "t" * 501}, "title", "is no single line"),
        ({"isuer": "x"}, "isuer", "is unknown; did you mean issuer?"),
        ({"wxyz": "x"}, "wxyz", "is unknown; known are name, preset, issuer"),
        ({"is_open_only": False}, "is_open_only", "is unknown"),
        ({"issuer": "no uri"}, "issuer", '"no uri" is no URI; copy `iss` from a JWT'),
        ({"issuer": "urn:x"}, "issuer", "is given without keys; add keys"),
        ({"keys": {"jwks_url": "https://k.example"}}, "keys", "given without issuer"),
        ({"keys": {}}, "keys", "names 0 sources of keys; give exactly one"),
        ({"keys": {"jwk_url": "x"}}, "keys.jwk_url", "did you mean jwks_url"),
        ({"keys": {"jwks_url": "http://k.example"}}, "keys.jwks_url", "is not https"),
        ({"keys": {"jwks_file": "gone.json"}}, "keys.jwks_file", "cannot be read"),
        ({"keys": {"jwks_file": 7}}, "keys.jwks_file", "is no text"),
        ({"keys": "https://k.example"}, "keys", "is no mapping"),
        (
            {"keys": {"jwks_url": "https://k.example", "jku": "k"}},
            "keys.jku",
            "is no absolute URL",
        ),
        ({"certificates": ["AB:CD"]}, "certificates[0]", "is neither a SHA-256"),
        ({"certificates": "CN=a"}, "certificates", "is no list"),
        (
            {"certificates": ["CN=a"], "tenants": ["t"]},
            "tenants",
            "are told by no certificate; add issuer and keys",
        ),
        ({"token_lifetime_s": 59}, "token_lifetime_s", '"59" is no time that a token'),
        ({"token_lifetime_s": 86_401}, "token_lifetime_s", "give 60 to 86400 seconds"),
        ({"token_lifetime_s": True}, "token_lifetime_s", "is no time"),
        ({"token_lifetime_s": "300"}, "token_lifetime_s", "is no time"),
        ({"reuses_tokens": "yes"}, "reuses_tokens", "is neither true nor false"),
        ({"tenants": "a"}, "tenants", "is no list; write it as a list"),
        ({"tenants": ["a", "a"]}, "tenants[1]", '"a" stands twice'),
        ({"tenants": [7]}, "tenants[0]", "is no text"),
        ({"tenants": ["x"] * 501}, "tenants", "is longer than 500"),
        ({"audiences": ["cds"]}, "audiences[0]", "is no absolute URL"),
        ({"audiences": ["http://cds.example"]}, "audiences[0]", "is not https"),
        ({"fhir_servers": {}}, "fhir_servers", "is no list"),
        ({"fhir_servers": ["https://x.example"]}, "fhir_servers[0]", "is no mapping"),
        ({"fhir_servers": [{}]}, "fhir_servers[0]", "has no base_url; add it"),
        ({"origins": ["*"]}, "origins[0]", "is no absolute URL"),
        ({"origins": ["https://e.example/"]}, "origins[0]", "is more than an origin"),
        ({"hooks": ["encounter-discharg"]}, "hooks[0]", "mean encounter-discharge"),
        ({"prefetch_keys": {"procedure": []}}, "prefetch_keys.procedure", "procedures"),
        ({"prefetch_keys": []}, "prefetch_keys", "is no mapping"),
        (
            {"prefetch_keys": {"patient": ["a"], "procedures": ["a"]}},
            "prefetch_keys.procedures",
            'gives "a" to two keys, patient and procedures',
        ),
        (
            {"prefetch_keys": {"procedures": ["patient"]}},
            "prefetch_keys.procedures",
            'gives "patient" to two keys',
        ),
        ({"trigger": "27"}, "trigger", "is no mapping"),
        ({"trigger": {"extension": "a.b"}}, "trigger", "has no discharge"),
        (
            {"trigger": {"extension": "a.b", "discharge": [27]}},
            "trigger.discharge[0]",
            '"27" is no text; .*quotes',
        ),
        (
            {"trigger": {"extension": "a.b", "discharge": []}},
            "trigger.discharge",
            "is empty; list the values",
        ),
        (
            {"trigger": {"extension": "trigger", "discharge": ["27"]}},
            "trigger.extension",
            "is no reverse domain name",
        ),
        ({"sends_prefetch": "no"}, "sends_prefetch", "is neither true nor false"),
        ({"sends_prefetch": 1}, "sends_prefetch", "is neither true nor false"),
        ({"site": {"angle_sign": "x"}}, "site.angle_sign", "mean angle_signs"),
        ({"site": {"angle_signs": "both"}}, "site.angle_signs", "signed, unsigned"),
        ({"site": {"is_pilot": "yes"}}, "site.is_pilot", "is none of true, false"),
        ({"notes": "text"}, "notes", "is no list"),
        ({"capabilities": None}, "capabilities", "is no mapping"),
    ],
    ids=str,
)
def test_a_field_that_cannot_be_used_is_refused(faults, fields, field, told):
    """The refusal names field, value and remedy."""
    found = faults(north(**fields))
    here = [f for f in found if f.field == f"clients[0].{field}"]
    assert any(re.search(told, f"{f.problem}; {f.remedy}") for f in here)


@pytest.mark.parametrize(
    ("capability", "value", "told"),
    [
        ("selection_behaviors", ["all"], "none of any, at-most-one"),
        ("selection_behaviors", "any", "is no list"),
        (
            "actions_per_suggestion",
            -1,
            "is no number of actions; give 0 to 20, or null",
        ),
        ("actions_per_suggestion", 21, "is no number of actions"),
        ("actions_per_suggestion", "1", "is no number of actions"),
        ("actions_per_suggestion", 1.0, "is no number of actions"),
        ("actions_per_suggestion", True, "is no number of actions"),
        ("actions_per_suggestion", 10**12, "is no number of actions"),
        ("action_resources", ["ServiceReqest"], "did you mean ServiceRequest"),
        ("action_resources", ["servicerequest"], "FHIR's resource types"),
        ("link_types", ["relative"], "none of absolute, smart"),
        ("app_context", "x", "is neither true nor false"),
        ("override_reasons", None, "is neither true nor false"),
        ("detail", "html", "is none of gfm, plain, none"),
        ("action", 1, "is unknown"),
    ],
)
def test_a_capability_that_is_none_is_refused(faults, capability, value, told):
    """The card composer never meets a word it does not know."""
    fault = faults(north(capabilities={capability: value}))[0]
    assert fault.field.startswith(f"clients[0].capabilities.{capability}")
    assert re.search(told, f"{fault.problem}; {fault.remedy}")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {
                "preset": "oracle-health",
                "capabilities": {"action_resources": ["ServiceRequest"]},
            },
            "is never used: actions_per_suggestion is 0",
        ),
        (
            {
                "capabilities": {
                    "action_resources": ["ServiceRequest"],
                    "selection_behaviors": [],
                }
            },
            "is never used: selection_behaviors is empty",
        ),
    ],
    ids=["no actions", "no suggestions"],
)
def test_resources_that_no_suggestion_could_hold_are_refused(faults, fields, told):
    """A wish that would silently come to nothing is told."""
    (fault,) = faults(north(**fields))
    assert told in fault.problem


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("0.0.0.0/0", "is no private network"),
        ("10.0.0.0/7", "is no private network"),
        ("8.0.0.0/6", "is no private network"),
        ("169.254.169.254", "is no private network"),
        ("127.0.0.1", "is no private network"),
        ("::1", "is no private network"),
        ("fe80::/10", "is no private network"),
        ("::ffff:10.0.0.1", "is no private network"),
        ("224.0.0.1", "is no private network"),
        ("8.8.8.8", "is no private network"),
        ("10.1.2.3/16", "write 10.1.0.0/16"),
        ("hospital", "is no network; write it as 10.20.0.0/16"),
        ("10.0.0.0/33", "is no network"),
    ],
)
def test_only_private_networks_are_opened(faults, network, told):
    """Loopback, link-local and the metadata addresses of clouds stay closed."""
    server = {"base_url": "https://e.example", "private_addresses": [network]}
    (fault,) = faults(north(fhir_servers=[server]))
    assert fault.field == "clients[0].fhir_servers[0].private_addresses[0]"
    assert told in f"{fault.problem}; {fault.remedy}"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "fhir.localhost",
        "127.0.0.1",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "0.0.0.0",  # noqa: S104 a host to refuse
    ],
)
def test_a_server_at_an_address_that_is_not_public_is_refused(faults, host):
    """Unless its network is listed, which for some is impossible."""
    (fault,) = faults(north(fhir_servers=[{"base_url": f"https://{host}/fhir"}]))
    assert fault.field == "clients[0].fhir_servers[0].base_url"
    assert "is not public; list its network" in f"{fault.problem}; {fault.remedy}"


def test_a_private_address_may_be_listed(load):
    """A server in the hospital's own network is reached when the site says so."""
    server = {"base_url": "https://10.0.0.1/fhir", "private_addresses": ["10.0.0.1"]}
    public = {"base_url": "https://9.9.9.9/fhir"}
    (client,) = load(north(fhir_servers=[server, public]))
    assert client.fhir_server("https://10.0.0.1/fhir") == client.fhir_servers[0]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ftp://fhir-internal/fhir", "is not https or http; give an https URL"),
        ("fhir-internal", "is no absolute URL"),
        ("http://user@fhir-internal/fhir", "has a user name or password"),
        ("http://fhir-internal/fhir/../x", "has an empty or dot segment"),
        ("http://fhir-internal/fhir?x=1", "has a query"),
        (7, "is no text"),
    ],
)
def test_another_name_of_a_server_is_a_plain_url(faults, name, told):
    """What no reference can begin with would be compared in vain."""
    server = {"base_url": "https://e.example/fhir", "also_known_as": [name]}
    (fault,) = faults(north(fhir_servers=[server]))
    assert fault.field == "clients[0].fhir_servers[0].also_known_as[0]"
    assert told in f"{fault.problem}; {fault.remedy}"


@pytest.mark.parametrize(
    ("names", "field", "told"),
    [
        (["https://E.example/fhir/"], "also_known_as", "repeats the base_url"),
        (["http://a/f", "http://A/f/"], "also_known_as[1]", "stands twice"),
    ],
)
def test_names_of_a_server_stand_once(faults, names, field, told):
    """The base is a name already."""
    server = {"base_url": "https://e.example/fhir", "also_known_as": names}
    (fault,) = faults(north(fhir_servers=[server]))
    assert fault.field == f"clients[0].fhir_servers[0].{field}"
    assert told in fault.problem


@pytest.mark.parametrize("is_one_client", [True, False])
@pytest.mark.parametrize("below", ["", "/tenant"])
def test_a_name_is_not_the_base_of_another_server(faults, is_one_client, below):
    """Patients of two servers would be taken for one by their ids."""
    one = {"base_url": "https://one.example/fhir"}
    two = {
        "base_url": "https://two.example/fhir",
        "also_known_as": [f"https://one.example/fhir{below}"],
    }
    clients = (
        [{"name": "a", "fhir_servers": [one, two]}]
        if is_one_client
        else [
            {"name": "a", "fhir_servers": [two]},
            {"name": "b", "fhir_servers": [one]},
        ]
    )
    (fault,) = faults({"clients": clients})
    assert fault.field == "clients[0].fhir_servers"
    assert "https://two.example/fhir is also known as https://one.example" in (
        fault.problem
    )
    assert "one name stands for one server" in fault.remedy


def test_two_sites_may_have_the_same_name_inside(load):
    """References of both say `localhost`, and each is read for its own client."""
    inside = "http://localhost:8080/fhir"
    clients = [
        {
            "name": name,
            "fhir_servers": [
                {"base_url": f"https://{name}.example", "also_known_as": [inside]}
            ],
        }
        for name in ("a", "b")
    ]
    names = {c.fhir_servers[0].also_known_as for c in load({"clients": clients})}
    assert names == {(inside,)}


def test_names_lead_on_to_a_tenant_as_the_base_does(load):
    """A request may name a base below the registered one."""
    server = {"base_url": "https://e.example/fhir", "also_known_as": ["http://i/f"]}
    (client,) = load(north(fhir_servers=[server]))
    found = client.fhir_server("https://e.example/fhir/a")
    assert found.bases == ("https://e.example/fhir/a", "http://i/f/a")


def key_set(*keys):
    """A file whose client has these keys."""
    return north(issuer="urn:x", keys={"jwks": {"keys": list(keys)}})


def test_public_keys_may_stand_in_the_file(load):
    """Every kind that signs."""
    (client,) = load(key_set(EC_KEY, RSA_KEY, OKP_KEY))
    assert client.keys.jwks == {"keys": [EC_KEY, RSA_KEY, OKP_KEY]}
    assert EC_KEY["x"] not in repr(client)


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_private_key_is_refused_and_never_shown(faults, member):
    """A secret in a settings file is a leak already; the message is not a second."""
    (fault,) = faults(key_set(EC_KEY, RSA_KEY | {member: CANARY}))
    assert fault.field == f"clients[0].keys.jwks.keys[1].{member}"
    assert "private or shared key" in fault.problem
    assert CANARY not in str(fault)


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"kid": ""}, "kid", "is missing or no text"),
        ({"kid": 7}, "kid", "is missing or no text"),
        ({"kty": "oct"}, "kty", "is no kind of public key; give RSA, EC or OKP"),
        ({"kty": ["EC"]}, "kty", "is no kind of public key"),
        ({"x": None}, "x", "a key of kind EC has it"),
        ({"crv": "P-192"}, "crv", "is no curve for signatures; give one of P-256"),
        ({"alg": "HS256"}, "alg", "is no algorithm of public keys"),
        ({"alg": "none"}, "alg", "is no algorithm of public keys"),
        ({"alg": ["ES256"]}, "alg", "is no algorithm of public keys"),
        ({"use": "enc"}, "use", "is not sig"),
        (
            {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
            "n",
            "is not base64url of at least 2048 bits",
        ),
        ({"kty": "RSA", "n": "A" * 400, "e": "AQAB"}, "n", "is not base64url"),
        ({"kty": "RSA", "n": "!" * 400, "e": "AQAB"}, "n", "is not base64url"),
        ({"kty": "RSA", "n": "ä" * 400, "e": "AQAB"}, "n", "is not base64url"),
        ({"kty": "OKP", "crv": "X25519"}, "crv", "give one of Ed25519, Ed448"),
    ],
    ids=str,
)
def test_a_key_that_cannot_be_trusted_is_refused(faults, change, field, told):
    """Weak, symmetric, nameless or not meant for signatures."""
    (fault,) = faults(key_set(EC_KEY | change))
    assert fault.field == f"clients[0].keys.jwks.keys[0].{field}"
    assert told in f"{fault.problem}; {fault.remedy}"


@pytest.mark.parametrize(
    ("jwks", "told"),
    [
        ({"keys": []}, "holds no keys"),
        ({"keys": EC_KEY}, "holds no keys"),
        ([], "holds no keys"),
        ("text", "holds no keys"),
        ({"keys": ["text"]}, "is no key"),
        ({"keys": [EC_KEY, dict(EC_KEY)]}, "is the name of two keys"),
    ],
    ids=str,
)
def test_a_key_set_that_is_none_is_refused(faults, jwks, told):
    """Each key is a mapping with a name of its own."""
    (fault,) = faults(north(issuer="urn:x", keys={"jwks": jwks}))
    assert fault.field.startswith("clients[0].keys.jwks")
    assert told in fault.problem


def test_keys_are_read_from_a_file_beside_the_register(load, tmp_path):
    """Checked at once, so that a wrong file is not found by the first patient."""
    (tmp_path / "north.json").write_text(json.dumps({"keys": [EC_KEY]}))
    (client,) = load(north(issuer="urn:x", keys={"jwks_file": "north.json"}))
    assert client.keys == KeySource(jwks_file=tmp_path / "north.json")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (json.dumps({"keys": [EC_KEY | {"d": CANARY}]}), "holds keys[0].d: is a part"),
        (json.dumps([]), "holds a document: holds no keys"),
        ("{", "holds no JSON"),
        ("\xff", "holds no JSON"),
        ("[" * 10_000, "holds no JSON"),
        ('"' + "a" * 300_000 + '"', "holds no JSON"),
    ],
    ids=["private", "list", "cut", "latin", "deep", "huge"],
)
def test_a_file_of_keys_that_cannot_be_trusted_is_refused(
    faults, tmp_path, content, told
):
    """As if its keys stood in the register."""
    (tmp_path / "north.json").write_bytes(content.encode("latin-1"))
    (fault,) = faults(north(issuer="urn:x", keys={"jwks_file": "north.json"}))
    assert told in fault.problem
    assert CANARY not in str(fault)


def test_an_issuer_of_all_hospitals_of_a_vendor_needs_tenants(load, faults):
    """Else any hospital of the vendor could call in the name of this one."""
    trust = {
        "issuer": "https://cds-hooks.cerner.com",
        "keys": {"jwks_url": "https://authorization.cerner.com/jwk"},
    }
    (fault,) = faults(north(**trust))
    assert fault.field == "clients[0].issuer"
    assert "signs for all hospitals of its vendor" in fault.problem
    (client,) = load(north(**trust, tenants=["t1"]))
    assert client.tenants == ("t1",)


@pytest.mark.parametrize("name", PRESETS)
def test_an_issuer_whose_key_is_public_is_never_registered(faults, name):
    """Anyone can sign as the public Sandbox."""
    trust = {
        "issuer": "https://sandbox.cds-hooks.org",
        "keys": {"jwks_url": "https://sandbox.cds-hooks.org/.well-known/jwks.json"},
    }
    (fault,) = faults(north(preset=name, **trust))
    assert fault.field == "clients[0].issuer"
    assert "take out issuer and keys" in fault.remedy


@pytest.mark.parametrize(
    "trust",
    [
        {"issuer": "urn:x"},
        {"keys": {"jwks_url": "https://k.example"}},
        {"certificates": ["CN=a"]},
    ],
)
def test_a_client_of_open_mode_has_nothing_to_trust(faults, trust):
    """Its issuer would be believed to be checked."""
    (fault,) = faults(north(preset="public-sandbox", **trust))
    assert "public-sandbox is for open mode only" in fault.problem


@pytest.mark.parametrize(
    ("one", "other", "field", "told"),
    [
        (
            {"name": "same"},
            {"name": "same"},
            "name",
            "is also the client on line 2; give each",
        ),
        (
            {"name": "a", "issuer": "urn:x", "keys": {"jwks_url": "https://k.example"}},
            {"name": "b", "issuer": "urn:x", "keys": {"jwks_url": "https://l.example"}},
            "issuer",
            "is also the issuer of the client on line 2",
        ),
        (
            {"name": "a", "certificates": ["CN=a"]},
            {
                "name": "b",
                "issuer": "urn:x",
                "keys": {"jwks_url": "https://k.example"},
                "certificates": ["CN=b", "CN=a"],
            },
            "certificates",
            "hold one of the client on line 2",
        ),
        (
            {"name": "a", "fhir_servers": [{"base_url": "https://e.example/fhir"}]},
            {"name": "b", "fhir_servers": [{"base_url": "https://E.example/fhir/"}]},
            "fhir_servers",
            "overlaps with a server of the client on line 2",
        ),
        (
            {"name": "a", "fhir_servers": [{"base_url": "https://e.example/fhir"}]},
            {"name": "b", "fhir_servers": [{"base_url": "https://e.example/fhir/b"}]},
            "fhir_servers",
            "overlaps",
        ),
        (
            {"name": "a", "fhir_servers": [{"base_url": "https://e.example/fhir/a"}]},
            {"name": "b", "fhir_servers": [{"base_url": "https://e.example/fhir"}]},
            "fhir_servers",
            "overlaps",
        ),
    ],
    ids=["name", "issuer", "certificate", "server", "below", "above"],
)
def test_two_clients_share_neither_name_nor_issuer_nor_server(
    faults, one, other, field, told
):
    """Whoever calls, and wherever a token goes, belongs to one of them."""
    (fault,) = faults({"clients": [one, other]})
    assert fault.field == f"clients[1].{field}"
    assert told in f"{fault.problem}; {fault.remedy}"


def test_clients_that_sign_may_share_a_certificate(load):
    """Behind one gateway: their tokens tell them apart."""
    pair = [
        {
            "name": name,
            "issuer": f"urn:{name}",
            "keys": {"jwks_url": "https://k.example"},
            "certificates": ["CN=gateway"],
        }
        for name in "ab"
    ]
    assert len(load({"clients": pair})) == 2


def test_two_clients_may_have_servers_side_by_side(load):
    """Neighbours on one host are not one server."""
    servers = ["https://e.example/fhir", "https://e.example/fhir2"]
    found = load(
        {
            "clients": [
                {"name": f"c{n}", "fhir_servers": [{"base_url": url}]}
                for n, url in enumerate(servers)
            ]
        }
    )
    assert [found.at_fhir_server(url).name for url in servers] == ["c0", "c1"]


def test_a_server_stands_once_for_a_client(faults):
    """Two entries that are one would have two versions."""
    servers = [{"base_url": "https://e.example"}, {"base_url": "https://E.example/"}]
    (fault,) = faults(north(fhir_servers=servers))
    assert (fault.field, fault.remedy) == (
        "clients[0].fhir_servers[1]",
        "keep one of them",
    )


def test_a_server_has_one_entry_whatever_else_stands_in_it(faults):
    """Of two versions only the first would count, without a word."""
    servers = [
        {"base_url": "https://e.example/fhir"},
        {"base_url": "https://E.example/fhir/", "version": "R5"},
    ]
    (fault,) = faults(north(fhir_servers=servers))
    assert fault.field == "clients[0].fhir_servers"
    assert "name https://e.example/fhir twice" in fault.problem


def test_all_faults_are_told_at_once_with_their_places(faults):
    """One run of the check is enough to put a file right."""
    found = faults(
        """\
clients:
  - name: North
    isuer: https://a.example
    title: one
    title: two
  - preset: epic
    1: x
    capabilities: {detail: html, override_reasons: maybe}
  - text
cleints: []
"""
    )
    assert [(f.line, f.column, f.field) for f in found] == [
        (2, 11, "clients[0].name"),
        (3, 5, "clients[0].isuer"),
        (5, 5, "title"),
        (6, 5, "clients[1]"),
        (7, 5, "1"),
        (8, 28, "clients[1].capabilities.detail"),
        (8, 52, "clients[1].capabilities.override_reasons"),
        (9, 5, "clients[2]"),
        (10, 1, "cleints"),
    ]
    assert "first on line 4" in found[2].problem


def test_the_error_writes_each_fault_on_a_line(load):
    """So that it can be shown as it is."""
    with pytest.raises(ClientFileError, match="2 faults") as info:
        load({"clients": [{"name": "A"}, {"name": "B"}]})
    head, *lines = str(info.value).splitlines()
    assert head.endswith("clients.yaml: 2 faults")
    assert lines[0] == (
        '  line 2, column 9: clients[0].name: "A" is no short name;'
        " use lower-case letters, digits and hyphens, at most 64"
    )
    assert len(lines) == 2


def test_the_faults_of_a_hopeless_file_are_limited(faults):
    """Nobody reads ten thousand of them, and nobody waits for them."""
    fields = "".join(f"    k{number}: x\n" for number in range(1500))
    assert len(faults(f"clients:\n  - name: north\n{fields}")) == 100
    twice = "    title: x\n" * 1500
    assert len(faults(f"clients:\n  - name: north\n{twice}")) == 100
    assert len(faults(north(tenants=[7] * 300))) == 100


def test_a_secret_in_a_url_is_not_repeated(faults):
    """Neither a password in a URL nor key material reaches a log."""
    found = faults(
        north(
            fhir_servers=[{"base_url": f"https://u:{CANARY}@e.example"}],
            issuer=f"x y@{CANARY}",
            keys={"jwks_url": f"https://u:{CANARY}@e.example"},
        )
    )
    assert len(found) == 3
    assert CANARY not in "".join(map(str, found))


def test_control_characters_of_a_name_do_not_reach_the_terminal(faults):
    """A field name can be anything."""
    name = "a\u202e\u200b" + "b" * 80
    (fault,) = faults(north(**{name: 1}))
    assert fault.field == "clients[0].a??" + "b" * 57 + "…"


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        ("", 1, "is empty"),
        ("# nothing\n", 1, "is empty"),
        ("null", 1, "is no mapping"),
        ("[]", 1, "is no mapping"),
        ("{}", 1, "has no clients"),
        ("clients:\n", 1, "is no list"),
        ("clients: []\n", 1, "names no client"),
        ("clients:\n - {}\n", 2, "has no name"),
        ("clients: [", 1, "is no YAML"),
        ("a: b: c", 1, "is no YAML"),
        ("\tclients: []", 1, "is no YAML"),
        ("%YAML 3.0\n---\na: 1", 1, "is no YAML"),
        ("a: 1\n---\nb: 2\n", 2, "has a second document"),
        ("a: &x 1\nb: *x\n", 1, "uses an anchor"),
        ("a: *x\n", 1, "uses an anchor"),
        ("a: &x [*x]\n", 1, "uses an anchor"),
        ("<<: {a: 1}\n", 1, "is no name of a field"),
        ("? [a]\n: 1\n", 1, "is no name of a field"),
        ("a: !!python/object/apply:os.system [id]\n", 1, "uses a tag"),
        ("a: !!binary aGk=\n", 1, "uses a tag"),
        ("a: !x b\n", 1, "uses a tag"),
        ("[" * 500, 1, "is nested too deeply"),
        ("{a: " * 500, 1, "is nested too deeply"),
        ("- " * 500, 1, "is nested too deeply"),
        (b"a: 1\nb: \xff\n", 2, "is no UTF-8"),
        (b"\x7fELF\x02\x01\x01\x00\x00", 1, "has a character that no text has"),
        (b"PK\x03\x04\x00", 1, "has a character that no text has"),
        (b"a: 1\n\x00", 2, "has a character that no text has"),
        ("clients: []\n".encode("utf-16"), 1, "is no UTF-8"),
        (b"#" * (256 * 1024 + 1), 1, "is larger than 256 KiB"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_that_is_no_register_is_refused(faults, content, line, told):
    """Whatever the file is, the answer is a fault with a place, and comes at once."""
    found = faults(content)
    (fault,) = [each for each in found if told in each.problem]
    assert fault.line == line


def test_a_file_with_a_byte_order_mark_is_read(load):
    """Some editors write one."""
    assert len(load(b"\xef\xbb\xbfclients: [{name: north}]")) == 1


def test_a_file_that_is_not_there_is_told(tmp_path):
    """With the reason that the system gives."""
    with pytest.raises(ClientFileError, match="cannot be read: No such file"):
        load_register(tmp_path / "gone.yaml")
    with pytest.raises(ClientFileError, match="cannot be read: Is a directory"):
        load_register(tmp_path)


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.dates(),
    st.text(max_size=20),
    st.binary(max_size=8),
    st.sampled_from(["epic", "https://e.example/fhir", "27", "any", "10.0.0.1"]),
)
_FIELDS = st.sampled_from(
    [
        *("name", "preset", "title", "issuer", "keys", "jwks", "jwks_url", "jwks_file"),
        *("tenants", "audiences", "fhir_servers", "base_url", "version", "origins"),
        *(
            "private_addresses",
            "also_known_as",
            "hooks",
            "prefetch_keys",
            "procedures",
            "trigger",
        ),
        *("extension", "discharge", "capabilities", "detail", "action_resources"),
        *("actions_per_suggestion", "site", "angle_signs", "notes", "kty", "kid"),
    ]
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_FIELDS, inner, max_size=5)
    ),
    max_leaves=25,
)
_CLIENTS = st.fixed_dictionaries(
    {"clients": st.lists(st.dictionaries(_FIELDS, _TREES, max_size=8), max_size=3)}
)


@pytest.fixture(scope="module")
def any_file(tmp_path_factory):
    """A file to be overwritten by each example."""
    return tmp_path_factory.mktemp("register") / "clients.yaml"


def clients_or_faults(path):
    """What comes of a file: its clients, or the lines of its faults."""
    try:
        return list(load_register(path, site_fields=SITE, prefetch_keys=KEYS))
    except ClientFileError as error:
        return [fault.line for fault in error.faults]


@settings(max_examples=50)
@given(tree=_CLIENTS | _TREES)
@example({"clients": [{"name": "a", "keys": {"jwks": {"keys": [{"kty": {}}]}}}]})
def test_wrong_types_anywhere_are_faults_and_nothing_else(any_file, tree):
    """A file is loaded as a whole or refused with places, whatever stands where."""
    any_file.write_text(yaml.safe_dump(tree, allow_unicode=True), "utf-8")
    found = clients_or_faults(any_file)
    assert all(isinstance(each, Client) or each >= 1 for each in found)
    assert found


@settings(max_examples=80)
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_break_the_reading(any_file, data):
    """A file of anything is refused with a place."""
    any_file.write_bytes(data)
    with pytest.raises(ClientFileError, match="fault"):
        load_register(any_file)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_a_client_can_do_and_never_whom_to_trust(name):
    """Issuer, keys and servers are the site's own."""
    client = preset(name)
    assert (client.name, client.preset) == (name, name)
    assert client.title
    assert (client.issuer, client.keys) == (None, None)
    assert (client.tenants, client.audiences, client.fhir_servers) == ((), (), ())
    assert set(client.hooks) <= set(HOOKS)


@pytest.mark.parametrize("name", PRESETS)
def test_each_note_of_a_preset_says_how_sure_it_is(name):
    """Documented, or to be confirmed with the site; and something always is."""
    starts = ("Documented", "Draft of 2021: ", "Confirm per site: ")
    notes = preset(name).notes
    assert all(note.startswith(starts) for note in notes)
    assert notes


def test_the_presets_say_what_the_vendors_document():
    """As the conformance list has it, sections 6 and 7."""
    epic, oracle = preset("epic"), preset("oracle-health")
    sandbox, generic = preset("public-sandbox"), preset("generic")
    assert epic.trigger == Trigger(
        "com.epic.cdshooks.request.bpa-trigger-action", ("27",)
    )
    assert "encounter-discharge" not in epic.hooks + oracle.hooks + sandbox.hooks
    assert epic.capabilities.selection_behaviors == ("any",)
    assert epic.capabilities.actions_per_suggestion == 1
    assert epic.capabilities.takes("Condition")
    assert not epic.capabilities.takes("RiskAssessment")
    assert epic.capabilities.app_context
    assert oracle.hooks == ("patient-view",)
    assert not oracle.sends_prefetch
    assert not oracle.capabilities.takes("ServiceRequest")
    assert not oracle.capabilities.app_context
    assert sandbox.is_open_only
    assert sandbox.origins == ("https://sandbox.cds-hooks.org",)
    assert generic.hooks == ()
    assert [generic.is_open_only, epic.is_open_only, oracle.is_open_only] == [False] * 3


def test_the_names_of_the_presets_are_those_of_the_file():
    """No preset is in the data that nobody can choose."""
    data = Path(__file__).parents[2] / "cds_hooks/data/presets.yaml"
    assert tuple(yaml.safe_load(data.read_text("utf-8"))["presets"]) == PRESETS


def test_an_unknown_preset_is_a_key_error():
    """As with any mapping."""
    with pytest.raises(KeyError, match="epick"):
        preset("epick")


def test_a_fault_in_the_bundled_presets_would_be_told(monkeypatch, tmp_path):
    """Whoever edits the data learns of a fault from the first use."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/presets.yaml").write_text("presets: {x: {titel: X}}\nissuers: {}")
    monkeypatch.setattr(register, "files", lambda _: tmp_path)
    register._bundled.cache_clear()
    try:
        with pytest.raises(ClientFileError, match="did you mean title"):
            preset("x")
    finally:
        register._bundled.cache_clear()


def test_every_resource_type_of_the_list_is_one_of_fhir():
    """Another implementation knows each, in R5 or in R4B."""
    listed = (
        (Path(__file__).parents[2] / "cds_hooks/data/resource_types.txt")
        .read_text("utf-8")
        .split()
    )
    assert len(listed) == len(set(listed)) == 165
    for name in listed:
        assert hasattr(r5_types, f"{name}Type") or hasattr(r4b_types, f"{name}Type")


def test_an_empty_register_knows_nobody():
    """What a service without a file has."""
    assert list(ClientRegister()) == []
    assert ClientRegister().at_fhir_server("https://e.example") is None
    assert FHIRServer("https://e.example").version == "R4"


#: A client with a server, from which an app could be launched.
SERVED = {"fhir_servers": [{"base_url": "https://e.example/fhir"}]}
PEM = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


def test_an_app_may_have_a_key_in_place_of_a_secret(load, tmp_path):
    """Named, so that the EHR finds it in the key set that it was given."""
    (tmp_path / "key.pem").write_text(PEM)
    smart = {"client_id": "a", "private_key_file": "key.pem", "key_id": "k1"}
    (client,) = load(north(**SERVED, smart=smart))
    assert (client.smart.key, client.smart.key_id) == (PEM.strip(), "k1")
    assert client.smart.secret is None
    assert "AAAA" not in repr(client)


def test_an_app_needs_only_a_client_id(load):
    """Then it is a public client, by itself, that asks for leave to write."""
    (client,) = load(north(**SERVED, smart={"client_id": "a"}))
    assert not client.smart.is_confidential
    assert not client.smart.is_framed
    assert client.smart.writes


@pytest.mark.parametrize(
    ("smart", "field", "told"),
    [
        ({}, "smart", "client_id"),
        ({"client_id": "a", "secret": "x"}, "smart.secret", "is unknown"),
        (
            {"client_id": "a", "client_secret_file": "none"},
            "smart.client_secret_file",
            "cannot be read",
        ),
        (
            {"client_id": "a", "client_secret_file": "empty"},
            "smart.client_secret_file",
            "holds no secret",
        ),
        (
            {"client_id": "a", "client_secret_file": "binary"},
            "smart.client_secret_file",
            "holds no secret",
        ),
        (
            {"client_id": "a", "client_secret_file": 7},
            "smart.client_secret_file",
            "is no text",
        ),
        (
            {"client_id": "a", "private_key_file": "secret", "key_id": "k"},
            "smart.private_key_file",
            "holds no private key",
        ),
        ({"client_id": "a", "key_id": "k"}, "smart", "names a key without key_id"),
        ({"client_id": "a", "private_key_file": "key"}, "smart", "without key_id"),
        (
            {
                "client_id": "a",
                "client_secret_file": "secret",
                "private_key_file": "key",
                "key_id": "k",
            },
            "smart",
            "names a secret and a key",
        ),
        (
            {"client_id": "a", "frame_ancestors": ["http://localhost:3000"]},
            "smart.frame_ancestors[0]",
            "is not https",
        ),
        (
            {"client_id": "a", "frame_ancestors": ["https://e.example/path"]},
            "smart.frame_ancestors[0]",
            "is more than an origin",
        ),
    ],
    ids=str,
)
def test_an_app_that_cannot_be_launched_is_refused(
    faults, tmp_path, smart, field, told
):
    """Each fault at its place; no secret is repeated."""
    (tmp_path / "secret").write_text("hush")
    (tmp_path / "key").write_text(PEM)
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    fault = faults(north(**SERVED, smart=smart))[0]
    assert fault.field == f"clients[0].{field}"
    assert told in fault.problem
    assert "hush" not in f"{fault.problem} {fault.remedy}"


def test_an_app_without_a_server_is_refused(faults):
    """Nobody could launch it."""
    (fault,) = faults(north(smart={"client_id": "a"}))
    assert (fault.field, "has no FHIR server" in fault.problem) == (
        "clients[0].smart",
        True,
    )
