"""Sections of the report about inputs: what is missing, and what has drifted."""

from collections.abc import Sequence
from typing import Final

from service.monitor.cells import Cells
from service.monitor.drift import Bin, Difference, Stability
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
    gettext, told = cells.gettext, cells.tell
    rows = [
        (gettext("predictor"), gettext("missing"), gettext("share"), gettext("reasons"))
    ]
    for name, reasons in report.missing.items():
        n = sum(reasons.values())
        # What was found is a part of the whole, too: no reason can be told from it.
        said = cells.parts({**reasons, "found": report.vertebrae - n})
        listed = gettext(", ").join(f"{told(each)} {said[each]}" for each in reasons)
        is_whole = cells.hidden not in said.values()
        total = cells.count(n) if is_whole else cells.hidden
        share = cells.share(n, report.vertebrae) if is_whole else _NONE
        rows.append((told(name), total, share, listed or _NONE))
    return Section(
        gettext("Missing values"),
        (
            gettext("%(n)s operated vertebrae of discharges.")
            % {"n": cells.count(report.vertebrae)},
        ),
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
    gettext = cells.gettext
    rows = [
        (
            gettext("predictor"),
            "n",
            gettext("here"),
            gettext("study"),
            gettext("difference"),
            gettext("95 %% interval") % (),
            "",
        )
    ]
    for each in found:
        is_share = "=" in each.what
        study = _moments(each.study_mean, each.study_sd, is_share=is_share)
        is_hidden = cells.is_small(each.n) or each.what in hidden
        if each.mean is None or each.interval is None or is_hidden:
            n = cells.count(each.n)
            rows.append((_what(each.what, cells), n, _NONE, study, _NONE, _NONE, ""))
            continue
        here = _moments(each.mean, each.sd or 0.0, is_share=is_share)
        words = _in_sds(each.difference or 0.0, each.interval, cells)
        rows.append((_what(each.what, cells), str(each.n), here, study, *words))
    return Section(
        gettext("Inputs against Table 1 of the study"),
        (
            gettext(
                "Mean (SD) or share. The difference is standardised (Austin 2009); 0.1"
                " and more is called notable, if its interval leaves 0 out."
            ),
        ),
        tuple(rows),
    )


def _what(name: str, cells: Cells) -> str:
    """Name a predictor, or one of its categories."""
    return "=".join(map(cells.tell, name.split("=")))


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


def _in_sds(
    difference: float, interval: tuple[float, float], cells: Cells
) -> tuple[str, str, str]:
    low, high = interval
    is_notable = abs(difference) >= _NOTABLE and not low <= 0 <= high
    word = cells.gettext("notable") if is_notable else ""
    ends = {"low": f"{low:+.2f}", "high": f"{high:+.2f}"}
    return f"{difference:+.2f}", cells.gettext("%(low)s to %(high)s") % ends, word


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
    gettext = cells.gettext
    title = gettext("Distribution of %(what)s") % {"what": cells.tell(found.predictor)}
    counts = {_values(each, cells): each.count for each in found.bins}
    expected = {_values(each, cells): each.expected for each in found.bins}
    n = sum(counts.values())
    if found.index is None or found.chance is None or cells.is_small(n):
        words = gettext("No values.") if n == 0 else gettext("Too few values.")
        return Section(title, (words,))
    # The bins that are shown and the number together would tell those that are hidden.
    is_told = all(
        said == str(counts[name]) for name, said in cells.parts(counts).items()
    )
    index = f" {found.index:.2f}" if is_told else ""
    return Section(
        title,
        (
            gettext(
                "Population stability index%(index)s: %(grade)s. Chance alone exceeds"
                " %(chance)s in one of twenty samples of %(n)s."
            )
            % {
                "index": index,
                "grade": _grade(found.index, found.chance, cells),
                "chance": f"{found.chance:.2f}",
                "n": n,
            },
            gettext(
                "Bins: fifths of the cohort rebuilt from Table 1, or the categories;"
                " the mark is the study's share."
            ),
        ),
        bars=bars(counts, n, cells, expected),
    )


def _values(part: Bin, cells: Cells) -> str:
    """Say which values a bin holds: its lower edge belongs to it."""
    ends = {
        name: f"{end:.1f}"
        for name, end in (("low", part.low), ("high", part.high))
        if end is not None
    }
    if len(ends) > 1:
        return cells.gettext("%(low)s to %(high)s") % ends
    if "high" in ends:
        return cells.gettext("under %(high)s") % ends
    return cells.gettext("from %(low)s") % ends if ends else cells.tell(part.label)


def _grade(index: float, chance: float, cells: Cells) -> str:
    """Put an index into words; the convention says nothing of small samples."""
    gettext = cells.gettext
    if index <= chance:
        return gettext("no more than chance does")
    if index >= _LARGE:
        grade = gettext("by convention large drift (%(notable)s, %(large)s)")
    elif index >= _NOTABLE:
        grade = gettext("by convention moderate drift (%(notable)s, %(large)s)")
    else:
        grade = gettext("by convention little drift (%(notable)s, %(large)s)")
    return grade % {"notable": _NOTABLE, "large": _LARGE}
