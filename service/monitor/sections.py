"""The report as sections of sentences, tables and bars, for terminal and page alike."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from gettext import NullTranslations
from typing import Final

from service.monitor.cells import Cells
from service.monitor.inputs import against_table_1, distribution, missing
from service.monitor.parts import Section, bars
from service.monitor.report import FollowUp, MeanRisk, Report
from service.monitor.rules import Verdict
from service.monitor.usage import Usage

__all__ = ["sections"]

_NONE: Final = "–"
_OUTCOMES: Final = ("yes", "no", "not-examined", "nothing recorded", "not yet due")


def sections(
    report: Report, *, hides: bool = False, words: NullTranslations | None = None
) -> list[Section]:
    """
    Put a report into words.

    Parameters
    ----------
    report : Report
        The report.
    hides : bool, optional
        Whether small counts are hidden: for what leaves the hospital.
    words : gettext.NullTranslations, optional
        The words of its language; English if not given.

    Returns
    -------
    list of Section
        The stopping rules first.
    """
    cells = Cells(hides=hides, words=words)
    return [
        _period(report, cells),
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


def _period(report: Report, cells: Cells) -> Section:
    gettext = cells.gettext
    last = report.until - timedelta(microseconds=1)
    whose = gettext(" and ").join(
        said % {"name": name}
        for said, name in (
            (gettext("client %(name)s"), report.client),
            (gettext("tenant %(name)s"), report.tenant),
        )
        if name is not None
    )
    said = {
        "first": f"{report.since:%Y-%m-%d}",
        "last": f"{last:%Y-%m-%d}",
        "whose": whose or gettext("all clients"),
    }
    return Section(
        gettext("Period"),
        (gettext("%(first)s to %(last)s (UTC), %(whose)s.") % said,),
    )


def _rules(verdicts: Sequence[Verdict], cells: Cells) -> Section:
    gettext = cells.gettext
    title = gettext("Stopping rules")
    if not verdicts:
        return Section(
            title, (gettext("No card was answered: no rule can be judged."),)
        )
    words = {
        True: gettext("MET"),
        False: gettext("not met"),
        None: gettext("too few answers"),
    }
    rows: list[tuple[str, ...]] = [_rules_head(cells)]
    for each in verdicts:
        rest = each.answered - each.count
        is_hidden = cells.is_small(each.count) or cells.is_small(rest)
        answered = {"n": cells.count(each.answered), "needed": each.needed}
        rows.append(
            (
                each.client,
                cells.tell(each.rule),
                words[each.is_met],
                cells.hidden if is_hidden else str(each.count),
                gettext("%(n)s of %(needed)s needed") % answered,
                cells.share(each.count, each.answered),
                gettext("over %(limit)s") % {"limit": f"{each.limit:.0%}"},
            )
        )
    is_alarm = any(each.is_met for each in verdicts)
    advice = _advice(verdicts, cells)
    return Section(title, (advice,), tuple(rows), is_alarm=is_alarm)


def _rules_head(cells: Cells) -> tuple[str, ...]:
    gettext = cells.gettext
    return (
        gettext("client"),
        gettext("rule"),
        gettext("verdict"),
        gettext("cards"),
        gettext("answered"),
        gettext("share"),
        gettext("limit"),
    )


def _advice(verdicts: Sequence[Verdict], cells: Cells) -> str:
    """Say what to do; a rule that cannot be judged yet is no all-clear."""
    gettext = cells.gettext
    if any(each.is_met for each in verdicts):
        return gettext(
            "A rule is met: switch the advice off now (the kill switch,"
            " docs/safety.md), tell those who approved the policy, and look at the"
            " charts behind it."
        )
    if unjudged := sum(each.is_met is None for each in verdicts):
        return gettext(
            "No verdict on %(n)s of %(all)s: too few cards were answered. That is no"
            " all-clear: look at charts behind the cards."
        ) % {"n": unjudged, "all": len(verdicts)}
    return gettext("No rule is met. Look at charts behind overrides nevertheless.")


def _usage(report: Report, cells: Cells) -> Section:
    usage, gettext = report.usage, cells.gettext
    cards = sum(usage.cards.values())
    per_100 = _NONE
    if usage.cards_per_100 is not None and not cells.is_small(cards):
        per_100 = f"{usage.cards_per_100:.1f}"
    calls = {
        "calls": cells.count(usage.calls),
        "charts": cells.count(usage.chart_calls),
        "discharges": cells.count(usage.discharges),
    }
    shown = {"n": cells.count(cards), "per_100": per_100}
    return Section(
        gettext("Calls and cards"),
        (
            gettext(
                "%(calls)s calls, of which %(charts)s opened a chart. They asked about"
                " %(discharges)s discharges; repeated calls about one count once."
            )
            % calls,
            gettext(
                "%(n)s cards were shown at discharge: %(per_100)s for each 100"
                " discharges."
            )
            % shown,
        ),
        (
            (gettext("discharges"), gettext("count"), gettext("share")),
            *_states(usage, cells),
            *_kinds(usage, cells),
        ),
    )


def _states(usage: Usage, cells: Cells) -> Iterator[tuple[str, str, str]]:
    parts = cells.parts(usage.states)
    for name, n in usage.states.items():
        share = cells.share(n, usage.discharges) if parts[name] == str(n) else _NONE
        yield cells.tell(name), parts[name], share


def _kinds(usage: Usage, cells: Cells) -> Iterator[tuple[str, str, str]]:
    gettext = cells.gettext
    for kind, counts in (
        (gettext("cards: %(name)s"), usage.cards),
        (gettext("cards in the chart: %(name)s"), usage.chart_cards),
        (gettext("calls refused with: %(name)s"), usage.refused),
    ):
        said = cells.parts(counts)
        for name in counts:
            yield kind % {"name": cells.tell(name)}, said[name], ""


def _silence(report: Report, cells: Cells) -> Section:
    silence, whole = report.usage.silence, report.usage.discharges
    # With the rest of the whole, so that no small one can be told from what is hidden.
    parts = {"a card was shown": whole - sum(silence.values()), **silence}
    return Section(
        cells.gettext("Why discharges got no card"),
        (
            cells.gettext(
                "A card that is not shown does not say that there is no risk."
            ),
        ),
        bars=bars(parts, whole, cells) if whole else (),
    )


def _answers(report: Report, cells: Cells) -> Section:
    found, gettext = report.answers, cells.gettext
    rows = [(gettext("suggestions taken"), gettext("count"))]
    rows += [(cells.tell(name), cells.count(n)) for name, n in found.taken.items()]
    overridden = found.outcomes["overridden"]
    return Section(
        gettext("What users did with the cards"),
        (
            gettext(
                "A card without an answer was ignored, or its client sends none: it"
                " counts for neither side."
            ),
            gettext("%(n)s answers are about cards that are not of this selection.")
            % {"n": cells.count(found.elsewhere)},
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
        listed = (f"{cells.tell(name)} {said[name]}" for name in reasons)
        yield (
            cells.gettext(
                "Reasons of %(n)s overridden cards (one may have several): %(reasons)s."
            )
            % {
                "n": cells.count(overridden),
                "reasons": cells.gettext(", ").join(listed),
            }
        )


def _risk(report: Report, cells: Cells) -> Section:
    risk, gettext = report.risk, cells.gettext
    return Section(
        gettext("Mean risk"),
        (
            cells.joined(
                gettext("The model is anchored to %(incidence)s.")
                % {"incidence": f"{risk.incidence:.1%}"},
                _mean(risk, cells),
            ),
            gettext("%(n)s discharges were scored by another model.")
            % {"n": cells.count(risk.other_models)},
            gettext(
                "A mean like the study's says that patients are alike, not that the"
                " risk is right here: that takes outcomes."
            ),
        ),
    )


def _mean(risk: MeanRisk, cells: Cells) -> str:
    if risk.mean is None or risk.interval is None or cells.is_small(risk.n):
        said = cells.gettext("%(n)s discharges have a risk: too few for a mean.")
        return said % {"n": cells.count(risk.n)}
    low, high = risk.interval
    return cells.gettext(
        "The mean risk of %(n)s discharges is %(mean)s (95 %% interval %(low)s to"
        " %(high)s): %(times)s times as much."
    ) % {
        "n": risk.n,
        "mean": f"{risk.mean:.1%}",
        "low": f"{low:.1%}",
        "high": f"{high:.1%}",
        "times": f"{risk.mean / risk.incidence:.2f}",
    }


def _follow_up(found: Sequence[FollowUp], cells: Cells) -> Section:
    gettext = cells.gettext
    rows: list[tuple[str, ...]] = [
        (
            gettext("band"),
            gettext("examined"),
            *map(cells.tell, _OUTCOMES),
            gettext("yes by the study's criteria"),
        )
    ]
    for each in found:
        counts = {name: each.outcomes.get(name, 0) for name in _OUTCOMES}
        said = cells.parts(counts)
        examined = counts["yes"] + counts["no"]
        share = cells.share(examined, sum(counts.values()))
        if cells.hidden in said.values() or any(map(cells.is_small, counts.values())):
            share = _NONE
        study = cells.count(each.by_study_criteria)
        if cells.is_small(counts["yes"] - each.by_study_criteria):
            study = cells.hidden
        rows.append((cells.tell(each.band), share, *said.values(), study))
    return Section(
        gettext("Balance of the follow-up"),
        (
            gettext(
                "Eligible discharges by band. If those without a card are examined less"
                " often, what is found says little about the model. Who was not"
                ' examined is no "no".'
                " A yes by the study's criteria has had the block."
            ),
        ),
        tuple(rows),
    )


def _running(report: Report, cells: Cells) -> Section:
    gettext = cells.gettext
    rows: list[tuple[str, ...]] = [
        (gettext("service"), gettext("median ms"), "95 %", "99 %")
    ]
    rows += [
        (service, *(f"{each:.1f}" for each in latency))
        for service, latency in report.latency_ms.items()
    ]
    lost = [
        gettext("%(n)s decisions of all clients could not be recorded: %(cause)s.")
        % {"n": cells.count(n), "cause": cause}
        for cause, n in report.lost.items()
    ]
    return Section(
        gettext("Latency and gaps"),
        tuple(lost or (gettext("No decision of the period was lost."),)),
        tuple(rows) if report.latency_ms else (),
    )
