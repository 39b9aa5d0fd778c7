"""Decisions and outcomes become a cohort: which decision counts, and which outcome."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from service.cohort.decided import Decided, FollowUp, cohort_of
from service.model import load_bundled

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FOUND = {
    "segment": ["lumbar", "1", 3],
    "method": ["pkp", "1", 3],
    "cement_ratio_percent": [52.0, "%", 1],
    "cobb_preoperative_deg": [12.0, "deg", 4],
    "cobb_postoperative_deg": [6.0, "deg", 1],
    "cobb_restoration_ratio_percent": [50.0, "%", 1],
}


def a_vertebra(ago=3, **found):
    """Operated so many days before the call; a value of None was not found."""
    values = {n: v for n, v in (FOUND | found).items() if v is not None}
    return {"level": "L1", "operated_days_ago": ago, "is_test": False, "found": values}


def a_decision(number=1, day=0, follow_up=None, ago=3, **found):
    """A decision some days after the first, about the same operation."""
    ago = ago if ago is None else ago + day
    return Decided(
        id=f"d{number}",
        at=NOON + timedelta(days=day, minutes=number),
        patient="north k1 p1",
        visit="v1",
        vertebrae=[a_vertebra(ago, **found)],
        follow_up=follow_up,
    )


def of_a_test_patient(decision, **vertebra):
    """The same, of a patient with HL7's mark; as another version noted it, if given."""
    noted = [each | ({"is_test": True} | vertebra) for each in decision.vertebrae]
    return replace(decision, patient="north k1 test", vertebrae=noted)


def found(outcome="yes", day=180, criteria="study", recorded=181):
    """An outcome, examined and recorded so many days after the first decision."""
    on = None if day is None else (NOON + timedelta(days=day)).date()
    return FollowUp(outcome, on, criteria, NOON + timedelta(days=recorded))


def make(*decided, today=date(2027, 3, 2)):
    return cohort_of(decided, today=today, horizon_days=183, name="store")


@pytest.mark.parametrize(("outcome", "scnen"), [("yes", 1.0), ("no", 0.0)])
def test_an_operation_is_a_row(outcome, scnen):
    """With the inputs of the decision, its outcome and the days."""
    cohort = make(a_decision(follow_up=found(outcome)))
    assert cohort.ids == ("d1",)
    assert {name: column[0] for name, column in cohort.columns.items()} == {
        name: value for name, (value, _, _) in FOUND.items()
    }
    assert cohort.scnen.tolist() == [scnen]
    assert {name: str(days[0]) for name, days in cohort.dates.items()} == {
        "operation_date": "2026-02-27",
        "predictors_date": "2026-03-01",
        "outcome_date": "2026-08-29",
    }
    assert (cohort.source.kind, cohort.source.is_synthetic) == ("store", False)


@pytest.mark.parametrize(
    "follow_up", [None, FollowUp("not-examined", None, None, NOON)]
)
def test_who_was_not_examined_has_no_outcome(follow_up):
    """Recorded or not, once the follow-up is over."""
    assert np.isnan(make(a_decision(follow_up=follow_up)).scnen).all()


def test_an_operation_whose_follow_up_is_not_over_is_refused():
    """To count it as not examined would make the examined look few."""
    cohort = make(a_decision(), today=date(2026, 8, 28))
    (refused,) = cohort.refused
    assert (refused.id, refused.field) == ("d1", "scnen")
    assert "take it later" in refused.reason
    assert len(make(a_decision(), today=date(2026, 8, 29))) == 1


@pytest.mark.parametrize("outcome", ["yes", "no"])
def test_an_outcome_before_the_end_of_the_follow_up_is_not_taken_yet(outcome):
    """Those found early would stand here alone, and SCNEN would seem common."""
    early = a_decision(follow_up=found(outcome, day=30, recorded=31))
    cohort = make(early, today=date(2026, 4, 30))
    assert len(cohort) == 0
    assert "take it later, with the others" in cohort.refused[0].reason
    assert len(make(early, today=date(2026, 8, 29))) == 1


def test_decisions_about_one_operation_are_one_row():
    """The discharge is asked about often, the chart later."""
    cohort = make(a_decision(1), a_decision(2), a_decision(3, day=30))
    assert len(cohort) == 1


def test_the_last_decision_of_those_that_knew_most_counts():
    """A later call that lacked a film does not take it away."""
    cohort = make(
        a_decision(1, cement_ratio_percent=None),
        a_decision(2, day=1, cement_ratio_percent=[40.0, "%", 1]),
        a_decision(3, day=2, cement_ratio_percent=[45.0, "%", 1]),
        a_decision(4, day=3, cement_ratio_percent=None),
    )
    assert cohort.ids == ("d3",)
    assert cohort.columns["cement_ratio_percent"].tolist() == [45.0]


def test_decisions_after_the_examination_do_not_count():
    """What was learned then predicts nothing; the day itself counts, as at import."""
    cohort = make(
        a_decision(1, cement_ratio_percent=None),
        a_decision(2, day=90),
        a_decision(3, day=91, follow_up=found(day=90)),
    )
    assert cohort.ids == ("d2",)


