"""LASSO logistic regression along a path of penalties, and its cross-validation."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.model.arrays import risk as expit
from service.validation.arrays import check_outcome
from service.validation.designs import check_design
from service.validation.estimates import NotEstimableError

__all__ = [
    "CrossValidation",
    "Path",
    "cross_validate",
    "lasso_path",
    "stratified_folds",
]

_Array: TypeAlias = NDArray[np.float64]

#: The path, as glmnet lays it: so many penalties, the last this share of the first;
#: it ends when the model explains nearly everything, or a step hardly adds anything.
_PENALTIES: Final = 100
_LAST_SHARE: Final = 1e-4
_SHORTEST: Final = 5
_MOST_EXPLAINED: Final = 0.999
_LEAST_GAIN: Final = 1e-5
#: Left-out deviance counts no probability as nearer to 0 or 1.
_LEAST_PROBABILITY: Final = 1e-5

_NEWTON_STEPS: Final = 100
#: A Newton step this short leaves an error of about its square.
_CONVERGED: Final = 1e-7
#: A penalty's bound counts as kept up to this much.
_SLACK: Final = 1e-11
_LEAST_WEIGHT: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """
    Models along a path of penalties, the strictest first.

    Attributes
    ----------
    penalties : numpy.ndarray of shape (n_penalties,)
        Lambda, falling.
    intercepts : numpy.ndarray of shape (n_penalties,)
        Intercept at each penalty.
    coefficients : numpy.ndarray of shape (n_penalties, n_candidates)
        Slopes on the scale of the columns as given.
    explained : numpy.ndarray of shape (n_penalties,)
        Share of the null deviance that is explained, in [0, 1).
    """

    penalties: _Array
    intercepts: _Array
    coefficients: _Array
    explained: _Array

    def at(self, penalties: _Array) -> _Array:
        """
        Interpolate between the path's models.

        Parameters
        ----------
        penalties : numpy.ndarray of shape (n,)
            Other penalties; beyond the ends the nearest model stands.

        Returns
        -------
        numpy.ndarray of shape (n, 1 + n_candidates)
            Intercept and slopes, linear in the penalty between two models.
        """
        models = np.column_stack([self.intercepts, self.coefficients])[::-1]
        known = self.penalties[::-1]
        return np.column_stack(
            [np.interp(penalties, known, column) for column in models.T]
        )


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """
    A path and how its models do on patients that were left out.

    Attributes
    ----------
    path : Path
        Fitted to all patients.
    deviance : numpy.ndarray of shape (n_penalties,)
        Mean deviance of a patient who was left out.
    standard_error : numpy.ndarray of shape (n_penalties,)
        Its standard error, over folds.
    best, one_se : int
        Place on the path of the least deviance, and of the strictest penalty whose
        deviance is within one standard error of it.
    """

    path: Path
    deviance: _Array
    standard_error: _Array
    best: int
    one_se: int


def lasso_path(design: _Array, outcome: _Array) -> Path:
    """
    Fit logistic models under ever weaker L1 penalties, as R's ``glmnet`` does.

    Columns are standardised with their standard deviation (divisor n) for the penalty
    and the slopes given back on the original scale; the intercept is not penalised. A
    column that does not vary keeps the slope 0.

    Parameters
    ----------
    design : numpy.ndarray of shape (n_patients, n_candidates)
        Candidates, coded as numbers.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.

    Returns
    -------
    Path
        At most 100 models. The first has no predictor.

    Raises
    ------
    ValueError
        If the arrays do not fit each other or hold NaN.
    NotEstimableError
        If there is one class only, no column varies, or the fit does not settle.
    """
    outcome = check_outcome(outcome)
    design = check_design(design, outcome.size)
    standardised = _Standardised.of(design)
    gradient = standardised.columns.T @ (outcome - outcome.mean()) / outcome.size
    first = float(np.abs(gradient).max(initial=0.0))
    if first == 0:
        raise NotEstimableError("design: no column varies; give others")
    penalties = first * _LAST_SHARE ** (np.arange(_PENALTIES) / (_PENALTIES - 1))
    return _follow(standardised, outcome, penalties)


def cross_validate(
    design: _Array, outcome: _Array, folds: NDArray[np.int_]
) -> CrossValidation:
    """
    Choose a penalty by deviance on folds that are left out, as ``cv.glmnet`` does.

    Each fold's model has a path of its own and is read at the penalties of the whole
    by linear interpolation. Folds count by their size.

    Parameters
    ----------
    design : numpy.ndarray of shape (n_patients, n_candidates)
        Candidates, coded as numbers.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    folds : numpy.ndarray of int of shape (n_patients,)
        In which fold each patient is left out, see `stratified_folds`.

    Returns
    -------
    CrossValidation
        The path and both choices.

    Raises
    ------
    ValueError
        As `lasso_path`.
    NotEstimableError
        As `lasso_path`, also for the patients outside a fold.
    """
    path = lasso_path(design, outcome)
    names = np.unique(folds)
    if folds.shape != np.shape(outcome) or names.size < 3:  # noqa: PLR2004 fewer have no standard error
        raise ValueError("folds: give each patient one of at least three folds")
    losses, sizes = [], []
    for name in names:
        out = folds == name
        model = lasso_path(design[~out], outcome[~out]).at(path.penalties)
        log_odds = model[:, 1:] @ design[out].T + model[:, :1]
        losses.append(_deviance(log_odds, outcome[out]).mean(axis=1))
        sizes.append(int(out.sum()))
    loss, size = np.array(losses), np.array(sizes)
    mean = np.average(loss, axis=0, weights=size)
    variance = np.average((loss - mean) ** 2, axis=0, weights=size)
    error = np.sqrt(variance / (names.size - 1))
    best = int(mean.argmin())
    one_se = int((mean <= mean[best] + error[best]).argmax())
    return CrossValidation(path, mean, error, best, one_se)


def stratified_folds(
    outcome: _Array, rng: np.random.Generator, folds: int = 10
) -> NDArray[np.int_]:
    """
    Deal patients into folds, those with the outcome evenly.

    Parameters
    ----------
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    rng : numpy.random.Generator
        Where chance comes from.
    folds : int
        How many.

    Returns
    -------
    numpy.ndarray of int of shape (n_patients,)
        Fold of each patient, from 0.

    Examples
    --------
    >>> outcome = np.array([1.0, 0.0, 0.0, 1.0])
    >>> folds = stratified_folds(outcome, np.random.default_rng(1), 2)
    >>> sorted(folds[outcome == 1].tolist())
    [0, 1]
    """
    shuffled = rng.permutation(outcome.size)
    order = shuffled[np.argsort(-outcome[shuffled], kind="stable")]
    dealt = np.empty(outcome.size, dtype=np.int_)
    dealt[order] = np.arange(outcome.size) % folds
    return dealt


@dataclass(frozen=True, slots=True, eq=False)
class _Standardised:
    """Columns with mean 0 and standard deviation 1; those that do not vary are 0."""

    columns: _Array
    mean: _Array
    sd: _Array

    @classmethod
    def of(cls, design: _Array) -> "_Standardised":
        mean, sd = design.mean(axis=0), design.std(axis=0)
        sd = np.where(np.ptp(design, axis=0) == 0, np.inf, sd)
        return cls((design - mean) / sd, mean, sd)


def _follow(standardised: _Standardised, outcome: _Array, penalties: _Array) -> Path:
    columns = np.column_stack([np.ones(outcome.size), standardised.columns])
    share = outcome.mean()
    model = np.zeros(columns.shape[1])
    model[0] = np.log(share / (1 - share))
    null = _loss(columns @ model, outcome)
    models: list[_Array] = []
    explained: list[float] = []
    for place, penalty in enumerate(penalties):
        if place > 0:
            model = _newton(columns, outcome, float(penalty), model)
        models.append(model)
        explained.append(1 - _loss(columns @ model, outcome) / null)
        if place + 1 >= _SHORTEST and (
            explained[-1] > _MOST_EXPLAINED
            or explained[-1] - explained[-2] < _LEAST_GAIN
        ):
            break
    found = np.array(models)
    slopes = found[:, 1:] / standardised.sd
    intercepts = found[:, 0] - slopes @ standardised.mean
    return Path(penalties[: len(models)], intercepts, slopes, np.array(explained))


def _newton(columns: _Array, outcome: _Array, penalty: float, start: _Array) -> _Array:
    """Minimise mean loss plus penalty by quadratic models, each solved exactly."""
    model = start
    reached = _loss(columns @ model, outcome) + penalty * np.abs(model[1:]).sum()
    for _ in range(_NEWTON_STEPS):
        risk = expit(columns @ model)
        weight = np.maximum(risk * (1 - risk), _LEAST_WEIGHT) / outcome.size
        curvature = columns.T @ (weight[:, None] * columns)
        pull = columns.T @ (outcome - risk) / outcome.size + curvature @ model
        step = _quadratic(curvature, pull, penalty, model) - model
        worse = True
        while worse:
            found = model + step
            value = _loss(columns @ found, outcome) + penalty * np.abs(found[1:]).sum()
            worse = value > reached + 1e-12 and bool(np.abs(step).max() > _CONVERGED)
            step = step / 2 if worse else step
        model, reached = found, value
        if np.abs(step).max() < _CONVERGED:
            return model
    raise NotEstimableError("design: the model does not converge; leave candidates out")


def _quadratic(
    curvature: _Array, pull: _Array, penalty: float, start: _Array
) -> _Array:
    """
    Minimise b'Cb / 2 - p'b + penalty |b| (the first place unpenalised), active sets.

    The signs are guessed from the last model; the equations they imply are solved; the
    way there stops where a slope would change its sign; the slope whose bound is broken
    most comes in. The objective falls in each round, so no set comes twice.
    """
    model = start.copy()
    sign = np.sign(model)
    sign[0] = 0
    active = model != 0
    active[0] = True
    for _ in range(50 * model.size):
        goal = np.zeros_like(model)
        goal[active] = np.linalg.solve(
            curvature[np.ix_(active, active)], (pull - penalty * sign)[active]
        )
        turned = active & (goal * sign < 0)
        if turned.any():
            share = np.full(model.size, np.inf)
            share[turned] = model[turned] / (model[turned] - goal[turned])
            first = int(share.argmin())
            model = model + share[first] * (goal - model)
            model[first], sign[first], active[first] = 0.0, 0.0, False
            continue
        model = goal
        residual = pull - curvature @ model
        excess = np.where(active, 0.0, np.abs(residual) - penalty)
        worst = int(excess.argmax())
        if excess[worst] <= _SLACK:
            return model
        sign[worst], active[worst] = np.sign(residual[worst]), True
    raise NotEstimableError("design: the candidates are too alike; leave some out")


def _loss(log_odds: _Array, outcome: _Array) -> float:
    """Give the mean negative log likelihood."""
    return float((np.logaddexp(0.0, log_odds) - outcome * log_odds).mean())


def _deviance(log_odds: _Array, outcome: _Array) -> _Array:
    risk = np.clip(expit(log_odds), _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    result: _Array = -2 * np.where(outcome == 1, np.log(risk), np.log1p(-risk))
    return result
