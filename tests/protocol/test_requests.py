"""REQ: what a client may send to a service, and what it may not."""

import pytest

from cds_hooks import HOOKS, BadRequest, FHIRAuthorization, load_request
from cds_hooks.hooks import Kind

EXAMPLES = {
    Kind.USER: "Practitioner/1",
    Kind.ID: "x.1-Y_2",
    Kind.REFERENCE: "Organization/1",
    Kind.REFERENCES: ["ServiceRequest/1"],
    Kind.OBJECT: {"resourceType": "Bundle"},
    Kind.OBJECTS: [{"resourceType": "Task"}],
}
WRONG = (3, True, [], "", " ", "a b", "../x", "Patient/..", "http://h/Patient/1", [1])


def test_req_1_a_right_request_is_answered(send, golden):
    """Posted JSON gives cards."""
    response = send("booster", golden)
    assert (response.status_code, len(response.json["cards"])) == (200, 1)


@pytest.mark.parametrize("field", ["hook", "hookInstance", "context"])
def test_req_2_a_required_field_that_is_missing_is_named(send, golden, problems, field):
    """Each required field is asked for by name."""
    del golden[field]
    response = send("booster", golden)
    assert response.status_code == 400
    assert [text.partition(":")[0] for text in problems(response)] == [field]


@pytest.mark.parametrize(
    ("instance", "status"),
    [
        ("d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", 200),
        ("D1577C69-DFBE-44AD-BA6D-3E05E953B2EA", 200),
        ("2c1a4d32-1d2b-11ee-be56-0242ac120002", 200),
        ("not-a-uuid", 400),
        ("", 400),
        (7, 400),
    ],
)
def test_req_3_hook_instance_is_a_uuid_of_any_version(send, golden, instance, status):
    """Version and case do not matter; anything else is refused."""
    assert send("booster", golden | {"hookInstance": instance}).status_code == status


def test_req_4_authorization_needs_the_server(send, golden, problems):
    """A token for an unnamed server is refused."""
    del golden["fhirServer"]
    assert problems(send("booster", golden)) == [
        "fhirServer: is missing; fhirAuthorization needs it"
    ]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://h/x",
        "ehr.example.org",
        "https://",
        "https://user:pw@h/fhir",
        "http://h/a b",
        55555,
    ],
)
def test_req_5_the_server_is_an_absolute_http_url(send, golden, problems, url):
    """Other schemes, user names and blanks are refused and not repeated."""
    response = send("booster", golden | {"fhirServer": url})
    assert problems(response) == ["fhirServer: must be an absolute http or https URL"]
    assert str(url) not in response.text


@pytest.mark.parametrize("field", ["userId", "patientId", "encounterId"])
def test_req_6_the_context_must_be_complete(send, golden, problems, field):
    """Each required field of encounter-discharge is asked for by name."""
    del golden["context"][field]
    response = send("booster", golden)
    assert response.status_code == 400
    assert problems(response)[0].startswith(f"context.{field}: is missing; send a")


@pytest.mark.parametrize("name", HOOKS)
def test_req_6_each_hook_takes_its_own_context(name):
    """A full context loads whole; without each required field it does not."""
    hook = HOOKS[name]
    users = hook.user_types or ("Practitioner",)
    context = {f.name: EXAMPLES[f.kind] for f in hook.fields}
    if "userId" in context:
        context["userId"] = f"{users[0]}/1"
    body = {"hook": name, "hookInstance": "0" * 8 + "-0000" * 3 + "-" + "0" * 12}
    loaded = load_request(body | {"context": context}, name)
    assert loaded.context == context
    assert loaded.patient_id == "x.1-Y_2"
    for field in hook.required:
        less = {key: value for key, value in context.items() if key != field}
        with pytest.raises(BadRequest, match=f"context.{field}: is missing"):
            load_request(body | {"context": less}, name)
    bare = {key: value for key, value in context.items() if key in hook.required}
    nulls = bare | dict.fromkeys(hook.optional)
    assert load_request(body | {"context": nulls}, name).context == bare


@pytest.mark.parametrize("name", HOOKS)
def test_req_6_each_field_of_a_context_has_its_type(name):
    """A value of another type is refused with the field's name."""
    body = {"hook": name, "hookInstance": "0" * 8 + "-0000" * 3 + "-" + "0" * 12}
    for field in HOOKS[name].fields:
        for wrong in WRONG:
            if wrong == [] and field.kind in (Kind.REFERENCES, Kind.OBJECTS):
                continue
            with pytest.raises(BadRequest, match=f"context.{field.name}: must be a"):
                load_request(body | {"context": {field.name: wrong}}, name)


@pytest.mark.parametrize("hook", ["patient-view", "x", "", None, 3, ["x"], {}])
def test_req_7_another_hook_is_refused(send, golden, problems, hook):
    """The hook must be one the service is at; the answer names it."""
    response = send("booster", golden | {"hook": hook})
    assert response.status_code == 400
    assert problems(response) == ["hook: must be encounter-discharge at this address"]


def test_req_7_a_request_is_loaded_for_one_hook(golden):
    """Outside the routes too the hook is checked."""
    with pytest.raises(BadRequest, match="hook: must be patient-view"):
        load_request(golden, "patient-view")


def test_req_8_unknown_fields_change_nothing(send, golden):
    """At every level a field of a later version is passed over."""
    expected = send("booster", golden).data
    golden["x"] = 1
    for part in ("context", "fhirAuthorization"):
        golden[part] |= {"x": 1, "extension": {"com.example.x": {"y": []}}}
    golden["prefetch"]["unknown"] = {"resourceType": "Unknown"}
    assert send("booster", golden).data == expected


