"""What the paper prints: the numbers of Tables 1 and 2 and of the text, transcribed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = [
    "AUC",
    "CITATION",
    "COEFFICIENTS",
    "INCIDENCES",
    "LUMBAR",
    "LUMBAR_AMONG_CASES",
    "METHOD_COUNTS",
    "MOMENTS",
    "PERFORMANCES",
    "Coefficient",
    "Performance",
]

CITATION = (
    "Liu XF, Ni ZM, Liu YL, Zhan DP, Zhang YF, Yin H. Establishment and Validation"
    " of a Risk Prediction Model for the Superior Cluneal Nerve Entrapment Neuropathy"
    " after Thoracic or Lumbar Fracture: A Case-Comparative Study."
    " Journal of Pain Research."
)


@dataclass(frozen=True, slots=True)
class Coefficient:
    """
    One row of Table 2.

    Attributes
    ----------
    beta : float
        Log odds ratio per unit.
    odds_ratio_interval : tuple of float
        95 % interval of the odds ratio.
    """

    beta: float
    odds_ratio_interval: tuple[float, float]

    @property
    def standard_error(self) -> float:  # numpydoc ignore=RT01
        """Width of the interval of the log odds ratio, over 3.92."""
        low, high = self.odds_ratio_interval
        return math.log(high / low) / 3.92


#: Table 2, multivariate analysis.
COEFFICIENTS: Mapping[str, Coefficient] = MappingProxyType(
    {
        "segment": Coefficient(1.608, (2.053, 14.200)),
        "method": Coefficient(-0.599, (0.322, 0.936)),
        "cement_ratio_percent": Coefficient(-0.045, (0.928, 0.981)),
        "cobb_restoration_ratio_percent": Coefficient(-0.027, (0.952, 0.993)),
        "cobb_postoperative_deg": Coefficient(0.091, (0.989, 1.214)),
    }
)

#: Table 1, derivation cohort: mean and standard deviation.
MOMENTS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "cement_ratio_percent": (51.79, 13.37),
        "cobb_restoration_ratio_percent": (43.89, 24.16),
        "cobb_postoperative_deg": (5.86, 3.94),
        "cobb_preoperative_deg": (10.21, 5.77),
    }
)

#: Table 1, derivation cohort: lumbar fractures and patients.
LUMBAR: tuple[int, int] = (162, 237)

#: Table 1, derivation cohort: pedicle screw, PVP, PKP. They sum to 236, one short.
METHOD_COUNTS: tuple[int, int, int] = (17, 37, 182)

#: Events and patients: derivation cohort; both cohorts (41 + 19); the text's overall
#: figure (7 thoracic + 63 lumbar), which contradicts the one before.
INCIDENCES: tuple[tuple[int, int], ...] = ((41, 237), (60, 340), (70, 340))

#: Discussion: 63 of the 70 cases had a lumbar fracture.
LUMBAR_AMONG_CASES = 0.90

#: Results, derivation cohort: area under the ROC curve of the nomogram, 95 % interval.
AUC: tuple[float, float, float] = (0.795, 0.728, 0.862)


@dataclass(frozen=True, slots=True)
class Performance:
    """
    What the paper says of the model's performance in one of its cohorts.

    Attributes
    ----------
    cohort : str
        Which.
    auc : tuple of float
        Area under the ROC curve and its 95 % interval.
    mean_absolute_error : float
        Of the bias-corrected calibration curve (500 resamples).
    hosmer_lemeshow_p : float
        P value.
    useful : tuple of float
        Threshold probabilities between which the decision curve is said to be useful.
    """

    cohort: str
    auc: tuple[float, float, float]
    mean_absolute_error: float
    hosmer_lemeshow_p: float
    useful: tuple[float, float]


#: Results, "Construction and Validation of the Nomogram".
PERFORMANCES: tuple[Performance, Performance] = (
    Performance("derivation", (0.795, 0.7279, 0.8617), 0.020, 0.9685, (0.025, 0.80)),
    Performance("validation", (0.806, 0.7027, 0.9101), 0.031, 0.2422, (0.07, 0.50)),
)
