"""One operated vertebra put together: predictors, flags and contradictions."""

from dataclasses import dataclass
from typing import Final

from service.fhir.acts import PEDICLE_SCREW
from service.fhir.angles import settle_angles
from service.fhir.findings import (
    Flag,
    Measurement,
    Missing,
    OperatedVertebra,
    Operation,
    Reason,
    quoted,
)
from service.fhir.location import Location
from service.fhir.measurements import Chosen
from service.fhir.places import level_of
from service.fhir.times import When
from service.fhir.vertebrae import Doubt, Draft

__all__ = ["Context", "assemble", "is_eligible", "operation_of"]

#: Method of the model by code of the project.
_METHODS: Final = {PEDICLE_SCREW: "pedicle_screw", "pvp": "pvp", "pkp": "pkp"}
#: The same as people say it.
_SPOKEN: Final = {PEDICLE_SCREW: "screws", "pvp": "PVP", "pkp": "PKP"}
#: Faults of a cement ratio that was recorded all the same: it speaks of cement.
_SPEAKS_OF_CEMENT: Final = frozenset(
    {
        Reason.UNAVAILABLE,
        Reason.STATUS_NOT_FINAL,
        Reason.UNIT_NOT_STATED,
        Reason.UNIT_UNKNOWN,
        Reason.COMPARATOR,
        Reason.NOT_A_QUANTITY,
        Reason.OUT_OF_PHYSICAL_RANGE,
        Reason.CONFLICT,
    }
)
#: Beside screws they say that there was no cement.
_NO_CEMENT: Final = frozenset({Reason.NOT_RECORDED, Reason.DATA_ABSENT})


@dataclass(slots=True)
class Context:
    """
    What holds for all vertebrae of a record.

    Attributes
    ----------
    own_system : str
        Address of the project's CodeSystem.
    is_several : bool
        Whether more than one vertebra was operated on.
    is_pathological : bool
        Whether a pathological fracture of open cause is recorded.
    conditions_were_had : bool
        Whether the diagnoses could be looked at.
    """

    own_system: str
    is_several: bool
    is_pathological: bool
    conditions_were_had: bool


def is_eligible(draft: Draft, location: Location, cement: Chosen) -> bool:
    """
    Tell whether a vertebra was operated on for a fracture.

    Parameters
    ----------
    draft : Draft
        The vertebra.
    location : Location
        Where it lies, and whether a fracture is recorded there.
    cement : Chosen
        Its cement ratio.

    Returns
    -------
    bool
        False for screws with neither a fracture nor a cement ratio (0 % is none):
        degenerative surgery. A ratio that could not be looked for leaves it open.
    """
    if draft.methods != {PEDICLE_SCREW} or location.is_documented:
        return True
    ratio = cement.result
    if isinstance(ratio, Measurement):
        return ratio.value != 0
    return cement.is_outranked or ratio.reason in _SPEAKS_OF_CEMENT


def assemble(
    draft: Draft, location: Location, chosen: dict[str, Chosen], context: Context
) -> OperatedVertebra:
    """
    Put a vertebra together.

    Parameters
    ----------
    draft : Draft
        Its acts.
    location : Location
        Where it lies.
    chosen : dict of str to Chosen
        Its readings by predictor.
    context : Context
        What holds for all vertebrae.

    Returns
    -------
    OperatedVertebra
        The result.
    """
    sources, when = draft.sources, draft.when
    method = _method(draft, sources, when)
    angles = settle_angles(
        chosen["cobb_preoperative_deg"],
        chosen["cobb_postoperative_deg"],
        chosen["cobb_restoration_ratio_percent"],
        context.own_system,
    )
    cement = _cement(draft, chosen["cement_ratio_percent"])
    blocking = [
        item.detail
        for item in (location.segment, method, cement)
        if isinstance(item, Missing) and item.reason is Reason.CONFLICT
    ]
    return OperatedVertebra(
        level=level_of(location.place),
        segment=location.segment,
        method=method,
        cement_ratio_percent=cement,
        cobb_preoperative_deg=angles.preoperative,
        cobb_postoperative_deg=angles.postoperative,
        cobb_restoration_ratio_percent=angles.ratio,
        operation=operation_of(when, sources),
        fractures=location.diagnoses,
        flags=angles.flags | _flags(draft, location, context),
        conflicts=(*blocking, *angles.conflicts),
    )


