"""The pages in each language: chosen as asked for, and nothing of them left out."""

import html
import re
from collections import Counter
from dataclasses import replace
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from service.app import create_app, example_request_file
from service.config import VARIABLES, Settings
from service.languages import CATALOGUES, ENGLISH, catalogue, languages
from service.pages import PAGE_LANGUAGES, preferred
from tests.app.page_words import PLACE, english

ROOT = Path(__file__).parents[2]
CHINESE = "zh-Hans"
TRANSLATED = [language for language in PAGE_LANGUAGES if language != ENGLISH]
PAGES = ["/model", "/model/facts", "/nomogram", "/try"]
NUMBER = re.compile(r"\d+(?:\.\d+)?")
TAG = re.compile(r"</?\w+")


def po(language, domain="pages"):
    """The catalogue that people edit."""
    folder = CATALOGUES / language.replace("-", "_") / "LC_MESSAGES"
    with (folder / f"{domain}.po").open("rb") as file:
        return read_po(file)


def messages(language, domain="pages"):
    """Its messages, without the header."""
    return [message for message in po(language, domain) if message.id]


@pytest.fixture(scope="module")
def client():
    """A client of one application in open mode."""
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        return create_app(Settings.from_env(is_open=True)).test_client()


class TestChoice:
    """By the address, else by the browser, else by the settings."""

    @pytest.mark.parametrize(
        ("sent", "language"),
        [
            ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
            ("zh-Hans-CN", CHINESE),
            ("zh", CHINESE),
            ("zh-SG, en", CHINESE),
            ("en-GB, zh-CN;q=0.9", "en"),
            ("de-DE, zh-CN;q=0.5, en;q=0.4", CHINESE),
            ("zh-TW, zh-Hant;q=0.9, en;q=0.8", "en"),
            ("zh-CN;q=0, en", "en"),
            ("zh-CN;q=0", "en"),
            ("de, fr", "en"),
            ("*", "en"),
            ("", "en"),
        ],
    )
    def test_a_browser_gets_what_it_likes_best_of_ours(self, sent, language):
        """Traditional characters are another script; a region says which is meant."""
        assert preferred(parse_accept_header(sent, LanguageAccept), "en") == language

    def test_a_reader_of_none_of_ours_gets_the_language_of_the_settings(self):
        """A Chinese hospital's browsers may be set to anything."""
        accepted = parse_accept_header("de", LanguageAccept)
        assert preferred(accepted, CHINESE) == CHINESE

    @pytest.mark.parametrize("path", PAGES)
    def test_the_answer_says_its_language_and_what_it_depends_on(self, client, path):
        """For caches, for screen readers, for whoever gets the wrong one."""
        answer = client.get(path, headers={"Accept-Language": "zh-CN"})
        assert answer.headers["Content-Language"] == CHINESE
        assert answer.headers["Vary"] == "Accept-Language"
        assert '<html lang="zh-Hans">' in answer.text
        assert '<html lang="en">' in client.get(path).text

    @pytest.mark.parametrize("path", PAGES)
    def test_the_address_counts_more_and_leads_on(self, client, path):
        """A link to the other language, and links to other pages that keep this one."""
        headers = {"Accept-Language": "zh-CN"}
        answer = client.get(f"{path}?lang=en", headers=headers)
        assert answer.headers["Content-Language"] == "en"
        assert f'href="{path}?lang=zh-Hans"' in answer.text
        main = answer.text.partition("<main>")[2]
        links = re.findall(r'href="(/(?:model|nomogram)(?:\?[^"]*)?)"', main)
        assert links
        assert all(each.endswith("?lang=en") for each in links)

    def test_a_language_that_is_none_of_ours_is_as_none(self, client):
        """And never stands in the page."""
        answer = client.get("/model?lang=%22%3E%3Cscript%3E")
        assert answer.headers["Content-Language"] == "en"
        assert "script&" not in answer.text
        assert "<script>" not in answer.text

    def test_a_score_is_said_in_the_language_of_the_page(self, client):
        """Which the page names in its address."""
        body = {"model": "liu-nomogram", "inputs": {"segment": "lumbar"}}
        answer = client.post("/nomogram/score?lang=zh-Hans", json=body)
        assert answer.json["words"]["number"].startswith("100 名中")

    def test_every_page_language_has_cards(self):
        """The nomogram says the sentences of the cards."""
        assert set(PAGE_LANGUAGES) <= set(languages())


