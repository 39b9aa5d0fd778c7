"""R's results for calibration, and the patients that they are about."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent


@cache
def reference() -> dict[str, Any]:
    """Read what calibration.R wrote."""
    text = (HERE / "reference" / "calibration.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def patients(data: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Outcomes and risks that R was given."""
    found = reference()[data]
    return np.array(found["outcome"], float), np.array(found["risk"])


def columns(name: str, *wanted: str) -> NDArray[np.float64]:
    """Read columns of committed data; rows with a gap are left out."""
    table = np.genfromtxt(
        HERE / "data" / name, delimiter=",", names=True, dtype=None, encoding="utf-8"
    )
    rows = np.column_stack([table[each].astype(float) for each in wanted])
    return rows[np.isfinite(rows).all(axis=1)]
