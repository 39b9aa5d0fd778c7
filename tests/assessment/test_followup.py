"""The opened chart: what the follow-up calls for, and when it is silent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.assessment import OutputMode
from service.fhir.course import Diagnosis
from service.fhir.findings import Reason
from service.followup import Quiet, Stage, Uncounted
from service.policy import Chart, Reminded, default_policy


def said(view):
    """Exactly one of the two is given."""
    assert (view.stage is None) is (view.quiet is not None)
    return view.stage or view.quiet


def with_chart(**changes):
    policy = default_policy()
    return replace(policy, chart=replace(policy.chart, **changes))


EVERYBODY = with_chart(
    due_reminds=frozenset(Reminded), overdue_reminds=frozenset(Reminded)
)
NOBODY = with_chart(due_reminds=frozenset(), overdue_reminds=frozenset())


class TestReview:
    """Nothing of the follow-up is recorded."""

    @pytest.mark.parametrize(
        ("day", "expected"),
        [
            (0, Quiet.NOT_YET_DUE),
            (27, Quiet.NOT_YET_DUE),
            (28, Stage.REVIEW_DUE),
            (42, Stage.REVIEW_DUE),
            (43, Stage.REVIEW_OVERDUE),
            (70, Stage.REVIEW_OVERDUE),
            (71, Quiet.NO_LONGER_SHOWN),
            (183, Quiet.NO_LONGER_SHOWN),
            (185, Quiet.NOT_ELIGIBLE),
        ],
    )
    @pytest.mark.parametrize("hour", [0, 23])
    def test_the_reminder_begins_and_ends_by_itself(self, chart, day, hour, expected):
        """Due in weeks 4 to 6, overdue for four more, then silence: to the day."""
        if (day, hour) == (0, 0):
            expected = Quiet.NOT_ELIGIBLE  # before the operation
        assert said(chart.read(day, hour=hour)) is expected

    def test_the_horizon_is_counted_in_days_not_hours(self, chart):
        """The last day is in until midnight, whatever the hour of the operation."""
        chart.meets_criteria(170)
        assert said(chart.read(183, hour=23)) is Stage.CRITERIA_MET
        assert said(chart.read(184, hour=0)) is Quiet.BEYOND_HORIZON

    def test_the_day_is_that_of_the_hospital(self, chart):
        """The 28th day begins there while it is still the 27th in UTC."""
        chart.procedures[0]["performedDateTime"] = "2026-03-02T17:30:00+08:00"
        china = timezone(timedelta(hours=8))
        chart.day = lambda *_: datetime(2026, 3, 30, 0, 30, tzinfo=china)
        assert said(chart.read(28)) is Stage.REVIEW_DUE
        chart.day = lambda *_: datetime(2026, 3, 29, 16, 30, tzinfo=UTC)
        assert said(chart.read(27)) is Quiet.NOT_YET_DUE

    def test_a_day_case_without_any_encounter_is_reminded(self, chart):
        """The operation needs no stay."""
        assert "encounter" not in chart.procedures[0]
        assert said(chart.read(30)) is Stage.REVIEW_DUE

    @pytest.mark.parametrize(
        "findings",
        [
            [("done", "tender-point-assessment", None)],
            [("done", "scn-diagnostic-block", None)],
            [("sign", "scn-examined", True)],
            [("sign", "scn-tender-point", False)],
            [("sign", "scn-tinel-sign", False)],
            [("sign", "scn-persistent-pain", False)],
            [("sign", "scn-block-relief", 40)],
        ],
        ids=lambda found: found[0][1],
    )
    def test_any_follow_up_that_is_recorded_silences_the_reminder(
        self, chart, findings
    ):
        """Whatever it found."""
        for kind, code, value in findings:
            args = (code, chart.day(20)) if kind == "done" else None
            if args:
                chart.done(*args)
            else:
                chart.sign(code, value, chart.day(20))
        for day in (30, 50):
            view = chart.read(day, policy=EVERYBODY)
            assert said(view) is Quiet.FOLLOW_UP_RECORDED

    @pytest.mark.parametrize(
        ("day", "expected"),
        [(1, Stage.REVIEW_DUE), (13, Stage.REVIEW_DUE), (14, Quiet.FOLLOW_UP_RECORDED)],
    )
    @pytest.mark.parametrize("status", ["completed", "in-progress", "preparation"])
    @pytest.mark.parametrize(
        "code", ["tender-point-assessment", "scn-diagnostic-block", "nerve-block"]
    )
    def test_procedures_of_the_first_days_end_no_reminder(
        self, chart, code, status, day, expected
    ):
        """As little as findings of those days do; the card names them."""
        chart.done(code, chart.day(day), id="early", status=status)
        view = chart.read(30)
        assert said(view) is expected
        is_early = expected is Stage.REVIEW_DUE
        early = {Uncounted.EARLY: ("Procedure/early",)}
        assert view.uncounted == (early if is_early else {})

    @pytest.mark.parametrize("day", [5, 20, 29])
    def test_a_missed_examination_ends_no_reminder(self, chart, day):
        """Nobody looked: a missed appointment is where follow-up is lost."""
        chart.done("tender-point-assessment", chart.day(day), status="not-done")
        view = chart.read(30)
        assert said(view) is Stage.REVIEW_DUE
        assert view.uncounted == {}

    def test_procedures_without_a_time_end_it(self, chart):
        """They may be of any day: nobody says that nothing is recorded."""
        chart.done("tender-point-assessment", chart.day(1), performedDateTime=None)
        assert said(chart.read(30)) is Quiet.FOLLOW_UP_RECORDED

    @pytest.mark.parametrize(
        ("code", "value", "is_told"),
        [
            ("scn-tender-point", True, True),
            ("scn-tinel-sign", False, True),
            ("scn-examined", True, True),
            ("scn-examined", False, False),
            ("scn-block-relief", 90, True),
            ("scn-persistent-pain", True, False),
            ("scn-persistent-pain", False, False),
        ],
    )
    def test_findings_of_the_first_days_are_told_as_too_early(
        self, chart, code, value, is_told
    ):
        """Of the examination; pain of the wound is none."""
        chart.sign(code, value, chart.day(5), id="early")
        view = chart.read(30)
        assert said(view) is Stage.REVIEW_DUE
        early = {Uncounted.EARLY: ("Observation/early",)}
        assert view.uncounted == (early if is_told else {})

    @pytest.mark.parametrize("code", ["scn-examined", "scn-persistent-pain"])
    def test_not_examined_and_pain_that_persists_do_not(self, chart, code):
        """Nobody has looked, and there is a reason to."""
        chart.sign(code, code == "scn-persistent-pain", chart.day(20))
        assert said(chart.read(30)) is Stage.REVIEW_DUE

    @pytest.mark.parametrize(
        ("code", "value", "more"),
        [
            ("scn-examined", True, {"status": "preliminary"}),
            ("scn-examined", True, {"valueBoolean": None, "valueString": "yes"}),
            ("scn-examined", True, {"effectiveDateTime": None}),
            ("scn-examined", True, {"effectiveDateTime": "2026-03-10"}),
            ("scn-tender-point", False, {"effectiveDateTime": "2026-03-15"}),
            ("scn-tender-point", False, {"status": "preliminary"}),
            ("scn-tinel-sign", False, {"valueBoolean": None, "valueInteger": 0}),
            ("scn-persistent-pain", False, {"effectiveDateTime": "2026-03-05"}),
            ("scn-persistent-pain", False, {"effectiveDateTime": "2026-05-01"}),
        ],
    )
    def test_what_does_not_count_as_a_finding_is_no_follow_up(
        self, chart, code, value, more
    ):
        """Not final, not read, without a time, too early, or dated after the call."""
        chart.sign(code, value, chart.day(20), **more)
        assert said(chart.read(30)) is Stage.REVIEW_DUE

    @pytest.mark.parametrize(
        ("day", "expected"),
        [(20, Stage.REVIEW_DUE), (19, Quiet.FOLLOW_UP_RECORDED)],
    )
    def test_pain_that_came_back_is_no_follow_up(self, chart, day, expected):
        """Only the newest finding of pain says that it is gone."""
        chart.sign("scn-persistent-pain", value=False, when=chart.day(20), id="gone")
        chart.sign("scn-persistent-pain", value=True, when=chart.day(day), id="there")
        assert said(chart.read(30)) is expected

    def test_what_was_done_before_the_operation_does_not(self, chart):
        """It is the follow-up of something else."""
        chart.done("tender-point-assessment", chart.day(-100))
        assert said(chart.read(30)) is Stage.REVIEW_DUE

    def test_the_latest_operation_starts_the_follow_up_anew(self, chart):
        """What was recorded after the first says nothing about the second."""
        chart.done("tender-point-assessment", chart.day(30))
        chart.done("pkp", chart.day(60), id="op2", bodySite=[chart._code("L4")])
        view = chart.read(90, policy=EVERYBODY)
        assert view.operation.sources == ("Procedure/op2",)
        assert said(view) is Stage.REVIEW_DUE

    def test_without_a_day_of_the_operation_nobody_can_count(self, chart):
        """A month alone does not say when the review is due."""
        chart.procedures[0]["performedDateTime"] = "2026-03"
        assert said(chart.read(40)) is Quiet.OPERATION_DAY_UNKNOWN

    def test_vertebrae_of_one_day_are_one_operation(self, chart):
        """Their Procedures may be recorded at different times."""
        other = chart.procedure("pkp", chart.day(0, 11), id="op2")
        chart.procedures.append(other | {"bodySite": [chart._code("T12")]})
        assert len(chart.read(30, policy=EVERYBODY).assessment.vertebrae) == 2

    @pytest.mark.parametrize("mutilated", ["observations", "procedures"])
    def test_what_could_not_be_read_is_not_nothing_recorded(self, chart, mutilated):
        """An entry that is junk may be the examination."""
        getattr(chart, mutilated).append("junk")
        assert said(chart.read(30)) is Quiet.RECORDS_INCOMPLETE

    def test_without_observations_nothing_is_said(self, chart):
        """The caller must know that it could not look."""
        chart.observations = None
        assert said(chart.read(30)) is Quiet.OBSERVATIONS_UNAVAILABLE

    @pytest.mark.parametrize(
        ("day", "expected"),
        [(13, Quiet.NOT_YET_DUE), (14, Quiet.OBSERVATIONS_UNAVAILABLE)],
    )
    def test_in_the_first_days_nobody_needs_observations(self, chart, day, expected):
        """Whatever they hold would not count yet: no call fails for want of them."""
        chart.observations = None
        assert said(chart.read(day)) is expected

    def test_without_conditions_it_reminds_and_says_what_was_not_checked(self, chart):
        """They are optional."""
        chart.conditions = None
        view = chart.read(30)
        assert said(view) is Stage.REVIEW_DUE
        assert view.diagnosis is Diagnosis.UNCHECKED
        assert "exclusions-not-checked" in view.assessment.flags


class TestQuietRules:
    """Who is reminded is the policy's word."""

    @pytest.mark.parametrize("group", list(Reminded))
    @pytest.mark.parametrize(("day", "field"), [(30, "due"), (50, "overdue")])
    def test_only_the_groups_listed_are_reminded(self, chart, group, day, field):
        """The patient is at high risk, and in no other group."""
        policy = with_chart(**{f"{field}_reminds": frozenset({group})})
        expected = {30: Stage.REVIEW_DUE, 50: Stage.REVIEW_OVERDUE}[day]
        is_reminded = group is Reminded.HIGH
        view = chart.read(day, policy=policy)
        assert said(view) is (expected if is_reminded else Quiet.NOT_REMINDED)

    @pytest.mark.parametrize(
        ("ratio", "group"),
        [
            (41, Reminded.HIGH),
            (68, Reminded.ABOVE_AVERAGE),
            (80, Reminded.BELOW_AVERAGE),
        ],
    )
    def test_the_group_is_the_band_of_the_vertebra(self, chart, ratio, group):
        """The more cement, the lower the risk."""
        chart.sign("cement-ratio-ap", ratio, chart.day(1), id="cement")
        assert chart.read(30).groups == {group}

    @pytest.mark.parametrize(
        ("ratio", "group"), [(30, Reminded.RELATIVE), (80, Reminded.RELATIVE_BELOW)]
    )
    def test_without_a_probability_the_percentile_makes_the_group(
        self, chart, ratio, group
    ):
        """Output mode relative."""
        chart.sign("cement-ratio-ap", ratio, chart.day(1), id="cement")
        assert chart.read(30, mode=OutputMode.RELATIVE).groups == {group}

    def test_a_missing_value_and_recorded_pain_are_groups_too(self, chart):
        """A patient may belong to two."""
        chart.observations = []
        chart.sign("scn-persistent-pain", value=True, when=chart.day(20))
        view = chart.read(30)
        assert view.groups == {Reminded.NOT_SCORED, Reminded.PAIN_RECORDED}
        assert said(view) is Stage.REVIEW_DUE

    def test_nobody_is_reminded_where_the_hospital_wants_none(self, chart):
        """Both can be switched off."""
        for day in (30, 50):
            assert said(chart.read(day, policy=NOBODY)) is Quiet.NOT_REMINDED
        never = with_chart(overdue_shown_days=0)
        assert said(chart.read(43, policy=never)) is Quiet.NO_LONGER_SHOWN

    def test_the_times_of_the_review_are_the_policys(self, chart):
        """Another hospital sees its patients later."""
        policy = default_policy()
        later = replace(
            policy.follow_up, review_from_days=56, review_until_days=60, horizon_days=80
        )
        policy = replace(policy, follow_up=later)
        days = {55: Quiet.NOT_YET_DUE, 56: Stage.REVIEW_DUE, 61: Stage.REVIEW_OVERDUE}
        for day, expected in days.items():
            assert said(chart.read(day, policy=policy)) is expected
        assert said(chart.read(81, policy=policy, hour=0)) is Quiet.BEYOND_HORIZON


