"""Weights for the examined so that they stand for all: verification bias.

If the risk decides who is examined, those who were are not like all, and what they show
of the model is biased. Each examined patient gets the inverse of the probability of
having been examined, given the predictors (Begg and Greenes 1983; Hernan and Robins
2006 for stabilising and truncating). It helps as far as the predictors explain who was
examined, and no further.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray

from service.validation.estimates import NotEstimableError
from service.validation.resampling import Rows, Statistic

__all__ = [
    "ExaminationWeights",
    "ReweighedResamples",
    "effective_sample_size",
    "examination_weights",
]

_TRUNCATION = (0.01, 0.99)
#: Largest change of a coefficient, in SDs of its predictor, at which fitting ends.
_ITERATIONS = 100


@dataclass(frozen=True, slots=True, eq=False)
class ExaminationWeights:
    """
    Inverse probabilities of having been examined.

    Attributes
    ----------
    weights : numpy.ndarray of shape (n_examined,)
        Stabilised and truncated; one for each examined patient, in their order.
    probability : numpy.ndarray of shape (n_patients,)
        Of having been examined, as fitted.
    examined : float
        Share that was.
    quantiles : tuple of float
        Of the weights, at which they were truncated.
    limits : tuple of float
        The weights there.
    truncated : int
        How many were.
    effective_sample_size : float
        Of how many unweighted patients an average is as precise (Kish 1965).
    """

    weights: NDArray[np.float64]
    probability: NDArray[np.float64]
    examined: float
    quantiles: tuple[float, float]
    limits: tuple[float, float]
    truncated: int
    effective_sample_size: float


@dataclass(frozen=True, slots=True, eq=False)
class ReweighedResamples:
    """
    Resamples of everybody, examined or not, each with weights of its own.

    The weights are estimates. Drawn from the examined alone, with the weights as they
    are, resamples would know who was examined and why; decision 62 shows the effect.

    Attributes
    ----------
    predictors : numpy.ndarray of shape (n_patients, n_predictors)
        As for `examination_weights`.
    examined : numpy.ndarray of bool of shape (n_patients,)
        Whether each patient was.
    """

    predictors: NDArray[np.float64]
    examined: NDArray[np.bool_]

    def applied(
        self, statistic: Statistic, strata: NDArray[np.float64] | None
    ) -> tuple[Statistic, int, NDArray[np.float64] | None]:
        """
        Turn a statistic of the examined into one of everybody.

        Parameters
        ----------
        statistic : Statistic
            From places of the examined to numbers, with the keyword ``weight`` of shape
            (n_examined,).
        strata : numpy.ndarray of shape (n_examined,) or None
            Groups of the examined; the others are one more.

        Returns
        -------
        tuple of (Statistic, int, numpy.ndarray of shape (n_patients,) or None)
            What is resampled, of how many, in which groups.
        """
        everybody = None
        if strata is not None:
            everybody = np.full(self.examined.size, strata.min() - 1)
            everybody[self.examined] = strata
        return _Reweighed(self, statistic), self.examined.size, everybody


@dataclass(frozen=True, slots=True, eq=False)
class _Reweighed:
    """A statistic of the examined among everybody who was drawn."""

    patients: ReweighedResamples
    statistic: Statistic

    def __call__(self, rows: Rows) -> NDArray[np.float64]:
        examined = self.patients.examined
        there = examined[rows]
        try:
            found = examination_weights(self.patients.predictors[rows], there)
        except ValueError as error:
            raise NotEstimableError(str(error)) from error
        place = np.cumsum(examined) - 1
        drawn = place[rows[there]]
        weight = np.ones(int(examined.sum()))
        weight[drawn] = found.weights
        return self.statistic(drawn, weight=weight)  # type: ignore[call-arg] # as said


def examination_weights(
    predictors: NDArray[np.float64],
    examined: NDArray[np.bool_],
    *,
    quantiles: tuple[float, float] = _TRUNCATION,
) -> ExaminationWeights:
    """
    Weigh the examined by a logistic model of who was.

    Parameters
    ----------
    predictors : numpy.ndarray of shape (n_patients, n_predictors)
        Of everybody, examined or not; see `service.model.arrays.design_matrix`. What
        is the same in all of them tells nothing of who was examined, and is left out.
    examined : numpy.ndarray of bool of shape (n_patients,)
        Whether each patient was.
    quantiles : tuple of float, optional
        Weights below the first and above the second are set to these.

    Returns
    -------
    ExaminationWeights
        The weights: share examined over probability of it, each 1 if all were.

    Raises
    ------
    ValueError
        If an array is empty, of the wrong shape or not finite; nobody was examined; a
        predictor follows from others; the predictors tell exactly who was examined, so
        that nobody stands for the others; or the quantiles are none.
    """
    design = _checked(predictors, examined, quantiles)
    share = float(examined.mean())
    probability = np.ones(examined.size) if share == 1 else _fitted(design, examined)
    raw = share / probability[examined]
    low, high = (float(limit) for limit in np.quantile(raw, quantiles))
    weights = raw.clip(low, high)
    return ExaminationWeights(
        weights=weights,
        probability=probability,
        examined=share,
        quantiles=quantiles,
        limits=(low, high),
        truncated=int(np.count_nonzero(weights != raw)),
        effective_sample_size=effective_sample_size(weights),
    )


def effective_sample_size(weights: NDArray[np.float64]) -> float:
    """
    Tell how many unweighted patients weigh as much in an average (Kish 1965).

    Parameters
    ----------
    weights : numpy.ndarray of shape (n,)
        Positive weights.

    Returns
    -------
    float
        Square of their sum over the sum of their squares, at most n.

    Examples
    --------
    >>> effective_sample_size(np.array([1.0, 1.0, 1.0, 1.0]))
    4.0
    >>> effective_sample_size(np.array([3.0, 1.0]))
    1.6
    """
    return float(weights.sum() ** 2 / np.square(weights).sum())


def _checked(
    predictors: NDArray[np.float64],
    examined: NDArray[np.bool_],
    quantiles: tuple[float, float],
) -> NDArray[np.float64]:
    """Refuse what cannot be fitted; give predictors with mean 0 and SD 1."""
    low, high = quantiles
    if not 0 <= low < high <= 1:
        raise ValueError("quantiles: must be two shares of 1, the lower one first")
    if examined.ndim != 1 or examined.dtype != np.bool_ or not examined.size:
        raise ValueError("examined: must be one truth value for each patient")
    if predictors.ndim != 2 or len(predictors) != examined.size:  # noqa: PLR2004 rows and columns
        raise ValueError("predictors: must be a row for each patient in `examined`")
    if not np.isfinite(predictors).all():
        raise ValueError("predictors: must be finite; leave incomplete patients out")
    if not examined.any():
        raise ValueError("examined: nobody was; without outcomes there is no weight")
    varying = predictors[:, np.ptp(predictors, axis=0) > 0]
    design: NDArray[np.float64] = varying - varying.mean(axis=0)
    design /= varying.std(axis=0)
    if design.size and np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("predictors: a column follows from others; leave it out")
    return design


def _fitted(
    design: NDArray[np.float64], examined: NDArray[np.bool_]
) -> NDArray[np.float64]:
    model = sm.Logit(examined.astype(np.float64), sm.add_constant(design))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fit = model.fit(disp=False, maxiter=_ITERATIONS)
        except (Warning, np.linalg.LinAlgError) as error:
            raise ValueError(
                "examined: the predictors tell exactly who was; nobody stands for those"
                " who were not: examine some of each kind, or use fewer predictors"
            ) from error
    return np.asarray(fit.predict(), dtype=np.float64)
