"""PF: what a service makes of the data that a client prefetched, or did not."""

import pytest

from cds_hooks.prefetch import Availability, PrefetchedData, read

DOSE = {"resourceType": "Immunization", "id": "i1"}
PATIENT = {"resourceType": "Patient", "id": "p1"}
NEXT = {"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}


def outcome(severity, code="forbidden"):
    """An OperationOutcome with one issue."""
    issue = {"severity": severity, "code": code}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def bundle(*resources, **more):
    """A searchset of resources."""
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries} | more


def doses(value):
    """What is read where immunisations were asked for."""
    return read({"doses": value}, "doses", {"Immunization"})


def test_pf_1_prefetch_may_be_absent_in_part(send, golden):
    """A key that was not sent is told from every other state, and costs only itself."""
    assert read({}, "doses", {"Immunization"}) == PrefetchedData(Availability.ABSENT)
    seen = []
    for key in list(golden["prefetch"]):
        less = {k: v for k, v in golden["prefetch"].items() if k != key}
        seen.append((key, send("booster", golden | {"prefetch": less}).status_code))
    assert seen == [("patient", 200), ("immunizations", 412)]


@pytest.mark.parametrize("prefetch", [None, {}], ids=["null", "no keys"])
def test_pf_1_prefetch_may_be_absent_as_a_whole(send, golden, prefetch):
    """No prefetch is no fault of the request: what is missing is the data."""
    assert send("booster", golden | {"prefetch": prefetch}).status_code == 412


def test_pf_2_required_data_unobtainable_answers_412(send, golden, problems):
    """No key and no way to fetch: 412 with the key named."""
    del golden["prefetch"]
    response = send("booster", golden)
    assert response.status_code == 412
    assert problems(response) == [
        "prefetch.immunizations: send the whole search result"
    ]


def test_pf_3_null_means_no_data(send, golden):
    """A null is an answer, not a fault."""
    assert doses(None) == PrefetchedData(Availability.NULL)
    golden["prefetch"]["immunizations"] = None
    assert send("booster", golden).status_code == 200


@pytest.mark.parametrize(
    "empty",
    [
        {"resourceType": "Bundle", "type": "searchset", "total": 0},
        {"resourceType": "Bundle", "type": "searchset"},
        {"resourceType": "Bundle", "entry": []},
        {"resourceType": "Bundle", "entry": None, "link": None},
    ],
    ids=["total 0", "no entry", "empty entry", "null entry"],
)
def test_pf_4_a_bundle_without_entries_means_no_data(send, golden, empty):
    """Searched and found nothing: the same cards as for null."""
    assert doses(empty) == PrefetchedData(Availability.EMPTY)
    golden["prefetch"]["immunizations"] = empty
    with_empty = send("booster", golden)
    golden["prefetch"]["immunizations"] = None
    assert with_empty.data == send("booster", golden).data


@pytest.mark.parametrize("severity", ["error", "fatal", "warning", None])
def test_pf_5_an_operation_outcome_as_value_is_no_data_had(send, golden, severity):
    """A failed query is unavailable, never "nothing recorded"."""
    found = doses(outcome(severity))
    assert found == PrefetchedData(Availability.UNAVAILABLE, issue_codes=("forbidden",))
    golden["prefetch"]["immunizations"] = outcome(severity)
    assert send("booster", golden).status_code == 412


def test_pf_5_a_warning_as_entry_is_passed_over():
    """An empty search as Epic sends it: total 0 and an entry of mode outcome."""
    nothing = outcome("warning", "processing")
    entry = {"resource": nothing, "search": {"mode": "outcome"}}
    epic = {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [entry]}
    found = doses(epic)
    assert (found.availability, found.issue_codes) == (
        Availability.EMPTY,
        ("processing",),
    )


