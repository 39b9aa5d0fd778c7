"""The three diagnostic criteria of the study, from what was recorded afterwards."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.fhir.course import Diagnosis, is_deceased, read_diagnosis
from service.fhir.criteria import judge_criteria
from service.fhir.findings import Operation, PatientRecord, Reason
from service.fhir.terminology import load_terminology
from service.fhir.verdicts import Criterion, Result, Setting

CHINA = timezone(timedelta(hours=8))
OPERATED = datetime(2026, 3, 2, 9, 30, tzinfo=CHINA)
OPERATION = Operation(OPERATED, OPERATED, OPERATED.date(), ("Procedure/op",))
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=CHINA)
VISIT = "2026-04-13T10:00:00+08:00"
LATER = "2026-04-27T10:00:00+08:00"
BLOCKED = "2026-04-15T09:00:00+08:00"
OWN = "http://scnen-cds.example.org/fhir/CodeSystem/predictors"
SNOMED = "http://snomed.info/sct"
LOCAL = "http://hospital.example.org/codes"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
MET, NOT_MET, UNKNOWN = Result.MET, Result.NOT_MET, Result.UNKNOWN
PAIN, TENDER, TINEL = "scn-persistent-pain", "scn-tender-point", "scn-tinel-sign"
YES, NO = True, False


@pytest.fixture
def judge(terminology):
    """Judge resources of any type, after the operation of 2 March 2026."""

    def judge(*resources, operation=OPERATION, now=NOW, findings_from_days=0, **record):
        kinds = {"Procedure": [], "Observation": []}
        for resource in resources:
            kinds[resource["resourceType"]].append(resource)
        return judge_criteria(
            PatientRecord(
                patient=None,
                encounter=None,
                procedures=record.pop("procedures", kinds["Procedure"]),
                observations=record.pop("observations", kinds["Observation"]),
                conditions=None,
                **record,
            ),
            patient_id="p1",
            operation=operation,
            now=now,
            terminology=terminology,
            findings_from_days=findings_from_days,
        )

    return judge


@pytest.fixture
def sign(fhir):
    """A final sign: present, absent, or a percentage of relief."""

    def sign(code, value=YES, at=VISIT, **more):
        if isinstance(value, bool):
            more = {"valueBoolean": value, **more}
            value = None
        elif isinstance(value, int | float):
            value = {"value": value, "unit": "%", "system": UCUM, "code": "%"}
        return fhir.observation(code, value, at, **more)

    return sign


UCUM = "http://unitsofmeasure.org"


@pytest.fixture
def relief(sign):
    def relief(value, at="2026-04-15T10:00:00+08:00", **more):
        return sign("scn-block-relief", value, at, **more)

    return relief


@pytest.fixture
def block(fhir):
    def block(at=BLOCKED, **more):
        return fhir.procedure("scn-diagnostic-block", at=at, **more)

    return block


def coded(*codes):
    return {"coding": [{"system": s, "code": c} for s, c in codes]}


def told(criterion):
    """What a criterion says, in short."""
    assert isinstance(criterion, Criterion)
    return criterion.reason or criterion.result


class TestPresence:
    """Pain and tender point: there, not there, or not known."""

    @pytest.mark.parametrize(
        ("code", "name"),
        [
            (PAIN, "persistent_pain"),
            (TENDER, "tender_point"),
            (TINEL, "tender_point"),
        ],
    )
    @pytest.mark.parametrize(("value", "result"), [(True, MET), (False, NOT_MET)])
    def test_a_final_finding_decides_its_criterion_only(
        self, judge, sign, code, name, value, result
    ):
        """Present is met, absent is not met, the other criteria stay unknown."""
        found = judge(sign(code, value))
        names = {"persistent_pain", "tender_point", "block_relief"}
        assert getattr(found, name).result is result
        for other in names - {name}:
            assert told(getattr(found, other)) is Reason.NOT_RECORDED

    def test_a_finding_keeps_source_time_value_code_and_site(self, judge, sign):
        """Everything the card shows comes from the record."""
        site = {**coded((LOCAL, "left-crest")), "text": "Left iliac crest"}
        resource = sign(TENDER, bodySite=site, status="amended")
        (found,) = judge(resource).tender_point.findings
        assert found.source == f"Observation/{resource['id']}"
        assert found.time == datetime.fromisoformat(VISIT)
        assert (found.value, found.as_found) == (True, "true")
        assert (found.code.system, found.code.code) == (OWN, TENDER)
        assert (found.status, found.site) == ("amended", "Left iliac crest")

    @pytest.mark.parametrize(
        ("code", "result"), [("present", MET), ("absent", NOT_MET)]
    )
    def test_a_coded_value_counts_by_the_projects_codes(
        self, judge, sign, code, result
    ):
        """Or by those a site maps to them."""
        value = {**coded((LOCAL, "x"), (OWN, code)), "text": "as said"}
        criterion = judge(sign(PAIN, None, valueCodeableConcept=value)).persistent_pain
        assert criterion.result is result
        assert criterion.findings[0].as_found == "as said"

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ({"valueString": "positive"}, Reason.NOT_A_QUANTITY),
            ({"valueInteger": 1}, Reason.NOT_A_QUANTITY),
            ({"valueBoolean": "true"}, Reason.NOT_A_QUANTITY),
            ({"valueBoolean": None}, Reason.NOT_A_QUANTITY),
            ({"valueCodeableConcept": {"text": "present"}}, Reason.NOT_A_QUANTITY),
            (
                {"valueCodeableConcept": coded((SNOMED, "279039007"))},
                Reason.NOT_A_QUANTITY,
            ),
            (
                {"valueCodeableConcept": coded((OWN, "present"), (OWN, "absent"))},
                Reason.NOT_A_QUANTITY,
            ),
            (
                {"valueBoolean": True, "valueString": "no"},
                Reason.NOT_A_QUANTITY,
            ),
            ({}, Reason.NOT_A_QUANTITY),
            (
                {"dataAbsentReason": coded((LOCAL, "refused"))},
                Reason.DATA_ABSENT,
            ),
            (
                {"valueBoolean": True, "modifierExtension": [{"url": "x"}]},
                Reason.NOT_A_QUANTITY,
            ),
        ],
        ids=str,
    )
    def test_nothing_is_guessed_from_another_form(self, judge, fhir, value, reason):
        """Texts, numbers, unknown codes and contradictions leave it unknown."""
        resource = fhir.observation(TENDER, None, VISIT, **value)
        criterion = judge(resource).tender_point
        assert (criterion.result, criterion.reason) == (UNKNOWN, reason)
        assert criterion.candidates == (f"Observation/{resource['id']}",)

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            ("final", MET),
            ("amended", MET),
            ("corrected", MET),
            ("preliminary", Reason.STATUS_NOT_FINAL),
            ("registered", Reason.STATUS_NOT_FINAL),
            ("unknown", Reason.STATUS_NOT_FINAL),
            ("cancelled", Reason.NOT_RECORDED),
            ("entered-in-error", Reason.NOT_RECORDED),
            (None, Reason.NOT_RECORDED),
        ],
    )
    def test_status_rules_are_those_of_the_predictors(self, judge, sign, status, said):
        """Only final findings count; those not yet final are named."""
        assert told(judge(sign(PAIN, status=status)).persistent_pain) is said

    @pytest.mark.parametrize(
        ("at", "said"),
        [
            ("2026-03-01", Reason.NOT_RECORDED),
            ("2026-03-02T09:29:59+08:00", Reason.NOT_RECORDED),
            ("2026-03-02T09:30:00+08:00", Reason.TIME_UNCLEAR),
            ("2026-03-02", Reason.TIME_UNCLEAR),
            ("2026-03", Reason.TIME_UNCLEAR),
            ("2026-03-02T09:30:01+08:00", MET),
            ("2026-03-03", MET),
            ("2026-04", MET),
            ("2026-05-04T12:00:01+08:00", Reason.TIME_UNCLEAR),
            ("next week", Reason.TIME_UNCLEAR),
            (None, Reason.TIME_UNCLEAR),
        ],
    )
    def test_before_the_operation_never_counts_and_doubt_is_said(
        self, judge, sign, at, said
    ):
        """To the second, and by whole days where no time is recorded."""
        assert told(judge(sign(PAIN, at=at)).persistent_pain) is said

    @pytest.mark.parametrize(
        "operation",
        [
            Operation(None, None, None, ()),
            Operation(
                datetime(2026, 3, 31, 16, tzinfo=UTC),
                datetime(2026, 4, 30, 15, 59, 59, tzinfo=UTC),
                None,
                (),
            ),
        ],
        ids=["no-time", "a-month"],
    )
    def test_an_operation_without_a_day_leaves_it_open(self, judge, sign, operation):
        """April's visit may lie before an operation of some day in April."""
        criterion = judge(sign(PAIN), operation=operation).persistent_pain
        assert criterion.reason is Reason.TIME_UNCLEAR

    def test_the_newest_final_finding_decides(self, judge, sign):
        """In either direction, whatever the order in the Bundle."""
        for first, then in ((True, False), (False, True)):
            pair = [sign(PAIN, first, VISIT), sign(PAIN, then, LATER)]
            for resources in (pair, pair[::-1]):
                found = judge(*resources).persistent_pain
                assert found.is_met is then
                assert [f.value for f in found.findings] == [then]

    def test_two_findings_of_one_time_that_differ_are_a_conflict(self, judge, sign):
        """Both are named, none is preferred."""
        pair = [sign(TENDER, YES), sign(TENDER, NO)]
        criterion = judge(*pair).tender_point
        assert criterion.reason is Reason.CONFLICT
        for resource in pair:
            assert f"Observation/{resource['id']}" in criterion.detail
        assert len(criterion.candidates) == 2

    def test_a_date_and_a_time_of_that_day_are_one_time(self, judge, sign):
        """Which came first is not recorded."""
        pair = sign(PAIN, YES, "2026-04-13"), sign(PAIN, NO, VISIT)
        assert judge(*pair).persistent_pain.reason is Reason.CONFLICT

    def test_two_that_agree_are_no_conflict(self, judge, sign):
        """Both stand as sources, the newest first."""
        found = judge(sign(TENDER), sign(TINEL)).tender_point
        assert found.is_met
        assert len(found.findings) == 2

    @pytest.mark.parametrize("order", [1, -1])
    def test_tender_point_and_tinel_of_one_examination_must_agree(
        self, judge, sign, order
    ):
        """Written down five minutes apart, they are of one examination."""
        values = (True, False)[::order]
        found = judge(
            sign(TENDER, values[0], "2026-04-13T10:00:00+08:00"),
            sign(TINEL, values[1], "2026-04-13T10:05:00+08:00"),
        )
        assert found.tender_point.reason is Reason.CONFLICT

    def test_a_correction_within_one_examination_counts(self, judge, sign):
        """The same code again is newer."""
        found = judge(
            sign(TENDER, NO, "2026-04-13T10:00:00+08:00"),
            sign(TENDER, YES, "2026-04-13T10:02:00+08:00"),
            sign(TINEL, YES, "2026-04-13T10:05:00+08:00"),
        )
        assert found.tender_point.is_met

    def test_tinel_of_a_later_visit_is_newer_than_the_tender_point(self, judge, sign):
        """Another day is another examination."""
        found = judge(sign(TENDER, YES, VISIT), sign(TINEL, NO, LATER))
        assert found.tender_point.is_not_met

    def test_the_two_sides_do_not_contradict_each_other(self, judge, sign):
        """Positive on the left is met, whatever the right says."""
        shown = {"system": LOCAL, "code": "x", "display": "RIGHT iliac crest"}
        found = judge(
            sign(TENDER, YES, VISIT, bodySite={"text": "Left crest"}),
            sign(TENDER, NO, LATER, bodySite={"coding": [shown]}),
        ).tender_point
        assert found.is_met
        assert [f.site for f in found.findings] == ["Left crest"]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"text": "left crest"}, {"text": "left buttock"}),
            ({"text": "left"}, {"text": "outright"}),
            ({"text": "left"}, {"text": "right and left"}),
            ({"text": "left"}, {"text": "right, bilateral"}),
            (coded((LOCAL, "left-1")), coded((LOCAL, "left-2"))),
            (coded((LOCAL, "left")), coded((SNOMED, "7771000"))),
            (coded((LOCAL, "left")), None),
            (coded((OWN, "superior-cluneal-nerve")), coded((SNOMED, "29850006"))),
            (coded((SNOMED, "46862004")), coded((SNOMED, "29850006"))),
        ],
        ids=[
            "one-side",
            "not-the-word",
            "both-words",
            "bilateral",
            "two-codes",
            "two-systems",
            "one-unsaid",
            "no-sides",
            "snomed-no-sides",
        ],
    )
    def test_sites_that_may_be_one_place_contradict(self, judge, sign, one, other):
        """Only left and right are known to be two places."""
        found = judge(sign(TENDER, YES, bodySite=one), sign(TENDER, NO, bodySite=other))
        assert found.tender_point.reason is Reason.CONFLICT

    def test_the_newest_finding_that_cannot_be_read_is_not_made_up_for(
        self, judge, sign
    ):
        """It may say the opposite of the older one."""
        found = judge(
            sign(TENDER, YES, VISIT),
            sign(TENDER, None, LATER, valueString="negative"),
        )
        assert found.tender_point.reason is Reason.NOT_A_QUANTITY

    @pytest.mark.parametrize(
        "more",
        [{"dataAbsentReason": coded((LOCAL, "asleep"))}, {"status": "preliminary"}],
        ids=["absent", "preliminary"],
    )
    def test_what_says_nothing_final_does_not_undo_a_final_finding(
        self, judge, sign, more
    ):
        """The newest final finding decides."""
        if "status" in more:
            newer = sign(TENDER, NO, LATER, **more)
        else:
            newer = sign(TENDER, None, LATER, **more)
        assert judge(sign(TENDER, YES, VISIT), newer).tender_point.is_met

    def test_components_of_a_panel_count(self, judge, fhir):
        """Of an examination, and of the panel of predictors."""
        parts = [
            {"code": coded((OWN, TENDER)), "valueBoolean": True},
            {"code": coded((OWN, PAIN)), "valueBoolean": False},
            {"code": coded((LOCAL, "x")), "valueBoolean": False},
            "junk",
        ]
        for panel in ("scn-examined", "predictor-panel"):
            found = judge(fhir.observation(panel, None, VISIT, component=parts[:3]))
            assert (found.tender_point.result, found.persistent_pain.result) == (
                MET,
                NOT_MET,
            )
        broken = judge(fhir.observation("scn-examined", None, VISIT, component=parts))
        assert broken.tender_point.result is UNKNOWN

    def test_codes_of_two_signs_on_one_finding_are_a_conflict(self, judge, fhir):
        """Codings of one concept are translations."""
        code = coded((OWN, PAIN), (OWN, TENDER))
        both = fhir.observation(PAIN, None, VISIT, valueBoolean=True) | {"code": code}
        found = judge(both)
        assert found.persistent_pain.reason is Reason.CONFLICT
        assert found.tender_point.reason is Reason.CONFLICT

    def test_versions_of_one_finding_that_differ_are_a_conflict(self, judge, sign):
        """None of them is known to be the newest."""
        pair = sign(PAIN, YES, id="v"), sign(PAIN, NO, id="v")
        assert judge(*pair).persistent_pain.reason is Reason.CONFLICT

    def test_another_patients_finding_does_not_count(self, judge, sign):
        """Subject must be the patient of the call."""
        other = sign(PAIN, subject={"reference": "Patient/p2"})
        assert told(judge(other).persistent_pain) is Reason.NOT_RECORDED

    def test_low_back_pain_as_a_diagnosis_is_not_the_finding(self, judge, fhir):
        """Whether it persists after the operation is not in such a code."""
        pain = fhir.observation((SNOMED, "279039007"), None, VISIT, valueBoolean=True)
        assert told(judge(pain).persistent_pain) is Reason.NOT_RECORDED

    def test_periods_count_as_a_whole(self, judge, sign):
        """From before the operation, or without a start, it cannot tell."""
        period = {"start": "2026-04-13", "end": "2026-04-14"}
        assert judge(sign(PAIN, at=None, effectivePeriod=period)).persistent_pain.is_met
        for bad in (
            {"start": "2026-02-01", "end": "2026-04-01"},
            {"end": "2026-04-01"},
        ):
            found = judge(sign(PAIN, at=None, effectivePeriod=bad)).persistent_pain
            assert found.reason is Reason.TIME_UNCLEAR


