"""Whether answers fit a form; what does not is named, in the form's language."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from cds_hooks import BadRequest
from service.languages import N_
from service.smart.questionnaires import Form, Item

__all__ = ["Answers", "checked_answers"]

#: What somebody answered, by the item's link id: text of a code, a date or a time;
#: a number; true or false. What is not answered is not there.
Answers = Mapping[str, str | float | bool]

_LONGEST: Final = 40
#: By whether there is a least and a most.
_RANGES: Final = {
    (True, True): N_("must be %(what)s from %(low)s to %(high)s"),
    (True, False): N_("must be %(what)s from %(low)s"),
    (False, True): N_("must be %(what)s to %(high)s"),
    (False, False): N_("must be %(what)s"),
}


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
        name: _checked(form, _within(items[name], limits or {}), value)
        for name, value in said.items()
        if value is not None and not items[name].is_computed
    }
    kept = {name: given[name] for name in given if _is_asked(items[name], given, items)}
    for item in items.values():
        if item.is_required and item.name not in kept and _is_asked(item, given, items):
            must = form.gettext("must be answered")
            raise BadRequest(f"answers.{item.name}: {must}")
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


def _checked(form: Form, item: Item, value: object) -> str | float | bool:
    said: str | float | bool
    if item.kind == "boolean" and isinstance(value, bool):
        said = value
    elif item.kind == "decimal" and type(value) in {int, float}:
        said = float(value)  # type: ignore[arg-type] # its type was looked at
        if not _is_between(item, said):
            raise BadRequest(f"answers.{item.name}: {_range(form, item)}")
    elif item.kind == "choice" and isinstance(value, str) and value in item.options:
        said = value
    elif item.kind in {"date", "dateTime"} and _is_time(item.kind, value):
        said = str(value)
        if not _is_between(item, said[:10]):
            raise BadRequest(f"answers.{item.name}: {_range(form, item)}")
    else:
        raise BadRequest(f"answers.{item.name}: {_range(form, item)}")
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


def _range(form: Form, item: Item) -> str:
    if item.options:
        codes = form.gettext(", ").join(item.options)
        return form.gettext("must be one of %(names)s") % {"names": codes}
    kinds = {
        "boolean": N_("true or false"),
        "decimal": N_("a number"),
        "date": N_("a day"),
        "dateTime": N_("a day and time"),
    }
    said = {"what": form.gettext(kinds[item.kind])}
    ends = (("low", item.least), ("high", item.most))
    said |= {end: _limit(limit) for end, limit in ends if limit is not None}
    return form.gettext(_RANGES["low" in said, "high" in said]) % said


def _limit(limit: float | str) -> str:
    return limit if isinstance(limit, str) else f"{limit:g}"
