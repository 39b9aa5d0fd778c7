"""One card, as an EHR would show it: headline, detail, suggestions, reasons, links."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.terminal.layout import (
    Line,
    Span,
    Word,
    clean,
    paint,
    split_words,
    wrap,
)
from service.terminal.markdown import render_markdown

__all__ = ["render_card"]

_BAR = "┃ "
_NARROWEST = 40


def render_card(
    card: Mapping[str, Any],
    width: int = 80,
    *,
    colour: bool = False,
    is_plain: bool = False,
) -> str:
    """
    Show a card as a clinician would read it.

    Parameters
    ----------
    card : mapping
        A card as it came over the wire. Whatever else it holds, no control character
        of it reaches the terminal.
    width : int, optional
        Cells in a line, at least 40.
    colour : bool, optional
        Whether to write terminal styles.
    is_plain : bool, optional
        Whether the detail is text line by line, not Markdown.

    Returns
    -------
    str
        The lines, each with a bar in the colour of the indicator in front.

    Examples
    --------
    >>> print(render_card({"indicator": "info", "summary": "Hello.",
    ...                    "source": {"label": "A study"}}))
    ┃ INFO
    ┃ Hello.
    ┃ A study
    """
    room = max(width, _NARROWEST) - len(_BAR)
    indicator = clean(str(card["indicator"]))
    bar = Span(_BAR, indicator if indicator in {"warning", "critical"} else "info")
    set_detail = _set_plain if is_plain else render_markdown
    detail = set_detail(clean(card.get("detail", "")), room)
    head, *rest = _blocks(card, indicator, bar.style, room)
    blocks = [head, detail, *rest]
    lines = [line for block in blocks if block for line in [(), *block]][1:]
    return "\n".join(paint((bar, *line), colour=colour) for line in lines)


def _blocks(
    card: Mapping[str, Any], indicator: str, style: str, width: int
) -> Iterator[list[Line]]:
    yield [
        (Span(indicator.upper(), style),),
        *_text(card["summary"], width, "bold"),
        *_text(_source(card["source"]), width, "dim"),
    ]
    yield list(_suggestions(card, width))
    yield _reasons(card.get("overrideReasons", []), width)
    yield list(_links(card.get("links", []), width))


def _set_plain(text: str, width: int) -> list[Line]:
    """Keep the lines as they are, but for those that are too long."""
    lines: list[Line] = []
    for line in text.strip().split("\n"):
        lines += _text(line, width) or [()]
    return lines


def _text(text: str, width: int, style: str = "") -> list[Line]:
    return wrap(split_words([Span(clean(text), style)]), width)


def _source(source: Mapping[str, Any]) -> str:
    return " · ".join(source[key] for key in ("label", "url") if key in source)


def _suggestions(card: Mapping[str, Any], width: int) -> Iterator[Line]:
    suggestions = card.get("suggestions", [])
    if not suggestions:
        return
    choice = {"any": "choose any", "at-most-one": "choose at most one"}
    how = choice.get(card.get("selectionBehavior", ""), "")
    yield (Span("Suggestions", "bold"), Span(f" ({how})" if how else "", "dim"))
    for suggestion in suggestions:
        star = " (recommended)" if suggestion.get("isRecommended") else ""
        yield from _item("[ ] ", suggestion["label"] + star, width)
        for action in suggestion.get("actions", []):
            yield from _item("    ", _action(action), width, "dim")


def _action(action: Mapping[str, Any]) -> str:
    resource = action.get("resource", {})
    what = resource.get("resourceType") or action.get("resourceId", "")
    state = [resource[key] for key in ("status", "intent") if key in resource]
    if period := resource.get("occurrencePeriod"):
        state.append(" to ".join(period.get(end, "…") for end in ("start", "end")))
    head = f"{action['type']} {what}" + (f" ({', '.join(state)})" if state else "")
    return f"{head}: {action['description']}" if "description" in action else head


def _item(mark: str, text: str, width: int, style: str = "") -> Iterator[Line]:
    for number, line in enumerate(_text(text, width - len(mark), style)):
        yield (Span(mark if number == 0 else " " * len(mark)), *line)


def _reasons(reasons: Sequence[Mapping[str, Any]], width: int) -> list[Line]:
    if not reasons:
        return []
    boxes: list[Word] = [
        (Span(clean(f"( ) {reason.get('display', reason['code'])} ")),)
        for reason in reasons
    ]
    return [(Span("Reasons to override", "bold"),), *wrap(boxes, width)]


def _links(links: Sequence[Mapping[str, Any]], width: int) -> Iterator[Line]:
    if links:
        yield (Span("Links", "bold"),)
    for link in links:
        yield from _item("→ ", link["label"], width)
        yield from _item("  ", link["url"], width, "link")
