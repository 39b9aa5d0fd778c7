"""The result of ``scnen-cds terminology coverage`` as text to read."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from service.cli.layout import columns, printable

__all__ = ["coverage_text"]

#: Of the codes that may be meant so many are named.
_NAMED = 6

_Row = Mapping[str, Any]


def coverage_text(found: Mapping[str, Any]) -> str:
    """
    Write the result of a survey.

    Parameters
    ----------
    found : Mapping
        What `service.fhir.summary.summarise` returns.

    Returns
    -------
    str
        Paragraphs: what was read, what is known, what may be missing.
    """
    return "\n".join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield _table(found["resources"])
    others = found["other_resources"]
    yield f"Other resources, not read: {others}. Unreadable: {found['unreadable']}."
    for note in found["notes"]:
        yield f"Not read: {printable(note)}"
    if found["smallest_count"] > 1:
        yield f"Numbers below {found['smallest_count']} are not told."
    yield ""
    yield "Known codes"
    yield from _grouped(found["matched"], _known)
    yield ""
    yield "Look relevant, but no map knows them"
    yield from _grouped(found["relevant"], _missing)
    yield from _hidden(found["relevant_not_shown"], found["smallest_count"])
    if "unknown" in found:
        yield ""
        yield "Other codes that no map knows"
        yield from _grouped(found["unknown"], _missing)
        yield from _hidden(found["unknown_not_shown"], found["smallest_count"])
    elif found["other_unknown"]:
        yield ""
        yield (
            f"{found['other_unknown']} other codes and texts are not known and do not"
            " look relevant: --all lists them."
        )
    if found["dropped"]:
        yield ""
        yield (
            f"So many different codes and texts that {found['dropped']} rare ones were"
            " dropped on the way: their counts are too low."
        )


def _table(types: Mapping[str, _Row]) -> str:
    head = ("", "read", "known code", "could serve", "known site", "no patient")
    names = (
        "seen",
        "matched",
        "could_serve",
        "with_known_body_site",
        "without_patient",
    )
    rows = [(kind, *(row[name] for name in names)) for kind, row in types.items()]
    return columns([head, *rows], right=range(1, len(head)))


def _grouped(rows: Sequence[_Row], write: Any) -> Iterator[str]:  # noqa: ANN401 two writers
    """Rows under one heading for each element and system, in their order."""
    if not rows:
        yield "  none"

    def place(row: _Row) -> tuple[str, str]:
        return row["element"], row["system"]

    ranks = {key: rank for rank, key in reversed([*enumerate(map(place, rows))])}
    listed = sorted(rows, key=lambda row: ranks[place(row)])
    for (element, system), group in groupby(listed, key=place):
        yield f"  {element}, {printable(system)}"
        for row in group:
            yield from write(row)


def _known(row: _Row) -> Iterator[str]:
    means = ", ".join(row["means"])
    serve = f", could serve {row['could_serve']}" if "could_serve" in row else ""
    yield f"    {printable(row['code'])} = {means}: {row['resources']}{serve}"
    for name, label in (
        ("why_not", "do not"),
        ("statuses", "status"),
        ("values", "value"),
        ("units", "unit"),
    ):
        if counts := row.get(name):
            said = ", ".join(f"{printable(k)} {v}" for k, v in counts.items())
            yield f"      {label}: {said}"


def _missing(row: _Row) -> Iterator[str]:
    display = f" ({printable(row['display'])})" if "display" in row else ""
    yield f"    {printable(row['code'])}{display}: {row['resources']}"
    if "looks_like" in row:
        said = ", ".join(row["perhaps"][:_NAMED])
        if len(row["perhaps"]) > _NAMED:
            said += " …"
        yield f"      {'; '.join(row['looks_like'])}: perhaps {said}"


def _hidden(count: int, smallest: int) -> Iterator[str]:
    if count:
        yield (
            f"  and {count} not shown: texts, or codes of a local system, that fewer"
            f" than {smallest} patients share may hold a name"
        )
