"""From an assessment to the cards a clinician sees."""

from dataclasses import replace
from typing import Any, Final, NamedTuple

from cds_hooks import Capabilities, Card, Coding, Source
from service.assessment import (
    ANGLES,
    PREDICTORS,
    RATIO,
    Assessment,
    Band,
    OutputMode,
    VertebraAssessment,
)
from service.detail import Standing, has_small_angle, render_detail
from service.fhir.findings import Reason
from service.frames import frames
from service.identities import Identities
from service.model.artifact import RiskModel
from service.model.scoring import Score
from service.orders import Subject
from service.policy import MissingCard, Policy
from service.suggestions import DischargeSuggestions
from service.wording import Wording, format_percentile, of_100

__all__ = ["TOPICS", "CardComposer"]

#: Topic codes of the cards: stable, since EHRs tie overrides to them.
TOPICS = (
    "ScnenRiskHigh",
    "ScnenRiskAboveAverage",
    "ScnenRiskRelative",
    "ScnenInputMissing",
    "ScnenInputConflict",
    "ScnenOutsideModel",
)

#: Topics of the cards that ask for values.
_ASKING: Final = frozenset({"ScnenInputMissing", "ScnenInputConflict"})

#: So many missing values are named in a summary; more are "several".
_MOST_NAMED = 2

#: A client of which nothing is known.
_ANY_CLIENT: Final = Capabilities()


class _Headline(NamedTuple):
    """
    What the card is about: its topic, its sentence and whether to act.

    `alone` is the sentence for clients that show nothing but it.
    """

    topic: str
    summary: str
    alone: str
    indicator: str = "info"
    suggests: bool = False


