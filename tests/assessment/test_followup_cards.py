"""The cards of an opened chart: read line by line, as a surgeon would."""

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import fhirkit
import pytest
from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.servicerequest import ServiceRequest

from cds_hooks import Capabilities, Response, dump_response
from service.assessment import OutputMode
from service.assessor import Assessor
from service.cards import TOPICS
from service.fhir.course import Diagnosis
from service.fhir.findings import Reason
from service.fhir.terminology import load_terminology
from service.fhir.verdicts import Result
from service.followup import ChartReader, Quiet, Stage
from service.followup_cards import CHART_TOPICS, ChartComposer
from service.frames import OVERRIDE_SYSTEM
from service.model.artifact import load_bundled
from service.orders import Subject
from service.policy import Approval, Reminded, default_policy
from service.wording import load_words

ROOT = Path(__file__).parents[2]
SNOMED = "http://snomed.info/sct"
BASE = "http://scnen-cds.example.org/fhir"
BOTH = Capabilities(action_resources=("Condition", "ServiceRequest"))
SUBJECT = Subject("p1", "e1")
HOSTILE = "<script>alert(1)</script>\n| **x** | [l](http://evil.example)"


def composer_of(policy=None, secret_key=b"k" * 32):
    return ChartComposer(
        model=load_bundled("liu-nomogram"),
        policy=policy or default_policy(),
        public_url="https://cds.example.org/scnen",
        canonical_base=BASE,
        secret_key=secret_key,
    )


@pytest.fixture(scope="module")
def words():
    return load_words("followup.md.j2", "en")


@pytest.fixture(scope="module")
def composer():
    return composer_of()


@pytest.fixture
def card_of(composer):
    def card_of(chart, day, subject=SUBJECT, allowed=BOTH, **more):
        view = chart.read(day, **more)
        (card,) = composer.compose(view, subject, allowed)
        return card

    return card_of


@pytest.fixture
def tender(chart):
    return chart.sign("scn-tender-point", value=True, when=chart.day(35), id="tender")


def at_stage(stage, chart):
    """A chart at a stage, and the day on which it is opened."""
    if stage is Stage.CRITERIA_MET:
        return chart.meets_criteria(40), 41
    if stage is Stage.NEXT_STEP:
        return chart.sign("scn-tender-point", value=True, when=chart.day(35)), 36
    return chart, {Stage.REVIEW_DUE: 30, Stage.REVIEW_OVERDUE: 50}[stage]


@pytest.fixture(params=list(Stage), ids=str)
def staged(request, chart):
    return request.param, *at_stage(request.param, chart)


def test_silence_gives_no_card(composer, chart):
    """Nothing to say is an empty answer."""
    assert composer.compose(chart.read(5), SUBJECT, BOTH) == ()


@pytest.mark.parametrize(
    ("stage", "summary"),
    [
        (
            Stage.CRITERIA_MET,
            "Consider superior cluneal nerve entrapment: pain, tender point and block"
            " relief meet one study's criteria. Exclude red flags first.",
        ),
        (
            Stage.NEXT_STEP,
            "Tender point positive, no block recorded. Next step: diagnostic superior"
            " cluneal nerve block, after red flags and pre-block checks.",
        ),
        (
            Stage.REVIEW_DUE,
            "Spine review due 4 to 6 weeks after surgery: no tender-point examination"
            " recorded. If pain persists, check the iliac crest.",
        ),
        (
            Stage.REVIEW_OVERDUE,
            "Spine review overdue (4 to 6 weeks after surgery): no tender-point"
            " examination recorded. If pain, check the iliac crest.",
        ),
    ],
)
def test_eight_seconds_say_what_was_found_and_what_to_do(
    card_of, chart, stage, summary
):
    """One sentence, never an alarm."""
    card = card_of(*at_stage(stage, chart))
    assert card.summary == summary
    assert len(card.summary) <= 139
    assert card.indicator == "info"


