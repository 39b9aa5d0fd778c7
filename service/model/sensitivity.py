"""How far an intercept could move: dependence, coding of the method, fewer nodes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from service.model.cohort import Cohort, Dependence, rebuild
from service.model.derivation import Derivation, anchor, fit, uncentre
from service.model.published import INCIDENCES

__all__ = [
    "CODINGS",
    "CORRELATION",
    "DEPENDENCES",
    "Finding",
    "band_disagreement",
    "centring",
    "codings",
    "convergence",
    "dependences",
]

#: Size of the correlations tried; the paper reports none.
CORRELATION = 0.2

#: One pair at a time, both signs; then the three main pairs together so that the
#: linear predictor spreads most: well-filled vertebrae are also well corrected, and
#: lumbar ones are filled and corrected less.
DEPENDENCES: Mapping[str, Dependence] = MappingProxyType(
    {
        "independent": Dependence(),
        "cement with restoration, +": Dependence(cement_restoration=CORRELATION),
        "cement with restoration, -": Dependence(cement_restoration=-CORRELATION),
        "lumbar with cement, +": Dependence(lumbar_cement=CORRELATION),
        "lumbar with cement, -": Dependence(lumbar_cement=-CORRELATION),
        "lumbar with restoration, +": Dependence(lumbar_restoration=CORRELATION),
        "lumbar with restoration, -": Dependence(lumbar_restoration=-CORRELATION),
        "method with restoration, +": Dependence(method_restoration=CORRELATION),
        "method with restoration, -": Dependence(method_restoration=-CORRELATION),
        "three together, most spread": Dependence(
            cement_restoration=CORRELATION,
            lumbar_cement=-CORRELATION,
            lumbar_restoration=-CORRELATION,
        ),
    }
)

#: Ways the paper may have coded pedicle screw, PVP, PKP.
CODINGS: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "pedicle screw 1, PVP 2, PKP 3": (1.0, 2.0, 3.0),
        "PKP against the rest": (0.0, 0.0, 1.0),
        "pedicle screw against the rest": (0.0, 1.0, 1.0),
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """
    What one assumption gives.

    Attributes
    ----------
    assumption : str
        The assumption in words.
    intercept : float
        Intercept under it.
    concordance : float
        Area under the ROC curve under it.
    method_error : float
        Standard error of the method's coefficient under it.
    """

    assumption: str
    intercept: float
    concordance: float
    method_error: float


def dependences(derivation: Derivation) -> tuple[Finding, ...]:
    """
    Derive the four-factor intercept again under each dependence.

    Parameters
    ----------
    derivation : Derivation
        The four-factor model's derivation.

    Returns
    -------
    tuple of Finding
        One for each of `DEPENDENCES`.
    """
    nodes = math.isqrt(derivation.cohort.weight.size // 6)
    return tuple(
        _finding(derivation, name, rebuild(nodes=nodes, dependence=dependence))
        for name, dependence in DEPENDENCES.items()
    )


def codings(derivation: Derivation) -> tuple[Finding, ...]:
    """
    Fit again under each coding of the method, with the same slope.

    Parameters
    ----------
    derivation : Derivation
        A model's derivation.

    Returns
    -------
    tuple of Finding
        One for each of `CODINGS`; the paper's standard error tells which fits.
    """
    column = derivation.cohort.names.index("method")
    steps = derivation.cohort.design[:, column].astype(int) - 1
    found = []
    for name, codes in CODINGS.items():
        design = derivation.cohort.design.copy()
        design[:, column] = np.array(codes)[steps]
        cohort = Cohort(derivation.cohort.names, design, derivation.cohort.weight)
        found.append(_finding(derivation, name, cohort))
    return tuple(found)


def convergence(
    derivation: Derivation, nodes: tuple[int, ...]
) -> tuple[tuple[int, float], ...]:
    """
    Derive the intercept with other numbers of nodes.

    Parameters
    ----------
    derivation : Derivation
        A model's derivation.
    nodes : tuple of int
        Nodes for each continuous predictor.

    Returns
    -------
    tuple of (int, float)
        Nodes and intercept.
    """
    five = "cobb_postoperative_deg" in derivation.cohort.names
    events, n = INCIDENCES[0]
    return tuple(
        (
            k,
            anchor(
                rebuild(nodes=k, postoperative=five),
                derivation.coefficients,
                events / n,
            ),
        )
        for k in nodes
    )


def centring(derivation: Derivation) -> tuple[float, float]:
    """
    Standard error of the linear predictor at the cohort's means, built two ways.

    Parameters
    ----------
    derivation : Derivation
        A model's derivation.

    Returns
    -------
    tuple of float
        With centred predictors (as shipped) and, to show why, with uncentred ones.
    """
    mean = np.concatenate([[1.0], derivation.cohort.mean()])
    plain = uncentre(derivation.fit.centred, mean[1:])
    rebuilt = np.sqrt(np.diag(plain))
    scale = np.concatenate([rebuilt[:1], derivation.published_errors]) / rebuilt
    variance = (mean * scale) @ plain @ (mean * scale)
    return math.sqrt(derivation.covariance[0, 0]), math.sqrt(variance)


def band_disagreement(
    four: Derivation, five: Derivation, thresholds: tuple[float, ...]
) -> float:
    """
    Share of patients that two models put into different bands.

    Parameters
    ----------
    four, five : Derivation
        The derivations of both models.
    thresholds : tuple of float
        Risks at which a band begins.

    Returns
    -------
    float
        The share of the five-term model's cohort.
    """
    design = five.cohort.design[:, : four.coefficients.size]
    score = four.fit.intercept + design @ four.coefficients
    cuts = np.log(np.array(thresholds) / (1 - np.array(thresholds)))
    other = five.fit.intercept + five.cohort.design @ five.coefficients
    differs = np.digitize(score, cuts) != np.digitize(other, cuts)
    return float(five.cohort.weight[differs].sum())


def _finding(derivation: Derivation, name: str, cohort: Cohort) -> Finding:
    events, n = INCIDENCES[0]
    fitted = fit(cohort, derivation.coefficients, events / n, n)
    column = 1 + cohort.names.index("method")
    return Finding(
        name,
        fitted.intercept,
        fitted.concordance,
        float(fitted.standard_errors[column]),
    )
