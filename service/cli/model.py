"""``scnen-cds model``: look at a risk model, derive it again, check its artifact."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from service.cli.model_choice import artifact_argument, chosen_model, model_option
from service.cli.model_plot import plot
from service.cli.model_report import report, text
from service.model.artifact import ArtifactError, bundled_models, load_model
from service.model.derivation import MODELS, derive
from service.model.documents import TOLERANCE, differences, document, write
from service.model.nomogram import (
    Mark,
    linear_predictor_from_points,
    marks,
    rounding_error,
    totals,
)
from service.model.risk_model import RiskModel
from service.model.scoring import percentile
from service.model.sensitivity import band_disagreement

__all__ = ["model"]

_COLUMNS = 9
_BANDS = (41 / 237, 0.25)

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group
def model() -> None:
    """Show the risk model, derive it again, check its artifact.

    A model is data: one JSON artifact for each version, never edited. Its slopes are
    printed in the paper; its intercept is not, and is rebuilt from the paper's
    Table 1. These commands let you use it with a pencil (show, plot), follow how it
    was made (derive), and prove that the shipped file is just that (check).
    """


model.add_command(plot)


@model.command()
@artifact_argument
@model_option
@click.option(
    "--relative",
    is_flag=True,
    help="Percentiles only, as in output mode relative: no probability.",
)
@_json_option
def show(  # numpydoc ignore=PR01
    artifact: Path | None, model_id: str | None, *, relative: bool, as_json: bool
) -> None:
    """
    Print the nomogram as a table to use with a pencil.

    Write down the points of each value, add them up, look up the risk. ARTIFACT
    is a model file of your own; without it the default model is shown.

    \b
    Examples:
      scnen-cds model show
      scnen-cds model show --model liu-table2
      scnen-cds model show --relative --json
    """  # noqa: D301 click wants the character, not a backslash
    shown = chosen_model(artifact, model_id)
    if as_json:
        click.echo(json.dumps(_shown(shown, relative=relative), indent=2))
    else:
        click.echo("\n".join(_sheet(shown, relative=relative)))


@model.command("derive")
@model_option
@click.option(
    "--write",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write the artifact there instead; a file that differs is not replaced.",
)
@_json_option
def derive_command(  # numpydoc ignore=PR01
    model_id: str | None, folder: Path | None, *, as_json: bool
) -> None:
    """
    Derive the models from the published tables and print the whole chain.

    Rebuilt cohort, intercept, what moves it (incidence, dependence, coding of the
    method, quadrature), checks against the paper, covariance. No random numbers:
    the same on every machine. Takes a few seconds.

    \b
    Examples:
      scnen-cds model derive
      scnen-cds model derive --model liu-nomogram --json
      scnen-cds model derive --write /tmp/models
    """  # noqa: D301 click wants the character, not a backslash
    chosen = [model_id] if model_id else list(MODELS)
    if folder:
        for name in chosen:
            _write(name, folder)
        return
    derivations = [derive(name) for name in chosen]
    reports = [report(derivation) for derivation in derivations]
    share = None
    if not model_id:
        share = band_disagreement(derivations[0], derivations[1], _BANDS)
    if as_json:
        result = {"models": reports, "different_bands": share}
        click.echo(json.dumps(result, indent=2))
        return
    for numbers in reports:
        click.echo(text(numbers))
    if share is not None:
        click.echo(
            f"Patients whom the two models put into different bands: {share:.0%}"
        )


@model.command()
@click.argument(
    "artifacts",
    nargs=-1,
    metavar="[ARTIFACT]...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@_json_option
def check(  # numpydoc ignore=PR01
    artifacts: Sequence[Path], *, as_json: bool
) -> None:
    """
    Prove that artifacts are whole, and the shipped ones what the derivation gives.

    Each file is read with every check the server makes. A model that ships is also
    derived again and compared field by field; numbers may differ by one part in a
    million. Ends with 1 when something is wrong.

    \b
    Examples:
      scnen-cds model check
      scnen-cds model check my-model.json
    """  # noqa: D301 click wants the character, not a backslash
    paths = artifacts or tuple(bundled_models().values())
    results = [_checked(path) for path in paths]
    if as_json:
        click.echo(json.dumps({"tolerance": TOLERANCE, "artifacts": results}, indent=2))
    else:
        for result in results:
            click.echo("\n".join(_verdict(result)))
    if any(result["problems"] for result in results):
        raise click.exceptions.Exit(1)


def _write(model_id: str, folder: Path) -> None:
    try:
        path, is_new = write(model_id, folder)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{path}: {'written' if is_new else 'is there already, the same'}")


def _checked(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = {"file": str(path), "derived": False, "problems": []}
    try:
        found = load_model(path, today=datetime.now(UTC).date())
    except ArtifactError as error:
        return result | {"problems": [f"{error.field}: {error.problem}"]}
    result |= {"id": found.id, "version": found.version, "digest": found.digest}
    if found.id in MODELS and found.mode == "anchored":
        derived = document(found.id)
        stored = json.loads(path.read_bytes())
        result |= {"derived": True, "problems": list(differences(stored, derived))}
    return result


def _verdict(result: dict[str, Any]) -> Iterator[str]:
    yield result["file"]
    if "id" in result:
        yield f"  {result['id']} {result['version']}, {result['digest']}"
    for problem in result["problems"]:
        yield f"  WRONG {problem}"
    if not result["problems"]:
        yield "  whole: digest, fields, units, ranges, covariance"
        yield (
            "  the derivation gives the same (numbers to one part in a million)"
            if result["derived"]
            else "  not a model that ships: nothing to derive it from"
        )


def _shown(shown: RiskModel, *, relative: bool) -> dict[str, Any]:
    points, error = rounding_error(shown)
    return {
        "model": {"id": shown.id, "version": shown.version, "digest": shown.digest},
        "label": shown.label,
        "mode": "relative" if relative else shown.mode,
        "outcome": f"{shown.outcome.name} {shown.outcome.horizon}",
        "points": {
            name: [{"value": m.label, "points": m.points} for m in found]
            for name, found in marks(shown).items()
        },
        "totals": [
            {"total_points": total, "percentile": _percentile(shown, total)}
            | ({} if relative else {"risk": risk})
            for total, risk in totals(shown)
        ],
        "rounding": {"points": points} | ({} if relative else {"risk": error}),
        "warnings": list(_warnings(shown)),
        "source": shown.provenance.citation,
    }


def _percentile(shown: RiskModel, total: int) -> float:
    return percentile(shown, linear_predictor_from_points(shown, total))


def _warnings(shown: RiskModel) -> Iterator[str]:
    study = shown.provenance
    if shown.calibration is None:
        yield f"{shown.label}. It is not the published nomogram."
        yield (
            f"One study, {study.n} patients, {study.events} events; no external"
            " validation. Not for use without approval."
        )
    else:
        yield f"Recalibrated locally; valid until {shown.valid_until}."
    yield f"Only for {shown.outcome.condition}."
    yield "A pedicle-screw operation without cement has no cement ratio: no score."
    yield "A missing value is not 0 and not the mean: no score."
    yield "These are associations, not targets for the operation."


def _sheet(shown: RiskModel, *, relative: bool) -> Iterator[str]:
    yield f"{shown.id} {shown.version}: {shown.label}"
    yield f"Risk of {shown.outcome.name}"
    yield shown.outcome.horizon
    yield f"Mode: {_mode(shown, relative=relative)}"
    yield ""
    yield "1. Write down the points of each value (between two values: in between)"
    for quantity in shown.predictors:
        yield ""
        yield f"   {quantity.name}: {quantity.description}"
        yield from _strips(_mark_rows(marks(shown)[quantity.name]))
    yield ""
    yield "2. Add them up"
    yield ""
    yield "3. Look up the total (between two totals: in between)"
    yield from _strips(_total_rows(shown, relative=relative))
    points, error = rounding_error(shown)
    change = "" if relative else f", the risk by {100 * error:.1f} percentage points"
    yield ""
    yield f"Whole points: the total may be off by {points:g}{change}."
    yield "Values beyond the ends of a scale were not studied."
    yield ""
    for warning in _warnings(shown):
        yield from _wrapped(f"- {warning}")
    yield from _wrapped(f"Source: {shown.provenance.citation}")


def _mode(shown: RiskModel, *, relative: bool) -> str:
    if relative:
        return "relative (percentiles of a simulated cohort, no probability)"
    incidence = shown.incidence
    if shown.calibration is None:
        return f"anchored to the study's incidence, {incidence.events} of {incidence.n}"
    return f"calibrated on {shown.calibration.n} local patients"


def _mark_rows(found: Sequence[Mark]) -> list[list[str]]:
    return [
        ["value", *(mark.label for mark in found)],
        ["points", *(str(mark.points) for mark in found)],
    ]


def _total_rows(shown: RiskModel, *, relative: bool) -> list[list[str]]:
    table = totals(shown)
    rows = [["total", *(str(total) for total, _ in table)]]
    if not relative:
        rows.append(["risk %", *(f"{100 * risk:.1f}" for _, risk in table)])
    return [
        *rows,
        ["percentile", *(f"{_percentile(shown, total):.0f}" for total, _ in table)],
    ]


def _strips(rows: list[list[str]]) -> Iterator[str]:
    """Break rows that belong together into strips that fit the page."""
    width = max(6, *(len(cell) + 1 for row in rows for cell in row[1:]))
    count = min(_COLUMNS, 64 // width)
    for start in range(1, len(rows[0]), count):
        if start > 1 and len(rows[0]) > count:
            yield ""
        for row in rows:
            cells = row[start : start + count]
            yield f"     {row[0]:<10}" + "".join(c.rjust(width) for c in cells)


def _wrapped(line: str) -> list[str]:
    return click.wrap_text(line, 79, subsequent_indent="  ").splitlines()
