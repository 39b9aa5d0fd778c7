"""From what an opened chart calls for to the card a clinician sees."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from cds_hooks import Action, Capabilities, Card, Coding, Source, Suggestion
from service.fhir.course import Diagnosis
from service.fhir.writing import written_in
from service.followup import ChartView, Stage, Uncounted
from service.followup_detail import ChartDetail, weeks
from service.followup_drafts import BlockOrder, Draft, ProvisionalDiagnosis
from service.frames import FOLLOW_UP, frames
from service.identities import Identities
from service.languages import ENGLISH
from service.model.artifact import RiskModel
from service.orders import Subject
from service.policy import Policy
from service.wording import Wording, load_words

__all__ = ["CHART_TOPICS", "ChartComposer"]

#: Topic code by stage: stable, since EHRs tie overrides to them.
CHART_TOPICS: Final = {
    Stage.CRITERIA_MET: "ScnenCriteriaMet",
    Stage.NEXT_STEP: "ScnenBlockNext",
    Stage.REVIEW_DUE: "ScnenReviewDue",
    Stage.REVIEW_OVERDUE: "ScnenReviewOverdue",
}
#: A client of which nothing is known.
_ANY_CLIENT: Final = Capabilities()

_REVIEWS: Final = frozenset({Stage.REVIEW_DUE, Stage.REVIEW_OVERDUE})


class ChartComposer:
    """
    Compose the cards of an opened chart in one language.

    Parameters
    ----------
    model : RiskModel
        The model whose equation forms the groups that are reminded.
    policy : Policy
        Times of the follow-up, and who approved the thresholds.
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
        policy: Policy,
        public_url: str,
        canonical_base: str,
        secret_key: bytes,
        language: str = ENGLISH,
    ) -> None:
        wording, words = Wording(language), load_words("followup.md.j2", language)
        codes = f"{canonical_base}/CodeSystem/predictors"
        self._identities = Identities(secret_key)
        self._detail = ChartDetail(wording, words, policy)
        self._summaries = _summaries(words, weeks(policy))
        self._block = BlockOrder(
            wording.words["order"],
            words.block_order,
            words.place,
            codes,
            policy.follow_up,
        )
        self._diagnosis = ProvisionalDiagnosis(words.diagnosis, words.place, codes)
        self._sources = _sources(
            wording.words["source"],
            words.topic,
            model,
            f"{public_url}/model",
            canonical_base,
        )
        self._frame_of = frames(wording.words, public_url)

    def compose(
        self,
        view: ChartView,
        subject: Subject,
        capabilities: Capabilities = _ANY_CLIENT,
        fhir_version: str = "R4",
    ) -> tuple[Card, ...]:
        """
        Compose the cards of one patient.

        Parameters
        ----------
        view : ChartView
            What the chart calls for.
        subject : Subject
            Patient and encounter of the call.
        capabilities : Capabilities, optional
            What the client makes of a card; it makes no difference to the uuids.
        fhir_version : str, default "R4"
            What the client's server speaks: ``R4``, ``R4B`` or ``R5``.

        Returns
        -------
        tuple of Card
            One card, or none.
        """
        if view.stage is None:
            return ()
        source, detail = self._sources[view.stage], self._detail.write(view)
        card_id = self._name(view, view.stage, subject)
        frame = self._frame_of(capabilities)
        kind = "summary" if frame.shows_detail else "alone"
        why = next(iter(view.uncounted), None)
        summary = self._summaries[kind, view.stage, why]
        offers = self._offers(view, subject, capabilities)
        card = frame.card(
            summary=summary,
            indicator="info",
            source=source,
            uuid=card_id,
            detail=detail,
            suggestions=tuple(
                self._suggestion(offer, card_id, fhir_version) for offer in offers
            ),
            form=FOLLOW_UP,
        )
        return (card,)

    def _name(self, view: ChartView, stage: Stage, subject: Subject) -> str:
        """
        Name the card: the same however often, and in whichever encounter.

        A reminder is one for the operation; a card about findings is one for the tender
        point and the relief. Whatever else is recorded makes no new card of it.
        """
        operation, criteria = view.operation, view.criteria
        parts: list[str | None] = [subject.patient_id, CHART_TOPICS[stage]]
        parts += sorted(operation.sources) if operation else ()
        if criteria and stage not in _REVIEWS:
            decisive = criteria.tender_point, criteria.block_relief
            found = {item.source for each in decisive for item in each.findings}
            parts += [None, *sorted(found)]
        return self._identities.name(*parts)

    def _offers(
        self, view: ChartView, subject: Subject, capabilities: Capabilities
    ) -> Iterator[Draft]:
        """Give what the client can take."""
        if view.criteria is None or view.operation is None:
            return
        if view.stage is Stage.NEXT_STEP and capabilities.takes("ServiceRequest"):
            today = view.assessment.extraction.as_of.date()
            yield self._block.draft(
                subject, view.operation, view.criteria.tender_point, today
            )
        # Where diagnoses could not be had, it might stand there twice.
        is_new = view.diagnosis is Diagnosis.NOT_RECORDED
        is_met = view.stage is Stage.CRITERIA_MET
        if is_met and is_new and capabilities.takes("Condition"):
            yield self._diagnosis.draft(subject, view.criteria)

    def _suggestion(self, draft: Draft, card_id: str, fhir_version: str) -> Suggestion:
        kind = draft.resource["resourceType"]
        written = written_in(fhir_version, kind, draft.resource)
        action = Action(type="create", description=draft.description, resource=written)
        name = self._identities.name(card_id, kind)
        return Suggestion(label=draft.label, uuid=name, actions=(action,))


def _summaries(
    words: Any,  # noqa: ANN401 a template's module
    weeks_of_review: dict[str, int],
) -> dict[tuple[str, Stage, Uncounted | None], str]:
    """Fill them: beside a detail or alone, by stage, and by what does not count."""
    usual = {"summary": words.summary, "alone": words.alone}
    by_reason: dict[Uncounted | None, Any] = {None: usual}
    by_reason |= {why: words.uncounted[why] for why in Uncounted}
    return {
        (kind, Stage(stage), why): str(text % weeks_of_review)
        for why, texts in by_reason.items()
        for kind in usual
        for stage, text in texts[kind].items()
    }


def _sources(
    labels: Mapping[str, str],
    topics: Mapping[str, str],
    model: RiskModel,
    url: str,
    canonical_base: str,
) -> dict[Stage, Source]:
    system = f"{canonical_base}/CodeSystem/card-topics"
    findings = Source(label=labels["criteria"], url=url)
    group = labels["group"] % {"model": f"{model.id} {model.version}"}
    review = Source(label=group, url=url)
    return {
        stage: replace(
            review if stage in _REVIEWS else findings,
            topic=Coding(topic, system, topics[topic]),
        )
        for stage, topic in CHART_TOPICS.items()
    }