@pytest.mark.parametrize(
    ("stage", "summary", "lead"),
    [
        (
            Stage.NEXT_STEP,
            "Tender point positive; a block was too early to count. Next step: superior"
            " cluneal nerve block, after red flags and pre-block checks.",
            "and a block only in the first days, too early to count",
        ),
        (
            Stage.REVIEW_DUE,
            "Spine review due 4 to 6 weeks after surgery: what is recorded was too"
            " early to count. If pain persists, check the iliac crest.",
            "is due. An examination for superior cluneal nerve entrapment neuropathy",
        ),
        (
            Stage.REVIEW_OVERDUE,
            "Spine review overdue (4 to 6 weeks after surgery): what is recorded was"
            " too early to count. If pain, check the iliac crest.",
            "is overdue. An examination for superior cluneal nerve entrapment",
        ),
    ],
    ids=str,
)
def test_what_was_too_early_to_count_is_not_called_unrecorded(
    card_of, chart, stage, summary, lead
):
    """In the summary, at the head of the detail, and with its source."""
    chart, day = at_stage(stage, chart)
    chart.done("scn-diagnostic-block", chart.day(5), id="early")
    card = card_of(chart, day)
    assert card.summary == summary
    assert lead in card.detail
    assert "only in the first days, too early to count" in card.detail
    assert (
        "- Recorded before day 14 after surgery, when the wound hurts by itself, and so"
        " not counted: Procedure/early." in card.detail
    )
    for untrue in (
        "no block recorded",
        "no tender-point exam",
        "and no block",
        "neither an",
    ):
        assert untrue not in card.summary + card.detail


@pytest.mark.parametrize("stage", [Stage.REVIEW_DUE, Stage.REVIEW_OVERDUE], ids=str)
def test_a_client_without_detail_is_told_so_too(composer, chart, stage):
    """And of the red flags."""
    chart, day = at_stage(stage, chart)
    chart.sign("scn-tender-point", value=True, when=chart.day(5), id="early")
    plain = Capabilities(detail="none")
    (card,) = composer.compose(chart.read(day), SUBJECT, plain)
    assert "what is recorded was too early" in card.summary
    assert "red flags" in card.summary


@pytest.mark.parametrize(
    "more",
    [
        {"status": "preliminary"},
        {"valueBoolean": None, "valueString": "positive"},
        {"effectiveDateTime": None},
    ],
    ids=["preliminary", "text", "no-time"],
)
@pytest.mark.parametrize(
    ("stage", "summary"),
    [
        (
            Stage.REVIEW_DUE,
            "Spine review due 4 to 6 weeks after surgery: what is recorded is not final"
            " or unclear. If pain persists, check the iliac crest.",
        ),
        (
            Stage.REVIEW_OVERDUE,
            "Spine review overdue (4 to 6 weeks after surgery): what is recorded is not"
            " final or unclear. If pain, check iliac crest.",
        ),
    ],
    ids=str,
)
def test_a_finding_that_cannot_be_read_is_not_called_unrecorded(
    card_of, chart, stage, summary, more
):
    """Somebody has looked: the reminder says why that does not end it."""
    chart, day = at_stage(stage, chart)
    chart.sign("scn-tender-point", value=True, when=chart.day(25), id="odd", **more)
    card = card_of(chart, day)
    assert card.summary == summary
    assert "is recorded, but not so that it counts" in card.detail
    note = "not final, not legible, or without a time that can tell: Observation/odd."
    assert note in card.detail
    assert "neither an examination" not in card.detail


def test_an_examination_that_was_not_done_is_nothing_recorded(card_of, chart):
    """Data that are recorded as absent are no finding."""
    reason = {"text": "Patient did not attend"}
    absent = {"valueBoolean": None, "dataAbsentReason": reason}
    chart.sign("scn-tender-point", value=True, when=chart.day(25), **absent)
    assert "no tender-point examination recorded" in card_of(chart, 30).summary


def test_a_finding_that_is_too_early_says_so_in_words_of_its_own(card_of, chart):
    """Its row names the Observation; it is neither met nor not met."""
    chart.sign("scn-tender-point", value=True, when=chart.day(5), id="early")
    detail = card_of(chart, 30).detail
    row = (
        "| unknown | recorded too early to count (before day 14 after surgery) |  |"
        " Observation/early |"
    )
    assert row in detail


def test_no_period_of_a_policy_makes_a_summary_longer_than_139(chart):
    """Weeks have two digits at most within any horizon that makes sense."""
    follow_up = replace(
        default_policy().follow_up,
        review_from_days=77,
        review_until_days=490,
        horizon_days=690,
    )
    composer = composer_of(replace(default_policy(), follow_up=follow_up))
    assert len(composer._summaries) == 2 * (4 + 3 + 2)
    assert all(len(text) <= 139 for text in composer._summaries.values())


