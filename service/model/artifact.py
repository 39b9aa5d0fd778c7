"""Reading a model artifact (JSON), and refusing one that must not be used."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from service import fields
from service.fields import FieldError
from service.model.risk_model import RiskModel
from service.model.sections import FIELDS, read_model

__all__ = [
    "OTHER_EQUATION",
    "SCHEMA",
    "ArtifactError",
    "RiskModel",
    "bundled_models",
    "canonical_digest",
    "find_model",
    "load_bundled",
    "load_model",
]

SCHEMA = "scnen-risk-model/1"

#: The study has two equations; each is shown beside the other where they disagree.
OTHER_EQUATION = MappingProxyType(
    {"liu-nomogram": "liu-table2", "liu-table2": "liu-nomogram"}
)

_FOLDER = Path(__file__).parents[1] / "data" / "models"


class ArtifactError(ValueError):
    """
    An artifact that must not be used.

    Parameters
    ----------
    file : str
        The artifact.
    field : str
        Path of the field that is wrong.
    problem : str
        What is wrong with it.
    """

    def __init__(self, file: str, field: str, problem: str) -> None:
        super().__init__(f"{file}: {field}: {problem}")
        self.file = file
        self.field = field
        self.problem = problem


def bundled_models() -> Mapping[str, Path]:
    """
    Find the artifacts that ship with the service.

    Returns
    -------
    Mapping[str, pathlib.Path]
        File of each model, by model id.
    """
    return MappingProxyType({p.stem: p for p in sorted(_FOLDER.glob("*.json"))})


def find_model(name: str) -> Path:
    """
    Find the artifact that somebody names.

    Parameters
    ----------
    name : str
        Id of a bundled model, or a path.

    Returns
    -------
    pathlib.Path
        Where it should be; `load_model` says if it is not there.

    Examples
    --------
    >>> find_model("liu-nomogram").name, find_model("north-1.json").name
    ('liu-nomogram.json', 'north-1.json')
    """
    return bundled_models().get(name, Path(name))


def load_bundled(model_id: str) -> RiskModel:
    """
    Read a model that ships with the service.

    Parameters
    ----------
    model_id : str
        Such as ``liu-nomogram``.

    Returns
    -------
    RiskModel
        The model.

    Raises
    ------
    ArtifactError
        If there is no such model, or its file was damaged.
    """
    models = bundled_models()
    if model_id not in models:
        known = ", ".join(models)
        raise ArtifactError(model_id, "id", f"no bundled model; there are {known}")
    return load_model(models[model_id])


def load_model(
    path: Path, *, today: date | None = None, may_be_expired: bool = False
) -> RiskModel:
    """
    Read and check an artifact.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    today : datetime.date, optional
        Day of use; needed for a calibrated model, which expires.
    may_be_expired : bool, optional
        Whether the caller asks `RiskModel.is_valid_on` himself before each use.

    Returns
    -------
    RiskModel
        The model.

    Raises
    ------
    ArtifactError
        If the file cannot be read, was changed since it was made, or a field is
        missing, unknown, of the wrong unit, not finite, inconsistent or expired.
    """
    try:
        root = fields.section(fields.parse(path.read_bytes()), "", FIELDS)
        _check_identity(root)
        model = read_model(root)
        if not may_be_expired:
            _check_validity(model, today)
    except OSError as error:
        raise ArtifactError(str(path), "file", f"cannot be read: {error}") from error
    except FieldError as error:
        raise ArtifactError(str(path), error.field, error.problem) from error
    return model


def canonical_digest(document: Mapping[str, Any]) -> str:
    """
    Hash an artifact's content.

    Parameters
    ----------
    document : Mapping
        The artifact; its field ``digest`` is left out.

    Returns
    -------
    str
        ``sha256:`` and the hash of the JSON with sorted keys and no blanks.

    Examples
    --------
    >>> canonical_digest({"a": 1, "digest": "x"}) == canonical_digest({"a": 1})
    True
    """
    content = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8")).hexdigest()


def _check_identity(root: Mapping[str, Any]) -> None:
    if root["schema"] != SCHEMA:
        raise FieldError("schema", f"must be {SCHEMA}")
    if root["digest"] != canonical_digest(root):
        raise FieldError(
            "digest",
            "does not fit the content: the file was changed after it was made;"
            " restore it, or derive a new version",
        )
    if root["mode"] not in ("anchored", "calibrated"):
        raise FieldError("mode", "must be anchored or calibrated")


def _check_validity(model: RiskModel, today: date | None) -> None:
    if model.calibration is None:
        return
    if today is None:
        raise FieldError(
            "calibration.valid_until", "cannot be judged without today's date"
        )
    if not model.is_valid_on(today):
        raise FieldError(
            "calibration.valid_until",
            "has passed: recalibrate, or choose another model",
        )
