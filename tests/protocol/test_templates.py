"""PT: which prefetch templates may be published, and how a client fills them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks import (
    HOOKS,
    InvalidService,
    InvalidTemplate,
    Registry,
    dump_discovery,
)
from cds_hooks.prefetch import lint, resolve

DISCHARGE = HOOKS["encounter-discharge"]


def refuses(template, match, hook=DISCHARGE):
    """The template is refused for the reason given."""
    with pytest.raises(InvalidTemplate, match=match):
        lint(template, hook)


@pytest.mark.parametrize(
    "template",
    [
        "Patient/{{context.patientId}}",
        "{{context.userId}}",
        "Practitioner/{{userPractitionerId}}",
        "PractitionerRole/{{userPractitionerRoleId}}",
        "Organization/o1",
        "Observation?patient={{context.patientId}}&code=http://loinc.org|1,2&_sort=-date",
        "Observation?patient={{context.patientId}}&date=ge2026-01-01&_count=50",
        "Condition?encounter={{context.encounterId}}&code:in=http://example.org/vs/1",
        "Procedure?performer={{context.userId}}",
        "Encounter?_id={{context.encounterId}}",
    ],
)
def test_pt_1_reads_and_searches_are_published(services, template):
    """Instance read, type search, or the user alone; as the author wrote them."""
    service = replace(services[0], prefetch={"key": template})
    (listed,) = dump_discovery([service])["services"]
    assert listed["prefetch"] == {"key": template}


@pytest.mark.parametrize(
    "template",
    [
        "",
        " ",
        "patient/1",
        "Patient",
        "Patient/",
        "Patient?",
        "/Patient/1",
        "https://ehr.example.org/Patient/1",
        "Patient/1/$everything",
        "Patient/1/_history/2",
        "Patient/1?_format=json",
        "Patient/1#x",
        "Patient/ 1",
        "$evaluate",
        "{{context.patientId}}",
    ],
)
def test_pt_1_anything_else_is_refused(template):
    """Absolute URLs, operations and fragments cannot be carried out by all."""
    refuses(template, r"expected Type/id or Type\?parameter=value")


def test_pt_1_a_reference_is_not_an_id():
    """The user's token already holds the type."""
    refuses("Practitioner/{{context.userId}}", "holds Type/id stands alone")


@pytest.mark.parametrize("key", ["", " ", "\t\n"])
def test_pt_2_each_template_has_its_key(services, key):
    """A key that is blank is refused when the service is made."""
    with pytest.raises(InvalidService, match=r"Service.prefetch: a key is blank"):
        replace(services[0], prefetch={key: "Patient/{{context.patientId}}"})


@pytest.mark.parametrize(
    "template",
    [
        "Patient/{context.patientId}",
        "Patient/{{context.patientId}",
        "Patient/}}x{{",
        "Patient/{{{context.patientId}}}",
    ],
)
def test_pt_3_tokens_stand_between_double_braces(template):
    """A brace too few or too many is refused."""
    refuses(template, "tokens stand between")


@pytest.mark.parametrize(
    "token",
    [
        "user",
        "patientId",
        "context.draftOrders",
        "context.selections",
        "context.PatientId",
        " context.patientId ",
        "",
    ],
)
def test_pt_4_only_tokens_that_the_hook_offers(token):
    """The hook's own fields and the four user ids, spelt exactly."""
    refuses(f"Patient/{{{{{token}}}}}", "encounter-discharge offers no token")


def test_pt_4_a_hook_without_user_offers_no_user_ids():
    """order-dispatch has patient and performer only."""
    dispatch = HOOKS["order-dispatch"]
    lint("{{context.performer}}", dispatch)
    refuses("Practitioner/{{userPractitionerId}}", "offers no token", dispatch)
    refuses("{{context.dispatchedOrders}}", "offers no token", dispatch)


def test_pt_5_only_fields_at_the_root_of_the_context():
    """No path into a field."""
    refuses("Patient/{{context.patientId.value}}", "offers no token")
    refuses("Bundle/{{context.draftOrders}}", "offers no token", HOOKS["order-sign"])


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("today()", id="PT-6 today"),
        pytest.param("today() - 30 days", id="PT-6 arithmetic"),
        pytest.param("%patient.id", id="PT-6 earlier key"),
        pytest.param("%a.entry.resource.ofType(Ward).id", id="PT-7 ofType"),
        pytest.param("%self.id", id="PT-7 cycle"),
    ],
)
def test_fhirpath_is_not_published(token):
    """Tokens of the 3.0 ballot are refused, so none can be wrong or cyclic."""
    refuses(f"Observation?date=ge{{{{{token}}}}}", "offers no token")


@pytest.mark.parametrize(
    ("query", "match"),
    [
        ("patient.name=x", "no chain"),
        ("code:text=x", "no modifier but :in"),
        ("code:not=x", "no modifier but :in"),
        ("patient:Patient=1", "no modifier but :in"),
        ("code", "name=value"),
        ("code=", "name=value"),
        ("code=1&", "name=value"),
        ("_include=Observation:subject", "not every server knows _include"),
        ("_has:Observation:patient:code=1", "no modifier"),
        ("_maxresults=5", "not every server knows _maxresults"),
        ("_text=x", "not every server knows _text"),
        ("date=ne2026", "dates compare by eq, lt, gt, le and ge"),
        ("date=ap2026-01-01", "dates compare by"),
        ("date=sa2026-01", "dates compare by"),
        ("date=ge2026-01-01&date=le2026-02-01", "date stands twice"),
    ],
)
def test_pt_8_queries_keep_to_the_common_subset(query, match):
    """Chains, modifiers, includes, odd prefixes and repeated parameters are refused."""
    refuses(f"Observation?{query}", match)


def test_templates_are_checked_when_a_service_is_made(services):
    """A service with a template that breaks a rule cannot be made."""
    with pytest.raises(InvalidTemplate, match="no token"):
        replace(services[0], prefetch={"x": "Patient/{{user}}"})


def test_a_client_fills_every_template(services, golden):
    """With the context of discharge each published template becomes a query."""
    filled = [
        resolve(template, golden["context"])
        for service in Registry(services)
        for template in service.prefetch.values()
    ]
    assert (
        filled
        == [
            "Patient/p1",
            "Immunization?patient=p1&_sort=-date&_count=50",
            "PractitionerRole/pr1",
        ]
        * 2
    )


@pytest.mark.parametrize(
    ("user", "template", "query"),
    [
        ("Practitioner/a", "Practitioner/{{userPractitionerId}}", "Practitioner/a"),
        ("Patient/a", "Patient/{{userPatientId}}", "Patient/a"),
        ("Patient/a", "Practitioner/{{userPractitionerId}}", None),
        ("RelatedPerson/a", "RelatedPerson/{{userRelatedPersonId}}", "RelatedPerson/a"),
        ("Device/a", "Practitioner/{{userPractitionerId}}", None),
        (None, "{{context.userId}}", None),
    ],
)
def test_a_user_id_is_filled_by_the_type_of_the_user(user, template, query):
    """A token of another type of user has no value."""
    assert resolve(template, {"userId": user}) == query


@given(value=st.text() | st.integers() | st.none() | st.sampled_from(["..", "a/../b"]))
def test_a_filled_query_keeps_its_shape(value):
    """No value can add a parameter or a path: it is an id, a reference or refused."""
    query = resolve("Observation?patient={{context.patientId}}", {"patientId": value})
    if query is not None:
        assert query == f"Observation?patient={value}"
        assert not set(query.partition("=")[2]) & set("&=?#% \n")
        assert ".." not in query.split("/")
