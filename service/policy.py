"""The clinical policy: when a card is given, for whom, and who approved that."""

from dataclasses import dataclass
from enum import Enum, StrEnum
from importlib.resources import files
from pathlib import Path

import yaml

from service.fields import FieldError, text, whole
from service.policy_approval import Approval, read_approval
from service.policy_fields import (
    PolicyError,
    choices,
    numbers,
    section,
    whole_numbers,
)
from service.policy_stopping import Stopping, read_stopping

__all__ = [
    "Approval",
    "Bands",
    "Chart",
    "Eligibility",
    "FollowUp",
    "MissingCard",
    "Overridden",
    "Policy",
    "PolicyError",
    "Reminded",
    "Windows",
    "default_policy",
    "load_policy",
]


class MissingCard(Enum):
    """What to answer when the risk cannot be given because a value is missing."""

    ONCE_PER_ENCOUNTER = "once-per-encounter"
    ALWAYS = "always"
    NEVER = "never"


class Reminded(StrEnum):
    """Groups of patients that may be reminded of their review; one may be in two."""

    HIGH = "high"
    ABOVE_AVERAGE = "above_average"
    BELOW_AVERAGE = "below_average"
    RELATIVE = "relative"
    RELATIVE_BELOW = "relative_below"
    NOT_SCORED = "not_scored"
    PAIN_RECORDED = "pain_recorded"


@dataclass(frozen=True, slots=True)
class Bands:
    """
    Where one band of risk ends and the next begins.

    Attributes
    ----------
    above_average : float
        Risk from which an ``info`` card is given, a probability in (0, 1).
    high : float
        Risk from which a ``warning`` card is given, above `above_average`.
    relative_percentile : float
        In output mode ``relative``: percentile of the rebuilt cohort from which
        follow-up is suggested, in (0, 100).
    """

    above_average: float
    high: float
    relative_percentile: float


@dataclass(frozen=True, slots=True)
class Windows:
    """
    How old, or how late, a record may be and still answer the question, in days.

    Attributes
    ----------
    lookback_days : int
        How long before the call an operation without encounter may lie.
    preoperative_max_age_days : int
        Greatest age of the preoperative film at the operation.
    postoperative_days : int
        Until when after the operation a film counts as the postoperative one.
    """

    lookback_days: int
    preoperative_max_age_days: int
    postoperative_days: int


@dataclass(frozen=True, slots=True)
class Eligibility:
    """
    Who may be assessed.

    Attributes
    ----------
    minimum_age_years : int
        Age from which the model may be used; the study's patients were adults.
    in_progress_counts : bool
        Whether a Procedure with status ``in-progress`` counts as performed.
    """

    minimum_age_years: int
    in_progress_counts: bool


@dataclass(frozen=True, slots=True)
class FollowUp:
    """
    When the suggested follow-up takes place, in days after the operation.

    Attributes
    ----------
    review_from_days, review_until_days : int
        The spine review at which the tender point is looked for.
    horizon_days : int
        End of the study's follow-up; no block is suggested for later.
    """

    review_from_days: int
    review_until_days: int
    horizon_days: int


@dataclass(frozen=True, slots=True)
class Chart:
    """
    When the opening of a chart may give a card: the quiet rules.

    Attributes
    ----------
    findings_from_days : int
        So many days after the operation findings of pain, tender point and relief begin
        to count; 0 for at once.
    criteria_met_shown_days : int
        So many days after the finding that first met the diagnostic criteria the card
        about them is shown; 0 for never.
    next_step_shown_days : int
        So many days after a tender point was first found the block is suggested; 0 for
        never.
    due_reminds : frozenset of Reminded
        Who is reminded while the review is due; nobody if empty.
    overdue_reminds : frozenset of Reminded
        Who is reminded once it is overdue.
    overdue_shown_days : int
        So many days after the end of the review's period, and never after the horizon.
    """

    findings_from_days: int
    criteria_met_shown_days: int
    next_step_shown_days: int
    due_reminds: frozenset[Reminded]
    overdue_reminds: frozenset[Reminded]
    overdue_shown_days: int


