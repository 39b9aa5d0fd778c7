"""Bad input through the whole application: never a 500, nothing is repeated."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.app import example_request_file

CANARY = "canary-4711"
URL = "/cds-services/scnen-discharge"
EXAMPLE = json.loads(example_request_file().read_bytes())

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", " ", CANARY, "<script>", "Patient/", "2026-02-30", "\ud7ff\x00", "1e9999"]
    )
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceType", "code", "id", "entry", "value", CANARY]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def paths(node, path=()):
    """Every place in a JSON document."""
    yield path
    children = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, child in children:
        yield from paths(child, (*path, key))


PLACES = [path for path in paths(EXAMPLE) if path]


def replaced(places, values):
    """The example request with other values at some places."""
    body = copy.deepcopy(EXAMPLE)
    for path, value in zip(places, values, strict=True):
        node = body
        try:
            for key in path[:-1]:
                node = node[key]
            _ = node[path[-1]]
            node[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took this place away
    return body


@given(data=st.data())
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_junk_anywhere_in_a_real_request_is_answered_without_a_fault(client, data):
    """Wherever a wrong type or a hostile text stands, the answer is one of three."""
    places = data.draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=4))
    values = [data.draw(JUNK) for _ in places]
    answer = client.post(URL, json=replaced(places, values))
    assert answer.status_code in {200, 400, 412}, answer.text
    if answer.status_code != 200:
        assert answer.json["resourceType"] == "OperationOutcome"
        assert CANARY not in answer.text


@given(
    body=st.binary(max_size=200) | JUNK.map(lambda value: json.dumps(value).encode())
)
@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_bytes_are_refused(client, body):
    """What is no hook request is a bad request."""
    answer = client.post(URL, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 100_000, id="100,000 brackets"),
        pytest.param(b'{"a":' * 100_000, id="100,000 braces"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="balanced brackets"),
        pytest.param(json.dumps(EXAMPLE).encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"hook": NaN}', id="NaN"),
        pytest.param(json.dumps(EXAMPLE).encode()[:-1], id="cut off"),
    ],
)
def test_what_is_not_json_is_a_bad_request(client, body):
    """Neither depth nor encoding brings the service down."""
    answer = client.post(URL, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["resourceType"] == "OperationOutcome"


def nested(depth):
    """A resource that is nothing but depth."""
    node = {}
    for _ in range(depth):
        node = {"extension": [node]}
    return node


def test_depth_inside_a_resource_costs_only_that_resource(client):
    """A deep extension does not keep the card from being given."""
    body = copy.deepcopy(EXAMPLE)
    entry = body["prefetch"]["observations"]["entry"]
    entry.append({"resource": {"resourceType": "Observation", **nested(400)}})
    answer = client.post(URL, json=body)
    assert answer.status_code == 200
    assert len(answer.json["cards"]) == 1


@pytest.mark.parametrize("is_relevant", [False, True])
def test_ten_thousand_observations_leave_one_card(client, is_relevant):
    """Much data is read to its end, also when all of it matters."""
    body = copy.deepcopy(EXAMPLE)
    entries = body["prefetch"]["observations"]["entry"]
    one = next(
        entry["resource"]
        for entry in entries
        if "cement" in json.dumps(entry["resource"]["code"])
    )
    kept = {"resourceType", "status", "code", "subject", "encounter", "valueQuantity"}
    many = {name: value for name, value in one.items() if name in kept}
    if not is_relevant:
        many["code"] = {"coding": [{"system": "http://loinc.org", "code": "1"}]}
    for number in range(10_000):
        when = f"2026-03-05T{number % 24:02}:{number % 60:02}:{number % 59:02}Z"
        resource = {**many, "id": f"o{number}", "effectiveDateTime": when}
        entries.append({"resource": resource})
    answer = client.post(URL, json=body)
    assert len(answer.json["cards"]) == 1


def test_resources_of_another_patient_are_not_used(client):
    """Two patients in one prefetch: the other one's cement ratio does not serve."""
    body = copy.deepcopy(EXAMPLE)
    for entry in body["prefetch"]["observations"]["entry"]:
        entry["resource"]["subject"] = {"reference": "Patient/somebody-else"}
    (card,) = client.post(URL, json=body).json["cards"]
    assert card["indicator"] == "info"
    assert "somebody-else" not in json.dumps(card)


def test_one_bad_entry_costs_only_itself(client):
    """A resource that does not load is left out; the others give the card."""
    body = copy.deepcopy(EXAMPLE)
    bad = {"resourceType": "Observation", "code": {"coding": "x"}, "status": 1}
    body["prefetch"]["observations"]["entry"] += [None, {}, {"resource": bad}]
    (card,) = client.post(URL, json=body).json["cards"]
    assert card["indicator"] == "warning"


def test_hostile_names_do_not_reach_the_card_as_mark_up(client):
    """A script in a name or a text stays a text, or stays out."""
    text = json.dumps(EXAMPLE)
    body = json.loads(text)
    script = "<script>alert(1)</script>[x](javascript:alert(1))"
    body["prefetch"]["patient"]["name"] = [{"text": script, "family": script}]
    for entry in body["prefetch"]["procedures"]["entry"]:
        entry["resource"]["code"]["text"] = script
        for coding in entry["resource"]["code"]["coding"]:
            coding["display"] = script
    answer = client.post(URL, json=body)
    assert answer.json["cards"]
    assert "<script" not in answer.text
    assert "](javascript" not in answer.text
