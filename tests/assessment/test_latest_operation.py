"""Several operations within the horizon: the follow-up counts from the latest."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.assessment import Band
from service.fhir.findings import Flag, Reason
from service.followup import Quiet, Stage
from service.followup_cards import ChartComposer
from service.model.artifact import load_bundled
from service.orders import Subject
from service.policy import Reminded, default_policy

BURST_L2 = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "S32.020A"}
SCREWS = "pedicle-screw-fixation"


@pytest.fixture
def operated(chart):
    """Vertebroplasty of L2 on day 0, high risk, its films with their level."""
    for observation in chart.observations:
        observation["bodySite"] = chart._code("L2")
    return chart


def again(chart, code, day, *levels, name="later", **more):
    """Another Procedure so many days later."""
    sites = [chart._code(level) for level in levels] or None
    return chart.done(code, chart.day(day), id=name, bodySite=sites, **more)


def broken(chart, day=-1):
    """The fracture of L2 as a diagnosis."""
    chart.conditions.append(
        {
            "resourceType": "Condition",
            "id": "fracture",
            "subject": {"reference": "Patient/p1"},
            "code": {"coding": [BURST_L2]},
            "recordedDate": chart.day(day).date().isoformat(),
        }
    )
    return chart


def stay(name):
    return {"encounter": {"reference": f"Encounter/{name}"}}


def methods(view):
    return [
        (item.vertebra.level, item.vertebra.method.value)
        for item in view.assessment.vertebrae
    ]


class TestOneOperationRecordedAgain:
    """A coder enters it once more, some days later."""

    @pytest.mark.parametrize("levels", [("L2",), ()], ids=["level", "no-level"])
    @pytest.mark.parametrize(
        ("first", "second"),
        [({}, {}), (stay("e"), stay("e")), (stay("e"), {}), ({}, stay("e"))],
        ids=["no-stay", "one-stay", "first-has-one", "second-has-one"],
    )
    def test_it_is_one_with_a_day_and_reminds(self, operated, levels, first, second):
        """From the later day, with the values of the first: never silent."""
        operated.procedures[0] |= first
        again(operated, "pvp", 4, *levels, **second)
        view = operated.read(32)
        assert view.stage is Stage.REVIEW_DUE
        assert view.operation.day == date(2026, 3, 6)
        assert view.operation.sources == ("Procedure/later", "Procedure/op")
        assert methods(view) == [("L2", "pvp")]
        assert view.groups == {Reminded.HIGH}
        assert operated.read(31).quiet is Quiet.NOT_YET_DUE

    def test_a_month_that_holds_the_day_says_nothing_new(self, operated):
        """The record that names a day decides."""
        again(operated, "pvp", 0, "L2", performedDateTime="2026-03")
        assert operated.read(30).operation.day == date(2026, 3, 2)
        assert operated.read(30).stage is Stage.REVIEW_DUE

    def test_a_date_beside_a_time_of_that_day_is_that_day(self, operated):
        """Whichever of the two comes first."""
        again(operated, "pvp", 0, "L2", performedDateTime="2026-03-02")
        assert operated.read(30).operation.day == date(2026, 3, 2)

    def test_two_stays_are_two_operations_however_near(self, operated):
        """The record says so: what was measured in the first is not of the second."""
        operated.procedures[0] |= stay("e1")
        view = again(operated, "pvp", 4, "L2", **stay("e2")).read(32)
        assert view.operation.sources == ("Procedure/later",)


class TestScrewsAfterCement:
    """A revision of the vertebra that was augmented."""

    @pytest.mark.parametrize("with_fracture", [True, False], ids=["fracture", "none"])
    @pytest.mark.parametrize("levels", [("L1", "L3"), ("L1", "L2", "L3"), ()])
    def test_the_follow_up_counts_from_the_screws(
        self, operated, levels, with_fracture
    ):
        """Screws and cement of one vertebra, in two sessions."""
        if with_fracture:
            broken(operated)
        again(operated, SCREWS, 21, *levels)
        assert operated.read(30).quiet is Quiet.NOT_YET_DUE
        view = operated.read(49)
        assert view.stage is Stage.REVIEW_DUE
        assert view.operation.day == date(2026, 3, 23)
        assert methods(view) == [("L2", "pedicle_screw")]
        (item,) = view.assessment.vertebrae
        assert item.band is Band.HIGH
        assert Flag.TWO_METHODS in item.vertebra.flags

    def test_a_construct_of_several_procedures_is_seen_whole(self, operated):
        """One for each level: the cement lies between them."""
        again(operated, SCREWS, 21, "L1", name="above")
        again(operated, SCREWS, 21, "L3", name="below")
        assert operated.read(49).operation.day == date(2026, 3, 23)

    def test_screws_elsewhere_without_a_fracture_are_no_new_operation(self, operated):
        """Degenerative surgery neither starts the follow-up nor ends it."""
        view = again(operated, SCREWS, 21, "L4", "L5").read(30)
        assert view.stage is Stage.REVIEW_DUE
        assert view.operation.day == date(2026, 3, 2)
        assert methods(view) == [("L2", "pvp")]

    def test_findings_before_the_revision_do_not_count(self, operated):
        """The tender point of the first operation may be gone with the second."""
        operated.sign("scn-tender-point", value=True, when=operated.day(18))
        assert operated.read(20).stage is Stage.NEXT_STEP
        view = again(operated, SCREWS, 21, "L1", "L3").read(49)
        assert view.criteria.tender_point.reason is Reason.NOT_RECORDED
        assert view.stage is Stage.REVIEW_DUE


class TestAnotherVertebra:
    """Operated on later, in another stay or in the same."""

    def test_what_was_recorded_after_the_first_says_nothing_of_the_second(
        self, operated
    ):
        """The follow-up starts anew."""
        operated.done("tender-point-assessment", operated.day(30))
        assert operated.read(40).quiet is Quiet.FOLLOW_UP_RECORDED
        again(operated, "pkp", 60, "L4")
        operated.sign("cement-ratio-ap", 41, operated.day(60), id="cement-l4")
        operated.sign("cobb-restoration-ratio", 30, operated.day(61), id="crr-l4")
        for name in ("cement-l4", "crr-l4"):
            (own,) = (o for o in operated.observations if o["id"] == name)
            own["bodySite"] = operated._code("L4")
        view = operated.read(90)
        assert view.stage is Stage.REVIEW_DUE
        assert view.operation.sources == ("Procedure/later",)
        assert methods(view) == [("L4", "pkp")]

    @pytest.mark.parametrize(
        ("code", "level"), [("pkp", "L4"), ("pvp", "L2")], ids=["other", "the-same"]
    )
    def test_without_values_of_the_second_the_group_of_the_first_holds(
        self, operated, code, level
    ):
        """A new operation that nobody measured makes nobody's risk smaller."""
        view = again(operated, code, 21, level).read(50)
        assert view.operation.day == date(2026, 3, 23)
        assert view.groups == {Reminded.HIGH, Reminded.NOT_SCORED}
        assert view.is_by_earlier
        assert view.stage is Stage.REVIEW_DUE
        composer = ChartComposer(
            model=load_bundled("liu-nomogram"),
            policy=default_policy(),
            public_url="https://cds.example.org/scnen",
            canonical_base="http://scnen-cds.example.org/fhir",
            secret_key=b"k" * 32,
        )
        (card,) = composer.compose(view, Subject("p1", None))
        assert "after the operation of 2026-03-23 is due" in card.detail
        assert "That was an earlier operation" in card.detail

    def test_two_of_one_stay_are_one_follow_up(self, operated):
        """From the day of the last, for the highest risk of both."""
        operated.procedures[0] |= stay("e")
        again(operated, "pkp", 5, "L4", **stay("e"))
        view = operated.read(33)
        assert view.operation.day == date(2026, 3, 7)
        assert sorted(methods(view)) == [("L2", "pvp"), ("L4", "pkp")]
        assert (view.stage, view.is_by_earlier) == (Stage.REVIEW_DUE, False)

    def test_one_that_cannot_be_read_is_told_not_dropped(self, operated):
        """The reminder of the first says that records were left out."""
        again(operated, "pkp", 21, "L4", subject={"reference": "Patient/p1"})
        operated.procedures[-1]["performedDateTime"] = "2026-03-23"
        operated.procedures[-1]["status"] = "done"
        view = operated.read(30)
        assert view.operation.day == date(2026, 3, 2)
        assert "resources-not-read" in view.assessment.flags

    def test_one_that_was_only_begun_does_not_start_it(self, operated):
        """Nobody knows that it was performed."""
        view = again(operated, "pkp", 21, "L4", status="in-progress").read(30)
        assert view.operation.day == date(2026, 3, 2)


