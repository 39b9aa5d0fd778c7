"""Which reading serves: status, time, window, vertebra, and differing values."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from service.fhir.findings import Reason
from service.policy import Windows


@pytest.fixture
def with_pvp(one, fhir):
    """Vertebroplasty of L1 on 2 May 2024, 10:00 in +08:00, and some Observations."""

    def run_with(*resources, at="2024-05-02T10:00:00+08:00", **settings):
        return one(fhir.procedure("pvp", sites=["L1"], at=at), *resources, **settings)

    return run_with


class TestStatus:
    """Only settled values count."""

    @pytest.mark.parametrize("status", ["final", "amended", "corrected"])
    def test_settled_ones_count(self, with_pvp, fhir, status):
        """Their status is kept."""
        found = with_pvp(fhir.cement(status=status)).cement_ratio_percent
        assert (found.value, found.status) == (52, status)

    @pytest.mark.parametrize("status", ["preliminary", "registered", "unknown"])
    def test_unsettled_ones_are_named(self, with_pvp, fhir, status):
        """If nothing better exists, the card can say so."""
        observation = fhir.cement(status=status)
        found = with_pvp(observation).cement_ratio_percent
        assert (found.reason, found.detail) == (Reason.STATUS_NOT_FINAL, status)
        assert found.candidates == (f"Observation/{observation['id']}",)

    def test_unsettled_one_stands_back_behind_a_settled_one(self, with_pvp, fhir):
        """However much newer it is."""
        found = with_pvp(
            fhir.cement(50),
            fhir.cement(60, status="preliminary", at="2024-05-05T09:00:00Z"),
        ).cement_ratio_percent
        assert found.value == 50

    @pytest.mark.parametrize(
        "status",
        ["entered-in-error", "cancelled", "banana", None, 5, ["final"], {"a": 1}],
    )
    def test_erroneous_ones_never_count_nor_show(self, with_pvp, fhir, status):
        """They are as if not there."""
        found = with_pvp(fhir.cement(status=status)).cement_ratio_percent
        assert (found.reason, found.candidates) == (Reason.NOT_RECORDED, ())


class TestBeforeOrAfter:
    """A measurement's own code decides, else its time."""

    def test_time_decides_for_an_angle_without_own_code(self, with_pvp, fhir, values):
        """Before the start of the operation, and after it."""
        found = values(
            with_pvp(
                fhir.angle(20, "2024-05-02T01:59:59Z"),
                fhir.angle(5, "2024-05-02T02:00:01Z"),
            )
        )
        assert (found.pre, found.post, found.crr) == (20, 5, 75)

    def test_instant_of_the_start_cannot_tell(self, with_pvp, fhir, values):
        """Neither before nor after."""
        found = values(with_pvp(fhir.angle(20, "2024-05-02T02:00:00Z")))
        assert (found.pre, found.post) == ("time-unclear", "time-unclear")

    def test_own_code_decides_against_the_time(self, with_pvp, fhir, values):
        """Coded preoperative, dated when it was read."""
        found = values(with_pvp(fhir.pre(20, at="2024-05-04T09:00:00Z"), fhir.post(5)))
        assert (found.pre, found.crr) == (20, 75)

    def test_date_on_the_day_of_the_operation_cannot_tell(self, with_pvp, fhir, values):
        """An angle without own code needs a time then."""
        found = values(with_pvp(fhir.angle(20, "2024-05-02")))
        assert (found.pre, found.post) == ("time-unclear", "time-unclear")

    def test_date_on_the_day_serves_with_an_own_code(self, with_pvp, fhir, values):
        """The code tells."""
        found = values(
            with_pvp(fhir.pre(20, at="2024-05-02"), fhir.post(5, at="2024-05-02"))
        )
        assert found.crr == 75

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("2024-05-01", "2024-05-03"),
            ("2024-05-01T23:59:59Z", "2024-05-03T00:00:00Z"),
        ],
    )
    def test_operation_with_a_date_covers_that_day(
        self, with_pvp, fhir, values, before, after
    ):
        """The days next to it are outside."""
        found = values(
            with_pvp(fhir.angle(20, before), fhir.angle(5, after), at="2024-05-02")
        )
        assert (found.pre, found.post) == (20, 5)
        found = values(with_pvp(fhir.angle(5, "2024-05-02T20:00:00Z"), at="2024-05-02"))
        assert (found.pre, found.post) == ("time-unclear", "time-unclear")

    def test_day_is_one_of_the_callers_zone(self, with_pvp, fhir, values, codes):
        """In Taipei the instant lies on the day of the operation, in UTC before it."""
        film = fhir.angle(20, "2024-05-01T20:00:00Z")
        assert values(with_pvp(film, at="2024-05-02")).pre == 20
        there = codes.NOW.astimezone(ZoneInfo("Asia/Taipei"))
        found = values(with_pvp(film, at="2024-05-02", now=there))
        assert found.pre == "time-unclear"

    @pytest.mark.parametrize(
        "time",
        [
            "2024",
            "2024-05",
            "not a time",
            "2024-05-03T09:00:00",
            "2024-13-01",
            None,
            5,
            "2024-05-03T25:00:00Z",
            "20240503",
            "0001-01-01",
            "9999-12-31",
            "2024-W18-5",
            "２０２４-05-03",
        ],
    )
    def test_time_that_does_not_tell_is_unclear(self, with_pvp, fhir, values, time):
        """A month, a text, a time without zone, and none."""
        found = values(with_pvp(fhir.angle(20, time)))
        assert found.pre in {"time-unclear", "stale"}
        assert not isinstance(found.post, float)

    def test_month_before_the_operation_tells(self, one, fhir):
        """April covers all its thirty days; no single time is claimed."""
        operation = fhir.procedure("pvp", sites=["L1"], at="2024-05-01")
        found = one(operation, fhir.angle(20, "2024-04")).cobb_preoperative_deg
        assert (found.value, found.time) == (20, None)

    @pytest.mark.parametrize(
        ("element", "value"),
        [
            ("effectiveInstant", "2024-05-03T09:00:00Z"),
            ("effectivePeriod", {"start": "2024-05-03T09:00:00Z"}),
            (
                "effectivePeriod",
                {"start": "2024-05-03T09:00:00Z", "end": "2024-05-03T10:00:00Z"},
            ),
        ],
    )
    def test_other_forms_of_time(self, with_pvp, fhir, values, element, value):
        """Instant and period."""
        observation = fhir.angle(5, None, **{element: value})
        assert values(with_pvp(observation)).post == 5

    @pytest.mark.parametrize(
        ("element", "value"),
        [
            ("effectivePeriod", {"start": "2024-05-01", "end": "2024-05-04"}),
            ("effectivePeriod", {"end": "2024-05-04"}),
            ("effectivePeriod", {"start": "2024-05-03", "end": "soon"}),
            ("effectiveTiming", {"event": ["2024-05-03"]}),
            ("issued", "2024-05-03T09:00:00Z"),
        ],
    )
    def test_forms_that_do_not_tell(self, with_pvp, fhir, values, element, value):
        """A period across the operation, a timing, the time of the report."""
        observation = fhir.angle(5, None, **{element: value})
        found = values(with_pvp(observation))
        assert (found.pre, found.post) == ("time-unclear", "time-unclear")

    @pytest.mark.parametrize("kind", ["pre", "post", "cement"])
    def test_own_code_without_time_is_unclear(self, with_pvp, fhir, values, kind):
        """It may be of years ago."""
        observation = getattr(fhir, kind)(at=None)
        assert getattr(values(with_pvp(observation)), kind) == "time-unclear"

    @pytest.mark.parametrize("kind", ["pre", "post", "cement"])
    def test_value_dated_after_the_call_does_not_serve(
        self, with_pvp, fhir, values, kind
    ):
        """A replay must not look into the future."""
        observation = getattr(fhir, kind)(at="2024-05-07T00:00:00Z")
        assert getattr(values(with_pvp(observation)), kind) == "time-unclear"

    @pytest.mark.parametrize("kind", ["post", "cement"])
    def test_postoperative_value_from_before_is_of_another_operation(
        self, with_pvp, fhir, values, kind
    ):
        """Cement cannot be measured before it is there."""
        observation = getattr(fhir, kind)(at="2024-05-02T01:00:00Z")
        assert getattr(values(with_pvp(observation)), kind) == "time-unclear"

    def test_ratio_dated_on_the_day_serves(self, with_pvp, fhir, values):
        """A cement ratio cannot precede the cement."""
        assert values(with_pvp(fhir.cement(at="2024-05-02"))).cement == 52

    def test_two_operations_of_one_vertebra_leave_the_time_between_open(
        self, one, fhir, values
    ):
        """Films between the first and the last cannot tell."""
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.procedure("pvp", sites=["L1"], at="2024-05-04T10:00:00Z"),
            fhir.angle(20, "2024-05-01"),
            fhir.angle(9, "2024-05-03"),
            fhir.angle(5, "2024-05-05"),
        )
        found = values(vertebra)
        assert (found.pre, found.post) == (20, 5)
        assert vertebra.operation.day is None


