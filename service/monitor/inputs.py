"""Sections of the report about inputs: what is missing, and what has drifted."""

from collections.abc import Sequence
from typing import Final

from service.monitor.cells import Cells
from service.monitor.drift import Difference, Stability
from service.monitor.parts import Section, bars
from service.monitor.report import Report

__all__ = ["against_table_1", "distribution", "missing"]

_NONE: Final = "–"
#: Conventions: a standardised difference (Austin 2009), an index (credit scoring).
_NOTABLE, _LARGE = 0.1, 0.25


def missing(report: Report, cells: Cells) -> Section:
    """
    Say which values were missing, and why.

    Parameters
    ----------
    report : Report
        The report.
    cells : Cells
        Prints counts.

    Returns
    -------
    Section
        The words.
    """
    rows = [("predictor", "missing", "share", "reasons")]
    for name, reasons in report.missing.items():
        n = sum(reasons.values())
        # What was found is a part of the whole, too: no reason can be told from it.
        said = cells.parts({**reasons, "found": report.vertebrae - n})
        listed = ", ".join(f"{reason} {said[reason]}" for reason in reasons)
        is_whole = "hidden" not in said.values()
        total = cells.count(n) if is_whole else "hidden"
        share = cells.share(n, report.vertebrae) if is_whole else _NONE
        rows.append((name, total, share, listed or _NONE))
    return Section(
        "Missing values",
        (f"{cells.count(report.vertebrae)} operated vertebrae of discharges.",),
        tuple(rows),
    )


def against_table_1(found: Sequence[Difference], cells: Cells) -> Section:
    """
    Compare means and shares with Table 1.

    Parameters
    ----------
    found : sequence of Difference
        The comparison.
    cells : Cells
        Prints counts.

    Returns
    -------
    Section
        The words.
    """
    hidden = _hidden_shares(found, cells)
    rows = [("predictor", "n", "here", "study", "difference", "95 % interval", "")]
    for each in found:
        is_share = "=" in each.what
        study = _moments(each.study_mean, each.study_sd, is_share=is_share)
        is_hidden = cells.is_small(each.n) or each.what in hidden
        if each.mean is None or each.interval is None or is_hidden:
            n = cells.count(each.n)
            rows.append((each.what, n, _NONE, study, _NONE, _NONE, ""))
            continue
        here = _moments(each.mean, each.sd or 0.0, is_share=is_share)
        words = _in_sds(each.difference or 0.0, each.interval)
        rows.append((each.what, str(each.n), here, study, *words))
    return Section(
        "Inputs against Table 1 of the study",
        (
            "Mean (SD) or share. The difference is standardised (Austin 2009); 0.1 and"
            " more is called notable, if its interval leaves 0 out.",
        ),
        tuple(rows),
    )


def _hidden_shares(found: Sequence[Difference], cells: Cells) -> set[str]:
    """Name the shares from which a small count could be told."""
    wholes: dict[str, dict[str, int]] = {}
    for each in found:
        predictor, _, category = each.what.partition("=")
        if category and each.mean is not None:
            own = wholes.setdefault(predictor, {})
            own[each.what] = round(each.mean * each.n)
    return {
        what
        for counts in wholes.values()
        for what, said in cells.parts(counts).items()
        if said != str(counts[what])
    }


def _in_sds(difference: float, interval: tuple[float, float]) -> tuple[str, str, str]:
    low, high = interval
    is_notable = abs(difference) >= _NOTABLE and not low <= 0 <= high
    word = "notable" if is_notable else ""
    return f"{difference:+.2f}", f"{low:+.2f} to {high:+.2f}", word


def _moments(mean: float, sd: float, *, is_share: bool) -> str:
    return f"{mean:.1%}" if is_share else f"{mean:.2f} ({sd:.2f})"


def distribution(found: Stability, cells: Cells) -> Section:
    """
    Compare a distribution with the study's.

    Parameters
    ----------
    found : Stability
        The comparison.
    cells : Cells
        Prints counts.

    Returns
    -------
    Section
        The words.
    """
    title = f"Distribution of {found.predictor}"
    counts = {each.label: each.count for each in found.bins}
    expected = {each.label: each.expected for each in found.bins}
    n = sum(counts.values())
    if found.index is None or found.chance is None or cells.is_small(n):
        return Section(title, ("No values." if n == 0 else "Too few values.",))
    # The bins that are shown and the number together would tell those that are hidden.
    is_told = all(
        said == str(counts[name]) for name, said in cells.parts(counts).items()
    )
    index = f" {found.index:.2f}" if is_told else ""
    return Section(
        title,
        (
            f"Population stability index{index}: {_grade(found.index, found.chance)}."
            f" Chance alone exceeds {found.chance:.2f} in one of twenty samples of"
            f" {n}.",
            "Bins: fifths of the cohort rebuilt from Table 1, or the categories; the"
            " mark is the study's share.",
        ),
        bars=bars(counts, n, cells, expected),
    )


def _grade(index: float, chance: float) -> str:
    """Put an index into words; the convention says nothing of small samples."""
    if index <= chance:
        return "no more than chance does"
    grade = "large" if index >= _LARGE else "moderate"
    if index < _NOTABLE:
        grade = "little"
    return f"by convention {grade} drift ({_NOTABLE}, {_LARGE})"
