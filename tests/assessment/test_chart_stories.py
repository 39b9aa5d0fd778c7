"""The bundled patients whose charts are opened after the stay: card or silence."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from cds_hooks import Capabilities
from service.assessment import OutputMode
from service.assessor import Assessor
from service.fhir.findings import PatientRecord
from service.fhir.terminology import load_terminology
from service.followup import ChartReader, Quiet, Stage
from service.followup_cards import CHART_TOPICS, ChartComposer
from service.model.artifact import load_bundled
from service.orders import Subject
from service.patients import bundled_patients
from service.policy import default_policy

CHARTS = {p.name[:2]: p for p in bundled_patients() if not p.in_encounter}
STAGES = {
    "22": Stage.CRITERIA_MET,
    "23": Stage.NEXT_STEP,
    "24": Stage.REVIEW_DUE,
    "25": Stage.REVIEW_OVERDUE,
}
#: an operation that long ago is not even looked at
QUIET = {"26": Quiet.FOLLOW_UP_RECORDED, "27": Quiet.NOT_ELIGIBLE}
#: what a client that takes everything is offered
OFFERED = {"22": ["Condition"], "23": ["ServiceRequest"], "24": [], "25": []}


@pytest.fixture(scope="module")
def read():
    """What the chart of a patient calls for, at the moment of the story or another."""
    assessor = partial(
        Assessor,
        model=load_bundled("liu-nomogram"),
        second_model=None,
        terminology=load_terminology(),
        mode=OutputMode.ANCHORED,
    )

    def read(number, moment=None, without=(), policy=None):
        reader = ChartReader(assessor(policy=policy or default_policy()))
        patient = CHARTS[number]
        bundle = patient.bundle_at(moment) if moment else patient.bundle
        now = moment or datetime.fromisoformat(bundle["timestamp"])
        of = {}
        for entry in bundle["entry"]:
            resource = entry["resource"]
            if code_of(resource) not in without:
                of.setdefault(resource["resourceType"], []).append(resource)
        record = PatientRecord(
            patient=of["Patient"][0],
            encounter=None,
            procedures=of["Procedure"],
            observations=of["Observation"],
            conditions=of["Condition"],
        )
        return reader.read(record, patient_id=f"syn-{number}", now=now)

    return read


@pytest.fixture(scope="module")
def compose():
    """The cards for a view, for a client that takes all that is offered."""
    composer = ChartComposer(
        model=load_bundled("liu-nomogram"),
        policy=default_policy(),
        public_url="https://cds.example.org/scnen",
        canonical_base="http://scnen-cds.example.org/fhir",
        secret_key=b"k" * 32,
    )

    def compose(view, number):
        return composer.compose(
            view,
            Subject(f"syn-{number}", None),
            Capabilities(action_resources=("Condition", "ServiceRequest")),
        )

    return compose


def code_of(resource):
    """The code of a resource that has one of a single coding."""
    codings = resource.get("code", {}).get("coding", [{}])
    return codings[0].get("code")


def test_every_chart_has_an_expectation():
    """A new patient without one fails here."""
    assert STAGES.keys() | QUIET.keys() == CHARTS.keys()
    assert STAGES.keys() == OFFERED.keys()


@pytest.mark.parametrize("number", STAGES)
def test_chart_calls_for_what_the_story_says(read, compose, number):
    """One card on its topic, and nothing but what belongs to it is offered."""
    view = read(number)
    assert view.stage is STAGES[number]
    (card,) = compose(view, number)
    assert card.indicator == "info"
    assert card.source.topic.code == CHART_TOPICS[STAGES[number]]
    offered = [
        action.resource["resourceType"]
        for suggestion in card.suggestions
        for action in suggestion.actions
    ]
    assert offered == OFFERED[number]


@pytest.mark.parametrize("number", QUIET)
def test_chart_is_quiet_for_the_reason_of_the_story(read, compose, number):
    """There was an operation at high risk, and still there is nothing to say."""
    view = read(number)
    assert view.quiet is QUIET[number]
    assert compose(view, number) == ()


@pytest.mark.parametrize("number", STAGES)
@pytest.mark.parametrize("hour", [0, 8, 16, 23])
def test_moved_chart_calls_for_the_same_whatever_the_hour(read, number, hour):
    """The demo moves the dates: a call may come a day after the hook of the story."""
    assert read(number, datetime(2027, 11, 3, hour, tzinfo=UTC)).stage is STAGES[number]


def test_silence_after_the_review_is_due_to_the_review(read):
    """Without the record of it the same patient is reminded."""
    of_review = {"scn-persistent-pain", "scn-tender-point", "tender-point-assessment"}
    assert read("26", without=of_review).stage is Stage.REVIEW_DUE


def test_silence_after_six_months_is_due_to_the_time(read):
    """Under a policy with a longer horizon the block would be the next step."""
    policy = default_policy()
    longer = replace(policy, follow_up=replace(policy.follow_up, horizon_days=210))
    assert read("27", policy=longer).stage is Stage.NEXT_STEP


def test_band_is_what_decides_who_is_reminded_when(read):
    """The overdue one lies between the bands, so she was not reminded before."""
    (due,), (overdue,) = (read(number).assessment.vertebrae for number in ("24", "25"))
    assert (due.band.value, overdue.band.value) == ("high", "above_average")
