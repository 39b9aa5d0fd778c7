"""Text in columns: cell widths, words that wrap, tables, and colour at the very end."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

__all__ = [
    "NO_BREAK",
    "Align",
    "Line",
    "Span",
    "Word",
    "cells",
    "clean",
    "line_width",
    "paint",
    "shorten",
    "split_words",
    "table",
    "wrap",
]

#: how a terminal shows each style (ECMA-48, Select Graphic Rendition)
_SGR = {
    "bold": "1",
    "dim": "2",
    "italic": "3",
    "code": "36",
    "link": "4",
    "info": "1;34",
    "warning": "1;33",
    "critical": "1;31",
}
#: marks that change the direction of what follows, and so can disguise a text
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F])
_GAP = "  "

#: a blank at which no line ends; written out as a plain one
NO_BREAK = "\N{NO-BREAK SPACE}"

Align = str  # "<", ">" or "^", as in format()


@dataclass(frozen=True, slots=True)
class Span:
    """
    A piece of text in one style.

    Attributes
    ----------
    text : str
        The text.
    style : str
        A key of the style table, or empty for plain text.
    """

    text: str
    style: str = ""


Word = tuple[Span, ...]  # never broken at a space
Line = tuple[Span, ...]


def clean(text: str) -> str:
    r"""
    Take away what could steer a terminal: control characters and direction marks.

    Parameters
    ----------
    text : str
        Text from anywhere.

    Returns
    -------
    str
        The text with line feeds, without other control characters.

    Examples
    --------
    >>> clean("pain\x1b[2J at L2")
    'pain[2J at L2'
    """
    text = text.replace("\r\n", "\n").replace("\t", " ").translate(_BIDI)
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) != "Cc")


def cells(text: str) -> int:
    """
    Width of a text on a terminal, in cells.

    Parameters
    ----------
    text : str
        Text of one line.

    Returns
    -------
    int
        Number of cells; wide East Asian characters take two, combining marks none.
    """
    return sum(
        0
        if unicodedata.combining(c)
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )


def line_width(line: Sequence[Span]) -> int:
    """
    Width of a line or word, in cells.

    Parameters
    ----------
    line : sequence of Span
        The pieces.

    Returns
    -------
    int
        Sum of their widths.
    """
    return sum(cells(span.text) for span in line)


def shorten(text: str, width: int) -> str:
    """
    Cut a text to a width, with an ellipsis where something is missing.

    Parameters
    ----------
    text : str
        Text of one line.
    width : int
        Cells there are, at least 1.

    Returns
    -------
    str
        The text or its beginning.

    Examples
    --------
    >>> shorten("about 45 of 100", 9)
    'about 45…'
    """
    if cells(text) <= width:
        return text
    while text and cells(text) > width - 1:
        text = text[:-1]
    return f"{text.rstrip()}…"


def split_words(spans: Iterable[Span]) -> list[Word]:
    """
    Cut styled text into words; pieces without a space between them stay together.

    Parameters
    ----------
    spans : iterable of Span
        Styled text.

    Returns
    -------
    list of Word
        The words.
    """
    words: list[Word] = []
    current: list[Span] = []
    for span in spans:
        for part in re.split(r"([ \n]+)", span.text):
            if part.strip(" \n"):
                current.append(Span(part, span.style))
            elif part and current:
                words.append(tuple(current))
                current = []
    return [*words, tuple(current)] if current else words


def wrap(words: Iterable[Word], width: int) -> list[Line]:
    """
    Fill lines with words, first come, first placed.

    Parameters
    ----------
    words : iterable of Word
        The words.
    width : int
        Cells in a line. A longer word is cut, an address is not: it must stay usable.

    Returns
    -------
    list of Line
        The lines.
    """
    lines: list[Line] = []
    current: Line = ()
    for word in chain.from_iterable(_fitting(word, width) for word in words):
        if current and line_width(current) + 1 + line_width(word) > width:
            lines.append(current)
            current = ()
        current = (*current, _space(current[-1], word[0]), *word) if current else word
    return [*lines, current] if current else lines


def _space(before: Span, after: Span) -> Span:
    return Span(" ", before.style if before.style == after.style else "")


def _fitting(word: Word, width: int) -> list[Word]:
    if line_width(word) <= width or any("://" in span.text for span in word):
        return [word]
    pieces: list[Word] = [()]
    for span in word:
        for character in span.text:
            if line_width(pieces[-1]) + cells(character) > width and pieces[-1]:
                pieces.append(())
            pieces[-1] = (*pieces[-1], Span(character, span.style))
    return pieces


def table(
    rows: Sequence[Sequence[Sequence[Word]]], align: Sequence[Align], width: int
) -> list[Line]:
    """
    Set a table with a head row; cells wrap when the table is too wide.

    Parameters
    ----------
    rows : sequence of rows
        Each row has as many cells as `align`, each cell is words; the first row is
        the head.
    align : sequence of str
        ``<``, ``>`` or ``^`` for each column.
    width : int
        Cells available for the whole table.

    Returns
    -------
    list of Line
        The lines, with a rule under the head.
    """
    widths = _column_widths(rows, width)
    head, *body = [_row(row, widths, align) for row in rows]
    rule: Line = (Span(_GAP.join("─" * column for column in widths), "dim"),)
    return [*head, rule, *(line for row in body for line in row)]


def _column_widths(
    rows: Sequence[Sequence[Sequence[Word]]], available: int
) -> list[int]:
    columns = list(zip(*rows, strict=True))
    widths = [max(_natural(cell) for cell in column) for column in columns]
    floors = [
        max((line_width(word) for cell in column for word in cell), default=1)
        for column in columns
    ]
    room = available - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > 1:
        loose = [w if w > f else 0 for w, f in zip(widths, floors, strict=True)]
        pick = loose if any(loose) else widths
        widths[pick.index(max(pick))] -= 1
    return widths


def _natural(cell: Sequence[Word]) -> int:
    return max(1, sum(line_width(word) for word in cell) + max(0, len(cell) - 1))


def _row(
    row: Sequence[Sequence[Word]], widths: Sequence[int], align: Sequence[Align]
) -> list[Line]:
    wrapped = [wrap(cell, column) for cell, column in zip(row, widths, strict=True)]
    lines: list[Line] = []
    for number in range(max(1, *map(len, wrapped))):
        line: Line = ()
        for cell, column, side in zip(wrapped, widths, align, strict=True):
            found = cell[number] if number < len(cell) else ()
            line = (*line, *_padded(found, column, side), Span(_GAP))
        lines.append(line[:-1])
    return lines


def _padded(line: Line, width: int, side: Align) -> Line:
    spare = max(0, width - line_width(line))
    left = {"<": 0, ">": spare, "^": spare // 2}[side]
    return (Span(" " * left), *line, Span(" " * (spare - left)))


def paint(line: Sequence[Span], *, colour: bool) -> str:
    """
    Write a line out, with or without terminal styles, without trailing blanks.

    Parameters
    ----------
    line : sequence of Span
        The pieces.
    colour : bool
        Whether to write the styles.

    Returns
    -------
    str
        The line.

    Examples
    --------
    >>> paint((Span("high", "bold"), Span(" risk ")), colour=False)
    'high risk'
    """
    text = ""
    for style, spans in groupby(line, key=lambda span: span.style):
        piece = "".join(span.text for span in spans).replace(NO_BREAK, " ")
        text += f"\x1b[{_SGR[style]}m{piece}\x1b[0m" if colour and style else piece
    return text.rstrip()
