"""Updating a model for new patients: four levels, and the closed test between them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from service.validation.arrays import check_outcome
from service.validation.estimates import NotEstimableError
from service.validation.logistic import LogisticFit, fit_logistic

__all__ = [
    "SIGNIFICANCE",
    "ClosedTest",
    "Level",
    "LevelTest",
    "Update",
    "closed_test",
    "fit_levels",
]

_Array: TypeAlias = NDArray[np.float64]

#: Level of every test of the closed test, and of the whole.
SIGNIFICANCE = 0.05


class Level(StrEnum):
    """How much of a model is estimated again, the least first."""

    AS_IS = "as-is"
    """Nothing."""
    INTERCEPT = "intercept"
    """The intercept: mean risk. Patients keep their order."""
    SLOPE = "slope"
    """Intercept and one factor on all slopes: mean and spread of the risks."""
    REFIT = "refit"
    """Everything: the model's predictors, with coefficients of these patients."""


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """
    A model after an update.

    Attributes
    ----------
    level : Level
        What was estimated again.
    intercept : float
        Log odds of a patient whose predictors are all 0.
    slopes : numpy.ndarray of shape (n_predictors,)
        Log odds ratios.
    log_likelihood : float
        Of the patients.
    estimate : LogisticFit or None
        The fit: of the change of the intercept; of intercept and factor; of all. None
        as is.
    """

    level: Level
    intercept: float
    slopes: _Array
    log_likelihood: float
    estimate: LogisticFit | None

    def linear_predictor(self, design: _Array) -> _Array:
        """
        Log odds of patients.

        Parameters
        ----------
        design : numpy.ndarray of shape (n_patients, n_predictors)
            Coded values.

        Returns
        -------
        numpy.ndarray of shape (n_patients,)
            Log odds, intercept included.
        """
        result: _Array = design @ self.slopes + self.intercept
        return result


@dataclass(frozen=True, slots=True)
class LevelTest:
    """
    A likelihood-ratio test of the refit against a simpler level.

    Attributes
    ----------
    against : Level
        The simpler level.
    statistic : float
        Twice the difference of the log likelihoods.
    df : int
        Coefficients that the refit has more. 0: both are the same model.
    p : float
        From the chi-squared distribution.
    """

    against: Level
    statistic: float
    df: int
    p: float


@dataclass(frozen=True, slots=True)
class ClosedTest:
    """
    What the closed test found.

    Attributes
    ----------
    tests : tuple of LevelTest
        Against as is, intercept, slope: in this order, all three, also those after the
        one that decided. None if there is no refit.
    chosen : Level
        The level of the first test that is not significant; the refit if all are.
    can_stay : bool
        Whether the test against as is could decide.
    """

    tests: tuple[LevelTest, ...]
    chosen: Level
    can_stay: bool


def fit_levels(
    intercept: float, slopes: _Array, design: _Array, outcome: _Array
) -> Mapping[Level, Update]:
    """
    Fit all levels to the same patients.

    A predictor that does not vary among the patients is left out of the refit, where
    its effect is part of the intercept: the likelihood is that of any other value.

    Parameters
    ----------
    intercept : float
        Of the original model.
    slopes : numpy.ndarray of shape (n_predictors,)
        Of the original model.
    design : numpy.ndarray of shape (n_patients, n_predictors)
        Coded values, complete.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.

    Returns
    -------
    Mapping of Level to Update
        The least first. Without the refit if it has no finite estimates: of few
        patients with the outcome all may be of one kind, which the simpler levels bear.

    Raises
    ------
    ValueError
        If an array is refused, or intercept or slope cannot be estimated: all patients
        have the same linear predictor, or it separates those with the outcome.
    """
    outcome = check_outcome(outcome)
    design = _checked(design, outcome.size, slopes.size)
    old = design @ slopes + intercept
    if np.ptp(old) <= 1e-9 * (1 + np.abs(old).max()):
        raise NotEstimableError(
            "design: all patients have the same linear predictor; patients who differ"
            " in the predictors are needed"
        )
    one = np.ones_like(old)
    moved = _fit(one[:, None], outcome, Level.INTERCEPT, old)
    scaled = _fit(np.column_stack([one, old]), outcome, Level.SLOPE)
    shift, (start, factor) = moved.coefficients[0], scaled.coefficients
    found = (
        Update(Level.AS_IS, intercept, slopes, _likelihood(old, outcome), None),
        Update(
            Level.INTERCEPT,
            float(intercept + shift),
            slopes,
            moved.log_likelihood,
            moved,
        ),
        Update(
            Level.SLOPE,
            float(start + factor * intercept),
            factor * slopes,
            scaled.log_likelihood,
            scaled,
        ),
        *_refit(slopes, design, outcome),
    )
    return MappingProxyType({each.level: each for each in found})


