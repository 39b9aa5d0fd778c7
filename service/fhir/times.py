"""FHIR times as intervals: a date alone covers its whole day."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache, reduce

__all__ = ["When", "at", "days", "enclosing", "parse_date", "parse_when"]

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)

#: No time is longer; what is kept in memory is bounded by it.
_LONGEST = 40
_DATE_LENGTH = 10
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)

#: Clocks on Earth differ from UTC by at most so much.
_WESTERNMOST = timedelta(hours=-12)
_EASTERNMOST = timedelta(hours=14)


@dataclass(slots=True, unsafe_hash=True)
class When:
    """
    When something happened, as exactly as it was recorded.

    Nothing changes one once it is made; `frozen` would make that three times as dear.

    Attributes
    ----------
    start, end : datetime.datetime
        First and last instant that are possible, in UTC; equal for an instant.
    stated : datetime.datetime or datetime.date or None
        What was recorded; None for a month, a year, or several records.
    first_day, last_day : datetime.date
        First and last calendar day as written, whatever the zone.
    has_bare_date : bool
        Whether it comes from a date without time, so that its instants are only as
        sure as the zone in which they were taken.
    """

    start: datetime
    end: datetime
    stated: datetime | date | None
    first_day: date
    last_day: date
    has_bare_date: bool = False

    def is_before(self, other: "When") -> bool:
        """
        Tell whether this surely came first.

        Parameters
        ----------
        other : When
            Another time.

        Returns
        -------
        bool
            False also if the order cannot be told. Against a date without time the
            calendar days as written must say the same as the instants: in which zone
            that date was meant is not recorded.
        """
        if self.end >= other.start:
            return False
        if self.has_bare_date or other.has_bare_date:
            return self.last_day < other.first_day
        return True

    def overlaps(self, other: "When") -> bool:
        """
        Tell whether the order of the two is open, or none.

        Parameters
        ----------
        other : When
            Another time.

        Returns
        -------
        bool
            True if neither surely came first.
        """
        return not self.is_before(other) and not other.is_before(self)

    def shares_day(self, other: "When", zone: tzinfo) -> bool:
        """
        Tell whether both may be of one day.

        Parameters
        ----------
        other : When
            Another time.
        zone : datetime.tzinfo
            Where days begin and end.

        Returns
        -------
        bool
            True if they share one in the zone. Days as written count as well where a
            date has no time, or where both were written by clocks of one offset.
        """
        if (
            (self.has_bare_date or other.has_bare_date or self._is_by_clock_of(other))
            and self.first_day <= other.last_day
            and other.first_day <= self.last_day
        ):
            return True
        first, last = (time.astimezone(zone).date() for time in (self.start, self.end))
        begun, over = (
            time.astimezone(zone).date() for time in (other.start, other.end)
        )
        return first <= over and begun <= last

    def _is_by_clock_of(self, other: "When") -> bool:
        one, two = self.stated, other.stated
        if not isinstance(one, datetime) or not isinstance(two, datetime):
            return False
        return one.utcoffset() == two.utcoffset()


def parse_when(text: object, zone: tzinfo) -> When | None:
    """
    Read a FHIR date, dateTime or instant.

    Parameters
    ----------
    text : object
        JSON value of the element.
    zone : datetime.tzinfo
        Where the day of a date without time begins and ends.

    Returns
    -------
    When or None
        None if the text is no FHIR time, or lies at the edge of the calendar.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    return _parse(text, zone)


@lru_cache(maxsize=1024)
def _parse(text: str, zone: tzinfo) -> When | None:
    try:
        if _INSTANT.fullmatch(text):
            stated = datetime.fromisoformat(text)
            instant = stated.astimezone(UTC)
            day = stated.date()
            return When(instant, instant, stated, day, day)
        first, after = _days(text)
        last = after - _DAY
        return When(
            _midnight(first, zone),
            _midnight(after, zone) - _TICK,
            first if first == last else None,
            first,
            last,
            has_bare_date=True,
        )
    except (ValueError, OverflowError):
        return None


def parse_date(text: object) -> tuple[date, date] | None:
    """
    Read a FHIR date as the days it may mean.

    Parameters
    ----------
    text : object
        JSON value of the element.

    Returns
    -------
    tuple of datetime.date or None
        First and last day; None if the text is no date.
    """
    if not isinstance(text, str):
        return None
    try:
        first, after = _days(text)
        return first, after - _DAY
    except (ValueError, OverflowError):
        return None


def at(moment: datetime) -> When:
    """
    Take the time of a call.

    Parameters
    ----------
    moment : datetime.datetime
        With its zone.

    Returns
    -------
    When
        The instant. A server's clock does not know the day of the hospital, so its days
        are all that are possible on Earth.
    """
    instant = moment.astimezone(UTC)
    first, last = instant + _WESTERNMOST, instant + _EASTERNMOST
    return When(instant, instant, moment, first.date(), last.date())


def enclosing(times: Iterable[When]) -> When:
    """
    Find the interval from the first to the last of several times.

    Parameters
    ----------
    times : iterable of When
        At least one.

    Returns
    -------
    When
        One that holds them all; it keeps what was stated if all state the same.
    """
    return reduce(_enclose, times)


def _enclose(one: When, other: When) -> When:
    if one is other:
        return one
    return When(
        min(one.start, other.start),
        max(one.end, other.end),
        # Two zones are dear to compare; what was stated alike began at one instant.
        one.stated if one.start == other.start and one.stated == other.stated else None,
        min(one.first_day, other.first_day),
        max(one.last_day, other.last_day),
        one.has_bare_date or other.has_bare_date,
    )


@lru_cache(maxsize=16)
def days(number: int) -> timedelta:
    """
    Give the length of a window of the policy.

    Parameters
    ----------
    number : int
        How many days.

    Returns
    -------
    datetime.timedelta
        So many days.
    """
    return timedelta(days=number)


def _days(text: str) -> tuple[date, date]:
    """First day of a date, month or year, and the day after its last."""
    # Python takes other forms of ISO 8601 as well; strokes there leave one only.
    if len(text) == _DATE_LENGTH and text[4] == text[7] == "-":
        return (first := date.fromisoformat(text)), first + _DAY
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError
    year = int(match[1])
    if match[2] is None:
        return date(year, 1, 1), date(year + 1, 1, 1)
    month = int(match[2])
    if match[3]:
        first = date(year, month, int(match[3]))
        return first, first + _DAY
    return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
