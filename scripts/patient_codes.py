"""Codes and quantities of the bundled synthetic patients, and the table of stories."""

from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "DISPLAYS",
    "ICD10CM",
    "LOINC",
    "TABLE",
    "TERMINOLOGY",
    "coding",
    "concept",
    "icd10pcs",
    "project",
    "quantity",
    "site",
]

Json = dict[str, Any]

TABLE: Json = yaml.safe_load(
    Path(__file__).with_name("patients.yaml").read_text("utf-8")
)
DISPLAYS: Json = TABLE["displays"]

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_PROJECT = "http://scnen-cds.example.org/fhir/CodeSystem/predictors"
_ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
_SNOMED = "http://snomed.info/sct"
_UCUM = "http://unitsofmeasure.org"


def coding(system: str, code: str, display: str | None = None) -> Json:
    """
    Write a Coding.

    Parameters
    ----------
    system, code : str
        The code.
    display : str or None, optional
        What it means.

    Returns
    -------
    dict
        The Coding.
    """
    named = {"display": display} if display else {}
    return {"system": system, "code": code, **named}


def concept(system: str, code: str, display: str | None = None) -> Json:
    """
    Write a CodeableConcept of one code.

    Parameters
    ----------
    system, code : str
        The code.
    display : str or None, optional
        What it means, the text too.

    Returns
    -------
    dict
        The CodeableConcept.
    """
    text = {"text": display} if display else {}
    return {"coding": [coding(system, code, display)], **text}


def project(code: str) -> Json:
    """
    Write a code of the project's CodeSystem.

    Parameters
    ----------
    code : str
        The code.

    Returns
    -------
    dict
        The CodeableConcept.
    """
    return concept(_PROJECT, code, DISPLAYS["project"][code])


def icd10pcs(code: str) -> Json:
    """
    Write a code of ICD-10-PCS.

    Parameters
    ----------
    code : str
        The code.

    Returns
    -------
    dict
        The CodeableConcept.
    """
    return concept(_ICD10PCS, code, DISPLAYS["icd10pcs"][code])


def site(level: str) -> Json:
    """
    Write a vertebra as SNOMED CT names it.

    Parameters
    ----------
    level : str
        A level, or a region of the table.

    Returns
    -------
    dict
        The CodeableConcept.
    """
    return concept(_SNOMED, *DISPLAYS["sites"][level])


def quantity(value: float, unit: str) -> Json:
    """
    Write a value with its UCUM unit.

    Parameters
    ----------
    value : float
        The number.
    unit : str
        The UCUM code.

    Returns
    -------
    dict
        The Quantity.
    """
    shown = {"deg": "°", "1": ""}.get(unit, unit)
    named = {"unit": shown} if shown else {}
    return {"value": value, **named, "system": _UCUM, "code": unit}
