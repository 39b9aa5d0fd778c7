"""What is kept of a decision: a row without names, texts and days of birth.

Built by hand, not from a general description of the objects: it costs each call some
microseconds.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from time import time_ns
from typing import Any, Final, NamedTuple

from cds_hooks import Action, Card, HookRequest
from service.assessment import PREDICTORS, Assessment, OutputMode, VertebraAssessment
from service.fhir.findings import Extraction, Measurement
from service.model.scoring import Score
from service.store.pseudonyms import Pseudonyms

__all__ = [
    "Caller",
    "assessment_row",
    "caller_of",
    "card_rows",
    "decision_row",
    "new_id",
]

_NOTHING_SCORED: Final = dict.fromkeys(
    (
        "level",
        "risk",
        "interval_low",
        "interval_high",
        "linear_predictor",
        "percentile",
        "band",
    )
)


class Caller(NamedTuple):
    """Who called, and whose patients they are."""

    client: str
    tenant: str


def caller_of(request: HookRequest) -> Caller:
    """
    Tell who called.

    Parameters
    ----------
    request : HookRequest
        The loaded call.

    Returns
    -------
    Caller
        The client; as tenant the client, too, if it has none.
    """
    name = request.client.name if request.client is not None else "unknown"
    return Caller(name, request.tenant or name)


def new_id() -> str:
    """
    Make the id of a decision: a UUID of version 7 (RFC 9562), in the order of time.

    Returns
    -------
    str
        The id.
    """
    chance, moment = os.urandom(9).hex(), f"{time_ns() // 1_000_000:012x}"
    return f"{moment[:8]}-{moment[8:]}-7{chance[:3]}-a{chance[3:6]}-{chance[6:]}"


def decision_row(
    request: HookRequest, caller: Caller, names: Pseudonyms, service: str
) -> dict[str, Any]:
    """
    Describe a call: who asked what about whom, in pseudonyms.

    Parameters
    ----------
    request : HookRequest
        The loaded call.
    caller : Caller
        Who called.
    names : Pseudonyms
        Hashes identifiers.
    service : str
        Id of the service.

    Returns
    -------
    dict
        Columns of the table of decisions.
    """
    client, tenant = caller
    encounter, user = request.encounter_id, request.user_id
    return {
        "id": new_id(),
        "client": client,
        "tenant": tenant,
        "service": service,
        "hook": request.hook,
        "hook_instance": request.hook_instance,
        "key_id": names.key_id,
        "patient_hash": names.patient(tenant, request.patient_id),
        "encounter_hash": encounter and names.encounter(tenant, encounter),
        "user_hash": user and names.user(tenant, user),
    }


def assessment_row(assessment: Assessment | None) -> dict[str, Any]:
    """
    Describe what was found and computed.

    Parameters
    ----------
    assessment : Assessment or None
        The assessment; None where the call was refused before there was one.

    Returns
    -------
    dict
        Columns of the table of decisions. The number at the top is that of the vertebra
        with the highest score; `risk` and its interval are None where no probability
        is given.
    """
    if assessment is None:
        return {"vertebrae": [], "flags": None}
    model, mode = assessment.model, assessment.mode
    extraction = assessment.extraction
    vertebrae = [_vertebra(item, mode, extraction) for item in assessment.vertebrae]
    top = vertebrae[0] if vertebrae else _NOTHING_SCORED
    return {
        "mode": mode.value,
        "model_id": model.id,
        "model_version": model.version,
        "model_digest": model.digest,
        "policy_version": assessment.policy_version,
        **{name: top[name] for name in _NOTHING_SCORED},
        "vertebrae": vertebrae,
        "flags": assessment.flags or None,
    }


def card_rows(
    cards: Sequence[Card], tenant: str, encounter: str | None, names: Pseudonyms
) -> list[dict[str, Any]]:
    """
    Describe the cards of an answer: which they are, not what they say.

    Parameters
    ----------
    cards : sequence of Card
        The cards that were composed.
    tenant : str
        Whose encounter it is.
    encounter : str or None
        Id of the encounter.
    names : Pseudonyms
        Hashes what a card says in an encounter, so that it is known again after an
        override.

    Returns
    -------
    list of dict
        Columns of the table of cards; ``showing`` is None outside of an encounter.
    """
    return [
        {
            "card": card.uuid,
            "topic": card.source.topic.code if card.source.topic else None,
            "indicator": card.indicator,
            "showing": encounter
            and names.showing(
                tenant, card.uuid or "", encounter, f"{card.summary}\0{card.detail}"
            ),
            "is_withheld": 0,
            "suggestions": [
                [item.uuid, [_resource_type(action) for action in item.actions]]
                for item in card.suggestions
            ],
        }
        for card in cards
    ]


def _vertebra(
    item: VertebraAssessment, mode: OutputMode, extraction: Extraction
) -> dict[str, Any]:
    vertebra, score = item.vertebra, item.score
    today = extraction.as_of.date()
    found, missing = {}, {}
    for name in PREDICTORS:
        each = getattr(vertebra, name)
        if isinstance(each, Measurement):
            day = each.time.date() if isinstance(each.time, datetime) else each.time
            found[name] = [each.value, each.unit, day and (today - day).days]
        else:
            missing[name] = each.reason
    operated = vertebra.operation.day
    row = {
        **_NOTHING_SCORED,
        "level": vertebra.level,
        "operated_days_ago": operated and (today - operated).days,
        # Of the patient; rows of before this was noted have no such key.
        "is_test": extraction.is_test,
        "found": found,
        "missing": missing,
        "flags": [*vertebra.flags],
    }
    if score is None:
        return row
    row["extrapolated"] = score.extrapolated
    if not isinstance(score, Score):
        row["bounds"] = score.bounds
        return row
    row["linear_predictor"] = score.linear_predictor
    row["percentile"] = score.percentile
    if mode is not OutputMode.RELATIVE:
        row["risk"] = score.risk
        row["interval_low"], row["interval_high"] = score.interval
        row["band"] = item.band
        row["second_risk"] = item.second_risk
    return row


def _resource_type(action: Action) -> str | None:
    resource = action.resource
    return resource["resourceType"] if resource else None
