"""The CHAI Applied Model Card, version 0.2 of its schema: as JSON and as XML."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, register_namespace
from xml.etree.ElementTree import tostring as xml_bytes

from service.model.published import Performance
from service.model_card.content import Entry
from service.model_card.local import Figure, LocalValidation

__all__ = ["NAMESPACE", "applied_model_card", "as_xml"]

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"

#: Elements that may be repeated: their text is a list.
_REPEATED = ("EHR", "Keyword")


def applied_model_card(
    entries: Sequence[Entry],
    told: Sequence[Mapping[str, Any]],
    performances: Sequence[Performance],
    local: LocalValidation | None,
) -> dict[str, Any]:
    """
    Arrange what is said by the elements of the schema.

    Parameters
    ----------
    entries : sequence of Entry
        The entries, whose ids are paths of elements in the order of the schema.
    told : sequence of Mapping
        What is said in each.
    performances : sequence of Performance
        The study's figures, if it is the study's model.
    local : LocalValidation or None
        Local figures, which join them.

    Returns
    -------
    dict
        Elements by name, nested as in the schema.
    """
    root: dict[str, Any] = {}
    for entry, said in zip(entries, told, strict=True):
        *way, last = entry.id.split("/")
        node = root
        for step in way:
            node = node.setdefault(step, {})
        if entry.results:
            node[last] = _results(entry.results, performances, local)
        elif last in _REPEATED:
            node[last] = said["words"].split("; ")
        else:
            node[last] = said["words"]
    return root


def as_xml(card: Mapping[str, Any]) -> bytes:
    """
    Write the card as XML.

    Parameters
    ----------
    card : Mapping
        What `applied_model_card` gives.

    Returns
    -------
    bytes
        UTF-8 with declaration.
    """
    register_namespace("", NAMESPACE)
    root = Element(f"{{{NAMESPACE}}}AppliedModelCard")
    _fill(root, card)
    indent(root)
    text: bytes = xml_bytes(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _fill(parent: Element, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        for each in value if name in _REPEATED else [value]:
            child = SubElement(parent, f"{{{NAMESPACE}}}{name}")
            if isinstance(each, Mapping):
                _fill(child, each)
            elif isinstance(each, list):
                for result in each:
                    _fill(child, {"MetricResult": result})
            else:
                child.text = each


def _results(
    which: str, performances: Sequence[Performance], local: LocalValidation | None
) -> list[dict[str, str]]:
    if which == "fairness":
        return [_single("Performance by group of patients: not reported", None)]
    found = []
    for each in performances:
        if which == "discrimination":
            found.append(_estimate(f"AUC, {each.cohort} cohort of the study", each.auc))
        else:
            label = (
                f"Mean absolute calibration error, {each.cohort} cohort of the study"
            )
            found.append(_single(label, each.mean_absolute_error))
    if local is not None:
        name = "AUC" if which == "discrimination" else "Observed over expected"
        value = local.auc if which == "discrimination" else local.observed_expected
        found.append(_estimate(f"{name}, local patients", value))
    return found or [_single("Not available", None)]


def _estimate(label: str, figure: Figure) -> dict[str, str]:
    value, low, high = figure
    content = {"estimate": value, "lower": low, "upper": high, "level": 95}
    return {"Label": label, "ValueJson": json.dumps({"kind": "estimate_ci"} | content)}


def _single(label: str, value: float | None) -> dict[str, str]:
    return {"Label": label, "ValueJson": json.dumps({"kind": "single", "value": value})}