@pytest.mark.parametrize(
    "field", ["fhirServer", "fhirAuthorization", "prefetch", "extension"]
)
def test_req_8_an_optional_field_may_be_null(chart, field):
    """A client that writes null where it should write nothing is understood."""
    request = load_request(chart | {field: None}, "patient-view")
    assert request.fhir_authorization is None
    assert request.encounter_id is None


@pytest.mark.parametrize(
    ("user", "status"),
    [
        ("Practitioner/a", 200),
        ("PractitionerRole/a", 200),
        ("Patient/p1", 400),
        ("RelatedPerson/r", 400),
        ("Practitioner", 400),
        ("Device/1", 400),
    ],
)
@pytest.mark.parametrize(
    ("path", "body"), [("booster", "golden"), ("booster-chart", "chart")]
)
def test_req_10_the_user_is_a_clinician(request, send, path, body, user, status):
    """By the hook at discharge, by the service's own rule in the chart."""
    sent = request.getfixturevalue(body)
    sent["context"]["userId"] = user
    assert send(path, sent).status_code == status


def test_req_10_the_chart_may_be_open_to_patients(send, chart, problems):
    """A service without a rule of its own takes whom the hook allows."""
    chart["context"]["userId"] = "Patient/p1"
    assert send("full", chart).status_code == 200
    assert problems(send("booster-chart", chart)) == [
        "context.userId: must be of type Practitioner or PractitionerRole"
    ]


@pytest.mark.parametrize(
    "path", ["nope", "nope/feedback", "booster/x", "%F0%9F", "..%2f"]
)
def test_req_11_an_unknown_address_is_404(client, problems, path):
    """In JSON, without repeating the address, with CORS."""
    response = client.post(f"/cds-services/{path}", json={})
    assert response.status_code == 404
    assert "nope" not in response.text
    assert problems(response)[0].startswith(("No such service", "There is nothing"))
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b"{}", "application/json; charset=latin-1", 415),
        (b"{}", None, 415),
        (b" " * 20_000_000, "application/json", 413),
    ],
    ids=["broken", "nothing", "array", "text", "form", "latin-1", "untyped", "20 MB"],
)
def test_req_12_what_is_no_json_is_4xx(client, data, content_type, status):
    """Broken, of another type or too large: the client's error, not ours."""
    response = client.post(
        "/cds-services/booster", data=data, content_type=content_type
    )
    assert response.status_code == status
    assert response.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        "application/fhir+json",
        "application/json+fhir; x=y",
    ],
)
def test_req_12_dialects_of_json_are_json(send, golden, content_type):
    """Parameters, case and +json types are understood."""
    status = send("booster", golden, content_type=content_type).status_code
    assert status == (415 if content_type.startswith("application/json+") else 200)


def test_req_12_a_compressed_body_is_415(send, golden):
    """No encoding is offered, so none is taken."""
    headers = {"Content-Encoding": "gzip"}
    assert send("booster", golden, headers=headers).status_code == 415


def test_req_13_no_call_depends_on_another(send, golden):
    """The same patient with a new hookInstance gets the same cards."""
    first = send("booster", golden)
    golden["hookInstance"] = "0b0e7f0a-6f0e-4e52-9a55-3d1c3f0f3d12"
    assert send("booster", golden).data == first.data


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("access_token", ""),
        ("access_token", 1),
        ("token_type", "MAC"),
        ("expires_in", "300"),
        ("expires_in", True),
        ("expires_in", 0.5),
        ("scope", ["a"]),
        ("subject", " "),
        ("patient", "Patient/1"),
    ],
)
def test_req_4_authorization_is_checked(send, golden, problems, field, wrong):
    """A wrong field is named with its path."""
    golden["fhirAuthorization"][field] = wrong
    (problem,) = problems(send("booster", golden))
    assert problem.startswith(f"fhirAuthorization.{field}: must be ")


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param("user/Observation.read", id="FA-7 SMART 1"),
        pytest.param("patient/Observation.rs launch", id="FA-7 SMART 2"),
        pytest.param("Read (Patient, R4) Search(x)", id="FA-7 Epic"),
        pytest.param("", id="FA-7 none"),
    ],
)
def test_scopes_are_not_parsed(golden, scope):
    """Whatever the syntax, the scope is kept as it was written."""
    golden["fhirAuthorization"] |= {"scope": scope, "patient": "p1", "expires_in": 3e2}
    granted = load_request(golden, "encounter-discharge").fhir_authorization
    assert granted == FHIRAuthorization("opaque-token", 300, scope, "booster", "p1")


@pytest.mark.parametrize(
    "level",
    [pytest.param("request", id="FA-3 request"), pytest.param("part", id="FA-4 part")],
)
def test_the_token_is_never_shown(golden, level):
    """Neither the token nor anything about the patient stands in a repr."""
    golden["context"]["patientId"] = "p-secret"
    request = load_request(golden, "encounter-discharge")
    shown = repr(request if level == "request" else request.fhir_authorization)
    assert "opaque-token" not in shown
    assert "secret" not in shown
    assert "Bundle" not in shown


def test_problems_come_all_at_once(send, problems):
    """A client sees everything that is wrong in one answer."""
    body = {"hook": "encounter-discharge", "context": {}, "prefetch": {"x": 3}}
    assert len(problems(send("booster", body))) == 5


def test_a_request_knows_its_people(golden):
    """The ids that every service needs have names of their own."""
    request = load_request(golden, "encounter-discharge")
    people = (request.patient_id, request.encounter_id, request.user_id)
    assert people == ("p1", "e1", "PractitionerRole/pr1")
    assert HOOKS["order-dispatch"].tokens == ("patientId", "performer")
