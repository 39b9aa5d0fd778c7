"""A whole entry in a real browser: launched, typed, assessed, saved, scored."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from service.local_server import local_server

pytestmark = [pytest.mark.browser, pytest.mark.tool, pytest.mark.server]

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
#: Keystroke-level model (Card, Moran, Newell 1980): seconds for a key of an average
#: typist, for pointing and pressing, for moving a hand, for thinking before a field.
KEY_S, POINT_S, HOME_S, THINK_S = 0.28, 1.3, 0.4, 1.35


@pytest.fixture(scope="module")
def url():
    """The service with two workers: whichever answers knows the session."""
    with local_server() as address:
        yield address


@pytest.fixture
def launch(chromium, url, ehr):
    """Open the form as a clinician does: from the chart, with one click of leave."""
    contexts = []

    def open_form(patient, options=None, **told):
        context = chromium.new_context(**(options or {}))
        contexts.append(context)
        page = context.new_page()
        page.asked, page.faults = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        handle = ehr.launch(patient, encounter=f"{patient}-encounter", **told)
        page.goto(f"{url}/smart/launch?iss={ehr.fhir}&launch={handle}")
        page.click("#approve")
        expect(page.locator("#form")).to_be_visible()
        return page

    yield open_form
    for context in contexts:
        context.close()


@pytest.fixture
def form_page(nothing_known):
    """The same form for each test, with nothing in it."""
    for each in nothing_known.locator("#form input:not([type=radio])").all():
        each.fill("")
    return nothing_known


@pytest.fixture(scope="module")
def nothing_known(chromium, url, hospital):
    """One form of a patient of whom nothing is recorded: nothing is saved in it."""
    hospital.reset()
    with chromium.new_context(locale="en-US") as context:
        page = context.new_page()
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        handle = hospital.launch("syn-18", encounter="syn-18-encounter")
        page.goto(f"{url}/smart/launch?iss={hospital.fhir}&launch={handle}")
        page.click("#approve")
        expect(page.locator("#form")).to_be_visible()
        yield page


class Person:
    """Types and clicks, and counts what a hand does."""

    def __init__(self, page):
        self.page = page
        self.keys = self.clicks = self.thoughts = 0

    def type(self, selector, text):
        """Look at the film, go to the field by Tab, type."""
        self.thoughts += 1
        while self.page.evaluate("document.activeElement.id") != selector[1:]:
            self.press("Tab")
        for character in text:
            self.press(character)

    def press(self, key):
        self.keys += 1
        self.page.keyboard.press(key)

    def click(self, selector):
        self.clicks += 1
        self.page.click(selector)

    @property
    def seconds(self):
        """What the model says that all this takes a person."""
        return (
            self.keys * KEY_S
            + self.clicks * (POINT_S + 2 * HOME_S)
            + self.thoughts * THINK_S
        )


def as_typed(page, selector):
    """A day that the field takes, as it is typed in this locale: month, day, year."""
    year, month, day = page.get_attribute(selector, "max").split("-")
    return f"{month}{day}{year}"


def hold(page, url):
    """Keep requests back; gives those that came."""
    held = []

    def keep(route):
        held.append(route)

    page.route(url, keep)
    return held


def violations(page):
    """What axe finds against WCAG 2.2 AA."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    return [
        (each["id"], each["nodes"][0]["target"])
        for each in found.response["violations"]
    ]


def test_a_person_enters_everything_in_under_a_minute(launch, record):
    """Counted in keys and clicks, by keyboard but for opening and saving."""
    patient = record.copy("syn-18", "timed")
    page = launch(patient, {"locale": "en-US"})
    person = Person(page)
    person.clicks = 2  # the card's link, and the leave
    person.type("#fracture-segment", "L1")
    person.type("#film-preoperative", as_typed(page, "#film-preoperative"))
    person.type("#cobb-preoperative", "16")
    person.type("#film-postoperative", as_typed(page, "#film-postoperative"))
    person.type("#cobb-postoperative", "9.5")
    person.type("#cement-ratio-ap", "33")
    expect(page.locator("#result .number")).to_have_text(
        re.compile(r"about \d+ of 100")
    )
    person.click("button.main")
    expect(page.locator("#account")).to_contain_text("The record now")
    expect(page.locator("#account")).to_contain_text("of 100 in one study")
    assert len(record.entered(patient)) == 4
    assert (person.keys, person.clicks) == (37, 3)
    assert person.seconds < 60
    assert page.faults == []


