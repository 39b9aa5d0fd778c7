"""``scnen-cds score``: answer a hook request from a file, as the server would."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click
import orjson

from cds_hooks import (
    CDSHooksError,
    DataUnavailable,
    HookRequest,
    dump_response,
    load_request,
    operation_outcome,
)
from service.config import Settings, SettingsError
from service.explanation import describe_model, explain
from service.fhir.findings import Reason
from service.parts import Parts, build_parts

__all__ = ["score"]


class _Moment(click.ParamType[datetime]):
    """A point in time with its zone."""

    name = "time"

    def convert(
        self,
        value: str | datetime,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime:
        """Read ISO 8601 and refuse a time without a zone."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail("is not an ISO 8601 time, e.g. 2026-03-06T10:00:00Z", param, ctx)
        if moment.tzinfo is None:
            self.fail("needs a zone, e.g. 2026-03-06T10:00:00Z", param, ctx)
        return moment


@click.command
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--explain",
    is_flag=True,
    help="Print how the number came about instead of the cards.",
)
@click.option(
    "--now",
    type=_Moment(),
    help="Time of the call, e.g. 2026-03-06T10:00:00Z. Default: the clock.",
)
def score(  # numpydoc ignore=PR01
    file: Path, *, explain: bool, now: datetime | None
) -> None:
    """
    Answer the hook request in FILE and print the response as JSON.

    FILE holds the body an EHR would post for the hook encounter-discharge or
    patient-view, with its prefetch. The same settings (SCNEN_*) and the same
    steps as on the server apply. Ends with 0 when the request could be read.

    \b
    Examples:
      scnen-cds score request.json
      scnen-cds score --explain --now 2026-03-06T10:00:00Z request.json
    """  # noqa: D301 click keeps the lines below \\b as they are
    parts = _parts(now)
    request = _request(file, parts)
    document = _explain(parts, request) if explain else _answer(parts, request)
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def _parts(now: datetime | None) -> Parts:
    try:
        settings = Settings.from_env(is_open=True)
        return build_parts(settings, None if now is None else lambda: now)
    except (SettingsError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _request(file: Path, parts: Parts) -> HookRequest:
    try:
        body = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise click.ClickException(f"{file}: not JSON: {error}") from error
    hooks = {service.hook for service in parts.registry}
    hook = body.get("hook") if isinstance(body, dict) else None
    if hook not in hooks:
        raise click.ClickException(
            f"{file}: hook must be one of {', '.join(sorted(hooks))}"
        )
    try:
        return load_request(body, hook, client_of=parts.client_of)
    except CDSHooksError as error:
        told = "; ".join(error.problems) or error.description
        raise click.ClickException(f"{file}: {told}") from error


def _answer(parts: Parts, request: HookRequest) -> dict[str, Any]:
    handlers = {service.hook: service.handler for service in parts.registry}
    try:
        return dump_response(handlers[request.hook](request))
    except CDSHooksError as error:
        return operation_outcome(error)


def _explain(parts: Parts, request: HookRequest) -> dict[str, Any]:
    try:
        return explain(parts.advice.assess(request))
    except DataUnavailable:
        model = describe_model(parts.model, parts.advice.mode_now())
        reason = Reason.UNAVAILABLE.value
        return {"model": model, "assessments": [], "not_assessed": reason}
