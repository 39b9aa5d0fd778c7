"""``scnen-cds develop``: the study's way to a model, on patients of one's own."""

import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from service.cohort.patients import PatientCohort
from service.cohort.table import TableError, read_cohort
from service.cohort.units import check_units
from service.model.artifact import bundled_models

if TYPE_CHECKING:
    from service.validation.new_model import NewModel

__all__ = ["develop"]

_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ADVICE = (
    "a split at random wastes patients and judges by few of them: --bootstrap-only"
    " derives from all, and its figures are the better ones"
)


@click.command
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="A new folder for the results; the model is named after it.",
)
@click.option("--seed", type=int, required=True, help="Same seed, same numbers.")
@click.option(
    "--candidates", help="Columns, a comma between them. [default: all there are]"
)
@click.option(
    "--rule",
    type=click.Choice(["p", "aic"]),
    default="p",
    show_default=True,
    help="How backward elimination judges: p below 0.05 stays, or Akaike's criterion.",
)
@click.option("--bootstrap", default=200, show_default=True, help="How many samples.")
@click.option(
    "--bootstrap-only", is_flag=True, help="Derive from all patients: no 70/30 split."
)
@click.option("--jobs", default=1, show_default=True, help="Processes.")
def develop(file: Path, out: Path, **options: Any) -> None:  # noqa: ANN401 click's; numpydoc ignore=PR01
    """
    Develop a new model from the cohort in FILE, as the study did.

    LASSO with ten folds, backward elimination, nomogram; then the whole of it again in
    each bootstrap sample, to see how much of its performance is self-deceit. Writes
    results.json, tripod-ai.md and, if the server can run the model, its artifact. A
    new model is for research until it has been validated on other patients.

    \b
    Examples:
      scnen-cds develop cohort.csv --out north --seed 1
      scnen-cds develop cohort.csv --out north --seed 1 --bootstrap-only --jobs 4
    """  # noqa: D301 click keeps the lines below \\b as they are
    _check_statistics()
    _check_folder(out)
    try:
        cohort = read_cohort(file)
    except TableError as error:
        raise click.ClickException(str(error)) from error
    try:
        _run(cohort, out, options)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _run(cohort: PatientCohort, out: Path, options: dict[str, Any]) -> None:
    from service.model.documents import render  # noqa: PLC0415 the extra
    from service.validation.candidates import choose_candidates  # noqa: PLC0415
    from service.validation.new_artifact import new_artifact, why_not  # noqa: PLC0415
    from service.validation.new_model import Plan, build_model  # noqa: PLC0415
    from service.validation.tripod import checklist, checklist_text  # noqa: PLC0415

    check_units(cohort.columns)
    chosen = choose_candidates(cohort, _names(options["candidates"]))
    plan = Plan(
        options["seed"],
        options["rule"],
        options["bootstrap"],
        is_split=not options["bootstrap_only"],
    )
    model, patients = build_model(
        cohort,
        chosen,
        plan,
        jobs=options["jobs"],
        progress=_telling(plan.resamples),
    )
    answers = checklist(model)
    reason = why_not(model)
    documents = {
        "results.json": _json({"model": model, "tripod_ai": answers}),
        "tripod-ai.md": checklist_text(answers).encode(),
    }
    if not reason:
        artifact = new_artifact(model, chosen, patients, out.name)
        documents["model.json"] = render(artifact)
    _write(out, documents)
    for line in _told(model, reason):
        click.echo(line)


def _telling(total: int) -> Callable[[int], None]:
    done = 0

    def tell(new: int) -> None:
        nonlocal done
        done += new
        click.echo(f"bootstrap: {done} of {total} samples", err=True)

    return tell


def _check_statistics() -> None:
    if find_spec("sklearn") is None:
        raise click.ClickException(
            "the statistics are not installed: pip install 'scnen-cds[validation]'"
        )


def _check_folder(out: Path) -> None:
    if out.exists():
        raise click.ClickException(f"--out: {out} exists; name a new folder")
    if not _MODEL_NAME.fullmatch(out.name) or out.name in bundled_models():
        raise click.ClickException(
            f"--out: the model is named after its folder, and {out.name} is no name"
            " for it: letters, digits, dots and hyphens, not that of a bundled model"
        )


def _names(text: str | None) -> Sequence[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


def _json(content: object) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n"


def _write(out: Path, documents: dict[str, bytes]) -> None:
    try:
        out.mkdir(parents=True)
        for name, content in documents.items():
            (out / name).write_bytes(content)
    except OSError as error:
        raise click.ClickException(
            f"--out: {out} cannot be written: {error.strerror}"
        ) from error


def _told(model: "NewModel", reason: str) -> list[str]:
    found, kept = (
        model.optimism,
        [each.name for each in model.candidates if each.is_kept],
    )
    lines = ["SYNTHETIC patients: for demonstration only"] * model.source.is_synthetic
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
