"""What the forms write: Observations, a Procedure, and the Provenance of both."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import orjson

from service.fhir.writing import written_in

__all__ = ["Author", "Draft", "provenance", "quantity"]

_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
_UCUM: Final = "http://unitsofmeasure.org"
_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Draft:
    """
    One resource to be created, once.

    Attributes
    ----------
    label : str
        What it says, for the clinician.
    resource : dict
        FHIR JSON, with an identifier that is made of what it says.
    voided : int, default 0
        How many entries that said the same were marked as entered in error. Each has
        used up an identifier.
    """

    label: str
    resource: dict[str, Any] = field(repr=False)
    voided: int = 0

    @property
    def kind(self) -> str:  # numpydoc ignore=RT01
        """The resource type."""
        return str(self.resource["resourceType"])

    @property
    def condition(self) -> str:  # numpydoc ignore=RT01
        """The search that finds it if it is there already."""
        return f"identifier={self.token}"

    @property
    def token(self) -> str:  # numpydoc ignore=RT01
        """The identifier, as a search names it."""
        identifier = self.written["identifier"][0]
        return f"{identifier['system']}|{identifier['value']}"

    @property
    def written(self) -> dict[str, Any]:  # numpydoc ignore=RT01
        """The resource as it is sent, under an identifier that is not used up."""
        first, *others = self.resource["identifier"]
        if self.voided:
            first = {**first, "value": f"{first['value']}-{self.voided + 1}"}
        return {**self.resource, "identifier": [first, *others]}

    @property
    def full_url(self) -> str:  # numpydoc ignore=RT01
        """The name by which other drafts know it, whatever its identifier is."""
        first = self.resource["identifier"][0]
        name = f"identifier={first['system']}|{first['value']}"
        return f"urn:uuid:{uuid5(NAMESPACE_URL, name)}"


@dataclass(frozen=True, slots=True)
class Author:
    """
    Who records what, of whom.

    Attributes
    ----------
    server : str
        FHIR base of the record.
    patient : str
        Id of the patient.
    encounter : str or None
        Id of the encounter.
    user : str
        Reference of the clinician.
    recorded : datetime.datetime
        When, with its zone.
    canonical_base : str
        Base of the project's own systems.
    secret_key : bytes
        Key of the identifiers, so that none can be worked out from what it stands for.
    fhir_version : str
        What the server speaks.
    """

    server: str
    patient: str = field(repr=False)
    encounter: str | None = field(repr=False)
    user: str = field(repr=False)
    recorded: datetime
    canonical_base: str
    secret_key: bytes = field(repr=False)
    fhir_version: str = "R4"

    @property
    def system(self) -> str:  # numpydoc ignore=RT01
        """The project's CodeSystem."""
        return f"{self.canonical_base}/CodeSystem/predictors"

    def concept(self, code: str, text: str | None = None) -> dict[str, Any]:
        """
        Write a code of the project.

        Parameters
        ----------
        code : str
            The code.
        text : str, optional
            What it means here; its display, if not given.

        Returns
        -------
        dict
            CodeableConcept.
        """
        display = _displays()[code]
        coding = {"system": self.system, "code": code, "display": display}
        return {"coding": [coding], "text": text or display}

    def observation(
        self, label: str, code: str, *, when: str, elements: Mapping[str, Any]
    ) -> Draft:
        """
        Write a final Observation.

        Parameters
        ----------
        label : str
            What it says, for the clinician.
        code : str
            Code of the project.
        when : str
            Day or instant, as FHIR writes it.
        elements : Mapping
            Value, body site and what else there is.

        Returns
        -------
        Draft
            The Observation.
        """
        return self._draft(
            label,
            {
                "resourceType": "Observation",
                "status": "final",
                "code": self.concept(code),
                "effectiveDateTime": when,
                "issued": self.recorded.isoformat(timespec="seconds"),
                "performer": [{"reference": self.user}],
                **elements,
            },
        )

    def procedure(
        self, label: str, code: str, *, when: str, elements: Mapping[str, Any]
    ) -> Draft:
        """
        Write a completed Procedure.

        Parameters
        ----------
        label : str
            What it says, for the clinician.
        code : str
            Code of the project.
        when : str
            Instant, as FHIR writes it.
        elements : Mapping
            Body site and what else there is.

        Returns
        -------
        Draft
            The Procedure.
        """
        return self._draft(
            label,
            {
                "resourceType": "Procedure",
                "status": "completed",
                "code": self.concept(code),
                "performedDateTime": when,
                "performer": [{"actor": {"reference": self.user}}],
                **elements,
            },
        )

    def _draft(self, label: str, resource: dict[str, Any]) -> Draft:
        written = {
            "identifier": [self._identifier(resource)],
            **written_in(self.fhir_version, resource["resourceType"], resource),
            "subject": {"reference": f"Patient/{self.patient}"},
        }
        if self.encounter is not None:
            written["encounter"] = {"reference": f"Encounter/{self.encounter}"}
        return Draft(label, written)

    def _identifier(self, resource: Mapping[str, Any]) -> dict[str, str]:
        """Name it after what it says: the same, saved twice, is one."""
        said = {
            name: value
            for name, value in resource.items()
            if name not in {"issued", "performer"}
        }
        whole = orjson.dumps(
            [self.server, self.patient, said], option=orjson.OPT_SORT_KEYS
        )
        digest = hmac.new(self.secret_key, whole, sha256).hexdigest()
        return {"system": f"{self.canonical_base}/sid/entry", "value": digest[:_DIGITS]}


def quantity(value: float, unit: str, ucum: str) -> dict[str, Any]:
    """
    Write a number with its unit.

    Parameters
    ----------
    value : float
        The number.
    unit, ucum : str
        The unit, for people and in UCUM.

    Returns
    -------
    dict
        Quantity.
    """
    return {"value": value, "unit": unit, "system": _UCUM, "code": ucum}


def provenance(author: Author, targets: Iterable[str], form: str) -> dict[str, Any]:
    """
    Say who recorded something, by which form of which program.

    Parameters
    ----------
    author : Author
        Who, and when.
    targets : iterable of str
        References of what was recorded.
    form : str
        Canonical URL of the form, with its version.

    Returns
    -------
    dict
        Provenance.
    """

    def kind(code: str) -> dict[str, Any]:
        system = f"{_TERMINOLOGY}/provenance-participant-type"
        return {"coding": [{"system": system, "code": code}]}

    return {
        "resourceType": "Provenance",
        "target": [{"reference": each} for each in targets],
        "recorded": author.recorded.isoformat(timespec="seconds"),
        "agent": [
            {"type": kind("author"), "who": {"reference": author.user}},
            {"type": kind("assembler"), "who": {"display": "scnen-cds"}},
        ],
        "entity": [{"role": "source", "what": {"display": form}}],
    }


@cache
def _displays() -> dict[str, str]:
    place = files("service") / "data/codesystems/predictors.json"
    concepts = orjson.loads(place.read_bytes())["concept"]
    return {each["code"]: each["display"] for each in concepts}
