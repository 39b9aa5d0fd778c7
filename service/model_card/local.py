"""What ``scnen-cds validate`` found in a hospital's own patients, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from service import fields
from service.fields import FieldError
from service.model.risk_model import RiskModel

__all__ = ["LocalGroup", "LocalValidation", "ValidationFileError", "read_validation"]

#: Value and 95 % interval; None where it cannot be had.
Figure: TypeAlias = tuple[float | None, float | None, float | None]

#: Always looked at: inputs of the model, not groups of people.
_INPUTS = ("segment", "method")
_NUMBER = 1e6


class ValidationFileError(ValueError):
    """A results file that must not be shown; the message says why."""


@dataclass(frozen=True, slots=True)
class LocalGroup:
    """
    One subgroup.

    Attributes
    ----------
    grouping, label : str
        Column and value.
    n, events : int or None
        Patients and events; None if hidden.
    auc, observed_expected : tuple of float or None
        Value and 95 % interval.
    note : str
        Why it is hidden; empty if it is not.
    """

    grouping: str
    label: str
    n: int | None
    events: int | None
    auc: Figure
    observed_expected: Figure
    note: str


@dataclass(frozen=True, slots=True)
class LocalValidation:
    """
    A local validation of the running model.

    Attributes
    ----------
    n, events : int
        Patients and events.
    auc, observed_expected, intercept, slope, ici : tuple of float or None
        Value and 95 % interval; ``ici`` is the mean calibration error.
    brier : float or None
        Brier score.
    is_synthetic : bool
        Whether the patients were drawn.
    data_digest, software : str
        SHA-256 of the cohort's file; version that validated.
    groups : tuple of LocalGroup
        Subgroups.
    """

    n: int
    events: int
    auc: Figure
    observed_expected: Figure
    intercept: Figure
    slope: Figure
    ici: Figure
    brier: float | None
    is_synthetic: bool
    data_digest: str
    software: str
    groups: tuple[LocalGroup, ...]

    @property
    def groupings(self) -> tuple[str, ...]:  # numpydoc ignore=RT01
        """What people were grouped by; segment and method do not count."""
        names = dict.fromkeys(group.grouping for group in self.groups)
        return tuple(name for name in names if name not in _INPUTS)


def read_validation(path: Path, model: RiskModel) -> LocalValidation:
    """
    Read the ``results.json`` of a validation of this very model.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    model : RiskModel
        The running model.

    Returns
    -------
    LocalValidation
        What was found.

    Raises
    ------
    ValidationFileError
        If the file cannot be read, is no such file, or is about another model.
    """
    try:
        root = fields.parse(path.read_bytes())
        _check_model(root, model)
        return _validation(root)
    except OSError as error:
        problem = error.strerror or "unknown"
        raise ValidationFileError(f"{path}: cannot be read: {problem}") from error
    except FieldError as error:
        raise ValidationFileError(f"{path}: {error}") from error


def _check_model(root: Mapping[str, Any], model: RiskModel) -> None:
    digest = fields.text(_at(root, "model.digest"), "model.digest")
    if digest != model.digest:
        raise FieldError(
            "model.digest",
            f"is about {_at(root, 'model.id')} {digest}, but {model.id}"
            f" {model.digest} runs: validate that one, or remove the variable",
        )


def _validation(root: Mapping[str, Any]) -> LocalValidation:
    if root.get("is_population_prevalence") is True:
        raise FieldError(
            "is_population_prevalence",
            "these patients were sampled by outcome (--prevalence): how many are"
            " affected here cannot be told from them; validate on patients who follow"
            " one another",
        )
    n = fields.whole(_at(root, "n"), "n", 1)
    events = fields.whole(_at(root, "events"), "events", 1)
    if events >= n:
        raise FieldError("events", f"must be fewer than the {n} patients")
    is_synthetic = _at(root, "cohort.is_synthetic")
    if not isinstance(is_synthetic, bool):
        raise FieldError("cohort.is_synthetic", "must be true or false")
    groups = _at(root, "subgroups")
    if not isinstance(groups, list):
        raise FieldError("subgroups", "must be a list")
    return LocalValidation(
        n=n,
        events=events,
        auc=_figure(root, "auc", "auc_ci"),
        observed_expected=_calibration(root, "observed_expected"),
        intercept=_calibration(root, "intercept_in_the_large"),
        slope=_calibration(root, "slope"),
        ici=_calibration(root, "ici"),
        brier=_number(_at(root, "brier"), "brier"),
        is_synthetic=is_synthetic,
        data_digest=fields.text(_at(root, "cohort.sha256"), "cohort.sha256"),
        software=fields.text(_at(root, "software"), "software"),
        groups=tuple(_group(each, f"subgroups[{i}]") for i, each in enumerate(groups)),
    )


def _group(item: object, field: str) -> LocalGroup:
    if not isinstance(item, dict):
        raise FieldError(field, "must be an object")
    names = {
        name: fields.text(item.get(name), f"{field}.{name}")
        for name in ("grouping", "label")
    }
    if "note" in item:
        note = fields.text(item["note"], f"{field}.note")
        hidden: Figure = (None, None, None)
        return LocalGroup(
            **names,
            n=None,
            events=None,
            auc=hidden,
            observed_expected=hidden,
            note=note,
        )
    return LocalGroup(
        **names,
        n=fields.whole(item.get("n"), f"{field}.n"),
        events=fields.whole(item.get("events"), f"{field}.events"),
        auc=_figure(item, "auc", "auc_ci", field),
        observed_expected=_figure(
            item, "observed_expected", "observed_expected_ci", field
        ),
        note="",
    )


def _calibration(root: Mapping[str, Any], name: str) -> Figure:
    return _figure(root, f"calibration.{name}", f"calibration.intervals.{name}")


def _figure(
    root: Mapping[str, Any], value: str, interval: str, field: str = ""
) -> Figure:
    prefix = f"{field}." if field else ""
    ends = _at(root, interval)
    if not isinstance(ends, list) or len(ends) != 2:  # noqa: PLR2004 low and high
        raise FieldError(f"{prefix}{interval}", "must be two numbers")
    low, high = (_number(end, f"{prefix}{interval}") for end in ends)
    return _number(_at(root, value), f"{prefix}{value}"), low, high


def _number(value: object, field: str) -> float | None:
    return None if value is None else fields.number(value, field, -_NUMBER, _NUMBER)


def _at(root: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 what JSON holds
    node: Any = root
    for step in path.split("."):
        if not isinstance(node, dict) or step not in node:
            raise FieldError(path, "missing: this is no results.json of a validation")
        node = node[step]
    return node
