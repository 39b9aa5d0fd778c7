"""The RiskAssessment: governance G1 to G3, in percent and never more than the card."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime

import fhirkit
import pytest
from fhir.resources.R4B.riskassessment import RiskAssessment
from fhir.resources.riskassessment import RiskAssessment as RiskAssessmentR5

from cds_hooks import Capabilities
from service.assessment import OutputMode
from service.assessor import Assessor
from service.cards import CardComposer
from service.fhir.findings import Extraction, Flag, Operation
from service.fhir.terminology import load_terminology
from service.model.artifact import load_bundled
from service.model.calibration import Calibration
from service.orders import Subject
from service.policy import Approval, default_policy

BASE = "http://scnen-cds.example.org/fhir"
OPERATED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
RISK = Capabilities(action_resources=("RiskAssessment",))
APPROVED = replace(
    default_policy(), approval=Approval(("A. <a@b.example>",), date(2026, 5, 1))
)
CALIBRATION = Calibration(
    method="intercept estimated again",
    n=412,
    events=57,
    first_operation=date(2025, 1, 7),
    last_operation=date(2026, 1, 30),
    interval=(1.7, 2.4),
    approved_by=("A. Surgeon",),
    approved_on=date(2026, 2, 1),
    valid_until=date(2026, 12, 1),
    data_digest="sha256:00",
    code_version="0.1.0",
)


@pytest.fixture
def risk_of(build):
    """The RiskAssessment that a card offers; None if it offers none."""

    def risk_of(*vertebrae, mode=OutputMode.ANCHORED, policy=None, **extraction):
        subject = extraction.pop("subject", build.subject)
        version = extraction.pop("version", "R4")
        assessment = build.assessed(*vertebrae, mode=mode, policy=policy, **extraction)
        composer = build.composer(mode=mode, policy=policy)
        return only(composer.compose(assessment, subject, RISK, version))

    return risk_of


@pytest.fixture
def calibrated(build):
    """The same of a model that was recalibrated on local patients."""

    def calibrated(*vertebrae, policy=None, as_of=OPERATED):
        policy = policy or default_policy()
        model = replace(
            load_bundled("liu-nomogram"),
            id="somewhere-2027",
            mode="calibrated",
            variants=(),
            calibration=CALIBRATION,
        )
        mode = OutputMode.CALIBRATED
        assessor = Assessor(
            model=model,
            second_model=None,
            policy=policy,
            terminology=load_terminology(),
            mode=mode,
        )
        composer = CardComposer(
            model=model,
            mode=mode,
            policy=policy,
            public_url="https://cds.example.org/scnen",
            canonical_base=BASE,
            secret_key=b"k" * 32,
        )
        assessment = assessor.judge(Extraction(tuple(vertebrae), as_of=as_of))
        return only(composer.compose(assessment, build.subject, RISK))

    return calibrated


def only(cards):
    """The resource of the one suggestion of the one card."""
    (card,) = cards
    found = [a.resource for s in card.suggestions for a in s.actions]
    assert len(found) <= 1
    return found[0] if found else None


def test_it_is_valid_in_r4_and_r5(build, risk_of):
    """By three implementations; Medplum and npm fhir see it in tests/sandbox."""
    resource = risk_of(build.vertebra(fractures=("Condition/f1",)))
    RiskAssessment.model_validate(resource)
    fhirkit.parse(json.dumps(resource))
    assert fhirkit.validate(dict(resource)) == []
    r5 = risk_of(build.vertebra(fractures=("Condition/f1",)), version="R5")
    RiskAssessmentR5.model_validate(r5)


def test_g1_it_says_who_judged_whom_when_and_how(build, risk_of):
    """Status, method, code, subject, encounter, time, condition, performer."""
    resource = risk_of(build.vertebra(fractures=("Condition/f1",)))
    assert resource["status"] == "preliminary"
    version = load_bundled("liu-nomogram").version
    assert resource["method"]["text"] == f"{BASE}/Library/liu-nomogram|{version}"
    assert "vertebral fracture" in resource["code"]["text"]
    assert resource["subject"] == {"reference": "Patient/p1"}
    assert resource["encounter"] == {"reference": "Encounter/e1"}
    assert resource["occurrenceDateTime"] == "2026-03-02T09:30:00+00:00"
    assert resource["condition"] == {"reference": "Condition/f1"}
    assert resource["performer"]["type"] == "Device"
    assert "liu-nomogram" in resource["performer"]["display"]


def test_g1_basis_names_every_resource_that_was_used_once(build, risk_of):
    """Observations, Procedures and the fracture, as references that can be followed."""
    both = build.measured(30.0, "%", "Observation/before, Observation/after")
    resource = risk_of(
        build.vertebra(
            cobb_restoration_ratio_percent=both,
            segment=build.measured("lumbar", source="Condition (no id)"),
            fractures=("Condition/f1", "Condition/f2"),
        )
    )
    assert sorted(each["reference"] for each in resource["basis"]) == [
        "Condition/f1",
        "Condition/f2",
        "Observation/after",
        "Observation/before",
        "Observation/cement",
        "Procedure/p1",
    ]
    assert "condition" not in resource  # two: which one would be a guess


def test_g2_anchored_gives_a_range_in_percent_as_wide_as_the_card_s(build, risk_of):
    """Interval, other readings and reading error, rounded outwards; no point."""
    item = build.vertebra()
    (prediction,) = risk_of(item)["prediction"]
    assert "probabilityDecimal" not in prediction
    ends = prediction["probabilityRange"]
    percent = {"unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    assert ends == {"low": {"value": 27, **percent}, "high": {"value": 73, **percent}}
    score = build.assessed(item).vertebrae[0].score
    for low, high in (score.interval, score.other_readings, score.reading_error):
        assert 27 <= 100 * low <= 100 * high <= 73


def test_g2_an_anchored_range_without_angles_has_no_reading_error(build, risk_of):
    """The ratio may be recorded by itself."""
    item = build.vertebra(
        cobb_preoperative_deg=build.missing(), cobb_postoperative_deg=build.missing()
    )
    (prediction,) = risk_of(item)["prediction"]
    ends = prediction["probabilityRange"]
    assert (ends["low"]["value"], ends["high"]["value"]) == (31, 60)


def test_g2_calibrated_gives_one_number_in_percent_and_is_final(build, calibrated):
    """The number of the card, at most 100."""
    resource = calibrated(build.vertebra())
    RiskAssessment.model_validate(resource)
    (prediction,) = resource["prediction"]
    assert resource["status"] == "final"
    assert prediction["probabilityDecimal"] == 45
    assert "probabilityRange" not in prediction
    assert "somewhere-2027" in resource["method"]["text"]
    for part in ("In percent", "calibrated", "57 of 412", "2026-12-01", "interval"):
        assert part in prediction["rationale"]


def test_g2_after_the_last_day_of_a_calibration_nothing_is_recorded(build, calibrated):
    """The card falls back to a score."""
    late = datetime(2026, 12, 2, 8, tzinfo=UTC)
    assert calibrated(build.vertebra(), as_of=late) is None


def test_g2_in_relative_mode_nothing_is_recorded(build, risk_of):
    """There is no probability, and an empty prediction would say less than nothing."""
    assert risk_of(build.vertebra(), mode=OutputMode.RELATIVE) is None


def test_where_no_number_is_given_none_is_recorded(build, risk_of):
    """A gap has bounds, but they are no estimate."""
    assert risk_of(build.vertebra(cement_ratio_percent=build.missing())) is None


def test_g2_the_rationale_says_percent_mode_and_origin(build, risk_of):
    """In words, since published examples differ on fractions."""
    (prediction,) = risk_of(build.vertebra())["prediction"]
    said = prediction["rationale"]
    for part in (
        "In percent",
        "45 of 100",
        "27 % to 73 %",
        "mode: anchored",
        "anchored to the study's own incidence (41 of 237 patients), not to local data",
        "Thresholds not approved locally",
    ):
        assert part in said
    assert "%%" not in said


def test_g3_no_relative_risk_is_written(build, risk_of):
    """An odds ratio is none."""
    assert "relativeRisk" not in json.dumps(dict(risk_of(build.vertebra())))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "High, by thresholds approved here"),
        ({"method": "pkp", "cement_ratio_percent": 48.5}, "Above average, by"),
    ],
    ids=["high", "above-average"],
)
def test_a_band_is_written_only_if_somebody_approved_it(build, risk_of, changes, words):
    """In words: HL7's codes of likelihood mean something else."""
    units = {"cement_ratio_percent": "%"}
    changes = {k: build.measured(v, units.get(k)) for k, v in changes.items()}
    if changes:
        changes["cobb_restoration_ratio_percent"] = build.measured(38.0, "%")
    item = build.vertebra(**changes)
    (approved,) = risk_of(item, policy=APPROVED)["prediction"]
    assert words in approved["qualitativeRisk"]["text"]
    assert "A. <a@b.example>" in approved["rationale"].replace("< ", "<")
    (unapproved,) = risk_of(item)["prediction"]
    assert "qualitativeRisk" not in unapproved


