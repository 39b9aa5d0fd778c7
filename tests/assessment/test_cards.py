"""Cards: what a clinician is told, in which words, and what is never said."""

import itertools
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import RFC_4122, UUID

import fhirkit
import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest

from cds_hooks import Response, dump_response
from service.assessment import PREDICTORS, OutputMode
from service.cards import TOPICS
from service.fhir.findings import Flag, Operation, Reason
from service.frames import OVERRIDE_SYSTEM
from service.orders import Subject
from service.policy import Approval, FollowUp, MissingCard, default_policy
from service.wording import Wording

OPERATED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\n| **x** | [l](http://evil.example)"


@pytest.fixture(scope="module")
def wording():
    return Wording("en")


def only(cards):
    assert len(cards) == 1
    return cards[0]


@pytest.fixture
def card_of(build):
    def card_of(*vertebrae, mode=OutputMode.ANCHORED, policy=None, **extraction):
        assessment = build.assessed(*vertebrae, mode=mode, policy=policy, **extraction)
        composer = build.composer(mode=mode, policy=policy)
        return only(composer.compose(assessment, build.subject))

    return card_of


def below_average(build):
    return build.vertebra(
        level="T12",
        segment=build.measured("thoracic"),
        method=build.measured("pkp"),
        cement_ratio_percent=build.measured(58.0, "%"),
    )


def above_average(build):
    return build.vertebra(
        method=build.measured("pkp"),
        cement_ratio_percent=build.measured(48.5, "%"),
        cobb_restoration_ratio_percent=build.measured(38.0, "%"),
    )


def test_a_high_risk_gives_a_warning_with_natural_frequency_horizon_origin_and_step(
    build, card_of
):
    """The summary holds number, denominator, horizon, origin and what to do."""
    card = card_of(build.vertebra())
    assert card.indicator == "warning"
    assert card.source.topic.code == "ScnenRiskHigh"
    for part in ("45 of 100", "6 months of surgery", "one study", "not local", "crest"):
        assert part in card.summary


def test_an_above_average_risk_gives_an_info_card(build, card_of):
    """From the study's incidence to 25 % the card informs."""
    card = card_of(above_average(build))
    assert (card.indicator, card.source.topic.code) == ("info", "ScnenRiskAboveAverage")


def test_a_below_average_risk_gives_no_card(build):
    """Under the study's own incidence there is nothing to say at discharge."""
    assessment = build.assessed(below_average(build))
    assert assessment.vertebrae[0].score.risk < 0.173
    assert build.composer().compose(assessment, build.subject) == ()


def test_no_eligible_operation_gives_no_card(build):
    """The service keeps silent about what it knows nothing of."""
    assessment = build.assessed(not_assessed=Reason.NO_ELIGIBLE_OPERATION)
    assert build.composer().compose(assessment, build.subject) == ()


@pytest.mark.parametrize("variant", ["", "-several", "-extrapolated", "-doubtful"])
@pytest.mark.parametrize("kind", ["anchored", "calibrated", "relative"])
def test_card_1_no_number_makes_a_summary_longer_than_139(wording, kind, variant):
    """The limit holds for every frequency, one vertebra or several."""
    name = f"{kind}{variant}"
    for sentences in (wording.summary, wording.alone):
        if name not in sentences:  # doubts stand in the detail, if there is one
            assert (sentences, variant) == (wording.summary, "-doubtful")
            continue
        texts = [sentences[name] % {"n": n} for n in range(100)]
        assert max(map(len, texts)) <= 139
        assert all(str(n) in text and "\n" not in text for n, text in enumerate(texts))


@pytest.mark.parametrize("reason", [Reason.NOT_RECORDED, Reason.CONFLICT])
@pytest.mark.parametrize("vertebrae", [1, 2], ids=["one", "several"])
def test_card_1_no_set_of_missing_values_makes_a_summary_longer_than_139(
    build, card_of, reason, vertebrae
):
    """Whatever is missing or in conflict, of one vertebra or of two."""
    for size in range(1, len(PREDICTORS) + 1):
        for names in itertools.combinations(PREDICTORS, size):
            gaps = {name: build.missing(reason) for name in names}
            item = build.vertebra(**gaps)
            card = card_of(*[item] * vertebrae)
            assert len(card.summary) <= 139
            if card.source.topic.code != "ScnenRiskHigh":
                assert "does not mean no risk" in card.summary
            assert ("several vertebrae" in card.summary) is (vertebrae > 1)


@pytest.mark.parametrize(
    "reason",
    [
        Reason.NOT_APPLICABLE,
        Reason.OUTSIDE_MODEL,
        Reason.EXCLUDED_CONDITION,
        Reason.UNDER_AGE,
    ],
)
def test_card_1_what_lies_outside_the_study_is_said_in_at_most_139(wording, reason):
    """Each reason has its own sentence, and none sounds like "no risk"."""
    text = wording.summary[reason] % {"age": 100}
    assert len(text) <= 139
    assert "does not mean no risk" in text


def test_every_reason_and_every_flag_has_words(wording, build):
    """A code that a card may have to say is never without words."""
    assert {reason.value for reason in Reason} == set(wording.words["reason"])
    of_assessment = {
        "age-not-checked",
        "exclusions-not-checked",
        "resources-not-read",
        "resources-of-another-server",
    }
    assert {flag.value for flag in Flag} | of_assessment == set(wording.words["flag"])
    assert set(TOPICS) == set(wording.words["topic"])


def test_the_detail_goes_from_the_number_over_the_next_steps_to_the_limits(
    build, card_of
):
    """The order a surgeon needs: number, inputs, dangers, examination, block, rest."""
    detail = card_of(build.vertebra()).detail
    parts = [
        "about 45 of 100",
        "about 55 of 100 do not",
        "95 % interval",
        "other readings of the same study",
        "off by up to 3°",
        "| Finding | Value | Date | Points |",
        "| Cement ratio, AP film | 41 % | 2026-03-03 |",
        "anchored to the study's own incidence (41 of 237 patients)",
        "As of the records up to 2026-03-03",
        "new or adjacent fracture, infection, cement leak, hardware failure",
        "about 7 cm from the midline, painful side",
        "more than 75 % within two hours",
        "lumbar disc herniation",
        "one retrospective study in one hospital",
        "no external validation",
        "rebuilt from Table 1",
        "associations, not targets",
        "No card does not mean no risk",
    ]
    positions = [detail.find(part) for part in parts]
    assert -1 not in positions, parts[positions.index(-1)]
    assert positions == sorted(positions)


def test_the_detail_traces_every_value_to_its_resource_as_found(build, card_of):
    """Source, value and unit as recorded, and status stand behind each input."""
    cement = build.measured(43.0, "%", "Observation/abc", as_found="0.43 {ratio}")
    detail = card_of(build.vertebra(cement_ratio_percent=cement)).detail
    unescaped = detail.replace("\\", "")
    assert "Observation/abc, 0.43 {ratio}, final" in unescaped


def test_card_6_texts_of_a_record_are_never_markup(build, card_of):
    """Whatever a record says reaches the card as plain text."""
    cement = build.missing(Reason.CONFLICT, HOSTILE, (HOSTILE,))
    card = card_of(
        build.vertebra(
            cement_ratio_percent=cement,
            method=build.measured("pvp", source=HOSTILE, as_found=HOSTILE),
            conflicts=(HOSTILE,),
        )
    )
    assert "<" not in re.sub(r"\\<", "", card.detail)
    assert "[l](" not in card.detail
    assert "**x**" not in card.detail
    assert "\n| \\*" not in card.detail


def test_a_missing_value_is_named_with_reason_place_and_bounds(build, card_of):
    """The card asks for the value, says where it looked, and gives bounds as such."""
    card = card_of(build.vertebra(cement_ratio_percent=build.missing()))
    assert (card.indicator, card.source.topic.code) == ("info", "ScnenInputMissing")
    assert "cement ratio missing" in card.summary
    assert "**Cement ratio, AP film**: not recorded" in card.detail
    assert "Looked for in: observations coded as anteroposterior" in card.detail
    assert "These are bounds, not an estimate" in card.detail
    assert card.suggestions == ()
    assert "By the study's equation" not in card.detail


def test_a_conflict_names_both_sources(build, card_of):
    """Two values at one time block the score; the card names where they stand."""
    conflict = build.missing(
        Reason.CONFLICT, "46 % and 61 %", ("Observation/a", "Observation/b")
    )
    card = card_of(build.vertebra(cement_ratio_percent=conflict))
    assert "records of cement ratio conflict" in card.summary
    assert card.source.topic.code == "ScnenInputConflict"
    for text in ("46 % and 61 %", "Observation/a", "Observation/b"):
        assert text in card.detail


def test_angles_are_not_asked_for_where_the_restoration_ratio_is_recorded(
    build, card_of
):
    """A recorded ratio serves without its angles."""
    card = card_of(
        build.vertebra(
            cobb_preoperative_deg=build.missing(),
            cobb_postoperative_deg=build.missing(),
        )
    )
    assert card.source.topic.code == "ScnenRiskHigh"
    assert "off by up to 3°" not in card.detail


@pytest.mark.parametrize(
    ("policy_value", "same", "given"),
    [
        (MissingCard.ONCE_PER_ENCOUNTER, True, True),
        (MissingCard.ALWAYS, False, True),
        (MissingCard.NEVER, None, False),
    ],
    ids=str,
)
def test_the_policy_decides_how_often_a_missing_value_is_asked_for(
    build, policy_value, same, given
):
    """Once: one identity for the encounter. Always: a new one for each change."""
    policy = replace(default_policy(), missing_card=policy_value)
    composer = build.composer(policy=policy)
    first = build.vertebra(cement_ratio_percent=build.missing())
    then = build.vertebra(cement_ratio_percent=build.missing(Reason.STATUS_NOT_FINAL))
    cards = [
        composer.compose(build.assessed(item, policy=policy), build.subject)
        for item in (first, then)
    ]
    assert [bool(item) for item in cards] == [given, given]
    if given:
        assert (cards[0][0].uuid == cards[1][0].uuid) is same


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cement_ratio_percent": Reason.NOT_APPLICABLE}, "without cement is outside"),
        ({"segment": Reason.OUTSIDE_MODEL}, "level is outside the study"),
    ],
    ids=["no-cement", "sacral"],
)
def test_outside_the_study_there_is_a_card_but_no_number(
    build, card_of, changes, words
):
    """No score, no bounds, and a reason."""
    found = {name: build.missing(reason) for name, reason in changes.items()}
    card = card_of(build.vertebra(**found))
    assert card.source.topic.code == "ScnenOutsideModel"
    assert words in card.summary
    assert "of 100" not in card.detail
    assert card.suggestions == ()


