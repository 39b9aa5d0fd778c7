"""Which levels may be entered: those with which the record goes on giving a number."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from cds_hooks import Client
from service.app import create_app
from service.config import VARIABLES, Settings
from service.fhir.findings import PatientRecord
from service.smart.charts import Charts
from service.smart.entries import level_entries
from service.smart.launches import _OPEN_APP, EHR
from service.smart.questionnaires import load_form
from service.smart.resources import Author

from .conftest import PROJECT

BASE = "https://ehr.example.org/fhir"
NOW = datetime(2026, 3, 6, 10, tzinfo=UTC)
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SESSION = SimpleNamespace(patient="p1", encounter=None, server=BASE, user=None)
HOSPITAL = EHR(Client("north"), _OPEN_APP, BASE)
OWN = {"subject": {"reference": "Patient/p1"}}


@pytest.fixture
def charts(monkeypatch):
    """The reader of charts, with the assessors of the service."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    app = create_app(Settings.from_env(is_open=True))
    assessors = app.extensions["scnen_cds"].advice.assessors
    yield Charts(None, assessors, None, lambda: NOW)
    app.extensions["scnen_cds"].access.close()
    app.extensions["scnen_smart"].close()
    app.extensions["scnen_cds"].store.close()


def coded(system, code):
    return {"coding": [{"system": system, "code": code}]}


def vertebroplasty(**more):
    return {
        "resourceType": "Procedure",
        "id": "operation",
        "status": "completed",
        "code": coded(PROJECT, "pvp"),
        "performedDateTime": "2026-03-02",
        **OWN,
        **more,
    }


def fracture(code, name="fracture"):
    active = coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "active")
    return {
        "resourceType": "Condition",
        "id": name,
        "code": coded(ICD, code),
        "clinicalStatus": active,
        "recordedDate": "2026-03-01",
        **OWN,
    }


def possible(charts, procedures, conditions):
    """The levels that are offered for the vertebra whose level nobody recorded."""
    record = PatientRecord(None, None, procedures, [], conditions)
    assessment, is_late = charts._assess(HOSPITAL, SESSION, record, NOW)
    chart = SimpleNamespace(
        record=record,
        assessment=assessment,
        vertebrae=assessment.extraction.vertebrae,
        now=NOW,
    )
    assert not is_late
    (nameless,) = [each for each in chart.vertebrae if each.level is None]
    author = Author(
        BASE, "p1", None, "", NOW, PROJECT.partition("/CodeSystem")[0], b"k"
    )
    written = level_entries(
        SimpleNamespace(form=load_form("measurements")), nameless, author
    )
    return charts.levels(HOSPITAL, SESSION, chart, written)


def test_a_code_of_two_levels_leaves_these_two(charts):
    """S22.08 is T11 or T12: T5 has the same segment, and would block the card."""
    found = possible(charts, [vertebroplasty()], [fracture("S22.080A")])
    assert found == ("T11", "T12")


def test_a_region_leaves_its_levels(charts):
    """The operation says lumbar."""
    procedure = vertebroplasty(bodySite=[coded(PROJECT, "lumbar")])
    assert possible(charts, [procedure], []) == ("L1", "L2", "L3", "L4", "L5")


def test_where_nothing_is_recorded_every_level_is_possible(charts):
    """T1 to L5."""
    assert len(possible(charts, [vertebroplasty()], [])) == 17
