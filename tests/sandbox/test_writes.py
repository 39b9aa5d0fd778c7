"""What is written to the FHIR server: only valid R4, and transactions as a whole."""

from urllib.parse import urlencode

import fhirkit
import pytest

pytestmark = pytest.mark.tool

URN = "urn:uuid:5d1f3c5e-0000-4000-8000-00000000000{}"
IDENTIFIER = {"system": "http://example.org/mrn", "value": "42"}


def observation(**changes):
    """A valid Observation."""
    fields = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Cobb angle"},
        "subject": {"reference": "Patient/syn-01"},
    }
    return {**fields, **changes}


def transaction(*entries):
    """A transaction Bundle of (request, resource, urn)."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "request": request,
                "resource": resource,
                **({"fullUrl": urn} if urn else {}),
            }
            for request, resource, urn in entries
        ],
    }


def post(kind, **conditions):
    """The request of an entry that creates."""
    return {"method": "POST", "url": kind, **conditions}


def how_many(server, kind):
    """The number of resources of a type."""
    return server.get(f"{kind}?_summary=count").json()["total"]


def test_created_resource_can_be_read_and_found(scratch):
    """The server gives the id, whatever was sent."""
    created = scratch.post("Observation", observation(id="mine"))
    assert created.status_code == 201
    made = created.json()
    assert made["id"] != "mine"
    assert scratch.get(f"Observation/{made['id']}").json() == made
    found = scratch.search("Observation?patient=syn-01")
    assert made in found


def test_full_urls_of_entries_are_names_of_this_server(scratch):
    """As FHIR wants it of a transaction; what is not in it keeps its address."""
    base = "https://ehr.example.org/fhir/"
    put = {"method": "PUT", "url": "Patient/moved"}
    entries = [
        (put, {"resourceType": "Patient", "id": "moved"}, base + "Patient/moved"),
        *(
            (
                {"method": "PUT", "url": f"Observation/{name}"},
                observation(id=name, subject={"reference": f"{base}Patient/{whose}"}),
                None,
            )
            for name, whose in (("own", "moved"), ("foreign", "other"))
        ),
    ]
    assert scratch.post("", transaction(*entries)).status_code == 200
    own, foreign = (scratch.get(f"Observation/{n}").json() for n in ("own", "foreign"))
    assert own["subject"]["reference"] == "Patient/moved"
    assert foreign["subject"]["reference"] == base + "Patient/other"


def test_update_replaces_and_keeps_the_older_version(scratch):
    """PUT with an id of one's own creates, and changes when it is there."""
    for status in ("preliminary", "final"):
        sent = observation(id="changing", status=status)
        answer = scratch.send("PUT", "Observation/changing", sent)
        assert answer.status_code == 200
    assert scratch.get("Observation/changing").json()["status"] == "final"
    history = scratch.get("Observation/changing/_history").json()
    assert [each["resource"]["status"] for each in history["entry"]] == [
        "final",
        "preliminary",
    ]


def test_patch_changes_and_delete_removes(scratch):
    """A patch that leaves something broken is refused and changes nothing."""
    assert scratch.send("PUT", "Observation/one", observation(id="one")).ok
    as_patch = {"Content-Type": "application/json-patch+json"}
    for value, status in [("amended", 200), (["amended"], 400)]:
        patch = [{"op": "replace", "path": "/status", "value": value}]
        answer = scratch.send("PATCH", "Observation/one", patch, **as_patch)
        assert answer.status_code == status
    assert scratch.get("Observation/one").json()["status"] == "amended"
    url = f"{scratch.url}/Observation/one"
    assert scratch.session.delete(url, timeout=30).status_code == 200
    assert scratch.get("Observation/one").status_code == 404


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        ({"status": None}, "Observation.status"),
        ({"colour": "red"}, "Observation.colour"),
        ({"valueQuantity": "10 deg"}, "Observation.value"),
        ({"effectiveDateTime": "yesterday"}, "Observation.effective"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
@pytest.mark.parametrize("way", ["create", "update", "if-none-exist", "transaction"])
def test_resource_that_is_not_valid_is_refused_with_its_place(
    scratch, broken, where, way
):
    """Whichever way it comes, it is not stored."""
    sent = observation(**broken)
    sent = {name: value for name, value in sent.items() if value is not None}
    before = how_many(scratch, "Observation")
    if way == "create":
        answer = scratch.post("Observation", sent)
    elif way == "update":
        sent = {**sent, "id": "broken"}
        answer = scratch.send("PUT", "Observation/broken", sent)
    elif way == "if-none-exist":
        answer = scratch.send(
            "POST", "Observation", sent, **{"If-None-Exist": "_id=nobody"}
        )
    else:
        answer = scratch.post("", transaction((post("Observation"), sent, None)))
    assert answer.status_code == 400
    places = [p for issue in answer.json()["issue"] for p in issue["expression"]]
    assert any(place.startswith(where) for place in places)
    assert how_many(scratch, "Observation") == before


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("{", "application/fhir+json"),
        ("", "application/fhir+json"),
        ("<Patient/>", "application/fhir+xml"),
        ('"Patient"', "application/json"),
    ],
)
def test_body_that_is_no_resource_is_refused(scratch, body, kind):
    """With an OperationOutcome that does not repeat it."""
    answer = scratch.session.post(
        f"{scratch.url}/Patient", data=body, headers={"Content-Type": kind}, timeout=30
    )
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert "<Patient/>" not in answer.text


