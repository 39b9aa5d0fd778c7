"""From the resources that were sent to the record that the rules read."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from service.fhir.findings import PatientRecord
from service.fhir.servers import at_home
from service.fhir.versions import legible

__all__ = ["gather"]

Resource = Mapping[str, Any]

_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


def gather(
    sent: Mapping[str, Sequence[Resource]],
    *,
    patient_id: str,
    version: str,
    bases: Collection[str] = (),
    dropped: Mapping[str, int] = _NOTHING,
) -> PatientRecord:
    """
    Spell resources in one way, and leave out what cannot be the patient's.

    Parameters
    ----------
    sent : Mapping of str to sequence of Mapping
        Plain JSON by resource type.
    patient_id : str
        Logical id of the patient.
    version : str
        What the server is declared to speak: ``R4``, ``R4B`` or ``R5``.
    bases : collection of str, optional
        All names of the server that has the patient; none if it is not known.
    dropped : Mapping of str to int, optional
        How many entries were no resources, by type.

    Returns
    -------
    PatientRecord
        In R4's spelling. Patient and Encounter only if there is exactly one.

    Examples
    --------
    >>> procedure = {"resourceType": "Procedure", "occurrenceDateTime": "2026-03-03"}
    >>> gather({"Procedure": [procedure]}, patient_id="p", version="R5").procedures
    ({'resourceType': 'Procedure', 'performedDateTime': '2026-03-03'},)
    >>> gather({"Procedure": [procedure]}, patient_id="p", version="R4").illegible
    {'Procedure': 1}
    """
    kept: dict[str, tuple[Resource, ...]] = {}
    illegible: dict[str, int] = {}
    elsewhere: dict[str, int] = {}
    for kind, given in sent.items():
        own = legible(tuple(given), kind, version)
        if count := dropped.get(kind, 0) + len(given) - len(own):
            illegible[kind] = count
        kept[kind], strangers = at_home(own, patient_id, bases)
        if strangers:
            elsewhere[kind] = strangers
    return PatientRecord(
        patient=_single(kept.get("Patient", ())),
        encounter=_single(kept.get("Encounter", ())),
        procedures=kept.get("Procedure", ()),
        observations=kept.get("Observation", ()),
        conditions=kept.get("Condition", ()),
        illegible=illegible,
        elsewhere=elsewhere,
    )


def _single(resources: Sequence[Resource]) -> Resource | None:
    return resources[0] if len(resources) == 1 else None
