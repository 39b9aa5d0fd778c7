"""The forms as data: FHIR Questionnaires, in each of their languages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

from service.languages import ENGLISH, catalogue

__all__ = ["Form", "Item", "load_form"]

_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition"
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
    language : str
        Of the form, and of what is said about answers.
    """

    name: str
    version: str
    title: str
    description: str
    items: tuple[Item, ...]
    language: str

    def gettext(self, text: str) -> str:
        """
        Say a text in the language of the form.

        Parameters
        ----------
        text : str
            In English.

        Returns
        -------
        str
            The text.
        """
        return catalogue(self.language, "pages").gettext(text)

    def line(self, label: str, *said: str) -> str:
        """
        Put what was answered behind a label.

        Parameters
        ----------
        label : str
            What was asked.
        *said : str
            The answer, and what belongs to it.

        Returns
        -------
        str
            The line.
        """
        parts = self.gettext(", ").join(said)
        return self.gettext("%(label)s: %(said)s") % {"label": label, "said": parts}

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
def load_form(name: str, language: str = ENGLISH) -> Form:
    """
    Read a form that ships with the service.

    Parameters
    ----------
    name : str
        ``measurements`` or ``follow-up``.
    language : str, default "en"
        One into which the Questionnaire is translated.

    Returns
    -------
    Form
        The form.

    Examples
    --------
    >>> load_form("measurements").item("cement-ratio-ap").most
    100
    >>> load_form("measurements", "zh-Hans").title
    '录入测量值'
    """
    place = files("service") / "data/fhir/questionnaires" / f"{name}.json"
    document = orjson.loads(place.read_bytes())
    return Form(
        document["id"],
        document["version"],
        _said(document, "title", language),
        _said(document, "description", language),
        tuple(_item(each, language) for each in document["item"]),
        language,
    )


def _said(raw: Mapping[str, Any], name: str, language: str) -> str:
    """Read a text in a language: FHIR keeps translations beside the original."""
    for extension in raw.get(f"_{name}", {}).get("extension", ()):
        parts = {each["url"]: each for each in extension.get("extension", ())}
        if parts["lang"]["valueCode"] == language:
            return str(parts["content"]["valueString"])
    return str(raw[name])


def _item(raw: Mapping[str, Any], language: str) -> Item:
    extensions = {each["url"]: each for each in raw.get("extension", ())}
    unit = extensions.get(f"{_EXTENSION}/questionnaire-unit", {}).get("valueCoding", {})
    options = [each["valueCoding"] for each in raw.get("answerOption", ())]
    inner = [each for each in raw.get("item", ()) if each["type"] != "display"]
    helps = [
        _said(each, "text", language)
        for each in raw.get("item", ())
        if each["type"] == "display"
    ]
    return Item(
        name=raw["linkId"],
        text=_said(raw, "text", language),
        kind=raw["type"],
        help=" ".join(helps),
        code=raw["code"][0]["code"] if "code" in raw else None,
        options={each["code"]: _said(each, "display", language) for each in options},
        least=extensions.get(f"{_EXTENSION}/minValue", {}).get("valueDecimal"),
        most=extensions.get(f"{_EXTENSION}/maxValue", {}).get("valueDecimal"),
        unit=unit.get("display", ""),
        ucum=unit.get("code", ""),
        is_required=raw.get("required", False),
        is_computed=raw.get("readOnly", False),
        enabled_by=_enabled_by(raw.get("enableWhen")),
        items=tuple(_item(each, language) for each in inner),
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
