"""Every bundled patient through the whole service: the answer its story names."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import orjson
import pytest
from click.testing import CliRunner

from service.app import create_app
from service.cli import main
from service.config import VARIABLES, Settings
from service.hook_requests import hook_request
from service.patients import bundled_patients
from service.rehearsal import settings_for

PATIENTS = {patient.name[:2]: patient for patient in bundled_patients()}
DISCHARGED = {n: patient for n, patient in PATIENTS.items() if patient.in_encounter}
#: how Epic fires at a discharge
EPIC = {
    "client": "epic",
    "hook": "patient-view",
    "extension": {"com.epic.cdshooks.request.bpa-trigger-action": "27"},
}
OPENED = {"com.epic.cdshooks.request.bpa-trigger-action": "60"}

#: what the card shows: indicator and words of its summary; None for no card
CARDS = {
    "01": ("warning", "about 45 of 100"),
    "02": ("info", "about 21 of 100"),
    "03": None,
    "04": ("warning", "about 49 of 100"),
    "05": ("info", "risk not given"),
    "06": ("info", "risk not given"),
    "07": ("warning", "about 34 of 100"),
    "08": ("info", "risk not given"),
    "09": ("info", "risk not given"),
    "10": ("info", "about 19 of 100"),
    "11": ("warning", "about 36 of 100"),
    "12": ("info", "about 23 of 100"),
    "13": None,
    "14": ("info", "risk not given"),
    "15": ("info", "risk not given"),
    "16": ("warning", "about 35 of 100"),
    "17": ("warning", "about 29 of 100"),
    "18": ("info", "risk not given"),
    "19": ("warning", "about 40 of 100"),
    "20": ("info", "about 24 of 100"),
    "21": ("warning", "about 27 of 100"),
    "22": ("info", "Consider superior cluneal nerve entrapment"),
    "23": ("info", "Next step: diagnostic superior cluneal nerve block"),
    "24": ("info", "review due"),
    "25": ("info", "review overdue"),
    "26": None,
    "27": None,
}
#: vertebra by vertebra: (level, method, lumbar, step of the method, cement %, CRR %)
SCORED = {
    "01": [("L2", "pvp", 1, 2, 41.0, 30.0)],
    "02": [("L1", "pkp", 1, 3, 48.5, 38.0)],
    "03": [("T12", "pkp", 0, 3, 58.0, 50.0)],
    "04": [("L1", "pedicle_screw", 1, 1, 45.0, 40.0)],
    "07": [("L2", "pkp", 1, 3, 38.0, 30.0), ("T12", "pkp", 0, 3, 60.0, 50.0)],
    "10": [("L1", "pvp", 1, 2, 22.0, 108.0)],
    "11": [("L4", "pkp", 1, 3, 39.0, 25.0)],
    "12": [("L1", "pkp", 1, 3, 44.0, 40.0)],
    "16": [("L3", "pvp", 1, 2, 44.0, 40.0)],
    "17": [("L5", "pkp", 1, 3, 43.0, 30.0)],
    "19": [("L3", "pvp", 1, 2, 43.0, 35.0)],
    "20": [("L2", "pkp", 1, 3, 46.0, 35.0)],
    "21": [("L1", "pkp", 1, 3, 39.0, 40.0)],
}
#: which predictor is missing, and why
MISSING = {
    "05": ("cement_ratio_percent", "not-recorded"),
    "06": ("cement_ratio_percent", "conflict"),
    "08": ("cement_ratio_percent", "not-applicable"),
    "15": ("cement_ratio_percent", "status-not-final"),
    "18": ("segment", "region-not-level"),
}
NOT_ASSESSED = {
    "09": "excluded-condition",
    "13": "no-eligible-operation",
    "14": "under-age",
}
FLAGS = {
    "04": "two-methods",
    "07": "several-vertebrae",
    "08": "method-inferred",
    "16": "crr-recorded-differs",
}


class Rehearsal:
    """The real application, its clock set to the moment each hook fires."""

    def __init__(self):
        self.now = datetime(2026, 3, 6, tzinfo=UTC)
        self._served = {}

    def served(self, patient):
        """The application as it knows the patient's EHR, and its services by hook."""
        settings = settings_for(patient)
        key = tuple(sorted(settings.items()))
        if key not in self._served:
            with pytest.MonkeyPatch.context() as patch:
                for name in VARIABLES:
                    patch.delenv(name, raising=False)
                for name, value in settings.items():
                    patch.setenv(name, value)
                app = create_app(
                    Settings.from_env(is_open=True), clock=lambda: self.now
                )
            client = app.test_client()
            found = client.get("/cds-services").get_json()["services"]
            self._served[key] = client, {each["hook"]: each for each in found}
        return self._served[key]

    def request(self, patient, bundle):
        """What the patient's EHR sends, and where to."""
        client, services = self.served(patient)
        service = services[patient.hook]
        body = hook_request(
            bundle,
            service,
            in_encounter=patient.in_encounter,
            extension=patient.extension,
        )
        return client, f"/cds-services/{service['id']}", body

    def fire(self, number, later=timedelta(0), **changes):
        """The response for one patient."""
        patient = replace(PATIENTS[number], **changes)
        self.now = datetime.fromisoformat(patient.bundle["timestamp"]) + later
        return self._send(patient, patient.bundle)

    def fire_at(self, number, moment):
        """The response for one patient whose dates were moved to a moment."""
        self.now = moment
        return self._send(PATIENTS[number], PATIENTS[number].bundle_at(moment))

    def _send(self, patient, bundle):
        client, path, body = self.request(patient, bundle)
        response = client.post(path, json=body)
        assert response.status_code == 200, response.text
        return response.get_json()