class TestRelief:
    """More than 75 % within two hours of the block."""

    @pytest.mark.parametrize(
        ("value", "result"),
        [(100, MET), (75.1, MET), (75, NOT_MET), (75.0, NOT_MET), (0, NOT_MET)],
    )
    def test_75_percent_exactly_is_not_met(self, judge, block, relief, value, result):
        """The study says more than 75 %."""
        assert judge(block(), relief(value)).block_relief.result is result

    @pytest.mark.parametrize(
        ("quantity", "said"),
        [
            ({"value": 0.8, "system": UCUM, "code": "1"}, MET),
            ({"value": 0.75, "system": UCUM, "code": "1"}, NOT_MET),
            ({"value": 0.8, "system": UCUM, "code": "{ratio}"}, MET),
            ({"value": 80, "unit": "percent"}, MET),
            ({"value": 80}, Reason.UNIT_NOT_STATED),
            ({"value": 80, "unit": "points"}, Reason.UNIT_UNKNOWN),
            ({"value": 80, "system": UCUM, "code": "deg"}, Reason.UNIT_UNKNOWN),
            (
                {"value": 75, "comparator": ">", "unit": "%"},
                Reason.COMPARATOR,
            ),
            ({"value": 180, "unit": "%"}, Reason.OUT_OF_PHYSICAL_RANGE),
            ({"value": -20, "unit": "%"}, Reason.OUT_OF_PHYSICAL_RANGE),
        ],
        ids=str,
    )
    def test_units_are_read_as_those_of_the_predictors(
        self, judge, block, relief, quantity, said
    ):
        """A fraction is a fraction; without a unit nothing is said."""
        assert told(judge(block(), relief(quantity)).block_relief) is said

    def test_a_tick_for_relief_is_no_percentage(self, judge, block, relief):
        """How much is what counts."""
        found = judge(block(), relief(YES)).block_relief
        assert found.reason is Reason.NOT_A_QUANTITY

    @pytest.mark.parametrize(
        ("given", "read", "said"),
        [
            (BLOCKED, "2026-04-15T09:00:00+08:00", MET),
            (BLOCKED, "2026-04-15T11:00:00+08:00", MET),
            (BLOCKED, "2026-04-15T03:00:00Z", MET),
            (BLOCKED, "2026-04-15T11:00:01+08:00", Reason.OUTSIDE_WINDOW),
            (BLOCKED, "2026-04-16", Reason.OUTSIDE_WINDOW),
            (BLOCKED, "2026-04-15", Reason.TIME_UNCLEAR),
            (BLOCKED, "2026-04-15T08:59:59+08:00", Reason.TIME_UNCLEAR),
            (BLOCKED, None, Reason.TIME_UNCLEAR),
            ("2026-04-15", "2026-04-15T10:00:00+08:00", Reason.TIME_UNCLEAR),
            ("2026-04-15", "2026-04-15", Reason.TIME_UNCLEAR),
            ("2026-04-15", "2026-04-16", Reason.TIME_UNCLEAR),
            ("2026-04-15", "2026-04-17", Reason.OUTSIDE_WINDOW),
            (None, "2026-04-15T10:00:00+08:00", Reason.TIME_UNCLEAR),
        ],
    )
    def test_relief_counts_only_within_two_hours_for_sure(
        self, judge, block, relief, given, read, said
    ):
        """Two hours are in, a second more is out, and a date cannot tell."""
        assert told(judge(block(given), relief(90, read)).block_relief) is said

    @pytest.mark.parametrize(
        ("end", "read", "said"),
        [
            ("2026-04-15T09:20:00+08:00", "2026-04-15T11:00:00+08:00", MET),
            (
                "2026-04-15T09:20:00+08:00",
                "2026-04-15T11:10:00+08:00",
                Reason.TIME_UNCLEAR,
            ),
            (
                "2026-04-15T09:20:00+08:00",
                "2026-04-15T11:20:01+08:00",
                Reason.OUTSIDE_WINDOW,
            ),
            (None, "2026-04-15T11:00:00+08:00", MET),
            ("junk", "2026-04-15T10:00:00+08:00", Reason.TIME_UNCLEAR),
        ],
    )
    def test_a_block_that_lasted_may_have_been_injected_at_any_time_of_it(
        self, judge, block, relief, end, read, said
    ):
        """Only what holds for all of them counts."""
        period = {"start": BLOCKED} | ({"end": end} if end else {})
        given = block(None, performedPeriod=period)
        assert told(judge(given, relief(90, read)).block_relief) is said

    @pytest.mark.parametrize(
        "more",
        [
            {"status": "in-progress"},
            {"status": "not-done"},
            {"status": "entered-in-error"},
            {"status": "preparation"},
            {"subject": {"reference": "Patient/p2"}},
            {"modifierExtension": [{"url": "x"}]},
        ],
        ids=str,
    )
    def test_only_a_completed_block_is_a_block(self, judge, block, relief, more):
        """Relief without one has no time that can tell."""
        found = judge(block(**more), relief(90)).block_relief
        assert found.reason is Reason.TIME_UNCLEAR
        assert "no block with a time" in found.detail

    def test_relief_before_the_operation_never_counts(self, judge, block, relief):
        """Neither does a block."""
        found = judge(block("2026-02-01T09:00:00+08:00"), relief(90, "2026-02-01"))
        assert told(found.block_relief) is Reason.NOT_RECORDED
        assert found.review.blocks == ()

    def test_the_greatest_relief_within_the_two_hours_counts(
        self, judge, block, relief
    ):
        """The effect builds up and wears off: the study asks whether it was there."""
        values = {"09:10": 40, "09:30": 90, "10:55": 50}
        signs = [relief(v, f"2026-04-15T{t}:00+08:00") for t, v in values.items()]
        found = judge(block(), *signs).block_relief
        assert found.is_met
        assert [f.value for f in found.findings] == [90]

    def test_two_values_of_one_time_on_both_sides_of_75_are_a_conflict(
        self, judge, block, relief
    ):
        """Both are named."""
        found = judge(block(), relief(90), relief(60)).block_relief
        assert found.reason is Reason.CONFLICT
        assert "90 %" in found.detail
        assert "60 %" in found.detail

    @pytest.mark.parametrize(
        "doubt",
        [
            {"value": {"value": 90}, "at": "2026-04-15T10:30:00+08:00"},
            {"value": 90, "at": "2026-04-15"},
        ],
        ids=["no-unit", "no-time"],
    )
    def test_too_little_is_not_not_met_while_another_value_is_in_doubt(
        self, judge, block, relief, doubt
    ):
        """It may have been enough, and within the two hours."""
        found = judge(block(), relief(40), relief(**doubt)).block_relief
        assert found.result is UNKNOWN
        assert found.reason in {Reason.UNIT_NOT_STATED, Reason.TIME_UNCLEAR}

    def test_late_relief_does_not_undo_what_was_seen_in_time(
        self, judge, block, relief
    ):
        """Less is left in the evening, as one expects of lidocaine."""
        late = relief(10, "2026-04-15T20:00:00+08:00")
        assert judge(block(), relief(90), late).block_relief.is_met

    def test_little_relief_late_is_unknown_not_too_little(self, judge, block, relief):
        """What it was within two hours is not recorded."""
        found = judge(block(), relief(10, "2026-04-15T20:00:00+08:00")).block_relief
        assert found.reason is Reason.OUTSIDE_WINDOW

    def test_the_newest_block_with_a_relief_decides(self, judge, block, relief):
        """A later block without one says nothing."""
        second = "2026-04-22T09:00:00+08:00"
        first = [block(), relief(90)]
        assert judge(*first, block(second)).block_relief.is_met
        after = relief(30, "2026-04-22T10:00:00+08:00")
        assert judge(*first, block(second), after).block_relief.is_not_met

    def test_a_reference_to_the_block_comes_before_the_times(
        self, judge, block, relief
    ):
        """Two blocks of one morning: the relief says which one it is of."""
        early = block(BLOCKED, id="b1")
        late = block("2026-04-15T09:45:00+08:00", id="b2")
        of_first = relief(
            90,
            "2026-04-15T11:30:00+08:00",
            partOf=[{"reference": "Procedure/b1"}, {"reference": "Procedure/b0"}],
        )
        found = judge(early, late, of_first).block_relief
        assert found.reason is Reason.OUTSIDE_WINDOW
        assert judge(early, late, relief(90, "2026-04-15T11:30:00+08:00")).block_relief

    @pytest.mark.parametrize("status", ["not-done", "entered-in-error", None])
    def test_relief_of_something_else_is_not_credited_to_a_block(
        self, judge, fhir, block, relief, status
    ):
        """It says what it is part of: a block not given, or no block at all."""
        other = (
            block("2026-04-15T09:30:00+08:00", id="b2", status=status)
            if status
            else fhir.procedure("nerve-block", at="2026-04-15T09:30:00+08:00", id="b2")
        )
        of_other = relief(90, partOf=[{"reference": "Procedure/b2"}])
        found = judge(block(), other, of_other).block_relief
        assert found.reason is Reason.TIME_UNCLEAR
        assert "what it is part of" in found.detail
        assert judge(block(), other, relief(90)).block_relief.is_met

    def test_a_block_of_a_nerve_that_the_site_names_is_the_block(
        self, judge, fhir, relief
    ):
        """A general code serves with the project's site."""
        site = [coded((OWN, "superior-cluneal-nerve"))]
        general = fhir.procedure((SNOMED, "265778005"), at=BLOCKED, bodySite=site)
        assert judge(general, relief(90)).block_relief.is_met
        unnamed = fhir.procedure((SNOMED, "265778005"), at=BLOCKED)
        found = judge(unnamed, relief(90))
        assert found.block_relief.reason is Reason.TIME_UNCLEAR
        assert f"Procedure/{unnamed['id']}" in found.review.blocks


