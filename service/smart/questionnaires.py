"""The forms as data: FHIR Questionnaires, and whether answers fit them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

from cds_hooks import BadRequest

__all__ = ["Answers", "Form", "Item", "checked_answers", "load_form"]

#: What somebody answered, by the item's link id: text of a code, a date or a time;
#: a number; true or false. What is not answered is not there.
Answers = Mapping[str, str | float | bool]

_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition"
_LONGEST: Final = 40
_RADIOS: Final = 5


@dataclass(frozen=True, slots=True)
class Item:
    """
    One question, or a group of them.

    Attributes
    ----------
    name : str
        Link id.
    text, help : str
        What is asked, and what helps to answer.
    kind : str
        Type of the item: ``group``, ``choice``, ``boolean``, ``decimal``, ``date`` or
        ``dateTime``.
    code, display : str or None
        Code of the project under which the answer is recorded.
    options : Mapping of str to str
        What may be chosen, and how it is called.
    least, most : float or str or None
        Limits: numbers, or days as ISO 8601 writes them.
    unit, ucum : str
        Unit as people and as UCUM write it; empty without one.
    is_required, is_computed : bool
        Whether it must be answered where it is asked; whether it is never asked.
    enabled_by : tuple of (str, object)
        Another item and the answer of it with which this one is asked; None stands for
        any answer.
    items : tuple of Item
        Of a group.
    """

    name: str
    text: str
    kind: str
    help: str = ""
    code: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    least: float | str | None = None
    most: float | str | None = None
    unit: str = ""
    ucum: str = ""
    is_required: bool = False
    is_computed: bool = False
    enabled_by: tuple[str, str | bool | None] | None = None
    items: tuple["Item", ...] = ()

    @property
    def is_radio(self) -> bool:  # numpydoc ignore=RT01
        """Whether the answers are few enough to stand beside each other."""
        return self.kind == "boolean" or 0 < len(self.options) <= _RADIOS


@dataclass(frozen=True, slots=True)
class Form:
    """
    A Questionnaire.

    Attributes
    ----------
    name : str
        Its id.
    version : str
        Its business version.
    title, description : str
        For people.
    items : tuple of Item
        Its groups.
    """

    name: str
    version: str
    title: str
    description: str
    items: tuple[Item, ...]

    def questions(self) -> Iterator[Item]:
        """
        Go through all that can be answered.

        Yields
        ------
        Item
            Each question, in order; one in a group that is asked for depends on what
            the group depends on.
        """
        for group in self.items:
            for item in group.items:
                is_free = item.enabled_by is None and group.enabled_by is not None
                yield replace(item, enabled_by=group.enabled_by) if is_free else item

    def item(self, name: str) -> Item:
        """
        Find a question.

        Parameters
        ----------
        name : str
            Its link id.

        Returns
        -------
        Item
            The question.

        Raises
        ------
        KeyError
            If there is none.
        """
        for each in self.questions():
            if each.name == name:
                return each
        raise KeyError(name)


@cache
def load_form(name: str) -> Form:
    """
    Read a form that ships with the service.

    Parameters
    ----------
    name : str
        ``measurements`` or ``follow-up``.

    Returns
    -------
    Form
        The form.

    Examples
    --------
    >>> load_form("measurements").item("cement-ratio-ap").most
    100
    """
    place = files("service") / "data/fhir/questionnaires" / f"{name}.json"
    document = orjson.loads(place.read_bytes())
    return Form(
        document["id"],
        document["version"],
        document["title"],
        document["description"],
        tuple(_item(each) for each in document["item"]),
    )


def checked_answers(
    form: Form,
    said: object,
    limits: Mapping[str, tuple[float | str | None, float | str | None]] | None = None,
) -> dict[str, str | float | bool]:
    """
    Check answers against the form's own limits, and tighter ones of the patient.

    Parameters
    ----------
    form : Form
        The form.
    said : object
        JSON: answers by link id.
    limits : Mapping, optional
        Least and most of some items, in place of the form's.

    Returns
    -------
    dict
        The answers to what is asked, numbers as float; what is not asked of this
        patient is left out.

    Raises
    ------
    BadRequest
        If an answer is impossible, lacking or to no question; the message names the
        item, never the value.
    """
    items = {item.name: item for item in form.questions()}
    if not isinstance(said, dict) or not said.keys() <= items.keys():
        raise BadRequest(f"answers: may have {', '.join(items)} and no others")
    given = {
        name: _checked(_within(items[name], limits or {}), value)
        for name, value in said.items()
        if value is not None and not items[name].is_computed
    }
    kept = {name: given[name] for name in given if _is_asked(items[name], given, items)}
    for item in items.values():
        if item.is_required and item.name not in kept and _is_asked(item, given, items):
            raise BadRequest(f"answers.{item.name}: must be answered")
    return kept


def _is_asked(item: Item, given: Answers, items: Mapping[str, Item]) -> bool:
    """Whether what it depends on was asked itself, and answered so."""
    if item.enabled_by is None:
        return True
    other, answer = item.enabled_by
    if other not in given or not _is_asked(items[other], given, items):
        return False
    return answer is None or given[other] == answer


def _within(
    item: Item, limits: Mapping[str, tuple[float | str | None, float | str | None]]
) -> Item:
    if item.name not in limits:
        return item
    least, most = limits[item.name]
    return replace(item, least=least, most=most)


def _checked(item: Item, value: object) -> str | float | bool:
    said: str | float | bool
    if item.kind == "boolean" and isinstance(value, bool):
        said = value
    elif item.kind == "decimal" and type(value) in {int, float}:
        said = float(value)  # type: ignore[arg-type] # its type was looked at
        if not _is_between(item, said):
            raise BadRequest(f"answers.{item.name}: {_range(item)}")
    elif item.kind == "choice" and isinstance(value, str) and value in item.options:
        said = value
    elif item.kind in {"date", "dateTime"} and _is_time(item.kind, value):
        said = str(value)
        if not _is_between(item, said[:10]):
            raise BadRequest(f"answers.{item.name}: {_range(item)}")
    else:
        raise BadRequest(f"answers.{item.name}: {_range(item)}")
    return said


def _is_between(item: Item, value: Any) -> bool:  # noqa: ANN401 number or text of a day
    return (item.least is None or value >= item.least) and (
        item.most is None or value <= item.most
    )


def _is_time(kind: str, value: object) -> bool:
    if not isinstance(value, str) or len(value) > _LONGEST:
        return False
    try:
        read = date.fromisoformat if kind == "date" else datetime.fromisoformat
        read(value)
    except ValueError:
        return False
    return kind == "date" or "T" in value


def _range(item: Item) -> str:
    if item.options:
        return f"must be one of {', '.join(item.options)}"
    names = {"boolean": "true or false", "decimal": "a number", "date": "a day"}
    named = names.get(item.kind, "a day and time")
    ends = [
        f"{word} {limit:g}" if isinstance(limit, float | int) else f"{word} {limit}"
        for word, limit in (("from", item.least), ("to", item.most))
        if limit is not None
    ]
    return f"must be {' '.join([named, *ends])}"


def _item(raw: Mapping[str, Any]) -> Item:
    extensions = {each["url"]: each for each in raw.get("extension", ())}
    unit = extensions.get(f"{_EXTENSION}/questionnaire-unit", {}).get("valueCoding", {})
    options = [each["valueCoding"] for each in raw.get("answerOption", ())]
    inner = [each for each in raw.get("item", ()) if each["type"] != "display"]
    helps = [each["text"] for each in raw.get("item", ()) if each["type"] == "display"]
    return Item(
        name=raw["linkId"],
        text=raw["text"],
        kind=raw["type"],
        help=" ".join(helps),
        code=raw["code"][0]["code"] if "code" in raw else None,
        options={each["code"]: each["display"] for each in options},
        least=extensions.get(f"{_EXTENSION}/minValue", {}).get("valueDecimal"),
        most=extensions.get(f"{_EXTENSION}/maxValue", {}).get("valueDecimal"),
        unit=unit.get("display", ""),
        ucum=unit.get("code", ""),
        is_required=raw.get("required", False),
        is_computed=raw.get("readOnly", False),
        enabled_by=_enabled_by(raw.get("enableWhen")),
        items=tuple(_item(each) for each in inner),
    )


def _enabled_by(
    conditions: list[dict[str, Any]] | None,
) -> tuple[str, str | bool | None] | None:
    """Read the one condition that an item of these forms has."""
    if conditions is None:
        return None
    (condition,) = conditions
    if condition["operator"] == "exists":
        return condition["question"], None
    coding = condition.get("answerCoding")
    return condition["question"], coding["code"] if coding else condition[
        "answerBoolean"
    ]
