"""Signs of the two Cobb angles, and the restoration ratio recorded against computed."""

from dataclasses import dataclass, replace
from typing import Final

from service.fhir.findings import Coding, Flag, Measurement, Missing, Reason, quoted
from service.fhir.measurements import Chosen
from service.fhir.units import PHYSICAL_RANGES

__all__ = ["Angles", "settle_angles"]

#: Recorded and computed ratio may differ by so many percentage points.
_TOLERANCE: Final = 1.0
_ROUNDING: Final = 1e-9


@dataclass(slots=True)
class Angles:
    """
    The angles and their restoration ratio.

    Attributes
    ----------
    preoperative, postoperative, ratio : Measurement or Missing
        The quantities; if one angle is in conflict, so is the ratio.
    flags : frozenset of Flag
        What was normalised, what differs.
    conflicts : tuple of str
        Contradictions with their sources.
    """

    preoperative: Measurement | Missing
    postoperative: Measurement | Missing
    ratio: Measurement | Missing
    flags: frozenset[Flag] = frozenset()
    conflicts: tuple[str, ...] = ()


def settle_angles(
    preoperative: Chosen, postoperative: Chosen, recorded: Chosen, own_system: str
) -> Angles:
    """
    Settle signs and compute the restoration ratio.

    Parameters
    ----------
    preoperative, postoperative : Chosen
        The angles, degrees.
    recorded : Chosen
        The recorded ratio, percent.
    own_system : str
        Address of the project's CodeSystem, for the computed ratio.

    Returns
    -------
    Angles
        The ratio is ``(pre - post) / pre x 100``, computed where both angles are there.
    """
    before, after = preoperative.result, postoperative.result
    is_signed = preoperative.is_signed and postoperative.is_signed
    flags: frozenset[Flag] = frozenset()
    # A sign can only be in doubt where an angle is negative.
    if not is_signed and (_is_negative(before) or _is_negative(after)):
        settled = _settle_signs(preoperative, postoperative)
        if settled != (before, after) and isinstance(settled[0], Measurement):
            flags = frozenset({Flag.SIGNS_NORMALISED})
        before, after = settled
    blocking = [
        angle
        for angle in (before, after)
        if isinstance(angle, Missing) and angle.reason is Reason.CONFLICT
    ]
    if blocking:
        candidates = dict.fromkeys(c for angle in blocking for c in angle.candidates)
        details = tuple(dict.fromkeys(angle.detail for angle in blocking))
        unclear = Missing(Reason.CONFLICT, "; ".join(details), tuple(candidates))
        return Angles(before, after, unclear, flags, details)
    ratio, differs = _ratio(before, after, recorded.result, own_system)
    if differs and not isinstance(ratio, Missing):
        flags |= {Flag.CRR_RECORDED_DIFFERS}
    return Angles(before, after, ratio, flags, (differs,) if differs else ())


def _is_negative(angle: Measurement | Missing) -> bool:
    return isinstance(angle, Measurement) and float(angle.value) < 0


def _settle_signs(
    preoperative: Chosen, postoperative: Chosen
) -> tuple[Measurement | Missing, Measurement | Missing]:
    """Both negative: magnitudes. Otherwise a negative angle contradicts the other."""
    before, after = preoperative.result, postoperative.result
    found = [item for item in (before, after) if isinstance(item, Measurement)]
    numbers = [float(item.value) for item in found]
    if not _is_doubtful(preoperative, postoperative, numbers):
        return before, after
    if len(numbers) > 1 and max(numbers) <= 0:
        first, second = (replace(item, value=abs(float(item.value))) for item in found)
        return first, second
    word = "opposite signs" if len(numbers) > 1 else "sign convention not known"
    named = " and ".join(quoted(item.as_found, item.source) for item in found)
    sources = tuple(item.source for item in found)
    conflict = Missing(Reason.CONFLICT, f"{word}: {named}", sources)
    return (
        conflict if isinstance(before, Measurement) else before,
        conflict if isinstance(after, Measurement) else after,
    )


def _is_doubtful(before: Chosen, after: Chosen, numbers: list[float]) -> bool:
    """Whether a negative angle stands there whose sign nobody has declared."""
    if len(numbers) > 1 and min(numbers) < 0 < max(numbers):
        return True
    return any(
        _is_negative(item.result) and not item.is_signed for item in (before, after)
    )


def _ratio(
    before: Measurement | Missing,
    after: Measurement | Missing,
    recorded: Measurement | Missing,
    own_system: str,
) -> tuple[Measurement | Missing, str]:
    """Give the ratio, and the contradiction in what is recorded of it, if any."""
    if isinstance(recorded, Missing) and recorded.reason is Reason.CONFLICT:
        return recorded, recorded.detail
    if isinstance(before, Missing) or isinstance(after, Missing):
        return _without_angles(recorded, before, after), ""
    computed = _computed(before, after, own_system)
    if isinstance(recorded, Missing):
        return computed, ""
    if isinstance(computed, Missing):
        # An angle of 0 degrees leaves nothing to compare a recorded ratio with.
        return recorded if computed.reason is Reason.UNDEFINED else computed, ""
    return computed, _difference(recorded, float(computed.value))


def _computed(
    before: Measurement, after: Measurement, own_system: str
) -> Measurement | Missing:
    start, end = float(before.value), float(after.value)
    if start == 0:
        return Missing(
            Reason.UNDEFINED, "preoperative angle of 0 deg", (before.source,)
        )
    number = (start - end) / start * 100
    low, high = PHYSICAL_RANGES["cobb-restoration-ratio"]
    if not low <= number <= high:
        sources = (before.source, after.source)
        return Missing(
            Reason.OUT_OF_PHYSICAL_RANGE, f"computed {number:.0f} %", sources
        )
    return Measurement(
        number,
        "%",
        f"computed from {before.as_found} and {after.as_found}",
        Coding(own_system, "cobb-restoration-ratio"),
        ", ".join(dict.fromkeys((before.source, after.source))),
        after.time,
        None,
    )


def _difference(recorded: Measurement, number: float) -> str:
    """Say how the recorded ratio differs from the computed one, if it does."""
    if abs(float(recorded.value) - number) <= _TOLERANCE + _ROUNDING:
        return ""
    said = quoted(recorded.as_found, recorded.source)
    return f"restoration ratio: {said} and {number:.1f} % (computed)"


def _without_angles(
    recorded: Measurement | Missing,
    before: Measurement | Missing,
    after: Measurement | Missing,
) -> Measurement | Missing:
    """Tell what keeps the ratio from being computed, if it is not recorded itself."""
    if isinstance(recorded, Measurement) or recorded.reason is not Reason.NOT_RECORDED:
        return recorded
    lacking = [angle for angle in (before, after) if isinstance(angle, Missing)]
    told = [angle for angle in lacking if angle.reason is not Reason.NOT_RECORDED]
    return told[0] if told else recorded
