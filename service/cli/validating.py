"""What ``scnen-cds validate`` does; apart, since this needs the statistics."""

import textwrap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from service import __version__
from service.cli.analysis import refusing, telling
from service.cli.layout import printable
from service.cli.report_folder import check_new_folder, report_files, write_folder
from service.cohort.independence import check_independent
from service.cohort.patients import PatientCohort
from service.cohort.table import read_cohort
from service.model.arrays import design_matrix
from service.model.artifact import find_model, load_model
from service.model.risk_model import RiskModel
from service.validation.enrolment import Enrolled, basis_json, enrol
from service.validation.evaluation import evaluate, resamples_of
from service.validation.findings import findings
from service.validation.performance import (
    Performance,
    Plan,
    ScoredPatients,
    score_patients,
)
from service.validation.report import Asked, render
from service.validation.results import curves_of, performance_json
from service.validation.subgroups import Grouping, by_cuts, by_label
from service.validation.weights import (
    ReweighedResamples,
    effective_sample_size,
    examination_weights,
)

__all__ = ["Options", "run"]

_WIDTH: Final = 80
_ALWAYS: Final = ("segment", "method")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What was asked for: see the options of the command.

    Attributes
    ----------
    model_name : str
        Bundled model or path of an artifact.
    subgroups : tuple of str
        ``COLUMN`` or ``COLUMN:CUT,CUT``.
    weigh_examined : bool
        Whether the examined stand for all.
    prevalence : float or None
        In the population.
    signed_angles : bool
        Whether the table records angles with signs.
    resamples, seed, jobs : int
        Of the bootstrap.
    """

    model_name: str
    subgroups: tuple[str, ...]
    weigh_examined: bool
    prevalence: float | None
    signed_angles: bool
    resamples: int
    seed: int
    jobs: int


def run(file: Path, out: Path, options: Options) -> str:
    """
    Validate a model and write the report.

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
        cohort = read_cohort(file, signed_angles=options.signed_angles)
        # One whose day has passed may be validated: how else would it be renewed?
        model = load_model(find_model(options.model_name), may_be_expired=True)
        check_independent(model, cohort)
        patients, kept = _patients(cohort, model, options)
        plan = _plan(kept, options)
        with telling(resamples_of(patients, plan)) as progress:
            found = evaluate(
                patients,
                rng=np.random.default_rng(options.seed),
                plan=replace(plan, progress=progress),
            )
    asked = _asked(model, options)
    weights = patients.weights
    effective = None if weights is None else effective_sample_size(weights)
    enrolled = enrol(cohort, cohort.complete(model), effective)
    report = render(asked, enrolled, patients, found)
    results = {**_basis(asked, enrolled), **performance_json(found)}
    write_folder(out, report_files(report, results, curves_of(found)))
    return _told(enrolled, found, out)


def _patients(
    cohort: PatientCohort, model: RiskModel, options: Options
) -> tuple[ScoredPatients, PatientCohort]:
    """Take who was examined and has all predictors, weighed if so asked for."""
    complete = cohort.subset(cohort.complete(model))
    if not len(complete):
        raise ValueError(
            f"{cohort.source.name}: nobody has all predictors of {model.id}"
        )
    kept = complete.subset(complete.examined())
    if not len(kept):
        raise ValueError(
            f"{cohort.source.name}: nobody who has all predictors of {model.id} was"
            " examined: an empty scnen is not 0; examine patients and record what was"
            " found (scnen-cds outcomes, or the column scnen)"
        )
    weights = again = None
    if options.weigh_examined:
        design, examined = design_matrix(model, complete.columns), complete.examined()
        weights = examination_weights(design, examined).weights
        again = ReweighedResamples(design, examined)
    scored = score_patients(
        model, kept.columns, kept.scnen, weights=weights, reweighing=again
    )
    return scored, kept


def _plan(kept: PatientCohort, options: Options) -> Plan:
    given = [_grouping(kept, asked) for asked in options.subgroups]
    always = [by_label(name, kept.columns[name]) for name in _ALWAYS]
    return Plan(
        resamples=options.resamples,
        prevalence=options.prevalence,
        groupings=(*always, *given),
        jobs=options.jobs,
    )


def _grouping(kept: PatientCohort, asked: str) -> Grouping:
    name, _, cuts = asked.partition(":")
    columns = {**kept.columns, **kept.others}
    if name not in columns:
        raise ValueError(
            f"--subgroup: no column {name}; there are {', '.join(sorted(columns))}"
        )
    column = columns[name]
    if not cuts:
        if column.dtype.kind == "f":
            raise ValueError(
                f"--subgroup: {name} is a quantity: give cuts, {name}:10,20"
            )
        return by_label(name, column)
    try:
        edges = [float(cut) for cut in cuts.split(",")]
        values = [float(value) if str(value) else np.nan for value in column]
    except ValueError:
        raise ValueError(
            f"--subgroup: {asked}: cuts and values must be numbers"
        ) from None
    return by_cuts(name, values, edges)


def _asked(model: RiskModel, options: Options) -> Asked:
    return Asked(
        model=model,
        seed=options.seed,
        resamples=options.resamples,
        signed_angles=options.signed_angles,
        prevalence=options.prevalence,
        software=__version__,
    )


def _basis(asked: Asked, enrolled: Enrolled) -> dict[str, object]:
    """What the numbers rest on."""
    basis = basis_json(asked.model, enrolled)
    basis["cohort"]["signed_angles"] = asked.signed_angles
    return {
        **basis,
        "seed": asked.seed,
        "resamples": asked.resamples,
        "software": asked.software,
    }


def _told(enrolled: Enrolled, found: Performance, out: Path) -> str:
    lines = ["SYNTHETIC patients: for demonstration only"] * enrolled.is_synthetic
    lines += [f"warning: {each}" for each in enrolled.warnings]
    lines.append(
        f"{enrolled.rows} rows: {enrolled.refused} refused, {enrolled.not_examined} not"
        f" examined ({enrolled.share_not_examined:.1%}), {enrolled.incomplete}"
        f" incomplete; {found.n} patients, {found.events} with SCNEN"
    )
    marks = {"stop": "STOP ", "act": "TO DO", "note": "     "}
    for each in findings(found):
        wrapped = textwrap.wrap(each.text, _WIDTH)
        lines += [f"{marks[each.weight]}  {wrapped[0]}"]
        lines += [f"       {line}" for line in wrapped[1:]]
    lines.append(f"written to {out}: report.html, results.json, curves")
    return "\n".join(map(printable, lines))
