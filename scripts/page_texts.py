"""Finds the texts in JSON and SVG files that pages show: extractors for Babel."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import IO, Any, Final, TypeAlias

import orjson

__all__ = ["extract", "extract_drawing"]

Message: TypeAlias = tuple[int, str, str, list[str]]

#: As `service.model_card.derivation` finds them when they are told.
_DRAWN: Final = re.compile(r"(?<=>)[^<>]*[A-Za-z][^<>]*(?=</)")


def extract(
    file: IO[bytes],
    keywords: Collection[str],  # noqa: ARG001 Babel gives it
    comment_tags: Collection[str],  # noqa: ARG001 as above
    options: Mapping[str, str],
) -> Iterator[Message]:
    """
    Find the texts under given paths.

    Parameters
    ----------
    file : file object
        JSON.
    keywords, comment_tags : collection of str
        Not used: JSON has neither.
    options : Mapping
        ``paths``: names with dots between them, from the top; lists have no part in a
        path. ``divided``: those of names with slashes between them, of which each is
        a text.

    Yields
    ------
    tuple
        Line 1, the function ``gettext``, the text, no comments. A per cent sign is
        doubled, as in all messages.
    """
    wanted, divided = (set(options.get(x, "").split()) for x in ("paths", "divided"))
    for path, text in _texts(orjson.loads(file.read()), ""):
        if path in wanted:
            yield _message(text)
        if path in divided:
            yield from map(_message, text.split("/"))


def extract_drawing(
    file: IO[bytes],
    keywords: Collection[str],  # noqa: ARG001 Babel gives it
    comment_tags: Collection[str],  # noqa: ARG001 as above
    options: Mapping[str, str],  # noqa: ARG001 as above
) -> Iterator[Message]:
    """
    Find the texts of a drawing.

    Parameters
    ----------
    file : file object
        SVG.
    keywords, comment_tags, options : collection
        Not used.

    Yields
    ------
    tuple
        As `extract`.
    """
    yield from map(_message, _DRAWN.findall(file.read().decode()))


def _message(text: str) -> Message:
    return 1, "gettext", text.replace("%", "%%"), []


def _texts(node: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 any JSON
    """Go through all texts, in the order of the file."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, list):
        for each in node:
            yield from _texts(each, path)
    elif isinstance(node, dict):
        for name, each in node.items():
            yield from _texts(each, f"{path}.{name}".removeprefix("."))
