"""How heavy the pages are, and how soon they can be used, beside the smallest answer.

    python benchmarks/bench_pages.py [--loads 20] [--check]

Debian's Chromium opens each page of a server in open mode (two workers), each time with
an empty cache and in a context of its own; pages and floor take turns. The floor is the
smallest answer of the same server. The forms of the SMART app are launched before each
look, by the EHR of the tests; its FHIR server is played and answers at once. Writes
benchmarks/result-pages.json.
"""

import argparse
import json
import logging
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from service.local_server import local_program, local_server
from tests.smart.ehr import EHR, Running

RESULT = Path(__file__).parent / "result-pages.json"
FLOOR = "/healthz/live"
#: page -> what somebody uses first; None where there is only text
CONTROLS: Mapping[str, str | None] = {
    FLOOR: None,
    "/model": "#contents + ul a",
    "/model?lang=zh-Hans": "#contents + ul a",
    "/model/facts": "main a",
    "/nomogram": "#cement_ratio_percent",
    "/nomogram?lang=zh-Hans": "#cement_ratio_percent",
    "/try": "#choice .primary",
    "/try?lang=zh-Hans": "#choice .primary",
    "/smart/measurements": "#cement-ratio-ap",
    "/smart/measurements?lang=zh-Hans": "#cement-ratio-ap",
    "/smart/follow-up": "[name=scn-examined]",
    "/smart/follow-up?lang=zh-Hans": "[name=scn-examined]",
}
#: form -> whose chart it is launched from: nobody measured the cement, a review is due
CHARTS: Mapping[str, str] = {"measurements": "05", "follow-up": "24"}
GOALS = {"kilobytes": 150.0, "interactive_ms": 300.0}
#: A control can be used when it is seen and not disabled, and the module scripts have
#: run, which are waited for before DOMContentLoaded ends.
_WATCH = """
const watch = new MutationObserver(() => {
  const control = document.querySelector("CONTROL");
  if (!control || control.disabled || !control.checkVisibility()) return;
  window.usable_ms = performance.now();
  watch.disconnect();
});
watch.observe(document, { subtree: true, childList: true, attributes: true });
"""
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
    interactive_ms: Math.max(page.domContentLoadedEventEnd, window.usable_ms ?? 0),
  };
}"""
#: Gives the address of a page, and the cookies with which it opens.
Opening = Callable[[Browser], tuple[str, StorageState | None]]


def load(
    browser: Browser, url: str, cookies: StorageState | None, control: str | None
) -> dict[str, float]:
    """Open a page as somebody who was never here; give what its browser measured."""
    context = browser.new_context(storage_state=cookies)
    page: Page = context.new_page()
    if control is not None:
        page.add_init_script(_WATCH.replace("CONTROL", control))
    page.goto(url, wait_until="load")
    if control is not None:
        page.wait_for_function("window.usable_ms !== undefined")
    found: dict[str, float] = page.evaluate(_MEASURES)
    context.close()
    return found


def openings(url: str, ehr: EHR) -> Mapping[str, Opening]:
    """Tell how each page is opened: by its address, or launched from a chart."""
    launch: Callable[..., str] = ehr.launch

    def by_address(path: str, _: Browser) -> tuple[str, None]:
        return f"{url}{path}", None

    def launched(path: str, browser: Browser) -> tuple[str, StorageState]:
        form, _, query = path.removeprefix("/smart/").partition("?")
        patient = f"syn-{CHARTS[form]}"
        handle = launch(patient, encounter=f"{patient}-encounter", appContext=form)
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{url}/smart/launch?iss={ehr.fhir}&launch={handle}")
        page.click("#approve")
        page.wait_for_url(f"{url}/smart/{form}?*")
        opened, cookies = page.url, context.storage_state()
        context.close()
        return f"{opened}&{query}", cookies

    return {
        path: partial(launched if path.startswith("/smart/") else by_address, path)
        for path in CONTROLS
    }


def measure(
    browser: Browser, pages: Mapping[str, Opening], loads: int
) -> dict[str, list[dict[str, float]]]:
    """Let floor and pages take turns, in changing order."""
    runs: dict[str, list[dict[str, float]]] = {path: [] for path in pages}
    for path, opening in pages.items():  # what is made on first use is made before
        load(browser, *opening(browser), CONTROLS[path])
    for number in range(loads):
        for path in pages if number % 2 == 0 else reversed([*pages]):
            found = load(browser, *pages[path](browser), CONTROLS[path])
            runs[path].append(found)
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
    print(f"{'':34}" + "".join(f"{name:>20}" for name in head))
    for path, of_page in found.items():
        name = f"{path} (floor)" if path == FLOOR else path
        print(f"{name:34}" + "".join(f"{of_page[each]:20.1f}" for each in head))


def missed(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Name the goals that a page misses."""
    return [
        f"{path}: {name} {of_page[name]}, goal {goal}"
        for path, of_page in found.items()
        for name, goal in GOALS.items()
        if of_page[name] > goal
    ]


@contextmanager
def played_ehr() -> Iterator[EHR]:
    """Start an EHR that launches the app, before a FHIR server that answers at once."""
    program = str(Path(__file__).with_name("slow_fhir.py"))
    command = [sys.executable, program, "--delay-ms", "0", "--patients"]
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    with local_program(
        [*command, *CHARTS.values()], "/fhir", name="the FHIR server", variables={}
    ) as records:
        ehr = EHR(records, "")
        with Running(ehr):  # type: ignore[no-untyped-call] # tests have no types
            yield ehr


def main() -> None:
    """Measure, print, write; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=20)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("needs Debian's package chromium")
    with local_server() as url, played_ehr() as ehr, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        runs = measure(browser, openings(url, ehr), options.loads)
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
