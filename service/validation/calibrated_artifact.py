"""A recalibrated model as an artifact that the server can load."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service import __version__
from service.model.cohort import NODES, rebuild
from service.model.derivation import MODELS, weighted_quantiles
from service.validation.artifact_files import sealed
from service.validation.estimates import Z_95
from service.validation.recalibration import Recalibration
from service.validation.updating import Level

__all__ = ["Basis", "calibrated_document"]

_Array: TypeAlias = NDArray[np.float64]

_WHAT: Final = {
    Level.INTERCEPT: "intercept estimated on local patients, slopes unchanged",
    Level.SLOPE: "intercept and one factor on all slopes estimated on local patients",
    Level.REFIT: "all coefficients estimated on local patients",
}
#: How begins what an original says of its own numbers that an update replaces.
_REPLACED: Final = ("the intercept", "the covariance", "the other readings")


@dataclass(frozen=True, slots=True)
class Basis:
    """
    What an artifact says besides numbers.

    Attributes
    ----------
    id, version : str
        Of the new model, see `service.validation.artifact_files.id_and_version`.
    first_operation, last_operation : datetime.date
        Span of the patients.
    approved_by : tuple of str
        Who answers for its use, at least one.
    approved_on, valid_until : datetime.date
        Day of the approval; last day of use.
    data_digest : str
        SHA-256 of the patients' file.
    is_synthetic : bool
        Whether nobody in it is a patient.
    """

    id: str
    version: str
    first_operation: date
    last_operation: date
    approved_by: tuple[str, ...]
    approved_on: date
    valid_until: date
    data_digest: str
    is_synthetic: bool


def calibrated_document(
    original: Mapping[str, Any], found: Recalibration, basis: Basis
) -> dict[str, Any]:
    """
    Make the artifact of a recalibrated model.

    Parameters
    ----------
    original : Mapping
        The artifact that was recalibrated, as its file has it.
    found : Recalibration
        What was found; not the level as is.
    basis : Basis
        What it rests on.

    Returns
    -------
    dict
        The artifact, ready for `service.model.documents.render`, digest included: the
        same for the same arguments.

    Raises
    ------
    ValueError
        If nothing was updated, or the artifact would be refused by its reader: such as
        with days that do not follow each other.
    """
    if found.update.level is Level.AS_IS:
        raise ValueError("nothing was updated: there is no new model to write")
    names = tuple(item["name"] for item in original["predictors"])
    what = _WHAT[found.update.level]
    if basis.is_synthetic:
        what += "; SYNTHETIC patients, for demonstration only"
    content = dict(original) | {
        "id": basis.id,
        "version": basis.version,
        "mode": "calibrated",
        "label": what,
        "intercept": _intercept(found.update.intercept, found),
        "coefficients": _coefficients(original, names, found),
        "covariance": _covariance(names, found),
        "incidence": {"events": found.events, "n": found.n},
        "variants": _variants(original, found),
        "cohort": _cohort(original, names, found),
        "provenance": _provenance(original, found),
        "parent": f"{original['id']} {original['version']} {original['digest']}",
        "calibration": _calibration(found, basis),
    }
    return sealed(content)


def _digits(value: float) -> float:
    return float(f"{value:.8g}")


def _intercept(value: float, found: Recalibration) -> dict[str, Any]:
    return {
        "value": round(float(value), 6),
        "method": (
            f"estimated by maximum likelihood on {found.n} local patients,"
            f" {found.events} with the outcome"
        ),
    }


def _coefficients(
    original: Mapping[str, Any], names: tuple[str, ...], found: Recalibration
) -> dict[str, Any]:
    if found.update.level is Level.INTERCEPT:
        return dict(original["coefficients"])
    rows = zip(names, found.update.slopes, found.covariance.slope_errors, strict=True)
    return {
        name: {"value": _digits(slope), "standard_error": _digits(error)}
        for name, slope, error in rows
    }


def _covariance(names: tuple[str, ...], found: Recalibration) -> dict[str, Any]:
    centre = zip(names, found.covariance.centre, strict=True)
    refit = found.update.level is Level.REFIT
    return {
        "label": (
            "estimated on local patients"
            if refit
            else "local for what was estimated here; for the slopes the original's"
        ),
        "method": (
            "inverse Fisher information of the local patients"
            if refit
            else "delta method, decision 46: what was estimated on local patients"
            " together with the original's covariance of the slopes"
        ),
        "terms": ["centred intercept", *names],
        "centre": {name: _digits(value) for name, value in centre},
        "matrix": [[_digits(x) for x in row] for row in found.covariance.matrix],
    }


def _variants(
    original: Mapping[str, Any], found: Recalibration
) -> list[dict[str, Any]]:
    """Keep the readings with smaller slopes, with the mean risk of these patients."""
    return [
        variant
        | {
            "label": f"slopes times {variant['shrinkage']:g}, local mean risk kept",
            "intercept": _intercept(found.variants[variant["id"]], found),
            "incidence": {"events": found.events, "n": found.n},
        }
        for variant in original["variants"]
        if variant["id"] in found.variants
    ]


def _cohort(
    original: Mapping[str, Any], names: tuple[str, ...], found: Recalibration
) -> dict[str, Any]:
    """Score the cohort of the percentiles with the updated model; it stays the same."""
    if found.update.level is Level.REFIT:
        quantiles = _rebuilt_quantiles(names, found)
    else:
        old = np.array(original["cohort"]["quantiles"])
        centred = old - original["intercept"]["value"]
        quantiles = found.update.intercept + found.factor * centred
    return {
        "description": original["cohort"]["description"],
        "quantiles": [round(float(value), 6) for value in quantiles],
    }


def _rebuilt_quantiles(names: tuple[str, ...], found: Recalibration) -> _Array:
    if names not in MODELS.values():
        raise ValueError(
            "level: a refit is only written for the predictors of a bundled model:"
            " percentiles are of the study's cohort"
        )
    five = names != MODELS["liu-nomogram"]
    cohort = rebuild(nodes=NODES[five], postoperative=five)
    return weighted_quantiles(
        found.update.linear_predictor(cohort.design),
        cohort.weight,
        np.linspace(0, 1, 101),
    )


def _provenance(original: Mapping[str, Any], found: Recalibration) -> dict[str, Any]:
    old = original["provenance"]
    replaced = (*_REPLACED, *_WHAT.values())
    kept = [text for text in old["ours"] if not text.startswith(replaced)]
    ours = [f"{_WHAT[found.update.level]}: {found.n}, {found.events} with the outcome"]
    content = dict(old) | {"ours": [*ours, *kept]}
    if found.update.level is Level.REFIT:
        content |= {
            "citation": f"Local patients. Predictors of: {old['citation']}",
            "n": found.n,
            "events": found.events,
        }
    return content


def _calibration(found: Recalibration, basis: Basis) -> dict[str, Any]:
    half = Z_95 * found.covariance.intercept_error
    middle = found.update.intercept
    content = {
        "method": _method(found),
        "n": found.n,
        "events": found.events,
        "first_operation": basis.first_operation.isoformat(),
        "last_operation": basis.last_operation.isoformat(),
        "interval": [round(middle - half, 6), round(middle + half, 6)],
        "approved_by": list(basis.approved_by),
        "approved_on": basis.approved_on.isoformat(),
        "valid_until": basis.valid_until.isoformat(),
        "data_digest": f"sha256:{basis.data_digest}",
        "code_version": __version__,
        "is_synthetic": basis.is_synthetic,
    }
    return content | ({"tests": _tests(found)} if found.test.tests else {})


def _tests(found: Recalibration) -> list[dict[str, Any]]:
    return [
        {
            "against": test.against.value,
            "statistic": _digits(test.statistic),
            "df": test.df,
            "p": _digits(test.p),
        }
        for test in found.test.tests
    ]


def _method(found: Recalibration) -> str:
    words = f"{_WHAT[found.update.level]}; {found.why}"
    if found.update.level is Level.SLOPE:
        words += f"; factor {found.factor:.4f}"
    if found.shrinkage is not None:
        words += (
            f"; slopes times {found.shrinkage.applied:.4f} (heuristic"
            f" {found.shrinkage.heuristic:.4f}, bootstrap"
            f" {found.shrinkage.bootstrap:.4f})"
        )
    return words
