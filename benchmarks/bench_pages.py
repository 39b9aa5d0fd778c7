"""How heavy the pages are, and how soon they can be used, beside the smallest answer.

    python benchmarks/bench_pages.py [--loads 20] [--check]

Debian's Chromium opens each page of a server in open mode (two workers), each time with
an empty cache and in a context of its own; pages and floor take turns. The floor is the
smallest answer of the same server. Writes benchmarks/result-pages.json.
"""

import argparse
import json
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from service.local_server import local_server

RESULT = Path(__file__).parent / "result-pages.json"
FLOOR = "/healthz/live"
#: page -> what is there once the server has answered its script, if it has one
PAGES: Mapping[str, str] = {
    "/model": "h1",
    "/model?lang=zh-Hans": "h1",
    "/model/facts": "h1",
    "/nomogram": "#result[data-state=ready]",
    "/nomogram?lang=zh-Hans": "#result[data-state=ready]",
    "/try": "#address:not(:empty)",
    "/try?lang=zh-Hans": "#address:not(:empty)",
}
GOALS = {"kilobytes": 150.0, "interactive_ms": 300.0}
#: Scripts are modules: they have run, and controls work, once this event is over.
_MEASURES = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  const all = [page, ...performance.getEntriesByType("resource")
    .filter((each) => !["fetch", "xmlhttprequest"].includes(each.initiatorType))];
  return {
    requests: all.length,
    kilobytes: all.reduce((sum, each) => sum + each.transferSize, 0) / 1000,
    first_byte_ms: page.responseStart,
    painted_ms: paint?.startTime ?? 0,
    interactive_ms: page.domContentLoadedEventEnd,
  };
}"""


def load(browser: Browser, url: str, ready: str | None) -> dict[str, float]:
    """Open a page as somebody who was never here; give what its browser measured."""
    context = browser.new_context()
    page: Page = context.new_page()
    page.goto(url, wait_until="load")
    if ready is not None:
        page.locator(ready).wait_for(state="attached")
    found: dict[str, float] = page.evaluate(_MEASURES)
    context.close()
    return found


def measure(
    browser: Browser, url: str, loads: int
) -> dict[str, list[dict[str, float]]]:
    """Let floor and pages take turns, in changing order."""
    turn: Sequence[tuple[str, str | None]] = [(FLOOR, None), *PAGES.items()]
    runs: dict[str, list[dict[str, float]]] = {path: [] for path, _ in turn}
    for path, ready in turn:  # what is made on first use is made before
        load(browser, url + path, ready)
    for number in range(loads):
        for path, ready in turn if number % 2 == 0 else reversed(turn):
            runs[path].append(load(browser, url + path, ready))
        print(".", end="", flush=True)
    print()
    return runs


def summary(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Median of each measure, and the 95th percentile of being interactive."""
    found = {name: round(median(run[name] for run in runs), 1) for name in runs[0]}
    times = [run["interactive_ms"] for run in runs]
    p95 = quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
    return {**found, "interactive_p95_ms": round(p95, 1)}


def show(found: Mapping[str, Mapping[str, float]]) -> None:
    """Print a line for each page."""
    head = (
        "requests",
        "kilobytes",
        "painted_ms",
        "interactive_ms",
        "interactive_p95_ms",
    )
    print(f"{'':26}" + "".join(f"{name:>20}" for name in head))
    for path, of_page in found.items():
        name = f"{path} (floor)" if path == FLOOR else path
        print(f"{name:26}" + "".join(f"{of_page[each]:20.1f}" for each in head))


def missed(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Name the goals that a page misses."""
    return [
        f"{path}: {name} {of_page[name]}, goal {goal}"
        for path, of_page in found.items()
        for name, goal in GOALS.items()
        if of_page[name] > goal
    ]


def main() -> None:
    """Measure, print, write; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=20)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("needs Debian's package chromium")
    with local_server() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        runs = measure(browser, url, options.loads)
        browser_version = browser.version
        browser.close()
    found = {path: summary(of_page) for path, of_page in runs.items()}
    show(found)
    document: dict[str, Any] = {
        "machine": f"{os.cpu_count()} CPUs, {platform.machine()},"
        f" Python {platform.python_version()}, Chromium {browser_version}",
        "loads": options.loads,
        "floor": FLOOR,
        "pages": found,
    }
    RESULT.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    if options.check and (faults := missed(found)):
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()
