"""Columns of text for the command line."""

from collections.abc import Iterable, Sequence

__all__ = ["columns", "printable"]

_GAP = "  "


def columns(rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> str:
    """
    Set rows under one another.

    Parameters
    ----------
    rows : iterable of sequence
        Cells; control characters do not reach the terminal.
    right : sequence of int
        Which columns are flush right.

    Returns
    -------
    str
        One line for each row; the last column is not filled up.

    Examples
    --------
    >>> print(columns([("code", "seen"), ("pvp", 7)], right=[1]))
    code  seen
    pvp      7
    """
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        set_ = (
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append(_GAP.join(set_).rstrip())
    return "\n".join(lines)


def printable(text: str) -> str:
    r"""
    Take out what would steer the terminal.

    Parameters
    ----------
    text : str
        Text of a record or file.

    Returns
    -------
    str
        The same with a question mark for each character that is not printable.

    Examples
    --------
    >>> printable("a\x1b[31m")
    'a?[31m'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)
