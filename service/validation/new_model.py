"""What developing a new model from a cohort gives: the results of every step."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.cohort.patients import Source
from service.model.nomogram import Mark
from service.validation.baseline import Counted, Measured
from service.validation.coefficient_table import Coefficient, Drop
from service.validation.optimism import Optimism, Performance
from service.validation.sample_size import Required, Verdict
from service.validation.selection import Rule

__all__ = ["CandidateResult", "NewModel", "Plan", "Sample"]


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What is to be done.

    Attributes
    ----------
    seed : int
        The same seed gives the same numbers.
    rule : {"p", "aic"}
        How backward elimination judges.
    resamples : int
        Bootstrap samples.
    is_split : bool
        Whether 30 % of the patients are kept for validation, as the study did.
    """

    seed: int
    rule: Rule = "p"
    resamples: int = 200
    is_split: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """
    Some patients.

    Attributes
    ----------
    n, events : int
        All, and those with the outcome.
    """

    n: int
    events: int


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """
    What became of a candidate.

    Attributes
    ----------
    name : str
        Its column.
    labels : tuple of str
        Labels, the reference first; empty for a number.
    missing : int
        Examined patients who lack it, and were left out.
    rad_coefficients : tuple of float
        Its coefficients in the Rad-score, one for each of its columns; 0: not selected.
    is_selected, is_kept : bool
        Whether LASSO selected it; whether it is in the model.
    selected_share, kept_share : float
        The same in the bootstrap samples, as shares.
    """

    name: str
    labels: tuple[str, ...]
    missing: int
    rad_coefficients: tuple[float, ...]
    is_selected: bool
    is_kept: bool
    selected_share: float
    kept_share: float


@dataclass(frozen=True, slots=True)
class NewModel:
    """
    A model, how it came about, and how far it can be believed.

    Attributes
    ----------
    source : Source
        Where the patients come from.
    plan : Plan
        What was done.
    in_cohort, not_examined, incomplete, refused : int
        Patients of the file; of them without an outcome, and without a candidate; and
        rows that were refused.
    derivation : Sample
        Whom the model was fitted to.
    validation : Sample or None
        Who was kept for validation.
    by_outcome : tuple of Measured or Counted
        Baseline table: with the outcome against without.
    by_split : tuple of Measured or Counted, or None
        Baseline table: derivation against validation.
    candidates : tuple of CandidateResult
        What became of each candidate.
    penalties, deviance, deviance_error : tuple of float
        Cross-validation along the path.
    path : tuple of tuple of float
        Coefficients at each penalty, one for each column.
    best_penalty, one_se_penalty : float
        Lambda of the least deviance; and the one used, a standard error stricter.
    rad_intercept : float
        Intercept of the Rad-score.
    rad_score : Measured
        Rad-score with the outcome against without, in the derivation cohort.
    selected_model : tuple of Coefficient
        What LASSO selected, refitted without penalty: the study's Table 2.
    dropped : tuple of Drop
        Steps of backward elimination.
    intercept : float
        Of the model.
    model : tuple of Coefficient
        The model.
    covariance : tuple of tuple of float
        Of intercept and coefficients.
    points : Mapping[str, tuple of Mark]
        The nomogram: points of each predictor.
    risks : tuple of (int, float)
        The nomogram: total points and risk.
    optimism : Optimism
        Apparent and corrected performance.
    validated : Performance or None
        In the patients kept for validation.
    required : tuple of Required
        Patients that a model from so many candidates takes.
    verdict : Verdict
        Whether there are so many.
    r_squared : float
        What the model is taken to explain for both: 15 % of the largest R squared of
        Cox and Snell, Riley's advice where nothing is known.
    shrinkage : float
        Expected shrinkage of a model with all candidates; below 0.9 is overfitted.
    """

    source: Source
    plan: Plan
    in_cohort: int
    not_examined: int
    incomplete: int
    refused: int
    derivation: Sample
    validation: Sample | None
    by_outcome: tuple[Measured | Counted, ...]
    by_split: tuple[Measured | Counted, ...] | None
    candidates: tuple[CandidateResult, ...]
    penalties: tuple[float, ...]
    deviance: tuple[float, ...]
    deviance_error: tuple[float, ...]
    path: tuple[tuple[float, ...], ...]
    best_penalty: float
    one_se_penalty: float
    rad_intercept: float
    rad_score: Measured
    selected_model: tuple[Coefficient, ...]
    dropped: tuple[Drop, ...]
    intercept: float
    model: tuple[Coefficient, ...]
    covariance: tuple[tuple[float, ...], ...]
    points: Mapping[str, tuple[Mark, ...]]
    risks: tuple[tuple[int, float], ...]
    optimism: Optimism
    validated: Performance | None
    required: tuple[Required, ...]
    verdict: Verdict
    r_squared: float
    shrinkage: float
