"""Exports written from resources, and how they are read."""

import copy
import gzip
import json
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from service.assessment import OutputMode
from service.assessor import Assessor
from service.cohort.export.cohort import Plan, read_export
from service.cohort.export.discharges import DischargeReader
from service.fhir.terminology import load_terminology
from service.model import load_bundled
from service.patients import bundled_patients
from service.policy import default_policy

PATIENTS = {p.name[:2]: p for p in bundled_patients()}


@pytest.fixture(scope="session")
def reader():
    """Reads patients as the service does with its own codes and policy."""
    assessor = Assessor(
        model=load_bundled("liu-nomogram"),
        second_model=None,
        policy=default_policy(),
        terminology=load_terminology(),
        mode=OutputMode.ANCHORED,
    )
    return DischargeReader(assessor, ZoneInfo("Europe/Berlin"))


@pytest.fixture
def resources():
    """The resources of a bundled patient, discharged when the hook fires."""

    def give(number, *, is_discharged=True):
        bundle = copy.deepcopy(PATIENTS[number].bundle)
        found = [entry["resource"] for entry in bundle["entry"]]
        for each in found:
            if is_discharged and each["resourceType"] == "Encounter":
                name = "period" if "period" in each else "actualPeriod"
                each[name].setdefault("end", bundle["timestamp"])
        return found

    return give


@pytest.fixture
def write(tmp_path):
    """Write an export folder: one file for each type, or all in one."""

    def write(resources, name="Export.ndjson", folder="export"):
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        lines = [
            each if isinstance(each, (str, bytes)) else json.dumps(each)
            for each in resources
        ]
        raw = [each.encode() if isinstance(each, str) else each for each in lines]
        content = b"\n".join(raw) + b"\n"
        if name.endswith(".gz"):
            content = gzip.compress(content)
        (place / name).write_bytes(content)
        return place

    return write


@pytest.fixture
def read(reader):
    """Read an export with ids kept: the cohort and the account."""

    def read(folder, outcomes=None, jobs=1, scheduler=None, **changes):
        plan = Plan(name_of=str, outcomes=outcomes, jobs=jobs, scheduler=scheduler)
        changes.setdefault("judges_outcome", outcomes is None)
        return read_export(folder, replace(reader, **changes), plan)

    return read