class TestPlace:
    """The block is given at a tender point that was found before it."""

    LEFT, RIGHT = ({"text": side} for side in ("Left crest", "Right crest"))

    @pytest.mark.parametrize("value", [90, 40])
    @pytest.mark.parametrize("said_by", ["block", "relief"])
    def test_a_block_of_the_other_side_tells_nothing(
        self, judge, sign, block, relief, said_by, value
    ):
        """Neither enough nor too little; both are named."""
        point = sign(TENDER, bodySite=self.LEFT)
        of_block = {"bodySite": [self.RIGHT]} if said_by == "block" else {}
        of_relief = {"bodySite": self.RIGHT} if said_by == "relief" else {}
        given, felt = block(**of_block), relief(value, **of_relief)
        found = judge(sign(PAIN), point, given, felt)
        assert found.tender_point.is_met
        assert found.block_relief.reason is Reason.CONFLICT
        named = given if said_by == "block" else felt
        for resource in (named, point):
            name = f"{resource['resourceType']}/{resource['id']}"
            assert name in found.block_relief.detail
        assert not found.are_met

    @pytest.mark.parametrize(
        "sites",
        [
            ({"text": "Left"}, None),
            (None, {"text": "Right"}),
            ({"text": "Left"}, {"text": "left"}),
            (coded((LOCAL, "1")), coded((LOCAL, "2"))),
        ],
    )
    def test_only_a_side_that_differs_for_sure_is_another(
        self, judge, sign, block, relief, sites
    ):
        """Where one of the two says nothing, the block may be there."""
        given = block(bodySite=[sites[1]] if sites[1] else None)
        found = judge(sign(TENDER, bodySite=sites[0]), given, relief(90))
        assert found.block_relief.is_met

    def test_one_tender_point_on_the_side_of_the_block_is_enough(
        self, judge, sign, block, relief
    ):
        """Both sides were tender, one was blocked."""
        points = [sign(TENDER, bodySite=site) for site in (self.LEFT, self.RIGHT)]
        given = block(bodySite=[self.RIGHT])
        assert judge(*points, given, relief(90)).block_relief.is_met
        absent = sign(TENDER, NO, bodySite=self.RIGHT)
        found = judge(points[0], absent, given, relief(90))
        assert found.block_relief.reason is Reason.CONFLICT

    def test_an_earlier_block_on_the_right_side_still_counts(
        self, judge, sign, block, relief
    ):
        """A later one on the other side does not stand in its way."""
        later = [
            block("2026-04-22T09:00:00+08:00", bodySite=[self.RIGHT]),
            relief(10, "2026-04-22T10:00:00+08:00"),
        ]
        first = [block(bodySite=[self.LEFT]), relief(90)]
        found = judge(sign(TENDER, bodySite=self.LEFT), *first, *later)
        assert found.block_relief.is_met

    def test_a_block_before_the_first_tender_point_tells_nothing(
        self, judge, sign, block, relief
    ):
        """It was not given there; one found again afterwards does no harm."""
        later = sign(TENDER, at=LATER)
        found = judge(later, block(), relief(90)).block_relief
        assert found.reason is Reason.TIME_UNCLEAR
        assert f"Observation/{later['id']}" in found.detail
        assert judge(sign(TENDER), later, block(), relief(90)).block_relief.is_met
        same_day = sign(TENDER, at="2026-04-15")
        assert judge(same_day, block(), relief(90)).block_relief.is_met


