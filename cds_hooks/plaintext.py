"""The Markdown of a card as plain text, for clients that show it as it is."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["plain_text"]

_HEADING: Final = re.compile(r"#{1,6} +(.*?)(?: +#+)? *")
_RULE: Final = re.compile(r"\|?(?: *:?-+:? *\|)+(?: *:?-+:?)? *")
_BAR: Final = re.compile(r"(?<!\\)\|")
_LINK: Final = re.compile(r"!?(?<!\\)\[((?:\\.|[^\]\\])*)\]\(([^()\s]*)\)")
# An escape, an entity, or a mark that is none of the text's own. It begins with a set
# of characters: what lies between them is passed over at once.
_MARKUP: Final = re.compile(
    r"[\\&*~`](?:"
    r"(?<=\\)(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?<=&)(?P<entity>lt|gt|amp);"
    r"|(?<=\*)(?!(?<!\S\*)(?!\S))\**"  # one between blanks is no mark
    r"|(?<=~)~"
    r"|(?<=`)`*)"
)
_ENTITIES: Final = {"lt": "<", "gt": ">", "amp": "&"}
# What a client that renders Markdown after all could take for a tag or a link.
_TAG: Final = re.compile(r"<(?=[A-Za-z/!?])")
_TARGET: Final = re.compile(r"\](?=[(\[:])")


def plain_text(markdown: str) -> str:
    r"""
    Write the Markdown of a card without markup.

    Headings and lists keep their lines; of a table each row becomes one line, its
    first cell the label, the others named by the head of their column.

    Parameters
    ----------
    markdown : str
        GitHub Flavored Markdown without HTML, as `cds_hooks.Card.detail` holds it.

    Returns
    -------
    str
        The text. A blank stands where a tag or the target of a link could begin, since
        nobody knows what a client makes of it.

    Examples
    --------
    >>> print(plain_text("### L2\n| What | Value | Day |\n|--|--|--|\n| a\\_b | 1 | |"))
    L2
    a_b: 1
    """
    return "\n".join(_lines(markdown.splitlines()))


def _lines(lines: Iterable[str]) -> Iterator[str]:
    head: list[str] = []
    for line in lines:
        if not line.startswith("|"):
            head = []
            heading = _HEADING.fullmatch(line)
            yield _inline(heading[1] if heading else line)
        elif not head:
            head = _cells(line)
        elif not _RULE.fullmatch(line):
            yield _row(head, _cells(line))


def _cells(line: str) -> list[str]:
    inner = line.rstrip().removeprefix("|").removesuffix("|")
    return [_inline(cell.strip()) for cell in _BAR.split(inner)]


def _row(head: list[str], cells: list[str]) -> str:
    """Leave out what is empty; the second cell needs no name, the label is there."""
    named = [
        cell if column == 1 else f"{name}: {cell}"
        for column, (name, cell) in enumerate(zip(head, cells, strict=False))
        if column > 0 and cell
    ]
    return ": ".join(filter(None, [cells[0], "; ".join(named)]))


def _inline(text: str) -> str:
    linked = _LINK.sub(r"\1 (\2)", text) if "](" in text else text
    bare = _MARKUP.sub(_meant, linked)
    bare = _TAG.sub("< ", bare) if "<" in bare else bare
    return _TARGET.sub("] ", bare) if "]" in bare else bare


def _meant(mark: re.Match[str]) -> str:
    return mark["escaped"] or _ENTITIES.get(mark["entity"], "")
