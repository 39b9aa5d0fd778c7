"""What a cohort consists of, as text for a terminal."""

import textwrap
from collections.abc import Iterable, Iterator

from service.cli.layout import columns
from service.cohort.lines import COLUMNS
from service.cohort.patients import DATES
from service.cohort.summary import ExaminedShare, Reason, Summary
from service.cohort.writing import MEANINGS

__all__ = ["columns_text", "summary_text"]

_WIDTH = 88
_REASONS = 10


def columns_text() -> str:
    """
    Explain the columns of the template.

    Returns
    -------
    str
        Lines for a terminal.
    """
    also = [name for name in MEANINGS if name not in COLUMNS]
    return "\n".join(
        [
            *_explained(COLUMNS),
            "",
            "May stand there, too:",
            *_explained(also),
            *textwrap.wrap(
                "Any further column is kept as a subgroup or a candidate. Dates only"
                f" serve to check their order: {', '.join(DATES)}.",
                _WIDTH,
            ),
        ]
    )


def summary_text(found: Summary) -> str:
    """
    Write a summary.

    Parameters
    ----------
    found : Summary
        The figures.

    Returns
    -------
    str
        Lines for a terminal: warnings first.
    """
    share = f" ({found.examined / found.taken:.1%})" if found.taken else ""
    facts: list[tuple[object, object]] = [
        ("source", found.source),
        ("sha256", found.digest),
        ("synthetic", _synthetic(is_synthetic=found.is_synthetic)),
        ("rows", found.rows),
        ("taken", found.taken),
        ("refused", found.refused),
        ("examined", f"{found.examined} of {found.taken}{share}"),
        ("with SCNEN", f"{found.events} of {found.examined} examined"),
    ]
    facts += [
        (
            f"complete for {name}",
            f"{each.n}, of them {each.examined} examined, {each.events} with SCNEN",
        )
        for name, each in found.scorable.items()
    ]
    parts = (_warnings(found.warnings), [columns(facts)], _reasons(found.reasons))
    return "\n".join(
        line for part in (*parts, _examined(found.groups)) for line in part
    )


def _explained(names: Iterable[str]) -> list[str]:
    return [
        textwrap.fill(
            f"{name}: {MEANINGS[name]}",
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="    ",
        )
        for name in names
    ]


def _synthetic(*, is_synthetic: bool) -> str:
    return "YES: nobody here is a patient" if is_synthetic else "no"


def _warnings(warnings: Iterable[str]) -> Iterator[str]:
    for warning in warnings:
        yield from textwrap.wrap(f"WARNING: {warning}", _WIDTH)
        yield ""


def _reasons(reasons: tuple[Reason, ...]) -> Iterator[str]:
    if not reasons:
        return
    yield ""
    yield "Refused rows by reason (a row may have several):"
    for each in reasons[:_REASONS]:
        yield textwrap.fill(
            f"{each.rows:>6}  {each.field or 'row'}: {each.reason}",
            _WIDTH,
            subsequent_indent=" " * 8,
        )
    if len(reasons) > _REASONS:
        yield f"        and {len(reasons) - _REASONS} further reasons, see the file"


def _examined(groups: tuple[ExaminedShare, ...]) -> Iterator[str]:
    if not groups:
        return
    yield ""
    yield "Not examined, by group:"
    table: list[tuple[str, ...]] = [("", "", "n", "not examined", "95 %")]
    last = ""
    for each in groups:
        low, high = each.interval
        name = each.predictor if each.predictor != last else ""
        last = each.predictor
        interval = f"{low:.1%} to {high:.1%}"
        share = f"{each.not_examined:.1%}"
        table.append((name, each.group, str(each.n), share, interval))
    yield columns(table, right=(2, 3))
    yield from textwrap.wrap(
        "Where these shares differ, who was examined is not like who was not, and"
        " results of the examined alone are biased (verification bias): use weights.",
        _WIDTH,
    )