def test_the_list_of_messages_is_that_of_the_pages():
    """`make messages` was run since a word was changed."""
    with (CATALOGUES / "pages.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = {
        message.replace("%%", "%")
        for _, _, message, _, _ in extract_from_dir(
            ROOT / "service", methods, options, directory_filter=lambda _: True
        )
    }
    with (CATALOGUES / "pages.pot").open("rb") as file:
        listed = {m.id.replace("%%", "%") for m in read_po(file) if m.id}
    assert found == listed


@pytest.mark.parametrize("language", TRANSLATED)
class TestCatalogue:
    """The translation as a file."""

    def test_lists_what_the_pages_say(self, language):
        """No more and no less."""
        with (CATALOGUES / "pages.pot").open("rb") as file:
            wanted = {message.id for message in read_po(file) if message.id}
        assert {message.id for message in messages(language)} == wanted

    def test_is_compiled(self, language):
        """What is read at run time is what was translated."""
        compiled = BytesIO()
        write_mo(compiled, po(language))
        compiled.seek(0)
        expected = catalogue(language, "pages")
        assert GNUTranslations(compiled)._catalog == expected._catalog

    def test_leaves_nothing_untranslated_or_uncertain(self, language):
        """Each message has a text, and nobody has marked it for another look."""
        assert [m.id for m in messages(language) if not m.string or m.fuzzy] == []

    def test_has_the_same_places_and_tags(self, language):
        """What is filled in is filled in; a link stays a link."""
        for message in messages(language):
            for pattern in (PLACE, TAG):
                found = (
                    sorted(pattern.findall(text))
                    for text in (message.id, message.string)
                )
                assert len({*map(tuple, found)}) == 1, message.id
            assert not [*message.check()], message.id

    def test_says_that_it_wants_a_clinicians_approval(self, language):
        """Until somebody has read it; the pages say so, too."""
        assert "NOT YET APPROVED" in po(language).header_comment


@pytest.mark.parametrize("path", PAGES)
def test_a_chinese_page_reads_no_english_that_is_not_marked(client, path):
    """Names, abbreviations, formats; all other English says that it is English."""
    text = client.get(f"{path}?lang=zh-Hans").text
    assert english(text) == set()


#: Said twice in English and once in Chinese; the other name of FABER.
REPEATED = {
    "By an equation recalibrated on local data, **about %(n)s of 100** patients": [],
    "By the study's equation **about %(n)s of 100** patients": [],
    "lumbar disc herniation and spinal stenosis": ["4"],
}


@pytest.mark.parametrize("domain", ["cards", "pages"])
@pytest.mark.parametrize("language", TRANSLATED)
def test_every_number_of_a_message_stands_in_its_translation(language, domain):
    """And no other one: a threshold, a dose or a count is what it is."""
    for message in messages(language, domain):
        said, told = (
            Counter(NUMBER.findall(PLACE.sub(" ", text)))
            for text in (message.id, message.string)
        )
        start = next((key for key in REPEATED if message.id.startswith(key)), None)
        if start is not None:
            assert sorted((told - said).elements()) == REPEATED[start]
            assert said.keys() <= told.keys()
        else:
            assert said == told, message.id


@pytest.mark.parametrize("path", ["/model", "/model/facts"])
def test_the_chinese_page_has_the_numbers_of_the_english_one(client, path):
    """What is filled in is the same model's, each as often."""
    english_page, chinese_page = (
        Counter(NUMBER.findall(html.unescape(re.sub(r"<[^>]+>", " ", page.text))))
        for page in (client.get(f"{path}?lang={each}") for each in PAGE_LANGUAGES)
    )
    assert english_page == chinese_page


