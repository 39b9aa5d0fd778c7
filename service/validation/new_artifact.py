"""A newly developed model as an artifact, if it is one that the server can run."""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from service.model.arrays import risk as expit
from service.model.artifact import SCHEMA, load_bundled
from service.model.predictors import INPUTS
from service.validation.artifact_files import sealed
from service.validation.candidates import Candidate, Candidates
from service.validation.charts import axis_step, studied_range
from service.validation.new_model import NewModel

__all__ = ["new_artifact", "why_not"]

_Array: TypeAlias = NDArray[np.float64]

_LIKE: Final = "liu-nomogram"
_ANCHORED: Final = "so that the mean risk in the derivation cohort is its incidence"
#: Percentiles of equal patients are told apart by so much: they must rise.
_APART: Final = 1e-6


def why_not(model: NewModel) -> str:
    """
    Say why the server cannot run a model.

    Parameters
    ----------
    model : NewModel
        The results.

    Returns
    -------
    str
        The reason, in words; empty if it can.
    """
    kept = [each.name for each in model.candidates if each.is_kept]
    unknown = [name for name in kept if name not in INPUTS]
    if not kept:
        return "no candidate was selected: these patients support no model"
    if unknown:
        return (
            f"the server does not extract {', '.join(unknown)}; its inputs are"
            f" {', '.join(INPUTS)}. The coefficients are in results.json"
        )
    if not model.optimism.corrected.slope > 0:
        return (
            "after correction for optimism its slope is not above 0: in new patients it"
            " would say nothing"
        )
    return ""


def new_artifact(
    model: NewModel,
    candidates: Candidates,
    patients: NDArray[np.bool_],
    *,
    name: tuple[str, str],
) -> dict[str, Any]:
    """
    Make the artifact of a new model.

    It is ``anchored`` to the incidence of its patients: nobody has validated or
    approved it. Its other reading has the slopes times the corrected calibration
    slope, which is what may be expected of them in new patients.

    Parameters
    ----------
    model : NewModel
        The results; `why_not` says nothing against it.
    candidates : Candidates
        All patients and columns.
    patients : numpy.ndarray of bool of shape (n_patients,)
        Whom it was fitted to.
    name : tuple of str
        Id and version, see `service.validation.artifact_files.id_and_version`.

    Returns
    -------
    dict
        The artifact, ready for `service.model.documents.render`, digest included.

    Raises
    ------
    ValueError
        If the server cannot run it; the message is that of `why_not`.
    """
    reason = why_not(model)
    if reason:
        raise ValueError(reason)
    fate = zip(candidates.candidates, model.candidates, strict=True)
    kept = [candidate for candidate, found in fate if found.is_kept]
    columns = [candidate.columns[0] for candidate in kept]
    design = candidates.design[patients][:, columns]
    slopes = np.array([row.value for row in model.model])
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "id": name[0],
        "version": name[1],
        "mode": "anchored",
        "label": _label(model),
        "outcome": _outcome(),
        "intercept": _intercept(model.intercept, "maximum likelihood"),
        "predictors": [
            _quantity(each, design[:, place]) for place, each in enumerate(kept)
        ],
        "coefficients": {
            row.name: {
                "value": _digits(row.value),
                "standard_error": _digits(row.standard_error),
            }
            for row in model.model
        },
        "related": [],
        "covariance": _covariance(model, kept, design),
        "incidence": _incidence(model),
        "variants": [_variant(model, design @ slopes)],
        "cohort": {
            "description": f"the {model.derivation.n} patients it was derived from",
            "quantiles": _quantiles(model.intercept + design @ slopes),
        },
        "nomogram": {
            "axes": [_axis(each, design[:, place]) for place, each in enumerate(kept)]
        },
        "provenance": _provenance(model),
        "parent": None,
        "calibration": None,
    }
    return sealed(content)


def _digits(value: float) -> float:
    return float(f"{value:.8g}")


def _label(model: NewModel) -> str:
    what = "developed on local patients, not yet validated on others"
    if model.source.is_synthetic:
        return f"{what}; SYNTHETIC patients, for demonstration only"
    return what


