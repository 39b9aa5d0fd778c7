"""From an assessment to the cards a clinician sees."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, NamedTuple

from cds_hooks import Capabilities, Card, Coding, Source
from service.assessment import Assessment, OutputMode
from service.detail import Standing, render_detail
from service.frames import MEASUREMENTS, frames
from service.handover import Handover
from service.headlines import ASKING, Headline, Headlines
from service.identities import Identities
from service.languages import ENGLISH
from service.model.artifact import RiskModel
from service.orders import Subject
from service.policy import MissingCard, Policy
from service.suggestions import DischargeSuggestions
from service.wording import Wording

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

#: A client of which nothing is known.
_ANY_CLIENT: Final = Capabilities()


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
    language : str, default "en"
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
        language: str = ENGLISH,
    ) -> None:
        self._policy = policy
        self._identities = Identities(secret_key)
        wording = Wording(language)
        places = _Places(public_url, canonical_base)
        # Both modes, since a local calibration can expire while the service runs.
        modes = {mode, OutputMode.RELATIVE}
        self._writer = _Writer(wording, model, modes, policy, places)
        # A card is named by what it says in English: one card in all languages.
        self._namer = self._writer
        if language != ENGLISH:
            self._namer = _Writer(Wording(), model, modes, policy, places)
        self._frame_of = frames(wording.words, public_url)
        self._suggestions = DischargeSuggestions(
            wording, model, mode, policy, canonical_base, self._identities
        )

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
        written = self._writer.write(assessment)
        named = written
        if self._namer is not self._writer:
            named = self._namer.write(assessment)
        if written is None or named is None:
            return ()
        card_id = self._identities.name(*self._identity(named, subject))
        headline = written.headline
        frame = self._frame_of(capabilities)
        offers = self._suggestions.offer(
            assessment, subject, card_id, capabilities, fhir_version
        )
        card = frame.card(
            summary=headline.summary if frame.shows_detail else headline.alone,
            indicator=headline.indicator,
            source=written.source,
            uuid=card_id,
            detail=written.detail,
            suggestions=tuple(offers) if headline.suggests else (),
            form=MEASUREMENTS if headline.topic in ASKING else None,
        )
        return (card,)

    def _identity(
        self, written: "_Written", subject: Subject
    ) -> tuple[str | None, ...]:
        """
        What makes two calls get one card.

        A card is what it says, to one patient in one encounter: the same inputs,
        model and policy give the same words. A card that asks for values is one for
        the encounter, whatever else is still missing next time, unless the policy
        wants a new one for each change.
        """
        topic = written.headline.topic
        whom = (subject.patient_id, subject.encounter_id, topic)
        once = self._policy.missing_card is MissingCard.ONCE_PER_ENCOUNTER
        if topic in ASKING and once:
            return whom
        label, summary = written.source.label, written.headline.summary
        return (*whom, label, summary, written.detail)


class _Places(NamedTuple):
    """Where the service and its definitions are found."""

    public_url: str
    canonical_base: str


class _Written(NamedTuple):
    """What a card says."""

    headline: Headline
    source: Source
    detail: str


class _Writer:
    """Write what the cards say, in one language."""

    def __init__(
        self,
        wording: Wording,
        model: RiskModel,
        modes: Iterable[OutputMode],
        policy: Policy,
        places: _Places,
    ) -> None:
        self._wording = wording
        self._headlines = Headlines(wording, policy)
        self._sources = {mode: _sources(wording, model, mode, places) for mode in modes}
        self._standing = {
            mode: _standing(wording, model, mode, policy) for mode in modes
        }
        self._handover = Handover(wording, model, policy.follow_up)

    def write(self, assessment: Assessment) -> _Written | None:
        headline = self._headlines.choose(assessment)
        if headline is None:
            return None
        mode = assessment.mode
        detail = render_detail(self._wording, assessment, self._standing[mode])
        if handover := self._handover.write(assessment):
            detail += f"\n{handover}\n"
        return _Written(headline, self._sources[mode][headline.topic], detail)


def _standing(
    wording: Wording, model: RiskModel, mode: OutputMode, policy: Policy
) -> Standing:
    advice = wording.advice
    return Standing(
        mode=str(advice.mode(model, mode, policy.approval)),
        next_steps=str(advice.next_steps()),
        limits=str(advice.limits(model)),
        minimum_age_years=policy.eligibility.minimum_age_years,
    )


def _sources(
    wording: Wording, model: RiskModel, mode: OutputMode, places: _Places
) -> dict[str, Source]:
    told = {"model": f"{model.id} {model.version}", "mode": wording.words["mode"][mode]}
    source = Source(
        label=wording.words["source"]["number"] % told, url=f"{places.public_url}/model"
    )
    system, words = f"{places.canonical_base}/CodeSystem/card-topics", wording.words
    return {
        topic: replace(source, topic=Coding(topic, system, words["topic"][topic]))
        for topic in TOPICS
    }