class TestEffect:
    """What is not felt because of a block does not speak against the diagnosis."""

    @pytest.fixture
    def met(self, sign, block, relief):
        """A record that meets all three."""
        return [sign(PAIN), sign(TENDER), block(id="b"), relief(90)]

    @pytest.mark.parametrize("code", [PAIN, TENDER, TINEL])
    @pytest.mark.parametrize(
        "at",
        [
            BLOCKED,
            "2026-04-15T10:00:00+08:00",
            "2026-04-15T18:00:00+08:00",
            "2026-04-15T15:59:59Z",
        ],
    )
    def test_the_success_of_a_block_is_no_negative_finding(
        self, judge, sign, met, code, at
    ):
        """From the injection until the end of its day."""
        assert judge(*met, sign(code, NO, at)).are_met

    def test_two_hours_after_a_late_block_the_day_may_be_over(self, judge, sign, block):
        """The effect lasts into the next one."""
        late = block("2026-04-15T23:30:00+08:00")
        for at, is_met in (
            ("2026-04-16T01:30:00+08:00", True),
            ("2026-04-16T01:30:01+08:00", False),
        ):
            found = judge(sign(TENDER), late, sign(TENDER, NO, at)).tender_point
            assert found.is_met is is_met

    @pytest.mark.parametrize(
        "at", ["2026-04-15T08:59:59+08:00", "2026-04-16T12:00:00+08:00", "2026-04-16"]
    )
    def test_before_the_block_and_on_another_day_it_is_one(self, judge, sign, met, at):
        """The newest finding decides, as ever."""
        assert judge(*met, sign(TENDER, NO, at)).tender_point.is_not_met

    def test_alone_it_says_neither_absent_nor_present(self, judge, sign, block):
        """What was there before the block nobody recorded."""
        absent = sign(TENDER, NO, "2026-04-15T10:00:00+08:00")
        found = judge(block(id="b"), absent).tender_point
        assert found.reason is Reason.TIME_UNCLEAR
        assert "Procedure/b" in found.detail
        assert found.candidates == (f"Observation/{absent['id']}",)

    @pytest.mark.parametrize("at", ["2026-04-15", "2026-04"])
    def test_where_the_order_is_open_it_contradicts_and_does_not_decide(
        self, judge, sign, met, at
    ):
        """It may be of before the block."""
        found = judge(*met, sign(TENDER, NO, at)).tender_point
        assert found.reason is Reason.CONFLICT
        assert ("at one time" in found.detail) is (at == "2026-04")

    def test_a_block_of_the_other_side_has_no_such_effect(self, judge, sign, block):
        """What is gone on the left is gone."""
        left, right = {"text": "left"}, {"text": "right"}
        gone = sign(TENDER, NO, "2026-04-15T10:00:00+08:00", bodySite=left)
        found = judge(sign(TENDER, bodySite=left), block(bodySite=[right]), gone)
        assert found.tender_point.is_not_met

    def test_a_block_that_was_not_given_has_none(self, judge, sign, block):
        """Not done, and still negative."""
        gone = sign(TENDER, NO, "2026-04-15T10:00:00+08:00")
        found = judge(sign(TENDER), block(status="not-done"), gone)
        assert found.tender_point.is_not_met


