"""YAML as plain values that know where in the file they stand.

Only what a settings file needs is read: texts, whole numbers, true and false, lists,
mappings. Anchors, tags, several documents and great depth are refused, and so is a name
that stands twice; a lenient reader would take the last of them without a word.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cds_hooks.errors import ClientFileError, Fault

__all__ = ["Value", "read_values"]

_MOST_BYTES = 256 * 1024
_DEEPEST = 12
_LONGEST_NUMBER = 9
_LONGEST_NAME = 60
_MOST_FAULTS = 100
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Value:
    """
    A value and its place.

    Attributes
    ----------
    content : object
        A str, int, bool or None, a tuple of `Value`, a dict of str to `Value`; or
        `Ellipsis` for a scalar of another kind, such as a date.
    line, column : int
        Where it begins, from 1.
    text : str
        A scalar as it is written.
    keys : Mapping
        For a mapping: where each of its names stands, as `Value`.
    """

    content: Any
    line: int
    column: int
    text: str = ""
    keys: Mapping[str, "Value"] = field(default_factory=dict)

    def plain(self) -> Any:  # noqa: ANN401 whatever the file says
        """
        Give the content without the places.

        Returns
        -------
        object
            As JSON would have it.
        """
        if isinstance(self.content, tuple):
            return [item.plain() for item in self.content]
        if isinstance(self.content, dict):
            return {name: item.plain() for name, item in self.content.items()}
        return self.content


def read_values(path: Path) -> tuple[Value, list[Fault]]:
    """
    Read a file.

    Parameters
    ----------
    path : pathlib.Path
        A YAML file in UTF-8.

    Returns
    -------
    tuple of Value and list of Fault
        What it holds; and the names in it that stand twice or are none, each of which
        is left out of the value.

    Raises
    ------
    ClientFileError
        If it cannot be read, is too large, or uses what is not read here.
    """
    try:
        reader = _Reader(_text(path))
        return reader.document(), reader.faults
    except _Stopped as stop:
        raise ClientFileError(path, [stop.fault]) from None
    except yaml.MarkedYAMLError as error:
        raise ClientFileError(path, [_of_syntax(error)]) from None


class _Stopped(Exception):  # noqa: N818 the end of reading, not of the program
    """Nothing can be read from here on."""

    def __init__(self, line: int, column: int, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.fault = Fault(line, column, "", problem, remedy)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise _Stopped(
            1, 1, f"cannot be read: {error.strerror}", "check path and permissions"
        ) from None
    if len(data) > _MOST_BYTES:
        raise _Stopped(
            1, 1, f"is larger than {_MOST_BYTES // 1024} KiB", "is it the right file?"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        raise _Stopped(*_end(before), "is no UTF-8", "save it as UTF-8 text") from None
    strange = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if strange:
        raise _Stopped(
            *_end(text[: strange.start()]),
            "has a character that no text has",
            "take it out; is it a text file?",
        )
    return text


def _end(text: str) -> tuple[int, int]:
    """Line and column after a text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _of_syntax(error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Fault(
        line,
        column,
        "",
        f"is no YAML: {error.problem or error.context}",
        "look at indentation, colons and quotes near here",
    )


class _Reader:
    """Turn the events of PyYAML's safe parser into values."""

    def __init__(self, text: str) -> None:
        self._loader = yaml.SafeLoader(text)
        self.faults: list[Fault] = []

    def document(self) -> Value:
        """Read the only document."""
        self._next()
        start = self._next()
        if isinstance(start, yaml.StreamEndEvent):
            raise _Stopped(1, 1, "is empty", "begin with a line `clients:`")
        value = self._value(self._next(), 0)
        self._next()
        more = self._next()
        if not isinstance(more, yaml.StreamEndEvent):
            raise self._stop(more, "has a second document", "take out the line ---")
        return value

    def _next(self) -> Any:  # noqa: ANN401 one of PyYAML's untyped events
        return self._loader.get_event()  # type: ignore[no-untyped-call] # as above

    def _stop(self, event: Any, problem: str, remedy: str) -> _Stopped:  # noqa: ANN401 as above
        return _Stopped(*_start(event), problem, remedy)

    def _value(self, event: Any, depth: int) -> Value:  # noqa: ANN401 as above
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise self._stop(event, "uses an anchor", "write the value out")
        if event.tag not in (None, "!"):
            raise self._stop(event, "uses a tag", "take out what begins with !")
        if depth > _DEEPEST:
            raise self._stop(event, "is nested too deeply", "see the example")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(event, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, depth)
        content = self._scalar(event)
        return Value(content, *_start(event), text=event.value)

    def _list(self, start: Any, depth: int) -> Value:  # noqa: ANN401 as above
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, depth + 1))
        return Value(tuple(items), *_start(start))

    def _mapping(self, start: Any, depth: int) -> Value:  # noqa: ANN401 as above
        items: dict[str, Value] = {}
        keys: dict[str, Value] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            value = self._value(self._next(), depth + 1)
            if not isinstance(key.content, str):
                self._refuse(key, "is no name of a field", "write a word, in quotes")
            elif key.content in items:
                first = keys[key.content].line
                self._refuse(
                    key, f"stands twice, first on line {first}", "keep one of them"
                )
            else:
                items[key.content], keys[key.content] = value, key
        return Value(items, *_start(start), keys=keys)

    def _refuse(self, key: Value, problem: str, remedy: str) -> None:
        if len(self.faults) < _MOST_FAULTS:
            name = key.text[:_LONGEST_NAME]
            self.faults.append(Fault(key.line, key.column, name, problem, remedy))

    def _scalar(self, event: Any) -> Any:  # noqa: ANN401 as above
        node = yaml.ScalarNode
        tag = self._loader.resolve(node, event.value, event.implicit)  # type: ignore[no-untyped-call] # PyYAML's
        kind = tag.removeprefix(_TAG)
        if kind == "str":
            return event.value
        if kind == "null":
            return None
        if kind == "bool":
            return event.value.lower() in {"yes", "true", "on"}
        digits = event.value.removeprefix("-")
        is_plain = digits.isdecimal() and (digits == "0" or digits[0] != "0")
        if kind == "int" and is_plain and len(digits) <= _LONGEST_NUMBER:
            return int(event.value)
        return ...


def _start(event: Any) -> tuple[int, int]:  # noqa: ANN401 one of PyYAML's untyped events
    return event.start_mark.line + 1, event.start_mark.column + 1
