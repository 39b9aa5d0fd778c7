"""From the form to a scored card: what is written, once, and what is said of it."""

import html
import json
import re
import time
from datetime import timedelta
from itertools import count

import fhirkit
import pytest

from .conftest import PROJECT, REPORT

pytestmark = pytest.mark.tool

NUMBERS = count(1)
#: Entered where nothing is recorded but the operation.
VALUES = {
    "fracture-segment": "L1",
    "cobb-preoperative": 16,
    "cobb-postoperative": 9.5,
    "cement-area": 2.1,
    "vertebra-area": 6.4,
}


def films(page):
    """Days that the page takes for both films."""
    found = {}
    for name in ("film-preoperative", "film-postoperative"):
        rest = page.text.partition(f'id="{name}"')[2]
        found[name] = rest.partition('max="')[2].partition('"')[0]
    return found


@pytest.fixture
def bare(record):
    """A patient of whom nothing but the operation is recorded, new for each test."""
    return record.copy("syn-18", f"bare-{next(NUMBERS)}")


def save(app, page, **answers):
    """Press save."""
    mark = page.text.partition('data-vertebra="')[2].partition('"')[0]
    body = {"vertebra": mark, "answers": {**VALUES, **films(page), **answers}}
    return app.post("measurements/save", body, page)


