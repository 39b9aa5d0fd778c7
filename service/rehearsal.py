"""The EHR that a synthetic patient comes from, as settings of the service."""

from collections.abc import Mapping
from pathlib import Path

import orjson

from service.patients import SyntheticPatient

__all__ = ["settings_for"]

_GENERIC = "generic"
_NAME = "rehearsed"
_SERVER = "https://ehr.example.org/fhir"


def settings_for(patient: SyntheticPatient, folder: Path) -> Mapping[str, str]:
    """
    Tell the service which client fires a patient's hook.

    Parameters
    ----------
    patient : SyntheticPatient
        The patient.
    folder : pathlib.Path
        Where a register of clients may be written, which must stay while it is read.

    Returns
    -------
    Mapping of str to str
        SCNEN_* variables to add; none where any client in R4 will do. In which FHIR
        version a client writes, only a register says.
    """
    if patient.fhir_version != "R4":
        client = {
            "name": _NAME,
            "preset": patient.client,
            "fhir_servers": [{"base_url": _SERVER, "version": patient.fhir_version}],
        }
        file = folder / f"{patient.client}-{patient.fhir_version}.yaml"
        file.write_bytes(orjson.dumps({"clients": [client]}))
        return {"SCNEN_CLIENTS_FILE": str(file), "SCNEN_OPEN_CLIENT": _NAME}
    if patient.client != _GENERIC:
        return {"SCNEN_OPEN_CLIENT": patient.client}
    return {}