@pytest.mark.parametrize("reason", [Reason.EXCLUDED_CONDITION, Reason.UNDER_AGE])
def test_an_exclusion_is_said_not_passed_over_in_silence(build, card_of, reason):
    """The clinician learns that the patient is not like those studied."""
    card = card_of(not_assessed=reason, exclusion="excluded-tumour")
    assert card.source.topic.code == "ScnenOutsideModel"
    assert "of 100" not in card.detail


def test_of_several_vertebrae_the_highest_makes_the_headline(build, card_of):
    """Each is shown, the summary says that several were not studied."""
    card = card_of(below_average(build), build.vertebra())
    assert "about 45 of 100" in card.summary
    assert "highest scored of several vertebrae: not studied" in card.summary
    assert card.detail.index("### L2") < card.detail.index("### T12")


def test_an_unscored_vertebra_is_not_hidden_by_a_low_one(build, card_of):
    """One vertebra below average and one with a gap: the gap is the message."""
    gap = build.vertebra(level="L4", cement_ratio_percent=build.missing())
    card = card_of(below_average(build), gap)
    assert card.source.topic.code == "ScnenInputMissing"


def test_two_equations_that_disagree_are_both_shown(build, card_of):
    """Where the five-term equation falls into another band the card says so."""
    card = card_of(build.disagreeing())
    assert "five-term equation" in card.detail
    assert "another band" in card.detail


