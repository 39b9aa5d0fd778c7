"""The interval of a share: one for monitoring, cohorts and statistics."""

import math
from typing import Final

__all__ = ["wilson_interval"]

_Z: Final = 1.959964


def wilson_interval(count: int, n: int) -> tuple[float, float]:
    """
    Give the 95 % interval of a share (Wilson 1927).

    Parameters
    ----------
    count, n : int
        So many of so many; `n` from 1.

    Returns
    -------
    tuple of float
        Its limits, in [0, 1].

    Examples
    --------
    >>> [round(limit, 4) for limit in wilson_interval(81, 263)]
    [0.2553, 0.3662]
    """
    share, z2 = count / n, _Z**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)
