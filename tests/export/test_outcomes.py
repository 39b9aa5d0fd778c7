"""The outcome of an export's patients, and when predictors came too late for it."""

import math
from datetime import date

import pytest

from service.cohort.export.lines import ExportError
from service.cohort.export.outcome_file import read_outcomes
from service.cohort.export.outcomes import Basis, Outcome

OWN = "http://scnen-cds.example.org/fhir/CodeSystem/predictors"

SCNEN = "superior-cluneal-nerve-entrapment"
PRESENT, ABSENT = True, False


def observation(code, value, day):
    """A finding of the follow-up."""
    said = {"valueQuantity": {"value": value, "unit": "%", "code": "%",
            "system": "http://unitsofmeasure.org"}} if code == "scn-block-relief" else {
            "valueBoolean": value}  # fmt: skip
    return {
        "resourceType": "Observation",
        "id": f"{code}-{day[:10]}",
        "status": "final",
        "code": {"coding": [{"system": OWN, "code": code}]},
        "subject": {"reference": "Patient/syn-22"},
        "effectiveDateTime": day,
        **said,
    }  # fmt: skip


@pytest.fixture
def outcome(resources, write, read):
    """Outcome and basis of patient 22 with another follow-up than its own."""

    def judge(*findings, keep=()):
        kept = [
            each
            for each in resources("22")
            if each["resourceType"] != "Observation"
            or not each["code"]["coding"][0]["code"].startswith("scn-")
            or each["code"]["coding"][0]["code"] in keep
        ]
        cohort, account = read(write([*kept, *findings]))
        (basis,) = account.outcomes
        return cohort.scnen[0], basis

    return judge


ALL = ("scn-persistent-pain", "scn-tender-point", "scn-block-relief")


def test_criteria_that_were_met_are_1(outcome):
    """Pain, tender point, and relief within two hours: the diagnosis."""
    assert outcome(keep=ALL) == (1.0, "criteria-met")


def test_criteria_that_were_met_once_stay_met(outcome):
    """Pain that went away after treatment does not take the diagnosis back."""
    gone = observation("scn-persistent-pain", ABSENT, "2026-06-20T09:00:00+02:00")
    assert outcome(gone, keep=ALL) == (1.0, "criteria-met")


def test_criteria_that_were_met_after_the_horizon_do_not_count(outcome):
    """The study looked for six months."""
    late = [
        observation("scn-block-relief", 90, "2026-10-10T10:45:00+02:00"),
        observation("scn-persistent-pain", PRESENT, "2026-10-08T09:00:00+02:00"),
        observation("scn-tender-point", PRESENT, "2026-10-08T09:00:00+02:00"),
    ]
    scnen, basis = outcome(*late)
    assert math.isnan(scnen)
    assert basis == "not-settled"  # the block of April tells that somebody looked


def test_examined_and_not_found_is_0(outcome):
    """No tender point at the review."""
    absent = observation("scn-tender-point", ABSENT, "2026-04-08T09:00:00+02:00")
    assert outcome(absent) == (0.0, "not-met")


def test_examined_before_the_review_is_not_known(outcome):
    """What is absent in the third week may come."""
    early = observation("scn-tender-point", ABSENT, "2026-03-20T09:00:00+02:00")
    scnen, basis = outcome(early)
    assert math.isnan(scnen)
    assert basis == "examined-early"


def test_not_examined_is_never_0(resources, write, read):
    """Silence is no "no"."""
    cohort, account = read(write(resources("01")))
    assert math.isnan(cohort.scnen[0])
    assert account.outcomes == {"not-examined": 1}


def test_a_diagnosis_without_the_criteria_is_not_0(outcome, resources):
    """Whoever wrote it down may have had reasons that are not on record."""
    diagnosis = {
        "resourceType": "Condition",
        "id": "scnen",
        "subject": {"reference": "Patient/syn-22"},
        "code": {"coding": [{"system": OWN, "code": SCNEN}]},
        "recordedDate": "2026-05-01",
    }  # fmt: skip
    absent = observation("scn-tender-point", ABSENT, "2026-04-08T09:00:00+02:00")
    scnen, basis = outcome(diagnosis, absent)
    assert math.isnan(scnen)
    assert basis == "diagnosis-only"


