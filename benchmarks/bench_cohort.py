"""How long a large cohort takes to read, and how much memory: time and peak against n.

    python benchmarks/bench_cohort.py [--rows 1000000]

Each size is read by a process of its own, so that the peak is that of the reading.
Writes benchmarks/result-cohort.json.
"""

import argparse
import json
import multiprocessing
import platform
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from service.cohort import read_cohort
from service.cohort.simulation import simulate
from service.cohort.writing import write_cohort
from service.model import load_bundled

RESULT = Path(__file__).with_name("result-cohort.json")
SIZES = (1_000, 10_000, 100_000)


def peak_mb() -> float:
    """Give the most memory that this process ever had (Linux)."""
    status = Path("/proc/self/status").read_text("ascii")
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024, 1)


def measure(path: str) -> dict[str, float]:
    """Read a file and tell what that took of this process."""
    before = peak_mb()
    cpu, wall = time.process_time(), time.perf_counter()
    cohort = read_cohort(Path(path))
    return {
        "rows": len(cohort),
        "processor_s": round(time.process_time() - cpu, 3),
        "wall_s": round(time.perf_counter() - wall, 3),
        "peak_mb": peak_mb(),
        "peak_before_mb": before,
    }


def main() -> None:
    """Draw cohorts of growing size and read them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    most = parser.parse_args().rows
    spawn = multiprocessing.get_context("spawn")
    model, results = load_bundled("liu-nomogram"), []
    with TemporaryDirectory() as folder:
        for n in (*(size for size in SIZES if size < most), most):
            path = Path(folder) / f"{n}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                write_cohort(simulate(model, n, np.random.default_rng(n)), file)
            with spawn.Pool(1) as pool:
                results.append(pool.apply(measure, (str(path),)))
            print(results[-1])
    made = {"python": platform.python_version(), "numpy": np.__version__}
    RESULT.write_text(json.dumps({"made_with": made, "reading": results}, indent=2))


if __name__ == "__main__":
    main()