def test_the_second_equation_is_called_by_its_own_name(build):
    """With the five-term model chosen, the other one is the four-factor equation."""
    assessment = build.assessed(build.disagreeing(), model="liu-table2")
    card = only(build.composer(model="liu-table2").compose(assessment, build.subject))
    assert "four-factor equation" in card.detail


def test_a_partial_score_is_never_silent(build):
    """A recorded ratio without the angle that the five-term model wants: a card."""
    gap = build.vertebra(cobb_postoperative_deg=build.missing())
    assessment = build.assessed(gap, model="liu-table2")
    card = only(build.composer(model="liu-table2").compose(assessment, build.subject))
    assert card.source.topic.code == "ScnenInputMissing"
    assert "Cobb angles missing" in card.summary


def test_bounds_are_rounded_outwards(build, card_of):
    """4.54 % is not "from 5": whatever the missing value is must stay inside."""
    gap = build.vertebra(cement_ratio_percent=build.missing())
    low, high = build.assessed(gap).vertebrae[0].score.bounds
    told = re.search(r"between (\d+) and (\d+) of 100", card_of(gap).detail)
    assert int(told[1]) <= 100 * low
    assert int(told[2]) >= 100 * high


def test_an_undefined_ratio_is_not_called_missing_angles(build, card_of):
    """Both angles are there; the ratio of a straight vertebra does not exist."""
    card = card_of(
        build.vertebra(
            cobb_preoperative_deg=build.measured(0.0, "deg"),
            cobb_restoration_ratio_percent=build.missing(Reason.UNDEFINED),
        )
    )
    assert "Cobb restoration missing" in card.summary
    assert "Cobb angles" not in card.summary