def test_the_detail_of_met_criteria_goes_from_dangers_over_findings_to_limits(
    card_of, chart
):
    """Red flags come before the table, differentials and referral after it."""
    detail = card_of(chart.meets_criteria(40), 41).detail
    parts = [
        "after the operation of 2026-03-02",
        "**Consider the diagnosis.**",
        "**First do not miss:** new or adjacent fracture, infection, cement leak,"
        " hardware failure, neurological deficit.",
        "| Criterion | Result | Finding | Date | Source |",
        "| Low back pain or leg symptoms persist | **met** | present | 2026-04-11 |"
        " Observation/pain, final |",
        "(Tinel's sign) | **met** | present | 2026-04-11 | Observation/tender, final |",
        "more than 75 % within two hours | **met** | 90 % | 2026-04-11 |"
        " Observation/relief, final |",
        "lumbar disc herniation and spinal stenosis (segmental sensory, motor or",
        "sacroiliac joint disorder (FABER, Gaenslen, compression and traction tests)",
        "lumbosacral syndrome, iliolumbar syndrome, piriformis syndrome",
        "paraspinal myofascial pain",
        "**Referral:** spine surgery or pain medicine",
        "nerve block and surgical decompression",
        "**Limits:** the criteria are those of one retrospective study",
        "no placebo-controlled trial",
        "no free text",
        "informs, does not replace, clinical judgement",
    ]
    positions = [detail.find(part) for part in parts]
    assert -1 not in positions, parts[positions.index(-1)]
    assert positions == sorted(positions)


def test_the_next_step_names_its_checks_and_what_is_not_known(card_of, tender):
    """Unknown is said as unknown, and what the service cannot see as well."""
    detail = card_of(tender, 36).detail
    for part in (
        "persist | unknown | not recorded |  |  |",
        "**met** | present | 2026-04-06 | Observation/tender, final |",
        "two hours | unknown | not recorded |  |  |",
        "anticoagulants, allergy to local anaesthetics, infection at the site",
        "reads neither medication nor allergies, and cannot see orders",
        "2 mL of lidocaine 1 % at the tender point",
        "Record block and relief with their times",
    ):
        assert part in detail
    assert "not met" not in detail
    assert detail.index("First do not miss") < detail.index("Before the block")


@pytest.mark.parametrize(
    ("day", "lead"),
    [
        (30, "weeks after the operation of 2026-03-02 is due"),
        (50, "weeks after the operation of 2026-03-02 is overdue"),
    ],
)
def test_a_reminder_says_why_this_patient_and_when_it_ends(card_of, chart, day, lead):
    """The group in words, where to press, and the last day."""
    detail = card_of(chart, day).detail
    parts = [
        lead,
        "First do not miss",
        "posterior iliac crest, about 7 cm from the midline, painful side",
        "put this patient into the policy's upper group",
        "not what the examination will find",
        "Thresholds not approved locally",
        "a review that is written as text is not seen",
        "at the latest 70 days after surgery",
        "No card does not mean no risk",
    ]
    positions = [detail.find(part) for part in parts]
    assert -1 not in positions, parts[positions.index(-1)]
    assert positions == sorted(positions)
    assert "| Criterion" not in detail


def test_the_approval_of_the_thresholds_is_told(chart):
    """By name and day."""
    approval = Approval(("A. Surgeon",), date(2026, 5, 1))
    composer = composer_of(replace(default_policy(), approval=approval))
    (card,) = composer.compose(chart.read(30), SUBJECT)
    assert "Thresholds approved by A. Surgeon on 2026-05-01" in card.detail.replace(
        "\\", ""
    )


def test_recorded_pain_stands_on_the_reminder(card_of, chart):
    """With its date and source, and without the equation, which is not about pain."""
    chart.sign("scn-persistent-pain", value=True, when=chart.day(20), id="pain")
    detail = card_of(chart, 30).detail
    assert "\n\n**Persistent pain is recorded.**\n\n" in detail
    assert "equation" not in detail
    assert "group" not in detail
    assert "| 2026-03-22 | Observation/pain, final |" in detail


def policy_reminding(*groups):
    """The default policy, with other groups that are reminded of a due review."""
    chart = replace(default_policy().chart, due_reminds=frozenset(groups))
    return replace(default_policy(), chart=chart)


