"""Keys for rehearsals, and what an EHR's JSON Web Token says."""

import base64
import hashlib
import json
import stat

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from cds_hooks import Client, KeySource
from cds_hooks.register import preset
from service.ehr import DevelopmentKey, KeyFileError, Signer, read_key

URL = "https://cds.example.org/cds-services/scnen-chart"
BASE = "https://ehr.example.org/fhir"
REQUIRED = {"require": ["iss", "aud", "exp", "iat", "jti"]}


def verified(token, key, audience=URL):
    """Header and claims, checked against the public key that would be registered."""
    public = jwt.PyJWK(key.public_jwk)
    claims = jwt.decode(
        token, public, [key.algorithm], audience=audience, options=REQUIRED
    )
    return jwt.get_unverified_header(token), claims


@pytest.fixture(scope="module", params=["ES384", "RS384"])
def key(request):
    """A key of each kind."""
    return DevelopmentKey.new(request.param)


def test_a_token_has_all_that_the_specification_asks_for(key):
    """alg, kid, typ; iss, aud, exp, iat, jti; five minutes of life."""
    header, claims = verified(Signer(key, Client("a"), BASE).token(URL), key)
    kid = key.public_jwk["kid"]
    assert header == {"alg": key.algorithm, "kid": kid, "typ": "JWT"}
    assert claims["iss"] == BASE
    assert claims["exp"] - claims["iat"] == 300


def test_no_two_tokens_are_the_same(key):
    """Otherwise the second would look like a replay."""
    signer = Signer(key, Client("a"), BASE)
    first, second = (verified(signer.token(URL), key)[1] for _ in range(2))
    assert first["jti"] != second["jti"]


def test_issuer_tenant_and_audience_are_those_of_the_register(key):
    """The service compares them to the letter."""
    client = Client(
        "north",
        issuer="https://issuer.example.org",
        keys=KeySource(jwks={"keys": []}),
        tenants=("t1", "t2"),
        audiences=("https://registered.example.org/x",),
    )
    token = Signer(key, client, BASE).token(URL)
    _, claims = verified(token, key, "https://registered.example.org/x")
    assert claims["iss"] == "https://issuer.example.org"
    assert claims["tenant"] == "t1"


def test_a_called_url_that_is_registered_is_the_audience(key):
    """Even if another one stands before it."""
    client = Client("north", audiences=("https://a.example.org", URL))
    verified(Signer(key, client, BASE).token(URL), key)


@pytest.mark.parametrize(
    ("called", "audience"),
    [
        (
            "http://127.0.0.1:8080/cds-services/a",
            "https://cds.example.org/cds-services/a",
        ),
        (
            "http://127.0.0.1:8080/cds-services/b/feedback",
            "https://cds.example.org/cds-services/b",
        ),
        ("http://127.0.0.1:8080/cds-services", "urn:first"),
    ],
)
def test_under_another_host_the_audience_of_the_same_address_is_named(
    key, called, audience
):
    """A rehearsal reaches the service behind its proxy, the EHR before it."""
    client = Client(
        "north",
        audiences=(
            "urn:first",
            "https://cds.example.org/cds-services/b",
            "https://cds.example.org/cds-services/a",
        ),
    )
    verified(Signer(key, client, BASE).token(called), key, audience)


@pytest.mark.parametrize(
    ("name", "issuer"),
    [
        ("epic", BASE),
        ("oracle-health", "https://cds-hooks.cerner.com"),
        ("public-sandbox", "https://sandbox.cds-hooks.org"),
    ],
)
def test_a_preset_signs_as_its_ehr_does(key, name, issuer):
    """Epic adds `sub` and `nbf`; the others do not."""
    _, claims = verified(Signer(key, preset(name), BASE).token(URL), key)
    assert claims["iss"] == issuer
    assert ({"sub", "nbf"} <= claims.keys()) is (name == "epic")


def test_the_key_id_is_the_thumbprint(key):
    """RFC 7638: the required members in order, hashed."""
    jwk = key.public_jwk
    names = {"EC": ["crv", "kty", "x", "y"], "RSA": ["e", "kty", "n"]}[jwk["kty"]]
    text = json.dumps({n: jwk[n] for n in names}, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    assert jwk["kid"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert "d" not in jwk


def test_a_saved_key_is_read_back_and_readable_by_nobody_else(key, tmp_path):
    """The private file is the owner's; the public one holds no secret."""
    private, public = key.save(tmp_path / "new")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert read_key(private).public_jwk == key.public_jwk
    assert json.loads(public.read_bytes()) == {"keys": [key.public_jwk]}


@pytest.mark.parametrize("name", ["rehearsal.pem", "rehearsal.jwks.json"])
def test_no_key_is_overwritten(tmp_path, name):
    """It may be registered somewhere."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(KeyFileError, match=f"{name}: is there already"):
        DevelopmentKey.new("ES384").save(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError, match="file/folder: Not a directory"):
        DevelopmentKey.new("ES384").save(tmp_path / "file" / "folder")


def test_the_key_is_not_shown(key):
    """`repr` stands in tracebacks."""
    assert repr(key) == f"DevelopmentKey(algorithm='{key.algorithm}')"


def pem(curve, encryption):
    private = ec.generate_private_key(curve)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello", "no private key, or one with a password"),
        (
            pem(ec.SECP384R1(), BestAvailableEncryption(b"x")),
            "no private key, or one with a password",
        ),
        (pem(ec.SECP256R1(), NoEncryption()), "neither RSA nor on the curve P-384"),
    ],
)
def test_what_is_no_key_is_refused_with_the_remedy(tmp_path, content, said):
    """The message names the file, never what is in it."""
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(KeyFileError, match=said) as caught:
        read_key(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "--new-key" in str(caught.value)


def test_a_key_file_that_is_not_there_is_named(tmp_path):
    """With the remedy."""
    with pytest.raises(KeyFileError, match="No such file"):
        read_key(tmp_path / "none.pem")