class TestWhichFilm:
    """The last before, the first after, the newest ratio; inside the windows."""

    def test_last_film_before_the_operation(self, with_pvp, fhir, values):
        """Whatever its code."""
        found = values(
            with_pvp(
                fhir.pre(20, at="2024-04-28"),
                fhir.angle(22, "2024-05-01"),
                fhir.pre(18, at="2024-04-20"),
            )
        )
        assert found.pre == 22

    def test_film_read_later_stands_back(self, with_pvp, fhir, values):
        """A film dated before the operation is surely of before."""
        found = values(
            with_pvp(
                fhir.pre(20, at="2024-05-01"), fhir.pre(25, at="2024-05-04T09:00:00Z")
            )
        )
        assert found.pre == 20

    def test_several_read_later_that_differ_contradict(self, with_pvp, fhir, values):
        """Which was the last before the operation is not known."""
        found = values(
            with_pvp(
                fhir.pre(20, at="2024-05-03"), fhir.pre(25, at="2024-05-04T09:00:00Z")
            )
        )
        assert found.pre == "conflict"

    @pytest.mark.parametrize(
        ("day", "result"),
        [
            ("2024-04-02", 20),
            ("2024-04-01T02:00:00Z", "stale"),
            ("2020-01-01", "stale"),
        ],
    )
    def test_preoperative_film_is_at_most_thirty_days_old(
        self, with_pvp, fhir, values, day, result
    ):
        """By policy; coded or not."""
        assert values(with_pvp(fhir.pre(20, at=day))).pre == result
        assert values(with_pvp(fhir.angle(20, day))).pre == result

    def test_preoperative_film_is_after_the_injury(self, with_pvp, fhir, values):
        """A film from before the fracture shows another vertebra."""
        fracture = fhir.condition("S32.010A", onsetDateTime="2024-04-30")
        assert values(with_pvp(fhir.pre(20, at="2024-04-29"), fracture)).pre == "stale"
        assert values(with_pvp(fhir.pre(20, at="2024-04-30"), fracture)).pre == 20

    def test_first_film_after_the_operation(self, with_pvp, fhir, values):
        """A later one answers another question."""
        found = values(
            with_pvp(
                fhir.post(5), fhir.post(9, at="2024-05-05"), fhir.angle(8, "2024-05-04")
            )
        )
        assert found.post == 5

    def test_window_after_the_operation(self, run, fhir, values, codes):
        """Fourteen days by policy; a film of the fifth month only informs follow-up."""
        later = codes.NOW + timedelta(days=160)
        procedure = fhir.procedure("pvp", sites=["L1"])
        for day, result in (
            ("2024-05-16T02:00:00Z", 5),
            ("2024-05-16T02:00:01Z", "outside-window"),
            ("2024-10-01", "outside-window"),
        ):
            (vertebra,) = run(procedure, fhir.post(5, at=day), now=later).vertebrae
            assert values(vertebra).post == result

    def test_newest_ratio_of_the_window(self, with_pvp, fhir, values):
        """For cement the newest final value counts."""
        found = values(with_pvp(fhir.cement(50), fhir.cement(55, at="2024-05-05")))
        assert found.cement == 55

    def test_ratio_outside_the_window(self, run, fhir, values, codes):
        """The same window as the film."""
        found = run(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.cement(at="2024-06-01"),
            now=codes.NOW + timedelta(days=60),
            encounter_id="e1",
        )
        assert values(found.vertebrae[0]).cement == "outside-window"

    def test_first_recorded_restoration_ratio(self, with_pvp, fhir, values):
        """Its film is the postoperative one."""
        found = values(with_pvp(fhir.ratio(60), fhir.ratio(40, at="2024-05-05")))
        assert found.crr == 60

    def test_windows_are_policy(self, with_pvp, fhir, values):
        """A site may narrow them."""
        narrow = Windows(
            lookback_days=30, preoperative_max_age_days=1, postoperative_days=1
        )
        found = values(
            with_pvp(
                fhir.pre(20, at="2024-04-28"),
                fhir.post(5, at="2024-05-05"),
                windows=narrow,
            )
        )
        assert (found.pre, found.post) == ("stale", "outside-window")

    def test_reason_is_that_of_the_nearest_miss(self, with_pvp, fhir):
        """A value with a fault tells more than one that is too old."""
        found = with_pvp(
            fhir.pre(at="2020-01-01"), fhir.pre({"value": 20}), fhir.pre(level="L4")
        ).cobb_preoperative_deg
        assert found.reason is Reason.UNIT_NOT_STATED


