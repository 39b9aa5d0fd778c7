"""Builders of small FHIR resources, and the extraction with everyday settings."""

import copy
import itertools
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from service.fhir.extract import extract
from service.fhir.findings import PatientRecord
from service.fhir.terminology import load_terminology
from service.policy import Eligibility, Windows

OWN = "http://scnen-cds.example.org/fhir/CodeSystem/predictors"
SNOMED = "http://snomed.info/sct"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD9 = "http://hl7.org/fhir/sid/icd-9-cm"
OPS = "http://fhir.de/CodeSystem/bfarm/ops"
UCUM = "http://unitsofmeasure.org"
LOCAL = "http://hospital.example.org/codes"

#: The levels as SNOMED CT body sites that tests use.
SITES = {
    "T8": "11068009",
    "T12": "23215003",
    "L1": "66794005",
    "L2": "14293000",
    "L3": "36470004",
    "L4": "11994002",
}

OPERATED = "2024-05-02T10:00:00+08:00"
BEFORE = "2024-05-01T09:00:00+08:00"
AFTER = "2024-05-03T09:00:00+08:00"
NOW = datetime(2024, 5, 6, 8, tzinfo=UTC)


def concept(*codings, **more):
    """A CodeableConcept of (system, code) pairs."""
    listed = [{"system": system, "code": code} for system, code in codings]
    return {"coding": listed, **more} if listed else dict(more)


def site(level):
    """A body site: a level by name, or a pair."""
    if isinstance(level, tuple):
        return concept(level)
    return concept((SNOMED, SITES[level]))


def quantity(value, unit="deg", **more):
    """A UCUM Quantity."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit, **more}


class Builders:
    """Small resources, each with an id of its own."""

    def __init__(self):
        self._numbers = itertools.count(1)

    def _resource(self, kind, more):
        base = {
            "resourceType": kind,
            "id": f"{kind[:2].lower()}{next(self._numbers)}",
            "subject": {"reference": "Patient/p1"},
            "encounter": {"reference": "Encounter/e1"},
        }
        return {k: v for k, v in {**base, **more}.items() if v is not None}

    def procedure(self, *codes, at=OPERATED, sites=(), **more):
        """A completed Procedure; bare codes are the project's own."""
        pairs = [c if isinstance(c, tuple) else (OWN, c) for c in codes]
        return self._resource(
            "Procedure",
            {
                "status": "completed",
                "code": concept(*pairs),
                "performedDateTime": at,
                "bodySite": [site(s) for s in sites] or None,
                **more,
            },
        )

    def pcs(self, *codes, **more):
        """A Procedure with ICD-10-PCS codes."""
        return self.procedure(*[(PCS, code) for code in codes], **more)

    def observation(self, code, value=None, at=AFTER, level=None, **more):
        """A final Observation; a bare code is the project's own."""
        pair = code if isinstance(code, tuple) else (OWN, code)
        return self._resource(
            "Observation",
            {
                "status": "final",
                "code": concept(pair),
                "effectiveDateTime": at,
                "valueQuantity": value,
                "bodySite": site(level) if level else None,
                **more,
            },
        )

    def pre(self, value=20, at=BEFORE, **more):
        """The angle coded as preoperative."""
        value = value if isinstance(value, dict) else quantity(value)
        return self.observation("cobb-preoperative", value, at, **more)

    def post(self, value=5, at=AFTER, **more):
        """The angle coded as postoperative."""
        value = value if isinstance(value, dict) else quantity(value)
        return self.observation("cobb-postoperative", value, at, **more)

    def angle(self, value, at, **more):
        """The angle without a statement whether before or after."""
        return self.observation("cobb-angle", quantity(value), at, **more)

    def cement(self, value=52, at=AFTER, **more):
        """The cement ratio."""
        value = value if isinstance(value, dict) else quantity(value, "%")
        return self.observation("cement-ratio-ap", value, at, **more)

    def ratio(self, value, at=AFTER, **more):
        """The recorded restoration ratio."""
        return self.observation(
            "cobb-restoration-ratio", quantity(value, "%"), at, **more
        )

    def fracture_segment(self, level, at=BEFORE, **more):
        """An Observation that names the fractured vertebra."""
        value = site(level) if level else None
        return self.observation(
            "fracture-segment", None, at, **{"valueCodeableConcept": value, **more}
        )

    def condition(self, *codes, **more):
        """An active Condition of the stay; bare codes are ICD-10-CM."""
        pairs = [c if isinstance(c, tuple) else (ICD10CM, c) for c in codes]
        active = "http://terminology.hl7.org/CodeSystem/condition-clinical"
        return self._resource(
            "Condition",
            {
                "clinicalStatus": concept((active, "active")),
                "code": concept(*pairs),
                **more,
            },
        )

    def encounter(self, **more):
        """The Encounter of the call."""
        return {
            "resourceType": "Encounter",
            "id": "e1",
            "status": "in-progress",
            "class": {"code": "IMP"},
            "subject": {"reference": "Patient/p1"},
            "period": {"start": "2024-04-30T08:00:00+08:00"},
            **more,
        }

    def patient(self, born="1950-03-04", **more):
        """The Patient."""
        return {"resourceType": "Patient", "id": "p1", "birthDate": born, **more}


