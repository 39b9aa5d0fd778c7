"""How other servers write the same chart: an Epic site's R4, and R5."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["EPIC_BASE", "SHAPES", "in_r5", "like_epic"]

Json = dict[str, Any]

EPIC_BASE = "https://ehr.north.example.org/interconnect/api/FHIR/R4"
#: Below 2.999, the arc for examples: a site's own codes and identifiers.
_LOCAL = "urn:oid:2.999.114350.7.2"
_OIDS = {
    "http://hl7.org/fhir/sid/icd-10-cm": "urn:oid:2.16.840.1.113883.6.90",
    "http://www.cms.gov/Medicare/Coding/ICD10": "urn:oid:2.16.840.1.113883.6.4",
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+\d\d:\d\d")
#: Characters of an id, as they were seen: people and encounters short, the rest long.
_SHORT, _LONG = 24, 45
_SHORT_TYPES = frozenset({"Patient", "Encounter", "Practitioner"})


def like_epic(bundle: Mapping[str, Any]) -> Json:
    """
    Write a Bundle as an Epic site does.

    Opaque ids, absolute references, times in UTC, ICD codes under their OIDs after a
    code of the site's own. The empty answer to a search, which has an OperationOutcome
    there, belongs to the EHR and not to the chart.

    Parameters
    ----------
    bundle : mapping
        R4 Bundle with relative references.

    Returns
    -------
    dict
        The same chart.
    """
    names = {entry["request"]["url"]: entry["resource"] for entry in bundle["entry"]}
    opaque = {name: f"{name.split('/')[0]}/{_opaque(name)}" for name in names}
    written: Json = _epic(bundle, opaque)
    for entry, name in zip(written["entry"], opaque.values(), strict=True):
        entry["fullUrl"] = f"{EPIC_BASE}/{name}"
        entry["resource"]["id"] = name.split("/")[1]
        entry["request"]["url"] = name
    return written


def _opaque(name: str) -> str:
    """Make up an id that says nothing, always the same one for the same resource."""
    digest = hashlib.sha512(name.encode()).digest()
    letters = base64.urlsafe_b64encode(digest).decode().replace("_", ".")
    length = _SHORT if name.split("/", maxsplit=1)[0] in _SHORT_TYPES else _LONG
    return f"e{letters[: length - 2]}3"


def _epic(node: Any, opaque: Mapping[str, str]) -> Any:  # noqa: ANN401 any JSON
    if isinstance(node, dict):
        written = {name: _epic(value, opaque) for name, value in node.items()}
        if "reference" in node:
            written["reference"] = f"{EPIC_BASE}/{opaque[node['reference']]}"
        return written
    if isinstance(node, list):
        return [_epic(value, opaque) for item in node for value in _with_own_code(item)]
    if isinstance(node, str) and _TIME.fullmatch(node):
        moment = datetime.fromisoformat(node).astimezone(UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return node


def _with_own_code(item: object) -> list[Any]:
    """Put the site's own code before one of ICD."""
    if not isinstance(item, dict) or item.get("system") not in _OIDS:
        return [item]
    number = int(hashlib.sha256(item["code"].encode()).hexdigest()[:6], 16)
    own = {"system": f"{_LOCAL}.696871", "code": str(number)}
    return [
        {**own, "display": item["display"]},
        {**item, "system": _OIDS[item["system"]]},
    ]


def in_r5(bundle: Mapping[str, Any]) -> Json:
    """
    Write a Bundle of R4 in R5.

    Parameters
    ----------
    bundle : mapping
        R4 Bundle.

    Returns
    -------
    dict
        The same chart.
    """
    entries = [
        {**entry, "resource": _R5.get(kind, dict)(entry["resource"])}
        for entry in bundle["entry"]
        for kind in [entry["resource"]["resourceType"]]
    ]
    return {**bundle, "entry": entries}


def _procedure_in_r5(resource: Json) -> Json:
    names = {
        "performedDateTime": "occurrenceDateTime",
        "performedPeriod": "occurrencePeriod",
        "reasonReference": "reason",
    }
    said = {names.get(name, name): value for name, value in resource.items()}
    if "reason" in said:
        said["reason"] = [{"reference": each} for each in said["reason"]]
    return said


def _encounter_in_r5(resource: Json) -> Json:
    names = {"period": "actualPeriod"}
    said = {names.get(name, name): value for name, value in resource.items()}
    return {
        **said,
        "class": [{"coding": [resource["class"]]}],
        "participant": [
            {"actor": each["individual"]} for each in resource["participant"]
        ],
        "diagnosis": [
            {"condition": [{"reference": each["condition"]}]}
            for each in resource["diagnosis"]
        ],
    }


_R5: Mapping[str, Callable[[Json], Json]] = {
    "Procedure": _procedure_in_r5,
    "Encounter": _encounter_in_r5,
}
#: Name in the table of stories -> how the Bundle is rewritten.
SHAPES: Mapping[str, Callable[[Mapping[str, Any]], Json]] = {
    "epic": like_epic,
    "r5": in_r5,
}
