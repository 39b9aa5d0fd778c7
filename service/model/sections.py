"""Reading each section of a model artifact into the part of the model it describes."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service import fields
from service.fields import FieldError
from service.model.calibration import read_calibration
from service.model.predictors import INPUTS
from service.model.risk_model import (
    Axis,
    Covariance,
    Incidence,
    Intercept,
    Outcome,
    Provenance,
    Quantity,
    RiskModel,
    Variant,
)

__all__ = ["FIELDS", "read_model"]

#: Every field of an artifact; none may lack, no other may stand there.
FIELDS = (
    "schema",
    "id",
    "version",
    "mode",
    "label",
    "outcome",
    "intercept",
    "predictors",
    "coefficients",
    "related",
    "covariance",
    "incidence",
    "variants",
    "cohort",
    "nomogram",
    "provenance",
    "parent",
    "calibration",
    "digest",
)
_QUANTITY = (
    "name",
    "kind",
    "unit",
    "physical",
    "studied",
    "mean",
    "sd",
    "description",
)


def read_model(root: Mapping[str, Any]) -> RiskModel:
    """
    Turn an artifact's sections into a model, refusing what is inconsistent.

    Parameters
    ----------
    root : Mapping
        The artifact: exactly `FIELDS`, its digest and mode already checked.

    Returns
    -------
    RiskModel
        The model.

    Raises
    ------
    FieldError
        If a field is missing, unknown or wrong.
    """
    predictors = _quantities(root["predictors"], "predictors")
    names = tuple(quantity.name for quantity in predictors)
    values, errors = _coefficients(root["coefficients"], names)
    none = root["related"] == []
    related = () if none else _quantities(root["related"], "related")
    _check_distinct(predictors, related)
    cohort = fields.section(root["cohort"], "cohort", ("description", "quantiles"))
    return RiskModel(
        id=fields.text(root["id"], "id"),
        version=fields.text(root["version"], "version"),
        digest=root["digest"],
        mode=root["mode"],
        label=fields.text(root["label"], "label"),
        outcome=_outcome(root["outcome"]),
        intercept=_intercept(root["intercept"], "intercept"),
        predictors=predictors,
        coefficients=values,
        standard_errors=errors,
        related=related,
        covariance=_covariance(root["covariance"], names),
        incidence=_incidence(root["incidence"], "incidence"),
        variants=_variants(root["variants"], root["mode"]),
        cohort=fields.text(cohort["description"], "cohort.description"),
        quantiles=_quantiles(cohort["quantiles"]),
        axes=_axes(root["nomogram"], predictors),
        provenance=_provenance(root["provenance"]),
        parent=_parent(root),
        calibration=read_calibration(root),
    )


def _quantities(value: object, field: str) -> tuple[Quantity, ...]:
    items = fields.sequence(value, field)
    return tuple(_quantity(item, f"{field}[{i}]") for i, item in enumerate(items))


def _quantity(value: object, field: str) -> Quantity:
    item = fields.section(value, field, _QUANTITY, ("coding",))
    name = fields.text(item["name"], f"{field}.name")
    if name not in INPUTS:
        raise FieldError(f"{field}.name", f"unknown; known are {', '.join(INPUTS)}")
    known = INPUTS[name]
    for key, right in (("kind", known.kind), ("unit", known.unit)):
        if item[key] != right:
            raise FieldError(f"{field}.{key}", f"must be {right} for {name}")
    if item.get("coding", {}) != dict(known.codes):
        raise FieldError(f"{field}.coding", f"must be {dict(known.codes)} for {name}")
    physical = _range(item["physical"], f"{field}.physical", known.physical)
    return Quantity(
        name=name,
        kind=known.kind,
        unit=known.unit,
        codes=known.codes,
        physical=physical,
        studied=_range(item["studied"], f"{field}.studied", physical),
        mean=fields.number(item["mean"], f"{field}.mean", *physical),
        sd=_positive(item["sd"], f"{field}.sd"),
        description=fields.text(item["description"], f"{field}.description"),
    )


def _range(
    value: object, field: str, outer: tuple[float, float] = (-1e9, 1e9)
) -> tuple[float, float]:
    low, high = fields.numbers(value, field, 2)
    if low >= high:
        raise FieldError(field, "must rise from low to high")
    if low < outer[0] or high > outer[1]:
        raise FieldError(field, f"must lie in [{outer[0]:g}, {outer[1]:g}]")
    return low, high


def _positive(value: object, field: str) -> float:
    number = fields.number(value, field, 0)
    if number == 0:
        raise FieldError(field, "must be above 0")
    return number


def _coefficients(
    value: object, names: tuple[str, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    table = fields.section(value, "coefficients", names)
    values, errors = [], []
    for name in names:
        field = f"coefficients.{name}"
        item = fields.section(table[name], field, ("value", "standard_error"))
        values.append(fields.number(item["value"], f"{field}.value"))
        if values[-1] == 0:
            raise FieldError(f"{field}.value", "must not be 0; leave the predictor out")
        errors.append(_positive(item["standard_error"], f"{field}.standard_error"))
    return tuple(values), tuple(errors)


def _check_distinct(
    predictors: tuple[Quantity, ...], related: tuple[Quantity, ...]
) -> None:
    names = [quantity.name for quantity in (*predictors, *related)]
    for name in names:
        if names.count(name) > 1:
            raise FieldError("predictors", f"{name} is given twice")


def _outcome(value: object) -> Outcome:
    item = fields.section(
        value, "outcome", ("name", "definition", "horizon", "condition")
    )
    return Outcome(**{k: fields.text(v, f"outcome.{k}") for k, v in item.items()})


def _intercept(value: object, field: str) -> Intercept:
    item = fields.section(value, field, ("value", "method"))
    return Intercept(
        fields.number(item["value"], f"{field}.value"),
        fields.text(item["method"], f"{field}.method"),
    )


def _incidence(value: object, field: str) -> Incidence:
    item = fields.section(value, field, ("events", "n"))
    events = fields.whole(item["events"], f"{field}.events", 1)
    n = fields.whole(item["n"], f"{field}.n", 2)
    if events >= n:
        raise FieldError(f"{field}.events", "must be fewer than n")
    return Incidence(events, n)


def _covariance(value: object, names: tuple[str, ...]) -> Covariance:
    item = fields.section(
        value, "covariance", ("label", "method", "terms", "centre", "matrix")
    )
    terms = ["centred intercept", *names]
    if item["terms"] != terms:
        raise FieldError("covariance.terms", f"must be {terms}")
    centre = fields.section(item["centre"], "covariance.centre", names)
    rows = fields.sequence(item["matrix"], "covariance.matrix", len(terms))
    matrix = np.array(
        [
            fields.numbers(row, f"covariance.matrix[{i}]", len(terms))
            for i, row in enumerate(rows)
        ]
    )
    _check_definite(matrix)
    matrix.flags.writeable = False
    return Covariance(
        fields.text(item["label"], "covariance.label"),
        fields.text(item["method"], "covariance.method"),
        tuple(fields.number(centre[n], f"covariance.centre.{n}") for n in names),
        matrix,
    )


def _check_definite(matrix: NDArray[np.float64]) -> None:
    if not np.array_equal(matrix, matrix.T):
        raise FieldError("covariance.matrix", "must be symmetric")
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise FieldError("covariance.matrix", "must be positive definite") from None


def _variants(value: object, mode: str) -> tuple[Variant, ...]:
    if value == [] and mode == "calibrated":
        return ()
    items = fields.sequence(value, "variants")
    return tuple(_variant(item, f"variants[{i}]") for i, item in enumerate(items))


def _variant(value: object, field: str) -> Variant:
    item = fields.section(
        value, field, ("id", "label", "shrinkage", "intercept", "incidence")
    )
    shrinkage = _positive(item["shrinkage"], f"{field}.shrinkage")
    if shrinkage > 1:
        raise FieldError(f"{field}.shrinkage", "must be at most 1")
    return Variant(
        fields.text(item["id"], f"{field}.id"),
        fields.text(item["label"], f"{field}.label"),
        shrinkage,
        _intercept(item["intercept"], f"{field}.intercept"),
        _incidence(item["incidence"], f"{field}.incidence"),
    )


def _quantiles(value: object) -> tuple[float, ...]:
    found = fields.numbers(value, "cohort.quantiles", 101)
    if any(b <= a for a, b in pairwise(found)):
        raise FieldError("cohort.quantiles", "must rise")
    return found


def _axes(value: object, predictors: tuple[Quantity, ...]) -> tuple[Axis, ...]:
    nomogram = fields.section(value, "nomogram", ("axes",))
    items = fields.sequence(nomogram["axes"], "nomogram.axes", len(predictors))
    return tuple(
        _axis(item, f"nomogram.axes[{i}]", quantity)
        for i, (item, quantity) in enumerate(zip(items, predictors, strict=True))
    )


def _axis(value: object, field: str, quantity: Quantity) -> Axis:
    item = fields.section(value, field, ("name", "from", "to", "step"))
    if item["name"] != quantity.name:
        raise FieldError(f"{field}.name", f"must be {quantity.name}")
    low, high = _range([item["from"], item["to"]], field, quantity.physical)
    return Axis(quantity.name, low, high, _positive(item["step"], f"{field}.step"))


def _provenance(value: object) -> Provenance:
    item = fields.section(
        value, "provenance", ("citation", "n", "events", "read", "ours")
    )
    counts = _incidence({k: item[k] for k in ("events", "n")}, "provenance")
    return Provenance(
        fields.text(item["citation"], "provenance.citation"),
        counts.n,
        counts.events,
        fields.text(item["read"], "provenance.read"),
        fields.texts(item["ours"], "provenance.ours"),
    )


def _parent(root: Mapping[str, Any]) -> str | None:
    if root["parent"] is None and root["mode"] == "anchored":
        return None
    return fields.text(root["parent"], "parent")