def test_a_number_beyond_the_study_says_so_in_the_summary(build, card_of):
    """0.41 with the unit % is 0.41 %: a high number that no patient stood behind."""
    tiny = build.vertebra(cement_ratio_percent=build.measured(0.41, "%"))
    assert "beyond the range studied" in card_of(tiny).summary


def test_points_add_up_as_they_are_shown(build, card_of):
    """The total is the sum of the whole points above it."""
    rows = re.findall(r"\| (\d+) \|$", card_of(build.vertebra()).detail, re.MULTILINE)
    *points, total = map(int, rows)
    assert len(points) == 4
    assert sum(points) == total


def test_without_a_number_nothing_is_said_about_its_anchor(build, card_of):
    """A card that gives no number does not explain one."""
    outside = build.vertebra(cement_ratio_percent=build.missing(Reason.NOT_APPLICABLE))
    assert "anchored to the study" not in card_of(outside).detail
    child = card_of(not_assessed=Reason.UNDER_AGE)
    assert "anchored" not in child.detail
    assert "tender point" not in child.detail


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("spinal-tuberculosis", "spinal tuberculosis"),
        ("spinal-infection", "an infection of the spine"),
        ("tumour-fracture", "a tumour of the spine or bone"),
    ],
)
def test_an_exclusion_is_named_in_words(build, card_of, group, words):
    """No code of ours reaches the clinician."""
    card = card_of(not_assessed=Reason.EXCLUDED_CONDITION, exclusion=group)
    assert words in card.detail
    assert group not in card.detail.replace("spinal tuberculosis", "")


