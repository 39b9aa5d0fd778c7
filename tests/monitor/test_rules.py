"""The stopping rules: at their limits, and on what they are judged."""

import pytest

from service.monitor.rules import judge
from service.policy import default_policy

RULES = default_policy().stopping


def answers(make, overridden, accepted, *, first=0, **changed):
    outcomes = ["overridden"] * overridden + ["accepted"] * accepted
    return [
        make.answer(n, outcome, **changed) for n, outcome in enumerate(outcomes, first)
    ]


@pytest.mark.parametrize(
    ("overridden", "accepted", "is_met"),
    [(46, 4, True), (45, 5, False), (49, 0, None), (0, 50, False)],
)
def test_more_than_nine_in_ten_of_fifty_overridden(make, overridden, accepted, is_met):
    """45 of 50 is nine in ten, and not more; 49 answers are too few."""
    found = judge(answers(make, overridden, accepted), RULES)[0]
    assert (found.rule, found.is_met) == ("overridden", is_met)
    assert found.count == overridden


@pytest.mark.parametrize(("wrong", "is_met"), [(11, True), (10, False)])
def test_more_than_one_in_five_not_applicable(make, wrong, is_met):
    """Only the reasons that the policy names count."""
    reasons = ("cds-not-applicable",)
    found = answers(make, wrong, 0, reasons=reasons)
    found += answers(make, 20, 30 - wrong, first=wrong, reasons=("patient-refuses",))
    verdict = judge(found, RULES)[1]
    assert (verdict.rule, verdict.is_met) == ("not-applicable", is_met)
    assert (verdict.count, verdict.answered) == (wrong, 50)


def test_the_last_answers_count(make):
    """A good beginning does not hide what has gone wrong since."""
    found = answers(make, 0, 200) + answers(make, 50, 0, first=200)
    assert judge(found, RULES)[0].is_met


def test_each_client_is_judged_by_itself(make):
    """Another hospital's acceptance hides nothing."""
    found = answers(make, 50, 0) + answers(make, 0, 50, client="south")
    verdicts = {
        each.client: each.is_met
        for each in judge(found, RULES)
        if each.rule == "overridden"
    }
    assert verdicts == {"north": True, "south": False}


def test_without_answers_nothing_is_judged(make):
    """Silence is no verdict."""
    assert judge([], RULES) == []
