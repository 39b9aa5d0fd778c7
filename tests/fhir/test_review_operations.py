"""Operations that are recorded in several parts, doubtfully, or with odd sites."""

from datetime import datetime, timedelta, timezone

import pytest

from service.fhir.findings import Flag, Reason

LUMBAR_REGION = ("http://snomed.info/sct", "73903008")
WHOLE_SPINE = ("http://snomed.info/sct", "421060004")
CHINA = timezone(timedelta(hours=8))
NOW_IN_CHINA = datetime(2024, 5, 6, 16, tzinfo=CHINA)


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

    def test_site_whose_codings_contradict_blocks(self, one, fhir, codes):
        """One concept that is L1 and L3 is neither."""
        both = codes.concept((codes.SNOMED, "66794005"), (codes.SNOMED, "36470004"))
        vertebra = one(fhir.procedure("pkp", bodySite=[both]), fhir.pre(level="L3"))
        assert vertebra.segment.reason is Reason.CONFLICT
        assert "codes that contradict each other" in vertebra.segment.detail
        assert vertebra.level is None

    @pytest.mark.parametrize("other", [{"text": "L3"}, {"coding": [{"code": "x"}]}])
    def test_site_that_cannot_be_read_may_be_another_vertebra(
        self, one, fhir, values, other
    ):
        """Films without a level may be of either."""
        procedure = fhir.procedure("pkp", sites=["L1"])
        procedure["bodySite"].append(other)
        vertebra = one(procedure, fhir.pre(), fhir.post(level="L1"))
        assert Flag.NUMBER_UNKNOWN in vertebra.flags
        assert (values(vertebra).pre, values(vertebra).post) == ("region-not-level", 5)

    def test_only_site_that_cannot_be_read_says_nothing(self, one, fhir, values):
        """It is the one vertebra, wherever it lies."""
        vertebra = one(fhir.procedure("pkp", bodySite=[{"text": "L1"}]), fhir.pre())
        assert Flag.NUMBER_UNKNOWN not in vertebra.flags
        assert values(vertebra).pre == 20


class TestBodyParts:
    """One Procedure whose codings are of a thoracic and of a lumbar vertebra."""

    def test_sites_go_with_the_codes_they_fit(self, run, fhir, values):
        """Two vertebrae, each with its own films."""
        found = run(
            fhir.pcs("0PU43JZ", "0QU03JZ", sites=["T12", "L3"]),
            fhir.cement(40, level="T12"),
            fhir.cement(60, level="L3"),
        )
        told = [values(v) for v in found.vertebrae]
        assert [(v.level, v.segment, v.cement) for v in told] == [
            ("T12", "thoracic", 40),
            ("L3", "lumbar", 60),
        ]

    def test_without_sites_they_are_two_vertebrae(self, run, fhir, values):
        """A film without a level may be of either."""
        found = run(fhir.pcs("0PU43JZ", "0QU03JZ"), fhir.cement())
        told = [values(v) for v in found.vertebrae]
        assert [v.segment for v in told] == ["thoracic", "lumbar"]
        assert {v.cement for v in told} == {"region-not-level"}

    def test_reposition_completes_its_own_body_part(self, run, fhir, values):
        """Kyphoplasty below, vertebroplasty above."""
        found = run(fhir.pcs("0PU43JZ", "0QU03JZ", "0QS03ZZ", sites=["T12", "L3"]))
        assert [values(v).method for v in found.vertebrae] == ["pvp", "pkp"]

    def test_site_that_fits_only_one_code_blocks(self, one, fhir):
        """Cement of a thoracic vertebra at L1 cannot be."""
        vertebra = one(fhir.pcs("0PU43JZ", "0QU03JZ", sites=["L1"]), fhir.cement())
        assert vertebra.segment.reason is Reason.CONFLICT


