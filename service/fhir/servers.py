"""One patient id, one server: under all the names by which it is known."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from service.fhir.references import base_of, home_of

__all__ = ["at_home"]

Resource = Mapping[str, Any]


def at_home(
    resources: Iterable[Resource], patient_id: str, bases: Collection[str]
) -> tuple[tuple[Resource, ...], int]:
    """
    Write references to the patient the short way, and drop those of other servers.

    Parameters
    ----------
    resources : iterable of Mapping
        Plain JSON.
    patient_id : str
        Logical id of the patient.
    bases : collection of str
        All names of the server that has the patient; if it is not known, none.

    Returns
    -------
    resources : tuple of Mapping
        As they were, except that a `subject` at one of the bases is relative. Those of
        other patients are left to `service.fhir.references.select`.
    elsewhere : int
        How many were dropped, since they name the patient's id at another base: it may
        be another person's there.

    Examples
    --------
    >>> procedure = {"subject": {"reference": "https://e.example/fhir/Patient/p1"}}
    >>> at_home([procedure], "p1", ["https://e.example/fhir"])
    (({'subject': {'reference': 'Patient/p1'}},), 0)
    >>> at_home([procedure], "p1", ["https://other.example/fhir"])
    ((), 1)
    """
    if not bases:
        return tuple(resources), 0
    own = f"Patient/{patient_id}"
    homes = {home_of((), base) for base in bases}
    kept: list[Resource] = []
    elsewhere = 0
    for resource in resources:
        said = base_of(subject := resource.get("subject"), own)
        if not said:
            kept.append(resource)
        elif said in homes and isinstance(subject, dict):
            kept.append({**resource, "subject": {**subject, "reference": own}})
        else:
            elsewhere += 1
    return tuple(kept), elsewhere
