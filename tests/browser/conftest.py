"""A real Chromium and a real server for it."""

import shutil

import pytest

from service.local_server import local_server

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="session")
def url():
    """A server in open mode that tests share."""
    with local_server() as address:
        yield address


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs Debian's package chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Open pages, each in a context of its own: no cookies, no cache."""
    contexts = []

    def open_one(address, **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
