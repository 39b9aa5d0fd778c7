"""What is proposed to a server, written as its version of FHIR wants it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

__all__ = ["written_in"]

#: Writes the value of one of R4's elements as R5 has it.
_Change = Callable[[Any], Any]


def _concept(value: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    """Wrap a CodeableConcept into a CodeableReference."""
    return {"concept": value}


def _concepts(values: list[Any]) -> list[Any]:
    return [{"concept": value} for value in values]


def _references(values: list[Any]) -> list[Any]:
    return [{"reference": value} for value in values]


def _same(value: Any) -> Any:  # noqa: ANN401 JSON
    return value


def _evidence(values: list[Any]) -> list[Any]:
    """Wrap the findings of a Condition, which R4 lists in groups."""
    return [each for group in values for each in _references(group["detail"])]


#: type -> element of R4 -> its name in R5, and how its value is written there. Elements
#: that are not named are the same in both. R4B is R4 for what is written here.
_IN_R5: Final[Mapping[str, Mapping[str, tuple[str, _Change]]]] = MappingProxyType(
    {
        "ServiceRequest": {
            "code": ("code", _concept),
            "reasonCode": ("reason", _concepts),
            "reasonReference": ("reason", _references),
            "supportingInfo": ("supportingInfo", _references),
        },
        "Condition": {"evidence": ("evidence", _evidence)},
        "Procedure": {"performedDateTime": ("occurrenceDateTime", _same)},
    }
)


def written_in(
    version: str, kind: str, elements: Mapping[str, Any]
) -> Mapping[str, Any]:
    """
    Write elements of a resource for a server.

    Parameters
    ----------
    version : str
        ``"R4"``, ``"R4B"`` or ``"R5"``.
    kind : str
        Resource type.
    elements : Mapping
        Some or all elements of the resource as R4 has them.

    Returns
    -------
    Mapping
        The elements themselves, or a changed copy.

    Examples
    --------
    >>> written_in("R5", "ServiceRequest", {"reasonCode": [{"text": "Pain"}]})
    {'reason': [{'concept': {'text': 'Pain'}}]}
    """
    changes = _IN_R5.get(kind)
    if version != "R5" or changes is None:
        return elements
    written: dict[str, Any] = {}
    for name, value in elements.items():
        r5_name, change = changes.get(name, (name, None))
        said = change(value) if change else value
        is_second = r5_name in written  # reasons by code, then by reference
        written[r5_name] = [*written[r5_name], *said] if is_second else said
    return written
