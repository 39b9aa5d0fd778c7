"""The SMART app in each language: its words change, what it writes does not."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from service.pages import PAGE_LANGUAGES
from tests.app.page_words import english

from .conftest import REPORT

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "service/data/fhir/questionnaires"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
CHINESE = "zh-Hans"
READ = ("title", "description", "text", "display")
#: The same in every language: levels of the spine, and signs.
SIGN = re.compile(r"[TL]\d+|%|°")
BROWSER = {"Accept-Language": "zh-CN,zh;q=0.9"}


def said(node):
    """All that is read of a Questionnaire, with its translation."""
    if isinstance(node, list):
        for each in node:
            yield from said(each)
    elif isinstance(node, dict):
        for name, each in node.items():
            if name in READ and not SIGN.fullmatch(each):
                yield each, node.get(f"_{name}")
            elif not name.startswith("_"):
                yield from said(each)


@pytest.mark.parametrize("name", ["measurements", "follow-up"])
def test_each_text_of_a_questionnaire_has_a_translation_into_chinese(name):
    """As FHIR R4 keeps it beside the original; numbers and places are the same."""
    form = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    assert form["language"] == "en"
    found = list(said(form))
    assert len(found) > 20
    for text, beside in found:
        (translation,) = beside["extension"]
        assert translation["url"] == TRANSLATION
        lang, content = translation["extension"]
        assert lang == {"url": "lang", "valueCode": CHINESE}
        assert content["url"] == "content"
        chinese = content["valueString"]
        assert re.search(r"[\u4e00-\u9fff]", chinese), text
        for kind in (r"\d+", r"%\(\w+\)s|\{\w+\}"):
            assert re.findall(kind, chinese) == re.findall(kind, text)


def unrecorded(page):
    """The page without what comes from the record: names, sources, reports."""
    text = page.text.replace("&lt;", "<").replace("&gt;", ">")
    for each in (REPORT, "XR spine"):
        text = text.replace(each, "")
    return re.sub(r"[A-Z]\w+/[\w-]+|\w+ Synthetic-\w+|syn-\d+[\w-]*", "", text)


@pytest.mark.tool
@pytest.mark.parametrize(
    ("patient", "form"),
    [
        ("syn-18", "measurements"),
        ("syn-07", "measurements"),
        ("syn-09", "measurements"),
        ("syn-24", "follow-up"),
        ("syn-09", "follow-up"),
    ],
)
def test_a_chinese_form_reads_no_english(app, ehr, patient, form):
    """By the language of the browser, with the headers of the app as they were."""
    app.enter(ehr, patient, appContext=form)
    page = app.browser.get(f"/smart/{form}", headers=BROWSER)
    assert page.headers["Content-Language"] == CHINESE
    assert page.headers["Vary"] == "Accept-Language"
    assert page.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors" in page.headers["Content-Security-Policy"]
    assert english(unrecorded(page)) == set()


@pytest.mark.tool
def test_the_language_of_a_launch_goes_on_to_the_form(app, ehr):
    """The address of the callback cannot name it: it is registered as it stands."""
    handle = ehr.launch("syn-18")
    begun = app.browser.get(
        f"/smart/launch?iss={ehr.fhir}&launch={handle}&lang={CHINESE}"
    )
    assert "lang" not in begun.location.partition("redirect_uri=")[2].partition("&")[0]
    # What is good once is not offered again in another language.
    refused = app.browser.get("/smart/callback/generic?state=x")
    assert refused.headers["Content-Language"] == CHINESE
    assert 'class="languages' not in refused.text
    allowed = requests.get(
        f"{begun.location}&approved=yes", allow_redirects=False, timeout=30
    )
    back = urlsplit(allowed.headers["Location"])
    entered = app.browser.get(f"{back.path}?{back.query}")
    assert entered.location.startswith("/smart/measurements?tag=")
    assert entered.location.endswith(f"&lang={CHINESE}")


@pytest.mark.tool
def test_a_form_in_a_chosen_language_leads_on_in_it(app, ehr):
    """To the other form, to other vertebrae, to what it sends; the session stays."""
    first = app.enter(ehr, "syn-07")
    tag = re.search(r"tag=(\w+)", first.text)[1]
    page = app.browser.get(f"/smart/measurements?tag={tag}&vertebra=1&lang={CHINESE}")
    links = re.findall(r'(?:href|data-save|data-assess)="(/smart/[^"]+)"', page.text)
    other = f"/smart/measurements?lang=en&amp;tag={tag}&amp;vertebra=1"
    assert other in links
    assert all(f"lang={CHINESE}" in each for each in links if each != other)
    again = app.browser.get(other.replace("&amp;", "&"))
    assert again.status_code == 200
    assert 'aria-current="page">' in again.text


def visit(app, page, language, **headers):
    """Save a visit of today."""
    day = app.now().date().isoformat()
    answers = {"visit-date": day, "scn-examined": True, "scn-tender-point": "present"}
    answers |= {"tender-point-side": "both"}
    return app.post(
        f"follow-up/save?lang={language}", {"answers": answers}, page, **headers
    )


@pytest.mark.tool
def test_what_is_written_does_not_depend_on_the_language_of_the_page(app, ehr, record):
    """Codes and English displays; the same in another language is there already."""
    patient = record.copy("syn-18", "languages")
    page = app.enter(ehr, patient, appContext="follow-up")
    chinese = visit(app, page, CHINESE)
    assert chinese.status_code == 200, chinese.json
    assert chinese.json["saved"][0] == "压痛点：有，左侧"
    written = record.entered(patient)
    assert len(written) == 3
    assert not re.search(r"[\u4e00-\u9fff]", json.dumps(written, ensure_ascii=False))
    english_one = visit(app, page, "en")
    assert english_one.json["saved"] == []
    assert english_one.json["already"][0] == "Tender point: present, left"
    assert len(record.entered(patient)) == 3


@pytest.mark.tool
@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_what_is_refused_is_said_in_the_language_of_the_page(app, ehr, language):
    """The item by its link id, for the script; the reason for the reader."""
    page = app.enter(ehr, "syn-18")
    body = {"answers": {"cobb-preoperative": 140}, "known": {}}
    wrong = app.post(f"measurements/assess?lang={language}", body, page)
    told = wrong.json["issue"][0]["details"]["text"].partition("answers.")[2]
    expected = {
        "en": "cobb-preoperative: must be a number from 0 to 90",
        CHINESE: "cobb-preoperative: 须为数字，在 0 至 90 之间",
    }
    assert told.startswith(expected[language])
    sent = {"X-CSRF-Token": "of another"}
    refused = app.post(f"measurements/assess?lang={language}", body, page, **sent)
    assert refused.status_code == 403
    assert refused.json["words"].startswith("The form" if language == "en" else "此后")


@pytest.mark.tool
def test_an_assessment_is_in_the_language_of_the_page(app, ehr):
    """As on the nomogram."""
    page = app.enter(ehr, "syn-18")
    body = {"answers": {}, "known": {"segment": "lumbar", "method": "pvp"}}
    answer = app.post(f"measurements/assess?lang={CHINESE}", body, page)
    assert answer.json["words"]["number"].startswith("100 名中")
