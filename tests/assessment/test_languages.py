"""Cards in every language: all is said, and it is one card whatever the words."""

import itertools
import json
import re
from datetime import datetime
from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markdown_it import MarkdownIt

from cds_hooks import Capabilities, Response, dump_response, load_request
from service.assessment import PREDICTORS, OutputMode
from service.cards import CardComposer
from service.config import VARIABLES, Settings
from service.fhir.findings import Flag, Reason
from service.followup_cards import ChartComposer
from service.hook_requests import hook_request
from service.languages import CATALOGUES, ENGLISH, catalogue, languages
from service.model.artifact import load_bundled
from service.orders import Subject
from service.parts import build_parts
from service.patients import bundled_patients
from service.policy import default_policy
from service.rehearsal import settings_for
from service.wording import Wording, load_words

CHINESE = "zh-Hans"
TRANSLATED = [language for language in languages() if language != ENGLISH]
GOLDEN = Path(__file__).parents[1] / "data" / "cards"
PATIENTS = {patient.name[:2]: patient for patient in bundled_patients()}
PLACE = re.compile(r"%\(\w+\)s|%%")
ALL = Capabilities(
    action_resources=("ServiceRequest", "Condition", "RiskAssessment"),
)
#: What stands in Chinese records in Latin letters.
LATIN = {
    *("Cobb", "FABER", "Gaenslen", "Tinel"),
    *("MRI", "PKP", "PVP", "SCNEN", "FHIR", "cm", "mL"),
    *("Liu", "Pain", "Res"),
}


def po(language):
    """The catalogue that people edit."""
    folder = CATALOGUES / language.replace("-", "_") / "LC_MESSAGES"
    with (folder / "cards.po").open("rb") as file:
        return read_po(file)


def messages(language):
    """Its messages, without the header."""
    return [message for message in po(language) if message.id]


def test_languages_are_named_by_bcp_47():
    """As FHIR and browsers name them; the script matters, not the country."""
    assert languages() == ("en", "zh-Hans")


def test_a_language_without_a_catalogue_is_refused():
    """With the ones there are."""
    with pytest.raises(LookupError, match=r"no cards in \.\./x: en, zh-Hans"):
        catalogue("../x")


@pytest.mark.parametrize("language", TRANSLATED)
class TestCatalogue:
    """The translation as a file."""

    def test_lists_what_the_templates_say(self, language):
        """No more and no less (`make messages`)."""
        with (CATALOGUES / "cards.pot").open("rb") as file:
            wanted = {(m.context, m.id) for m in read_po(file) if m.id}
        assert {(m.context, m.id) for m in messages(language)} == wanted

    def test_is_compiled(self, language):
        """What is read at run time is what was translated."""
        compiled = BytesIO()
        write_mo(compiled, po(language))
        compiled.seek(0)
        assert GNUTranslations(compiled)._catalog == catalogue(language)._catalog

    def test_leaves_nothing_untranslated_or_uncertain(self, language):
        """A card half in English would be worse than one in English."""
        for message in messages(language):
            assert message.string, message.id
            assert not message.fuzzy, message.id
            if re.search(r"[a-z]{4,} [a-z]{2,}", PLACE.sub("", message.id)):
                assert message.string != message.id

    def test_has_the_same_places_emphasis_and_cells(self, language):
        """What is filled in is filled in, and a table stays one."""
        for message in messages(language):
            told, english = message.string, message.id
            assert sorted(PLACE.findall(told)) == sorted(PLACE.findall(english))
            for mark in ("**", "|"):
                assert told.count(mark) == english.count(mark), english
            assert not [*message.check()], english

    def test_has_the_same_numbers(self, language):
        """75 % stays 75 %, and 7 cm are 7 cm; FABER is the "4" test in Chinese."""
        for message in messages(language):
            told, english = message.string.replace("“4”", ""), message.id
            found = (
                re.findall(r"\d+", PLACE.sub("", text)) for text in (told, english)
            )
            assert len({*map(frozenset, found)}) == 1, english

    def test_says_that_it_wants_a_clinicians_approval(self, language):
        """Until somebody has read it."""
        assert "NOT YET APPROVED" in po(language).header_comment


