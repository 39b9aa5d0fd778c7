"""What nobody should send: never a 500, never a word of it sent back."""

import io

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import ClientDisconnected

from cds_hooks import Registry

CANARY = "Zq7canary"
PATHS = (
    "booster",
    "booster-chart",
    "full",
    "booster/feedback",
    "nope",
    "nope/feedback",
    "/booster",
    "booster//feedback/",
    "%2fbooster",
    "booster%2ffeedback",
    "../cds-services/booster",
    "%2e%2e/booster",
    "..%2f..%2fbooster",
    "%00",
    "booster;a=b",
)
NAMES = [
    "hook",
    "hookInstance",
    "fhirServer",
    "fhirAuthorization",
    "context",
    "prefetch",
    "extension",
    "userId",
    "patientId",
    "encounterId",
    "access_token",
    "token_type",
    "expires_in",
    "scope",
    "subject",
    "patient",
    "immunizations",
    "resourceType",
    "entry",
    "resource",
    "link",
    "total",
    "feedback",
    "card",
    "outcome",
    "outcomeTimestamp",
    "acceptedSuggestions",
    "overrideReason",
    "overrideReasons",
    "reason",
    "code",
    "system",
    "display",
    "userComment",
    "id",
]
WORDS = [
    "encounter-discharge",
    "patient-view",
    "accepted",
    "overridden",
    "Bundle",
    "OperationOutcome",
    "Bearer",
    "Immunization",
    "next",
    "Practitioner/1",
    "2020-12-11T00:00:00Z",
    "https://h/fhir",
    "0b0e7f0a-6f0e-4e52-9a55-3d1c3f0f3d11",
]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=20).map(lambda text: CANARY + text),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(NAMES) | st.just(f"{CANARY}key"), inner, max_size=6
        )
    ),
    max_leaves=30,
)
thorough = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def assert_is_kept_out(response, *, status=None):
    """No fault, an OperationOutcome if it failed, and nothing repeated."""
    assert response.status_code < 500
    assert status is None or response.status_code == status
    assert CANARY not in response.text
    assert "Traceback" not in response.text
    if response.status_code != 200:
        assert response.json["resourceType"] == "OperationOutcome"


@thorough
@given(path=st.sampled_from(PATHS), body=anything)
def test_any_json_at_any_address(send, path, body):
    """Arbitrary JSON, made of the words the protocol knows."""
    assert_is_kept_out(send(path, body))


@thorough
@given(data=st.data())
def test_a_right_request_with_one_part_replaced(send, golden, feedback, data):
    """Wrong types at every depth of an otherwise right body."""
    path, body = data.draw(
        st.sampled_from(
            [("booster", golden), ("full/feedback", {"feedback": [feedback]})]
        )
    )
    body = orjson.loads(orjson.dumps(body))
    part = body
    while True:
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        key = data.draw(st.sampled_from(keys))
        if (
            not isinstance(part[key], dict | list)
            or not part[key]
            or data.draw(st.booleans())
        ):
            break
        part = part[key]
    part[key] = data.draw(anything)
    assert_is_kept_out(send(path, body))


LISTS = [
    ("booster", ("prefetch", "immunizations", "entry")),
    ("booster", ("prefetch", "immunizations", "link")),
    ("booster", ("prefetch", "immunizations")),
    ("booster", ("prefetch",)),
    ("booster", ("extension",)),
    ("booster", ("context",)),
    ("booster", ("context", "userId")),
    ("booster", ("fhirAuthorization",)),
    ("booster", ("fhirAuthorization", "scope")),
    ("full/feedback", ("feedback",)),
    ("full/feedback", ("feedback", 0)),
    ("full/feedback", ("feedback", 0, "acceptedSuggestions")),
    ("full/feedback", ("feedback", 0, "overrideReason")),
    ("full/feedback", ("feedback", 0, "overrideReasons")),
    ("full/feedback", ("feedback", 0, "extension")),
]


@settings(thorough, max_examples=60)
@given(
    place=st.sampled_from(LISTS),
    entry=anything,
    count=st.integers(500, 5000),
    is_object=st.booleans(),
)
def test_large_lists_and_objects_are_answered_in_short(
    send, golden, feedback, place, entry, count, is_object
):
    """However many of whatever, wherever it stands: the answer has an end."""
    path, (*way, last) = place
    whole = golden if path == "booster" else {"feedback": [feedback]}
    body = orjson.loads(orjson.dumps(whole))
    part = body
    for key in way:
        part = part[key]
    many = {f"{CANARY}{i}": entry for i in range(count)}
    part[last] = many if is_object else [entry] * count
    response = send(path, body)
    assert_is_kept_out(response)
    assert len(response.data) < 40_000


@settings(thorough, max_examples=50)
@given(path=st.sampled_from(PATHS), body=st.binary(max_size=200))
def test_any_bytes_at_any_address(send, path, body):
    """Bytes that are no JSON at all."""
    assert send(path, body).status_code in (400, 404)


