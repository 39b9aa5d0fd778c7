"""What ``scnen-cds validate`` does; imported when the statistics are needed."""

import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import numpy as np
import orjson

from service import __version__
from service.cohort.patients import PatientCohort
from service.cohort.table import TableError, read_cohort
from service.model.arrays import design_matrix
from service.model.artifact import ArtifactError, bundled_models, load_model
from service.model.risk_model import RiskModel
from service.validation.findings import findings
from service.validation.performance import (
    Performance,
    Plan,
    ScoredPatients,
    evaluate,
    resamples_of,
    score_patients,
)
from service.validation.pictures import draw_all
from service.validation.profile import profile
from service.validation.report import Asked, Enrolled, render
from service.validation.results import curves_of, performance_json
from service.validation.subgroups import Grouping, by_cuts, by_label
from service.validation.weights import examination_weights

if TYPE_CHECKING:
    from service.validation.resampling import Progress

__all__ = ["Options", "run"]

_REASONS: Final = 8
_WIDTH: Final = 80
_ALWAYS: Final = ("segment", "method")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What was asked for: see the options of the command.

    Attributes
    ----------
    model_id : str
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

    model_id: str
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
    if out.exists():
        raise click.ClickException(f"--out: {out} exists; name a new folder")
    try:
        cohort = read_cohort(file, signed_angles=options.signed_angles)
        model = load_model(_artifact(options.model_id), today=_today())
        patients, kept = _patients(cohort, model, options)
        plan = _plan(kept, options)
        with _telling(resamples_of(patients, plan)) as progress:
            found = evaluate(
                patients,
                rng=np.random.default_rng(options.seed),
                plan=replace(plan, progress=progress),
            )
    except (TableError, ArtifactError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    asked = Asked(
        model=model,
        seed=options.seed,
        resamples=options.resamples,
        signed_angles=options.signed_angles,
        is_weighted=options.weigh_examined,
        software=__version__,
    )
    enrolled = _enrolled(cohort, model, patients)
    report = render(asked, enrolled, found, draw_all(patients, found))
    results = {**_basis(asked, enrolled), **performance_json(found)}
    _write(out, report, results, found)
    return _told(enrolled, found, out)


def _artifact(model_id: str) -> Path:
    return bundled_models().get(model_id, Path(model_id))


def _today() -> date:
    return datetime.now(UTC).date()


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
    weights = None
    if options.weigh_examined:
        design = design_matrix(model, complete.columns)
        weights = examination_weights(design, complete.examined()).weights
    return score_patients(model, kept.columns, kept.scnen, weights=weights), kept


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


def _enrolled(
    cohort: PatientCohort, model: RiskModel, patients: ScoredPatients
) -> Enrolled:
    refused = {each.row for each in cohort.refused}
    reasons = Counter(
        f"{each.field}: {each.reason}" if each.field else each.reason
        for each in cohort.refused
    )
    examined = cohort.examined()
    return Enrolled(
        source=cohort.source.name,
        digest=cohort.source.digest,
        is_synthetic=cohort.source.is_synthetic,
        rows=len(cohort) + len(refused),
        refused=len(refused),
        reasons=reasons.most_common(_REASONS),
        not_examined=int((~examined).sum()),
        incomplete=int((examined & ~cohort.complete(model)).sum()),
        warnings=cohort.warnings,
        profile=profile(model, patients.design),
    )


def _basis(asked: Asked, enrolled: Enrolled) -> dict[str, object]:
    """What the numbers rest on."""
    model = asked.model
    return {
        "model": {
            "id": model.id,
            "version": model.version,
            "digest": model.digest,
            "mode": model.mode,
        },
        "cohort": {
            "source": enrolled.source,
            "sha256": enrolled.digest,
            "is_synthetic": enrolled.is_synthetic,
            "rows": enrolled.rows,
            "refused": enrolled.refused,
            "not_examined": enrolled.not_examined,
            "incomplete": enrolled.incomplete,
            "is_weighted": asked.is_weighted,
        },
        "seed": asked.seed,
        "resamples": asked.resamples,
        "software": asked.software,
    }


def _write(
    out: Path, report: str, results: dict[str, object], found: Performance
) -> None:
    texts = {"report.html": report}
    texts |= {f"{name}.csv": text for name, text in curves_of(found).items()}
    try:
        out.mkdir(parents=True)
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
        (out / "results.json").write_bytes(
            orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n"
        )
    except OSError as error:
        raise click.ClickException(
            f"--out: {out} cannot be written: {error.strerror}"
        ) from error


@contextmanager
def _telling(total: int) -> Iterator["Progress"]:
    """Show a bar on standard error; nothing where that is no terminal."""
    label = "Bootstrap"
    with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
        yield bar.update


def _told(enrolled: Enrolled, found: Performance, out: Path) -> str:
    lines = ["SYNTHETIC patients: for demonstration only"] * enrolled.is_synthetic
    lines.append(
        f"{enrolled.rows} rows: {enrolled.refused} refused, {enrolled.not_examined} not"
        f" examined, {enrolled.incomplete} incomplete; {found.n} patients,"
        f" {found.events} with SCNEN"
    )
    marks = {"stop": "STOP ", "act": "TO DO", "note": "     "}
    for each in findings(found):
        wrapped = textwrap.wrap(each.text, _WIDTH)
        lines += [f"{marks[each.weight]}  {wrapped[0]}"]
        lines += [f"       {line}" for line in wrapped[1:]]
    return "\n".join([*lines, f"written to {out}: report.html, results.json, curves"])