class TestCourse:
    """What shows that somebody looked, planned or decided."""

    @pytest.mark.parametrize(
        "status",
        ["completed", "in-progress", "preparation", "on-hold", "not-done", "stopped"],
    )
    def test_every_record_of_a_block_is_a_record(self, judge, block, status):
        """Planned, under way and decided against: it is not simply not there."""
        found = judge(block(status=status))
        assert len(found.review.blocks) == len(found.review.followed_up) == 1

    def test_records_of_the_first_days_stand_apart(self, judge, block, fhir, sign):
        """Examination, block and relief of them count for nothing, but are named."""
        early, day = {"findings_from_days": 14}, "2026-03-10T09:00:00+08:00"
        given = block(at=day)
        done = fhir.procedure("tender-point-assessment", at="2026-03-02")
        felt, pressed = sign("scn-block-relief", 90, day), sign(TENDER, NO, day)
        found = judge(given, done, felt, pressed, **early)
        assert found.review.blocks == found.review.followed_up == ()
        assert set(found.review.early) == {
            f"Procedure/{given['id']}",
            f"Procedure/{done['id']}",
            f"Observation/{felt['id']}",
            f"Observation/{pressed['id']}",
        }
        assert found.review.early_blocks == (
            f"Procedure/{given['id']}",
            f"Observation/{felt['id']}",
        )
        assert told(found.tender_point) is told(found.block_relief) is Reason.TOO_EARLY

    def test_an_erroneous_or_earlier_record_is_none(self, judge, block, fhir):
        """Neither is the palpation of another operation."""
        assert (
            judge(
                block(status="entered-in-error"),
                fhir.procedure("tender-point-assessment", at="2026-01-05"),
            ).review.followed_up
            == ()
        )

    @pytest.mark.parametrize("at", ["2026-04-13", None, "2026-03"])
    def test_an_examination_counts_unless_it_was_surely_before(self, judge, fhir, at):
        """What may be after the operation is not "nothing recorded"."""
        done = fhir.procedure("tender-point-assessment", at=at)
        assert judge(done).review.followed_up == (f"Procedure/{done['id']}",)

    @pytest.mark.parametrize(
        ("code", "value", "counts"),
        [
            ("scn-examined", True, True),
            ("scn-examined", False, False),
            (TENDER, False, True),
            (TINEL, True, True),
            ("scn-block-relief", 40, True),
            (PAIN, False, True),
            (PAIN, True, False),
        ],
    )
    def test_what_was_looked_for_is_a_follow_up(self, judge, sign, code, value, counts):
        """That pain persists is the reason to look, not the look."""
        assert bool(judge(sign(code, value)).review.followed_up) is counts

    def test_a_nerve_block_on_the_day_of_the_operation_says_nothing(self, judge, fhir):
        """Nerves are blocked for the operation itself."""
        for day, counts in (
            ("2026-03-02", False),
            ("2026-03-03", True),
            (None, True),
            ("2026-03-01", False),
        ):
            general = fhir.procedure((SNOMED, "56333001"), at=day)
            assert bool(judge(general).review.blocks) is counts

    def test_whether_everything_was_read_is_told(self, judge, sign):
        """Only then does an empty list mean nothing."""
        assert judge().is_complete
        assert not judge(observations=None).is_complete
        assert not judge(observations=[sign(PAIN), "junk"]).is_complete
        assert not judge(illegible={"Procedure": 1}).is_complete
        assert judge(illegible={"Condition": 1}).is_complete

    def test_observations_that_could_not_be_had_are_unavailable(self, judge, block):
        """All three are unknown, none is "not recorded"."""
        found = judge(block(), observations=None)
        assert {told(item) for item in found.all} == {Reason.UNAVAILABLE}
        assert found.review.blocks

    def test_a_clock_without_zone_is_refused(self, judge):
        """Days begin somewhere."""
        with pytest.raises(ValueError, match="now: must have a time zone"):
            judge(now=datetime(2026, 5, 4))  # noqa: DTZ001 that is the point