@pytest.mark.parametrize("language", languages())
class TestSummaries:
    """Under 140 characters, whatever is filled in."""

    def test_of_numbers(self, language):
        """Every kind of number, beside a detail and alone."""
        wording = Wording(language)
        for kinds in (wording.summary, wording.alone):
            for kind, text in kinds.items():
                if kind.split("-")[0] in {"anchored", "calibrated", "relative"}:
                    assert len(text % {"n": 99}) < 140, kind

    def test_of_gaps_and_limits(self, language):
        """Whatever two values are missing."""
        wording = Wording(language)
        short = wording.words["short"]
        for one, other in itertools.combinations(PREDICTORS, 2):
            names = wording.joined("list", [short[one], short[other]])
            for kind in ("missing", "missing-several", "conflict", "conflict-several"):
                assert len(wording.summary[kind] % {"names": names}) < 140
        for reason in ("not-applicable", "outside-model", "excluded-condition"):
            assert len(wording.summary[reason] % {}) < 140
        assert len(wording.summary["under-age"] % {"age": 100}) < 140
        assert len(wording.words["switched_off"]["summary"]) < 140

    def test_of_the_chart(self, language):
        """Of every stage, and of what does not count."""
        words = load_words("followup.md.j2", language)
        kinds = [words.summary, words.alone]
        kinds += [
            each[k] for each in words.uncounted.values() for k in ("summary", "alone")
        ]
        for texts in kinds:
            for text in texts.values():
                assert len(text % {"from": 10, "until": 12}) < 140


@cache
def answer(number, language, mode="anchored"):
    """The cards of a bundled patient, for a client that takes all."""
    patient = PATIENTS[number]
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        for name, value in settings_for(patient).items():
            patch.setenv(name, value)
        patch.setenv("SCNEN_LOCALE", language)
        patch.setenv("SCNEN_OUTPUT_MODE", mode)
        now = datetime.fromisoformat(patient.bundle["timestamp"])
        parts = build_parts(Settings.from_env(is_open=True), lambda: now)
    (asked,) = [each for each in parts.registry if each.hook == patient.hook]
    entry = {"hook": asked.hook, "prefetch": dict(asked.prefetch)}
    body = hook_request(
        patient.bundle,
        entry,
        in_encounter=patient.in_encounter,
        extension=patient.extension,
    )
    request = load_request(body, patient.hook, client_of=parts.client_of)
    return dump_response(asked.handler(request))["cards"]


def shape(markdown):
    """What a renderer makes of it: headings, paragraphs, tables, rows, emphasis."""
    found = []
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(markdown):
        found.append(token.type)
        for child in token.children or ():
            assert "**" not in child.content, child.content
            if child.type in {"strong_open", "link_open", "html_inline"}:
                found.append(child.type)
    return found


def texts(card):
    """All that people read of a card, in the card and in what it would create."""
    yield from (card["summary"], card["source"]["label"])
    yield card["source"]["topic"]["display"]
    yield from (reason["display"] for reason in card.get("overrideReasons", ()))
    yield from (link["label"] for link in card.get("links", ()))
    yield card["detail"]
    for suggestion in card.get("suggestions", ()):
        yield suggestion["label"]
        for action in suggestion["actions"]:
            yield action["description"]
            yield from read(action["resource"])


def read(resource):
    """The texts in a resource: not its codes and references."""
    for name, value in resource.items() if isinstance(resource, dict) else ():
        if name == "text" and isinstance(value, str):
            yield value
        for each in value if isinstance(value, list) else [value]:
            yield from read(each)


def foreign(text, record):
    """Latin words that are neither usual in Chinese nor the record's own."""
    # Addresses, and how a record is named, stay as they are.
    kinds = "Procedure|Observation|Condition|Encounter"
    quoted = re.sub(rf"https?://\S+|({kinds})/[\w-]+", "", text)
    found = re.findall(r"[A-Za-z][A-Za-z]+", quoted.replace("liu-nomogram", ""))
    return {word for word in found if word not in LATIN and word not in record}