def _refit(slopes: _Array, design: _Array, outcome: _Array) -> Iterator[Update]:
    varies = np.ptp(design, axis=0) > 0
    columns = np.column_stack([np.ones_like(outcome), design[:, varies]])
    whole = fit_logistic(columns, outcome)
    if not whole.converged:
        return
    new = np.where(varies, 0.0, slopes)
    new[varies] = whole.coefficients[1:]
    kept = design[0, ~varies] @ slopes[~varies]
    start = float(whole.coefficients[0] - kept)
    yield Update(Level.REFIT, start, new, whole.log_likelihood, whole)


def closed_test(
    levels: Mapping[Level, Update],
    *,
    can_stay: bool,
) -> ClosedTest:
    """
    Choose a level by the closed testing procedure.

    The refit is tested against as is, then against the intercept alone, then against
    intercept and slope. The first test that is not significant decides for the simpler
    model. Whatever is true, a level is left wrongly with a probability of at most
    `SIGNIFICANCE`.

    Parameters
    ----------
    levels : Mapping of Level to Update
        From `fit_levels`.
    can_stay : bool
        Whether the original may be chosen. An intercept that was never estimated on
        patients is no null hypothesis: then the first test is told and decides nothing.

    Returns
    -------
    ClosedTest
        All tests, and the choice; without a refit no test, and the intercept.

    References
    ----------
    Vergouwe Y, Nieboer D, Oostenbrink R, et al. A closed testing procedure to select an
    appropriate method for updating prediction models. Statistics in Medicine 2017; 36:
    4529-4539. doi:10.1002/sim.7179
    """
    if Level.REFIT not in levels:
        return ClosedTest((), Level.INTERCEPT, can_stay)
    refit = levels[Level.REFIT]
    estimate = refit.estimate
    size = 0 if estimate is None else estimate.coefficients.size
    freed = {Level.AS_IS: 0, Level.INTERCEPT: 1, Level.SLOPE: 2}
    tests = tuple(
        _test(levels[level], refit, size - parameters)
        for level, parameters in freed.items()
    )
    deciding = tests if can_stay else tests[1:]
    chosen = next(
        (test.against for test in deciding if test.p >= SIGNIFICANCE), Level.REFIT
    )
    return ClosedTest(tests, chosen, can_stay)


def _checked(design: _Array, n: int, n_predictors: int) -> _Array:
    if design.shape != (n, n_predictors):
        raise ValueError(
            f"design: must have {n} rows and {n_predictors} columns, one row for each"
            f" outcome and one column for each slope; it is of shape {design.shape}"
        )
    bad = ~np.isfinite(design).all(axis=1)
    if bad.any():
        raise ValueError(
            f"design: row {int(bad.argmax())} ({int(bad.sum())} such rows) has a value"
            " that is missing or not finite; leave incomplete patients out"
        )
    return design


def _fit(
    design: _Array, outcome: _Array, level: Level, offset: _Array | None = None
) -> LogisticFit:
    found = fit_logistic(design, outcome, offset=offset)
    if not found.converged:
        raise NotEstimableError(
            f"outcome: the level {level} cannot be estimated: {found.reason};"
            " more patients are needed"
        )
    return found


def _likelihood(linear_predictor: _Array, outcome: _Array) -> float:
    return float((outcome * linear_predictor - np.logaddexp(0, linear_predictor)).sum())


def _test(simpler: Update, refit: Update, df: int) -> LevelTest:
    """Compare; rounding may leave a model below one that is part of it."""
    statistic = max(0.0, 2 * (refit.log_likelihood - simpler.log_likelihood))
    p = float(chi2.sf(statistic, df)) if df else 1.0
    return LevelTest(simpler.level, statistic, df, p)