class TestDifferingValues:
    """Never averaged."""

    def test_two_values_at_one_time_contradict(self, with_pvp, fhir):
        """Both are named."""
        first, second = fhir.cement(50), fhir.cement(60)
        vertebra = with_pvp(first, second)
        found = vertebra.cement_ratio_percent
        assert found.reason is Reason.CONFLICT
        assert found.candidates == tuple(
            f"Observation/{o['id']}" for o in (first, second)
        )
        assert "50 %" in found.detail
        assert "60 %" in found.detail
        assert vertebra.conflicts == (found.detail,)

    def test_both_stand_in_the_first_characters(self, with_pvp, fhir, codes):
        """Whatever length ids and units have, a card of 400 characters shows both."""
        wordy = {"unit": "w" * 200, "system": codes.UCUM, "code": "%"}
        vertebra = with_pvp(
            fhir.cement({"value": 46, **wordy}, id="a" * 64),
            fhir.cement({"value": 61, **wordy}, id="b" * 64),
            *[fhir.cement(number) for number in range(70, 80)],
        )
        (detail,) = vertebra.conflicts
        assert len(detail) <= 400
        assert f"46 {'w' * 50}" in detail
        assert f"61 {'w' * 50}" in detail
        assert detail.endswith("and 10 more")

    def test_first_two_named_are_two_that_differ(self, with_pvp, fhir):
        """A second record of the first value is no other value."""
        same = [fhir.cement(46) for _ in range(3)]
        (detail,) = with_pvp(*same, fhir.cement(61)).conflicts
        assert detail == (
            "differing values at one time: 46 % (Observation/ob1)"
            " and 61 % (Observation/ob4), and 2 more"
        )

    def test_unit_of_a_value_is_kept_short(self, with_pvp, fhir, codes):
        """What stands beside the code may be any text."""
        wordy = {"value": 52, "unit": "w" * 200, "system": codes.UCUM, "code": "%"}
        assert len(with_pvp(fhir.cement(wordy)).cement_ratio_percent.as_found) <= 63

    def test_same_value_twice_is_one(self, with_pvp, fhir, codes):
        """Also in another unit."""
        found = with_pvp(fhir.cement(52), fhir.cement(codes.quantity(0.52, "1")))
        assert found.cement_ratio_percent.value == 52

    def test_same_instant_in_another_zone_contradicts(self, with_pvp, fhir, values):
        """Instants are compared."""
        found = values(
            with_pvp(
                fhir.cement(50, at="2024-05-03T09:00:00+08:00"),
                fhir.cement(60, at="2024-05-03T01:00:00Z"),
            )
        )
        assert found.cement == "conflict"

    def test_date_and_instant_of_one_day_contradict(self, with_pvp, fhir, values):
        """Which came first cannot be told."""
        found = values(
            with_pvp(
                fhir.post(5, at="2024-05-03"), fhir.post(6, at="2024-05-03T09:00:00Z")
            )
        )
        assert (found.post, found.crr) == ("conflict", "conflict")

    def test_invalid_record_is_no_contradiction(self, with_pvp, fhir, values):
        """A broken resource does not speak."""
        broken = fhir.cement(60)
        broken["code"]["coding"].append({"system": 5})
        assert values(with_pvp(fhir.cement(50), broken)).cement == 50

    def test_values_of_two_times_do_not_contradict(self, with_pvp, fhir, values):
        """The film decides."""
        found = values(with_pvp(fhir.cement(50), fhir.cement(60, at="2024-05-04")))
        assert found.cement == 60


