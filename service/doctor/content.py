"""Whether there is something to work with: mapped codes, and the version's shape."""

from collections.abc import Mapping
from typing import Any, Final

from service.doctor.case import Case, Results
from service.doctor.findings import Finding, Findings, fault, ok, warning

__all__ = ["check_content"]

Resource = Mapping[str, Any]

#: Elements that only one of the versions has, by type: R4's and R5's.
_SHAPES: Final[Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    "procedures": (
        "Procedure",
        ("performedDateTime", "performedPeriod", "reasonCode", "reasonReference"),
        ("occurrenceDateTime", "occurrencePeriod", "reason"),
    ),
    "encounter": ("Encounter", ("period",), ("actualPeriod",)),
}
#: By key: what the codes are to mean, and what it is for.
_MEANT: Final = {
    "procedures": ("methods", "an operation of the study", "operations"),
    "observations": ("measurements", "a measurement that is used", "measurements"),
    "conditions": ("diagnoses", "a diagnosis that is used", "diagnoses"),
}
_COVERAGE: Final = (
    "Take a patient with such an operation; for local codes see scnen-cds terminology"
    " coverage and docs/site-codes.md."
)


def check_content(case: Case, results: Results) -> Findings:
    """
    Check what the searches brought.

    Parameters
    ----------
    case : Case
        What is examined.
    results : Mapping
        What came, by key.

    Yields
    ------
    Finding
        On codes and on the shape of resources.
    """
    for key in _MEANT:
        if key in results and results[key].fault is None:
            yield _codes(case, key, results[key].data.resources)
    for key in _SHAPES:
        if key in results and results[key].data.resources:
            yield _shape(case, key, results[key].data.resources)


def _codes(case: Case, key: str, resources: tuple[Resource, ...]) -> Finding:
    """Count, so that nothing of the patient is told."""
    attribute, meaning, what = _MEANT[key]
    lexicon = getattr(case.terminology, attribute)
    mapped = sum(bool(lexicon.meanings(each.get("code"))) for each in resources)
    check = f"codes of {what}"
    found = f"{mapped} of {len(resources)} have a code of {meaning}"
    if mapped or key == "conditions":
        return ok(check, found)
    return warning(check, found, _COVERAGE)


def _shape(case: Case, key: str, resources: tuple[Resource, ...]) -> Finding:
    kind, of_r4, of_r5 = _SHAPES[key]
    is_r5 = case.fhir_version == "R5"
    own, other = (of_r5, of_r4) if is_r5 else (of_r4, of_r5)
    strange = sorted({name for each in resources for name in other if name in each})
    if strange:
        return fault(
            f"shape of {kind}",
            f"{', '.join(strange)}: no element of {case.fhir_version}",
            f"The server writes {'R4' if is_r5 else 'R5'}: register that `version`.",
        )
    if not any(name in each for each in resources for name in own):
        return warning(
            f"shape of {kind}",
            f"none of {', '.join(own)}",
            "Without times nothing can be told of an operation: is the user allowed to"
            " see them?",
        )
    return ok(f"shape of {kind}", case.fhir_version)
