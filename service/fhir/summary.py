"""The result of a survey as plain data, with small counts and rare words left out."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from service.fhir.conceptmaps import TEXTS
from service.fhir.coverage import CodeKey, Survey
from service.fhir.relevance import Topics
from service.fhir.tallies import Matched, Tally
from service.fhir.terminology import Terminology

__all__ = ["SMALLEST", "Shown", "summarise"]

#: Counts below are not told, and words are, only if so many patients share them.
SMALLEST: Final = 5

#: A code as code lists have it; anything else may be a text that somebody typed.
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]{0,17}", re.ASCII)
_TEXT = "text"


@dataclass(frozen=True, slots=True)
class Shown:
    """
    What of the counts may be told.

    Attributes
    ----------
    survey : Survey
        The counts.
    topics : Topics
        What was looked for.
    smallest : int
        The least number that is told.
    """

    survey: Survey
    topics: Topics
    smallest: int = SMALLEST

    def number(self, count: int) -> int | str:
        """
        Write a count.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        int or str
            The count; ``"<5"`` in the place of a small one.
        """
        return f"<{self.smallest}" if 0 < count < self.smallest else count

    def numbers(self, counts: Counter[str]) -> dict[str, int | str]:
        """
        Write counts by name.

        Parameters
        ----------
        counts : Counter
            Counts; the names must be of a closed list.

        Returns
        -------
        dict of str to int or str
            The most frequent first.
        """
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return {name: self.number(count) for name, count in ranked}

    def unknown(self, *, relevant: bool) -> Iterator[tuple[CodeKey, Tally]]:
        """
        List codes and texts that no map knows and that may be told.

        Parameters
        ----------
        relevant : bool
            Those that look as if they mattered, or the rest.

        Yields
        ------
        tuple
            Element, system and code; and the tally.
        """
        for key, tally in self.survey.unknown.items():
            if bool(tally.topics) is relevant and self._may_be_told(key, tally):
                yield key, tally

    def hidden(self, *, relevant: bool) -> int:
        """
        Count the codes and texts that may not be told.

        Parameters
        ----------
        relevant : bool
            Those that look as if they mattered, or the rest.

        Returns
        -------
        int
            How many are in the records of too few patients.
        """
        return sum(
            bool(tally.topics) is relevant and not self._may_be_told(key, tally)
            for key, tally in self.survey.unknown.items()
        )

    def _may_be_told(self, key: CodeKey, tally: Tally) -> bool:
        """A printed code by itself tells nothing of a patient; a text may."""
        _, system, code = key
        if len(tally.patients) >= self.smallest:
            return True
        is_standard = system in self.topics.standard_systems
        return self.smallest == 1 or bool(is_standard and _CODE.fullmatch(code))


def summarise(
    shown: Shown, terminology: Terminology, *, list_all: bool = False
) -> dict[str, Any]:
    """
    Put the result of a survey into plain data.

    Parameters
    ----------
    shown : Shown
        The survey, and what of it may be told.
    terminology : Terminology
        Knows the units.
    list_all : bool
        Whether to list the unknown codes that do not look relevant, too.

    Returns
    -------
    dict
        JSON-ready; no number below the smallest, no word of a few patients only.
    """
    survey = shown.survey
    types = {
        kind: {
            "seen": shown.number(count.seen),
            "matched": shown.number(count.matched),
            "could_serve": shown.number(count.serving),
            "with_known_body_site": shown.number(count.with_site),
            "without_patient": shown.number(count.without_patient),
        }
        for kind, count in survey.types.items()
    }
    ranked = sorted(
        survey.matched.items(), key=lambda item: (-item[1].tally.resources, item[0])
    )
    result: dict[str, Any] = {
        "smallest_count": shown.smallest,
        "resources": types,
        "other_resources": shown.number(survey.others),
        "matched": [
            {**_place_of(*key), **_matched(shown, matched, terminology)}
            for key, matched in ranked
        ],
        "relevant": [_unknown(shown, *row) for row in shown.unknown(relevant=True)],
        "relevant_not_shown": shown.hidden(relevant=True),
        "other_unknown": sum(not t.topics for _, t in survey.unknown.items()),
        "dropped": survey.unknown.dropped,
    }
    if list_all:
        result["unknown"] = [
            _unknown(shown, *row) for row in shown.unknown(relevant=False)
        ]
        result["unknown_not_shown"] = shown.hidden(relevant=False)
    return result


def _place_of(
    element: str,
    system: str,
    code: str,
    is_family: bool = False,  # noqa: FBT001, FBT002 a key
) -> dict[str, str]:
    written = f"{code}…" if is_family else code
    return {
        "element": element,
        "system": _TEXT if system == TEXTS else system,
        "code": written,
    }


def _matched(
    shown: Shown, matched: Matched, terminology: Terminology
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "means": list(matched.meanings),
        "resources": shown.number(matched.tally.resources),
    }
    if matched.statuses:
        row["could_serve"] = shown.number(matched.serving)
        row["why_not"] = shown.numbers(matched.faults)
        row["statuses"] = shown.numbers(matched.statuses)
    if matched.values:
        row["values"] = shown.numbers(matched.values)
    if len(matched.units):
        row["units"] = shown.numbers(_units(shown, matched, terminology))
    return row


def _units(shown: Shown, matched: Matched, terminology: Terminology) -> Counter[str]:
    """Units by how they are written; a rare one that is not known may be any text."""
    counted: Counter[str] = Counter()
    for (unit, code), tally in matched.units.items():
        name = f"{unit} [{code}]" if code and code != unit else unit or "not stated"
        if len(tally.patients) < shown.smallest and not all(
            terminology.unit(None, said) for said in (unit, code) if said
        ):
            name = "another one" if shown.smallest > 1 else name
        counted[name] += tally.resources
    return counted


def _unknown(shown: Shown, key: CodeKey, tally: Tally) -> dict[str, Any]:
    row: dict[str, Any] = _place_of(*key)
    display = tally.display(shown.smallest)
    if display:
        row["display"] = display
    row["resources"] = shown.number(tally.resources)
    if tally.topics:
        row["looks_like"] = [t.name for t in shown.topics.all if t.name in tally.topics]
        row["perhaps"] = list(shown.topics.suggestions(tally.topics))
    return row
