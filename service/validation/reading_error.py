"""What the readers' disagreement does to the risk: two readings through one model.

A risk that equals a cut point is in the band above it, as on the cards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from service.model.arrays import design_matrix, linear_predictor, risk
from service.model.risk_model import RiskModel
from service.validation.estimates import Estimate

__all__ = ["RiskDifferences", "risk_differences"]

_Array: TypeAlias = NDArray[np.float64]

_QUANTILES: Final = (0.025, 0.25, 0.5, 0.75, 0.975)


@dataclass(frozen=True, slots=True, eq=False)
class RiskDifferences:
    """
    The risks that two readers would have given the same patients.

    Attributes
    ----------
    n : int
        Patients.
    mean, sd : float
        Of the difference of the risks, second less first. `sd` is NaN for one patient.
    quantiles : tuple of float
        Of the difference, at 2.5, 25, 50, 75 and 97.5 %.
    largest : float
        Largest absolute difference: that of one patient.
    cuts : tuple of float
        Where bands end.
    bands : numpy.ndarray of int of shape (n_bands, n_bands)
        Patients by band, lowest first: of the first reader in rows, of the second in
        columns.
    changed : Estimate
        Share of patients whose band changes with the reader; Wilson's interval.
    """

    n: int
    mean: float
    sd: float
    quantiles: tuple[float, ...]
    largest: float
    cuts: tuple[float, ...]
    bands: NDArray[np.intp]
    changed: Estimate


def risk_differences(
    model: RiskModel,
    first: Mapping[str, ArrayLike],
    second: Mapping[str, ArrayLike],
    *,
    cuts: tuple[float, ...],
) -> RiskDifferences:
    """
    Score the same patients with the measurements of two readers.

    Parameters
    ----------
    model : RiskModel
        The model.
    first, second : Mapping[str, array_like of shape (n_patients,)]
        The model's predictors as each reader has them: what is read from films
        differs, such as the restoration ratio from each reader's own angles; the
        rest is the same.
    cuts : tuple of float
        Where bands end, from the policy: in (0, 1), ascending.

    Returns
    -------
    RiskDifferences
        How far the risks are apart, and how often it matters.

    Raises
    ------
    ValueError
        If a column is absent, incomplete or impossible (see
        `service.model.arrays.design_matrix`), the readers have different patients, or
        cuts are out of range.
    """
    if not cuts or list(cuts) != sorted({c for c in cuts if 0 < c < 1}):
        raise ValueError("cuts: must lie in (0, 1) and ascend, at least one")
    designs = design_matrix(model, first), design_matrix(model, second)
    _check_same_patients(model, *designs)
    one, two = (risk(linear_predictor(model, design)) for design in designs)
    bands = _cross_table(one, two, cuts)
    n, moved = one.size, int(bands.sum() - np.trace(bands))
    share = binomtest(moved, n).proportion_ci(method="wilson")
    difference = two - one
    return RiskDifferences(
        n=n,
        mean=float(difference.mean()),
        sd=float(difference.std(ddof=1)) if n > 1 else np.nan,
        quantiles=tuple(np.quantile(difference, _QUANTILES).tolist()),
        largest=float(np.abs(difference).max()),
        cuts=cuts,
        bands=bands,
        changed=Estimate(moved / n, share.low, share.high),
    )


def _check_same_patients(model: RiskModel, first: _Array, second: _Array) -> None:
    if first.shape != second.shape or not first.size:
        raise ValueError(
            f"second: {len(second)} patients, first: {len(first)}; both readers must"
            " have read the same patients, at least one"
        )
    for place, quantity in enumerate(model.predictors):
        if quantity.codes and (first[:, place] != second[:, place]).any():
            raise ValueError(
                f"{quantity.name}: differs between the readers; it is not read from"
                " films, so the rows are not of the same patients"
            )


def _cross_table(
    first: _Array, second: _Array, cuts: tuple[float, ...]
) -> NDArray[np.intp]:
    size = len(cuts) + 1
    rows, columns = (np.searchsorted(cuts, r, side="right") for r in (first, second))
    return np.bincount(rows * size + columns, minlength=size**2).reshape(size, size)
