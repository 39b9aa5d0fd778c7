"""What became of a patient since the operation: blocks, examinations, diagnosis."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import Any, Final

from service.fhir.conceptmaps import Kind
from service.fhir.references import Contested, select, source_of
from service.fhir.resources import Intake
from service.fhir.signs import side_of
from service.fhir.terminology import Terminology
from service.fhir.times import When, enclosing, parse_when
from service.fhir.verdicts import Setting

__all__ = [
    "Block",
    "Course",
    "Diagnosis",
    "is_deceased",
    "read_course",
    "read_diagnosis",
]

_BLOCK: Final = "scn-diagnostic-block"
_ANY_NERVE: Final = "nerve-block"
_EXAMINATION: Final = "tender-point-assessment"
_VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_OPEN: Final = frozenset({"unconfirmed", "provisional", "differential"})
_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_OVER: Final = frozenset({"resolved", "inactive", "remission"})

Resource = Mapping[str, Any]


class Diagnosis(StrEnum):
    """Whether SCNEN stands among the diagnoses."""

    NOT_RECORDED = "not-recorded"
    CONSIDERED = "considered"
    SETTLED = "settled"
    UNCHECKED = "unchecked"


@dataclass(slots=True, eq=False)
class Block:
    """
    A block of the superior cluneal nerve that was given.

    Attributes
    ----------
    source : str
        Reference of the Procedure.
    name : str
        Its id.
    given : When
        Between when and when the injection took place.
    side : str
        Left or right, where its body sites say one of the two; else empty.
    """

    source: str
    name: str
    given: When
    side: str


@dataclass(slots=True)
class Course:
    """
    What Procedures say about the follow-up.

    Attributes
    ----------
    blocks : tuple of Block
        Blocks that were given after the operation, at a time that is recorded.
    mentions : tuple of str
        References of all that speak of a block, whatever became of it.
    examinations : tuple of str
        References of all that speak of the examination, unless it was missed.
    early_mentions, early_examinations : tuple of str
        The same of the first days, which do not count.
    """

    blocks: tuple[Block, ...]
    mentions: tuple[str, ...]
    examinations: tuple[str, ...]
    early_mentions: tuple[str, ...] = ()
    early_examinations: tuple[str, ...] = ()


def read_course(
    procedures: Iterable[Resource],
    setting: Setting,
    terminology: Terminology,
    intake: Intake,
) -> Course:
    """
    Read the Procedures of the follow-up.

    Parameters
    ----------
    procedures : iterable of Mapping
        Procedures of the patient.
    setting : Setting
        Operation and call.
    terminology : Terminology
        Knows the procedures.
    intake : Intake
        Checks the blocks.

    Returns
    -------
    Course
        In a fixed order; erroneous ones and those before the operation are left out.
    """
    blocks: list[Block] = []
    # What is said of them: in time, and in the first days.
    mentions: tuple[list[str], list[str]] = [], []
    examinations: tuple[list[str], list[str]] = [], []
    for resource in sorted(procedures, key=source_of):
        targets = _targets(resource, terminology)
        status = resource.get("status")
        if not targets or status == "entered-in-error":
            continue
        given = _performed(resource, setting.zone)
        if setting.is_before_operation(given):
            continue
        source, is_early = source_of(resource), setting.is_early(given)
        # A block that was not given was decided against; an examination was missed.
        if _EXAMINATION in targets and status != "not-done":
            examinations[is_early].append(source)
        if _BLOCK in targets:
            mentions[is_early].append(source)
            block = _block(resource, given, setting, intake)
            blocks += [block] if block else []
        elif _ANY_NERVE in targets and _is_of_follow_up(given, setting):
            mentions[is_early].append(source)
    (said, said_early), (done, done_early) = mentions, examinations
    return Course(
        tuple(blocks), tuple(said), tuple(done), tuple(said_early), tuple(done_early)
    )


def _targets(resource: Resource, terminology: Terminology) -> set[str]:
    """What the codes mean; of a block of any nerve the body site tells which one."""
    meanings = terminology.lexicon(Kind.PROCEDURE).meanings(resource.get("code"))
    targets = {mapped.target for mapped in meanings}
    if _ANY_NERVE in targets:
        sites = resource.get("bodySite")
        structures = terminology.lexicon(Kind.STRUCTURE)
        listed = sites if isinstance(sites, list) else ()
        if any(structures.meanings(site) for site in listed):
            targets.add(_BLOCK)
    return targets


def _block(
    resource: Resource, given: When | None, setting: Setting, intake: Intake
) -> Block | None:
    """One that was surely given, after the operation and before the call."""
    is_given = (
        resource.get("status") == "completed"
        and not isinstance(resource, Contested)
        and intake.accepts(resource)
    )
    if not is_given or given is None or setting.operated is None:
        return None
    if not setting.operated.is_before(given) or setting.now.is_before(given):
        return None
    name = resource.get("id")
    sites = resource.get("bodySite")
    return Block(
        source_of(resource),
        name if isinstance(name, str) else "",
        given,
        side_of(*(sites if isinstance(sites, list) else ())),
    )


def _is_of_follow_up(given: When | None, setting: Setting) -> bool:
    """Nerves are blocked for operations too: on that day it says nothing."""
    operated = setting.operated
    return given is None or operated is None or operated.is_before(given)


def _performed(resource: Resource, zone: tzinfo) -> When | None:
    period = resource.get("performedPeriod")
    if not isinstance(period, dict):
        return parse_when(resource.get("performedDateTime"), zone)
    start, end = (parse_when(period.get(name), zone) for name in ("start", "end"))
    if start is None or ("end" in period and end is None):
        return None
    return enclosing([start, end]) if end else start


def read_diagnosis(
    conditions: Iterable[Resource] | None,
    *,
    patient_id: str,
    setting: Setting,
    terminology: Terminology,
) -> Diagnosis:
    """
    Tell whether SCNEN is recorded as a diagnosis.

    Parameters
    ----------
    conditions : iterable of Mapping or None
        Conditions as plain JSON; None if they could not be had.
    patient_id : str
        The patient; Conditions of others are dropped.
    setting : Setting
        Operation and call.
    terminology : Terminology
        Knows the diagnosis.

    Returns
    -------
    Diagnosis
        Settled if it is confirmed, refuted or without a statement; considered if it is
        only provisional. What ended before the operation does not count.
    """
    if conditions is None:
        return Diagnosis.UNCHECKED
    known = terminology.lexicon(Kind.DIAGNOSIS)
    found = Diagnosis.NOT_RECORDED
    for resource in select(conditions, "Condition", patient_id).resources:
        if not known.meanings(resource.get("code")):
            continue
        status = _verification(resource)
        if status == "entered-in-error" or _is_bygone(resource, status, setting):
            continue
        if status not in _OPEN:
            return Diagnosis.SETTLED
        found = Diagnosis.CONSIDERED
    return found


def _verification(resource: Resource) -> str | None:
    return _coded(resource.get("verificationStatus"), _VERIFICATION)


def _coded(concept: object, system: str) -> str | None:
    """Give the first code of one system."""
    codings = concept.get("coding") if isinstance(concept, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict) and coding.get("system") == system:
            code = coding.get("code")
            return code if isinstance(code, str) else None
    return None


def _is_bygone(resource: Resource, status: str | None, setting: Setting) -> bool:
    """It was over, or refuted, before the operation."""

    def is_before(time: object) -> bool:
        return setting.is_before_operation(parse_when(time, setting.zone))

    if status == "refuted" and is_before(resource.get("recordedDate")):
        return True
    ended = resource.get("abatementDateTime", _part(resource, "abatementPeriod", "end"))
    if ended is not None:
        return is_before(ended)
    if _coded(resource.get("clinicalStatus"), _CLINICAL) not in _OVER:
        return False
    onset = resource.get("onsetDateTime", _part(resource, "onsetPeriod", "start"))
    return is_before(resource.get("recordedDate")) or is_before(onset)


def _part(resource: Resource, name: str, part: str) -> object:
    period = resource.get(name)
    return period.get(part) if isinstance(period, dict) else None


def is_deceased(patient: Mapping[str, Any] | None, patient_id: str) -> bool:
    """
    Tell whether the record says that the patient has died.

    Parameters
    ----------
    patient : Mapping or None
        The Patient.
    patient_id : str
        Id of the patient of the call.

    Returns
    -------
    bool
        False also if the Patient could not be had.
    """
    if not isinstance(patient, dict) or patient.get("id") != patient_id:
        return False
    return "deceasedDateTime" in patient or patient.get("deceasedBoolean") is True
