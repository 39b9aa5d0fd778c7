"""What the card of a discharge offers, of which a client gets what it can take."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cds_hooks import Action, Capabilities, Suggestion
from service.assessment import Assessment, OutputMode
from service.fhir.writing import written_in
from service.identities import Identities
from service.model.artifact import RiskModel
from service.model.scoring import Score
from service.orders import Subject, of_one_patient, order_templates
from service.policy import Policy
from service.risk_record import RiskRecord
from service.wording import Wording

__all__ = ["DischargeSuggestions"]

_VERSIONS: Final = ("R4", "R4B", "R5")
_ORDER: Final = "ServiceRequest"
_RISK: Final = "RiskAssessment"


class DischargeSuggestions:
    """
    Offer the orders of the follow-up, and to record the risk.

    Parameters
    ----------
    wording : Wording
        Words of the cards.
    model : RiskModel
        The model whose number is shown.
    mode : OutputMode
        What kind of number it is.
    policy : Policy
        Times of the follow-up.
    canonical_base : str
        Base of the project's canonical URLs.
    identities : Identities
        Names the suggestions.
    """

    def __init__(
        self,
        wording: Wording,
        model: RiskModel,
        mode: OutputMode,
        policy: Policy,
        canonical_base: str,
        identities: Identities,
    ) -> None:
        words, codes = wording.words["order"], f"{canonical_base}/CodeSystem/predictors"
        self._identities = identities
        # Checked here, so that each call checks only what it adds for its patient.
        self._orders = order_templates(words, codes, policy.follow_up)
        self._actions = [_actions(x.description, x.resource) for x in self._orders]
        self._risk: RiskRecord | None = None
        if mode is not OutputMode.RELATIVE:
            self._risk = RiskRecord(wording, model, mode, policy, canonical_base)
            self._risk_actions = _actions(self._risk.description, self._risk.resource)

    def offer(
        self,
        assessment: Assessment,
        subject: Subject,
        card_id: str,
        capabilities: Capabilities,
        fhir_version: str,
    ) -> Iterator[Suggestion]:
        """
        Offer what a client can take, each with one action.

        Parameters
        ----------
        assessment : Assessment
            One whose first vertebra calls for a follow-up.
        subject : Subject
            Patient and encounter.
        card_id : str
            The card's uuid.
        capabilities : Capabilities
            What the client makes of a card.
        fhir_version : str
            What the client's server speaks.

        Yields
        ------
        Suggestion
            The orders, then the record of the risk.
        """
        if capabilities.takes(_ORDER):
            yield from self._of_orders(assessment, subject, card_id, fhir_version)
        if capabilities.takes(_RISK):
            yield from self._of_risk(assessment, subject, card_id, fhir_version)

    def _of_orders(
        self, assessment: Assessment, subject: Subject, card_id: str, version: str
    ) -> Iterator[Suggestion]:
        operation = assessment.vertebrae[0].vertebra.operation
        today = assessment.extraction.as_of.date()
        added = of_one_patient(self._orders, subject, operation, today)
        for template, actions, own in zip(
            self._orders, self._actions, added, strict=True
        ):
            action = actions[version].with_members(written_in(version, _ORDER, own))
            name = self._identities.name(card_id, template.name)
            yield Suggestion(label=template.label, uuid=name, actions=(action,))

    def _of_risk(
        self, assessment: Assessment, subject: Subject, card_id: str, version: str
    ) -> Iterator[Suggestion]:
        """Offer nothing without a probability, as after a calibration's last day."""
        top = assessment.vertebrae[0]
        is_relative = assessment.mode is OutputMode.RELATIVE
        if self._risk is None or is_relative or not isinstance(top.score, Score):
            return
        own = self._risk.of_one_patient(assessment, top, top.score, subject)
        action = self._risk_actions[version].with_members(own)
        name = self._identities.name(card_id, "risk")
        yield Suggestion(label=self._risk.label, uuid=name, actions=(action,))


def _actions(description: str, resource: Mapping[str, Any]) -> dict[str, Action]:
    """Prepare an action in each version of FHIR."""
    kind = resource["resourceType"]
    return {
        version: Action("create", description, written_in(version, kind, resource))
        for version in _VERSIONS
    }
