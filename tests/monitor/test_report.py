"""The monitoring report against small tables that were counted by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.monitor.calls import discharges


def test_calls_about_one_discharge_count_once(make):
    """Five calls about three discharges, two cards: 66.7 for each 100."""
    card = make.card("a")
    calls = [
        make.call(1, visit="v1", cards=[card]),
        make.call(2, visit="v1", cards=[card]),
        make.call(3, visit="v2", cards=[make.card("b")]),
        make.call(4, visit="v2", reason="overridden"),
        make.call(5, visit="v3", reason="no-eligible-operation", vertebrae=[]),
    ]
    usage = make.report(calls).usage
    assert (usage.calls, usage.discharges) == (5, 3)
    assert usage.cards == {"ScnenRiskHigh": 2}
    assert usage.cards_per_100 == pytest.approx(200 / 3)
    assert usage.states == {"scored": 2, "not eligible": 1}
    assert usage.silence == {"no-eligible-operation": 1}


def test_encounters_of_two_tenants_are_two(make):
    """Each tenant hashes with a key of its own; nothing says that they are one."""
    calls = [make.call(1, visit="v"), make.call(2, visit="v", tenant="south")]
    assert len(discharges(calls)) == 2


def test_a_discharge_stands_with_its_best_call(make):
    """A later call that knew less, as of a refused one, takes nothing back."""
    calls = [
        make.call(1, visit="v"),
        make.call(2, visit="v", status=412, vertebrae=[], risk=None, percentile=None),
    ]
    report = make.report(calls)
    assert report.usage.states == {"scored": 1}
    assert report.usage.refused == {"412": 1}


def test_a_discharge_that_was_refused_is_neither_eligible_nor_not(make):
    """Silence for want of data is told apart."""
    calls = [make.call(status=412, reason="prefetch.procedures", vertebrae=[])]
    assert make.report(calls).usage.states == {"refused": 1}


def test_the_notice_of_the_kill_switch_is_no_card_of_advice(make):
    """Nobody was assessed; whoever overrides the notice meets no stopping rule."""
    nothing = {"model": None, "vertebrae": [], "risk": None, "percentile": None}
    report = make.report(
        [make.call(cards=[make.card(topic=None)], **nothing)],
        [make.answer(outcome="overridden")],
    )
    assert report.usage.states == {"switched off": 1}
    assert report.usage.silence == {"switched off": 1}
    assert report.usage.cards_per_100 == 0
    assert report.verdicts == []


def test_an_eligible_discharge_without_a_number_is_not_scored(make):
    """Most often values are missing."""
    calls = [make.call(risk=None, percentile=None, cards=[make.card()])]
    assert make.report(calls).usage.states == {"not scored": 1}


def test_a_withheld_card_is_no_card(make):
    """What nobody saw cannot be counted as shown, nor be answered."""
    calls = [make.call(cards=[make.card(is_shown=False)], reason="overridden")]
    report = make.report(calls, [make.answer()])
    assert report.usage.cards == {}
    assert report.usage.silence == {"overridden": 1}
    assert report.answers.elsewhere == 1


@pytest.mark.parametrize(
    ("reason", "topic", "is_discharge"),
    [
        ("below-threshold", None, True),
        ("under-age", None, True),
        (None, "ScnenRiskHigh", True),
        (None, "ScnenSwitchedOff", True),
        ("not-yet-due", None, False),
        (None, "ScnenReviewDue", False),
    ],
)
def test_a_discharge_may_come_as_the_opening_of_a_chart(
    make, reason, topic, is_discharge
):
    """As Epic's do: the answer tells them from other openings."""
    cards = [make.card(topic=topic)] if topic else []
    call = make.call(service="scnen-chart", reason=reason, cards=cards)
    usage = make.report([call]).usage
    assert usage.discharges == is_discharge
    assert usage.chart_calls == (not is_discharge)
    assert sum(usage.chart_cards.values()) == (topic == "ScnenReviewDue")


def test_silence_is_no_acceptance(make):
    """Four cards, one accepted, one overridden: two have no answer."""
    calls = [make.call(n, cards=[make.card(f"card-{n}")]) for n in range(4)]
    answers = [
        make.answer(0),
        make.answer(1, "overridden", reasons=("cds-not-applicable",)),
    ]
    found = make.report(calls, answers).answers
    assert found.outcomes == {"accepted": 1, "overridden": 1, "no answer": 2}
    assert found.reasons == {"cds-not-applicable": 1}