class TestVertebra:
    """A measurement of another level never serves."""

    @pytest.mark.parametrize(
        ("level", "result"),
        [
            ("L1", 52),
            ("L2", "other-level"),
            ("T12", "other-level"),
            (None, 52),
        ],
    )
    def test_body_site(self, with_pvp, fhir, values, level, result):
        """Without a level it serves, since one vertebra was operated on."""
        assert values(with_pvp(fhir.cement(level=level))).cement == result

    def test_region_that_holds_the_vertebra_serves(self, with_pvp, fhir, values, codes):
        """The film's region."""
        observation = fhir.cement(bodySite=codes.concept((codes.SNOMED, "122496007")))
        assert values(with_pvp(observation)).cement == 52

    @pytest.mark.parametrize(
        "site",
        [
            {"text": "L1"},
            {"coding": [{"system": "http://x.example.org", "code": "L1"}]},
        ],
    )
    def test_site_that_cannot_be_read_does_not_serve(self, with_pvp, fhir, site):
        """It may be any other vertebra."""
        found = with_pvp(fhir.cement(bodySite=site)).cement_ratio_percent
        assert found.reason is Reason.OTHER_LEVEL
        assert found.detail == "the place is not known here"

    def test_focus_on_condition_or_procedure(self, one, fhir, values):
        """The focus tells the vertebra by its own level."""
        procedure = fhir.procedure("pvp", sites=["L1"])
        fracture = fhir.condition("S32.020D")
        here = [{"reference": f"Procedure/{procedure['id']}"}]
        assert values(one(procedure, fhir.cement(focus=here))).cement == 52
        fracture = fhir.condition("S32.010A")
        there = [{"reference": f"Condition/{fracture['id']}"}]
        assert values(one(procedure, fracture, fhir.cement(focus=there))).cement == 52

    def test_focus_on_the_fracture_of_another_level(self, run, fhir, values):
        """Never serves."""
        first, second = fhir.condition("S32.010A"), fhir.condition("S32.030A")
        focus = [{"reference": f"Condition/{second['id']}"}]
        found = run(
            fhir.procedure("pvp", sites=["L1"]), first, second, fhir.cement(focus=focus)
        )
        assert values(found.vertebrae[0]).cement == "other-level"

    @pytest.mark.parametrize(
        ("focus", "result"),
        [
            ([{"reference": "Patient/p1"}], 52),
            ([], 52),
            ([{"reference": "Device/d1"}], "other-level"),
            ([{"reference": "Condition/unknown"}], "other-level"),
            (["x"], "other-level"),
        ],
    )
    def test_focus_elsewhere(self, with_pvp, fhir, values, focus, result):
        """The patient is no place; what cannot be found may be another vertebra."""
        assert values(with_pvp(fhir.cement(focus=focus))).cement == result

    def test_focus_against_body_site(self, one, fhir, values):
        """A record that contradicts itself does not serve."""
        procedure = fhir.procedure("pvp", sites=["L1"])
        focus = [{"reference": f"Procedure/{procedure['id']}"}]
        found = values(one(procedure, fhir.cement(focus=focus, level="L3")))
        assert found.cement == "other-level"

    def test_each_vertebra_has_its_own_values(self, run, fhir, values):
        """Levels keep them apart; what has none serves neither."""
        found = run(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.procedure("pvp", sites=["L3"]),
            fhir.cement(50, level="L1"),
            fhir.cement(60, level="L3"),
            fhir.pre(20),
            fhir.post(5, level="L3"),
        )
        first, second = map(values, found.vertebrae)
        assert (first.cement, first.pre, first.post) == (
            50,
            "region-not-level",
            "other-level",
        )
        assert (second.cement, second.pre, second.post) == (60, "region-not-level", 5)

    def test_region_does_not_tell_several_vertebrae_apart(
        self, run, fhir, values, codes
    ):
        """A lumbar film of one of two lumbar vertebrae."""
        region = codes.concept((codes.SNOMED, "122496007"))
        found = run(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.procedure("pvp", sites=["L3"]),
            fhir.cement(bodySite=region),
        )
        assert [values(v).cement for v in found.vertebrae] == ["region-not-level"] * 2

    def test_region_of_an_unknown_number_does_not_serve(self, one, fhir, values, codes):
        """Two lumbar operations without levels, a lumbar film."""
        region = codes.concept((codes.SNOMED, "122496007"))
        vertebra = one(
            fhir.pcs("0QU03JZ"), fhir.pcs("0QU03JZ"), fhir.cement(bodySite=region)
        )
        assert values(vertebra).cement == "region-not-level"

    def test_measured_level_serves_where_only_the_segment_is_known(
        self, one, fhir, values
    ):
        """One lumbar operation, films of one lumbar vertebra."""
        vertebra = one(
            fhir.pcs("0QU03JZ"),
            fhir.pre(20, level="L1"),
            fhir.post(5, level="L1"),
            fhir.cement(),
        )
        assert (values(vertebra).crr, values(vertebra).cement) == (75, 52)

    def test_films_of_two_levels_do_not(self, one, fhir, values):
        """Which of them was operated on is not known: angles must not mix."""
        vertebra = one(
            fhir.pcs("0QU03JZ"),
            fhir.pre(20, level="L1"),
            fhir.post(5, level="L2"),
            fhir.cement(),
        )
        assert (values(vertebra).pre, values(vertebra).post) == (
            "region-not-level",
        ) * 2
        assert values(vertebra).cement == 52