def test_after_saving_the_next_launch_has_nothing_left_to_ask(launch, record):
    """What was entered stands there with its source."""
    patient = record.copy("syn-18", "twice")
    page = launch(patient)
    page.select_option("#fracture-segment", "T12")
    expect(page.locator("[data-entered]")).to_contain_text("Fractured vertebra: T12")
    page.fill("#film-postoperative", page.get_attribute("#film-postoperative", "max"))
    page.fill("#cement-ratio-ap", "30")
    page.click("button.main")
    expect(page.locator("#account")).to_contain_text("Saved")
    again = launch(patient)
    expect(again.locator("#form")).to_contain_text("T12")
    expect(again.locator("#cement-ratio-ap")).to_have_count(0)
    expect(again.locator("#cobb-preoperative")).to_have_count(1)


def test_what_is_impossible_is_marked_while_it_is_typed(launch):
    """No number stays on the screen, and nothing is sent."""
    page = launch("syn-05")
    page.fill("#cement-ratio-ap", "140")
    box = page.locator("[data-item=cement-ratio-ap]")
    expect(box.locator(".wrong")).to_be_visible()
    expect(box).to_contain_text("Must be from 0 to 100 %")
    expect(page.locator("[data-when=invalid]")).to_be_visible()
    assert page.get_attribute("#cement-ratio-ap", "aria-invalid") == "true"
    page.click("button.main")
    assert page.evaluate("document.activeElement.id") == "cement-ratio-ap"
    assert not [url for url in page.asked if url.endswith("/save")]


def test_what_is_typed_into_the_record_by_hand_has_the_hospitals_sign(launch):
    """The field takes kyphosis as positive; the list is for where it is negative."""
    page = launch("syn-18")
    page.evaluate(
        "document.querySelector('[data-item=cobb-postoperative]').dataset.negated = ''"
    )
    page.fill("#cobb-postoperative", "9.5")
    expect(page.locator("[data-entered]")).to_contain_text(": -9.5")


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("5,5", "5.5"),
        ("5.5", "5.5"),
        (" 12,5 ° ", "12.5"),
        ("１２，５", "12.5"),
        (",5", "0.5"),
        ("+7", "7"),
        ("1,250", None),
        ("5,5,5", None),
        ("1e1", None),
        ("five", None),
    ],
)
def test_a_number_is_understood_as_it_is_written_or_not_at_all(
    form_page, typed, understood
):
    """A field of type number makes 55 of "5,5", in any language of the browser."""
    page = form_page
    page.click("#cobb-preoperative")
    page.keyboard.insert_text(typed)  # as it is pasted
    entered, box = (
        page.locator("[data-entered]"),
        page.locator("[data-item=cobb-preoperative]"),
    )
    if understood is None:
        expect(box.locator(".unread")).to_be_visible()
        expect(entered).not_to_contain_text("Cobb angle before")
    else:
        expect(entered).to_contain_text(f"Cobb angle before (°): {understood}")
        expect(box.locator(".unread")).to_be_hidden()


@pytest.mark.parametrize("minus", ["-", "−", "–", "－"])
def test_a_minus_is_never_lost(form_page, minus):
    """Where no negative angle may be saved, lordosis is refused and not kyphosis."""
    page = form_page
    page.fill("#cobb-postoperative", f"{minus}3")
    expect(page.locator("[data-item=cobb-postoperative] .wrong")).to_be_visible()
    expect(page.locator("[data-entered]")).not_to_contain_text("Cobb angle after")


def test_enter_in_a_field_saves_nothing(form_page, ehr):
    """What is half entered would be a final entry that only the EHR can take back."""
    page = form_page
    page.fill("#film-postoperative", page.get_attribute("#film-postoperative", "max"))
    page.fill("#cement-ratio-ap", "3")
    page.press("#cement-ratio-ap", "Enter")
    expect(page.locator("#result .number")).to_have_text(re.compile("of 100"))
    assert not [url for url in page.asked if "/save" in url]