@pytest.mark.parametrize(
    "code",
    ["not-found", "processing", "informational", None, ["timeout"]],
)
def test_pf_5_a_warning_that_tells_of_no_gap_is_passed_over(code):
    """What Epic sends with every empty search, or what is no code."""
    told = entry(outcome("warning", code), "outcome")
    searchset = {"resourceType": "Bundle", "total": 0, "entry": [told]}
    assert doses(searchset).availability is Availability.EMPTY
    found = doses(bundle(DOSE, outcome("warning", code)))
    assert (found.availability, found.resources) == (Availability.COMPLETE, (DOSE,))


def told_mildly(severity, code):
    """A searchset beside whose matches, and one without any, a server tells of it."""
    told = entry(outcome(severity, code), "outcome")
    yield {"resourceType": "Bundle", "total": 0, "entry": [told]}
    yield bundle(DOSE, outcome(severity, code))


@pytest.mark.parametrize("severity", ["warning", "information", "success"])
@pytest.mark.parametrize(
    "code",
    [
        "exception",
        "incomplete",
        "lock-error",
        "no-store",
        "throttled",
        "timeout",
        "too-costly",
        "transient",
    ],
)
def test_pf_5_a_warning_that_data_are_missing_makes_them_unavailable(
    send, golden, severity, code
):
    """What a search left out is not "nothing recorded", however mildly it is told."""
    unavailable = PrefetchedData(Availability.UNAVAILABLE, issue_codes=(code,))
    empty, beside = told_mildly(severity, code)
    assert doses(empty) == doses(beside) == unavailable
    second = outcome("warning", "processing")
    second["issue"] += outcome(severity, code)["issue"]
    assert doses(bundle(DOSE, second)).availability is Availability.UNAVAILABLE
    golden["prefetch"]["immunizations"] = empty
    assert send("booster", golden).status_code == 412


@pytest.mark.parametrize("severity", ["warning", "information", "success"])
@pytest.mark.parametrize(
    "code", ["expired", "forbidden", "login", "security", "suppressed", "unknown"]
)
def test_pf_5_a_warning_that_access_was_refused_makes_data_unavailable(
    send, golden, severity, code
):
    """FHIR's family "security": who may not see a record knows nothing of it."""
    unavailable = PrefetchedData(Availability.UNAVAILABLE, issue_codes=(code,))
    empty, beside = told_mildly(severity, code)
    assert doses(empty) == doses(beside) == unavailable
    golden["prefetch"]["immunizations"] = empty
    assert send("booster", golden).status_code == 412


@pytest.mark.parametrize("severity", ["error", "fatal", "grave", None, ["error"]])
def test_pf_5_an_error_as_entry_makes_the_bundle_unavailable(severity):
    """What stands beside an error may not be all; an unknown severity counts as one."""
    found = doses(bundle(DOSE, outcome(severity)))
    assert (found.availability, found.resources) == (Availability.UNAVAILABLE, ())


@pytest.mark.parametrize("issue", [None, [], "x", [3], {}])
def test_pf_5_an_outcome_without_issues_counts_as_an_error(issue):
    """An OperationOutcome that says nothing is no all-clear."""
    broken = {"resourceType": "OperationOutcome", "issue": issue}
    assert doses(bundle(DOSE, broken)).availability is Availability.UNAVAILABLE


def test_pf_5_issue_codes_are_codes():
    """Only what looks like a code is kept, since codes may be logged."""
    assert doses(outcome("error", "Mr Smith")).issue_codes == ()
    assert doses(outcome("error", ["x"])).issue_codes == ()


def test_pf_6_a_failed_query_differs_from_an_absent_key():
    """The service can tell "do not ask again" from "ask yourself"."""
    assert doses(outcome("error")).availability is Availability.UNAVAILABLE
    assert read({}, "doses", {"Immunization"}).availability is Availability.ABSENT


def test_pf_7_a_next_link_means_that_there_is_more(send, golden):
    """Page one is never taken for all."""
    paged = bundle(DOSE, link=[{"relation": "self", "url": "x"}, NEXT])
    assert doses(paged) == PrefetchedData(
        Availability.PAGED, (DOSE,), next_url="https://ehr.example.org/fhir?page=2"
    )
    golden["prefetch"]["immunizations"] = paged
    assert send("booster", golden).status_code == 412


