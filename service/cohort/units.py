"""Ratios that look like fractions: 0.52 for 52 % is another patient to the model."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_units", "unit_warnings"]

_CEMENT: Final = "cement_ratio_percent"
_RATIOS: Final = (_CEMENT, "cobb_restoration_ratio_percent")
#: Of cement ratios as in Table 1, one of 10,000 lies below 1 %: more is no chance.
_CHANCE: Final = 0.01


def unit_warnings(columns: Mapping[str, NDArray[Any]]) -> Iterator[str]:
    """
    Warn of ratios that look as if they were not in per cent.

    Parameters
    ----------
    columns : Mapping[str, numpy.ndarray of shape (n_patients,)]
        Inputs of the models.

    Yields
    ------
    str
        What is the matter with a column: all its values are at most 1, or, as cement
        never fills so little, some are above 0 and at most 1.
    """
    yield from _doubts(columns, above=0.0)


def check_units(columns: Mapping[str, NDArray[Any]]) -> None:
    """
    Refuse to make a model of ratios that are not in per cent.

    Parameters
    ----------
    columns : Mapping[str, numpy.ndarray of shape (n_patients,)]
        Inputs of the models.

    Raises
    ------
    ValueError
        If there is a warning of more rows than chance explains, 1 in 100.
    """
    for doubt in _doubts(columns, above=_CHANCE):
        raise ValueError(
            f"{doubt} A model of such a table would be wrong for everybody: correct"
            " it, or take these rows out"
        )


def _doubts(columns: Mapping[str, NDArray[Any]], *, above: float) -> Iterator[str]:
    """Name columns of which a larger share than that looks like fractions."""
    for name in _RATIOS:
        values = columns[name][~np.isnan(columns[name])]
        small = int(np.count_nonzero((np.abs(values) <= 1) & (values != 0)))
        is_all = small > 0 and bool((np.abs(values) <= 1).all())
        if is_all or (name == _CEMENT and small > above * values.size):
            which = "all" if is_all else "some"
            yield (
                f"{name}: {which} of its values ({small} of {values.size}) lie within"
                " 1 of 0, as fractions do. The column is in per cent: 52, not 0.52. A"
                " risk from a fraction is wrong by a factor of ten in the odds."
            )
