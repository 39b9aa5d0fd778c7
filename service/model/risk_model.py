"""What a risk model consists of, once an artifact has been read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from service.model.calibration import Calibration

__all__ = [
    "Axis",
    "Covariance",
    "Incidence",
    "Intercept",
    "Outcome",
    "Provenance",
    "Quantity",
    "RiskModel",
    "Variant",
]


@dataclass(frozen=True, slots=True)
class Quantity:
    """
    One value the model looks at.

    Attributes
    ----------
    name : str
        Name of the input; a quantity carries its unit.
    kind : str
        ``binary``, ``ordinal`` or ``continuous``.
    unit : str
        UCUM unit; ``1`` for a coded value.
    codes : Mapping[str, float]
        Number of each label; empty for a quantity.
    physical : tuple of float
        Lowest and highest value that can exist.
    studied : tuple of float
        Range of the patients studied; beyond it the model extrapolates.
    mean, sd : float
        In the derivation cohort, Table 1.
    description : str
        What is measured, in words.
    """

    name: str
    kind: str
    unit: str
    codes: Mapping[str, float]
    physical: tuple[float, float]
    studied: tuple[float, float]
    mean: float
    sd: float
    description: str


@dataclass(frozen=True, slots=True)
class Intercept:
    """
    Log odds of a patient whose predictors are all 0.

    Attributes
    ----------
    value : float
        The number.
    method : str
        Where it comes from, in words.
    """

    value: float
    method: str


@dataclass(frozen=True, slots=True)
class Incidence:
    """
    How often the outcome occurred.

    Attributes
    ----------
    events, n : int
        Patients with the outcome, and all.
    """

    events: int
    n: int

    @property
    def rate(self) -> float:  # numpydoc ignore=RT01
        """Share of patients with the outcome."""
        return self.events / self.n


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What the risk is a risk of.

    Attributes
    ----------
    name : str
        The condition.
    definition : str
        How it was diagnosed.
    horizon : str
        Within which time, counted from when.
    condition : str
        Whom the risk holds for.
    """

    name: str
    definition: str
    horizon: str
    condition: str


@dataclass(frozen=True, slots=True, eq=False)
class Covariance:
    """
    Uncertainty of the centred intercept and the slopes.

    Attributes
    ----------
    label, method : str
        How good it is, and how it was made.
    centre : tuple of float
        Value of each predictor at which the intercept is centred.
    matrix : numpy.ndarray of shape (1 + n_predictors, 1 + n_predictors)
        Intercept first; symmetric, positive definite, read-only.
    """

    label: str
    method: str
    centre: tuple[float, ...]
    matrix: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Variant:
    """
    Another reading of the same study.

    Attributes
    ----------
    id, label : str
        Name and words.
    shrinkage : float
        Factor on every slope.
    intercept : Intercept
        Intercept that goes with these slopes.
    incidence : Incidence
        What the mean risk of the cohort is anchored to.
    """

    id: str
    label: str
    shrinkage: float
    intercept: Intercept
    incidence: Incidence


@dataclass(frozen=True, slots=True)
class Axis:
    """
    One axis of the nomogram.

    Attributes
    ----------
    name : str
        Predictor.
    low, high, step : float
        Ends and distance of the marks.
    """

    name: str
    low: float
    high: float
    step: float


@dataclass(frozen=True, slots=True)
class Provenance:
    """
    Where the numbers come from.

    Attributes
    ----------
    citation : str
        The study, in full.
    n, events : int
        Patients and events behind the coefficients.
    read : str
        What was read from the paper.
    ours : tuple of str
        What was not, and how it was made.
    """

    citation: str
    n: int
    events: int
    read: str
    ours: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RiskModel:
    """
    A risk model, read from one artifact and never changed.

    Attributes
    ----------
    id, version : str
        Which model.
    digest : str
        ``sha256:`` and the hash of the artifact's canonical JSON without this field.
    mode : str
        ``anchored`` to a study's incidence, or ``calibrated`` on local patients.
    label : str
        What the model may be called.
    outcome : Outcome
        What is predicted.
    intercept : Intercept
        Intercept on the uncentred scale.
    predictors : tuple of Quantity
        Predictors in the order of every array of this model.
    coefficients : tuple of float
        Log odds ratio per unit of each predictor.
    standard_errors : tuple of float
        Standard error of each coefficient: published, or of a local update.
    related : tuple of Quantity
        Quantities that stand behind a predictor: their ranges are watched too.
    covariance : Covariance
        Uncertainty.
    incidence : Incidence
        What the mean risk is anchored to.
    variants : tuple of Variant
        Other readings of the study.
    cohort : str
        Of which cohort `quantiles` are.
    quantiles : tuple of float
        Linear predictor at 0, 1, ... 100 % of that cohort, ascending.
    axes : tuple of Axis
        The nomogram's axes, one for each predictor.
    provenance : Provenance
        Where the numbers come from.
    parent : str or None
        Artifact this one was made from: id, version and digest.
    calibration : Calibration or None
        Basis and validity of a calibrated model.
    """

    id: str
    version: str
    digest: str
    mode: str
    label: str
    outcome: Outcome
    intercept: Intercept
    predictors: tuple[Quantity, ...]
    coefficients: tuple[float, ...]
    standard_errors: tuple[float, ...]
    related: tuple[Quantity, ...]
    covariance: Covariance
    incidence: Incidence
    variants: tuple[Variant, ...]
    cohort: str
    quantiles: tuple[float, ...]
    axes: tuple[Axis, ...]
    provenance: Provenance
    parent: str | None
    calibration: Calibration | None

    @property
    def valid_until(self) -> date | None:  # numpydoc ignore=RT01
        """Last day of use; None for a model that rests on no local calibration."""
        return None if self.calibration is None else self.calibration.valid_until

    def is_valid_on(self, today: date) -> bool:
        """
        Tell whether the model may still be used.

        Parameters
        ----------
        today : datetime.date
            The day of use.

        Returns
        -------
        bool
            False after the last day of a calibration; an anchored model has none.
        """
        until = self.valid_until
        return until is None or today <= until
