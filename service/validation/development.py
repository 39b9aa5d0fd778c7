"""Developing a model as the study did: LASSO, then backward elimination."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.validation.lasso import CrossValidation, cross_validate
from service.validation.selection import Elimination, Rule, eliminate_backward

__all__ = ["FEWEST_EVENTS", "Development", "develop", "split"]

_Array: TypeAlias = NDArray[np.float64]
_Terms: TypeAlias = Sequence[Sequence[int]]

#: With fewer patients of either outcome nothing is developed.
FEWEST_EVENTS: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Development:
    """
    One run of the pipeline.

    Attributes
    ----------
    lasso : CrossValidation
        Path, choice of the penalty.
    selected : tuple of int
        Terms of which LASSO kept a column, at the penalty of one standard error.
    elimination : Elimination
        What backward elimination left of them.
    columns : tuple of int
        Columns of the model, in the order of its coefficients.
    """

    lasso: CrossValidation
    selected: tuple[int, ...]
    elimination: Elimination
    columns: tuple[int, ...]

    @property
    def kept(self) -> tuple[int, ...]:  # numpydoc ignore=RT01
        """The terms of the model."""
        return self.elimination.kept

    def linear_predictor(self, design: _Array) -> _Array:
        """
        Log odds by the model.

        Parameters
        ----------
        design : numpy.ndarray of shape (n_patients, n_columns)
            All candidates.

        Returns
        -------
        numpy.ndarray of shape (n_patients,)
            The linear predictor.
        """
        values = self.elimination.fit.coefficients
        result: _Array = design[:, list(self.columns)] @ values[1:] + values[0]
        return result

    def rad_score(self, design: _Array) -> _Array:
        """
        Log odds by LASSO itself: the study's Rad-score.

        Parameters
        ----------
        design : numpy.ndarray of shape (n_patients, n_columns)
            All candidates.

        Returns
        -------
        numpy.ndarray of shape (n_patients,)
            Intercept and shrunken coefficients, applied.
        """
        path, place = self.lasso.path, self.lasso.one_se
        result: _Array = design @ path.coefficients[place] + path.intercepts[place]
        return result


def split(
    outcome: _Array, rng: np.random.Generator, share: float = 0.7
) -> NDArray[np.bool_]:
    """
    Divide patients at random, those with the outcome in the same proportion.

    Parameters
    ----------
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    rng : numpy.random.Generator
        Where chance comes from.
    share : float
        Share of the derivation cohort, in (0, 1).

    Returns
    -------
    numpy.ndarray of bool of shape (n_patients,)
        Who is in the derivation cohort.

    Examples
    --------
    >>> outcome = np.repeat([1.0, 0.0], [70, 270])
    >>> chosen = split(outcome, np.random.default_rng(1))
    >>> int(chosen[outcome == 1].sum()), int(chosen.sum())
    (49, 238)
    """
    chosen = np.zeros(outcome.size, dtype=np.bool_)
    for value in (1.0, 0.0):
        members = rng.permutation(np.flatnonzero(outcome == value))
        chosen[members[: round(share * members.size)]] = True
    return chosen


def develop(
    design: _Array,
    outcome: _Array,
    terms: _Terms,
    folds: NDArray[np.int_],
    *,
    rule: Rule = "p",
) -> Development:
    """
    Select by LASSO, then by backward elimination, and fit what is left.

    Parameters
    ----------
    design : numpy.ndarray of shape (n_patients, n_columns)
        Candidates.
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.
    terms : sequence of sequence of int
        Columns of each candidate.
    folds : numpy.ndarray of int of shape (n_patients,)
        Folds of the cross-validation.
    rule : {"p", "aic"}
        How backward elimination judges.

    Returns
    -------
    Development
        The model; it has no predictor if nothing was selected.

    Raises
    ------
    NotEstimableError
        If a model on the way has no finite estimates.
    ValueError
        If an array is malformed.
    """
    lasso = cross_validate(design, outcome, folds)
    slopes = lasso.path.coefficients[lasso.one_se]
    selected = tuple(
        term for term, columns in enumerate(terms) if slopes[list(columns)].any()
    )
    found = eliminate_backward(design, outcome, terms, start=selected, rule=rule)
    columns = tuple(column for term in found.kept for column in terms[term])
    return Development(lasso, selected, found, columns)
