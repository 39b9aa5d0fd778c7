"""The report as sections of sentences, tables and bars, for terminal and page alike."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from service.monitor.cells import Cells
from service.monitor.inputs import against_table_1, distribution, missing
from service.monitor.parts import Section, bars
from service.monitor.report import FollowUp, Report
from service.monitor.rules import Verdict

__all__ = ["sections"]

_NONE: Final = "–"
_OUTCOMES: Final = ("yes", "no", "not-examined", "nothing recorded", "not yet due")


def sections(report: Report, *, hides: bool = False) -> list[Section]:
    """
    Put a report into words.

    Parameters
    ----------
    report : Report
        The report.
    hides : bool, optional
        Whether small counts are hidden: for what leaves the hospital.

    Returns
    -------
    list of Section
        The stopping rules first.
    """
    cells = Cells(hides=hides)
    return [
        _period(report),
        _rules(report.verdicts, cells),
        _usage(report, cells),
        _silence(report, cells),
        _answers(report, cells),
        missing(report, cells),
        against_table_1(report.differences, cells),
        *(distribution(each, cells) for each in report.stabilities),
        _risk(report, cells),
        _follow_up(report.follow_up, cells),
        _running(report, cells),
    ]


def _period(report: Report) -> Section:
    last = report.until - timedelta(microseconds=1)
    whose = " and ".join(
        f"{kind} {name}"
        for kind, name in (("client", report.client), ("tenant", report.tenant))
        if name is not None
    )
    return Section(
        "Period",
        (
            f"{report.since:%Y-%m-%d} to {last:%Y-%m-%d} (UTC),"
            f" {whose or 'all clients'}.",
        ),
    )


def _rules(verdicts: Sequence[Verdict], cells: Cells) -> Section:
    title = "Stopping rules"
    if not verdicts:
        return Section(title, ("No card was answered: no rule can be judged.",))
    words = {True: "MET", False: "not met", None: "too few answers"}
    rows = [("client", "rule", "verdict", "cards", "answered", "share", "limit")]
    for each in verdicts:
        rest = each.answered - each.count
        is_hidden = cells.is_small(each.count) or cells.is_small(rest)
        rows.append(
            (
                each.client,
                each.rule,
                words[each.is_met],
                "hidden" if is_hidden else str(each.count),
                f"{cells.count(each.answered)} of {each.needed} needed",
                cells.share(each.count, each.answered),
                f"over {each.limit:.0%}",
            )
        )
    is_alarm = any(each.is_met for each in verdicts)
    return Section(title, (_advice(verdicts),), tuple(rows), is_alarm=is_alarm)


def _advice(verdicts: Sequence[Verdict]) -> str:
    """Say what to do; a rule that cannot be judged yet is no all-clear."""
    if any(each.is_met for each in verdicts):
        return (
            "A rule is met: switch the advice off now (the kill switch,"
            " docs/safety.md), tell those who approved the policy, and look at the"
            " charts behind it."
        )
    if unjudged := sum(each.is_met is None for each in verdicts):
        return (
            f"No verdict on {unjudged} of {len(verdicts)}: too few cards were answered."
            " That is no all-clear: look at charts behind the cards."
        )
    return "No rule is met. Look at charts behind overrides nevertheless."


def _usage(report: Report, cells: Cells) -> Section:
    usage = report.usage
    parts = cells.parts(usage.states)
    rows = [("discharges", "count", "share")]
    for name, n in usage.states.items():
        share = cells.share(n, usage.discharges) if parts[name] == str(n) else _NONE
        rows.append((name, parts[name], share))
    cards = sum(usage.cards.values())
    per_100 = _NONE
    if usage.cards_per_100 is not None and not cells.is_small(cards):
        per_100 = f"{usage.cards_per_100:.1f}"
    for kind, counts in (
        ("cards", usage.cards),
        ("cards in the chart", usage.chart_cards),
        ("calls refused with", usage.refused),
    ):
        said = cells.parts(counts)
        rows += [(f"{kind}: {name}", said[name], "") for name in counts]
    return Section(
        "Calls and cards",
        (
            f"{cells.count(usage.calls)} calls, of which"
            f" {cells.count(usage.chart_calls)} opened a chart. They asked about"
            f" {cells.count(usage.discharges)} discharges; repeated calls about one"
            " count once.",
            f"{cells.count(cards)} cards were shown at discharge: {per_100} for each"
            " 100 discharges.",
        ),
        tuple(rows),
    )


def _silence(report: Report, cells: Cells) -> Section:
    silence, whole = report.usage.silence, report.usage.discharges
    # With the rest of the whole, so that no small one can be told from what is hidden.
    parts = {"a card was shown": whole - sum(silence.values()), **silence}
    return Section(
        "Why discharges got no card",
        ("A card that is not shown does not say that there is no risk.",),
        bars=bars(parts, whole, cells) if whole else (),
    )


def _answers(report: Report, cells: Cells) -> Section:
    found = report.answers
    rows = [("suggestions taken", "count")]
    rows += [(name, cells.count(n)) for name, n in found.taken.items()]
    overridden = found.outcomes["overridden"]
    return Section(
        "What users did with the cards",
        (
            "A card without an answer was ignored, or its client sends none: it counts"
            " for neither side.",
            f"{cells.count(found.elsewhere)} answers are about cards that are not of"
            " this selection.",
            *_reasons(found.reasons, overridden, cells),
        ),
        tuple(rows) if found.taken else (),
        bars(found.outcomes, sum(found.outcomes.values()), cells),
    )


def _reasons(
    reasons: Mapping[str, int], overridden: int, cells: Cells
) -> Iterator[str]:
    if reasons:
        said = cells.parts(reasons)
        listed = ", ".join(f"{name} {said[name]}" for name in reasons)
        yield (
            f"Reasons of {cells.count(overridden)} overridden cards (one may have"
            f" several): {listed}."
        )


def _risk(report: Report, cells: Cells) -> Section:
    risk = report.risk
    said = f"The model is anchored to {risk.incidence:.1%}."
    if risk.mean is None or risk.interval is None or cells.is_small(risk.n):
        said += f" {cells.count(risk.n)} discharges have a risk: too few for a mean."
    else:
        low, high = risk.interval
        said += (
            f" The mean risk of {risk.n} discharges is {risk.mean:.1%} (95 % interval"
            f" {low:.1%} to {high:.1%}): {risk.mean / risk.incidence:.2f} times as"
            " much."
        )
    return Section(
        "Mean risk",
        (
            said,
            f"{cells.count(risk.other_models)} discharges were scored by another"
            " model.",
            "A mean like the study's says that patients are alike, not that the risk is"
            " right here: that takes outcomes.",
        ),
    )


def _follow_up(found: Sequence[FollowUp], cells: Cells) -> Section:
    rows: list[tuple[str, ...]] = [
        ("band", "examined", *_OUTCOMES, "yes by the study's criteria")
    ]
    for each in found:
        counts = {name: each.outcomes.get(name, 0) for name in _OUTCOMES}
        said = cells.parts(counts)
        examined = counts["yes"] + counts["no"]
        share = cells.share(examined, sum(counts.values()))
        if "hidden" in said.values() or any(map(cells.is_small, counts.values())):
            share = _NONE
        study = cells.count(each.by_study_criteria)
        if cells.is_small(counts["yes"] - each.by_study_criteria):
            study = "hidden"
        rows.append((each.band, share, *said.values(), study))
    return Section(
        "Balance of the follow-up",
        (
            "Eligible discharges by band. If those without a card are examined less"
            " often, what is found says little about the model. Who was not examined is"
            ' no "no". A yes by the study\'s criteria has had the block.',
        ),
        tuple(rows),
    )


def _running(report: Report, cells: Cells) -> Section:
    rows: list[tuple[str, ...]] = [("service", "median ms", "95 %", "99 %")]
    rows += [
        (service, *(f"{each:.1f}" for each in latency))
        for service, latency in report.latency_ms.items()
    ]
    lost = [
        f"{cells.count(n)} decisions of all clients could not be recorded: {cause}."
        for cause, n in report.lost.items()
    ]
    return Section(
        "Latency and gaps",
        tuple(lost or ("No decision of the period was lost.",)),
        tuple(rows) if report.latency_ms else (),
    )