@pytest.fixture
def fhir():
    """Builders of resources."""
    return Builders()


@pytest.fixture(scope="session")
def terminology():
    """The bundled terminology."""
    return load_terminology()


WINDOWS = Windows(lookback_days=30, preoperative_max_age_days=30, postoperative_days=14)
ELIGIBILITY = Eligibility(minimum_age_years=18, in_progress_counts=False)


@pytest.fixture
def run(terminology, fhir):
    """Extract from resources of any type; keywords replace the everyday settings."""

    def run_extract(*resources, **settings):
        by_kind = {"Procedure": [], "Observation": [], "Condition": []}
        for resource in resources:
            by_kind[resource["resourceType"]].append(resource)
        record = PatientRecord(
            patient=settings.pop("patient", fhir.patient()),
            encounter=settings.pop("encounter", fhir.encounter()),
            procedures=settings.pop("procedures", by_kind["Procedure"]),
            observations=settings.pop("observations", by_kind["Observation"]),
            conditions=settings.pop("conditions", by_kind["Condition"]),
            fhir_base=settings.pop("fhir_base", None),
        )
        return extract(
            record,
            **{
                "patient_id": "p1",
                "encounter_id": "e1",
                "now": NOW,
                "windows": WINDOWS,
                "eligibility": ELIGIBILITY,
                "terminology": terminology,
                **settings,
            },
        )

    return run_extract


@pytest.fixture
def one(run):
    """Extract, and return the only vertebra."""

    def run_one(*resources, **settings):
        (vertebra,) = run(*resources, **settings).vertebrae
        return vertebra

    return run_one


@pytest.fixture
def typical(fhir):
    """One kyphoplasty of L1 with all it takes, as a list that tests may change."""
    return [
        fhir.pcs("0QU03JZ", "0QS03ZZ", sites=["L1"]),
        fhir.pre(20),
        fhir.post(5),
        fhir.cement(52),
        fhir.condition("S32.010A"),
    ]


@pytest.fixture
def values():
    """The values of a vertebra, or the reasons of what is missing, by short name."""

    def by_name(vertebra):
        fields = {
            "segment": vertebra.segment,
            "method": vertebra.method,
            "cement": vertebra.cement_ratio_percent,
            "pre": vertebra.cobb_preoperative_deg,
            "post": vertebra.cobb_postoperative_deg,
            "crr": vertebra.cobb_restoration_ratio_percent,
        }
        found = {
            name: getattr(item, "value", None)
            if hasattr(item, "value")
            else item.reason.value
            for name, item in fields.items()
        }
        return SimpleNamespace(level=vertebra.level, **found)

    return by_name


@pytest.fixture
def codes():
    """Addresses and times that tests share."""
    return SimpleNamespace(
        OWN=OWN,
        SNOMED=SNOMED,
        PCS=PCS,
        ICD10CM=ICD10CM,
        ICD9=ICD9,
        OPS=OPS,
        UCUM=UCUM,
        LOCAL=LOCAL,
        OPERATED=OPERATED,
        BEFORE=BEFORE,
        AFTER=AFTER,
        NOW=NOW,
        quantity=quantity,
        concept=concept,
        copy=copy.deepcopy,
    )


@pytest.fixture
def grows_like_its_input():
    """Whether ten times the input takes about ten times the processor's time."""

    def spent(work, entries):
        begin = time.process_time()
        work(entries)
        return time.process_time() - begin

    def grows_like_its_input(work, many):
        # Both are timed in turn, and the best of each counts: the machine is shared. A
        # square would be a factor of a hundred.
        tenth = many[: len(many) // 10]
        rounds = [(spent(work, tenth), spent(work, many)) for _ in range(3)]
        return min(all_ for _, all_ in rounds) < 30 * min(few for few, _ in rounds)

    return grows_like_its_input
