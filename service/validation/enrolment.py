"""Who was in an analysis and who was not, as its report and its JSON say it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.cohort.patients import PatientCohort
from service.model.risk_model import RiskModel

__all__ = ["Enrolled", "basis_json", "enrol", "enrolled_json", "span"]

_REASONS: Final = 8


@dataclass(frozen=True, slots=True)
class Enrolled:
    """
    Who was in, and who was not.

    Attributes
    ----------
    source, digest : str
        The table and its SHA-256.
    is_synthetic : bool
        Whether the patients were drawn, not seen.
    rows, refused : int
        Rows of the table, and those that were refused.
    reasons : sequence of (str, int)
        Why, and how many rows, the commonest first.
    not_examined : int
        Patients whose outcome nobody knows.
    incomplete : int
        Examined, but without a value that is needed: nothing is imputed.
    n, events : int
        Patients who were left, and those with the outcome.
    effective : float or None
        Of how many patients an average is as precise, where the examined were weighted
        to stand for all; None where each counts once.
    operated : tuple of datetime.date or None
        First and last operation of those who were left; None where not all are dated.
    warnings : sequence of str
        What a reader must know.
    """

    source: str
    digest: str
    is_synthetic: bool
    rows: int
    refused: int
    reasons: Sequence[tuple[str, int]]
    not_examined: int
    incomplete: int
    n: int
    events: int
    effective: float | None
    operated: tuple[date, date] | None
    warnings: Sequence[str]

    @property
    def taken(self) -> int:  # numpydoc ignore=RT01
        """How many rows were not refused."""
        return self.rows - self.refused

    @property
    def share_not_examined(self) -> float:  # numpydoc ignore=RT01
        """Of those taken, in [0, 1]: the room for verification bias."""
        return self.not_examined / self.taken if self.taken else 0.0


def enrol(
    cohort: PatientCohort, complete: NDArray[np.bool_], effective: float | None = None
) -> Enrolled:
    """
    Count who is in an analysis.

    Parameters
    ----------
    cohort : PatientCohort
        All patients of the table.
    complete : numpy.ndarray of bool of shape (n_patients,)
        Who has all values that are needed.
    effective : float, optional
        See `Enrolled`.

    Returns
    -------
    Enrolled
        The examined who are complete, and why the others are not among them.
    """
    reasons = Counter(
        f"{each.field}: {each.reason}" if each.field else each.reason
        for each in cohort.refused
    )
    examined = cohort.examined()
    left = cohort.subset(examined & complete)
    return Enrolled(
        source=cohort.source.name,
        digest=cohort.source.digest,
        is_synthetic=cohort.source.is_synthetic,
        rows=len(cohort) + cohort.rows_refused,
        refused=cohort.rows_refused,
        reasons=reasons.most_common(_REASONS),
        not_examined=int((~examined).sum()),
        incomplete=int((examined & ~complete).sum()),
        n=len(left),
        events=int(left.scnen.sum()),
        effective=effective,
        operated=span(left),
        warnings=cohort.warnings,
    )


def span(cohort: PatientCohort) -> tuple[date, date] | None:
    """
    Give the days of the first and the last operation.

    Parameters
    ----------
    cohort : PatientCohort
        The patients.

    Returns
    -------
    tuple of datetime.date or None
        None if there are no patients, or not all have a day: it is not guessed.
    """
    days = cohort.dates.get("operation_date")
    if days is None or not days.size or np.isnat(days).any():
        return None
    return days.min().item(), days.max().item()


def basis_json(model: RiskModel, enrolled: Enrolled) -> dict[str, dict[str, Any]]:
    """
    Give what an analysis of a model rests on.

    Parameters
    ----------
    model : RiskModel
        The model.
    enrolled : Enrolled
        Who was in.

    Returns
    -------
    dict
        JSON-ready: ``model`` and ``cohort``.
    """
    return {
        "model": {
            "id": model.id,
            "version": model.version,
            "digest": model.digest,
            "mode": model.mode,
        },
        "cohort": enrolled_json(enrolled),
    }


def enrolled_json(enrolled: Enrolled) -> dict[str, Any]:
    """
    Give what an analysis rests on.

    Parameters
    ----------
    enrolled : Enrolled
        Who was in.

    Returns
    -------
    dict
        JSON-ready.
    """
    return {
        "source": enrolled.source,
        "sha256": enrolled.digest,
        "is_synthetic": enrolled.is_synthetic,
        "rows": enrolled.rows,
        "refused": enrolled.refused,
        "not_examined": enrolled.not_examined,
        "incomplete": enrolled.incomplete,
        "n": enrolled.n,
        "events": enrolled.events,
        "is_weighted": enrolled.effective is not None,
        "effective_sample_size": enrolled.effective,
        "operated": enrolled.operated and [str(day) for day in enrolled.operated],
        "warnings": list(enrolled.warnings),
    }
