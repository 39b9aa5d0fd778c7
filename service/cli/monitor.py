"""``scnen-cds monitor``: how the service is used, on whom, and when to stop."""

from pathlib import Path
from typing import Any

import click
import orjson

from service.cli.monitor_text import capacity_text, report_text
from service.cli.store_period import selecting, selection_of
from service.cli.store_place import open_place
from service.config import Settings
from service.languages import catalogue, languages
from service.model.artifact import (
    ArtifactError,
    RiskModel,
    find_model,
    load_model,
)
from service.monitor.calls import discharges
from service.monitor.capacity import TooFewError, estimate
from service.monitor.page import render
from service.monitor.report import Report, summarise
from service.monitor.sections import sections
from service.policy import Policy
from service.store.monitoring import observed

__all__ = ["monitor"]

#: Without --since: a quarter, as long as committees meet.
_DAYS = 90
#: With --check, a stopping rule that is met.
_MET = 3


@click.group
def monitor() -> None:
    """
    Report on use, inputs and follow-up; estimate what a month brings.

    The commands read the store and change nothing: run them with the environment of the
    service. docs/monitoring.md says how to read them.

    \b
    Examples:
      scnen-cds monitor report
      scnen-cds monitor report --check
      scnen-cds monitor capacity --since 2026-03-01
    """  # noqa: D301 click keeps the lines below \\b as they are


@monitor.command
@selecting("90 days")
@click.option("--json", "is_json", is_flag=True, help="JSON, with all counts.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write an HTML page, with small counts hidden, to this file.",
)
@click.option(
    "--lang",
    type=click.Choice(languages()),
    help="Language of the page. [default: SCNEN_LOCALE]",
)
@click.option("--check", is_flag=True, help="Exit with 3 if a stopping rule is met.")
@click.pass_context
def report(
    context: click.Context,
    /,
    *,
    is_json: bool,
    out: Path | None,
    lang: str | None,
    check: bool,
    **which: Any,  # noqa: ANN401 the options of `selecting`
) -> None:  # numpydoc ignore=PR01
    """
    Say how the service was used, on whom, and whether a stopping rule is met.

    The text and the JSON hold all counts: they are for the hospital. The page of --out
    hides counts from 1 to 4; it is in the language of SCNEN_LOCALE, or of --lang.

    \b
    Examples:
      scnen-cds monitor report --since 2026-01-01 --out report.html
      scnen-cds monitor report --lang zh-Hans --out report.html
      scnen-cds monitor report --check || page-the-committee
    """  # noqa: D301 as above
    selection = selection_of(**which, days=_DAYS)
    with open_place() as place:
        language, policy = lang or place.settings.locale, place.policy()
        found = summarise(
            observed(place.database, selection),
            (selection.since, selection.until),
            _model(place.settings),
            policy,
            client=selection.client,
            tenant=selection.tenant,
        )
    if out is not None:
        _write(out, _page(found, language, policy))
    if is_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    elif out is None:
        click.echo(report_text(sections(found)))
    if check and found.must_stop:
        click.echo("a stopping rule is met: see docs/safety.md", err=True)
        context.exit(_MET)


@monitor.command
@selecting("90 days")
@click.option("--json", "is_json", is_flag=True, help="JSON.")
def capacity(
    *,
    is_json: bool,
    **which: Any,  # noqa: ANN401 the options of `selecting`
) -> None:  # numpydoc ignore=PR01
    """
    Estimate the cards, reviews and blocks of a month, also from a silent period.

    It counts risks, not cards that were shown, so it does not matter whether any was.
    Fewer than 20 discharges are refused.

    \b
    Example:
      scnen-cds monitor capacity --client north --since 2026-03-01
    """  # noqa: D301 as above
    selection = selection_of(**which, days=_DAYS)
    with open_place() as place:
        calls = observed(place.database, selection).calls
        policy = place.policy()
    try:
        found = estimate(discharges(calls), policy.bands)
    except TooFewError as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        orjson.dumps(found, option=orjson.OPT_INDENT_2)
        if is_json
        else capacity_text(found)
    )


def _model(settings: Settings) -> RiskModel:
    path = find_model(settings.model)
    try:
        return load_model(path, may_be_expired=True)
    except ArtifactError as error:
        raise click.ClickException(f"SCNEN_MODEL: {error}") from error


def _page(found: Report, language: str, policy: Policy) -> str:
    """Write the page of a committee: small counts are hidden."""
    words = catalogue(language, "pages")
    said = sections(found, hides=True, words=words)
    is_approved = policy.approval.is_of(language)
    return render(said, language, is_approved=is_approved)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise click.ClickException(
            f"--out: {file} cannot be written: {error.strerror}"
        ) from error
    click.echo(f"written to {file}", err=True)
