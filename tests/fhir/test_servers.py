"""One patient id, one server: under all the names that the register has for it."""

import pytest

from service.fhir.servers import at_home

BASE = "https://ehr.example.org/fhir"
INSIDE = "http://fhir-internal:8080/r4"
BASES = (BASE, INSIDE)


def _of(reference, kind="Procedure"):
    return {"resourceType": kind, "id": "r", "subject": {"reference": reference}}


@pytest.mark.parametrize("base", [*BASES, "HTTPS://EHR.example.org:443/fhir/"])
@pytest.mark.parametrize("tail", ["", "/_history/7"])
def test_every_known_name_is_the_short_way(base, tail):
    """So that all that follows sees one server."""
    resource = _of(f"{base.rstrip('/')}/Patient/p1{tail}")
    resource["subject"]["display"] = "kept"
    kept, elsewhere = at_home([resource], "p1", BASES)
    assert kept == (
        {**resource, "subject": {"reference": "Patient/p1", "display": "kept"}},
    )
    assert elsewhere == 0
    assert resource["subject"]["reference"].startswith(base[:4])


@pytest.mark.parametrize(
    "base",
    [
        "https://other.example/fhir",
        "http://ehr.example.org/fhir",
        "https://ehr.example.org/fhir/tenant",
        "https://ehr.example.org/FHIR",
        "http://fhir-internal:8081/r4",
        "http://fhir-internal/r4",
    ],
)
def test_the_patients_id_under_an_unknown_name_is_dropped_and_counted(base):
    """It may be another person's; whoever reads the answer must hear of it."""
    short = _of("Patient/p1")
    kept, elsewhere = at_home([short, _of(f"{base}/Patient/p1")], "p1", BASES)
    assert (kept, elsewhere) == ((short,), 1)


@pytest.mark.parametrize(
    "resource",
    [
        _of("Patient/p2"),
        _of("https://other.example/fhir/Patient/p2"),
        _of("ftp://other.example/Patient/p1"),
        _of(None),
        _of(7),
        {"resourceType": "Procedure", "subject": "Patient/p1"},
        {"resourceType": "Procedure"},
        {"subject": ["https://other.example/fhir/Patient/p1"]},
    ],
    ids=str,
)
def test_what_names_somebody_else_or_nobody_is_left_to_the_extraction(resource):
    """Which drops and counts it as ever."""
    assert at_home([resource], "p1", BASES) == ((resource,), 0)


def test_where_no_server_is_known_nothing_is_touched():
    """Then the record must agree with itself."""
    resources = [_of("https://other.example/fhir/Patient/p1"), _of("Patient/p1")]
    assert at_home(resources, "p1", ()) == (tuple(resources), 0)
