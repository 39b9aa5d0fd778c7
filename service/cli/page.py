"""What commands write to a terminal: lines, cards, and why there are none."""

import io
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from service.fire import Reply
from service.terminal import render_card
from service.terminal.facts import render_facts
from service.terminal.layout import Line, clean, paint
from service.terminal.markdown import render_markdown

__all__ = ["Page", "fault_of", "open_page"]

_WIDEST = 100


@dataclass(frozen=True, slots=True)
class Page:
    """
    How to write to standard output.

    Attributes
    ----------
    width : int
        Cells in a line.
    colour : bool
        Whether to write terminal styles.
    """

    width: int
    colour: bool

    def write(self, lines: Sequence[Line]) -> None:
        """
        Write lines.

        Parameters
        ----------
        lines : sequence of Line
            The lines.
        """
        for line in lines:
            click.echo(paint(line, colour=self.colour), color=True)

    def write_markdown(self, text: str) -> None:
        """
        Write a text, set to the width.

        Parameters
        ----------
        text : str
            Markdown.
        """
        self.write(render_markdown(clean(text), self.width))

    def write_facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """
        Write labelled facts, one below the other.

        Parameters
        ----------
        facts : sequence of (str, str)
            Label and text.
        """
        self.write(render_facts(facts, self.width))

    def write_cards(
        self, cards: Sequence[Mapping[str, Any]], *, is_plain: bool = False
    ) -> None:
        """
        Write cards as a clinician would read them.

        Parameters
        ----------
        cards : sequence of Mapping
            Cards as they came.
        is_plain : bool, optional
            Whether the client shows the detail as it stands, without Markdown.
        """
        for card in cards:
            shown = render_card(card, self.width, colour=self.colour, is_plain=is_plain)
            click.echo(shown, color=True)


def open_page(width: int | None, no_color: str) -> Page:
    """
    Tell how standard output is to be written to.

    Parameters
    ----------
    width : int or None
        Cells in a line; None for the terminal's, at most 100.
    no_color : str
        Any text turns colour off.

    Returns
    -------
    Page
        For this run.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks our signs
    found = width or min(shutil.get_terminal_size().columns, _WIDEST)
    return Page(found, colour=sys.stdout.isatty() and not no_color)


def fault_of(reply: Reply) -> str:
    """
    Say in one line what an OperationOutcome says.

    Parameters
    ----------
    reply : Reply
        An answer without cards.

    Returns
    -------
    str
        Its first issue: what is particular to it, else what holds for all of its kind.
    """
    issues = reply.body.get("issue", [{}])
    found = issues[0].get("details", {}).get("text") or issues[0].get("diagnostics")
    return clean(str(found or "no reason given"))