class TestPanels:
    """Values as components."""

    def test_components_of_the_panel_are_read(self, with_pvp, fhir, values, codes):
        """They share time, status and place of the panel."""
        panel = fhir.observation(
            "predictor-panel",
            level="L1",
            component=[
                {
                    "code": codes.concept((codes.OWN, name)),
                    "valueQuantity": codes.quantity(value, unit),
                }
                for name, value, unit in (
                    ("cobb-preoperative", 20, "deg"),
                    ("cobb-postoperative", 5, "deg"),
                    ("cement-ratio-ap", 0.52, "1"),
                )
            ],
        )
        vertebra = with_pvp(panel)
        found = values(vertebra)
        assert (found.cement, found.crr) == (52, 75)
        assert vertebra.cobb_restoration_ratio_percent.source == (
            f"Observation/{panel['id']}"
        )

    def test_component_has_its_own_absence(self, with_pvp, fhir, codes):
        """The panel's values stay apart."""
        absent = codes.concept(
            (
                "http://terminology.hl7.org/CodeSystem/data-absent-reason",
                "not-performed",
            )
        )
        panel = fhir.observation(
            "predictor-panel",
            component=[
                {
                    "code": codes.concept((codes.OWN, "cement-ratio-ap")),
                    "dataAbsentReason": absent,
                }
            ],
        )
        found = with_pvp(panel).cement_ratio_percent
        assert (found.reason, found.detail) == (Reason.DATA_ABSENT, "not-performed")

    @pytest.mark.parametrize(
        "components",
        [
            None,
            [],
            "x",
            [5],
            [{"code": None}],
            [{"code": {"coding": [{"system": "http://x.example.org", "code": "y"}]}}],
        ],
    )
    def test_panel_without_values_has_none(self, with_pvp, fhir, components):
        """Junk in a panel is no value."""
        panel = fhir.observation("predictor-panel", component=components)
        assert with_pvp(panel).cement_ratio_percent.reason is Reason.NOT_RECORDED

    def test_panel_in_a_panel_is_not_read(self, with_pvp, fhir, codes):
        """A component has no components."""
        inner = {"code": codes.concept((codes.OWN, "predictor-panel"))}
        panel = fhir.observation("predictor-panel", component=[inner])
        assert with_pvp(panel).cement_ratio_percent.reason is Reason.NOT_RECORDED

    def test_components_of_other_observations_are_not_read(self, with_pvp, fhir, codes):
        """Only a panel's components are looked at."""
        other = fhir.observation(
            (codes.LOCAL, "film"),
            component=[
                {
                    "code": codes.concept((codes.OWN, "cement-ratio-ap")),
                    "valueQuantity": codes.quantity(52, "%"),
                }
            ],
        )
        assert with_pvp(other).cement_ratio_percent.reason is Reason.NOT_RECORDED

    def test_general_cobb_angle_of_snomed_does_not_serve(self, with_pvp, fhir, codes):
        """It has no plane, level or timing."""
        film = fhir.observation((codes.SNOMED, "285285000"), codes.quantity(20))
        assert with_pvp(film).cobb_postoperative_deg.reason is Reason.NOT_RECORDED