def test_a_number_of_other_values_is_not_to_be_read(form_page):
    """While the service works, neither the old risk nor the old ratio is shown."""
    page = form_page
    page.fill("#cobb-preoperative", "20")
    page.fill("#cobb-postoperative", "10")
    ratio = page.locator("[data-item=cobb-restoration-ratio] output")
    expect(ratio).to_have_text("50 %")
    expect(page.locator("#result .number")).to_be_visible()
    held = hold(page, "**/assess?*")
    page.fill("#cobb-postoperative", "5")
    expect(page.locator("#result .number")).to_be_hidden()
    expect(page.locator("#result")).to_have_attribute("aria-busy", "true")
    expect(ratio).to_have_text("–")
    page.wait_for_timeout(200)  # until it is asked for
    for each in held:
        each.continue_()
    expect(ratio).to_have_text("75 %")
    expect(page.locator("#result")).to_have_attribute("aria-busy", "false")
    page.unroute("**/assess?*")


def test_what_is_saved_is_what_stands_in_the_fields(launch):
    """While it is on its way nothing can be changed, and nothing pressed twice."""
    page = launch("syn-05")
    held = hold(page, "**/save?*")
    page.fill("#film-postoperative", page.get_attribute("#film-postoperative", "max"))
    page.fill("#cement-ratio-ap", "30")
    page.dblclick("button.main")
    expect(page.locator("#cement-ratio-ap")).to_be_disabled()
    assert len(held) == 1
    held[0].fulfill(status=502, json={"message": "upstream"})
    expect(page.locator("#cement-ratio-ap")).to_be_enabled()
    expect(page.locator("#cement-ratio-ap")).to_have_value("30")


def test_a_session_that_ends_while_somebody_types_takes_nothing_away(launch):
    """It is said, the focus stays in the field, and so do the values."""
    page = launch("syn-05")
    page.context.clear_cookies()
    page.click("#cement-ratio-ap")
    page.keyboard.type("3")
    expect(page.locator("#account")).to_contain_text("The session is over")
    expect(page.locator("#account")).to_contain_text("What you entered stays")
    page.keyboard.type("0")
    expect(page.locator("#cement-ratio-ap")).to_have_value("30")
    expect(page.locator("#result .number")).to_be_hidden()
    page.click("button.main")
    expect(page.locator("#account")).to_contain_text("nothing was saved")
    expect(page.locator("#cement-ratio-ap")).to_have_value("30")


def test_two_areas_give_the_ratio_of_the_service(launch):
    """The field shows it and takes no other."""
    page = launch("syn-05")
    page.fill("#cement-area", "2.1")
    page.fill("#vertebra-area", "6.4")
    expect(page.locator("#cement-ratio-ap")).to_have_value("32.8")
    assert page.get_attribute("#cement-ratio-ap", "readonly") is not None
    page.fill("#vertebra-area", "1")
    box = page.locator("[data-item=vertebra-area]")
    expect(box).to_contain_text("no less than the cement")