def _outcome() -> dict[str, str]:
    found = load_bundled(_LIKE).outcome
    return {
        "name": found.name,
        "definition": found.definition,
        "horizon": found.horizon,
        "condition": found.condition,
    }


def _intercept(value: float, method: str) -> dict[str, Any]:
    return {"value": _digits(value), "method": method}


def _incidence(model: NewModel) -> dict[str, int]:
    return {"events": model.derivation.events, "n": model.derivation.n}


def _quantity(candidate: Candidate, values: _Array) -> dict[str, Any]:
    kind = INPUTS[candidate.name]
    like = load_bundled(_LIKE)
    described = {item.name: item for item in (*like.predictors, *like.related)}
    content: dict[str, Any] = {
        "name": kind.name,
        "kind": kind.kind,
        "unit": kind.unit,
        "physical": list(kind.physical),
        "studied": list(_studied(candidate, values)),
        "mean": _digits(values.mean()),
        "sd": _digits(values.std(ddof=1)),
        "description": described[kind.name].description,
    }
    return content | ({"coding": dict(kind.codes)} if kind.codes else {})


def _studied(candidate: Candidate, values: _Array) -> tuple[float, float]:
    low, high = studied_range(values, tuple(candidate.codes.values()))
    return _digits(low), _digits(high)


def _axis(candidate: Candidate, values: _Array) -> dict[str, Any]:
    low, high = _studied(candidate, values)
    step = 1.0 if candidate.codes else axis_step(low, high)
    return {"name": candidate.name, "from": low, "to": high, "step": step}


def _covariance(
    model: NewModel, kept: Sequence[Candidate], design: _Array
) -> dict[str, Any]:
    """Move the intercept to the mean of the predictors, where it is best known."""
    centre = design.mean(axis=0)
    move = np.eye(1 + centre.size)
    move[0, 1:] = centre
    matrix = move @ np.array(model.covariance) @ move.T
    matrix = (matrix + matrix.T) / 2
    names = [each.name for each in kept]
    return {
        "label": "estimated; without the uncertainty of having selected predictors",
        "method": "inverse Fisher information of the derivation cohort",
        "terms": ["centred intercept", *names],
        "centre": {
            name: _digits(value) for name, value in zip(names, centre, strict=True)
        },
        "matrix": [[_digits(value) for value in row] for row in matrix],
    }


def _variant(model: NewModel, predicted: _Array) -> dict[str, Any]:
    shrinkage = float(f"{min(1.0, model.optimism.corrected.slope):.3f}")
    share = model.derivation.events / model.derivation.n
    shrunken = shrinkage * predicted

    def excess(intercept: float) -> float:
        return float(expit(intercept + shrunken).mean()) - share

    far = 50 + float(np.abs(shrunken).max())
    return {
        "id": f"shrinkage-{shrinkage:g}",
        "label": f"slopes times {shrinkage:g}, corrected for optimism, mean risk kept",
        "shrinkage": shrinkage,
        "intercept": _intercept(brentq(excess, -far, far), f"chosen {_ANCHORED}"),
        "incidence": _incidence(model),
    }


def _quantiles(predicted: _Array) -> list[float]:
    found = np.quantile(predicted, np.linspace(0, 1, 101)).round(6)
    for place in range(1, found.size):
        found[place] = max(found[place], found[place - 1] + _APART)
    return [round(float(value), 6) for value in found]


def _provenance(model: NewModel) -> dict[str, Any]:
    corrected = model.optimism.corrected
    return {
        "citation": (
            f"Developed with scnen-cds on {model.source.name}, SHA-256"
            f" {model.source.digest}"
        ),
        "n": model.derivation.n,
        "events": model.derivation.events,
        "read": "nothing: no publication",
        "ours": [
            f"selection from {len(model.candidates)} candidates by LASSO and backward"
            f" elimination ({model.plan.rule}), seed {model.plan.seed}",
            f"corrected for optimism: AUC {corrected.auc:.3f}, slope"
            f" {corrected.slope:.3f}, {model.optimism.resamples} bootstrap samples",
            f"sample size: {model.verdict.words}",
        ],
    }
