"""Texts of the record beside the form: people read them, nothing here does."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final

from cds_hooks.prefetch import Availability, PrefetchedData, read
from service.fhir.client import Look
from service.fhir.findings import PatientRecord
from service.fhir.references import select
from service.fhir.servers import at_home

__all__ = ["Found", "Report", "Reports", "look_for_reports", "read_reports"]

#: So many texts of each kind are shown, so much of each.
_MOST: Final = 8
_LONGEST: Final = 6000
#: So many of the newest are looked at, of all kinds and then of images alone.
_MOST_READ: Final = 50
#: Categories of DiagnosticReports that are of images: HL7 table 0074, LOINC.
_IMAGING: Final = ("RAD", "RX", "CT", "NMR", "RUS", "imaging", "LP29684-5")
_KIND: Final = "DiagnosticReport"
_VOID: Final = frozenset({"entered-in-error", "cancelled"})
_FINAL: Final = frozenset({"final", "amended", "corrected", "appended"})


@dataclass(frozen=True, slots=True)
class Report:
    """
    A text of the record, for the clinician's eyes.

    Attributes
    ----------
    title, day, text : str
        What it is, of when (both empty if the record does not tell), and what it says.
    source : str
        Reference of the resource.
    is_final : bool, default True
        Whether it may be relied on as it stands.
    """

    title: str
    day: str
    text: str
    source: str
    is_final: bool = True


@dataclass(frozen=True, slots=True)
class Reports:
    """
    What is shown, and what is not.

    Attributes
    ----------
    shown : tuple of Report
        Reports of images, then those that do not say of what they are, then values that
        were recorded as text; of each kind the newest first.
    left_out : int, default 0
        How many more there are among those that were looked at.
    is_cut : bool, default False
        Whether the record has more than were looked at.
    was_read : bool, default True
        Whether the reports could be had.
    """

    shown: tuple[Report, ...] = ()
    left_out: int = 0
    is_cut: bool = False
    was_read: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """
    What a server gave when it was asked for reports.

    Attributes
    ----------
    resources : sequence of Mapping
        DiagnosticReports, maybe of others.
    is_cut : bool, default False
        Whether there are more.
    was_read : bool, default True
        Whether they could be had.
    """

    resources: Sequence[Mapping[str, Any]] = ()
    is_cut: bool = False
    was_read: bool = True


def look_for_reports(look: Callable[[str], Look], patient: str) -> Found:
    """
    Ask for the newest reports; if there are more, for the newest of images as well.

    Parameters
    ----------
    look : callable
        Asks the server once.
    patient : str
        Id of the patient.

    Returns
    -------
    Found
        Without leave for reports there is none.
    """
    newest = f"{_KIND}?patient={patient}&_sort=-date&_count={_MOST_READ}"
    found = _page(look(newest))
    if found.availability is not Availability.PAGED:
        return Found(
            found.resources, was_read=found.availability is not Availability.UNAVAILABLE
        )
    of_images = _page(look(f"{newest}&category={','.join(_IMAGING)}"))
    known = {each.get("id"): each for each in (*of_images.resources, *found.resources)}
    return Found(tuple(known.values()), is_cut=True)


def _page(said: Look) -> PrefetchedData:
    return read({_KIND: said.resource or {}}, _KIND, {_KIND})


def read_reports(
    record: PatientRecord, found: Found, patient: str, bases: Sequence[str]
) -> Reports:
    """
    Choose what is shown.

    Parameters
    ----------
    record : PatientRecord
        The record: of its Observations those with a text.
    found : Found
        DiagnosticReports.
    patient : str
        Whose they must be: what a server sent of others is left out.
    bases : sequence of str
        Addresses of the server.

    Returns
    -------
    Reports
        Withdrawn ones, and those of other departments, are left out.
    """
    own = partial(_own, patient=patient, bases=bases)
    reports = [each for each in map(_report, own(found.resources, _KIND)) if each]
    of_images = _newest(report for report, is_image in reports if is_image)
    others = _newest(report for report, is_image in reports if not is_image)
    values = _newest(_values(own(record.observations or (), "Observation")))
    whole = [*of_images, *others], values
    shown = [each for texts in whole for each in texts[:_MOST]]
    left_out = sum(map(len, whole)) - len(shown)
    return Reports(tuple(shown), left_out, found.is_cut, found.was_read)


def _own(
    resources: Sequence[Any], kind: str, *, patient: str, bases: Sequence[str]
) -> Sequence[Any]:
    """Leave out what a server sent of others, by the rule of the extraction."""
    home, _ = at_home(resources, patient, bases)
    return select(home, kind, patient, "").resources


def _newest(reports: Iterator[Report]) -> list[Report]:
    """What has no day comes last; else the order of the server stays."""
    return sorted(reports, key=lambda report: report.day, reverse=True)


def _report(resource: Mapping[str, Any]) -> tuple[Report, bool] | None:
    """Take the conclusion of a report, and whether it says that it is of images."""
    text = resource.get("conclusion")
    is_void = resource.get("status") in _VOID
    if is_void or not isinstance(text, str) or not text.strip():
        return None
    codes = set(_codes(resource.get("category")))
    if codes and codes.isdisjoint(_IMAGING):
        return None
    return _shown(resource, text), bool(codes)


def _values(observations: Sequence[Mapping[str, Any]]) -> Iterator[Report]:
    for resource in observations:
        text = resource.get("valueString")
        is_void = resource.get("status") in _VOID
        if isinstance(text, str) and text.strip() and not is_void:
            yield _shown(resource, text)


def _shown(resource: Mapping[str, Any], text: str) -> Report:
    source = f"{resource.get('resourceType')}/{resource.get('id')}"
    said = text.strip()
    whole = said if len(said) <= _LONGEST else f"{said[:_LONGEST]} […]"
    is_final = resource.get("status") in _FINAL
    return Report(_title(resource), _day(resource), whole, source, is_final)


def _codes(concepts: object) -> Iterator[str]:
    for concept in concepts if isinstance(concepts, list) else ():
        codings = concept.get("coding") if isinstance(concept, dict) else None
        for coding in codings if isinstance(codings, list) else ():
            if isinstance(coding, dict) and isinstance(coding.get("code"), str):
                yield coding["code"]


def _title(resource: Mapping[str, Any]) -> str:
    code = resource.get("code")
    concept = code if isinstance(code, dict) else {}
    codings = concept.get("coding")
    displays = [
        coding.get("display")
        for coding in (codings if isinstance(codings, list) else ())
        if isinstance(coding, dict)
    ]
    said = [each for each in (concept.get("text"), *displays) if isinstance(each, str)]
    return said[0] if said else ""


def _day(resource: Mapping[str, Any]) -> str:
    for name in ("effectiveDateTime", "issued"):
        said = resource.get(name)
        if isinstance(said, str):
            try:
                return date.fromisoformat(said[:10]).isoformat()
            except ValueError:
                return ""
    return ""
