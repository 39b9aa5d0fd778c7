"""From an assessment to the cards a clinician sees."""

import hashlib
import uuid
from dataclasses import dataclass, replace
from typing import Any

import orjson

from cds_hooks import Action, Card, Coding, Link, Source, Suggestion
from service.assessment import (
    PREDICTORS,
    Assessment,
    Band,
    OutputMode,
    VertebraAssessment,
    findings,
)
from service.detail import Standing, render_detail
from service.fhir.findings import Measurement, Missing, Reason
from service.model.artifact import RiskModel
from service.model.scoring import Score
from service.orders import Subject, draft_orders, order_templates
from service.policy import MissingCard, Policy
from service.wording import Wording, day, format_percentile, of_100

__all__ = ["OVERRIDE_SYSTEM", "TOPICS", "CardComposer"]

#: HL7's categories of reasons for not following a recommendation, and two leaves.
OVERRIDE_SYSTEM = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"

#: Topic codes of the cards: stable, since EHRs tie overrides to them.
TOPICS = (
    "ScnenRiskHigh",
    "ScnenRiskAboveAverage",
    "ScnenRiskRelative",
    "ScnenInputMissing",
    "ScnenOutsideModel",
)


@dataclass(frozen=True, slots=True)
class _Headline:
    """What the card is about: its topic, its sentence and whether to act."""

    topic: str
    summary: str
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
        # BLAKE2 takes keys of at most 64 bytes: any length is hashed into 32.
        self._secret_key = hashlib.sha256(secret_key).digest()
        self._wording = Wording(locale)
        words = self._wording.words
        # Both modes, since a local calibration can expire while the service runs.
        modes = {mode, OutputMode.RELATIVE}
        self._sources = {
            item: _sources(model, item, words, public_url, canonical_base)
            for item in modes
        }
        self._links = (
            Link(
                label=words["link"]["model"], url=f"{public_url}/model", type="absolute"
            ),
        )
        self._override_reasons = tuple(
            Coding(code, OVERRIDE_SYSTEM, display)
            for code, display in words["override"].items()
        )
        self._orders = order_templates(
            words["order"], f"{canonical_base}/CodeSystem/predictors", policy.follow_up
        )
        advice = self._wording.advice
        self._standing = {
            item: Standing(
                mode=str(advice.mode(model, item.value, policy.approval)),
                next_steps=str(advice.next_steps()),
                limits=str(advice.limits(model)),
            )
            for item in modes
        }

    def compose(self, assessment: Assessment, subject: Subject) -> tuple[Card, ...]:
        """
        Compose the cards of one patient.

        Parameters
        ----------
        assessment : Assessment
            What was found and scored.
        subject : Subject
            Patient and encounter of the call.

        Returns
        -------
        tuple of Card
            One card; none where there is no eligible operation, the risk is below
            average, or the policy wants none for missing values.
        """
        headline = self._headline(assessment)
        if headline is None:
            return ()
        card_id = self._uuid(*self._identity(assessment, headline, subject))
        suggestions = (
            self._suggestions(assessment, subject, card_id) if headline.suggests else ()
        )
        card = Card(
            summary=headline.summary,
            indicator=headline.indicator,
            source=self._sources[assessment.mode][headline.topic],
            uuid=card_id,
            detail=render_detail(
                self._wording, assessment, self._standing[assessment.mode]
            ),
            suggestions=suggestions,
            selection_behavior="any" if suggestions else None,
            override_reasons=self._override_reasons,
            links=self._links,
        )
        return (card,)

    def _headline(self, assessment: Assessment) -> _Headline | None:
        """Choose what matters most: a number that calls for action, a gap, a limit."""
        if assessment.not_assessed is not None:
            return self._headline_of_refusal(assessment.not_assessed)
        top = next(iter(assessment.vertebrae), None)
        if top and top.calls_for_follow_up and isinstance(top.score, Score):
            return self._headline_of_number(assessment, top, top.score)
        open_questions = [item for item in assessment.vertebrae if item.asks_for_values]
        if open_questions:
            return self._headline_of_gap(open_questions)
        outside = [item.outside for item in assessment.vertebrae if item.outside]
        return self._outside(outside[0]) if outside else None

    def _headline_of_refusal(self, reason: Reason) -> _Headline | None:
        silent = reason is Reason.NO_ELIGIBLE_OPERATION
        return None if silent else self._outside(reason)

    def _headline_of_number(
        self, assessment: Assessment, top: VertebraAssessment, score: Score
    ) -> _Headline:
        relative = assessment.mode is OutputMode.RELATIVE
        several = "-several" if len(assessment.vertebrae) > 1 else ""
        n = format_percentile(score.percentile) if relative else of_100(score.risk)
        text = self._wording.summary[f"{assessment.mode.value}{several}"] % {"n": n}
        if relative:
            return _Headline("ScnenRiskRelative", text, suggests=True)
        if top.band is Band.HIGH:
            return _Headline("ScnenRiskHigh", text, "warning", suggests=True)
        return _Headline("ScnenRiskAboveAverage", text, suggests=True)

    def _headline_of_gap(self, items: list[VertebraAssessment]) -> _Headline | None:
        if self._policy.missing_card is MissingCard.NEVER:
            return None
        gaps = [gap for item in items for gap in item.missing.items()]
        short = self._wording.words["short"]
        names = ", ".join(
            dict.fromkeys(
                short[name]
                for name in PREDICTORS
                if any(name == gap[0] for gap in gaps)
            )
        )
        conflict = any(missing.reason is Reason.CONFLICT for _, missing in gaps)
        sentence = self._wording.summary["conflict" if conflict else "missing"]
        text = sentence % {"names": names}
        return _Headline("ScnenInputMissing", text)

    def _outside(self, reason: Reason) -> _Headline:
        return _Headline("ScnenOutsideModel", self._wording.summary[reason])

    def _suggestions(
        self, assessment: Assessment, subject: Subject, card_id: str
    ) -> tuple[Suggestion, ...]:
        vertebra = assessment.vertebrae[0].vertebra
        orders = draft_orders(
            self._orders, subject, vertebra.operation.day, vertebra.operation.sources
        )
        return tuple(
            Suggestion(
                label=template.label,
                uuid=self._uuid(card_id, template.name),
                actions=(
                    Action(
                        type="create",
                        description=template.description,
                        resource=resource,
                    ),
                ),
            )
            for template, resource in orders
        )

    def _identity(
        self, assessment: Assessment, headline: _Headline, subject: Subject
    ) -> tuple[Any, ...]:
        """
        What makes two calls get one card.

        The same inputs, model and policy give the same card. A missing value gives
        one card for the encounter, whatever else is still missing next time, unless
        the policy wants a new one for each change.
        """
        whom = (subject.patient_id, subject.encounter_id, headline.topic)
        policy = self._policy
        if (
            headline.topic == "ScnenInputMissing"
            and policy.missing_card is MissingCard.ONCE_PER_ENCOUNTER
        ):
            return whom
        return (
            *whom,
            assessment.model.digest,
            assessment.mode.value,
            policy.version,
            policy.bands.above_average,
            policy.bands.high,
            policy.bands.relative_percentile,
            [_state(item) for item in assessment.vertebrae],
            assessment.flags,
        )

    def _uuid(self, *parts: Any) -> str:  # noqa: ANN401 whatever JSON can hold
        """Derive a name-based UUID that cannot be guessed without the key."""
        name = orjson.dumps(parts)
        digest = hashlib.blake2b(name, key=self._secret_key, digest_size=16).digest()
        return str(uuid.UUID(bytes=digest, version=5))


def _sources(
    model: RiskModel,
    mode: OutputMode,
    words: Any,  # noqa: ANN401 a template's module
    public_url: str,
    canonical_base: str,
) -> dict[str, Source]:
    source = Source(
        label=f"Liu et al., J Pain Res; {model.id} {model.version}, {mode.value}",
        url=f"{public_url}/model",
    )
    system = f"{canonical_base}/CodeSystem/card-topics"
    return {
        topic: replace(source, topic=Coding(topic, system, words["topic"][topic]))
        for topic in TOPICS
    }


def _state(item: VertebraAssessment) -> list[Any]:
    return [
        item.vertebra.level,
        sorted(item.vertebra.flags),
        [_finding_state(value) for value in findings(item.vertebra).values()],
    ]


def _finding_state(item: Measurement | Missing) -> list[Any]:
    if isinstance(item, Missing):
        return [item.reason.value, item.detail, list(item.candidates)]
    return [item.value, item.source, day(item.time)]
