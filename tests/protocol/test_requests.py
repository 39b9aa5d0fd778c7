"""REQ: what a client may send to a service, and what it may not."""

import pytest
from flask import Flask

from cds_hooks import HOOKS, BadRequest, FHIRAuthorization, Registry, load_request
from cds_hooks.blueprint import create_blueprint
from cds_hooks.hooks import Kind

EXAMPLES = {
    Kind.USER: "Practitioner/1",
    Kind.ID: "x.1-Y_2",
    Kind.REFERENCE: "Organization/1",
    Kind.REFERENCES: ["ServiceRequest/1"],
    Kind.OBJECT: {"resourceType": "Bundle"},
    Kind.OBJECTS: [{"resourceType": "Task"}],
}
GRANTED = ("access_token", "token_type", "expires_in", "scope", "subject")
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


@pytest.mark.parametrize("server", [{}, {"fhirServer": None}], ids=["absent", "null"])
def test_req_4_a_token_without_its_server_is_not_used(send, golden, server):
    """The call goes on as if there were none: nobody knows where to send it."""
    expected = send("booster", golden)
    assert expected.status_code == 200
    del golden["fhirServer"]
    request = load_request(golden | server, "encounter-discharge")
    assert (request.fhir_server, request.fhir_authorization) == (None, None)
    assert send("booster", golden | server).data == expected.data


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
    golden["prefetch"] |= {"unknown": {"resourceType": "Unknown"}, "odd": [{}]}
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


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "ZQ7"])
@pytest.mark.parametrize("path", ["nope", "nope/feedback", "nope/", "boost"])
def test_req_11_an_unknown_service_is_404_for_every_method(
    client, problems, method, path
):
    """405 would say that there is one; only of those that exist it is said."""
    response = client.open(f"/cds-services/{path}", method=method)
    assert response.status_code == 404
    assert "Allow" not in response.headers
    assert problems(response)[0].startswith("No such service")
    known = client.open("/cds-services/booster", method=method)
    assert known.status_code == 405
    assert set(known.allow) == {"OPTIONS", "POST"}


def test_req_11_unknown_services_are_told_below_a_base_of_its_own(services):
    """Also without the handlers for the whole application, and in JSON."""
    app = Flask("example")
    app.register_blueprint(create_blueprint(Registry(services)), url_prefix="/r4")
    client = app.test_client()
    assert client.get("/r4/cds-services/nope").json["resourceType"]
    assert client.get("/r4/cds-services/nope").status_code == 404
    assert client.get("/r4/cds-services/booster").status_code == 405
    assert client.get("/cds-services/nope").json is None


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
        "application/json; charset=utf8",
        'application/json; charset="UTF8"',
        "application/fhir+json",
        "application/json+fhir; x=y",
    ],
)
def test_req_12_dialects_of_json_are_json(send, golden, content_type):
    """Parameters, case and +json types are understood."""
    status = send("booster", golden, content_type=content_type).status_code
    assert status == (415 if content_type.startswith("application/json+") else 200)


@pytest.mark.parametrize(
    ("encoding", "status"),
    [
        ("identity", 200),
        ("Identity", 200),
        ("", 200),
        ("gzip", 415),
        ("identity, gzip", 415),
    ],
)
def test_req_12_a_compressed_body_is_415(send, golden, encoding, status):
    """No encoding is offered, so none is taken; RFC 9110's word for none is none."""
    headers = {"Content-Encoding": encoding}
    assert send("booster", golden, headers=headers).status_code == status


def test_req_13_no_call_depends_on_another(send, golden):
    """The same patient with a new hookInstance gets the same cards."""
    first = send("booster", golden)
    golden["hookInstance"] = "0b0e7f0a-6f0e-4e52-9a55-3d1c3f0f3d12"
    assert send("booster", golden).data == first.data


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *[(name, None) for name in GRANTED],
        *[(name, [1]) for name in (*GRANTED, "patient")],
        ("access_token", ""),
        ("access_token", 1),
        ("token_type", "MAC"),
        ("token_type", "Bearer "),
        ("expires_in", "soon"),
        ("expires_in", "-1"),
        ("expires_in", "3e2"),
        ("expires_in", "9" * 5000),
        ("expires_in", "\u0663\u0660\u0660"),
        ("expires_in", True),
        ("expires_in", 0.5),
        ("subject", " "),
        ("patient", ""),
        ("patient", "Patient/1"),
    ],
)
def test_req_4_a_token_that_cannot_be_trusted_is_dropped(send, golden, field, wrong):
    """The service does without; the call is no worse than one without a token."""
    expected = send("booster", golden)
    assert expected.status_code == 200
    golden["fhirAuthorization"][field] = wrong
    request = load_request(golden, "encounter-discharge")
    assert request.fhir_authorization is None
    assert request.fhir_server == "https://ehr.example.org/fhir"
    assert send("booster", golden).data == expected.data


