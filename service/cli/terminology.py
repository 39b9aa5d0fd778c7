"""``scnen-cds terminology``: which codes are known here, and which are missing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import orjson

from service.cli.coverage_text import coverage_text
from service.cli.layout import columns, printable
from service.cli.sampling import open_sample, reading, server_options
from service.config import Settings
from service.fhir.cautions import cautions
from service.fhir.conceptmaps import TEXTS, Kind, MappedCode
from service.fhir.coverage import Survey
from service.fhir.draft import draft_map
from service.fhir.inventory import Change, Effect, changes
from service.fhir.relevance import load_topics
from service.fhir.summary import SMALLEST, Shown, summarise
from service.fhir.terminology import (
    Maps,
    Terminology,
    TerminologyError,
    read_maps,
)

__all__ = ["terminology"]

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_maps_option = click.option(
    "--maps",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the site's ConceptMaps. Default: SCNEN_CONCEPTMAPS_DIR.",
)


@click.group
def terminology() -> None:
    """Find out which codes are known, and teach the service a site's own.

    What a code means here stands in FHIR ConceptMaps: some are bundled, a site adds
    its own in a folder (setting SCNEN_CONCEPTMAPS_DIR). Three steps to such a folder:
    look what of a sample is understood and draft a map (coverage), let a person who
    knows the codes complete the draft, and check the folder (check). Then set the
    variable; the service refuses to start with a map that has a fault.
    docs/codes.md has an example for each code system.
    """


@terminology.command()
@click.argument("source", metavar="FILE|FOLDER|FHIR-URL")
@_maps_option
@click.option(
    "--draft",
    "draft_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a ConceptMap with the relevant unknown codes, to be completed.",
)
@click.option(
    "--smallest",
    type=click.IntRange(1, 1000),
    default=SMALLEST,
    show_default=True,
    help="Tell no smaller number, and no words that fewer patients share. 1 only for"
    " synthetic data.",
)
@click.option("--all", "list_all", is_flag=True, help="List irrelevant codes too.")
@server_options
@_json_option
def coverage(  # numpydoc ignore=PR01
    source: str,
    folder: Path | None,
    draft_file: Path | None,
    smallest: int,
    *,
    list_all: bool,
    as_json: bool,
    **from_url: Any,  # noqa: ANN401 options of a FHIR server
) -> None:
    """
    Count which codes of a sample are known, and which seem to be missing.

    The sample: a FHIR Bundle, NDJSON of a bulk export (one resource a line, .gz
    too), a recorded hook request, a folder of such files, or a FHIR server, of which
    some pages are read. NDJSON may be of any length: it is read line by line.

    Procedures, Observations and Conditions are looked at. Known codes are listed
    with statuses, values and units, and with what keeps a resource from serving. A
    code that no map knows is listed if its words or its beginning look relevant.

    Only counts are printed, never a patient's data: small numbers appear as <5, and
    texts and local codes only if at least five patients share them.

    \b
    Examples:
      scnen-cds terminology coverage export/
      scnen-cds terminology coverage Observation.ndjson.gz --draft maps/draft.json
      scnen-cds terminology coverage https://ehr.example.org/fhir --token-file token
        --search 'Observation?category=imaging' --search Procedure?_count=100
    """  # noqa: D301 click wants the character itself
    _refuse_existing(draft_file)
    known = _terminology(_maps(folder))
    survey = Survey(known, load_topics())
    sample = open_sample(source, **from_url)
    with reading(sample) as resources:
        for resource in resources:
            survey.add(resource)
    shown = Shown(survey, load_topics(), smallest)
    found = {
        **summarise(shown, known, list_all=list_all),
        "unreadable": sample.unreadable,
        "notes": sample.notes,
    }
    _print(found, None if as_json else coverage_text(found))
    if draft_file is not None:
        _write_draft(draft_file, draft_map(shown, known.system))


def _refuse_existing(file: Path | None) -> None:
    if file is not None and file.exists():
        raise click.ClickException(
            f"{file}: exists, and may hold decisions; name another file"
        )


def _write_draft(file: Path, draft: Mapping[str, Any] | None) -> None:
    if draft is None:
        click.echo("Nothing relevant is unknown: no draft written.", err=True)
        return
    number = sum(len(group["element"]) for group in draft["group"])
    try:
        file.write_bytes(orjson.dumps(draft, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    click.echo(
        f"{file}: {number} codes to decide. Each comment that begins with CHOOSE: names"
        " what may be meant; `scnen-cds terminology check` tells what is left to do.",
        err=True,
    )


@terminology.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_json_option
def check(folder: Path, *, as_json: bool) -> None:  # numpydoc ignore=PR01
    """
    Check the ConceptMaps in FOLDER as the service does at start.

    Lists every fault with file, group and code, or else what each mapping does: adds
    a code, replaces a bundled mapping, removes one, or repeats it. Ends with 0 if
    the service would start with this folder.

    \b
    Examples:
      scnen-cds terminology check maps/
      SCNEN_CONCEPTMAPS_DIR=maps scnen-cds serve --open
    """  # noqa: D301 click wants the character itself
    try:
        maps = _read(folder)
    except TerminologyError as error:
        _print_faults(error, as_json=as_json)
        raise click.exceptions.Exit(1) from error
    found = [_change(change) for change in changes(maps)]
    told = list(_remarks(folder, maps))
    document = {"faults": [], "changes": found, "remarks": told}
    head = ("what", "system", "code", "means", "before", "file")
    table = columns([head, *(tuple(row.values()) for row in found)])
    counts = Counter(row["effect"] for row in found)
    total = ", ".join(
        f"{effect} {counts[effect]}" for effect in Effect if counts[effect]
    )
    _print(
        document,
        None if as_json else "\n".join([table, "", f"{folder}: {total}.", *told]),
    )


def _print_faults(error: TerminologyError, *, as_json: bool) -> None:
    if as_json:
        names = ("file", "group", "code", "problem")
        faults = [{n: getattr(fault, n) for n in names} for fault in error.faults]
        _print({"faults": faults}, None)
        return
    for fault in error.faults:
        click.echo(printable(str(fault)), err=True)
    number = len(error.faults)
    click.echo(f"Error: {number} {'fault' if number == 1 else 'faults'}.", err=True)


def _change(change: Change) -> dict[str, str]:
    return {
        "effect": change.effect.value,
        "system": _system(change.mapped),
        "code": _code(change.mapped),
        "means": change.mapped.target or "–",
        "before": ", ".join(f"{old.target} ({_code(old)})" for old in change.before)
        or "–",
        "file": change.mapped.file,
    }


def _remarks(folder: Path, maps: Maps) -> Iterator[str]:
    """What is no fault, but may not be what was meant."""
    read = {mapped.file for mapped in maps.site}
    for file in sorted(path.name for path in folder.iterdir() if path.is_file()):
        if file not in read:
            yield f"{file}: says nothing; only ConceptMaps in *.json here are read."
    yield from cautions(maps.site)
    if Terminology([*maps.bundled, *maps.site], maps.base).measures_by_text:
        yield (
            "Texts name measurements here: Observations are asked for without codes,"
            " all of a patient."
        )


@terminology.command("list")
@_maps_option
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in Kind]),
    help="Only codes of this kind.",
)
@click.option("--site", "only_site", is_flag=True, help="Only the site's own maps.")
@_json_option
def list_codes(  # numpydoc ignore=PR01
    folder: Path | None, kind: str | None, *, only_site: bool, as_json: bool
) -> None:
    """
    List all codes in use: system, code, meaning and the file that says so.

    What the site has taken out of use is listed with a dash. A code that ends with …
    stands for all that begin with it.

    \b
    Examples:
      scnen-cds terminology list --kind method
      scnen-cds terminology list --site --maps maps/
    """  # noqa: D301 click wants the character itself
    rows = [
        {
            "system": _system(mapped),
            "code": _code(mapped),
            "means": mapped.target or "–",
            "kind": mapped.kind.value if mapped.kind else "–",
            "file": mapped.file or "(code of the project)",
        }
        for mapped in _terminology(_maps(folder)).entries
        if (kind is None or mapped.kind == kind) and (mapped.is_site or not only_site)
    ]
    head = ("system", "code", "means", "kind", "file")
    _print(
        rows,
        None if as_json else columns([head, *(tuple(row.values()) for row in rows)]),
    )


def _system(mapped: MappedCode) -> str:
    return "text" if mapped.system == TEXTS else mapped.system


def _code(mapped: MappedCode) -> str:
    return f"{mapped.code}…" if mapped.is_prefix else mapped.code


def _maps(folder: Path | None) -> Maps:
    try:
        return _read(folder)
    except TerminologyError as error:
        raise click.ClickException(printable(str(error))) from error


def _read(folder: Path | None) -> Maps:
    settings = Settings.from_env(is_open=True)
    return read_maps(folder or settings.conceptmaps_dir, settings.canonical_base)


def _terminology(maps: Maps) -> Terminology:
    return Terminology([*maps.bundled, *maps.site], maps.base)


def _print(document: object, text: str | None) -> None:
    if text is None:
        text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    click.echo(text)