def test_two_refusals_of_one_patient_are_two_cards(build, card_of):
    """What a card says makes it the card it is."""
    young = card_of(not_assessed=Reason.UNDER_AGE)
    excluded = card_of(
        not_assessed=Reason.EXCLUDED_CONDITION, exclusion="spinal-infection"
    )
    assert young.uuid != excluded.uuid


def test_an_approver_can_have_any_name(build, card_of):
    """An e-mail address or a bracket in a name is text, not markup."""
    approval = Approval(("Dr. A. <a@hospital.example>",), date(2026, 5, 1))
    policy = replace(default_policy(), approval=approval)
    assert "&lt;a" in card_of(build.vertebra(), policy=policy).detail


def test_orders_say_the_times_of_the_policy(build, card_of):
    """Labels and periods come from the same numbers."""
    policy = default_policy()
    policy = replace(policy, follow_up=FollowUp(56, 84, 122))
    review, block = card_of(build.vertebra(), policy=policy).suggestions
    assert "8 to 12 weeks after surgery" in review.label
    assert "within 4 months" in block.label
    assert review.actions[0].resource["occurrencePeriod"]["start"] == "2026-04-27"


def test_an_order_never_asks_for_a_time_that_has_passed(build):
    """Called half a year later, the drafts carry no period."""
    late = build.assessed(build.vertebra(), as_of=OPERATED.replace(year=2027))
    card = only(build.composer().compose(late, build.subject))
    for item in card.suggestions:
        assert "occurrencePeriod" not in item.actions[0].resource


def test_an_order_refers_only_to_resources_that_have_an_id(build, card_of):
    """What is no reference is not written as one."""
    nameless = Operation(OPERATED, OPERATED, OPERATED.date(), ("Procedure (no id)",))
    for item in card_of(build.vertebra(operation=nameless)).suggestions:
        assert "supportingInfo" not in item.actions[0].resource


def test_a_small_angle_before_the_operation_is_pointed_out(build, card_of):
    """Under 5° three degrees of reading error change the number much."""
    small = build.vertebra(
        cobb_preoperative_deg=build.measured(4.0, "deg"),
        cobb_postoperative_deg=build.measured(2.8, "deg"),
    )
    assert "a small reading error changes this number much" in card_of(small).detail


@pytest.mark.parametrize("flag", list(Flag), ids=str)
def test_every_flag_is_said_on_the_card(build, card_of, wording, flag):
    """What people must know beside the number stands beside it."""
    detail = card_of(build.vertebra(flags=frozenset({flag}))).detail
    assert wording.words["flag"][flag] in detail


def test_what_could_not_be_checked_is_said(build, card_of):
    """Without diagnoses or age the card says that nobody checked them."""
    unchecked = frozenset({"age", "exclusions"})
    detail = card_of(build.vertebra(), unchecked=unchecked).detail
    assert "were not checked" in detail
    assert "adult check was not made" in detail


def test_a_value_outside_the_range_studied_is_called_extrapolated(build, card_of):
    """A low cement ratio is scored, with the warning beside it."""
    card = card_of(build.vertebra(cement_ratio_percent=build.measured(9.0, "%")))
    assert "Cement ratio, AP film lies outside the range studied" in card.detail


def test_relative_mode_gives_no_probability_and_no_band(build, card_of):
    """Points and a percentile of the simulated cohort, nothing that reads as risk."""
    card = card_of(build.vertebra(), mode=OutputMode.RELATIVE)
    assert (card.indicator, card.source.topic.code) == ("info", "ScnenRiskRelative")
    assert "no risk is given" in card.summary
    for word in ("By the study's equation", "interval", "the risk"):
        assert word not in card.detail
    assert "No probability is given" in card.detail
    assert len(card.suggestions) == 2


