"""Whether the patient is old enough for a model that was made on adults."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from service.fhir.times import parse_date

__all__ = ["is_adult"]


def is_adult(
    patient: Mapping[str, Any] | None, patient_id: str, on: date, minimum_years: int
) -> bool | None:
    """
    Tell whether a patient has reached an age.

    Parameters
    ----------
    patient : Mapping or None
        The Patient.
    patient_id : str
        Id of the patient of the call; another one's age says nothing.
    on : datetime.date
        Day at which the age counts.
    minimum_years : int
        The age.

    Returns
    -------
    bool or None
        False also where the birth date (a year, a month) leaves it open, or lies after
        that day; None if there is no usable birth date.
    """
    if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
        return None
    if "modifierExtension" in patient or "implicitRules" in patient:
        return None
    if patient.get("id") != patient_id:
        return None
    born = parse_date(patient.get("birthDate"))
    if born is None:
        return None
    youngest = born[1]
    had_birthday = (on.month, on.day) >= (youngest.month, youngest.day)
    return on.year - youngest.year - (not had_birthday) >= minimum_years
