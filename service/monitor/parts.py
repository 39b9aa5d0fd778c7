"""Parts of a report, before anybody decides how they look."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.monitor.cells import Cells

__all__ = ["Bar", "Section", "bars"]


@dataclass(frozen=True, slots=True)
class Bar:
    """
    A share to look at.

    Attributes
    ----------
    label, text : str
        What it is, and its value in words.
    share : float
        Its length, in [0, 1].
    reference : float or None
        Where the study's share lies, in [0, 1].
    """

    label: str
    text: str
    share: float
    reference: float | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """
    A part of the report.

    Attributes
    ----------
    title : str
        What it is about.
    sentences : tuple of str
        What it says.
    rows : tuple of tuple of str
        A table, its head first; empty for none.
    bars : tuple of Bar
        A picture; empty for none.
    is_alarm : bool
        Whether it calls for something to be done now.
    """

    title: str
    sentences: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    bars: tuple[Bar, ...] = ()
    is_alarm: bool = False


def bars(
    counts: Mapping[str, int],
    whole: int,
    cells: Cells,
    expected: Mapping[str, float] | None = None,
) -> tuple[Bar, ...]:
    """
    Draw the parts of a whole.

    Parameters
    ----------
    counts : Mapping of str to int
        All parts.
    whole : int
        Their sum.
    cells : Cells
        Prints counts; a hidden one has no length.
    expected : Mapping of str to float, optional
        The study's shares.

    Returns
    -------
    tuple of Bar
        One for each part.
    """
    return tuple(_each_bar(counts, whole, cells, expected or {}))


def _each_bar(
    counts: Mapping[str, int],
    whole: int,
    cells: Cells,
    expected: Mapping[str, float],
) -> Iterator[Bar]:
    said = cells.parts(counts)
    for name, n in counts.items():
        is_told = said[name] == str(n) and whole > 0
        text = f"{n} ({n / whole:.0%})" if is_told else said[name]
        share = n / whole if is_told else 0.0
        yield Bar(cells.tell(name), text, share, expected.get(name))
