"""Which vertebra a form was opened for: told by what it is, not by its place."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

import orjson

from service.fhir.findings import Missing, OperatedVertebra, Reason
from service.smart.refusals import Refused, Why
from service.smart.sessions import Session

__all__ = ["mark", "meant"]

#: A segment that the record did not tell.
_UNPLACED: Final = Missing(Reason.NOT_RECORDED)


def mark(key: bytes, session: Session, vertebra: OperatedVertebra) -> str:
    """
    Name a vertebra, for the page that is opened for it.

    Parameters
    ----------
    key : bytes
        Key of the names, so that none can be made by others.
    session : Session
        Whose vertebra.
    vertebra : OperatedVertebra
        The vertebra.

    Returns
    -------
    str
        A keyed hash of patient, level, segment and operation.
    """
    segment = getattr(vertebra.segment, "value", None)
    sources = sorted(vertebra.operation.sources)
    said = [session.server, session.patient, vertebra.level, segment, sources]
    return hmac.new(key, orjson.dumps(said), sha256).hexdigest()


def meant(
    key: bytes,
    session: Session,
    vertebrae: Sequence[OperatedVertebra],
    body: Mapping[str, Any],
) -> OperatedVertebra:
    """
    Find the vertebra for which a form was opened, wherever it stands by now.

    Parameters
    ----------
    key : bytes
        Key of the names.
    session : Session
        Whose vertebra.
    vertebrae : sequence of OperatedVertebra
        Those of the record now.
    body : Mapping
        What the page sent: ``vertebra`` and ``answers``.

    Returns
    -------
    OperatedVertebra
        The vertebra. If it had no level then, it is still the same with the level that
        this form answers, for an earlier press may have saved that.

    Raises
    ------
    Refused
        If there is none any more, or it is not certain which.
    """
    said = body.get("answers")
    chosen = said.get("fracture-segment") if isinstance(said, dict) else None
    found = []
    for each in vertebrae:
        forms = [each]
        if chosen is not None and chosen == each.level:
            nameless = replace(each, level=None)
            forms += [nameless, replace(nameless, segment=_UNPLACED)]
        if body.get("vertebra") in [mark(key, session, form) for form in forms]:
            found.append(each)
    if len(found) != 1:
        raise Refused(Why.CHANGED)
    return found[0]