class TestNextStep:
    """A positive tender point and no block."""

    @pytest.fixture
    def tender(self, chart):
        return chart.sign("scn-tender-point", value=True, when=chart.day(35))

    @pytest.mark.parametrize(
        ("day", "expected"),
        [
            (35, Stage.NEXT_STEP),
            (63, Stage.NEXT_STEP),
            (64, Quiet.NO_LONGER_SHOWN),
        ],
    )
    def test_the_block_is_suggested_for_four_weeks(self, tender, day, expected):
        """From the day of the finding."""
        assert said(tender.read(day)) is expected

    @pytest.mark.parametrize("code", ["scn-tender-point", "scn-tinel-sign"])
    def test_pressing_again_does_not_begin_the_four_weeks_anew(self, tender, code):
        """The step was plain from the first finding on; the newest one is shown."""
        tender.sign(code, value=True, when=tender.day(60), id="again")
        view = tender.read(63)
        assert said(view) is Stage.NEXT_STEP
        assert view.criteria.tender_point.findings[0].source == "Observation/again"
        assert said(tender.read(64)) is Quiet.NO_LONGER_SHOWN

    @pytest.mark.parametrize("code", ["scn-tender-point", "scn-tinel-sign"])
    def test_a_tender_point_that_came_back_does(self, tender, code):
        """It was gone in between."""
        tender.sign(code, value=False, when=tender.day(50), id="gone")
        tender.sign("scn-tender-point", value=True, when=tender.day(60), id="again")
        assert said(tender.read(88)) is Stage.NEXT_STEP
        assert said(tender.read(89)) is Quiet.NO_LONGER_SHOWN

    def test_one_on_the_other_side_does(self, tender):
        """It was never found before, and its block is another one."""
        left, right = ({"bodySite": {"text": side}} for side in ("left", "right"))
        tender.sign("scn-tender-point", value=True, when=tender.day(35), **left)
        tender.sign("scn-tinel-sign", value=True, when=tender.day(60), **right)
        assert said(tender.read(88)) is Stage.NEXT_STEP
        assert said(tender.read(89)) is Quiet.NO_LONGER_SHOWN

    @pytest.mark.parametrize("day", [40, 62])
    def test_pain_that_is_recorded_again_does_not(self, tender, day):
        """It is no other finding."""
        for number, on in enumerate((20, day)):
            name = f"pain{number}"
            tender.sign("scn-persistent-pain", value=True, when=tender.day(on), id=name)
        assert said(tender.read(63)) is Stage.NEXT_STEP
        assert said(tender.read(64)) is Quiet.NO_LONGER_SHOWN

    def test_pain_that_came_back_does(self, tender):
        """Without it there was no step to take."""
        tender.sign("scn-persistent-pain", value=False, when=tender.day(40), id="gone")
        assert said(tender.read(50)) is Quiet.FOLLOW_UP_RECORDED
        tender.sign("scn-persistent-pain", value=True, when=tender.day(70), id="back")
        assert said(tender.read(98)) is Stage.NEXT_STEP
        assert said(tender.read(99)) is Quiet.NO_LONGER_SHOWN

    def test_it_can_be_switched_off(self, tender):
        """Zero days."""
        policy = with_chart(next_step_shown_days=0)
        assert said(tender.read(36, policy=policy)) is Quiet.NO_LONGER_SHOWN

    @pytest.mark.parametrize(
        ("found_on", "read_on", "expected"),
        [
            (3, 5, Quiet.NOT_YET_DUE),
            (13, 20, Quiet.NOT_YET_DUE),
            (13, 30, Stage.REVIEW_DUE),
            (14, 20, Stage.NEXT_STEP),
        ],
    )
    def test_tenderness_of_the_first_days_is_of_the_wound(
        self, chart, found_on, read_on, expected
    ):
        """It is shown with its source, and decides nothing."""
        chart.sign("scn-persistent-pain", value=True, when=chart.day(found_on), id="p")
        chart.sign("scn-tender-point", value=True, when=chart.day(found_on), id="t")
        view = chart.read(read_on)
        assert said(view) is expected
        if expected is not Stage.NEXT_STEP:
            point = view.criteria.tender_point
            assert point.reason is Reason.TOO_EARLY
            assert point.detail == "before day 14 after surgery"
            assert point.candidates == ("Observation/t",)
            assert view.groups == {Reminded.HIGH}

    def test_a_hospital_may_count_them_from_another_day(self, chart):
        """Or at once."""
        chart.sign("scn-tender-point", value=True, when=chart.day(3))
        at_once = with_chart(findings_from_days=0)
        assert said(chart.read(5, policy=at_once)) is Stage.NEXT_STEP

    def test_tinel_alone_is_a_positive_tender_point(self, chart):
        """Either code says that pressure brings on the pain."""
        chart.sign("scn-tinel-sign", value=True, when=chart.day(35))
        assert said(chart.read(36)) is Stage.NEXT_STEP

    @pytest.mark.parametrize("day", [14, 20])
    def test_it_need_not_wait_for_the_review(self, chart, day):
        """The finding is what counts."""
        chart.sign("scn-tender-point", value=True, when=chart.day(day))
        assert said(chart.read(day)) is Stage.NEXT_STEP

    @pytest.mark.parametrize(
        "status", ["completed", "in-progress", "preparation", "not-done", "on-hold"]
    )
    def test_any_word_of_a_block_silences_it(self, tender, status):
        """Given, planned or decided against."""
        tender.done("scn-diagnostic-block", tender.day(36), status=status)
        assert said(tender.read(37)) is Quiet.FOLLOW_UP_RECORDED

    def test_so_does_a_block_of_an_unnamed_nerve(self, tender):
        """It may be the one."""
        tender.done("nerve-block", tender.day(36))
        assert said(tender.read(37)) is Quiet.FOLLOW_UP_RECORDED

    @pytest.mark.parametrize(
        "code", ["scn-diagnostic-block", "nerve-block", "scn-block-relief"]
    )
    def test_a_block_of_the_first_days_is_no_word_of_it(self, tender, code):
        """It came before the tender point counted; the card names it."""
        if code == "scn-block-relief":
            tender.sign(code, 90, tender.day(5), id="early")
        else:
            tender.done(code, tender.day(5), id="early")
        view = tender.read(36)
        assert said(view) is Stage.NEXT_STEP
        ((why, (source,)),) = view.uncounted.items()
        assert (why, source.partition("/")[2]) == (Uncounted.EARLY, "early")

    def test_an_early_examination_does_not_concern_the_block(self, tender):
        """The tender point was found again in time."""
        tender.sign("scn-tinel-sign", value=True, when=tender.day(5), id="early")
        assert tender.read(36).uncounted == {}

    def test_so_does_relief_without_its_block(self, tender):
        """Something was injected."""
        tender.sign("scn-block-relief", 90, tender.day(36))
        assert said(tender.read(37)) is Quiet.FOLLOW_UP_RECORDED

    def test_an_erroneous_block_does_not(self, tender):
        """It never was."""
        tender.done("scn-diagnostic-block", tender.day(36), status="entered-in-error")
        assert said(tender.read(37)) is Stage.NEXT_STEP

    def test_pain_that_is_gone_needs_no_block(self, tender):
        """Neither do contradicting words about it."""
        tender.sign("scn-persistent-pain", value=False, when=tender.day(36), id="a")
        assert said(tender.read(37)) is Quiet.FOLLOW_UP_RECORDED
        tender.sign("scn-persistent-pain", value=True, when=tender.day(36), id="b")
        assert said(tender.read(37)) is Quiet.FOLLOW_UP_RECORDED

    def test_a_tender_point_that_is_gone_needs_none(self, tender):
        """The newest finding decides."""
        tender.sign("scn-tender-point", value=False, when=tender.day(36), id="later")
        assert said(tender.read(37)) is Quiet.FOLLOW_UP_RECORDED

    def test_no_block_recorded_needs_a_complete_record(self, tender):
        """An entry that cannot be read may be the block."""
        tender.illegible = {"Procedure": 1}
        assert said(tender.read(37)) is Quiet.RECORDS_INCOMPLETE

    def test_a_provisional_diagnosis_still_waits_for_its_block(self, tender):
        """That is what would confirm it."""
        assert said(tender.diagnosed("provisional").read(37)) is Stage.NEXT_STEP


