"""One answer as a server gives it: for tools that judge servers, not for the rules."""

import pytest

from service.fhir.client import Fault


@pytest.fixture
def look(server, open_access):
    """Script one answer, and look."""

    def look_(path, *answers, target=None, **options):
        server.script[target or f"/fhir/{path}"] = list(answers)
        return open_access(**options).client(server.base).look(path)

    return look_


def test_metadata_come_as_they_are(look, kit):
    """They are no query, and need no token."""
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
    seen = look("metadata", kit.http(200, statement))
    assert seen.resource == statement
    assert (seen.fault, seen.issue_codes) == (None, ())
    assert seen.milliseconds > 0


def test_the_first_page_is_given_with_its_links_and_no_other_is_read(look, kit, server):
    """What `fetch` would go on with is left to whoever looks."""
    page = kit.bundle(kit.condition(1), total=2, next_url="Condition?page=2")
    assert look("Condition?patient=p1", kit.http(200, page)).resource == page
    assert len(server.received) == 1


def test_a_long_search_is_a_form(look, kit, server):
    """As in a fetch."""
    answer = kit.http(200, kit.bundle())
    path = f"Condition?patient=p1&code={'a' * 50}"
    seen = look(path, answer, target="/fhir/Condition/_search", url_chars=60)
    assert seen.resource == kit.bundle()
    assert server.received[0].method == "POST"


def test_a_refusal_is_a_fault_with_its_codes(look, kit):
    """Nothing is raised, and no text of the server is kept."""
    seen = look("Patient/p1", kit.http(403, kit.outcome("forbidden")))
    assert (seen.resource, seen.fault) == (None, Fault.FORBIDDEN)
    assert seen.issue_codes == ("forbidden",)


@pytest.mark.parametrize("path", ["", "metadata/x", "Patient/../x", "Patient"])
def test_what_is_no_query_is_not_asked(look, server, path):
    """A path that could lead elsewhere stays here."""
    assert look(path).fault is Fault.BAD_QUERY
    assert server.received == []


def test_a_defect_that_an_answer_sets_off_is_a_fault(look, kit, monkeypatch):
    """As in a fetch."""

    def defect(*_):
        raise RecursionError("Mr Smith")

    monkeypatch.setattr("service.fhir.client.asking.load_json", defect)
    seen = look("Patient/p1", kit.http(200, kit.patient()))
    assert (seen.resource, seen.fault) == (None, Fault.NOT_FHIR)


def test_what_was_seen_is_not_shown(look, kit):
    """A log that prints the look has nothing of the patient."""
    assert "p1" not in repr(look("Patient/p1", kit.http(200, kit.patient())))