def test_the_period_runs_from_the_operation_to_the_horizon(build, risk_of):
    """Half a year; without a day of the operation there is no period."""
    (prediction,) = risk_of(build.vertebra())["prediction"]
    assert prediction["whenPeriod"] == {"start": "2026-03-02", "end": "2026-09-01"}
    undated = build.vertebra(operation=Operation(None, None, None, ("Procedure/p1",)))
    assert "whenPeriod" not in risk_of(undated)["prediction"][0]


def test_mitigation_starts_with_what_must_not_be_missed(build, risk_of):
    """Then the tender point; no dose, no order."""
    said = risk_of(build.vertebra())["mitigation"]
    assert said.index("infection") < said.index("tender point")
    assert not re.search(r"\d\s*(mL|mg)\b", said)


def test_notes_hold_the_limits_and_what_is_doubtful(build, risk_of):
    """Whoever reads the record later has no card beside it."""
    resource = risk_of(
        build.vertebra(
            flags=frozenset({Flag.SEVERAL_VERTEBRAE}),
            cement_ratio_percent=build.measured(9.0, "%", "Observation/cement"),
        ),
        unchecked=frozenset({"exclusions"}),
    )
    notes = [note["text"] for note in resource["note"]]
    assert notes[0].startswith("Limits: one retrospective study in one hospital")
    said = " ".join(notes[1:])
    for part in ("Several vertebrae", "outside the range studied", "not checked"):
        assert part in said
    assert "**" not in " ".join(notes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"cobb_preoperative_deg": 4.9}, "angle before the operation is under 5°"),
        ({"cobb_preoperative_deg": -4.9}, "angle before the operation is under 5°"),
        ({"cement_ratio_percent": 9.0}, "lies outside the range studied"),
    ],
    ids=["small-angle", "small-angle-lordotic", "extrapolated"],
)
def test_what_makes_the_range_wide_is_noted(build, risk_of, changes, why):
    """A range alone does not say whether reading again would narrow it."""
    units = {"cobb_preoperative_deg": "deg", "cement_ratio_percent": "%"}
    measured = {k: build.measured(v, units[k]) for k, v in changes.items()}
    resource = risk_of(build.vertebra(**measured))
    RiskAssessment.model_validate(resource)
    (said,) = (n["text"] for n in resource["note"] if why in n["text"])
    assert "range" in said
    assert "wide" in said
    for note in risk_of(build.vertebra())["note"]:
        assert "wide" not in note["text"]