def test_what_a_chinese_page_of_the_model_has_in_english_is_names(client):
    """The paper, its authors' hospital, files and commands."""
    card = client.get("/model.json").json["applied_model_card"]
    paper = card["Bibliography"] + card["Resources"]["PeerReviewedPublications"]
    developer = card["BasicInfo"]["DeveloperContact"] + paper
    for path in ("/model", "/model/facts"):
        text = client.get(f"{path}?lang=zh-Hans").text
        for marked in re.findall(r'lang="en"[^>]*>([^<]*)', text):
            is_file = re.fullmatch(r"[\w/-]+(\.\w+)+|scnen-cds [a-z -]+", marked)
            assert is_file or marked == "English" or marked in developer, marked


@pytest.mark.parametrize("path", ["/model.json", "/model/chai.xml"])
def test_the_card_for_programs_is_in_english_for_everybody(client, path):
    """It is a record of what was written and reviewed; no translation is."""
    chinese = client.get(path, headers={"Accept-Language": "zh-CN"})
    assert chinese.data == client.get(path).data
    assert client.get(f"{path}?lang=zh-Hans").data == chinese.data


def test_a_chinese_refusal_of_the_smart_app_is_chinese(client):
    """With the launch as it was asked for behind the link to the other language."""
    answer = client.get("/smart/launch?lang=zh-Hans&iss=x&launch=%22y")
    assert answer.status_code == 403
    assert answer.headers["Content-Language"] == CHINESE
    assert 'href="/smart/launch?lang=en&amp;iss=x&amp;launch=%22y"' in answer.text
    assert english(answer.text) == set()


def test_words_of_pages_are_read_at_the_first_chinese_page(client, monkeypatch):
    """They are no part of a start, nor of a card in Chinese."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    catalogue.cache_clear()
    settings = replace(Settings.from_env(is_open=True), locale=CHINESE)
    app = create_app(settings)
    request = example_request_file().read_bytes()
    answer = app.test_client().post(
        "/cds-services/scnen-discharge", data=request, content_type="application/json"
    )
    assert "臀上皮神经" in answer.json["cards"][0]["summary"]
    before = catalogue.cache_info().currsize
    app.test_client().get("/model")
    assert catalogue.cache_info().currsize == before + 1


def test_most_of_a_chinese_page_is_chinese(client):
    """No sentence is left in English and only marked as such."""
    for path in ("/nomogram", "/try"):
        text = client.get(f"{path}?lang=zh-Hans").text
        marked = re.findall(r'<(\w+)[^>]* lang="en"[^>]*>([^<]*)', text)
        assert {words for _, words in marked} <= {"English"}


class TestIcon:
    """A tab and a bookmark show it."""

    def test_every_page_names_it(self, client):
        """As a file of the service."""
        for path in PAGES:
            assert 'rel="icon" type="image/svg+xml"' in client.get(path).text
        with client.get("/static/icon.svg") as answer:
            assert answer.status_code == 200

    def test_browsers_find_it_beside_json(self, client):
        """They ask for this address of themselves; it was 404."""
        answer = client.get("/favicon.ico")
        assert answer.status_code == 200
        assert answer.mimetype == "image/svg+xml"
        assert answer.data.startswith(b"<svg")


def test_a_translation_says_that_nobody_approved_it_until_somebody_has(
    client, monkeypatch, tmp_path
):
    """By the same line of the policy as for cards."""
    note = "本译文尚未经临床医师批准"
    assert note in client.get("/nomogram?lang=zh-Hans").text
    text = (ROOT / "service/data/policy/default.yaml").read_text("utf-8")
    for old, new in (
        ("approved_by: []", "approved_by: [A. Surgeon, B. Informatician]"),
        ("approved_on: null", "approved_on: 2026-05-01"),
        ("languages: []", "languages: [zh-Hans]"),
    ):
        assert old in text
        text = text.replace(old, new)
    policy = tmp_path / "policy.yaml"
    policy.write_text(text, "utf-8")
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCNEN_POLICY_FILE", str(policy))
    approved = create_app(Settings.from_env(is_open=True)).test_client()
    assert note not in approved.get("/nomogram?lang=zh-Hans").text


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_weighs_under_150_kb_with_all_it_loads(client, path, language):
    """Uncompressed: the proxy in front may not compress."""
    text = client.get(f"{path}?lang={language}").text
    size = len(text.encode())
    for address in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', text)):
        with client.get(address) as answer:
            size += len(answer.data)
    assert 5_000 < size < 150_000
