"""The part of GitHub Flavored Markdown that cards use, set for a terminal."""

import html
import re
from collections.abc import Iterator, Sequence

from service.terminal.layout import (
    NO_BREAK,
    Align,
    Line,
    Span,
    clean,
    split_words,
    table,
    wrap,
)

__all__ = ["inline", "render_markdown"]

_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_RULE = re.compile(r"([-*_])(\s*\1){2,}\s*$")
_ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)]) +(.*)")
_QUOTE = re.compile(r">\s?(.*)")
_DELIMITER = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_NUMBER_AND_SIGN = re.compile(r"(?<=\d) (?=[%°])")
_CELL = re.compile(r"(?<!\\)\|")
_INLINE = re.compile(
    r"\\(?P<escape>[!-/:-@\[-`{-~])"
    r"|`(?P<code>[^`]+)`"
    r"|\*\*(?P<bold>.+?)\*\*"
    r"|\*(?P<star>[^\s*](?:[^*]*[^\s*])?)\*"
    r"|(?<!\w)_(?P<bar>[^\s_](?:[^_]*[^\s_])?)_(?!\w)"
    r"|\[(?P<label>[^\]]*)\]\((?P<url>[^)\s]+)\)"
    r"|<(?P<auto>https?://[^>\s]+)>",
    re.DOTALL,
)


def inline(text: str, style: str = "") -> list[Span]:
    """
    Read emphasis, code, links, escapes and entities within one block.

    Parameters
    ----------
    text : str
        Markdown of one block.
    style : str
        Style of the text around.

    Returns
    -------
    list of Span
        The styled pieces; a link is its label with the address after it.

    Examples
    --------
    >>> inline("**45** of 100")
    [Span(text='45', style='bold'), Span(text=' of 100', style='')]
    """
    spans: list[Span] = []
    end = 0
    for match in _INLINE.finditer(text):
        if match.start() > end:
            spans.append(_literal(text[end : match.start()], style))
        spans.extend(_inline_match(match, style))
        end = match.end()
    return [*spans, _literal(text[end:], style)] if end < len(text) else spans


def _literal(text: str, style: str) -> Span:
    return Span(_NUMBER_AND_SIGN.sub(NO_BREAK, clean(html.unescape(text))), style)


def _inline_match(match: re.Match[str], style: str) -> list[Span]:
    kind, found = match.lastgroup, match[match.lastgroup or 0]
    if kind == "url":
        return [*inline(match["label"], style), Span(f" {found}", "link")]
    if kind == "escape":
        return [Span(found, style)]
    if kind in {"code", "auto"}:
        return [Span(found, "code" if kind == "code" else "link")]
    return inline(found, "bold" if kind == "bold" else style or "italic")


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
    for kind, block in _blocks(text.split("\n")):
        if lines and not kind == before == "item":
            lines.append(())
        lines += _SETTERS[kind](block, width)
        before = kind
    return lines


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Cut the text into blocks: their kind and their lines."""
    at = 0
    while at < len(lines):
        kind = _kind(lines, at)
        end = at + 1
        while end < len(lines) and _goes_on(kind, lines, end):
            end += 1
        if kind:
            yield kind, list(lines[at:end])
        at = end


def _kind(lines: Sequence[str], at: int) -> str:
    line = lines[at]
    below = lines[at + 1] if at + 1 < len(lines) else ""
    if not line.strip():
        return ""
    if "|" in line and _DELIMITER.match(below) and "|" in below:
        return "table"
    for kind, pattern in _STARTS.items():
        if pattern.match(line):
            return kind
    return "paragraph"


def _goes_on(kind: str, lines: Sequence[str], at: int) -> bool:
    if kind == "table":
        return "|" in lines[at]
    if kind in {"paragraph", "item"}:
        return _kind(lines, at) == "paragraph"
    return kind == "quote" and _kind(lines, at) == "quote"


def _set_heading(block: Sequence[str], width: int) -> list[Line]:
    text = _HEADING.sub(r"\1", block[0])
    return wrap(split_words(inline(text, "bold")), width)


def _set_rule(block: Sequence[str], width: int) -> list[Line]:  # noqa: ARG001 a rule says nothing
    return [(Span("─" * width, "dim"),)]


def _set_paragraph(block: Sequence[str], width: int) -> list[Line]:
    broken = re.split(r"(?: {2,}|\\)\n", "\n".join(block))
    return [line for part in broken for line in wrap(split_words(inline(part)), width)]


def _set_quote(block: Sequence[str], width: int) -> list[Line]:
    text = "\n".join(_QUOTE.sub(r"\1", line) for line in block)
    return [
        (Span("│ ", "dim"), *line)
        for line in wrap(split_words(inline(text)), width - 2)
    ]


def _set_item(block: Sequence[str], width: int) -> list[Line]:
    first = _ITEM.match(block[0])
    indent, mark, text = first.groups() if first else ("", "", block[0])
    mark = " " * len(indent) + (mark if mark[0].isdigit() else "•") + " "
    body = split_words(inline("\n".join([text, *block[1:]])))
    lines = wrap(body, width - len(mark)) or [()]
    return [
        (Span(mark if number == 0 else " " * len(mark)), *line)
        for number, line in enumerate(lines)
    ]


def _set_table(block: Sequence[str], width: int) -> list[Line]:
    head, delimiter, *body = map(_cells, block)
    align = [_align(cell) for cell in delimiter]
    rows = [
        [split_words(inline(cell, style)) for cell in _filled(row, len(align))]
        for style, row in [("bold", head), *(("", row) for row in body)]
    ]
    return table(rows, align, width)


def _cells(row: str) -> list[str]:
    inner = row.strip().removeprefix("|")
    inner = inner if inner.endswith("\\|") else inner.removesuffix("|")
    return [cell.strip() for cell in _CELL.split(inner)]


def _filled(row: Sequence[str], columns: int) -> list[str]:
    return [*row, *[""] * columns][:columns]


def _align(cell: str) -> Align:
    if cell.endswith(":"):
        return "^" if cell.startswith(":") else ">"
    return "<"


_STARTS = {"heading": _HEADING, "rule": _RULE, "quote": _QUOTE, "item": _ITEM}
_SETTERS = {
    "heading": _set_heading,
    "rule": _set_rule,
    "quote": _set_quote,
    "item": _set_item,
    "table": _set_table,
    "paragraph": _set_paragraph,
}
