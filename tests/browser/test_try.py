"""The hook console in a real browser: fired, shown, accepted, dismissed, compared."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
CARD = "#cards .card"
BODY = "#body"


@pytest.fixture
def page(open_page, url):
    """The console, once the first patient's request is written."""
    return ready(open_page(f"{url}/try"))


def ready(page):
    """Wait for the request."""
    expect(page.locator(BODY)).to_have_value(re.compile("prefetch"))
    return page


def fire(page):
    """Fire, and wait for the answer."""
    page.get_by_role("button", name="Fire the hook").click()
    settled(page)


def settled(page):
    """Wait until there is an answer of some kind."""
    expect(page.locator("#answer")).to_have_attribute(
        "data-state", re.compile("ready|failed")
    )


def request(page):
    """The request that stands in the field."""
    return json.loads(page.locator(BODY).input_value())


def violations(page):
    """What axe finds against WCAG 2.2 AA."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    return [
        (each["id"], each["nodes"][0]["target"])
        for each in found.response["violations"]
    ]


def test_a_hook_gives_the_card_that_an_ehr_would_show(page, url):
    """Indicator, summary, source, table, suggestions, reasons; and the same as JSON."""
    fire(page)
    card = page.locator(CARD)
    expect(card).to_have_attribute("data-indicator", "warning")
    expect(card.locator(".indicator")).to_have_text("Warning")
    expect(card.get_by_role("heading", level=3)).to_contain_text("about 45 of 100")
    source = card.locator(".source a")
    expect(source).to_have_attribute("href", f"{url}/model")
    expect(card.locator(".detail tbody tr")).to_have_count(7)
    expect(card.locator(".detail strong").first).to_have_text("about 45 of 100")
    expect(card.get_by_role("button", name="Accept")).to_have_count(2)
    expect(page.locator("#status")).to_contain_text("HTTP 200")
    (shown,) = json.loads(page.locator("#json").text_content())["cards"]
    assert shown["summary"] == card.locator(".summary").text_content()
    assert page.asked.count(f"{url}/cds-services/scnen-discharge") == 1


def test_an_accepted_suggestion_is_told_to_the_service(page, url):
    """By the feedback route; what was sent and answered is shown."""
    fire(page)
    page.get_by_role("button", name="Accept").first.click()
    log = page.locator("#feedback li")
    expect(log).to_contain_text("feedback taken, HTTP 200")
    sent = log.locator("code").text_content()
    assert '"outcome": "accepted"' in sent
    assert "1 of the items were accepted" in sent
    assert f"{url}/cds-services/scnen-discharge/feedback" in page.asked
    expect(page.get_by_role("button", name="Dismiss card")).to_be_disabled()
    expect(page.locator(f"{CARD} .done").first).to_be_focused()


def test_a_dismissed_card_stays_away_and_a_new_patient_brings_it_back(page):
    """With its reason; the page says why there is no card, and what that means."""
    fire(page)
    page.get_by_label("Reason to dismiss").select_option(label="Patient declines")
    page.get_by_label("Comment").fill("<img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Dismiss card").click()
    log = page.locator("#feedback li")
    expect(log).to_contain_text("Dismissed: Patient declines")
    assert '"code": ' in log.locator("code").text_content()
    expect(page.locator("#answer img")).to_have_count(0)
    for _ in range(50):  # until the other worker has heard of it, too
        fire(page)
        if page.locator(".nothing").count():
            break
    expect(page.locator(".nothing").first).to_contain_text("does not mean no risk")
    expect(page.locator(".nothing").last).to_contain_text("was dismissed here before")
    before = request(page)["context"]["patientId"]
    page.get_by_role("button", name="New patient").click()
    expect(page.locator(BODY)).not_to_have_value(re.compile(before))
    fire(page)
    expect(page.locator(CARD)).to_have_count(1)


def test_no_card_is_not_no_risk(page):
    """Silence is explained."""
    page.locator("#patient").select_option("03-below-average-kyphoplasty")
    expect(page.locator(BODY)).to_have_value(re.compile("syn-03"))
    fire(page)
    expect(page.locator(".nothing")).to_contain_text("does not mean no risk")


def test_a_patient_comes_with_hook_client_and_version(page):
    """Epic fires patient-view and says that it is a discharge; R5 says it is R5."""
    expect(page.locator("#status")).to_contain_text("appears here")
    page.locator("#patient").select_option("19-epic-shape")
    expect(page.locator("#address")).to_have_text("/cds-services/scnen-chart")
    expect(page.locator("#client")).to_have_value("epic")
    expect(page.locator(BODY)).to_have_value(re.compile("ehr.invalid/epic/en/R4"))
    fire(page)
    expect(page.locator(CARD)).to_have_count(1)
    page.locator("#patient").select_option("20-r5-shape")
    expect(page.locator(BODY)).to_have_value(re.compile("ehr.invalid/generic/en/R5"))


def test_clients_side_by_side_show_what_differs(page):
    """One column each; what differs from the chosen one is marked, also when heard."""
    fire(page)
    page.get_by_role("button", name="Compare clients").click()
    table = page.locator("#comparison table")
    expect(table.locator("thead th")).to_have_count(5)
    row = table.locator("[data-part=suggestions]")
    expect(row.locator("td.differs")).to_have_count(1)
    expect(row.locator("td.differs")).to_have_text("other than the first column: none")
    expect(table.locator("[data-part=summary] td.differs")).to_have_count(0)


def test_no_comparison_of_one_patient_stands_beside_another(page):
    """Nor does its table come back with the next answer."""
    fire(page)
    page.get_by_role("button", name="Compare clients").click()
    expect(page.locator("#comparison table")).to_be_visible()
    page.locator("#patient").select_option("20-r5-shape")
    expect(page.locator("#comparison")).to_be_hidden()
    fire(page)
    expect(page.locator("#comparison")).to_be_visible()
    expect(page.locator("#comparison table")).to_be_hidden()


def test_plain_text_is_shown_as_plain_text(page):
    """As a client would that reads no Markdown."""
    page.locator("#client").select_option("oracle-health")
    fire(page)
    expect(page.locator(f"{CARD} .detail pre.plain")).to_contain_text("Limits:")
    expect(page.locator(f"{CARD} .suggestions")).to_be_hidden()
    assert "**" not in page.locator(f"{CARD} .detail").inner_text()


def test_a_refusal_is_read_not_deciphered(page):
    """Field and remedy of an OperationOutcome; no card stays from before."""
    fire(page)
    changed = {k: v for k, v in request(page).items() if k != "hookInstance"}
    page.locator(BODY).fill(json.dumps(changed))
    fire(page)
    expect(page.locator(".refusal")).to_contain_text("hookInstance")
    expect(page.locator(CARD)).to_have_count(0)
    expect(page.locator("#status")).to_contain_text("HTTP 400")
    page.locator(BODY).fill("{")
    expect(page.locator("#body-wrong")).to_contain_text("This is not JSON")
    fire(page)
    expect(page.locator(".refusal li")).to_be_visible()


def test_a_service_that_is_gone_leaves_no_card(page):
    """And no card is not the last card."""
    fire(page)
    page.route("**/cds-services/*", lambda route: route.abort())
    page.get_by_role("button", name="Fire the hook").click()
    expect(page.locator("#status")).to_contain_text("did not answer")
    expect(page.locator(CARD)).to_have_count(0)


def test_hostile_cards_stay_text(page):
    """Whatever a card says: no tag, no script, no address but of the web."""
    evil = "<img src=x onerror=alert(1)>"
    card = {
        "uuid": evil,
        "summary": evil,
        "indicator": "critical",
        "source": {"label": evil, "url": "javascript:alert(1)"},
        "detail": f"{evil} [x](javascript:alert(1))\n\n| {evil} |\n|---|\n| {evil} |",
        "links": [{"label": evil, "url": "data:text/html,x", "type": "absolute"}],
        "suggestions": [{"label": evil, "uuid": "s", "actions": [{"type": evil}]}],
        "overrideReasons": [{"display": evil, "code": "c", "system": "urn:x"}],
    }
    page.route(
        "**/cds-services/scnen-discharge",
        lambda route: route.fulfill(json={"cards": [card]}),
    )
    said = []
    page.on("dialog", lambda dialog: said.append(dialog.message))
    fire(page)
    expect(page.locator(f"{CARD} .summary")).to_have_text(evil)
    expect(
        page.locator("#answer :is(img, a[href^=javascript], a[href^=data])")
    ).to_have_count(0)
    expect(page.locator(f"{CARD} .detail table")).to_contain_text(evil)
    assert said == []


def test_the_request_can_be_taken_away(page, url):
    """As a file, with the curl line for it, beside the prefetch templates."""
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save as request.json").click()
    assert saving.value.suggested_filename == "request.json"
    line = page.locator("#curl").text_content()
    assert line.endswith(f"--data @request.json {url}/cds-services/scnen-discharge")
    page.get_by_text("Prefetch templates").first.click()
    row = page.locator("[data-templates]:visible [data-key=patient]")
    expect(row).to_contain_text("Patient/{{context.patientId}}")
    expect(row).to_contain_text("1 resource")


def test_by_keys_alone(page):
    """From the patient to an accepted suggestion, without a mouse."""
    page.locator("#patient").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(BODY)).to_have_value(re.compile("syn-02"))
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_label("Language of the card")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Fire the hook")).to_be_focused()
    page.keyboard.press("Enter")
    settled(page)
    page.get_by_role("button", name="Accept").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#feedback li")).to_contain_text("feedback taken")


def test_nothing_of_a_patient_is_in_an_address_or_kept(page, url):
    """Not in the URL, not in storage, not in a cookie; nothing from elsewhere."""
    fire(page)
    assert page.url == f"{url}/try"
    kept = "[localStorage.length, sessionStorage.length, document.cookie]"
    assert page.evaluate(kept) == [0, 0, ""]
    assert all(each.startswith(f"{url}/") for each in page.asked)
    assert not [each for each in page.asked if "syn-" in each]


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "zh-Hans")])
def test_axe_finds_nothing(open_page, url, scheme, language):
    """WCAG 2.2 AA with a card, a comparison, feedback and a refusal."""
    page = open_page(
        f"{url}/try?lang={language}",
        color_scheme=scheme,
        bypass_csp=True,  # axe is put into the page as a script
    )
    ready(page)
    page.locator("button.primary").click()
    settled(page)
    page.locator("#compare").click()
    expect(page.locator("#comparison td").first).to_be_visible()
    page.locator(".dismiss button").click()
    expect(page.locator("#feedback li")).to_have_count(1)
    page.evaluate(
        "document.querySelectorAll('details').forEach((d) => (d.open = true))"
    )
    assert violations(page) == []
    if language == "en":  # the same with fewer words
        page.locator(BODY).fill("{")
        page.locator("button.primary").click()
        expect(page.locator(".refusal")).to_be_visible()
        assert violations(page) == []


def test_a_narrow_screen_needs_no_scrolling_sideways(open_page, url):
    """320 px, with card and comparison; only tables and code scroll in themselves."""
    page = ready(open_page(f"{url}/try", viewport={"width": 320, "height": 640}))
    fire(page)
    page.get_by_role("button", name="Compare clients").click()
    expect(page.locator("#comparison td").first).to_be_visible()
    page.evaluate(
        "document.querySelectorAll('details').forEach((d) => (d.open = true))"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_print_has_request_and_card_without_controls(page):
    """On paper, for a ticket."""
    fire(page)
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Fire the hook")).to_be_hidden()
    expect(page.locator(".dismiss")).to_be_hidden()
    expect(page.locator(f"{CARD} .summary")).to_be_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_the_page_is_light(page):
    """Under 150 kB with all it loads, and the request of a patient."""
    size = page.evaluate(
        """() => performance.getEntriesByType("resource")
        .concat(performance.getEntriesByType("navigation"))
        .reduce((sum, each) => sum + each.decodedBodySize, 0)"""
    )
    assert 0 < size < 150_000


def test_without_javascript_the_page_says_what_to_do(open_page, url):
    """A curl line is printed by the server."""
    page = open_page(f"{url}/try", java_script_enabled=False)
    expect(page.get_by_role("alert")).to_contain_text("curl line")
    expect(page.locator("#console")).to_be_hidden()


def test_axe_finds_nothing_on_the_chinese_nomogram(open_page, url):
    """What is left in English says so to a screen reader."""
    address = f"{url}/nomogram?lang=zh-Hans"
    page = open_page(address, color_scheme="dark", bypass_csp=True)
    page.wait_for_load_state("networkidle")
    assert violations(page) == []


def test_the_browser_says_which_language_and_a_link_changes_it(open_page, url):
    """Chinese from the browser, English by a click, and back."""
    page = open_page(f"{url}/nomogram", locale="zh-CN")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("#result .number")).to_contain_text("100 名中")
    page.get_by_role("link", name="English").click()
    expect(page.locator("#result .number")).to_contain_text("of 100")
    page.get_by_role("link", name="Where the number comes from").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
