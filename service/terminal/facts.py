"""Facts about one thing: a label, and beside it what there is to say, wrapped."""

from collections.abc import Sequence

from service.terminal.layout import Line, Span, cells, clean, split_words, wrap

__all__ = ["render_facts"]

_INDENT = "  "
_GAP = "  "


def render_facts(facts: Sequence[tuple[str, str]], width: int) -> list[Line]:
    """
    Set labels in one column and their texts in another.

    Parameters
    ----------
    facts : sequence of (str, str)
        Label and text; a label that is empty goes on with the one above.
    width : int
        Cells in a line; an address is never cut.

    Returns
    -------
    list of Line
        The lines.

    Examples
    --------
    >>> from service.terminal.layout import paint
    >>> for line in render_facts([("Hook", "patient-view"), ("Users", "all")], 40):
    ...     print(paint(line, colour=False))
      Hook   patient-view
      Users  all
    """
    column = max((cells(label) for label, _ in facts), default=0)
    room = max(width - len(_INDENT) - column - len(_GAP), 20)
    lines: list[Line] = []
    for label, text in facts:
        shown = label
        for part in wrap(split_words([Span(clean(text))]), room):
            padding = " " * (column - cells(shown))
            head = (Span(_INDENT), Span(shown, "bold"), Span(padding + _GAP))
            lines.append((*head, *part))
            shown = ""
    return lines
