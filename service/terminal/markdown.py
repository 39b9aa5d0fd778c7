"""The Markdown of a card, set for a terminal."""

import re
from collections.abc import Iterable

from service.markdown import Block, Piece, read_markdown
from service.terminal.layout import (
    NO_BREAK,
    Line,
    Span,
    clean,
    split_words,
    table,
    wrap,
)

__all__ = ["render_markdown"]

_NUMBER_AND_SIGN = re.compile(r"(?<=\d) (?=[%°])")


def render_markdown(text: str, width: int) -> list[Line]:
    """
    Set headings, paragraphs, lists, tables, quotes and rules.

    Parameters
    ----------
    text : str
        Markdown without control characters (see `clean`). HTML is shown as it stands.
    width : int
        Cells in a line.

    Returns
    -------
    list of Line
        The lines; an empty line is an empty tuple.
    """
    lines: list[Line] = []
    before = ""
    for block in read_markdown(text):
        if lines and not block.kind == before == "item":
            lines.append(())
        lines += _SETTERS[block.kind](block, width)
        before = block.kind
    return lines


def _spans(pieces: Iterable[Piece], style: str = "") -> list[Span]:
    """Give each piece its style; a link is its label with the address after it."""
    spans: list[Span] = []
    url = ""
    for piece in pieces:
        if url and piece.url != url:
            spans.append(Span(f" {url}", "link"))
        url = piece.url
        if piece.text == piece.url:  # its own label
            spans.append(Span(piece.text, "link"))
            url = ""
        else:
            spans.append(_span(piece, style))
    return [*spans, Span(f" {url}", "link")] if url else spans


def _span(piece: Piece, style: str) -> Span:
    if piece.mark == "code":
        return Span(piece.text, "code")
    text = _NUMBER_AND_SIGN.sub(NO_BREAK, clean(piece.text))
    return Span(text, style or piece.mark)


def _set_heading(block: Block, width: int) -> list[Line]:
    return wrap(split_words(_spans(block.lines[0], "bold")), width)


def _set_rule(_: Block, width: int) -> list[Line]:
    return [(Span("─" * width, "dim"),)]


def _set_paragraph(block: Block, width: int) -> list[Line]:
    return [
        line for part in block.lines for line in wrap(split_words(_spans(part)), width)
    ]


def _set_quote(block: Block, width: int) -> list[Line]:
    return [
        (Span("│ ", "dim"), *line)
        for line in wrap(split_words(_spans(block.lines[0])), width - 2)
    ]


def _set_item(block: Block, width: int) -> list[Line]:
    marker = block.marker if block.marker[0].isdigit() else "•"
    mark = " " * block.indent + marker + " "
    body = split_words(_spans(block.lines[0]))
    lines = wrap(body, width - len(mark)) or [()]
    return [
        (Span(mark if number == 0 else " " * len(mark)), *line)
        for number, line in enumerate(lines)
    ]


def _set_table(block: Block, width: int) -> list[Line]:
    rows = [
        [split_words(_spans(cell, "" if number else "bold")) for cell in row]
        for number, row in enumerate(block.rows)
    ]
    return table(rows, block.align, width)


_SETTERS = {
    "heading": _set_heading,
    "rule": _set_rule,
    "quote": _set_quote,
    "item": _set_item,
    "table": _set_table,
    "paragraph": _set_paragraph,
}