def _method(
    draft: Draft, sources: tuple[str, ...], when: When | None
) -> Measurement | Missing:
    if "pvp" in draft.methods and "pkp" in draft.methods:
        said = (quoted(name.upper(), _teller(draft, name)) for name in ("pvp", "pkp"))
        detail = f"two methods of augmentation of one vertebra: {' and '.join(said)}"
        return Missing(Reason.CONFLICT, detail, sources)
    if draft.doubt:
        return _doubted(draft.methods, draft.doubt, sources)
    name = PEDICLE_SCREW if PEDICLE_SCREW in draft.methods else min(draft.methods)
    acts = [act for act in draft.acts if name in act.methods]
    codes = [code for act in acts for code in act.codes]
    first = next(code for code in codes if code.target == name)
    return Measurement(
        _METHODS[name],
        None,
        ", ".join(sorted({code.code for code in codes})),
        first.coding,
        ", ".join(sources),
        when.stated if when else None,
        draft.facts[0].resource["status"],
    )


def _doubted(methods: set[str], doubt: Doubt, sources: tuple[str, ...]) -> Missing:
    """Name the record that cannot be used, and what it would make of the method."""
    one, other = (
        " and ".join(_SPOKEN[name] for name in sorted(said))
        for said in (methods, doubt.methods)
    )
    detail = (
        f"method: {quoted(one, ', '.join(sources))}, or"
        f" {quoted(other, ', '.join(doubt.sources))}, whose record cannot be used"
    )
    return Missing(Reason.CONFLICT, detail, (*sources, *doubt.sources))


def _teller(draft: Draft, name: str) -> str:
    """Give the last Procedure of an act: the one that completes a combination."""
    act = next(act for act in draft.acts if name in act.methods)
    return act.facts[-1].source


def _cement(draft: Draft, chosen: Chosen) -> Measurement | Missing:
    """Screws without cement have no ratio: the study knows no such patient."""
    cement = chosen.result
    if draft.methods != {PEDICLE_SCREW} or chosen.is_outranked:
        return cement
    none = "screws without cement"
    if isinstance(cement, Measurement):
        if cement.value == 0:
            return Missing(Reason.NOT_APPLICABLE, none, (cement.source,))
    elif cement.reason in _NO_CEMENT:
        return Missing(Reason.NOT_APPLICABLE, none, cement.candidates)
    return cement


def operation_of(when: When | None, sources: tuple[str, ...]) -> Operation:
    """
    Say when an operation took place.

    Parameters
    ----------
    when : When or None
        When it began.
    sources : tuple of str
        References of its Procedures.

    Returns
    -------
    Operation
        With a day only if the record names one.
    """
    if when is None:
        return Operation(None, None, None, sources)
    day = when.first_day if when.first_day == when.last_day else None
    return Operation(when.start, when.end, day, sources)


def _flags(draft: Draft, location: Location, context: Context) -> frozenset[Flag]:
    flags: list[Flag] = []
    if PEDICLE_SCREW in draft.methods:
        if len(draft.methods) > 1:
            flags.append(Flag.TWO_METHODS)
        if _is_inferred(draft):
            flags.append(Flag.METHOD_INFERRED)
    if context.conditions_were_had and not location.is_documented:
        flags.append(Flag.FRACTURE_NOT_DOCUMENTED)
    if any(fact.is_time_of_stay for fact in draft.known.values()):
        flags.append(Flag.OPERATION_TIME_NOT_RECORDED)
    if context.is_pathological:
        flags.append(Flag.PATHOLOGICAL_FRACTURE)
    if context.is_several:
        flags.append(Flag.SEVERAL_VERTEBRAE)
    if draft.number_unknown:
        flags.append(Flag.NUMBER_UNKNOWN)
    return frozenset(flags)


def _is_inferred(draft: Draft) -> bool:
    """Whether no code names pedicle screws themselves."""
    codes = [
        code for act in draft.acts for code in act.codes if code.target == PEDICLE_SCREW
    ]
    return all(code.inferred or code.needs_spine for code in codes)