class TestPairs:
    """Which Procedures are of one operation."""

    @pytest.mark.parametrize(
        ("supplement", "reposition", "method"),
        [
            ("2024-05-02T08:00:00+08:00", "2024-05-02T23:00:00Z", "pvp"),
            ("2024-05-02T08:00:00+08:00", "2024-05-02T15:00:00Z", "pkp"),
            ("2024-05-02T08:00:00+08:00", "2024-05-01T23:30:00Z", "pkp"),
            ("2024-05-02T23:50:00+08:00", "2024-05-03T00:10:00+08:00", "pvp"),
            ("2024-05-02", "2024-05-02T23:00:00Z", "pkp"),
        ],
    )
    def test_day_of_two_instants_is_the_hospital_s(
        self, one, fhir, values, supplement, reposition, method
    ):
        """As written only where one of them is a date without time."""
        vertebra = one(
            fhir.pcs("0QU03JZ", at=supplement),
            fhir.pcs("0QS03ZZ", at=reposition),
            now=NOW_IN_CHINA,
        )
        assert values(vertebra).method == method

    @pytest.mark.parametrize(
        ("end", "method"),
        [
            ("2024-05-03T01:00:00+08:00", "pkp"),
            ("2024-05-03T00:05:00+08:00", "pvp"),
            ("2024-05-01T00:00:00+08:00", "pvp"),
            (None, "pvp"),
        ],
    )
    def test_operation_past_midnight_is_one(self, one, fhir, values, end, method):
        """The end of its period tells; one before the start does not."""
        period = {"start": "2024-05-02T23:50:00+08:00"} | ({"end": end} if end else {})
        vertebra = one(
            fhir.pcs("0QU03JZ", at=None, performedPeriod=period),
            fhir.pcs("0QS03ZZ", at="2024-05-03T00:10:00+08:00"),
            now=NOW_IN_CHINA,
        )
        assert values(vertebra).method == method

    def test_overlapping_periods_are_one_operation(self, one, fhir, values):
        """Each with its own beginning."""
        first = ("2024-05-02T23:00:00+08:00", "2024-05-03T00:30:00+08:00")
        second = ("2024-05-03T00:10:00+08:00", "2024-05-03T00:40:00+08:00")
        procedures = [
            fhir.pcs(code, at=None, performedPeriod={"start": start, "end": end})
            for code, (start, end) in (("0QU03JZ", first), ("0QS03ZZ", second))
        ]
        assert values(one(*procedures, now=NOW_IN_CHINA)).method == "pkp"


class TestWithoutEncounter:
    """Procedures that name no encounter, beside an operation of the encounter."""

    def test_partner_completes_the_kyphoplasty(self, one, fhir, values):
        """Billing codes often come without an encounter."""
        vertebra = one(
            fhir.pcs("0QU03JZ", sites=["L1"]),
            fhir.pcs("0QS03ZZ", sites=["L1"], encounter=None),
        )
        assert values(vertebra).method == "pkp"

    def test_other_method_of_the_vertebra_contradicts(self, one, fhir):
        """Vertebroplasty and kyphoplasty of L1 on one day."""
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.procedure("pkp", sites=["L1"], encounter=None),
        )
        assert vertebra.method.reason is Reason.CONFLICT

    @pytest.mark.parametrize("at", ["2024-05-02", "2024-05-01", "2024-04-30"])
    def test_second_vertebra_of_the_stay_is_assessed(self, run, fhir, values, at):
        """On the same day, or on another one of the stay."""
        found = run(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp", sites=["L3"], encounter=None, at=at),
            fhir.pre(),
        )
        told = [values(v) for v in found.vertebrae]
        assert [v.level for v in told] == ["L1", "L3"]
        assert {v.pre for v in told} == {"region-not-level"}

    def test_same_day_counts_without_a_period_of_the_stay(self, run, fhir):
        """The operation of the encounter gives the day."""
        found = run(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp", sites=["L3"], encounter=None),
            fhir.procedure("pkp", sites=["T8"], encounter=None, at="2024-05-01"),
            encounter=None,
        )
        assert [v.level for v in found.vertebrae] == ["L1", "L3"]

    @pytest.mark.parametrize("at", ["2024-04-29", "2024-04", "2023", None])
    def test_operation_of_another_time_is_none_of_the_stay(self, run, fhir, at):
        """Before the admission, or at nobody knows what time."""
        found = run(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp", sites=["L3"], encounter=None, at=at),
        )
        assert [v.level for v in found.vertebrae] == ["L1"]


OTHER_STAY = {"encounter": {"reference": "Encounter/e0"}}
MODIFIED = {
    "modifierExtension": [{"url": "http://example.org/x", "valueBoolean": True}]
}
DOUBTS = [MODIFIED, {"status": None}, {"status": "in-progress"}, {"status": "unknown"}]


