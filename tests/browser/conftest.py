"""A real server, and pages of its own for each test."""

import pytest

from service.local_server import local_server


@pytest.fixture(scope="session")
def url():
    """A server in open mode that tests share."""
    with local_server() as address:
        yield address


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
