"""What ``scnen-cds recalibrate`` does; apart, since this needs the statistics."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from service import __version__, fields
from service.cli.analysis import refusing, telling
from service.cli.recalibrate_text import report_text
from service.cli.report_folder import check_new_folder, new_folder, report_files
from service.cohort.independence import check_independent
from service.cohort.patients import PatientCohort
from service.cohort.table import read_cohort
from service.model.arrays import design_matrix, linear_predictor
from service.model.arrays import risk as risk_of
from service.model.artifact import RiskModel, find_model, load_model
from service.validation.artifact_files import check_free, id_and_version, write_new
from service.validation.calibrated_artifact import Basis, calibrated_document
from service.validation.draws import Draws
from service.validation.enrolment import enrol, span
from service.validation.estimates import NotEstimableError
from service.validation.gates import gates
from service.validation.recalibration import (
    LevelRefusedError,
    Recalibration,
    recalibrate,
)
from service.validation.recalibration_case import Case
from service.validation.recalibration_pictures import BeforeAfter, before_after
from service.validation.recalibration_report import (
    Run,
    recalibration_curves,
    recalibration_json,
    recalibration_page,
)
from service.validation.resampling import RESAMPLES
from service.validation.updating import Level

__all__ = ["Options", "Target", "run"]

#: Years from the approval to the last day of use, unless somebody says otherwise.
_YEARS: Final = 2
_NOBODY: Final = (
    "nobody was examined, or nobody examined has all predictors of the model: an empty"
    " scnen is not 0; examine patients and record what was found (scnen-cds outcomes,"
    " or the column scnen), and see scnen-cds cohort check"
)


@dataclass(frozen=True, slots=True)
class Options:
    """
    What was asked for: see the options of the command.

    Attributes
    ----------
    model_name : str
        The original: a bundled model, or the path of an artifact.
    today : datetime.date
        The day.
    level : str or None
        What is estimated again; None leaves it to the closed test.
    signed_angles : bool
        Whether the table records angles with signs.
    seed, jobs : int
        Of the resamples of a refit.
    report : pathlib.Path or None
        A new folder for the report.
    """

    model_name: str
    today: date
    level: str | None = None
    signed_angles: bool = False
    seed: int = 1
    jobs: int = 1
    report: Path | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """
    What is to be written.

    Attributes
    ----------
    file : pathlib.Path or None
        Where to; no file may be there. None if nothing is.
    approved_by : tuple of str
        Who answers for it.
    approved_on, valid_until : datetime.date or None
        Day of the approval, today if None; last day of use, two years later if None.
    first_operation, last_operation : datetime.date or None
        Span of the patients, if their file does not say.
    """

    file: Path | None = None
    approved_by: tuple[str, ...] = ()
    approved_on: date | None = None
    valid_until: date | None = None
    first_operation: date | None = None
    last_operation: date | None = None


def run(file: Path, options: Options, target: Target) -> str:
    """
    Recalibrate, write the artifact if it has a place, and the report if it has one.

    Parameters
    ----------
    file : pathlib.Path
        The cohort.
    options : Options
        What was asked for.
    target : Target
        What is to be written.

    Returns
    -------
    str
        The report as text.

    Raises
    ------
    ClickException
        If anything is refused. A report is written of what these patients do not
        allow, and of nothing else.
    """
    path = find_model(options.model_name)
    if options.report is not None:
        check_new_folder(options.report, "--report")
    with refusing():
        _check_target(target, options.today)
        model = load_model(path, may_be_expired=True)
        cohort = read_cohort(file, signed_angles=options.signed_angles)
        _check_patients(model, cohort)
        used = cohort.subset(cohort.examined() & cohort.complete(model))
        case = _case(model, cohort, options, target)
        try:
            found = _recalibrate(model, used, options)
        except (LevelRefusedError, NotEstimableError) as refusal:
            with _report(replace(case, refusal=str(refusal)), used, options):
                pass
            raise
        case, document = replace(case, found=found), None
        if target.file is not None and found.update.level is not Level.AS_IS:
            document = _document(path, found, used, (options, target))
            case = replace(case, file=str(target.file))
        # No artifact without its report, and no report of one that was not written.
        with _report(case, used, options):
            if target.file is not None and document is not None:
                write_new(target.file, document)
    text = report_text(case, found)
    if options.report is not None:
        text += f"\n\nwritten to {options.report}: report.html, results.json, curves"
    return text


def _recalibrate(
    model: RiskModel, used: PatientCohort, options: Options
) -> Recalibration:
    if not len(used):
        raise NotEstimableError(_NOBODY)
    with telling(RESAMPLES, is_certain=False) as progress:
        return recalibrate(
            model,
            design_matrix(model, used.columns),
            used.scnen,
            draws=Draws(
                np.random.default_rng(options.seed), RESAMPLES, options.jobs, progress
            ),
            level=None if options.level is None else Level(options.level),
        )


def _case(
    model: RiskModel, cohort: PatientCohort, options: Options, target: Target
) -> Case:
    enrolled = enrol(cohort, cohort.complete(model))
    first, last = target.first_operation, target.last_operation
    if enrolled.operated is None and first is not None and last is not None:
        enrolled = replace(enrolled, operated=(first, last))
    n, events = enrolled.n, enrolled.events
    both = 0 < events < n
    return Case(
        model=model,
        enrolled=enrolled,
        gates=gates(n, events, len(model.predictors)) if both else {},
        found=None,
        refusal="",
        today=options.today,
        approved_by=_names(target),
        approved_on=_approved_on(target, options.today),
        valid_until=_valid_until(target, options.today),
        file="",
    )


def _report(
    case: Case, used: PatientCohort, options: Options
) -> AbstractContextManager[None]:
    """Write the report, if it has a place, for as long as what follows succeeds."""
    if options.report is None:
        return nullcontext()
    how = Run(options.seed, RESAMPLES, options.signed_angles, __version__)
    compared: BeforeAfter | None = None
    if case.found is not None:
        design = design_matrix(case.model, used.columns)
        before = risk_of(linear_predictor(case.model, design))
        after = risk_of(case.found.update.linear_predictor(design))
        compared = before_after(before, after, used.scnen)
    files = report_files(
        recalibration_page(case, how, compared),
        recalibration_json(case, how),
        {} if compared is None else recalibration_curves(compared),
    )
    return new_folder(options.report, files, "--report")


def _check_patients(model: RiskModel, cohort: PatientCohort) -> None:
    check_independent(model, cohort)
    if "SYNTHETIC" in model.label and not cohort.source.is_synthetic:
        raise ValueError(
            f"--model: {model.id} {model.version} was made of synthetic patients; of"
            " patients nothing is built on it"
        )


def _check_target(target: Target, today: date) -> None:
    """Refuse what could not be written before anything is computed."""
    approved, until = _approved_on(target, today), _valid_until(target, today)
    if approved > today:
        raise ValueError(f"--approved-on: {approved} lies in the future")
    if until < today:
        raise ValueError(
            f"--valid-until: {until} has passed: nobody could use the model"
        )
    if target.file is None:
        return
    id_and_version(target.file.stem)
    check_free(target.file)
    if not _names(target):
        raise ValueError(
            "--approved-by: an artifact names who answers for its use; without --out"
            " nothing is written and nobody is needed"
        )


def _names(target: Target) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, target.approved_by)))


def _approved_on(target: Target, today: date) -> date:
    return target.approved_on or today


def _valid_until(target: Target, today: date) -> date:
    if target.valid_until is not None:
        return target.valid_until
    day = _approved_on(target, today)
    try:
        return day.replace(year=day.year + _YEARS)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year + _YEARS, day=28)


def _document(
    path: Path,
    found: Recalibration,
    used: PatientCohort,
    asked: tuple[Options, Target],
) -> dict[str, Any]:
    options, target = asked
    name, version = id_and_version("" if target.file is None else target.file.stem)
    first, last = _operations(used, target)
    basis = Basis(
        id=name,
        version=version,
        first_operation=first,
        last_operation=last,
        approved_by=_names(target),
        approved_on=_approved_on(target, options.today),
        valid_until=_valid_until(target, options.today),
        data_digest=used.source.digest,
        is_synthetic=used.source.is_synthetic,
    )
    return calibrated_document(fields.parse(path.read_bytes()), found, basis)


def _operations(used: PatientCohort, target: Target) -> tuple[date, date]:
    """Take the span from the file where it has it, for all; it is not guessed."""
    known = span(used)
    if known is not None:
        return known
    if target.first_operation is None or target.last_operation is None:
        raise ValueError(
            "--first-operation, --last-operation: give both; the file has no"
            " operation_date for every patient"
        )
    return target.first_operation, target.last_operation
