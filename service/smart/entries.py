"""What the form of the measurements writes: Observations that the extraction reads."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from cds_hooks import BadRequest
from service.fhir.findings import OperatedVertebra
from service.smart.answers import Answers
from service.smart.measurements import MeasurementForm
from service.smart.questionnaires import Form
from service.smart.resources import Author, Draft, quantity
from service.smart.standings import said_angle
from service.wording import format_number

__all__ = ["entries", "left_out", "level_entries"]

_LEVEL: Final = "fracture-segment"
_AREAS: Final = ("cement-area", "vertebra-area")
_ANGLES: Final = frozenset({"cobb-preoperative", "cobb-postoperative"})
#: The film on which each value is measured.
_FILMS: Final[Mapping[str, str]] = {
    "cobb-preoperative": "film-preoperative",
    "cobb-postoperative": "film-postoperative",
    "cement-ratio-ap": "film-postoperative",
}


def entries(
    form: MeasurementForm,
    answers: Answers,
    vertebra: OperatedVertebra,
    author: Author,
    *,
    is_kyphosis_negative: bool,
    levels: Collection[str],
) -> list[Draft]:
    """
    Write the answers to what is open.

    Parameters
    ----------
    form : MeasurementForm
        Tells what is open.
    answers : Mapping
        Checked answers.
    vertebra : OperatedVertebra
        The vertebra, as the record has it now.
    author : Author
        Who measured, and of whom.
    is_kyphosis_negative : bool
        Whether the site writes kyphosis as a negative angle.
    levels : collection of str
        The levels that the record leaves possible, where it knows none.

    Returns
    -------
    list of Draft
        What the record knows by now is left out.

    Raises
    ------
    BadRequest
        If a value has no film, an area lacks the other one, or the record contradicts
        the level.
    """
    _check_known_level(form.form, answers, vertebra)
    standings = form.standings(vertebra)
    given = {name: said for name, said in answers.items() if standings[name].is_open}
    _check_areas(form.form, given)
    level = vertebra.level or given.get(_LEVEL)
    drafts = []
    if _LEVEL in given:
        form.check_level(given, levels)
        day = _day(form.form, given, vertebra)
        drafts.append(_level(form.form, str(level), day, author))
    sign = -1 if is_kyphosis_negative else 1
    site = {"bodySite": author.concept(str(level))} if level else {}
    for name, number, day in _measured(form.form, given):
        item = form.form.item(name)
        value = (number * sign or 0.0) if name in _ANGLES else number
        told = [
            said_angle(form.form, number)
            if name in _ANGLES
            else f"{format_number(number)} {item.unit}",
            day,
            *([level] if level else []),
        ]
        said = {"valueQuantity": quantity(value, item.unit, item.ucum), **site}
        label = form.form.line(item.text, *map(str, told))
        drafts.append(author.observation(label, name, when=day, elements=said))
    return drafts


def left_out(
    form: MeasurementForm, answers: Answers, vertebra: OperatedVertebra
) -> list[dict[str, str]]:
    """
    Tell which answers `entries` does not write, and what the record has in their place.

    Parameters
    ----------
    form : MeasurementForm
        Tells what is open.
    answers : Mapping
        Checked answers.
    vertebra : OperatedVertebra
        The vertebra, as the record has it now.

    Returns
    -------
    list of dict
        ``label`` is what was entered; ``record`` what is there, which may differ.
    """
    standings, told = form.standings(vertebra), []
    for name in (_LEVEL, *_FILMS):
        if name in answers and not standings[name].is_open:
            item, value = form.form.item(name), answers[name]
            if name in _ANGLES:
                said = said_angle(form.form, value)
            elif isinstance(value, float):
                said = f"{format_number(value)} {item.unit}"
            else:
                said = str(value)
            label = form.form.line(item.text, said)
            told.append({"label": label, "record": standings[name].said})
    return told


def level_entries(
    form: MeasurementForm, vertebra: OperatedVertebra, author: Author
) -> dict[str, dict[str, Any]]:
    """
    Write each level that can be answered, to be tried on the record.

    Parameters
    ----------
    form : MeasurementForm
        Tells which levels there are.
    vertebra : OperatedVertebra
        The vertebra.
    author : Author
        Of whose patient.

    Returns
    -------
    dict of str to dict
        By level: the Observation.
    """
    day = str(vertebra.operation.day or author.recorded.date())
    options = form.form.item(_LEVEL).options
    drafts = {level: _level(form.form, level, day, author) for level in options}
    return {level: draft.written | {"id": "new"} for level, draft in drafts.items()}


def _level(form: Form, level: str, day: str, author: Author) -> Draft:
    label = form.line(form.item(_LEVEL).text, level)
    said = {"valueCodeableConcept": author.concept(level)}
    return author.observation(label, _LEVEL, when=day, elements=said)


def _check_known_level(
    form: Form, answers: Answers, vertebra: OperatedVertebra
) -> None:
    """Refuse all where the record has another level by now: films show one vertebra."""
    if vertebra.level and answers.get(_LEVEL, vertebra.level) != vertebra.level:
        why = form.gettext("the record says %(level)s by now; open the form again")
        raise BadRequest(f"answers.{_LEVEL}: {why % {'level': vertebra.level}}")


def _check_areas(form: Form, given: Answers) -> None:
    """One area alone gives no ratio, and would be lost."""
    for lacking, other in (_AREAS, _AREAS[::-1]):
        if other in given and lacking not in given:
            must = form.gettext("must be answered, with the other area")
            raise BadRequest(f"answers.{lacking}: {must}")


def _measured(form: Form, given: Answers) -> Iterator[tuple[str, float, str]]:
    """Give each value with the day of its film: without it nobody could use it."""
    for name, film in _FILMS.items():
        if name in given:
            if film not in given:
                must = form.gettext("must be answered, for: %(item)s")
                must %= {"item": form.item(name).text}
                raise BadRequest(f"answers.{film}: {must}")
            yield name, float(given[name]), str(given[film])


def _day(form: Form, given: Answers, vertebra: OperatedVertebra) -> str:
    """A level is of the last film, else of the operation's day."""
    films = [
        str(given[each]) for each in dict.fromkeys(_FILMS.values()) if each in given
    ]
    if not films and vertebra.operation.day is None:
        must = form.gettext("must be answered, for: %(item)s")
        must %= {"item": form.item(_LEVEL).text}
        raise BadRequest(f"answers.film-postoperative: {must}")
    return films[-1] if films else str(vertebra.operation.day)