@pytest.fixture(scope="module")
def rehearsal():
    """One application for the stories of each EHR."""
    return Rehearsal()


@pytest.fixture
def score(rehearsal, tmp_path, monkeypatch):
    """What `scnen-cds score` prints for a patient."""

    def run(number, *options):
        patient = PATIENTS[number]
        _, _, body = rehearsal.request(patient, patient.bundle)
        for name, value in settings_for(patient).items():
            monkeypatch.setenv(name, value)
        file = tmp_path / "request.json"
        file.write_bytes(orjson.dumps(body))
        arguments = [*options, "--now", patient.bundle["timestamp"], str(file)]
        result = CliRunner().invoke(main, ["score", *arguments])
        assert result.exit_code == 0, result.output
        return orjson.loads(result.stdout)

    return run


@pytest.fixture
def explain(score):
    """What it prints with `--explain`."""
    return lambda number: score(number, "--explain")


def test_every_story_has_an_expectation():
    """A new patient without one fails here."""
    assert set(CARDS) == set(PATIENTS)
    assert set(SCORED) | set(MISSING) | set(NOT_ASSESSED) == set(DISCHARGED)


@pytest.mark.parametrize("number", CARDS)
def test_card_is_what_the_story_says(rehearsal, number):
    """One card with the indicator and the number of the story, or none."""
    cards = rehearsal.fire(number)["cards"]
    shown = [(card["indicator"], card["summary"]) for card in cards]
    if CARDS[number] is None:
        assert shown == []
    else:
        indicator, words = CARDS[number]
        ((found, summary),) = shown
        assert found == indicator
        assert words in summary


def periods(answer):
    """Take the periods out of the drafted orders of an answer."""
    return [
        action["resource"].pop("occurrencePeriod", None)
        for card in answer["cards"]
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
    ]


@pytest.mark.parametrize("number", ["01", "19", "20", "22", "24", "26"])
def test_command_answers_as_the_server_does(rehearsal, score, number):
    """By the service of the hook, knowing the client: version, trigger, suggestions."""
    answers = score(number), rehearsal.fire(number)
    said = [[(c["summary"], c["detail"]) for c in each["cards"]] for each in answers]
    assert said[0] == said[1]


@pytest.mark.parametrize("number", DISCHARGED)
def test_uuids_and_words_do_not_depend_on_the_day(rehearsal, number):
    """Whenever the hook fires it is the same card; only passed periods go."""
    today = rehearsal.fire(number)
    later = rehearsal.fire(number, later=timedelta(days=200))
    assert None not in periods(today)
    assert not any(periods(later))
    assert today == later


