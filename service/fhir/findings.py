"""What an extraction takes in and gives back: values with their sources, or reasons."""
# Not all are frozen, and measurements are built by position: frozen, or by name, what
# is built for every vertebra is up to three times as dear.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

__all__ = [
    "Coding",
    "Extraction",
    "Flag",
    "Measurement",
    "Missing",
    "OperatedVertebra",
    "Operation",
    "PatientRecord",
    "Reason",
    "quoted",
]

#: What a record supplies is cut to so many characters where people read it.
_QUOTED: Final = 60


class Reason(StrEnum):
    """Why a value, or a whole assessment, is not given: a closed list."""

    NOT_RECORDED = "not-recorded"
    UNAVAILABLE = "unavailable"
    STATUS_NOT_FINAL = "status-not-final"
    DATA_ABSENT = "data-absent"
    UNIT_NOT_STATED = "unit-not-stated"
    UNIT_UNKNOWN = "unit-unknown"
    COMPARATOR = "comparator"
    NOT_A_QUANTITY = "not-a-quantity"
    OUT_OF_PHYSICAL_RANGE = "out-of-physical-range"
    STALE = "stale"
    TIME_UNCLEAR = "time-unclear"
    TOO_EARLY = "too-early"
    OUTSIDE_WINDOW = "outside-window"
    OTHER_LEVEL = "other-level"
    CONFLICT = "conflict"
    UNDEFINED = "undefined"
    NOT_APPLICABLE = "not-applicable"
    REGION_NOT_LEVEL = "region-not-level"
    OUTSIDE_MODEL = "outside-model"
    NO_ELIGIBLE_OPERATION = "no-eligible-operation"
    EXCLUDED_CONDITION = "excluded-condition"
    UNDER_AGE = "under-age"


class Flag(StrEnum):
    """What people must know beside a value that is given."""

    TWO_METHODS = "two-methods"
    METHOD_INFERRED = "method-inferred"
    FRACTURE_NOT_DOCUMENTED = "fracture-not-documented"
    PATHOLOGICAL_FRACTURE = "pathological-fracture"
    SEVERAL_VERTEBRAE = "several-vertebrae"
    NUMBER_UNKNOWN = "number-of-vertebrae-unknown"
    CRR_RECORDED_DIFFERS = "crr-recorded-differs"
    SIGNS_NORMALISED = "signs-normalised"
    OPERATION_TIME_NOT_RECORDED = "operation-time-not-recorded"
    MATCHED_BY_TEXT = "matched-by-text"


def quoted(said: str, source: str) -> str:
    """
    Quote what a record says, for the account of a contradiction.

    Parameters
    ----------
    said : str
        Value and unit, or a place.
    source : str
        Reference of the resource.

    Returns
    -------
    str
        Both, each cut so that two of them fit into one sentence.
    """
    return f"{said[:_QUOTED]} ({source[:_QUOTED]})"


@dataclass(frozen=True, slots=True)
class Coding:
    """
    A code as the record has it.

    Attributes
    ----------
    system, code : str
        Address of the code system, and the code.
    """

    system: str
    code: str


@dataclass(slots=True)
class Measurement:
    """
    A value that serves, with where it comes from.

    Attributes
    ----------
    value : float or str
        In degrees or percent; a word for segment and method.
    unit : str or None
        ``"deg"`` or ``"%"`` after conversion; None for words.
    as_found : str
        Value and unit as recorded.
    code : Coding
        Under which code it was found.
    source : str
        Reference of the resource, several joined by a comma.
    time : datetime.datetime or datetime.date or None
        When it was taken.
    status : str or None
        Status of the resource.
    """

    value: float | str
    unit: str | None
    as_found: str
    code: Coding
    source: str
    time: datetime | date | None
    status: str | None


@dataclass(frozen=True, slots=True)
class Missing:
    """
    A value that is not given, with the reason.

    Attributes
    ----------
    reason : Reason
        Why.
    detail : str
        More of it; codes, units, statuses and levels only.
    candidates : tuple of str
        References of the resources that were looked at and do not serve.
    """

    reason: Reason
    detail: str = ""
    candidates: tuple[str, ...] = ()