def test_very_many_operations_are_told_apart_no_further_than_is_of_use(operated):
    """Screws for no fracture, day by day: what lies before the last ten is found."""
    for day in range(1, 30):
        again(operated, SCREWS, day, "T2", "T3", name=f"s{day}")
    view = operated.read(30)
    assert view.operation.sources == ("Procedure/op",)
    assert view.stage is Stage.REVIEW_DUE


def test_the_horizon_is_that_of_the_latest(operated):
    """An operation before it does not come back once the latest is too old."""
    policy = default_policy()
    short = replace(policy, follow_up=replace(policy.follow_up, horizon_days=60))
    again(operated, "pkp", 21, "L4")
    assert operated.read(82, policy=short, hour=0).quiet is Quiet.BEYOND_HORIZON


PROCEDURES = st.lists(
    st.tuples(
        st.sampled_from(["pvp", "pkp", SCREWS]),
        st.integers(0, 120),
        st.lists(st.sampled_from(["T12", "L1", "L2", "L4"]), max_size=2, unique=True),
        st.sampled_from([None, "e1", "e2"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(procedures=PROCEDURES, order=st.randoms())
def test_with_days_that_are_known_the_day_of_the_latest_is_known(
    chart, procedures, order
):
    """Whatever was done where: no cement comes after it, and the order is no matter."""
    chart.procedures = []
    for number, (code, day, levels, encounter) in enumerate(procedures):
        more = stay(encounter) if encounter else {}
        again(chart, code, day, *levels, name=f"op{number}", **more)
    view = chart.read(121)
    cemented = [day for code, day, *_ in procedures if code != SCREWS]
    if not cemented:
        assert view.operation is None or view.operation.day
        return
    since = (view.operation.day - chart.operated.date()).days
    assert since >= max(cemented)
    assert since in [day for _, day, *_ in procedures]
    assert view.quiet is not Quiet.OPERATION_DAY_UNKNOWN
    order.shuffle(chart.procedures)
    other = chart.read(121)
    assert other.operation == view.operation
    assert (other.stage, other.quiet) == (view.stage, view.quiet)
