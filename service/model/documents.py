"""The artifacts that ship, made from the derivation; written, and compared."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from service.model.artifact import SCHEMA, canonical_digest
from service.model.cohort import NODES
from service.model.derivation import MODELS, SHRINKAGE, Derivation, derive
from service.model.predictors import INPUTS
from service.model.published import (
    CITATION,
    COEFFICIENTS,
    INCIDENCES,
    LUMBAR,
    METHOD_COUNTS,
    MOMENTS,
)

__all__ = ["TOLERANCE", "differences", "document", "render", "write"]

#: Largest relative difference between a stored and a derived number.
TOLERANCE = 1e-6

_NUMBERS = re.compile(r"\[([-+\d.e,\s]+)\]")
_VERSION = "1.0.0"
_LABEL = "Table 2 coefficients, rebuilt intercept"
_STUDIED_SD = 2.5
_DESCRIPTIONS = {
    "segment": "segment of the fractured vertebra",
    "method": "operation; one step each from pedicle screw over PVP to PKP",
    "cement_ratio_percent": "cement area over vertebral area, anteroposterior film",
    "cobb_restoration_ratio_percent": "(pre - post) / pre x 100 of the Cobb angle",
    "cobb_postoperative_deg": "endplate angle of the fractured vertebra, after",
    "cobb_preoperative_deg": "endplate angle of the fractured vertebra, before",
}
#: What the rebuilt cohort can hold: no kyphosis below 0, no more than full correction.
_POSSIBLE = {
    "cement_ratio_percent": (0, 100),
    "cobb_restoration_ratio_percent": (-100, 100),
    "cobb_postoperative_deg": (0, 90),
    "cobb_preoperative_deg": (0, 90),
}
_STEPS = {
    "segment": 1,
    "method": 1,
    "cement_ratio_percent": 5,
    "cobb_restoration_ratio_percent": 10,
    "cobb_postoperative_deg": 2,
}
_OUTCOME = {
    "name": "superior cluneal nerve entrapment neuropathy",
    "definition": (
        "persistent low back pain or leg symptoms after the operation, with a tender"
        " point at the posterior iliac crest whose pressure reproduces the pain, and"
        " more than 75 % relief within two hours of a nerve block there with 2 mL of"
        " 1 % lidocaine"
    ),
    "horizon": "within six months after the operation",
    "condition": (
        "adults operated on for an acute thoracic or lumbar vertebral fracture who had"
        " no other new spinal disease in those months"
    ),
}


def document(model_id: str) -> dict[str, Any]:
    """
    Make the artifact of one shipped model from the published tables.

    Parameters
    ----------
    model_id : str
        A key of `service.model.derivation.MODELS`.

    Returns
    -------
    dict
        The artifact, ready for JSON, digest included.
    """
    derivation = derive(model_id)
    names = derivation.cohort.names
    related = [n for n in INPUTS if n in MOMENTS and n not in names]
    events, n = INCIDENCES[0]
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "id": model_id,
        "version": _VERSION,
        "mode": "anchored",
        "label": _LABEL,
        "outcome": _OUTCOME,
        "intercept": _intercept(derivation.fit.intercept, INCIDENCES[0]),
        "predictors": [_quantity(name) for name in names],
        "coefficients": {name: _coefficient(name) for name in names},
        "related": [_quantity(name) for name in related],
        "covariance": _covariance(derivation),
        "incidence": {"events": events, "n": n},
        "variants": _variants(derivation),
        "cohort": _cohort(derivation),
        "nomogram": {"axes": [_axis(name) for name in names]},
        "provenance": _provenance(),
        "parent": None,
        "calibration": None,
    }
    return content | {"digest": canonical_digest(content)}


def render(content: Mapping[str, Any]) -> bytes:
    """
    Write an artifact as the text of its file.

    Parameters
    ----------
    content : Mapping
        The artifact.

    Returns
    -------
    bytes
        Indented JSON in UTF-8, lists of numbers on one line, a newline at the end.
    """
    text = json.dumps(content, indent=1, allow_nan=False)
    return _NUMBERS.sub(_on_one_line, text).encode() + b"\n"


def write(model_id: str, folder: Path) -> tuple[Path, bool]:
    """
    Write a model's artifact; an artifact that is there is never edited.

    Parameters
    ----------
    model_id : str
        Which model.
    folder : pathlib.Path
        Where to; the file is named after the model.

    Returns
    -------
    tuple of (pathlib.Path, bool)
        The file, and whether it was written now; False if it stood there already.

    Raises
    ------
    FileExistsError
        If a file with other content is there.
    OSError
        If the file cannot be written.
    """
    path, content = folder / f"{model_id}.json", render(document(model_id))
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        if path.read_bytes() == content:
            return path, False
        raise FileExistsError(
            f"{path} holds another artifact; an artifact is never edited in place:"
            " choose another folder or move the file away"
        ) from None
    return path, True


def differences(stored: object, derived: object, field: str = "") -> Iterator[str]:
    """
    Compare two artifacts; numbers may differ by `TOLERANCE`, the digest with them.

    Parameters
    ----------
    stored, derived : object
        The artifacts, or the same part of both.
    field : str
        Path of the part, for the messages.

    Yields
    ------
    str
        One line for every field that differs.
    """
    if isinstance(stored, dict) and isinstance(derived, dict):
        for key in sorted(stored.keys() | derived.keys()):
            if key == "digest":
                continue
            path = f"{field}.{key}" if field else key
            if key not in stored or key not in derived:
                yield f"{path}: only in the {'file' if key in stored else 'derivation'}"
            else:
                yield from differences(stored[key], derived[key], path)
    elif isinstance(stored, list) and isinstance(derived, list):
        if len(stored) != len(derived):
            yield f"{field}: {len(stored)} entries, derived {len(derived)}"
        else:
            for i, pair in enumerate(zip(stored, derived, strict=True)):
                yield from differences(*pair, f"{field}[{i}]")
    elif not _same(stored, derived):
        yield f"{field}: {stored!r}, derived {derived!r}"


def _on_one_line(numbers: re.Match[str]) -> str:
    return "[" + " ".join(numbers[1].split()) + "]"


def _same(stored: object, derived: object) -> bool:
    if isinstance(stored, float) and isinstance(derived, float):
        return math.isclose(stored, derived, rel_tol=TOLERANCE, abs_tol=1e-12)
    return type(stored) is type(derived) and stored == derived


def _intercept(value: float, incidence: tuple[int, int]) -> dict[str, Any]:
    return {
        "value": round(value, 3),
        "method": (
            "not published; chosen so that the mean risk over the derivation cohort"
            f" rebuilt from Table 1 is {incidence[0]}/{incidence[1]}"
        ),
    }


def _quantity(name: str) -> dict[str, Any]:
    kind = INPUTS[name]
    mean, sd = _moments(name)
    coding = {"coding": dict(kind.codes)} if kind.codes else {}
    return {
        "name": name,
        "kind": kind.kind,
        "unit": kind.unit,
        **coding,
        "physical": list(kind.physical),
        "studied": list(_studied(name)),
        "mean": mean,
        "sd": sd,
        "description": _DESCRIPTIONS[name],
    }


def _moments(name: str) -> tuple[float, float]:
    if name in MOMENTS:
        return MOMENTS[name]
    lumbar = LUMBAR[0] / LUMBAR[1]
    shares = METHOD_COUNTS if name == "method" else (1 - lumbar, lumbar)
    values = np.array(list(INPUTS[name].codes.values()))
    weight = np.array(shares) / sum(shares)
    mean = weight @ values
    return round(float(mean), 4), round(math.sqrt(weight @ (values - mean) ** 2), 4)


def _studied(name: str) -> tuple[float, float]:
    """Mean plus and minus 2.5 SD, in whole units, cut to what can be."""
    if name not in MOMENTS:
        return INPUTS[name].physical
    mean, sd = MOMENTS[name]
    low, high = _POSSIBLE[name]
    return (
        float(max(low, round(mean - _STUDIED_SD * sd))),
        float(min(high, round(mean + _STUDIED_SD * sd))),
    )


def _coefficient(name: str) -> dict[str, float]:
    row = COEFFICIENTS[name]
    return {"value": row.beta, "standard_error": _digits(row.standard_error)}


def _digits(value: float) -> float:
    """Keep eight significant digits: more than is known, fewer than platforms share."""
    return float(f"{value:.8g}")


def _covariance(derivation: Derivation) -> dict[str, Any]:
    names = derivation.cohort.names
    means = derivation.cohort.mean()
    return {
        "label": "approximate: the paper does not publish the covariance",
        "method": (
            "D R D with centred predictors: R the correlations of the Fisher"
            " information of the rebuilt cohort at n = 237, D the published standard"
            " errors of the slopes and the rebuilt one of the centred intercept"
        ),
        "terms": ["centred intercept", *names],
        "centre": {n: round(float(m), 4) for n, m in zip(names, means, strict=True)},
        "matrix": [[_digits(x) for x in row] for row in derivation.covariance.tolist()],
    }


def _variants(derivation: Derivation) -> list[dict[str, Any]]:
    derivation_cohort, _, overall = INCIDENCES
    return [
        {
            "id": "incidence-70-340",
            "label": "the paper's overall figure, 70 of 340, instead of 41 of 237",
            "shrinkage": 1.0,
            "intercept": _intercept(derivation.intercepts[2], overall),
            "incidence": {"events": overall[0], "n": overall[1]},
        },
        {
            "id": "shrinkage-0.8",
            "label": "slopes times 0.8 (41 events for 19 candidates), mean risk kept",
            "shrinkage": SHRINKAGE,
            "intercept": _intercept(derivation.shrunk_intercept, derivation_cohort),
            "incidence": {"events": derivation_cohort[0], "n": derivation_cohort[1]},
        },
    ]


def _cohort(derivation: Derivation) -> dict[str, Any]:
    five = derivation.cohort.names != MODELS["liu-nomogram"]
    return {
        "description": (
            "simulated from Table 1: segment and method as counted, cement and"
            " restoration ratio truncated normal"
            + (", preoperative angle gamma" if five else "")
            + f", independent, {NODES[five]} equal-probability nodes each"
        ),
        "quantiles": [round(q, 4) for q in derivation.quantiles.tolist()],
    }


def _axis(name: str) -> dict[str, Any]:
    low, high = _studied(name)
    return {"name": name, "from": low, "to": high, "step": float(_STEPS[name])}


def _provenance() -> dict[str, Any]:
    events, n = INCIDENCES[0]
    return {
        "citation": CITATION,
        "n": n,
        "events": events,
        "read": "the text, Table 1 (derivation cohort) and Table 2; not Figure 4",
        "ours": [
            "the intercept, rebuilt from Table 1",
            "the covariance, from published standard errors and rebuilt correlations",
            "the coding of the method as 1, 2, 3, inferred from its standard error",
            "the studied ranges, mean and 2.5 SD of Table 1",
            "the other readings: incidence 70/340 and shrinkage 0.8",
            "the percentiles, of the rebuilt cohort",
        ],
    }
