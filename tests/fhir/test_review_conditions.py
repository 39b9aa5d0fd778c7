"""Conditions: when a fracture happened, what is over, and what was not checked."""

import pytest

from service.fhir.findings import Reason
from service.fhir.systems import canonical

LOCAL = "http://hospital.example.org/codes"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ONSET = "2024-04-28"


def status(code, system=CLINICAL):
    """A clinical status."""
    return coded((system, code))


def coded(*pairs):
    """A status of several codings."""
    return {"coding": [{"system": system, "code": code} for system, code in pairs]}


class TestInjury:
    """A film counts from after the injury that the operation treated."""

    def old(self, fhir, **more):
        """An osteoporotic fracture of long ago, at no stated level."""
        fields = {"encounter": None, "clinicalStatus": status("resolved"), **more}
        return fhir.condition("M80.08XA", onsetDateTime="2010-01-01", **fields)

    def film(self, one, fhir, *conditions):
        """The preoperative angle of a film from before the injury of April."""
        return one(
            fhir.procedure("pkp", sites=["L1"]),
            *conditions,
            fhir.pre(2, at="2024-04-20T09:00:00+08:00"),
        )

    def test_old_fracture_does_not_let_a_film_from_before_the_injury_in(
        self, one, fhir, values
    ):
        """The old one is no evidence, so its onset is not the injury."""
        new = fhir.condition("S32.010A", onsetDateTime=ONSET)
        found = self.film(one, fhir, new, self.old(fhir))
        assert values(found).pre == "stale"

    def test_last_of_several_injuries_counts(self, one, fhir, values):
        """Osteoporosis with fracture runs for years; the fall was in April."""
        new = fhir.condition("S32.010A", onsetDateTime=ONSET)
        long_known = fhir.condition("M80.08XA", onsetDateTime="2010-01-01")
        assert values(self.film(one, fhir, new, long_known)).pre == "stale"

    def test_onset_may_be_a_period(self, one, fhir, values):
        """Its start is when the fracture happened."""
        new = fhir.condition("S32.010A", onsetPeriod={"start": ONSET})
        assert values(self.film(one, fhir, new)).pre == "stale"

    @pytest.mark.parametrize("period", [{}, [], "2024", {"start": 5}, {"end": ONSET}])
    def test_period_without_start_tells_no_onset(self, one, fhir, values, period):
        """Nothing is guessed: the film is judged by its age alone."""
        new = fhir.condition("S32.010A", onsetPeriod=period)
        assert values(self.film(one, fhir, new)).pre == 2

    def test_fracture_of_another_vertebra_is_another_injury(self, one, fhir, values):
        """Only what counts for this vertebra dates its injury."""
        other = fhir.condition("S32.030A", onsetDateTime=ONSET)
        assert values(self.film(one, fhir, other)).pre != "stale"


class TestStatus:
    """A status is read from the coding of the standard, wherever it stands."""

    @pytest.mark.parametrize(
        ("field", "pairs", "excludes"),
        [
            ("verificationStatus", [(LOCAL, "R"), (VERIFIED, "refuted")], False),
            ("verificationStatus", [(LOCAL, "refuted"), (VERIFIED, "confirmed")], True),
            ("verificationStatus", [(LOCAL, "refuted")], False),
            ("clinicalStatus", [(LOCAL, "Z"), (CLINICAL, "resolved")], False),
            ("clinicalStatus", [(LOCAL, "inactive"), (CLINICAL, "active")], True),
            ("clinicalStatus", [(LOCAL, "Z"), (LOCAL, "inactive")], False),
            ("clinicalStatus", [(LOCAL, "Z")], True),
            ("clinicalStatus", [(CLINICAL, "Z")], True),
        ],
    )
    def test_coding_of_the_standard_counts(
        self, run, typical, fhir, field, pairs, excludes
    ):
        """A tumour that was refuted or is over does not exclude, an active one does."""
        found = run(*typical, fhir.condition("C79.51", **{field: coded(*pairs)}))
        assert (found.not_assessed is Reason.EXCLUDED_CONDITION) is excludes
        assert not found.rejected


