"""The risk model: artifacts, scoring, nomogram, and how the numbers were derived."""

from service.model.arrays import (
    design_matrix,
    linear_predictor,
    risk,
    standard_error,
)
from service.model.artifact import (
    ArtifactError,
    bundled_models,
    load_bundled,
    load_model,
)
from service.model.risk_model import RiskModel
from service.model.scoring import (
    PartialScore,
    Score,
    percentile,
    plain_risk,
    score,
)

__all__ = [
    "ArtifactError",
    "PartialScore",
    "RiskModel",
    "Score",
    "bundled_models",
    "design_matrix",
    "linear_predictor",
    "load_bundled",
    "load_model",
    "percentile",
    "plain_risk",
    "risk",
    "score",
    "standard_error",
]
