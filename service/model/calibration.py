"""What a local calibration rests on: its section of an artifact, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from service import fields
from service.fields import FieldError

__all__ = ["Calibration", "LevelTested", "read_calibration"]

_REQUIRED = (
    "method",
    "n",
    "events",
    "first_operation",
    "last_operation",
    "interval",
    "approved_by",
    "approved_on",
    "valid_until",
    "data_digest",
    "code_version",
)


@dataclass(frozen=True, slots=True)
class LevelTested:
    """
    A test of the refitted model against a simpler update, as a report has it.

    Attributes
    ----------
    against : str
        ``as-is``, ``intercept`` or ``slope``.
    statistic : float
        Likelihood ratio.
    df : int
        Degrees of freedom.
    p : float
        Its p-value.
    """

    against: str
    statistic: float
    df: int
    p: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """
    What a local recalibration rests on, and until when it may be used.

    Attributes
    ----------
    method : str
        What was estimated again.
    n, events : int
        Local patients and events.
    first_operation, last_operation : datetime.date
        Span of the local data.
    interval : tuple of float
        95 % interval of the intercept, the slopes taken as they are.
    approved_by : tuple of str
        Who answers for it.
    approved_on, valid_until : datetime.date
        Day of the approval; last day of use.
    data_digest, code_version : str
        What the estimate can be traced to.
    is_synthetic : bool
        Whether the patients were drawn, not seen: for demonstration only.
    tests : tuple of LevelTested
        The closed test between the levels of an update, in its order; empty if the
        model was not updated but made anew.
    """

    method: str
    n: int
    events: int
    first_operation: date
    last_operation: date
    interval: tuple[float, float]
    approved_by: tuple[str, ...]
    approved_on: date
    valid_until: date
    data_digest: str
    code_version: str
    is_synthetic: bool = False
    tests: tuple[LevelTested, ...] = ()


def read_calibration(root: Mapping[str, Any]) -> Calibration | None:
    """
    Read the section ``calibration`` of an artifact.

    Parameters
    ----------
    root : Mapping
        The artifact, its mode and intercept already checked.

    Returns
    -------
    Calibration or None
        The section; None for an anchored model, which must not have any.

    Raises
    ------
    FieldError
        If a field is missing, unknown or wrong.
    """
    if root["mode"] == "anchored":
        if root["calibration"] is not None:
            raise FieldError("calibration", "must be null in an anchored model")
        return None
    item = fields.section(
        root["calibration"], "calibration", _REQUIRED, ("is_synthetic", "tests")
    )
    if not isinstance(item.get("is_synthetic", False), bool):
        raise FieldError("calibration.is_synthetic", "must be true or false")
    events = fields.whole(item["events"], "calibration.events", 1)
    n = fields.whole(item["n"], "calibration.n", 2)
    if events >= n:
        raise FieldError("calibration.events", "must be fewer than n")
    days = [
        fields.day(item[name], f"calibration.{name}")
        for name in ("first_operation", "last_operation", "approved_on", "valid_until")
    ]
    if days != sorted(days):
        raise FieldError(
            "calibration",
            "first_operation, last_operation, approved_on, valid_until must follow"
            " each other",
        )
    low, high = fields.numbers(item["interval"], "calibration.interval", 2)
    if not low <= root["intercept"]["value"] <= high:
        raise FieldError("calibration.interval", "must hold the intercept")
    return Calibration(
        fields.text(item["method"], "calibration.method"),
        n,
        events,
        days[0],
        days[1],
        (low, high),
        fields.texts(item["approved_by"], "calibration.approved_by"),
        days[2],
        days[3],
        fields.text(item["data_digest"], "calibration.data_digest"),
        fields.text(item["code_version"], "calibration.code_version"),
        item.get("is_synthetic", False),
        _tests(item["tests"], "calibration.tests") if "tests" in item else (),
    )


def _tests(value: object, field: str) -> tuple[LevelTested, ...]:
    items = fields.sequence(value, field)
    return tuple(_test(item, f"{field}[{i}]") for i, item in enumerate(items))


def _test(value: object, field: str) -> LevelTested:
    item = fields.section(value, field, ("against", "statistic", "df", "p"))
    return LevelTested(
        fields.text(item["against"], f"{field}.against"),
        fields.number(item["statistic"], f"{field}.statistic", 0),
        fields.whole(item["df"], f"{field}.df"),
        fields.number(item["p"], f"{field}.p", 0, 1),
    )
