"""The monitoring report: what was asked, shown, answered, missing and found."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from service.assessment import PREDICTORS
from service.model.risk_model import RiskModel
from service.monitor.calls import Call, Discharge, Observed, discharges
from service.monitor.drift import Difference, Stability, differences, stabilities
from service.monitor.rules import Verdict, judge
from service.monitor.usage import (
    Answers,
    Usage,
    answers_to,
    last_answers,
    sorted_counts,
    usage_of,
)
from service.policy import Policy

__all__ = ["FollowUp", "MeanRisk", "Report", "summarise"]

_Z: Final = 1.96
_PERCENTILES: Final = (50, 95, 99)
#: Discharges without a band: the score is not given, or only as points.
_NO_BAND: Final = "no band"


@dataclass(frozen=True, slots=True)
class MeanRisk:
    """
    The mean risk beside the incidence to which the model is anchored.

    Attributes
    ----------
    n, other_models : int
        Discharges with a risk of this model, and of another.
    mean : float or None
        Their mean; None below two.
    interval : tuple of float or None
        Its approximate 95 % interval.
    incidence : float
        Of the study, or of the calibration.
    """

    n: int
    other_models: int
    mean: float | None
    interval: tuple[float, float] | None
    incidence: float


@dataclass(frozen=True, slots=True)
class FollowUp:
    """
    What the follow-up of the discharges of one band found.

    Attributes
    ----------
    band : str
        Which.
    outcomes : dict of str to int
        Discharges with ``yes``, ``no``, ``not-examined``, ``nothing recorded``, or
        ``not yet due``: nothing recorded, and the horizon not over.
    by_study_criteria : int
        Those with ``yes`` by the study's criteria, which need a block.
    """

    band: str
    outcomes: dict[str, int]
    by_study_criteria: int


@dataclass(frozen=True, slots=True)
class Report:
    """
    Everything that is monitored of one period.

    Attributes
    ----------
    since, until : datetime.datetime
        The period; the end is not part of it.
    client, tenant : str or None
        Only theirs.
    usage : Usage
        Calls and cards.
    answers : Answers
        What users did.
    verdicts : list of Verdict
        The stopping rules.
    vertebrae : int
        Operated vertebrae of the discharges.
    missing : dict of str to dict of str to int
        Why values are missing, by predictor: vertebrae by reason.
    differences, stabilities : list
        Inputs against Table 1.
    risk : MeanRisk
        Mean risk.
    follow_up : list of FollowUp
        By band.
    latency_ms : dict of str to list of float
        50th, 95th and 99th percentile by service, milliseconds.
    lost : dict of str to int
        Decisions that could not be recorded, of all clients, by cause.
    """

    since: datetime
    until: datetime
    client: str | None
    tenant: str | None
    usage: Usage
    answers: Answers
    verdicts: list[Verdict]
    vertebrae: int
    missing: dict[str, dict[str, int]]
    differences: list[Difference]
    stabilities: list[Stability]
    risk: MeanRisk
    follow_up: list[FollowUp]
    latency_ms: dict[str, list[float]]
    lost: dict[str, int]

    @property
    def must_stop(self) -> bool:  # numpydoc ignore=RT01
        """Whether a stopping rule is met."""
        return any(each.is_met for each in self.verdicts)


def summarise(
    observed: Observed,
    period: tuple[datetime, datetime],
    model: RiskModel,
    policy: Policy,
    *,
    client: str | None = None,
    tenant: str | None = None,
) -> Report:
    """
    Summarise a period.

    Parameters
    ----------
    observed : Observed
        What the store holds of it.
    period : tuple of datetime.datetime
        Its beginning, and its end, which is the present for outcomes that are due.
    model : RiskModel
        The model in use.
    policy : Policy
        The policy in use: stopping rules and horizon.
    client, tenant : str, optional
        Whose calls `observed` holds, for the report's head.

    Returns
    -------
    Report
        The report.
    """
    asked = discharges(observed.calls)
    vertebrae = [item for each in asked for item in each.best.vertebrae]
    last, elsewhere = last_answers(observed)
    return Report(
        *period,
        client,
        tenant,
        usage_of(observed.calls, asked),
        answers_to(observed.calls, last, elsewhere),
        judge(list(last.values()), policy.stopping),
        len(vertebrae),
        _missing(vertebrae),
        differences(vertebrae),
        stabilities(vertebrae),
        _mean_risk(asked, model),
        _follow_up(asked, observed, period[1], policy.follow_up.horizon_days),
        _latency(observed.calls),
        dict(observed.lost),
    )


def _missing(vertebrae: Sequence[Mapping[str, object]]) -> dict[str, dict[str, int]]:
    reasons: dict[str, list[str]] = {name: [] for name in PREDICTORS}
    for vertebra in vertebrae:
        missing = vertebra.get("missing")
        for name, reason in (missing if isinstance(missing, dict) else {}).items():
            reasons[name].append(reason)
    return {name: sorted_counts(found) for name, found in reasons.items()}


def _mean_risk(asked: Sequence[Discharge], model: RiskModel) -> MeanRisk:
    scored = [each.best for each in asked if each.best.risk is not None]
    own = [each.risk for each in scored if each.model == model.digest]
    risks = np.array(own, float)
    others, incidence = len(scored) - len(own), model.incidence.rate
    if len(own) <= 1:
        return MeanRisk(len(own), others, None, None, incidence)
    mean = float(risks.mean())
    error = float(risks.std(ddof=1)) / math.sqrt(len(own))
    interval = mean - _Z * error, mean + _Z * error
    return MeanRisk(len(own), others, mean, interval, incidence)


def _follow_up(
    asked: Sequence[Discharge], observed: Observed, now: datetime, horizon_days: int
) -> list[FollowUp]:
    outcomes: dict[str, Counter[str]] = {}
    study: Counter[str] = Counter()
    for each in asked:
        if not each.best.vertebrae:
            continue
        band = each.best.band or _NO_BAND
        found = [
            observed.outcomes[call.id]
            for call in each.calls
            if call.id in observed.outcomes
        ]
        due = each.calls[-1].at + timedelta(days=horizon_days)
        word = "nothing recorded" if due <= now else "not yet due"
        if found:
            word = found[-1].outcome
            study[band] += (word, found[-1].criteria) == ("yes", "study")
        outcomes.setdefault(band, Counter())[word] += 1
    order = ("high", "above_average", "below_average", _NO_BAND)
    return [
        FollowUp(band, dict(outcomes[band]), study[band])
        for band in order
        if band in outcomes
    ]


def _latency(calls: Sequence[Call]) -> dict[str, list[float]]:
    return {
        service: np.percentile(
            [call.latency_ms for call in calls if call.service == service], _PERCENTILES
        ).tolist()
        for service in sorted({call.service for call in calls})
    }
