"""Several fracture-segment Observations: correction, contradiction, two fractures."""

import pytest

from service.fhir.findings import Flag, Reason

SCREWS = "pedicle-screw-fixation"
DAY_BEFORE = "2024-04-30T09:00:00+08:00"
AT_A_VISIT = {"encounter": {"reference": "Encounter/e2"}}
#: Pairs of times of which neither is surely the newer one.
OPEN = [
    ("2024-05-01T09:00:00+08:00", "2024-05-01T09:00:00+08:00"),
    ("2024-05-01T09:00:00+08:00", "2024-05-01T01:00:00Z"),
    ("2024-05-01", "2024-05-01T09:00:00+08:00"),
    ("2024-04", "2024-04-30T09:00:00+08:00"),
    (None, "2024-05-01T09:00:00+08:00"),
    (None, None),
]


def _sources(*resources):
    return {f"{each['resourceType']}/{each['id']}" for each in resources}


@pytest.mark.parametrize("turned", [False, True])
class TestContradiction:
    """Two places at one time, one operated vertebra: neither is taken."""

    @pytest.mark.parametrize("times", OPEN)
    @pytest.mark.parametrize("pair", [("T12", "L1"), ("L1", "L3")])
    @pytest.mark.parametrize("method", ["pkp", SCREWS])
    def test_blocks_and_names_both(self, one, fhir, times, pair, method, turned):
        """Also where both lie in one segment: the level differs."""
        said = [
            fhir.fracture_segment(level, at)
            for level, at in zip(pair, times[:: -1 if turned else 1], strict=True)
        ]
        vertebra = one(fhir.procedure(method), *said, fhir.cement())
        missing = vertebra.segment
        assert missing.reason is Reason.CONFLICT
        assert vertebra.level is None
        assert vertebra.conflicts == (missing.detail,)
        assert set(missing.candidates) >= _sources(*said)
        assert all(f"{level} (Observation/" in missing.detail for level in pair)

    def test_body_site_of_the_operation_does_not_settle_it(self, one, fhir, turned):
        """It agrees with one; the other alone would have contradicted it."""
        said = [fhir.fracture_segment(level) for level in ("L1", "T12")]
        said = said[::-1] if turned else said
        vertebra = one(fhir.procedure("pkp", sites=["L1"]), *said)
        assert vertebra.segment.reason is Reason.CONFLICT
        assert all(name in vertebra.segment.detail for name in _sources(*said))

    def test_fracture_outside_the_construct_contradicts(self, one, fhir, turned):
        """Screws of T12 to L2: they were not for T8."""
        said = [fhir.fracture_segment(level) for level in ("L1", "T8")]
        said = said[::-1] if turned else said
        vertebra = one(fhir.procedure(SCREWS, sites=["T12", "L2"]), *said)
        assert vertebra.segment.reason is Reason.CONFLICT

    def test_third_place_beside_two_vertebrae_contradicts(self, run, fhir, turned):
        """One of the three is none of the operated ones."""
        said = [fhir.fracture_segment(level) for level in ("T12", "L3", "L1")]
        said = said[::-1] if turned else said
        found = run(fhir.procedure("pkp", sites=["L1", "L3"]), *said)
        assert {v.segment.reason for v in found.vertebrae} == {Reason.CONFLICT}


class TestAgreement:
    """Records of which one is only less exact than the other."""

    @pytest.mark.parametrize("method", ["pkp", SCREWS])
    def test_region_and_level_agree(self, one, fhir, values, codes, method):
        """L1 lies in the lumbar spine, at whatever time."""
        region = codes.concept((codes.OWN, "lumbar"))
        said = fhir.fracture_segment(None, valueCodeableConcept=region)
        found = values(one(fhir.procedure(method), said, fhir.fracture_segment("L1")))
        assert (found.level, found.segment) == ("L1", "lumbar")

    @pytest.mark.parametrize("method", ["pkp", SCREWS])
    def test_newer_region_takes_no_level_away(self, one, fhir, values, codes, method):
        """It corrects nothing."""
        region = codes.concept((codes.OWN, "lumbar"))
        older = fhir.fracture_segment("L1", DAY_BEFORE)
        newer = fhir.fracture_segment(None, valueCodeableConcept=region)
        assert values(one(fhir.procedure(method), older, newer)).level == "L1"

    def test_same_place_twice_is_one(self, one, fhir, values):
        """Two people read the film."""
        said = [fhir.fracture_segment("L1") for _ in range(2)]
        assert values(one(fhir.procedure("pkp"), *said)).level == "L1"