class TestCriteriaMet:
    """Pain, tender point and relief."""

    @pytest.mark.parametrize(
        ("day", "expected"),
        [
            (40, Stage.CRITERIA_MET),
            (68, Stage.CRITERIA_MET),
            (69, Quiet.NO_LONGER_SHOWN),
        ],
    )
    def test_it_is_said_for_four_weeks(self, chart, day, expected):
        """From the last of the findings."""
        assert said(chart.meets_criteria(40).read(day)) is expected

    @pytest.mark.parametrize(
        ("code", "value"),
        [("scn-persistent-pain", True), ("scn-tender-point", True)],
    )
    def test_what_is_recorded_again_does_not_begin_the_four_weeks_anew(
        self, chart, code, value
    ):
        """Pain is asked for at each visit: the criteria were met before."""
        chart.meets_criteria(40).sign(code, value, chart.day(60), id="again")
        assert said(chart.read(68)) is Stage.CRITERIA_MET
        assert said(chart.read(69)) is Quiet.NO_LONGER_SHOWN

    def test_neither_does_one_more_block(self, chart):
        """It confirms what the first one showed."""
        chart.meets_criteria(40).done("scn-diagnostic-block", chart.day(60, 10))
        chart.sign("scn-block-relief", 80, chart.day(60, 11), id="more")
        view = chart.read(68)
        assert view.criteria.block_relief.findings[0].source == "Observation/more"
        assert said(view) is Stage.CRITERIA_MET
        assert said(chart.read(69)) is Quiet.NO_LONGER_SHOWN

    def test_a_block_after_one_that_did_not_help_does(self, chart):
        """The criteria were not met before."""
        chart.meets_criteria(40).sign("scn-block-relief", 40, chart.day(40, 11))
        relief = [o for o in chart.observations if o["id"] != "relief"]
        chart.observations = relief
        assert chart.read(41).criteria.block_relief.is_not_met
        chart.done("scn-diagnostic-block", chart.day(60, 10), id="second")
        chart.sign("scn-block-relief", 80, chart.day(60, 11), id="enough")
        assert said(chart.read(88)) is Stage.CRITERIA_MET
        assert said(chart.read(89)) is Quiet.NO_LONGER_SHOWN

    def test_pain_that_came_back_does(self, chart):
        """In between they were not met."""
        chart.meets_criteria(40)
        chart.sign("scn-persistent-pain", value=False, when=chart.day(50), id="gone")
        assert chart.read(55).stage is None
        chart.sign("scn-persistent-pain", value=True, when=chart.day(60), id="back")
        assert said(chart.read(88)) is Stage.CRITERIA_MET
        assert said(chart.read(89)) is Quiet.NO_LONGER_SHOWN

    @pytest.mark.parametrize(("day", "is_met"), [(0, False), (13, False), (14, True)])
    def test_of_the_first_days_it_is_never_said(self, chart, day, is_met):
        """Nor later, from what was found then."""
        chart.meets_criteria(day)
        for later in (day, day + 10):
            view = chart.read(later)
            assert (view.stage is Stage.CRITERIA_MET) is is_met
            assert not any(c.is_not_met for c in view.criteria.all)

    def test_it_can_be_switched_off(self, chart):
        """Zero days."""
        policy = with_chart(criteria_met_shown_days=0)
        view = chart.meets_criteria().read(41, policy=policy)
        assert said(view) is Quiet.NO_LONGER_SHOWN

    def test_it_is_said_until_the_last_day_of_the_horizon(self, chart):
        """Six months, to the day."""
        chart.meets_criteria(183)
        assert said(chart.read(183)) is Stage.CRITERIA_MET
        assert said(chart.read(184, hour=0)) is Quiet.BEYOND_HORIZON

    def test_it_needs_no_probability(self, chart):
        """The criteria stand by themselves."""
        for name in ("cement", "crr"):
            kept = [o for o in chart.observations if o["id"] != name]
            chart.observations = kept
        assert said(chart.meets_criteria().read(41)) is Stage.CRITERIA_MET

    @pytest.mark.parametrize("missing", ["pain", "tender", "relief", "block"], ids=str)
    def test_two_of_three_are_not_enough(self, chart, missing):
        """What is unknown is neither met nor not met."""
        chart.meets_criteria()
        for name in ("observations", "procedures"):
            kept = [r for r in getattr(chart, name) if r["id"] != missing]
            setattr(chart, name, kept)
        view = chart.read(41)
        assert view.stage is not Stage.CRITERIA_MET
        assert not any(criterion.is_not_met for criterion in view.criteria.all)

    @pytest.mark.parametrize("status", ["confirmed", "refuted", "provisional"])
    def test_a_diagnosis_that_is_recorded_is_not_suggested_again(self, chart, status):
        """Confirmed, refuted, or under consideration already."""
        chart.meets_criteria().diagnosed(status)
        assert said(chart.read(41)) is Quiet.DIAGNOSIS_RECORDED

    def test_without_conditions_it_is_said_all_the_same(self, chart):
        """With the caveat that nobody could look for the diagnosis."""
        chart.meets_criteria().conditions = None
        view = chart.read(41)
        assert (said(view), view.diagnosis) == (
            Stage.CRITERIA_MET,
            Diagnosis.UNCHECKED,
        )
        chart.conditions, chart.illegible = [], {"Condition": 1}
        assert chart.read(41).diagnosis is Diagnosis.UNCHECKED


