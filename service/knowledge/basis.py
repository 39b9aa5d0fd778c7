"""What the knowledge artifacts are made from, and what each says of itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from cds_hooks import Service
from service.assessment import OutputMode
from service.model.risk_model import RiskModel
from service.policy import Policy

__all__ = ["Basis", "Resource", "fhir_id", "version_part"]

#: A FHIR resource as JSON.
Resource = dict[str, Any]

#: When the words of this package were last changed: change it with them.
_WRITTEN: Final = date(2026, 11, 30)
_NO_ID: Final = re.compile(r"[^A-Za-z0-9.-]+")
_LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Basis:
    """
    What the knowledge artifacts are made from.

    Attributes
    ----------
    model : RiskModel
        The running model.
    artifact : pathlib.Path
        Its file.
    mode : OutputMode
        What kind of number is given now.
    policy : Policy
        Thresholds and times.
    service : Service
        The CDS Hooks service of the discharge.
    canonical_base : str
        Base of the canonical addresses, without a trailing slash.
    public_url : str
        Where the service is reached, without a trailing slash.
    """

    model: RiskModel
    artifact: Path
    mode: OutputMode
    policy: Policy
    service: Service
    canonical_base: str
    public_url: str

    @property
    def code_system(self) -> str:  # numpydoc ignore=RT01
        """Address of the project's own codes."""
        return self.canonical("CodeSystem", "predictors")

    def canonical(self, kind: str, name: str, version: str | None = None) -> str:
        """
        Give the canonical address of an artifact.

        Parameters
        ----------
        kind, name : str
            Type of the resource, and what comes after it.
        version : str, optional
            Which version is meant.

        Returns
        -------
        str
            The address, with the version behind a bar if one is given.
        """
        address = f"{self.canonical_base}/{kind}/{name}"
        return address if version is None else f"{address}|{version}"

    def head(
        self, kind: str, name: str, version: str, said: Mapping[str, Any]
    ) -> Resource:
        """
        Begin an artifact with what all of them have.

        Parameters
        ----------
        kind, name, version : str
            Type, what comes after it in the address, version.
        said : Mapping
            What this one says of itself: title, status, description and so on.

        Returns
        -------
        dict
            The resource so far.
        """
        return {
            "resourceType": kind,
            "id": fhir_id(name),
            "language": "en",
            "url": self.canonical(kind, name),
            "version": version,
            "name": _computer_name(name),
            "date": _WRITTEN.isoformat(),
            "publisher": "scnen-cds",
            "copyright": "Apache-2.0",
            **said,
        }

    def approval(self) -> dict[str, Any]:
        """
        Say what follows from who approved the policy.

        Returns
        -------
        dict
            Draft and experimental unless somebody has; else when, and active.
        """
        approved_on = self.policy.approval.approved_on
        if not self.policy.approval.is_given or approved_on is None:
            return {"status": "draft", "experimental": True}
        return {
            "status": "active",
            "experimental": False,
            "date": max(_WRITTEN, approved_on).isoformat(),
            "approvalDate": approved_on.isoformat(),
        }

    def use_context(self) -> list[Resource]:
        """
        Say for whom an artifact is.

        Returns
        -------
        list of dict
            UsageContexts: the condition, and the age from which the model is used.
        """
        age = self.policy.eligibility.minimum_age_years
        years = {"unit": "years", "system": "http://unitsofmeasure.org", "code": "a"}
        focus = {
            "system": self.code_system,
            "code": "superior-cluneal-nerve-entrapment",
        }
        return [
            {"code": _context("focus"), "valueCodeableConcept": {"coding": [focus]}},
            {"code": _context("age"), "valueRange": {"low": {"value": age, **years}}},
        ]


def fhir_id(name: str) -> str:
    """
    Make the id of a resource from a name.

    Parameters
    ----------
    name : str
        Any name.

    Returns
    -------
    str
        What FHIR allows in an id.

    Examples
    --------
    >>> fhir_id("north_1 (2026)")
    'north-1-2026-'
    """
    return _NO_ID.sub("-", name)[:_LONGEST_ID]


def version_part(text: str) -> str:
    """
    Make a part of a version from a text that a site chose.

    Parameters
    ----------
    text : str
        Such as the version of a policy.

    Returns
    -------
    str
        The same without what would end a canonical address.

    Examples
    --------
    >>> version_part("2026 | spring")
    '2026-spring'
    """
    return _NO_ID.sub("-", text)


def _computer_name(name: str) -> str:
    """Write a name as R4 wants it for programs: Scnen, then words without blanks."""
    words = re.split(r"[^A-Za-z0-9]+", name.removeprefix("scnen-"))
    return "Scnen" + "".join(map(str.title, words))


def _context(code: str) -> dict[str, str]:
    system = "http://terminology.hl7.org/CodeSystem/usage-context-type"
    return {"system": system, "code": code}
