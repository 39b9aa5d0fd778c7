"""What ``scnen-cds develop`` does; apart, since this needs the statistics."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service import __version__
from service.cli.analysis import refusing, telling
from service.cli.layout import printable
from service.cli.report_folder import check_new_folder, report_files, write_folder
from service.cohort.table import read_cohort
from service.cohort.units import check_units
from service.model.documents import render
from service.validation.artifact_files import id_and_version
from service.validation.building import build_model
from service.validation.candidates import Candidates, choose_candidates
from service.validation.charts import Chart, chart_of
from service.validation.development_report import (
    development_curves,
    development_page,
)
from service.validation.enrolment import Enrolled, enrol, enrolled_json
from service.validation.new_artifact import new_artifact, why_not
from service.validation.new_model import NewModel, Plan
from service.validation.selection import Rule
from service.validation.tripod import checklist, checklist_text

__all__ = ["Options", "run"]

_ADVICE: Final = (
    "a split at random wastes patients and judges by few of them: --bootstrap-only"
    " derives from all, and its figures are the better ones"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What was asked for: see the options of the command.

    Attributes
    ----------
    candidates : str or None
        Columns with commas between them; None for all.
    rule : {"p", "aic"}
        How backward elimination judges.
    bootstrap, seed, jobs : int
        Of the bootstrap.
    bootstrap_only : bool
        Whether all patients are derived from.
    signed_angles : bool
        Whether the table records angles with signs.
    """

    candidates: str | None
    rule: Rule
    bootstrap: int
    seed: int
    jobs: int
    bootstrap_only: bool
    signed_angles: bool


def run(file: Path, out: Path, options: Options) -> str:
    """
    Develop a model and write what came of it.

    Parameters
    ----------
    file : pathlib.Path
        The cohort.
    out : pathlib.Path
        The folder.
    options : Options
        What was asked for.

    Returns
    -------
    str
        What was found, in a few lines for the terminal.

    Raises
    ------
    ClickException
        If something was refused; nothing was written then.
    """
    check_new_folder(out)
    with refusing():
        name = id_and_version(out.name)
        cohort = read_cohort(file, signed_angles=options.signed_angles)
        check_units(cohort.columns)
        chosen = choose_candidates(cohort, _names(options.candidates))
        plan = _plan(options)
        with telling(plan.resamples) as progress:
            model, patients = build_model(
                cohort, chosen, plan, jobs=options.jobs, progress=progress
            )
        enrolled, reason = enrol(cohort, chosen.rows), why_not(model)
        layout = chart_of(model, chosen, patients)
        files = _files(model, enrolled, chosen, layout)
        if not reason:
            files["model.json"] = render(
                new_artifact(model, chosen, patients, name=name)
            )
    write_folder(out, files)
    return "\n".join(map(printable, _told(model, enrolled, reason)))


def _files(
    model: NewModel,
    enrolled: Enrolled,
    chosen: Candidates,
    layout: Chart | None,
) -> dict[str, bytes]:
    """Write report, numbers, checklist and curves."""
    answers = checklist(model)
    results = {
        "cohort": enrolled_json(enrolled),
        "model": model,
        "tripod_ai": answers,
        "software": __version__,
    }
    report = development_page(
        model,
        enrolled,
        chosen,
        layout=layout,
        answers=answers,
        reason=why_not(model),
    )
    files = report_files(report, results, development_curves(model, chosen))
    return files | {"tripod-ai.md": checklist_text(answers).encode()}


def _plan(options: Options) -> Plan:
    return Plan(
        options.seed,
        options.rule,
        options.bootstrap,
        is_split=not options.bootstrap_only,
    )


def _names(text: str | None) -> Sequence[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


def _told(model: NewModel, enrolled: Enrolled, reason: str) -> list[str]:
    found = model.optimism
    kept = [each.name for each in model.candidates if each.is_kept]
    lines = ["SYNTHETIC patients: for demonstration only"] * model.source.is_synthetic
    lines += [f"warning: {each}" for each in enrolled.warnings]
    lines += [
        f"derived from {model.derivation.n} patients, {model.derivation.events} with"
        f" SCNEN; left out: {model.not_examined} not examined, {model.incomplete}"
        f" incomplete, {model.refused} rows refused",
        f"model: {', '.join(kept) or 'no predictor'}",
        f"AUC {found.apparent.auc:.3f}, corrected for optimism"
        f" {found.corrected.auc:.3f}; slope {found.corrected.slope:.3f}",
        f"bootstrap: {found.resamples} samples, {found.failed} failed,"
        f" {found.without_predictors} without a predictor",
        f"sample size: {model.verdict.words}",
    ]
    if model.validation is not None:
        lines.append(f"advice: {_ADVICE}")
    lines.append(
        f"no artifact: {reason}"
        if reason
        else "model.json: not validated on other patients; for research until then"
    )
    return lines
