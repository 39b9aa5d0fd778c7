"""The lines of one patient as resources, with references that tell the type."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from service.cohort.export.lines import Line
from service.fhir.references import Contested, each_once

__all__ = ["newest", "parse"]

_URN: Final = "urn:uuid:"
#: Element to the type that it refers to, where the export does not hold the target.
_REFERS_TO: Final[Mapping[str, str]] = {
    "subject": "Patient",
    "encounter": "Encounter",
    "reasonReference": "Condition",
    "condition": "Condition",
    "partOf": "Procedure",
}
_TYPES: Final = ("Patient", "Encounter", "Procedure", "Observation", "Condition")

Resource = Mapping[str, Any]


def parse(
    lines: Sequence[Line],
) -> tuple[dict[str, list[Resource]], tuple[tuple[int, int], ...]]:
    """
    Read the lines of one patient.

    Parameters
    ----------
    lines : sequence of Line
        What may matter of the record.

    Returns
    -------
    resources : dict of str to list of Mapping
        By type; references of the form ``urn:uuid:…`` are written as type and id.
    broken : tuple of tuple of int
        File and number of each line that turned out to be no JSON.

    Examples
    --------
    >>> line = Line("Condition", '{"subject": {"reference": "urn:uuid:7"}}', 0, 0)
    >>> resources, broken = parse([line, Line("Condition", "{", 0, 1)])
    >>> resources["Condition"], broken
    ([{'subject': {'reference': 'Patient/7'}}], ((0, 1),))
    """
    sent: dict[str, list[Resource]] = {kind: [] for kind in _TYPES}
    broken = []
    for line in lines:
        try:
            sent[line.kind].append(orjson.loads(line.text))
        except orjson.JSONDecodeError:
            broken.append((line.file, line.number))
    if any(_URN in line.text for line in lines):
        kinds = {
            each["id"]: kind
            for kind, resources in sent.items()
            for each in resources
            if isinstance(each.get("id"), str)
        }
        for kind, resources in sent.items():
            sent[kind] = [_with_types(each, kind, kinds) for each in resources]
    return sent, tuple(broken)


def newest(resources: Iterable[Resource]) -> dict[str, Resource]:
    """
    Keep of each resource the newest version.

    Parameters
    ----------
    resources : iterable of Mapping
        Resources of one type.

    Returns
    -------
    dict of str to Mapping
        By id; without those of which nobody knows which version is the newest.
    """
    named = [each for each in resources if isinstance(each.get("id"), str)]
    return {
        each["id"]: each for each in each_once(named) if not isinstance(each, Contested)
    }


def _with_types(node: Any, element: str, kinds: Mapping[str, str]) -> Any:  # noqa: ANN401 any JSON
    if isinstance(node, list):
        return [_with_types(each, element, kinds) for each in node]
    if not isinstance(node, dict):
        return node
    copied = {name: _with_types(value, name, kinds) for name, value in node.items()}
    said = node.get("reference")
    if isinstance(said, str) and said.startswith(_URN):
        name = said.removeprefix(_URN)
        kind = kinds.get(name) or _REFERS_TO.get(element)
        copied["reference"] = f"{kind}/{name}" if kind else said
    return copied
