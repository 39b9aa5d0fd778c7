"""A block of rows of a table: text becomes values, and every fault is named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.cohort.patients import DATES, Refusal
from service.model.predictors import INPUTS, restoration_ratio_percent

__all__ = ["LABELS", "NUMBERS", "RATIO_TOLERANCE", "Block", "check_rows"]

_Array: TypeAlias = NDArray[np.float64]
_Rows: TypeAlias = NDArray[np.bool_]
_Texts: TypeAlias = Mapping[str, Sequence[str]]

LABELS: Final = tuple(name for name, kind in INPUTS.items() if kind.codes)
NUMBERS: Final = tuple(name for name, kind in INPUTS.items() if not kind.codes)
#: A recorded and a computed ratio may differ by so many percentage points, as live.
RATIO_TOLERANCE: Final = 1.0
_ROUNDING: Final = 1e-9

_BEFORE, _AFTER = "cobb_preoperative_deg", "cobb_postoperative_deg"
_RATIO: Final = "cobb_restoration_ratio_percent"
_SCNEN: Final = {"": np.nan, "0": 0.0, "1": 1.0}
_ISO_LENGTH: Final = len("2026-03-02")
_NO_DATE: Final = np.datetime64("NaT", "D")


@dataclass(frozen=True, slots=True)
class Block:
    """
    What can be taken of some rows, and what cannot.

    Attributes
    ----------
    kept : numpy.ndarray of bool of shape (n_rows,)
        Which rows have no fault; the arrays hold them alone.
    columns : Mapping[str, numpy.ndarray of shape (n_kept,)]
        Every input of the models.
    scnen : numpy.ndarray of shape (n_kept,)
        Outcomes, NaN for not examined.
    dates : Mapping[str, numpy.ndarray of datetime64[D] of shape (n_kept,)]
        The dates that the source has, NaT where one is empty.
    refusals : list of Refusal
        Every fault of every row.
    """

    kept: _Rows
    columns: Mapping[str, NDArray[Any]]
    scnen: _Array
    dates: Mapping[str, NDArray[np.datetime64]]
    refusals: list[Refusal]


def check_rows(
    texts: _Texts, numbers: Sequence[int], *, signed_angles: bool = False
) -> Block:
    """
    Check rows by the rules that hold for the inputs of a call.

    Parameters
    ----------
    texts : Mapping[str, sequence of str]
        Fields by column, without blanks around them: ``id``, the inputs of the models,
        ``scnen`` and dates. A column that is absent is empty in all rows.
    numbers : sequence of int
        Number of each row in its source.
    signed_angles : bool, optional
        The source records kyphosis with one sign and lordosis with the other. Otherwise
        angles that are both negative are taken as magnitudes, and opposite signs
        contradict each other.

    Returns
    -------
    Block
        Values and faults. The ratio is computed where both angles are there.
    """
    checker = _Checker(texts, numbers)
    checker.ids()
    columns: dict[str, NDArray[Any]] = {name: checker.labels(name) for name in LABELS}
    columns |= {name: checker.numbers(name) for name in NUMBERS}
    if not signed_angles:
        checker.signs(columns)
    checker.ratios(columns)
    scnen = checker.outcomes()
    dates = checker.dates()
    kept = ~checker.is_bad
    return Block(
        kept,
        {name: column[kept] for name, column in columns.items()},
        scnen[kept],
        {name: days[kept] for name, days in dates.items()},
        checker.refusals,
    )


class _Checker:
    """The fields of a block, and the faults found in them so far."""

    def __init__(self, texts: _Texts, numbers: Sequence[int]) -> None:
        self._texts = texts
        self._numbers = numbers
        self._size = len(numbers)
        self.is_bad = np.zeros(self._size, dtype=np.bool_)
        self.refusals: list[Refusal] = []

    def _column(self, name: str) -> Sequence[str]:
        return self._texts.get(name) or [""] * self._size

    def _is_empty(self, name: str) -> _Rows:
        return np.array([not text for text in self._column(name)], dtype=np.bool_)

    def _refuse(self, rows: _Rows, field: str, reason: str) -> None:
        self.is_bad |= rows
        ids = self._texts["id"]
        for place in np.flatnonzero(rows).tolist():
            number = self._numbers[place]
            self.refusals.append(Refusal(number, ids[place], field, reason))

    def _refuse_texts(self, name: str, reasons: Mapping[str, str]) -> None:
        """Refuse the rows in which one of these texts stands."""
        texts = self._column(name)
        for reason in sorted(set(reasons.values())):
            rows = [reasons.get(text) == reason for text in texts]
            self._refuse(np.array(rows, dtype=np.bool_), name, reason)

    def ids(self) -> None:
        if "" in self._texts["id"]:
            self._refuse_texts("id", {"": "is empty; give each patient a pseudonym"})

    def labels(self, name: str) -> NDArray[np.str_]:
        texts, codes = self._column(name), INPUTS[name].codes
        known = ", ".join(codes)
        reason = f"must be one of {known}, so written; empty if it is not known"
        unknown = set(texts) - set(codes) - {""}
        self._refuse_texts(name, dict.fromkeys(unknown, reason))
        if unknown:
            texts = ["" if text in unknown else text for text in texts]
        return np.array(texts, dtype=f"<U{max(map(len, codes))}")

    def numbers(self, name: str) -> _Array:
        if name not in self._texts:
            return np.full(self._size, np.nan)
        texts, kind = self._texts[name], INPUTS[name]
        values = _as_numbers(texts)
        wrong = np.flatnonzero(np.isnan(values)).tolist()
        bad = {texts[place] for place in wrong} - {""}
        self._refuse_texts(name, {text: _why_no_number(text) for text in bad})
        low, high = kind.physical
        with np.errstate(invalid="ignore"):
            beyond = (values < low) | (values > high)
        if beyond.any():
            unit = kind.unit
            reason = f"must lie in [{low:g}, {high:g}] {unit}; correct it, or its unit"
            self._refuse(beyond, name, reason)
            values[beyond] = np.nan
        return values

    def signs(self, columns: dict[str, NDArray[Any]]) -> None:
        """Settle signs that nobody has declared, as for a call."""
        before, after = columns[_BEFORE], columns[_AFTER]
        with np.errstate(invalid="ignore"):
            negative = (before < 0) | (after < 0)
            both = (before <= 0) & (after <= 0)
            opposite = (before * after) < 0
        if not negative.any():
            return
        alone = self._is_empty(_BEFORE) | self._is_empty(_AFTER)
        self._refuse(
            opposite,
            _AFTER,
            "has the opposite sign of cobb_preoperative_deg; correct the wrong one, or"
            " say that the angles are signed (--signed-angles)",
        )
        self._refuse(
            negative & alone,
            _BEFORE,
            "an angle is negative, and without the other nobody knows what that means;"
            " give both, or say that the angles are signed (--signed-angles)",
        )
        turned = negative & both
        columns[_BEFORE] = np.where(turned, np.abs(before), before)
        columns[_AFTER] = np.where(turned, np.abs(after), after)

    def ratios(self, columns: dict[str, NDArray[Any]]) -> None:
        """Compute the ratio where both angles are there; one that is recorded fits."""
        recorded = columns[_RATIO]
        computed = _computed(columns[_BEFORE], columns[_AFTER])
        low, high = INPUTS[_RATIO].physical
        with np.errstate(invalid="ignore"):
            beyond = (computed < low) | (computed > high)
            differs = np.abs(recorded - computed) > RATIO_TOLERANCE + _ROUNDING
        reason = f"the ratio of the angles is beyond [{low:g}, {high:g}] %; check both"
        self._refuse(beyond, _AFTER, reason)
        self._refuse(
            differs & ~beyond,
            _RATIO,
            f"differs by more than {RATIO_TOLERANCE:g} percentage point from the ratio"
            " of the angles; correct what is wrong, or leave it empty: it is computed",
        )
        columns[_RATIO] = np.where(np.isnan(computed), recorded, computed)

    def outcomes(self) -> _Array:
        texts = self._column("scnen")
        unknown = set(texts) - set(_SCNEN)
        reason = "must be 1, 0, or empty for not examined, which is never 0"
        self._refuse_texts("scnen", dict.fromkeys(unknown, reason))
        return np.array([_SCNEN.get(text, np.nan) for text in texts])

    def dates(self) -> dict[str, NDArray[np.datetime64]]:
        found = {name: self._days(name) for name in DATES if name in self._texts}
        examined = found.get("outcome_date")
        if examined is None:
            return found
        self._refuse(
            self._is_empty("scnen") & ~np.isnat(examined),
            "outcome_date",
            "scnen is empty: who was not examined has no such date; give scnen, or"
            " leave the date empty",
        )
        for name in sorted(_TOO_LATE.keys() & found):
            reason = f"lies after outcome_date: {_TOO_LATE[name]}"
            self._refuse(found[name] > examined, name, reason)
        return found

    def _days(self, name: str) -> NDArray[np.datetime64]:
        texts = self._column(name)
        days = {text: _day(text) for text in set(texts)}
        reason = "must be a day, YYYY-MM-DD, such as 2026-03-02; empty if not known"
        wrong = {text for text, day in days.items() if text and np.isnat(day)}
        self._refuse_texts(name, dict.fromkeys(wrong, reason))
        return np.array([days[text] for text in texts], dtype="datetime64[D]")


_TOO_LATE: Final = {
    "operation_date": "the outcome is one of the operation; correct one of them",
    "predictors_date": (
        "what is known only afterwards predicts nothing; correct one of them, or give"
        " values of before"
    ),
}


def _as_numbers(texts: Sequence[str]) -> _Array:
    """Read numbers; NaN for an empty text and for one that is none."""
    try:
        values = np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        values = np.array([_number(text) for text in texts], dtype=np.float64)
    values[np.isinf(values)] = np.nan
    # Python takes 1_000 for a number; nobody writes a film's value so.
    if "_" in "".join(texts):
        values[["_" in text for text in texts]] = np.nan
    return values


def _number(text: str) -> float:
    try:
        return float(text) if text else np.nan
    except ValueError:
        return np.nan


def _why_no_number(text: str) -> str:
    if text.endswith("%"):
        return "must be the number alone; leave out the per cent sign"
    if text.count(",") == 1 and not np.isnan(_number(text.replace(",", "."))):
        return "has a decimal comma; write a point, 12.5"
    return "is no number; if it is not known, leave it empty: no word, no 999"


@lru_cache(maxsize=100_000)
def _day(text: str) -> np.datetime64:
    try:
        day = date.fromisoformat(text) if len(text) == _ISO_LENGTH else None
    except ValueError:
        day = None
    return _NO_DATE if day is None else np.datetime64(day, "D")


def _computed(before: _Array, after: _Array) -> _Array:
    pairs = zip(before.tolist(), after.tolist(), strict=True)
    ratios = [restoration_ratio_percent(first, second) for first, second in pairs]
    return np.array([np.nan if ratio is None else ratio for ratio in ratios])
