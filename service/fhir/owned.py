"""What of a record is the patient's own, and of the encounter of the call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.fhir.findings import PatientRecord
from service.fhir.references import Selection, base_of, home_of, select

__all__ = ["Owned", "keep_own"]


@dataclass(slots=True)
class Owned:
    """
    What was kept of a record.

    Attributes
    ----------
    selections : dict of str to Selection
        Resources by type.
    encounter : Mapping or None
        The Encounter, if it is the one of the call and took place.
    junk : list of tuple of str
        Which lists held entries that are no such resources, and how many.
    other_patient : int
        How many resources of other patients were dropped.
    """

    selections: dict[str, Selection]
    encounter: Mapping[str, Any] | None
    junk: list[tuple[str, str]]
    other_patient: int


def keep_own(
    record: PatientRecord,
    patient_id: str,
    encounter_id: str | None,
) -> Owned:
    """
    Keep what is of the patient, on one FHIR server.

    Parameters
    ----------
    record : PatientRecord
        The patient's resources, maybe among those of others.
    patient_id : str
        Logical id of the patient.
    encounter_id : str or None
        That of the encounter.

    Returns
    -------
    Owned
        The resources, and counts of what was dropped. Where the address of the server
        is not known, all absolute references to the patient's id must name one, in all
        lists together; of several none counts.
    """
    base = record.fhir_base
    encounter = record.encounter if isinstance(record.encounter, dict) else {}
    subject = base_of(encounter.get("subject"), f"Patient/{patient_id}")
    selections = _select(record, patient_id, base)
    bases = {subject} if subject else set()
    for selection in selections.values():
        bases |= selection.bases
    if len(bases) > 1 and base is None:
        selections = _select(record, patient_id, "")
    is_own = (
        subject in {"", home_of(bases, base)}
        and encounter.get("resourceType") == "Encounter"
        and encounter.get("id") == encounter_id
        and encounter.get("status") not in ("entered-in-error", "cancelled")
        and "modifierExtension" not in encounter
        and "implicitRules" not in encounter
    )
    return Owned(
        selections,
        encounter if is_own else None,
        _junk(selections, record.illegible),
        sum([selection.other_patient for selection in selections.values()]),
    )


def _select(
    record: PatientRecord, patient_id: str, base: str | None
) -> dict[str, Selection]:
    listed = {
        "Procedure": record.procedures,
        "Observation": record.observations,
        "Condition": record.conditions,
    }
    return {
        kind: select(entries or (), kind, patient_id, base)
        for kind, entries in listed.items()
    }


def _junk(
    selections: Mapping[str, Selection], illegible: Mapping[str, int]
) -> list[tuple[str, str]]:
    return [
        (f"{kind} (no id)", f"{count} entries are no {kind}")
        for kind, selection in selections.items()
        if (count := selection.junk + illegible.get(kind, 0))
    ]