def test_references_within_a_transaction_are_resolved(scratch):
    """`urn:uuid` becomes the id that the server gave."""
    bundle = transaction(
        (post("Patient"), {"resourceType": "Patient", "active": True}, URN.format(1)),
        (post("Observation"), observation(subject={"reference": URN.format(1)}), None),
    )
    answer = scratch.post("", bundle)
    assert answer.status_code == 200
    places = [each["response"]["location"] for each in answer.json()["entry"]]
    assert places[0].startswith("Patient/")
    assert scratch.get(places[1]).json()["subject"]["reference"] == places[0]


def test_conditional_create_and_reference_find_what_is_there(scratch):
    """The same person is not made twice, and can be meant by an identifier."""
    person = {"resourceType": "Practitioner", "identifier": [IDENTIFIER]}
    condition = urlencode(
        {"identifier": f"{IDENTIFIER['system']}|{IDENTIFIER['value']}"}
    )
    meant = [{"reference": f"Practitioner?{condition}"}]
    before = how_many(scratch, "Practitioner")
    for _ in range(2):
        entry = (post("Practitioner", ifNoneExist=condition), person, URN.format(2))
        assert scratch.post("", transaction(entry)).status_code == 200
    assert how_many(scratch, "Practitioner") == before + 1
    (there,) = scratch.search(f"Practitioner?{condition}")
    entry = (post("Observation"), observation(performer=meant), None)
    answer = scratch.post("", transaction(entry)).json()
    made = scratch.get(answer["entry"][0]["response"]["location"]).json()
    assert made["performer"] == [{"reference": f"Practitioner/{there['id']}"}]


def test_conditional_reference_to_nobody_is_refused(scratch):
    """The message names the type and no identifier."""
    meant = [{"reference": "Practitioner?identifier=of-a-person"}]
    answer = scratch.post("Observation", observation(performer=meant))
    assert answer.status_code == 400
    assert "Practitioner fits 0 resources" in answer.text
    assert "of-a-person" not in answer.text


def test_transaction_that_fails_leaves_nothing(scratch):
    """The valid entries before the broken one are not stored either."""
    before = how_many(scratch, "Patient"), how_many(scratch, "Observation")
    bundle = transaction(
        (post("Patient"), {"resourceType": "Patient"}, URN.format(3)),
        (post("Observation"), {"resourceType": "Observation"}, None),
    )
    assert scratch.post("", bundle).status_code == 400
    after = how_many(scratch, "Patient"), how_many(scratch, "Observation")
    assert after == before


def test_dates_are_sorted_as_instants(scratch):
    """Not as text: offsets, days and periods lie among each other."""
    times = {
        "effectiveDateTime": ["2026-03-01T23:30:00-05:00", "2026-03-02", "2026"],
        "effectivePeriod": [{"start": "2026-03-02T05:00:00+01:00"}],
    }
    code = {"coding": [{"system": "http://example.org", "code": "sorted"}]}
    for name, values in times.items():
        for value in values:
            scratch.post("Observation", observation(code=code, **{name: value}))
    scratch.post("Observation", observation(code=code))
    wanted = ["2026", "2026-03-02", "2026-03-02T05:00:00+01:00"]
    wanted = [*wanted, "2026-03-01T23:30:00-05:00"]

    def found(order):
        for item in scratch.search(f"Observation?code=sorted&_sort={order}"):
            period = item.get("effectivePeriod", {})
            yield item.get("effectiveDateTime", period.get("start"))

    assert list(found("date")) == [*wanted, None]
    assert list(found("-date")) == [*reversed(wanted), None]


def test_capability_statement_is_valid_and_open(scratch, validators):
    """It needs no token, and both validators and a third have nothing against it."""
    answer = scratch.session.get(
        f"{scratch.url}/metadata", headers={"Authorization": ""}, timeout=30
    )
    statement = answer.json()
    assert statement["fhirVersion"] == "4.0.1"
    assert [str(issue) for issue in fhirkit.validate(statement)] == []
    findings = validators.findings(statement)
    assert [f for f in findings if f["severity"] in {"error", "fatal"}] == []
    (rest,) = statement["rest"]
    offered = {
        each["type"]: {p["name"] for p in each["searchParam"]}
        for each in rest["resource"]
    }
    assert {"patient", "code", "date"} <= offered["Observation"]
    assert "value-quantity" not in offered["Observation"]
