"""Finds the short texts in JSON files that pages show: an extractor for Babel."""

from collections.abc import Collection, Iterator, Mapping
from typing import IO, Any

import orjson

__all__ = ["extract"]


def extract(
    file: IO[bytes],
    keywords: Collection[str],  # noqa: ARG001 Babel gives it
    comment_tags: Collection[str],  # noqa: ARG001 as above
    options: Mapping[str, str],
) -> Iterator[tuple[int, str, str, list[str]]]:
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
        path.

    Yields
    ------
    tuple
        Line 1, the function ``gettext``, the text, no comments. A per cent sign is
        doubled, as in all messages.
    """
    wanted = set(options["paths"].split())
    for path, text in _texts(orjson.loads(file.read()), ""):
        if path in wanted:
            yield 1, "gettext", text.replace("%", "%%"), []


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