@dataclass(frozen=True, slots=True)
class Overridden:
    """
    What becomes of a card that a user has overridden.

    Attributes
    ----------
    stays_away : bool
        Whether it does not come back in the same encounter while it says the same.
    comes_back_for : frozenset of str
        Codes of the reasons for which it comes back nevertheless.
    """

    stays_away: bool
    comes_back_for: frozenset[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """
    The whole clinical policy, as one file states it.

    Attributes
    ----------
    version : str
        Version of the file's content, shown with every explanation.
    bands : Bands
        Risk thresholds.
    windows : Windows
        Time windows.
    eligibility : Eligibility
        Who may be assessed.
    follow_up : FollowUp
        When the suggested follow-up takes place.
    chart : Chart
        When the opening of a chart may give a card.
    missing_card : MissingCard
        What to answer when a value is missing.
    overridden : Overridden
        What becomes of a card that a user has overridden.
    stopping : Stopping
        When the advice is to be stopped.
    approval : Approval
        Who approved it.
    """

    version: str
    bands: Bands
    windows: Windows
    eligibility: Eligibility
    follow_up: FollowUp
    chart: Chart
    missing_card: MissingCard
    overridden: Overridden
    stopping: Stopping
    approval: Approval


def load_policy(path: Path) -> Policy:
    """
    Read and check a policy file (YAML).

    Parameters
    ----------
    path : pathlib.Path
        The file; ``service/data/policy/default.yaml`` is the annotated pattern.

    Returns
    -------
    Policy
        The policy.

    Raises
    ------
    PolicyError
        If the file cannot be read, a field is missing, unknown or out of range.
    """
    try:
        return _parse(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PolicyError(f"{path}: cannot be read: {error}") from error
    except (FieldError, PolicyError) as error:
        raise PolicyError(f"{path}: {error}") from error


def default_policy() -> Policy:
    """
    The policy that ships with the service; nobody has approved it.

    Returns
    -------
    Policy
        The default policy.
    """
    bundled = files("service").joinpath("data/policy/default.yaml")
    return _parse(yaml.safe_load(bundled.read_text("utf-8")))


def _parse(document: object) -> Policy:
    root = section(document, "policy", Policy)
    policy = Policy(
        version=text(root["version"], "version"),
        bands=Bands(**numbers(root["bands"], "bands", Bands)),
        windows=Windows(**whole_numbers(root["windows"], "windows", Windows)),
        eligibility=_eligibility(root["eligibility"]),
        follow_up=FollowUp(**whole_numbers(root["follow_up"], "follow_up", FollowUp)),
        chart=_chart(root["chart"]),
        missing_card=_missing_card(root["missing_card"]),
        overridden=_overridden(root["overridden"]),
        stopping=read_stopping(root["stopping"]),
        approval=read_approval(root["approval"]),
    )
    _check_bands(policy.bands)
    _check_follow_up(policy.follow_up)
    if policy.chart.findings_from_days > policy.follow_up.review_from_days:
        raise PolicyError(
            "chart.findings_from_days: must not exceed follow_up.review_from_days:"
            " findings of the review count"
        )
    return policy


def _eligibility(value: object) -> Eligibility:
    found = section(value, "eligibility", Eligibility)
    # From 18: the study's patients were adults.
    age = whole(found["minimum_age_years"], "eligibility.minimum_age_years", 18)
    in_progress = found["in_progress_counts"]
    if not isinstance(in_progress, bool):
        raise PolicyError("eligibility.in_progress_counts: must be true or false")
    return Eligibility(age, in_progress)


def _chart(value: object) -> Chart:
    found = section(value, "chart", Chart)

    def count(name: str) -> int:
        return whole(found[name], f"chart.{name}")

    def groups(name: str) -> frozenset[Reminded]:
        return choices(found[name], f"chart.{name}", Reminded)

    return Chart(
        findings_from_days=count("findings_from_days"),
        criteria_met_shown_days=count("criteria_met_shown_days"),
        next_step_shown_days=count("next_step_shown_days"),
        due_reminds=groups("due_reminds"),
        overdue_reminds=groups("overdue_reminds"),
        overdue_shown_days=count("overdue_shown_days"),
    )


def _missing_card(value: object) -> MissingCard:
    try:
        return MissingCard(value)
    except ValueError:
        known = ", ".join(item.value for item in MissingCard)
        raise PolicyError(f"missing_card: must be one of {known}") from None


def _overridden(value: object) -> Overridden:
    found = section(value, "overridden", Overridden)
    stays_away, reasons = found["stays_away"], found["comes_back_for"]
    if not isinstance(stays_away, bool):
        raise PolicyError("overridden.stays_away: must be true or false")
    if not isinstance(reasons, list) or not all(isinstance(x, str) for x in reasons):
        raise PolicyError("overridden.comes_back_for: must be a list of codes")
    return Overridden(stays_away, frozenset(reasons))


def _check_bands(bands: Bands) -> None:
    if not 0 < bands.above_average < bands.high < 1:
        raise PolicyError(
            "bands: 0 < above_average < high < 1 must hold,"
            f" got {bands.above_average} and {bands.high}"
        )
    if not 0 < bands.relative_percentile < 100:  # noqa: PLR2004 a percentile
        raise PolicyError("bands.relative_percentile: must lie between 0 and 100")


def _check_follow_up(follow_up: FollowUp) -> None:
    stated = (
        follow_up.review_from_days,
        follow_up.review_until_days,
        follow_up.horizon_days,
    )
    if not stated[0] <= stated[1] <= stated[2]:
        raise PolicyError(
            "follow_up: review_from_days <= review_until_days <= horizon_days"
            f" must hold, got {stated}"
        )