class TestWhoIsLeftAlone:
    """No card, whatever is recorded."""

    @pytest.fixture
    def met(self, chart):
        return chart.meets_criteria()

    def test_a_child(self, met):
        """The study's patients were adults."""
        met.patient["birthDate"] = "2010-01-01"
        assert said(met.read(41)) is Quiet.NOT_ELIGIBLE

    @pytest.mark.parametrize(
        "more", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-04-10"}]
    )
    def test_one_who_has_died(self, met, more):
        """Nobody is reminded of them."""
        met.patient |= more
        assert said(met.read(41)) is Quiet.DECEASED

    def test_one_with_an_excluded_condition(self, met):
        """Tumour, tuberculosis, infection of the spine."""
        subject = {"reference": "Patient/p1"}
        tumour = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C79.51"}
        met.conditions.append(
            {
                "resourceType": "Condition",
                "id": "c",
                "subject": subject,
                "code": {"coding": [tumour]},
            }
        )
        assert said(met.read(41)) is Quiet.NOT_ELIGIBLE

    def test_one_without_an_eligible_operation(self, met):
        """A hip is no vertebra."""
        del met.procedures[0]
        assert said(met.read(41)) is Quiet.NOT_ELIGIBLE

    @pytest.mark.parametrize("status", ["confirmed", "refuted"])
    def test_one_whose_diagnosis_is_settled_is_not_reminded_either(self, chart, status):
        """Nor is one for whom it is considered."""
        assert said(chart.diagnosed(status).read(30)) is Quiet.DIAGNOSIS_RECORDED
        chart.conditions = []
        chart.diagnosed("provisional")
        assert said(chart.read(30)) is Quiet.DIAGNOSIS_RECORDED


