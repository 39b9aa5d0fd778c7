"""The detail of a chart's card: findings, dangers, next steps, limits as Markdown."""

from collections.abc import Iterator
from typing import Any

from service.fhir.course import Diagnosis
from service.fhir.criteria import Criteria
from service.fhir.findings import Reason
from service.fhir.verdicts import Criterion, Found, Result
from service.followup import ChartView, Stage
from service.policy import Approval, Policy, Reminded
from service.wording import Wording, day, format_number, quote

__all__ = ["ChartDetail", "weeks"]

_CRITERIA = ("persistent_pain", "tender_point", "block_relief")
_DAYS_A_WEEK = 7


def weeks(policy: Policy) -> dict[str, int]:
    """
    Say the period of the review in the unit people use.

    Parameters
    ----------
    policy : Policy
        The clinical policy.

    Returns
    -------
    dict of str to int
        ``from`` and ``until``, in weeks.
    """
    follow_up = policy.follow_up
    return {
        "from": round(follow_up.review_from_days / _DAYS_A_WEEK),
        "until": round(follow_up.review_until_days / _DAYS_A_WEEK),
    }


class ChartDetail:
    """
    Write the details of the chart's cards in one language.

    Parameters
    ----------
    wording : Wording
        Words and sentences of the other cards.
    words : module of a template
        What ``followup.md.j2`` sets.
    policy : Policy
        The review's period, whom it reminds, and who approved the thresholds.
    """

    def __init__(
        self,
        wording: Wording,
        words: Any,  # noqa: ANN401 a template's module
        policy: Policy,
    ) -> None:
        self._wording = wording
        self._words = words
        self._weeks = weeks(policy)
        shown = policy.follow_up.review_until_days + policy.chart.overdue_shown_days
        last = min(shown, policy.follow_up.horizon_days)
        self._limits = self._limits_of("findings", {})
        self._limits_of_review = self._limits_of("review", {"last": last})
        self._reminded: dict[Stage | None, frozenset[Reminded]] = {
            Stage.REVIEW_DUE: policy.chart.due_reminds,
            Stage.REVIEW_OVERDUE: policy.chart.overdue_reminds,
        }
        self._thresholds = _thresholds(words, policy.approval)
        self._first_day = policy.chart.findings_from_days

    def write(self, view: ChartView) -> str:
        """
        Write the detail of one card.

        Parameters
        ----------
        view : ChartView
            One that calls for something.

        Returns
        -------
        str
            GitHub Flavored Markdown without HTML.
        """
        is_review = view.stage in {Stage.REVIEW_DUE, Stage.REVIEW_OVERDUE}
        parts = self._review(view) if is_review else self._findings(view)
        return "\n\n".join(filter(None, parts)) + "\n"

    def _limits_of(self, kind: str, numbers: dict[str, int]) -> str:
        text = self._words.limits[kind] % numbers
        return self._wording.put("heading", label=self._words.limits_label, text=text)

    def _findings(self, view: ChartView) -> Iterator[str]:
        words = self._words
        yield self._lead(view)
        yield str(words.red_flags)
        if view.criteria:
            yield self._table(view.criteria)
        yield self._notes(view)
        if view.stage is Stage.NEXT_STEP:
            yield str(words.block)
        yield str(words.differentials)
        yield str(words.referral)
        yield self._limits

    def _review(self, view: ChartView) -> Iterator[str]:
        words = self._words
        yield self._lead(view)
        yield str(words.red_flags)
        yield str(words.examination)
        yield self._wording.joined("sentences", self._why(view))
        if view.criteria and any(map(_is_telling, view.criteria.all)):
            yield self._table(view.criteria)
        yield self._notes(view)
        yield self._limits_of_review

    def _lead(self, view: ChartView) -> str:
        operated = view.operation.day if view.operation else None
        of_day = self._words.of_day % {"day": day(operated)} if operated else ""
        why = next(iter(view.uncounted), None)
        leads = self._words.uncounted[why]["lead"] if why else self._words.lead
        return str(leads[view.stage] % {"day": of_day, **self._weeks})

    def _why(self, view: ChartView) -> Iterator[str]:
        """
        Say why this patient is reminded: recorded pain, else the group, in words.

        The equation is about all who were operated on. It says nothing of those who are
        still in pain, and a number without its doubts would say too much of the others.
        """
        words = self._words
        if view.criteria and view.criteria.persistent_pain.is_met:
            yield str(words.pain_recorded)
            return
        reminded = self._reminded.get(view.stage, frozenset())
        groups = view.groups.intersection(reminded) or view.groups
        group = next((group for group in Reminded if group in groups), None)
        if group is None or group is Reminded.NOT_SCORED:
            yield str(words.not_scored)
            return
        by_percentile = words.group_relative.get(group)
        yield str(by_percentile or words.group[view.assessment.mode][group])
        if view.is_by_earlier:
            yield str(words.group_by_earlier)
        yield str(words.group_doubt)
        yield self._thresholds

    def _notes(self, view: ChartView) -> str:
        flags = self._wording.words["flag"]
        notes = [flags[flag] for flag in view.assessment.flags]
        for why, found in view.uncounted.items():
            sources = quote(self._wording.joined("list", found))
            told = {"day": self._first_day, "sources": sources}
            notes.append(self._words.uncounted[why]["note"] % told)
        if view.diagnosis is Diagnosis.UNCHECKED:
            notes.append(self._words.unchecked)
        elif view.diagnosis is Diagnosis.CONSIDERED:
            notes.append(self._words.considered)
        return "\n".join(f"- {note}" for note in notes)

    def _table(self, criteria: Criteria) -> str:
        rows = [
            self._row(name, criterion)
            for name, criterion in zip(_CRITERIA, criteria.all, strict=True)
        ]
        return "\n".join([self._words.table_head, "|---|---|---|---|---|", *rows])

    def _row(self, name: str, criterion: Criterion) -> str:
        words = self._words
        cells = [words.criterion[name], words.result[criterion.result]]
        if criterion.result is Result.UNKNOWN:
            cells += [
                self._doubt(criterion),
                "",
                quote(self._wording.joined("list", criterion.candidates)),
            ]
        else:
            found = criterion.findings[0]
            sources = self._wording.joined(
                "series",
                [
                    self._wording.joined("details", self._told(each))
                    for each in criterion.findings
                ],
            )
            when = day(found.time or found.last_day)
            cells += [self._finding(found), when, quote(sources)]
        return f"| {' | '.join(cells)} |"

    def _told(self, found: Found) -> tuple[str, str]:
        return found.source, self._wording.remarked(found.status)

    def _doubt(self, criterion: Criterion) -> str:
        said = self._words.reason[criterion.reason]
        if not criterion.detail:
            return str(said)
        added = quote(self._wording.remarked(criterion.detail))
        return self._wording.put("added", text=said, added=added)

    def _finding(self, found: Found) -> str:
        """Say the finding; how it was recorded where that says more, and its side."""
        if isinstance(found.value, bool):
            name = "present" if found.value else "absent"
            said = str(self._words.finding[name])
            extra = [found.site]
        else:
            number = format_number(found.value)
            said = self._wording.put("percent", n=number)
            is_the_same = found.as_found in {f"{number} %", f"{number}%"}
            extra = ["" if is_the_same else found.as_found, found.site]
        added = self._wording.joined("list", [quote(text) for text in extra if text])
        return self._wording.put("added", text=said, added=added) if added else said


def _is_telling(criterion: Criterion) -> bool:
    return criterion.reason is not Reason.NOT_RECORDED


def _thresholds(
    words: Any,  # noqa: ANN401 a template's module
    approval: Approval,
) -> str:
    if not approval.is_given:
        return str(words.not_approved)
    names, when = quote(", ".join(approval.approved_by)), day(approval.approved_on)
    return str(words.approved % {"names": names, "day": when})
