"""Prefetch: the queries a service publishes and what a client made of them."""

import re
from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from cds_hooks.errors import InvalidTemplate
from cds_hooks.hooks import HookDefinition, Kind
from cds_hooks.values import FHIR_ID, REFERENCE

__all__ = ["Availability", "PrefetchedData", "lint", "read", "resolve"]

_USER_TOKENS = {
    "Practitioner": "userPractitionerId",
    "PractitionerRole": "userPractitionerRoleId",
    "Patient": "userPatientId",
    "RelatedPerson": "userRelatedPersonId",
}
_TOKEN = re.compile(r"\{\{([^{}]*)\}\}")
_READ_OR_SEARCH = re.compile(r"[A-Z][A-Za-z]+(?:/[^/?#\s]+|\?(?P<query>[^?#\s]+))")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z_-]*(?::in)?")
_SPECIAL_PARAMETERS = {"_count", "_sort", "_id", "_lastUpdated"}
_DATE_PREFIX = re.compile(r"(?:ne|sa|eb|ap)\d{4}(?:-.*)?")
# Codes may be logged; what is no code could be anything.
_ISSUE_CODE = re.compile(r"[a-z][a-z-]{1,39}")
_ERROR_FREE = {"information", "warning", "success"}
# Issue types that say that data were left out, or kept from whoever asked, however mild
# the severity is: FHIR's families "transient" and "security", and a search cut short.
# The empty search of Epic is a warning too, but of type "processing".
_TELLS_OF_A_GAP = {
    "exception",
    "expired",
    "forbidden",
    "incomplete",
    "lock-error",
    "login",
    "no-store",
    "security",
    "suppressed",
    "throttled",
    "timeout",
    "too-costly",
    "transient",
    "unknown",
}
# Entry.search.mode; only matches stand in Bundle.total.
_IS_COUNTED = {"match": True, "include": False, "outcome": False}


class Availability(Enum):
    """What is known about the data of one prefetch key."""

    ABSENT = "absent"
    """The client sent no such key: the service may ask for the data itself."""
    NULL = "null"
    """The client says that there is no such data."""
    EMPTY = "empty"
    """The client searched and found nothing."""
    UNAVAILABLE = "unavailable"
    """The client tried and failed, or sent what cannot be read: do not ask again."""
    PAGED = "paged"
    """There is more than was sent."""
    COMPLETE = "complete"
    """All there is was sent."""


class PrefetchedData(NamedTuple):
    """
    What stands under one prefetch key.

    Attributes
    ----------
    availability : Availability
        How far the data can be relied upon to be all there is.
    resources : tuple of Mapping
        Resources of the types asked for, in the client's order, not further checked:
        nothing says that they belong to the patient.
    issue_codes : tuple of str
        Codes of the OperationOutcomes found.
    next_url : str or None
        Next page, if the client gave one. Not to be followed to another origin.
    dropped : int
        Entries that were no resources, whatever the availability: they may have been
        what was asked for, so silence is no safe answer when there are any.
    """

    availability: Availability
    resources: tuple[Mapping[str, Any], ...] = ()
    issue_codes: tuple[str, ...] = ()
    next_url: str | None = None
    dropped: int = 0


def lint(template: str, hook: HookDefinition) -> None:
    """
    Refuse a template that not every client can be expected to carry out.

    Parameters
    ----------
    template : str
        FHIR read or search, relative to the FHIR server's base.
    hook : HookDefinition
        The hook whose context fills the tokens.

    Raises
    ------
    InvalidTemplate
        If the template leaves the specification's recommended subset, uses a token the
        hook does not offer, or repeats a parameter (some clients join the values).

    Examples
    --------
    >>> from cds_hooks.hooks import HOOKS
    >>> lint("Patient/{{context.patientId}}", HOOKS["patient-view"])
    >>> lint("Patient/{{context.encounter.id}}", HOOKS["patient-view"])
    Traceback (most recent call last):
    cds_hooks.errors.InvalidTemplate: template "Patient/{{context.encounter.id}}": \
patient-view offers no token context.encounter.id
    """
    _lint_tokens(template, hook)
    if template in _lone_references(hook):
        return
    match = _READ_OR_SEARCH.fullmatch(template)
    if match is None:
        raise _refused(template, "expected Type/id or Type?parameter=value")
    if match["query"] is not None:
        _lint_query(template, match["query"])
    elif any(reference in template for reference in _lone_references(hook)):
        raise _refused(template, "a token that holds Type/id stands alone")


