"""Resources of FHIR R5 in the spelling of R4, which is what the rules read."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

__all__ = ["contradicts", "in_r4", "legible"]

Resource = Mapping[str, Any]

#: R5's choice of times of a Procedure -> R4's name for it. R5 has also a Timing, which
#: cannot say when something was done.
_PERFORMED: Final = MappingProxyType(
    {
        "occurrenceDateTime": "performedDateTime",
        "occurrencePeriod": "performedPeriod",
        "occurrenceString": "performedString",
        "occurrenceAge": "performedAge",
        "occurrenceRange": "performedRange",
    }
)

#: By type: the times' names in R4, and in R5.
_TIMES: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = MappingProxyType(
    {
        "Procedure": (
            frozenset(_PERFORMED.values()),
            frozenset({*_PERFORMED, "occurrenceTiming"}),
        ),
        "Encounter": (frozenset({"period"}), frozenset({"actualPeriod"})),
    }
)


def legible(
    resources: tuple[Resource, ...], kind: str, version: str
) -> tuple[Resource, ...]:
    """
    Spell resources as R4 does, and leave out those that contradict their version.

    Parameters
    ----------
    resources : tuple of Mapping
        Plain JSON of one type.
    kind : str
        That type.
    version : str
        What their server is declared to speak: ``"R4"``, ``"R4B"`` or ``"R5"``.

    Returns
    -------
    tuple of Mapping
        The others: by the declared version or not at all, else their times were lost.
    """
    if kind not in _TIMES:
        return resources
    kept = [each for each in resources if not contradicts(each, version)]
    return tuple([in_r4(each, version) for each in kept] if version == "R5" else kept)


def contradicts(resource: Resource, version: str) -> bool:
    """
    Tell whether a resource gives its time only as another version of FHIR does.

    Read by the declared version it would have no time, and nobody would know that it
    was given one.

    Parameters
    ----------
    resource : Mapping
        Plain JSON, maybe junk.
    version : str
        What its server is declared to speak: ``"R4"``, ``"R4B"`` or ``"R5"``.

    Returns
    -------
    bool
        True for a Procedure or an Encounter with the other version's time and none of
        its own.

    Examples
    --------
    >>> procedure = {"resourceType": "Procedure", "occurrenceDateTime": "2026-03-03"}
    >>> contradicts(procedure, "R4"), contradicts(procedure, "R5")
    (True, False)
    """
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in _TIMES:
        return False
    own, foreign = _TIMES[kind]
    if version == "R5":
        own, foreign = foreign, own
    if resource.keys().isdisjoint(foreign):
        return False
    said = {name for name, value in resource.items() if value is not None}
    return said.isdisjoint(own) and not said.isdisjoint(foreign)


def in_r4(resource: Resource, version: str) -> Resource:
    """
    Spell a resource as R4 does.

    What an extraction reads of Observation, Condition and Patient has the same names in
    both versions; Procedure and Encounter differ.

    Parameters
    ----------
    resource : Mapping
        Plain JSON of the version of its server, maybe junk.
    version : str
        ``"R4"``, ``"R4B"`` or ``"R5"``.

    Returns
    -------
    Mapping
        The resource itself, or a changed copy: R5's elements under R4's names. R4's own
        names that R5 does not have are left out: nobody knows what they mean there.

    Examples
    --------
    >>> in_r4({"resourceType": "Procedure", "occurrenceDateTime": "2026-03-03"}, "R5")
    {'resourceType': 'Procedure', 'performedDateTime': '2026-03-03'}
    """
    kind = resource.get("resourceType")
    if version != "R5" or not isinstance(kind, str) or kind not in _TRANSLATIONS:
        return resource
    removed, translate = _TRANSLATIONS[kind]
    kept = {name: value for name, value in resource.items() if name not in removed}
    return {**kept, **translate(resource)}


def _procedure(resource: Resource) -> dict[str, Any]:
    found = {r4: resource[r5] for r5, r4 in _PERFORMED.items() if r5 in resource}
    return {**found, **_reasons(resource.get("reason"))}


def _reasons(reasons: object) -> dict[str, Any]:
    """Part R5's CodeableReferences into R4's codes and references."""
    parts = [part for part in _listed(reasons) if isinstance(part, dict)]
    codes = [part["concept"] for part in parts if "concept" in part]
    references = [part["reference"] for part in parts if "reference" in part]
    return {
        **({"reasonCode": codes} if codes else {}),
        **({"reasonReference": references} if references else {}),
    }


def _encounter(resource: Resource) -> dict[str, Any]:
    found = {"period": resource["actualPeriod"]} if "actualPeriod" in resource else {}
    conditions = [
        part["reference"]
        for diagnosis in _listed(resource.get("diagnosis"))
        if isinstance(diagnosis, dict)
        for part in _listed(diagnosis.get("condition"))
        if isinstance(part, dict) and "reference" in part
    ]
    if conditions:
        return {**found, "diagnosis": [{"condition": each} for each in conditions]}
    return found


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


#: By type: what is left out, and what gives the rest in R4's spelling.
_TRANSLATIONS: Final[
    Mapping[str, tuple[frozenset[str], Callable[[Resource], dict[str, Any]]]]
] = MappingProxyType(
    {
        "Procedure": (
            frozenset(
                {
                    *_PERFORMED,
                    *_PERFORMED.values(),
                    "reason",
                    "reasonCode",
                    "reasonReference",
                }
            ),
            _procedure,
        ),
        "Encounter": (frozenset({"actualPeriod", "period", "diagnosis"}), _encounter),
    }
)
