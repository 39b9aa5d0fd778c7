"""What holds for all tests: on the build machine no test may be skipped."""

import os
from collections.abc import Generator

import pytest

# Sums are added up in one order, whatever ran before; before numpy is imported.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

#: Imported, the first builds the application from the environment; test_app.py does
#: that. The second runs inside Alembic only.
collect_ignore = ["service/wsgi.py", "service/store/migrations/env.py"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[
    None, pytest.TestReport, pytest.TestReport
]:
    """Count a test that was skipped, say for a missing tool, as failed under CI."""
    report = yield
    if _is_ci() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[
    None, pytest.CollectReport, pytest.CollectReport
]:
    """Count a module that skips itself when it is collected as failed under CI."""
    report = yield
    if _is_ci() and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report


def _is_ci() -> bool:
    return bool(os.environ.get("CI"))