class TestDiagnosis:
    """Whether SCNEN is already on the list."""

    @pytest.fixture
    def read(self, terminology):
        def read(*conditions):
            setting = Setting.of(OPERATION, NOW)
            listed = None if conditions == (None,) else conditions
            return read_diagnosis(
                listed, patient_id="p1", setting=setting, terminology=terminology
            )

        return read

    @pytest.fixture
    def scnen(self, fhir):
        def scnen(status=None, **more):
            verification = coded((VERIFICATION, status)) if status else None
            return fhir.condition(
                (OWN, "superior-cluneal-nerve-entrapment"),
                **{"verificationStatus": verification, **more},
            )

        return scnen

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            ("confirmed", Diagnosis.SETTLED),
            ("refuted", Diagnosis.SETTLED),
            (None, Diagnosis.SETTLED),
            ("provisional", Diagnosis.CONSIDERED),
            ("differential", Diagnosis.CONSIDERED),
            ("unconfirmed", Diagnosis.CONSIDERED),
            ("entered-in-error", Diagnosis.NOT_RECORDED),
        ],
    )
    def test_the_verification_status_tells(self, read, scnen, status, said):
        """Confirmed or refuted: a clinician has decided."""
        assert read(scnen(status)) is said

    def test_one_decision_settles_it_beside_considerations(self, read, scnen):
        """In either order."""
        pair = scnen("provisional"), scnen("refuted")
        assert read(*pair) is read(*pair[::-1]) is Diagnosis.SETTLED

    def test_what_was_over_before_the_operation_does_not_count(self, read, scnen):
        """It is another episode."""
        assert read(scnen("confirmed", abatementDateTime="2025")) is (
            Diagnosis.NOT_RECORDED
        )
        assert read(scnen("refuted", recordedDate="2026-02-01")) is (
            Diagnosis.NOT_RECORDED
        )
        assert read(scnen("confirmed", recordedDate="2026-02-01")) is Diagnosis.SETTLED

    @pytest.mark.parametrize("clinical", ["resolved", "inactive", "remission"])
    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"recordedDate": "2026-02-01"}, Diagnosis.NOT_RECORDED),
            ({"onsetDateTime": "2019"}, Diagnosis.NOT_RECORDED),
            ({"onsetPeriod": {"start": "2019-05"}}, Diagnosis.NOT_RECORDED),
            ({"recordedDate": "2026-03-20"}, Diagnosis.SETTLED),
            ({"onsetDateTime": "2026-03"}, Diagnosis.SETTLED),
            ({}, Diagnosis.SETTLED),
            (
                {"recordedDate": "2026-02-01", "abatementDateTime": "2026-04-01"},
                Diagnosis.SETTLED,
            ),
        ],
    )
    def test_an_episode_that_is_over_is_of_before_if_it_began_then(
        self, read, scnen, clinical, more, said
    ):
        """Unless it says that it lasted until after the operation."""
        over = coded((CLINICAL, clinical))
        assert read(scnen("confirmed", clinicalStatus=over, **more)) is said

    def test_an_episode_of_before_that_is_active_is_the_diagnosis(self, read, scnen):
        """The patient has it."""
        active = coded((CLINICAL, "active"))
        before = scnen("confirmed", clinicalStatus=active, onsetDateTime="2019")
        assert read(before) is Diagnosis.SETTLED

    @pytest.mark.parametrize(
        ("period", "said"),
        [
            ({"start": "2025-01", "end": "2025-06"}, Diagnosis.NOT_RECORDED),
            ({"start": "2025-01", "end": "2026-04"}, Diagnosis.SETTLED),
            ({"start": "2025-01"}, Diagnosis.SETTLED),
        ],
    )
    def test_a_period_of_abatement_counts_by_its_end(self, read, scnen, period, said):
        """Only then it was over."""
        assert read(scnen("confirmed", abatementPeriod=period)) is said

    @pytest.mark.parametrize("junk", [5, {"coding": 5}, {"coding": [5]}, coded()])
    def test_a_status_that_cannot_be_read_settles_rather_than_nags(
        self, read, scnen, junk
    ):
        """The diagnosis stands there all the same."""
        assert read(scnen(verificationStatus=junk)) is Diagnosis.SETTLED

    def test_without_conditions_nobody_knows(self, read, scnen, fhir):
        """And the diagnosis of another patient, or another one, is none."""
        other = scnen("confirmed", subject={"reference": "Patient/p2"})
        assert read(None) is Diagnosis.UNCHECKED
        assert read(other, fhir.condition("G58.8")) is Diagnosis.NOT_RECORDED


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"deceasedBoolean": True}, True),
        ({"deceasedDateTime": "2026-04-01"}, True),
        ({"deceasedBoolean": False}, False),
        ({}, False),
        ({"deceasedBoolean": True, "id": "p2"}, False),
    ],
)
def test_death_is_read_from_the_patient_of_the_call(fhir, more, said):
    """By date or by flag."""
    assert is_deceased(fhir.patient(**more), "p1") is said
    assert is_deceased(None, "p1") is False


