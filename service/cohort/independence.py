"""Patients on whom a model may be judged or fitted: in its units, and not its own."""

from service.cohort.patients import PatientCohort
from service.cohort.units import check_units
from service.model.risk_model import RiskModel

__all__ = ["check_independent"]


def check_independent(model: RiskModel, cohort: PatientCohort) -> None:
    """
    Refuse patients in other units, and those that the model was made of.

    On its own patients every model looks right: a validation would prove nothing, and a
    recalibration would put off its day of expiry.

    Parameters
    ----------
    model : RiskModel
        The model.
    cohort : PatientCohort
        The patients.

    Raises
    ------
    ValueError
        If they are refused; the message says why and what to take.
    """
    check_units(cohort.columns)
    made_of = model.calibration
    digests = (model.provenance.citation, made_of.data_digest if made_of else "")
    if any(cohort.source.digest in digest for digest in digests):
        raise ValueError(
            f"{cohort.source.name}: {model.id} {model.version} was made of these"
            " patients; take others, or with --model the one it was made from"
        )
