"""Values and their units: converted only by the unit, never by the size."""

import math

import pytest

from service.fhir.findings import Reason
from service.fhir.quantities import Fault, Value, value_of
from service.fhir.terminology import DEFAULT_BASE

UCUM = "http://unitsofmeasure.org"
OWN = f"{DEFAULT_BASE}/CodeSystem/predictors"


@pytest.fixture
def read(terminology):
    """The value of an element that has the meaning of a project code."""

    def read_as(code, **element):
        mapped = terminology.measurements.find(OWN, code)
        return value_of(element, mapped, terminology)

    return read_as


@pytest.mark.parametrize(
    ("code", "unit", "value", "expected"),
    [
        ("cement-ratio-ap", "%", 52, 52.0),
        ("cement-ratio-ap", "1", 0.52, 52.0),
        ("cement-ratio-ap", "{ratio}", 0.52, 52.0),
        ("cement-ratio-ap", "%", 0.65, 0.65),
        ("cobb-preoperative", "deg", 20, 20.0),
        ("cobb-preoperative", "rad", math.pi / 9, 20.0),
        ("cobb-restoration-ratio", "1", 0.75, 75.0),
        ("cement-ratio-ap", "%", 0, 0.0),
        ("cement-ratio-ap", "1", 1, 100.0),
    ],
)
def test_ucum_codes_are_converted(read, code, unit, value, expected):
    """Degrees and percent come out."""
    quantity = {"value": value, "system": UCUM, "code": unit}
    assert read(code, valueQuantity=quantity).number == pytest.approx(expected)


@pytest.mark.parametrize(
    ("code", "unit", "factor"),
    [
        *[
            ("cobb-preoperative", unit, 1)
            for unit in (
                "°",
                "º",
                "degree",
                "degrees",
                "Degree",
                "Degrees",
                "DEG",
                "deg",
                " deg ",
            )
        ],
        *[("cement-ratio-ap", unit, 1) for unit in ("percent", "Percent", "pct", "%")],
        ("cobb-preoperative", "radians", 180 / math.pi),
        ("cement-ratio-ap", "{ratio}", 100),
    ],
)
def test_spellings_of_units_are_understood(read, code, unit, factor):
    """As people and systems write them, without a code."""
    found = read(code, valueQuantity={"value": 0.5, "unit": unit})
    assert found == Value(pytest.approx(0.5 * factor), f"0.5 {unit.strip()}")


@pytest.mark.parametrize(
    "quantity",
    [
        {},
        {"unit": ""},
        {"unit": "  "},
        {"code": ""},
        {"system": UCUM},
        {"unit": None},
        {"unit": 5},
    ],
)
def test_no_unit_is_not_stated(read, quantity):
    """Missing, never a guess."""
    found = read("cement-ratio-ap", valueQuantity={"value": 52, **quantity})
    assert found == Fault(Reason.UNIT_NOT_STATED)


@pytest.mark.parametrize(
    ("code", "quantity"),
    [
        ("cobb-preoperative", {"system": UCUM, "code": "'"}),
        ("cobb-preoperative", {"system": UCUM, "code": "''"}),
        ("cobb-preoperative", {"unit": "grad"}),
        ("cobb-preoperative", {"system": UCUM, "code": "%"}),
        ("cement-ratio-ap", {"system": UCUM, "code": "deg"}),
        ("cement-ratio-ap", {"system": UCUM, "code": "mm"}),
        ("cement-ratio-ap", {"system": UCUM, "code": "percent"}),
        ("cement-ratio-ap", {"system": "http://x.example.org", "code": "%"}),
        (
            "cement-ratio-ap",
            {"system": "http://x.example.org", "code": "%", "unit": "%"},
        ),
        ("cement-ratio-ap", {"system": UCUM, "code": "%", "unit": "{ratio}"}),
        ("cement-ratio-ap", {"system": UCUM, "code": "1", "unit": "%"}),
        ("cobb-preoperative", {"system": UCUM, "code": "deg", "unit": "rad"}),
    ],
)
def test_other_units_are_unknown(read, code, quantity):
    """Arc minutes, wrong dimensions, other systems, code against spelling."""
    found = read(code, valueQuantity={"value": 0.5, **quantity})
    assert found.reason is Reason.UNIT_UNKNOWN


@pytest.mark.parametrize("unit", ["度", "percent of area", "score"])
def test_code_is_enough_if_the_spelling_is_free(read, unit):
    """The unit is for people, the code for machines."""
    quantity = {"value": 52, "unit": unit, "system": UCUM, "code": "%"}
    assert read("cement-ratio-ap", valueQuantity=quantity).number == 52


def test_code_without_system_is_a_spelling(read):
    """A common slip."""
    found = read("cement-ratio-ap", valueQuantity={"value": 52, "code": "%"})
    assert found == Value(52, "52 %")