@pytest.mark.parametrize("doubt", DOUBTS)
class TestDoubtful:
    """Procedures that cannot be used, but may have been performed."""

    def test_partner_leaves_the_method_open(self, one, fhir, doubt):
        """Vertebroplasty, or kyphoplasty if the Reposition counts."""
        partner = fhir.pcs("0QS03ZZ", sites=["L1"], **doubt)
        vertebra = one(fhir.pcs("0QU03JZ", sites=["L1"]), partner)
        assert vertebra.method.reason is Reason.CONFLICT
        source = f"Procedure/{partner['id']}"
        assert source in vertebra.method.detail
        assert source in vertebra.method.candidates
        assert vertebra.method.detail in vertebra.conflicts

    @pytest.mark.parametrize("other", ["pkp", "pedicle-screw-fixation"])
    def test_other_method_there_leaves_the_method_open(self, one, fhir, doubt, other):
        """Which of the two was done is not known."""
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.procedure(other, sites=["L1"], **doubt),
            fhir.condition("S32.010A"),
        )
        assert vertebra.method.reason is Reason.CONFLICT

    @pytest.mark.parametrize("sites", [["L3"], []])
    def test_second_vertebra_leaves_the_number_open(
        self, one, fhir, values, doubt, sites
    ):
        """Films without a level may be of the other one."""
        vertebra = one(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp", sites=sites, **doubt),
            fhir.pre(),
            fhir.post(level="L1"),
        )
        assert Flag.NUMBER_UNKNOWN in vertebra.flags
        found = values(vertebra)
        assert (found.method, found.pre, found.post) == ("pkp", "region-not-level", 5)

    def test_same_method_of_the_same_level_changes_nothing(
        self, one, fhir, values, doubt
    ):
        """A second record of the same operation."""
        vertebra = one(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp", sites=["L1"], **doubt),
            fhir.pre(),
        )
        assert Flag.NUMBER_UNKNOWN not in vertebra.flags
        assert (values(vertebra).method, values(vertebra).pre) == ("pkp", 20)

    def test_alone_it_is_no_operation(self, run, fhir, doubt):
        """Nothing is assessed by doubtful records only."""
        found = run(fhir.procedure("pkp", sites=["L1"], **doubt), fhir.pre())
        assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION


@pytest.mark.parametrize("status", ["not-done", "entered-in-error", "preparation"])
def test_what_was_not_done_leaves_nothing_open(one, fhir, values, status):
    """A cancelled plan, or a record withdrawn."""
    vertebra = one(
        fhir.procedure("pvp", sites=["L1"]),
        fhir.procedure("pkp", sites=["L1"], status=status),
        fhir.procedure("pkp", sites=["L3"], status=status),
        fhir.pre(),
    )
    assert (values(vertebra).method, values(vertebra).pre) == ("pvp", 20)


def test_month_without_encounter_leaves_it_open(one, fhir):
    """May, somewhere: it may be of the operation."""
    vertebra = one(
        fhir.procedure("pvp", sites=["L1"]),
        fhir.procedure("pkp", sites=["L1"], encounter=None, at="2024-05"),
    )
    assert vertebra.method.reason is Reason.CONFLICT


def test_partner_whose_site_contradicts_itself_leaves_the_method_open(one, fhir, codes):
    """L1 and L3 in one concept: it may be either."""
    both = codes.concept((codes.SNOMED, "66794005"), (codes.SNOMED, "36470004"))
    vertebra = one(
        fhir.pcs("0QU03JZ", sites=["L1"]), fhir.pcs("0QS03ZZ", bodySite=[both])
    )
    assert vertebra.method.reason is Reason.CONFLICT


