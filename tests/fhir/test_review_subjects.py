"""Whose record it is: an id is only as good as the server that gave it."""

import json
from pathlib import Path

import pytest

from service.fhir.findings import Reason
from service.fhir.references import select

HERE = "https://ehr.example.org/fhir"
ELSEWHERE = "https://other.example/fhir"
PATIENTS = Path("service/data/patients")


def _at(base, resource, tail=""):
    """The same resource, whose subject is written with the address of a server."""
    return {**resource, "subject": {"reference": f"{base}/Patient/p1{tail}"}}


class TestKnownBase:
    """The caller knows the FHIR server: only its patient is this patient."""

    @pytest.mark.parametrize(
        "base",
        [
            HERE,
            f"{HERE}/",
            "HTTPS://EHR.example.org/fhir",
            "https://ehr.example.org:443/fhir",
        ],
    )
    @pytest.mark.parametrize("tail", ["", "/_history/3"])
    def test_references_to_it_count(self, run, fhir, typical, base, tail):
        """Spellings of one address are one address."""
        found = run(*[_at(HERE, r, tail) for r in typical], fhir_base=base)
        assert found.other_patient == 0
        assert found.vertebrae == run(*typical).vertebrae

    @pytest.mark.parametrize(
        "other",
        [
            ELSEWHERE,
            "http://ehr.example.org/fhir",
            "https://ehr.example.org/FHIR",
            "https://ehr.example.org/fhir/tenant",
            "https://ehr.example.org:8443/fhir",
            "https://ehr.example.org:port/fhir",
        ],
    )
    def test_same_id_of_another_server_is_another_patient(
        self, run, fhir, typical, other
    ):
        """Dropped and counted, beside what is written the short way."""
        stranger = _at(other, fhir.procedure("pvp", sites=["L3"]))
        found = run(*typical, stranger, fhir_base=HERE)
        assert found.other_patient == 1
        assert found.vertebrae == run(*typical).vertebrae

    def test_record_of_another_server_is_nobody_s(self, run, typical):
        """However well it agrees with itself."""
        found = run(*[_at(ELSEWHERE, r) for r in typical], fhir_base=HERE)
        assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION
        assert found.other_patient == len(typical)

    @pytest.mark.parametrize(("base", "is_own"), [(HERE, True), (ELSEWHERE, False)])
    def test_encounter_must_be_of_it_too(self, run, fhir, values, base, is_own):
        """Its period stands in for the time of the operation."""
        found = run(
            fhir.procedure("pvp", sites=["L1"], at=None),
            encounter=_at(base, fhir.encounter()),
            fhir_base=HERE,
        )
        assert (found.vertebrae[0].operation.start is not None) is is_own


class TestUnknownBase:
    """A request without `fhirServer`: the record must agree with itself."""

    def test_one_base_counts(self, run, fhir, typical):
        """Beside the short way or alone."""
        own = run(*typical)
        encounter = _at(HERE, fhir.encounter())
        for some in (
            [_at(HERE, r) for r in typical],
            [_at(HERE, typical[0]), *typical[1:]],
        ):
            found = run(*some, encounter=encounter)
            assert (found.vertebrae, found.other_patient) == (own.vertebrae, 0)

    def test_of_several_none_counts(self, run, fhir, typical):
        """Which is this patient cannot be told, not even by their number."""
        resources = [_at(HERE, resource) for resource in typical]
        for order in (resources, resources[::-1]):
            stranger = _at(ELSEWHERE, fhir.cement(11))
            found = run(*order, stranger)
            assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION
            assert found.other_patient == len(typical) + 1

    def test_what_is_written_the_short_way_still_counts(self, run, fhir, typical):
        """It is of the server that was asked."""
        strangers = [_at(base, fhir.cement(11)) for base in (HERE, ELSEWHERE)]
        found = run(*typical, *strangers)
        assert found.other_patient == 2
        assert found.vertebrae == run(*typical).vertebrae

    def test_encounter_is_asked_too(self, run, fhir, typical):
        """Resources of one server, an Encounter of another."""
        found = run(
            *[_at(HERE, r) for r in typical], encounter=_at(ELSEWHERE, fhir.encounter())
        )
        assert found.other_patient == len(typical)

    def test_bases_of_other_patients_are_no_matter(self, run, fhir, typical):
        """They are dropped anyway."""
        other = {"reference": f"{ELSEWHERE}/Patient/p2"}
        found = run(*[_at(HERE, r) for r in typical], fhir.cement(11, subject=other))
        assert found.other_patient == 1
        assert found.vertebrae == run(*typical).vertebrae

    @pytest.mark.parametrize(
        "reference",
        ["ehr/Patient/p1", "/Patient/p1", "ftp://h/Patient/p1", "urn:x/Patient/p1"],
    )
    def test_what_is_no_address_is_nobody_s(self, run, fhir, reference):
        """Neither short nor absolute."""
        procedure = fhir.procedure("pvp", subject={"reference": reference})
        assert run(procedure).other_patient == 1


def test_absolute_references_of_an_epic_site_are_read():
    """Patient 19, with and without the server's address, and with a wrong one."""
    bundle = json.loads((PATIENTS / "19-epic-shape.json").read_text("utf-8"))
    resources = [entry["resource"] for entry in bundle["entry"]]
    base, patient = bundle["entry"][0]["fullUrl"].split("/Patient/")
    for kind in ("Procedure", "Observation", "Condition"):
        some = [each for each in resources if each["resourceType"] == kind]
        assert some
        for known, is_own in ((base, True), (None, True), (HERE, False)):
            found = select(some, kind, patient, known)
            assert (len(found.resources), found.other_patient) == (
                (len(some), 0) if is_own else (0, len(some))
            )