@pytest.mark.parametrize("comparator", ["<", "<=", ">", ">=", "ad", 5])
def test_comparator_is_no_value(read, comparator):
    """Less than 10 is no 10."""
    quantity = {"value": 10, "comparator": comparator, "system": UCUM, "code": "%"}
    assert read("cement-ratio-ap", valueQuantity=quantity) == Fault(
        Reason.COMPARATOR, str(comparator)
    )


@pytest.mark.parametrize(
    "element",
    [
        {"valueRange": {"low": {"value": 10}, "high": {"value": 20}}},
        {"valueRatio": {"numerator": {"value": 1}}},
        {"valueString": "52 %"},
        {"valueInteger": 52},
        {"valueQuantity": [1]},
        {"valueQuantity": None},
        {"valueCodeableConcept": {"text": "52 %"}},
        {},
        {"valueQuantity": {"unit": "%"}},
        {"valueQuantity": {"value": "52", "unit": "%"}},
        {"valueQuantity": {"value": True, "unit": "%"}},
        {"valueQuantity": {"value": float("nan"), "unit": "%"}},
        {"valueQuantity": {"value": float("inf"), "unit": "%"}},
        {"valueQuantity": {"value": 10**400, "unit": "%"}},
    ],
)
def test_other_forms_are_no_quantity(read, element):
    """Ranges, texts and integers, unless a site maps them."""
    assert read("cement-ratio-ap", **element).reason is Reason.NOT_A_QUANTITY


def test_range_is_named(read):
    """The reason says what was there instead."""
    assert read("cement-ratio-ap", valueRange={}).detail == "valueRange"


@pytest.mark.parametrize(
    ("concept", "words"),
    [
        (
            {"coding": [{"code": "not-performed", "display": "Not Performed"}]},
            "Not Performed",
        ),
        ({"coding": [{}, {"code": "unknown"}]}, "unknown"),
        ({"text": "patient Jane Doe refused"}, ""),
        ({"coding": [5]}, ""),
        ("x", ""),
        ({"coding": 5}, ""),
        (None, ""),
    ],
)
def test_absent_data_keeps_its_words(read, concept, words):
    """Display or code, never the free text; a value beside it does not count."""
    quantity = {"value": 52, "system": UCUM, "code": "%"}
    found = read("cement-ratio-ap", dataAbsentReason=concept, valueQuantity=quantity)
    assert found == Fault(Reason.DATA_ABSENT, words)


@pytest.mark.parametrize(
    ("code", "unit", "value"),
    [
        ("cement-ratio-ap", "%", -0.1),
        ("cement-ratio-ap", "%", 100.1),
        ("cement-ratio-ap", "1", 52),
        ("cobb-preoperative", "deg", 90.1),
        ("cobb-postoperative", "deg", -91),
        ("cobb-angle", "rad", 20),
        ("cobb-restoration-ratio", "%", 201),
        ("cobb-restoration-ratio", "%", -201),
    ],
)
def test_physically_impossible_values_are_refused(read, code, unit, value):
    """The hard stop; the value is named as found."""
    quantity = {"value": value, "system": UCUM, "code": unit}
    assert read(code, valueQuantity=quantity) == Fault(
        Reason.OUT_OF_PHYSICAL_RANGE, f"{value} {unit}"
    )


@pytest.mark.parametrize(
    ("code", "unit", "value"),
    [
        ("cement-ratio-ap", "%", 100),
        ("cobb-preoperative", "deg", -90),
        ("cobb-postoperative", "deg", 90),
        ("cobb-restoration-ratio", "%", -200),
    ],
)
def test_ends_of_the_physical_range_are_possible(read, code, unit, value):
    """The range is closed."""
    quantity = {"value": value, "system": UCUM, "code": unit}
    assert read(code, valueQuantity=quantity).number == value


@pytest.mark.parametrize("value", [0.2, 0.52, 1.0])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("%", "1"),
        ("1", "%"),
        ("%", "{ratio}"),
        ("%", "deg"),
        ("deg", "rad"),
        ("rad", "deg"),
        ("deg", "%"),
        ("deg", "'"),
        ("%", "mm"),
    ],
)
def test_relabelling_the_unit_changes_or_refuses_the_value(read, value, before, after):
    """Nothing may depend on the number alone."""
    code = "cobb-preoperative" if before in {"deg", "rad"} else "cement-ratio-ap"
    results = [
        read(code, valueQuantity={"value": value, "system": UCUM, "code": unit})
        for unit in (before, after)
    ]
    assert results[0].number != getattr(results[1], "number", None)


def test_only_the_label_relabelled_is_refused(read):
    """Code and spelling that disagree are no unit."""
    quantity = {"value": 0.5, "unit": "%", "system": UCUM, "code": "1"}
    found = read("cement-ratio-ap", valueQuantity=quantity)
    assert (found.reason, found.detail) == (Reason.UNIT_UNKNOWN, "unit %, code 1")
