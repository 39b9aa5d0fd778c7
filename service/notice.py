"""The card that says that the advice is switched off."""

from cds_hooks import Card, Coding, HookRequest, Source
from service.clients import capabilities_of
from service.frames import frames
from service.identities import Identities
from service.languages import ENGLISH
from service.wording import Wording

__all__ = ["OFF_TOPIC", "OffNotice"]

#: Topic code of the card: stable, since EHRs tie overrides to it.
OFF_TOPIC = "ScnenSwitchedOff"


class OffNotice:
    """
    Say to whoever discharges a patient that nobody was assessed.

    Parameters
    ----------
    public_url : str
        Where a browser reaches this service, without a trailing slash.
    canonical_base : str
        Base of the project's canonical URLs.
    secret_key : bytes
        Key from which the uuids of cards are derived.
    language : str, default "en"
        Language of the card.
    """

    def __init__(
        self,
        *,
        public_url: str,
        canonical_base: str,
        secret_key: bytes,
        language: str = ENGLISH,
    ) -> None:
        wording = Wording(language)
        self._identities = Identities(secret_key)
        self._frame_of = frames(wording.words, public_url)
        self._off = wording.words["switched_off"]
        topic = Coding(
            OFF_TOPIC, f"{canonical_base}/CodeSystem/card-topics", self._off["topic"]
        )
        url = f"{public_url}/model"
        self._source = Source(label=self._off["source"], url=url, topic=topic)

    def __call__(self, request: HookRequest) -> Card:
        """
        Make the card.

        Parameters
        ----------
        request : HookRequest
            The loaded call.

        Returns
        -------
        Card
            The same for one patient in one encounter.
        """
        whom = request.patient_id, request.encounter_id
        return self._frame_of(capabilities_of(request.client)).card(
            summary=self._off["summary"],
            indicator="info",
            source=self._source,
            uuid=self._identities.name(*whom, OFF_TOPIC),
            detail=self._off["detail"],
            suggestions=(),
        )
