"""A cohort of patients: predictors, outcomes, and what was refused on the way."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.model.risk_model import RiskModel

__all__ = [
    "DATES",
    "SYNTHETIC_PREFIX",
    "TEST_PATIENT",
    "PatientCohort",
    "Refusal",
    "Source",
    "digest",
]

_Array: TypeAlias = NDArray[np.float64]
_Column: TypeAlias = NDArray[Any]
_Days: TypeAlias = NDArray[np.datetime64]

#: What may be dated: the operation, the last of the predictors, the examination.
DATES = ("operation_date", "predictors_date", "outcome_date")
#: How the pseudonym of every patient begins who was drawn, not seen.
SYNTHETIC_PREFIX = "SYN-"
#: Why somebody is refused among real patients who is marked as test data.
TEST_PATIENT = "test-patient; marked as test data (HTEST), nobody is a patient"


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    A row that was not taken, and why.

    Attributes
    ----------
    row : int
        Where it stands in the source, counted from 1 without the header.
    id : str
        Pseudonym in the source; empty if the row has none.
    field : str
        Column that is to blame.
    reason : str
        What is wrong with it, in words, and the remedy.
    """

    row: int
    id: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """
    Where a cohort comes from.

    Attributes
    ----------
    kind : str
        ``csv``, ``store``, ``export`` or ``simulated``.
    name : str
        File or folder, without its path.
    digest : str
        SHA-256 of the content, hexadecimal.
    is_synthetic : bool
        Whether the patients were drawn, not seen. Every report says so.
    """

    kind: str
    name: str
    digest: str
    is_synthetic: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PatientCohort:
    """
    Patients of one's own, one place in every array for each.

    Attributes
    ----------
    ids : tuple of str
        Pseudonyms, each once.
    columns : Mapping[str, numpy.ndarray of shape (n_patients,)]
        Inputs of the models by name, see `service.model.predictors.INPUTS`: labels of
        ``segment`` and ``method`` (empty: missing), numbers of the others (NaN:
        missing). All are physically possible.
    scnen : numpy.ndarray of shape (n_patients,)
        1 with the neuropathy, 0 without, NaN for not examined, which is never 0.
    others : Mapping[str, numpy.ndarray of shape (n_patients,)]
        Further columns as text: subgroups and candidates.
    refused : tuple of Refusal
        Rows that are not here.
    source : Source
        Where they come from.
    dates : Mapping[str, numpy.ndarray of datetime64[D] of shape (n_patients,)]
        Days by name, see `DATES` (NaT: not known); none if the source has none.
    warnings : tuple of str
        What a reader must know before believing a result, in words.
    """

    ids: tuple[str, ...]
    columns: Mapping[str, _Column]
    scnen: _Array
    others: Mapping[str, _Column]
    refused: tuple[Refusal, ...]
    source: Source
    dates: Mapping[str, _Days] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        """
        Count the patients.

        Returns
        -------
        int
            How many there are, examined or not.
        """
        return len(self.ids)

    @property
    def rows_refused(self) -> int:  # numpydoc ignore=RT01
        """How many rows were refused: one with several faults counts once."""
        return len({each.row for each in self.refused})

    def examined(self) -> NDArray[np.bool_]:
        """
        Tell whose outcome is known.

        Returns
        -------
        numpy.ndarray of bool of shape (n_patients,)
            Whether each patient was examined.
        """
        return ~np.isnan(self.scnen)

    def complete(self, model: RiskModel) -> NDArray[np.bool_]:
        """
        Tell who has all predictors of a model. Nothing is imputed for the others.

        Parameters
        ----------
        model : RiskModel
            The model.

        Returns
        -------
        numpy.ndarray of bool of shape (n_patients,)
            Whether each patient can be scored.
        """
        there = np.ones(len(self), dtype=np.bool_)
        for predictor in model.predictors:
            column = self.columns[predictor.name]
            there &= column != "" if column.dtype.kind in "UO" else ~np.isnan(column)
        return there

    def subset(self, rows: NDArray[np.bool_]) -> "PatientCohort":
        """
        Keep some of the patients.

        Parameters
        ----------
        rows : numpy.ndarray of bool of shape (n_patients,)
            Whom to keep.

        Returns
        -------
        PatientCohort
            They alone; what was refused earlier stays listed.
        """
        return replace(
            self,
            ids=tuple(name for name, kept in zip(self.ids, rows, strict=True) if kept),
            columns={name: column[rows] for name, column in self.columns.items()},
            scnen=self.scnen[rows],
            others={name: column[rows] for name, column in self.others.items()},
            dates={name: column[rows] for name, column in self.dates.items()},
        )


def digest(ids: tuple[str, ...], *arrays: _Column) -> str:
    """
    Hash patients that come from no file.

    Parameters
    ----------
    ids : tuple of str
        Pseudonyms.
    *arrays : numpy.ndarray
        What is known of them, in an order that the source keeps to.

    Returns
    -------
    str
        SHA-256, hexadecimal.
    """
    found = hashlib.sha256("\0".join(ids).encode())
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
