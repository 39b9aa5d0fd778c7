"""Records that speak with two tongues: versions, codes, units and times that clash."""

import pytest

from service.fhir.findings import Missing, Reason


def _meta(resource, **meta):
    return {**resource, "meta": meta}


class TestVersions:
    """One id, several contents: the newest counts, and only if it is known which."""

    def _cement(self, one, fhir, typical, values, *metas):
        versions = [
            _meta(fhir.cement(value, id="c1"), **meta)
            for value, meta in zip((52, 30), metas, strict=True)
        ]
        rest = [r for r in typical if r["id"] != typical[3]["id"]]
        forth = values(one(*rest, *versions)).cement
        back = values(one(*reversed(versions), *rest)).cement
        assert forth == back
        return forth

    @pytest.mark.parametrize(
        "metas",
        [
            (
                {"lastUpdated": "2024-05-05T20:00:00Z"},
                {"lastUpdated": "2024-05-06T01:00:00+08:00"},
            ),
            (
                {"lastUpdated": "2024-05-05T20:00:00.500Z"},
                {"lastUpdated": "2024-05-05T20:00:00Z", "versionId": "9"},
            ),
            ({"versionId": "10"}, {"versionId": "2"}),
            (
                {"versionId": "10", "lastUpdated": "2024-05-05T20:00:00Z"},
                {"versionId": "9", "lastUpdated": "2024-05-05T22:00:00+02:00"},
            ),
            ({"versionId": "10"}, {"versionId": "9", "lastUpdated": "2024-05-05"}),
        ],
    )
    def test_newest_is_told_by_instant_then_number(
        self, one, fhir, typical, values, metas
    ):
        """Neither by the order of characters nor by that of the bundle."""
        assert self._cement(one, fhir, typical, values, *metas) == 52

    @pytest.mark.parametrize(
        "metas",
        [
            ({}, {}),
            ({"versionId": "1"}, {}),
            ({"lastUpdated": "2024-05-05T20:00:00Z"}, {}),
            ({"versionId": "a"}, {"versionId": "b"}),
            ({"versionId": "2"}, {"versionId": "02"}),
            ({"lastUpdated": "2024-05-05"}, {"lastUpdated": "2024-05-06"}),
        ],
    )
    def test_neither_is_used_if_none_is_the_newest(
        self, one, fhir, typical, values, metas
    ):
        """Never the larger text."""
        assert self._cement(one, fhir, typical, values, *metas) == "conflict"

    def test_contested_reading_is_named(self, run, fhir, typical):
        """The report says which record, and the gap names it too."""
        first, second = fhir.cement(52, id="c1"), fhir.cement(30, id="c1")
        found = run(*typical[:3], typical[4], first, second)
        assert dict(found.rejected).keys() == {"Observation/c1"}
        missing = found.vertebrae[0].cement_ratio_percent
        assert isinstance(missing, Missing)
        assert missing.reason is Reason.CONFLICT
        assert missing.candidates == ("Observation/c1",)
        assert found.vertebrae[0].conflicts

    def test_contested_reading_is_not_made_up_for_by_another(
        self, one, fhir, typical, values
    ):
        """One version was withdrawn, the other not: an older ratio is no answer."""
        withdrawn = fhir.cement(30, id="c1", status="entered-in-error")
        final = fhir.cement(30, id="c1", at="2024-05-04T09:00:00+08:00")
        assert values(one(*typical, withdrawn, final)).cement == "conflict"

    def test_contested_reading_of_another_time_is_no_matter(
        self, one, fhir, typical, values
    ):
        """A film of long ago decides nothing, whatever its value."""
        old = "2020-01-01T09:00:00+08:00"
        versions = [fhir.pre(value, id="f1", at=old) for value in (10, 12)]
        assert values(one(*typical, *versions)).pre == 20

    def test_same_content_is_one_resource(self, run, typical):
        """Overlapping pages, with marks of the server or without."""
        again = [_meta(resource, versionId="1") for resource in typical]
        found = run(*typical, *again)
        assert not found.rejected
        assert not found.vertebrae[0].conflicts

    def test_contested_procedure_is_named_and_not_used(self, run, fhir, typical):
        """Neither vertebra."""
        versions = [fhir.procedure("pkp", sites=[s], id="q") for s in ("L1", "L3")]
        found = run(*versions, *typical[1:])
        assert not found.vertebrae
        assert dict(found.rejected).keys() == {"Procedure/q"}

    def test_newer_version_of_an_exclusion_excludes(self, run, fhir, typical, codes):
        """Version 10 is newer than version 2, which said that it was over."""
        active = _meta(fhir.condition("C79.51", id="k"), versionId="10")
        over = codes.concept(
            ("http://terminology.hl7.org/CodeSystem/condition-clinical", "resolved")
        )
        resolved = {**active, "clinicalStatus": over, "meta": {"versionId": "2"}}
        found = run(*typical, active, resolved)
        assert found.not_assessed is Reason.EXCLUDED_CONDITION

    def test_contested_condition_is_named(self, run, fhir, typical):
        """Whether it excludes is not known, so it is reported."""
        versions = [fhir.condition(code, id="k") for code in ("C79.51", "M46.26")]
        assert "Condition/k" in dict(run(*typical, *versions).rejected)
