"""Units of the predictors, and the quantities they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from types import MappingProxyType
from typing import Final

__all__ = ["CONVERSIONS", "PHYSICAL_RANGES", "UNITS", "Unit", "dimension_of"]


@dataclass(frozen=True, slots=True)
class Unit:
    """
    A unit.

    Attributes
    ----------
    dimension : str
        ``"angle"`` or ``"ratio"``.
    factor : float
        What a value is multiplied with to get degrees, or percent.
    """

    dimension: str
    factor: float


#: code of the project -> unit
UNITS: Final[Mapping[str, Unit]] = MappingProxyType(
    {
        "degree": Unit("angle", 1.0),
        "radian": Unit("angle", 180 / pi),
        "percent": Unit("ratio", 1.0),
        "fraction": Unit("ratio", 100.0),
    }
)

#: quantity -> lowest and highest value that is physically possible; degrees, percent
PHYSICAL_RANGES: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "cement-ratio-ap": (0.0, 100.0),
        "cobb-preoperative": (-90.0, 90.0),
        "cobb-postoperative": (-90.0, 90.0),
        "cobb-angle": (-90.0, 90.0),
        "cobb-restoration-ratio": (-200.0, 200.0),
    }
)
_DIMENSIONS: Final = {
    quantity: "ratio" if quantity.endswith(("ratio", "ratio-ap")) else "angle"
    for quantity in PHYSICAL_RANGES
}

#: unit and quantity, of one dimension -> factor to degrees or percent, and the range
CONVERSIONS: Final[Mapping[tuple[str, str], tuple[float, float, float]]] = {
    (name, quantity): (unit.factor, *bounds)
    for name, unit in UNITS.items()
    for quantity, bounds in PHYSICAL_RANGES.items()
    if unit.dimension == _DIMENSIONS[quantity]
}


def dimension_of(quantity: str) -> str | None:
    """
    Tell what kind of unit a quantity has.

    Parameters
    ----------
    quantity : str
        Code of the project.

    Returns
    -------
    str or None
        ``"angle"`` or ``"ratio"``; None if it is no quantity.
    """
    return _DIMENSIONS.get(quantity)
