"""The closed list of values a model may use: name, unit, coding, physical range."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

__all__ = [
    "INPUTS",
    "InputKind",
    "Inputs",
    "Values",
    "check_inputs",
    "restoration_ratio_percent",
]

#: What a caller says about a patient: labels and numbers by name.
Inputs: TypeAlias = Mapping[str, float | str | None]
#: Inputs that were checked: all of them, each a number or None.
Values: TypeAlias = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class InputKind:
    """
    What may be said about one input before any model looks at it.

    Attributes
    ----------
    name : str
        Name used in every interface; a quantity carries its unit.
    kind : str
        ``binary``, ``ordinal`` or ``continuous``.
    unit : str
        UCUM unit; ``1`` for a coded value.
    physical : tuple of float
        Lowest and highest value that can exist; anything else is refused.
    codes : Mapping[str, float]
        Number of each label; empty for a quantity.
    """

    name: str
    kind: str
    unit: str
    physical: tuple[float, float]
    codes: Mapping[str, float]


def _continuous(name: str, unit: str, low: float, high: float) -> InputKind:
    return InputKind(name, "continuous", unit, (low, high), _NO_CODES)


_NO_CODES: Mapping[str, float] = MappingProxyType({})
_SEGMENT = MappingProxyType({"thoracic": 0.0, "lumbar": 1.0})
_METHOD = MappingProxyType({"pedicle_screw": 1.0, "pvp": 2.0, "pkp": 3.0})

#: Every input by name, in the order of the paper's Table 2, the angles last.
INPUTS: Mapping[str, InputKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            InputKind("segment", "binary", "1", (0.0, 1.0), _SEGMENT),
            InputKind("method", "ordinal", "1", (1.0, 3.0), _METHOD),
            _continuous("cement_ratio_percent", "%", 0.0, 100.0),
            _continuous("cobb_restoration_ratio_percent", "%", -200.0, 200.0),
            _continuous("cobb_postoperative_deg", "deg", -90.0, 90.0),
            _continuous("cobb_preoperative_deg", "deg", -90.0, 90.0),
        )
    }
)

_NO_VALUES: dict[str, float | None] = dict.fromkeys(INPUTS)


def restoration_ratio_percent(
    cobb_preoperative_deg: float, cobb_postoperative_deg: float
) -> float | None:
    """
    Share of the preoperative vertebral kyphosis that the operation took away.

    Parameters
    ----------
    cobb_preoperative_deg : float
        Angle between the endplates of the fractured vertebra before, in degrees.
    cobb_postoperative_deg : float
        The same angle afterwards, in degrees, with the same sign convention.

    Returns
    -------
    float or None
        Per cent: 100 for a full correction, negative when the angle grew; None
        for a preoperative angle of 0, where the ratio does not exist.

    Examples
    --------
    >>> restoration_ratio_percent(12.0, 6.0)
    50.0
    >>> restoration_ratio_percent(0.0, 6.0) is None
    True
    """
    if cobb_preoperative_deg == 0:
        return None
    change = cobb_preoperative_deg - cobb_postoperative_deg
    return 100 * change / cobb_preoperative_deg


def check_inputs(inputs: Inputs) -> Values:
    """
    Check what is said about a patient, once for all models that score it.

    Parameters
    ----------
    inputs : Mapping[str, float or str or None]
        Labels and numbers by name; an input that is absent or None is missing.

    Returns
    -------
    Mapping[str, float or None]
        Every input: a number, also for a label; None if it is missing.

    Raises
    ------
    ValueError
        If an input is unknown, of the wrong type, an unknown label, not finite or
        physically impossible. The message names the input, never the value.
    """
    values = _NO_VALUES.copy()
    for name, value in inputs.items():
        kind = INPUTS.get(name)
        if kind is None:
            known = ", ".join(INPUTS)
            raise ValueError(f"{name}: unknown input; known are {known}")
        if value is not None:
            values[name] = _coded(kind, value)
    return values


def _coded(kind: InputKind, value: float | str) -> float:
    if kind.codes:
        if not isinstance(value, str) or value not in kind.codes:
            raise ValueError(f"{kind.name}: must be one of {', '.join(kind.codes)}")
        return kind.codes[value]
    if isinstance(value, bool) or not isinstance(value, (float, int)):
        raise ValueError(f"{kind.name}: must be a number in {kind.unit}")  # noqa: TRY004 one error for every bad input
    low, high = kind.physical
    if not low <= value <= high:
        raise ValueError(
            f"{kind.name}: must be finite and in [{low:g}, {high:g}] {kind.unit}"
        )
    return float(value)