@pytest.mark.parametrize(
    ("mode", "group", "cement", "said"),
    [
        (OutputMode.ANCHORED, Reminded.HIGH, 41, "the policy's upper group"),
        (OutputMode.ANCHORED, Reminded.BELOW_AVERAGE, 80, "group below the average"),
        (OutputMode.RELATIVE, Reminded.RELATIVE, 41, "at or above the policy's perc"),
        (OutputMode.RELATIVE, Reminded.RELATIVE_BELOW, 80, "below the policy's perc"),
        (OutputMode.ANCHORED, Reminded.NOT_SCORED, None, "equation was not applied"),
        (OutputMode.ANCHORED, Reminded.HIGH, 41, "By the study's equation the"),
        (OutputMode.CALIBRATED, Reminded.HIGH, 41, "recalibrated on local data the"),
        (OutputMode.RELATIVE, Reminded.RELATIVE, 41, "By this service's nomogram the"),
    ],
    ids=str,
)
def test_a_reminder_names_the_group_and_no_number(chart, mode, group, cement, said):
    """A number would need its interval, its reading error and its other doubts."""
    policy = policy_reminding(group)
    if cement is None:
        chart.observations = []
    else:
        chart.sign("cement-ratio-ap", cement, chart.day(1), id="cement")
    view = chart.read(30, policy=policy, mode=mode)
    (card,) = composer_of(policy).compose(view, SUBJECT)
    assert said in card.detail
    assert not re.search(r"of 100|\bpoints\b|probability", card.detail)


def test_of_two_groups_the_one_that_is_reminded_is_named(chart):
    """Not the highest, if the policy reminds for another reason."""
    view = chart.read(30)
    both = replace(view, groups=frozenset({Reminded.HIGH, Reminded.NOT_SCORED}))
    composer = composer_of(policy_reminding(Reminded.NOT_SCORED))
    assert "was not applied" in composer.compose(both, SUBJECT)[0].detail


def test_small_angles_give_a_reminder_without_a_number(card_of, chart):
    """The discharge's card says between which numbers: here none stands alone."""
    chart.observations = []
    chart.sign("cement-ratio-ap", 10, chart.operated, id="cement")
    for code, degrees, day in (
        ("cobb-preoperative", 4.0, -1),
        ("cobb-postoperative", 3.5, 1),
    ):
        angle = {"value": degrees, "unit": "deg"}
        chart.sign(code, 0, chart.day(day), valueQuantity=angle)
    assert chart.read(30).groups == {Reminded.HIGH}
    detail = card_of(chart, 30).detail
    assert "of 100" not in detail
    assert "a small angle or a value outside the study makes it uncertain" in detail


