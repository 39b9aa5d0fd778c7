"""The words of the model card, read from data and checked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from service import fields
from service.fields import FieldError

__all__ = ["Content", "Entry", "Review", "read_content"]

_FOLDER = Path(__file__).parents[1] / "data" / "model_card"
_ITEMS = _FOLDER.parent / "tripod-ai.json"

#: Output modes; what depends on them is said for each.
_MODES = ("anchored", "calibrated", "relative")
_PARTS = (
    *("source-attributes", "model-facts", "chai", "tripod-ai"),
    *("probast-ai", "probast-ai-questions"),
)
_VERDICTS = {
    "tripod-ai": {"reported", "partly", "not_reported", "not_applicable"},
    "probast-ai": {"low", "high", "unclear"},
    "probast-ai-questions": {
        *("yes", "probably_yes", "probably_no", "no"),
        *("no_information", "not_applicable"),
    },
}
_SAID = ("text", "by_mode", "not_available", "same_as", "results")
_BESIDE = ("category", "name", "source", "note", "local", "verdict")
_TEXTS = ("validation", "synthetic", "calibration", "fairness", "only_model_groups")
_CARD = (
    "version",
    "written_for",
    "reviewed_on",
    "review_by",
    "reviewed_by_role",
    "reasons",
    "numbers",
    "not_for",
    "stop_using",
    "regulatory",
    "help",
    "local_texts",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One thing that is said; texts hold ``{names}`` of numbers.

    Attributes
    ----------
    id, name, category : str
        What it is about.
    by_mode : Mapping[str, str]
        Text for each output mode, mostly the same; empty if there is none.
    reason, note : str
        Code of the reason why there is no text, and what else is to be said then.
    same_as : str
        Source attribute that says it; empty if it is said here.
    results : str
        Which figures stand here in place of a text.
    local : str
        ``validity`` or ``fairness`` where the hospital's own figures take its place.
    verdict : str
        Of a checklist.
    source : str
        ``paper: …`` with section or table, ``ours: …`` with the file.
    """

    id: str
    name: str
    category: str
    by_mode: Mapping[str, str]
    reason: str = ""
    note: str = ""
    same_as: str = ""
    results: str = ""
    local: str = ""
    verdict: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """
    Who read the card, and until when that serves.

    Attributes
    ----------
    reviewed_on, review_by : datetime.date
        Day of the last review; last day before the next.
    role : str
        By whom.
    """

    reviewed_on: date
    review_by: date
    role: str

    def is_overdue(self, today: date) -> bool:
        """
        Tell whether somebody must read the card again.

        Parameters
        ----------
        today : datetime.date
            The day.

        Returns
        -------
        bool
            Whether the day of the next review has passed.
        """
        return today > self.review_by


@dataclass(frozen=True, slots=True)
class Content:
    """
    The words of the card.

    Attributes
    ----------
    version : str
        Of the words.
    written_for : Mapping[str, str]
        Digest of each model that they are about.
    review : Review
        Of the whole card.
    reasons : Mapping[str, str]
        What each code means for which something is not available.
    numbers : Mapping[str, str]
        What the paper gives and the artifact does not hold.
    not_for, stop_using, regulatory, help, local_texts : object
        Lists and texts of the page.
    parts : Mapping[str, tuple of Entry]
        Entries of each part.
    rating : Mapping[str, str]
        How the appraisal was made, and what comes of it.
    """

    version: str
    written_for: Mapping[str, str]
    review: Review
    reasons: Mapping[str, str]
    numbers: Mapping[str, str]
    not_for: tuple[str, ...]
    stop_using: tuple[Mapping[str, str], ...]
    regulatory: tuple[Mapping[str, str], ...]
    help: str
    local_texts: Mapping[str, str]
    parts: Mapping[str, tuple[Entry, ...]]
    rating: Mapping[str, str]


