"""The part of GitHub Flavored Markdown that cards use, read into blocks and pieces."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Block", "Piece", "read_markdown"]

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_RULE = re.compile(r"([-*_])(\s*\1){2,}\s*$")
_ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)]) +(.*)")
_QUOTE = re.compile(r">\s?(.*)")
_DELIMITER = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_BREAK = re.compile(r"(?: {2,}|\\)\n")
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


@dataclass(frozen=True, slots=True)
class Piece:
    """
    A piece of text as it is read: no markup is left in it, and no HTML is made of it.

    Attributes
    ----------
    text : str
        The text.
    mark : str
        ``bold``, ``italic`` or ``code``; empty for plain text.
    url : str
        Where it leads; empty for what is no link.
    """

    text: str
    mark: str = ""
    url: str = ""


#: A line, or a cell of a table.
Pieces = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """
    A heading, paragraph, item of a list, table, quote or rule.

    Attributes
    ----------
    kind : str
        ``heading``, ``paragraph``, ``item``, ``table``, ``quote`` or ``rule``.
    lines : tuple of tuple of Piece
        The text; more than one line only where a break is asked for. Of a rule none.
    rows : tuple of tuple of tuple of Piece
        Cells of a table; the first row is its head.
    align : tuple of str
        ``<``, ``^`` or ``>`` for each column of a table.
    marker : str
        Of an item: ``-``, ``*``, ``+``, or its number as it stands.
    indent : int
        Blanks before an item.
    """

    kind: str
    lines: tuple[Pieces, ...] = ()
    rows: tuple[tuple[Pieces, ...], ...] = ()
    align: tuple[str, ...] = ()
    marker: str = ""
    indent: int = 0


def read_markdown(text: str) -> list[Block]:
    """
    Read the Markdown of a card.

    Parameters
    ----------
    text : str
        Markdown. HTML in it is text like any other.

    Returns
    -------
    list of Block
        The blocks in order.

    Examples
    --------
    >>> read_markdown("**45** of 100")[0].lines
    ((Piece(text='45', mark='bold', url=''), Piece(text=' of 100', mark='', url='')),)
    """
    return [_READERS[kind](block) for kind, block in _blocks(text.split("\n"))]


def _pieces(text: str, mark: str = "", url: str = "") -> Pieces:
    """Read emphasis, code, links, escapes and entities within one block."""
    found: list[Piece] = []
    end = 0
    for match in _INLINE.finditer(text):
        if match.start() > end:
            found.append(Piece(html.unescape(text[end : match.start()]), mark, url))
        found += _marked(match, mark, url)
        end = match.end()
    if end < len(text):
        found.append(Piece(html.unescape(text[end:]), mark, url))
    return tuple(found)


def _marked(match: re.Match[str], mark: str, url: str) -> Pieces:
    kind, found = match.lastgroup, match[match.lastgroup or 0]
    if kind == "url":
        return _pieces(match["label"], mark, found)
    if kind == "escape":
        return (Piece(found, mark, url),)
    if kind == "code":
        return (Piece(found, "code", url),)
    if kind == "auto":
        return (Piece(found, mark, found),)
    return _pieces(found, "bold" if kind == "bold" else mark or "italic", url)


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


def _heading(block: Sequence[str]) -> Block:
    return Block("heading", (_pieces(_HEADING.sub(r"\2", block[0])),))


def _rule(_: Sequence[str]) -> Block:
    return Block("rule")


def _paragraph(block: Sequence[str]) -> Block:
    broken = _BREAK.split("\n".join(block))
    return Block("paragraph", tuple(_pieces(part) for part in broken))


def _quote(block: Sequence[str]) -> Block:
    text = "\n".join(_QUOTE.sub(r"\1", line) for line in block)
    return Block("quote", (_pieces(text),))


def _item(block: Sequence[str]) -> Block:
    first = _ITEM.match(block[0])
    indent, marker, text = first.groups() if first else ("", "-", block[0])
    body = _pieces("\n".join([text, *block[1:]]))
    return Block("item", (body,), marker=marker, indent=len(indent))


def _table(block: Sequence[str]) -> Block:
    head, delimiter, *body = map(_cells, block)
    columns = len(delimiter)
    rows = (
        tuple(map(_pieces, [*row, *[""] * columns][:columns])) for row in (head, *body)
    )
    return Block("table", rows=tuple(rows), align=tuple(map(_align, delimiter)))


def _cells(row: str) -> list[str]:
    inner = row.strip().removeprefix("|")
    inner = inner if inner.endswith("\\|") else inner.removesuffix("|")
    return [cell.strip() for cell in _CELL.split(inner)]


def _align(cell: str) -> str:
    if cell.endswith(":"):
        return "^" if cell.startswith(":") else ">"
    return "<"


_STARTS = {"heading": _HEADING, "rule": _RULE, "quote": _QUOTE, "item": _ITEM}
_READERS = {
    "heading": _heading,
    "rule": _rule,
    "quote": _quote,
    "item": _item,
    "table": _table,
    "paragraph": _paragraph,
}
