"""Operations that are recorded in several parts, doubtfully, or with odd sites."""

import pytest

LUMBAR_REGION = ("http://snomed.info/sct", "73903008")
WHOLE_SPINE = ("http://snomed.info/sct", "421060004")


class TestSites:
    """Several body sites of one Procedure."""

    @pytest.mark.parametrize("region", [LUMBAR_REGION, WHOLE_SPINE])
    @pytest.mark.parametrize("turned", [False, True])
    def test_level_and_its_region_are_the_level(
        self, one, fhir, values, region, turned
    ):
        """Films of another vertebra do not serve, and the level is known."""
        sites = [region, "L1"] if turned else ["L1", region]
        procedure = fhir.procedure("pkp", sites=sites)
        films = [fhir.pre(level="L3"), fhir.post(level="L3"), fhir.cement(level="L3")]
        found = values(one(procedure, *films))
        assert (found.level, found.segment) == ("L1", "lumbar")
        assert (found.cement, found.pre, found.post) == ("other-level",) * 3

    def test_levels_beside_their_region_stay_several(self, run, fhir, values):
        """The region adds no third vertebra."""
        found = run(fhir.procedure("pkp", sites=["L1", "L3", LUMBAR_REGION]))
        assert [values(v).level for v in found.vertebrae] == ["L1", "L3"]

    def test_region_of_another_level_counts(self, one, fhir, values):
        """T12 and the lumbar spine: which one is meant is open."""
        found = values(one(fhir.procedure("pkp", sites=["T12", LUMBAR_REGION])))
        assert found.segment == "region-not-level"