@pytest.mark.parametrize("mode", ["anchored", "relative"])
@pytest.mark.parametrize("number", PATIENTS)
class TestBundledPatient:
    """Each synthetic patient, in English and in Chinese."""

    def test_gets_the_same_card_in_other_words(self, number, mode):
        """One decision: the same uuids, topic, indicator, orders and table."""
        english, chinese = (answer(number, each, mode) for each in ("en", CHINESE))
        assert len(english) == len(chinese)
        for one, other in zip(english, chinese, strict=True):
            assert one["uuid"] == other["uuid"]
            assert one["summary"] != other["summary"]
            assert one["indicator"] == other["indicator"]
            assert one["source"]["topic"]["code"] == other["source"]["topic"]["code"]
            assert [s["uuid"] for s in one.get("suggestions", ())] == [
                s["uuid"] for s in other.get("suggestions", ())
            ]
            assert shape(one["detail"]) == shape(other["detail"])

    def test_reads_no_english_in_chinese(self, number, mode):
        """Abbreviations, names of tests, and what the record itself says."""
        record = set(re.findall(r"[A-Za-z]+", json.dumps(PATIENTS[number].bundle)))
        for card in answer(number, CHINESE, mode):
            for text in texts(card):
                assert not foreign(text, record), text

    def test_has_a_detail_of_a_length_that_is_read(self, number, mode):
        """Three screens at most; a summary under 140 characters."""
        for language in languages():
            for card in answer(number, language, mode):
                assert len(card["summary"]) < 140
                assert len(card["detail"]) < 6500


@pytest.fixture
def chinese(build):
    """Compose the card of made-up vertebrae in Chinese, and in English beside it."""

    def chinese(*vertebrae, can=ALL, mode=OutputMode.ANCHORED, **extraction):
        assessment = build.assessed(*vertebrae, mode=mode, **extraction)
        cards = [
            CardComposer(
                model=load_bundled("liu-nomogram"),
                mode=mode,
                policy=default_policy(),
                public_url="https://cds.example.org/scnen",
                canonical_base="http://scnen-cds.example.org/fhir",
                secret_key=b"k" * 32,
                language=language,
            ).compose(assessment, build.subject, can)
            for language in (CHINESE, ENGLISH)
        ]
        return cards[0][0], cards[1][0]

    return chinese


def wire(card):
    """The card as it is sent."""
    return dump_response(Response(cards=(card,)))["cards"][0]


@pytest.mark.parametrize("flag", list(Flag), ids=str)
def test_every_flag_is_said_in_chinese(build, chinese, flag):
    """In the detail and in what a client may record of the risk."""
    card, english = chinese(build.vertebra(flags=frozenset({flag})))
    assert card.uuid == english.uuid
    for text in texts(wire(card)):
        assert not foreign(text, {"pvp", "lumbar", "deg"})


@pytest.mark.parametrize("reason", list(Reason), ids=str)
def test_every_reason_is_said_in_chinese(build, chinese, reason):
    """For a value that is missing, whatever is wrong with it."""
    card, _ = chinese(build.vertebra(cement_ratio_percent=build.missing(reason)))
    for text in texts(wire(card)):
        assert not foreign(text, {"pvp", "lumbar", "deg"})


@pytest.mark.parametrize(
    "extraction",
    [
        {"not_assessed": Reason.UNDER_AGE},
        *(
            {"not_assessed": Reason.EXCLUDED_CONDITION, "exclusion": group}
            for group in ("spinal-tuberculosis", "spinal-infection", "tumour-fracture")
        ),
    ],
    ids=str,
)
def test_every_refusal_is_said_in_chinese(chinese, extraction):
    """And none of them sounds like no risk."""
    card, _ = chinese(**extraction)
    assert "不代表没有风险" in card.summary
    assert not foreign(card.detail, set())


