"""The pages for radiology: their codes exist, their numbers agree, none is invented."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from service.fhir.conceptmaps import Kind
from service.fhir.terminology import load_terminology
from service.patients import bundled_patients

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "docs/radiology-template.md").read_text("utf-8")
DICOM = (ROOT / "docs/dicom-sr.md").read_text("utf-8")
BLANK, FILLED = re.findall(r"```text\n(.*?)```", TEMPLATE, re.DOTALL)
CODE_SYSTEM = json.loads(
    (ROOT / "service/data/codesystems/predictors.json").read_text("utf-8")
)
OWN = {concept["code"] for concept in CODE_SYSTEM["concept"]}
#: VR SH, PS3.5; what is longer goes into Long Code Value (VR UC).
LONGEST_CODE_VALUE = 16
#: Concepts of DICOM PS3.16 as PyPI's pydicom 3.0.2 has them in `pydicom.sr`.
PS3_16 = {
    ("126000", "DCM"): "Imaging Measurement Report",
    ("121058", "DCM"): "Procedure reported",
    ("111028", "DCM"): "Image Library",
    ("111031", "DCM"): "Image View",
    ("126010", "DCM"): "Imaging Measurements",
    ("125007", "DCM"): "Measurement Group",
    ("112039", "DCM"): "Tracking Identifier",
    ("112040", "DCM"): "Tracking Unique Identifier",
    ("126072", "DCM"): "Time Point Type",
    ("121008", "DCM"): "Person Observer Name",
    ("399067008", "SCT"): "lateral",
    ("399348003", "SCT"): "antero-posterior",
    ("262068006", "SCT"): "Pre-operative",
    ("262061000", "SCT"): "Post-operative",
    ("363698007", "SCT"): "Finding Site",
    ("14293000", "SCT"): "L2 vertebra",
    ("285285000", "SCT"): "Cobb angle",
    ("42798000", "SCT"): "Area",
    ("%", "UCUM"): "Percent",
    ("deg", "UCUM"): "Degree",
}


def field(label):
    """What the filled template says after a label."""
    found = re.findall(rf"^ *{re.escape(label)}: +(.*)$", FILLED, re.MULTILINE)
    assert found, label
    return found


def number(text):
    """The first number of a text."""
    return float(re.search(r"\d+(?:\.\d+)?", text)[0])


def test_the_filled_template_has_the_lines_of_the_blank_one():
    """Who compares them finds each field."""

    def labels(block):
        return [line.partition(":")[0] for line in block.splitlines()]

    assert labels(FILLED) == labels(BLANK)


def test_the_numbers_of_the_filled_template_agree():
    """Ratios follow from what they are ratios of, by the formulas that stand there."""
    before, after = map(number, field("Cobb angle, endplates of this vertebra"))
    assert number(field("Restoration ratio")[0]) == pytest.approx(
        (before - after) / before * 100
    )
    cement, body = (
        number(field(f"Area of the {what}")[0]) for what in ("cement", "vertebral body")
    )
    ratio = number(field("Cement distribution ratio, AP")[0])
    assert ratio == pytest.approx(cement / body * 100)


def test_the_filled_template_is_what_the_patient_has():
    """Level, values and film times are the Observations of patient 01."""
    found = {}
    for entry in bundled_patients()[0].bundle["entry"]:
        resource = entry["resource"]
        coding = resource.get("code", {}).get("coding", [{}])[0]
        if coding.get("system") == CODE_SYSTEM["url"]:
            found[coding["code"]] = resource
            assert field("Fractured vertebra")[0] in resource["bodySite"]["text"]
    angles = field("Cobb angle, endplates of this vertebra")
    told = {
        "cobb-preoperative": (angles[0], "Lateral film before the operation"),
        "cobb-postoperative": (angles[1], "Lateral film after the operation"),
        "cement-ratio-ap": (
            field("Cement distribution ratio, AP")[0],
            "Anteroposterior film after the operation",
        ),
    }
    assert found.keys() == told.keys()
    for code, (text, film) in told.items():
        assert number(text) == found[code]["valueQuantity"]["value"]
        time = field(film)[0].replace(" ", "T")
        assert found[code]["effectiveDateTime"].startswith(time)


def test_the_windows_are_those_of_the_policy():
    """A number of days that stands in two places would drift apart."""
    policy = (ROOT / "service/data/policy/default.yaml").read_text("utf-8")
    windows = yaml.safe_load(policy)["windows"]
    assert f"at most {windows['preoperative_max_age_days']} days old" in TEMPLATE
    assert f"within {windows['postoperative_days']} days" in TEMPLATE
    operated = date.fromisoformat(field("Operation")[0].split()[-1])
    film = date.fromisoformat(field("Lateral film after the operation")[0][:10])
    assert 0 <= (film - operated).days <= windows["postoperative_days"]


def test_codes_of_the_project_are_those_of_the_code_system():
    """In the column that promises them, and wherever 99SCNEN stands."""
    rows = re.findall(r"^\| [^|`]+ \| (`[^|]+) \| `?value", TEMPLATE, re.MULTILINE)
    codes = {code for row in rows for code in re.findall(r"`([^`]+)`", row)}
    assert len(codes) >= 5
    assert codes <= OWN
    private = set(re.findall(r"\(([a-z-]+), 99SCNEN\)", DICOM))
    assert len(private) == 5
    assert private <= OWN


def test_every_private_code_stands_in_the_attribute_that_can_hold_it():
    """Code Value ends after 16 characters; a cut code would be another one."""
    rows = dict(
        re.findall(r"^\| `([a-z-]+)` \| ((?:Long )?Code Value) \|", DICOM, re.MULTILINE)
    )
    assert rows.keys() == set(re.findall(r"\(([a-z-]+), 99SCNEN\)", DICOM))
    for code, attribute in rows.items():
        is_long = len(code) > LONGEST_CODE_VALUE
        assert attribute == ("Long Code Value" if is_long else "Code Value"), code


def test_every_standard_concept_is_one_of_ps3_16():
    """Code and meaning as the standard has them; none is invented."""
    concepts = re.findall(r'\(([0-9%a-z]+), (DCM|SCT|UCUM), "([^"]+)"\)', DICOM)
    assert len(concepts) >= len(PS3_16)
    for code, scheme, meaning in concepts:
        assert PS3_16[code, scheme] == meaning


def test_vertebrae_named_by_snomed_ct_are_the_ones_that_are_meant():
    """By the maps that the service reads."""
    place = load_terminology().lexicon(Kind.PLACE)
    for code, level in (("66794005", "L1"), ("14293000", "L2")):
        assert code in TEMPLATE
        coded = {"coding": [{"system": "http://snomed.info/sct", "code": code}]}
        (meaning,) = place.meanings(coded)
        assert meaning.target == level
