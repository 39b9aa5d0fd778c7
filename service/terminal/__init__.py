"""Cards as text: what a clinician would read, in a terminal."""

from service.terminal.card import render_card

__all__ = ["render_card"]
