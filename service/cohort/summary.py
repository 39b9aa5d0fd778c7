"""What a cohort consists of: rows, refusals, who was examined, and who was not."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.cohort.patients import PatientCohort
from service.cohort.rows import LABELS
from service.intervals import wilson_interval
from service.model.risk_model import RiskModel

__all__ = [
    "ExaminedShare",
    "Reason",
    "Scorable",
    "Summary",
    "examined_by_group",
    "summarise",
]

_QUANTITIES: Final = ("cement_ratio_percent", "cobb_restoration_ratio_percent")
_THIRDS: Final = (1 / 3, 2 / 3)
_NOT_KNOWN: Final = "not known"


@dataclass(frozen=True, slots=True)
class Reason:
    """
    Why rows were refused.

    Attributes
    ----------
    field : str
        Column; empty for a row as a whole.
    reason : str
        What is wrong and what to do.
    rows : int
        How many rows.
    """

    field: str
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class ExaminedShare:
    """
    How many of a group were examined.

    Attributes
    ----------
    predictor, group : str
        Which patients: a label, a third of the values, or those without a value.
    n, examined : int
        How many there are, and whose outcome is known.
    interval : tuple of float
        95 % interval of the share not examined (Wilson).
    """

    predictor: str
    group: str
    n: int
    examined: int
    interval: tuple[float, float]

    @property
    def not_examined(self) -> float:  # numpydoc ignore=RT01
        """Share whose outcome nobody knows."""
        return 1 - self.examined / self.n


@dataclass(frozen=True, slots=True)
class Scorable:
    """
    Patients whom a model can score.

    Attributes
    ----------
    n, examined, events : int
        All of them; those whose outcome is known; those who have it.
    """

    n: int
    examined: int
    events: int


@dataclass(frozen=True, slots=True)
class Summary:
    """
    A cohort in figures.

    Attributes
    ----------
    source, digest : str
        Where it comes from.
    is_synthetic : bool
        Whether the patients were drawn, not seen.
    rows, taken, refused : int
        In the source; of these here, and not.
    reasons : tuple of Reason
        Why not, the commonest first. A row with several faults counts for each.
    examined, events : int
        Patients whose outcome is known, and those who have it.
    scorable : dict of str to Scorable
        Patients who have all predictors of a model, by model.
    groups : tuple of ExaminedShare
        Who was examined; empty if everybody was.
    warnings : tuple of str
        What a reader must know.
    """

    source: str
    digest: str
    is_synthetic: bool
    rows: int
    taken: int
    refused: int
    reasons: tuple[Reason, ...]
    examined: int
    events: int
    scorable: dict[str, Scorable]
    groups: tuple[ExaminedShare, ...]
    warnings: tuple[str, ...]


def summarise(cohort: PatientCohort, models: tuple[RiskModel, ...]) -> Summary:
    """
    Count what a cohort consists of.

    Parameters
    ----------
    cohort : PatientCohort
        The cohort.
    models : tuple of RiskModel
        For which to tell how many can be scored.

    Returns
    -------
    Summary
        The figures.
    """
    refused = cohort.rows_refused
    reasons = Counter((each.field, each.reason) for each in cohort.refused)
    examined, events = cohort.examined(), cohort.scnen == 1
    return Summary(
        source=cohort.source.name,
        digest=cohort.source.digest,
        is_synthetic=cohort.source.is_synthetic,
        rows=len(cohort) + refused,
        taken=len(cohort),
        refused=refused,
        reasons=tuple(Reason(*key, n) for key, n in reasons.most_common()),
        examined=int(examined.sum()),
        events=int(events.sum()),
        scorable={
            model.id: _scorable(cohort, cohort.complete(model)) for model in models
        },
        groups=() if examined.all() else examined_by_group(cohort),
        warnings=cohort.warnings,
    )


def _scorable(cohort: PatientCohort, rows: NDArray[np.bool_]) -> Scorable:
    examined, events = cohort.examined(), cohort.scnen == 1
    return Scorable(
        int(rows.sum()), int((rows & examined).sum()), int((rows & events).sum())
    )


def examined_by_group(cohort: PatientCohort) -> tuple[ExaminedShare, ...]:
    """
    Tell who was examined and who was not.

    Where the share differs between groups, those who were examined are not like all:
    what they show of the model is biased by verification.

    Parameters
    ----------
    cohort : PatientCohort
        The cohort.

    Returns
    -------
    tuple of ExaminedShare
        By segment, by method, by thirds of cement and restoration ratio; patients
        without a value are a group of their own.
    """
    examined = cohort.examined()
    found = []
    for name in (*LABELS, *_QUANTITIES):
        for group, rows in _groups(name, cohort.columns[name]):
            n, known = int(rows.sum()), int((rows & examined).sum())
            if n:
                interval = wilson_interval(n - known, n)
                found.append(ExaminedShare(name, group, n, known, interval))
    return tuple(found)


def _groups(
    name: str, column: NDArray[np.generic]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if name in LABELS:
        for label in np.unique(column):
            yield str(label) or _NOT_KNOWN, column == label
        return
    values = column.astype(np.float64)
    known = ~np.isnan(values)
    yield _NOT_KNOWN, ~known
    if not known.any():
        return
    low, high = np.quantile(values[known], _THIRDS)
    yield f"below {low:.1f}", values < low
    yield f"{low:.1f} to {high:.1f}", (values >= low) & (values <= high)
    yield f"above {high:.1f}", values > high