@pytest.mark.parametrize(
    "more",
    [{"total": 2}, {"link": [{"relation": "next"}]}, {"link": [3, NEXT | {"url": 3}]}],
    ids=["total", "link without url", "url of wrong type"],
)
def test_pf_7_more_without_a_way_to_it_is_paged_too(more):
    """A larger total, or a next link that leads nowhere, is still not all."""
    assert doses(bundle(DOSE, **more)) == PrefetchedData(Availability.PAGED, (DOSE,))


@pytest.mark.parametrize("relation", ["Next", "NEXT", "nExt"])
def test_pf_7_a_next_link_counts_in_any_case(relation):
    """A relation is a token of the web, where case does not count."""
    found = doses(bundle(DOSE, link=[NEXT | {"relation": relation}]))
    assert found == PrefetchedData(Availability.PAGED, (DOSE,), next_url=NEXT["url"])


@pytest.mark.parametrize("link", [NEXT, {"relation": "self"}, {}, "next", "", 0, False])
def test_pf_7_links_that_are_no_list_are_no_all_clear(send, golden, link):
    """Nobody can tell whether there is more, and no such link is followed."""
    broken = bundle(DOSE, link=link)
    assert doses(broken) == PrefetchedData(Availability.PAGED, (DOSE,))
    golden["prefetch"]["immunizations"] = broken
    assert send("booster", golden).status_code == 412


@pytest.mark.parametrize(
    "link",
    [None, [], [{"relation": "self"}], [{"relation": None}], [{"relation": ["next"]}]],
)
def test_pf_7_other_links_mean_no_more(link):
    """Only a next link does."""
    assert doses(bundle(DOSE, link=link)).availability is Availability.COMPLETE


def entry(resource, mode=None):
    """An entry of a searchset, with the reason why it is there if it is told."""
    return {"resource": resource} | ({"search": {"mode": mode}} if mode else {})


INCLUDED = entry(PATIENT, "include")
HARMLESS = outcome("warning", "processing")
TOLD = entry(HARMLESS, "outcome")


@pytest.mark.parametrize(
    ("total", "entries", "availability"),
    [
        (1, [entry(DOSE), entry(PATIENT)], Availability.COMPLETE),
        (1, [entry(DOSE, "match"), INCLUDED, INCLUDED], Availability.COMPLETE),
        (3, [entry(DOSE, "match"), INCLUDED, INCLUDED], Availability.PAGED),
        (3, [entry(DOSE), entry(PATIENT), entry(PATIENT)], Availability.PAGED),
        (2, [entry(DOSE), TOLD], Availability.PAGED),
        (2, [entry(DOSE), entry(HARMLESS)], Availability.PAGED),
        (2, [entry(DOSE), entry(DOSE, "include")], Availability.PAGED),
        (2, [entry(DOSE, "match"), entry(PATIENT, "match")], Availability.COMPLETE),
        (2, [entry(DOSE, "found"), entry(DOSE)], Availability.COMPLETE),
        (2, [entry(DOSE), {"search": {"mode": ["match"]}}], Availability.COMPLETE),
        (2, [entry(DOSE), INCLUDED | {"resource": None}], Availability.PAGED),
        (1, [INCLUDED], Availability.PAGED),
        (1, [], Availability.PAGED),
    ],
)
def test_pf_7_the_total_is_that_of_the_matches(total, entries, availability):
    """FHIR: Bundle.total counts matches, neither included resources nor outcomes.

    Without a mode the type decides; what nobody can read was sent all the same.
    """
    found = doses({"resourceType": "Bundle", "total": total, "entry": entries})
    assert found.availability is availability


