"""What ``scnen-cds recalibrate`` does; apart, since this needs the statistics."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from service import fields
from service.cli.analysis import refusing
from service.cli.recalibrate_text import next_text, report_text
from service.cohort.independence import check_independent
from service.cohort.patients import PatientCohort
from service.cohort.table import read_cohort
from service.model.arrays import design_matrix
from service.model.artifact import RiskModel, find_model, load_model
from service.validation.artifact_files import check_free, id_and_version, write_new
from service.validation.calibrated_artifact import Basis, calibrated_document
from service.validation.recalibration import Recalibration, recalibrate
from service.validation.updating import Level

__all__ = ["Target", "run"]

#: Years from the approval to the last day of use, unless somebody says otherwise.
_YEARS: Final = 2


@dataclass(frozen=True, slots=True)
class Target:
    """
    What is to be written.

    Attributes
    ----------
    file : pathlib.Path
        Where to; no file may be there.
    today : datetime.date
        The day.
    approved_by : tuple of str
        Who answers for it.
    approved_on, valid_until : datetime.date or None
        Day of the approval, today if None; last day of use, two years later if None.
    first_operation, last_operation : datetime.date or None
        Span of the patients, if their file does not say.
    """

    file: Path
    today: date
    approved_by: tuple[str, ...]
    approved_on: date | None = None
    valid_until: date | None = None
    first_operation: date | None = None
    last_operation: date | None = None


def run(
    file: Path,
    name: str,
    *,
    level: str | None,
    signed_angles: bool,
    seed: int,
    target: Target | None,
) -> str:
    """
    Recalibrate, and write the artifact if there is a target.

    Parameters
    ----------
    file : pathlib.Path
        The cohort.
    name : str
        The original: a bundled model, or a path.
    level : str or None
        What is estimated again; None leaves it to the closed test.
    signed_angles : bool
        Whether the file records angles with signs.
    seed : int
        Of the resamples of a refit.
    target : Target or None
        What is to be written; None if nothing.

    Returns
    -------
    str
        The report.

    Raises
    ------
    ClickException
        If anything is refused.
    """
    path = find_model(name)
    with refusing():
        if target is not None:
            _check_target(target)
        model = load_model(path, may_be_expired=True)
        cohort = read_cohort(file, signed_angles=signed_angles)
        _check_patients(model, cohort)
        used = cohort.subset(cohort.examined() & cohort.complete(model))
        found = recalibrate(
            model,
            _design(model, used),
            used.scnen,
            rng=np.random.default_rng(seed),
            level=None if level is None else Level(level),
        )
        if target is not None and found.update.level is not Level.AS_IS:
            write_new(target.file, _document(path, found, used, target))
    return "\n\n".join(
        (
            report_text(model, cohort, used, found),
            next_text(found, used, None if target is None else target.file),
        )
    )


def _check_patients(model: RiskModel, cohort: PatientCohort) -> None:
    check_independent(model, cohort)
    if "SYNTHETIC" in model.label and not cohort.source.is_synthetic:
        raise ValueError(
            f"--model: {model.id} {model.version} was made of synthetic patients; of"
            " patients nothing is built on it"
        )


def _design(model: RiskModel, used: PatientCohort) -> Any:  # noqa: ANN401 an array
    if len(used) == 0:
        raise ValueError(
            "no patient was examined and has all predictors of the model: see"
            " scnen-cds cohort check"
        )
    return design_matrix(model, used.columns)


def _check_target(target: Target) -> None:
    """Refuse what could not be written before anything is computed."""
    id_and_version(target.file.stem)
    check_free(target.file)
    if not any(name.strip() for name in target.approved_by):
        raise ValueError(
            "--approved-by: an artifact names who answers for its use; without --out"
            " nothing is written and nobody is needed"
        )
    approved, until = _approved_on(target), _valid_until(target)
    if approved > target.today:
        raise ValueError(f"--approved-on: {approved} lies in the future")
    if until < target.today:
        raise ValueError(
            f"--valid-until: {until} has passed: nobody could use the model"
        )


def _approved_on(target: Target) -> date:
    return target.approved_on or target.today


def _valid_until(target: Target) -> date:
    if target.valid_until is not None:
        return target.valid_until
    day = _approved_on(target)
    try:
        return day.replace(year=day.year + _YEARS)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year + _YEARS, day=28)


def _document(
    path: Path, found: Recalibration, used: PatientCohort, target: Target
) -> dict[str, Any]:
    name, version = id_and_version(target.file.stem)
    first, last = _operations(used, target)
    basis = Basis(
        id=name,
        version=version,
        first_operation=first,
        last_operation=last,
        approved_by=tuple(filter(None, map(str.strip, target.approved_by))),
        approved_on=_approved_on(target),
        valid_until=_valid_until(target),
        data_digest=used.source.digest,
        is_synthetic=used.source.is_synthetic,
    )
    return calibrated_document(fields.parse(path.read_bytes()), found, basis)


def _operations(used: PatientCohort, target: Target) -> tuple[date, date]:
    """Take the span from the file where it has it, for all; it is not guessed."""
    days = used.dates.get("operation_date")
    known = days is not None and not np.isnat(days).any()
    if days is not None and known:
        return days.min().item(), days.max().item()
    if target.first_operation is None or target.last_operation is None:
        raise ValueError(
            "--first-operation, --last-operation: give both; the file has no"
            " operation_date for every patient"
        )
    return target.first_operation, target.last_operation
