"""From parsed JSON to a hook request or to feedback: the rules between the fields."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cds_hooks.cards import Coding
from cds_hooks.clients import Client
from cds_hooks.errors import BadRequest
from cds_hooks.feedback import Feedback, ItemError
from cds_hooks.hooks import HOOKS, FHIRAuthorization, HookRequest
from cds_hooks.schemas import (
    AUTHORIZATION,
    CONTEXTS,
    ENVELOPE,
    FEEDBACK_ITEM,
    OVERRIDE_REASON,
    load,
    utc,
)

__all__ = ["load_feedback", "load_request"]

_MOST_ITEMS = 1000
# The specification knows one reason; who sends several sends a few.
_MOST_REASONS = 10


def load_request(
    body: object,
    hook: str,
    user_types: Sequence[str] = (),
    client_of: Callable[[str | None], Client] | None = None,
    *,
    origin: str | None = None,
    tenant: str | None = None,
) -> HookRequest:
    """
    Check what a client posted to a service.

    Parameters
    ----------
    body : object
        The parsed JSON.
    hook : str
        Name of the hook the service is at.
    user_types : sequence of str
        FHIR types of user the service takes, if not all that the hook allows.
    client_of : callable, optional
        Tells who called, from the request's ``fhirServer``.
    origin : str, optional
        Header ``Origin`` of the call.
    tenant : str, optional
        For which of the client's tenants the call is.

    Returns
    -------
    HookRequest
        The request, with only the fields that the specification names.

    Raises
    ------
    BadRequest
        If anything required is missing or anything known is wrong; names every field
        concerned and never a value.

    Notes
    -----
    What a service can do without costs no more than itself:

    - A key of ``prefetch`` may hold anything; `cds_hooks.prefetch.read` says
      "unavailable" of what is no resource. Only ``prefetch`` itself must be an object.
    - ``fhirAuthorization`` is used whole or not at all: the call goes on without it
      when there is no ``fhirServer``, when ``access_token``, ``scope`` or ``subject``
      is missing, null or of another type, when ``token_type`` is not ``Bearer`` (in
      any case), when ``expires_in`` is no whole number (digits in a string serve), and
      when ``patient`` is neither null nor a bare id: a token whose limits cannot be
      read is not to be trusted.
    - ``fhirServer`` must be right if it is there: what is no http(s) URL is an attack
      or a mistake that somebody must hear of.

    Examples
    --------
    >>> load_request({"hook": "patient-view", "context": {}}, "patient-view")
    Traceback (most recent call last):
    cds_hooks.errors.BadRequest: ('hookInstance: is missing; send a UUID', ...)
    """
    problems: list[str] = []
    wire = load(ENVELOPE, body, "", problems)
    context: Mapping[str, Any] = {}
    if "context" in wire:
        context = load(CONTEXTS[hook], wire["context"], "context", problems)
    problems = problems or _contradictions(wire, context, hook, user_types)
    if problems:
        raise BadRequest(*problems)
    fhir_server = wire.get("fhirServer")
    return HookRequest(
        hook=hook,
        hook_instance=wire["hookInstance"],
        context={name: value for name, value in context.items() if value is not None},
        prefetch=wire.get("prefetch") or {},
        fhir_server=fhir_server,
        fhir_authorization=_authorization(wire),
        extension=wire.get("extension") or {},
        client=client_of(fhir_server) if client_of else None,
        origin=origin,
        tenant=tenant,
    )


def _contradictions(
    wire: Mapping[str, Any],
    context: Mapping[str, Any],
    hook: str,
    user_types: Sequence[str],
) -> list[str]:
    """Rules between fields, and between the request and the service."""
    problems = []
    if wire["hook"] != hook:
        problems.append(f"hook: must be {hook} at this service")
    user = context.get("userId")
    types = user_types or HOOKS[hook].user_types
    if user is not None and user.partition("/")[0] not in types:
        problems.append(f"context.userId: must be of type {' or '.join(types)}")
    return problems


def _authorization(request: Mapping[str, Any]) -> FHIRAuthorization | None:
    granted = request.get("fhirAuthorization")
    if granted is None or not request.get("fhirServer"):
        return None
    doubts: list[str] = []
    wire = load(AUTHORIZATION, granted, "fhirAuthorization", doubts)
    if doubts:
        return None
    return FHIRAuthorization(
        access_token=wire["access_token"],
        expires_in=int(wire["expires_in"]),
        scope=wire["scope"],
        subject=wire["subject"],
        patient=wire.get("patient"),
    )


def load_feedback(body: object) -> tuple[list[Feedback], list[ItemError]]:
    """
    Check a batch of feedback; one bad item costs only itself.

    Parameters
    ----------
    body : object
        The parsed JSON.

    Returns
    -------
    tuple of list of Feedback and list of ItemError
        The items that are right, and what is wrong with the others: at most one
        problem for each field of an item, however long a list in it is.

    Raises
    ------
    BadRequest
        If `body` is not an object with an array ``feedback`` of at most 1000 items.

    Examples
    --------
    >>> good, bad = load_feedback({"feedback": [{"card": "c1", "outcome": "ignored"}]})
    >>> good, bad[0].message
    ([], 'feedback[0].outcome: must be accepted or overridden')
    """
    items = body.get("feedback") if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise BadRequest('feedback: is missing; send {"feedback": [...]}')
    if len(items) > _MOST_ITEMS:
        raise BadRequest(f"feedback: send at most {_MOST_ITEMS} items at a time")
    good: list[Feedback] = []
    bad: list[ItemError] = []
    for index, item in enumerate(items):
        problems: list[str] = []
        feedback = _load_item(item, f"feedback[{index}]", problems)
        bad += [ItemError(index, problem) for problem in problems]
        good += [feedback] if feedback else []
    return good, bad


def _load_item(item: object, path: str, problems: list[str]) -> Feedback | None:
    wire = load(FEEDBACK_ITEM, item, path, problems)
    reasons = _override_reasons(item, path, problems) if isinstance(item, dict) else []
    if problems:
        return None
    accepted = tuple(s["id"] for s in wire.get("acceptedSuggestions") or ())
    if wire["outcome"] == "accepted" and not accepted:
        problems.append(
            f"{path}.acceptedSuggestions: is missing; name what was accepted"
        )
        return None
    comments = [r["userComment"] for r in reasons if r.get("userComment")]
    extension = dict(wire.get("extension") or {})
    for reason in reasons:
        extension |= reason.get("extension") or {}
    return Feedback(
        card=wire["card"],
        outcome=wire["outcome"],
        outcome_timestamp=utc(wire["outcomeTimestamp"]),  # type: ignore[arg-type] # checked when loaded
        accepted_suggestions=accepted,
        override_reasons=tuple(
            _coding(r["reason"]) for r in reasons if r.get("reason")
        ),
        user_comment="\n".join(comments) or None,
        extension=extension,
    )


def _override_reasons(
    item: Mapping[str, Any], path: str, problems: list[str]
) -> list[dict[str, Any]]:
    """Read the specification's overrideReason, and the plural that Epic sends."""
    loaded: list[dict[str, Any]] = []
    for name in ("overrideReason", "overrideReasons"):
        value = item.get(name)
        reasons = value if isinstance(value, list) else [value]
        if len(reasons) > _MOST_REASONS:
            problems.append(f"{path}.{name}: must be at most {_MOST_REASONS} reasons")
        elif value is not None:
            loaded += _load_reasons(reasons, f"{path}.{name}", problems)
    return loaded


def _load_reasons(
    reasons: Sequence[object], path: str, problems: list[str]
) -> Iterator[dict[str, Any]]:
    """Load up to the first wrong one: more would not tell the client more."""
    for reason in reasons:
        before = len(problems)
        wire = load(OVERRIDE_REASON, reason, path, problems)
        if len(problems) == before and not any(wire.values()):
            problems.append(f"{path}: must have reason or userComment")
        if len(problems) > before:
            return
        yield wire


def _coding(wire: Mapping[str, Any]) -> Coding:
    return Coding(wire["code"], wire["system"], wire.get("display") or None)