class CardComposer:
    """
    Compose cards in one language.

    Parameters
    ----------
    model : RiskModel
        The model whose number is shown.
    mode : OutputMode
        What kind of number it is.
    policy : Policy
        When a card is given and who approved that.
    public_url : str
        Where a browser reaches this service, without a trailing slash.
    canonical_base : str
        Base of the project's canonical URLs.
    secret_key : bytes
        Key from which the uuids of cards and suggestions are derived.
    locale : str, default "en"
        Language of the cards.
    """

    def __init__(
        self,
        *,
        model: RiskModel,
        mode: OutputMode,
        policy: Policy,
        public_url: str,
        canonical_base: str,
        secret_key: bytes,
        locale: str = "en",
    ) -> None:
        self._policy = policy
        self._identities = Identities(secret_key)
        self._wording = Wording(locale)
        words = self._wording.words
        # Both modes, since a local calibration can expire while the service runs.
        modes = {mode, OutputMode.RELATIVE}
        self._sources = {
            item: _sources(model, item, words, public_url, canonical_base)
            for item in modes
        }
        self._frame_of = frames(words, public_url)
        self._suggestions = DischargeSuggestions(
            self._wording, model, mode, policy, canonical_base, self._identities
        )
        advice = self._wording.advice
        self._standing = {
            item: Standing(
                mode=str(advice.mode(model, item, policy.approval)),
                next_steps=str(advice.next_steps()),
                limits=str(advice.limits(model)),
                minimum_age_years=policy.eligibility.minimum_age_years,
            )
            for item in modes
        }

    def compose(
        self,
        assessment: Assessment,
        subject: Subject,
        capabilities: Capabilities = _ANY_CLIENT,
        fhir_version: str = "R4",
    ) -> tuple[Card, ...]:
        """
        Compose the cards of one patient.

        Parameters
        ----------
        assessment : Assessment
            What was found and scored.
        subject : Subject
            Patient and encounter of the call.
        capabilities : Capabilities, optional
            What the client makes of a card; it makes no difference to the uuids.
        fhir_version : str, default "R4"
            What the client's server speaks: ``R4``, ``R4B`` or ``R5``.

        Returns
        -------
        tuple of Card
            One card; none where there is no eligible operation, the risk is below
            average, or the policy wants none for missing values.
        """
        headline = self._headline(assessment)
        if headline is None:
            return ()
        detail = render_detail(
            self._wording, assessment, self._standing[assessment.mode]
        )
        source = self._sources[assessment.mode][headline.topic]
        card_id = self._identities.name(
            *self._identity(headline, subject, source, detail)
        )
        frame = self._frame_of(capabilities)
        offers = self._suggestions.offer(
            assessment, subject, card_id, capabilities, fhir_version
        )
        card = frame.card(
            summary=headline.summary if frame.shows_detail else headline.alone,
            indicator=headline.indicator,
            source=source,
            uuid=card_id,
            detail=detail,
            suggestions=tuple(offers) if headline.suggests else (),
            asks=headline.topic in _ASKING,
        )
        return (card,)

    def _headline(self, assessment: Assessment) -> _Headline | None:
        """Choose what matters most: a number that calls for action, a gap, a limit."""
        if assessment.not_assessed is Reason.NO_ELIGIBLE_OPERATION:
            return None
        if assessment.not_assessed is not None:
            return self._outside(assessment.not_assessed)
        top = next(iter(assessment.vertebrae), None)
        if top and top.calls_for_follow_up and isinstance(top.score, Score):
            return self._headline_of_number(assessment, top, top.score)
        open_questions = [item for item in assessment.vertebrae if item.asks_for_values]
        if open_questions:
            several = len(assessment.vertebrae) > 1
            return self._headline_of_gap(open_questions, several=several)
        outside = [item.outside for item in assessment.vertebrae if item.outside]
        return self._outside(outside[0]) if outside else None

    def _headline_of_number(
        self, assessment: Assessment, top: VertebraAssessment, score: Score
    ) -> _Headline:
        relative = assessment.mode is OutputMode.RELATIVE
        n = format_percentile(score.percentile) if relative else of_100(score.risk)
        variant = "-extrapolated" if score.extrapolated else ""
        if len(assessment.vertebrae) > 1:
            variant = "-several"
        text = self._wording.summary[assessment.mode + variant] % {"n": n}
        if not variant and _is_doubtful(assessment, top):
            variant = "-doubtful"
        alone = self._wording.alone[assessment.mode + variant] % {"n": n}
        if relative:
            return _Headline("ScnenRiskRelative", text, alone, suggests=True)
        if top.band is Band.HIGH:
            return _Headline("ScnenRiskHigh", text, alone, "warning", suggests=True)
        return _Headline("ScnenRiskAboveAverage", text, alone, suggests=True)

    def _headline_of_gap(
        self, items: list[VertebraAssessment], *, several: bool
    ) -> _Headline | None:
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
        return _Headline(topic, text, alone=text)

    def _short_names(self, wanted: set[str]) -> str:
        """Name up to two things; the ratio only where its angles are there."""
        words = self._wording.words
        if wanted & ANGLES:
            wanted = wanted - {RATIO}
        named = (words["short"][name] for name in PREDICTORS if name in wanted)
        short = list(dict.fromkeys(named))
        is_many = len(short) > _MOST_NAMED
        return str(words["short_many"]) if is_many else ", ".join(short)

    def _outside(self, reason: Reason) -> _Headline:
        age = {"age": self._policy.eligibility.minimum_age_years}
        text = self._wording.summary[reason] % age
        return _Headline("ScnenOutsideModel", text, alone=text)

    def _identity(
        self, headline: _Headline, subject: Subject, source: Source, detail: str
    ) -> tuple[str | None, ...]:
        """
        What makes two calls get one card.

        A card is what it says, to one patient in one encounter: the same inputs,
        model and policy give the same words. A card that asks for values is one for
        the encounter, whatever else is still missing next time, unless the policy
        wants a new one for each change.
        """
        whom = (subject.patient_id, subject.encounter_id, headline.topic)
        asks = headline.topic in _ASKING
        if asks and self._policy.missing_card is MissingCard.ONCE_PER_ENCOUNTER:
            return whom
        return (*whom, source.label, headline.summary, detail)


def _is_doubtful(assessment: Assessment, item: VertebraAssessment) -> bool:
    """Whether the detail holds something against the number."""
    said = assessment.flags or item.vertebra.flags or item.vertebra.conflicts
    return bool(said) or item.models_disagree or has_small_angle(item.vertebra)


def _sources(
    model: RiskModel,
    mode: OutputMode,
    words: Any,  # noqa: ANN401 a template's module
    public_url: str,
    canonical_base: str,
) -> dict[str, Source]:
    source = Source(
        label=f"Liu et al., J Pain Res; {model.id} {model.version}, {mode}",
        url=f"{public_url}/model",
    )
    system = f"{canonical_base}/CodeSystem/card-topics"
    return {
        topic: replace(source, topic=Coding(topic, system, words["topic"][topic]))
        for topic in TOPICS
    }
