"""The forms as data, and what is made of answers, without any server."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import fhirkit
import pytest

from cds_hooks import BadRequest
from service.assessment import OutputMode
from service.calculator import Calculator
from service.calculator_answer import CalculatorAnswer
from service.fhir.findings import (
    Coding,
    Measurement,
    Missing,
    OperatedVertebra,
    Operation,
    Reason,
)
from service.fhir.places import PLACES
from service.fhir.signs import SIGNS
from service.model.artifact import load_bundled
from service.model.predictors import INPUTS
from service.model.scoring import score
from service.policy import default_policy
from service.smart.answers import checked_answers
from service.smart.charts import Chart
from service.smart.entries import entries
from service.smart.follow_up import FollowUpForm
from service.smart.measurements import MeasurementForm
from service.smart.questionnaires import load_form
from service.smart.resources import Author, provenance
from service.smart.scopes import may_create, wanted_scopes
from service.wording import Wording

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "service/data/fhir/questionnaires"
NOW = datetime(2026, 4, 10, 9, tzinfo=UTC)
OPERATED = date(2026, 3, 2)
FORMS = ["measurements", "follow-up"]


def missing(reason=Reason.NOT_RECORDED, detail=""):
    return Missing(reason, detail)


def known(value, unit=None):
    said = f"{value} {unit}" if unit else str(value)
    return Measurement(
        value, unit, said, Coding("s", "c"), "Observation/o1", OPERATED, "final"
    )


def vertebra(**changes):
    """A vertebra of which only the operation is known."""
    nothing = {name: missing() for name in INPUTS}
    found = {**nothing, "segment": known("lumbar"), "method": known("pvp")}
    at = datetime(2026, 3, 2, 8, tzinfo=UTC)
    operation = Operation(at, at, OPERATED, ("Procedure/p1",))
    return OperatedVertebra(
        level=changes.pop("level", "L1"), operation=operation, **{**found, **changes}
    )


@pytest.fixture(scope="module")
def form():
    policy = default_policy()
    model = load_bundled("liu-nomogram")
    calculator = Calculator(model, lambda: OutputMode.ANCHORED, policy)
    words = CalculatorAnswer("en"), Wording("en")
    return MeasurementForm(calculator, *words, policy.windows)


@pytest.fixture
def author():
    return Author(
        "https://ehr.example.org/fhir",
        "p1",
        None,
        "Practitioner/d1",
        NOW,
        "https://x.example/fhir",
        b"key",
    )


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_a_valid_questionnaire(name):
    """Read by others' software: id, canonical URL, version, link ids that differ."""
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    fhirkit.parse(text)
    document = json.loads(text)
    assert document["url"].endswith(f"/Questionnaire/{document['id']}")
    assert document["version"]
    links = [item["linkId"] for item in walked(document)]
    assert len(links) == len(set(links))


def walked(item):
    for each in item.get("item", ()):
        yield each
        yield from walked(each)


@pytest.mark.parametrize("name", FORMS)
def test_each_code_of_a_form_is_one_of_the_project(name):
    """What is written is what the extraction reads."""
    place = ROOT / "service/data/codesystems/predictors.json"
    concepts = json.loads(place.read_text("utf-8"))["concept"]
    ours = {each["code"] for each in concepts}
    document = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    for item in walked(document):
        codings = item.get("code", []) + [
            each["valueCoding"] for each in item.get("answerOption", ())
        ]
        own = [c for c in codings if "predictors" in c.get("system", "")]
        assert {each["code"] for each in own} <= ours


def test_limits_of_the_form_are_those_of_the_calculator():
    """One limit, whoever checks it; kyphosis before the operation is positive."""
    form = load_form("measurements")
    pairs = {
        "cement-ratio-ap": "cement_ratio_percent",
        "cobb-postoperative": "cobb_postoperative_deg",
        "cobb-restoration-ratio": "cobb_restoration_ratio_percent",
    }
    for name, predictor in pairs.items():
        item = form.item(name)
        assert (item.least, item.most) == INPUTS[predictor].physical
        assert item.ucum == INPUTS[predictor].unit
    before = form.item("cobb-preoperative")
    assert (before.least, before.most) == (
        0,
        INPUTS["cobb_preoperative_deg"].physical[1],
    )


