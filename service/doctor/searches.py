"""Whether searches do what they say: `code`, `_sort`, `_count`, pages, totals.

A server may leave out what it does not understand and answer all the same.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from cds_hooks.prefetch import resolve
from service.doctor.case import Case, Results
from service.doctor.findings import Finding, Findings, fault, ok, warning
from service.ehr import counted, explain, kind_of, next_link

__all__ = ["check_searches"]

Resource = Mapping[str, Any]

#: A code that no resource has, of a system that nobody uses.
_NO_CODE: Final = "http://scnen-cds.example.org/none|no-such-code"
#: Elements with the time by which `_sort=-date` sorts, R4 and R5.
_TIMES: Final = (
    "performedDateTime",
    "occurrenceDateTime",
    "effectiveDateTime",
    "effectiveInstant",
)
_PERIODS: Final = ("performedPeriod", "occurrencePeriod", "effectivePeriod")
_PAGES: Final = 3


def check_searches(case: Case, results: Results) -> Findings:
    """
    Check what the server makes of the parameters of our searches.

    Parameters
    ----------
    case : Case
        What is examined.
    results : Mapping
        What the searches gave.

    Yields
    ------
    Finding
        On each parameter.
    """
    found = {
        key: each.data.resources
        for key, each in results.items()
        if "?" in case.templates[key] and each.fault is None
    }
    yield _code(case)
    yield _sort(found)
    key = max(found, key=lambda each: len(found[each]), default=None)
    if key is None or len(found[key]) < 2:  # noqa: PLR2004 one entry is one page
        yield warning(
            "search _count, pages",
            "cannot be told: no search gave two results",
            "Take a patient with more data.",
        )
        return
    query = resolve(case.templates[key], {"patientId": case.subject.patient_id}) or ""
    yield from _pages(case, query, found[key])


def _code(case: Case) -> Finding:
    """Search for nothing: whatever comes shows that `code` is ignored."""
    check = "search code"
    patient_id = case.subject.patient_id
    client = case.connect()
    seen = client.look(f"Observation?patient={patient_id}&code={_NO_CODE}&_count=1")
    if seen.fault is not None:
        found, remedy = explain(seen.fault)
        return warning(check, f"cannot be told: {found}", remedy)
    if _matches(seen.resource):
        return fault(
            check,
            "ignored: a code that nobody has finds Observations",
            "Have the search by `code` enabled; without, whole records are read, which"
            " ends at the limits of docs/fhir-access.md.",
        )
    every = client.look(f"Observation?patient={patient_id}&_count=1")
    if not _matches(every.resource):
        return warning(
            check,
            "cannot be told: the patient has no Observations",
            "Take a patient with more data.",
        )
    return ok(check, "honoured")


def _sort(found: Mapping[str, Sequence[Resource]]) -> Finding:
    times = {
        key: [time for each in found.get(key, ()) if (time := _time(each))]
        for key in ("procedures", "observations")
    }
    longest = max(times.values(), key=len)
    if len(longest) < 2:  # noqa: PLR2004 one is always in order
        return warning(
            "search _sort",
            "cannot be told: fewer than two dated results",
            "Take a patient with more data.",
        )
    if all(each == sorted(each, reverse=True) for each in times.values()):
        return ok("search _sort", "honoured, the newest come first")
    return warning(
        "search _sort",
        "ignored: results are not sorted by date",
        "Nothing is lost as long as all pages are read; prefetch of one page only would"
        " lack the newest.",
    )


def _pages(case: Case, query: str, whole: Sequence[Resource]) -> Findings:
    kind = kind_of(query)
    seen = case.connect().look(counted(query, 1))
    if seen.fault is not None:
        yield fault("search _count", *explain(seen.fault))
        return
    page = seen.resource or {}
    on_page = len(_matches(page))
    if on_page == 1 and next_link(page) is None:
        yield fault(
            "search _count",
            f"a page of one {kind} of {len(whole)} has no link to the next: what does"
            " not fit is lost without a word",
            "Have the server send `next` links.",
        )
        return
    if on_page > 1:
        yield warning(
            "search _count",
            f"ignored: {on_page} come where 1 was asked for",
            "Nothing is lost; the server's own page size counts.",
        )
    else:
        yield ok("search _count", "honoured")
    yield _following(case, counted(query, -(-len(whole) // _PAGES)), whole)
    yield _total(page, len(whole))


def _following(case: Case, query: str, whole: Sequence[Resource]) -> Finding:
    """Read the same in small pages: it must be the same."""
    again = case.connect().fetch({"pages": (query, kind_of(query))})["pages"]
    if again.fault is not None:
        return fault("pages", *explain(again.fault))
    if _ids(again.data.resources) != _ids(whole):
        return fault(
            "pages",
            f"{len(again.data.resources)} results in small pages, {len(whole)} before",
            "A server fault, or data that change just now. Try again, then ask the"
            " EHR's team.",
        )
    if again.pages < 2:  # noqa: PLR2004 one page proves nothing
        return warning(
            "pages",
            "cannot be told: everything came on one page",
            "Take a patient with more data.",
        )
    return ok("pages", f"the same in {again.pages} pages as in larger ones")


def _total(page: Resource, count: int) -> Finding:
    total = page.get("total")
    if total is None:
        return ok("totals", "not sent; the links alone tell whether there is more")
    if total == count:
        return ok("totals", "agree with what was sent")
    return warning(
        "totals",
        "of a page and of all results differ",
        "Estimated totals let complete results pass for incomplete ones: have exact"
        " ones sent, or none.",
    )


def _matches(page: Resource | None) -> list[Resource]:
    entries = (page or {}).get("entry")
    return [
        entry
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
        and (entry.get("search") or {}).get("mode", "match") == "match"
    ]


def _ids(resources: Sequence[Resource]) -> list[str]:
    return sorted(str(each.get("id")) for each in resources)


def _time(resource: Resource) -> datetime | None:
    """When it was, as an instant; what has no time of day is left out."""
    texts = [resource.get(name) for name in _TIMES]
    texts += [(resource.get(name) or {}).get("start") for name in _PERIODS]
    text = next((each for each in texts if isinstance(each, str)), "")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