def test_relative_mode_bounds_the_percentile_of_a_missing_value_not_the_risk(
    build, card_of
):
    """Bounds of a risk are probabilities too."""
    gap = build.vertebra(cement_ratio_percent=build.missing())
    detail = card_of(gap, mode=OutputMode.RELATIVE).detail
    assert "of 100 patients of the simulated cohort" in detail
    assert "the risk lies" not in detail


def test_relative_mode_suggests_from_the_percentile_of_the_policy(build):
    """Under the percentile there is no card."""
    assessment = build.assessed(below_average(build), mode=OutputMode.RELATIVE)
    composer = build.composer(mode=OutputMode.RELATIVE)
    assert composer.compose(assessment, build.subject) == ()


@pytest.mark.parametrize(
    ("approval", "words"),
    [
        (Approval(), "Thresholds not approved locally."),
        (
            Approval(("A. Surgeon", "B. Informatician"), date(2026, 5, 1)),
            "Thresholds approved by A. Surgeon, B. Informatician on 2026-05-01.",
        ),
    ],
    ids=["not-approved", "approved"],
)
def test_the_card_says_who_approved_the_thresholds(build, card_of, approval, words):
    """Nobody is led to believe in thresholds that nobody answers for."""
    policy = replace(default_policy(), approval=approval)
    detail = card_of(build.vertebra(), policy=policy).detail
    assert words in detail.replace("\\", "")


def test_the_two_suggestions_are_draft_proposals_valid_in_r4(build, card_of):
    """Each creates one ServiceRequest with subject, encounter, site and note."""
    card = card_of(build.vertebra())
    assert card.selection_behavior == "any"
    assert len(card.suggestions) == 2
    for suggestion in card.suggestions:
        (action,) = suggestion.actions
        resource = action.resource
        ServiceRequest.model_validate(resource)
        fhirkit.parse(json.dumps(resource))
        assert action.type == "create"
        assert (resource["status"], resource["intent"]) == ("draft", "proposal")
        assert resource["subject"] == {"reference": "Patient/p1"}
        assert resource["encounter"] == {"reference": "Encounter/e1"}
        for field in ("reasonCode", "bodySite", "performerType", "note", "code"):
            assert resource[field]
        assert resource["asNeededCodeableConcept"]["text"]
        assert not suggestion.is_recommended


def test_the_review_is_four_to_six_weeks_after_surgery_and_the_block_within_six_months(
    build, card_of
):
    """Operated on 2 March 2026: review from 30 March, block until 1 September."""
    review, block = (
        item.actions[0].resource["occurrencePeriod"]
        for item in card_of(build.vertebra()).suggestions
    )
    assert review == {"start": "2026-03-30", "end": "2026-04-13"}
    assert block == {"start": "2026-03-30", "end": "2026-09-01"}


def test_an_operation_without_a_day_gives_orders_without_a_period(build, card_of):
    """No date is made up."""
    undated = Operation(None, None, None, ("Procedure/p1",))
    for item in card_of(build.vertebra(operation=undated)).suggestions:
        assert "occurrencePeriod" not in item.actions[0].resource


def test_no_order_holds_a_drug_dose_and_the_block_asks_for_its_checks(build, card_of):
    """The block comes after a positive tender point and three checks."""
    review, block = card_of(build.vertebra()).suggestions
    for item in (review, block):
        text = json.dumps(item.actions[0].resource)
        assert not re.search(r"lidocaine|\d\s*(mL|mg)\b", text, re.IGNORECASE)
    note = block.actions[0].resource["note"][0]["text"]
    for check in ("anticoagulants", "allergy", "infection"):
        assert check in note
    needed = block.actions[0].resource["asNeededCodeableConcept"]["text"]
    assert "Tender point positive" in needed


def test_card_10_override_reasons_are_few_stable_and_hl7s(build, card_of):
    """Six to eight reasons with code, system and display."""
    first, second = card_of(build.vertebra()), card_of(above_average(build))
    assert first.override_reasons == second.override_reasons
    assert 6 <= len(first.override_reasons) <= 8
    for reason in first.override_reasons:
        assert reason.system == OVERRIDE_SYSTEM
        assert reason.display


