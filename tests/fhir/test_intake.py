"""Checks of single resources: what is refused, and what is remembered."""

import math

import pytest
from fhir.resources.R4B.observation import Observation
from hypothesis import given
from hypothesis import strategies as st

from service.fhir import resources
from service.fhir.findings import Reason
from service.fhir.resources import Intake

STATUS_FAULT = "status: not valid FHIR R4"
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63)
)


@pytest.fixture
def misses():
    """How many contents had to be loaded so far."""
    return lambda: resources._load.cache_info().misses


def test_another_value_is_not_another_content(fhir, misses):
    """Values differ from patient to patient; the rest is the same."""
    intake = Intake()
    assert intake.accepts(fhir.cement(41.25))
    before = misses()
    for number in range(600):
        assert intake.accepts(fhir.cement(number / 8))
    assert misses() == before


def test_another_value_of_a_component_is_not_either(fhir, codes, misses):
    """Panels hold their values one level deeper."""

    def panel(number):
        part = {
            "code": codes.concept((codes.OWN, "cement-ratio-ap")),
            "valueQuantity": codes.quantity(number, "%"),
        }
        return fhir.observation("predictor-panel", component=[part])

    intake = Intake()
    assert intake.accepts(panel(30))
    before = misses()
    assert all(intake.accepts(panel(n)) for n in range(30))
    assert misses() == before


def test_value_of_the_caller_is_left_alone(fhir):
    """The check works on a copy."""
    resource = fhir.cement(41.25)
    Intake().accepts(resource)
    assert resource["valueQuantity"]["value"] == 41.25


@given(number=NUMBERS)
def test_every_finite_number_is_a_decimal(number):
    """What the constant stands for, fhir.resources takes as well."""
    Observation.model_validate(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "valueQuantity": {"value": number},
        }
    )


@pytest.mark.parametrize("value", [True, False, [52], {"value": 52}, "much"])
def test_what_is_no_number_is_still_checked(fhir, codes, value):
    """Also after a sound one of the same content."""
    intake = Intake()
    bad = fhir.cement(codes.quantity(value, "%"))
    assert intake.accepts(fhir.cement(52))
    assert not intake.accepts(bad)
    assert intake.faults == {
        f"Observation/{bad['id']}": "valueQuantity: not valid FHIR R4"
    }


@pytest.mark.parametrize("part", [None, 5, "x", []])
def test_component_that_is_none_is_refused(fhir, part):
    """Junk among the parts of a panel."""
    panel = fhir.observation("predictor-panel", component=[part])
    assert not Intake().accepts(panel)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_number_without_end_is_no_value(one, fhir, values, value):
    """JSON has no such number; Python has."""
    vertebra = one(fhir.procedure("pvp", sites=["L1"]), fhir.cement(value))
    assert values(vertebra).cement == "not-a-quantity"


@pytest.mark.parametrize("status", [None, 5, True, "done", "Completed", "", [], {}])
def test_procedure_without_a_proper_status_is_named(run, fhir, status):
    """Whether it took place is not known: silence would hide that."""
    procedure = fhir.procedure("pvp", sites=["L1"])
    procedure["status"] = status
    found = run(procedure)
    assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION
    assert found.rejected == ((f"Procedure/{procedure['id']}", STATUS_FAULT),)


def test_procedure_whose_status_is_absent_is_named(run, fhir):
    """The element is required."""
    procedure = fhir.procedure("pvp", sites=["L1"], status=None)
    assert "status" not in procedure
    assert run(procedure).rejected == ((f"Procedure/{procedure['id']}", STATUS_FAULT),)


@pytest.mark.parametrize("status", ["not-done", "entered-in-error", "preparation"])
def test_procedure_that_did_not_take_place_is_no_fault(run, fhir, status):
    """Such records are as they should be."""
    found = run(fhir.procedure("pvp", sites=["L1"], status=status))
    assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION
    assert found.rejected == ()


def test_procedure_beside_a_sound_one_is_named_and_costs_nothing(run, fhir, typical):
    """The sound one is assessed."""
    bad = fhir.procedure("pvp", sites=["L3"], status=None)
    found = run(*typical, bad)
    assert [vertebra.level for vertebra in found.vertebrae] == ["L1"]
    assert found.rejected == ((f"Procedure/{bad['id']}", STATUS_FAULT),)


@pytest.mark.parametrize(
    "change", [{"encounter": None, "performedDateTime": "2022-01-01"}, {"code": None}]
)
def test_procedure_that_could_not_matter_is_not_named(run, fhir, change):
    """Years ago, or of no method: its status is nobody's business."""
    assert run(fhir.procedure("pvp", status=None, **change)).rejected == ()


@pytest.mark.parametrize("fault", ["code", "bodySite", "reasonCode", "extension"])
def test_only_procedure_that_is_refused_is_named(run, fhir, fault):
    """Nothing is eligible then, and the caller can tell why."""
    procedure = fhir.procedure("pvp")
    if fault == "code":
        procedure["code"]["coding"].append({"system": 5})
    elif fault == "extension":
        procedure["modifierExtension"] = [{"url": "http://example.org/not"}]
    else:
        procedure[fault] = [{"coding": [{"system": 5}]}]
    found = run(procedure)
    assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION
    assert [source for source, _ in found.rejected] == [f"Procedure/{procedure['id']}"]
