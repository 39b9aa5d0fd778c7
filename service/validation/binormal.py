"""Patients whose log odds are normal: what an incidence and an area alone imply."""

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

from service.validation.estimates import Z_95

__all__ = [
    "Binormal",
    "check_share",
    "cox_snell",
    "entropy",
    "modest_r_squared",
    "odds_factor",
]

_Array: TypeAlias = NDArray[np.float64]

_NODES: Final = 200
#: Of the largest R squared that is possible: Riley's advice where nothing is known.
_SHARE_EXPLAINED: Final = 0.15


class Binormal:
    """
    A calibrated linear predictor: normal in both classes, with one variance.

    Parameters
    ----------
    incidence : float
        Share with the event, in (0, 1).
    auc : float
        Area under the ROC curve, in (0.5, 1).

    Attributes
    ----------
    values, weights : numpy.ndarray of shape (n_nodes,)
        Log odds and their shares, which sum to 1: sums over them are means over the
        patients.

    Raises
    ------
    ValueError
        If a number is out of its range. The message names it.
    """

    def __init__(self, incidence: float, auc: float) -> None:
        check_share("incidence", incidence)
        if not 1 / 2 < auc < 1:
            raise ValueError("auc: must be above 0.5 and below 1")
        self._deviation = math.sqrt(2) * float(ndtri(auc))
        # Calibrated, the logarithm of the ratio of both densities is the score itself.
        centre, apart = float(logit(incidence)), self._deviation**2
        self._without, self._with = centre - apart / 2, centre + apart / 2
        nodes, weights = hermegauss(_NODES)
        weights = weights / weights.sum()
        spread = self._deviation * nodes
        self.values: _Array = np.r_[self._without + spread, self._with + spread]
        self.weights: _Array = np.r_[(1 - incidence) * weights, incidence * weights]

    def shares(self, threshold: float) -> tuple[float, float]:
        """
        Sensitivity and specificity at a risk.

        Parameters
        ----------
        threshold : float
            Risk from which on a patient is positive, in (0, 1).

        Returns
        -------
        sensitivity : float
            Share of those with the event at or above it.
        specificity : float
            Share of the others below it.
        """
        cut = float(logit(threshold))
        return (
            float(ndtr((self._with - cut) / self._deviation)),
            float(ndtr((cut - self._without) / self._deviation)),
        )


def cox_snell(incidence: float, auc: float) -> float:
    """
    Cox-Snell R-squared of a calibrated model with a known area under the curve.

    Parameters
    ----------
    incidence : float
        Share with the event, in (0, 1).
    auc : float
        Area under the ROC curve, in (0.5, 1).

    Returns
    -------
    float
        R-squared, with a binormal linear predictor as in `Binormal`.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> round(cox_snell(0.2, 0.795), 3)
    0.177
    """
    score = Binormal(incidence, auc)
    risk = expit(score.values)
    fitted = risk * np.log(risk) + (1 - risk) * np.log1p(-risk)
    gain = float(score.weights @ fitted) - entropy(incidence)
    return -math.expm1(-2 * gain)


def modest_r_squared(incidence: float) -> float:
    """
    Cox-Snell R-squared of a model of which nothing is known yet.

    Riley's advice is 15 % of what can be explained at all. The study's own area would
    let far fewer patients suffice, and it is that of a model on its own patients.

    Parameters
    ----------
    incidence : float
        Share with the outcome, in (0, 1).

    Returns
    -------
    float
        In (0, 0.12). See Riley et al. (2020), doi:10.1136/bmj.m441.

    Raises
    ------
    ValueError
        If the incidence is out of its range.

    Examples
    --------
    >>> round(modest_r_squared(0.2), 3)
    0.095
    """
    return _SHARE_EXPLAINED * (1 - math.exp(2 * entropy(incidence)))


def odds_factor(n: int, incidence: float, auc: float) -> float:
    """
    Factor by which odds remain uncertain when only the intercept is fitted anew.

    Parameters
    ----------
    n : int
        Patients, at least 1.
    incidence : float
        Share with the event, in (0, 1).
    auc : float
        Area under the ROC curve, in (0.5, 1).

    Returns
    -------
    float
        The 95 % interval of the odds runs from them divided by it to them times it.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> round(odds_factor(340, 0.083, 0.795), 2)
    1.51
    """
    if n < 1:
        raise ValueError("n: must be at least 1")
    score = Binormal(incidence, auc)
    information = score.weights @ (expit(score.values) * expit(-score.values))
    return math.exp(Z_95 / math.sqrt(n * float(information)))


def entropy(share: float) -> float:
    """
    Mean log-likelihood of a model that gives everybody the incidence.

    Parameters
    ----------
    share : float
        The incidence, in (0, 1).

    Returns
    -------
    float
        Below 0.
    """
    return share * math.log(share) + (1 - share) * math.log1p(-share)


def check_share(name: str, value: float) -> None:
    """
    Refuse what is not strictly between 0 and 1.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : float
        Its value.

    Raises
    ------
    ValueError
        If it is 0, 1, beyond, or NaN.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name}: must be above 0 and below 1")
