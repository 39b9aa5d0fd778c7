"""Relief by the diagnostic block: how much of it, and whether within two hours."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta, tzinfo
from itertools import takewhile
from typing import Final

from service.fhir.course import Block
from service.fhir.findings import Reason, quoted
from service.fhir.quantities import Fault
from service.fhir.signs import Sign, are_apart
from service.fhir.verdicts import Criterion, Refusal, Result, Setting, found, unknown

__all__ = ["RELIEF_PERCENT", "WITHIN", "is_maybe_numbed", "judge_relief", "numbed"]

#: The study: "alleviated by more than 75% within two hours after the injection".
RELIEF_PERCENT: Final = 75.0
WITHIN: Final = timedelta(hours=2)

_TIME_GATE, _WINDOW_GATE, _VALUE_GATE, _PLACE_GATE = 0, 2, 3, 4
_LOOSE: Final = "no block with a time is recorded before it"
_OF_ANOTHER: Final = "no block that was given before it is what it is part of"


def judge_relief(
    signs: Sequence[Sign],
    blocks: Sequence[Block],
    points: Sequence[Sign],
    setting: Setting,
) -> Criterion:
    """
    Judge the relief by the newest block of which one is recorded.

    Parameters
    ----------
    signs : sequence of Sign
        Recorded relief.
    blocks : sequence of Block
        Blocks that were given after the operation.
    points : sequence of Sign
        Tender points: a block elsewhere, or before the first one, tells nothing.
    setting : Setting
        Operation and call.

    Returns
    -------
    Criterion
        Met if more than 75 % is recorded within two hours of it, not met if that much
        and no more is; unknown if the time, or the value, cannot tell.
    """
    refused: list[Refusal] = []
    paired: dict[str, list[Sign]] = {}
    by_source = {block.source: block for block in blocks}
    positive = [p for p in points if p.answer is True and not setting.check(p)]
    for sign in signs:
        refusal = setting.check(sign)
        block = None if refusal else _block_of(sign, blocks)
        if block and positive:
            refusal = _misplaced(sign, block, positive)
        if refusal:
            refused.append(refusal)
        elif block is None:
            detail = _LOOSE if not sign.procedures else _OF_ANOTHER
            refused.append(_unclear(_TIME_GATE, detail, sign))
        else:
            paired.setdefault(block.source, []).append(sign)
    if not paired:
        return unknown(refused)
    order = sorted(
        paired, key=lambda name: (by_source[name].given.start, name), reverse=True
    )
    judged = [_judge_block(paired[name], by_source[name]) for name in order]
    lasting = [*takewhile(lambda criterion: criterion.is_met, judged)]
    if not lasting:
        return judged[0]
    # Relief by one block more does not make the criterion met anew.
    return replace(judged[0], since=lasting[-1].since)


def _block_of(sign: Sign, blocks: Sequence[Block]) -> Block | None:
    """The block that it is said to belong to; if it says none, the last before it."""
    earlier = [
        block
        for block in blocks
        if (not sign.procedures or block.name in sign.procedures)
        and sign.when
        and not sign.when.is_before(block.given)
    ]
    return max(
        earlier, key=lambda block: (block.given.start, block.source), default=None
    )


def _misplaced(sign: Sign, block: Block, points: Sequence[Sign]) -> Refusal | None:
    """Find out whether it may have been given at a tender point found before it."""
    sides = {block.source: block.side, sign.source: sign.side}
    apart = [
        (point, source)
        for point in points
        for source, side in sides.items()
        if are_apart(point.side, side)
    ]
    there = [p for p in points if not any(p is other for other, _ in apart)]
    if not there:
        point, source = apart[0]
        said = quoted(sides[source], source), quoted(point.side, point.source)
        detail = f"block and tender point on two sides: {' and '.join(said)}"
        return Refusal(_PLACE_GATE, Reason.CONFLICT, detail, sign.source)
    if all(point.when and block.given.is_before(point.when) for point in there):
        detail = quoted("block before the tender point was found", there[0].source)
        return _unclear(_PLACE_GATE, detail, sign)
    return None


def _judge_block(signs: Sequence[Sign], block: Block) -> Criterion:
    checked = [(sign, _check_window(sign, block)) for sign in signs]
    timely = [sign for sign, refusal in checked if refusal is None]
    enough = [sign for sign in timely if _is_enough(sign)]
    for sign in enough:
        if _contradicting(sign, timely) is None:
            findings = found([sign])
            return Criterion(Result.MET, findings, since=findings[0].last_day)
    if enough:
        return _conflict(enough[0], _contradicting(enough[0], timely), timely)
    # What cannot be read, or timed, may have been enough: it never makes "not met".
    illegible = [_illegible(s, s.answer) for s in timely if isinstance(s.answer, Fault)]
    untimed = [
        refusal
        for sign, refusal in checked
        if refusal
        and refusal.reason is Reason.TIME_UNCLEAR
        and (isinstance(sign.answer, Fault) or _is_enough(sign))
    ]
    if illegible or untimed:
        return unknown([*illegible, *untimed])
    if timely:
        return Criterion(Result.NOT_MET, found(timely))
    return unknown(refusal for _, refusal in checked if refusal)


def _check_window(sign: Sign, block: Block) -> Refusal | None:
    """Whatever the exact times are, it must lie within two hours of the injection."""
    when, given = sign.when, block.given
    if when is None:
        return _unclear(_TIME_GATE, "the finding has no time", sign)
    if when.start >= given.end and when.end <= given.start + WITHIN:
        return None
    if when.start > given.end + WITHIN and given.is_before(when):
        detail = "later than two hours after the block"
        return Refusal(_WINDOW_GATE, Reason.OUTSIDE_WINDOW, detail, sign.source)
    return _unclear(_WINDOW_GATE, "within two hours of the block cannot be told", sign)


def numbed(sign: Sign, blocks: Sequence[Block], zone: tzinfo) -> Refusal | None:
    """
    Refuse what is not felt because of a block.

    Parameters
    ----------
    sign : Sign
        A finding of pain, or on pressure.
    blocks : sequence of Block
        Blocks that were given.
    zone : datetime.tzinfo
        Where days begin and end.

    Returns
    -------
    Refusal or None
        If nothing was found within two hours of a block, or later on its day, and not
        surely on the other side: that is the effect of the block.
    """
    when = sign.when
    for block in blocks:
        if when and when.start >= block.given.start and _may_numb(block, sign, zone):
            detail = quoted("absent, maybe by the effect of a block", block.source)
            return _unclear(_VALUE_GATE, detail, sign)
    return None


def is_maybe_numbed(sign: Sign, blocks: Sequence[Block], zone: tzinfo) -> bool:
    """
    Tell whether something may be not felt because of a block.

    Parameters
    ----------
    sign : Sign
        A finding of pain, or on pressure.
    blocks : sequence of Block
        Blocks that were given.
    zone : datetime.tzinfo
        Where days begin and end.

    Returns
    -------
    bool
        True also where it is open whether block or finding came first.
    """
    return any(
        sign.when and not sign.when.is_before(block.given)
        for block in blocks
        if _may_numb(block, sign, zone)
    )


def _may_numb(block: Block, sign: Sign, zone: tzinfo) -> bool:
    """Whether day, side and answer fit the effect of a block; not which came first."""
    when, given = sign.when, block.given
    if sign.answer is not False or when is None or are_apart(sign.side, block.side):
        return False
    return when.shares_day(given, zone) or given.start <= when.start <= (
        given.end + WITHIN
    )


def _unclear(gate: int, detail: str, sign: Sign) -> Refusal:
    return Refusal(gate, Reason.TIME_UNCLEAR, detail, sign.source)


def _illegible(sign: Sign, fault: Fault) -> Refusal:
    return Refusal(_VALUE_GATE, fault.reason, fault.detail, sign.source)


def _is_enough(sign: Sign) -> bool:
    """75 % exactly is not."""
    return not isinstance(sign.answer, Fault) and sign.answer > RELIEF_PERCENT


def _contradicting(sign: Sign, others: Sequence[Sign]) -> Sign | None:
    """Find one of the same time that does not say enough, or cannot be read."""
    return next(
        (
            other
            for other in others
            if not _is_enough(other)
            and sign.when
            and other.when
            and sign.when.overlaps(other.when)
        ),
        None,
    )


def _conflict(one: Sign, other: Sign | None, signs: Sequence[Sign]) -> Criterion:
    told = [sign for sign in (one, other) if sign]
    said = (quoted(sign.as_found or "illegible", sign.source) for sign in told)
    return Criterion(
        Result.UNKNOWN,
        reason=Reason.CONFLICT,
        detail=f"differing values at one time: {' and '.join(said)}",
        candidates=tuple(dict.fromkeys(sign.source for sign in signs)),
    )
