"""Builders for the tests of assessment and cards: findings, assessments, composers."""

from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace

import pytest

from service.assessment import Assessor, OutputMode
from service.cards import CardComposer
from service.fhir.findings import (
    Coding,
    Extraction,
    Measurement,
    Missing,
    OperatedVertebra,
    Operation,
    Reason,
)
from service.fhir.terminology import load_terminology
from service.model.artifact import load_bundled
from service.orders import Subject
from service.policy import default_policy

BASE = "http://scnen-cds.example.org/fhir"
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
        assessed=_assessed,
        composer=_composer,
        subject=Subject("p1", "e1"),
    )