def test_every_level_and_every_sign_can_be_entered():
    """All vertebrae of the study's segments, all findings that the chart reads."""
    levels = set(load_form("measurements").item("fracture-segment").options)
    assert levels == {n for n, place in PLACES.items() if place == {n}} - {
        "cervical",
        "sacral",
    }
    codes = {item.code for item in load_form("follow-up").questions()}
    assert codes >= SIGNS


def test_an_item_that_is_none_is_a_key_error():
    """A typing error in the code, not in an answer."""
    with pytest.raises(KeyError, match="nothing"):
        load_form("measurements").item("nothing")


VISIT = {"visit-date": "2026-04-09", "scn-examined": True}


def test_answers_to_what_is_not_asked_are_left_out():
    """A finding of an examination that did not take place is none."""
    said = {**VISIT, "scn-examined": False, "scn-tender-point": "present"}
    said |= {"tender-point-side": "left", "outcome": "no", "criteria": "study"}
    kept = checked_answers(load_form("follow-up"), said)
    assert kept == {"visit-date": "2026-04-09", "scn-examined": False}


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"visit-date": "9.4.2026"}, "visit-date: must be a day$"),
        ({"visit-date": 7}, "visit-date: must be a day$"),
        ({"scn-examined": "yes"}, "scn-examined: must be true or false"),
        ({"scn-tender-point": "maybe"}, "scn-tender-point: must be one of present"),
        ({"scn-tender-point": ["present"]}, "scn-tender-point: must be one of"),
        (
            {"scn-diagnostic-block": True, "block-time": "2026-04-09"},
            "block-time: must be a day and time",
        ),
        (
            {"scn-block-relief": "80"},
            "relief: must be a number from 0 to 100",
        ),
        ({"scn-block-relief": True}, "scn-block-relief: must be a number"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_refused(answers, told):
    """Named, with what it may be; never its value."""
    with pytest.raises(BadRequest, match=told):
        checked_answers(load_form("follow-up"), {**VISIT, **answers})


@pytest.mark.parametrize("said", [None, [], "x", {"unknown": 1}])
def test_answers_that_are_none_are_refused(said):
    """Whatever was sent in their place."""
    with pytest.raises(BadRequest, match="answers: may have"):
        checked_answers(load_form("follow-up"), said)


def test_what_is_known_is_closed_and_what_is_missing_open(form):
    """With the reason beside it; the films of known values are not asked."""
    found = vertebra(cobb_preoperative_deg=known(15.0, "deg"))
    standings = form.standings(found)
    assert not standings["cobb-preoperative"].is_open
    assert "Observation/o1" in standings["cobb-preoperative"].said
    assert not standings["film-preoperative"].is_open
    assert standings["cobb-postoperative"].is_open
    assert standings["cement-ratio-ap"].said == "not recorded"
    assert standings["cement-area"].is_open
    assert not standings["fracture-segment"].is_open


@pytest.mark.parametrize(("value", "said"), [(25.0, "kyphosis"), (-25.0, "lordosis")])
def test_a_known_angle_is_said_without_a_sign(form, value, said):
    """Recorded as -25 beside a field that wants +25, it would be typed as -12."""
    angle = replace(known(value, "deg"), as_found="-25 deg")
    standing = form.standings(vertebra(cobb_preoperative_deg=angle))[
        "cobb-preoperative"
    ]
    assert standing.said.startswith(f"25° {said}")
    assert "recorded as -25 deg" in standing.said


def test_a_recorded_lordosis_before_the_operation_is_scored_as_on_the_card(form):
    """Its sign was settled by whoever read the record; only what is typed is asked."""
    angles = {"cobb_preoperative_deg": -25.0, "cobb_postoperative_deg": -12.0}
    said = form.assess({"answers": {}, "known": angles})
    assert said["computed"]["cobb-restoration-ratio"] == pytest.approx(52.0)


def test_ratios_that_contradict_each_other_give_no_number(form):
    """The card has none either: one angle is left out, so bounds are shown."""
    found = vertebra(
        cobb_preoperative_deg=known(15.0, "deg"),
        cobb_postoperative_deg=known(10.5, "deg"),
        cobb_restoration_ratio_percent=missing(Reason.CONFLICT, "30 and 50"),
    )
    assert "cobb_postoperative_deg" not in form.known(found)


ZERO = {"cobb_preoperative_deg": 0.0, "cobb_postoperative_deg": 4.0}
RECORDED = {"cobb_restoration_ratio_percent": 20.0}


@pytest.mark.parametrize(
    ("recorded", "answers"),
    [
        (ZERO | RECORDED, {}),
        (RECORDED, {"cobb-preoperative": 0, "cobb-postoperative": 4}),
    ],
    ids=["recorded", "entered"],
)
def test_a_recorded_ratio_serves_beside_an_angle_of_0_as_on_the_card(
    form, recorded, answers
):
    """No ratio comes of such an angle, so that nothing contradicts the recorded one."""
    found = vertebra(
        cement_ratio_percent=known(30.0, "%"),
        **{name: known(value) for name, value in recorded.items()},
    )
    said = form.assess({"known": form.known(found), "answers": answers})
    assert said["computed"]["cobb-restoration-ratio"] == 20.0
    assert said["missing"] == []
    inputs = {"segment": "lumbar", "method": "pvp", "cement_ratio_percent": 30.0}
    scored = score(load_bundled("liu-nomogram"), {**inputs, **ZERO, **RECORDED})
    assert said["risk"] == scored.risk


@pytest.mark.parametrize("name", ["cobb-preoperative", "cobb-postoperative"])
def test_angles_beside_two_ratios_that_differ_are_not_asked(form, name):
    """The card would be blocked with them as without: no number is shown for them."""
    found = vertebra(
        cobb_restoration_ratio_percent=missing(Reason.CONFLICT, "30 % and 50 %")
    )
    standing = form.standings(found)[name]
    assert not standing.is_open
    assert "30 % and 50 %" in standing.said


def test_a_known_method_is_said_in_words(form):
    """A code is for machines."""
    said = form.standings(vertebra(method=known("pkp")))["method"].said
    assert said.startswith("percutaneous kyphoplasty (PKP), recorded as pkp")


def test_how_a_ratio_was_computed_is_said_in_the_language_of_the_form():
    """What the service says of itself is translated; what a record says is not."""
    policy, model = default_policy(), load_bundled("liu-nomogram")
    calculator = Calculator(model, lambda: OutputMode.ANCHORED, policy)
    words = CalculatorAnswer("zh-Hans"), Wording("zh-Hans")
    form = MeasurementForm(calculator, *words, policy.windows)
    name = "cobb_restoration_ratio_percent"
    said = "computed from 14 ° and 8.4 °"
    found = vertebra(**{name: replace(known(40.0, "%"), as_found=said)})
    told = form.standings(found)["cobb-restoration-ratio"].said
    assert "computed" not in told
    assert "8.4 °" in told


def test_a_contradiction_is_not_asked(form):
    """A third value would settle nothing."""
    found = vertebra(cement_ratio_percent=missing(Reason.CONFLICT, "a and b"))
    standing = form.standings(found)["cement-ratio-ap"]
    assert not standing.is_open
    assert "a and b" in standing.said


def test_a_level_is_asked_where_only_the_segment_is_known(form):
    """The segment serves already; a level lets it be told from others."""
    standing = form.standings(vertebra(level=None))["fracture-segment"]
    assert (standing.value, standing.is_open) == ("lumbar", True)


def test_without_an_operation_all_can_be_tried(form):
    """And nothing of a record is known."""
    assert all(each.is_open for each in form.standings(None).values())
    assert form.known(None) == {}


def test_a_method_is_never_asked_for_the_record(form):
    """An operation is coded where it was recorded."""
    standing = form.standings(vertebra(method=missing()))["method"]
    assert not standing.is_open


def test_films_serve_within_the_policys_windows(form):
    """The same days as for a value that the record system holds."""
    limits = form.limits(vertebra(), date(2026, 3, 6), is_signed=True)
    assert limits == {
        "film-preoperative": ("2026-01-31", "2026-03-02"),
        "film-postoperative": ("2026-03-02", "2026-03-06"),
    }
    late = form.limits(vertebra(), date(2026, 5, 1), is_signed=True)
    assert late["film-postoperative"] == ("2026-03-02", "2026-03-16")
    assert form.limits(None, date(2026, 3, 6), is_signed=True) == {
        "film-preoperative": (None, "2026-03-06"),
        "film-postoperative": (None, "2026-03-06"),
    }


def test_a_negative_angle_needs_a_declared_sign(form):
    """Nobody could tell at another site what it means."""
    limits = form.limits(vertebra(), date(2026, 3, 6), is_signed=False)
    assert limits["cobb-postoperative"] == (0.0, 90)


def test_two_known_angles_give_the_ratio_anew(form):
    """It is never sent beside them."""
    both = {
        "cobb_preoperative_deg": known(15.0, "deg"),
        "cobb_postoperative_deg": known(10.0, "deg"),
        "cobb_restoration_ratio_percent": known(33.3, "%"),
    }
    assert form.known(vertebra(**both)) == {
        "segment": "lumbar",
        "method": "pvp",
        "cobb_preoperative_deg": 15.0,
        "cobb_postoperative_deg": 10.0,
    }
    one = vertebra(cobb_restoration_ratio_percent=known(33.3, "%"))
    assert form.known(one)["cobb_restoration_ratio_percent"] == 33.3


def test_a_recorded_ratio_gives_way_to_two_angles(form):
    """One known, one entered: both speak for themselves."""
    said = {
        "known": {"segment": "lumbar", "method": "pvp", "cobb_preoperative_deg": 20.0}
        | {"cobb_restoration_ratio_percent": 10.0},
        "answers": {"cobb-postoperative": 10},
    }
    assert form.assess(said)["computed"]["cobb-restoration-ratio"] == 50


def test_without_an_operation_level_and_method_come_from_the_form(form):
    """The number is that of the nomogram."""
    answers = {"fracture-segment": "T12", "method": "pedicle-screw-fixation"}
    answers |= {
        "cement-ratio-ap": 30,
        "cobb-preoperative": 20,
        "cobb-postoperative": 10,
    }
    said = form.assess({"known": {}, "answers": answers})
    assert said["inputs"]["segment"] == "thoracic"
    assert said["inputs"]["method"] == "pedicle_screw"
    assert said["computed"]["cement-ratio-ap"] is None


@pytest.mark.parametrize("said", [None, {}, {"answers": {}, "known": []}])
def test_a_body_that_is_none_is_refused(form, said):
    """Answers and what is known, both objects."""
    with pytest.raises(BadRequest, match="answers and known"):
        form.assess(said)


def written(form, author, found, *, negative=False, levels=tuple(PLACES), **answers):
    drafts = entries(
        form, answers, found, author, is_kyphosis_negative=negative, levels=levels
    )
    return {each.resource["code"]["coding"][0]["code"]: each for each in drafts}


FILM = {"film-postoperative": "2026-03-05"}


def test_only_what_is_open_is_written(form, author):
    """What others entered meanwhile is not entered twice."""
    found = vertebra(cement_ratio_percent=known(20.0, "%"))
    answers = {**FILM, "cement-ratio-ap": 30.0, "cobb-postoperative": 8.0}
    assert set(written(form, author, found, **answers)) == {"cobb-postoperative"}


@pytest.mark.parametrize(("negative", "value"), [(False, 8.0), (True, -8.0)])
def test_angles_are_written_in_the_sites_own_sign(form, author, negative, value):
    """The cement ratio has none."""
    answers = {**FILM, "cobb-postoperative": 8.0, "cement-ratio-ap": 30.0}
    drafts = written(form, author, vertebra(), negative=negative, **answers)
    angle, ratio = (
        drafts[n].resource["valueQuantity"]["value"]
        for n in ("cobb-postoperative", "cement-ratio-ap")
    )
    assert (angle, ratio) == (value, 30.0)
    assert "8° kyphosis" in drafts["cobb-postoperative"].label


def test_a_level_alone_is_of_the_operations_day(form, author):
    """There is no film to date it by."""
    found = vertebra(level=None)
    (draft,) = written(form, author, found, **{"fracture-segment": "L2"}).values()
    assert draft.resource["effectiveDateTime"] == "2026-03-02"
    dateless = replace_day(found, None)
    with pytest.raises(BadRequest, match="film-postoperative: must be answered"):
        written(form, author, dateless, **{"fracture-segment": "L2"})


def replace_day(found, day):
    found.operation = replace(found.operation, day=day)
    return found


def test_a_level_that_the_record_contradicts_is_refused(form, author):
    """It would block the score for good; what is possible is named, and the remedy."""
    found = vertebra(level=None)
    with pytest.raises(BadRequest, match=r"possible: L1, L2\. If the record is wrong"):
        written(form, author, found, levels=("L1", "L2"), **{"fracture-segment": "L4"})


@pytest.mark.parametrize(("segment", "level"), [("lumbar", "T12"), ("thoracic", "L1")])
def test_a_level_that_contradicts_the_record_gives_no_number(form, segment, level):
    """It is said while the level is chosen, not when it is saved."""
    said = {"known": {"segment": segment}, "answers": {"fracture-segment": level}}
    with pytest.raises(BadRequest, match="fracture-segment: contradicts the record"):
        form.assess(said)


@pytest.mark.parametrize("segment", [[], {}, 7, "cervical"])
def test_a_segment_that_is_none_is_refused_and_breaks_nothing(form, segment):
    """Whatever a page sends."""
    with pytest.raises(BadRequest, match=r"inputs\.segment"):
        form.assess({"known": {"segment": segment}, "answers": {}})


def test_only_levels_that_the_record_leaves_possible_are_offered(form):
    """Where it leaves none, none is asked."""
    found = vertebra(level=None)
    standing = form.standings(found, ("L1", "L2"))["fracture-segment"]
    assert (standing.is_open, standing.options) == (True, ("L1", "L2"))
    assert not form.standings(found, ())["fracture-segment"].is_open


def test_another_level_than_the_record_has_by_now_is_refused(form, author):
    """The answer is not dropped, with its values landing on the other vertebra."""
    with pytest.raises(BadRequest, match="the record says L1 by now"):
        written(form, author, vertebra(), **{"fracture-segment": "L2"})


def test_the_follow_up_is_about_the_latest_operation():
    """Not about the lowest vertebra; one without a day is the oldest."""
    older, dateless = vertebra(level="L4"), vertebra(level="L5")
    replace_day(older, date(2026, 1, 5))
    dateless.operation = replace(dateless.operation, day=None, end=None)
    found = SimpleNamespace(vertebrae=(vertebra(level="T12"), older, dateless))
    assert Chart.operation.fget(found).day == OPERATED
    assert Chart.operation.fget(SimpleNamespace(vertebrae=())) is None


def test_without_any_level_a_value_names_no_site(form, author):
    """One vertebra was operated on: it serves without."""
    answers = {**FILM, "cement-ratio-ap": 30.0}
    (draft,) = written(form, author, vertebra(level=None), **answers).values()
    assert "bodySite" not in draft.resource


def test_the_same_said_twice_has_one_identifier(form, author):
    """Whenever, and by whomever; another value has another."""
    later = replace(author, recorded=NOW.replace(hour=10), user="Practitioner/d2")
    (one,), (same,), (other,) = (
        written(form, who, vertebra(), **FILM, **{"cement-ratio-ap": value}).values()
        for who, value in ((author, 30.0), (later, 30.0), (author, 31.0))
    )
    assert one.condition == same.condition != other.condition
    assert "p1" not in one.condition


def test_for_r5_a_procedure_is_written_as_r5_has_it(author):
    """Its time has another name there."""
    r5 = replace(author, fhir_version="R5", encounter="e1")
    at = "2026-04-09T10:00:00+00:00"
    draft = r5.procedure("x", "scn-diagnostic-block", when=at, elements={})
    assert draft.resource["occurrenceDateTime"] == at
    assert "performedDateTime" not in draft.resource
    assert draft.resource["encounter"] == {"reference": "Encounter/e1"}


def test_a_provenance_names_author_program_and_form(author):
    """Valid by others' software."""
    made = provenance(author, ["Observation/o1"], "https://x.example/q|1")
    fhirkit.parse(json.dumps(made))
    assert made["entity"][0]["what"]["display"] == "https://x.example/q|1"


def test_a_point_on_both_sides_is_two_findings(author):
    """Left and right are what tells places apart."""
    form = FollowUpForm()
    answers = {
        "visit-date": "2026-04-09",
        "scn-examined": True,
        "scn-tender-point": "present",
        "tender-point-side": "both",
        "scn-tinel-sign": "absent",
    }
    drafts = form.drafts(answers, author)
    sites = [d.resource["bodySite"]["text"] for d in drafts if "bodySite" in d.resource]
    assert sites == ["posterior iliac crest, left", "posterior iliac crest, right"]
    assert form.outcome(answers) is None


def test_the_day_from_which_findings_count_is_told():
    """Earlier ones are recorded, and are those of the wound."""
    form, found = FollowUpForm(14), vertebra()
    assert form.counts_from(found.operation) == "2026-03-16"
    assert form.counts_from(replace_day(found, None).operation) == ""
    assert form.counts_from(None) == ""


def test_a_block_without_relief_is_a_procedure_alone(author):
    """What was not judged is not 0 %."""
    said = {
        "visit-date": "2026-04-09",
        "scn-examined": True,
        "scn-diagnostic-block": True,
        "block-side": "right",
        "block-time": "2026-04-09T10:00",
    }
    form = FollowUpForm()
    operation = vertebra().operation
    drafts = form.drafts(form.checked(said, operation, NOW), author)
    assert [d.kind for d in drafts] == ["Observation", "Procedure"]
    assert drafts[1].resource["performedDateTime"] == "2026-04-09T10:00:00+00:00"


def test_a_time_of_today_that_is_yet_to_come_is_refused():
    """The clock of the hospital counts."""
    said = {
        **VISIT,
        "scn-diagnostic-block": True,
        "block-side": "right",
        "block-time": "2026-04-10T09:30",
    }
    with pytest.raises(BadRequest, match="block-time: lies in the future"):
        FollowUpForm().checked(said, None, NOW)


@pytest.mark.parametrize(
    ("granted", "may"),
    [
        ("patient/Observation.crs", True),
        ("user/Observation.c", True),
        ("patient/*.cruds", True),
        ("patient/Observation.write", True),
        ("patient/Observation.*", True),
        ("patient/Observation.rs", False),
        ("patient/Observation.read", False),
        ("patient/Condition.c", False),
        ("system/Observation.c", False),
        ("patient/Observation.c?category=x", False),
        ("EPIC.OBSERVATION.CREATE (R4)", False),
    ],
)
def test_leave_to_create_is_read_from_both_spellings(granted, may):
    """And from nothing that could mean less."""
    assert may_create(["openid", granted], "Observation") is may


def test_whoever_does_not_write_asks_for_no_leave_to():
    """The least that the forms need."""
    for capabilities in ([], ["permission-v2"]):
        scopes = wanted_scopes(capabilities, writes=False)
        assert not [s for s in scopes if ".c" in s or "write" in s or "Prov" in s]
