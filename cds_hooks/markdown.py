"""Markdown in cards: some clients render the HTML in it, scripts and all."""

import re
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["escape_markdown", "has_raw_html"]

# A "<" that opens a tag, comment or autolink.
_RAW_HTML = re.compile(r"<[A-Za-z/!?]")
# Control characters, and those that turn the direction of the text around them.
_INVISIBLE = ((0x00, 0x20), (0x7F, 0xA0), (0x200E, 0x2010), (0x202A, 0x202F))
_ISOLATES = (0x2066, 0x206A)
_ESCAPES: Mapping[int, str | None] = MappingProxyType(
    {code: None for bounds in (*_INVISIBLE, _ISOLATES) for code in range(*bounds)}
    | {ord(mark): f"\\{mark}" for mark in r"\`*_[]|~@"}
    # Entities, not backslashes: no client's filter for tags can stumble over them.
    | {ord("<"): "&lt;", ord(">"): "&gt;", ord("&"): "&amp;"}
)
# Words and numbers that mean nothing to any renderer, one blank between them at most.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9/,.%()°;-]*(?: [A-Za-z0-9/,.%()°;-]+)*")
# What makes a heading, a list or a rule, but only where a line begins.
_AT_START = re.compile(r"(?:(?=[#+=-])|\d+(?=[.)](?:\s|\Z)))")
# What some renderers turn into a link without being asked.
_ADDRESS = re.compile(r"(?i)(?<=\bwww)\.|:(?=//)")


def escape_markdown(text: str) -> str:
    r"""
    Text from elsewhere, made safe to stand in the Markdown of a card.

    Parameters
    ----------
    text : str
        Anything, such as a name or a comment of an EHR.

    Returns
    -------
    str
        One line that a renderer shows as it was, with no markup, link or HTML.

    Examples
    --------
    >>> print(escape_markdown("<b>L1</b>\n| 25 %"))
    &lt;b&gt;L1&lt;/b&gt; \| 25 %
    """
    if _PLAIN.fullmatch(text) and "w." not in text and "W." not in text:
        return text  # and no "www.", however it is written
    line = " ".join(text.split()).translate(_ESCAPES)
    line = _ADDRESS.sub(r"\\\g<0>", line)
    start = _AT_START.match(line)
    return f"{start[0]}\\{line[start.end() :]}" if start else line


def has_raw_html(text: str) -> bool:
    r"""
    Whether Markdown holds something that a renderer could take for HTML.

    Parameters
    ----------
    text : str
        GitHub Flavored Markdown.

    Returns
    -------
    bool
        True also for a tag in a code span, to be on the safe side.

    Examples
    --------
    >>> has_raw_html("<b>"), has_raw_html(r"\<b>"), has_raw_html("2 < 3")
    (True, False, False)
    """
    return "<" in text and any(
        not _is_escaped(text[: match.start()]) for match in _RAW_HTML.finditer(text)
    )


def _is_escaped(before: str) -> bool:
    """Whether an odd number of backslashes stands before a character."""
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1