def test_the_other_equation_is_noted_where_it_disagrees(build, risk_of):
    """As on the card."""
    notes = [note["text"] for note in risk_of(build.disagreeing())["note"]]
    assert any("five-term equation" in note for note in notes)


def test_it_bears_the_label_of_what_software_asserted(build, risk_of):
    """HL7's AI Transparency on FHIR, 1.0.0-ballot: AIAST on what is written."""
    assert risk_of(build.vertebra())["meta"]["security"] == [
        {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
            "code": "AIAST",
            "display": "Artificial Intelligence asserted",
        }
    ]


def test_without_an_encounter_nothing_refers_to_one(build, risk_of):
    """A chart may be opened outside any."""
    resource = risk_of(build.vertebra(), subject=Subject("p1", None))
    assert "encounter" not in resource
    RiskAssessment.model_validate(resource)


def test_without_any_id_there_is_no_basis(build, risk_of):
    """What is no reference is not written as one."""
    nameless = {
        name: build.measured(found.value, found.unit, "Observation (no id)")
        for name in (
            "segment",
            "method",
            "cement_ratio_percent",
            "cobb_preoperative_deg",
            "cobb_postoperative_deg",
            "cobb_restoration_ratio_percent",
        )
        if (found := getattr(build.vertebra(), name))
    }
    operation = Operation(OPERATED, OPERATED, OPERATED.date(), ("Procedure (no id)",))
    resource = risk_of(build.vertebra(**nameless, operation=operation))
    assert "basis" not in resource
    RiskAssessment.model_validate(resource)