class TestExclusionInTime:
    """What was there at the operation excludes, whatever became of it."""

    @pytest.mark.parametrize(
        ("change", "excludes"),
        [
            ({"abatementDateTime": "2024-05-05"}, True),
            ({"abatementDateTime": "2024-05-02"}, True),
            ({"abatementDateTime": "2024-04-01"}, False),
            ({"abatementPeriod": {"start": "2024-04-01", "end": "2024-05-05"}}, True),
            ({"abatementPeriod": {"start": "2020-01-01", "end": "2020-02-01"}}, False),
            ({"abatementPeriod": {"start": "2024-05-05"}}, True),
            ({"abatementPeriod": {"start": "2020-01-01"}}, False),
            ({"abatementPeriod": []}, False),
            ({"abatementString": "last year"}, False),
            ({}, False),
        ],
    )
    def test_resolved_infection(self, run, typical, fhir, change, excludes):
        """Resolved since the operation: active at it. Without an end: over."""
        infection = fhir.condition(
            "M46.26", clinicalStatus=status("resolved"), **change
        )
        found = run(*typical, infection)
        assert (found.not_assessed is Reason.EXCLUDED_CONDITION) is excludes

    @pytest.mark.parametrize(
        ("period", "excludes"),
        [
            ({"start": "2020-01-01", "end": "2020-02-01"}, False),
            ({"start": "2020-01-01"}, True),
        ],
    )
    def test_infection_without_status(self, run, typical, fhir, period, excludes):
        """A period of abatement that goes on is no end."""
        infection = fhir.condition(
            "M46.26", clinicalStatus=None, abatementPeriod=period
        )
        found = run(*typical, infection)
        assert (found.not_assessed is Reason.EXCLUDED_CONDITION) is excludes


class TestUnreadExclusion:
    """A refused Condition that might exclude leaves the exclusions unchecked."""

    @pytest.mark.parametrize(
        "change",
        [
            {"clinicalStatus": "active"},
            {"modifierExtension": [{"url": "http://a.example", "valueBoolean": True}]},
        ],
    )
    @pytest.mark.parametrize(
        ("code", "unchecked"), [("C79.51", {"exclusions"}), ("S32.010A", set())]
    )
    def test_is_said(self, run, typical, fhir, change, code, unchecked):
        """Scored, refused by name, and not called checked."""
        found = run(*typical[:4], fhir.condition(code, **change))
        assert found.rejected
        assert found.unchecked == unchecked
        assert len(found.vertebrae) == 1

    def test_refuted_one_need_not_be_read(self, run, typical, fhir):
        """It would not have excluded."""
        refuted = coded((VERIFIED, "refuted"))
        tumour = fhir.condition(
            "C79.51", verificationStatus=refuted, clinicalStatus="active"
        )
        assert run(*typical, tumour).unchecked == set()


class TestContainedReason:
    """A Procedure may hold its reason within itself."""

    def held(self, typical, fhir, reference="#x", **more):
        """The typical patient, operated on for a metastasis."""
        tumour = fhir.condition("C79.51", id="x", encounter=None, **more)
        operation, *others = typical
        held = {"contained": [5, tumour], "reasonReference": [{"reference": reference}]}
        return [{**operation, **held}, *others]

    def test_excludes(self, run, typical, fhir):
        """As a reason of its own would."""
        found = run(*self.held(typical, fhir, subject=None))
        assert found.exclusion == "tumour-fracture"

    def test_excludes_without_conditions(self, run, typical, fhir):
        """It comes with the Procedure."""
        found = run(*self.held(typical, fhir), conditions=None)
        assert found.exclusion == "tumour-fracture"

    @pytest.mark.parametrize(
        "change",
        [
            {"reference": "#y"},
            {"reference": 5},
            {"resourceType": "Observation"},
            {"verificationStatus": coded((VERIFIED, "refuted"))},
            {"clinicalStatus": status("resolved")},
        ],
    )
    def test_must_be_named_and_active(self, run, typical, fhir, change):
        """Anything else that is held says nothing."""
        found = run(*self.held(typical, fhir, **change))
        assert found.not_assessed is None
        assert found.unchecked == set()

    def test_unreadable_one_is_unchecked(self, run, typical, fhir):
        """Nobody knows what it would have said."""
        found = run(*self.held(typical, fhir, clinicalStatus="active"))
        assert found.unchecked == {"exclusions"}

    @pytest.mark.parametrize("held", [None, 5, {}, "x", [None], [{"id": 5}]])
    def test_junk_says_nothing(self, run, typical, held):
        """Bad entries cost only themselves."""
        typical[0] |= {"contained": held, "reasonReference": [{"reference": "#x"}, 5]}
        assert len(run(*typical).vertebrae) == 1