@pytest.mark.parametrize("path", PATHS[:4])
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"hook":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b"NaN",
        b'{"hook": NaN}',
        b'{"hook": Infinity}',
        b'{"hook": -Infinity}',
        b'{"hook": 1e999}',
        b'{"hook": "Zq7canary\xff"}',
        '{"hook": "Zq7canary"}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"hook": "\\ud800 Zq7canary"}',
        b'{"hook": "\xed\xa0\x80"}',
        b'{"hook": "a\x00b"}',
        b'{"hook": "Zq7canary" /* x */}',
        b"{'hook': 'Zq7canary'}",
        b"\x00" * 100,
        b'"Zq7canary"',
        b"1" * 10_000,
    ],
    ids=[
        "brackets",
        "braces",
        "closed brackets",
        "1000 brackets",
        "NaN",
        "NaN inside",
        "Infinity",
        "-Infinity",
        "1e999",
        "no UTF-8",
        "UTF-16",
        "byte order mark",
        "lone surrogate, escaped",
        "lone surrogate, encoded",
        "control character",
        "comment",
        "single quotes",
        "zeros",
        "a string",
        "a long number",
    ],
)
def test_a_broken_body_is_400(send, path, body):
    """What no strict reader of JSON takes, or what is no object."""
    assert_is_kept_out(send(path, body), status=400)


def test_the_last_of_two_equal_names_counts(send, golden):
    """JSON leaves it open; here it is so for every field, and the result is checked."""
    twice = orjson.dumps(golden)[:-1] + b',"hook":"Zq7canary"}'
    assert_is_kept_out(send("booster", twice), status=400)
    twice = b'{"hook":"Zq7canary",' + orjson.dumps(golden)[1:]
    assert_is_kept_out(send("booster", twice), status=200)


@pytest.mark.parametrize("path", ["booster", "full/feedback"])
@pytest.mark.parametrize("size", ["8388610", "99999999999999999999"])
def test_a_body_that_says_it_is_too_large_is_413(client, problems, path, size):
    """By its Content-Length alone, before it is read."""
    response = client.post(
        f"/cds-services/{path}",
        input_stream=io.BytesIO(b""),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": size},
    )
    assert response.status_code == 413
    assert problems(response) == ["body: send at most 8388608 bytes"]


@pytest.mark.parametrize("path", ["booster", "full/feedback"])
@pytest.mark.parametrize(
    ("size", "status"), [(8_388_608, 400), (8_388_609, 413), (20_000_000, 413)]
)
def test_a_chunked_body_that_is_too_large_is_413(client, path, size, status):
    """Without a Content-Length the limit holds too, to the byte."""
    response = client.post(
        f"/cds-services/{path}",
        input_stream=io.BytesIO(b" " * size),
        headers={"Transfer-Encoding": "chunked"},
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert_is_kept_out(response, status=status)


@pytest.mark.parametrize(
    "error", [OSError(CANARY), EOFError(), ClientDisconnected()], ids=repr
)
def test_a_body_that_breaks_off_is_400(client, error):
    """However the server's stream reports it."""

    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise error

        readinto = read

    response = client.post(
        "/cds-services/booster",
        input_stream=Broken(b"{}"),
        content_type="application/json",
    )
    assert_is_kept_out(response, status=400)


def test_the_limit_is_the_authors(build_app, services, golden):
    """A smaller one can be set."""
    client = build_app(Registry(services), max_body_bytes=10).test_client()
    assert client.post("/cds-services/booster", json=golden).status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=Zq7canary"},
        {"Content-Type": "application/json; charset"},
        {"Content-Type": "application/json" + ";x=y" * 2000},
        {"Content-Type": "Zq7canary"},
        {"Content-Type": "\xff\xfe"},
        {"Content-Encoding": "Zq7canary"},
        {"Authorization": "Zq7canary \xff" + "x" * 5000},
        {"Origin": "Zq7canary"},
        {"Accept": "Zq7canary;q=\xff"},
        {"Host": "Zq7canary.example.org"},
        {"X-Forwarded-Host": "Zq7canary.example.org", "Forwarded": "for=Zq7canary"},
        {"Content-Length": "-1"},
        {"Cookie": "Zq7canary=" + ";" * 1000},
        {"Range": "bytes=Zq7canary"},
    ],
    ids=lambda headers: f"{next(iter(headers))} {next(iter(headers.values()))[:24]!a}",
)
def test_junk_in_headers_does_no_harm(client, golden, headers):
    """Answered or refused, never repeated."""
    response = client.post(
        "/cds-services/booster",
        data=orjson.dumps(golden),
        headers={"Content-Type": "application/json"} | headers,
    )
    assert_is_kept_out(response)
    assert CANARY not in str(response.headers)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "ZQ7"])
@pytest.mark.parametrize("path", ["booster", "booster/feedback"])
def test_other_methods_are_405(client, method, path):
    """In JSON, with the methods that serve."""
    response = client.open(f"/cds-services/{path}", method=method)
    assert_is_kept_out(response, status=405)
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "'; DROP TABLE x; --", "{{7*7}}", "%s%n", "\u202e"],
)
def test_hostile_texts_are_only_text(send, golden, text):
    """Where a text is free it is passed over; where an id is due it is refused."""
    golden["prefetch"]["patient"]["name"] = [{"family": CANARY + text}]
    golden["fhirAuthorization"]["scope"] = CANARY + text
    assert_is_kept_out(send("booster", golden), status=200)
    golden["context"]["patientId"] = CANARY + text
    assert_is_kept_out(send("booster", golden), status=400)


def test_ten_thousand_entries_are_read(send, golden):
    """A large Bundle is no fault."""
    entry = {"resource": {"resourceType": "Immunization", "id": "i"}}
    golden["prefetch"]["immunizations"] = {
        "resourceType": "Bundle",
        "entry": [entry] * 10_000,
    }
    assert send("booster", golden).json == {"cards": []}