def test_the_last_answer_to_a_card_counts(make):
    """It was overridden, then accepted: whatever order the answers arrived in."""
    calls = [make.call(cards=[make.card()])]
    later = make.at + timedelta(days=1)
    answers = [make.answer(at=later), make.answer(outcome="overridden")]
    found = make.report(calls, answers).answers
    assert found.outcomes == {"accepted": 1, "overridden": 0, "no answer": 0}


def test_an_answer_to_another_clients_card_counts_for_nothing(make):
    """A card's uuid alone gives nobody a vote."""
    calls = [make.call(cards=[make.card()])]
    found = make.report(calls, [make.answer(client="south")]).answers
    assert found.outcomes["no answer"] == 1
    assert found.elsewhere == 1


def test_an_override_without_a_reason_is_told_as_such(make):
    """It is not attributed to any reason."""
    calls = [make.call(cards=[make.card()])]
    found = make.report(calls, [make.answer(outcome="overridden")]).answers
    assert found.reasons == {"none given": 1}


def test_orders_that_were_taken_are_counted_by_type(make):
    """Of suggestions that are not the card's nothing is known."""
    card = make.card(orders={"s1": "ServiceRequest", "s2": "RiskAssessment"})
    answers = [make.answer(accepted=("s1", "s9"))]
    found = make.report([make.call(cards=[card])], answers).answers
    assert found.taken == {"ServiceRequest": 1, "unknown": 1}


def test_reasons_for_missing_values_are_counted_by_vertebra(make):
    """Two vertebrae lack the same angle for different reasons."""
    second = make.vertebra | {"missing": {"cobb_preoperative_deg": "stale"}}
    report = make.report([make.call(vertebrae=[make.vertebra, second])])
    assert report.vertebrae == 2
    assert report.missing["cobb_preoperative_deg"] == {"not-recorded": 1, "stale": 1}
    assert report.missing["segment"] == {}


def test_the_mean_risk_stands_beside_the_incidence(make):
    """0.1 and 0.3: mean 0.2, standard error 0.1, against 41 of 237."""
    calls = [make.call(1, risk=0.1), make.call(2, risk=0.3)]
    risk = make.report([*calls, make.call(3, model="sha256:other")]).risk
    assert (risk.n, risk.other_models) == (2, 1)
    assert risk.mean == pytest.approx(0.2)
    assert risk.interval == pytest.approx((0.2 - 0.196, 0.2 + 0.196))
    assert risk.incidence == pytest.approx(41 / 237)


def test_one_risk_has_no_mean(make):
    """It would be a patient's own number."""
    assert make.report([make.call()]).risk.mean is None


def test_the_follow_up_is_counted_by_band(make):
    """Who was not examined, and whose time has not come, is no "no"."""
    early = make.at - timedelta(days=200)
    calls = [
        make.call(1),
        make.call(2),
        make.call(3, band="below_average", at=early),
        make.call(4, band="below_average"),
        make.call(5, band=None, risk=None),
        make.call(6, vertebrae=[]),
    ]
    outcomes = {
        "decision-1": make.found("yes", "study"),
        "decision-2": make.found("yes", "clinical"),
        "decision-5": make.found("not-examined", None),
    }
    high, below, none = make.report(calls, outcomes=outcomes).follow_up
    assert (high.band, high.outcomes, high.by_study_criteria) == ("high", {"yes": 2}, 1)
    assert below.outcomes == {"nothing recorded": 1, "not yet due": 1}
    assert none.outcomes == {"not-examined": 1}


def test_latency_by_service(make):
    """Median of 1, 2, 3."""
    calls = [make.call(n, latency_ms=float(n)) for n in (1, 2, 3)]
    assert make.report(calls).latency_ms["scnen-discharge"][0] == 2.0


def test_a_report_of_nothing_says_nothing(make):
    """No division by the number of discharges."""
    report = make.report(lost={"OSError": 3})
    assert report.usage.cards_per_100 is None
    assert report.lost == {"OSError": 3}
    assert not report.must_stop


def test_a_call_without_parts_of_a_vertebra_is_read(make):
    """Rows of an older version may lack some."""
    call = replace(make.call(), vertebrae=[{"level": "L1"}])
    assert make.report([call]).vertebrae == 1