@cache
def read_content(folder: Path = _FOLDER) -> Content:
    """
    Read the words that ship with the service.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where they are.

    Returns
    -------
    Content
        The words.

    Raises
    ------
    FieldError
        If a field is missing, unknown or of the wrong kind.

    Examples
    --------
    >>> len(read_content().parts["source-attributes"])
    31
    """
    card = fields.section(fields.parse((folder / "card.json").read_bytes()), "", _CARD)
    reasons = _words(card["reasons"], "reasons")
    files = {
        part: fields.parse((folder / f"{part}.json").read_bytes()) for part in _PARTS
    }
    return Content(
        version=fields.text(card["version"], "version"),
        written_for=_words(card["written_for"], "written_for"),
        review=Review(
            fields.day(card["reviewed_on"], "reviewed_on"),
            fields.day(card["review_by"], "review_by"),
            fields.text(card["reviewed_by_role"], "reviewed_by_role"),
        ),
        reasons=reasons,
        numbers=_numbers(card["numbers"]),
        not_for=fields.texts(card["not_for"], "not_for"),
        stop_using=_rows(card["stop_using"], "stop_using", ("when", "then")),
        regulatory=_rows(card["regulatory"], "regulatory", ("where", "status")),
        help=fields.text(card["help"], "help"),
        local_texts=_words(card["local_texts"], "local_texts", _TEXTS),
        parts=MappingProxyType(
            {part: _entries(part, file, reasons) for part, file in files.items()}
        ),
        rating={key: str(files["probast-ai"][key]) for key in ("note", "overall")},
    )


def _words(
    value: object, field: str, names: Collection[str] | None = None
) -> Mapping[str, str]:
    known = names or (value if isinstance(value, dict) else ())
    found = fields.section(value, field, known)
    return {name: fields.text(each, f"{field}.{name}") for name, each in found.items()}


def _numbers(value: Any) -> Mapping[str, str]:  # noqa: ANN401 what JSON holds
    return {
        name: _words(row, f"numbers.{name}", ("value", "source"))["value"]
        for name, row in value.items()
    }


def _rows(
    value: object, field: str, names: tuple[str, ...]
) -> tuple[Mapping[str, str], ...]:
    rows = fields.sequence(value, field)
    return tuple(_words(row, f"{field}[{i}]", names) for i, row in enumerate(rows))


def _entries(
    part: str, file: Mapping[str, Any], reasons: Collection[str]
) -> tuple[Entry, ...]:
    rows = fields.sequence(file["entries"], f"{part}.entries")
    asked: dict[str, str] = {}
    if part == "tripod-ai":
        items = fields.parse(b'{"items":' + _ITEMS.read_bytes() + b"}")["items"]
        asked = {item["item"]: item["asks"] for item in items}
    found = tuple(
        _entry(row, f"{part}.entries[{i}]", part, asked) for i, row in enumerate(rows)
    )
    for each in found:
        if each.reason and each.reason not in reasons:
            raise FieldError(f"{part}.{each.id}", f"unknown reason {each.reason}")
    return found


def _entry(row: object, field: str, part: str, asked: Mapping[str, str]) -> Entry:
    item = fields.section(row, field, ("id",), (*_SAID, *_BESIDE))
    said = [name for name in _SAID if name in item]
    if len(said) != 1:
        raise FieldError(field, f"must have one of {', '.join(_SAID)}")
    if "same_as" not in item and "results" not in item:
        _check_source(item.get("source"), f"{field}.source")
    if item.get("verdict", "") not in _VERDICTS.get(part, {""}):
        raise FieldError(f"{field}.verdict", "not one of the verdicts of this list")
    by_mode = dict.fromkeys(_MODES, item["text"]) if "text" in item else {}
    if "by_mode" in item:
        by_mode = dict(_words(item["by_mode"], f"{field}.by_mode", _MODES))
    return Entry(
        id=fields.text(item["id"], f"{field}.id"),
        name=item.get("name", asked.get(item["id"], "")),
        category=item.get("category", ""),
        by_mode=by_mode,
        reason=item.get("not_available", ""),
        **{
            name: item.get(name, "")
            for name in ("note", "same_as", "results", "local", "verdict", "source")
        },
    )


def _check_source(value: object, field: str) -> None:
    if not fields.text(value, field).startswith(("paper", "ours")):
        raise FieldError(field, "must begin with paper or ours")
