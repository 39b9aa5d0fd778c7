"""The nomogram in a real browser: entered, seen, heard, printed, saved."""

import re
from xml.etree import ElementTree as ET

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from service.local_server import local_server

pytestmark = pytest.mark.browser

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RATIO = "#cobb_restoration_ratio_percent"


@pytest.fixture
def page(open_page, url):
    """The page, once it has its first answer."""
    return ready(open_page(f"{url}/nomogram"))


def ready(page):
    """Wait for an answer."""
    expect(page.locator("#result")).to_have_attribute("data-state", "ready")
    return page


def enter(page):
    """The first synthetic patient; its card says about 45 of 100."""
    page.check("[name=segment][value=lumbar]")
    page.check("[name=method][value=pvp]")
    page.fill("#cement_ratio_percent", "41")
    page.fill("#cobb_preoperative_deg", "15")
    page.fill("#cobb_postoperative_deg", "10.5")
    expect(number(page)).to_have_text("about 45 of 100")


def number(page):
    """The number, or the bounds."""
    return page.locator("#result .number")


def mark(page, axis):
    """The mark on an axis of the drawing that is shown."""
    return page.locator(f"[data-drawing]:not([hidden]) [data-axis={axis}] .mark")


def violations(page):
    """What axe finds against WCAG 2.2 AA."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    return [
        (each["id"], each["nodes"][0]["target"])
        for each in found.response["violations"]
    ]


def test_nothing_entered_shows_bounds_and_no_number(page):
    """A missing value is not 0 and not the mean, wherever the slider stands."""
    expect(number(page)).to_have_text(re.compile(r"^between 0 and 9\d of 100$"))
    expect(page.locator("#result")).to_contain_text("bounds, not an estimate")
    assert mark(page, "total").get_attribute("visibility") == "hidden"
    bar = page.locator("[data-drawing]:not([hidden]) [data-axis=total] .span")
    assert bar.get_attribute("visibility") == "visible"
    slider = page.get_by_label("Cement ratio, AP film, slider")
    assert slider.get_attribute("aria-valuetext") == "not entered"


def test_typing_gives_what_the_card_says(page):
    """Number, interval, reading error, band, points, and where the ratio is from."""
    enter(page)
    result = page.locator("#result")
    expect(result).to_contain_text("approximate 95 % interval 31 to 60")
    expect(result).to_contain_text("28 to 72")
    expect(result).to_contain_text("high (from 25 of 100)")
    expect(result).to_contain_text("not to local data")
    expect(page.locator("[data-row=total] [data-points]")).to_have_text("193")
    expect(page.locator("[data-row=segment] [data-odds]")).to_have_text("× 1.66")


def test_both_angles_make_the_ratio_and_take_the_field(page):
    """It is the server's to compute; without an angle it can be typed again."""
    enter(page)
    expect(page.locator(RATIO)).to_have_value("30")
    expect(page.locator(RATIO)).not_to_be_editable()
    page.get_by_label("Clear: Cobb angle after").click()
    expect(page.locator(RATIO)).to_have_value("")
    expect(page.locator(RATIO)).to_be_editable()
    expect(number(page)).to_contain_text("between")
    page.fill(RATIO, "30")
    expect(number(page)).to_have_text("about 45 of 100")


def test_keys_move_a_slider_and_the_number_follows(page):
    """Without a mouse: one step for each arrow, and the field says it."""
    enter(page)
    slider = page.get_by_label("Cement ratio, AP film, slider")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#cement_ratio_percent")).to_have_value("45")
    assert slider.get_attribute("aria-valuetext") == "45 %"
    expect(number(page)).to_have_text("about 41 of 100")


def test_dragging_along_an_axis_sets_the_field(page):
    """As with a ruler on paper, to the end of the axis and not beyond."""
    enter(page)
    grip = page.locator(
        "[data-drawing]:not([hidden]) [data-axis=cement_ratio_percent] .grip"
    )
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 200, box["y"] + 5, steps=4)
    page.mouse.up()
    expect(page.locator("#cement_ratio_percent")).to_have_value("18")
    expect(page.locator("[data-row=cement_ratio_percent] [data-points]")).to_have_text(
        "95"
    )
    grip = page.locator("[data-drawing]:not([hidden]) [data-axis=segment] .grip")
    box = grip.bounding_box()
    page.mouse.click(box["x"] + 20, box["y"] + box["height"] / 2)
    expect(page.locator("[name=segment][value=thoracic]")).to_be_checked()


