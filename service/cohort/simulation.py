"""A cohort drawn from the study's Table 1 by a computer, to show what the tools do."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service.cohort.patients import SYNTHETIC_PREFIX, PatientCohort, Source, digest
from service.model.arrays import design_matrix, linear_predictor, risk
from service.model.cohort import from_normal_scores
from service.model.predictors import INPUTS, restoration_ratio_percent
from service.model.published import LUMBAR, METHOD_COUNTS, MOMENTS
from service.model.risk_model import RiskModel

__all__ = ["simulate"]

_CEMENT, _RATIO = "cement_ratio_percent", "cobb_restoration_ratio_percent"
_BEFORE, _AFTER = "cobb_preoperative_deg", "cobb_postoperative_deg"
#: Angles are read to a tenth of a degree; one of 0 would leave no ratio.
_DECIMALS, _SMALLEST = 1, 0.1


def simulate(model: RiskModel, n: int, rng: Generator) -> PatientCohort:
    """
    Draw patients as Table 1 describes them, and outcomes as a model expects them.

    Segment and method by their counts; cement and restoration ratio normal, cut to what
    is possible; the angle before the operation gamma-distributed; all independent of
    one another, as in `service.model.cohort.rebuild`. Values are rounded as they are
    read from films. Everybody is examined.

    Parameters
    ----------
    model : RiskModel
        Gives each patient's risk of the outcome: on such a cohort it is right by
        construction, which says nothing of real patients.
    n : int
        How many, from 1.
    rng : numpy.random.Generator
        Where chance comes from.

    Returns
    -------
    PatientCohort
        They, marked as synthetic.

    Raises
    ------
    ValueError
        If `n` is below 1.

    Examples
    --------
    >>> from service.model import load_bundled
    >>> cohort = simulate(load_bundled("liu-nomogram"), 340, np.random.default_rng(1))
    >>> len(cohort), cohort.source.is_synthetic, cohort.ids[0]
    (340, True, 'SYN-000001')
    """
    if n < 1:
        raise ValueError(f"n: must be 1 or more patients, got {n}")
    before, after = _angles(n, rng)
    pairs = zip(before.tolist(), after.tolist(), strict=True)
    ratio = [restoration_ratio_percent(first, second) for first, second in pairs]
    drawn = {
        "segment": _labels("segment", (LUMBAR[1] - LUMBAR[0], LUMBAR[0]), n, rng),
        "method": _labels("method", METHOD_COUNTS, n, rng),
        _CEMENT: from_normal_scores(_CEMENT, rng.standard_normal(n)).round(_DECIMALS),
        _RATIO: np.array(ratio, dtype=np.float64),
        _AFTER: after,
        _BEFORE: before,
    }
    expected = risk(linear_predictor(model, design_matrix(model, drawn)))
    scnen = (rng.random(n) < expected).astype(np.float64)
    ids = tuple(f"{SYNTHETIC_PREFIX}{number:06d}" for number in range(1, n + 1))
    return PatientCohort(
        ids=ids,
        columns=drawn,
        scnen=scnen,
        others={},
        refused=(),
        source=Source(
            "simulated",
            f"drawn from Table 1, outcomes by {model.id} {model.version}",
            digest(ids, *drawn.values(), scnen),
            is_synthetic=True,
        ),
    )


def _labels(
    name: str, counts: tuple[int, ...], n: int, rng: Generator
) -> NDArray[np.str_]:
    shares = np.array(counts) / sum(counts)
    return rng.choice(np.array(list(INPUTS[name].codes)), n, p=shares)


def _angles(n: int, rng: Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw the angle before, and that after by way of the restoration ratio."""
    mean, sd = MOMENTS[_BEFORE]
    before = rng.gamma((mean / sd) ** 2, sd**2 / mean, n)
    highest = INPUTS[_BEFORE].physical[1]
    before = before.round(_DECIMALS).clip(_SMALLEST, highest)
    ratio = from_normal_scores(_RATIO, rng.standard_normal(n))
    after = (before * (1 - ratio / 100)).round(_DECIMALS)
    # An angle that rounding leaves at -0.0 is 0.
    return before, after.clip(0, highest) + 0.0
