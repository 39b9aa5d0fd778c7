"""Days and instants: what is sure whatever zone a date without time was meant in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir.findings import Flag, Reason
from service.fhir.times import parse_date, parse_when

ZONES = [timezone(timedelta(hours=hours)) for hours in (0, 4, -9)]
OFFSETS = st.integers(-12 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
EAST = timezone(timedelta(hours=8))


@pytest.fixture(params=ZONES, ids=str)
def zone(request):
    """The zone of the server's clock; hospitals are elsewhere."""
    return request.param


@pytest.fixture
def judge(one, fhir, values, codes, zone):
    """Angles without own code of an operation, judged by a clock in the zone."""

    def run_at(operated, *films):
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"], at=operated),
            *[fhir.angle(20 - n, at) for n, at in enumerate(films)],
            now=codes.NOW.astimezone(zone),
        )
        return values(vertebra)

    return run_at


@given(
    zone=st.sampled_from(ZONES),
    offset=OFFSETS,
    minute=st.integers(0, 24 * 60 - 1),
)
def test_own_day_of_an_instant_is_neither_before_nor_after_it(zone, offset, minute):
    """An instant that says the same day as a date cannot be told apart from it."""
    day = parse_when("2026-03-02", zone)
    moment = datetime(2026, 3, 2, tzinfo=offset) + timedelta(minutes=minute)
    when = parse_when(moment.isoformat(timespec="seconds"), zone)
    assert not when.is_before(day)
    assert not day.is_before(when)
    assert when.overlaps(day)


@given(
    zone=st.sampled_from(ZONES),
    offset=OFFSETS,
    days=st.integers(3, 20),
    minute=st.integers(0, 24 * 60 - 1),
)
def test_three_days_apart_are_sure_everywhere(zone, offset, days, minute):
    """No two zones are so far apart that the order could turn round."""
    day = parse_when("2026-03-02", zone)
    start = datetime(2026, 3, 2, tzinfo=offset) + timedelta(minutes=minute)
    before, after = (
        parse_when(moment.isoformat(timespec="seconds"), zone)
        for moment in (start - timedelta(days=days), start + timedelta(days=days))
    )
    assert before.is_before(day)
    assert day.is_before(after)


@given(
    moments=st.tuples(*[st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1))] * 2),  # noqa: DTZ001 zones are added
    offsets=st.tuples(OFFSETS, OFFSETS),
)
def test_instants_are_compared_as_instants(moments, offsets):
    """Between instants the calendar has no say."""
    one, other = (
        moment.replace(microsecond=0, tzinfo=offset)
        for moment, offset in zip(moments, offsets, strict=True)
    )
    first, second = (parse_when(moment.isoformat(), UTC) for moment in (one, other))
    assert first.is_before(second) == (one < other)
    assert first.overlaps(second) == (one == other)


def test_film_of_the_day_in_the_east_is_unclear(judge):
    """It lies on the day before in UTC, and on the day of the operation there."""
    found = judge("2024-05-02", "2024-05-02T05:00:00+08:00")
    assert (found.pre, found.post) == ("time-unclear", "time-unclear")


def test_film_of_the_day_in_the_west_is_unclear(judge):
    """It lies on the day after in UTC, and on the day of the operation there."""
    found = judge("2024-05-02", "2024-05-02T20:00:00-09:00")
    assert (found.pre, found.post) == ("time-unclear", "time-unclear")


def test_films_of_other_days_tell(judge):
    """Two days before and after are sure in every zone."""
    films = "2024-04-30T05:00:00+08:00", "2024-05-04T20:00:00+08:00"
    found = judge("2024-05-02", *films)
    assert (found.pre, found.post) == (20, 19)


def test_films_with_instants_tell_on_the_day_of_the_operation(judge):
    """Instants against an instant are sure on the same day."""
    found = judge(
        "2024-05-02T07:00:00+08:00",
        "2024-05-02T05:00:00+08:00",
        "2024-05-02T09:00:00+08:00",
    )
    assert (found.pre, found.post) == (20, 19)


@pytest.mark.parametrize(
    ("supplement", "reposition"),
    [
        ("2024-05-02T05:00:00+08:00", "2024-05-02"),
        ("2024-05-02", "2024-05-02T20:00:00-09:00"),
        ("2024-05-02T06:00:00+08:00", "2024-05-02T13:30:00+08:00"),
    ],
)
def test_codes_of_one_day_there_are_one_operation(
    one, fhir, values, codes, zone, supplement, reposition
):
    """Midnight of the server does not make a kyphoplasty a vertebroplasty."""
    vertebra = one(
        fhir.pcs("0QU03JZ", at=supplement),
        fhir.pcs("0QS03ZZ", at=reposition),
        now=codes.NOW.astimezone(zone),
    )
    assert values(vertebra).method == "pkp"


def test_day_of_the_operation_is_the_one_that_is_written(one, fhir, codes, zone):
    """An operation early in the morning there is not one of the day before."""
    procedure = fhir.procedure("pvp", sites=["L1"], at="2024-05-02T05:00:00+08:00")
    vertebra = one(procedure, now=codes.NOW.astimezone(zone))
    assert vertebra.operation.day.isoformat() == "2024-05-02"


def test_age_counts_on_the_day_that_is_written(run, fhir, codes, zone):
    """Eighteen years old on the morning of the operation, where it took place."""
    found = run(
        fhir.procedure("pvp", sites=["L1"], at="2024-05-02T05:00:00+08:00"),
        patient=fhir.patient("2006-05-02"),
        now=codes.NOW.astimezone(zone),
    )
    assert found.not_assessed is None


@pytest.mark.parametrize(("day", "counts"), [("2024-05-02", True), ("2024-05-03", 0)])
def test_today_of_the_hospital_may_be_tomorrow_of_the_clock(
    run, fhir, values, zone, day, counts
):
    """At six in the morning in the east, an operation dated today has taken place."""
    now = datetime(2024, 5, 2, 6, tzinfo=EAST).astimezone(zone)
    found = run(
        fhir.procedure("pvp", sites=["L1"], at=day), fhir.post(5, at=day), now=now
    )
    assert len(found.vertebrae) == counts
    for vertebra in found.vertebrae:
        assert values(vertebra).post == 5


@pytest.mark.parametrize("time", [None, "2024-13-45", "soon", 7])
def test_time_of_the_stay_that_stands_in_is_flagged(one, fhir, time):
    """Who reads the card must know that the operation itself has no time."""
    flags = one(fhir.procedure("pvp", sites=["L1"], at=time)).flags
    assert Flag.OPERATION_TIME_NOT_RECORDED in flags


def test_own_time_of_the_operation_is_not_flagged(one, typical):
    """The time stands in the record."""
    assert Flag.OPERATION_TIME_NOT_RECORDED not in one(*typical).flags


def test_without_a_stay_nothing_stands_in(one, fhir):
    """Then every value is unclear for itself."""
    made = fhir.procedure("pvp", sites=["L1"], at=None), fhir.post(5)
    vertebra = one(*made, encounter=None)
    assert Flag.OPERATION_TIME_NOT_RECORDED not in vertebra.flags
    assert vertebra.cobb_postoperative_deg.reason is Reason.TIME_UNCLEAR


@pytest.mark.parametrize(
    "text", ["2026-00", "2026-00-04", "2026-13", "2026-02-30", "0000", "26-01-01", ""]
)
def test_what_is_no_date_is_not_read_as_one(text):
    """A month 00 is no January."""
    assert parse_when(text, UTC) is None
    assert parse_date(text) is None
