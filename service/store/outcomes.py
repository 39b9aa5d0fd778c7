"""What was found at the follow-up: yes, no, or not examined, for each decision."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final

import orjson
from sqlalchemy import Select, select

from service.store.database import Database
from service.store.pseudonyms import Pseudonyms
from service.store.schema import decisions, outcomes
from service.store.writing import insert_once

__all__ = ["CRITERIA", "FIELDS", "OutcomeError", "import_outcomes", "record_outcome"]

#: Columns of a CSV file, members of a document. A row names its decision or a patient.
FIELDS: Final = (
    "decision_id",
    "tenant",
    "patient_id",
    "outcome",
    "examined_on",
    "criteria",
)
_OUTCOMES: Final = ("yes", "no", "not-examined")
#: By which criteria: the study's three, another clinician's diagnosis, or others.
CRITERIA: Final = ("study", "clinical", "other")
_SERVICE: Final = "scnen-discharge"


class OutcomeError(ValueError):
    """
    An outcome that cannot be recorded; names the field and what it may hold.

    Parameters
    ----------
    text : str
        What is wrong.
    stands : str, optional
        The outcome that stands in its place, if that is why.
    """

    def __init__(self, text: str, *, stands: str | None = None) -> None:
        super().__init__(text)
        self.stands = stands


@dataclass(frozen=True, slots=True)
class _Outcome:
    """
    What a row says, checked.

    Who was not examined has no date and no criteria, and is never a "no".
    """

    outcome: str
    examined_on: str | None
    criteria: str | None

    @classmethod
    def of(cls, row: Mapping[str, str | None], today: date) -> "_Outcome":
        """Check the fields that say what was found."""
        outcome = row.get("outcome") or ""
        day, criteria = row.get("examined_on") or None, row.get("criteria") or None
        if outcome not in _OUTCOMES:
            raise OutcomeError(f"outcome: must be one of {', '.join(_OUTCOMES)}")
        if outcome == "not-examined":
            if day or criteria:
                raise OutcomeError(
                    "outcome: not-examined goes with neither examined_on nor criteria"
                )
            return cls(outcome, None, None)
        if criteria not in CRITERIA:
            raise OutcomeError(f"criteria: must be one of {', '.join(CRITERIA)}")
        return cls(outcome, _day(day, today), criteria)


def record_outcome(
    database: Database,
    row: Mapping[str, str | None],
    *,
    names: Sequence[Pseudonyms],
    recorded_by: str,
    now: datetime,
    is_visit: bool = False,
) -> bool:
    """
    Record what was found.

    Parameters
    ----------
    database : Database
        Where to.
    row : Mapping
        The members of `FIELDS`. A decision is named by its id; or by tenant and
        patient: then it is the last one at a discharge, up to the examination.
    names : sequence of Pseudonyms
        Hash the patient, the present key first.
    recorded_by : str
        Who records it: a name of a system or a role.
    now : datetime.datetime
        Time of the recording, with its zone.
    is_visit : bool, default False
        Whether it tells of one visit, and corrects nothing: then "not-examined" does
        not take the place of what an examination found.

    Returns
    -------
    bool
        False if the same was recorded before.

    Raises
    ------
    OutcomeError
        If a field cannot be used, there is no such decision, or another outcome stands.
    StoreError
        If the database does not take it.
    """
    unknown = sorted(set(row) - set(FIELDS))
    if unknown:
        raise OutcomeError(f"{unknown[0]}: unknown; there are {', '.join(FIELDS)}")
    found = _Outcome.of(row, now.date())
    decision = row.get("decision_id") or _decision_of_patient(database, row, names)
    with database.writing() as connection:
        known = select(decisions.c.id).where(decisions.c.id == decision)
        if connection.execute(known).scalar() is None:
            raise OutcomeError("decision_id: there is no such decision")
        last = connection.execute(_last_of(decision)).one_or_none()
        if last is not None and _Outcome(*last[1:]) == found:
            return False
        if is_visit and found.outcome == "not-examined" and last is not None:
            raise OutcomeError(
                f"outcome: {last.outcome} was found before, and stands",
                stands=last.outcome,
            )
        # Named after what it corrects: the same correction sent twice is one.
        key = orjson.dumps([last and last.id, decision, found])
        values = {
            "id": sha256(key).hexdigest(),
            "decision_id": decision,
            "outcome": found.outcome,
            "examined_on": found.examined_on,
            "criteria": found.criteria,
            "recorded_by": recorded_by,
            "recorded_at": now,
        }
        return insert_once(connection, outcomes, [values]) == 1


def _last_of(decision: str) -> Select[str, str, str | None, str | None]:
    """Ask for the outcome that counts: what was recorded last."""
    return (
        select(
            outcomes.c.id,
            outcomes.c.outcome,
            outcomes.c.examined_on,
            outcomes.c.criteria,
        )
        .where(outcomes.c.decision_id == decision)
        .order_by(outcomes.c.recorded_at.desc())
        .limit(1)
    )


def import_outcomes(
    database: Database,
    rows: Iterable[Mapping[str, str | None]],
    *,
    names: Sequence[Pseudonyms],
    recorded_by: str,
    now: datetime,
    is_visit: bool = False,
) -> Iterator[bool | OutcomeError]:
    """
    Record many outcomes, and say of each what became of it.

    Parameters
    ----------
    database : Database
        Where to.
    rows : iterable of Mapping
        As for `record_outcome`.
    names : sequence of Pseudonyms
        Hash the patients, the present key first.
    recorded_by : str
        Who records them.
    now : datetime.datetime
        Time of the recording, with its zone.
    is_visit : bool, default False
        As for `record_outcome`.

    Yields
    ------
    bool or OutcomeError
        Whether the row was new, or why it cannot be recorded.
    """
    for row in rows:
        try:
            yield record_outcome(
                database,
                row,
                names=names,
                recorded_by=recorded_by,
                now=now,
                is_visit=is_visit,
            )
        except OutcomeError as error:
            yield error


def _day(text: str | None, today: date) -> str:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        raise OutcomeError(
            "examined_on: must be the day of the examination, YYYY-MM-DD"
        ) from None
    # A day ahead of us somewhere on earth is today.
    if day > today + timedelta(days=1):
        raise OutcomeError("examined_on: lies in the future")
    return day.isoformat()


def _decision_of_patient(
    database: Database,
    row: Mapping[str, str | None],
    names: Sequence[Pseudonyms],
) -> str:
    tenant, patient = row.get("tenant"), row.get("patient_id")
    if not tenant or not patient:
        raise OutcomeError("decision_id: give it, or tenant and patient_id")
    last = row.get("examined_on")
    wanted = (
        select(decisions.c.id, decisions.c.at, decisions.c.vertebrae)
        .where(
            decisions.c.patient_hash.in_([n.patient(tenant, patient) for n in names]),
            decisions.c.service == _SERVICE,
        )
        .order_by(decisions.c.at.desc())
    )
    with database.reading() as connection:
        for decision, at, vertebrae in connection.execute(wanted):
            if vertebrae and (not last or at.date().isoformat() <= last):
                found: str = decision
                return found
    raise OutcomeError(
        "patient_id: no decision about an operation of this patient before the"
        " examination; check tenant and id"
    )