@pytest.mark.parametrize(
    ("result", "more"),
    [
        (MET, {}),
        (NOT_MET, {}),
        (UNKNOWN, {}),
        (MET, {"reason": Reason.CONFLICT}),
    ],
)
def test_a_judgement_without_source_or_reason_cannot_be_made(result, more):
    """Not even by mistake."""
    with pytest.raises(ValueError, match="need findings, unknown needs a reason"):
        Criterion(result, **more)


def test_the_map_of_the_documentation_works(fhir, tmp_path):
    """A site's own code of the sign, and of its value."""
    page = (Path(__file__).parents[2] / "docs/chart.md").read_text("utf-8")
    written = page.partition("```json\n")[2].partition("```")[0]
    (tmp_path / "site.json").write_text(written, "utf-8")
    for code, result in (("YES", MET), ("NO", NOT_MET)):
        value = {"valueCodeableConcept": coded((LOCAL, code))}
        sign = fhir.observation((LOCAL, "SCN-TP"), None, VISIT, **value)
        found = judge_criteria(
            PatientRecord(None, None, [], [sign], None),
            patient_id="p1",
            operation=OPERATION,
            now=NOW,
            terminology=load_terminology(tmp_path),
        )
        assert found.tender_point.result is result


def test_very_many_findings_cost_little_and_the_newest_decides(judge, sign):
    """A record cannot keep a worker busy."""
    start = datetime(2026, 3, 10, tzinfo=UTC)
    many = [
        sign(PAIN, NO, (start + timedelta(minutes=n)).isoformat(), bodySite=None)
        for n in range(3000)
    ]
    found = judge(*many, sign(PAIN, YES, VISIT))
    assert found.persistent_pain.is_met