@pytest.mark.parametrize("number", CARDS)
def test_moved_patient_gets_the_same_answer_with_moved_periods(rehearsal, number):
    """The demo moves the dates: numbers and orders are those of the story."""
    moment = datetime(2027, 3, 1, 20, tzinfo=UTC)
    at_moment = PATIENTS[number].bundle_at(moment)
    fixed, moved = rehearsal.fire(number), rehearsal.fire_at(number, moment)
    assert [card["summary"] for card in moved["cards"]] == [
        card["summary"] for card in fixed["cards"]
    ]
    bundle = PATIENTS[number].bundle
    then, now = (b["timestamp"][:10] for b in (bundle, at_moment))
    days = date.fromisoformat(now) - date.fromisoformat(then)
    assert periods(moved) == [
        {end: str(date.fromisoformat(day) + days) for end, day in period.items()}
        for period in periods(fixed)
    ]


@pytest.mark.parametrize(
    "number", [n for n, p in DISCHARGED.items() if p.fhir_version == "R4"]
)
def test_epic_at_a_discharge_shows_the_same_numbers(rehearsal, number):
    """The chart service within an encounter, at trigger 27: what the discharge says."""
    said = [
        [card["summary"] for card in rehearsal.fire(number, **changes)["cards"]]
        for changes in ({"client": "generic", "hook": "encounter-discharge"}, EPIC)
    ]
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "changes",
    [{"extension": None}, {"extension": {**EPIC["extension"], **OPENED}}],
    ids=["no trigger", "chart opened"],
)
def test_epic_chart_opened_otherwise_is_no_discharge(rehearsal, changes):
    """Three days after the operation there is nothing to follow up yet."""
    assert rehearsal.fire("19", **changes)["cards"] == []


@pytest.mark.parametrize(
    ("number", "kind"), [("22", "Condition"), ("23", "ServiceRequest")]
)
def test_chart_offers_what_the_client_can_take(rehearsal, number, kind):
    """Epic takes both; the cautious preset takes orders only."""
    for client, taken in (("epic", True), ("generic", kind == "ServiceRequest")):
        (card,) = rehearsal.fire(number, client=client)["cards"]
        offered = [
            action["resource"]["resourceType"]
            for suggestion in card.get("suggestions", ())
            for action in suggestion["actions"]
        ]
        assert offered == ([kind] if taken else [])


@pytest.mark.parametrize("number", SCORED)
def test_risk_is_what_table_2_gives(explain, number):
    """Level, method and risk of each vertebra, worked out by hand from the paper."""
    found = explain(number)["assessments"]
    assert [(item["vertebra"], item["method"]) for item in found] == [
        (level, method) for level, method, *_ in SCORED[number]
    ]
    for item, (_, _, lumbar, step, cement, crr) in zip(
        found, SCORED[number], strict=True
    ):
        logit = 2.048 + 1.608 * lumbar - 0.599 * step - 0.045 * cement - 0.027 * crr
        assert item["linear_predictor"] == pytest.approx(logit, abs=0.001)
        assert item["risk"] == pytest.approx(1 / (1 + math.exp(-logit)), abs=0.001)


@pytest.mark.parametrize("number", MISSING)
def test_missing_value_has_its_reason_and_no_risk_is_given(explain, number):
    """Nothing is guessed: the reason stands where the value would."""
    name, reason = MISSING[number]
    (found,) = explain(number)["assessments"]
    assert found["predictors"][name]["missing"] == reason
    assert found["risk"] is None


@pytest.mark.parametrize(
    ("number", "low", "high"), [("05", 0.045, 0.49), ("15", 0.030, 0.39)]
)
def test_bounds_are_those_of_the_story(explain, number, low, high):
    """Lowest and highest risk over the studied cement ratios, by hand in the README."""
    (found,) = explain(number)["assessments"]
    assert found["bounds"] == pytest.approx([low, high], abs=0.006)


@pytest.mark.parametrize("number", NOT_ASSESSED)
def test_patient_who_may_not_be_assessed_is_not(explain, number):
    """No number, and the reason why."""
    found = explain(number)
    assert found["not_assessed"] == NOT_ASSESSED[number]
    assert all(item["risk"] is None for item in found["assessments"])


@pytest.mark.parametrize("number", FLAGS)
def test_flag_says_what_is_special(explain, number):
    """What a reader must know beside the number."""
    for item in explain(number)["assessments"]:
        assert FLAGS[number] in item["flags"]


def test_extrapolation_is_flagged(explain):
    """A restoration ratio of 108 % was not studied."""
    (found,) = explain("10")["assessments"]
    assert any("cobb_restoration_ratio_percent" in flag for flag in found["flags"])
