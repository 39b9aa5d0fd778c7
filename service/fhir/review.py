"""What was looked for since the operation: what counts as follow-up, what does not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from service.fhir.course import Course
from service.fhir.findings import Reason
from service.fhir.quantities import Fault
from service.fhir.signs import Sign, newest_of
from service.fhir.verdicts import Setting

__all__ = ["PAIN", "RELIEF", "TENDER", "Review", "read_review"]

PAIN: Final = frozenset({"scn-persistent-pain"})
#: By their definitions both say that pressure there brings on the patient's pain.
TENDER: Final = frozenset({"scn-tender-point", "scn-tinel-sign"})
RELIEF: Final = frozenset({"scn-block-relief"})
_EXAMINED: Final = frozenset({"scn-examined"})

#: So many sources are named at most.
_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Review:
    """
    References of what speaks of examination and block since the operation.

    Attributes
    ----------
    followed_up : tuple of str
        What shows that somebody looked for it, or planned to.
    blocks : tuple of str
        What shows that a block was given, planned or decided against.
    early, early_blocks : tuple of str
        The same of the first days after the operation, which do not count.
    unread : tuple of str
        Findings of an examination or of relief that are not final, not legible, or
        without a time that can tell.
    """

    followed_up: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    early_blocks: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def read_review(signs: Sequence[Sign], course: Course, setting: Setting) -> Review:
    """
    Sort what was looked for by whether it counts.

    Parameters
    ----------
    signs : sequence of Sign
        Signs that are not surely from before the operation.
    course : Course
        What Procedures say.
    setting : Setting
        Operation and call.

    Returns
    -------
    Review
        What a sign found makes no difference; that pain persists is a reason to look
        and no look, that it is gone needs none.
    """
    counted, early, unread = [], [], []
    for sign in signs:
        target = sign.mapped.target
        if target in PAIN or (target in _EXAMINED and sign.answer is False):
            continue
        refusal = setting.check(sign)
        if setting.is_early(sign.when):
            early.append(sign)
        elif refusal is None and not isinstance(sign.answer, Fault):
            counted.append(sign)
        elif refusal is None or refusal.reason is not Reason.DATA_ABSENT:
            unread.append(sign)
    relief = [sign for sign in signs if sign.mapped.target in RELIEF]
    return Review(
        _named(
            [*counted, *_gone(signs, setting)], course.examinations, course.mentions
        ),
        _named((s for s in relief if not setting.is_early(s.when)), course.mentions),
        _named(early, course.early_examinations, course.early_mentions),
        _named((s for s in relief if setting.is_early(s.when)), course.early_mentions),
        _named(unread),
    )


def _gone(signs: Iterable[Sign], setting: Setting) -> list[Sign]:
    """Findings that pain is absent, as long as none that it persists may be newer."""
    counted = newest_of((s for s in signs if setting.check(s) is None), PAIN)
    present = [sign for sign in counted if sign.answer is True]
    return [
        sign
        for sign in counted
        if sign.answer is False and all(other.is_before(sign) for other in present)
    ]


def _named(signs: Iterable[Sign], *procedures: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(sign.source for sign in signs))[:_NAMED]
    return tuple(dict.fromkeys(chain(*procedures, found)))
