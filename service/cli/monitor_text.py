"""The monitoring report and the estimate of a month as text for a terminal."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from service.cli.layout import columns
from service.monitor.capacity import Capacity, Expected
from service.monitor.parts import Bar, Section

__all__ = ["capacity_text", "report_text"]

_WIDTH = 88
_BAR_CELLS = 24
_EIGHTHS = " ▏▎▍▌▋▊▉"


def report_text(found: Iterable[Section]) -> str:
    """
    Write a report.

    Parameters
    ----------
    found : iterable of Section
        The report.

    Returns
    -------
    str
        Lines for a terminal; in bars ``│`` stands where the study's share is.
    """
    return "\n".join(line for section in found for line in _section(section))


def capacity_text(found: Capacity) -> str:
    """
    Write what to expect in a month.

    Parameters
    ----------
    found : Capacity
        The estimate.

    Returns
    -------
    str
        Lines for a terminal.
    """
    low, high = found.month_interval
    head = (
        f"Rests on {found.discharges} discharges in {found.days} days"
        f" ({found.first} to {found.last}): {found.discharges_per_month:.1f} a month"
        f" ({low:.1f} to {high:.1f}).",
        f"{found.not_assessed} discharges were not assessed (refused, or switched off):"
        " what they would bring comes on top.",
        f"{found.without_number} eligible discharges have no score; they are in no"
        " count of risks.",
    )
    return "\n".join(
        [
            *_sentences(head),
            "",
            "By the policy in use:",
            _expected(found.by_policy),
            "",
            "If `high` began at:",
            _expected(found.if_high_began_at),
            "",
            *_sentences(
                (
                    "Each gets a card: a review is suggested by risk or points, a value"
                    " is asked for unless the policy never does. Blocks: one for each"
                    " case that the model expects among them, if all are reviewed;"
                    " blocks that confirm nothing come on top.",
                    "Intervals: 95 %, exact Poisson for the average month, Wilson for"
                    " shares. Single months vary more, and seasons are not in it.",
                )
            ),
        ]
    )


def _expected(rows: Sequence[Expected]) -> str:
    head = ("", "count", "share", "95 %", "a month", "95 %", "blocks from")
    table: list[tuple[str, ...]] = [head]
    for each in rows:
        shares, month = each.share_interval, each.month_interval
        blocks = each.blocks_per_month
        table.append(
            (
                each.what,
                str(each.count),
                f"{each.share:.1%}",
                f"{shares[0]:.1%} to {shares[1]:.1%}",
                f"{each.per_month:.1f}",
                f"{month[0]:.1f} to {month[1]:.1f}",
                "–" if blocks is None else f"{blocks:.1f}",
            )
        )
    return columns(table, right=range(1, len(head)))


def _section(section: Section) -> Iterator[str]:
    yield section.title
    yield "=" * len(section.title)
    yield from _sentences(section.sentences)
    if section.bars:
        yield columns((bar.label, _bar(bar), bar.text) for bar in section.bars)
    if section.rows:
        yield columns(section.rows)
    yield ""


def _sentences(sentences: Iterable[str]) -> Iterator[str]:
    for sentence in sentences:
        yield from textwrap.wrap(sentence, _WIDTH)


def _bar(bar: Bar) -> str:
    eighths = round(bar.share * _BAR_CELLS * 8)
    cells = [*"█" * (eighths // 8), _EIGHTHS[eighths % 8]][:_BAR_CELLS]
    cells += " " * (_BAR_CELLS - len(cells))
    if bar.reference is not None:
        cells[min(round(bar.reference * _BAR_CELLS), _BAR_CELLS - 1)] = "│"
    return "".join(cells)
