"""What goes out: responses, discovery and outcomes as plain JSON objects.

Plain functions and no marshmallow: everything was checked when it was built, and a
schema would take ten times as long. What is None or empty is left out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cds_hooks.cards import Action, Card, Coding, Link, Response, Source, Suggestion
from cds_hooks.errors import CDSHooksError
from cds_hooks.services import Service

__all__ = ["dump_discovery", "dump_response", "operation_outcome", "receipt"]

# A body of three bytes an item must not be answered with megabytes.
_MOST_PROBLEMS = 100


def dump_response(response: Response) -> dict[str, Any]:
    """
    Write the answer to a call.

    Parameters
    ----------
    response : Response
        What the service answers.

    Returns
    -------
    dict
        JSON object; ``cards`` is always there, nothing else is null or empty.

    Examples
    --------
    >>> dump_response(Response())
    {'cards': []}
    """
    wire: dict[str, Any] = {"cards": [_card(card) for card in response.cards]}
    if response.system_actions:
        wire["systemActions"] = [_action(a) for a in response.system_actions]
    if response.extension:
        wire["extension"] = dict(response.extension)
    return wire


def _card(card: Card) -> dict[str, Any]:
    return _present(
        uuid=card.uuid,
        summary=card.summary,
        detail=card.detail,
        indicator=card.indicator,
        source=_source(card.source),
        suggestions=[_suggestion(suggestion) for suggestion in card.suggestions],
        selectionBehavior=card.selection_behavior,
        overrideReasons=[_coding(reason) for reason in card.override_reasons],
        links=[_link(link) for link in card.links],
        extension=dict(card.extension) if card.extension else None,
    )


def _source(source: Source) -> dict[str, Any]:
    wire: dict[str, Any] = {"label": source.label}
    if source.url:
        wire["url"] = source.url
    if source.icon:
        wire["icon"] = source.icon
    if source.topic:
        wire["topic"] = _coding(source.topic)
    return wire


def _coding(coding: Coding) -> dict[str, Any]:
    wire = {"code": coding.code, "system": coding.system}
    if coding.display:
        wire["display"] = coding.display
    return wire


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    wire: dict[str, Any] = {"label": suggestion.label}
    if suggestion.uuid:
        wire["uuid"] = suggestion.uuid
    if suggestion.is_recommended:
        wire["isRecommended"] = True
    if suggestion.actions:
        wire["actions"] = [_action(action) for action in suggestion.actions]
    return wire


def _action(action: Action) -> dict[str, Any]:
    wire: dict[str, Any] = {"type": action.type, "description": action.description}
    if action.resource:
        wire["resource"] = dict(action.resource)
    if action.resource_id:
        wire["resourceId"] = action.resource_id
    return wire


def _link(link: Link) -> dict[str, Any]:
    wire: dict[str, Any] = {"label": link.label, "url": link.url, "type": link.type}
    if link.app_context:
        wire["appContext"] = link.app_context
    if link.autolaunchable:
        wire["autolaunchable"] = True
    return wire


def _present(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def dump_discovery(services: Iterable[Service]) -> dict[str, Any]:
    """
    Write the answer to discovery.

    Parameters
    ----------
    services : iterable of Service
        What is hosted, in order.

    Returns
    -------
    dict
        JSON object; ``services`` is always there. Prefetch keys keep their order.

    Examples
    --------
    >>> dump_discovery([])
    {'services': []}
    """
    return {"services": [_service(service) for service in services]}


def _service(service: Service) -> dict[str, Any]:
    return _present(
        hook=service.hook,
        title=service.title,
        description=service.description,
        id=service.id,
        prefetch=dict(service.prefetch),
        usageRequirements=service.usage_requirements,
        version=service.version,
    )


def operation_outcome(error: CDSHooksError) -> dict[str, Any]:
    """
    Write a failure as a FHIR OperationOutcome.

    Parameters
    ----------
    error : CDSHooksError
        What failed.

    Returns
    -------
    dict
        JSON object with one issue for each of the first 100 problems and one that
        counts the others, or with the fixed description alone when there is no problem
        to name or it must not be told.

    Examples
    --------
    >>> from cds_hooks.errors import DataUnavailable
    >>> operation_outcome(DataUnavailable("procedures: send the key"))["issue"]
    [{'severity': 'error', 'code': 'incomplete', \
'details': {'text': 'procedures: send the key'}, \
'diagnostics': 'FHIR data that the service needs could not be had.'}]
    """
    problems = error.problems if error.is_disclosed else ()
    issues = [
        _issue("error", error.code, problem, error.description)
        for problem in problems[:_MOST_PROBLEMS]
    ]
    if len(problems) > _MOST_PROBLEMS:
        more = len(problems) - _MOST_PROBLEMS
        issues.append(_issue("error", error.code, f"and {more} more problems"))
    if not issues:
        issues = [_issue("error", error.code, error.description)]
    if error.note:
        issues.append(_issue("information", "informational", error.note))
    return {"resourceType": "OperationOutcome", "issue": issues}


def receipt(text: str) -> dict[str, Any]:
    """
    Write a success that has no answer of its own as a FHIR OperationOutcome.

    Parameters
    ----------
    text : str
        What was done, in a sentence.

    Returns
    -------
    dict
        JSON object with one issue of severity ``information``.
    """
    issue = _issue("information", "informational", text)
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _issue(
    severity: str, code: str, text: str, diagnostics: str | None = None
) -> Mapping[str, Any]:
    return _present(
        severity=severity, code=code, details={"text": text}, diagnostics=diagnostics
    )
