"""Markdown in cards: some clients render the HTML in it, scripts and all."""

import re

__all__ = ["escape_markdown", "has_raw_html"]

# A "<" that opens a tag, comment or autolink.
_RAW_HTML = re.compile(r"<[A-Za-z/!?]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|&~:@=])")
# Control characters, and those that turn the direction of the text around them.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


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
    \<b\>L1\</b\> \| 25 %
    """
    return _MARKDOWN.sub(r"\\\1", _INVISIBLE.sub("", " ".join(text.split())))


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
    return any(
        not _is_escaped(text[: match.start()]) for match in _RAW_HTML.finditer(text)
    )


def _is_escaped(before: str) -> bool:
    """Whether an odd number of backslashes stands before a character."""
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1