def test_marks_of_the_drawing_stand_at_the_points(page):
    """51 points of 100 for a lumbar fracture, by the scale of the axis."""
    enter(page)
    axis = page.locator("[data-drawing]:not([hidden]) [data-axis=segment]")
    left = float(axis.get_attribute("data-left"))
    per_point = float(axis.get_attribute("data-per-point"))
    place = float(mark(page, "segment").get_attribute("cx"))
    assert (place - left) / per_point == pytest.approx(50.9, abs=0.05)
    assert mark(page, "result").get_attribute("visibility") == "visible"


def test_an_impossible_value_takes_the_number_away(page):
    """No earlier number stays beside it, and the field says what is wrong."""
    enter(page)
    page.fill("#cement_ratio_percent", "410")
    expect(page.locator("#result")).to_have_attribute("data-state", "invalid")
    expect(number(page)).to_be_hidden()
    field = page.locator("#cement_ratio_percent")
    assert field.get_attribute("aria-invalid") == "true"
    hint = page.locator("#cement_ratio_percent-hint")
    expect(hint).to_contain_text("Must be a number from 0 to 100")
    assert mark(page, "total").get_attribute("visibility") == "hidden"


@pytest.mark.parametrize("typed", ["10,5", "+10.5", "１０．５", "10,5 °"])
def test_a_number_is_read_as_people_write_it(page, typed):
    """A decimal comma, or a unit behind, neither makes it another number nor none."""
    enter(page)
    after = page.locator("#cobb_postoperative_deg")
    after.fill("")
    after.press_sequentially(typed)
    expect(page.locator(RATIO)).to_have_value("30")
    expect(number(page)).to_have_text("about 45 of 100")


@pytest.mark.parametrize("typed", ["1,250", "1e1", "--3", "12 or 13"])
def test_what_is_no_number_is_not_guessed(page, typed):
    """It is marked and in words, and no number is given."""
    enter(page)
    page.fill("#cobb_postoperative_deg", typed)
    expect(page.locator("#result")).to_have_attribute("data-state", "invalid")
    hint = page.locator("#cobb_postoperative_deg-hint")
    expect(hint).to_contain_text("Not understood as a number.")
    expect(page.locator(RATIO)).to_have_value("")


def test_a_dash_is_a_minus(page):
    """As typed on a telephone or copied from a report."""
    enter(page)
    page.fill("#cobb_postoperative_deg", "−3")
    expect(page.locator(RATIO)).to_have_value("120")


def test_a_service_that_does_not_answer_leaves_no_number(page):
    """Silence must not look like the last number."""
    enter(page)
    page.route("**/nomogram/score?*", lambda route: route.abort())
    page.fill("#cement_ratio_percent", "42")
    expect(page.locator("#result")).to_have_attribute("data-state", "failed")
    expect(number(page)).to_be_hidden()
    expect(page.locator("#result")).to_contain_text("That does not mean no risk")


def test_relative_shows_neither_risk_nor_odds(page):
    """Points and percentile; the drawing ends with percentiles."""
    enter(page)
    page.select_option("#mode", "relative")
    expect(number(page)).to_have_text("score above 93 of 100 simulated patients")
    result = page.locator("#result")
    assert "Odds" not in result.inner_text()
    assert "%" not in re.sub(r"ratio computed.*?%", "", result.inner_text())
    expect(page.locator("[data-drawing]:visible")).to_have_count(1)
    expect(page.locator("[data-drawing]:visible")).not_to_contain_text("Risk")


def test_another_model_scores_the_same_values(page):
    """The five-term equation has its own axis and its own number."""
    enter(page)
    page.select_option("#model", "liu-table2")
    expect(page.locator("#result [data-model]")).to_contain_text("liu-table2 1.0.0")
    expect(number(page)).to_have_text("about 54 of 100")
    axis = "[data-drawing]:visible [data-axis=cobb_postoperative_deg]"
    expect(page.locator(axis)).to_have_count(1)


def test_a_server_without_probabilities_shows_none(open_page):
    """In output mode relative there is nothing to switch to."""
    with local_server(variables={"SCNEN_OUTPUT_MODE": "relative"}) as address:
        page = ready(open_page(f"{address}/nomogram"))
        page.check("[name=segment][value=lumbar]")
        assert page.locator("#mode option").count() == 1
        assert "Risk within" not in page.content()
        expect(number(page)).to_contain_text("score above")