@dataclass(slots=True)
class Operation:
    """
    An operation, of one vertebra or of several.

    Attributes
    ----------
    start, end : datetime.datetime or None
        First and last instant at which it may have begun, in UTC; equal where the
        record states it exactly.
    day : datetime.date or None
        Its day, as recorded; None if the record does not name one day.
    sources : tuple of str
        References of the Procedures.
    """

    start: datetime | None
    end: datetime | None
    day: date | None
    sources: tuple[str, ...]


@dataclass(slots=True)
class OperatedVertebra:
    """
    One fractured and operated vertebra.

    Attributes
    ----------
    level : str or None
        ``"T1"`` to ``"L5"``; None if only the segment is known.
    segment, method, cement_ratio_percent, cobb_preoperative_deg, \
cobb_postoperative_deg, cobb_restoration_ratio_percent : Measurement or Missing
        The predictors.
    operation : Operation
        When it was operated on.
    fractures : tuple of str
        References of the Conditions that record its fracture.
    flags : frozenset of Flag
        What people must know.
    conflicts : tuple of str
        Each contradiction in the record, with its sources.
    """

    level: str | None
    segment: Measurement | Missing
    method: Measurement | Missing
    cement_ratio_percent: Measurement | Missing
    cobb_preoperative_deg: Measurement | Missing
    cobb_postoperative_deg: Measurement | Missing
    cobb_restoration_ratio_percent: Measurement | Missing
    operation: Operation
    fractures: tuple[str, ...] = ()
    flags: frozenset[Flag] = frozenset()
    conflicts: tuple[str, ...] = ()


@dataclass(slots=True)
class PatientRecord:
    """
    The resources of one patient as plain JSON.

    Attributes
    ----------
    patient, encounter : Mapping or None
        The resource; None if it could not be had.
    procedures : sequence of Mapping
        All that were sent, maybe none.
    observations, conditions : sequence of Mapping or None
        None if they could not be had; empty if there are none.
    illegible : Mapping of str to int
        How many entries beside them were no resources, by resource type.
    elsewhere : Mapping of str to int
        How many more were dropped, by resource type, since they name the patient's id
        at a server that is not the call's.
    fhir_base : str or None
        Address of the FHIR server that has the patient, if it is known: a reference
        that names another server is to another patient.
    """

    patient: Mapping[str, Any] | None
    encounter: Mapping[str, Any] | None
    procedures: Sequence[Mapping[str, Any]]
    observations: Sequence[Mapping[str, Any]] | None
    conditions: Sequence[Mapping[str, Any]] | None
    illegible: Mapping[str, int] = field(default_factory=dict)
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    fhir_base: str | None = None


@dataclass(slots=True)
class Extraction:
    """
    What a record says about the predictors.

    Attributes
    ----------
    vertebrae : tuple of OperatedVertebra
        From the head downwards; empty if nothing may be assessed.
    as_of : datetime.datetime
        Time of the call.
    not_assessed : Reason or None
        Why nothing may be assessed.
    exclusion : str or None
        Which group of excluded conditions, as a code of the project.
    unchecked : frozenset of str
        ``"age"``, ``"exclusions"``: what could not be had.
    rejected : tuple of tuple of str
        Reference and fault of each resource that could not be used.
    other_patient : int
        How many resources of other patients were dropped.
    only_others : bool
        Whether there were Procedures, and none is the patient's.
    operation : Operation or None
        Where the latest operation was asked for: when the last of it took place.
    elsewhere : Mapping of str to int
        As in the record.
    is_test : bool or None
        Whether the Patient is marked as data for tests; None without the Patient.
    """

    vertebrae: tuple[OperatedVertebra, ...]
    as_of: datetime
    not_assessed: Reason | None = None
    exclusion: str | None = None
    unchecked: frozenset[str] = frozenset()
    rejected: tuple[tuple[str, str], ...] = ()
    other_patient: int = 0
    only_others: bool = False
    operation: Operation | None = None
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    is_test: bool | None = None
