"""Exclusions and age: who may not be assessed, and what was not checked."""

import pytest

from service.fhir.findings import Reason
from service.policy import Eligibility


@pytest.mark.parametrize(
    ("code", "group"),
    [
        ("A18.01", "spinal-tuberculosis"),
        ("M84.58XA", "tumour-fracture"),
        ("C41.2", "tumour-fracture"),
        ("C79.51", "tumour-fracture"),
        ("C90.00", "tumour-fracture"),
        ("M46.24", "spinal-infection"),
        ("M4626", "spinal-infection"),
        ("M46.35", "spinal-infection"),
        (("http://snomed.info/sct", "35984006"), "spinal-tuberculosis"),
        (("http://snomed.info/sct", "866087009"), "tumour-fracture"),
        (("http://snomed.info/sct", "203241002"), "spinal-infection"),
        (("http://hl7.org/fhir/sid/icd-10", "M49.0"), "spinal-tuberculosis"),
    ],
)
def test_exclusion_names_its_group(run, typical, fhir, code, group):
    """No score; the card says which."""
    found = run(*typical, fhir.condition(code))
    assert found.not_assessed is Reason.EXCLUDED_CONDITION
    assert found.exclusion == group
    assert found.vertebrae == ()


@pytest.mark.parametrize(
    ("change", "excludes"),
    [
        ({"clinicalStatus": None}, True),
        ({"encounter": None}, True),
        ({"clinicalStatus": {"coding": [{"code": "recurrence"}]}}, True),
        ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, False),
        ({"clinicalStatus": {"coding": [{"code": "inactive"}]}}, False),
        ({"clinicalStatus": {"coding": [{"code": "remission"}]}}, False),
        ({"clinicalStatus": {"coding": [5, {"code": 7}]}}, True),
        ({"verificationStatus": {"coding": [{"code": "refuted"}]}}, False),
        ({"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}, False),
        ({"verificationStatus": {"coding": [{"code": "provisional"}]}}, True),
        ({"clinicalStatus": None, "abatementDateTime": "2020-01-01"}, False),
        ({"clinicalStatus": None, "abatementDateTime": "2024-05-04"}, True),
    ],
)
def test_exclusion_must_be_active(run, typical, fhir, change, excludes):
    """What is over or refuted does not exclude; a suspicion does."""
    found = run(*typical, fhir.condition("A18.01", **change))
    expected = Reason.EXCLUDED_CONDITION if excludes else None
    if change.get("clinicalStatus") == {"coding": [5, {"code": 7}]}:
        expected = None  # no valid resource: refused by name
        assert found.rejected
    assert found.not_assessed is expected


def test_reason_of_the_operation_excludes_too(run, fhir, codes):
    """A vertebroplasty for a metastasis."""
    reason = [codes.concept((codes.ICD10CM, "M84.58XA"))]
    found = run(fhir.procedure("pvp", sites=["L1"], reasonCode=reason))
    assert found.exclusion == "tumour-fracture"


def test_exclusion_without_operation_is_silent(run, fhir):
    """Nothing to assess comes first."""
    assert run(fhir.condition("A18.01")).not_assessed is Reason.NO_ELIGIBLE_OPERATION


def test_unavailable_conditions_are_not_checked(run, typical):
    """Scored, and said so."""
    found = run(*typical, conditions=None)
    assert found.unchecked == {"exclusions"}
    assert len(found.vertebrae) == 1


def test_no_conditions_are_checked(run, typical):
    """An empty answer is an answer."""
    assert run(*typical[:4], conditions=[]).unchecked == frozenset()


@pytest.mark.parametrize(
    ("born", "verdict"),
    [
        ("1950-03-04", None),
        ("2006-05-02", None),
        ("2006-05-03", Reason.UNDER_AGE),
        ("2015", Reason.UNDER_AGE),
        ("2006", Reason.UNDER_AGE),
        ("2005", None),
        ("2006-05", Reason.UNDER_AGE),
        ("2006-04", None),
    ],
)
def test_adults_only(run, fhir, typical, born, verdict):
    """Eighteen on the day of the operation; an open birth date must leave no doubt."""
    found = run(*typical, patient=fhir.patient(born))
    assert found.not_assessed is verdict
    assert found.unchecked == frozenset()
    assert bool(found.vertebrae) is (verdict is None)


def test_minimum_age_is_policy(run, fhir, typical):
    """A site may ask for more."""
    limit = Eligibility(minimum_age_years=80, in_progress_counts=False)
    assert run(*typical, eligibility=limit).not_assessed is Reason.UNDER_AGE


def test_under_age_comes_before_exclusion(run, fhir, typical):
    """One reason is given."""
    found = run(*typical, fhir.condition("A18.01"), patient=fhir.patient("2015"))
    assert found.not_assessed is Reason.UNDER_AGE


@pytest.mark.parametrize(
    "patient",
    [
        None,
        {},
        {"resourceType": "Patient", "id": "p1"},
        [],
        {"resourceType": "Patient", "id": "p2", "birthDate": "2015"},
        {"resourceType": "Patient", "id": "p1", "birthDate": "long ago"},
        {"resourceType": "Patient", "id": "p1", "birthDate": 1950},
        {"resourceType": "Patient", "id": "p1", "birthDate": "9999"},
        {"resourceType": "Patient", "id": "p1", "birthDate": "1950-02-30"},
        {
            "resourceType": "Patient",
            "id": "p1",
            "birthDate": "1950",
            "modifierExtension": [],
        },
    ],
)
def test_unknown_age_is_not_checked(run, typical, patient):
    """Scored, and said so; another patient's age is not used."""
    found = run(*typical, patient=patient)
    assert found.unchecked == {"age"}
    assert len(found.vertebrae) == 1


def test_age_counts_at_the_call_if_the_operation_has_no_time(run, fhir):
    """The only day that is known."""
    procedure = fhir.procedure("pvp", at=None, sites=["L1"])
    young = fhir.patient("2006-05-07")
    assert (
        run(procedure, encounter=None, patient=young).not_assessed is Reason.UNDER_AGE
    )
