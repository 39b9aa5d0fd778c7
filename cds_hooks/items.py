"""Values of a file while they are checked: each fault noted with its place."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from cds_hooks.errors import Fault, InvalidClient
from cds_hooks.yaml_values import Value

__all__ = ["Item", "Reader"]

_LONGEST_SHOWN = 60
_LONGEST_TEXT = 500
_LONGEST_LIST = 500
#: Who has so many faults learns nothing from more of them.
_MOST_FAULTS = 100

#: Reads an item; None when the item was refused (or says "nothing").
Reader = Callable[["Item"], Any]


@dataclass(frozen=True, slots=True)
class Item:
    """
    A value, the path of its field, and where faults go.

    Attributes
    ----------
    value : Value
        The value.
    path : str
        Path of its field, such as ``clients[0].issuer``.
    faults : list of Fault
        Shared by all items of a file.
    is_secret : bool
        Whether its text is never repeated in a fault.
    """

    value: Value
    path: str
    faults: list[Fault] = field(repr=False)
    is_secret: bool = False

    def refuse(self, problem: str, remedy: str, *, shown: bool = True) -> None:
        """
        Note a fault of this item.

        Parameters
        ----------
        problem : str
            What is wrong, to be read after the value.
        remedy : str
            What to do.
        shown : bool
            Whether the value is repeated.
        """
        text = f"{self._shown()} " if shown else ""
        self.note(self.value, self.path, f"{text}{problem}", remedy)

    def note(self, place: Value, path: str, problem: str, remedy: str) -> None:
        """
        Note a fault of another value, unless there are too many already.

        Parameters
        ----------
        place : Value
            Where the fault is.
        path : str
            Path of the field.
        problem, remedy : str
            What is wrong, and what to do.
        """
        if len(self.faults) < _MOST_FAULTS:
            fault = Fault(place.line, place.column, path, problem, remedy)
            self.faults.append(fault)

    def _shown(self) -> str:
        content = self.value.content
        if isinstance(content, tuple):
            return "a list"
        if isinstance(content, dict):
            return "a mapping"
        text = self.value.text
        # A user name in a URL comes with a password.
        if self.is_secret or "@" in text:
            return "the value"
        return json.dumps(_cut(text), ensure_ascii=False) if text else "nothing"

    def text(self) -> str | None:
        """
        Read one line of text.

        Returns
        -------
        str or None
            The text.
        """
        content = self.value.content
        if not isinstance(content, str):
            self.refuse("is no text", "give a text; put numbers and dates in quotes")
        elif not content.strip() or content != content.strip():
            self.refuse("is blank or has blanks at its ends", "give a text")
        elif len(content) > _LONGEST_TEXT or not content.isprintable():
            self.refuse(
                "is no single line of printable text",
                f"give one line of at most {_LONGEST_TEXT} characters",
            )
        else:
            return content
        return None

    def flag(self) -> bool | None:
        """
        Read true or false.

        Returns
        -------
        bool or None
            The answer.
        """
        if isinstance(self.value.content, bool):
            return self.value.content
        self.refuse("is neither true nor false", "write true or false, no quotes")
        return None

    def choice(
        self, known: Sequence[str | bool], told: str | None = None
    ) -> str | bool | None:
        """
        Read one of some words.

        Parameters
        ----------
        known : sequence of str or bool
            The words.
        told : str, optional
            What to call the words, if there are too many to list.

        Returns
        -------
        str or bool or None
            The word.
        """
        content = self.value.content
        if isinstance(content, str | bool) and content in known:
            return content
        names = [str(word).lower() if word in (True, False) else word for word in known]
        words = [str(name) for name in names]
        self.refuse(
            f"is none of {told or ', '.join(words)}",
            _nearest(self.value.text, words) or "choose one of them",
        )
        return None

    def made(self, make: Callable[[str], Any]) -> Any:  # noqa: ANN401 what is made of it
        """
        Read a text and make something of it.

        Parameters
        ----------
        make : callable
            Takes the text; raises `InvalidClient` if it does not serve.

        Returns
        -------
        object or None
            What it made.
        """
        text = self.text()
        if text is None:
            return None
        try:
            return make(text)
        except InvalidClient as error:
            self.refuse(error.problem, error.remedy)
        return None

    def tuple_of(self, reader: Reader) -> tuple[Any, ...]:
        """
        Read a list whose items all differ.

        Parameters
        ----------
        reader : callable
            Reads each item.

        Returns
        -------
        tuple
            What was read of those that serve.
        """
        found = []
        for item in self.items():
            read = reader(item)
            if read is not None and read in found:
                item.refuse("stands twice", "keep one of them")
            elif read is not None:
                found.append(read)
        return tuple(found)

    def items(self) -> Iterator["Item"]:
        """
        Take a list apart.

        Yields
        ------
        Item
            Each item; none if it is no list.
        """
        content = self.value.content
        if not isinstance(content, tuple):
            self.refuse("is no list", "write it as a list: [a, b], or lines with -")
            return
        if len(content) > _LONGEST_LIST:
            self.refuse(f"is longer than {_LONGEST_LIST}", "is it the right file?")
            return
        for number, value in enumerate(content):
            yield self._part(value, f"{self.path}[{number}]")

    def fields(self) -> dict[str, "Item"]:
        """
        Take a mapping apart.

        Returns
        -------
        dict of str to Item
            Each field; none, without a fault, if it is no mapping.
        """
        content = self.value.content
        return {
            name: self._part(value, f"{self.path}.{_cut(name)}".lstrip("."))
            for name, value in (content.items() if isinstance(content, dict) else ())
        }

    def read_fields(
        self, readers: Mapping[str, Reader], required: Sequence[str] = ()
    ) -> dict[str, Any]:
        """
        Read the fields of a mapping, refusing those that nobody would read.

        Parameters
        ----------
        readers : Mapping
            Reader of each field that there is.
        required : sequence of str
            Fields that must be there.

        Returns
        -------
        dict of str to object
            What was read, by name; refused values are None.
        """
        if not isinstance(self.value.content, dict):
            self.refuse("is no mapping", "write fields below it, each as name: value")
            return {}
        given = self.fields()
        for name, item in given.items():
            if name not in readers:
                self._refuse_name(name, item.path, readers)
        for name in required:
            if name not in given:
                self.refuse(f"has no {name}", "add it", shown=False)
        return {
            name: readers[name](item) for name, item in given.items() if name in readers
        }

    def _refuse_name(self, name: str, path: str, known: Mapping[str, Reader]) -> None:
        if len(self.faults) < _MOST_FAULTS:
            remedy = _nearest(name, list(known)) or f"known are {', '.join(known)}"
            self.note(self.value.keys[name], path, "is unknown", remedy)

    def secret(self) -> "Item":
        """
        Give the same item, with a text that is never repeated.

        Returns
        -------
        Item
            The item.
        """
        return replace(self, is_secret=True)

    def _part(self, value: Value, path: str) -> "Item":
        return Item(value, path, self.faults, self.is_secret)


def _cut(text: str) -> str:
    """Make a text fit to be shown: short, and without what could steer a terminal."""
    plain = "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_SHOWN])
    return f"{plain}…" if len(text) > _LONGEST_SHOWN else plain


def _nearest(text: str, known: Sequence[str]) -> str | None:
    close = get_close_matches(text[:_LONGEST_SHOWN], known, n=1)
    return f"did you mean {close[0]}?" if close else None