def _lone_references(hook: HookDefinition) -> set[str]:
    return {
        "{{context." + f.name + "}}"
        for f in hook.fields
        if f.is_token and f.kind in (Kind.USER, Kind.REFERENCE)
    }


def _lint_tokens(template: str, hook: HookDefinition) -> None:
    allowed = {f"context.{name}" for name in hook.tokens}
    if hook.user_types:
        allowed.update(_USER_TOKENS.values())
    for token in _TOKEN.findall(template):
        if token not in allowed:
            raise _refused(template, f"{hook.name} offers no token {token}")
    if "{" in (rest := _TOKEN.sub("", template)) or "}" in rest:
        raise _refused(template, "tokens stand between {{ and }}")


def _lint_query(template: str, query: str) -> None:
    names = set()
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        if not _PARAMETER.fullmatch(name) or not value:
            raise _refused(
                template, "expected name=value, with no modifier but :in and no chain"
            )
        if name.startswith("_") and name not in _SPECIAL_PARAMETERS:
            raise _refused(template, f"not every server knows {name}")
        if _DATE_PREFIX.fullmatch(value):
            raise _refused(template, "dates compare by eq, lt, gt, le and ge only")
        if name in names:
            raise _refused(template, f"{name} stands twice")
        names.add(name)


def _refused(template: str, problem: str) -> InvalidTemplate:
    return InvalidTemplate(f'template "{template}": {problem}')


def resolve(template: str, context: Mapping[str, Any]) -> str | None:
    """
    Fill the tokens of a template, as a client does.

    Parameters
    ----------
    template : str
        A template that passed `lint`.
    context : Mapping
        The hook's context.

    Returns
    -------
    str or None
        The query, or None when a token has no value, or one that is neither an id nor
        a reference and could change the meaning of the URL.

    Examples
    --------
    >>> resolve("Patient/{{context.patientId}}", {"patientId": "p1"})
    'Patient/p1'
    >>> resolve("Patient/{{context.patientId}}", {"patientId": "p1?_has=x"}) is None
    True
    """
    values = {f"context.{name}": value for name, value in context.items()}
    kind, _, identifier = str(context.get("userId", "")).partition("/")
    if kind in _USER_TOKENS:
        values[_USER_TOKENS[kind]] = identifier
    for token in _TOKEN.findall(template):
        value = values.get(token)
        if not isinstance(value, str) or not (
            FHIR_ID.fullmatch(value) or REFERENCE.fullmatch(value)
        ):
            return None
    return _TOKEN.sub(lambda match: values[match[1]], template)


def read(
    prefetch: Mapping[str, Any],
    key: str,
    resource_types: Collection[str],
) -> PrefetchedData:
    """
    Take what a client prefetched under one key, without ever failing.

    Parameters
    ----------
    prefetch : Mapping
        The request's prefetch.
    key : str
        Key of the template.
    resource_types : collection of str
        FHIR types that serve; others, such as included ones, are left out.

    Returns
    -------
    PrefetchedData
        The resources, and how far they are all there is. What cannot be read is
        `Availability.UNAVAILABLE`, never "no data".

    Examples
    --------
    >>> read({"patient": {"resourceType": "Patient"}}, "patient", {"Patient"}).resources
    ({'resourceType': 'Patient'},)
    >>> read({"patient": None}, "patient", {"Patient"}).availability
    <Availability.NULL: 'null'>
    >>> read({"patient": "Mr Smith"}, "patient", {"Patient"}).availability
    <Availability.UNAVAILABLE: 'unavailable'>
    """
    if key not in prefetch:
        return PrefetchedData(Availability.ABSENT)
    value = prefetch[key]
    if value is None:
        return PrefetchedData(Availability.NULL)
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if kind == "Bundle":
        return _read_bundle(value, resource_types)
    if kind == "OperationOutcome":
        return PrefetchedData(Availability.UNAVAILABLE, issue_codes=_codes(value))
    if isinstance(kind, str) and kind in resource_types:
        return PrefetchedData(Availability.COMPLETE, (value,))
    return PrefetchedData(Availability.UNAVAILABLE, dropped=1)