def test_given_outcomes_stand_in_for_recorded_ones(resources, write, read):
    """With a file the export's own findings are not asked."""
    given = {"syn-22": Outcome(0.0, date(2026, 5, 1), Basis.GIVEN)}
    cohort, account = read(write(resources("22")), outcomes=given)
    assert cohort.scnen.tolist() == [0.0]
    assert account.outcomes == {"given": 1}


def test_who_has_no_given_outcome_is_not_examined(resources, write, read):
    """And an outcome of nobody in the cohort is counted."""
    given = {"another": Outcome(1.0, date(2026, 5, 1), Basis.GIVEN)}
    cohort, account = read(write(resources("22")), outcomes=given)
    assert math.isnan(cohort.scnen[0])
    assert account.outcomes == {"not-given": 1}
    assert account.outcomes_of_nobody == 1


def test_predictors_dated_after_the_outcome_are_refused(resources, write, read):
    """They could not have predicted it; on the same day they could."""
    folder = write(resources("22"))
    day_before = {"syn-22": Outcome(1.0, date(2026, 3, 3), Basis.GIVEN)}
    cohort, account = read(folder, outcomes=day_before)
    assert len(cohort) == 0
    assert account.refused == {"dated-after-outcome": 1}
    assert cohort.refused[0].field == "cement_ratio_percent"
    same_day = {"syn-22": Outcome(1.0, date(2026, 3, 4), Basis.GIVEN)}
    assert len(read(folder, outcomes=same_day)[0]) == 1


@pytest.fixture
def outcome_file(tmp_path):
    """Write a file of outcomes and read it."""

    def give(text):
        file = tmp_path / "outcomes.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_outcomes(file)

    return give


def test_outcomes_are_read_from_csv(outcome_file):
    """1, 0 and empty for not examined."""
    found, refused = outcome_file(
        "id,scnen,date,ward\na,1,2026-05-01,x\nb,0,2026-05-02,x\nc,,,x\n"
    )
    assert refused == []
    assert (found["a"].scnen, found["b"].day) == (1.0, date(2026, 5, 2))
    assert math.isnan(found["c"].scnen)


@pytest.mark.parametrize(
    ("row", "field"),
    [(",1,2026-05-01", "id"), ("a,yes,2026-05-01", "scnen"), ("a,1,", "date"),
     ("a,1,1.5.2026", "date"), ("a", "date")],
)  # fmt: skip
def test_a_bad_row_of_outcomes_is_refused_without_its_values(row, field, outcome_file):
    """The row and the column are named, nothing of the patient."""
    found, (refusal,) = outcome_file(f"id,scnen,date\n{row}\n") if row != "a" else (
        outcome_file("id,scnen,date\na,1\n"))  # fmt: skip
    assert found == {}
    assert (refusal.row, refusal.id, refusal.field) == (1, "", f"outcomes: {field}")
    assert "yes" not in refusal.reason


def test_two_outcomes_that_differ_are_none(outcome_file):
    """Nobody guesses which is right; the same twice is once."""
    head = "id,scnen,date\n"
    found, refused = outcome_file(head + "a,1,2026-05-01\na,0,2026-05-01\n")
    assert found == {}
    assert refused[0].row == 2
    found, refused = outcome_file(head + "a,1,2026-05-01\na,1,2026-05-01\n")
    assert list(found) == ["a"]
    assert refused == []


@pytest.mark.parametrize(
    ("text", "match"),
    [("id,outcome\n", "has no column scnen, date"),
     (b"id,scnen,date\n\xff,1,2\n", "UTF-8")],
)  # fmt: skip
def test_a_file_of_outcomes_that_is_none_is_fatal(text, match, outcome_file):
    """The message names what is needed."""
    with pytest.raises(ExportError, match=match):
        outcome_file(text)