def test_the_address_never_changes_and_nothing_is_kept(page, url):
    """Not in the URL, not in storage, not in a cookie, not after a reload."""
    enter(page)
    assert page.url == f"{url}/nomogram"
    kept = "[localStorage.length, sessionStorage.length, document.cookie]"
    assert page.evaluate(kept) == [0, 0, ""]
    page.reload()
    ready(page)
    expect(page.locator("#cement_ratio_percent")).to_have_value("")
    expect(number(page)).to_contain_text("between")


def test_nothing_is_asked_of_anybody_else(page, url):
    """Page, two style sheets, a script, and scores: all from the service."""
    enter(page)
    assert page.asked
    assert all(each.startswith(f"{url}/") for each in page.asked)


def test_the_page_is_light(page):
    """Under 150 kB with all it loads."""
    size = page.evaluate(
        """() => performance.getEntriesByType("resource")
        .concat(performance.getEntriesByType("navigation"))
        .reduce((sum, each) => sum + each.decodedBodySize, 0)"""
    )
    assert 0 < size < 150_000


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1280)])
def test_axe_finds_nothing(open_page, url, scheme, width):
    """WCAG 2.2 AA, in light and dark, small and wide, complete and wrong."""
    page = open_page(
        f"{url}/nomogram",
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        bypass_csp=True,  # axe is put into the page as a script
    )
    ready(page)
    enter(page)
    assert violations(page) == []
    page.fill("#cement_ratio_percent", "410")
    assert violations(page) == []


def test_a_narrow_screen_needs_no_scrolling_sideways(open_page, url):
    """320 px; only the drawing scrolls, in itself. The number is always in sight."""
    page = ready(open_page(f"{url}/nomogram", viewport={"width": 320, "height": 640}))
    enter(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    expect(page.locator(".bar")).to_be_in_viewport()
    expect(page.locator(".bar")).to_have_text("about 45 of 100")


def test_a_screen_reader_hears_the_result_once(page):
    """One polite region, some time after the last change."""
    enter(page)
    expect(page.get_by_role("status")).to_contain_text("about 45 of 100")


def test_every_control_has_a_name_and_the_order_is_that_of_the_page(page):
    """By Tab from the model to the buttons."""
    names = page.locator("#inputs :is(input, select, button)").evaluate_all(
        """(all) => all.map((each) => (
            each.labels?.[0]?.textContent || each.ariaLabel || each.textContent
        ).trim())"""
    )
    assert all(names)
    page.locator("#model").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#mode")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("[name=segment]:checked")).to_be_focused()


def test_clear_all_leaves_nothing(page):
    """For the next patient."""
    enter(page)
    page.get_by_role("button", name="Clear all").click()
    expect(number(page)).to_contain_text("between")
    expect(page.locator("#cobb_preoperative_deg")).to_have_value("")
    expect(page.locator(RATIO)).to_have_value("")


def test_print_has_values_result_and_drawing_without_controls(page):
    """On paper, or as PDF."""
    enter(page)
    page.emulate_media(media="print")
    expect(page.locator(".actions")).to_be_hidden()
    expect(page.get_by_label("Cement ratio, AP film, slider")).to_be_hidden()
    expect(page.locator("#cement_ratio_percent")).to_be_visible()
    expect(number(page)).to_be_visible()
    expect(page.locator("[data-drawing]:visible")).to_have_count(1)
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_the_drawing_can_be_saved_with_its_marks(page, tmp_path):
    """An SVG by itself: what was entered, and what it rests on."""
    enter(page)
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save drawing as SVG").click()
    assert saving.value.suggested_filename == "liu-nomogram-anchored.svg"
    file = tmp_path / "saved.svg"
    saving.value.save_as(file)
    tree = ET.parse(file).getroot()  # noqa: S314 our own drawing
    shown = [each for each in tree.iter() if each.get("class") == "mark"]
    assert [each.get("visibility") for each in shown].count("visible") == 6
    text = " ".join(tree.itertext())
    assert "Table 2 coefficients, rebuilt intercept" in text
    assert "grip" not in file.read_text("utf-8")


def test_without_javascript_the_drawing_is_there_for_a_pencil(open_page, url):
    """And the page says that nothing can be entered."""
    page = open_page(f"{url}/nomogram", java_script_enabled=False)
    expect(page.get_by_role("alert")).to_contain_text("Without JavaScript")
    expect(page.locator("svg.nomogram").first).to_be_visible()
    expect(page.locator("#inputs")).to_be_hidden()
    expect(page.locator("#result")).to_be_hidden()
