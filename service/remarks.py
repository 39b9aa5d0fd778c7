"""What the extraction remarks in English, said in the language of a card."""

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["Remarks"]

_PLACE: Final = re.compile(r"%\((\w+)\)s")
#: Between two quotations of records, each of which ends with its source in brackets.
_AND: Final = re.compile(r"(?<=\)) and (?=\S)")
_MORE: Final = re.compile(r", and (\d+) more$")
_QUOTATION: Final = re.compile(r"(.+) \((.+)\)")


class Remarks:
    """
    Say remarks in one language.

    Parameters
    ----------
    known : Mapping
        Remarks by what the extraction writes, with places like ``%(what)s`` for what it
        takes from a record.
    parts : Mapping
        How they are put together: ``between`` remarks, ``and`` between quotations,
        ``more`` after them, and ``quotation``.
    """

    def __init__(self, known: Mapping[str, str], parts: Mapping[str, str]) -> None:
        self._known = [(_pattern(english), text) for english, text in known.items()]
        self._parts = parts

    def say(self, remark: str) -> str:
        """
        Say a remark.

        Parameters
        ----------
        remark : str
            As the extraction writes it.

        Returns
        -------
        str
            In the language; what is not known stays as it is, so that nothing is lost.
        """
        # Of two angles there may be two contradictions.
        each = [self._say(part) for part in remark.split("; ")]
        if None not in each:
            return self._parts["between"].join(filter(None, each))
        return self._say(remark) or remark

    def _say(self, remark: str) -> str | None:
        for pattern, text in self._known:
            if found := pattern.fullmatch(remark):
                told = {
                    name: self._told(part) for name, part in found.groupdict().items()
                }
                return text % told
        return None

    def _told(self, record: str) -> str:
        """Keep what a record says; put the words between and around into place."""
        more = _MORE.search(record)
        quotations = _AND.split(record[: more.start()] if more else record)
        told = self._parts["and"].join(map(self._quotation, quotations))
        return told + (self._parts["more"] % {"n": more[1]} if more else "")

    def _quotation(self, text: str) -> str:
        if found := _QUOTATION.fullmatch(text):
            said = self._say(found[1]) or found[1]
            return self._parts["quotation"] % {"said": said, "source": found[2]}
        return self._say(text) or text


def _pattern(english: str) -> re.Pattern[str]:
    # One in two is the name of a place.
    parts = _PLACE.split(english)
    return re.compile(
        "".join(
            f"(?P<{part}>.+)" if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )
    )