@pytest.mark.parametrize("field", GRANTED)
def test_req_4_a_token_with_a_part_missing_is_dropped(golden, field):
    """Each field that the specification requires of it."""
    del golden["fhirAuthorization"][field]
    request = load_request(golden, "encounter-discharge")
    assert request.fhir_authorization is None


@pytest.mark.parametrize("wrong", ["secret", [], [{}], 3, True, {}])
def test_req_4_an_authorization_of_another_type_is_dropped(send, golden, wrong):
    """As a whole, too."""
    golden["fhirAuthorization"] = wrong
    assert load_request(golden, "encounter-discharge").fhir_authorization is None
    assert send("booster", golden).status_code == 200


@pytest.mark.parametrize(
    "variant",
    [
        {"token_type": "bearer"},
        {"token_type": "BEARER"},
        {"expires_in": "300"},
        {"expires_in": 300.0},
        {"patient": None},
    ],
    ids=str,
)
def test_req_4_dialects_of_a_token_are_understood(golden, variant):
    """RFC 6749: the type is case-insensitive; some servers write numbers as text."""
    plain = load_request(golden, "encounter-discharge").fhir_authorization
    golden["fhirAuthorization"] |= variant
    assert load_request(golden, "encounter-discharge").fhir_authorization == plain
    assert plain == FHIRAuthorization(
        "opaque-token", 300, "user/Immunization.read user/Patient.read", "booster"
    )


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
    body = {"hook": "encounter-discharge", "context": {}, "prefetch": []}
    named = [text.partition(":")[0] for text in problems(send("booster", body))]
    assert sorted(named) == [
        "context.encounterId",
        "context.patientId",
        "context.userId",
        "hookInstance",
        "prefetch",
    ]


@pytest.mark.parametrize(
    ("name", "field", "wrong"),
    [
        ("order-select", "selections", [1] * 100_000),
        ("order-select", "selections", ["ServiceRequest/1"] * 100_000 + [1]),
        ("order-select", "draftOrders", [{}] * 100_000),
        ("order-dispatch", "fulfillmentTasks", [1] * 100_000),
        ("patient-view", "userId", "x" * 1_000_000),
    ],
)
def test_a_large_wrong_value_is_one_short_problem(name, field, wrong):
    """However long a list or text is, the answer says once what is wrong with it."""
    body = {"hook": name, "hookInstance": "0" * 8 + "-0000" * 3 + "-" + "0" * 12}
    with pytest.raises(BadRequest) as caught:
        load_request(body | {"context": {field: wrong}}, name)
    about = [text for text in caught.value.problems if text.startswith("context.")]
    assert sum(text.startswith(f"context.{field}: ") for text in about) == 1
    assert len(about) <= len(HOOKS[name].fields)
    assert sum(map(len, caught.value.problems)) < 1000


def test_many_names_that_nobody_knows_are_no_problem(send, golden):
    """Not one is told: neither at the root, nor in context, prefetch or token."""
    junk = {f"x{i}": [1] for i in range(20_000)}
    golden["fhirAuthorization"]["scope"] = "x" * 1_000_000
    for part in (golden["context"], golden["prefetch"], golden["fhirAuthorization"]):
        part.update(junk)
    assert send("booster", golden | junk).status_code == 200


def test_a_request_knows_its_people(golden):
    """The ids that every service needs have names of their own."""
    request = load_request(golden, "encounter-discharge")
    people = (request.patient_id, request.encounter_id, request.user_id)
    assert people == ("p1", "e1", "PractitionerRole/pr1")
    assert HOOKS["order-dispatch"].tokens == ("patientId", "performer")
