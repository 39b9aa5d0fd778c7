"""The rows of a cohort as they come in, and the account of what does not."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.cohort.export.discharges import NOT_FOLLOWED, Discharge
from service.cohort.export.outcomes import Basis, Outcome
from service.cohort.patients import (
    DATES,
    TEST_PATIENT,
    PatientCohort,
    Refusal,
    Source,
)
from service.model.predictors import INPUTS

__all__ = ["Account", "Ledger"]

_NOT_GIVEN: Final = Outcome(math.nan, None, Basis.NOT_GIVEN)
_TEST: Final = "test-patient"
_LATE: Final = "dated-after-outcome"
#: By code of the reason: what it means, and what may be done.
_WORDS: Final[Mapping[str, str]] = {
    "no-eligible-operation": "no operation for a vertebral fracture counts; screws"
    " need a fracture or cement on record",
    "excluded-condition": "lies outside what was studied",
    "under-age": "too young, or the birth date leaves it open",
    "time-unclear": "neither the operation nor the discharge has a time",
    NOT_FOLLOWED: "its follow-up was not over on the day of the export; take it later",
    "unavailable": "an operation is no valid Procedure, or of another FHIR version;"
    " check --fhir-version",
}


@dataclass(frozen=True, slots=True)
class Account:
    """
    What an export held, and what became of it: counts only.

    Attributes
    ----------
    files : int
        How many files were read.
    resources, relevant : Mapping of str to int
        How many resources there were by type, and how many may have mattered.
    unreadable_lines : int
        Lines that are no resource.
    without_patient : int
        Resources that may have mattered and name no patient.
    of_another_server : int
        Resources that name a patient at a server that is not the export's.
    unusable_resources : int
        Resources of patients in the cohort that are not valid.
    operated : int
        Patients with an operation that a map knows.
    refused : Mapping of str to int
        Of them, by reason, those who are not in the cohort.
    missing : Mapping of str to Mapping of str to int
        By predictor and reason, values that patients in the cohort lack.
    outcomes : Mapping of str to int
        Patients in the cohort by what their outcome rests on.
    outcomes_of_nobody : int
        Outcomes that were given for patients who are not in the cohort.
    """

    files: int
    resources: Mapping[str, int]
    relevant: Mapping[str, int]
    unreadable_lines: int
    without_patient: int
    of_another_server: int
    unusable_resources: int
    operated: int
    refused: Mapping[str, int]
    missing: Mapping[str, Mapping[str, int]]
    outcomes: Mapping[str, int]
    outcomes_of_nobody: int


class Ledger:
    """
    Take patients in, one after the other.

    Parameters
    ----------
    name_of : callable
        Gives the id that a patient has in the cohort.
    outcomes : Mapping of str to Outcome or None
        Outcomes by id of the Patient; None if they come with the patients.

    Attributes
    ----------
    refusals : list of Refusal
        Who was not taken, and why.
    broken : list of tuple of int
        File and number of lines that could not be read.
    """

    def __init__(
        self,
        name_of: Callable[[str], str],
        outcomes: Mapping[str, Outcome] | None,
    ) -> None:
        self._name_of = name_of
        self._given = outcomes
        self._rows: list[tuple[str, Discharge, Outcome]] = []
        self._tests: list[tuple[int, tuple[str, Discharge, Outcome]]] = []
        self._operated = 0
        self._elsewhere = 0
        self._refused: Counter[str] = Counter()
        self._used: set[str] = set()
        self.refusals: list[Refusal] = []
        self.broken: list[tuple[int, int]] = []

    def take(self, patient: Discharge) -> None:
        """
        Take a patient in, or note why not.

        Parameters
        ----------
        patient : Discharge
            The patient.
        """
        self._operated += 1
        self._elsewhere += patient.elsewhere
        self.broken += patient.broken
        name = self._name_of(patient.patient_id)
        if patient.refused:
            code = patient.refused.partition(": ")[0]
            said = f"{patient.refused}; {_WORDS[code]}"
            self._refuse(code, name, "not_assessed", said)
            return
        outcome = self._outcome(patient)
        late = _first_after(outcome, patient)
        row = name, patient, outcome
        if late is None and patient.is_test:
            self._tests.append((self._operated, row))
        elif late is None:
            self._rows.append(row)
        else:
            said = f"{_LATE}; it could not have predicted it, check both dates"
            self._refuse(_LATE, name, late, said)

    def cohort(self, source: Source, others: Iterator[Refusal]) -> PatientCohort:
        """
        Give the patients that were taken.

        Parameters
        ----------
        source : Source
            Where they come from.
        others : iterator of Refusal
            What else was refused.

        Returns
        -------
        PatientCohort
            In the order of their ids. Of test patients alone it is synthetic; among
            real ones they are refused.
        """
        is_synthetic = bool(self._tests) and not self._rows
        if is_synthetic:
            self._rows = [row for _, row in self._tests]
        else:
            for number, (name, *_) in self._tests:
                self._refuse(_TEST, name, "meta", TEST_PATIENT, number=number)
        rows = sorted(self._rows, key=lambda row: row[0])
        names = next((tuple(row[1].others) for row in rows), ())
        return PatientCohort(
            ids=tuple(name for name, *_ in rows),
            columns={name: _column(name, rows) for name in INPUTS},
            scnen=np.array([outcome.scnen for *_, outcome in rows], dtype=np.float64),
            others={
                name: np.array([row.others[name] for _, row, _ in rows], dtype=np.str_)
                for name in names
            },
            refused=(*others, *self.refusals),
            source=replace(source, is_synthetic=is_synthetic),
            dates=_dates(rows),
        )

    def account(self, **counts: Any) -> Account:  # noqa: ANN401 what only the files tell
        """
        Sum up.

        Parameters
        ----------
        **counts : object
            The fields of the account that are about files and lines.

        Returns
        -------
        Account
            The account.
        """
        missing: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for _, row, _ in self._rows:
            for name, reason in row.missing.items():
                missing[name][reason] += 1
        given = self._given or {}
        return Account(
            of_another_server=self._elsewhere,
            unusable_resources=sum(row.rejected for _, row, _ in self._rows),
            operated=self._operated,
            refused=dict(sorted(self._refused.items())),
            missing={name: dict(sorted(missing[name].items())) for name in INPUTS},
            outcomes=dict(
                sorted(
                    Counter(outcome.basis.value for *_, outcome in self._rows).items()
                )
            ),
            outcomes_of_nobody=len(
                given.keys() - {r.patient_id for _, r, _ in self._rows}
            ),
            **counts,
        )

    def _outcome(self, patient: Discharge) -> Outcome:
        if self._given is None:
            return patient.outcome
        return self._given.get(patient.patient_id, _NOT_GIVEN)

    def _refuse(
        self,
        code: str,
        name: str,
        field: str,
        reason: str,
        *,
        number: int | None = None,
    ) -> None:
        self._refused[code] += 1
        number = self._operated if number is None else number
        self.refusals.append(Refusal(number, name, field, reason))


def _dates(
    rows: Sequence[tuple[str, Discharge, Outcome]],
) -> dict[str, NDArray[np.datetime64]]:
    """Give the day of operation, of the newest predictor, and of the outcome."""
    days = [
        (
            row.days.get("operation"),
            max(
                (day for name, day in row.days.items() if name != "operation"),
                default=None,
            ),
            outcome.day,
        )
        for _, row, outcome in rows
    ]
    return {
        name: np.array([each[place] for each in days], dtype="datetime64[D]")
        for place, name in enumerate(DATES)
    }


def _of_predictors(row: Discharge) -> list[date]:
    return [day for name, day in row.days.items() if name != "operation"]


def _first_after(outcome: Outcome, patient: Discharge) -> str | None:
    """Name what was taken after the outcome was found."""
    if outcome.day is None:
        return None
    late = (name for name, day in patient.days.items() if day > outcome.day)
    return next(late, None)


def _column(name: str, rows: list[tuple[str, Discharge, Outcome]]) -> NDArray[Any]:
    found = [row.values.get(name) for _, row, _ in rows]
    if INPUTS[name].codes:
        return np.array([value or "" for value in found], dtype=np.str_)
    return np.array(
        [math.nan if value is None else value for value in found], dtype=np.float64
    )
