"""Recalibrating a risk model on a hospital's patients, by no more than they hold."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from service.model.risk_model import RiskModel
from service.validation.arrays import check_outcome
from service.validation.calibration import (
    calibration_in_the_large,
    calibration_line,
    observed_expected,
)
from service.validation.covariance import UpdatedCovariance, updated_covariance
from service.validation.draws import Draws
from service.validation.estimates import Z_95, Estimate, NotEstimableError
from service.validation.gates import Gate, gates, highest_open
from service.validation.logistic import fit_logistic
from service.validation.shrinkage import Shrinkage, estimate_shrinkage
from service.validation.updating import (
    ClosedTest,
    Level,
    Update,
    closed_test,
    fit_levels,
)

__all__ = ["Agreement", "LevelRefusedError", "Recalibration", "recalibrate"]

_Array: TypeAlias = NDArray[np.float64]

_ORDER = tuple(Level)
_NO_REFIT = (
    "the predictors separate those with the outcome from those without, or follow from"
    " one another, so that a refit has no finite coefficients"
)


class LevelRefusedError(ValueError):
    """More was asked for than the patients hold; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """
    How well the risks of a model agree with what happened.

    Attributes
    ----------
    observed_expected : Estimate
        Patients with the outcome over the sum of the risks.
    intercept : Estimate
        Calibration in the large: what the log odds lack, the slope being 1.
    slope : Estimate
        Of the outcome on the log odds.
    """

    observed_expected: Estimate
    intercept: Estimate
    slope: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class Recalibration:
    """
    An updated model, what it was chosen from, and what it rests on.

    Attributes
    ----------
    n, events : int
        Patients, and those with the outcome.
    gates : Mapping of Level to Gate
        What so many patients allow.
    test : ClosedTest
        What the closed test says.
    constant : tuple of str
        Predictors with one value for all patients: no refit.
    why : str
        Why this level, in words.
    update : Update
        The updated model.
    factor : float
        Factor on the original's slopes; 1 for the intercept alone, NaN for a refit.
    shrinkage : Shrinkage or None
        Of a refit.
    covariance : UpdatedCovariance
        Uncertainty of the updated model.
    odds_factor : float
        Above 1: with 95 % confidence the odds of a patient with mean predictors are
        between those of the model divided and multiplied by it.
    variants : Mapping of str to float
        Intercept of each variant of the original that shrinks the slopes; for the
        level intercept alone.
    before, after : Agreement
        Of the original and of the updated model, among these patients.
    """

    n: int
    events: int
    gates: Mapping[Level, Gate]
    test: ClosedTest
    constant: tuple[str, ...]
    why: str
    update: Update
    factor: float
    shrinkage: Shrinkage | None
    covariance: UpdatedCovariance
    odds_factor: float
    variants: Mapping[str, float]
    before: Agreement
    after: Agreement


def recalibrate(
    model: RiskModel,
    design: _Array,
    outcome: _Array,
    *,
    draws: Draws,
    level: Level | None = None,
) -> Recalibration:
    """
    Update a model for the patients of one hospital.

    Parameters
    ----------
    model : RiskModel
        The original. Its intercept may only stay if it was estimated on patients, that
        is, if the model is calibrated.
    design : numpy.ndarray of shape (n_patients, n_predictors)
        Coded values of patients who were examined, see `service.model.arrays`.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    draws : Draws
        How patients are drawn for the shrinkage of a refit.
    level : Level, optional
        What to estimate again; by default what the closed test chooses, or the most
        that the patients allow if that is less.

    Returns
    -------
    Recalibration
        The updated model.

    Raises
    ------
    LevelRefusedError
        If there are too few patients for the level, or for any.
    ValueError
        If an array is refused, or what is asked for cannot be estimated.
    """
    outcome = check_outcome(outcome)
    slopes = np.array(model.coefficients)
    open_gates = gates(outcome.size, int(outcome.sum()), slopes.size)
    _check_enough(open_gates, Level.INTERCEPT)
    levels = fit_levels(model.intercept.value, slopes, design, outcome)
    _check_order(levels[Level.SLOPE])
    test = closed_test(levels, can_stay=model.mode == "calibrated")
    constant = _constant(model, design)
    chosen, why = _choose(open_gates, test, constant, level)
    if chosen not in levels:
        raise NotEstimableError(f"level: refit is refused: {_NO_REFIT}")
    update, shrinkage = levels[chosen], None
    if chosen is Level.REFIT:
        shrinkage = estimate_shrinkage(design, outcome, draws=draws)
        update = _shrunk(update, shrinkage.applied, design, outcome)
    factor = _factor(update)
    found = updated_covariance(update, slopes, model.covariance.matrix[1:, 1:], design)
    return Recalibration(
        n=outcome.size,
        events=int(outcome.sum()),
        gates=open_gates,
        test=test,
        constant=constant,
        why=why,
        update=update,
        factor=factor,
        shrinkage=shrinkage,
        covariance=found,
        odds_factor=math.exp(Z_95 * found.intercept_error),
        variants=_variants(model, chosen, design, outcome),
        before=_agreement(levels[Level.AS_IS].linear_predictor(design), outcome),
        after=_agreement(update.linear_predictor(design), outcome),
    )