def test_no_url_of_a_card_holds_anything_of_the_patient(build):
    """Links and source are the same for everybody."""
    subject = Subject("PATIENTCANARY", "ENCOUNTERCANARY")
    card = only(build.composer().compose(build.assessed(build.vertebra()), subject))
    urls = [card.source.url, *(link.url for link in card.links)]
    assert urls == ["https://cds.example.org/scnen/model"] * 2


@pytest.mark.parametrize("reason", [Reason.NOT_RECORDED, Reason.CONFLICT])
def test_a_card_that_asks_for_values_says_where_to_enter_them(build, card_of, reason):
    """The nomogram, first; a card with a number has no use for it."""
    card = card_of(build.vertebra(cement_ratio_percent=build.missing(reason)))
    assert [link.url for link in card.links] == [
        "https://cds.example.org/scnen/nomogram",
        "https://cds.example.org/scnen/model",
    ]
    assert {link.type for link in card.links} == {"absolute"}
    assert len(card_of(build.vertebra()).links) == 1


def test_gen_3_a_response_holds_nothing_empty(build, card_of):
    """No null, no empty string, list or object, on any kind of card."""

    def walk(value):
        assert value not in (None, "", [], {})
        children = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list):
            for child in children:
                walk(child)

    gap = build.vertebra(cement_ratio_percent=build.missing())
    for card in (card_of(build.vertebra()), card_of(gap)):
        walk(dump_response(Response(cards=(card,))))


def test_the_same_inputs_give_the_same_card_to_the_letter(build):
    """Whichever worker answers, and whenever."""
    one, other = (
        build.composer().compose(build.assessed(build.vertebra()), build.subject)
        for _ in range(2)
    )
    assert one == other


@pytest.mark.parametrize(
    "other",
    [Subject("p2", "e1"), Subject("p1", "e2"), Subject("p1", None)],
    ids=["patient", "encounter", "no-encounter"],
)
def test_card_7_uuids_differ_between_patients_and_encounters(build, other):
    """A card belongs to one patient in one encounter."""
    composer, assessment = build.composer(), build.assessed(build.vertebra())
    cards = [only(composer.compose(assessment, who)) for who in (build.subject, other)]
    assert cards[0].uuid != cards[1].uuid
    ids = {item.uuid for card in cards for item in card.suggestions}
    assert len(ids) == 4


def test_card_7_uuids_are_of_version_5_and_stay_what_they_are(build):
    """Feedback of last week names the cards of last week."""
    assessment = build.assessed(build.vertebra())
    card = only(build.composer().compose(assessment, build.subject))
    ids = [card.uuid, *(item.uuid for item in card.suggestions)]
    assert all(str(UUID(item)) == item for item in ids)
    assert {UUID(item).version for item in ids} == {5}
    assert {UUID(item).variant for item in ids} == {RFC_4122}
    gap = build.vertebra(cement_ratio_percent=build.missing())
    asking = only(build.composer().compose(build.assessed(gap), build.subject))
    assert asking.uuid == "c232bf51-1107-56c1-be6e-4eb25ec77740"


def test_a_changed_input_or_key_gives_another_uuid(build):
    """New values make a new card; without the key no uuid can be guessed."""
    first = build.assessed(build.vertebra())
    changed = build.assessed(
        build.vertebra(cement_ratio_percent=build.measured(40.0, "%"))
    )
    ids = {
        only(build.composer().compose(first, build.subject)).uuid,
        only(build.composer().compose(changed, build.subject)).uuid,
        only(build.composer(secret_key=b"x" * 32).compose(first, build.subject)).uuid,
    }
    assert len(ids) == 3


def test_src_3_topic_codes_are_alphanumeric_and_static():
    """EHRs tie overrides to the topic code."""
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,100}", topic) for topic in TOPICS)