class TestFractureInTime:
    """Only a fracture that was there at the operation speaks for it."""

    @pytest.mark.parametrize(
        ("change", "counts"),
        [
            ({"onsetDateTime": "2024-05-05"}, False),
            ({"onsetPeriod": {"start": "2024-05-05"}}, False),
            ({"onsetDateTime": "2024-05-05", "encounter": None}, False),
            ({"onsetDateTime": "2024-05-02"}, True),
            ({"onsetDateTime": "2024-05"}, True),
            ({"recordedDate": "2024-05-05"}, True),
        ],
    )
    def test_screws_before_the_fracture_are_degenerative_surgery(
        self, run, fhir, change, counts
    ):
        """A fall after the operation was not its cause; a late record may be."""
        found = run(
            fhir.procedure("pedicle-screw-fixation", sites=["L1"]),
            fhir.condition("S32.010A", **change),
        )
        assert bool(found.vertebrae) is counts

    def test_later_fracture_of_another_level_does_not_block(self, one, fhir, values):
        """The operated vertebra stays where it is."""
        later = fhir.condition("S32.030A", onsetDateTime="2024-05-05")
        vertebra = one(fhir.procedure("pkp", sites=["L1"]), later)
        assert values(vertebra).segment == "lumbar"
        assert vertebra.level == "L1"

    def test_late_reading_of_the_segment_counts(self, run, fhir):
        """An Observation may be read after the operation."""
        reading = fhir.fracture_segment("L1", at="2024-05-05T10:00:00+08:00")
        screws = fhir.procedure("pedicle-screw-fixation", sites=["L1"])
        assert run(screws, reading).vertebrae

    @pytest.mark.parametrize(
        ("change", "counts"),
        [
            ({"onsetDateTime": "2015-01-01"}, False),
            ({"abatementDateTime": "2015-06-01"}, False),
            ({"onsetDateTime": "2024-01-10", "abatementDateTime": "2024-05-04"}, True),
            ({"onsetDateTime": "2024-04-20"}, True),
            ({"recordedDate": "2015-01-01"}, True),
            ({}, True),
        ],
    )
    @pytest.mark.parametrize("is_diagnosis", [False, True])
    def test_healed_fracture_of_the_record(
        self, run, fhir, change, counts, is_diagnosis
    ):
        """Healed years ago: history, even if this stay wrote it down."""
        old = fhir.condition(
            ("http://hl7.org/fhir/sid/icd-10", "S32.0"),
            id="old",
            clinicalStatus=status("resolved"),
            **({"encounter": None} if is_diagnosis else {}),
            **change,
        )
        named = [{"condition": {"reference": "Condition/old"}}] if is_diagnosis else []
        found = run(
            fhir.procedure("pedicle-screw-fixation", sites=["L1"]),
            old,
            encounter=fhir.encounter(diagnosis=named),
        )
        assert bool(found.vertebrae) is counts

    @pytest.mark.parametrize(
        ("encounter_status", "counts"),
        [
            ("finished", True),
            ("entered-in-error", False),
            ("cancelled", False),
            (["cancelled"], True),
        ],
    )
    def test_encounter_that_never_was_has_no_diagnoses(
        self, run, fhir, encounter_status, counts
    ):
        """What it names says nothing."""
        old = fhir.condition("S32.010A", id="x", encounter=None, onsetDateTime="2020")
        encounter = fhir.encounter(
            status=encounter_status,
            diagnosis=[{"condition": {"reference": "Condition/x"}}],
        )
        screws = fhir.procedure("pedicle-screw-fixation")
        assert bool(run(screws, old, encounter=encounter).vertebrae) is counts


@pytest.mark.parametrize("born", ["2024-05-03", "2025", "2099-01-01"])
def test_birth_after_the_operation_is_no_adult(run, typical, fhir, born):
    """A wrong date or a wrong patient: nobody is assessed."""
    assert run(*typical, patient=fhir.patient(born)).not_assessed is Reason.UNDER_AGE


@pytest.mark.parametrize(
    ("oid", "system"),
    [
        ("2.16.840.1.113883.6.90", "http://hl7.org/fhir/sid/icd-10-cm"),
        ("2.16.840.1.113883.6.4", "http://www.cms.gov/Medicare/Coding/ICD10"),
    ],
)
def test_code_systems_by_their_hl7_identifiers(oid, system):
    """As HL7 registered them."""
    assert canonical(f"urn:oid:{oid}") == system


def test_exclusion_coded_under_an_identifier(run, typical, fhir):
    """A converted document names its systems so."""
    tumour = fhir.condition(("urn:oid:2.16.840.1.113883.6.90", "C79.51"))
    assert run(*typical, tumour).exclusion == "tumour-fracture"