def test_a_refusal_of_the_service_marks_the_item(launch):
    """A value without its film: which one lacks is shown and focused."""
    page = launch("syn-05")
    page.fill("#cement-ratio-ap", "30")
    page.click("button.main")
    expect(page.locator("#account")).to_contain_text("Nothing was saved")
    expect(page.locator("[data-item=film-postoperative] .wrong")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "film-postoperative"


def test_a_server_that_refuses_is_told_in_plain_words(launch, ehr):
    """And the values stay in the form."""
    ehr.refusals = {"": 403}
    page = launch("syn-05")
    page.fill("#film-postoperative", page.get_attribute("#film-postoperative", "max"))
    page.fill("#cement-ratio-ap", "30")
    page.click("button.main")
    expect(page.locator("#account")).to_contain_text("gives no leave to write this")
    expect(page.locator("#cement-ratio-ap")).to_have_value("30")
    expect(page.locator("button.main")).to_be_enabled()


def test_a_follow_up_asks_only_what_follows(launch, record):
    """Nothing of an examination that did not take place; saved by keyboard."""
    page = launch("syn-24", appContext="follow-up")
    expect(page.locator("#examination")).to_be_hidden()
    page.get_by_role("button", name="Today").click()
    page.check("[name=scn-examined][value=true]")
    page.check("[name=scn-tender-point][value=present]")
    expect(page.locator("[data-item=tender-point-side]")).to_be_visible()
    page.check("[name=scn-examined][value=false]")
    expect(page.locator("[data-item=tender-point-side]")).to_be_hidden()
    page.locator("button.main").press("Enter")
    expect(page.locator("#account")).to_contain_text("Not examined")
    assert [each["valueBoolean"] for each in record.entered("syn-24")] == [False]


@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_answer_of_something_between_is_no_proof(launch, status):
    """A gateway gave up: it may be saved or not, and nobody is told otherwise."""
    page = launch("syn-05")
    gone = {"status": status, "json": {"message": "upstream"}}
    page.route("**/save?*", lambda route: route.fulfill(**gone))
    page.fill("#film-postoperative", page.get_attribute("#film-postoperative", "max"))
    page.fill("#cement-ratio-ap", "30")
    page.click("button.main")
    expect(page.locator("#account")).to_contain_text("it may be saved or not")
    expect(page.locator("#account")).not_to_contain_text("Nothing was saved")


def test_two_people_at_once_see_what_was_not_saved(launch, record):
    """The second one is shown the value of the first, and not told that it is his."""
    patient = record.copy("syn-18", "two-people")
    pages = launch(patient), launch(patient)
    for page, value in zip(pages, ("30", "33"), strict=True):
        page.fill(
            "#film-postoperative", page.get_attribute("#film-postoperative", "max")
        )
        page.click("button.main")
        expect(page.locator("#account")).to_contain_text("Nothing to save was")
        page.fill("#cement-ratio-ap", value)
        page.click("button.main")
        expect(page.locator("button.main")).to_be_disabled()
        expect(page.locator("#cement-ratio-ap")).to_be_disabled()
    told = pages[1].locator("#account")
    expect(told).to_contain_text("Not saved, since the record has a value by now")
    expect(told).to_contain_text(re.compile("33 %. In the record: 30"))


def test_a_session_that_is_not_ended_is_not_called_closed(launch):
    """The form is off the screen all the same."""
    page = launch("syn-05")
    page.route("**/smart/close", lambda route: route.abort())
    page.click("#close")
    expect(page.locator("main")).to_have_text(re.compile("could not be ended"))


def test_closing_leaves_nothing_behind(launch):
    """Neither on the screen nor in the browser."""
    page = launch("syn-05")
    page.click("#close")
    expect(page.locator("main")).to_have_text(re.compile("Closed"))
    assert page.context.cookies() == []


def test_after_closing_an_older_page_is_refused_in_words(launch, ehr):
    """Another tab, answered by any worker, even with the cookie as it was before."""
    page = launch("syn-05")
    older = page.context.new_page()
    older.goto(page.url)
    expect(older.locator("#form")).to_be_visible()
    copied = page.context.cookies()
    page.click("#close")
    expect(page.locator("main")).to_have_text(re.compile("Closed"))
    page.context.add_cookies(copied)
    older.fill("#film-postoperative", older.get_attribute("#film-postoperative", "max"))
    older.fill("#cement-ratio-ap", "30")
    older.click("button.main")
    expect(older.locator("#account")).to_contain_text("The session is over")
    page.goto(older.url)
    expect(page.locator("[role=alert]")).to_contain_text("This time nothing was saved")
    assert ehr.writes == []


@pytest.mark.parametrize("form", ["measurements", "follow-up"])
def test_both_forms_are_accessible(launch, form):
    """WCAG 2.2 AA by axe, light and dark, with everything open and a fault marked."""
    page = launch("syn-24", appContext=form)
    if form == "follow-up":
        page.check("[name=scn-examined][value=true]")
        page.check("[name=scn-tender-point][value=present]")
        page.check("[name=scn-diagnostic-block][value=true]")
        page.fill("#scn-block-relief", "140")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []


@pytest.mark.parametrize("form", ["measurements", "follow-up"])
def test_both_forms_fit_a_small_phone_and_load_nothing_from_elsewhere(
    launch, url, ehr, form
):
    """320 px without a horizontal scroll bar, all from this service."""
    page = launch(
        "syn-24", {"viewport": {"width": 320, "height": 640}}, appContext=form
    )
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page_loads = [each for each in page.asked if not each.startswith(ehr.base)]
    assert all(each.startswith(f"{url}/") for each in page_loads)


@pytest.mark.parametrize("form", ["measurements", "follow-up"])
def test_both_forms_are_light(launch, form):
    """Under 150 kB with all they load, before any compression."""
    page = launch("syn-18", appContext=form)
    size = page.evaluate(
        """() => performance.getEntriesByType("resource")
        .concat(performance.getEntriesByType("navigation"))
        .reduce((sum, each) => sum + each.decodedBodySize, 0)"""
    )
    assert 0 < size < 150_000
