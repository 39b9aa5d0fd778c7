"""Builders for the tests of assessment and cards: findings, assessments, composers."""

from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace

import pytest

from service.assessment import OutputMode
from service.assessor import Assessor
from service.cards import CardComposer
from service.fhir.findings import (
    Coding,
    Extraction,
    Measurement,
    Missing,
    OperatedVertebra,
    Operation,
    PatientRecord,
    Reason,
)
from service.fhir.terminology import load_terminology
from service.followup import ChartReader
from service.model.artifact import load_bundled
from service.orders import Subject
from service.policy import default_policy

BASE = "http://scnen-cds.example.org/fhir"
LIU = "liu-nomogram"
OPERATED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def _measured(value, unit=None, source="Observation/o1", as_found=None):
    return Measurement(
        value=value,
        unit=unit,
        as_found=as_found or f"{value} {unit or ''}".strip(),
        code=Coding(f"{BASE}/CodeSystem/predictors", "made-up"),
        source=source,
        time=datetime(2026, 3, 3, 8, 0, tzinfo=UTC),
        status="final",
    )


def _vertebra(**changes):
    fields = {
        "level": "L2",
        "segment": _measured("lumbar", source="Procedure/p1"),
        "method": _measured("pvp", source="Procedure/p1"),
        "cement_ratio_percent": _measured(41.0, "%", "Observation/cement"),
        "cobb_preoperative_deg": _measured(15.0, "deg", "Observation/before"),
        "cobb_postoperative_deg": _measured(10.5, "deg", "Observation/after"),
        "cobb_restoration_ratio_percent": _measured(30.0, "%", "Observation/after"),
        "operation": Operation(OPERATED, OPERATED, OPERATED.date(), ("Procedure/p1",)),
    }
    return OperatedVertebra(**(fields | changes))


def _disagreeing():
    """A vertebra that the study's two equations put into different bands."""
    return _vertebra(
        method=_measured("pkp"),
        cement_ratio_percent=_measured(46.0, "%"),
        cobb_preoperative_deg=_measured(24.0, "deg"),
        cobb_postoperative_deg=_measured(16.0, "deg"),
        cobb_restoration_ratio_percent=_measured(100 / 3, "%"),
    )


def _missing(reason=Reason.NOT_RECORDED, detail="", candidates=()):
    return Missing(reason, detail, candidates)


OTHER = {"liu-nomogram": "liu-table2", "liu-table2": "liu-nomogram"}


@cache
def _assessor(mode, policy, model):
    return Assessor(
        model=load_bundled(model),
        second_model=load_bundled(OTHER[model]),
        policy=policy,
        terminology=load_terminology(),
        mode=mode,
    )


def _assessed(
    *vertebrae,
    mode=OutputMode.ANCHORED,
    policy=None,
    model="liu-nomogram",
    as_of=OPERATED,
    **extraction,
):
    assessor = _assessor(mode, policy or default_policy(), model)
    return assessor.judge(Extraction(tuple(vertebrae), as_of=as_of, **extraction))


@cache
def _composer(
    *,
    policy=None,
    mode=OutputMode.ANCHORED,
    model="liu-nomogram",
    secret_key=b"k" * 32,
):
    return CardComposer(
        model=load_bundled(model),
        mode=mode,
        policy=policy or default_policy(),
        public_url="https://cds.example.org/scnen",
        canonical_base=BASE,
        secret_key=secret_key,
    )


@pytest.fixture(scope="session")
def build():
    """Give functions that make findings, assessments and composers."""
    return SimpleNamespace(
        measured=_measured,
        vertebra=_vertebra,
        missing=_missing,
        disagreeing=_disagreeing,
        assessed=_assessed,
        composer=_composer,
        subject=Subject("p1", "e1"),
    )


class Chart:
    """The record of one patient, operated on at L2 on 2 March 2026, day by day."""

    operated = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    own = f"{BASE}/CodeSystem/predictors"

    def __init__(self):
        self.patient = {
            "resourceType": "Patient",
            "id": "p1",
            "birthDate": "1950-01-01",
        }
        self.procedures = [self.procedure("pvp", id="op", bodySite=[self._code("L2")])]
        self.observations = []
        self.conditions = []
        self.illegible = {}
        # Lumbar vertebroplasty with a cement ratio of 41 %: a high risk.
        self.sign("cement-ratio-ap", 41, self.operated, id="cement")
        self.sign("cobb-restoration-ratio", 30, self.operated + timedelta(1), id="crr")

    def _code(self, code):
        return {"coding": [{"system": self.own, "code": code}]}

    def _resource(self, kind, code, more):
        subject = {"reference": "Patient/p1"}
        base = {"resourceType": kind, "subject": subject, "code": self._code(code)}
        return {k: v for k, v in {"id": code, **base, **more}.items() if v is not None}

    def procedure(self, code, when=None, **more):
        at = (when or self.operated).isoformat()
        fields = {"status": "completed", "performedDateTime": at, **more}
        return self._resource("Procedure", code, fields)

    def sign(self, code, value, when, **more):
        """Record a finding: there, not there, or a percentage."""
        percent = {"value": value, "unit": "%"}
        name = "valueBoolean" if isinstance(value, bool) else "valueQuantity"
        said = {name: value if isinstance(value, bool) else percent}
        time = when.isoformat()
        fields = {"status": "final", "effectiveDateTime": time, **said, **more}
        new = self._resource("Observation", code, fields)
        others = [item for item in self.observations if item["id"] != new["id"]]
        self.observations = [*others, new]
        return self

    def done(self, code, when, **more):
        """Record a Procedure."""
        self.procedures.append(self.procedure(code, when, **more))
        return self

    def diagnosed(self, status, **more):
        """Record SCNEN with a verification status."""
        system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
        verified = {"coding": [{"system": system, "code": status}]}
        code = "superior-cluneal-nerve-entrapment"
        fields = {"verificationStatus": verified, **more}
        self.conditions.append(self._resource("Condition", code, fields))
        return self

    def day(self, number, hour=10):
        """The time so many days after the operation."""
        return self.operated.replace(hour=hour, minute=0) + timedelta(days=number)

    def meets_criteria(self, day=40):
        """Record pain, tender point, block, and 90 % of relief within the hour."""
        self.sign("scn-persistent-pain", value=True, when=self.day(day, 8), id="pain")
        self.sign("scn-tender-point", value=True, when=self.day(day, 9), id="tender")
        self.done("scn-diagnostic-block", self.day(day, 10), id="block")
        return self.sign("scn-block-relief", 90, self.day(day, 11), id="relief")

    def record(self):
        return PatientRecord(
            patient=self.patient,
            encounter=None,
            procedures=self.procedures,
            observations=self.observations,
            conditions=self.conditions,
            illegible=self.illegible,
        )

    def read(self, day, *, policy=None, mode=OutputMode.ANCHORED, hour=12):
        """Read the chart so many days after the operation."""
        reader = ChartReader(_assessor(mode, policy or default_policy(), LIU))
        return reader.read(self.record(), patient_id="p1", now=self.day(day, hour))


@pytest.fixture
def chart():
    """Give the record of a patient at high risk, with nothing of the follow-up."""
    return Chart()


@pytest.fixture(scope="session")
def make_chart():
    """Give a function that makes such records."""
    return Chart