def test_a_value_keeps_how_it_was_recorded_and_on_which_side(card_of, chart):
    """Side and unit as found."""
    site = {"text": "Left iliac crest"}
    chart.meets_criteria(40)
    for observation in chart.observations:
        if observation["id"] == "tender":
            observation["bodySite"] = site
        if observation["id"] == "relief":
            observation["valueQuantity"] = {"value": 0.9, "unit": "{ratio}"}
    detail = card_of(chart, 41).detail.replace("\\", "")
    assert "| present (Left iliac crest) |" in detail
    assert "| 90 % (0.9 {ratio}) |" in detail


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"status": "preliminary"}, "recorded, but not final (preliminary)"),
        ({"valueQuantity": {"value": 90}}, "relief recorded without a unit"),
        (
            {"valueQuantity": {"value": 75, "unit": "%", "comparator": ">"}},
            "relief recorded only as less or more than a value",
        ),
        (
            {"effectiveDateTime": "2026-04-11T20:00:00Z"},
            "relief recorded later than two hours (later than two hours",
        ),
        ({"effectiveDateTime": "2026-04-11"}, "recorded, but its time cannot tell"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unknown_relief_says_why(composer, chart, more, words):
    """Nobody takes it for too little."""
    chart.meets_criteria(40)
    relief = next(o for o in chart.observations if o["id"] == "relief")
    relief.update(more)
    view = replace(chart.read(41), stage=Stage.NEXT_STEP, quiet=None)
    assert view.criteria.block_relief.result is Result.UNKNOWN
    (card,) = composer.compose(view, SUBJECT)
    assert words in card.detail
    assert "not met" not in card.detail
    assert "Observation/relief" in card.detail


def test_what_is_not_met_is_called_so_with_its_finding(composer, chart):
    """Gone pain, with date and source."""
    chart.sign("scn-persistent-pain", value=False, when=chart.day(20), id="pain")
    view = replace(chart.read(30), stage=Stage.REVIEW_DUE, quiet=None)
    (card,) = composer.compose(view, SUBJECT)
    assert "persist | not met | absent | 2026-03-22 | Observation/pain" in card.detail


def test_every_reason_a_criterion_can_have_has_words(words):
    """A code that a card may have to say is never without words."""
    of_scores = {
        Reason.STALE,
        Reason.OTHER_LEVEL,
        Reason.UNDEFINED,
        Reason.NOT_APPLICABLE,
        Reason.REGION_NOT_LEVEL,
        Reason.OUTSIDE_MODEL,
        Reason.NO_ELIGIBLE_OPERATION,
        Reason.EXCLUDED_CONDITION,
        Reason.UNDER_AGE,
    }
    assert set(words.reason) == {reason.value for reason in set(Reason) - of_scores}
    assert set(words.result) == {result.value for result in Result}
    assert set(words.topic) == set(CHART_TOPICS.values())
    assert set(words.summary) == set(words.lead) == {stage.value for stage in Stage}


@pytest.mark.parametrize("chart_topic", CHART_TOPICS.values())
def test_src_3_topics_are_alphanumeric_static_and_of_their_own(chart_topic):
    """EHRs tie overrides to them."""
    assert re.fullmatch(r"[A-Za-z0-9]{1,100}", chart_topic)
    assert chart_topic not in TOPICS


def test_what_could_not_be_checked_is_said(card_of, chart):
    """Diagnoses, age, records that were refused."""
    chart.meets_criteria(40)
    chart.conditions, chart.patient = None, None
    card = card_of(chart, 41)
    for part in (
        "Whether this diagnosis is already recorded could not be checked.",
        "exclusions (tuberculosis, tumour, infection) were not checked",
        "The patient's age was not obtained",
    ):
        assert part in card.detail
    assert card.suggestions == ()


def test_a_diagnosis_under_consideration_is_told_beside_the_next_step(card_of, tender):
    """The block is what decides it."""
    detail = card_of(tender.diagnosed("provisional"), 36).detail
    assert "The diagnosis is already recorded as not yet confirmed." in detail


def test_card_6_texts_of_a_record_are_never_markup(card_of, chart):
    """Whatever a record says reaches the card as plain text."""
    chart.meets_criteria(40)
    for observation in chart.observations:
        observation["bodySite"] = {"text": HOSTILE}
    detail = card_of(chart, 41).detail
    assert "<" not in detail
    assert "[l](" not in detail
    assert "**x**" not in detail
    rows = [line for line in detail.splitlines() if line.startswith("| ")]
    assert all(len(re.split(r"(?<!\\)\|", row)) == 7 for row in rows)


class TestSuggestions:
    """What a click may put into the record."""

    def test_met_criteria_offer_a_provisional_diagnosis_valid_in_r4(
        self, card_of, chart
    ):
        """Active, provisional, own code, with its evidence and a note."""
        card = card_of(chart.meets_criteria(40), 41)
        (suggestion,) = card.suggestions
        (action,) = suggestion.actions
        resource = action.resource
        Condition.model_validate(resource)
        fhirkit.parse(json.dumps(resource))
        assert fhirkit.validate(dict(resource)) == []
        assert (action.type, card.selection_behavior) == ("create", "any")
        codes = {
            name: resource[name]["coding"][0]["code"]
            for name in ("clinicalStatus", "verificationStatus", "code")
        }
        assert codes == {
            "clinicalStatus": "active",
            "verificationStatus": "provisional",
            "code": "superior-cluneal-nerve-entrapment",
        }
        assert resource["code"]["coding"][0]["system"] == (
            f"{BASE}/CodeSystem/predictors"
        )
        assert resource["subject"] == {"reference": "Patient/p1"}
        assert resource["encounter"] == {"reference": "Encounter/e1"}
        evidence = [item["reference"] for item in resource["evidence"][0]["detail"]]
        assert evidence == [
            "Observation/pain",
            "Observation/tender",
            "Observation/relief",
        ]
        assert "75 % within two hours" in resource["note"][0]["text"]
        assert "%%" not in json.dumps(resource)

    def test_the_diagnosis_that_is_recorded_so_silences_the_card(
        self, composer, card_of, chart
    ):
        """What the suggestion writes is what the reader understands."""
        resource = card_of(chart.meets_criteria(40), 41).suggestions[0].actions[0]
        chart.conditions.append({**resource.resource, "id": "new"})
        assert composer.compose(chart.read(41), SUBJECT) == ()

    def test_the_next_step_offers_one_draft_of_a_block_valid_in_r4(
        self, card_of, tender
    ):
        """A proposal with its reason, its checks and its period, without a dose."""
        (suggestion,) = card_of(tender, 36).suggestions
        resource = suggestion.actions[0].resource
        ServiceRequest.model_validate(resource)
        assert fhirkit.validate(dict(resource)) == []
        assert (resource["status"], resource["intent"]) == ("draft", "proposal")
        assert resource["reasonReference"] == [{"reference": "Observation/tender"}]
        assert resource["occurrencePeriod"] == {
            "start": "2026-04-07",
            "end": "2026-09-01",
        }
        note = resource["note"][0]["text"]
        for check in ("anticoagulants", "allergy", "infection", "deficit"):
            assert check in note
        text = json.dumps(resource)
        assert not re.search(r"lidocaine|\d\s*(mL|mg)\b", text, re.IGNORECASE)
        assert "asNeededCodeableConcept" not in resource
        assert "only if the tender point" not in suggestion.label

    @pytest.mark.parametrize("stage", [Stage.CRITERIA_MET, Stage.NEXT_STEP], ids=str)
    @pytest.mark.parametrize(
        ("sites", "recorded", "label_ends"),
        [
            ([], None, ""),
            (["Left iliac crest"], "Left iliac crest", " (Left iliac crest)"),
            (
                ["Left iliac crest", "left iliac crest"],
                "left iliac crest",
                " (left iliac crest)",
            ),
            (["Left crest", "Right crest"], "Left crest; Right crest", ""),
        ],
        ids=["none", "one", "one, spelt twice", "two"],
    )
    def test_what_is_drafted_names_the_side_or_says_that_none_is_recorded(
        self, composer, chart, stage, sites, recorded, label_ends
    ):
        """A block on the wrong side is no test of the tender point."""
        chart, day = at_stage(stage, chart)
        view = chart.read(day)
        tender_point = view.criteria.tender_point
        (finding,) = tender_point.findings
        findings = tuple(replace(finding, site=site) for site in sites) or (finding,)
        tender_point = replace(tender_point, findings=findings)
        criteria = replace(view.criteria, tender_point=tender_point)
        (plain,), (card,) = (
            composer.compose(item, SUBJECT, BOTH)
            for item in (view, replace(view, criteria=criteria))
        )
        (suggestion,), (before,) = card.suggestions, plain.suggestions
        assert suggestion.label == before.label + label_ends
        (action,) = suggestion.actions
        (body_site,), (note,) = action.resource["bodySite"], action.resource["note"]
        if recorded:
            said = f"; tender point recorded at: {recorded}"
            assert body_site["text"].endswith(said)
            assert action.description.endswith(said)
            assert f"recorded at: {recorded}. Check the side." in note["text"]
        else:
            assert "recorded" not in body_site["text"]
            assert action.description.endswith("; side not recorded: check")
            assert note["text"].endswith(" Side not recorded: check.")
        assert fhirkit.validate(dict(action.resource)) == []

    @pytest.mark.parametrize("stage", [Stage.CRITERIA_MET, Stage.NEXT_STEP], ids=str)
    def test_a_site_of_a_record_is_no_markup_in_what_is_drafted(
        self, card_of, chart, stage
    ):
        """The note is Markdown by its type, and labels are shown as they come."""
        chart, day = at_stage(stage, chart)
        for observation in chart.observations:
            observation["bodySite"] = {"text": HOSTILE + "%(n)s" + "x" * 1000}
        (suggestion,) = card_of(chart, day).suggestions
        said = json.dumps([suggestion.label, suggestion.actions[0].resource])
        assert "script" in said
        assert "<" not in said
        assert "x" * 61 not in said

    def test_a_vague_day_of_the_finding_makes_no_period_that_ends_before_it_begins(
        self, card_of, chart
    ):
        """Some day of August: the order ends on the 22nd, and begins with the call."""
        chart.sign("scn-tender-point", value=True, when=chart.day(160))
        chart.observations[-1]["effectiveDateTime"] = "2026-08"
        chart.procedures[0]["performedDateTime"] = "2026-02-20"
        card = card_of(chart, 165)
        period = card.suggestions[0].actions[0].resource["occurrencePeriod"]
        assert period["start"] <= period["end"]

    @pytest.mark.parametrize(
        ("found", "opened", "start"),
        [
            (14, 14, "2026-03-16"),
            (35, 35, "2026-04-06"),
            (35, 60, "2026-05-01"),
            (175, 183, "2026-09-01"),
        ],
    )
    def test_the_period_of_the_block_never_begins_in_the_past(
        self, card_of, chart, found, opened, start
    ):
        """From the day on which the chart is opened to the horizon."""
        chart.sign("scn-tender-point", value=True, when=chart.day(found))
        card = card_of(chart, opened)
        period = card.suggestions[0].actions[0].resource["occurrencePeriod"]
        assert period == {"start": start, "end": "2026-09-01"}

    def test_after_the_horizon_the_block_has_no_period(self, composer, tender):
        """Nothing is planned for a time that has passed."""
        later = replace(tender.read(36).assessment.extraction, as_of=tender.day(184))
        view = tender.read(36)
        view = replace(view, assessment=replace(view.assessment, extraction=later))
        (card,) = composer.compose(view, SUBJECT, BOTH)
        assert "occurrencePeriod" not in card.suggestions[0].actions[0].resource

    @pytest.mark.parametrize(
        ("allowed", "offered"),
        [
            ((), ()),
            (("RiskAssessment",), ()),
            (("Condition",), (Stage.CRITERIA_MET,)),
            (("ServiceRequest",), (Stage.NEXT_STEP,)),
            (
                ("Condition", "ServiceRequest"),
                (
                    Stage.CRITERIA_MET,
                    Stage.NEXT_STEP,
                ),
            ),
        ],
        ids=str,
    )
    def test_only_what_the_client_can_take_is_offered(
        self, composer, staged, allowed, offered
    ):
        """A reminder offers nothing; the card itself stays the same."""
        stage, chart, day = staged
        capabilities = Capabilities(action_resources=allowed)
        (card,) = composer.compose(chart.read(day), SUBJECT, capabilities)
        assert bool(card.suggestions) is (stage in offered)
        assert (card.selection_behavior is None) is not card.suggestions

    def test_the_clients_selection_behavior_is_used(self, composer, tender):
        """Some know one only."""
        one = Capabilities(selection_behaviors=("at-most-one",))
        (card,) = composer.compose(tender.read(36), SUBJECT, one)
        assert card.selection_behavior == "at-most-one"

    def test_a_source_without_an_id_is_no_reference(self, card_of, chart):
        """Neither evidence nor reason points nowhere."""
        chart.meets_criteria(40)
        for observation in chart.observations:
            observation.pop("id")
        resource = card_of(chart, 41).suggestions[0].actions[0].resource
        assert "evidence" not in resource
        Condition.model_validate(resource)

    def test_without_an_encounter_nothing_refers_to_one(self, card_of, chart, tender):
        """A chart may be opened outside any."""
        card = card_of(tender, 36, subject=Subject("p1", None))
        assert "encounter" not in card.suggestions[0].actions[0].resource
        card = card_of(chart.meets_criteria(40), 41, subject=Subject("p1", None))
        assert "encounter" not in card.suggestions[0].actions[0].resource

    def test_without_a_day_of_the_operation_the_block_has_no_period(
        self, card_of, chart
    ):
        """No date is made up; the text names none either."""
        chart.procedures[0]["performedDateTime"] = "2026-03"
        chart.sign("scn-tender-point", value=True, when=chart.day(60))
        card = card_of(chart, 61)
        assert "occurrencePeriod" not in card.suggestions[0].actions[0].resource
        assert "recorded after the operation, and no block" in card.detail


class TestKept:
    """The diagnosis that was accepted, as EHRs keep it."""

    @pytest.fixture
    def kept(self, card_of, chart):
        """By SNOMED CT's nearest code and the text: 45781009 is any nerve's."""
        resource = card_of(chart.meets_criteria(40), 41).suggestions[0].actions[0]
        code = resource.resource["code"]
        nearest = [c for c in code["coding"] if c["system"] == SNOMED]
        chart.conditions = [
            {**resource.resource, "code": {**code, "coding": nearest}, "id": "kept"}
        ]
        return chart

    @pytest.fixture
    def site(self):
        """The ConceptMaps of the how-to."""
        return load_terminology(ROOT / "docs/conceptmaps")

    def read(self, chart, terminology):
        assessor = Assessor(
            model=load_bundled("liu-nomogram"),
            second_model=None,
            policy=default_policy(),
            terminology=terminology,
            mode=OutputMode.ANCHORED,
        )
        return ChartReader(assessor).read(
            chart.record(), patient_id="p1", now=chart.day(42)
        )

    def test_the_nearest_code_alone_is_not_taken_for_it(self, kept):
        """Carpal tunnel syndrome is an entrapment of a peripheral nerve as well."""
        assert kept.conditions[0]["code"]["coding"][0]["code"] == "45781009"
        assert kept.read(42).stage is Stage.CRITERIA_MET

    def test_with_the_map_of_the_how_to_it_is_recognised(self, kept, site):
        """By the text as the card wrote it; nothing is offered twice."""
        view = self.read(kept, site)
        assert view.diagnosis is Diagnosis.CONSIDERED
        assert view.quiet is Quiet.DIAGNOSIS_RECORDED

    @pytest.mark.parametrize("text", ["Carpal tunnel syndrome", None])
    def test_another_entrapment_of_that_code_is_not(self, kept, site, text):
        """The map reads the text, not the code."""
        kept.conditions[0]["code"]["text"] = text
        assert self.read(kept, site).stage is Stage.CRITERIA_MET


class TestIdentity:
    """One finding is one card, however often the chart is opened."""

    def test_the_same_card_on_the_next_day_and_in_another_encounter(
        self, card_of, staged
    ):
        """Nothing of the call enters."""
        _, chart, day = staged
        cards = [
            card_of(chart, day),
            card_of(chart, day + 1),
            card_of(chart, day, subject=Subject("p1", None)),
        ]
        assert len({card.uuid for card in cards}) == 1
        assert len({tuple(s.uuid for s in card.suggestions) for card in cards}) == 1

    def test_another_patient_or_key_another_uuid(self, card_of, staged):
        """Nobody can guess it."""
        _, chart, day = staged
        other = composer_of(secret_key=b"x" * 32)
        (elsewhere,) = other.compose(chart.read(day), SUBJECT, BOTH)
        cards = [
            card_of(chart, day),
            card_of(chart, day, subject=Subject("p2", "e1")),
            elsewhere,
        ]
        assert len({card.uuid for card in cards}) == 3
        uuids = [s.uuid for card in cards for s in card.suggestions]
        assert len(set(uuids)) == len(uuids)

    def test_a_reminder_is_one_for_the_operation_due_and_overdue_two(
        self, card_of, chart
    ):
        """A value that comes in later does not make it a new one."""
        due, overdue = card_of(chart, 30).uuid, card_of(chart, 50).uuid
        chart.sign("cement-ratio-ap", 40, chart.day(1), id="cement")
        assert card_of(chart, 31).uuid == due != overdue
        chart.procedures[0]["id"] = "another"
        assert card_of(chart, 30).uuid != due

    @pytest.mark.parametrize("stage", [Stage.CRITERIA_MET, Stage.NEXT_STEP], ids=str)
    def test_routine_records_do_not_make_a_new_card(self, card_of, chart, stage):
        """Pain at each visit, a late value, diagnoses that are not to be had."""
        chart, day = at_stage(stage, chart)
        first = card_of(chart, day)
        chart.sign("scn-persistent-pain", value=True, when=chart.day(day), id="again")
        chart.sign("cement-ratio-ap", 40, chart.day(1), id="cement")
        chart.conditions = None
        again = card_of(chart, day + 1)
        assert again.detail != first.detail
        assert again.uuid == first.uuid

    @pytest.mark.parametrize("stage", [Stage.CRITERIA_MET, Stage.NEXT_STEP], ids=str)
    def test_another_tender_point_operation_or_relief_makes_a_new_card(
        self, composer, chart, stage
    ):
        """There is something new to say."""
        chart, day = at_stage(stage, chart)
        view = chart.read(day)
        criteria, operation = view.criteria, view.operation
        views = [view, replace(view, operation=replace(operation, sources=("P/x",)))]
        for name in ("tender_point", "block_relief"):
            criterion = getattr(criteria, name)
            if not criterion.is_met:
                continue
            findings = (replace(criterion.findings[0], source="Observation/new"),)
            changed = {name: replace(criterion, findings=findings)}
            views.append(replace(view, criteria=replace(criteria, **changed)))
        cards = [composer.compose(item, SUBJECT, BOTH)[0] for item in views]
        assert len({card.uuid for card in cards}) == len(views) >= 3


def test_gen_3_a_response_holds_nothing_empty(card_of, staged):
    """No null, no empty string, list or object, on any kind of card."""

    def walk(value):
        assert value not in (None, "", [], {})
        children = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list):
            for child in children:
                walk(child)

    _, chart, day = staged
    walk(dump_response(Response(cards=(card_of(chart, day),))))


def test_card_10_override_reasons_and_links_are_those_of_the_other_cards(
    card_of, staged
):
    """Six to eight of HL7's, and nothing of the patient in a URL."""
    _, chart, day = staged
    card = card_of(chart, day, subject=Subject("CANARY", "CANARY"))
    assert 6 <= len(card.override_reasons) <= 8
    assert {reason.system for reason in card.override_reasons} == {OVERRIDE_SYSTEM}
    urls = [card.source.url, *(link.url for link in card.links)]
    assert urls == ["https://cds.example.org/scnen/model"] * 2
    assert "CANARY" not in card.detail
