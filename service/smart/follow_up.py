"""The form of a follow-up visit: what is written, and the outcome for the store."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cds_hooks import BadRequest
from service.fhir.findings import Operation
from service.smart.answers import Answers, checked_answers
from service.smart.questionnaires import Form, load_form
from service.smart.resources import Author, Draft, quantity

__all__ = ["FollowUpForm"]

_DAY, _EXAMINED = "visit-date", "scn-examined"
_BLOCK, _RELIEF = "scn-diagnostic-block", "scn-block-relief"
_OUTCOME, _CRITERIA = "outcome", "criteria"
_SITE: Final = "superior-cluneal-nerve"
#: Findings that are present or absent, and where their side is answered.
_SIGNS: Final[Mapping[str, str | None]] = {
    "scn-persistent-pain": None,
    "scn-tender-point": "tender-point-side",
    "scn-tinel-sign": "tinel-sign-side",
}
#: What follows a colon says how a finding is looked for.
_SAYS: Final = re.compile("[:：]")
#: The word left or right is what tells two places apart.
_PLACES: Final = {
    "scn-tender-point": "posterior iliac crest, {side}",
    "scn-tinel-sign": "posterior iliac crest, {side}",
    _BLOCK: "superior cluneal nerve, {side}",
}


@dataclass(frozen=True, slots=True)
class FollowUpForm:
    """
    The form, under one policy.

    Attributes
    ----------
    findings_from_days : int
        So many days after the operation findings begin to count in the chart.
    form : Form
        The Questionnaire.
    """

    findings_from_days: int = 0
    form: Form = field(default_factory=lambda: load_form("follow-up"))

    def counts_from(self, operation: Operation | None) -> str:
        """
        Tell from which day on findings count in the chart.

        Parameters
        ----------
        operation : Operation or None
            The operation.

        Returns
        -------
        str
            The day; empty if that of the operation is not known.
        """
        if operation is None or operation.day is None:
            return ""
        return (operation.day + timedelta(self.findings_from_days)).isoformat()

    def limits(
        self, operation: Operation | None, now: datetime
    ) -> dict[str, tuple[str | None, str]]:
        """
        Tell the days on which a visit can have been.

        Parameters
        ----------
        operation : Operation or None
            The operation.
        now : datetime.datetime
            Now, in the hospital's zone.

        Returns
        -------
        dict
            From the operation to today, for each item that asks for a time.
        """
        day = operation.day if operation else None
        ends = (None if day is None else day.isoformat(), now.date().isoformat())
        return dict.fromkeys((_DAY, "block-time", "relief-time"), ends)

    def checked(
        self, said: object, operation: Operation | None, now: datetime
    ) -> Answers:
        """
        Check answers; times are the hospital's.

        Parameters
        ----------
        said : object
            JSON: answers by link id.
        operation : Operation or None
            The operation.
        now : datetime.datetime
            Now, in the hospital's zone.

        Returns
        -------
        Mapping
            The answers, times with their offset.

        Raises
        ------
        BadRequest
            If one is impossible, or in the future, or relief has no time.
        """
        answers = dict(checked_answers(self.form, said, self.limits(operation, now)))
        for name in {"block-time", "relief-time"} & answers.keys():
            when = datetime.fromisoformat(str(answers[name])).replace(tzinfo=now.tzinfo)
            if when > now + timedelta(minutes=1):
                why = self.form.gettext("lies in the future")
                raise BadRequest(f"answers.{name}: {why}")
            answers[name] = when.isoformat(timespec="seconds")
        if _RELIEF in answers and "relief-time" not in answers:
            why = self.form.gettext("must be answered, for: %(item)s")
            why %= {"item": self.form.item(_RELIEF).text}
            raise BadRequest(f"answers.relief-time: {why}")
        if str(answers.get("relief-time", "~")) < str(answers.get("block-time", "")):
            why = self.form.gettext("lies before the block")
            raise BadRequest(f"answers.relief-time: {why}")
        return answers

    def drafts(self, answers: Answers, author: Author) -> list[Draft]:
        """
        Write the answers as the chart service reads them.

        Parameters
        ----------
        answers : Mapping
            Checked answers.
        author : Author
            Who examined, and whom.

        Returns
        -------
        list of Draft
            A block comes before its relief. What was not asked or looked for is not
            written: it is never "absent".
        """
        return [
            *_signs(self.form, answers, author),
            _examined(self.form, answers, author),
            *_block(self.form, answers, author),
        ]

    def outcome(self, answers: Answers) -> dict[str, str | None] | None:
        """
        Tell the outcome for the store.

        Parameters
        ----------
        answers : Mapping
            Checked answers.

        Returns
        -------
        dict or None
            ``outcome``, ``examined_on`` and ``criteria``; None while it is undecided.
        """
        if answers[_EXAMINED] is False:
            return {"outcome": "not-examined", "examined_on": None, "criteria": None}
        if _OUTCOME not in answers:
            return None
        return {
            "outcome": str(answers[_OUTCOME]),
            "examined_on": str(answers[_DAY]),
            "criteria": str(answers[_CRITERIA]),
        }


def _sides(said: object) -> tuple[str, ...]:
    return ("left", "right") if said == "both" else (str(said),)


def _signs(form: Form, answers: Answers, author: Author) -> Iterator[Draft]:
    for name, asked in _SIGNS.items():
        if name not in answers:
            continue
        item, value = form.item(name), str(answers[name])
        told = _SAYS.split(item.text, maxsplit=1)[0], item.options[value]
        sides = _sides(answers[asked]) if asked and asked in answers else (None,)
        for side in sides:
            where = [form.item(str(asked)).options[side]] if side else []
            yield author.observation(
                form.line(*told, *where),
                name,
                when=str(answers[_DAY]),
                elements={
                    "valueCodeableConcept": author.concept(value),
                    **_site(author, name, side),
                },
            )


def _site(author: Author, name: str, side: str | None) -> dict[str, Any]:
    if side is None:
        return {}
    return {"bodySite": author.concept(_SITE, _PLACES[name].format(side=side))}


def _examined(form: Form, answers: Answers, author: Author) -> Draft:
    is_examined = bool(answers[_EXAMINED])
    return author.observation(
        form.gettext("Examined") if is_examined else form.gettext("Not examined"),
        _EXAMINED,
        when=str(answers[_DAY]),
        elements={"valueBoolean": is_examined},
    )


def _block(form: Form, answers: Answers, author: Author) -> Iterator[Draft]:
    """Write a block for each side; its relief belongs to all of them."""
    if not answers.get(_BLOCK):
        return
    blocks = []
    for side in _sides(answers["block-side"]):
        site = author.concept(_SITE, _PLACES[_BLOCK].format(side=side))
        where = form.item("block-side").options[side]
        when = str(answers["block-time"])[:16]
        label = form.line(form.gettext("Diagnostic block"), where, when)
        blocks.append(
            author.procedure(
                label,
                _BLOCK,
                when=str(answers["block-time"]),
                elements={"bodySite": [site]},
            )
        )
    yield from blocks
    if _RELIEF in answers:
        item, number = form.item(_RELIEF), float(answers[_RELIEF])
        yield author.observation(
            form.line(item.text, f"{number:g} {item.unit}"),
            _RELIEF,
            when=str(answers["relief-time"]),
            elements={
                "valueQuantity": quantity(number, item.unit, item.ucum),
                "partOf": [{"reference": each.full_url} for each in blocks],
            },
        )