def fired(app, ehr, patient, hook, service):
    """The cards of a hook call without prefetch, with the token of the last launch."""
    body = {
        "hook": hook,
        "hookInstance": "0b0e7f0a-6f0e-4e52-9a55-3d1c3f0f3d11",
        "context": {
            "userId": "Practitioner/surgeon-1",
            "patientId": patient,
            "encounterId": f"{patient}-encounter",
        },
        "fhirServer": ehr.fhir,
        "fhirAuthorization": {
            "access_token": [*ehr.tokens][-1],
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "user/Observation.rs",
            "subject": "scnen-cds",
            "patient": patient,
        },
    }
    answer = app.browser.post(f"/cds-services/{service}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json["cards"]


def card(app, ehr, patient):
    """The card of the discharge."""
    return fired(app, ehr, patient, "encounter-discharge", "scnen-discharge")[0]


def opened(app, ehr, patient):
    """The cards of the opened chart."""
    return fired(app, ehr, patient, "patient-view", "scnen-chart")


@pytest.mark.parametrize("is_transaction", [True, False])
def test_what_is_saved_gives_a_scored_card(app, ehr, record, bare, is_transaction):
    """The proof: the hook asked for values before, and has a number after."""
    ehr.takes_transactions = is_transaction
    page = app.enter(ehr, bare)
    assert "missing" in card(app, ehr, bare)["summary"].lower()
    answer = save(app, page)
    assert answer.status_code == 200, answer.text
    assert [len(answer.json[k]) for k in ("saved", "already", "failed")] == [4, 0, 0]
    assert answer.json["provenance"]
    scored = card(app, ehr, bare)
    assert "about 47 of 100" in scored["summary"]
    assert answer.json["now"] == scored["summary"]
    assert len(record.entered(bare)) == 4


def test_what_is_saved_is_told_even_if_it_cannot_be_read_again(app, ehr, record, bare):
    """Nobody is told that nothing was saved when it was."""
    page = app.enter(ehr, bare)
    ehr.is_lost_after_writing = True
    answer = save(app, page)
    assert answer.status_code == 200
    assert len(answer.json["saved"]) == len(record.entered(bare)) == 4
    assert "could not be read again" in answer.json["now"]


def test_each_observation_says_who_when_where_and_is_valid(app, ehr, record, bare):
    """Codes of the project, UCUM, the film's day, the level, the clinician."""
    page = app.enter(ehr, bare)
    save(app, page)
    found = {o["code"]["coding"][0]["code"]: o for o in record.entered(bare)}
    ratio = found["cement-ratio-ap"]
    assert ratio["valueQuantity"] == {
        "value": 32.8,
        "unit": "%",
        "system": "http://unitsofmeasure.org",
        "code": "%",
    }
    assert ratio["effectiveDateTime"] == films(page)["film-postoperative"]
    assert ratio["bodySite"]["coding"][0] == {
        "system": PROJECT,
        "code": "L1",
        "display": "L1 vertebra",
    }
    for each in found.values():
        assert each["status"] == "final"
        assert each["performer"] == [{"reference": "Practitioner/surgeon-1"}]
        assert each["encounter"] == {"reference": f"Encounter/{bare}-encounter"}
        fhirkit.parse(json.dumps(each))
    named = {f"Observation/{each['id']}" for each in found.values()}
    provenances = record.search("Provenance?_count=200")
    (told,) = [p for p in provenances if {t["reference"] for t in p["target"]} == named]
    assert told["agent"][0]["who"] == {"reference": "Practitioner/surgeon-1"}


@pytest.mark.parametrize("is_transaction", [True, False])
def test_pressing_twice_saves_once(app, ehr, record, bare, is_transaction):
    """The second time the record knows it all, and nothing is sent."""
    ehr.takes_transactions = is_transaction
    page = app.enter(ehr, bare)
    save(app, page)
    before, ehr.writes = len(record.entered(bare)), []
    again = save(app, page)
    assert (again.json["saved"], again.json["failed"]) == ([], [])
    assert (len(record.entered(bare)), ehr.writes) == (before, [])


def test_what_was_saved_without_an_answer_is_not_doubled(app, ehr, record, bare):
    """Each entry is created under the condition that it is not there."""
    ehr.takes_transactions = False
    page = app.enter(ehr, bare)
    ehr.refusals = {"Observation": 504}
    first = save(app, page)
    assert first.json["failed"]
    sent = [body for kind, _, body in ehr.writes if kind == "Observation"]
    conditions = {each["identifier"][0]["value"] for each in sent}
    ehr.refusals, ehr.writes = {}, []
    save(app, page)
    sent = [body for kind, _, body in ehr.writes if kind == "Observation"]
    assert conditions <= {each["identifier"][0]["value"] for each in sent}


@pytest.mark.parametrize(
    ("status", "is_transaction", "trouble", "words"),
    [
        (401, True, "expired", "session is over"),
        (403, False, "no-leave", "gives no leave"),
        (404, True, "not-supported", "does not take such entries"),
        (412, False, "not-unique", "there already"),
        (422, True, "invalid", "refused it as it was written"),
        (500, False, "server", "the record system failed"),
    ],
)
def test_a_refusal_is_told_in_plain_words(
    app, ehr, record, bare, is_transaction, status, trouble, words
):
    """What was not saved, and why; never what the server wrote."""
    ehr.takes_transactions = is_transaction
    page = app.enter(ehr, bare)
    ehr.refusals = {"": status, "Observation": status}
    answer = save(app, page)
    assert answer.json["saved"] == []
    failed = answer.json["failed"]
    assert failed[0]["trouble"] == trouble
    assert words in failed[0]["why"]
    assert "<b>" not in answer.text
    assert record.entered(bare) == []
    assert len(failed) == 4


def test_of_a_partial_failure_each_part_is_told(app, ehr, record, bare):
    """Provenance refused: the values are saved, and it is said that it is not."""
    ehr.takes_transactions = False
    ehr.refusals = {"Provenance": 403}
    page = app.enter(ehr, bare)
    answer = save(app, page)
    assert (len(answer.json["saved"]), answer.json["provenance"]) == (4, False)
    assert len(record.entered(bare)) == 4


def test_without_leave_to_write_the_values_are_shown_to_be_typed(app, ehr, bare):
    """No button, and the reason."""
    ehr.granted = "launch openid fhirUser patient/Observation.rs patient/Procedure.rs"
    page = app.enter(ehr, bare)
    assert 'type="submit"' not in page.text
    assert "by hand" in page.text
    assert save(app, page).json["refused"] == "no-leave"


def test_what_the_record_knows_is_shown_and_not_asked(app, ehr):
    """With its value, its day and its source."""
    page = app.enter(ehr, "syn-05").text
    assert 'id="cement-ratio-ap"' in page
    assert 'id="cobb-preoperative"' not in page
    assert "Observation/syn-05-observation-1" in page
    assert "L3" in page


def test_a_report_is_shown_as_text(app, ehr):
    """Markup in it is text, and nothing is read out of it."""
    page = app.enter(ehr, "syn-05").text
    assert REPORT.replace("<", "&lt;").replace(">", "&gt;") in page
    assert "<script>alert" not in page


def test_of_several_vertebrae_one_is_entered_at_a_time(app, ehr):
    """Each has its own link."""
    page = app.enter(ehr, "syn-07")
    tag = re.search(r"tag=(\w+)", page.text)[1]
    link = f"/smart/measurements?tag={tag}&amp;vertebra=1"
    assert f'href="{link}"' in page.text
    other = app.browser.get(html.unescape(link))
    assert f'href="{link}" aria-current="page"' in other.text
    address = f"/smart/measurements?tag={tag}&vertebra=77"
    assert app.browser.get(address).status_code == 200


def test_a_vertebra_that_is_no_longer_there_gets_no_value(app, ehr, record, bare):
    """It is named by what it is: another one, or none, is refused and nothing saved."""
    other = app.enter(ehr, "syn-05")
    mark = other.text.partition('data-vertebra="')[2].partition('"')[0]
    page = app.enter(ehr, bare)
    for meant in (mark, "0", "77", None):
        body = {"vertebra": meant, "answers": {**VALUES, **films(page)}}
        answer = app.post("measurements/save", body, page)
        assert (answer.status_code, answer.json["refused"]) == (409, "changed")
    assert record.entered(bare) == []


def test_a_level_that_others_entered_meanwhile_refuses_all(app, ehr, record, bare):
    """The films of L1 say nothing about T12."""
    page = app.enter(ehr, bare)
    save(app, page, **{"fracture-segment": "T12"})
    answer = save(app, page)
    assert (answer.status_code, answer.json["refused"]) == (409, "changed")
    assert len(record.entered(bare)) == 4


def test_what_others_entered_meanwhile_is_shown_beside_what_is_not_saved(
    app, ehr, bare
):
    """The record has another value: nobody is told that it has this one."""
    page = app.enter(ehr, bare)
    save(app, page)
    answer = save(app, page, **{"cobb-postoperative": 12})
    assert answer.json["saved"] == []
    angle = next(e for e in answer.json["left_out"] if "12° kyphosis" in e["label"])
    assert angle["record"].startswith("9.5° kyphosis, recorded as 9.5 °")


def test_a_film_alone_is_nothing_to_save(app, ehr, bare):
    """And nothing is said to be there already."""
    page = app.enter(ehr, bare)
    none = dict.fromkeys(VALUES)
    answer = save(app, page, **none)
    assert answer.status_code == 200, answer.text
    told = answer.json
    assert [told[k] for k in ("saved", "already", "failed", "left_out")] == [[]] * 4


def test_who_is_outside_the_study_is_told_so(app, ehr):
    """A spinal metastasis: no form, and no word of "no risk"."""
    page = app.enter(ehr, "syn-09").text
    assert "excluded condition" in page
    assert 'id="form"' not in page


@pytest.mark.parametrize(
    ("answers", "named"),
    [
        ({"cobb-postoperative": 95}, "answers.cobb-postoperative: must be a number"),
        ({"cobb-postoperative": -3}, "answers.cobb-postoperative: must be a number"),
        ({"film-preoperative": "2020-01-01"}, "answers.film-preoperative: must be"),
        ({"film-postoperative": "2099-01-01"}, "answers.film-postoperative: must be"),
        ({"film-postoperative": None}, "answers.film-postoperative: must be answered"),
        ({"vertebra-area": None}, "answers.vertebra-area: must be answered"),
        ({"vertebra-area": 0}, "answers.vertebra-area: must be more than 0"),
        ({"cement-ratio-ap": 20}, "answers.cement-ratio-ap: comes from the areas"),
        ({"x": 1}, "answers: may have"),
    ],
    ids=str,
)
def test_what_is_impossible_is_refused_by_the_service_too(
    app, ehr, record, bare, answers, named
):
    """Named, without its value; nothing is saved."""
    answer = save(app, app.enter(ehr, bare), **answers)
    assert answer.status_code == 400
    assert named in answer.json["issue"][0]["details"]["text"]
    assert record.entered(bare) == []


def test_values_are_assessed_while_they_are_entered(app, ehr):
    """By the calculator of the nomogram: both ratios are the service's."""
    page = app.enter(ehr, "syn-05")
    known = {"segment": "lumbar", "method": "pvp"}
    answers = {k: v for k, v in VALUES.items() if k != "fracture-segment"}
    answer = app.post("measurements/assess", {"answers": answers, "known": known}, page)
    assert answer.json["words"]["number"] == "about 47 of 100"
    assert answer.json["computed"] == {
        "cement-ratio-ap": 32.8,
        "cobb-restoration-ratio": 40.625,
    }


def visit(app, ehr, patient="syn-24", **answers):
    """Save a follow-up visit of today."""
    page = app.enter(ehr, patient, appContext="follow-up")
    today = app.now().date().isoformat()
    said = {"visit-date": today, "scn-examined": True, **answers}
    return app.post("follow-up/save", {"answers": said}, page)


def test_not_examined_is_never_a_no(app, ehr, record):
    """One Observation says so, no finding is written, the chart goes on reminding."""
    before = opened_after_entry(app, ehr)
    answer = visit(app, ehr, **{"scn-examined": False, "scn-tender-point": "absent"})
    assert answer.json["saved"] == ["Not examined"]
    (written,) = record.entered("syn-24")
    assert written["valueBoolean"] is False
    assert opened(app, ehr, "syn-24")[0]["summary"] == before


def opened_after_entry(app, ehr):
    """The summary of the chart's card before anything is recorded."""
    app.enter(ehr, "syn-24", appContext="follow-up")
    return opened(app, ehr, "syn-24")[0]["summary"]


def test_a_visit_that_meets_the_criteria_gives_the_chart_its_card(app, ehr, record):
    """Pain, tender point, relief of more than 75 % within two hours, one side."""
    yesterday = (app.now() - timedelta(days=1)).date().isoformat()
    answer = visit(
        app,
        ehr,
        **{
            "visit-date": yesterday,
            "scn-persistent-pain": "present",
            "scn-tender-point": "present",
            "tender-point-side": "left",
            "scn-tinel-sign": "present",
            "tinel-sign-side": "left",
            "scn-diagnostic-block": True,
            "block-time": f"{yesterday}T10:00",
            "block-side": "left",
            "scn-block-relief": 80,
            "relief-time": f"{yesterday}T11:00",
        },
    )
    assert answer.json["failed"] == []
    assert len(answer.json["saved"]) == 6
    (block,) = record.entered("syn-24", "Procedure")
    relief = [o for o in record.entered("syn-24") if "block-relief" in str(o["code"])]
    assert relief[0]["partOf"] == [{"reference": f"Procedure/{block['id']}"}]
    (shown,) = opened(app, ehr, "syn-24")
    assert "criteria" in shown["summary"]


def test_without_a_decision_the_outcome_is_not_kept_and_that_is_said(app, ehr):
    """The findings are saved all the same."""
    answer = visit(app, ehr, outcome="no", criteria="clinical")
    assert "no assessment of this patient is stored here" in answer.json["outcome"]


def test_the_outcome_goes_to_the_decision_of_the_discharge(app, ehr, bare):
    """Examined, with day and criteria; the same again is kept once."""
    page = app.enter(ehr, bare)
    save(app, page)
    card(app, ehr, bare)
    store = app.app.extensions["scnen_cds"].store
    wait_for_decision(store)
    said = {"outcome": "yes", "criteria": "study"}
    assert visit(app, ehr, bare, **said).json["outcome"] == "Outcome kept: yes."
    assert visit(app, ehr, bare, **said).json["outcome"] == "Outcome: kept before."


def test_without_an_operation_there_is_nothing_to_follow_up(app, ehr):
    """The page says so, and what is sent all the same is not saved."""
    answer = visit(app, ehr, "nobody")
    assert (answer.status_code, answer.json["refused"]) == (409, "no-operation")
    assert ehr.writes == []


def wait_for_decision(store):
    """The carrier brings decisions into the database, once it is woken."""
    end = time.monotonic() + 20
    while store.health()["waiting_bytes"] and time.monotonic() < end:
        store.keep_feedback("generic", "scnen-discharge", [])
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("answers", "named"),
    [
        ({"scn-tender-point": "present"}, "tender-point-side: must be answered"),
        ({"scn-diagnostic-block": True}, "block-time: must be answered"),
        ({"outcome": "yes"}, "criteria: must be answered"),
        ({"visit-date": "2099-01-01"}, "visit-date: must be"),
        ({"scn-examined": None}, "scn-examined: must be answered"),
    ],
    ids=str,
)
def test_half_an_answer_of_a_visit_is_refused(app, ehr, answers, named):
    """What was found needs its side; what was given needs its time."""
    answer = visit(app, ehr, **answers)
    assert answer.status_code == 400
    assert named in answer.json["issue"][0]["details"]["text"]


def test_relief_before_the_block_is_refused(app, ehr):
    """And relief without a time, since two hours are what is asked for."""
    yesterday = (app.now() - timedelta(days=1)).date().isoformat()
    block = {
        "scn-diagnostic-block": True,
        "block-side": "left",
        "block-time": f"{yesterday}T10:00",
        "scn-block-relief": 80,
    }
    early = {**block, "relief-time": f"{yesterday}T09:00"}
    for answers in (block, early):
        assert "relief-time" in visit(app, ehr, **answers).text
