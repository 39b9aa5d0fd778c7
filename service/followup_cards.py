"""From what an opened chart calls for to the card a clinician sees."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from cds_hooks import Action, Card, Coding, Link, Source, Suggestion
from service.catalogue import load_words
from service.fhir.course import Diagnosis
from service.followup import ChartView, Stage
from service.followup_detail import ChartDetail, weeks
from service.followup_drafts import BlockOrder, ProvisionalDiagnosis
from service.identities import Identities
from service.model.artifact import RiskModel
from service.orders import Subject
from service.policy import Policy
from service.wording import Wording

__all__ = ["CHART_TOPICS", "ChartComposer"]

#: HL7's categories of reasons for not following a recommendation, and two leaves.
_OVERRIDE_SYSTEM: Final = (
    "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
)

#: Topic code by stage: stable, since EHRs tie overrides to them.
CHART_TOPICS: Final = {
    Stage.CRITERIA_MET: "ScnenCriteriaMet",
    Stage.NEXT_STEP: "ScnenBlockNext",
    Stage.REVIEW_DUE: "ScnenReviewDue",
    Stage.REVIEW_OVERDUE: "ScnenReviewOverdue",
}
_REVIEWS: Final = frozenset({Stage.REVIEW_DUE, Stage.REVIEW_OVERDUE})


class ChartComposer:
    """
    Compose the cards of an opened chart in one language.

    Parameters
    ----------
    model : RiskModel
        The model whose number is shown.
    policy : Policy
        Times of the follow-up, and who approved the thresholds.
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
        policy: Policy,
        public_url: str,
        canonical_base: str,
        secret_key: bytes,
        locale: str = "en",
    ) -> None:
        wording, words = Wording(locale), load_words("followup.md.j2", locale)
        codes = f"{canonical_base}/CodeSystem/predictors"
        self._identities = Identities(secret_key)
        self._detail = ChartDetail(wording, words, model, policy)
        self._summaries = {
            stage: str(words.summary[stage] % weeks(policy)) for stage in Stage
        }
        self._block = BlockOrder(
            wording.words["order"], words.block_order, codes, policy.follow_up
        )
        self._diagnosis = ProvisionalDiagnosis(words.diagnosis, codes)
        self._sources = _sources(words, model, f"{public_url}/model", canonical_base)
        self._links = (
            Link(label=wording.words["link"]["model"], url=f"{public_url}/model"),
        )
        self._override_reasons = tuple(
            Coding(code, _OVERRIDE_SYSTEM, display)
            for code, display in wording.words["override"].items()
        )

    def compose(
        self,
        view: ChartView,
        subject: Subject,
        *,
        allowed_resources: Collection[str] = (),
        selection_behavior: str = "any",
    ) -> tuple[Card, ...]:
        """
        Compose the cards of one patient.

        Parameters
        ----------
        view : ChartView
            What the chart calls for.
        subject : Subject
            Patient and encounter of the call.
        allowed_resources : collection of str
            Types of resource that the client lets a suggestion create.
        selection_behavior : str
            What the client understands: ``"any"`` or ``"at-most-one"``.

        Returns
        -------
        tuple of Card
            One card, or none.
        """
        if view.stage is None:
            return ()
        source, detail = self._sources[view.stage], self._detail.write(view)
        card_id = self._name(view, view.stage, subject, source, detail)
        suggestions = self._suggestions(view, subject, card_id, allowed_resources)
        card = Card(
            summary=self._summaries[view.stage],
            indicator="info",
            source=source,
            uuid=card_id,
            detail=detail,
            suggestions=suggestions,
            selection_behavior=selection_behavior if suggestions else None,
            override_reasons=self._override_reasons,
            links=self._links,
        )
        return (card,)

    def _name(
        self,
        view: ChartView,
        stage: Stage,
        subject: Subject,
        source: Source,
        detail: str,
    ) -> str:
        """
        Name the card: the same however often, and in whichever encounter.

        A reminder is one for the operation; a card about findings is one for them.
        """
        whom = subject.patient_id, CHART_TOPICS[stage]
        if stage in _REVIEWS and view.operation:
            return self._identities.name(*whom, *sorted(view.operation.sources))
        return self._identities.name(*whom, source.label, detail)

    def _suggestions(
        self,
        view: ChartView,
        subject: Subject,
        card_id: str,
        allowed: Collection[str],
    ) -> tuple[Suggestion, ...]:
        if view.criteria is None or view.operation is None:
            return ()
        if view.stage is Stage.NEXT_STEP and "ServiceRequest" in allowed:
            today = view.assessment.extraction.as_of.date()
            words, order = self._block.draft(
                subject, view.operation, view.criteria.tender_point, today
            )
            return self._suggestion(words.label, words.description, order, card_id)
        # Where diagnoses could not be had, it might stand there twice.
        is_new = view.diagnosis is Diagnosis.NOT_RECORDED
        if view.stage is Stage.CRITERIA_MET and is_new and "Condition" in allowed:
            diagnosis = self._diagnosis.draft(subject, view.criteria.all)
            said = self._diagnosis.label, self._diagnosis.description
            return self._suggestion(*said, diagnosis, card_id)
        return ()

    def _suggestion(
        self, label: str, description: str, resource: dict[str, Any], card_id: str
    ) -> tuple[Suggestion, ...]:
        action = Action(type="create", description=description, resource=resource)
        name = self._identities.name(card_id, resource["resourceType"])
        return (Suggestion(label=label, uuid=name, actions=(action,)),)


def _sources(
    words: Any,  # noqa: ANN401 a template's module
    model: RiskModel,
    url: str,
    canonical_base: str,
) -> dict[Stage, Source]:
    system = f"{canonical_base}/CodeSystem/card-topics"
    findings = Source(label="Liu et al., J Pain Res; diagnostic criteria", url=url)
    equation = f"Liu et al., J Pain Res; {model.id} {model.version}"
    review = Source(label=equation, url=url)
    return {
        stage: replace(
            review if stage in _REVIEWS else findings,
            topic=Coding(topic, system, words.topic[topic]),
        )
        for stage, topic in CHART_TOPICS.items()
    }
