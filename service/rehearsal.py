"""The EHR that a synthetic patient comes from, as settings of the service."""

from collections.abc import Mapping

from service.patients import SyntheticPatient

__all__ = ["settings_for"]

_USUAL = {"SCNEN_OPEN_CLIENT": "generic", "SCNEN_OPEN_FHIR_VERSION": "R4"}


def settings_for(patient: SyntheticPatient) -> Mapping[str, str]:
    """
    Tell the service which client fires a patient's hook.

    Parameters
    ----------
    patient : SyntheticPatient
        The patient.

    Returns
    -------
    Mapping of str to str
        SCNEN_* variables to add; none where any client in R4 will do.
    """
    settings = {
        "SCNEN_OPEN_CLIENT": patient.client,
        "SCNEN_OPEN_FHIR_VERSION": patient.fhir_version,
    }
    return {name: value for name, value in settings.items() if value != _USUAL[name]}
