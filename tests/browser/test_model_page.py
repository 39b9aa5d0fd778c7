"""The page about the model in a real Chromium: all eyes, all widths, and on paper."""

import re
import shutil
import threading
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from werkzeug.serving import WSGIRequestHandler, make_server

from service.app import create_app
from service.config import VARIABLES, Settings

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
]
PAGES = ["/model", "/model/facts"]
CHINESE = [f"{path}?lang=zh-Hans" for path in PAGES]
ALL_PAGES = [*PAGES, "/nomogram", "/try"]
#: What a reader may set by success criterion 1.4.12 of WCAG.
SPACED = """* { line-height: 1.5 !important; letter-spacing: .12em !important;
  word-spacing: .16em !important } p { margin-bottom: 2em !important }"""
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class Quiet(WSGIRequestHandler):
    """Keep the requests of the browser out of the test's output."""

    def log(self, *_args):
        pass


@pytest.fixture(scope="module")
def url():
    """The service on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        app = create_app(Settings.from_env(is_open=True))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def opened(chromium, url):
    """Open a page of the service; closed at the end."""
    pages = []

    def open_one(path, width=1100, scheme="light"):
        size = {"width": width, "height": 900}
        page = chromium.new_page(viewport=size, color_scheme=scheme)
        pages.append(page)
        page.goto(url + path)
        return page

    yield open_one
    for page in pages:
        page.close()


@pytest.mark.parametrize(
    ("path", "scheme"), [("/model", "light"), ("/model/facts", "dark")]
)
def test_axe_finds_no_fault_in_light_or_dark(opened, path, scheme):
    """WCAG 2.2 AA, contrast among it."""
    found = Axe().run(opened(path, scheme=scheme), options={"runOnly": WCAG}).response
    assert found["passes"]
    assert [each["id"] for each in found["violations"]] == []


def test_dark_is_dark(opened):
    """The pictures change with the page."""
    colours = [
        opened("/model", scheme=scheme).evaluate(
            "getComputedStyle(document.querySelector('.figure .mark')).fill"
        )
        for scheme in ("light", "dark")
    ]
    assert colours[0] != colours[1]


@pytest.mark.parametrize("width", [320, 768, 1600])
@pytest.mark.parametrize("path", PAGES)
def test_no_width_needs_scrolling_to_the_side(opened, path, width):
    """From the smallest telephone on; wide tables scroll by themselves."""
    page = opened(path, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", ["/model", "/model?lang=zh-Hans"])
def test_no_picture_is_cut_off(opened, path):
    """Every word of a picture lies within it."""
    outside = opened(path).evaluate(
        "[...document.querySelectorAll('.figure text')].filter(text => {"
        " const box = text.getBBox(), all = text.ownerSVGElement.viewBox.baseVal;"
        " return box.x < 0 || box.x + box.width > all.width + 1; })"
        ".map(text => text.textContent)"
    )
    assert outside == []


@pytest.mark.parametrize("path", CHINESE)
def test_a_chinese_page_is_as_readable(opened, path):
    """WCAG 2.2 AA in dark, and no scrolling to the side on the smallest telephone."""
    page = opened(path, width=320, scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    found = Axe().run(page, options={"runOnly": WCAG}).response
    assert [each["id"] for each in found["violations"]] == []


@pytest.mark.parametrize("path", ["/model/facts", "/model/facts?lang=zh-Hans"])
@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_model_facts_fit_on_one_printed_page(opened, paper, path):
    """A label is one page, on paper of either world, in either language."""
    pdf = opened(path).pdf(format=paper)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 1


@pytest.mark.parametrize("path", ALL_PAGES)
def test_paper_is_white_however_dark_the_screen(opened, path):
    """Colours follow: nothing pale is left on it."""
    page = opened(path, scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    styles = "(({ backgroundColor, color }) => [backgroundColor, color])"
    found = page.evaluate(f"{styles}(getComputedStyle(document.body))")
    assert found == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    marks = page.locator("a, summary").evaluate_all(
        "(all) => all.map((each) => getComputedStyle(each).color)"
    )
    assert {color for color in marks if color != "rgb(0, 0, 0)"} <= {"rgb(11, 87, 164)"}


def test_the_folded_questions_are_on_paper_too(opened):
    """Folded on the screen, for who reads further; a committee reads paper."""
    page = opened("/model")
    shown = "(each) => each.checkVisibility({ contentVisibilityAuto: true })"
    table = page.locator("details table")
    assert not table.evaluate(shown)
    page.emulate_media(media="print")
    assert table.evaluate(shown)


@pytest.mark.parametrize("path", ALL_PAGES)
def test_more_space_between_letters_and_lines_hides_nothing(chromium, url, path):
    """On a small phone, too."""
    size = {"width": 320, "height": 640}
    context = chromium.new_context(viewport=size, bypass_csp=True)
    page = context.new_page()
    page.goto(url + path)
    page.add_style_tag(content=SPACED)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    cut = page.locator("button, label, td, th, p, li").evaluate_all(
        """(all) => all.filter((each) => each.checkVisibility()
          && getComputedStyle(each).overflowX !== "visible"
          && !each.matches(".unseen") && each.scrollWidth > each.clientWidth + 1)
        .map((each) => each.textContent)"""
    )
    assert cut == []
    context.close()


def test_the_overview_is_seen_without_scrolling(opened):
    """What, in whom, from what, now, not for, whom to tell: at once."""
    page = opened("/model")
    box = page.locator(".summary").bounding_box()
    assert box["y"] + box["height"] < 900
    assert page.locator(".summary dt").all_inner_texts() == [
        "Predicts",
        "In whom",
        "From",
        "Number now",
        "Not for",
        "Tell",
    ]


def test_every_link_of_the_contents_leads_to_a_heading(opened):
    """By key and by finger."""
    page = opened("/model")
    for link in page.locator(".toc a").all():
        target = link.get_attribute("href").removeprefix("#")
        assert page.locator(f"h2#{target}").count() == 1


def test_wide_tables_can_be_scrolled_by_keys(opened):
    """Each is a region that has a name and takes the focus."""
    for region in opened("/model").locator(".wide").all():
        assert region.get_attribute("tabindex") == "0"
        assert region.get_attribute("aria-label")


@pytest.mark.parametrize("path", PAGES)
def test_nothing_comes_from_elsewhere_and_little_in_all(chromium, url, path):
    """One origin, no inline style or script refused, under 150 kB."""
    page = chromium.new_page()
    answers, said = [], []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 Playwright marks its handlers
    page.on("console", lambda message: said.append(message.text))
    page.goto(url + path)
    page.wait_for_load_state("networkidle")
    origins = {urlsplit(each.url).netloc for each in answers}
    assert origins == {urlsplit(url).netloc}
    assert not [text for text in said if "Content Security Policy" in text]
    assert sum(len(each.body()) for each in answers if each.status == 200) < 150_000
    page.close()
