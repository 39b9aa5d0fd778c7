"""``scnen-cds demo``: synthetic patients go home or come back, and their cards."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import click
import orjson

from service.cli.page import Page, fault_of, open_page
from service.fire import (
    FireError,
    Reply,
    find_service,
    fire,
    open_session,
)
from service.hook_requests import hook_request
from service.local_server import ServerError, local_server
from service.patients import SyntheticPatient, bundled_patients
from service.rehearsal import settings_for
from service.terminal.layout import (
    Line,
    Span,
    clean,
    shorten,
    split_words,
    table,
)

__all__ = ["demo"]

#: What a newcomer sees in full: a warning, a missing value, a patient without card.
_SELECTION = (
    "01-high-vertebroplasty",
    "05-cement-ratio-missing",
    "03-below-average-kyphoplasty",
)
_NO_CARD = (
    "No card. That does **not** mean no risk: either the risk lies under the study's"
    " average, or there is nothing the service may judge, or nothing to follow up now."
)


@click.command
@click.option(
    "--patient",
    "names",
    multiple=True,
    metavar="NAME",
    help="Show this patient, e.g. 07 or 07-two-vertebrae; may be repeated.",
)
@click.option("--all", "show_all", is_flag=True, help="Show every patient in full.")
@click.option(
    "--width",
    type=click.IntRange(40, 200),
    help="Columns to write in. Default: the terminal's, at most 100.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON.")
@click.option(
    "--no-color",
    envvar="NO_COLOR",
    default="",
    hidden=True,
    help="Any text turns colour off: the convention of the variable NO_COLOR.",
)
def demo(  # numpydoc ignore=PR01
    *,
    names: tuple[str, ...],
    show_all: bool,
    width: int | None,
    as_json: bool,
    no_color: str,
) -> None:
    """
    Fire the hooks of synthetic patients, at discharge or later, and show the cards.

    Starts the service on a free loopback port, plays the EHR over HTTP and stops the
    service again; once more for each patient of an EHR with habits of its own. SCNEN_*
    settings apply, so a hospital sees its own policy at work. The patients' dates are
    moved by whole days, up to now.
    Ends with 0 when every call was answered with 200.

    \b
    Examples:
      scnen-cds demo
      scnen-cds demo --patient 07 --patient 12
      scnen-cds demo --json
    """  # noqa: D301 click wants the character itself
    chosen = _choose(bundled_patients(), names)
    page = open_page(width, no_color)
    try:
        found = dict(_rehearse(chosen))
    except (FireError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    replies = {patient: found[patient] for patient in chosen}
    if as_json:
        click.echo(orjson.dumps(_as_json(replies), option=orjson.OPT_INDENT_2))
    else:
        shown = [p for p in chosen if names or show_all or p.name in _SELECTION]
        _show(page, replies, sorted(shown, key=_newcomers_order))
    if not all(reply.is_ok for reply in replies.values()):
        raise click.exceptions.Exit(1)


def _choose(
    patients: Sequence[SyntheticPatient], names: Sequence[str]
) -> list[SyntheticPatient]:
    """Find patients by name or number."""
    known = {
        key: patient
        for patient in patients
        for key in (patient.name, patient.name.partition("-")[0])
    }
    for name in names:
        if name not in known:
            listed = ", ".join(patient.name for patient in patients)
            raise click.BadParameter(
                f"no patient {name!r}; there are {listed}", param_hint="--patient"
            )
    return [known[name] for name in dict.fromkeys(names)] or list(patients)


def _newcomers_order(patient: SyntheticPatient) -> int:
    return _SELECTION.index(patient.name) if patient.name in _SELECTION else 99


def _rehearse(
    patients: Sequence[SyntheticPatient],
) -> Iterator[tuple[SyntheticPatient, Reply]]:
    """Fire for each patient at a service that knows the EHR it comes from."""
    known = sorted(
        ((settings_for(patient), patient) for patient in patients),
        key=lambda pair: sorted(pair[0].items()),
    )
    for settings, group in groupby(known, key=lambda pair: pair[0]):
        yield from _fire_at(settings, [patient for _, patient in group])


def _fire_at(
    settings: Mapping[str, str], patients: Sequence[SyntheticPatient]
) -> Iterator[tuple[SyntheticPatient, Reply]]:
    """Start the service, fire for each patient, and stop it."""
    ehr = patients[0]
    other = f" for {ehr.client} in {ehr.fhir_version}" if settings else ""
    click.echo(f"Starting the service{other} … ", nl=False, err=True)
    begin = time.perf_counter()
    with local_server(variables=settings) as url, open_session(url) as session:
        click.echo(f"ready in {time.perf_counter() - begin:.1f} s at {url}", err=True)
        found = {
            hook: find_service(session, url, hook)
            for hook in dict.fromkeys(patient.hook for patient in patients)
        }
        for hook, (address, _) in found.items():
            click.echo(f"Firing {hook} at {address}", err=True)
        for patient in patients:
            address, service = found[patient.hook]
            yield patient, fire(session, address, _request(patient, service))
    click.echo("Service stopped.\n", err=True)


def _request(patient: SyntheticPatient, service: Mapping[str, Any]) -> dict[str, Any]:
    return hook_request(
        patient.bundle_at(datetime.now(UTC)),
        service,
        in_encounter=patient.in_encounter,
        extension=patient.extension,
    )


def _as_json(replies: Mapping[SyntheticPatient, Reply]) -> list[dict[str, Any]]:
    return [
        {
            "patient": patient.name,
            "title": patient.title,
            "status": reply.status,
            "milliseconds": round(reply.milliseconds, 1),
            "response": reply.body,
        }
        for patient, reply in replies.items()
    ]


def _show(
    page: Page,
    replies: Mapping[SyntheticPatient, Reply],
    shown: Sequence[SyntheticPatient],
) -> None:
    for patient in shown:
        _show_patient(page, patient, replies[patient])
    if len(replies) > 1:
        page.write([(Span(f"{len(replies)} patients", "bold"),), ()])
        page.write([*_overview(replies, page.width), ()])
    if len(shown) < len(replies):
        page.write_markdown(
            "All in full: `scnen-cds demo --all`. One: `scnen-cds demo --patient 07`."
        )
    page.write_markdown("Nobody here exists: all patients are synthetic.")


def _show_patient(page: Page, patient: SyntheticPatient, reply: Reply) -> None:
    page.write([(Span(f"── {patient.name} ".ljust(page.width, "─"), "bold"),)])
    page.write_markdown(f"**{patient.title}**")
    page.write_markdown(patient.story)
    click.echo()
    page.write_cards(reply.body.get("cards", ()))
    if not reply.is_ok:
        page.write_markdown(f"**HTTP {reply.status}**: `{fault_of(reply)}`")
    elif not reply.body["cards"]:
        page.write_markdown(_NO_CARD)
    click.echo()
    page.write_markdown(f"_By the rules_: {patient.expected}")
    page.write([(Span(f"Answered in {reply.milliseconds:.1f} ms.", "dim"),), ()])


def _overview(replies: Mapping[SyntheticPatient, Reply], width: int) -> list[Line]:
    """One line for each patient: who, what the service said, how fast."""
    names = max(len(patient.name) for patient in replies)
    room = max(10, width - names - len("warning") - len("ms") - 10)
    rows = [("Patient", "Card", "Says", "ms")]
    for patient, reply in replies.items():
        card, text = _in_short(reply)
        rows.append(
            (patient.name, card, shorten(text, room), f"{reply.milliseconds:.1f}")
        )
    return table(
        [
            [split_words([Span(cell, "" if number else "bold")]) for cell in row]
            for number, row in enumerate(rows)
        ],
        "<<<>",
        width,
    )


def _in_short(reply: Reply) -> tuple[str, str]:
    if not reply.is_ok:
        return f"HTTP {reply.status}", fault_of(reply)
    cards = reply.body["cards"]
    if not cards:
        return "–", "no card"
    return clean(cards[0]["indicator"]), clean(cards[0]["summary"])
