"""Libraries: the models as data, each with its artifact."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path
from typing import Any, Final

from service.assessment import OutputMode
from service.knowledge.basis import Basis, Resource
from service.model.artifact import (
    ArtifactError,
    bundled_models,
    load_bundled,
    load_model,
)
from service.model.risk_model import Quantity, RiskModel
from service.model_card.content import read_content

__all__ = ["libraries", "library_address"]

_TYPE: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/library-type",
    "code": "logic-library",
}
_PURPOSE: Final = (
    "To let a knowledge repository keep, compare and cite the exact model behind the"
    " advice. It is no executable logic: the service computes, and `/nomogram` shows"
    " how."
)
_WITHHELD: Final = (
    " Output mode relative: the content, which holds an intercept, is not given."
)


def libraries(basis: Basis) -> Iterator[Resource]:
    """
    Describe the running model and those that ship.

    Parameters
    ----------
    basis : Basis
        What the artifacts are made from.

    Yields
    ------
    dict
        Library.
    """
    bundled = bundled_models()
    yield _library(basis, basis.model, basis.artifact)
    for model_id, path in bundled.items():
        if model_id != basis.model.id:
            yield _library(basis, load_bundled(model_id), path)


def library_address(basis: Basis) -> str:
    """
    Name the running model as a RiskAssessment names it.

    Parameters
    ----------
    basis : Basis
        What the artifacts are made from.

    Returns
    -------
    str
        Canonical address with version.
    """
    return basis.canonical("Library", basis.model.id, basis.model.version)


def _library(basis: Basis, model: RiskModel, path: Path) -> Resource:
    content = _content(model, path)
    is_relative = basis.mode is OutputMode.RELATIVE
    citation = model.provenance.citation
    told = {
        **_standing(model),
        "title": f"Risk model {model.id}: {model.label}",
        "description": f"{_described(model)}{_WITHHELD if is_relative else ''}",
        "purpose": _PURPOSE,
        "usage": "Not for: " + " ".join(read_content().not_for),
        "useContext": basis.use_context(),
        "copyright": f"Apache-2.0. Coefficients: {citation}",
    }
    return {
        **basis.head("Library", model.id, model.version, told),
        "identifier": [
            {"system": f"{basis.canonical_base}/model-digest", "value": model.digest}
        ],
        "type": {"coding": [_TYPE]},
        "relatedArtifact": list(_related(basis, model)),
        "parameter": [*map(_input, model.predictors), *_outputs(is_relative)],
        **({"content": [content]} if content and not is_relative else {}),
    }


def _standing(model: RiskModel) -> dict[str, Any]:
    """Say that only what was calibrated on patients is for use on patients."""
    calibration = model.calibration
    if calibration is None:
        return {"status": "active", "experimental": True}
    return {
        "status": "active",
        "experimental": calibration.is_synthetic,
        "date": calibration.approved_on.isoformat(),
        "effectivePeriod": {"end": calibration.valid_until.isoformat()},
    }


def _described(model: RiskModel) -> str:
    outcome, incidence = model.outcome, model.incidence
    return (
        f"{model.label}; {model.mode} to {incidence.events} cases among"
        f" {incidence.n} patients."
        f" Outcome: {outcome.name} {outcome.horizon}: {outcome.definition}."
        f" For {outcome.condition}."
    )


def _related(basis: Basis, model: RiskModel) -> Iterator[Resource]:
    yield {"type": "citation", "citation": model.provenance.citation}
    yield {
        "type": "documentation",
        "display": "The model card",
        "url": f"{basis.public_url}/model",
    }
    if model.parent is not None:
        yield {"type": "derived-from", "display": model.parent}


def _input(item: Quantity) -> Resource:
    how = ", ".join(f"{label} {code:g}" for label, code in item.codes.items())
    low, high = item.studied
    return {
        "name": item.name,
        "use": "in",
        "min": 1,
        "max": "1",
        "documentation": f"{item.description}; "
        + (how or f"in {item.unit}, studied from {low:g} to {high:g}"),
        "type": "code" if item.codes else "decimal",
    }


def _outputs(is_relative: bool) -> Iterator[Resource]:  # noqa: FBT001 private
    if not is_relative:
        yield _output("risk", "probability of the outcome, from 0 to 1")
    yield _output("percentile", "of the simulated derivation cohort, from 0 to 100")


def _output(name: str, documentation: str) -> Resource:
    told = {"name": name, "use": "out", "min": 0, "max": "1"}
    return {**told, "documentation": documentation, "type": "decimal"}


def _content(model: RiskModel, path: Path) -> Resource | None:
    """Attach the artifact, unless its file is no longer the one of this model."""
    try:
        is_same = load_model(path, may_be_expired=True).digest == model.digest
    except ArtifactError:
        return None
    if not is_same:
        return None
    data = path.read_bytes()
    return {
        "contentType": "application/json",
        "title": f"{model.id}.json",
        "size": len(data),
        "hash": b64encode(sha1(data, usedforsecurity=False).digest()).decode(),
        "data": b64encode(data).decode(),
    }
