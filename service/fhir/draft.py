"""A ConceptMap to complete: what looks relevant, each code waiting for a person."""

from collections.abc import Mapping
from typing import Any, Final

from service.fhir.conceptmaps import TEXTS
from service.fhir.coverage import CodeKey
from service.fhir.mapfiles import UNDECIDED
from service.fhir.relevance import Topics
from service.fhir.summary import Shown
from service.fhir.tallies import Tally

__all__ = ["draft_map"]

_TITLE: Final = "Draft: codes of this site that no map knows, to be decided one by one"
#: A level or a region of the spine: not all of them are written out.
_MANY: Final = 8


def draft_map(shown: Shown, own_system: str) -> dict[str, Any] | None:
    """
    Write a ConceptMap in which every code still has to be decided.

    Parameters
    ----------
    shown : Shown
        The survey, and what of it may be told.
    own_system : str
        Address of the project's own CodeSystem, which is the target.

    Returns
    -------
    dict or None
        FHIR R4 ConceptMap; None if nothing looks relevant. It is refused by the
        loader until no element is undecided.
    """
    systems: dict[str, dict[str, list[tuple[CodeKey, Tally]]]] = {}
    for key, tally in shown.unknown(relevant=True):
        _, system, code = key
        systems.setdefault(system, {}).setdefault(code, []).append((key, tally))
    if not systems:
        return None
    return {
        "resourceType": "ConceptMap",
        "title": _TITLE,
        "status": "draft",
        "group": [
            {
                "source": system,
                "target": own_system,
                "element": [
                    _element(shown, code, found) for code, found in codes.items()
                ],
            }
            for system, codes in sorted(systems.items())
        ],
    }


def _element(
    shown: Shown, code: str, found: list[tuple[CodeKey, Tally]]
) -> Mapping[str, Any]:
    """One code, wherever it stands in the records."""
    topics = frozenset[str]().union(*(tally.topics for _, tally in found))
    number = shown.number(sum(tally.resources for _, tally in found))
    where = ", ".join(dict.fromkeys(key[0] for key, _ in found))
    comment = (
        f"{UNDECIDED} {_choice(shown.topics, topics)}. Seen {number} times in {where}."
    )
    element: dict[str, Any] = {"code": code}
    displays = (tally.display(shown.smallest) for _, tally in found)
    is_text = found[0][0][1] == TEXTS
    if not is_text and (display := next(filter(None, displays), None)):
        element["display"] = display
    return {**element, "target": [{"equivalence": "unmatched", "comment": comment}]}


def _choice(topics: Topics, names: frozenset[str]) -> str:
    codes = topics.suggestions(names)
    if len(codes) > _MANY:
        return f"{', '.join(codes[:2])} … {', '.join(codes[-4:])}"
    return " or ".join(codes)
