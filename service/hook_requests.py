"""What the EHR of a rehearsal asks: prefetch templates filled from a patient Bundle."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from cds_hooks.prefetch import resolve

__all__ = ["FireError", "hook_request"]

Resource = Mapping[str, Any]

#: search parameters that name a reference -> the elements that may hold it
_REFERENCES = {
    "patient": ("subject", "patient"),
    "subject": ("subject", "patient"),
    "encounter": ("encounter",),
}
#: elements that date a resource, as the search parameter `date` reads them, R4 and R5
_DATES = (
    "effectiveDateTime",
    "effectiveInstant",
    "performedDateTime",
    "occurrenceDateTime",
    "recordedDate",
    "onsetDateTime",
)
_PERIODS = ("performedPeriod", "occurrencePeriod", "effectivePeriod")


class FireError(RuntimeError):
    """The service could not be reached, or the Bundle cannot play the EHR."""


def hook_request(
    bundle: Resource,
    service: Mapping[str, Any],
    *,
    hook_instance: str | None = None,
    in_encounter: bool = True,
    extension: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Build the request an EHR would send, with complete prefetch.

    Parameters
    ----------
    bundle : mapping
        FHIR Bundle with one Patient, one Encounter, one Practitioner and what else the
        chart holds.
    service : mapping
        Discovery entry: `hook` and `prefetch` are read.
    hook_instance : str or None, optional
        UUID of this firing; None for a new one.
    in_encounter : bool, optional
        Whether the chart is open within the encounter; only then it is named.
    extension : mapping or None, optional
        What this EHR adds to the request.

    Returns
    -------
    dict
        The request. A template that the context cannot fill has no key, as the
        specification wants it.

    Raises
    ------
    FireError
        If the Bundle lacks the patient, or a template asks for a search that is not
        played here.
    """
    chart = [entry["resource"] for entry in bundle.get("entry", ())]
    context = {
        "userId": f"Practitioner/{_only(chart, 'Practitioner')['id']}",
        "patientId": _only(chart, "Patient")["id"],
    }
    if in_encounter:
        context["encounterId"] = _only(chart, "Encounter")["id"]
    queries = {
        key: resolve(template, context)
        for key, template in service.get("prefetch", {}).items()
    }
    return {
        "hook": service["hook"],
        "hookInstance": hook_instance or str(uuid4()),
        "context": context,
        "prefetch": {
            key: _answer(query, chart) for key, query in queries.items() if query
        },
        **({"extension": dict(extension)} if extension else {}),
    }


def _only(chart: Iterable[Resource], kind: str) -> Resource:
    found = [item for item in chart if item["resourceType"] == kind]
    if len(found) != 1:
        raise FireError(f"the Bundle must hold one {kind}, it holds {len(found)}")
    return found[0]


def _answer(query: str, chart: Sequence[Resource]) -> Resource | None:
    """Read (`Type/id`) or search (`Type?…`), as a FHIR server would."""
    kind, is_search, parameters = query.partition("?")
    if is_search:
        of_kind = [item for item in chart if item["resourceType"] == kind]
        return _search(of_kind, parse_qsl(parameters, keep_blank_values=True))
    return next((r for r in chart if f"{r['resourceType']}/{r['id']}" == query), None)


def _search(found: list[Resource], parameters: list[tuple[str, str]]) -> Resource:
    count = len(found)
    for name, value in parameters:
        if name == "_count":
            count = int(value)
        elif name == "_sort" and value.removeprefix("-") == "date":
            found = sorted(found, key=_date, reverse=value.startswith("-"))
        elif name == "code":
            found = [item for item in found if _has_code(item, value.split(","))]
        elif name in _REFERENCES:
            found = [item for item in found if _refers(item, _REFERENCES[name], value)]
        else:
            raise FireError(f"the search parameter {name!r} is not played here")
    if count < len(found):
        raise FireError(f"{len(found)} results need paging, which is not played here")
    entries = [{"resource": item, "search": {"mode": "match"}} for item in found]
    head = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    return {**head, "entry": entries} if entries else head


def _date(resource: Resource) -> str:
    """When it was, as text: the charts here write one offset, so text sorts them."""
    periods = (resource[name] for name in _PERIODS if name in resource)
    period: Resource = next(periods, {})
    dates = (resource[name] for name in _DATES if name in resource)
    return str(next(dates, period.get("start", "")))


def _has_code(resource: Resource, tokens: Sequence[str]) -> bool:
    codings = resource.get("code", {}).get("coding", ())
    return any(_matches(coding, token) for coding in codings for token in tokens)


def _matches(coding: Resource, token: str) -> bool:
    system, has_system, code = token.rpartition("|")
    return code == coding.get("code") and (
        not has_system or system == coding.get("system", "")
    )


def _refers(resource: Resource, elements: Iterable[str], wanted: str) -> bool:
    references = (resource.get(name, {}).get("reference", "") for name in elements)
    return any(f"/{found}".endswith(f"/{wanted}") for found in references)