VALUES = st.sampled_from(
    [
        {"valueBoolean": True},
        {"valueBoolean": False},
        {"valueString": "present"},
        {"valueQuantity": {"value": 90, "unit": "%"}},
        {"valueQuantity": {"value": 75, "unit": "%"}},
        {"valueQuantity": {"value": 90}},
        {"valueCodeableConcept": coded((OWN, "present"))},
        {"dataAbsentReason": {"text": "x"}},
        {},
    ]
)
TIMES = st.sampled_from(
    [
        "2026-02-01",
        "2026-03-02",
        "2026-04-15T09:30:00+08:00",
        "2026-04-15T10:00:00+08:00",
        "2026-04-15",
        "2026-04-20T10:00:00+08:00",
        "2027",
        "junk",
        None,
    ]
)
OBSERVATIONS = st.lists(
    st.tuples(
        st.sampled_from([PAIN, TENDER, TINEL, "scn-block-relief", "scn-examined"]),
        VALUES,
        TIMES,
        st.sampled_from(["final", "final", "amended", "preliminary", "cancelled", 5]),
        st.sampled_from([None, {"text": "left"}, {"text": "right"}, 5]),
    ),
    max_size=8,
)
BLOCKS = st.lists(
    st.tuples(TIMES, st.sampled_from(["completed", "not-done", "preparation"])),
    max_size=3,
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(observations=OBSERVATIONS, blocks=BLOCKS, shuffle=st.randoms())
def test_never_met_without_a_source_that_says_so(
    judge, fhir, observations, blocks, shuffle
):
    """Whatever is recorded: each decision traces back to final findings after it."""
    resources = [
        fhir.observation(code, None, time, status=status, bodySite=site, **value)
        for code, value, time, status, site in observations
    ]
    resources += [
        fhir.procedure("scn-diagnostic-block", at=time, status=status)
        for time, status in blocks
    ]
    by_source = {f"{r['resourceType']}/{r['id']}": r for r in resources}
    found = judge(*resources)
    for criterion in found.all:
        assert bool(criterion.findings) is (criterion.result is not UNKNOWN)
        assert set(criterion.candidates) <= set(by_source)
        for item in criterion.findings:
            resource = by_source[item.source]
            assert resource["status"] in {"final", "amended"}
            assert resource["effectiveDateTime"] > "2026-03-02"
            assert item.value is not None
    if found.block_relief.result is not UNKNOWN:
        assert any(status == "completed" for _, status in blocks)
    if found.block_relief.is_met:
        assert found.block_relief.findings[0].value == 90
    shuffle.shuffle(resources)
    assert judge(*resources) == found


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["final", "completed", "2026-04-15", "Procedure/b", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["coding", "system", "code", "value", "start", "reference"])
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
FIELDS = [
    "id",
    "status",
    "code",
    "subject",
    "effectiveDateTime",
    "effectivePeriod",
    "performedDateTime",
    "performedPeriod",
    "valueBoolean",
    "valueQuantity",
    "valueCodeableConcept",
    "dataAbsentReason",
    "bodySite",
    "partOf",
    "component",
    "meta",
    "verificationStatus",
    "recordedDate",
    "abatementDateTime",
    "abatementPeriod",
    "clinicalStatus",
    "onsetDateTime",
    "onsetPeriod",
]


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(FIELDS), JSON), max_size=4
    ),
    junk=st.lists(JSON, max_size=3),
)
def test_arbitrary_json_never_raises(
    judge, fhir, sign, block, relief, terminology, changes, junk
):
    """At any element of a record that meets the criteria, and beside it."""
    diagnosis = fhir.condition((OWN, "superior-cluneal-nerve-entrapment"))
    record = [sign(PAIN), sign(TENDER), relief(90), block(), diagnosis]
    for number, field, value in changes:
        record[number][field] = value
    found = judge(observations=[*record[:3], *junk], procedures=[record[3], *junk])
    for criterion in found.all:
        assert bool(criterion.findings) is (criterion.result is not UNKNOWN)
    assert found.is_complete is (not junk)
    setting = Setting.of(OPERATION, NOW)
    said = read_diagnosis(
        [record[4], *junk], patient_id="p1", setting=setting, terminology=terminology
    )
    assert said in Diagnosis
    assert is_deceased(junk[0] if junk else None, "p1") is False