def _choose(
    open_gates: Mapping[Level, Gate],
    test: ClosedTest,
    constant: tuple[str, ...],
    asked: Level | None,
) -> tuple[Level, str]:
    if asked is Level.AS_IS:
        raise LevelRefusedError("level: as-is updates nothing; keep the model you have")
    if asked is not None:
        _check_enough(open_gates, asked)
        if not test.tests:
            return asked, f"asked for; no closed test: {_NO_REFIT}"
        if asked is Level.REFIT and constant:
            raise LevelRefusedError(f"level: refit is refused: {_same(constant)}")
        return asked, f"asked for; the closed test chooses {test.chosen}"
    if not test.tests:
        return test.chosen, f"no closed test: {_NO_REFIT}"
    most = highest_open(open_gates) or Level.INTERCEPT
    if _ORDER.index(test.chosen) > _ORDER.index(most):
        lacking = open_gates[test.chosen].missing_patients
        why = (
            f"the closed test chooses {test.chosen}, for which {lacking} patients are"
            f" missing; {most} is the most that these allow"
        )
        return most, why
    if test.chosen is Level.REFIT and constant:
        return Level.SLOPE, f"the closed test chooses refit, but {_same(constant)}"
    return test.chosen, "the closed test chooses it"


def _check_enough(open_gates: Mapping[Level, Gate], level: Level) -> None:
    gate = open_gates[level]
    if gate.is_open:
        return
    events = f" ({gate.missing_events} with SCNEN)" * bool(gate.missing_events)
    most = highest_open(open_gates)
    allowed = f"these allow {most}" if most else "these allow nothing: do not update"
    raise LevelRefusedError(
        f"level: {level} is refused: it needs {gate.needs}; about"
        f" {gate.missing_patients} patients{events} are missing; {allowed}"
    )


def _constant(model: RiskModel, design: _Array) -> tuple[str, ...]:
    same = np.ptp(design, axis=0) == 0
    return tuple(
        quantity.name
        for quantity, is_same in zip(model.predictors, same, strict=True)
        if is_same
    )


def _same(constant: tuple[str, ...]) -> str:
    return f"all patients have the same {' and '.join(constant)}: no coefficient"


def _check_order(update: Update) -> None:
    """Refuse, at every level, a model that ranks these patients the wrong way round."""
    factor = _slope(update)
    if factor <= 0:
        raise NotEstimableError(
            f"outcome: the slope is {factor:.2f}: here the outcome is rarer where the"
            " model's risk is higher; do not use the model, and look for swapped"
            " columns or codes"
        )


def _factor(update: Update) -> float:
    if update.level is Level.REFIT:
        return math.nan
    return _slope(update) if update.level is Level.SLOPE else 1.0


def _slope(update: Update) -> float:
    return 1.0 if update.estimate is None else float(update.estimate.coefficients[1])


def _shrunk(update: Update, by: float, design: _Array, outcome: _Array) -> Update:
    """Shrink the slopes, and estimate the intercept again for them."""
    if by <= 0:
        raise NotEstimableError(
            "outcome: a refit explains nothing beyond chance (shrinkage"
            f" {by:.2f}); do not use it"
        )
    offset = design @ (by * update.slopes)
    fit = fit_logistic(np.ones((outcome.size, 1)), outcome, offset=offset)
    return replace(
        update,
        intercept=float(fit.coefficients[0]),
        slopes=by * update.slopes,
        log_likelihood=fit.log_likelihood,
    )


def _variants(
    model: RiskModel, level: Level, design: _Array, outcome: _Array
) -> dict[str, float]:
    """
    Estimate the intercept of the readings with smaller slopes.

    With the slopes estimated here they are no reading any more; another incidence is
    none at any level.
    """
    if level is not Level.INTERCEPT:
        return {}
    ones, predictor = np.ones((outcome.size, 1)), design @ np.array(model.coefficients)
    return {
        variant.id: float(
            fit_logistic(
                ones, outcome, offset=variant.shrinkage * predictor
            ).coefficients[0]
        )
        for variant in model.variants
        if variant.shrinkage < 1
    }


def _agreement(predictor: _Array, outcome: _Array) -> Agreement:
    risk = expit(predictor)
    return Agreement(
        observed_expected(outcome, risk),
        calibration_in_the_large(outcome, risk),
        calibration_line(outcome, risk).slope,
    )
