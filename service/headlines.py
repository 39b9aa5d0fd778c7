"""What a card is about: its topic, its sentence and whether to act."""

from typing import Final, NamedTuple

from service.assessment import (
    ANGLES,
    PREDICTORS,
    RATIO,
    Assessment,
    Band,
    OutputMode,
    VertebraAssessment,
)
from service.detail import has_small_angle
from service.fhir.findings import Reason
from service.model.scoring import Score
from service.policy import MissingCard, Policy
from service.wording import Wording, format_percentile, of_100

__all__ = ["ASKING", "Headline", "Headlines", "doubt_of"]

#: Topics of the cards that ask for values.
ASKING: Final = frozenset({"ScnenInputMissing", "ScnenInputConflict"})

#: So many missing values are named in a summary; more are "several".
_MOST_NAMED: Final = 2


class Headline(NamedTuple):
    """
    What a card is about.

    Attributes
    ----------
    topic : str
        Code of its topic.
    summary : str
        Its sentence.
    alone : str
        The sentence for clients that show nothing but it.
    indicator : str, default "info"
        As in `cds_hooks.Card`.
    suggests : bool, default False
        Whether orders are suggested.
    """

    topic: str
    summary: str
    alone: str
    indicator: str = "info"
    suggests: bool = False


class Headlines:
    """
    Choose what a card is about, in one language.

    Parameters
    ----------
    wording : Wording
        Sentences and words of the language.
    policy : Policy
        When values are asked for, and from which age on the model is used.
    """

    def __init__(self, wording: Wording, policy: Policy) -> None:
        self._wording = wording
        self._policy = policy

    def choose(self, assessment: Assessment) -> Headline | None:
        """
        Choose what matters most: a number that calls for action, a gap, a limit.

        Parameters
        ----------
        assessment : Assessment
            What was found and scored.

        Returns
        -------
        Headline or None
            None where no card is given.
        """
        if assessment.not_assessed is Reason.NO_ELIGIBLE_OPERATION:
            return None
        if assessment.not_assessed is not None:
            return self._outside(assessment.not_assessed)
        top = next(iter(assessment.vertebrae), None)
        if top and top.calls_for_follow_up and isinstance(top.score, Score):
            return self._of_number(assessment, top, top.score)
        open_questions = [item for item in assessment.vertebrae if item.asks_for_values]
        if open_questions:
            several = len(assessment.vertebrae) > 1
            return self._of_gap(open_questions, several=several)
        outside = [item.outside for item in assessment.vertebrae if item.outside]
        return self._outside(outside[0]) if outside else None

    def _of_number(
        self, assessment: Assessment, top: VertebraAssessment, score: Score
    ) -> Headline:
        relative = assessment.mode is OutputMode.RELATIVE
        n = format_percentile(score.percentile) if relative else of_100(score.risk)
        doubt = doubt_of(assessment)
        variant = f"-{doubt}" if doubt else ""
        alone = self._wording.alone[assessment.mode + variant] % {"n": n}
        # Beside a detail, that is where lesser doubts stand.
        kind = assessment.mode + ("" if doubt == "doubtful" else variant)
        text = self._wording.summary[kind] % {"n": n}
        if relative:
            return Headline("ScnenRiskRelative", text, alone, suggests=True)
        if top.band is Band.HIGH:
            return Headline("ScnenRiskHigh", text, alone, "warning", suggests=True)
        return Headline("ScnenRiskAboveAverage", text, alone, suggests=True)

    def _of_gap(
        self, items: list[VertebraAssessment], *, several: bool
    ) -> Headline | None:
        """Name what is wanted; records that contradict each other come first."""
        if self._policy.missing_card is MissingCard.NEVER:
            return None
        gaps = [gap for item in items for gap in item.missing.items()]
        conflicts = {name for name, gap in gaps if gap.reason is Reason.CONFLICT}
        kind, topic = "missing", "ScnenInputMissing"
        if conflicts:
            kind, topic = "conflict", "ScnenInputConflict"
        names = self._short_names(conflicts or {name for name, _ in gaps})
        variant = "-several" if several else ""
        text = self._wording.summary[f"{kind}{variant}"] % {"names": names}
        return Headline(topic, text, alone=text)

    def _short_names(self, wanted: set[str]) -> str:
        """Name up to two things; the ratio only where its angles are there."""
        words = self._wording.words
        if wanted & ANGLES:
            wanted = wanted - {RATIO}
        named = (words["short"][name] for name in PREDICTORS if name in wanted)
        short = list(dict.fromkeys(named))
        is_many = len(short) > _MOST_NAMED
        if is_many:
            return str(words["short_many"])
        return self._wording.joined("list", short)

    def _outside(self, reason: Reason) -> Headline:
        age = {"age": self._policy.eligibility.minimum_age_years}
        text = self._wording.summary[reason] % age
        return Headline("ScnenOutsideModel", text, alone=text)


def doubt_of(assessment: Assessment) -> str:
    """
    Tell what is to be said against the number of a card wherever it stands alone.

    Parameters
    ----------
    assessment : Assessment
        One whose first vertebra has a score.

    Returns
    -------
    str
        ``several``, ``extrapolated``, ``doubtful``, or nothing: the first that holds.
    """
    top = assessment.vertebrae[0]
    if len(assessment.vertebrae) > 1:
        return "several"
    if top.score and top.score.extrapolated:
        return "extrapolated"
    said = assessment.flags or top.vertebra.flags or top.vertebra.conflicts
    is_doubtful = said or top.models_disagree or has_small_angle(top.vertebra)
    return "doubtful" if is_doubtful else ""
