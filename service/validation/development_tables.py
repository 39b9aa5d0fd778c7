"""The tables of the report of a new model."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from service.model.nomogram import Mark
from service.validation.baseline import Count, Counted, Measured, Moments
from service.validation.coefficient_table import Coefficient
from service.validation.estimates import p_words
from service.validation.new_model import CandidateResult, NewModel
from service.validation.optimism import Performance

__all__ = [
    "baseline_rows",
    "candidate_rows",
    "coefficient_rows",
    "drop_rows",
    "performance_rows",
    "point_rows",
    "short_mark",
]

_Rows: TypeAlias = list[tuple[str, ...]]

_NONE: Final = "–"


def baseline_rows(variables: Iterable[Measured | Counted]) -> _Rows:
    """
    Write the baseline table.

    Parameters
    ----------
    variables : iterable of Measured or Counted
        From `service.validation.baseline.compare`.

    Returns
    -------
    list of tuple of str
        Variable, all, in the group, the others, p with its test, standardised
        difference; of labels one row for each.
    """
    rows: _Rows = []
    for each in variables:
        last = (
            f"{p_words(each.p)} ({each.test})",
            _two(each.standardised_difference),
        )
        if isinstance(each, Measured):
            rows.append((*_measured(each), *last))
            continue
        parts = (each.overall, each.with_, each.without)
        rows += [
            (
                f"{_name(each.name)}: {_name(label)}",
                *(_share(part, place) for part in parts),
                *(last if place == 0 else ("", "")),
            )
            for place, label in enumerate(each.labels)
        ]
    return rows


def candidate_rows(candidates: Sequence[CandidateResult]) -> _Rows:
    """
    Say what became of each candidate.

    Parameters
    ----------
    candidates : sequence of CandidateResult
        The candidates.

    Returns
    -------
    list of tuple of str
        Name, coefficient in the Rad-score, whether LASSO and the model have it, and in
        which share of the resamples they would have.
    """
    return [
        (
            _name(each.name),
            ", ".join(f"{value:.4f}" for value in each.rad_coefficients)
            if each.is_selected
            else _NONE,
            "yes" if each.is_selected else "no",
            "yes" if each.is_kept else "no",
            f"{each.selected_share:.0%}",
            f"{each.kept_share:.0%}",
        )
        for each in candidates
    ]


def coefficient_rows(table: Sequence[Coefficient]) -> _Rows:
    """
    Write a logistic regression.

    Parameters
    ----------
    table : sequence of Coefficient
        From `service.validation.coefficient_table.coefficient_table`.

    Returns
    -------
    list of tuple of str
        Column, log odds with error, odds ratio with interval, p.
    """
    return [
        (
            _name(each.name),
            f"{each.value:.4f} ({each.standard_error:.4f})",
            f"{each.odds_ratio:.3f} ({_end(each.low)} to {_end(each.high)})",
            p_words(each.p),
        )
        for each in table
    ]


def drop_rows(model: NewModel) -> _Rows:
    """
    Write the steps of backward elimination.

    Parameters
    ----------
    model : NewModel
        The results.

    Returns
    -------
    list of tuple of str
        Candidate, its p before, Akaike's criterion afterwards.
    """
    return [
        (_name(each.name), p_words(each.p), f"{each.aic:.2f}") for each in model.dropped
    ]


def performance_rows(model: NewModel) -> _Rows:
    """
    Write apparent and corrected performance.

    Parameters
    ----------
    model : NewModel
        The results.

    Returns
    -------
    list of tuple of str
        Measure; apparent, optimism, corrected; in patients kept for validation if any.
    """
    found = model.optimism
    columns = [found.apparent, found.optimism, found.corrected]
    if model.validated is not None:
        columns.append(model.validated)
    return [
        (name, *(_measure(each, field) for each in columns))
        for name, field in (
            ("AUC", "auc"),
            ("Brier score", "brier"),
            ("Calibration slope", "slope"),
            ("Calibration intercept", "intercept"),
        )
    ]


def point_rows(model: NewModel) -> _Rows:
    """
    Write the nomogram as a table.

    Parameters
    ----------
    model : NewModel
        The results.

    Returns
    -------
    list of tuple of str
        Points of each value of each predictor; at last the risk of total points.
    """
    points: _Rows = [
        (_name(name), "; ".join(f"{short_mark(mark)}: {mark.points}" for mark in marks))
        for name, marks in model.points.items()
    ]
    risks = (f"{total}: {100 * risk:.3g} %" for total, risk in model.risks)
    return [*points, ("risk of total points", "; ".join(risks))]


def short_mark(mark: Mark) -> str:
    """
    Write a mark of an axis in a few digits: its ends are those of patients.

    Parameters
    ----------
    mark : Mark
        From `service.model.nomogram.marks`.

    Returns
    -------
    str
        The label, or the number with three digits.

    Examples
    --------
    >>> short_mark(Mark(27.5164, "27.5164", 100)), short_mark(Mark(0.0, "pvp", 3))
    ('27.5', 'pvp')
    """
    is_number = mark.label == f"{mark.value:g}"
    return f"{mark.value:.3g}" if is_number else mark.label.replace("_", " ")


def _measured(found: Measured) -> tuple[str, ...]:
    how = "mean (SD)" if found.is_normal else "median (quartiles)"
    parts = (found.overall, found.with_, found.without)
    told = (_moments(part, is_normal=found.is_normal) for part in parts)
    return (f"{_name(found.name)}, {how}", *told)


def _name(name: str) -> str:
    return name.replace("_", " ")


def _moments(part: Moments, *, is_normal: bool) -> str:
    missing = f", {part.missing} missing" * bool(part.missing)
    if is_normal:
        return f"{part.mean:.1f} ({part.sd:.1f}){missing}"
    return f"{part.median:.1f} ({part.lower:.1f} to {part.upper:.1f}){missing}"


def _share(part: Count, place: int) -> str:
    return f"{part.counts[place]} ({part.counts[place] / part.n:.0%})"


def _measure(found: Performance, field: str) -> str:
    value = float(getattr(found, field))
    return _NONE if math.isnan(value) else f"{value:z.3f}"


def _end(value: float) -> str:
    return _NONE if math.isnan(value) else f"{value:.3f}"


def _two(value: float) -> str:
    return _NONE if math.isnan(value) else f"{value:z.2f}"