def test_who_was_only_asked_about_after_the_examination_is_refused():
    """There is no prediction to validate."""
    (refused,) = make(a_decision(day=200, follow_up=found(day=100))).refused
    assert refused.field == "predictors_date"
    assert "later than the examination" in refused.reason


def test_the_outcome_recorded_last_counts():
    """Whichever decision about the operation it was recorded for."""
    cohort = make(
        a_decision(1, follow_up=found("yes", recorded=200)),
        a_decision(2, follow_up=found("no", recorded=190)),
    )
    assert cohort.scnen.tolist() == [1.0]


def test_two_operations_of_a_patient_are_two_rows_and_told():
    """Their rows depend on one another."""
    cohort = make(a_decision(1), a_decision(2, day=40, ago=-37))
    assert len(cohort) == 2
    assert any("1 patients stand here with several" in w for w in cohort.warnings)


def test_operations_without_a_day_are_told_by_the_visit():
    """The next best that tells them apart."""
    cohort = make(a_decision(1, ago=None), a_decision(2, ago=None))
    assert len(cohort) == 1
    assert np.isnat(cohort.dates["operation_date"]).all()


def test_a_test_patient_among_real_ones_is_refused():
    """And listed: nobody real was made well or ill by a rehearsal."""
    cohort = make(a_decision(1), of_a_test_patient(a_decision(2, follow_up=found())))
    assert cohort.ids == ("d1",)
    assert not cohort.source.is_synthetic
    (refused,) = cohort.refused
    assert (refused.id, refused.field) == ("d2", "patient")
    assert "marked as test data (HTEST), nobody is a patient" in refused.reason


def test_a_mark_counts_for_all_that_is_stored_of_the_patient():
    """What was recorded before marks were noted is of the same patient."""
    earlier = of_a_test_patient(a_decision(1, ago=400), is_test=None)
    cohort = make(earlier, of_a_test_patient(a_decision(2)), a_decision(3))
    assert cohort.ids == ("d3",)
    assert [each.id for each in cohort.refused] == ["d1", "d2"]


def test_test_patients_alone_are_a_synthetic_cohort():
    """As from an export: every report of it says so."""
    cohort = make(of_a_test_patient(a_decision()))
    assert cohort.ids == ("d1",)
    assert cohort.source.is_synthetic


@pytest.mark.parametrize("noted", [{"is_test": None}, {}])
def test_patients_of_whom_no_mark_was_noted_are_told(noted):
    """Rows of an older version have no such key: whether they are real nobody knows."""
    decision = a_decision(follow_up=found())
    bare = {n: v for n, v in decision.vertebrae[0].items() if n != "is_test"} | noted
    (warning,) = make(replace(decision, vertebrae=[bare])).warnings
    assert "of 1 operations the store does not tell whether the patient is" in warning


def test_of_several_vertebrae_the_first_counts():
    """That with the highest score, which the card gave; how many there are is kept."""
    lower = a_vertebra(method=["pvp", "1", 3])
    both = a_decision()
    several = Decided(
        both.id, both.at, both.patient, both.visit, [*both.vertebrae, lower], None
    )
    cohort = make(several)
    assert cohort.columns["method"].tolist() == ["pkp"]
    assert cohort.others["vertebrae"].tolist() == ["2"]


def test_nothing_about_the_outcome_is_among_the_candidates():
    """A criterion or a reason not to examine would predict all too well."""
    assert set(make(a_decision(follow_up=found())).others) == {"vertebrae"}


def test_an_input_that_the_store_has_of_nobody_is_named():
    """And who lacks one cannot be scored; nothing is put in its place."""
    cohort = make(a_decision(cement_ratio_percent=None, method=None))
    assert not cohort.complete(load_bundled("liu-nomogram")).any()
    named = [w.partition(":")[0] for w in cohort.warnings if "of nobody" in w]
    assert named == ["method", "cement_ratio_percent"]


def test_an_input_that_no_model_takes_is_refused():
    """A row that another version wrote, say."""
    (refused,) = make(a_decision(cement_ratio_percent=[520.0, "%", 1])).refused
    assert refused.field == "cement_ratio_percent"
    assert "must be finite and in [0, 100] %" in refused.reason


@pytest.mark.parametrize(
    ("follow_up", "words"),
    [
        (None, "of 1 operations nothing is recorded though the follow-up is over"),
        (found(criteria="clinical"), "1 of 1 outcomes were not judged by the study's"),
        (found("no", day=60), '1 "no" were found before the follow-up of 183 days'),
        (found("yes", day=300), '1 "yes" were found more than 183 days after'),
    ],
)
def test_outcomes_that_are_not_quite_those_of_the_model_are_told(follow_up, words):
    """A reader must know before believing a result."""
    (warning,) = make(a_decision(follow_up=follow_up)).warnings
    assert words in warning


def test_outcomes_of_the_study_need_no_word():
    """Examined by its criteria, in its time."""
    assert make(a_decision(follow_up=found())).warnings == ()


def test_no_decision_is_a_cohort_of_nobody():
    """A fresh store."""
    assert len(make()) == 0