@pytest.mark.parametrize("method", ["pkp", SCREWS])
class TestCorrection:
    """A newer record of the stay decides over an older one."""

    @pytest.mark.parametrize("turned", [False, True])
    def test_newer_one_decides(self, one, fhir, values, method, turned):
        """Whichever stands first."""
        said = [fhir.fracture_segment("T12", DAY_BEFORE), fhir.fracture_segment("L1")]
        vertebra = one(fhir.procedure(method), *(said[::-1] if turned else said))
        assert (values(vertebra).level, values(vertebra).segment) == ("L1", "lumbar")
        assert vertebra.segment.source in _sources(said[1])
        assert vertebra.conflicts == ()

    def test_newer_one_may_still_contradict_the_operation(self, one, fhir, method):
        """The older one, which agreed, no longer counts."""
        vertebra = one(
            fhir.procedure(method, sites=["L1"]),
            fhir.fracture_segment("L1", DAY_BEFORE),
            fhir.fracture_segment("T8"),
        )
        assert vertebra.segment.reason is Reason.CONFLICT

    def test_older_one_of_an_earlier_encounter_stands_back(
        self, one, fhir, values, method
    ):
        """That of the emergency department."""
        older = fhir.fracture_segment("T12", DAY_BEFORE, **AT_A_VISIT)
        vertebra = one(fhir.procedure(method), older, fhir.fracture_segment("L1"))
        assert values(vertebra).level == "L1"

    @pytest.mark.parametrize("encounter", [AT_A_VISIT, {"encounter": None}])
    def test_newer_one_of_another_stay_does_not(self, one, fhir, method, encounter):
        """A fracture found at a visit afterwards is no correction."""
        newer = fhir.fracture_segment("T12", "2024-05-05T09:00:00+08:00", **encounter)
        vertebra = one(fhir.procedure(method), fhir.fracture_segment("L1"), newer)
        assert vertebra.segment.reason is Reason.CONFLICT

    def test_records_of_no_encounter_are_of_one_stay(self, one, fhir, values, method):
        """A site may never name one."""
        vertebra = one(
            fhir.procedure(method, encounter=None),
            fhir.fracture_segment("T12", DAY_BEFORE, encounter=None),
            fhir.fracture_segment("L1", encounter=None),
            encounter_id=None,
        )
        assert values(vertebra).level == "L1"


class TestTwoFractures:
    """As many vertebrae were operated on: each Observation is of its own."""

    @pytest.mark.parametrize("older", [DAY_BEFORE, "2024-05-01T09:00:00+08:00", None])
    @pytest.mark.parametrize("one_record", [True, False])
    def test_two_augmented_vertebrae(self, run, fhir, values, older, one_record):
        """By one Procedure or two; at one time or not."""
        levels = ["L1", "L3"]
        procedures = [levels] if one_record else [[level] for level in levels]
        found = run(
            *[fhir.procedure("pkp", sites=sites) for sites in procedures],
            fhir.fracture_segment("L1", older),
            fhir.fracture_segment("L3"),
        )
        assert [values(v).level for v in found.vertebrae] == levels
        assert all(Flag.SEVERAL_VERTEBRAE in v.flags for v in found.vertebrae)
        assert not any(v.conflicts for v in found.vertebrae)

    def test_two_vertebrae_of_one_construct(self, run, fhir, values):
        """Its sites reach both, and both are recorded at one time."""
        found = run(
            fhir.procedure(SCREWS, sites=["T12", "L1", "L2", "L3"]),
            fhir.fracture_segment("L1"),
            fhir.fracture_segment("L3"),
        )
        assert [values(v).level for v in found.vertebrae] == ["L1", "L3"]
        assert not any(v.conflicts for v in found.vertebrae)

    def test_newer_one_decides_within_a_construct(self, one, fhir, values):
        """Screws hold neighbours as well: that they reach both proves nothing."""
        vertebra = one(
            fhir.procedure(SCREWS, sites=["T12", "L1", "L2"]),
            fhir.fracture_segment("T12", DAY_BEFORE),
            fhir.fracture_segment("L1"),
        )
        assert (values(vertebra).level, vertebra.conflicts) == ("L1", ())

    def test_screws_beside_an_augmented_vertebra(self, run, fhir, values):
        """Fractures of T8 and L3, cement in L3: the older record stays the other."""
        found = run(
            fhir.procedure(SCREWS, sites=["T8"]),
            fhir.procedure("pvp", sites=["L3"]),
            fhir.fracture_segment("T8", DAY_BEFORE),
            fhir.fracture_segment("L3"),
        )
        told = [values(v) for v in found.vertebrae]
        assert [(v.level, v.method) for v in told] == [
            ("T8", "pedicle_screw"),
            ("L3", "pvp"),
        ]

    @pytest.mark.parametrize("older", [DAY_BEFORE, "2024-05-01T09:00:00+08:00"])
    def test_second_operation_without_a_level(self, one, fhir, values, older):
        """The other fracture may be its own: flagged, and only levelled films serve."""
        vertebra = one(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp"),
            fhir.fracture_segment("L1", older),
            fhir.fracture_segment("L3"),
            fhir.pre(),
        )
        assert (values(vertebra).level, values(vertebra).pre) == (
            "L1",
            "region-not-level",
        )
        assert Flag.NUMBER_UNKNOWN in vertebra.flags
        assert vertebra.conflicts == ()