class TestNearby:
    """Operations of other stays, whose films may be of the same days."""

    @pytest.mark.parametrize("sites", [["L3"], []])
    @pytest.mark.parametrize("at", ["2024-05-02T08:00:00+08:00", "2024-04-20"])
    def test_films_without_level_may_be_of_the_other_vertebra(
        self, one, fhir, values, sites, at
    ):
        """Those with the level serve."""
        vertebra = one(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp", sites=sites, at=at, **OTHER_STAY),
            fhir.pre(),
            fhir.post(level="L1"),
        )
        assert values(vertebra).level == "L1"
        assert (values(vertebra).pre, values(vertebra).post) == ("region-not-level", 5)

    @pytest.mark.parametrize(
        ("level", "at"), [("L1", "2024-04-20"), ("L3", "2024-03-01")]
    )
    def test_same_level_or_other_time_leaves_it_alone(
        self, one, fhir, values, level, at
    ):
        """The films are of the one vertebra."""
        vertebra = one(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp", sites=[level], at=at, **OTHER_STAY),
            fhir.pre(),
        )
        assert values(vertebra).pre == 20

    def test_long_stay_is_far_from_a_later_operation(self, one, fhir, values):
        """Nearly three months lie between them: their films do not meet."""
        vertebra = one(
            fhir.procedure("pkp", sites=["L1"], at="2024-02-01"),
            fhir.procedure("pkp", sites=["L3"], **OTHER_STAY),
            fhir.pre(at="2024-01-30"),
        )
        assert values(vertebra).pre == 20


ADRIFT = {"encounter": None, "at": None}


class TestWithoutEncounterAndTime:
    """A Procedure that nothing ties to a stay, and nothing to another one."""

    @pytest.mark.parametrize("other", ["pkp", "pedicle-screw-fixation"])
    @pytest.mark.parametrize("settings", [{}, {"encounter": None}])
    def test_other_method_there_leaves_the_method_open(
        self, one, fhir, other, settings
    ):
        """It may be of this operation, and both are named."""
        sure = fhir.procedure("pvp", sites=["L1"])
        adrift = fhir.procedure(other, sites=["L1"], **ADRIFT)
        vertebra = one(sure, adrift, fhir.condition("S32.010A"), **settings)
        assert vertebra.method.reason is Reason.CONFLICT
        named = {f"Procedure/{each['id']}" for each in (sure, adrift)}
        assert set(vertebra.method.candidates) == named
        assert vertebra.conflicts == (vertebra.method.detail,)

    def test_partner_leaves_the_method_open(self, one, fhir):
        """Kyphoplasty, if the Reposition is of the same operation."""
        adrift = fhir.pcs("0QS03ZZ", sites=["L1"], **ADRIFT)
        vertebra = one(fhir.pcs("0QU03JZ", sites=["L1"]), adrift)
        assert vertebra.method.reason is Reason.CONFLICT

    @pytest.mark.parametrize("sites", [["L3"], []])
    def test_second_vertebra_leaves_the_number_open(self, one, fhir, values, sites):
        """Films without a level may be of the other one."""
        vertebra = one(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp", sites=sites, **ADRIFT),
            fhir.pre(),
            fhir.post(level="L1"),
        )
        assert Flag.NUMBER_UNKNOWN in vertebra.flags
        found = values(vertebra)
        assert (found.level, found.pre, found.post) == ("L1", "region-not-level", 5)

    def test_same_method_of_the_same_level_changes_nothing(self, one, fhir, values):
        """A second record of the same operation."""
        vertebra = one(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp", sites=["L1"], **ADRIFT),
            fhir.pre(),
        )
        assert Flag.NUMBER_UNKNOWN not in vertebra.flags
        assert (values(vertebra).method, values(vertebra).pre) == ("pkp", 20)

    def test_beside_an_operation_of_the_look_back_likewise(self, one, fhir):
        """A call without an encounter knows no more of it."""
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"], encounter=None),
            fhir.procedure("pkp", sites=["L1"], **ADRIFT),
            encounter_id=None,
        )
        assert vertebra.method.reason is Reason.CONFLICT

    @pytest.mark.parametrize("settings", [{}, {"encounter_id": None}])
    def test_alone_it_is_no_operation(self, run, fhir, settings):
        """Nothing tells that it is of this stay, or recent."""
        found = run(fhir.procedure("pkp", sites=["L1"], **ADRIFT), **settings)
        assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION

    @pytest.mark.parametrize("status", ["not-done", "entered-in-error"])
    def test_what_was_not_done_leaves_nothing_open(self, one, fhir, values, status):
        """As everywhere."""
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.procedure("pkp", sites=["L1"], status=status, **ADRIFT),
        )
        assert values(vertebra).method == "pvp"