class TestOneCardInAllLanguages:
    """A decision is about a patient, not about words."""

    def test_its_uuid_does_not_depend_on_the_words(self, build, chinese):
        """Who accepted it in one language has accepted it."""
        for vertebra in (build.vertebra(), build.vertebra(level="L3")):
            card, english = chinese(vertebra)
            assert card.uuid == english.uuid
            assert card.summary != english.summary
            names = [each.uuid for each in card.suggestions]
            assert names == [each.uuid for each in english.suggestions]

    def test_its_uuid_depends_on_what_is_found_all_the_same(self, build, chinese):
        """Other values are another card, in Chinese too."""
        changed = build.vertebra(cement_ratio_percent=build.measured(40.0, "%"))
        assert chinese(build.vertebra())[0].uuid != chinese(changed)[0].uuid

    def test_what_it_would_create_is_coded_the_same(self, build, chinese):
        """Only texts differ: the orders mean one thing."""
        created = [
            [without_texts(a.resource) for s in card.suggestions for a in s.actions]
            for card in chinese(build.vertebra())
        ]
        assert created[0] == created[1]
        assert len(created[0]) == 3


def without_texts(node):
    """A resource without what people read in it."""
    if isinstance(node, dict):
        texts = {"text", "rationale", "mitigation"}
        return {k: without_texts(v) for k, v in node.items() if k not in texts}
    return [without_texts(each) for each in node] if isinstance(node, list) else node


def test_no_order_holds_a_drug_dose_in_chinese(build, chinese):
    """As in English: no drug, no volume; the block asks for its checks."""
    card, _ = chinese(build.vertebra())
    orders = [a.resource for s in card.suggestions[:2] for a in s.actions]
    for order in orders:
        told = json.dumps(order, ensure_ascii=False)
        assert not re.search(r"利多卡因|普鲁卡因|mL|毫升|mg", told)
    note = orders[1]["note"][0]["text"]
    for check in ("抗凝药物", "局麻药过敏", "感染"):
        assert check in note
    assert orders[1]["asNeededCodeableConcept"]["text"].startswith("压痛点阳性")


def test_chinese_says_all_that_makes_the_number_safe(build, chinese):
    """Word by word what the English card says, in the same order."""
    detail = chinese(build.vertebra())[0].detail
    parts = [
        "100 名患者中约 45 名",
        "约 55 名不发生",
        "近似 95% 区间 31 至 60",
        "若每个 Cobb 角的误差不超过 3°",
        "| 骨水泥分布比（正位片） | 41% | 2026-03-03 |",
        "237 名患者中 41 名），而非本地数据",
        "阈值未经本院批准",
        "新发或邻近椎体骨折、感染、骨水泥渗漏、内固定失效、神经功能缺损",
        "距后正中线约 7 cm",
        "两小时内疼痛缓解超过 75%",
        "抗凝药物、局麻药过敏、感染",
        "无安慰剂对照试验",
        "腰椎间盘突出症",
        "未经外部验证",
        "截距根据表 1 重建",
        "不能作为增加骨水泥或再次手术的理由",
        "不适用于急性或有红旗征的腰背痛",
        "不能取代临床判断",
        "没有卡片不代表没有风险",
    ]
    positions = [detail.find(part) for part in parts]
    assert -1 not in positions, parts[positions.index(-1)]
    assert positions == sorted(positions)


@pytest.mark.parametrize("name", ["warning", "missing", "criteria-met"])
def test_chinese_cards_are_the_golden_ones(build, chinese, make_chart, name):
    """To the letter, for whoever reads them through."""
    if name == "criteria-met":
        composer = ChartComposer(
            model=load_bundled("liu-nomogram"),
            policy=default_policy(),
            public_url="https://cds.example.org/scnen",
            canonical_base="http://scnen-cds.example.org/fhir",
            secret_key=b"k" * 32,
            language=CHINESE,
        )
        view = make_chart().meets_criteria(40).read(41)
        (card,) = composer.compose(view, Subject("p1", "e1"), ALL)
    else:
        gap = {"cement_ratio_percent": build.missing()} if name == "missing" else {}
        card, _ = chinese(build.vertebra(**gap))
    golden = json.loads((GOLDEN / "zh-Hans.json").read_text("utf-8"))
    assert wire(card) == golden[name]
