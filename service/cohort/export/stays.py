"""When the service would have been asked about a patient, and what it then knew."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Any, Final

from service.fhir.findings import PatientRecord
from service.fhir.fractures import read_conditions
from service.fhir.operations import ProcedureFact, read_procedures
from service.fhir.references import Contested, select
from service.fhir.resources import Intake
from service.fhir.terminology import Terminology
from service.fhir.times import When, parse_when
from service.policy import Policy

__all__ = ["Stay", "diagnoses_as_of", "stays_of"]

#: What says that a Condition is over.
_ENDING: Final = frozenset({"clinicalStatus", "abatementDateTime", "abatementPeriod"})

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stay:
    """
    One call that the service would have had.

    Attributes
    ----------
    moment : When
        When; the end of it counts.
    encounter_id : str or None
        Encounter of the operation, as its Procedure names it.
    encounter : Mapping or None
        The Encounter, if the end of its period is recorded.
    """

    moment: When
    encounter_id: str | None
    encounter: Resource | None

    @property
    def is_discharge(self) -> bool:  # numpydoc ignore=RT01
        """Whether the time of the discharge is recorded."""
        return self.encounter is not None


def stays_of(
    record: PatientRecord,
    encounters: Mapping[str, Resource],
    *,
    patient_id: str,
    policy: Policy,
    terminology: Terminology,
    zone: tzinfo,
) -> list[Stay]:
    """
    List the stays with an operation.

    Parameters
    ----------
    record : PatientRecord
        The patient's resources.
    encounters : Mapping of str to Mapping
        The Encounters by id, in R4's spelling.
    patient_id : str
        The patient.
    policy : Policy
        What counts as performed, and within how many days a film is taken.
    terminology : Terminology
        Knows the methods.
    zone : datetime.tzinfo
        That of the hospital.

    Returns
    -------
    list of Stay
        The earliest first. Each is judged at the end of the encounter that the
        Procedure names; if that is not recorded, when the days for the postoperative
        film are over. Operations with neither an end nor a time are left out.
    """
    facts = read_procedures(
        select(record.procedures, "Procedure", patient_id).resources,
        terminology,
        zone,
        in_progress_counts=policy.eligibility.in_progress_counts,
    )
    windows = policy.windows
    wait = timedelta(min(windows.postoperative_days, windows.lookback_days))
    found = {}
    for fact in facts:
        encounter = encounters.get(fact.encounter or "")
        stay = _discharge(fact, encounter, zone) or _films(fact, facts, wait, zone)
        if stay is not None:
            found[stay.encounter_id, stay.moment.end] = stay
    return sorted(found.values(), key=lambda s: (s.moment.end, s.encounter_id or ""))


def _discharge(
    fact: ProcedureFact, encounter: Resource | None, zone: tzinfo
) -> Stay | None:
    period = encounter.get("period") if encounter else None
    ended = period.get("end") if isinstance(period, dict) else None
    moment = parse_when(ended, zone)
    return None if moment is None else Stay(moment, fact.encounter, encounter)


def _films(
    fact: ProcedureFact, facts: Iterable[ProcedureFact], wait: timedelta, zone: tzinfo
) -> Stay | None:
    """Take the last operation of the encounter, and wait for its films."""
    name = fact.encounter
    own = [f for f in facts if f is fact or (name is not None and f.encounter == name)]
    times = [each.when.end for each in own if each.when]
    if not times:
        return None
    end = max(times) + wait
    day = end.astimezone(zone).date()
    return Stay(When(end, end, None, day, day), name, None)


def diagnoses_as_of(
    conditions: Iterable[Resource] | None,
    moment: When,
    *,
    patient_id: str,
    terminology: Terminology,
    zone: tzinfo,
) -> Sequence[Resource]:
    """
    Give the diagnoses as they stood at a moment.

    Parameters
    ----------
    conditions : iterable of Mapping or None
        The patient's Conditions, as the export has them.
    moment : When
        The moment.
    patient_id : str
        The patient.
    terminology : Terminology
        Knows the diagnoses.
    zone : datetime.tzinfo
        That of the hospital.

    Returns
    -------
    sequence of Mapping
        Without those that began, or without an onset were recorded, surely after it.
        What ended after it is not over yet.
    """
    own = select(conditions or (), "Condition", patient_id).resources
    facts = {
        id(fact.resource): fact
        for fact in read_conditions(own, terminology, zone, Intake())
    }
    kept = []
    for condition in own:
        fact = facts.get(id(condition))
        began = (fact.onset or fact.recorded) if fact else None
        if began is not None and moment.is_before(began):
            continue
        ended = fact.abated if fact else None
        is_open = ended is not None and moment.is_before(ended)
        kept.append(_without_end(condition) if is_open else condition)
    return kept


def _without_end(condition: Resource) -> Resource:
    kept = {name: said for name, said in condition.items() if name not in _ENDING}
    return Contested(kept) if isinstance(condition, Contested) else kept
