"""What the extraction writes in English, said in the language of a card."""

import re
from pathlib import Path

import pytest

import service
from service.wording import Wording

PLACE = re.compile(r"%\(\w+\)s")
SOURCE = Path(service.__file__).parent / "fhir"
#: Statuses of FHIR and the label of a model: no text of the extraction.
FROM_ELSEWHERE = {
    *("unknown", "final", "amended", "corrected", "preliminary", "registered"),
    *("completed", "in-progress", "Table 2 coefficients, rebuilt intercept"),
}
#: Remarks that it puts together from parts.
COMPOSED = {
    *("PKP and PVP", "screws and %(what)s", "the value has no time"),
    "differing findings at one time: %(what)s",
    "differing findings whose order does not decide: %(what)s",
    *("%(unit)s is no unit of an angle", "%(unit)s is no unit of an ratio"),
}


@pytest.fixture(scope="module")
def chinese():
    return Wording("zh-Hans")


@pytest.fixture(scope="module")
def english():
    return Wording("en")


@pytest.mark.parametrize(
    ("remark", "said"),
    [
        (
            "differing values at one time: 46 % (Observation/a) and 61 %"
            " (Observation/b), and 2 more",
            "同一时间的数值不一致：46 %（Observation/a）与61 %（Observation/b），"
            "另有 2 条",
        ),
        (
            "segment or level: thoracic (Procedure/a) and codes that contradict each"
            " other (Condition/b)",
            "节段：胸椎（Procedure/a）与编码相互矛盾（Condition/b）",
        ),
        (
            "method: screws and PKP (Procedure/a), or PVP (Procedure/b), whose record"
            " cannot be used",
            "手术方式：螺钉与 PKP（Procedure/a），或 PVP（Procedure/b），"
            "后者的记录不可用",
        ),
        ("computed from 15 ° and 10.5 °", "由 15 ° 和 10.5 ° 计算"),
        ("computed 130 %", "计算值 130%"),
        ("before day 14 after surgery", "术后第 14 天之前"),
        (
            "opposite signs: 5 deg (Observation/a) and -3 deg (Observation/b); restora"
            "tion ratio: 30 % (Observation/c) and 44.0 % (computed)",
            "正负号相反：5 deg（Observation/a）与-3 deg（Observation/b）；恢复率：30 %"
            "（Observation/c） 与 44.0%（计算值）",
        ),
        ("0QU03JZ", "0QU03JZ"),
        ("a remark that nobody has translated", "a remark that nobody has translated"),
        ("; ", "; "),
    ],
)
def test_remark_is_said_in_chinese(chinese, remark, said):
    """The record's own words stay, and what is not known is not lost."""
    assert chinese.remarked(remark) == said


def test_english_remarks_stay_as_they_are(english):
    """To the letter."""
    for remark in english.words["remark"]:
        filled = PLACE.sub("46 % (Observation/a) and 61 % (Observation/b)", remark)
        expected = filled.replace("in-progress", "in progress")
        assert english.remarked(filled) == expected


def test_every_remark_is_one_that_the_extraction_writes(english):
    """A remark that is reworded there would be English in Chinese cards."""
    text = "".join(path.read_text("utf-8") for path in SOURCE.glob("*.py"))
    written = re.sub(r'"\s*f?"', "", text)
    for remark in english.words["remark"].keys() - FROM_ELSEWHERE - COMPOSED:
        for part in PLACE.split(remark):
            assert part.strip(" :()") in written, remark


def test_a_record_cannot_pass_for_a_place(chinese):
    """Per cent signs and brackets of a record are text."""
    said = chinese.remarked("differing values at one time: %(n)s (a) and 5 %s (b)")
    assert "%(n)s" in said
    assert "5 %s" in said
