"""Outcomes that were found too early or too late for what the models predict."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["timing_warnings"]

#: Six months, the study's follow-up and the default of the policy.
_HORIZON_DAYS: Final = 183


def timing_warnings(
    scnen: NDArray[np.float64],
    operated: NDArray[Any],
    examined: NDArray[Any],
    *,
    horizon_days: int = _HORIZON_DAYS,
) -> Iterator[str]:
    """
    Warn of outcomes that are not quite what the models predict.

    Parameters
    ----------
    scnen : numpy.ndarray of shape (n_patients,)
        Outcomes, NaN for not examined.
    operated, examined : numpy.ndarray of datetime64[D] of shape (n_patients,)
        Days of the operation and of the examination; NaT if not known.
    horizon_days : int, optional
        Days after the operation within which the models expect the outcome.

    Yields
    ------
    str
        How many were found without SCNEN before that, or with it later.
    """
    days = (examined - operated).astype("timedelta64[D]")
    horizon = np.timedelta64(horizon_days, "D")
    early = int(((scnen == 0) & (days < horizon)).sum())
    if early:
        yield (
            f'{early} "no" were found before the follow-up of {horizon_days} days was'
            " over; SCNEN may have come later"
        )
    late = int(((scnen == 1) & (days > horizon)).sum())
    if late:
        yield (
            f'{late} "yes" were found more than {horizon_days} days after the'
            " operation; the model predicts earlier ones"
        )
