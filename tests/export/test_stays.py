"""As of when an export's patients are assessed, and what was known then."""

import pytest

ICD = "http://hl7.org/fhir/sid/icd-10-cm"


def of_type(resources, kind):
    """The resources of one type."""
    return [each for each in resources if each["resourceType"] == kind]


def condition(code, **more):
    """A diagnosis of patient 01."""
    return {
        "resourceType": "Condition",
        "id": "more",
        "subject": {"reference": "Patient/syn-01"},
        "code": {"coding": [{"system": ICD, "code": code}]},
        **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("times", "is_excluded"),
    [
        ({"onsetDateTime": "2026-01-01"}, True),
        ({"recordedDate": "2026-01-01"}, True),
        ({}, True),
        ({"onsetDateTime": "2026-06-01"}, False),
        ({"recordedDate": "2026-06-01"}, False),
        ({"onsetDateTime": "2026-01-01", "recordedDate": "2026-06-01"}, True),
        ({"onsetDateTime": "2025-01-01", "abatementDateTime": "2025-12-01"}, False),
        ({"onsetDateTime": "2026-01-01", "abatementDateTime": "2026-06-01",
          "clinicalStatus": {"coding": [{"code": "resolved"}]}}, True),
    ],
)  # fmt: skip
def test_diagnoses_count_as_they_stood_at_the_discharge(
    times, is_excluded, resources, write, read
):
    """What came later was not known; what ended later had not ended."""
    folder = write([*resources("01"), condition("M84.58XA", **times)])
    _, account = read(folder)
    assert account.refused == ({"excluded-condition": 1} if is_excluded else {})


def test_a_film_after_the_discharge_is_not_known_at_it(resources, write, read):
    """The value is missing, with the reason, as it was on that day."""
    late = resources("01")
    for each in of_type(late, "Observation"):
        if each["code"]["coding"][0]["code"] == "cement-ratio-ap":
            each["effectiveDateTime"] = "2026-03-20T10:00:00+01:00"
    _, account = read(write(late))
    assert account.missing["cement_ratio_percent"] == {"time-unclear": 1}


def test_without_a_discharge_the_days_for_the_films_are_waited_for(
    resources, write, read
):
    """Fourteen days by the policy; the table says which rule it was."""
    open_stay = resources("01", is_discharged=False)
    cohort, _ = read(write(open_stay))
    discharged, _ = read(write(resources("01"), folder="discharged"))
    assert cohort.others["as_of"].tolist() == ["films"]
    assert discharged.others["as_of"].tolist() == ["discharge"]


def test_of_two_operations_the_first_counts(resources, write, read):
    """Its row is the same as without the second."""
    first = resources("01")
    second = []
    for each in of_type(resources("01"), "Procedure") + of_type(
        resources("01"), "Encounter"
    ):
        each["id"] += "-2"
        if each["resourceType"] == "Encounter":
            each["period"] = {"start": "2026-07-01", "end": "2026-07-08"}
        else:
            each["performedDateTime"] = "2026-07-02T10:00:00+02:00"
            if "encounter" in each:
                each["encounter"]["reference"] += "-2"
        second.append(each)
    one, _ = read(write(first, folder="first"))
    both, _ = read(write([*first, *second]))
    assert [c.tolist() for c in both.columns.values()] == [
        c.tolist() for c in one.columns.values()
    ]


def test_an_operation_without_any_time_is_refused(resources, write, read):
    """Neither the discharge nor the operation tells when to look."""
    timeless = resources("01", is_discharged=False)
    for each in of_type(timeless, "Procedure"):
        each.pop("performedDateTime", None)
        each.pop("performedPeriod", None)
    cohort, account = read(write(timeless))
    assert account.refused == {"time-unclear": 1}
    assert cohort.refused[0].field == "not_assessed"


def test_of_several_vertebrae_the_one_that_the_service_names_first(
    resources, write, read
):
    """The highest score; the number of vertebrae stands beside it."""
    cohort, _ = read(write(resources("07")))
    assert cohort.others["level"].tolist() == ["L2"]
    assert cohort.others["vertebrae"].tolist() == ["2"]


@pytest.mark.parametrize(
    ("born", "age"),
    [("1950-03-06", "76"), ("1950-03-07", "75"), ("1950", ""), ("", "")],
)
def test_the_age_is_that_at_the_discharge(born, age, resources, write, read):
    """In whole years; a birth date that leaves it open gives none."""
    changed = resources("01")
    (patient,) = of_type(changed, "Patient")
    patient["birthDate"] = born
    cohort, _ = read(write(changed))
    assert cohort.others["age_years"].tolist() == [age]


def test_of_several_versions_of_an_encounter_the_newest_counts(resources, write, read):
    """Exported first in progress, then finished."""
    (encounter,) = of_type(resources("01", is_discharged=False), "Encounter")
    older = {**encounter, "meta": {"versionId": "1"}}
    newer = resources("01")
    of_type(newer, "Encounter")[0]["meta"] = {"versionId": "2"}
    cohort, _ = read(write([older, *newer]))
    assert cohort.others["as_of"].tolist() == ["discharge"]
