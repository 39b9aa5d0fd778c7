"""The report of ``scnen-cds recalibrate`` as text."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

from service.cli.layout import columns
from service.cohort.patients import PatientCohort
from service.model.risk_model import RiskModel
from service.validation.estimates import Estimate
from service.validation.recalibration import Recalibration
from service.validation.updating import SIGNIFICANCE, Level

__all__ = ["next_text", "report_text"]

_WIDTH = 88
_ORDER = tuple(Level)


def report_text(
    model: RiskModel, cohort: PatientCohort, used: PatientCohort, found: Recalibration
) -> str:
    """
    Say what was tested, what was chosen and why, and what it changes.

    Parameters
    ----------
    model : RiskModel
        The original.
    cohort, used : PatientCohort
        All patients of the file, and those who were examined and are complete.
    found : Recalibration
        What was found.

    Returns
    -------
    str
        Paragraphs and tables.
    """
    parts = (
        _who(model, cohort, used, found),
        _allowed(found),
        _tested(found),
        "\n".join(_chosen(model, found)),
        _agreement(found),
    )
    return "\n\n".join(part for part in parts if part)


def next_text(found: Recalibration, used: PatientCohort, file: Path | None) -> str:
    """
    Say what the hospital must do next.

    Parameters
    ----------
    found : Recalibration
        What was found.
    used : PatientCohort
        The patients behind it.
    file : pathlib.Path or None
        The artifact, if one was asked for.

    Returns
    -------
    str
        What is next, a line for each step.
    """
    if found.update.level is Level.AS_IS:
        return "\n".join(
            (
                "Next: nothing was written. The model agrees with these patients as it"
                " is; its last day",
                "of use stays what it was. A new one, with these patients behind it:"
                " --level intercept.",
            )
        )
    steps = _before(found, used) if file is None else _after(file, found, used)
    return "Next\n" + "\n".join(
        fill(
            step,
            _WIDTH,
            initial_indent=f"  {number}. ",
            subsequent_indent="     ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for number, step in enumerate(steps, 1)
    )


def _who(
    model: RiskModel, cohort: PatientCohort, used: PatientCohort, found: Recalibration
) -> str:
    examined = cohort.examined()
    incomplete = int((examined & ~cohort.complete(model)).sum())
    lines = [
        f"{model.id} {model.version} ({model.mode}) on {cohort.source.name}:"
        f" {len(cohort) + cohort.rows_refused} rows, {cohort.rows_refused} refused,"
        f" {int((~examined).sum())} not examined, {incomplete} incomplete.",
        f"Used: {found.n} patients, {found.events} with SCNEN"
        f" ({found.events / found.n:.1%}).",
    ]
    if used.source.is_synthetic:
        lines.insert(0, "SYNTHETIC: nobody in this file is a patient.")
    if not examined.all():
        lines.append(
            "If who is examined depends on who complains, the risks come out wrong:"
            " nothing here corrects for it (scnen-cds cohort check)."
        )
    return "\n".join(fill(line, _WIDTH) for line in (*lines, *cohort.warnings))


def _allowed(found: Recalibration) -> str:
    rows = []
    for level, gate in found.gates.items():
        verdict = "yes"
        if not gate.is_open:
            verdict = f"no: about {gate.missing_patients} missing"
        if gate.missing_events:
            verdict += f", {gate.missing_events} of them with SCNEN"
        rows.append((f"  {level}", verdict, f"needs {gate.needs}"))
    text = "What so many patients allow\n" + columns(rows)
    if found.constant:
        text += f"\nThe same for all patients: {', '.join(found.constant)}; no refit."
    return text


def _tested(found: Recalibration) -> str:
    if not found.test.tests:
        return ""
    rows: list[tuple[object, ...]] = [("  refit against", "chi2", "df", "p")]
    for test in found.test.tests:
        idle = test.against is Level.AS_IS and not found.test.can_stay
        rows.append(
            (
                f"  {test.against}",
                f"{test.statistic:.2f}",
                test.df,
                _p(test.p),
                "told, decides nothing: see below" if idle else "",
            )
        )
    rows[0] = (*rows[0], "")
    text = f"Closed test, {SIGNIFICANCE:.0%}\n" + columns(rows, right=[1, 2, 3])
    if not found.test.can_stay:
        text += (
            "\n  The original's intercept was rebuilt, not estimated on patients. That"
            "\n  it may stay is no hypothesis: the test against the intercept is the"
            "\n  first that decides."
        )
    return text


def _p(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"  # noqa: PLR2004 as printed


def _chosen(model: RiskModel, found: Recalibration) -> Iterator[str]:
    yield fill(f"Level: {found.update.level}: {found.why}.", _WIDTH)
    if found.update.level is Level.AS_IS:
        return
    yield (
        f"Intercept {model.intercept.value:.3f} before, {found.update.intercept:.3f}"
        f" after; odds factor x/: {found.odds_factor:.2f} (95 %)."
    )
    yield (
        "  With 95 % confidence the odds of an average patient lie between those shown"
        f"\n  divided and multiplied by {found.odds_factor:.2f}."
    )
    if found.update.level is Level.SLOPE:
        yield f"Slopes times {found.factor:.3f}."
    if found.shrinkage is not None:
        yield (
            f"Slopes shrunk times {found.shrinkage.applied:.3f} (heuristic"
            f" {found.shrinkage.heuristic:.3f}, bootstrap"
            f" {found.shrinkage.bootstrap:.3f})."
        )
    if found.update.level is not Level.INTERCEPT:
        yield from _slopes(model, found)


def _slopes(model: RiskModel, found: Recalibration) -> Iterator[str]:
    rows = [("  coefficient", "before", "after")]
    rows += [
        (f"  {quantity.name}", f"{old:.4f}", f"{new:.4f}")
        for quantity, old, new in zip(
            model.predictors, model.coefficients, found.update.slopes, strict=True
        )
    ]
    yield columns(rows, right=[1, 2])


def _agreement(found: Recalibration) -> str:
    before, after = found.before, found.after
    rows = [
        ("  ", "ideal", "before", "after"),
        (
            "  observed / expected",
            1,
            _estimate(before.observed_expected),
            _estimate(after.observed_expected),
        ),
        (
            "  intercept in the large",
            0,
            _estimate(before.intercept),
            _estimate(after.intercept),
        ),
        ("  slope", 1, _estimate(before.slope), _estimate(after.slope)),
    ]
    return (
        "Calibration on these patients; after: by construction, no validation\n"
        + columns(rows, right=[1])
    )


def _estimate(found: Estimate) -> str:
    value = found.value + 0.0 if abs(found.value) >= 0.005 else 0.0  # noqa: PLR2004 rounds to 0
    return f"{value:.2f} ({found.low:.2f} to {found.high:.2f})"


def _before(found: Recalibration, used: PatientCohort) -> Iterator[str]:
    slope = found.before.slope
    yield (
        "Nothing was written. Show this to the committee: is the level right, are"
        " these the patients the cards will be for, was everybody examined?"
    )
    if _hides_slope(found):
        yield (
            f"The slope before is {_estimate(slope)}, not 1. The closed test looks at"
            " all coefficients at once and did not see it. Discuss --level slope: it is"
            " one coefficient, and there are enough patients for it."
        )
    yield from _doubts(found)
    if used.source.is_synthetic:
        yield "These patients are synthetic: for demonstration, in open mode only."
    yield (
        "If it is approved, run this again with --out NAME-1.json and --approved-by for"
        " each person."
    )


def _hides_slope(found: Recalibration) -> bool:
    """Whether the slope alone says what the test of all coefficients does not."""
    slope = found.before.slope
    return (
        found.update.level is Level.INTERCEPT
        and found.gates[Level.SLOPE].is_open
        and not slope.low <= 1 <= slope.high
    )


def _doubts(found: Recalibration) -> Iterator[str]:
    """Say what speaks against the new model, whether it is written or not."""
    if found.before.slope.low <= 0:
        yield (
            "The slope before is not clearly above 0: the model may not tell these"
            " patients apart. Validate it first (scnen-cds validate)."
        )
    if _ORDER.index(found.test.chosen) > _ORDER.index(found.update.level):
        yield (
            f"The closed test asks for {found.test.chosen}: {found.update.level} alone"
            " does not put right what is wrong with these patients' risks. Until there"
            " are patients enough, output mode relative shows no probability."
        )


def _after(file: Path, found: Recalibration, used: PatientCohort) -> Iterator[str]:
    yield f"{file} was written. Keep it and the cohort's file: it is never edited."
    yield from _doubts(found)
    yield (
        "Decide the thresholds of the policy anew (docs/recalibrate.md): they are"
        " shares of patients, and the risks have changed."
    )
    yield (
        f"Set SCNEN_MODEL={file} and SCNEN_OUTPUT_MODE=calibrated, all instances at a"
        " time, clients silent at first."
    )
    yield (
        "Validate it on patients who are not in this cohort, as soon as there are"
        " enough, and plan the next cohort before its last day of use."
    )
    if used.source.is_synthetic:
        yield "SYNTHETIC patients: the service takes it in open mode only."
