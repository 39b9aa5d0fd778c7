"""The CHAI Applied Model Card, version 0.2 of its schema: as JSON and as XML."""

import json
from collections.abc import Mapping, Sequence
from gettext import NullTranslations
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
    *,
    words: NullTranslations,
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
    words : gettext.NullTranslations
        The words of the language in which it is said.

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
            node[last] = _results(entry.results, performances, local, words)
        elif last in _REPEATED:
            node[last] = said["words"].split(words.gettext("; "))
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
    which: str,
    performances: Sequence[Performance],
    local: LocalValidation | None,
    words: NullTranslations,
) -> list[dict[str, str]]:
    gettext = words.gettext
    if which == "fairness":
        return [
            _single(gettext("Performance by group of patients: not reported"), None)
        ]
    auc, error, local_auc, ratio = (
        gettext("AUC, %(cohort)s cohort of the study"),
        gettext("Mean absolute calibration error, %(cohort)s cohort of the study"),
        gettext("AUC, local patients"),
        gettext("Observed over expected, local patients"),
    )
    found = []
    for each in performances:
        cohort = {"cohort": gettext(each.cohort)}
        if which == "discrimination":
            found.append(_estimate(auc % cohort, each.auc))
        else:
            found.append(_single(error % cohort, each.mean_absolute_error))
    if local is not None and which == "discrimination":
        found.append(_estimate(local_auc, local.auc))
    elif local is not None:
        found.append(_estimate(ratio, local.observed_expected))
    return found or [_single(gettext("Not available"), None)]


def _estimate(label: str, figure: Figure) -> dict[str, str]:
    value, low, high = figure
    content = {"estimate": value, "lower": low, "upper": high, "level": 95}
    return {"Label": label, "ValueJson": json.dumps({"kind": "estimate_ci"} | content)}


def _single(label: str, value: float | None) -> dict[str, str]:
    return {"Label": label, "ValueJson": json.dumps({"kind": "single", "value": value})}