FINDINGS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                ("scn-persistent-pain", True),
                ("scn-persistent-pain", False),
                ("scn-tender-point", True),
                ("scn-tender-point", False),
                ("scn-block-relief", 90),
                ("scn-block-relief", 75),
                ("scn-diagnostic-block", None),
                ("tender-point-assessment", None),
            ]
        ),
        st.integers(-5, 60),
        st.integers(8, 12),
        st.sampled_from(["final", "preliminary"]),
    ),
    max_size=7,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(findings=FINDINGS, day=st.integers(1, 190))
def test_whatever_is_recorded_each_stage_has_its_sources(chart, findings, day):
    """Consider, block, remind: never without what they rest on, and never two."""
    chart.observations, chart.procedures = chart.observations[:2], chart.procedures[:1]
    for number, ((code, value), on, hour, status) in enumerate(findings):
        when, name = chart.day(on, hour), f"f{number}"
        if value is None:
            chart.done(code, when, id=name)
        else:
            chart.sign(code, value, when, id=name, status=status)
    view = chart.read(day, policy=EVERYBODY)
    said(view)
    if view.stage is Stage.CRITERIA_MET:
        assert all(criterion.findings for criterion in view.criteria.all)
        assert view.criteria.block_relief.findings[0].value == 90
    if view.stage is Stage.NEXT_STEP:
        assert view.criteria.tender_point.findings
        assert not view.criteria.review.blocks
    if view.stage in {Stage.REVIEW_DUE, Stage.REVIEW_OVERDUE}:
        assert not view.criteria.review.followed_up
        assert 28 <= day <= 70
    assert view.operation is None or view.operation.day == date(2026, 3, 2)


def test_the_policys_section_is_a_chart():
    """All quiet rules stand in one place."""
    assert isinstance(default_policy().chart, Chart)