@pytest.mark.parametrize(
    "total", [99, 99.0, "99", "many", "", "nan", [99], {}, "9" * 5000, 10**400]
)
def test_pf_7_a_total_of_another_type_is_no_all_clear(total):
    """A number of another type counts; what is no number says that something is off."""
    assert doses(bundle(DOSE, total=total)).availability is Availability.PAGED


@pytest.mark.parametrize("total", [None, 0, 1, 1.0, "1"])
def test_pf_7_a_total_that_was_sent_in_full_is_complete(total):
    """Null says nothing; some servers count only what the user may see."""
    assert doses(bundle(DOSE, total=total)).availability is Availability.COMPLETE


def test_pf_8_keys_that_were_not_asked_for_are_ignored(send, golden):
    """An extra key changes nothing, whatever it holds."""
    expected = send("booster", golden)
    assert expected.status_code == 200
    for value in (bundle(DOSE), "Mr Smith", True, 3, [{}], [], ""):
        golden["prefetch"]["other"] = value
        assert send("booster", golden).data == expected.data


def test_pf_10_other_types_in_a_bundle_are_left_out():
    """Included resources are no immunisations; the order is kept."""
    second = DOSE | {"id": "i2"}
    found = doses(bundle(PATIENT, second, bundle(DOSE), DOSE))
    assert found == PrefetchedData(Availability.COMPLETE, (second, DOSE))
    assert doses(bundle(PATIENT)).availability is Availability.EMPTY


def test_a_read_gives_one_resource():
    """A single resource is complete; one of another type is not what was asked for."""
    assert doses(DOSE) == PrefetchedData(Availability.COMPLETE, (DOSE,))
    assert doses(PATIENT) == PrefetchedData(Availability.UNAVAILABLE, dropped=1)


@pytest.mark.parametrize(
    "value", [{}, {"resourceType": 3}, {"resourceType": ["Bundle"]}]
)
def test_an_object_that_is_no_resource_is_unavailable(value):
    """What cannot be read is not "no data"."""
    assert doses(value) == PrefetchedData(Availability.UNAVAILABLE, dropped=1)


@pytest.mark.parametrize(
    "entry", [3, None, {}, {"resource": 3}, {"resource": {}}, {"resource": {"x": 1}}]
)
def test_one_bad_entry_costs_only_itself(entry):
    """It is counted; alone it makes the data unavailable, since nothing was read."""
    assert doses({"resourceType": "Bundle", "entry": [entry, {"resource": DOSE}]}) == (
        PrefetchedData(Availability.COMPLETE, (DOSE,), dropped=1)
    )
    assert doses({"resourceType": "Bundle", "entry": [entry]}) == (
        PrefetchedData(Availability.UNAVAILABLE, dropped=1)
    )


@pytest.mark.parametrize("entries", ["x", {"resource": DOSE}, 3, True])
def test_entries_of_another_type_make_the_bundle_unavailable(entries):
    """A Bundle whose entries cannot be read says nothing."""
    broken = {"resourceType": "Bundle", "entry": entries}
    assert doses(broken).availability is Availability.UNAVAILABLE


@pytest.mark.parametrize("value", [[], [{}], "Mr Smith", "", 3, 0, True, False])
def test_a_prefetched_value_that_is_no_object_is_unavailable(send, golden, value):
    """Where it matters it is data that could not be had; elsewhere it costs nothing."""
    assert doses(value) == PrefetchedData(Availability.UNAVAILABLE, dropped=1)
    golden["prefetch"]["patient"] = value
    assert send("booster", golden).status_code == 200
    golden["prefetch"]["immunizations"] = value
    response = send("booster", golden)
    assert response.status_code == 412
    assert "Smith" not in response.text


@pytest.mark.parametrize("value", [[], [{}], "Mr Smith", 3, True])
def test_prefetch_itself_is_an_object(send, golden, problems, value):
    """Anything else is a request that went wrong."""
    response = send("booster", golden | {"prefetch": value})
    assert problems(response) == ["prefetch: must be an object"]
    assert "Smith" not in response.text
