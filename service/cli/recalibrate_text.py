"""The report of ``scnen-cds recalibrate`` as text."""

from collections.abc import Iterator
from textwrap import fill

from service.cli.layout import columns
from service.model.risk_model import RiskModel
from service.validation.estimates import p_words
from service.validation.findings import Weight
from service.validation.recalibration import Recalibration
from service.validation.recalibration_case import Case, case_findings, case_steps
from service.validation.updating import SIGNIFICANCE, Level

__all__ = ["report_text"]

_WIDTH = 88


def report_text(case: Case, found: Recalibration) -> str:
    """
    Say what was tested, what was chosen and why, and what it changes.

    Parameters
    ----------
    case : Case
        The recalibration.
    found : Recalibration
        What was found.

    Returns
    -------
    str
        Paragraphs and tables, and at last what is to be done.
    """
    parts = (
        _who(case),
        _allowed(found),
        _tested(found),
        "\n".join(_chosen(case.model, found)),
        _agreement(found),
        "\n".join(_doubts(case)),
        _next(case),
    )
    return "\n\n".join(part for part in parts if part)


def _next(case: Case) -> str:
    return "Next\n" + "\n".join(
        _filled(step, f"  {number}. ", "     ")
        for number, step in enumerate(case_steps(case), 1)
    )


def _doubts(case: Case) -> Iterator[str]:
    for each in case_findings(case):
        if each.weight is not Weight.NOTE:
            yield _filled(each.text, "TO DO  ", "       ")


def _filled(text: str, first: str, others: str) -> str:
    return fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _who(case: Case) -> str:
    model, enrolled = case.model, case.enrolled
    lines = [
        f"{model.id} {model.version} ({model.mode}) on {enrolled.source}:"
        f" {enrolled.rows} rows, {enrolled.refused} refused,"
        f" {enrolled.not_examined} not examined, {enrolled.incomplete} incomplete.",
        f"Used: {enrolled.n} patients, {enrolled.events} with SCNEN"
        f" ({enrolled.events / enrolled.n:.1%}).",
    ]
    if enrolled.is_synthetic:
        lines.insert(0, "SYNTHETIC: nobody in this file is a patient.")
    return "\n".join(fill(line, _WIDTH) for line in (*lines, *enrolled.warnings))


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
                p_words(test.p),
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
            before.observed_expected.words(2),
            after.observed_expected.words(2),
        ),
        (
            "  intercept in the large",
            0,
            before.intercept.words(2),
            after.intercept.words(2),
        ),
        ("  slope", 1, before.slope.words(2), after.slope.words(2)),
    ]
    return (
        "Calibration on these patients; after: by construction, no validation\n"
        + columns(rows, right=[1])
    )