def _read_bundle(
    bundle: Mapping[str, Any], resource_types: Collection[str]
) -> PrefetchedData:
    entries = bundle.get("entry")
    if entries is not None and not isinstance(entries, list):
        return PrefetchedData(Availability.UNAVAILABLE, dropped=1)
    matches, outcomes, dropped, counted = _sort(entries or (), resource_types)
    codes = tuple([code for outcome in outcomes for code in _codes(outcome)])
    is_failed = bool(outcomes) and (
        any(map(_has_error, outcomes)) or not _TELLS_OF_A_GAP.isdisjoint(codes)
    )
    if is_failed or (dropped and not matches):
        return PrefetchedData(Availability.UNAVAILABLE, (), codes, None, dropped)
    has_next, next_url = _next(bundle)
    if has_next or _is_cut_short(bundle.get("total"), counted):
        return PrefetchedData(Availability.PAGED, matches, codes, next_url, dropped)
    state = Availability.COMPLETE if matches else Availability.EMPTY
    return PrefetchedData(state, matches, codes, None, dropped)


def _sort(
    entries: Iterable[Any], resource_types: Collection[str]
) -> tuple[tuple[Mapping[str, Any], ...], list[Mapping[str, Any]], int, int]:
    """Give resources asked for, outcomes, how many are illegible, how many matches."""
    matches: list[Mapping[str, Any]] = []
    outcomes: list[Mapping[str, Any]] = []
    dropped = counted = 0
    for entry in entries:
        try:
            resource = entry["resource"]
            is_usual = resource["resourceType"] in resource_types and (
                "search" not in entry or entry["search"]["mode"] == "match"
            )
        except (KeyError, TypeError):  # JSON without such a key, or no object
            is_usual = False
        if is_usual:
            matches.append(resource)
            counted += 1
            continue
        kind = _text_in(entry, "resource", "resourceType")
        is_match = kind is None or kind in resource_types
        if kind is None:
            dropped += 1  # it was sent all the same, so it counts
        elif is_match:
            matches.append(resource)
        elif kind == "OperationOutcome":
            outcomes.append(resource)
        mode = _text_in(entry, "search", "mode")
        counted += is_match if mode is None else _IS_COUNTED.get(mode, is_match)
    return tuple(matches), outcomes, dropped, counted


def _text_in(entry: object, part: str, name: str) -> str | None:
    inner = entry.get(part) if isinstance(entry, dict) else None
    text = inner.get(name) if isinstance(inner, dict) else None
    return text if isinstance(text, str) else None


def _is_cut_short(total: object, counted: int) -> bool:
    """Whether the server found more than it sent; so does a total nobody can read."""
    if total is None:
        return False
    try:
        # Not "total > counted": that would let NaN pass.
        return not float(total) <= counted  # type: ignore[arg-type] # or TypeError
    except (TypeError, ValueError, OverflowError):
        return True


def _next(bundle: Mapping[str, Any]) -> tuple[bool, str | None]:
    """Tell whether more may follow, and where; of links nobody can read, more may."""
    links = bundle.get("link")
    if not isinstance(links, list):
        return links is not None, None
    for link in links:
        if isinstance(link, dict) and _is_next(link.get("relation")):
            url = link.get("url")
            return True, url if isinstance(url, str) else None
    return False, None


def _is_next(relation: object) -> bool:
    return isinstance(relation, str) and relation.lower() == "next"


def _issues(outcome: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    issues = outcome.get("issue")
    listed = issues if isinstance(issues, list) else ()
    return [issue for issue in listed if isinstance(issue, dict)]


def _codes(outcome: Mapping[str, Any]) -> tuple[str, ...]:
    codes = (issue.get("code") for issue in _issues(outcome))
    return tuple(c for c in codes if isinstance(c, str) and _ISSUE_CODE.fullmatch(c))


def _has_error(outcome: Mapping[str, Any]) -> bool:
    # A severity that is missing or unknown is taken for an error: the safe reading.
    severities = [issue.get("severity") for issue in _issues(outcome)]
    return not severities or not all(
        isinstance(s, str) and s in _ERROR_FREE for s in severities
    )
